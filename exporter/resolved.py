"""Who everybody is: the identities of the stored history joined with the directory and the people file, by the rules of a config."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from exporter.config import Config
from exporter.facts import directory
from exporter.facts.directory import Directory
from exporter.facts.recent import RecentFacts
from exporter.facts.store import Store
from exporter.model import SeenIdentity
from exporter.people import Entry, People, joined, resolve
from exporter.people.attribution import Rules, with_principals
from exporter.people.privacy import Published


def published(config: Config) -> Published:
    """What is published of people, by the config."""
    privacy = config.privacy
    return Published(privacy.user_label, privacy.hash_key or "", privacy.only_teams, privacy.exclude_users)


def listed(stored: Directory | None, file: Iterable[Entry]) -> tuple[Entry, ...]:
    """The people of the directory, where one is stored, and of the people file, which wins."""
    return joined(directory.entries(stored) if stored else (), file)


def seen(config: Config, facts: RecentFacts) -> list[SeenIdentity]:
    """Every identity of the stored history, people who called a service that a bill names among them."""
    return with_principals(facts.identities(), facts.principals(), Rules.of(config.people.patterns))


def resolved(config: Config, known: Iterable[Entry], store: Store, facts: RecentFacts) -> People:
    """Everybody who is known, under the names that are published; nobody is hidden yet (see `Published.of`)."""
    return _resolve(known, _Terms.of(config, store, facts))


class Resolver:
    """The same for one snapshot after the other: it is done anew only where something has changed that it is done from, as it takes a second for thousands."""

    def __init__(self) -> None:
        self._last: tuple[object, People] | None = None

    def resolved(self, config: Config, stored: Directory | None, file: tuple[Entry, ...], store: Store, facts: RecentFacts) -> People:
        """Everybody, from the directory that is stored and the people file. The very same object as before where nothing has changed."""
        terms = _Terms.of(config, store, facts)
        given, last = (stored.users if stored else None, file, terms), self._last
        if last is None or last[0] != given:
            self._last = last = (given, _resolve(listed(stored, file), terms))
        return last[1]


@dataclass(frozen=True, slots=True)
class _Terms:
    """What people are resolved by, beside the entries that name them."""

    seen: Sequence[SeenIdentity]
    team_rules: Sequence[str]
    links: Sequence[tuple[str, str]]
    published: Published

    @classmethod
    def of(cls, config: Config, store: Store, facts: RecentFacts) -> _Terms:
        return cls(seen(config, facts), config.people.team, store.forgotten.usable(facts.links()), published(config))


def _resolve(known: Iterable[Entry], terms: _Terms) -> People:
    return resolve(known, terms.seen, terms.team_rules, terms.links, terms.published.label)
