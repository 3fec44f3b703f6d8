"""The page at `/`: what this is, where the metrics are, and how each source fares."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from html import escape
from string import Template

from exporter.logs import printable

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid #8886; }
td span { white-space: nowrap; }
.scroll { overflow-x: auto; }
.yes { color: #1a7f37; } .no { color: #cf222e; font-weight: 600; }
@media (prefers-color-scheme: dark) { .yes { color: #3fb950; } .no { color: #ff7b72; } }
.quiet { opacity: .7; }
"""

# The page may apply this one style sheet and nothing else: no script, no image, no form, no frame.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'"
)

_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>aws-user-exporter</title><style>$style</style></head>
<body>
<h1>aws-user-exporter</h1>
<p class="quiet">$description Version $version.</p>
<p><a href="/metrics">/metrics</a> for Prometheus &middot; <a href="/docs">/docs</a> for people, as JSON
&middot; <a href="/-/healthy">/-/healthy</a> &middot; <a href="/-/ready">/-/ready</a></p>
<p>$readiness</p>
<div class="scroll"><table>
<thead><tr><th>Source</th><th>Up</th><th>Last success</th><th>Newest landed day</th><th>Next refresh</th><th>Last error</th></tr></thead>
<tbody>$rows</tbody>
</table></div>
<p class="quiet">Times and days are UTC.</p>
</body>
</html>
""")

_ROW = Template("<tr><td>$source</td><td>$up</td><td>$last_success</td><td>$newest_day</td><td>$next_refresh</td><td>$last_error</td></tr>\n")


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """How a source fares. Times are UTC. None: not yet, or never (`next_refresh`); `last_error` is empty once a refresh has worked again.

    `running` says whether it is being refreshed at this moment; a first refresh can take long.
    """

    source: str
    up: bool | None
    last_success: datetime | None
    newest_day: date | None
    next_refresh: datetime | None
    last_error: str = ""
    running: bool = False


def page(description: str, version: str, ready: tuple[bool, str], sources: Sequence[SourceStatus]) -> str:
    """The page as HTML that needs nothing else. Every text given is escaped here."""
    return _PAGE.substitute(
        style=STYLE,
        description=_text(description),
        version=_text(version),
        readiness=('<span class="yes">Ready</span>: ' if ready[0] else '<span class="no">Not ready</span>: ') + _text(ready[1]),
        rows="".join(_rows(sources)) or '<tr><td colspan="6">No source is configured.</td></tr>',
    )


def _rows(sources: Iterable[SourceStatus]) -> Iterable[str]:
    for status in sources:
        yield _ROW.substitute(
            source=_text(status.source),
            up={True: '<span class="yes">yes</span>', False: '<span class="no">no</span>', None: "not refreshed yet"}[status.up],
            last_success=_time(status.last_success, "none yet"),
            newest_day=f"<span>{status.newest_day}</span>" if status.newest_day else "none yet",
            next_refresh="running now" if status.running else _time(status.next_refresh, "not scheduled"),
            last_error=_text(status.last_error),
        )


def _time(at: datetime | None, absent: str) -> str:
    # On a narrow screen a line may end between day and time, not within them.
    return f"<span>{at:%Y-%m-%d}</span> <span>{at:%H:%M:%S}</span>" if at else absent


def _text(text: str) -> str:
    return escape(printable(text))
