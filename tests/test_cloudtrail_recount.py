"""CloudTrail the whole way, beside a recount in plain Python: every day is whole in the end, however it was read."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cloudtrail_events_made import ACCOUNT, DAY, deliver, log_path, packed
from cloudtrail_reading import BEFORE, NEXT, SETTINGS, Reader, at, put
from recount_cloudtrail import Recount, Rules

from benchmarks.cloudtrail_day import compare

RULES = Rules(human_identity_providers=SETTINGS.human_identity_providers)


@pytest.mark.parametrize("include_data_events", [False, True])
def test_every_day_equals_the_recount(tmp_path: Path, include_data_events: bool) -> None:
    reader = Reader(tmp_path, history=timedelta(days=2), include_data_events=include_data_events)
    days = [DAY, NEXT, NEXT + timedelta(days=1)]
    deliver(reader.logs, days)
    reader.refresh(at(days[-1] + timedelta(days=1), 13))
    recount = Recount(Rules(human_identity_providers=SETTINGS.human_identity_providers, include_data_events=include_data_events))
    assert {fact[:6]: fact[6:] for fact in reader.facts(*days[1:])} == recount.days(reader.logs, days[1], days[-1])


def test_days_read_by_the_hour_equal_the_recount(tmp_path: Path) -> None:
    reader, source = Reader(tmp_path, history=timedelta(0)), tmp_path / "source"
    days = [DAY, NEXT, NEXT + timedelta(days=1)]
    deliver(source, days, seed=2)
    put(reader, BEFORE)
    waiting = sorted(source.rglob("*.json.gz"), key=lambda path: path.name.rpartition("_")[0][-14:])
    now = at(DAY, 1, 30)
    while now < at(days[-1] + timedelta(days=1), 13):
        _arrive(waiting, source, reader.logs, now)
        reader.refresh(now)
        now += timedelta(hours=5)
    assert {fact[:6]: fact[6:] for fact in reader.facts(*days)} == Recount(RULES).days(source, days[0], days[-1])


def _arrive(waiting: list[Path], source: Path, logs: Path, now: datetime) -> None:
    """Moves in what has been delivered by now: the name of a log file says when that was."""
    for path in list(waiting):
        stamp = next(part for part in path.name.split("_") if part[8:9] == "T")
        if datetime.strptime(stamp, "%Y%m%dT%H%MZ").replace(tzinfo=UTC) <= now:
            target = logs / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
            waiting.remove(path)


def test_after_an_outage_every_day_is_whole(tmp_path: Path) -> None:
    reader = Reader(tmp_path, history=timedelta(0))
    days = [DAY + timedelta(days=offset) for offset in range(4)]
    deliver(reader.logs, days, seed=3)
    reader.refresh(at(DAY, 10))
    reader.refresh(at(days[-1], 23))
    reader.refresh(at(days[-1] + timedelta(days=1), 3))
    assert {fact[:6]: fact[6:] for fact in reader.facts(*days)} == Recount(RULES).days(reader.logs, days[0], days[-1])


def test_the_benchmark_compares_like_with_like(tmp_path: Path) -> None:
    made = compare(events=3000, files=4, runs=1, folder=tmp_path)
    assert (made["same"], made["our_peak"] > 0, made["their_peak"] > 0) == (1, True, True)


def test_the_made_files_are_as_a_trail_writes_them() -> None:
    assert gzip.decompress(packed([])) == b'{"Records":[]}'
    assert ACCOUNT in log_path(Path(), DAY, "1200Z_a").name
