"""Everybody is resolved anew where something has changed that it comes from, and only there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from facts_in_memory import Caused, config, in_memory

from exporter.config import Config
from exporter.facts.directory import Directory, DirectoryUser
from exporter.facts.recent import RecentFacts
from exporter.facts.store import Store
from exporter.model import day_start
from exporter.people import Entry, People
from exporter.resolved import Resolver

DAY = date(2026, 11, 21)
DIRECTORY = Directory(day_start(DAY), (DirectoryUser("90671b9e-0000-4000-8000-000000000001", "bob", email="bob@example.com"),))
FILE = (Entry(user="alice", email="alice@example.com", team="core"),)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def resolver() -> Resolver:
    return Resolver()


def users(people: People) -> list[str]:
    return [person.user for person in people.persons]


def facts(*sessions: str) -> RecentFacts:
    return in_memory([Caused(DAY, f"session:{session}", read=1) for session in sessions])


def test_nothing_is_resolved_twice(resolver: Resolver, store: Store) -> None:
    """Equal inputs are read anew for every snapshot: they need not be the same objects."""
    first = resolver.resolved(config(), DIRECTORY, FILE, store, facts("alice", "carol"))
    read_later = Directory(day_start(date(2026, 11, 22)), DIRECTORY.users)
    assert users(first) == ["alice", "bob", "carol"]
    assert resolver.resolved(config(), read_later, (replace(FILE[0]),), store, facts("alice", "carol")) is first


def test_corrected_alias_is_followed(resolver: Resolver, store: Store) -> None:
    resolver.resolved(config(), DIRECTORY, FILE, store, facts("alice", "carol"))
    corrected = (replace(FILE[0], aliases=("carol",)),)
    assert users(resolver.resolved(config(), DIRECTORY, corrected, store, facts("alice", "carol"))) == ["alice", "bob"]


def test_new_identity_is_followed(resolver: Resolver, store: Store) -> None:
    resolver.resolved(config(), DIRECTORY, FILE, store, facts("alice"))
    assert users(resolver.resolved(config(), DIRECTORY, FILE, store, facts("alice", "carol"))) == ["alice", "bob", "carol"]


def test_changed_directory_is_followed(resolver: Resolver, store: Store) -> None:
    resolver.resolved(config(), None, FILE, store, facts("alice"))
    assert users(resolver.resolved(config(), DIRECTORY, FILE, store, facts("alice"))) == ["alice", "bob"]


@pytest.mark.parametrize(
    ("changed", "user", "team"),
    [
        (config(privacy={"user_label": "email"}), "alice@example.com", "core"),
        (config(people={"team": ["attribute:department"]}), "alice", "unknown"),
    ],
    ids=["label", "team rules"],
)
def test_changed_config_is_followed(resolver: Resolver, store: Store, changed: Config, user: str, team: str) -> None:
    resolver.resolved(config(), None, FILE, store, facts("alice"))
    (person,) = resolver.resolved(changed, None, FILE, store, facts("alice")).persons
    assert (person.user, person.team) == (user, team)


def test_new_link_is_followed(resolver: Resolver, store: Store) -> None:
    user_id = DIRECTORY.users[0].user_id
    apart = [Caused(DAY, "session:b.smith", read=1), Caused(DAY, user_id, read=1)]
    linked = [apart[0], replace(apart[1], linked="b.smith")]
    assert users(resolver.resolved(config(), DIRECTORY, (), store, in_memory(apart))) == ["b.smith", "bob"]
    assert users(resolver.resolved(config(), DIRECTORY, (), store, in_memory(linked))) == ["bob"]
