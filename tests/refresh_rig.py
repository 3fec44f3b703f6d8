"""A refresh of a source whose every step can be made to fail, with all that it needs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta

from kiro_rig import Rows

from exporter.facts.history import History
from exporter.facts.recent import RecentFacts
from exporter.facts.store import Store
from exporter.model import DayRange, FactBatch
from exporter.refresh import FactsRefresh
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


def failing(*errors: Exception) -> Callable[[], None]:
    """Raises one error a call, then lets all pass."""
    left = list(errors)

    def step() -> None:
        if left:
            raise left.pop(0)

    return step
