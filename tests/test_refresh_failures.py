"""What fails in a refresh: what is retried, counted and told, what is kept, and that one source failing touches no other."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from kiro_files import ALICE, BOB, Use, put_use
from kiro_rig import DAY, Rig
from refresh_rig import DAYS, Bench, FakeSource, failing

from exporter import refresh
from exporter.errors import TransientError, UserError
from exporter.facts.history import History
from exporter.facts.store import Store
from exporter.model import DayRange
from exporter.refresh import ATTEMPTS


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "state")
    yield opened
    opened.close()


@pytest.fixture
def bench(store: Store, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(refresh, "FIRST_WAIT_SECONDS", 0.0)
    return Bench(store)


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
