"""A bounded number of places, given out in the order in which they were asked for."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Places:
    """Who waits longest is next. A source asks for one place at a time, so none can keep the others out, however many days it has to read."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, check: Callable[[], None], every_seconds: float) -> Iterator[None]:
        """Holds a place. While it waits, `check` is called now and then; what that raises ends the wait."""
        self._wait(check, every_seconds)
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()

    def _wait(self, check: Callable[[], None], every_seconds: float) -> None:
        turn = object()
        with self._changed:
            self._waiting.append(turn)
            try:
                while not (self._free and self._waiting[0] is turn):
                    self._changed.wait(every_seconds)
                    check()
                self._free -= 1
            finally:
                self._waiting.remove(turn)
                self._changed.notify_all()
