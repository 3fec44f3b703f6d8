"""Identities to persons and teams. Plain functions: no clock, no file, no socket."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property

from exporter.model import FOLDED, SeenIdentity
from exporter.people.spellings import compared, is_id, normalise, one_to_one, printable, spelling_of

# IAM users and users of a provider are named with their account: that is no mail, and the two are not one person.
_IN_ACCOUNT = re.compile(r"@[0-9]{12}$")
UNKNOWN_TEAM = "unknown"
UNLISTED = "unlisted"
"""Status of people who stand in no directory and no people file."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A person as the people file or a directory describes them.

    `attributes` are a directory's, by lower-case name, `groups` the names of groups. `seat_tier` is the tier of a paid seat, held since `seat_since`
    where that is known.
    """

    user: str
    display_name: str = ""
    email: str = ""
    team: str = ""
    department: str = ""
    aliases: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    seat_tier: str | None = None
    seat_since: date | None = None
    status: str = "listed"
    created: datetime | None = None


Label = Callable[[Entry, str], str]
"""What is published as the name of a person: from what is known of them, and their Identity Center id (empty where it is not known)."""


@dataclass(frozen=True, slots=True)
class Person:
    """A human under one canonical name. `number` orders persons by name and counts from 0."""

    number: int
    user: str
    team: str
    user_id: str
    display_name: str
    email: str
    department: str
    status: str
    seat_tier: str | None
    seat_since: date | None
    created: datetime | None
    name: str = ""
    """The user name, whatever is published in its place; it is no label."""
    spellings: tuple[str, ...] = ()
    """Every spelling that means this person, as spellings are compared; no labels either."""


@dataclass(frozen=True, slots=True)
class People:
    """Everybody who is known, and to whom each identity number belongs."""

    persons: tuple[Person, ...]
    owners: Mapping[int, int]
    """Identity number to person number."""
    unresolved: Mapping[str, int] = field(default_factory=dict)
    """Identities that match nobody, by source."""
    collisions: int = 0
    """Names and spellings that two persons claim."""
    hidden: frozenset[int] = frozenset()
    """Numbers of persons who never stand by name: they are summed into the `_other` of their team."""
    keys: Mapping[str, int] = field(default_factory=dict)
    """Person number by the key of an identity, in the form in which keys are compared."""
    spellings: Mapping[str, int] = field(default_factory=dict)
    """Person number by a spelling without its kind: those of entries, and the name, mail and id of people without an entry where they mean one alone."""

    def of_key(self, key: str) -> int | None:
        """Whose an identity is. One that was never seen belongs to the entry that names it; to nobody else, as its kind says another thing."""
        key = compared(key)
        if key in self.keys:
            return self.keys[key]
        found = self.spellings.get(spelling_of(key))
        return None if found is None or self.persons[found].status == UNLISTED else found

    def of_spelling(self, text: str) -> int | None:
        """Who is meant by what somebody wrote: a user name, mail, alias or id."""
        return self.spellings.get(normalise(text))


def joined(directory: Iterable[Entry], file: Iterable[Entry]) -> tuple[Entry, ...]:
    """The people of the directory and of the people file; where the file means somebody of the directory by any spelling, what it says wins."""
    entries = list(directory)
    places: dict[str, int] = {}
    for place, entry in enumerate(entries):
        for spelling in _spellings(entry):
            places.setdefault(spelling, place)
    for entry in file:
        found = next((places[spelling] for spelling in _spellings(entry) if spelling in places), None)
        if found is None:
            entries.append(entry)
        else:
            entries[found] = _over(entry, entries[found])
    return tuple(entries)


def _over(said: Entry, known: Entry) -> Entry:
    return Entry(
        user=said.user,
        display_name=said.display_name or known.display_name,
        email=said.email or known.email,
        team=said.team,
        department=said.department or known.department,
        aliases=(*said.aliases, known.user, known.email, *known.aliases),
        attributes=known.attributes,
        groups=known.groups,
        seat_tier=said.seat_tier,
        seat_since=said.seat_since,
        status=known.status,
        created=known.created,
    )


def _spellings(entry: Entry) -> list[str]:
    """Every spelling of an entry as it is compared, its name first."""
    return list(dict.fromkeys(normalise(text) for text in (entry.user, entry.email, *entry.aliases) if text.strip()))


def resolve(
    entries: Iterable[Entry], seen: Sequence[SeenIdentity], team_rules: Sequence[str], links: Iterable[tuple[str, str]] = (), label: Label | None = None
) -> People:
    """Joins identities to persons.

    An identity belongs to the entry that names it, else to the one that names what it is linked with, else to the one that names its mail. Identities
    that match nobody become persons under their own name, or their mail where they have one; those with the same mail, and those that are linked, are
    one person. Spellings of different kinds that only look the same are not. Two persons of one name both get their short id. `label` says what of a
    person is published as their name.
    """
    drafts: list[_Draft] = []
    claims: dict[str, int] = {}
    collisions = 0
    for entry in entries:
        place = len(drafts)
        drafts.append(_Draft(entry))
        for spelling in drafts[place].spellings:
            first = claims.setdefault(spelling, place)
            # Two of one name are counted below, with those whose names only look the same.
            if first != place and not normalise(entry.user) == normalise(drafts[first].entry.user) == spelling:
                collisions += 1
    listed = dict(claims)
    linked, dropped = one_to_one(links)
    owners: dict[int, int] = {}
    unresolved: dict[str, int] = {}
    keys = [compared(identity.key) for identity in seen]
    # One id may be seen in several spellings, and with its mail in only one of them.
    mails = {key: identity.mail for key, identity in zip(keys, seen, strict=True) if identity.mail}
    for key, identity in zip(keys, seen, strict=True):
        partner = linked.get(key)
        known_mail = mails.get(key) or (mails.get(partner) if partner else None)
        spellings = [spelling_of(key), *([spelling_of(partner)] if partner else []), *([normalise(known_mail)] if known_mail else [])]
        # Entries are claimed by what is named, people without an entry only by the kind of spelling under which they became known.
        owner = next((claims[text] for text in (*spellings, key, partner) if text is not None and text in claims), None)
        if owner is None:
            owner = len(drafts)
            name = known_mail or next((spelling_of(text) for text in (key, partner) if text is not None and ":" in text), identity.key)
            mail = known_mail or (name if "@" in name and not _IN_ACCOUNT.search(name) else "")
            drafts.append(_Draft(Entry(user=name, email=mail, status=UNLISTED)))
            if mail:
                claims[normalise(mail)] = owner
        if drafts[owner].entry.status == UNLISTED:
            for source in identity.sources:
                unresolved[source] = unresolved.get(source, 0) + 1
        owners[identity.number] = claims[key] = owner
        if partner:
            claims.setdefault(partner, owner)
        drafts[owner].keys.append(spelling_of(key))
    published = [(label or _name)(draft.entry, draft.user_id) for draft in drafts]
    # A short id tells who somebody is where names do not: of it, too, only what may be published is.
    ids = [(label or _name)(Entry(draft.user_id or str(place)), draft.user_id) for place, draft in enumerate(drafts)]
    names, clashes = _unique_names(published, ids)
    order = sorted(range(len(drafts)), key=names.__getitem__)
    rank = {place: number for number, place in enumerate(order)}
    persons = tuple(drafts[place].person(rank[place], names[place], team_rules) for place in order)
    return People(
        persons,
        {number: rank[place] for number, place in owners.items()},
        unresolved,
        collisions + clashes + dropped,
        keys={key: rank[claims[key]] for key in keys},
        spellings={text: rank[place] for text, place in _unambiguous(drafts, listed).items()},
    )


def _unambiguous(drafts: Sequence[_Draft], listed: Mapping[str, int]) -> dict[str, int]:
    """Draft by spelling: what entries claim, and beside it what only one of the others is called."""
    others: dict[str, set[int]] = {}
    for place, draft in enumerate(drafts):
        if draft.entry.status == UNLISTED:
            for text in (draft.entry.user, draft.entry.email, *draft.keys):
                if text:
                    others.setdefault(normalise(text), set()).add(place)
    return {**{text: places.pop() for text, places in others.items() if len(places) == 1}, **listed}


def _name(entry: Entry, user_id: str) -> str:
    return entry.user


class _Draft:
    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.keys: list[str] = []

    @cached_property
    def spellings(self) -> list[str]:
        return _spellings(self.entry)

    @cached_property
    def user_id(self) -> str:
        """Asked for when all keys are known."""
        ids = [key for key in (*self.keys, *map(normalise, self.entry.aliases)) if is_id(key)]
        return min(ids, default=min(self.keys, default=""))

    def person(self, number: int, user: str, team_rules: Sequence[str]) -> Person:
        entry = self.entry
        return Person(
            number=number,
            user=user,
            team=printable(team_of(entry, team_rules)),
            user_id=printable(self.user_id),
            display_name=printable(entry.display_name),
            email=printable(entry.email),
            department=printable(entry.department),
            status=entry.status,
            seat_tier=entry.seat_tier,
            seat_since=entry.seat_since,
            created=entry.created,
            name=entry.user,
            spellings=tuple(dict.fromkeys((*self.spellings, *self.keys))),
        )


def _unique_names(published: Iterable[str], ids: Sequence[str]) -> tuple[list[str], int]:
    names = [printable(name) or "unnamed" for name in published]
    by_name: dict[str, list[int]] = {FOLDED: [-1]}
    for place, name in enumerate(names):
        by_name.setdefault(name.lower(), []).append(place)
    clashes = [places for places in by_name.values() if len(places) > 1]
    for place in (place for places in clashes for place in places if place >= 0):
        names[place] += f"@{ids[place][:8]}"
        while names[place].lower() in by_name:
            names[place] += f"#{place}"
        by_name[names[place].lower()] = [place]
    return names, len(clashes)


def team_of(entry: Entry, rules: Sequence[str]) -> str:
    """The team that the first answering rule gives: `file`, `attribute:<name>`, or `group:<pattern>`, of which the first group in brackets is the team."""
    for rule in rules:
        kind, _, argument = rule.partition(":")
        if kind == "file" and entry.team.strip():
            return entry.team
        if kind == "attribute" and (found := entry.attributes.get(argument.lower(), entry.department if argument.lower() == "department" else "").strip()):
            return found
        if kind == "group":
            for group in entry.groups:
                if (matched := re.fullmatch(argument, group)) and matched[1]:
                    return matched[1]
    return UNKNOWN_TEAM
