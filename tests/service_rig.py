"""A folder with config, people, reports and a store, and the service that runs on it under a clock that is set by hand."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from kiro_files import ALICE, Use, put_use
from prometheus_client.parser import text_string_to_metric_families
from publications import Publications

from exporter.config import load
from exporter.service import Service
from exporter.telemetry import Telemetry

NOW = datetime(2026, 10, 31, 13, 0, tzinfo=UTC)
"""30 October has landed: its report is there, and 12 hours have passed since its end."""
USE = {
    "2026-03-01": 512,
    "2026-09-01": 256,
    "2026-09-30": 1,
    "2026-10-01": 2,
    "2026-10-23": 4,
    "2026-10-24": 8,
    "2026-10-25": 16,
    "2026-10-28": 32,
    "2026-10-29": 64,
    "2026-10-30": 128,
}
"""Alice's credits by day, so that every sum tells of which days it is made."""
BEFORE_MONTH_END = {"yesterday": 128, "3d_ago": 32, "last_7d": 248, "last_30d": 254, "month_to_date": 254, "last_month": 257}
"""Her credits by window as they are served at NOW."""
CONFIG = """engine: duckdb
store: {path: state}
sources:
  kiro_credits: {location: reports, schedule: 36500d, history: 400d}
people: {file: people.csv}
web: {enable_lifecycle: true}
"""
PEOPLE = "user,team,aliases\nalice,core,\n"

Labels = frozenset[tuple[str, str]]


def eventually(condition: Callable[[], object]) -> bool:
    deadline = time.monotonic() + 10
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


class House:
    """A folder with config, people and reports, and the service that runs on it."""

    def __init__(self, folder: Path, publications: Publications) -> None:
        self.folder, self.publications = folder, publications
        self.now = NOW
        self.config_file = folder / "config.yaml"
        self.reports = folder / "reports"
        self.service: Service = None  # type: ignore[assignment]

    def write(self, config: str = CONFIG, people: str = PEOPLE) -> None:
        self.config_file.write_text(config)
        (self.folder / "people.csv").write_text(people)

    def start(self) -> Telemetry:
        """Starts the service on what the store holds; nothing is refreshed unless the schedule of the config says so."""
        self.telemetry = Telemetry()
        self.service = Service(load(self.config_file, os.environ), lambda: load(self.config_file, os.environ), self.telemetry, lambda: self.now)
        self.service.start()
        return self.telemetry

    def stop(self) -> None:
        if self.service is not None:
            self.service.stop()
            self.service = None  # type: ignore[assignment]

    def is_published(self) -> bool:
        """Waits until whatever was asked for is served."""
        return eventually(self.publications.caught_up())

    def reload(self, config: str = CONFIG, people: str = PEOPLE) -> list[str]:
        """Reloads, and waits until what changed by it is served."""
        self.write(config, people)
        errors = self.service.reload()
        assert self.is_published()
        return errors

    def refreshed(self, source: str = "kiro_credits") -> bool:
        """Waits for a first refresh to work, and until what it brought is served."""
        return eventually(lambda: self.told("source_up", source=source) == 1) and self.is_published()

    def refresh(self, source: str = "kiro_credits") -> None:
        """Refreshes a second from now, and waits until what it brought is served."""
        self.now += timedelta(seconds=1)
        before = self.told("source_refreshes_total", source=source) or 0
        assert self.service.refresh(source) == []
        assert eventually(lambda: (self.told("source_refreshes_total", source=source) or 0) > before)
        assert eventually(lambda: self.told("source_last_success_timestamp_seconds", source=source) == self.now.timestamp())
        assert self.is_published()

    def told(self, name: str, **labels: str) -> float | None:
        return self.telemetry.registry.get_sample_value(f"aws_user_exporter_{name}", labels)

    def served(self) -> dict[tuple[str, Labels], float]:
        """Every sample of the snapshot that is served; empty when there is none."""
        snapshot = self.service.snapshot()
        text = b"".join(chunk.plain for chunk in snapshot.chunks).decode() if snapshot else ""
        return {(sample.name, frozenset(sample.labels.items())): sample.value for family in text_string_to_metric_families(text) for sample in family.samples}

    def values(self, name: str) -> dict[str, float]:
        """The samples of a metric by user."""
        return {dict(labels)["user"]: value for (found, labels), value in self.served().items() if found == name}

    def windows(self, family: str = "kiro_user_credits", user: str = ALICE) -> dict[str, float]:
        """The samples of a user by window."""
        found = ((name, dict(labels), value) for (name, labels), value in self.served().items())
        return {name.removeprefix(f"{family}_"): value for name, labels, value in found if name.startswith(f"{family}_") and labels.get("user") == user}


def fill(folder: Path) -> Path:
    """A folder whose store holds all that the reports say."""
    with pytest.MonkeyPatch.context() as monkeypatch, living_in(folder, monkeypatch) as house:
        house.write()
        for day, credits in USE.items():
            put_use(house.reports, date.fromisoformat(day), Use(ALICE, credits=f"{credits}.0", messages=credits, limit="1000"))
        house.start()
        assert house.refreshed()
    return folder


@contextmanager
def living_in(folder: Path, monkeypatch: pytest.MonkeyPatch, like: Path | None = None) -> Iterator[House]:
    """The house in a folder, as a copy of a filled one or empty; not started yet, and stopped in the end."""
    if like:
        shutil.copytree(like, folder, dirs_exist_ok=True)
    made = House(folder, Publications(monkeypatch))
    try:
        yield made
    finally:
        made.stop()
