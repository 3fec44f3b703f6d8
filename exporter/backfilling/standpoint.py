"""From where past days are looked at: who there is, what has landed, how overage is read and who stands by name, all as of now."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb

from exporter import windows
from exporter.config import Config
from exporter.errors import UserError
from exporter.facts import directory
from exporter.facts.history import History
from exporter.facts.recent import RecentFacts, UnreadableFacts
from exporter.facts.store import Store
from exporter.facts.tables import TABLES
from exporter.families import Kind
from exporter.model import DayRange
from exporter.people import Entry, People
from exporter.people.remembered import KNOWN, STANDINGS, Known, Standings, meet
from exporter.refreshes import Refreshes
from exporter.resolved import listed, published, resolved
from exporter.snapshots.building import limited
from exporter.snapshots.folding import Ranking, Standing
from exporter.snapshots.kiro_overage import Overage
from exporter.snapshots.stating import Stated
from exporter.telemetry import Telemetry
from exporter.windows import Landed, with_bill

log = logging.getLogger(__name__)

ALWAYS = timedelta(days=36_500)
"""A `max_age` that never passes: what has grown too old to be published is history all the same."""

_WITHOUT_FILE = ("kiro_credits", "kiro_features")
"""Sources whose landed days may have no file: a day without use has no report."""

_NO_ZEROS, _PEOPLE_FOLDED = 4, 5
"""The limit steps (`limits.STEPS`) from which zeros are left out, and people are summed into `_other`."""

_UNLIMITED = 2**62


@dataclass(frozen=True, slots=True)
class Standpoint:
    """What holds for every past day. `facts` holds no day, but since when each identity has been active."""

    store: Store
    facts: RecentFacts
    people: People
    """Whoever does not stand by name now is hidden."""
    known_since: Mapping[str, int]
    config: Config
    """With overage as it was decided, and with limits as they have come out."""
    rankings: Mapping[str, Ranking]
    """By group: the people who stand by name in its breakdowns, where not everybody does."""
    zeros: bool
    """Whether zeros of essentials are published."""
    landed: Mapping[str, frozenset[date]]
    """The days of each source that are over and have landed."""


def take(config: Config, entries: tuple[Entry, ...], now: datetime) -> Standpoint:
    """Reads the store beside a running exporter; nothing is locked or written. Raises UserError where it holds no day."""
    store = Store.look(config.store.path)
    sources = Refreshes(config, store, History(store, RecentFacts()), Telemetry(), lambda: now, lambda: None)
    landed = {name: replace(state, max_age=ALWAYS) for name, state in sources.landed().items() if state.days is not None}
    if not landed:
        raise UserError(f"the store {store.path} holds no day yet; let `run` read the sources first, or name another store with --store.path")
    facts = _facts(store, now)
    everybody = resolved(config, listed(directory.stored(store), entries), store, facts)
    people = published(config).of(everybody)
    known_since, _ = meet((store.recall(KNOWN, Known) or Known({})).since, everybody.persons, int(now.timestamp()))
    now_published = _publish(facts, people, known_since, config, landed, _standings(store), now)
    for source in TABLES:
        facts.drop_before(source, date.max)
    return Standpoint(
        store,
        facts,
        replace(people, hidden=now_published.hidden),
        known_since,
        _as_decided(config, now_published),
        now_published.rankings,
        now_published.step < _NO_ZEROS,
        {name: _landed_days(store, name, state) for name, state in landed.items()},
    )


def _facts(store: Store, now: datetime) -> RecentFacts:
    """What a snapshot of now would be built from; the activity of its days is remembered like that of older ones, to stay when they are let go."""
    facts = RecentFacts()
    for source in TABLES:
        _read(store, facts, source, windows.recent(now))
    return facts


def _read(store: Store, facts: RecentFacts, source: str, reach: DayRange) -> None:
    remembered = date.min
    if (older := store.older(source)) is not None:
        try:
            facts.import_older(source, older[1])
            remembered = older[0]
        except UnreadableFacts as error:
            _tell_unreadable(source, older[1], error)
    files = {day: file for day in store.days(source) if day > remembered or day in reach for file in store.facts(source, DayRange(day, day))}
    unreadable = read_readable(source, files, lambda some: facts.remember_older(source, list(some.values())))
    held = {day: file for day, file in files.items() if day in reach and day not in unreadable}
    read_readable(source, held, lambda some: facts.load(source, list(some), list(some.values())))


def read_readable(source: str, files: Mapping[date, Path], read: Callable[[Mapping[date, Path]], None]) -> set[date]:
    """Reads fact files by day all at once, or where one is damaged each by itself. Returns the days that could not be read."""
    unreadable: set[date] = set()
    if files:
        try:
            read(files)
        except UnreadableFacts:
            for day, file in files.items():
                try:
                    read({day: file})
                except UnreadableFacts as error:
                    _tell_unreadable(source, file, error)
                    unreadable.add(day)
    return unreadable


def _tell_unreadable(source: str, file: Path, error: UnreadableFacts) -> None:
    """A file that retention has deleted meanwhile is no news."""
    if file.exists():
        log.warning("a file of the store cannot be read and is left out", extra={"fields": {"source": source, "file": str(file), "error": str(error)}})


def _standings(store: Store) -> dict[str, Standing]:
    kept = store.recall(STANDINGS, Standings) or Standings({})
    return {name: Standing(*standing) for name, standing in kept.groups.items()}


@dataclass(frozen=True, slots=True)
class _NowPublished:
    overage: Overage
    rankings: Mapping[str, Ranking]
    hidden: frozenset[int]
    breakdown_users: int
    step: int


def _publish(
    facts: RecentFacts,
    people: People,
    known_since: Mapping[str, int],
    config: Config,
    landed: Mapping[str, Landed],
    standings: Mapping[str, Standing],
    now: datetime,
) -> _NowPublished:
    """What the limits make of a snapshot of now: history gets the same people by name, or its series would double those that are scraped."""
    landed = with_bill(landed, config.paying)
    cursor = facts.cursor()
    cursor.execute("BEGIN").fetchall()
    try:
        made = limited(cursor, people, known_since, config, landed, standings, now)
        by_group = {name: [one for one in made.stated if one.group.name == name] for name in made.rankings}
        named = {name: by_name for name, stated in by_group.items() if (by_name := _by_name(cursor, stated, breakdowns=True))}
        hidden = people.hidden
        if made.step >= _PEOPLE_FOLDED:
            hidden = frozenset(person.number for person in people.persons) - _by_name(cursor, made.stated, breakdowns=False)
    finally:
        cursor.close()
    places = config.limits.breakdown_users if made.step == 0 else max((len(by_name) for by_name in named.values()), default=0)
    # Where everybody has a place today, so may whoever is among the most active of another day.
    kept = {name: Ranking(tuple(sorted(by_name))) for name, by_name in named.items() if len(by_name) >= places}
    return _NowPublished(made.overage, kept, hidden, places, made.step)


def _by_name(cursor: duckdb.DuckDBPyConnection, stated: list[Stated], *, breakdowns: bool) -> frozenset[int]:
    tables = [one.table for one in stated if one.family.of_people and (one.family.kind is Kind.BREAKDOWN) == breakdowns]
    query = " UNION ".join(["SELECT NULL::INTEGER AS person WHERE false", *(f"SELECT person FROM {table}" for table in tables)])
    return frozenset(person for (person,) in cursor.execute(f"SELECT person FROM ({query}) WHERE person >= 0").fetchall())


def _as_decided(config: Config, now: _NowPublished) -> Config:
    relation = "on_top" if now.overage.on_top else "inside"
    period = "month_to_date" if now.overage.cumulative else "daily"
    return config.model_copy(
        update={
            "kiro": config.kiro.model_copy(update={"overage_relation": relation, "overage_period": period}),
            "limits": config.limits.model_copy(update={"max_series": _UNLIMITED, "breakdown_users": now.breakdown_users}),
        }
    )


def _landed_days(store: Store, source: str, landed: Landed) -> frozenset[date]:
    """Days whose facts are there. Retention deletes the oldest, and a damaged file that was set aside has not been read again yet."""
    stored = store.days(source)
    if landed.days is None or not stored:
        return frozenset()
    if source not in _WITHOUT_FILE:
        return frozenset(day for day in stored if day in landed.days)
    aside = {path.stem for path in (store.path / "facts" / source).glob("*.damaged")} - {day.isoformat() for day in stored}
    return frozenset(day for day in DayRange(max(stored[0], landed.days.first), landed.days.last) if day.isoformat() not in aside)
