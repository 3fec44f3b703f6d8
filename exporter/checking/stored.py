"""What the store says, read beside a running exporter: the newest day of each source, and which people are matched. Nothing is locked or written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from exporter import windows
from exporter.checking.findings import Finding, Status
from exporter.config import Config, format_duration
from exporter.facts import directory
from exporter.facts.history import History
from exporter.facts.recent import RecentFacts, UnreadableFacts
from exporter.facts.store import Store
from exporter.facts.tables import TABLES
from exporter.model import DayRange, SeenIdentity
from exporter.people import UNLISTED, Entry, People, normalise
from exporter.refreshes import Refreshes
from exporter.resolved import listed, published, resolved, seen
from exporter.sources import cost_explorer
from exporter.sources.cost_explorer import CostExplorerState
from exporter.sources.cost_explorer_plan import Pages
from exporter.telemetry import Telemetry
from exporter.windows import Landed

_NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Stored:
    """What was read of a store; `exists` is false for a folder that holds none yet."""

    exists: bool
    store: Store
    facts: RecentFacts
    landed: Mapping[str, Landed]
    refreshed: Mapping[str, datetime | None]
    damaged: tuple[Path, ...]

    def pages(self) -> Mapping[str, Pages]:
        """How many pages questions to Cost Explorer have taken."""
        known = self.store.state(cost_explorer.NAME, CostExplorerState)
        return {} if known is None else known.pages

    def tag_values(self) -> int:
        """Values of owner tags in the bill of Cost Explorer."""
        query = f"SELECT count(DISTINCT owner_tags) FROM (SELECT DISTINCT candidate FROM {cost_explorer.NAME}) JOIN bill_candidate USING (candidate)"
        ((found,),) = self.facts.cursor().execute(query).fetchall()
        return int(found)


def sources_made(config: Config, store: Store, now: datetime) -> Refreshes:
    """The sources as the service makes them, which nobody runs. Raises UserError for patterns and lists that only they can judge."""
    return Refreshes(config, store, History(store, RecentFacts()), Telemetry(), lambda: now, lambda: None)


def read(config: Config, now: datetime) -> Stored:
    """Reads who stands in the stored facts. Raises UserError for a store of a newer version."""
    store = Store.look(config.store.path)
    made = sources_made(config, store, now)
    facts, damaged = RecentFacts(), []
    for source, table in TABLES.items():
        if (older := store.older(source)) is not None:
            try:
                facts.import_older(source, older[1])
            except UnreadableFacts:
                damaged.append(older[1])
        for day in (day for day in store.days(source) if day in windows.recent(now)):
            for file in store.facts(source, DayRange(day, day)):
                try:
                    if table.of_bill:
                        facts.load(source, [day], [file])  # callers and tags of a bill are known only with its rows
                    else:
                        facts.meet(source, [file])
                except UnreadableFacts:
                    if file.exists():  # retention may have ended in the meantime
                        damaged.append(file)
    refreshed = {name: refresh.refreshed() for name, refresh in made.by_name.items()}
    return Stored((config.store.path / "version").is_file(), store, facts, made.landed(), refreshed, tuple(damaged))


def of_store(config: Config, stored: Stored, now: datetime) -> Iterator[Finding]:
    """The store itself, and the newest day of each source in it."""
    path = config.store.path
    if not stored.exists:
        yield Finding("store", "store", Status.UNTRIED, f"{path} holds no store yet; `run` makes it")
        return
    yield Finding("store", "store", Status.OK, f"{path}")
    if stored.damaged:
        text = f"{len(stored.damaged):,} files cannot be read, such as {stored.damaged[0]}"
        yield Finding("store", "store", Status.WARNING, text, "the next start of the exporter sets them aside and reads their days again")
    for name, landed in stored.landed.items():
        yield _newest(name, landed, stored.refreshed.get(name), now)


def _newest(name: str, landed: Landed, refreshed: datetime | None, now: datetime) -> Finding:
    when = f", refreshed {refreshed:%Y-%m-%d %H:%M} UTC" if refreshed else "; its first load has not come to an end"
    if landed.days is None:
        return Finding(name, "newest_day", Status.UNTRIED, f"the store holds no day{when}")
    text = f"{landed.days.last} in the store{when}"
    values = {"newest_in_store": landed.days.last.isoformat()}
    if landed.fresh(now) or refreshed is None:
        return Finding(name, "newest_day", Status.OK, text, values=values)
    todo = f"its metrics are withdrawn (sources.{name}.max_age is {format_duration(landed.max_age)}): see whether AWS still delivers, and what the log says"
    return Finding(name, "newest_day", Status.WARNING, text, todo, values=values)


def of_people(config: Config, stored: Stored, file: tuple[Entry, ...]) -> Iterator[Finding]:
    """Who is matched by directory and people file, and names of the config that are nobody's. Shows only names that may be published."""
    known = listed(directory.stored(stored.store), file)
    if not stored.exists and not known:
        yield Finding("people", "people", Status.UNTRIED, "nobody is known before the first refresh")
        return
    everybody = resolved(config, known, stored.store, stored.facts)
    yield from _matched(everybody, published(config).of(everybody), seen(config, stored.facts), config)
    yield from _named_nobody(everybody, config)


