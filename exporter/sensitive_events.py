"""Which events are called sensitive: the list that comes with the exporter, and what an operator adds to it.

The list is `sql/sensitive_events.yaml`. It reaches `sql/facts/cloudtrail.sql` as the relation `sensitive_events`, which also evaluates the conditions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

from exporter.errors import UserError

ALWAYS = "always"
ANY = "*"
_BY_ROOT = "by_root"

CATEGORIES = ("sign_in", "iam_policy", "credentials", "audit_trail", "detection", "kms", "s3", "network", "exposure", "organization")

CONDITIONS: Mapping[str, str] = {
    ALWAYS: "whatever the request was",
    _BY_ROOT: "the root user made it",
    "console_failed": "the sign-in to the console failed",
    "console_without_mfa": "the sign-in to the console was made without MFA, and not through Identity Center or SAML",
    "detector_disabled": "the request switches the detector off",
    "logging_disabled": "the request leaves the bucket without access logs",
    "made_public": "the request lets every account use the snapshot or image",
    "publicly_accessible": "the database can be reached from the internet",
    "user_data_changed": "the request changes what the instance runs at its start",
    "versioning_suspended": "the request suspends versioning",
    "visibility_public": "the request makes the project's builds public",
}
"""What `when` may say, and what it means."""


@dataclass(frozen=True, slots=True)
class SensitiveEvent:
    """One entry: an `event` (eventName) of a `source` (eventSource; `s3` is short for `s3.amazonaws.com`) is of a `category` when a condition holds.

    `*` for source and event, together with the condition `by_root`, stands for everything that root does. Raises UserError for what means nothing.
    """

    category: str
    source: str
    event: str
    when: str = ALWAYS

    def __post_init__(self) -> None:
        entry = f"the sensitive event {self.source or '?'} {self.event or '?'}"
        if self.category not in CATEGORIES:
            raise UserError(f"{entry} has the category {self.category!r}; expected one of {', '.join(CATEGORIES)}")
        if self.when not in CONDITIONS:
            raise UserError(f"{entry} has the condition {self.when!r}; expected one of {', '.join(CONDITIONS)}")
        if not self.source or not self.event:
            raise UserError(f"{entry} needs a source and an event, as eventSource and eventName of CloudTrail spell them")
        if ANY in self.source + self.event and (self.source, self.event, self.when) != (ANY, ANY, _BY_ROOT):
            raise UserError(f"{entry} holds a *, which is only understood as both source and event, when: {_BY_ROOT}")
        if self.source != ANY and "." not in self.source:
            object.__setattr__(self, "source", f"{self.source}.amazonaws.com")


@dataclass(frozen=True, slots=True)
class SensitiveEvents:
    """A version of the list."""

    version: int
    events: tuple[SensitiveEvent, ...]


@cache
def shipped() -> SensitiveEvents:
    """The list that comes with this version of the exporter."""
    document = yaml.safe_load(files("exporter_sql").joinpath("sensitive_events.yaml").read_text(encoding="utf-8"))
    return SensitiveEvents(document["version"], tuple(SensitiveEvent(**entry) for entry in document["events"]))


def with_added(added: Iterable[SensitiveEvent]) -> tuple[SensitiveEvent, ...]:
    """The shipped list and what an operator adds; an addition takes the place of an entry for the same event and condition."""
    entries = {(entry.source, entry.event, entry.when): entry for entry in (*shipped().events, *added)}
    return tuple(entries.values())
