"""Facts in memory: what windows reach and no more, first and last activity of everything older, and the newest mail of each identity."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from kiro_rig import Rows

from exporter.facts.history import History
from exporter.facts.recent import RecentFacts, UnreadableFacts
from exporter.facts.store import Store
from exporter.model import DayRange, FactBatch

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
OLDEST_IN_REACH = date(2026, 9, 21)
"""62 days before NOW, and before the start of last month."""
TOO_OLD = OLDEST_IN_REACH - timedelta(days=1)
YESTERDAY = date(2026, 11, 21)

Activity = dict[str, tuple[date, date]]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    yield opened
    opened.close()


def used(identity: str, credits: float = 1.0, mail: str | None = None) -> str:
    """SQL for one credits fact, without its day."""
    spelled = f"'{mail}'" if mail else "NULL"
    return f"""SELECT '{identity}' AS identity, {spelled}::VARCHAR AS mail, '111122223333' AS account, 'us-east-1' AS region,
        'ide' AS client, NULL::VARCHAR AS model, 'pro' AS tier, {credits}::DECIMAL(38,18) AS credits, 0::DECIMAL(38,18) AS overage_credits,
        2500::DECIMAL(38,18) AS overage_cap, false AS overage_enabled, 1000::DECIMAL(38,18) AS included_credits,
        0::BIGINT AS messages, 0::BIGINT AS conversations, false AS new_user"""


def counted(identity: str, value: int = 1) -> str:
    """SQL for one features fact, without its day."""
    return f"SELECT '{identity}' AS identity, '111122223333' AS account, 'us-east-1' AS region, 'chat_messagessent' AS counter, {value}::BIGINT AS value"


def keep(store: Store, day: date, *facts: str, source: str = "kiro_credits") -> None:
    """Puts a day into the store."""
    rows = " UNION ALL ".join(f"SELECT DATE '{day}' AS day, * FROM ({fact})" for fact in facts)
    store.replace(FactBatch(source, (day,), Rows(rows)))


def opened(store: Store, now: datetime = NOW) -> History:
    history = History(store, RecentFacts())
    assert history.open(now) == {}
    return history


def older(history: History, source: str = "kiro_credits") -> Activity:
    """First and last active day of each identity in the days that have left memory."""
    found = (
        history.recent.export_older(source)
        .execute("SELECT key, make_timestamp(first_time * 1000000)::DATE, make_timestamp(last_time * 1000000)::DATE FROM older_rows")
        .fetchall()
    )
    return {key: (first, last) for key, first, last in found}


def mails(history: History) -> dict[str, str | None]:
    return {identity.key: identity.mail for identity in history.recent.identities()}


def credits(history: History) -> dict[tuple[date, str], float]:
    found = history.recent.cursor().execute("SELECT day, key, credits::DOUBLE FROM kiro_credits JOIN identities USING (identity)").fetchall()
    return {(day, key): value for day, key, value in found}


def fact_file(store: Store, day: date) -> Path:
    return store.path / "facts" / "kiro_credits" / f"{day}.parquet"


# What is in memory


def test_empty_store_opens(store: Store) -> None:
    history = opened(store)
    assert (history.recent.days("kiro_credits"), history.recent.identities()) == (None, [])


def test_only_the_days_that_windows_reach_are_in_memory(store: Store) -> None:
    for day in (TOO_OLD, OLDEST_IN_REACH, YESTERDAY):
        keep(store, day, used("alice"))
    assert opened(store).recent.days("kiro_credits") == DayRange(OLDEST_IN_REACH, YESTERDAY)


def test_a_whole_month_after_a_whole_month_is_in_memory(store: Store) -> None:
    for day in (date(2026, 6, 30), date(2026, 7, 1), date(2026, 8, 30)):
        keep(store, day, used("alice"))
    assert opened(store, datetime(2026, 8, 31, 23, tzinfo=UTC)).recent.days("kiro_credits") == DayRange(date(2026, 6, 30), date(2026, 8, 30))


def test_days_leave_memory_as_the_clock_goes_on(store: Store) -> None:
    for day in (OLDEST_IN_REACH, YESTERDAY):
        keep(store, day, used("alice"))
    history = opened(store)
    history.advance(NOW + timedelta(days=1))
    assert history.recent.days("kiro_credits") == DayRange(YESTERDAY, YESTERDAY)


def test_day_that_was_replaced_takes_the_place_of_what_was_in_memory(store: Store) -> None:
    keep(store, YESTERDAY, used("alice", 1.5), used("bob"))
    history = opened(store)
    keep(store, YESTERDAY, used("alice", 2.5))
    assert history.reload("kiro_credits", [YESTERDAY], NOW) == []
    assert credits(history) == {(YESTERDAY, "alice"): 2.5}


def test_loading_the_same_day_twice_changes_nothing(store: Store) -> None:
    keep(store, YESTERDAY, used("alice", 1.5))
    history = opened(store)
    history.reload("kiro_credits", [YESTERDAY], NOW)
    assert credits(history) == {(YESTERDAY, "alice"): 1.5}


def test_reader_that_has_begun_does_not_see_what_is_loaded_meanwhile(store: Store) -> None:
    keep(store, YESTERDAY, used("alice", 1.5))
    history = opened(store)
    reader = history.recent.cursor()
    reader.execute("BEGIN").fetchall()
    before = reader.execute("SELECT sum(credits)::DOUBLE FROM kiro_credits").fetchall()
    keep(store, YESTERDAY, used("alice", 9.0))
    history.reload("kiro_credits", [YESTERDAY], NOW)
    assert reader.execute("SELECT sum(credits)::DOUBLE FROM kiro_credits").fetchall() == before == [(1.5,)]


def test_identity_is_known_with_the_sources_that_hold_it(store: Store) -> None:
    keep(store, YESTERDAY, used("alice"), used("bob"))
    keep(store, YESTERDAY, counted("bob"), counted("carol"), source="kiro_features")
    found = {identity.key: identity.sources for identity in opened(store).recent.identities()}
    assert found == {"alice": ("kiro_credits",), "bob": ("kiro_credits", "kiro_features"), "carol": ("kiro_features",)}


def test_identity_that_was_corrected_away_is_known_no_more(store: Store) -> None:
    keep(store, YESTERDAY, used("alcie"))
    history = opened(store)
    keep(store, YESTERDAY, used("alice"))
    history.reload("kiro_credits", [YESTERDAY], NOW)
    assert list(mails(history)) == ["alice"]


# First and last activity of older days


def test_first_and_last_activity_of_older_days_stays(store: Store) -> None:
    keep(store, date(2026, 5, 1), used("alice"))
    keep(store, date(2026, 5, 2), used("alice"), used("bob"))
    keep(store, date(2026, 8, 3), used("alice"))
    keep(store, YESTERDAY, used("alice"))
    history = opened(store)
    assert older(history) == {"alice": (date(2026, 5, 1), date(2026, 8, 3)), "bob": (date(2026, 5, 2), date(2026, 5, 2))}


def test_days_that_leave_memory_are_remembered(store: Store) -> None:
    keep(store, OLDEST_IN_REACH, used("alice"))
    keep(store, YESTERDAY, used("bob"))
    history = opened(store)
    before = older(history)
    history.advance(NOW + timedelta(days=1))
    assert (before, older(history)) == ({}, {"alice": (OLDEST_IN_REACH, OLDEST_IN_REACH)})


def test_person_who_is_gone_for_long_is_still_known(store: Store) -> None:
    keep(store, date(2026, 3, 1), used("alice", mail="alice@example.com"))
    keep(store, YESTERDAY, used("bob"))
    assert mails(opened(store)) == {"alice": "alice@example.com", "bob": None}


def test_row_without_use_is_no_activity(store: Store) -> None:
    keep(store, date(2026, 5, 1), used("alice", credits=0))
    keep(store, date(2026, 5, 2), used("alice"))
    keep(store, date(2026, 5, 3), used("alice", credits=0))
    assert older(opened(store)) == {"alice": (date(2026, 5, 2), date(2026, 5, 2))}


def test_counter_at_0_is_no_activity(store: Store) -> None:
    keep(store, date(2026, 5, 1), counted("alice", 0), source="kiro_features")
    keep(store, date(2026, 5, 2), counted("alice", 3), source="kiro_features")
    history = opened(store)
    assert (older(history, "kiro_features"), older(history)) == ({"alice": (date(2026, 5, 2), date(2026, 5, 2))}, {})


def test_older_activity_survives_a_restart(store: Store) -> None:
    keep(store, date(2026, 5, 1), used("alice", mail="alice@example.com"))
    first = opened(store)
    again = opened(store)
    assert (older(again), mails(again)) == (older(first), {"alice": "alice@example.com"})


def test_older_activity_survives_its_facts(store: Store) -> None:
    keep(store, date(2026, 5, 1), used("alice"))
    opened(store)
    fact_file(store, date(2026, 5, 1)).unlink()
    assert older(opened(store)) == {"alice": (date(2026, 5, 1), date(2026, 5, 1))}


def test_older_days_are_not_read_again_at_a_restart(store: Store) -> None:
    keep(store, date(2026, 5, 1), used("alice"))
    opened(store)
    fact_file(store, date(2026, 5, 1)).write_bytes(b"whoever reads this fails")
    assert older(opened(store)) == {"alice": (date(2026, 5, 1), date(2026, 5, 1))}
    assert fact_file(store, date(2026, 5, 1)).exists()


def test_restart_after_a_long_stop_remembers_what_left_meanwhile(store: Store) -> None:
    keep(store, date(2026, 5, 1), used("alice"))
    keep(store, date(2026, 11, 20), used("alice"), used("bob"))
    opened(store)
    history = opened(store, datetime(2027, 6, 1, tzinfo=UTC))
    assert older(history) == {"alice": (date(2026, 5, 1), date(2026, 11, 20)), "bob": (date(2026, 11, 20), date(2026, 11, 20))}
    assert history.recent.days("kiro_credits") is None


def test_older_day_that_is_replaced_counts_from_then_on(store: Store) -> None:
    keep(store, date(2026, 5, 1), used("alice"))
    history = opened(store)
    keep(store, date(2026, 4, 1), used("alice"), used("bob"))
    history.reload("kiro_credits", [date(2026, 4, 1)], NOW)
    expected = {"alice": (date(2026, 4, 1), date(2026, 5, 1)), "bob": (date(2026, 4, 1), date(2026, 4, 1))}
    assert (older(history), older(opened(store))) == (expected, expected)


def test_older_day_that_comes_late_and_is_newer_than_what_was_remembered_counts(store: Store) -> None:
    keep(store, date(2026, 5, 1), used("alice"))
    history = opened(store)
    keep(store, date(2026, 8, 1), used("bob"))
    history.reload("kiro_credits", [date(2026, 8, 1)], NOW)
    history.advance(NOW)
    assert older(history)["bob"] == (date(2026, 8, 1), date(2026, 8, 1))


def test_day_between_two_older_ones_that_comes_late_counts(store: Store) -> None:
    keep(store, date(2026, 5, 1), used("alice"))
    keep(store, date(2026, 8, 1), used("alice"))
    history = opened(store)
    keep(store, date(2026, 7, 1), used("bob"))
    history.reload("kiro_credits", [date(2026, 7, 1)], NOW)
    assert older(opened(store))["bob"] == (date(2026, 7, 1), date(2026, 7, 1))


def test_nothing_is_written_while_no_day_leaves(store: Store) -> None:
    keep(store, date(2026, 5, 1), used("alice"))
    history = opened(store)
    kept = store.older("kiro_credits")
    assert kept is not None
    before = kept[1].stat().st_ino
    history.advance(NOW + timedelta(hours=1))
    assert kept[1].stat().st_ino == before


def test_clock_that_is_set_back_loses_nothing(store: Store) -> None:
    keep(store, OLDEST_IN_REACH, used("alice"))
    keep(store, YESTERDAY, used("alice"))
    opened(store, NOW + timedelta(days=400))
    history = opened(store)
    first, last = older(history)["alice"]
    assert (first, last) == (OLDEST_IN_REACH, YESTERDAY)
    assert history.recent.days("kiro_credits") == DayRange(OLDEST_IN_REACH, YESTERDAY)


# Mails


def test_newest_mail_wins_whatever_the_order_of_loading(store: Store) -> None:
    keep(store, date(2026, 11, 19), used("alice", mail="alice@old.example"))
    keep(store, YESTERDAY, used("alice", mail="alice@new.example"))
    history = opened(store)
    history.reload("kiro_credits", [date(2026, 11, 19)], NOW)
    assert mails(history) == {"alice": "alice@new.example"}


def test_row_without_a_mail_does_not_take_one_away(store: Store) -> None:
    keep(store, date(2026, 11, 19), used("alice", mail="alice@example.com"))
    keep(store, YESTERDAY, used("alice"))
    history = opened(store)
    history.reload("kiro_credits", [YESTERDAY], NOW)
    assert mails(history) == {"alice": "alice@example.com"}


def test_mail_of_an_older_day_does_not_win_after_a_restart(store: Store) -> None:
    keep(store, date(2026, 5, 1), used("alice", mail="alice@old.example"))
    keep(store, YESTERDAY, used("alice", mail="alice@new.example"))
    opened(store)
    assert mails(opened(store)) == {"alice": "alice@new.example"}


def test_newest_mail_of_older_days_survives_a_restart(store: Store) -> None:
    keep(store, date(2026, 5, 1), used("alice", mail="alice@old.example"))
    keep(store, date(2026, 6, 1), used("alice", mail="alice@new.example"))
    opened(store)
    assert mails(opened(store)) == {"alice": "alice@new.example"}


# Damaged files


def test_damaged_day_is_set_aside_and_told_while_the_others_stay(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    for day in (date(2026, 11, 19), date(2026, 11, 20), YESTERDAY):
        keep(store, day, used("alice"))
    path = fact_file(store, date(2026, 11, 20))
    path.write_bytes(path.read_bytes()[:200])
    history = History(store, RecentFacts())
    assert history.open(NOW) == {"kiro_credits": [date(2026, 11, 20)]}
    assert [day for day, _ in credits(history)] == [date(2026, 11, 19), YESTERDAY]
    assert (path.exists(), path.with_suffix(".damaged").exists()) == (False, True)
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.fields["file"] == str(path.with_suffix(".damaged"))  # type: ignore[attr-defined]


def test_day_that_cannot_be_read_back_is_told(store: Store) -> None:
    keep(store, YESTERDAY, used("alice"))
    history = opened(store)
    fact_file(store, YESTERDAY).write_bytes(b"")
    assert history.reload("kiro_credits", [YESTERDAY], NOW) == [YESTERDAY]


def test_damaged_older_day_costs_only_itself(store: Store) -> None:
    keep(store, date(2026, 5, 1), used("alice"))
    keep(store, date(2026, 5, 2), used("alice"))
    fact_file(store, date(2026, 5, 1)).write_bytes(b"PAR1")
    history = History(store, RecentFacts())
    history.open(NOW)
    assert older(history) == {"alice": (date(2026, 5, 2), date(2026, 5, 2))}


def test_damaged_memory_of_older_days_is_made_anew_from_their_facts(store: Store) -> None:
    keep(store, date(2026, 5, 1), used("alice", mail="alice@example.com"))
    opened(store)
    kept = store.older("kiro_credits")
    assert kept is not None
    kept[1].write_bytes(kept[1].read_bytes()[:50])
    history = opened(store)
    assert (older(history), mails(history)) == ({"alice": (date(2026, 5, 1), date(2026, 5, 1))}, {"alice": "alice@example.com"})


def test_file_that_cannot_be_loaded_leaves_memory_as_it_was(store: Store, tmp_path: Path) -> None:
    keep(store, YESTERDAY, used("alice", 1.5))
    history = opened(store)
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1")
    with pytest.raises(UnreadableFacts):
        history.recent.load("kiro_credits", [YESTERDAY], [broken])
    assert credits(history) == {(YESTERDAY, "alice"): 1.5}


# Retention


def test_facts_beyond_retention_are_deleted_and_their_activity_stays(store: Store) -> None:
    keep(store, date(2026, 5, 1), used("alice"))
    keep(store, date(2026, 8, 3), used("alice"))
    history = History(store, RecentFacts(), retention=timedelta(days=150))
    history.open(NOW)
    assert (store.days("kiro_credits"), older(history)) == ([date(2026, 8, 3)], {"alice": (date(2026, 5, 1), date(2026, 8, 3))})
