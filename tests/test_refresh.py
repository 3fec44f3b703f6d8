"""One refresh: what is retried, counted and told, how it stops, and that one source failing touches no other."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from kiro_files import ALICE, BOB, Use, put_use
from kiro_rig import DAY, Rig, Rows

from exporter import refresh
from exporter.errors import TransientError, UserError
from exporter.facts.history import History
from exporter.facts.recent import RecentFacts
from exporter.facts.store import Store
from exporter.model import DayRange, FactBatch
from exporter.refresh import ATTEMPTS, FactsRefresh
from exporter.telemetry import Telemetry
from exporter.windows import Landed

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
DAYS = (date(2026, 11, 19), date(2026, 11, 20), date(2026, 11, 21))


def nothing() -> None:
    """Lets a step pass."""


class FakeSource:
    """A source whose every step can be made to fail. `calls` tells what was asked of it."""

    def __init__(self, name: str = "kiro_features", days: Sequence[date] = DAYS) -> None:
        self.name = name
        self.days = list(days)
        self.calls: list[str] = []
        self.on_due: Callable[[], None] = nothing
        self.on_read: Callable[[], None] = nothing
        self.rows_a_day = 2
        self.span: DayRange | None = None
        self.max_age = timedelta(days=14)

    def due(self, now: datetime, step: Callable[[], None]) -> Sequence[date]:
        self.calls.append("due")
        self.on_due()
        step()
        return self.days

    def read(self, day: date) -> FactBatch:
        self.calls.append(f"read {day.day}")
        self.on_read()
        query = f"""SELECT DATE '{day}' AS day, 'user ' || i AS identity, '111122223333' AS account, 'us-east-1' AS region, 'chat_messagessent' AS counter,
            i + 1 AS value FROM range({self.rows_a_day}) r(i)"""
        return FactBatch(self.name, (day,), Rows(query))

    def keep(self, day: date) -> None:
        self.calls.append(f"keep {day.day}")

    def done(self, now: datetime) -> None:
        self.calls.append("done")

    def reopen(self, days: Sequence[date]) -> None:
        self.calls.append(f"reopen {[day.day for day in days]}")

    def refreshed(self) -> datetime | None:
        return None

    def landed(self) -> Landed:
        return Landed(self.span, self.max_age)


class Bench:
    """A source and all that its refresh needs."""

    def __init__(self, store: Store, source: FakeSource | None = None) -> None:
        self.store = store
        self.source = source or FakeSource()
        self.telemetry = Telemetry()
        self.history = History(store, RecentFacts())
        self.history.open(NOW)
        self.stopping = threading.Event()
        self.published = 0
        self.refresh = FactsRefresh(self.source, store, self.history, self.telemetry, lambda: NOW, self._changed, self.stopping)

    def _changed(self) -> None:
        self.published += 1

    def told(self, name: str, **labels: str) -> float | None:
        return self.telemetry.registry.get_sample_value(f"aws_user_exporter_{name}", {"source": self.source.name, **labels})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "state")
    yield opened
    opened.close()


@pytest.fixture
def bench(store: Store, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(refresh, "FIRST_WAIT_SECONDS", 0.0)
    return Bench(store)


def failing(*errors: Exception) -> Callable[[], None]:
    """Raises one error a call, then lets all pass."""
    left = list(errors)

    def step() -> None:
        if left:
            raise left.pop(0)

    return step


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


# What fails


def test_transient_error_is_retried(bench: Bench) -> None:
    bench.source.on_due = failing(TransientError("throttled"), TransientError("throttled"))
    assert bench.refresh.run()
    assert (bench.source.calls[:4], bench.told("source_refreshes_total"), bench.told("source_refresh_failures_total")) == (
        ["due", "due", "due", "read 19"],
        1,
        None,
    )


def test_transient_error_of_one_day_is_retried_for_that_day(bench: Bench) -> None:
    bench.source.on_read = failing(TransientError("throttled"))
    assert bench.refresh.run()
    assert bench.source.calls[:4] == ["due", "read 19", "read 19", "keep 19"]


def test_retry_is_told(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.source.on_due = failing(TransientError("throttled"))
    bench.refresh.run()
    (record,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    fields: dict[str, object] = record.fields  # type: ignore[attr-defined]
    assert (fields["source"], fields["attempt"], fields["error"]) == ("kiro_features", 1, "throttled")


def test_retries_wait_longer_and_longer_and_at_random(store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(refresh, "FIRST_WAIT_SECONDS", 0.001)
    waits: set[float] = set()
    bench = Bench(store)

    def waiting(event: threading.Event, timeout: float = 0.0) -> bool:
        waits.add(timeout)
        return event.is_set()

    monkeypatch.setattr(threading.Event, "wait", waiting)
    bench.source.on_due = failing(*[TransientError("throttled")] * ATTEMPTS)
    bench.refresh.run()
    assert len(waits) == ATTEMPTS - 1
    assert all(0 <= wait <= 0.001 * 2**ATTEMPTS for wait in waits)


def test_transient_error_that_stays_is_a_failure_after_the_last_attempt(bench: Bench) -> None:
    bench.source.on_due = failing(*[TransientError("throttled")] * 99)
    assert not bench.refresh.run()
    assert (bench.source.calls, bench.refresh.last_error) == (["due"] * ATTEMPTS, "throttled")


def test_error_that_somebody_must_mend_is_not_retried(bench: Bench) -> None:
    bench.source.on_due = failing(UserError("AWS denied s3:ListBucket on b; allow it."), UserError("again"))
    assert not bench.refresh.run()
    assert (bench.source.calls, bench.refresh.last_error) == (["due"], "AWS denied s3:ListBucket on b; allow it.")


@pytest.mark.parametrize("error", [UserError("no"), KeyError("day")])
def test_failure_is_told(bench: Bench, error: Exception) -> None:
    bench.source.on_due = failing(error)
    assert not bench.refresh.run()
    told = {
        name: bench.told(name) for name in ("source_up", "source_refreshes_total", "source_refresh_failures_total", "source_last_success_timestamp_seconds")
    }
    assert told == {"source_up": 0, "source_refreshes_total": 1, "source_refresh_failures_total": 1, "source_last_success_timestamp_seconds": None}
    assert bench.refresh.up is False


def test_failure_is_one_line_without_a_traceback(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.source.on_due = failing(UserError("The folder data does not exist; create it."))
    bench.refresh.run()
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert (record.fields["error"], record.exc_info) == ("The folder data does not exist; create it.", None)  # type: ignore[attr-defined]


def test_unexpected_error_does_not_get_out_and_its_words_stay_in_the_log(bench: Bench) -> None:
    bench.source.on_due = failing(KeyError("secret"))
    assert not bench.refresh.run()
    assert bench.refresh.last_error == "unexpected KeyError; the log has the details"


def test_failure_keeps_the_facts(bench: Bench) -> None:
    bench.refresh.run()
    bench.source.on_due = failing(UserError("no"))
    bench.refresh.run()
    assert (bench.store.days("kiro_features"), bench.history.recent.days("kiro_features"), bench.told("source_rows")) == (
        list(DAYS),
        DayRange(DAYS[0], DAYS[-1]),
        6,
    )


def test_success_after_a_failure_clears_the_error(bench: Bench) -> None:
    bench.source.on_due = failing(UserError("no"))
    bench.refresh.run()
    bench.refresh.run()
    assert (bench.refresh.last_error, bench.refresh.up, bench.told("source_up"), bench.told("source_refresh_failures_total")) == ("", True, 1, 1)


def test_failure_in_the_middle_keeps_and_publishes_the_days_before(bench: Bench) -> None:
    def second() -> None:
        if bench.source.calls[-1] == "read 20":
            raise UserError("no")

    bench.source.on_read = second
    assert not bench.refresh.run()
    assert (bench.source.calls, bench.store.days("kiro_features"), bench.published) == (["due", "read 19", "keep 19", "read 20"], [DAYS[0]], 1)


def test_day_that_cannot_be_read_back_is_opened_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(History, "reload", lambda history, source, days, now: list(days))
    assert not bench.refresh.run()
    assert bench.source.calls == ["due", "read 19", "reopen [19]"]


def test_one_source_failing_touches_no_other(bench: Bench) -> None:
    other = Bench(bench.store, FakeSource("kiro_features"))
    bench.source.name = "kiro_credits"
    bench.source.on_due = failing(KeyError("x"))
    assert (bench.refresh.run(), other.refresh.run()) == (False, True)


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


# A full disk


FULL_AT = ["facts/kiro_credits/2026-07-10.parquet", "sources/kiro_credits.json"]


@pytest.mark.parametrize("place", FULL_AT)
def test_full_disk_is_one_sentence_and_the_next_refresh_mends(tmp_path: Path, place: str) -> None:
    rig = Rig(tmp_path)
    put_use(rig.reports, DAY, Use(ALICE))
    rig.refresh()
    put_use(rig.reports, DAY, Use(ALICE), Use(BOB))
    aside = rig.folder / "state" / f"{place}.tmp"
    aside.symlink_to("/dev/full")
    failed = rig.refresh()
    error, before = rig.refresher.last_error, rig.credits(DAY)
    assert (failed, rig.told("source_up"), rig.refresh(), rig.credits(DAY)) == (False, 0, True, {ALICE: 1, BOB: 1})
    assert error == f"the disk that holds {aside.with_suffix('')} is full; nothing was lost, free some space and the next refresh goes on"
    assert before in ({ALICE: 1}, {ALICE: 1, BOB: 1})
