"""Facts and people to an immutable snapshot: tables laid, families stated, limits applied, lines rendered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import duckdb

from exporter import windows
from exporter.config import Config
from exporter.facts.recent import RecentFacts
from exporter.families import Group, Kind
from exporter.families.catalogue import GROUPS
from exporter.model import Chunk, Snapshot
from exporter.people import People
from exporter.quoting import sql_text
from exporter.snapshots import exposition
from exporter.snapshots.exposition import Part
from exporter.snapshots.folding import Ranking, Standing, fold, rank
from exporter.snapshots.kiro_overage import Overage
from exporter.snapshots.stating import Stated, counts, state
from exporter.snapshots.tables import lay
from exporter.windows import Landed

WINDOW_HELP: Mapping[str, str] = {
    "today": "Window: the UTC day so far.",
    "yesterday": "Window: yesterday, UTC.",
    "3d_ago": "Window: the UTC day three days ago, settled.",
    "last_7d": "Window: the 7 UTC days that end with the newest landed day.",
    "last_30d": "Window: the 30 UTC days that end with the newest landed day.",
    "month_to_date": "Window: this UTC month so far.",
    "last_month": "Window: the UTC month before this one.",
}


@dataclass(frozen=True, slots=True)
class Built:
    """A snapshot, and what the next one should know of it."""

    snapshot: Snapshot
    standings: dict[str, Standing]
    overage: Overage


def build(
    facts: RecentFacts,
    people: People,
    known_since: Mapping[str, int],
    config: Config,
    landed: Mapping[str, Landed],
    standings: Mapping[str, Standing],
    now: datetime,
) -> Built:
    """Everything that is published at `now` (UTC), from facts in memory. `known_since` is Unix time by user. Raises DuplicateSeries.

    Runs on a cursor of its own, in one transaction: refreshes may go on meanwhile, and are seen whole or not at all.
    """
    cursor = facts.cursor()
    cursor.execute("BEGIN").fetchall()
    try:
        made = limited(cursor, people, known_since, config, landed, standings, now)
        before = made.before
        # Counting takes as long as much of the rest of a small snapshot: what is certain to be as it was is not counted again.
        touched = [one for one in made.stated if made.step or people.hidden or one.family.kind is Kind.BREAKDOWN]
        changed = {name for one in touched for name in one.names}
        after = {name: series for name, series in before.items() if name not in changed} | counts(cursor, touched)
        chunks = tuple(chunk for one in made.stated for chunk in _render(cursor, one, after))
    finally:
        cursor.close()
    folded = {name: series - after.get(name, 0) for name, series in before.items() if series > after.get(name, 0)}
    snapshot = Snapshot(windows.valid_from(now, landed), windows.valid_until(now, landed), chunks, after, folded, made.step)
    return Built(snapshot, made.standings, made.overage)


@dataclass(frozen=True, slots=True)
class Limited:
    """The families of a moment with the limits applied, as tables that stand as long as the cursor."""

    stated: list[Stated]
    rankings: dict[str, Ranking]
    standings: dict[str, Standing]
    """By group; those of the snapshot before where nobody was ranked."""
    before: dict[str, int]
    """Series by metric before the limits."""
    step: int
    """The limit step (`limits.STEPS`)."""
    overage: Overage


def limited(
    cursor: duckdb.DuckDBPyConnection,
    people: People,
    known_since: Mapping[str, int],
    config: Config,
    landed: Mapping[str, Landed],
    standings: Mapping[str, Standing],
    now: datetime,
) -> Limited:
    """Lays the tables of `now` (UTC), states the families that are published then, ranks people and folds. `standings`: those of the snapshot before."""
    overage = lay(cursor, people, known_since, config, landed, now)
    groups = published_groups(landed, now)
    stated = [one for group, present in groups for one in state(cursor, group, present, config.windows)]
    rankings: dict[str, Ranking] = {}
    kept = dict(standings)
    for group, _ in groups:
        if group.standing is not None and group.source is not None:
            basis = f"{now.date()} {landed[group.source].days} {config.limits.breakdown_users}"
            rankings[group.name], kept[group.name] = rank(cursor, group, people, config.limits, standings.get(group.name), basis)
    before = counts(cursor, stated)
    step = fold(cursor, stated, rankings, people, config.limits, before)
    return Limited(stated, rankings, kept, before, step, overage)


def published_groups(landed: Mapping[str, Landed], now: datetime) -> list[tuple[Group, tuple[str, ...]]]:
    """The groups that are published at `now`, each with the windows that are present: those of its source, which has landed and is fresh."""
    return [
        (group, () if group.source is None else tuple(windows.windows(now, landed[group.source])))
        for group in GROUPS
        if group.source is None or (group.source in landed and landed[group.source].fresh(now))
    ]


def _render(cursor: duckdb.DuckDBPyConnection, one: Stated, series: Mapping[str, int]) -> Iterator[Chunk]:
    family = one.family
    if family.windows:
        parts = [Part(f"{family.name}_{window}", f"{family.help} {WINDOW_HELP[window]}", series.get(f"{family.name}_{window}", 0)) for window in one.windows]
        name = f'{sql_text(family.name + "_")} || "window"'
        order = [f'list_position({list(one.windows)}, "window")', *one.keys[1:]]
    else:
        parts, name, order = [Part(family.name, family.help, series.get(family.name, 0))], sql_text(family.name), list(one.keys)
    if not any(part.series for part in parts):
        return
    pairs = (["pairs"] if family.of_people else []) + ([exposition.label_pairs(family.labels)] if family.labels else [])
    rows = f"{one.table} JOIN person_pairs USING (person)" if family.of_people else one.table
    line = exposition.line(name, ", ',', ".join(pairs) or None)
    # Sorted first: the lines are larger than the rows that they are made of, and a sort holds all of them at once.
    lines = f"SELECT {line} FROM (FROM {rows}{' ORDER BY ' * bool(order)}{', '.join(order)})"
    yield from exposition.render(parts, cursor, lines)
