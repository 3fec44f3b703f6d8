"""What a check finds, line by line. Plain types."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

Topic = Literal["config", "people_file", "credentials", "permission", "location", "query", "table", "newest_day", "store", "people", "cost"]
Value = str | int | float | None

OK, FAILED, CONFIG_WRONG = 0, 1, 2
"""Exit codes."""


class Status(Enum):
    """How a line ends. Only `FAILED` keeps the exporter from its work."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNTRIED = "not tried"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. `about` is a source, or `athena`, `config`, `people` or `all sources`; `text` and `todo` are sentences.

    `policy` is a statement of IAM to add, as JSON. `values` are the numbers and names of the line for programs: bytes, USD, days as YYYY-MM-DD.
    """

    about: str
    topic: Topic
    status: Status
    text: str
    todo: str = ""
    policy: str = ""
    values: Mapping[str, Value] = field(default_factory=dict)


def exit_code(findings: Iterable[Finding], strict: bool = False) -> int:
    """0, 1 where something failed, 2 where it is the config itself. With `strict` a warning counts as 1."""
    found = {(finding.status, finding.topic) for finding in findings}
    if (Status.FAILED, "config") in found:
        return CONFIG_WRONG
    statuses = {status for status, _ in found}
    return FAILED if Status.FAILED in statuses or (strict and Status.WARNING in statuses) else OK


def statement(action: str, resources: Sequence[str]) -> str:
    """The statement of an IAM policy that allows an action."""
    listed = list(dict.fromkeys(resources))
    return json.dumps({"Effect": "Allow", "Action": action, "Resource": listed[0] if len(listed) == 1 else listed})


def counted(number: float, noun: str) -> str:
    """`1 file`, `2,000 files`."""
    return f"{number:,.0f} {noun}{'' if round(number) == 1 else 's'}"
