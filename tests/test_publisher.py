"""Which snapshot is served at which moment: never one of another UTC day, the next one ready before midnight, the old one while nothing better can be built."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from exporter import publisher
from exporter.model import Chunk, Snapshot, day_end
from exporter.publisher import Publisher
from exporter.telemetry import Telemetry

NOON = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Stage:
    """A publisher under a clock that is set by hand, and a build that tells its moments and does what the test wants."""

    def __init__(self) -> None:
        self.now = NOON
        self.moments: list[datetime] = []
        self.withdrawn_at: datetime | None = None
        self.before_build: Callable[[datetime], None] = lambda moment: None
        self.telemetry = Telemetry()
        self.publisher = Publisher(self._build, self.telemetry, lambda: self.now)

    def _build(self, moment: datetime) -> Snapshot | None:
        self.moments.append(moment)
        self.before_build(moment)
        ends = [day_end(moment.date())] + ([self.withdrawn_at] if self.withdrawn_at and self.withdrawn_at > moment else [])
        return Snapshot(moment, min(ends), (Chunk(f"build {len(self.moments)}".encode(), b"", 1),), {"family": len(self.moments)})

    def at(self, moment: datetime) -> Snapshot | None:
        """What is served at a moment."""
        self.now = moment
        return self.publisher.current()

    def day(self, moment: datetime) -> date | None:
        """Of which day is what is served at a moment."""
        served = self.at(moment)
        return served.valid_from.date() if served else None

    def has_built(self, moment: datetime) -> bool:
        """Waits for the build of a moment to begin."""
        return eventually(lambda: moment in self.moments)

    def told(self, name: str) -> float | None:
        return self.telemetry.registry.get_sample_value(f"aws_user_exporter_{name}")


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def running(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """With its thread, which looks at the clock all the time."""
    monkeypatch.setattr(publisher, "_LOOK_EVERY_SECONDS", 0.01)
    stage.publisher.publish()
    stage.publisher.start()
    yield stage
    stage.publisher.stop()


def eventually(condition: Callable[[], object]) -> bool:
    deadline = time.monotonic() + 10
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


# What is served


def test_nothing_is_served_before_something_was_built(stage: Stage) -> None:
    assert stage.publisher.current() is None


def test_nothing_to_publish_serves_nothing(stage: Stage) -> None:
    nothing = Publisher(lambda moment: None, stage.telemetry, lambda: NOON)
    nothing.publish()
    assert (nothing.current(), stage.told("snapshot_timestamp_seconds")) == (None, None)


def test_snapshot_of_the_moment_is_served(stage: Stage) -> None:
    stage.publisher.publish()
    served = stage.publisher.current()
    assert served is not None
    assert (served.valid_from, stage.moments) == (NOON, [NOON])


def test_what_is_served_is_told(stage: Stage) -> None:
    stage.publisher.publish()
    series = stage.telemetry.registry.get_sample_value("aws_user_exporter_series", {"family": "family"})
    assert (series, stage.told("snapshot_timestamp_seconds")) == (1, NOON.timestamp())


def test_snapshot_of_yesterday_is_never_served(stage: Stage) -> None:
    stage.publisher.publish()
    assert [stage.at(moment) is None for moment in (MIDNIGHT - timedelta(microseconds=1), MIDNIGHT, MIDNIGHT + timedelta(days=1))] == [False, True, True]


def test_snapshot_of_tomorrow_is_never_served(stage: Stage) -> None:
    """The clock was wrong and is set back over midnight."""
    stage.now = MIDNIGHT + timedelta(hours=1)
    stage.publisher.publish()
    assert stage.at(MIDNIGHT - SECOND) is None


def test_newer_build_takes_the_place_of_the_older_one(stage: Stage) -> None:
    stage.publisher.publish()
    stage.now = NOON + SECOND
    stage.publisher.publish()
    served = stage.publisher.current()
    assert served is not None
    assert served.chunks[0].plain == b"build 2"


# Midnight


def test_next_day_is_made_before_midnight_and_swapped_at_midnight(stage: Stage) -> None:
    stage.now = MIDNIGHT - timedelta(seconds=30)
    stage.publisher.publish()
    assert stage.moments == [MIDNIGHT - timedelta(seconds=30), MIDNIGHT]
    assert [stage.day(moment) for moment in (MIDNIGHT - timedelta(microseconds=1), MIDNIGHT)] == [date(2026, 10, 31), date(2026, 11, 1)]


def test_next_day_is_not_made_long_before_midnight(stage: Stage) -> None:
    stage.now = MIDNIGHT - timedelta(minutes=10)
    stage.publisher.publish()
    assert stage.moments == [MIDNIGHT - timedelta(minutes=10)]


def test_next_day_is_made_once_while_midnight_comes_nearer(running: Stage) -> None:
    running.now = MIDNIGHT - timedelta(seconds=50)
    assert eventually(lambda: len(running.moments) == 2)
    running.now = MIDNIGHT - timedelta(seconds=5)
    time.sleep(0.1)
    assert running.moments == [NOON, MIDNIGHT]


def test_slow_build_starts_earlier_before_midnight(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build of a minute must not begin half a minute before it is needed."""
    spent = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: spent[0])
    stage.before_build = lambda moment: spent.__setitem__(0, spent[0] + 60)
    stage.now = MIDNIGHT - timedelta(seconds=150)
    stage.publisher.publish()
    assert stage.moments == [MIDNIGHT - timedelta(seconds=150), MIDNIGHT]


def test_what_is_told_changes_with_midnight(running: Stage) -> None:
    running.now = MIDNIGHT - timedelta(seconds=30)
    eventually(lambda: len(running.moments) == 2)
    running.now = MIDNIGHT + SECOND
    assert eventually(lambda: running.told("snapshot_timestamp_seconds") == (MIDNIGHT + SECOND).timestamp())


