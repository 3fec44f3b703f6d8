"""`kill -9` of the real process while it fetches, writes facts and renders, and what the next start finds: never half a day.

Between two starts every report is exported again with other numbers, a version higher, so a day that mixes two reads shows itself.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from exporter_process import ExporterProcess, Samples
from recount_kiro import Recount

KILLS = (3, pytest.param(10, marks=pytest.mark.long))
PEOPLE = 24
DAYS = 7  # All of them stay open: `lookback` is 7 days unless the config says otherwise.
ACCOUNTS = ("111122223333", "444455556666")
CLIENTS = ("KIRO_IDE", "KIRO_CLI")
HEADER = "Date,UserId,Client_Type,Chat_Conversations,Credits_Used,Overage_Credits_Used,Subscription_Tier,Total_Messages,User_Email,auto_messages"
NOTHING_DUE = "1h"

FETCHING = "fetching files"
WRITING = '"writing facts"'
RENDERING = "msg=rendering"
PHASES = {"fetching": (FETCHING, WRITING), "writing facts": (WRITING, '"day stored"'), "rendering": (RENDERING, "msg=rendered")}
"""What begins a phase in the log, and what ends it."""

DaySums = dict[date, tuple[Decimal, int]]
"""Credits and messages by day."""


@dataclass
class Reports:
    """The location, and the day sums of every version that it has held."""

    folder: Path
    last: date
    version: int = 0
    sums: list[DaySums] = field(default_factory=list)

    @property
    def days(self) -> list[date]:
        return [self.last - timedelta(days=offset) for offset in reversed(range(DAYS))]

    def export(self) -> None:
        """Writes every report anew, with a version higher in every row. The fourth day has none: nobody used Kiro."""
        self.version += 1
        for day in [*self.days[:3], *self.days[4:]]:
            for account in ACCOUNTS:
                for client in CLIENTS:
                    self._write(day, account, client)
        recount = Recount(self.folder, None, self.last + timedelta(days=1))
        sums: dict[date, tuple[Decimal, int]] = defaultdict(lambda: (Decimal(0), 0))
        for row in recount.credit_rows:
            credits, messages = sums[row.day]
            sums[row.day] = (credits + row.numbers["credits_used"], messages + int(row.numbers["total_messages"]))
        self.sums.append(dict(sums))

    def _write(self, day: date, account: str, client: str) -> None:
        path = self.folder / f"AWSLogs/{account}/KiroLogs/user_report/us-east-1/{day:%Y/%m/%d}/00/{client}_{account}_user_report_{day:%Y%m%d}0000.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [HEADER]
        for person in range(PEOPLE):
            credits = f"{self.version}.{person + 1:03}{day.day:02}1"
            identity = f"{account[:8]}-0000-4000-8000-{person:012}"
            messages = self.version * 100 + person
            lines.append(f'{day},"{identity}",{client},{self.version},{credits},0.0,PRO,{messages},"",{messages}')
        path.write_text("\n".join((*lines, "")), encoding="utf-8")


@dataclass
class Stored:
    """What a look into the store's folder finds when no process runs: any tool may read it."""

    folder: Path

    def check(self, reports: Reports) -> None:
        """Every file can be read, and every day holds one version, whole."""
        for day, (versions, credits, messages) in self.days().items():
            assert len(versions) == 1, f"{day} mixes exports {versions}"
            assert (credits, messages) == reports.sums[versions[0] - 1][day], f"{day} is half there"

    def days(self) -> dict[date, tuple[list[int], Decimal, int]]:
        """Versions (they stand in Chat_Conversations), credits and messages by day, oldest first."""
        query = "SELECT list(DISTINCT conversations), sum(credits), sum(messages)::BIGINT FROM read_parquet($1) WHERE model IS NULL"
        connection = duckdb.connect()
        files = sorted((self.folder / "facts/kiro_credits").glob("*.parquet"))
        return {date.fromisoformat(file.stem): connection.execute(query, [str(file)]).fetchall()[0] for file in files}

    def credits(self) -> DaySums:
        return {day: (credits, messages) for day, (_, credits, messages) in self.days().items()}


@pytest.fixture
def reports(today: date, tmp_path: Path) -> Reports:
    return Reports(tmp_path / "data", today - timedelta(days=1))


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    return Stored(tmp_path / "state")


@pytest.fixture
def exporter(tmp_path: Path) -> Iterator[ExporterProcess]:
    process = ExporterProcess(tmp_path, config(NOTHING_DUE), log_level="debug")
    yield process
    if process.running:
        process.kill()


def config(schedule: str) -> dict[str, object]:
    return {"engine": "duckdb", "store": {"path": "state"}, "sources": {"kiro_credits": {"location": "data", "schedule": schedule}}}


def served(samples: Samples) -> tuple[float, int]:
    """Credits and messages of everybody in the last 30 days."""

    def total(name: str) -> float:
        return sum(value for (of, _), value in samples.items() if of == name)

    return round(total("kiro_user_credits_last_30d"), 6), int(total("kiro_user_messages_last_30d"))


