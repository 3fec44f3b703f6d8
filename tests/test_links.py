"""Links between Identity Center ids and session names: learned from single events, one to one only, and never forgotten."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from facts_in_memory import Caused, identity, in_memory, rows_of

from exporter.facts.history import History
from exporter.facts.recent import RecentFacts
from exporter.facts.store import Store
from exporter.model import FactBatch, SeenIdentity
from exporter.people import Entry, People, one_to_one, resolve

A, B = identity("a"), identity("b")
DAY = date(2026, 7, 14)
NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=120)


def people_of(recent: RecentFacts, entries: tuple[Entry, ...] = ()) -> dict[str, set[str]]:
    """Who owns which identities."""
    seen = recent.identities()
    people = resolve(entries, seen, ("file",), recent.links())
    return owned(people, seen)


def owned(people: People, seen: list[SeenIdentity]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one in seen:
        found.setdefault(people.persons[people.owners[one.number]].user, set()).add(one.key)
    return found


def collisions(recent: RecentFacts) -> int:
    return resolve((), recent.identities(), (), recent.links()).collisions


# Learned


def test_event_with_id_and_name_makes_them_one_person() -> None:
    recent = in_memory([Caused(DAY, A, 1, linked="alice"), Caused(DAY, "session:alice", 1)])
    assert people_of(recent) == {"alice": {A, "session:alice"}}


def test_link_of_one_day_holds_for_all_days() -> None:
    before = DAY - timedelta(days=9)
    recent = in_memory([Caused(before, "session:alice", 1), Caused(before, A, 1), Caused(DAY, A, 1, linked="alice")])
    assert people_of(recent) == {"alice": {A, "session:alice"}}


def test_name_alone_is_no_link() -> None:
    assert people_of(in_memory([Caused(DAY, A, 1), Caused(DAY, "session:alice", 1)])) == {A: {A}, "alice": {"session:alice"}}


def test_linked_name_counts_even_if_it_never_stands_alone() -> None:
    assert people_of(in_memory([Caused(DAY, A, 1, linked="alice")])) == {"alice": {A}}


def test_person_of_a_list_by_the_name_owns_the_id() -> None:
    recent = in_memory([Caused(DAY, A, 1, linked="alice")])
    assert people_of(recent, (Entry("Alice"),)) == {"Alice": {A}}


def test_person_of_a_list_by_the_id_owns_the_session() -> None:
    recent = in_memory([Caused(DAY, A, 1, linked="asmith"), Caused(DAY, "session:asmith", 1)])
    assert people_of(recent, (Entry("alice", aliases=(A,)),)) == {"alice": {A, "session:asmith"}}


def test_link_is_no_row_of_events() -> None:
    recent = in_memory([Caused(DAY, A, 3, linked="alice")])
    assert recent.cursor().execute("SELECT dimension, events FROM cloudtrail").fetchall() == [("access", 3)]


def test_linked_people_are_unresolved_once_for_each_identity() -> None:
    recent = in_memory([Caused(DAY, A, 1, linked="alice"), Caused(DAY, "session:alice", 1)])
    assert resolve((), recent.identities(), (), recent.links()).unresolved == {"cloudtrail": 2}


# One to one only


def test_links_lead_both_ways() -> None:
    assert one_to_one([(A, "Alice")]) == ({A: "session:alice", "session:alice": A}, 0)


def test_name_with_two_ids_is_dropped_and_counted() -> None:
    assert one_to_one([(A, "alice"), (B, "alice")]) == ({}, 1)


def test_id_with_two_names_is_dropped_and_counted() -> None:
    assert one_to_one([(A, "alice"), (A, "asmith")]) == ({}, 1)


def test_spellings_of_one_link_are_one() -> None:
    assert one_to_one([(A, "alice"), (f"d-1234567890.{A.upper()}", "ALICE")])[1] == 0


def test_dropped_link_leaves_the_others() -> None:
    assert one_to_one([(A, "alice"), (B, "bob"), (identity("c"), "bob")]) == ({A: "session:alice", "session:alice": A}, 1)


def test_name_with_two_ids_stays_apart_from_both() -> None:
    recent = in_memory([Caused(DAY, A, 1, linked="alice"), Caused(DAY, B, 1, linked="alice"), Caused(DAY, "session:alice", 1)])
    assert people_of(recent) == {A: {A}, B: {B}, "alice": {"session:alice"}}


def test_dropped_link_is_a_collision() -> None:
    recent = in_memory([Caused(DAY, A, 1, linked="alice"), Caused(DAY, B, 1, linked="alice")])
    assert collisions(recent) == 1


def test_second_id_on_a_later_day_takes_the_link_back() -> None:
    recent = in_memory([Caused(DAY - timedelta(days=1), A, 1, linked="alice"), Caused(DAY, B, 1, linked="alice"), Caused(DAY, "session:alice", 1)])
    assert len(people_of(recent)) == 3


# No merging by a shared name

SAME_NAME = ["session:alice", "iam_user:alice@111122223333", "iam_user:alice@444455556666", "source_identity:alice", "federated:alice", "session_name:alice"]


def test_same_name_of_different_kinds_is_nobody_in_common() -> None:
    found = people_of(in_memory([Caused(DAY, who, 1) for who in SAME_NAME]))
    assert sorted(map(sorted, found.values())) == sorted([who] for who in SAME_NAME)


def test_link_takes_the_session_only() -> None:
    found = people_of(in_memory([Caused(DAY, A, 1, linked="alice"), *(Caused(DAY, who, 1) for who in SAME_NAME)]))
    assert sorted(map(sorted, found.values())) == sorted([[A, "session:alice"], *([who] for who in SAME_NAME if who != "session:alice")])


def test_federated_user_is_not_the_iam_user_of_the_same_account() -> None:
    both = ["federated:alice@111122223333", "iam_user:alice@111122223333"]
    assert sorted(map(sorted, people_of(in_memory([Caused(DAY, who, 1) for who in both])).values())) == [[both[0]], [both[1]]]


def test_name_in_an_account_is_no_mail() -> None:
    recent = in_memory([Caused(DAY, "federated:alice@111122223333", 1)])
    assert [person.email for person in resolve((), recent.identities(), ()).persons] == [""]


def test_one_mail_is_one_person_whatever_the_kind() -> None:
    both = {"session:alice@example.com", "session_name:alice@example.com"}
    assert people_of(in_memory([Caused(DAY, who, 1) for who in both])) == {"alice@example.com": both}


# Kept


def store_day(store: Store, *facts: Caused) -> None:
    store.replace(FactBatch("cloudtrail", (facts[0].day,), rows_of(facts)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store = Store.open(tmp_path)
    store_day(store, Caused(DAY, A, 1, linked="alice"), Caused(DAY, "session:alice", 1))
    store.close()
    return tmp_path


def restarted(folder: Path, now: datetime) -> dict[str, set[str]]:
    """Who owns what in a process that starts at a moment."""
    store, recent = Store.open(folder), RecentFacts()
    History(store, recent).open(now)
    found = people_of(recent)
    store.close()
    return found


ONE_PERSON = {"alice": {A, "session:alice"}}


def test_link_is_learned_from_the_store(folder: Path) -> None:
    assert restarted(folder, NOW) == ONE_PERSON


def test_link_outlives_its_day_in_memory(folder: Path) -> None:
    store, recent = Store.open(folder), RecentFacts()
    history = History(store, recent)
    history.open(NOW)
    history.advance(LATER)
    assert (recent.days("cloudtrail"), people_of(recent)) == (None, ONE_PERSON)


def test_link_outlives_its_day_and_a_restart(folder: Path) -> None:
    restarted(folder, LATER)
    assert restarted(folder, LATER + timedelta(days=1)) == ONE_PERSON


def test_link_outlives_its_file(folder: Path) -> None:
    restarted(folder, LATER)
    (folder / "facts" / "cloudtrail" / f"{DAY}.parquet").unlink()
    assert restarted(folder, LATER + timedelta(days=1)) == ONE_PERSON


def test_link_of_long_ago_holds_for_a_session_of_today(folder: Path) -> None:
    restarted(folder, LATER)
    store = Store.open(folder)
    store_day(store, Caused(LATER.date() - timedelta(days=1), A, 1))
    store.close()
    assert restarted(folder, LATER) == ONE_PERSON


def test_link_of_long_ago_is_dropped_by_another_of_today(folder: Path) -> None:
    restarted(folder, LATER)
    store = Store.open(folder)
    store_day(store, Caused(LATER.date() - timedelta(days=1), B, 1, linked="alice"))
    store.close()
    assert restarted(folder, LATER) == {A: {A}, B: {B}, "alice": {"session:alice"}}
