"""Renders docs/metrics.md from what is published: `python -m exporter.families.reference > docs/metrics.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping

from exporter import limits, telemetry, windows
from exporter.families import PERSON_LABELS, Family, Group, Kind
from exporter.families.catalogue import GROUPS
from exporter.families.kiro_features import MEANINGS
from exporter.telemetry import Definition

_HEAD = """\
<!-- Made by `python -m exporter.families.reference`. Change exporter/families or exporter/telemetry.py, not this page. -->
# Metrics

One quantity and one unit a metric, the window in its name, no timestamps on samples. Days are UTC calendar days. Values are exact sums of daily
facts, never extrapolated. A window that is absent has no series: another day's value is never shown in its place.
"""

WINDOWS: Mapping[str, tuple[str, str]] = {
    "today": ("the UTC day so far", "the day has not been read today"),
    "yesterday": ("that one calendar day", "that day has not landed"),
    "3d_ago": ("that one calendar day; the settled value where a source restates its days", "that day has not landed"),
    "last_7d": ("7 days that end with the source's newest landed day", "nothing has landed within `max_age`"),
    "last_30d": ("30 days that end with the source's newest landed day", "nothing has landed within `max_age`"),
    "month_to_date": ("the UTC month, from what has landed", "nothing of the month has landed"),
    "last_month": ("the UTC month before, from what has landed", "nothing of that month has landed"),
}
"""What each window covers, and when it is absent."""

LABELS: Mapping[str, str] = {
    "user": "Unique canonical name of a person, the same everywhere: the people file's `user`, else the directory's user name, "
    "else the identity's own name (IAM users: `name@account`). "
    "On a clash both carry their short id. `_other` stands for folded people.",
    "team": "By the rules of `people.team`, else `unknown`.",
    "user_id": "Id of the person in the source that knows them.",
    "display_name": "Name to show, where one is known.",
    "email": "Mail address, where one is known.",
    "department": "Department, where one is known.",
    "status": "Of a person: as the directory or the people file says. Of a seat: `active`, `new` (held for less than `kiro.idle_after` and unused), "
    "`idle` (longer and unused), `pending` (assigned, and neither billed nor ever used).",
    "kind": "Of a principal: `human`, `root`, `service`, `external` (another account's), `unknown`.",
    "access": "`read`, `write`, `unknown` (the event does not say).",
    "category": "Of sensitive events: `sign_in`, `iam_policy`, `credentials`, `audit_trail`, `detection`, `kms`, `s3`, `network`, `exposure`, `organization`.",
    "level": "`inactive`, `light`, `moderate`, `heavy`, `very_heavy`, by `usage.levels`.",
    "aws_service": "Short name of an AWS service, such as `ec2`. `_other` stands for a person's smaller ones.",
    "aws_region": "As AWS spells it; `none` where a bill names none, and of the bill `cost_explorer` always: only `cur` has regions.",
    "aws_account": "Account id.",
    "client": "`ide`, `cli`, `plugin`, or another client's name in lower case.",
    "model": "As the report's column names it, without `_messages`. `_other` stands for a person's smaller ones.",
    "tier": "`free`, `pro`, `pro_plus`, `pro_max`, `power`, or the normalised name of one that is not known.",
    "component": "`seat`, `overage`.",
    "currency": "ISO code.",
    "charge": "`usage`, `subscription`, `commitment`, `tax`, `credit`, `refund`, `discount`, `other`.",
    "method": "How a part of the bill came to a person: `user_identifier`, `iam_principal`, `identity_store_user`, `owner_tag`, `created_by_tag`, "
    "`resource_creator`, `account_owner`, `activity_share`.",
    "reason": "Why a part of the bill came to nobody: `shared_charge` (tax, commitment fees, lines without a resource), `no_identity` (nothing that could "
    "name somebody), `not_a_person` (only automation), `unknown_person` (names that are nobody's).",
    "scope": "Of a budget: `organization`, `team`, `person`.",
    "feature": "`chat`, `inline`, `inline_chat`, `code_fix`, `code_review`, `dev`, `doc_generation`, `test_generation`, `transformation`.",
    "event": "`sent`, `interacted`, `suggested`, `accepted`, `rejected`, `dismissed`, `generated`, `succeeded`, `failed`, `finding`, `run`.",
    "outcome": "`generated`, `accepted`, `rejected`, `dismissed`, `ingested`.",
    "change": "`added`, `updated`, `deleted`, `created`; empty where the report makes no difference.",
}
"""What the labels of the families say. Those of the metrics about the exporter explain themselves."""

KINDS: Mapping[Kind, str] = {
    Kind.ESSENTIAL: "for every person of the group, zeros included",
    Kind.SPARSE: "for every person of the group, without zeros",
    Kind.BREAKDOWN: "without zeros, by name for the `limits.breakdown_users` people with most; the others are summed into `_other` for each team",
    Kind.PLAIN: "not about people",
}

_TITLES = {"people": "People", "cloudtrail": "AWS activity", "cost": "Cost", "kiro_credits": "Kiro credits", "kiro_features": "Kiro features"}

_SOURCES = {"bill": "the bill (`bill`: `cur` or `cost_explorer`)"}


def render() -> str:
    """The whole page."""
    parts = [
        _HEAD,
        "## Windows\n\n`W` at the end of a metric stands for one of its windows. `windows` in the config adds others.\n",
        _table(("window", "covers", "absent when"), ((f"`{name}`", *WINDOWS[name]) for name in windows.SUFFIXES)),
        "## Classes\n",
        _table(("class", "published"), ((kind.value, KINDS[kind]) for kind in Kind)),
        "## Labels\n",
        _table(("label", "value"), ((f"`{label}`", text) for label, text in LABELS.items())),
        *(part for group in GROUPS for part in _group(group)),
        "## The exporter about itself\n\nAlive at every scrape, not part of the snapshot. `process_*` of prometheus_client stands beside them.\n",
        _table(("metric", "type", "labels", "what it says"), map(_definition, telemetry.DEFINITIONS)),
        "## Limit steps\n\n`aws_user_exporter_series_limit_step` says which of these holds; a step includes those before it.\n",
        _table(("step", "what gives way"), ((str(step), text) for step, text in enumerate(limits.STEPS))),
        "## The counters of by_user_analytic\n\nWhich series each of the report's 44 counters becomes.\n",
        _table(
            ("counter", "metric", "feature", "event or outcome", "change"),
            ((f"`{m.counter}`", f"`kiro_user_feature_{m.unit}_W`", m.feature, m.what, m.change) for m in MEANINGS),
        ),
    ]
    return "\n".join(parts)


def _group(group: Group) -> Iterable[str]:
    source = _SOURCES.get(group.source or "", f"the source `{group.source}`")
    published = "with any other" if group.source is None else f"when {source} has landed, until its `max_age`"
    yield f"## {_TITLES.get(group.name, group.name)}\n\nPublished {published}.\n"
    yield _table(("metric", "class", "labels", "windows", "sum over people", "what it says"), map(_family, group.families))


def _family(family: Family) -> tuple[str, ...]:
    labels = (*PERSON_LABELS, *family.labels) if family.of_people else family.labels
    name = f"{family.name}_W" if family.windows else family.name
    summed = ("yes" if family.additive else "no") if family.of_people else ""
    return f"`{name}`", family.kind.value, _list(labels), _list(family.windows), summed, family.help


def _definition(definition: Definition) -> tuple[str, ...]:
    return f"`{telemetry.PREFIX}{definition.name}{'_total' * (definition.kind == 'counter')}`", definition.kind, _list(definition.labels), definition.help


def _list(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |\n" for line in lines)


if __name__ == "__main__":
    sys.stdout.write(render())
