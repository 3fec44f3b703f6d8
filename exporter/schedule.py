"""When each source refreshes: by interval or cron in UTC, with jitter, never twice at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from exporter.config import Schedule as Timing

_JITTER_PART = 20
_LONGEST_JITTER = timedelta(minutes=2)
_CRON_JITTER_SECONDS = 20
"""Below the minute that is cron's smallest step."""


class Schedule:
    """Runs jobs in threads. `scheduled` is told of every next time."""

    def __init__(self, scheduled: Callable[[str, datetime | None], None]) -> None:
        self._scheduled = scheduled
        self._scheduler = BackgroundScheduler(timezone=UTC, executors={"default": ThreadPoolExecutor(8)})

    def start(self) -> None:
        """Starts the clock; jobs may be set before or after."""
        self._scheduler.start()

    def stop(self) -> None:
        """Starts no more jobs. Does not wait for those that run."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def set(self, name: str, timing: Timing, last: datetime | None, now: datetime, job: Callable[[], object]) -> None:
        """Sets a job in place of one of that name. It runs at once when it was due since `last` (UTC; None: it has never run)."""

        def run() -> None:
            try:
                job()
            finally:
                self._tell(name)

        trigger = _trigger(timing)
        first = now if last is None else max(now, _after(trigger, timing, last))
        self._scheduler.add_job(
            run, trigger, id=name, name=name, replace_existing=True, max_instances=1, coalesce=True, misfire_grace_time=None, next_run_time=first
        )
        self._tell(name)

    def run_now(self, name: str) -> None:
        """Brings the next run of a job forward to now; its schedule goes on from there."""
        self._scheduler.modify_job(name, next_run_time=datetime.now(UTC))

    def remove(self, name: str) -> None:
        """Takes a job off; one that runs goes on to its end."""
        if self._scheduler.get_job(name) is not None:
            self._scheduler.remove_job(name)
        self._scheduled(name, None)

    def next(self, name: str) -> datetime | None:
        """When a job runs next; None: it does not."""
        return getattr(self._scheduler.get_job(name), "next_run_time", None)

    def _tell(self, name: str) -> None:
        self._scheduled(name, self.next(name))


def _trigger(timing: Timing) -> BaseTrigger:
    if timing.cron is not None:
        trigger = CronTrigger.from_crontab(timing.cron, timezone=UTC)
        trigger.jitter = _CRON_JITTER_SECONDS
        return trigger
    interval = timing.interval
    assert interval is not None
    jitter = min(interval / _JITTER_PART, _LONGEST_JITTER)
    return IntervalTrigger(seconds=max(1, int(interval.total_seconds())), jitter=int(jitter.total_seconds()) or None, timezone=UTC)


def _after(trigger: BaseTrigger, timing: Timing, last: datetime) -> datetime:
    """The first regular time after `last`."""
    if timing.interval is not None:
        return last + timing.interval
    following = trigger.get_next_fire_time(None, last + timedelta(seconds=1))
    return following if isinstance(following, datetime) else datetime.max.replace(tzinfo=UTC)
