"""One module a source: which days are due, and how they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import Protocol

from exporter.model import FactBatch
from exporter.windows import Landed


class Source(Protocol):
    """Where facts come from. `refresh.py` drives it: `due`, then `read` and `keep` for each day in order, then `done`.

    Methods raise TransientError when the same call may work later and UserError when somebody must act first.
    """

    name: str

    def due(self, now: datetime, step: Callable[[], None]) -> Sequence[date]:
        """The days to replace, oldest first, from what has changed since the last refresh. Calls `step` now and then: it raises when the service stops."""
        ...

    def read(self, day: date) -> FactBatch:
        """The facts of one of the days that are due."""
        ...

    def keep(self, day: date) -> None:
        """Remembers that a day is in the store: a refresh that stops here goes on with the next one."""
        ...

    def done(self, now: datetime) -> None:
        """Remembers that everything that was due at `now` is in the store."""
        ...

    def reopen(self, days: Sequence[date]) -> None:
        """Has days read again though they are closed, because the store has lost them."""
        ...

    def refreshed(self) -> datetime | None:
        """When the last refresh that worked began (UTC); None: there was none."""
        ...

    def holds(self) -> Iterable[date]:
        """The days of which the store must have a file: what it has lost of them is read again."""
        ...

    def landed(self) -> Landed:
        """The days that have landed, from what the source remembers."""
        ...
