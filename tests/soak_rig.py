"""Two months of a service in minutes: its clock is set by hand, its sources grow by a day each day, and what it holds of the machine is written down."""

from __future__ import annotations

import ctypes
import gc
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from decimal import Decimal
from pathlib import Path

import pytest
from demo_recount import Cost, DemoRecount

from exporter import aws, publisher
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
"""On days that can be divided by this the config is reloaded and somebody asks the people API."""

EVENTS = 3.0
_EVENTS_BY = (("events", "access", "access"), ("service_events", "service", "aws_service"), ("region_events", "region", "aws_region"))
_PATIENCE_SECONDS = 120.0
_SETTINGS = CONFIG.replace("schedule: 10m", "schedule: 36500d").replace(
    "people:\n", "  identity_center: {identity_store_id: d-1234567890, schedule: 36500d}\npeople:\n", 1
)

Values = dict[tuple[str, ...], Decimal]
"""Samples without zeros, by label values in the order of the text."""


@dataclass(frozen=True)
class Held:
    """What the process and the store hold at the end of a day."""

    day: date
    resident_kilobytes: int
    handles: int
    threads: int
    store_bytes: int
    store_files: int


@dataclass
class Soaked:
    """What was seen: a line a day, and on chosen days each family's samples beside the recount's."""

    held: list[Held] = field(default_factory=list)
    checked: dict[date, dict[str, tuple[Values, Values]]] = field(default_factory=dict)
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
        self._asked = self._answered = 0
        self._listen(monkeypatch)
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

    def _listen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Tells apart what was published before and after a request."""
        request, publish = publisher.Publisher.request, publisher.Publisher.publish

        def requesting(made: publisher.Publisher) -> None:
            self._asked += 1
            request(made)

        def publishing(made: publisher.Publisher) -> None:
            answered = self._asked
            publish(made)
            self._answered = answered

        monkeypatch.setattr(publisher, "_LOOK_EVERY_SECONDS", 0.02)
        monkeypatch.setattr(publisher.Publisher, "request", requesting)
        monkeypatch.setattr(publisher.Publisher, "publish", publishing)

    def _published(self) -> None:
        asked = self._asked
        self._await(lambda: self._answered >= asked)

    @staticmethod
    def _await(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, "nothing came of it"
            time.sleep(0.005)

    def _hold(self, day: date) -> Held:
        gc.collect()
        # What the allocator only keeps for later is no leak, and comes and goes by tens of megabytes.
        ctypes.CDLL(None).malloc_trim(0)
        files = [path.stat().st_size for path in (self.folder / "state").rglob("*") if path.is_file()]
        with open("/proc/self/status", encoding="ascii") as status:
            resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
        return Held(day, resident, len(os.listdir("/proc/self/fd")), threading.active_count(), sum(files), len(files))

    # What is served, beside the recount

    def _compared(self, today: date) -> dict[str, tuple[Values, Values]]:
        return {name: (self._served(name), expected) for name, expected in self._expected(today).items()}

    def _served(self, name: str) -> Values:
        snapshot = self.service.snapshot()
        assert snapshot is not None
        found: Values = {}
        for chunk in snapshot.chunks:
            for sample in chunk.plain.decode().splitlines():
                series, _, number = sample.rpartition(" ")
                if series.startswith(name + "{") and number != "0":
                    found[tuple(series.split('"')[1::2])] = Decimal(number)
        return found

    def _expected(self, today: date) -> dict[str, Values]:
        recount = DemoRecount.of(self.folder, today, self.first)
        return {**_kiro(recount), **_activity(recount), **_cost(recount.cost)}


def spans(today: date, first: date, last: date) -> dict[str, tuple[date, date]]:
    """First and last day of windows, where every day through yesterday has landed."""
    month, yesterday = today.replace(day=1), today - DAY
    before = month - DAY
    found = {"yesterday": (yesterday, yesterday), "last_7d": (last - 6 * DAY, last), "last_30d": (last - 29 * DAY, last)}
    found |= {"month_to_date": (month, yesterday), "last_month": (before.replace(day=1), before)}
    return {window: (max(start, first), end) for window, (start, end) in found.items()}


def _kiro(recount: DemoRecount) -> dict[str, Values]:
    kiro, found = recount.kiro, {}
    for window, (first, last) in spans(recount.today, date.min, recount.today - DAY).items():
        rows = [row for row in kiro.credit_rows if first <= row.day <= last]
        for family, column in (("credits", "credits_used"), ("messages", "total_messages"), ("conversations", "chat_conversations")):
            if family == "credits" or window in ("yesterday", "last_30d", "month_to_date"):
                found[f"kiro_user_{family}_{window}"] = _summed((kiro.person(row.identity), row.numbers[column]) for row in rows)
    return found


def _activity(recount: DemoRecount) -> dict[str, Values]:
    found = {}
    for window, (first, last) in spans(recount.today, recount.first, recount.today - DAY).items():
        for family, dimension, label in (
            ("events", "access", "access"),
            ("service_events", "service", "aws_service"),
            ("region_events", "region", "aws_region"),
        ):
            if window == "last_month" or (window == "last_7d" and family != "events"):
                continue
            by_day = recount.aws.people(dimension, 0, label)
            rows = (((*person, value), events) for day, of_day in by_day.items() if first <= day <= last for (person, value), events in of_day.items())
            found[f"aws_user_{family}_{window}"] = _summed(rows)
    return found


def _cost(cost: Cost) -> dict[str, Values]:
    windows = ("yesterday", "last_7d", "last_30d", "month_to_date", "last_month")
    families: Mapping[str, tuple[str, ...]] = {
        "aws_cost": windows,
        "aws_cost_attributed": windows,
        "aws_cost_unattributed": windows,
        "aws_user_cost": windows,
        "aws_user_service_cost": ("yesterday", "last_30d", "month_to_date"),
    }
    return {f"{family}_{window}": dict(cost.sums(window, family)) for family, chosen in families.items() for window in chosen}


def _summed(rows: object) -> Values:
    found: Values = {}
    for labels, value in rows:  # type: ignore[attr-defined]
        found[labels] = found.get(labels, Decimal(0)) + value
    return {labels: value for labels, value in found.items() if value}
