"""What of a person may be published. Plain functions."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

from exporter.people.resolving import Entry, People, Person
from exporter.people.spellings import normalise

_HASH_CHARACTERS = 16


@dataclass(frozen=True, slots=True)
class Published:
    """How people are named, and who stands by name at all. `hash_key` is needed for `hash`."""

    user_label: Literal["name", "email", "id", "hash"] = "name"
    hash_key: str = ""
    only_teams: Collection[str] = ()
    exclude_users: Collection[str] = ()

    def label(self, entry: Entry, user_id: str) -> str:
        """The name that is published of a person; their user name where what is asked for is not known."""
        if self.user_label == "email":
            return entry.email or entry.user
        if self.user_label == "id":
            return user_id or entry.user
        if self.user_label == "hash":
            return pseudonym(entry.user, self.hash_key)
        return entry.user

    def of(self, people: People) -> People:
        """The people as they are published: with `hash` without anything that names them, and with those hidden who are not to stand by name."""
        excluded = {normalise(name) for name in self.exclude_users}
        hidden = {
            person.number
            for person in people.persons
            if (excluded and {normalise(person.name), normalise(person.user)} & excluded) or (self.only_teams and person.team not in self.only_teams)
        }
        persons = people.persons if self.user_label != "hash" else tuple(map(_nameless, people.persons))
        return replace(people, persons=persons, hidden=frozenset(hidden))


def pseudonym(name: str, key: str) -> str:
    """A keyed hash of a user name (HMAC-SHA256, 64 bits in hexadecimal). Without the key it cannot be found by trying names."""
    return hmac.new(key.encode(), name.strip().lower().encode(), hashlib.sha256).hexdigest()[:_HASH_CHARACTERS]


def _nameless(person: Person) -> Person:
    return replace(person, user_id="", display_name="", email="", name="", spellings=())