def _matched(resolved: People, shown: People, seen: list[SeenIdentity], config: Config) -> Iterator[Finding]:
    unlisted = [person for person in shown.persons if person.status == UNLISTED]
    matched = len(resolved.persons) - len(unlisted)
    values: dict[str, str | int | float | None] = {"known": matched, "unmatched": len(unlisted), "collisions": resolved.collisions}
    yield Finding("people", "people", Status.OK, f"{matched:,} people are known by directory or people file", values=values)
    for source in config.sources.facts():
        identities = sum(source in identity.sources for identity in seen)
        unmatched = resolved.unresolved.get(source, 0)
        if identities:
            counted: dict[str, str | int | float | None] = {"source": source, "identities": identities, "unmatched": unmatched}
            yield Finding(
                "people", "people", Status.OK, f"{source}: {identities - unmatched:,} of {identities:,} identities belong to somebody known", values=counted
            )
    if unlisted:
        text = f"{len(unlisted):,} people match nobody and stand under the name by which AWS knows them"
        may_show = [person.user for person in unlisted if person.number not in shown.hidden] if config.privacy.user_label != "hash" else []
        if may_show:
            text += f", such as {', '.join(may_show[:_NAMES_SHOWN])}"
        yield Finding("people", "people", Status.WARNING, text, "add them to the people file, or their spellings to the aliases of somebody there")
    if resolved.collisions:
        text = f"{resolved.collisions:,} names or spellings are claimed by two people"
        yield Finding("people", "people", Status.WARNING, text, "let each stand with one person, in the directory and in the people file")


def _named_nobody(people: People, config: Config) -> Iterator[Finding]:
    """Names in the config that mean nobody: a slip of the pen there gives cost to nobody, or shows who should be hidden."""
    spellings = {normalise(person.name) for person in people.persons} | {normalise(person.user) for person in people.persons}
    for place, name in enumerate(config.privacy.exclude_users):
        if normalise(name) not in spellings:
            yield Finding("people", "people", Status.WARNING, f"privacy.exclude_users[{place}] names nobody who is known", "correct the user name")
    for account, owner in config.attribution.account_owners.items():
        if people.of_spelling(owner) is None:
            yield Finding("people", "people", Status.WARNING, f"attribution.account_owners names nobody who is known for {account}", "correct the user name")
    if config.budgets.teams and people.persons:
        teams = {person.team for person in people.persons}
        for team in (team for team in config.budgets.teams if team not in teams):
            yield Finding("people", "people", Status.WARNING, f"budgets.teams has {team}, and nobody is in it", "correct the name of the team")
