"""When each source refreshes: at once where it is due, by interval or cron in UTC, with jitter, and never twice at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from exporter.config.schedules import Schedule as Timing
from exporter.config.schedules import parse_schedule
from exporter.schedule import Schedule

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
HOURLY = Timing(interval=timedelta(hours=1))
FOR_EVER = Timing(interval=timedelta(days=36500))
SOON = timedelta(minutes=59, seconds=59.8)
"""A job that last ran so long ago is due in a fifth of a second."""
MOST_JITTER = timedelta(minutes=2)


class Diary:
    """Hears of every next time."""

    def __init__(self) -> None:
        self.told: list[tuple[str, datetime | None]] = []

    def __call__(self, name: str, at: datetime | None) -> None:
        self.told.append((name, at))


@pytest.fixture
def diary() -> Diary:
    return Diary()


@pytest.fixture
def schedule(diary: Diary) -> Iterator[Schedule]:
    made = Schedule(diary)
    made.start()
    yield made
    made.stop()


def eventually(condition: Callable[[], object]) -> bool:
    deadline = time.monotonic() + 10
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def first_run(timing: Timing, last: datetime | None, now: datetime = NOW) -> datetime:
    """When a job runs that is set at `now`, in a schedule that has not been started."""
    schedule = Schedule(lambda name, at: None)
    schedule.set("job", timing, last, now, lambda: None)
    found = schedule.next("job")
    assert found is not None
    return found


# When


@pytest.mark.parametrize("timing", [HOURLY, parse_schedule("0 3 * * *")], ids=["interval", "cron"])
def test_job_that_has_never_run_is_due_at_once(timing: Timing) -> None:
    assert first_run(timing, None) == NOW


def test_interval_counts_from_the_last_run() -> None:
    assert first_run(HOURLY, NOW - timedelta(minutes=20)) == NOW + timedelta(minutes=40)


def test_interval_that_passed_meanwhile_is_due_at_once() -> None:
    assert first_run(HOURLY, NOW - timedelta(days=3)) == NOW


def test_cron_is_due_at_its_next_time_in_utc_and_a_little_jitter() -> None:
    due = first_run(parse_schedule("0 3 * * *"), datetime(2026, 11, 22, 3, 0, 40, tzinfo=UTC))
    assert timedelta(0) <= due - datetime(2026, 11, 23, 3, 0, tzinfo=UTC) <= MOST_JITTER


def test_cron_that_passed_meanwhile_is_due_at_once() -> None:
    assert first_run(parse_schedule("0 3 * * *"), datetime(2026, 11, 21, 3, 0, 40, tzinfo=UTC)) == NOW


def test_cron_knows_sunday_as_0() -> None:
    """22 November 2026 is a Sunday."""
    due = first_run(parse_schedule("0 12 * * 0"), NOW)
    assert timedelta(0) <= due - datetime(2026, 11, 22, 12, 0, tzinfo=UTC) <= MOST_JITTER


def test_jobs_with_one_cron_do_not_all_run_at_the_same_second() -> None:
    assert len({first_run(parse_schedule("0 3 * * *"), NOW) for _ in range(5)}) > 1


def test_interval_goes_on_with_jitter_after_a_run(schedule: Schedule) -> None:
    now, ran = datetime.now(UTC), threading.Event()
    schedule.set("job", HOURLY, None, now, ran.set)
    assert ran.wait(10)
    assert eventually(lambda: (schedule.next("job") or now) > now)
    following = schedule.next("job")
    assert following is not None
    assert timedelta(hours=1) - MOST_JITTER <= following - now <= timedelta(hours=1) + MOST_JITTER + timedelta(seconds=10)


# Running


def test_job_that_is_due_runs_at_once(schedule: Schedule) -> None:
    ran = threading.Event()
    schedule.set("job", FOR_EVER, None, datetime.now(UTC), ran.set)
    assert ran.wait(10)


def test_job_that_is_set_before_the_start_runs_after_it(diary: Diary) -> None:
    made, ran = Schedule(diary), threading.Event()
    made.set("job", FOR_EVER, None, datetime.now(UTC), ran.set)
    made.start()
    assert ran.wait(10)
    made.stop()


def test_job_that_becomes_due_runs(schedule: Schedule) -> None:
    ran, now = threading.Event(), datetime.now(UTC)
    schedule.set("job", HOURLY, now - SOON, now, ran.set)
    assert ran.wait(10)


def test_job_that_is_not_due_does_not_run(schedule: Schedule) -> None:
    ran, now = threading.Event(), datetime.now(UTC)
    schedule.set("job", HOURLY, now, now, ran.set)
    assert not ran.wait(0.2)


def test_jobs_run_beside_each_other(schedule: Schedule) -> None:
    both = threading.Barrier(2, timeout=10)
    done: list[str] = []

    def job() -> None:
        both.wait()
        done.append("done")

    for name in ("one", "two"):
        schedule.set(name, FOR_EVER, None, datetime.now(UTC), job)
    assert eventually(lambda: len(done) == 2)


def test_job_never_runs_twice_at_once(schedule: Schedule) -> None:
    running, most, go = [0], [0], threading.Event()

    def job() -> None:
        running[0] += 1
        most[0] = max(most[0], running[0])
        go.wait(10)
        running[0] -= 1

    schedule.set("job", FOR_EVER, None, datetime.now(UTC), job)
    assert eventually(lambda: running[0])
    for _ in range(5):
        schedule.run_now("job")
        time.sleep(0.02)
    go.set()
    assert eventually(lambda: not running[0])
    assert most == [1]


def test_run_now_brings_the_next_run_forward(schedule: Schedule) -> None:
    ran, now = threading.Event(), datetime.now(UTC)
    schedule.set("job", HOURLY, now, now, ran.set)
    schedule.run_now("job")
    assert ran.wait(10)
    assert eventually(lambda: (schedule.next("job") or now) > now + timedelta(minutes=50))


def test_job_that_fails_is_scheduled_on(schedule: Schedule) -> None:
    ran = threading.Event()

    def job() -> None:
        ran.set()
        raise RuntimeError("broken")

    now = datetime.now(UTC)
    schedule.set("job", HOURLY, None, now, job)
    ran.wait(10)
    assert eventually(lambda: (schedule.next("job") or now) > now + timedelta(minutes=50))


def test_job_takes_the_place_of_one_of_its_name(schedule: Schedule) -> None:
    old, new, now = threading.Event(), threading.Event(), datetime.now(UTC)
    schedule.set("job", HOURLY, now, now, old.set)
    schedule.set("job", FOR_EVER, None, now, new.set)
    assert new.wait(10)
    assert not old.is_set()


def test_job_that_was_removed_does_not_run(schedule: Schedule) -> None:
    ran, now = threading.Event(), datetime.now(UTC)
    schedule.set("job", HOURLY, now - SOON, now, ran.set)
    schedule.remove("job")
    assert (ran.wait(0.5), schedule.next("job")) == (False, None)


def test_removing_what_is_not_there_harms_nothing(schedule: Schedule) -> None:
    schedule.remove("job")


def test_no_job_starts_after_the_stop(diary: Diary) -> None:
    made, ran, now = Schedule(diary), threading.Event(), datetime.now(UTC)
    made.start()
    made.set("job", HOURLY, now - SOON, now, ran.set)
    made.stop()
    assert not ran.wait(0.5)


def test_stop_does_not_wait_for_what_runs(diary: Diary) -> None:
    made, inside, go = Schedule(diary), threading.Event(), threading.Event()

    def job() -> None:
        inside.set()
        go.wait(10)

    made.start()
    made.set("job", FOR_EVER, None, datetime.now(UTC), job)
    inside.wait(10)
    began = time.monotonic()
    made.stop()
    took = time.monotonic() - began
    go.set()
    assert took < 2


# What is told


def test_next_time_is_told_when_a_job_is_set(schedule: Schedule, diary: Diary) -> None:
    now = datetime.now(UTC)
    schedule.set("job", HOURLY, now, now, lambda: None)
    assert diary.told == [("job", now + timedelta(hours=1))]


def test_next_time_is_told_after_each_run(schedule: Schedule, diary: Diary) -> None:
    now = datetime.now(UTC)
    schedule.set("job", HOURLY, None, now, lambda: None)
    assert eventually(lambda: any(at is not None and at > now + timedelta(minutes=50) for _, at in diary.told))


def test_removed_job_is_told_to_have_no_next_time(schedule: Schedule, diary: Diary) -> None:
    now = datetime.now(UTC)
    schedule.set("job", HOURLY, now, now, lambda: None)
    schedule.remove("job")
    assert diary.told[-1] == ("job", None)
