"""Log files to facts, the whole way: what the tests of CloudTrail share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest
from cloudtrail_events_made import DAY, Record, event, iam_user, log_path, write

from exporter.engines.duckdb import DuckDBEngine
from exporter.facts.store import Store
from exporter.objects import FolderLocation, StoredObject
from exporter.sources.cloudtrail import CloudTrailLogs
from exporter.sources.cloudtrail_settings import CloudTrailSettings
from exporter.telemetry import Telemetry

SETTINGS = CloudTrailSettings(
    accounts=None,
    include_data_events=False,
    history=timedelta(days=2),
    max_age=timedelta(days=3),
    person_session=(r"^[^@\s]+@[^@\s]+$",),
    service_user=("^svc-", "-bot$", "terraform", "jenkins", "github"),
    human_identity_providers=("login.example.com", "kZ3mQ9bT0vYhUe7LwXc5dR1sN2A="),
)
ENGINE = DuckDBEngine(timedelta(minutes=1))
NEXT, BEFORE = DAY + timedelta(days=1), DAY - timedelta(days=1)


class Fact(NamedTuple):
    day: date
    kind: str
    identity_kind: str | None
    identity: str | None
    dimension: str
    value: str
    events: int
    denied: int
    sensitive: int
    first_event: int
    last_event: int


class Reader:
    """A source over a folder of logs and a store of its own, driven as a refresh drives it."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.logs, self.telemetry = folder / "logs", Telemetry()
        self.logs.mkdir(parents=True, exist_ok=True)
        self.store = Store.open(folder / "store")
        self.settings = replace(SETTINGS, **settings)
        self.source = self.opened()

    def opened(self, **settings: Any) -> CloudTrailLogs:
        """The source as it starts anew, with what the store remembers."""
        self.settings = replace(self.settings, **settings)
        self.source = CloudTrailLogs(self.settings, lambda: FolderLocation(self.logs), ENGINE, self.store, self.telemetry)
        return self.source

    def refresh(self, now: datetime) -> list[date]:
        """Refreshes; returns the days that were replaced."""
        days = list(self.source.due(now, lambda: None))
        for day in days:
            self.store.replace(self.source.read(day))
            self.source.keep(day)
        self.source.done(now)
        return days

    def facts(self, *days: date) -> list[Fact]:
        """What the store holds of days."""
        files = [str(self.store.path / "facts" / "cloudtrail" / f"{day}.parquet") for day in days]
        return [Fact(*row) for row in duckdb.execute("FROM read_parquet($1) ORDER BY ALL", [files]).fetchall()]

    def events(self, day: date) -> int:
        return sum(fact.events for fact in self.facts(day) if fact.dimension == "access")

    def rejected(self, reason: str) -> float:
        return self.telemetry.registry.get_sample_value("aws_user_exporter_source_rejected_rows_total", {"source": "cloudtrail", "reason": reason}) or 0.0


def facts(folder: Path, records: Iterable[Record], **settings: Any) -> list[Fact]:
    """The facts of DAY from one file of records."""
    reader = Reader(folder, **settings)
    write(log_path(reader.logs, DAY, "1200Z_made"), records)
    reader.refresh(datetime(DAY.year, DAY.month, DAY.day, 23, tzinfo=UTC))
    return reader.facts(DAY)


def one(found: Sequence[Fact], dimension: str) -> Fact:
    """The only fact of a dimension."""
    (fact,) = (fact for fact in found if fact.dimension == dimension)
    return fact


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


def put(reader: Reader, delivered: date, *records: Record, name: str = "1200Z_file", **place: Any) -> Path:
    return write(log_path(reader.logs, delivered, name, **place), records)


def happened(day: date, hour: int = 12, who: str = "heidi") -> Record:
    return event(iam_user(who), at=f"{day}T{hour:02d}:00:00Z")


def fetched_files(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are fetched from now on."""
    names: list[str] = []
    read = FolderLocation.read

    def noted(self: FolderLocation, wanted: StoredObject | str, max_bytes: int = 0) -> bytes:
        names.append((wanted if isinstance(wanted, str) else wanted.key).rpartition("T")[2].removesuffix(".json.gz"))
        return read(self, wanted, max_bytes)

    monkeypatch.setattr(FolderLocation, "read", noted)
    return names
