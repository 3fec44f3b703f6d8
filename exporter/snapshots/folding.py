"""Applies the series limits to stated families: people and label values beyond them are summed into `_other`, so that totals stay exact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from exporter.config import Limits
from exporter.families import Group, Kind
from exporter.limits import Load, Plan, fitting, plan, standing
from exporter.model import FOLDED
from exporter.people import People
from exporter.quoting import sql_name
from exporter.snapshots.stating import Stated

_GIVEN_UP = ("last_7d", "last_month")


@dataclass(frozen=True, slots=True)
class Standing:
    """Who stood by name in a group's breakdowns when it was last ranked. `ranked` says on what that was done: it is done once a day."""

    ranked: str
    users: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ranking:
    """The people of a group's breakdowns, those who stand by name first, then those with most."""

    order: tuple[int, ...]


def rank(cursor: duckdb.DuckDBPyConnection, group: Group, people: People, limits: Limits, previous: Standing | None, ranked: str) -> tuple[Ranking, Standing]:
    """Ranks a group's people, or keeps the ranking of before where `ranked` has not changed since.

    It is not kept while it leaves places free that somebody wants: a corrected alias can take people away from it, and bring others.
    """
    assert group.standing is not None
    values = [(person, float(value)) for person, value in cursor.execute(group.standing).fetchall()]
    names = {person: people.persons[person].user for person, _ in values}
    wanting = {names[person] for person, value in values if value > 0}
    if previous is None or previous.ranked != ranked or len(wanting.intersection(previous.users)) < min(limits.breakdown_users, len(wanting)):
        users = standing({names[person]: value for person, value in values}, previous.users if previous else (), limits.breakdown_users)
        previous = Standing(ranked, tuple(sorted(users)))
    stands = set(previous.users)
    order = sorted(values, key=lambda row: (names[row[0]] not in stands, -row[1], row[0]))
    return Ranking(tuple(person for person, _ in order)), previous


def fold(
    cursor: duckdb.DuckDBPyConnection, stated: Sequence[Stated], rankings: Mapping[str, Ranking], people: People, limits: Limits, counts: Mapping[str, int]
) -> int:
    """Folds in place what the limits do not let stand; returns the limit step (see `limits.STEPS`)."""
    load, in_breakdowns = _load(cursor, stated, rankings, counts)
    chosen = plan(load, limits.max_series, limits.breakdown_users)
    of_people = [one for one in stated if one.family.of_people and one.family.kind is not Kind.BREAKDOWN]
    for one in of_people:
        _leave_out(cursor, one, chosen)
    standing_people = {person.number for person in people.persons} if people.hidden else None
    if not chosen.people:
        beside = sum(_series(one, counts) for one in stated if not one.family.of_people) + sum(load.folded.values())
        standing_people = _largest(cursor, of_people, rankings, people, limits.max_series - beside)
    if standing_people is not None:
        standing_people -= people.hidden
        _stand_in(cursor, "stand_in_everywhere", standing_people)
    for group in {one.group.name: one.group for one in stated}.values():
        order = in_breakdowns.get(group.name, [])
        by_name = set(order[: chosen.breakdown_users]) - people.hidden
        everybody_stands = by_name.issuperset(order)
        if not everybody_stands:
            _stand_in(cursor, "stand_in", by_name)
        for one in (one for one in stated if one.group is group):
            if one.family.kind is Kind.BREAKDOWN:
                if not everybody_stands:
                    _sum_up(cursor, one, "stand_in")
                if one.family.fold is not None:
                    _fold_values(cursor, one, one.family.fold, limits.breakdown_values)
            elif one.family.of_people and standing_people is not None:
                _fold_people(cursor, one, standing_people)
    return chosen.step


def _load(
    cursor: duckdb.DuckDBPyConnection, stated: Sequence[Stated], rankings: Mapping[str, Ranking], counts: Mapping[str, int]
) -> tuple[Load, dict[str, list[int]]]:
    """What there is to publish, and the people of each group's breakdowns in the order of their ranking, those without a rank last."""
    fixed = essentials = zeros = 0
    by_window = dict.fromkeys(_GIVEN_UP, 0)
    breakdowns: dict[str, dict[int, int]] = {}
    folded: dict[str, int] = {}
    for one in stated:
        series = _series(one, counts)
        if one.family.kind is Kind.BREAKDOWN:
            a_person = breakdowns.setdefault(one.group.name, {})
            for person, rows in cursor.execute(f"SELECT person, count(*) FROM {one.table} GROUP BY person").fetchall():
                a_person[person] = a_person.get(person, 0) + rows
            folded[one.group.name] = folded.get(one.group.name, 0) + _others(cursor, one)
        elif one.family.kind is Kind.ESSENTIAL:
            essentials += series
            for window in _GIVEN_UP:
                by_window[window] += counts.get(f"{one.family.name}_{window}", 0)
            if one.family.windows:
                zeros += _number(cursor, f'SELECT count(*) FROM {one.table} WHERE value = 0 AND "window" NOT IN {_GIVEN_UP}')
        else:
            fixed += series
    ordered = {}
    for name, a_person in breakdowns.items():
        ranked = [person for person in rankings[name].order if person in a_person] if name in rankings else []
        ordered[name] = [*ranked, *sorted(a_person.keys() - set(ranked))]
    series_of_each = {name: [breakdowns[name][person] for person in order] for name, order in ordered.items()}
    return Load(fixed, essentials, by_window, zeros, series_of_each, folded), ordered


