"""What is remembered of people from one snapshot to the next: since when each is known, and who stands in breakdowns. Plain functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from exporter.people.resolving import Person
from exporter.people.spellings import is_id, normalise

KNOWN = "people/known.json"
STANDINGS = "people/standings.json"


class Known(msgspec.Struct, frozen=True):
    """Since when people are known, as Unix time: by Identity Center id and by user name, whatever is published of them.

    Until 0.1 it was by published name; `meet` still finds people under that.
    """

    since: dict[str, int]


class Standings(msgspec.Struct, frozen=True):
    """By group: when its breakdowns were ranked, and who stands in them under which published name."""

    groups: dict[str, tuple[str, tuple[str, ...]]]


def meet(since: Mapping[str, int], persons: Sequence[Person], now: int) -> tuple[dict[str, int], dict[str, int]]:
    """Since when each person is known, by published name; and what to remember from now on. Whoever was not known before is known since `now`."""
    names = Counter(normalise(person.name) for person in persons)
    keys = [_keys(person, names) for person in persons]
    kept = {normalise(key): at for key, at in since.items()}
    taken = {key for some in keys for key in some}
    by_user: dict[str, int] = {}
    for person, own in zip(persons, keys, strict=True):
        others = [key for key in (normalise(person.user), *person.spellings) if key not in taken]
        found = next((kept[key] for key in (*own, *others) if key in kept), now)
        by_user[person.user] = found
        for key in others:
            kept.pop(key, None)
        for key in own:
            kept.setdefault(key, found)
    return by_user, kept


def _keys(person: Person, names: Mapping[str, int]) -> list[str]:
    """What stays when labels change. Both, so that who is known by name only is the same when the id shows up; a name that two bear is neither's."""
    name = normalise(person.name)
    return [*([person.user_id] if is_id(person.user_id) else ()), name if names[name] == 1 else normalise(person.user)]
