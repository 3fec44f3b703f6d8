"""Faults of a service that runs: it is stopped in a query, reloaded in a refresh, scraped by many at once, and its fact files go missing."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from exporter_process import ExporterProcess, samples_of
from kiro_files import ALICE, Use, put_use
from prometheus_client.parser import text_string_to_metric_families
from real_process import eventually
from test_kill import NOTHING_DUE, DaySums, Reports, config, served, summed

from exporter.config import Config, load
from exporter.engines.duckdb import DuckDBEngine
from exporter.service import STOP_SECONDS, Service
from exporter.telemetry import Telemetry

NOW = datetime(2026, 7, 12, 13, tzinfo=UTC)
DAYS = (date(2026, 7, 9), date(2026, 7, 10), date(2026, 7, 11))
CONFIG = "engine: duckdb\nstore: {path: state}\nsources:\n  kiro_credits: {location: reports, schedule: 36500d}\n"
ENDLESS = "SELECT count(*) FROM range(100000000) a, range(100000000) b WHERE a.range + b.range < 0"
SCRAPERS = 50


class House:
    """A service on reports of three days, in which Alice used 1, 2 and 4 credits."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "config.yaml").write_text(CONFIG)
        for place, day in enumerate(DAYS):
            put_use(folder / "reports", day, Use(ALICE, credits=f"{2**place}.0"))

    def start(self) -> Service:
        self.telemetry = Telemetry()
        self.service = Service(self._load(), self._load, self.telemetry, lambda: NOW)
        self.service.start()
        return self.service

    def _load(self) -> Config:
        return load(self.folder / "config.yaml", os.environ)

    def fact_file(self, day: date) -> Path:
        return self.folder / "state" / "facts" / "kiro_credits" / f"{day}.parquet"

    def credits(self) -> float | None:
        """Alice's of the last 7 days, as served."""
        snapshot = self.service.snapshot()
        body = b"".join(chunk.plain for chunk in snapshot.chunks).decode() if snapshot else ""
        found = [one.value for family in text_string_to_metric_families(body) for one in family.samples if one.name == "kiro_user_credits_last_7d"]
        return found[0] if found else None

    def refreshed(self) -> None:
        self.service.refresh(None)
        eventually("all credits", lambda: self.credits() == 7)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.service.stop()


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Queries never end; set once one has begun."""
    begun = threading.Event()
    query = DuckDBEngine.query

    def never(self: DuckDBEngine, *arguments: object) -> object:
        connection = self._connect()
        with self._interruptible(connection, "endless"):
            begun.set()
            connection.execute(ENDLESS).fetchall()
        return query(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(DuckDBEngine, "query", never)
    return begun


def test_stop_in_the_middle_of_a_query_cancels_it_and_the_next_start_reads_everything(
    house: House, endless: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.start()
    assert endless.wait(30)
    time.sleep(0.2)
    began = time.monotonic()
    ended = house.service.stop()
    assert (ended, time.monotonic() - began < STOP_SECONDS) == (True, True)
    monkeypatch.undo()
    house.start()
    house.refreshed()


def test_reload_in_the_middle_of_a_query_cancels_it_and_the_new_refresh_reads_everything(
    house: House, endless: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = house.start()
    assert endless.wait(30)
    time.sleep(0.2)
    monkeypatch.undo()
    (house.folder / "config.yaml").write_text(CONFIG.replace("36500d", "36499d"))
    assert service.reload() == []
    eventually("all credits", lambda: house.credits() == 7)


def lose(file: Path) -> None:
    file.unlink()


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:100])


def of_another_version(file: Path) -> None:
    file.unlink()
    duckdb.connect().execute("COPY (SELECT DATE '2026-07-10' AS day, 'somebody' AS identity) TO $file (FORMAT parquet)", {"file": str(file)})


@pytest.mark.parametrize("damage", [lose, cut, of_another_version])
def test_fact_file_that_is_lost_cut_off_or_of_another_version_is_read_again(house: House, damage: Callable[[Path], None]) -> None:
    house.start()
    house.refreshed()
    house.service.stop()
    damage(house.fact_file(DAYS[1]))
    house.start()
    assert house.credits() == 5
    house.refreshed()


def test_fifty_scrapers_during_refreshes_get_whole_bodies_though_others_never_read(today: date, tmp_path: Path) -> None:
    reports = Reports(tmp_path / "data", today - timedelta(days=1))
    reports.export()
    with ExporterProcess(tmp_path, config(NOTHING_DUE)) as exporter:
        eventually("the first export", lambda: served(exporter.samples()) == summed(reports.sums[0]))
        address, done = exporter.address, threading.Event()
        host, port = address.split(":")
        idle = [socket.create_connection((host, int(port))) for _ in range(5)]
        for client in idle:
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: exporter\r\n\r\n")
        bodies: set[str] = set()

        def scrape() -> int:
            count = 0
            while not done.is_set():
                bodies.add(exporter.metrics().split("# HELP aws_user_exporter")[0])
                count += 1
            return count

        with ThreadPoolExecutor(SCRAPERS) as scrapers:
            counts = [scrapers.submit(scrape) for _ in range(SCRAPERS)]
            for _ in range(2):
                before = len(exporter.lines())
                reports.export()
                exporter.refresh()
                exporter.wait_until_refreshed("kiro_credits", after=before)
                eventually("what was refreshed", lambda: served(exporter.samples()) == summed(reports.sums[-1]))
            done.set()
        assert min(count.result() for count in counts) >= 1
        for client in idle:
            client.close()
    assert {served(samples_of(body)) for body in bodies} <= {summed(days) for days in mixes(reports)}


def mixes(reports: Reports) -> Iterator[DaySums]:
    """What a body may say: every export, and each with the days up to one replaced by the next."""
    for old, new in zip(reports.sums, [*reports.sums[1:], reports.sums[-1]], strict=True):
        days = sorted(old)
        for place in range(len(days) + 1):
            yield {day: (new if day in days[:place] else old)[day] for day in days}
