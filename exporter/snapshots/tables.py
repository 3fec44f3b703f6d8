"""The tables that the families' statements read beside the facts: persons, windows, the clock, and settings from the config."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import duckdb

from exporter import windows
from exporter.config import Config
from exporter.facts.tables import TABLES
from exporter.model import FOLDED
from exporter.people import People
from exporter.snapshots.bill import lay_bill
from exporter.snapshots.exposition import label_pairs
from exporter.snapshots.kiro_overage import Overage, decide
from exporter.snapshots.laying import lay_table
from exporter.windows import Landed


def lay(
    cursor: duckdb.DuckDBPyConnection, people: People, known_since: Mapping[str, int], config: Config, landed: Mapping[str, Landed], now: datetime
) -> Overage:
    """Makes every table that `families` names as given. Returns how overage is read."""
    _time(cursor, landed, now)
    _persons(cursor, people, known_since)
    _activity(cursor)
    lay_bill(cursor, people, config)
    _usage(cursor, config)
    return _kiro(cursor, config)


def _time(cursor: duckdb.DuckDBPyConnection, landed: Mapping[str, Landed], now: datetime) -> None:
    month = windows.month_of(now.date())
    lay_table(cursor, "clock", {"today": "DATE", "month_first": "DATE", "month_last": "DATE"}, [(now.date(), month.first, month.last)])
    known = [(source, state.days.first, state.days.last) for source, state in landed.items() if state.days is not None]
    lay_table(cursor, "landed", {"source": "VARCHAR", "first_day": "DATE", "last_day": "DATE"}, known)
    days = [(source, suffix, day) for source, state in landed.items() for suffix, span in windows.windows(now, state).items() for day in span]
    lay_table(cursor, "window_days", {"source": "VARCHAR", '"window"': "VARCHAR", "day": "DATE"}, days)


def _persons(cursor: duckdb.DuckDBPyConnection, people: People, known_since: Mapping[str, int]) -> None:
    columns = {
        "person": "INTEGER",
        '"user"': "VARCHAR",
        "team": "VARCHAR",
        "user_id": "VARCHAR",
        "display_name": "VARCHAR",
        "email": "VARCHAR",
        "department": "VARCHAR",
        "status": "VARCHAR",
        "seat_tier": "VARCHAR",
        "seat_since": "DATE",
        "created": "BIGINT",
        "known": "BIGINT",
    }
    rows = [
        (
            p.number,
            p.user,
            p.team,
            p.user_id,
            p.display_name,
            p.email,
            p.department,
            p.status,
            p.seat_tier,
            p.seat_since,
            p.created and int(p.created.timestamp()),
            known_since.get(p.user),
        )
        for p in people.persons
    ]
    lay_table(cursor, "person", columns, rows)
    lay_table(cursor, "owner", {"identity": "INTEGER", "person": "INTEGER"}, list(people.owners.items()))
    # The folded people of a team are one more person, with a number below everybody's, so that they stand first in their family.
    cursor.execute(
        "CREATE TEMP TABLE other AS SELECT -row_number() OVER (ORDER BY team DESC) AS person, team FROM (SELECT DISTINCT team FROM person)"
    ).fetchall()
    cursor.execute(
        f"""CREATE TEMP TABLE person_pairs AS
        SELECT person, concat({label_pairs(("user", "team"))}) AS pairs
        FROM (SELECT person, "user", team FROM person UNION ALL SELECT person, '{FOLDED}', team FROM other)"""
    ).fetchall()


def _activity(cursor: duckdb.DuckDBPyConnection) -> None:
    recent = " UNION ALL ".join(
        f"""SELECT '{table.source}' AS source, identity, min({table.first_time}) AS first_time, max({table.last_time}) AS last_time
        FROM {table.identified} WHERE identity IS NOT NULL AND ({table.active}) GROUP BY identity"""
        for table in TABLES.values()
    )
    cursor.execute(
        f"""CREATE TEMP TABLE activity AS
        SELECT source, identity, min(first_time) AS first_time, max(last_time) AS last_time FROM (FROM older UNION ALL {recent}) GROUP BY ALL"""
    ).fetchall()


def _usage(cursor: duckdb.DuckDBPyConnection, config: Config) -> None:
    score, levels = config.usage.score, config.usage.levels
    weights = [] if score is None else [(score.read, score.write, score.sensitive)]
    amount = "DECIMAL(18,6)"
    lay_table(cursor, "usage_score", {"read_weight": amount, "write_weight": amount, "sensitive_weight": amount}, weights)
    starts = [] if levels is None else [("inactive", 0), *((name, getattr(levels, name)) for name in ("light", "moderate", "heavy", "very_heavy"))]
    lay_table(cursor, "usage_level", {"level": "VARCHAR", "from_events": "BIGINT"}, starts)


def _kiro(cursor: duckdb.DuckDBPyConnection, config: Config) -> Overage:
    tiers = [(name, tier.credits, tier.price) for name, tier in config.kiro.tiers.items()]
    lay_table(cursor, "kiro_tier", {"tier": "VARCHAR", "credits": "DECIMAL(18,6)", "price": "DECIMAL(18,6)"}, tiers)
    overage = decide(cursor, config.kiro.overage_relation, config.kiro.overage_period)
    columns = {"on_top": "BOOLEAN", "cumulative": "BOOLEAN", "overage_price": "DECIMAL(18,6)", "currency": "VARCHAR", "idle_days": "INTEGER"}
    lay_table(
        cursor, "kiro_setting", columns, [(overage.on_top, overage.cumulative, config.kiro.overage_price, config.kiro.currency, config.kiro.idle_after.days)]
    )
    return overage
