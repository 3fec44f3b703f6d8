"""The values of many days at once: the families' own statements, with a window for each day in place of those of the clock.

A window is but a name and the days that it covers (`window_days`), so a month takes no longer than one snapshot, and every value is the one that
`yesterday` had on the day after, and `3d_ago` three days after, had the facts, people and settings of now been there already.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

import duckdb

from exporter.backfilling.calendar import LATER
from exporter.backfilling.standpoint import ALWAYS, Standpoint, read_readable
from exporter.config import Config
from exporter.facts.tables import TABLES
from exporter.families import Family, Group, Kind
from exporter.families.catalogue import GROUPS
from exporter.model import DayRange, day_end
from exporter.snapshots.folding import fold
from exporter.snapshots.laying import lay_table
from exporter.snapshots.stating import Stated, counts, published_windows, state_family
from exporter.snapshots.tables import lay
from exporter.windows import Landed, with_bill

Version = tuple[int, int]
"""Of a fact file: nanoseconds of its last change, and its size."""


@dataclass(slots=True)
class LoadedDays:
    """The days whose facts are in the memory of a standpoint. `unreadable` ones are as if they had not landed."""

    standpoint: Standpoint
    versions: dict[tuple[str, date], Version] = field(default_factory=dict)
    unreadable: set[tuple[str, date]] = field(default_factory=set)

    def load(self, days: DayRange) -> None:
        """Has the stored facts of these days in memory as they are now, and no older ones."""
        for source in TABLES:
            self.standpoint.facts.drop_before(source, days.first)
        self.versions = {key: version for key, version in self.versions.items() if key[1] >= days.first}
        found = versions(self.standpoint, days)
        for source in self.standpoint.landed:
            self._load(source, {day: version for (name, day), version in found.items() if name == source and self.versions.get((name, day)) != version})

    def _load(self, source: str, changed: Mapping[date, Version]) -> None:
        store, facts = self.standpoint.store, self.standpoint.facts
        files = {day: file for day in changed for file in store.facts(source, DayRange(day, day))}
        unreadable = read_readable(source, files, lambda some: facts.load(source, list(some), list(some.values())))
        self.unreadable = {key for key in self.unreadable if key[0] != source or key[1] not in files} | {(source, day) for day in unreadable}
        self.versions |= {(source, day): changed[day] for day in files if day not in unreadable}


def versions(standpoint: Standpoint, days: DayRange) -> dict[tuple[str, date], Version]:
    """The landed days of a span that have a fact file, and the version of each."""
    found: dict[tuple[str, date], Version] = {}
    for source, landed in standpoint.landed.items():
        for file in standpoint.store.facts(source, days):
            day = date.fromisoformat(file.stem)
            if day in landed:
                try:
                    status = file.stat()
                except FileNotFoundError:
                    continue  # retention has ended
                found[source, day] = (status.st_mtime_ns, status.st_size)
    return found


def one_day_windows(family: Family, group: Group, config: Config) -> tuple[str, ...]:
    """The windows of one day under which a family is published; none where it is switched off."""
    chosen = config.windows
    if not all(chosen[name] for name in (group.name, family.name) if name in chosen):
        return ()
    return tuple(window for window in published_windows(family, group, chosen) if window in LATER)


@contextmanager
def stated(loaded: LoadedDays, days: DayRange, families: Collection[str]) -> Iterator[tuple[duckdb.DuckDBPyConnection, list[Stated]]]:
    """The tables of these families over the days that have landed, which must be loaded; their windows are days in ISO spelling. Raises DuplicateSeries."""
    standpoint = loaded.standpoint
    config = standpoint.config
    landed = {source: [day for day in days if day in known and (source, day) not in loaded.unreadable] for source, known in standpoint.landed.items()}
    landed = {source: known for source, known in landed.items() if known}
    cursor = standpoint.facts.cursor()
    try:
        cursor.execute("BEGIN").fetchall()
        by_source = with_bill({source: Landed(DayRange(min(known), max(known)), ALWAYS) for source, known in landed.items()}, config.paying)
        moment = datetime.combine(days.last, time(12), tzinfo=day_end(days.last).tzinfo) + timedelta(days=1)
        lay(cursor, standpoint.people, standpoint.known_since, config, by_source, moment)
        named = {**landed, **({"bill": landed[config.paying]} if config.paying in landed else {})}
        _lay_windows(cursor, named)
        found = [one for group in GROUPS if group.source in named for one in _state(cursor, group, named[group.source], families, config)]
        before = counts(cursor, found) if found else {}
        fold(cursor, found, standpoint.rankings, standpoint.people, config.limits, before)
        if not standpoint.zeros:
            for one in found:
                if one.family.kind is Kind.ESSENTIAL:
                    cursor.execute(f"DELETE FROM {one.table} WHERE value = 0").fetchall()
        yield cursor, found
    finally:
        cursor.close()


def _lay_windows(cursor: duckdb.DuckDBPyConnection, landed: Mapping[str, Sequence[date]]) -> None:
    cursor.execute("DROP TABLE window_days").fetchall()
    rows = [(source, day.isoformat(), day) for source, days in landed.items() for day in days]
    lay_table(cursor, "window_days", {"source": "VARCHAR", '"window"': "VARCHAR", "day": "DATE"}, rows)


def _state(cursor: duckdb.DuckDBPyConnection, group: Group, days: Sequence[date], families: Collection[str], config: Config) -> Iterator[Stated]:
    wanted = [family for family in group.families if family.name in families and one_day_windows(family, group, config)]
    for table in group.tables if wanted else ():
        cursor.execute(f"CREATE TEMP TABLE {table.name} AS {table.select}").fetchall()
    for family in wanted:
        one = Stated(group, family, tuple(day.isoformat() for day in days))
        state_family(cursor, one)
        yield one
