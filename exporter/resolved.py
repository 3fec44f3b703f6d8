"""Who everybody is: the identities of the stored history joined with the directory and the people file, by the rules of a config."""

from __future__ import annotations

from collections.abc import Iterable

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
    return resolve(known, seen(config, facts), config.people.team, store.forgotten.usable(facts.links()), published(config).label)
