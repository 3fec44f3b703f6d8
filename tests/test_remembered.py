"""Since when people are known stays, whatever is published of them and however they come to be known better."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from facts_in_memory import Caused, config, identity, in_memory, parse

from exporter.assembly import Assembly
from exporter.facts.history import History
from exporter.facts.store import Store
from exporter.model import DayRange
from exporter.people import Entry
from exporter.people.remembered import KNOWN, Known
from exporter.telemetry import Telemetry
from exporter.windows import Landed

THEN = datetime(2026, 7, 1, 12, tzinfo=UTC)
NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)
DAY = date(2026, 7, 14)
ALICE, BOB = identity("a"), identity("b")
LISTED = (Entry("Alice", email="alice@example.com", aliases=(ALICE,)), Entry("bob", email="bob@example.com"))
LABELS = (
    {"user_label": "name"},
    {"user_label": "email"},
    {"user_label": "id"},
    {"user_label": "hash", "hash_key": "one"},
    {"user_label": "hash", "hash_key": "two"},
)


@pytest.fixture
def store(tmp_path: Path) -> Any:
    opened = Store.open(tmp_path)
    yield opened
    opened.close()


def created(store: Store, now: datetime, entries: tuple[Entry, ...] = LISTED, who: str = ALICE, **privacy: Any) -> list[datetime]:
    """When the people who are published are known since, oldest first."""
    recent = in_memory([Caused(DAY, who, read=1)])
    assembly = Assembly(store, History(store, recent), Telemetry(), lambda: now)
    assembly.take(config(privacy=privacy), entries)
    built = assembly.build(NOW, {"cloudtrail": Landed(DayRange(DAY, DAY), timedelta(days=3))})
    assert built is not None
    samples = parse(b"".join(chunk.plain for chunk in built.chunks).decode())
    return sorted(datetime.fromtimestamp(value, UTC) for value in samples["aws_user_created_timestamp_seconds"].values())


@pytest.mark.parametrize("after", LABELS)
@pytest.mark.parametrize("before", LABELS)
def test_another_label_makes_nobody_new(store: Store, before: dict[str, Any], after: dict[str, Any]) -> None:
    created(store, THEN, **before)
    assert created(store, NOW, **after) == [THEN, THEN]


@pytest.mark.parametrize("privacy", LABELS)
def test_file_by_label_of_an_older_version_is_taken_over(store: Store, privacy: dict[str, Any]) -> None:
    """Written by label until now, whatever the label is."""
    from exporter.people.privacy import Published

    published = Published(privacy["user_label"], privacy.get("hash_key", ""))
    labels = [published.label(LISTED[0], ALICE), published.label(LISTED[1], "")]
    store.remember(KNOWN, Known({label: int(THEN.timestamp()) for label in labels} | {"gone": 1}))
    assert created(store, NOW, **privacy) == [THEN, THEN]
    known = store.recall(KNOWN, Known)
    assert known is not None
    assert known.since == {ALICE: THEN.timestamp(), "alice": THEN.timestamp(), "bob": THEN.timestamp(), "gone": 1}


def test_file_by_label_is_taken_over_though_the_label_changes_at_the_same_time(store: Store) -> None:
    store.remember(KNOWN, Known({"alice@example.com": int(THEN.timestamp()), "bob@example.com": int(THEN.timestamp())}))
    assert created(store, NOW) == [THEN, THEN]


def test_person_whose_id_shows_up_later_is_the_same(store: Store) -> None:
    created(store, THEN, (Entry("alice"),), who="session:alice")
    created(store, NOW, (Entry("alice", aliases=(ALICE,)),))
    assert created(store, NOW, (Entry("alice.smith", aliases=(ALICE,)),)) == [THEN]


def test_person_who_was_only_a_mail_and_is_listed_later_is_the_same(store: Store) -> None:
    created(store, THEN, (), who="session:alice@example.com")
    assert created(store, NOW, (Entry("alice", email="alice@example.com"),), who="session:alice@example.com") == [THEN]


def test_somebody_new_of_a_name_that_is_taken_is_new(store: Store) -> None:
    created(store, THEN, (Entry("alice", aliases=(ALICE,)),))
    assert created(store, NOW, (Entry("alice", aliases=(ALICE,)), Entry("alice", aliases=(BOB,)))) == [THEN, NOW]


def test_nothing_is_written_when_nobody_is_new(store: Store) -> None:
    created(store, THEN)
    before = (store.path / KNOWN).stat().st_mtime_ns
    created(store, NOW)
    assert (store.path / KNOWN).stat().st_mtime_ns == before
