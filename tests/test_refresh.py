"""One refresh: what it reads, keeps, publishes and tells, how it stops, and that it never runs twice at once."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from refresh_rig import DAYS, NOW, Bench, failing

from exporter import refresh
from exporter.errors import TransientError, UserError
from exporter.facts.store import Store
from exporter.model import DayRange


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "state")
    yield opened
    opened.close()


@pytest.fixture
def bench(store: Store, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(refresh, "FIRST_WAIT_SECONDS", 0.0)
    return Bench(store)


# A refresh that works


def test_each_day_is_read_and_kept_in_order(bench: Bench) -> None:
    assert bench.refresh.run()
    assert bench.source.calls == ["due", "read 19", "keep 19", "read 20", "keep 20", "read 21", "keep 21", "done"]


def test_facts_are_in_the_store_and_in_memory(bench: Bench) -> None:
    bench.refresh.run()
    assert (bench.store.days("kiro_features"), bench.history.recent.days("kiro_features")) == (list(DAYS), DayRange(DAYS[0], DAYS[-1]))


def test_success_is_told(bench: Bench) -> None:
    bench.refresh.run()
    told = {name: bench.told(name) for name in ("source_up", "source_rows", "source_refreshes_total", "source_partitions")}
    assert told == {"source_up": 1, "source_rows": 6, "source_refreshes_total": 1, "source_partitions": 3}
    assert bench.told("source_last_attempt_timestamp_seconds") == bench.told("source_last_success_timestamp_seconds") == NOW.timestamp()
    assert (bench.refresh.up, bench.refresh.last_error) == (True, "")


def test_duration_is_told(bench: Bench) -> None:
    bench.source.days = []
    bench.source.on_due = lambda: time.sleep(0.05)
    bench.refresh.run()
    duration = bench.told("source_refresh_duration_seconds")
    assert duration is not None
    assert 0.05 <= duration < 5


def test_facts_that_changed_are_published(bench: Bench) -> None:
    bench.refresh.run()
    assert bench.published == 1


def test_listing_without_a_change_is_published_because_it_can_land_days(bench: Bench) -> None:
    bench.source.days = []
    bench.refresh.run()
    assert bench.published == 1


def test_long_first_load_is_published_on_the_way(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refresh, "PUBLISH_EVERY_SECONDS", 0.0)
    bench.refresh.run()
    assert bench.published >= 3


def test_day_that_comes_back_empty_is_kept_and_told(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.refresh.run()
    bench.source.rows_a_day, bench.source.days = 0, [DAYS[1]]
    assert bench.refresh.run()
    warned = [record.fields["day"] for record in caplog.records if record.levelno == logging.WARNING]  # type: ignore[attr-defined]
    assert (warned, bench.told("source_rows"), bench.history.recent.days("kiro_features")) == (["2026-11-20"], 0, DayRange(DAYS[0], DAYS[-1]))


# What has landed is told


def test_landed_days_are_told(bench: Bench) -> None:
    bench.source.days, bench.source.span = [], DayRange(date(2026, 10, 12), date(2026, 11, 20))
    bench.refresh.run()
    assert bench.told("source_first_data_timestamp_seconds") == datetime(2026, 10, 12, tzinfo=UTC).timestamp()
    assert bench.told("source_data_timestamp_seconds") == datetime(2026, 11, 21, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("window", "days"), [("today", None), ("yesterday", None), ("3d_ago", 1), ("last_7d", 7), ("last_30d", 30), ("month_to_date", 20), ("last_month", 20)]
)
def test_landed_days_of_a_window_are_told(bench: Bench, window: str, days: int | None) -> None:
    """12 October to 20 November have landed, and it is 22 November: of October 20 days, of November 20, and yesterday has not landed."""
    bench.source.days, bench.source.span = [], DayRange(date(2026, 10, 12), date(2026, 11, 20))
    bench.refresh.run()
    assert bench.told("source_window_landed", window=window) == days


def test_no_window_is_told_beyond_max_age(bench: Bench) -> None:
    bench.source.days, bench.source.span, bench.source.max_age = [], DayRange(date(2026, 10, 12), date(2026, 11, 20)), timedelta(hours=33)
    bench.refresh.run()
    assert bench.told("source_window_landed", window="last_30d") is None
    assert bench.told("source_data_timestamp_seconds") is not None


def test_landed_days_are_told_after_a_failure_too(bench: Bench) -> None:
    bench.source.span = DayRange(date(2026, 10, 12), date(2026, 11, 20))
    bench.source.on_due = failing(UserError("no"))
    bench.refresh.run()
    assert bench.told("source_window_landed", window="last_7d") == 7


# Stopping, and never twice at once


def test_stop_before_the_start_reads_nothing(bench: Bench) -> None:
    bench.stopping.set()
    assert (bench.refresh.run(), bench.source.calls) == (False, [])


def test_stop_in_the_middle_ends_after_the_day_at_hand(bench: Bench) -> None:
    bench.source.on_read = bench.stopping.set
    assert not bench.refresh.run()
    assert (bench.source.calls, bench.store.days("kiro_features")) == (["due", "read 19", "keep 19"], [DAYS[0]])


def test_stop_is_no_failure(bench: Bench) -> None:
    bench.source.on_read = bench.stopping.set
    bench.refresh.run()
    assert (bench.told("source_refresh_failures_total"), bench.told("source_up"), bench.refresh.up, bench.refresh.last_error) == (None, None, None, "")


def test_query_that_the_stop_cancels_is_no_failure(bench: Bench) -> None:
    def cancelled() -> None:
        bench.stopping.set()
        raise TransientError("the query was cancelled: it took longer than 900 s, or the service is stopping")

    bench.source.on_read = cancelled
    bench.refresh.run()
    assert (bench.told("source_refresh_failures_total"), bench.told("source_up"), bench.source.calls) == (None, None, ["due", "read 19"])


def test_stop_ends_the_wait_for_another_attempt(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refresh, "FIRST_WAIT_SECONDS", 1000.0)
    monkeypatch.setattr(refresh, "LONGEST_WAIT_SECONDS", 1000.0)
    bench.source.on_due = failing(*[TransientError("throttled")] * 99)
    thread = threading.Thread(target=bench.refresh.run)
    thread.start()
    while not bench.source.calls:
        time.sleep(0.005)
    bench.stopping.set()
    thread.join(5)
    assert not thread.is_alive()


def test_refresh_never_runs_twice_at_once(bench: Bench) -> None:
    inside, go = threading.Event(), threading.Event()

    def slow() -> None:
        inside.set()
        go.wait(10)

    bench.source.on_due = slow
    thread = threading.Thread(target=bench.refresh.run)
    thread.start()
    inside.wait(10)
    meanwhile = (bench.refresh.running, bench.refresh.run(), bench.refresh.wait(0.01))
    go.set()
    thread.join()
    assert (meanwhile, bench.source.calls.count("due"), bench.told("source_refreshes_total")) == ((True, False, False), 1, 1)


def test_refresh_can_run_again_after_it_ended(bench: Bench) -> None:
    bench.source.on_due = failing(KeyError("x"))
    bench.refresh.run()
    assert (bench.refresh.running, bench.refresh.wait(0), bench.refresh.run()) == (False, True, True)
