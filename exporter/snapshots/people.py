"""The people of one snapshot with the numbers of the families, one by one: stated when somebody first asks, before anything is folded."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb

from exporter import windows
from exporter.config import Config
from exporter.facts.recent import RecentFacts
from exporter.model import DayRange, Snapshot
from exporter.people import People
from exporter.quoting import sql_name
from exporter.snapshots.people_statements import BREAKDOWNS, COST, COST_BREAKDOWNS, DAILY, EVENTS, KIRO, Told, tell
from exporter.snapshots.people_told import Activity, Chosen, Day, Listed, Sort, ToldPerson, Totals
from exporter.windows import Landed

_LAST_ACTIVITY: Mapping[Activity, str] = {
    "any": "greatest(aws_last_activity, kiro_last_activity)",
    "aws": "aws_last_activity",
    "kiro": "kiro_last_activity",
}
_SORTS: Mapping[Sort, str] = {
    "user_name": '"user"',
    "team": "team",
    "total_events": "total_events",
    "read_events": "read_events",
    "write_events": "write_events",
    "denied_events": "denied_events",
    "high_risk_events": "high_risk_events",
    "activity_score": "activity_score",
    "last_activity": _LAST_ACTIVITY["aws"],
    "total_cost": "total_cost",
    "resource_count": "resources",
    "cost_per_resource": "total_cost / nullif(resources, 0)",
    "kiro_credits": "kiro_credits",
}
_COLUMNS = ", ".join(sql_name(each.name) for each in fields(ToldPerson))
_SUMS = ", ".join(f"sum({each.name})" for each in fields(Totals))
_FROM = 'told_person LEFT JOIN (FROM told_window WHERE "window" = $window) USING (person)'


class SnapshotPeople:
    """What the people of one snapshot can be asked. The first question states the families, which others wait for; then all is a look-up.

    Nobody who is hidden (`privacy.only_teams`, `privacy.exclude_users`) is in here. It reads the facts in memory when it is first asked: while a refresh
    replaces a day, it may know the new facts a few seconds before the snapshot that will hold them is served.
    """

    def __init__(self, facts: RecentFacts, people: People, known_since: Mapping[str, int], config: Config, landed: Mapping[str, Landed], now: datetime) -> None:
        """Takes what the snapshot of `now` (UTC) was built from; costs nothing before the first question."""
        self._facts = facts
        self._people = people
        self._known_since = known_since
        self._config = config
        self._landed = dict(landed)
        self._lock = threading.Lock()
        self._asked = False
        self._cursor: duckdb.DuckDBPyConnection | None = None
        self._told: Told | None = None
        self.moment = now

    @property
    def bill_configured(self) -> bool:
        """Whether a source is on that pays for people."""
        return self._config.paying is not None

    @property
    def asked(self) -> bool:
        """Whether anybody has asked."""
        return self._asked

    def prepare(self) -> None:
        """States the families before somebody asks."""
        with self._lock:
            self._open()

    def cancel(self) -> None:
        """Ends what is being stated or looked up; whoever has asked gets an error. May be called from any thread."""
        if (cursor := self._cursor) is not None:
            cursor.interrupt()

    def currency(self) -> str | None:
        """In what the costs are told: the currency of the bill; None where no bill has landed."""
        with self._asking() as (_, told):
            return told.currency

    def landed(self, activity: Activity) -> bool:
        """Whether something is published of an activity."""
        with self._asking() as (_, told):
            return any(name in told.sources for name in {"aws": (EVENTS,), "kiro": (KIRO,), "any": (EVENTS, KIRO)}[activity])

    def billed(self) -> bool:
        """Whether costs are published."""
        with self._asking() as (_, told):
            return COST in told.sources

    def days(self, window: str) -> dict[str, DayRange | None]:
        """By source the landed days that a window covers; None where it has none."""
        with self._asking() as (_, told):
            return {source: self._covered(source, window) for source in dict.fromkeys(told.sources.values())}

    def listed(self, window: str, chosen: Chosen) -> Listed:
        """People with their numbers of a window. Ties go to those with more events, then to the name that sorts first; who has no number comes last."""
        conditions = ["($team IS NULL OR team = $team)"]
        conditions += ["total_events > 0"] * chosen.used + ["total_cost <> 0"] * chosen.costing
        where = " AND ".join(conditions)
        order = f'{_SORTS[chosen.sort]} {"DESC" if chosen.descending else "ASC"} NULLS LAST, total_events DESC NULLS LAST, "user"'
        return self._page(window, where, order, {"team": chosen.team}, chosen.limit, chosen.offset)

    def inactive(self, activity: Activity, days: int, chosen: Chosen) -> Listed:
        """People whose last activity of a kind lies that many UTC calendar days back or more, and those who were never seen.

        In ascending order of their last activity the never seen come first, in descending order last. Otherwise as `listed`.
        """
        last = _LAST_ACTIVITY[activity]
        where = f"($team IS NULL OR team = $team) AND ({last} IS NULL OR make_timestamp({last} * 1000000)::DATE <= $today::DATE - $days::INTEGER)"
        place = last if chosen.sort == "last_activity" else _SORTS[chosen.sort]
        nulls = "FIRST" if chosen.sort == "last_activity" and not chosen.descending else "LAST"
        order = f'{place} {"DESC" if chosen.descending else "ASC"} NULLS {nulls}, "user"'
        return self._page("last_30d", where, order, {"team": chosen.team, "today": self.moment.date(), "days": days}, chosen.limit, chosen.offset)

    def one(self, user: str, window: str) -> ToldPerson | None:
        """The person who is published under exactly this name."""
        with self._asking() as (cursor, _):
            rows = _rows(cursor, f'SELECT {_COLUMNS} FROM {_FROM} WHERE "user" = $user', {"window": window, "user": user})
        return ToldPerson(*rows[0]) if rows else None

    def events_by(self, label: str, window: str, persons: Iterable[int]) -> dict[int, dict[str, int]]:
        """Events by person and `aws_service`, `aws_region`, `aws_account` or `category`, most first."""
        with self._asking() as (cursor, _):
            rows = _by(cursor, BREAKDOWNS[label], label, "true", {"window": window, "persons": list(persons)})
        return _nested((person, value_of, int(value)) for person, value_of, value in rows)

    def costs_by(self, label: str, window: str, persons: Iterable[int]) -> dict[int, dict[str, Decimal]]:
        """Costs by person and `aws_service` or `aws_region`, most first."""
        with self._asking() as (cursor, told):
            parameters = {"window": window, "persons": list(persons), "currency": told.currency}
            return _nested(_by(cursor, COST_BREAKDOWNS[label], label, "currency = $currency", parameters))

    def timeline(self, person: int, window: str) -> list[Day]:
        """Every UTC day of a window, oldest first. A landed day without anything is 0."""
        with self._asking() as (cursor, told):
            found = {name: dict(_rows(cursor, f"SELECT day, value FROM daily_{name} WHERE person = $person", {"person": person})) for name in DAILY}
            covered = {name: self._covered(told.sources[name], window) for name in DAILY if name in told.sources}
        spans = [span for span in covered.values() if span is not None]
        if not spans:
            return []

        def value(name: str, day: date, zero: Any) -> Any:
            return found[name].get(day, zero) if day in (covered.get(name) or ()) else None

        return [
            Day(day, value(EVENTS, day, 0), value(COST, day, Decimal(0)), value(KIRO, day, Decimal(0)))
            for day in DayRange(min(span.first for span in spans), max(span.last for span in spans))
        ]

    def _covered(self, source: str, window: str) -> DayRange | None:
        return windows.covered(window, self.moment, self._landed[source])

    def _page(self, window: str, where: str, order: str, parameters: Mapping[str, object], limit: int, offset: int) -> Listed:
        given = {"window": window, **parameters}
        page = f"SELECT {_COLUMNS} FROM {_FROM} WHERE {where} ORDER BY {order} LIMIT $limit OFFSET $offset"
        with self._asking() as (cursor, _):
            ((total, *sums),) = _rows(cursor, f"SELECT count(*), {_SUMS} FROM {_FROM} WHERE {where}", given)
            rows = _rows(cursor, page, {**given, "limit": limit, "offset": offset})
        return Listed(tuple(ToldPerson(*row) for row in rows), total, Totals(*sums))

    @contextmanager
    def _asking(self) -> Iterator[tuple[duckdb.DuckDBPyConnection, Told]]:
        """The tables, for one question at a time."""
        with self._lock:
            self._asked = True
            yield self._open()

    def _open(self) -> tuple[duckdb.DuckDBPyConnection, Told]:
        """The cursor whose temporary tables hold everything, and what stands in them."""
        if self._cursor is None or self._told is None:
            self._cursor = self._facts.cursor()
            try:
                self._cursor.execute("BEGIN").fetchall()
                self._told = tell(self._cursor, self._people, self._known_since, self._config, self._landed, self.moment)
                # A transaction that stays open would keep every row that refreshes replace.
                self._cursor.execute("COMMIT").fetchall()
            except BaseException:
                self._cursor.close()
                self._cursor = self._told = None
                raise
        return self._cursor, self._told


def _rows(cursor: duckdb.DuckDBPyConnection, query: str, parameters: Mapping[str, object]) -> list[tuple[Any, ...]]:
    return cursor.execute(query, dict(parameters)).fetchall()


def _by(cursor: duckdb.DuckDBPyConnection, family: str, label: str, condition: str, parameters: Mapping[str, object]) -> list[tuple[Any, ...]]:
    return _rows(
        cursor,
        f"""SELECT person, {label}, sum(value) AS value FROM stated_{family}
        WHERE "window" = $window AND person IN (SELECT unnest($persons)) AND {condition}
        GROUP BY person, {label} ORDER BY person, value DESC, {label}""",
        parameters,
    )


def _nested(rows: Iterable[tuple[Any, ...]]) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for person, value_of, value in rows:
        found.setdefault(person, {})[value_of] = value
    return found


@dataclass(frozen=True, slots=True)
class PeopledSnapshot(Snapshot):
    """A snapshot that can also be asked about its people."""

    people: SnapshotPeople = field(kw_only=True)

    @classmethod
    def of(cls, snapshot: Snapshot, people: SnapshotPeople) -> PeopledSnapshot:
        """The same snapshot, with its people."""
        return cls(**{each.name: getattr(snapshot, each.name) for each in fields(Snapshot)}, people=people)
