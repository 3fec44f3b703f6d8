"""The families' statements as the people API reads them: for everybody, in every window and for every day, before anything is folded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import duckdb

from exporter.config import Config
from exporter.families import Group
from exporter.people import People
from exporter.snapshots.building import published_groups
from exporter.snapshots.stating import state
from exporter.snapshots.tables import lay
from exporter.windows import SUFFIXES, Landed

EVENTS, COST, KIRO = "aws_user_events", "aws_user_cost", "kiro_user_credits"
DAILY = (EVENTS, COST, KIRO)
BREAKDOWNS = {
    "aws_service": "aws_user_service_events",
    "aws_region": "aws_user_region_events",
    "aws_account": "aws_user_account_events",
    "category": "aws_user_sensitive_events",
}
COST_BREAKDOWNS = {"aws_service": "aws_user_service_cost", "aws_region": "aws_user_region_cost"}
_MONEY, _CREDITS = "DECIMAL(38,12)", "DECIMAL(38,18)"

_WANTED: Mapping[str, tuple[tuple[str, ...], str]] = {
    "aws_user_info": (("user_id", "display_name", "email", "department", "status"), "INTEGER"),
    EVENTS: (("access",), "BIGINT"),
    "aws_user_denied_events": ((), "BIGINT"),
    **{name: ((label,), "BIGINT") for label, name in BREAKDOWNS.items()},
    "aws_user_active_dates": ((), "BIGINT"),
    "aws_user_activity_score_last_30d": ((), "DOUBLE"),
    "aws_user_usage_level_last_30d": (("level",), "INTEGER"),
    "aws_user_first_activity_timestamp_seconds": ((), "BIGINT"),
    "aws_user_last_activity_timestamp_seconds": ((), "BIGINT"),
    COST: (("charge", "currency"), _MONEY),
    **{name: (("currency", label), _MONEY) for label, name in COST_BREAKDOWNS.items()},
    "aws_user_resources": ((), "BIGINT"),
    KIRO: ((), _CREDITS),
    "kiro_user_overage_credits": ((), _CREDITS),
    "kiro_user_messages": ((), "BIGINT"),
    "kiro_user_conversations": ((), "BIGINT"),
    "kiro_user_included_credits": ((), _CREDITS),
    "kiro_user_credit_utilization_ratio": ((), "DOUBLE"),
    "kiro_user_first_activity_timestamp_seconds": ((), "BIGINT"),
    "kiro_user_last_activity_timestamp_seconds": ((), "BIGINT"),
    "kiro_user_seat": (("tier", "status"), "INTEGER"),
}
"""Every family that is asked for: its labels and the type of its values, for an empty table where it is not published."""

_PERSONS = """
CREATE TEMP TABLE told_person AS
SELECT p.person, p."user", p.team, i.display_name, i.email, i.department, i.status,
    a.value AS aws_first_activity, b.value AS aws_last_activity, c.value AS kiro_first_activity, d.value AS kiro_last_activity,
    s.tier AS seat_tier, s.status AS seat_status, n.value AS included_credits, u.value AS utilization
FROM person p
LEFT JOIN stated_aws_user_info i USING (person)
LEFT JOIN stated_aws_user_first_activity_timestamp_seconds a USING (person)
LEFT JOIN stated_aws_user_last_activity_timestamp_seconds b USING (person)
LEFT JOIN stated_kiro_user_first_activity_timestamp_seconds c USING (person)
LEFT JOIN stated_kiro_user_last_activity_timestamp_seconds d USING (person)
LEFT JOIN stated_kiro_user_seat s USING (person)
LEFT JOIN stated_kiro_user_included_credits n USING (person)
LEFT JOIN stated_kiro_user_credit_utilization_ratio u USING (person)
WHERE p.person NOT IN (SELECT unnest($hidden))"""

# A family that leaves zeros out is told as 0 in a window of its source. Of several currencies the one with most is told.
_WINDOWED = """
CREATE TEMP TABLE told_window AS
SELECT w."window", p.person,
    e.total_events, e.read_events, e.write_events, e.unknown_events,
    CASE WHEN w.aws AND $denied THEN coalesce(d.value, 0) END AS denied_events,
    CASE WHEN w.aws AND $sensitive THEN coalesce(h.events, 0) END AS high_risk_events,
    a.value AS active_dates,
    CASE WHEN w."window" = 'last_30d' THEN s.value END AS activity_score,
    CASE WHEN w."window" = 'last_30d' THEN l.level END AS usage_level,
    CASE WHEN w.bill THEN coalesce(c.cost, 0) END AS total_cost,
    r.value AS resources,
    k.value AS kiro_credits,
    CASE WHEN k.value IS NOT NULL AND $overage THEN coalesce(o.value, 0) END AS kiro_overage_credits,
    m.value AS kiro_messages, v.value AS kiro_conversations
