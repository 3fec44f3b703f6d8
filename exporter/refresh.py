"""One refresh of one source. The one place that retries, times and counts."""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypeVar

import tenacity

from exporter.errors import TransientError, UserError
from exporter.facts.history import History
from exporter.facts.store import Store
from exporter.model import day_end, day_start
from exporter.sources import Source
from exporter.sources.identity_center import IdentityCenter
from exporter.telemetry import Telemetry
from exporter.windows import Landed, recent, windows

log = logging.getLogger(__name__)

ATTEMPTS = 5
FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 60.0
PUBLISH_EVERY_SECONDS = 30.0
"""During a long first load, what has landed so far is published this often."""

_T = TypeVar("_T")


class Stopped(Exception):
    """The service stops, or the source is being replaced: the refresh ends between two steps, and the next one goes on from there."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a refresh brought: rows (or users) read, and further fields for its log line."""

    rows: int
    fields: Mapping[str, object] = field(default_factory=dict)


class Refresh(ABC):
    """Refreshes one source, one at a time."""

    def __init__(self, name: str, telemetry: Telemetry, clock: Callable[[], datetime], stopping: threading.Event) -> None:
        self.name = name
        self.last_error = ""
        """Why the newest refresh failed, in one sentence; empty when it did not."""
        self.up: bool | None = None
        """Whether the newest refresh worked; None before the first."""
        self._telemetry = telemetry
        self._clock = clock
        self._stopping = stopping
        self._running = threading.Lock()

    @abstractmethod
    def refreshed(self) -> datetime | None:
        """When the last refresh that worked began (UTC); None: there was none."""

    @abstractmethod
    def landed(self) -> Landed | None:
        """What has landed; None for a source that brings no days."""

    @abstractmethod
    def tell_landed(self) -> None:
        """Publishes what has landed, also when nothing was refreshed: windows move with the clock."""

    @abstractmethod
    def _refresh(self, began: datetime) -> Done:
        """Reads what is due at `began`, through `_retried` and with a `_step` now and then."""

    @property
    def running(self) -> bool:
        return self._running.locked()

    def run(self) -> bool:
        """Refreshes now; returns whether that worked. Does nothing where one is running. Never raises: a failing source touches no other."""
        if not self._running.acquire(blocking=False):
            return False
        try:
            return self._timed()
        finally:
            self._running.release()

    def wait(self, seconds: float) -> bool:
        """Waits until no refresh is running; False when that takes longer."""
        if not self._running.acquire(timeout=seconds):
            return False
        self._running.release()
        return True

    def _timed(self) -> bool:
        name, began = self.name, time.monotonic()
        fields: dict[str, object] = {"source": name}
        self._telemetry.attempt(name, self._clock())
        try:
            self._step()
            done = self._refresh(self._clock())
        except Stopped:
            log.info("refresh stopped; the next one goes on", extra={"fields": fields})
            return False
        except (UserError, TransientError) as error:
            self.last_error = str(error)
            log.error("refresh failed", extra={"fields": {**fields, "error": self.last_error}})
        except Exception as error:
            self.last_error = f"unexpected {type(error).__name__}; the log has the details"
            log.exception("refresh failed unexpectedly", extra={"fields": fields})
        else:
            self.last_error, self.up = "", True
            duration = time.monotonic() - began
            self._telemetry.success(name, self._clock(), duration, done.rows)
            log.info("refreshed", extra={"fields": {**fields, **done.fields, "rows": done.rows, "seconds": round(duration, 3)}})
            return True
        finally:
            self.tell_landed()
        self.up = False
        self._telemetry.failure(name, time.monotonic() - began)
        return False

    def _step(self) -> None:
        if self._stopping.is_set():
            raise Stopped

    def _retried(self, call: Callable[[], _T]) -> _T:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(TransientError),
            stop=tenacity.stop_after_attempt(ATTEMPTS) | tenacity.stop_when_event_set(self._stopping),
            wait=tenacity.wait_random_exponential(multiplier=FIRST_WAIT_SECONDS, max=LONGEST_WAIT_SECONDS),
            sleep=tenacity.sleep_using_event(self._stopping),
            before_sleep=self._tell_retry,
            reraise=True,
        )
        try:
            return retrying(call)
        except TransientError:
            self._step()  # what the stop cancelled did not fail
            raise

    def _tell_retry(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        wait = state.next_action.sleep if state.next_action else 0.0
        log.warning("trying again", extra={"fields": {"source": self.name, "attempt": state.attempt_number, "seconds": round(wait, 1), "error": str(error)}})


class FactsRefresh(Refresh):
    """Refreshes a source of facts: days due, facts, store, memory. `changed` is called when facts in memory have changed."""

    def __init__(
        self,
        source: Source,
        store: Store,
        history: History,
        telemetry: Telemetry,
        clock: Callable[[], datetime],
        changed: Callable[[], None],
        stopping: threading.Event,
    ) -> None:
        super().__init__(source.name, telemetry, clock, stopping)
        self.source = source
        self._store = store
        self._history = history
        self._changed = changed

    def refreshed(self) -> datetime | None:
        """See `Refresh.refreshed`."""
        return self.source.refreshed()

    def reopen_lost(self, damaged: Iterable[date]) -> None:
        """Has damaged days read again, and those that windows reach and whose file is gone."""
        reach = recent(self._clock())
        held = {day for day in self.source.holds() if day in reach}
        if lost := sorted({*damaged, *held.difference(self._store.days(self.name))}):
            fields = {"source": self.name, "days": len(lost), "first": lost[0].isoformat()}
            log.warning("the store has lost days; they are read again", extra={"fields": fields})
            self.source.reopen(lost)

    def landed(self) -> Landed:
        """See `Refresh.landed`."""
        return self.source.landed()

    def tell_landed(self) -> None:
        """See `Refresh.tell_landed`."""
        landed = self.source.landed()
        covered = {suffix: len(days) for suffix, days in windows(self._clock(), landed).items()}
        first = day_start(landed.days.first) if landed.days else None
        end = day_end(landed.days.last) if landed.days else None
        self._telemetry.landed(self.name, first=first, end=end, windows=covered, partitions=len(self._store.days(self.name)))

    def _refresh(self, began: datetime) -> Done:
        self._check_clock(began)
        days = self._retried(lambda: self.source.due(began, self._step))
        rows, published, unpublished = 0, time.monotonic(), False
        try:
            for place, day in enumerate(days):
                self._step()
                rows += self._read_day(day)
                unpublished = True
                if len(days) > 1:
                    log.info("day stored", extra={"fields": {"source": self.name, "day": day.isoformat(), "done": f"{place + 1}/{len(days)}"}})
                if time.monotonic() - published > PUBLISH_EVERY_SECONDS:
                    published, unpublished = time.monotonic(), False
                    self._changed()
            self.source.done(began)
        finally:
            # The listing itself can land days, and what was stored before a failure is good.
            if unpublished or not days:
                self._changed()
        return Done(rows, {"days": len(days)})

    def _check_clock(self, now: datetime) -> None:
        """A machine that has just started may not know the time yet: what is read by such a clock would have to be read again."""
        days = self.source.landed().days
        if days is not None and now.date() < days.first:
            raise UserError(
                f"the clock says {now:%Y-%m-%d %H:%M} UTC, which is before the first day of the store ({days.first}); set the clock. "
                f"If it was ahead when that day was stored, delete sources/{self.name}.json in the store and start again"
            )

    def _read_day(self, day: date) -> int:
        batch = self._retried(lambda: self.source.read(day))
        log.debug("writing facts", extra={"fields": {"source": self.name, "day": day.isoformat()}})
        written = self._store.replace(batch)
        for kept in sorted(set(batch.days) - set(written)):
            log.warning("a day came back empty and is kept as it was", extra={"fields": {"source": self.name, "day": kept.isoformat()}})
        if damaged := self._history.reload(self.name, batch.days, self._clock()):
            self.source.reopen(damaged)
            raise TransientError(f"the facts of {damaged[0]} could not be read back from the store; the day is read again")
        self.source.keep(day)
        return sum(written.values())


class DirectoryRefresh(Refresh):
    """Refreshes the directory. `changed` is called when it was read."""

    def __init__(
        self, directory: IdentityCenter, telemetry: Telemetry, clock: Callable[[], datetime], changed: Callable[[], None], stopping: threading.Event
    ) -> None:
        super().__init__(directory.name, telemetry, clock, stopping)
        self._directory = directory
        self._changed = changed

    def refreshed(self) -> datetime | None:
        """See `Refresh.refreshed`."""
        return self._directory.refreshed()

    def landed(self) -> None:
        """See `Refresh.landed`."""

    def tell_landed(self) -> None:
        """See `Refresh.tell_landed`: a directory has no days."""

    def _refresh(self, began: datetime) -> Done:
        users = self._retried(lambda: self._directory.refresh(began, self._step))
        self._changed()
        return Done(users)