def _series(one: Stated, counts: Mapping[str, int]) -> int:
    names = [f"{one.family.name}_{window}" for window in one.windows] if one.family.windows else [one.family.name]
    return sum(counts.get(name, 0) for name in names)


def _others(cursor: duckdb.DuckDBPyConnection, one: Stated) -> int:
    """Series of a family if everybody were summed into the `_other` of their team."""
    keys = ", ".join(("team", *(key for key in one.keys if key != "person")))
    return _number(cursor, f"SELECT count(*) FROM (SELECT DISTINCT {keys} FROM {one.table} JOIN (SELECT person, team FROM person) USING (person))")


def _largest(cursor: duckdb.DuckDBPyConnection, of_people: Sequence[Stated], rankings: Mapping[str, Ranking], people: People, room: int) -> set[int]:
    """The people who stand by name everywhere: those who rank best in any group, as many as there is room for beside the `_other` of every team."""
    best: dict[int, int] = {}
    for ranking in rankings.values():
        for place, person in enumerate(ranking.order):
            best[person] = min(place, best.get(person, place))
    order = sorted((person.number for person in people.persons), key=lambda number: (best.get(number, len(people.persons)), number))
    rows = " UNION ALL ".join(["SELECT person FROM person WHERE false", *(f"SELECT person FROM {one.table}" for one in of_people)])
    series = dict(cursor.execute(f"SELECT person, count(*) FROM ({rows}) GROUP BY person").fetchall())
    others = sum(_others(cursor, one) for one in of_people if one.family.additive)
    return set(order[: fitting((series.get(number, 0) for number in order), room - others)])


def _stand_in(cursor: duckdb.DuckDBPyConnection, name: str, by_name: set[int]) -> None:
    """A table (person, stand): whoever does not stand by name is stood in for by the `_other` of their team."""
    cursor.execute(
        f"""CREATE OR REPLACE TEMP TABLE {name} AS
        SELECT p.person, CASE WHEN p.person IN (SELECT unnest($numbers)) THEN p.person ELSE o.person END AS stand
        FROM person p JOIN other o USING (team)""",
        {"numbers": sorted(by_name)},
    ).fetchall()


def _leave_out(cursor: duckdb.DuckDBPyConnection, one: Stated, chosen: Plan) -> None:
    if one.family.kind is Kind.ESSENTIAL and one.family.windows:
        if chosen.dropped_windows:
            cursor.execute(f'DELETE FROM {one.table} WHERE "window" IN (SELECT unnest($windows))', {"windows": sorted(chosen.dropped_windows)}).fetchall()
        if not chosen.zeros:
            cursor.execute(f"DELETE FROM {one.table} WHERE value = 0").fetchall()


def _fold_people(cursor: duckdb.DuckDBPyConnection, one: Stated, standing_people: set[int]) -> None:
    if one.family.additive:
        _sum_up(cursor, one, "stand_in_everywhere")
    else:
        cursor.execute(f"DELETE FROM {one.table} WHERE person NOT IN (SELECT unnest($numbers))", {"numbers": sorted(standing_people)}).fetchall()


def _sum_up(cursor: duckdb.DuckDBPyConnection, one: Stated, stand_in: str) -> None:
    keys = ", ".join("stand AS person" if key == "person" else key for key in one.keys)
    _replace(cursor, one.table, f"SELECT {keys}, sum(value) AS value FROM {one.table} JOIN {stand_in} USING (person) GROUP BY ALL")


def _fold_values(cursor: duckdb.DuckDBPyConnection, one: Stated, label: str, most: int) -> None:
    """Of each person only the `most` largest values of a label stand, the same ones in every window: those of last_30d."""
    name = sql_name(label)
    keys = ", ".join(f"CASE WHEN place <= {most} THEN {name} ELSE '{FOLDED}' END AS {name}" if key == name else key for key in one.keys)
    _replace(
        cursor,
        one.table,
        f"""
        WITH sums AS (
            SELECT person, {name}, sum(value) FILTER (WHERE "window" = 'last_30d') AS month, sum(value) AS all_windows FROM {one.table} GROUP BY person, {name}
        ),
        largest AS (
            SELECT person, {name}, row_number() OVER (PARTITION BY person ORDER BY month DESC NULLS LAST, all_windows DESC, {name}) AS place FROM sums
        )
        SELECT {keys}, sum(value) AS value FROM {one.table} JOIN largest USING (person, {name}) GROUP BY ALL""",
    )


def _replace(cursor: duckdb.DuckDBPyConnection, table: str, query: str) -> None:
    cursor.execute(f"CREATE TEMP TABLE folded AS {query}").fetchall()
    cursor.execute(f"DROP TABLE {table}").fetchall()
    cursor.execute(f"ALTER TABLE folded RENAME TO {table}").fetchall()


def _number(cursor: duckdb.DuckDBPyConnection, query: str) -> int:
    ((number,),) = cursor.execute(query).fetchall()
    return int(number)