FROM told_person p
CROSS JOIN (
    SELECT "window", bool_or(source = 'cloudtrail') AS aws, bool_or(source = $bill) AS bill FROM window_days GROUP BY "window"
) w
LEFT JOIN (
    SELECT "window", person, sum(value)::BIGINT AS total_events,
        coalesce(sum(value) FILTER (WHERE access = 'read'), 0)::BIGINT AS read_events,
        coalesce(sum(value) FILTER (WHERE access = 'write'), 0)::BIGINT AS write_events,
        coalesce(sum(value) FILTER (WHERE access = 'unknown'), 0)::BIGINT AS unknown_events
    FROM stated_aws_user_events GROUP BY ALL
) e USING ("window", person)
LEFT JOIN stated_aws_user_denied_events d USING ("window", person)
LEFT JOIN (SELECT "window", person, sum(value)::BIGINT AS events FROM stated_aws_user_sensitive_events GROUP BY ALL) h USING ("window", person)
LEFT JOIN stated_aws_user_active_dates a USING ("window", person)
LEFT JOIN stated_aws_user_activity_score_last_30d s USING (person)
LEFT JOIN stated_aws_user_usage_level_last_30d l USING (person)
LEFT JOIN (SELECT "window", person, sum(value) AS cost FROM stated_aws_user_cost WHERE currency = $currency GROUP BY ALL) c USING ("window", person)
LEFT JOIN stated_aws_user_resources r USING ("window", person)
LEFT JOIN stated_kiro_user_credits k USING ("window", person)
LEFT JOIN stated_kiro_user_overage_credits o USING ("window", person)
LEFT JOIN stated_kiro_user_messages m USING ("window", person)
LEFT JOIN stated_kiro_user_conversations v USING ("window", person)"""

_CURRENCY = "SELECT currency FROM stated_aws_user_cost GROUP BY currency ORDER BY sum(abs(value)) DESC, currency LIMIT 1"


@dataclass(frozen=True, slots=True)
class Told:
    """What stands in the tables. `sources`: by family, those of them that are published, whose facts it is made of. `currency`: that of the costs."""

    sources: Mapping[str, str]
    currency: str | None


def tell(
    cursor: duckdb.DuckDBPyConnection, people: People, known_since: Mapping[str, int], config: Config, landed: Mapping[str, Landed], now: datetime
) -> Told:
    """Makes the tables of a snapshot's people, from what that of `now` was built from. Nobody who is hidden stands in the first two.

    told_person     a row a person: who they are, first and last activity, seat
    told_window     a row a person and window that is present in any source
    stated_<name>   each of the families, empty where it is not published
    daily_<name>    person, day, value of each of DAILY: the same statement, with every landed day as a window of its own
    """
    lay(cursor, people, known_since, config, landed, now)
    groups: list[Group] = []
    sources: dict[str, str] = {}
    for group, present in published_groups(landed, now):
        # The statements give every window that is present; /metrics leaves some out to have fewer series.
        families = tuple(replace(family, windows=family.windows and SUFFIXES) for family in group.families if family.name in _WANTED)
        if families:
            groups.append(replace(group, families=families))
            sources |= {one.family.name: group.source or "" for one in state(cursor, groups[-1], present, config.windows)}
    for name, (labels, kind) in _WANTED.items():
        if name not in sources:
            columns = "".join(f"{label} VARCHAR, " for label in labels)
            cursor.execute(f'CREATE TEMP TABLE stated_{name} ("window" VARCHAR, person INTEGER, {columns}value {kind})').fetchall()
    found = cursor.execute(_CURRENCY).fetchall()
    currency = found[0][0] if found else None
    cursor.execute(_PERSONS, {"hidden": sorted(people.hidden)}).fetchall()
    published = {name: f"aws_user_{name}_events" in sources for name in ("denied", "sensitive")}
    parameters = {**published, "overage": "kiro_user_overage_credits" in sources, "bill": sources.get(COST), "currency": currency}
    cursor.execute(_WINDOWED, parameters).fetchall()
    _tell_days(cursor, groups, currency)
    return Told({name: source for name, source in sources.items() if source}, currency)


def _tell_days(cursor: duckdb.DuckDBPyConnection, groups: Sequence[Group], currency: str | None) -> None:
    """The same statements once more, with every landed day as a window of its own, costs in one currency. What is left of the groups' tables are views."""
    cursor.execute("ALTER TABLE window_days RENAME TO days_of_windows").fetchall()
    cursor.execute('CREATE TEMP TABLE window_days AS SELECT DISTINCT source, day::VARCHAR AS "window", day FROM days_of_windows').fetchall()
    for group in groups:
        for table in group.tables:
            cursor.execute(f"DROP TABLE {table.name}").fetchall()
            cursor.execute(f"CREATE TEMP VIEW {table.name} AS {table.select}").fetchall()
    statements = {family.name: family.statement for group in groups for family in group.families}
    for name in DAILY:
        nothing = f'SELECT NULL::VARCHAR AS "window", NULL::INTEGER AS person, NULL::VARCHAR AS currency, NULL::{_WANTED[name][1]} AS value'
        told, parameters = ("value <> 0 AND currency = $currency", {"currency": currency}) if name == COST else ("value <> 0", {})
        cursor.execute(
            f"""CREATE TEMP TABLE daily_{name} AS
            SELECT "window"::DATE AS day, person, sum(value)::{_WANTED[name][1]} AS value
            FROM ({statements.get(name, nothing)}) WHERE {told} GROUP BY ALL ORDER BY person, day""",
            parameters,
        ).fetchall()
