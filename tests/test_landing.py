"""The page at `/`."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime

from exporter.web.landing import SourceStatus, page

LANDED = SourceStatus("kiro_credits", True, datetime(2026, 3, 2, 10, tzinfo=UTC), date(2026, 3, 1), datetime(2026, 3, 2, 11, tzinfo=UTC))
FAILED = SourceStatus("kiro_features", False, None, None, None, "Access denied: grant s3:ListBucket.")
WAITING = SourceStatus("kiro_features", None, None, None, None)
READY = (True, "Serving.")


def cells(html: str) -> list[str]:
    return [re.sub("<[^>]+>", "", cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", html)]


def test_source_that_works() -> None:
    assert cells(page("About.", "0.1.0", READY, [LANDED])) == ["kiro_credits", "yes", "2026-03-02 10:00:00", "2026-03-01", "2026-03-02 11:00:00", ""]


def test_a_line_may_end_between_a_day_and_a_time_and_not_within_them() -> None:
    html = page("About.", "0.1.0", READY, [LANDED])
    assert [cell for cell in re.findall(r"<td>(.*?)</td>", html) if "2026" in cell] == [
        "<span>2026-03-02</span> <span>10:00:00</span>",
        "<span>2026-03-01</span>",
        "<span>2026-03-02</span> <span>11:00:00</span>",
    ]
    assert "td span { white-space: nowrap; }" in html


def test_source_that_fails_says_why() -> None:
    row = ["kiro_features", "no", "none yet", "none yet", "not scheduled", "Access denied: grant s3:ListBucket."]
    assert cells(page("About.", "0.1.0", READY, [FAILED])) == row


def test_source_that_was_not_refreshed_is_neither_up_nor_down() -> None:
    assert cells(page("About.", "0.1.0", READY, [WAITING]))[1] == "not refreshed yet"


def test_refresh_that_runs_is_told_in_place_of_the_next_one() -> None:
    assert cells(page("About.", "0.1.0", READY, [replace(LANDED, running=True)]))[4] == "running now"


def test_no_source_is_told() -> None:
    assert cells(page("About.", "0.1.0", READY, [])) == ["No source is configured."]


def test_version_and_readiness_are_shown() -> None:
    html = page("About.", "0.1.0", (False, "No source has landed yet."), [])
    assert "Version 0.1.0." in html
    assert "Not ready</span>: No source has landed yet." in html


def test_what_comes_from_outside_is_escaped() -> None:
    hostile = "<script>alert('x')</script>\x1b[31m\u202e${style}\"&\ud800"
    html = page(hostile, hostile, (True, hostile), [SourceStatus(hostile, None, None, None, None, hostile)])
    shown = "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;\\u001b[31m\\u202e${style}&quot;&amp;\\ud800"
    assert (html.count(shown), "<script" in html) == (5, False)


def test_nothing_is_loaded_from_elsewhere() -> None:
    assert not re.search(r"https?://|src=|<link|@import|url\(", page("About.", "0.1.0", READY, [LANDED]))
