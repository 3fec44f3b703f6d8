"""Two months of a service in minutes: its clock is set by hand, its sources grow by a day each day, and what it holds of the machine is written down."""

from __future__ import annotations

import ctypes
import gc
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path

import pytest
from publications import Publications

from exporter import aws
from exporter.commands.demo import CONFIG
from exporter.config import load
from exporter.sample import Organisation, SampleDirectory, deliver, sandbox_owners, write
from exporter.service import Service
from exporter.telemetry import Telemetry

DAY = timedelta(days=1)
SOURCES = ("kiro_credits", "kiro_features", "cloudtrail", "cur", "identity_center")
ROUNDS = (clock_time(1, 10), clock_time(12, 10))
"""When everything is refreshed. CloudTrail reads the day before for the last time from 12:00 on."""

EVERY = 5
"""On days that can be divided by this the config is reloaded, somebody asks the people API, and memory is measured."""

_GIVEN_BACK_SECONDS = 12.0
"""DuckDB's allocator gives back what is freed within ten seconds (`dirty_decay_ms`); before, it is fifty megabytes more or less."""

EVENTS = 3.0
_PATIENCE_SECONDS = 120.0
_SETTINGS = CONFIG.replace("schedule: 10m", "schedule: 36500d").replace(
    "people:\n", "  identity_center: {identity_store_id: d-1234567890, schedule: 36500d}\npeople:\n", 1
)


@dataclass(frozen=True)
class Held:
    """What the process and the store hold at the end of a day."""

    day: date
    resident_kilobytes: int | None
    """At rest; None on days that are not measured."""
    handles: int
    threads: int
    store_bytes: int
    store_files: int


@dataclass
class Soaked:
    """What was seen: a line a day, and on chosen days what of each family is not as recounted."""

    held: list[Held] = field(default_factory=list)
    checked: dict[date, dict[str, dict[str, object]]] = field(default_factory=dict)
    failures: float = 0.0
    unserved: list[datetime] = field(default_factory=list)


class SoakedService:
    """A service, the folder that its sources are read from, and the clock of both."""

    def __init__(self, folder: Path, people: int, first: date, begin: date, monkeypatch: pytest.MonkeyPatch) -> None:
        """The sources reach back to `first` when the service starts in the morning of `begin`."""
        self.folder, self.data, self.first = folder, folder / "data", first
        self.organisation = Organisation.generate(people, seed=4)
        self.now = datetime.combine(begin, clock_time(0, 30), UTC)
        self.seen = Soaked()
        self._publications = Publications(monkeypatch)
        monkeypatch.setattr(aws, "client", lambda *_arguments: SampleDirectory(self.data))
        write(self.organisation, self.data, first, begin - DAY, cloudtrail=True, events=EVENTS, bill=True)
        owners = "".join(f'    "{account}": {owner.user}\n' for account, owner in sandbox_owners(self.organisation, begin).items())
        config = folder / "config.yaml"
        config.write_text(f"{_SETTINGS}attribution:\n  account_owners:\n{owners}", encoding="utf-8")
        self.telemetry = Telemetry()
        self.service = Service(load(config, {}), lambda: load(config, {}), self.telemetry, lambda: self.now)
        self.service.start()
        for source in SOURCES:
            self._await(lambda source=source: self._told("source_up", source) == 1)

    def stop(self) -> None:
        self.service.stop()

    def live(self, day: date, check: bool) -> None:
        """One day: what came of the day before, refreshes, scrapes and questions, a reload, midnight."""
        write(self.organisation, self.data, day - DAY, day - DAY, cloudtrail=True, events=EVENTS, bill=True)
        for moment in ROUNDS:
            self.now = datetime.combine(day, moment, UTC)
            deliver(self.organisation, self.data, self.now, events=EVENTS)
            self._refresh_all()
            self._scrape()
        if day.day % EVERY == 0:
            assert self.service.reload() == []
            self._published()
            people = self.service.people()
            assert people is not None
            people.currency()
        if check:
            self.seen.checked[day] = self._compared(day)
        self.seen.held.append(self._hold(day))
        self.now = datetime.combine(day + DAY, clock_time(0, 0, 5), UTC)
        self._await(lambda: self.service.snapshot() is not None)
        self._scrape()
        self.seen.failures = sum(self._told("source_refresh_failures_total", source) or 0 for source in SOURCES)

    def _refresh_all(self) -> None:
        """Every source at once, as their schedules would have it."""
        for source in SOURCES:
            self._await(lambda source=source: self.service.refresh(source) == [])
        for source in SOURCES:
            self._await(lambda source=source: self._told("source_last_success_timestamp_seconds", source) == self.now.timestamp())
        self._published()

    def _scrape(self) -> None:
        snapshot = self.service.snapshot()
        if snapshot is None:
            self.seen.unserved.append(self.now)
        else:
            assert len(b"".join(chunk.gzip for chunk in snapshot.chunks)) == snapshot.gzip_bytes
        self.telemetry.exposition(openmetrics=False)

    def _told(self, name: str, source: str) -> float | None:
        return self.telemetry.registry.get_sample_value(f"aws_user_exporter_{name}", {"source": source})

    def _published(self) -> None:
        self._await(self._publications.caught_up())

    @staticmethod
    def _await(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, "nothing came of it"
            time.sleep(0.005)

    def _hold(self, day: date) -> Held:
        files = [path.stat().st_size for path in (self.folder / "state").rglob("*") if path.is_file()]
        resident = self._resident_kilobytes() if day.day % EVERY == 0 else None
        return Held(day, resident, len(os.listdir("/proc/self/fd")), threading.active_count(), sum(files), len(files))

    @staticmethod
    def _resident_kilobytes() -> int:
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        time.sleep(_GIVEN_BACK_SECONDS)
        with open("/proc/self/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

    def _compared(self, today: date) -> dict[str, dict[str, object]]:
        """By a process of its own: what a recount holds would be measured as what the service holds."""
        snapshot = self.service.snapshot()
        assert snapshot is not None
        served = self.folder / "served.txt"
        served.write_bytes(b"".join(chunk.plain for chunk in snapshot.chunks))
        recount = Path(__file__).with_name("soak_recount.py")
        told = subprocess.run([sys.executable, recount, self.folder, str(self.first), str(today)], check=True, capture_output=True)
        compared: dict[str, dict[str, object]] = json.loads(told.stdout)
        return compared
