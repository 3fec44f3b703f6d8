"""Stated days to OpenMetrics text with times: the series of people, of the whole organisation, and the totals that Prometheus' rules record of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import duckdb

from exporter.backfilling.calendar import Month, offset_seconds
from exporter.families import Family, Kind
from exporter.model import Chunk, DayRange
from exporter.quoting import sql_name, sql_text
from exporter.snapshots import exposition
from exporter.snapshots.building import WINDOW_HELP
from exporter.snapshots.exposition import Part
from exporter.snapshots.stating import Stated

END = b"# EOF\n"
"""What stands at the end of an OpenMetrics text, and only there."""

ACTIVE: Mapping[str, tuple[tuple[str, ...], str]] = {
    "kiro": (
        ("kiro_user_credits", "kiro_user_messages"),
        """SELECT "window", person, c.value + m.value > 0 AS active
        FROM stated_kiro_user_credits c JOIN stated_kiro_user_messages m USING ("window", person)""",
    ),
    "aws": (("aws_user_events",), """SELECT "window", person, sum(value) > 0 AS active FROM stated_aws_user_events GROUP BY ALL"""),
}
"""Who was active on a day, as the recorded counts of active people have it: the families that say so, and a query over their tables."""


@dataclass(frozen=True, slots=True)
class Target:
    """What series look like in Prometheus, and which of them are wanted."""

    labels: tuple[tuple[str, str], ...]
    """Labels that Prometheus gives to what it scrapes, `job` and `instance` first. Recorded totals do not have them."""
    families: frozenset[str]
    breakdowns: frozenset[str]
    """The breakdown families of which the series of each person are wanted; of the others only totals are written."""


@dataclass(frozen=True, slots=True)
class _Samples:
    """Samples of one metric: rows with `window`, which is a day, labels and `value`."""

    metric: str
    help: str
    rows: str
    pairs: str | None
    order: tuple[str, ...]
    window: str


def render(
    cursor: duckdb.DuckDBPyConnection, stated: Iterable[Stated], windows: Mapping[str, tuple[str, ...]], month: Month, target: Target
) -> Iterator[Chunk]:
    """The samples of a month, metric by metric and series by series, oldest first. `windows` are those of each family by its name."""
    found = list(stated)
    if not found:
        return
    cursor.execute("CREATE OR REPLACE TEMP VIEW person_team AS SELECT person, team FROM person UNION ALL SELECT person, team FROM other").fetchall()
    for one in found:
        for window in windows[one.family.name]:
            if window in month.spans:
                for samples in _of_family(one, window, target):
                    yield from _render(cursor, samples, month.spans[window])
    names = {one.family.name for one in found}
    for what, (families, query) in ACTIVE.items():
        if names.issuperset(families) and "yesterday" in month.spans and all("yesterday" in windows[family] for family in families):
            yield from _render(cursor, _active(what, query), month.spans["yesterday"])


def _of_family(one: Stated, window: str, target: Target) -> Iterator[_Samples]:
    family, metric = one.family, f"{one.family.name}_{window}"
    if family.kind is not Kind.BREAKDOWN or family.name in target.breakdowns:
        given = "".join(f'{name}="{_escaped(value)}",' for name, value in target.labels).removesuffix(",")
        labels = exposition.label_pairs(family.labels) if family.labels else None
        pairs = ", ',', ".join(part for part in (sql_text(given), "pairs" if family.of_people else None, labels) if part)
        rows = f"{one.table} JOIN person_pairs USING (person)" if family.of_people else one.table
        yield _Samples(metric, f"{family.help} {WINDOW_HELP[window]}", f"FROM {rows}", pairs, one.keys[1:], window)
    if family.of_people and family.additive and window in family.windows:
        yield from _totals(family, one.table, metric, window)


def _totals(family: Family, table: str, metric: str, window: str) -> Iterator[_Samples]:
    """As prometheus/rules/recording.yml records them."""
    for level, labels in (("team", ("team", *family.labels)), ("organization", family.labels)):
        keys = tuple(map(sql_name, labels))
        selected = ", ".join(('"window"', *keys))
        rows = f"FROM (SELECT {selected}, sum(value) AS value FROM {table} JOIN person_team USING (person) GROUP BY ALL)"
        pairs = exposition.label_pairs(labels) if labels else None
        yield _Samples(f"{level}:{metric}:sum", f"Recorded total of {metric}.", rows, pairs, keys, window)


def _active(what: str, query: str) -> _Samples:
    rows = f"""FROM (SELECT "window", team, count(*) FILTER (WHERE active) AS value FROM ({query}) JOIN person_team USING (person) GROUP BY ALL)"""
    help = "Recorded count of people who were active on the day."
    return _Samples(f"team:{what}_active_people_yesterday:count", help, rows, exposition.label_pairs(("team",)), ("team",), "yesterday")


def _render(cursor: duckdb.DuckDBPyConnection, samples: _Samples, days: DayRange) -> Iterator[Chunk]:
    within = f"""WHERE "window" BETWEEN '{days.first}' AND '{days.last}'"""
    ((number,),) = cursor.execute(f"SELECT count(*) {samples.rows} {within}").fetchall()
    if number:
        at = f"""(epoch("window"::DATE)::BIGINT + {offset_seconds(samples.window)})"""
        line = exposition.line(sql_text(samples.metric), samples.pairs, at)
        order = ", ".join((*samples.order, '"window"'))
        part = Part(samples.metric, samples.help, number)
        yield from exposition.render([part], cursor, f"SELECT {line} FROM ({samples.rows} {within} ORDER BY {order})")


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
