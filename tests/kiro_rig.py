"""One Kiro source with everything that a refresh needs, under a clock that is set by hand; it tells what was fetched, queried and stored."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import nanoarrow

from exporter.config import KiroSource
from exporter.engines import Relation, Statement
from exporter.engines.duckdb import DuckDBEngine
from exporter.facts.history import History
from exporter.facts.recent import RecentFacts
from exporter.facts.store import Store
from exporter.model import ArrowStream
from exporter.objects import MAX_BYTES, FolderLocation, Location, StoredObject
from exporter.refresh import FactsRefresh
from exporter.sources.kiro import KiroReports
from exporter.telemetry import Telemetry

NOW = datetime(2026, 7, 11, 3, 0, tzinfo=UTC)
"""The morning after DAY, when its reports have just been written."""
DAY = date(2026, 7, 10)
BEFORE = DAY - timedelta(days=1)

READER = duckdb.connect()
"""A database that knows nothing of the exporter; opening one takes longer than most queries."""

Fact = dict[str, Any]


class Watched:
    """A location that tells what was read, and lets a test meddle before each read."""

    def __init__(self, location: Location) -> None:
        self._location = location
        self.reads: list[str] = []
        self.before_read: Callable[[str], None] = lambda key: None

    @property
    def name(self) -> str:
        return self._location.name

    def address(self, key: str) -> str:
        return self._location.address(key)

    def folders(self, prefix: str) -> tuple[str, ...]:
        return self._location.folders(prefix)

    def list(self, prefix: str, start_after: str = "") -> Iterator[StoredObject]:
        return self._location.list(prefix, start_after)

    def read(self, wanted: StoredObject | str, max_bytes: int = MAX_BYTES) -> bytes:
        key = wanted if isinstance(wanted, str) else wanted.key
        self.before_read(key)
        self.reads.append(key)
        return self._location.read(wanted, max_bytes)


ENGINE = DuckDBEngine(timedelta(minutes=1))


class WatchedEngine:
    """The embedded engine, which tells the days that it was asked for."""

    name = "duckdb"
    embedded = True

    def __init__(self) -> None:
        self.days: list[date] = []
        self.after_query: Callable[[], None] = lambda: None

    def query(self, statement: Statement, parameters: Sequence[Any], relations: Sequence[Relation] = ()) -> ArrowStream:
        answer = ENGINE.query(statement, parameters, relations)
        first, last = parameters
        assert first == last, "a day a query"
        self.days.append(first)
        self.after_query()
        return answer

    def cancel(self) -> None:
        ENGINE.cancel()


class Rig:
    """`rig.reports` is the folder that is read, `rig.now` the clock. `restart` is what a new process would do on the same store."""

    def __init__(
        self, folder: Path, name: str = "kiro_credits", *, location: Location | None = None, ignore_before: date = date(2026, 2, 13), **settings: str
    ) -> None:
        self.name = name
        self.now = NOW
        self.folder = folder
        self.reports = folder / "reports"
        self.location = Watched(location or FolderLocation(self.reports))
        self._settings = KiroSource.model_validate({"location": str(self.reports), **settings})
        self._ignore_before = ignore_before
        self._open()

    def _open(self) -> None:
        self.store = Store.open(self.folder / "state")
        self.history = History(self.store, RecentFacts())
        self.telemetry = Telemetry()
        self.engine = WatchedEngine()
        self.stopping = threading.Event()
        self.published = 0
        damaged = self.history.open(self.now)
        self.source = KiroReports(self.name, self._settings, self._ignore_before, lambda: self.location, self.engine, self.store, self.telemetry)
        if self.name in damaged:
            self.source.reopen(damaged[self.name])
        self.refresher = FactsRefresh(self.source, self.store, self.history, self.telemetry, lambda: self.now, self._publish, self.stopping)

    def _publish(self) -> None:
        self.published += 1

    def restart(self) -> None:
        self.store.close()
        self._open()

    def refresh(self) -> bool:
        """One refresh. What it reads and queries is told anew."""
        self.location.reads.clear()
        self.engine.days.clear()
        return self.refresher.run()

    def at(self, *moment: int) -> Rig:
        """Sets the clock."""
        self.now = datetime(*moment, tzinfo=UTC)  # type: ignore[arg-type, misc]
        return self

    def fact_file(self, day: date) -> Path:
        return self.folder / "state" / "facts" / self.name / f"{day}.parquet"

    def facts(self, day: date) -> list[Fact]:
        """The rows of a day as any tool would read them from the store."""
        if not self.fact_file(day).exists():
            return []
        answer = READER.cursor().execute("SELECT * FROM read_parquet($1) ORDER BY ALL", [str(self.fact_file(day))])
        names = [column[0] for column in answer.description]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

    def credits(self, day: date) -> dict[str, Any]:
        """Credits by identity, exact, over clients, accounts and regions."""
        sums: dict[str, Any] = {}
        for fact in self.facts(day):
            if fact["model"] is None:
                sums[fact["identity"]] = sums.get(fact["identity"], Decimal(0)) + fact["credits"]
        return sums

    def landed(self) -> tuple[date, date] | None:
        days = self.source.landed().days
        return None if days is None else (days.first, days.last)

    def told(self, name: str, **labels: str) -> float | None:
        """The value of a self-metric of the source."""
        return self.telemetry.registry.get_sample_value(f"aws_user_exporter_{name}", {"source": self.name, **labels})

    def rejected(self, reason: str) -> float:
        return self.told("source_rejected_rows_total", reason=reason) or 0.0


class Rows:
    """Rows as an engine hands them on: the answer to a query of DuckDB's."""

    def __init__(self, query: str) -> None:
        self._query = query

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return nanoarrow.ArrayStream(READER.cursor().sql(self._query)).__arrow_c_stream__(requested_schema)


def days_from(first: date, count: int) -> list[date]:
    return [first + timedelta(days=offset) for offset in range(count)]
