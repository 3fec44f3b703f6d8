"""Bills and creators of resources in memory: candidates once each, people of bills kept when their days leave, the first creator for ever."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from billed import Billed
from facts_in_memory import Caused, Fact, config, identity, in_memory, publish, rows_of

from exporter.facts.history import History
from exporter.facts.recent import RecentFacts
from exporter.facts.store import Store
from exporter.model import DayRange, FactBatch
from exporter.windows import Landed

A, B = identity("a"), identity("b")
DAY = date(2026, 7, 14)
NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=120)


def candidates(recent: RecentFacts) -> int:
    ((count,),) = recent.cursor().execute("SELECT count(*) FROM bill_candidate").fetchall()
    return int(count)


def keys(recent: RecentFacts) -> dict[str, tuple[str, ...]]:
    return {one.key: one.sources for one in recent.identities()}


# In memory


def test_candidates_are_kept_once() -> None:
    recent = in_memory([Billed(DAY, 1, owner="alice"), Billed(DAY, 2, "s3", owner="alice"), Billed(DAY, 3), Billed(DAY - timedelta(days=1), 4)])
    assert candidates(recent) == 2


def test_nothing_said_is_a_candidate_too() -> None:
    recent = in_memory([Billed(DAY, 1), Billed(DAY, "2.5")])
    assert recent.cursor().execute("SELECT sum(cost)::VARCHAR FROM cur JOIN bill_candidate USING (candidate)").fetchall() == [("3.500000000000",)]


def test_ids_of_a_bill_are_identities() -> None:
    recent = in_memory(
        [Billed(DAY, 1, user=A), Billed(DAY, 1, store_user=B), Billed(DAY, 1, owner="alice", created_by="IAMUser:X:bob", creator="session:dave")]
    )
    assert keys(recent) == {A: ("cur",), B: ("cur",)}


def test_id_in_both_columns_is_one_identity() -> None:
    assert keys(in_memory([Billed(DAY, 1, user=A, store_user=A)])) == {A: ("cur",)}


def test_callers_are_given_with_their_source() -> None:
    assert in_memory([Billed(DAY, 1, principal="arn:x"), Billed(DAY, 2, "s3", principal="arn:x")]).principals() == [("arn:x", "cur")]


def store_days(store: Store, *facts: Fact) -> None:
    by_day: dict[date, list[Fact]] = {}
    for fact in facts:
        by_day.setdefault(fact.day, []).append(fact)
    for day, rows in by_day.items():
        store.replace(FactBatch("cur" if isinstance(rows[0], Billed) else "cloudtrail", (day,), rows_of(rows)))


def opened(folder: Path, now: datetime, *facts: Fact) -> tuple[Store, History]:
    store = Store.open(folder)
    store_days(store, *facts)
    history = History(store, RecentFacts())
    history.open(now)
    return store, history


def test_restated_day_takes_the_place_of_what_was_in_memory(tmp_path: Path) -> None:
    store, history = opened(tmp_path, NOW, Billed(DAY, 1, owner="alice"), Billed(DAY, 1, owner="bob"))
    store_days(store, Billed(DAY, 3, owner="alice"))
    history.reload("cur", [DAY], NOW)
    assert history.recent.cursor().execute("SELECT owner_tags, cost::INTEGER FROM cur JOIN bill_candidate USING (candidate)").fetchall() == [("alice", 3)]
    store.close()


def test_candidates_leave_with_their_days(tmp_path: Path) -> None:
    store, history = opened(tmp_path, NOW, Billed(DAY, 1, owner="alice"), Billed(DAY - timedelta(days=20), 1, owner="bob"))
    history.advance(LATER)
    assert (history.recent.days("cur"), candidates(history.recent)) == (None, 0)
    store.close()


def test_candidates_stay_while_a_day_has_them(tmp_path: Path) -> None:
    store, history = opened(tmp_path, NOW, Billed(DAY, 1, owner="alice"), Billed(date(2026, 5, 20), 1, owner="bob"))
    history.advance(NOW + timedelta(days=20))
    assert history.recent.cursor().execute("SELECT owner_tags FROM bill_candidate").fetchall() == [("alice",)]
    store.close()


def test_person_of_the_bill_outlives_the_day_in_memory(tmp_path: Path) -> None:
    store, history = opened(tmp_path, NOW, Billed(DAY, 1, user=A))
    history.advance(LATER)
    assert keys(history.recent) == {A: ("cur",)}
    store.close()


def test_person_of_the_bill_outlives_the_day_and_a_restart(tmp_path: Path) -> None:
    opened(tmp_path, LATER, Billed(DAY, 1, user=A))[0].close()
    (tmp_path / "facts" / "cur" / f"{DAY}.parquet").unlink()
    store, history = opened(tmp_path, LATER + timedelta(days=1))
    assert keys(history.recent) == {A: ("cur",)}
    store.close()


# Creators


def created(resource: str, who: str, day: date = DAY, second: int = 0) -> Caused:
    return Caused(day, who, write=1, created=(resource,), first=second)


def test_creator_is_learned() -> None:
    recent = in_memory([Caused(DAY, "session:alice", write=2, created=("i-1", "my-bucket"))])
    assert recent.creators() == [("i-1", "session:alice"), ("my-bucket", "session:alice")]


def test_creator_is_no_row_of_events() -> None:
    recent = in_memory([created("i-1", "session:alice")])
    assert recent.cursor().execute("SELECT dimension, events FROM cloudtrail").fetchall() == [("access", 1)]


@pytest.mark.parametrize("order", [1, -1])
def test_first_creator_wins(order: int) -> None:
    facts = [created("i-1", "session:alice", second=100), created("i-1", "session:bob", second=200)]
    assert in_memory(facts[::order]).creators() == [("i-1", "session:alice")]


def learned(store: Store, days: Iterable[date], history: History) -> list[tuple[str, str]]:
    for day in days:
        history.reload("cloudtrail", [day], NOW)
    return history.recent.creators()


@pytest.mark.parametrize("order", [1, -1])
def test_first_creator_wins_whichever_day_is_read_first(tmp_path: Path, order: int) -> None:
    store = Store.open(tmp_path)
    before = DAY - timedelta(days=3)
    store_days(store, created("i-1", "session:bob", DAY), created("i-1", A, before))
    history = History(store, RecentFacts())
    assert learned(store, [DAY, before][::order], history) == [("i-1", A)]
    store.close()


def test_creator_stays_when_the_day_is_read_again_without(tmp_path: Path) -> None:
    store, history = opened(tmp_path, NOW, created("i-1", A))
    store_days(store, Caused(DAY, A, 1))
    assert learned(store, [DAY], history) == [("i-1", A)]
    store.close()


def test_creator_outlives_the_day_in_memory(tmp_path: Path) -> None:
    store, history = opened(tmp_path, NOW, created("i-1", A))
    history.advance(LATER)
    assert (history.recent.days("cloudtrail"), history.recent.creators()) == (None, [("i-1", A)])
    store.close()


def test_creator_outlives_the_file_and_a_restart(tmp_path: Path) -> None:
    opened(tmp_path, LATER, created("i-1", A))[0].close()
    (tmp_path / "facts" / "cloudtrail" / f"{DAY}.parquet").unlink()
    store, history = opened(tmp_path, LATER + timedelta(days=1))
    assert history.recent.creators() == [("i-1", A)]
    store.close()


def test_creator_of_long_ago_comes_before_one_of_today(tmp_path: Path) -> None:
    opened(tmp_path, LATER, created("i-1", A))[0].close()
    store, history = opened(tmp_path, LATER, created("i-1", "session:bob", LATER.date() - timedelta(days=1)))
    assert history.recent.creators() == [("i-1", A)]
    store.close()


def test_links_and_creators_of_one_id_stay_apart(tmp_path: Path) -> None:
    opened(tmp_path, LATER, Caused(DAY, A, 1, linked="alice", created=("i-1",)))[0].close()
    store, history = opened(tmp_path, LATER + timedelta(days=1))
    assert (history.recent.links(), history.recent.creators()) == ([(A, "alice")], [("i-1", A)])
    store.close()


# Callers whose days have left memory

SESSION = "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Dev_0123456789abcdef/zoe"
PROGRAM = "arn:aws:sts::111122223333:assumed-role/gateway/botocore-session-1700000000"


def test_caller_stays_known_when_the_days_leave_memory_and_after_a_restart(tmp_path: Path) -> None:
    for now in (NOW, LATER, LATER + timedelta(days=30)):
        store, history = opened(tmp_path, now, *([Billed(DAY, 1, principal=SESSION), Billed(DAY, 2, principal=PROGRAM)] if now == NOW else ()))
        store.close()
        wanted = [PROGRAM, SESSION] if now == NOW else [SESSION]
        assert sorted(arn for arn, _ in history.recent.principals()) == sorted(wanted)
        assert keys(history.recent) == {}


def test_caller_of_old_days_only_is_published_without_cost() -> None:
    recent = in_memory([Billed(DAY, 1, user=A)], [Billed(DAY - timedelta(days=200), 5, principal=SESSION)])
    days = {"cur": Landed(DayRange(DAY, DAY), timedelta(days=9))}
    published = publish(recent, NOW, days, settings=config(sources={"cur": {"location": "export/"}}))
    assert {dict(pairs)["user"] for pairs in published.samples["aws_user_info"]} == {"zoe", A}
    costs = {dict(pairs)["user"]: value for pairs, value in published.samples["aws_user_cost_yesterday"].items()}
    assert costs == {"zoe": 0, A: 1}
