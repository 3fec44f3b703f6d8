"""How the facts of each source are held in memory: columns, and what their rows say of identities."""

from __future__ import annotations

from dataclasses import dataclass

_CREDITS = {
    "account": "VARCHAR",
    "region": "VARCHAR",
    "client": "VARCHAR",
    "model": "VARCHAR",
    "tier": "VARCHAR",
    "credits": "DECIMAL(38,18)",
    "overage_credits": "DECIMAL(38,18)",
    "overage_cap": "DECIMAL(38,18)",
    "overage_enabled": "BOOLEAN",
    "included_credits": "DECIMAL(38,18)",
    "messages": "BIGINT",
    "conversations": "BIGINT",
    "new_user": "BOOLEAN",
}
_FEATURES = {"counter": "VARCHAR", "value": "BIGINT"}
_CLOUDTRAIL = {
    "kind": "VARCHAR",
    "dimension": "VARCHAR",
    "value": "VARCHAR",
    "events": "BIGINT",
    "denied": "BIGINT",
    "sensitive": "BIGINT",
    "first_event": "BIGINT",
    "last_event": "BIGINT",
}
_BILL = {
    "region": "VARCHAR",
    "service": "VARCHAR",
    "charge": "VARCHAR",
    "currency": "VARCHAR",
    "component": "VARCHAR",
    "tier": "VARCHAR",
    "resource": "VARCHAR",
    "cost": "DECIMAL(38,12)",
    "quantity": "DECIMAL(38,12)",
    "lines": "BIGINT",
}

CANDIDATE = {
    "account": "VARCHAR",
    "shared": "BOOLEAN",
    "user_identifier": "VARCHAR",
    "iam_principal": "VARCHAR",
    "identity_store_user": "VARCHAR",
    "owner_tags": "VARCHAR",
    "created_by_tag": "VARCHAR",
    "creator": "VARCHAR",
}
"""The columns of a bill fact that say to whom it may be given. Few combinations stand on many rows, so each is kept once, under a number."""

CANDIDATE_IDS = ("user_identifier", "identity_store_user")
"""Those of them that are Identity Center ids: whoever stands there is a person, known or not."""

CALLER = "iam_principal"
"""The column of a bill fact that names who called a service, as an ARN. By which identity key that is known, the config's patterns decide."""

CALLER_KEY = f"{CALLER}:"
"""Begins the key of a caller among what is kept of older days of a bill: other keys are ids there."""


@dataclass(frozen=True, slots=True)
class FactTable:
    """How the facts of a source are held: its columns beside `day` and `identity`, and SQL for what its rows say of an identity."""

    source: str
    columns: dict[str, str]
    active: str
    """Condition: the identity did something that day."""
    key: str = "identity"
    """The identity as the source spells it, with its kind before a colon unless it is an Identity Center id; NULL where nobody is meant."""
    mail: str = "NULL"
    """The mail address that stands on a row, or NULL."""
    first_time: str = "epoch(day)::BIGINT"
    last_time: str = "epoch(day)::BIGINT"
    """Unix time of the first and the last thing that the identity did that day, as exactly as the source knows it."""
    link: str = "NULL"
    """Another spelling under which the same row knows the identity, or NULL."""
    created: str = "NULL"
    """A resource that the identity created, by a row of its own; or NULL."""
    spelled: tuple[str, ...] = ()
    """Columns that no label is made of: they stay as the source spells them, because something is found by them."""
    labelled: str = "true"
    """Condition: the texts of the row are labels."""
    of_bill: bool = False
    """Whether rows carry the number of their candidates in place of an identity."""

    @property
    def identified(self) -> str:
        """The relation that says which identity stands on which day: the table, or for a bill a view of (day, identity) with first and last days alone."""
        return f"{self.source}_identity" if self.of_bill else self.source


TABLES = {
    table.source: table
    for table in (
        FactTable("kiro_credits", _CREDITS, "credits > 0 OR overage_credits > 0 OR messages > 0 OR conversations > 0", mail="mail"),
        FactTable("kiro_features", _FEATURES, "value > 0"),
        FactTable(
            "cloudtrail",
            _CLOUDTRAIL,
            "dimension = 'access' AND events > 0",
            key="CASE WHEN identity_kind = 'user_id' THEN identity WHEN identity IS NOT NULL THEN identity_kind || ':' || identity END",
            first_time="first_event",
            last_time="last_event",
            link="CASE WHEN dimension = 'link' THEN value END",
            created="CASE WHEN dimension = 'created' THEN value END",
            labelled="dimension NOT IN ('link', 'created')",
        ),
        FactTable("cur", _BILL, "true", spelled=("resource",), of_bill=True),
        FactTable("cost_explorer", _BILL, "true", spelled=("resource",), of_bill=True),
    )
}