def test_midnight_after_midnight_is_served_without_anybody_asking(running: Stage) -> None:
    for midnight in (MIDNIGHT, MIDNIGHT + timedelta(days=1)):
        running.now = midnight - timedelta(seconds=30)
        assert running.has_built(midnight)
        running.now = midnight
        assert running.day(midnight) == midnight.date()


def test_next_day_stays_ready_while_everything_is_rendered_anew_just_before_midnight(stage: Stage) -> None:
    """A refresh ends at 23:59:59, and midnight passes before the next day has been built again."""
    stage.now = MIDNIGHT - timedelta(seconds=30)
    stage.publisher.publish()
    served: list[date | None] = []

    def midnight_passes(moment: datetime) -> None:
        if moment == MIDNIGHT:
            served.append(stage.day(MIDNIGHT))

    stage.before_build = midnight_passes
    stage.now = MIDNIGHT - SECOND
    stage.publisher.publish()
    assert served == [date(2026, 11, 1)]


def test_build_that_outlasts_midnight_does_not_displace_the_next_day(stage: Stage) -> None:
    stage.now = MIDNIGHT - timedelta(seconds=30)
    stage.publisher.publish()

    def midnight_passes(moment: datetime) -> None:
        stage.now = MIDNIGHT + SECOND

    stage.before_build = midnight_passes
    stage.now = MIDNIGHT - SECOND
    stage.publisher.publish()
    assert stage.day(MIDNIGHT + SECOND) == date(2026, 11, 1)


def test_facts_that_change_just_before_midnight_are_in_the_next_day(stage: Stage) -> None:
    stage.now = MIDNIGHT - timedelta(seconds=30)
    stage.publisher.publish()
    stage.now = MIDNIGHT - timedelta(seconds=20)
    stage.publisher.publish()
    served = stage.at(MIDNIGHT)
    assert served is not None
    assert served.chunks[0].plain == b"build 4"


# max_age


def test_snapshot_without_what_became_too_old_is_made_before_and_swapped_at_max_age(stage: Stage) -> None:
    stage.withdrawn_at = NOON + timedelta(minutes=30)
    stage.now = NOON + timedelta(minutes=29, seconds=30)
    stage.publisher.publish()
    before, after = stage.at(stage.withdrawn_at - SECOND), stage.at(stage.withdrawn_at)
    assert before is not None
    assert after is not None
    assert (before.valid_from, after.valid_from, after.valid_until) == (NOON + timedelta(minutes=29, seconds=30), stage.withdrawn_at, MIDNIGHT)


# A clock that jumps


def test_clock_that_jumps_ahead_is_caught_up_with(running: Stage) -> None:
    """A machine that slept for three days."""
    assert eventually(lambda: running.day(NOON + timedelta(days=3)) == date(2026, 11, 3))


def test_clock_that_is_set_back_is_caught_up_with(running: Stage) -> None:
    assert eventually(lambda: running.day(NOON - timedelta(days=40)) == date(2026, 9, 21))


# Builds that fail


def test_failing_build_keeps_what_is_served(stage: Stage) -> None:
    stage.publisher.publish()

    def broken(moment: datetime) -> None:
        raise RuntimeError("broken")

    stage.before_build = broken
    stage.publisher.publish()
    served = stage.publisher.current()
    assert served is not None
    assert served.chunks[0].plain == b"build 1"


def test_failing_build_of_the_next_day_is_tried_again(running: Stage) -> None:
    def broken_at_first(moment: datetime) -> None:
        if running.moments.count(MIDNIGHT) == 1:
            raise RuntimeError("broken")

    running.before_build = broken_at_first
    running.now = MIDNIGHT - timedelta(seconds=30)
    assert eventually(lambda: running.moments.count(MIDNIGHT) == 2)
    assert eventually(lambda: running.day(MIDNIGHT) == date(2026, 11, 1))


def test_what_was_served_does_not_outlive_its_day_when_builds_fail(running: Stage) -> None:
    def broken(moment: datetime) -> None:
        raise RuntimeError("broken")

    running.before_build = broken
    running.now = MIDNIGHT + SECOND
    assert running.publisher.current() is None
    running.before_build = lambda moment: None
    assert eventually(lambda: running.day(MIDNIGHT + SECOND) == date(2026, 11, 1))


# Requests


def test_request_has_everything_built_anew(running: Stage) -> None:
    running.publisher.request()
    assert eventually(lambda: running.moments == [NOON, NOON])


def test_requests_during_a_build_are_one(running: Stage) -> None:
    inside, go = threading.Event(), threading.Event()

    def slow(moment: datetime) -> None:
        inside.set()
        go.wait(10)

    running.before_build = slow
    running.publisher.request()
    inside.wait(10)
    for _ in range(20):
        running.publisher.request()
    go.set()
    assert eventually(lambda: len(running.moments) == 3)
    time.sleep(0.1)
    assert len(running.moments) == 3


def test_current_does_not_wait_for_a_build(running: Stage) -> None:
    inside, go = threading.Event(), threading.Event()

    def slow(moment: datetime) -> None:
        inside.set()
        go.wait(10)

    running.before_build = slow
    running.publisher.request()
    inside.wait(10)
    began = time.monotonic()
    served = running.publisher.current()
    waited = time.monotonic() - began
    go.set()
    assert served is not None
    assert waited < 0.5


def test_stop_ends_the_thread(running: Stage) -> None:
    running.publisher.stop()
    assert eventually(lambda: not any(thread.name == "publisher" for thread in threading.enumerate()))