def summed(days: DaySums) -> tuple[float, int]:
    return round(float(sum(credits for credits, _ in days.values())), 6), sum(messages for _, messages in days.values())


def newest_landed(samples: Samples) -> date:
    end = samples["aws_user_exporter_source_data_timestamp_seconds", frozenset({("source", "kiro_credits")})]
    return (datetime.fromtimestamp(end, UTC) - timedelta(days=1)).date()


def seconds_of(exporter: ExporterProcess, phase: str) -> float:
    """How long a phase took the last time, by the log."""
    begin, end = PHASES[phase]
    began, seconds = None, 0.0
    for line in exporter.lines():
        at = datetime.fromisoformat(line.split()[0].removeprefix("time="))
        if begin in line:
            began = at
        elif end in line and began is not None:
            seconds, began = (at - began).total_seconds(), None
    return seconds


def kill_within(exporter: ExporterProcess, phase: str, delay: float, after: int = 0, skip: int = 0) -> bool:
    """Kills it some seconds into a phase, after the phase has begun `skip` times; returns whether the log says that it hit."""
    begin, end = PHASES[phase]
    for _ in range(skip + 1):
        after = exporter.wait_for_line(begin, after=after, pause=0.002)
    time.sleep(delay)
    exporter.kill()
    return not any(end in line for line in exporter.lines()[after:])


@pytest.mark.parametrize("kills", KILLS)
@pytest.mark.parametrize("phase", PHASES)
def test_no_kill_leaves_half_a_day(exporter: ExporterProcess, reports: Reports, stored: Stored, phase: str, kills: int) -> None:
    chance = random.Random(phase)
    reports.export()
    with exporter:
        exporter.wait_until_refreshed("kiro_credits")
        exporter.wait_until_ready()
        seconds = seconds_of(exporter, phase)
    hits = 0
    for _ in range(3 * kills):
        reports.export()
        # Not due for an hour: the first scrape has nothing but the store to come from.
        with exporter:
            exporter.wait_until_started()
            first = served(exporter.samples())
            assert not [line for line in exporter.lines() if FETCHING in line]
            assert first == summed(stored.credits())
            began = len(exporter.lines())
            if phase == "rendering" and chance.random() < 0.5:
                exporter.reload()
            else:
                exporter.refresh()
            skip = chance.randrange(DAYS - 1) if phase == "writing facts" else 0
            if kill_within(exporter, phase, chance.uniform(0, 0.8 * seconds), began, skip):
                hits += 1
            else:
                # The first time, by which the phase was measured, may have been the slowest.
                seconds *= 0.8
        stored.check(reports)
        if hits == kills:
            break
    assert hits == kills, "too few kills hit the phase"
    with exporter:
        exporter.wait_until_started()
        exporter.refresh()
        exporter.wait_until_refreshed("kiro_credits")
    assert stored.credits() == reports.sums[-1]
    with exporter:
        exporter.wait_until_started()
        assert served(exporter.samples()) == summed(reports.sums[-1])


def test_a_first_load_that_is_killed_goes_on(exporter: ExporterProcess, reports: Reports, stored: Stored) -> None:
    reports.export()
    seen = date.min
    for days in (2, 0, 1):
        with exporter:
            exporter.wait_until_started()
            samples = exporter.samples()
            landed = newest_landed(samples) if stored.days() else date.min
            assert served(samples) == summed({day: sums for day, sums in stored.credits().items() if day <= landed})
            assert landed >= seen, "days that had landed are gone"
            seen = landed
            kill_within(exporter, "writing facts", 0, skip=days)
            again = [line for line in exporter.lines() if WRITING in line and any(f"day={day}" in line for day in reports.days if day <= landed)]
            assert not again, "days that had landed are read again"
        stored.check(reports)
        written = list(stored.days())
        assert written == sorted(reports.sums[0])[: len(written)], "a day was left out"
    with exporter:
        exporter.wait_until_refreshed("kiro_credits")
    assert stored.credits() == reports.sums[0]


def test_the_first_scrape_is_served_though_the_source_is_gone(exporter: ExporterProcess, reports: Reports, stored: Stored) -> None:
    reports.export()
    with exporter:
        exporter.wait_until_refreshed("kiro_credits")
        exporter.kill()
    reports.folder.rename(reports.folder.with_name("away"))
    exporter.configure(config("1s"))
    with exporter:
        exporter.wait_until_started()
        samples = exporter.samples()
        exporter.wait_for_line('"refresh failed"')
    assert served(samples) == summed(stored.credits())


def test_a_stop_while_rendering_is_a_clean_one(exporter: ExporterProcess, reports: Reports) -> None:
    reports.export()
    with exporter:
        before = exporter.wait_until_refreshed("kiro_credits")
        exporter.reload()
        exporter.wait_for_line(RENDERING, after=before, pause=0.002)
        assert exporter.terminate() == 0
