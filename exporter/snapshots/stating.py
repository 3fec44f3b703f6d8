"""Families to temporary tables of rows: each group's tables, then each family's statement, zeros and duplicates dealt with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from exporter import windows
from exporter.families import Family, Group, Kind
from exporter.quoting import sql_name

_OPEN_ENDED = (Kind.SPARSE, Kind.BREAKDOWN)


class DuplicateSeries(Exception):
    """A family would hold one series twice, of which Prometheus would silently keep the first. Nothing is published from such rows."""


@dataclass(frozen=True, slots=True)
class Stated:
    """A family whose rows stand in a temporary table, for the windows that are present."""

    group: Group
    family: Family
    windows: tuple[str, ...]

    @property
    def table(self) -> str:
        return f"stated_{self.family.name}"

    @property
    def names(self) -> tuple[str, ...]:
        """The metric names, windows included."""
        return tuple(f"{self.family.name}_{window}" for window in self.windows) if self.family.windows else (self.family.name,)

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that make a series, by their names in SQL."""
        window = ('"window"',) if self.family.windows else ()
        person = ("person",) if self.family.of_people else ()
        return (*window, *person, *map(sql_name, self.family.labels))


def published_windows(family: Family, group: Group, chosen: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The windows of a family after the config's `windows`: its own, and those added to it or to its group."""
    if not family.windows:
        return ()
    wanted = {*family.windows, *chosen.get(group.name, ()), *chosen.get(family.name, ())}
    return tuple(window for window in windows.SUFFIXES if window in wanted)


def state(cursor: duckdb.DuckDBPyConnection, group: Group, present: Sequence[str], chosen: Mapping[str, Sequence[str]]) -> list[Stated]:
    """Makes the tables of a group and of its families. `present` are the windows of its source, `chosen` the config's. Raises DuplicateSeries."""
    for table in group.tables:
        cursor.execute(f"CREATE TEMP TABLE {table.name} AS {table.select}").fetchall()
    stated = []
    for family in group.families:
        if not all(chosen[name] for name in (group.name, family.name) if name in chosen):
            continue  # switched off
        stated.append(Stated(group, family, tuple(window for window in published_windows(family, group, chosen) if window in present)))
        state_family(cursor, stated[-1])
    return stated


def state_family(cursor: duckdb.DuckDBPyConnection, stated: Stated) -> None:
    """Makes the table of one family; those of its group must be there."""
    family = stated.family
    conditions = ["value <> 0"] if family.kind in _OPEN_ENDED else []
    parameters: dict[str, object] = {}
    if family.windows:
        conditions.append('"window" IN (SELECT unnest($windows))')
        parameters["windows"] = list(stated.windows)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    columns = ", ".join((*stated.keys, "value"))
    cursor.execute(f"CREATE TEMP TABLE {stated.table} AS SELECT {columns} FROM ({family.statement}){where}", parameters).fetchall()


def counts(cursor: duckdb.DuckDBPyConnection, stated: Sequence[Stated]) -> dict[str, int]:
    """Series by metric name, window included; names without a series are left out. Raises DuplicateSeries."""
    queries = []
    for one in stated:
        window = '"window"' if one.family.windows else "NULL"
        distinct = f"count(DISTINCT ({', '.join(one.keys)}))" if one.keys else "1"
        queries.append(
            f"SELECT '{one.family.name}' AS family, {window} AS \"window\", count(*) AS series, {distinct} AS different "
            f"FROM {one.table} GROUP BY ALL HAVING count(*) > 0"
        )
    found: dict[str, int] = {}
    rows = cursor.execute(" UNION ALL ".join(queries)).fetchall() if queries else []
    for name, window, series, different in rows:
        if series > different:
            raise DuplicateSeries(f"{name} holds {series - different} series more than once")
        found[f"{name}_{window}" if window else name] = series
    return found
