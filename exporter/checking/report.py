"""The findings as lines for people, or as one JSON document for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import groupby

from exporter.checking.concealing import Concealed
from exporter.checking.findings import Finding, Status, Value
from exporter.logs import printable

VERSION = 1
"""Of the JSON document: another one when a key changes its meaning or goes."""

_INDENT = " " * 26


@dataclass(frozen=True, slots=True)
class Line:
    """A line for people. `status` is None for a heading, and for what goes on below another line."""

    text: str
    status: Status | None = None
    heading: bool = False


def lines(findings: Sequence[Finding], concealed: Concealed) -> Iterator[Line]:
    """A heading for each thing that the findings are about, its findings, and at the end how many there are of each kind.

    Permissions that are there stand on one line. Nothing in a line can break it or steer a terminal.
    """

    def clean(text: str) -> str:
        return printable(concealed.out_of(text))

    for about in dict.fromkeys(finding.about for finding in findings):
        yield Line(about, heading=True)
        for together, group in groupby((one for one in findings if one.about == about), _together):
            found = list(group)
            shown = [_permissions(found)] if together and len(found) > 1 else found
            for finding in shown:
                yield Line(f"  {finding.status.value:<9}  {finding.topic.replace('_', ' '):<12} {clean(finding.text)}", finding.status)
                for more in filter(None, (finding.todo, finding.policy)):
                    yield Line(f"{_INDENT}{clean(more)}")
    yield Line(summary(findings), heading=True)


def summary(findings: Iterable[Finding]) -> str:
    """How many lines there are of each kind, in one line."""
    statuses = [finding.status for finding in findings]
    return ", ".join(f"{statuses.count(status)} {status.value}" for status in Status if status in statuses) or "nothing to check"


def document(findings: Sequence[Finding], concealed: Concealed, checked: datetime, code: int) -> str:
    """The report as JSON, ASCII only: `version`, `checked` (UTC), `exit_code`, `counts` by status, and every finding with all of its fields."""
    counts = {status.value: sum(finding.status is status for finding in findings) for status in Status}
    rows = [{**asdict(finding), "status": finding.status.value, **_concealed(finding, concealed)} for finding in findings]
    return json.dumps({"version": VERSION, "checked": checked.isoformat(), "exit_code": code, "counts": counts, "findings": rows}, indent=2)


def _concealed(finding: Finding, concealed: Concealed) -> dict[str, str | dict[str, Value]]:
    values = {name: concealed.out_of(value) if isinstance(value, str) else value for name, value in finding.values.items()}
    return {"text": concealed.out_of(finding.text), "todo": concealed.out_of(finding.todo), "policy": concealed.out_of(finding.policy), "values": values}


def _together(finding: Finding) -> bool:
    return finding.topic == "permission" and finding.status is Status.OK


def _permissions(found: Sequence[Finding]) -> Finding:
    actions = dict.fromkeys(str(finding.values.get("action", "")) for finding in found)
    return Finding(found[0].about, "permission", Status.OK, ", ".join(actions))
