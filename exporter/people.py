"""Identities to persons and teams. Plain functions: no clock, no file, no socket.

A person is known by many spellings: user name, mail, aliases, Identity Center id. All spellings are compared without case, and ids by their UUID.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from exporter.model import FOLDED, SeenIdentity

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
# C0 and C1 controls, and the marks that reorder text: a name must not be able to rewrite a terminal or a page.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_LONGEST_NAME = 200
UNKNOWN_TEAM = "unknown"


@dataclass(frozen=True, slots=True)
class Entry:
    """A person as the people file or a directory describes them. `seat_tier` is the tier of a paid seat, held since `seat_since` where that is known."""

    user: str
    display_name: str = ""
    email: str = ""
    team: str = ""
    department: str = ""
    aliases: tuple[str, ...] = ()
    seat_tier: str | None = None
    seat_since: date | None = None
    status: str = "listed"
    created: datetime | None = None


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


def normalise(spelling: str) -> str:
    """The form in which spellings are compared: lower case, no surrounding space, no directory prefix; an id is its UUID."""
    spelling = spelling.strip().lower()
    found = _UUID.search(spelling)
    return found.group() if found else spelling


def printable(name: str) -> str:
    """A name that may become a label: control and reordering characters are replaced, and it is cut at 200 characters."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", name.strip())[:_LONGEST_NAME]


def resolve(entries: Iterable[Entry], seen: Sequence[SeenIdentity], team_rules: Sequence[str]) -> People:
    """Joins identities to persons.

    An identity belongs to the entry that names it, else to the entry that names its mail. Identities that match nobody become persons under their own
    name, their mail where they have one; those with the same mail are one person. Two persons of one name both get their short id.
    """
    drafts: list[_Draft] = []
    claims: dict[str, int] = {}
    collisions = 0
    for entry in entries:
        place = len(drafts)
        drafts.append(_Draft(entry))
        for spelling in {normalise(text) for text in (entry.user, entry.email, *entry.aliases) if text.strip()}:
            first = claims.setdefault(spelling, place)
            # Two of one name are counted below, with those whose names only look the same.
            if first != place and not normalise(entry.user) == normalise(drafts[first].entry.user) == spelling:
                collisions += 1
    owners: dict[int, int] = {}
    unresolved: dict[str, int] = {}
    keys = [normalise(identity.key) for identity in seen]
    # One id may be seen in several spellings, and with its mail in only one of them.
    mails = {key: identity.mail for key, identity in zip(keys, seen, strict=True) if identity.mail}
    for key, identity in zip(keys, seen, strict=True):
        known_mail = identity.mail or mails.get(key)
        mail = normalise(known_mail) if known_mail else None
        owner = claims.get(key, claims.get(mail) if mail else None)
        if owner is None:
            for source in identity.sources:
                unresolved[source] = unresolved.get(source, 0) + 1
            owner = claims[mail or key] = len(drafts)
            drafts.append(_Draft(Entry(user=known_mail or identity.key, email=known_mail or "", status="unlisted")))
        elif drafts[owner].entry.status == "unlisted":
            for source in identity.sources:
                unresolved[source] = unresolved.get(source, 0) + 1
        owners[identity.number] = claims[key] = owner
        drafts[owner].keys.append(key)
    names, clashes = _unique_names(drafts)
    order = sorted(range(len(drafts)), key=names.__getitem__)
    rank = {place: number for number, place in enumerate(order)}
    persons = tuple(drafts[place].person(rank[place], names[place], team_rules) for place in order)
    return People(persons, {number: rank[place] for number, place in owners.items()}, unresolved, collisions + clashes)


class _Draft:
    __slots__ = ("entry", "keys")

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.keys: list[str] = []

    @property
    def user_id(self) -> str:
        ids = [key for key in (*self.keys, *map(normalise, self.entry.aliases)) if _UUID.fullmatch(key)]
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
        )


def _unique_names(drafts: Sequence[_Draft]) -> tuple[list[str], int]:
    names = [printable(draft.entry.user) or "unnamed" for draft in drafts]
    by_name: dict[str, list[int]] = {FOLDED: [-1]}
    for place, name in enumerate(names):
        by_name.setdefault(name.lower(), []).append(place)
    clashes = [places for places in by_name.values() if len(places) > 1]
    for place in (place for places in clashes for place in places if place >= 0):
        names[place] += f"@{(drafts[place].user_id or str(place))[:8]}"
        while names[place].lower() in by_name:
            names[place] += f"#{place}"
        by_name[names[place].lower()] = [place]
    return names, len(clashes)


def team_of(entry: Entry, rules: Sequence[str]) -> str:
    """The team that the first answering rule gives: `file`, or `attribute:department`."""
    for rule in rules:
        if rule == "file" and entry.team.strip():
            return entry.team
        if rule == "attribute:department" and entry.department.strip():
            return entry.department
    return UNKNOWN_TEAM
