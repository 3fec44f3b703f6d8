"""Which snapshot is served. Rendered when facts, people or config change, and ahead of every moment at which the clock alone changes what is true."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from exporter.model import Snapshot
from exporter.telemetry import Telemetry

log = logging.getLogger(__name__)

LEAD = timedelta(seconds=60)
"""How long before the clock changes what is true the next snapshot is made."""

_LOOK_EVERY_SECONDS = 5.0
"""How often the clock is looked at: it may be moved, and a machine may sleep."""


class Publisher:
    """Builds snapshots in a thread of its own and holds the current one and the next. `current` never waits."""

    def __init__(
        self,
        build: Callable[[datetime], Snapshot | None],
        telemetry: Telemetry,
        clock: Callable[[], datetime],
        keep: Callable[[Snapshot, datetime], None] = lambda served, at: None,
    ) -> None:
        """`build` gives the snapshot of a moment, or None when there is nothing to publish. It runs in one thread at a time.

        `keep` is called once a snapshot, in that thread, when it is served already, with the moment since when; it does not raise.
        """
        self._build = build
        self._keep = keep
        self._telemetry = telemetry
        self._clock = clock
        self._held: tuple[Snapshot, ...] = ()
        self._told: Snapshot | None = None
        self._wake = threading.Condition()
        self._stale = False
        self._stopping = False
        self._lead = LEAD
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)

    def start(self) -> None:
        """Starts building."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread after the build that runs now; does not wait for it."""
        with self._wake:
            self._stopping = True
            self._wake.notify()

    def wait(self, seconds: float) -> bool:
        """Waits after `stop` until nothing is being built; False when that takes longer."""
        if self._thread.is_alive():
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def current(self) -> Snapshot | None:
        """The snapshot of this moment. One of another UTC day, or past its time, is never served."""
        now = self._clock()
        return next((held for held in reversed(self._held) if held.valid_from <= now < held.valid_until), None)

    def request(self) -> None:
        """Has everything rendered anew, because facts, people or config have changed. Requests during a build are one."""
        with self._wake:
            self._stale = True
            self._wake.notify()

    def publish(self) -> None:
        """Builds in the calling thread: the snapshot of now, and the next one where that is due soon. A build that fails leaves what is served."""
        now = self._clock()
        began = time.monotonic()
        current = self._try(now)
        self._lead = max(LEAD, timedelta(seconds=3 * (time.monotonic() - began)))
        if current is None:
            self._prepare()
            return
        # What is ready for the next moment stays until there is better: that moment may come while it is built.
        ready = tuple(held for held in self._held if held.valid_from >= current.valid_until)
        self._hold((current, *ready))
        if ready or self._ends_soon(current):
            self._follow(current)

    def _prepare(self) -> None:
        current = self.current()
        if current is not None and self._ends_soon(current) and not any(held.valid_from >= current.valid_until for held in self._held):
            self._follow(current)

    def _ends_soon(self, current: Snapshot) -> bool:
        return current.valid_until - self._clock() <= self._lead

    def _follow(self, current: Snapshot) -> None:
        if (following := self._try(current.valid_until)) is not None:
            self._hold((current, following))

    def _hold(self, held: tuple[Snapshot, ...]) -> None:
        self._held = held
        self._tell()

    def _tell(self) -> None:
        served = self.current()
        if served is not None and served is not self._told:
            self._told, at = served, self._clock()
            self._telemetry.publish(served, at)
            self._keep(served, at)

    def _try(self, moment: datetime) -> Snapshot | None:
        fields = {"moment": moment.isoformat()}
        log.debug("rendering", extra={"fields": fields})
        began = time.monotonic()
        try:
            built = self._build(moment)
        except Exception:
            log.exception("the snapshot could not be built; the one before stays for as long as it is true", extra={"fields": fields})
            return None
        log.debug("rendered", extra={"fields": {**fields, "series": sum(built.series.values()) if built else 0, "seconds": round(time.monotonic() - began, 3)}})
        return built

    def _run(self) -> None:
        while True:
            with self._wake:
                if not self._stale and not self._stopping:
                    self._wake.wait(_LOOK_EVERY_SECONDS)
                if self._stopping:
                    return
                stale, self._stale = self._stale, False
            if stale or (self._held and self.current() is None):
                self.publish()
            else:
                self._prepare()
                self._tell()
