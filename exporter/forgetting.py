"""Takes one person out of the store: found as the service finds people, then taken out of every file, in steps that can be cut off and repeated."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import msgspec

from exporter import resolved
from exporter.config import Config
from exporter.errors import UserError
from exporter.facts import directory
from exporter.facts.directory import Directory
from exporter.facts.forgotten import KINDS, Forgotten
from exporter.facts.recent import RecentFacts, UnreadableFacts
from exporter.facts.store import Store
from exporter.facts.tables import TABLES
from exporter.model import DayRange
from exporter.people import Entry, Person, compared, is_id, joined, normalise, one_to_one, resolve
from exporter.people.privacy import Published
from exporter.people.remembered import KNOWN, STANDINGS, Known, Standings
from exporter.sources import cost_explorer
from exporter.sources.cost_explorer import CostExplorerState
from exporter.sources.cost_explorer_names import without_forgotten

_SUGGESTIONS = 3


@dataclass(frozen=True, slots=True)
class Target:
    """A person, the keys of all their identities (seen ones and those that their spellings would have), and what keeps being true of the others.

    `unlinked`: session names that must go on linking nobody, though whoever made them ambiguous is forgotten. `listed`: the people file names the person.
    """

    person: Person
    keys: tuple[str, ...]
    unlinked: tuple[str, ...]
    listed: bool


@dataclass(frozen=True, slots=True)
class Erased:
    """What was taken out, or would be: rows by source and day, and whatever else stood in the store."""

    rows: dict[str, dict[date, int]]
    older: int
    remembered: int
    directory: int
    objects: int
    damaged: int

    @property
    def of_person(self) -> int:
        """Everything that was of the person, and not merely read again: 0 when nothing was found."""
        return sum(sum(days.values()) for days in self.rows.values()) + self.older + self.remembered + self.directory


def find(store: Store, config: Config, file: Sequence[Entry], asked: str) -> Target:
    """The one person who goes by a user name, mail, alias, id or published name. Raises UserError where nobody does, or more than one."""
    facts = _who_stands_in(store)
    listed = directory.stored(store)
    privacy = config.privacy
    links = store.forgotten.usable(facts.links())
    seen = resolved.seen(config, facts)
    published = Published(privacy.user_label, privacy.hash_key or "")
    people = resolve(joined(directory.entries(listed) if listed else (), file), seen, config.people.team, links, published.label)
    spelling = normalise(asked)
    # A published name is nobody else's; any other spelling may have been claimed twice.
    found = [person for person in people.persons if person.user.lower() == asked.strip().lower()] or [
        person for person in people.persons if spelling in person.spellings
    ]
    if len(found) != 1:
        raise UserError(_why_not_one(asked, found, people.persons))
    (person,) = found
    own = {identity.key for identity in seen if people.owners[identity.number] == person.number}
    others = {compared(identity.key) for identity in seen if people.owners[identity.number] != person.number}
    possible = {key for name in person.spellings for key in ((name,) if is_id(name) else (f"{kind}:{name}" for kind in KINDS))}
    keys = {compared(key) for key in own} | (possible - others)
    return Target(person, tuple(sorted(keys)), _ambiguous(links, keys), any(normalise(entry.user) in person.spellings for entry in file))


def erase(store: Store, target: Target, today: date, *, write: bool) -> Erased:
    """Takes a person out of the store, through `today` (UTC); or only counts. Cut off in between, `again` goes on."""
    forgotten = store.forgotten.with_more(target.keys, target.unlinked, today)
    if write:
        store.drop_served()
        # First of all, so that nothing that is read from now on brings them back, and an interrupted run can be finished.
        store.forget(forgotten)
    # Of this person alone: whoever was forgotten before and has come back since is not concerned.
    only = Forgotten(forgotten.key).with_more(target.keys, (), today)
    erased = _sweep(store, only, target, write=write)
    if write:
        store.forget(_finished(forgotten))
    return erased


def again(store: Store) -> Erased:
    """Takes everybody out once more who was forgotten before: after a backup was put back, or where `erase` was cut off."""
    store.drop_served()
    erased = _sweep(store, store.forgotten, None, write=True)
    store.forget(_finished(store.forgotten))
    return erased


def _finished(forgotten: Forgotten) -> Forgotten:
    return Forgotten(forgotten.key, forgotten.identities, forgotten.names, False)


def _sweep(store: Store, forgotten: Forgotten, target: Target | None, *, write: bool) -> Erased:
    # Decoded objects hold all there is of a person, in no order: they go whole.
    objects, damaged = store.erase_objects(write=write), store.erase_aside(write=write)
    rows: dict[str, dict[date, int]] = {}
    older = 0
    for source in TABLES:
        days = {day: store.erase(source, day, forgotten, write=write) for day in store.days(source)}
        rows[source] = {day: count for day, count in days.items() if count}
        older += store.erase_older(source, forgotten, write=write)
    spellings = () if target is None else (*target.person.spellings, normalise(target.person.user), normalise(target.person.name))
    return Erased(
        {source: days for source, days in rows.items() if days},
        older,
        _erase_known(store, forgotten, spellings, write) + _erase_standings(store, forgotten, spellings, write) + _erase_fallen(store, forgotten, write),
        _erase_listed(store, forgotten, spellings, write),
        objects,
        damaged,
    )


def _is_gone(name: str, forgotten: Forgotten, spellings: Collection[str]) -> bool:
    return normalise(name) in spellings or forgotten.through_spelling(normalise(name)) is not None


def _erase_known(store: Store, forgotten: Forgotten, spellings: Collection[str], write: bool) -> int:
    known = store.recall(KNOWN, Known) or Known({})
    kept = {name: since for name, since in known.since.items() if not _is_gone(name, forgotten, spellings)}
    if write and kept != known.since:
        store.remember(KNOWN, Known(kept))
    return len(known.since) - len(kept)


def _erase_standings(store: Store, forgotten: Forgotten, spellings: Collection[str], write: bool) -> int:
    standings = store.recall(STANDINGS, Standings) or Standings({})
    kept = {group: (ranked, tuple(user for user in users if not _is_gone(user, forgotten, spellings))) for group, (ranked, users) in standings.groups.items()}
    if write and kept != standings.groups:
        store.remember(STANDINGS, Standings(kept))
    return sum(len(users) - len(kept[group][1]) for group, (_, users) in standings.groups.items())


def _erase_fallen(store: Store, forgotten: Forgotten, write: bool) -> int:
    """Values of tags that named nobody when Cost Explorer answered with them, and may have named the person since."""
    state = store.state(cost_explorer.NAME, CostExplorerState)
    if state is None:
        return 0
    kept = without_forgotten(state.fallen, forgotten)
    if write and kept != state.fallen:
        store.save_state(cost_explorer.NAME, msgspec.structs.replace(state, fallen=kept))
    return sum(len(values or ()) - len(kept[day] or ()) for day, values in state.fallen.items())


def _erase_listed(store: Store, forgotten: Forgotten, spellings: Collection[str], write: bool) -> int:
    listed = directory.stored(store)
    if listed is None:
        return 0
    kept = tuple(user for user in listed.users if not _is_gone(user.user_id, forgotten, spellings))
    if write and kept != listed.users:
        directory.keep(store, Directory(listed.read, kept))
    return len(listed.users) - len(kept)


def _who_stands_in(store: Store) -> RecentFacts:
    """Everybody of the stored history, however old, with mails and links."""
    facts = RecentFacts()
    for source in TABLES:
        file = None
        try:
            if (kept := store.older(source)) is not None:
                file = kept[1]
                facts.import_older(source, file)
            for day in store.days(source):
                (file,) = store.facts(source, DayRange(day, day))
                facts.meet(source, [file])
        except UnreadableFacts as error:
            raise UserError(f"{file} is damaged, so nobody can be found in it; start the exporter once, which sets it aside, then run forget again") from error
    return facts


def _ambiguous(links: Iterable[tuple[str, str]], keys: Collection[str]) -> tuple[str, ...]:
    """Names that would link somebody as soon as the links of a person are gone, and do not now."""
    before, _ = one_to_one(links)
    after, _ = one_to_one((user_id, name) for user_id, name in links if compared(user_id) not in keys and f"session:{name.strip().lower()}" not in keys)
    return tuple(sorted(key.partition(":")[2] for key in after if key not in before and ":" in key))


def _why_not_one(asked: str, found: Sequence[Person], everybody: Sequence[Person]) -> str:
    if found:
        names = ", ".join(person.user for person in found[:_SUGGESTIONS])
        return f"{len(found)} people go by {asked!r} ({names}); name the one by the user name or id under which they are published"
    by_spelling = {spelling: person.user for person in everybody for spelling in (*person.spellings, normalise(person.user))}
    close = list(dict.fromkeys(by_spelling[spelling] for spelling in difflib.get_close_matches(normalise(asked), by_spelling, _SUGGESTIONS)))
    meant = f"{len(close)} are spelled alike: {', '.join(close)}" if close else "nobody is spelled alike"
    return f"none of the {len(everybody):,} people that the store, the directory and the people file know goes by {asked!r} ({meant}); correct the name"
