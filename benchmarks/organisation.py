"""The whole way: snapshots of organisations of several sizes, and one new day with few and with many days stored. In a process of its own each.

python -m benchmarks.organisation snapshot|steps|new_day <folder with a store of made_facts> <people>
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Context, Decimal
from pathlib import Path

from benchmarks.made_facts import SOURCES, TODAY, WINDOWS_REACH, YESTERDAY, entries, write_days
from benchmarks.measure import apart, peak_megabytes, seconds
from exporter.assembly import Assembly
from exporter.config import Config
from exporter.facts.history import History
from exporter.facts.recent import RecentFacts
from exporter.facts.store import Store
from exporter.families.catalogue import GROUPS
from exporter.model import DayRange, Snapshot, day_start
from exporter.telemetry import Telemetry
from exporter.windows import Landed

_NOW = day_start(TODAY) + timedelta(hours=6)
_EXACT = Context(prec=80)
_ADDITIVE = frozenset(name for group in GROUPS for family in group.families if family.additive for name in family.names())
_DOUBLES = frozenset(name for group in GROUPS for family in group.families if "DOUBLE" in family.statement for name in family.names())
"""Forecasts and list prices."""


@contextmanager
def made(people: int, days: int = WINDOWS_REACH) -> Iterator[str]:
    """The folder of a store with so many people and days."""
    with tempfile.TemporaryDirectory() as folder:
        apart("made_facts", folder, str(people), str(days))
        yield folder


class Organisation:
    """An opened store, and what publishes it."""

    def __init__(self, folder: Path, people: int) -> None:
        self.people = people
        self.store = Store.open(folder)
        self.history = History(self.store, RecentFacts())
        self.entries = entries(people)
        self.assembly = Assembly(self.store, self.history, Telemetry(), lambda: _NOW)
        self.first = self.store.days(SOURCES[0])[0]

    def publish(self, **limits: int) -> Snapshot:
        sources = {source: {"location": "data/"} for source in SOURCES}
        self.assembly.take(Config.model_validate({"engine": "duckdb", "sources": sources, "limits": limits}), self.entries)
        landed = dict.fromkeys(SOURCES, Landed(DayRange(self.first, YESTERDAY), timedelta(days=14)))
        snapshot = self.assembly.build(_NOW, landed)
        assert snapshot is not None
        return snapshot

    def bring(self) -> None:
        """Yesterday once more: from its facts to the store and into memory."""
        for source in SOURCES:
            write_days(self.store, source, self.people, [YESTERDAY])
            self.history.reload(source, [YESTERDAY], _NOW)
        self.history.advance(_NOW)


def measure_snapshot(folder: Path, people: int) -> dict[str, float]:
    organisation = Organisation(folder, people)
    load = seconds(lambda: organisation.history.open(_NOW))
    snapshot = organisation.publish()
    times = []
    for _ in range(3 if people < 100_000 else 1):
        began, worked = time.perf_counter(), time.process_time()
        snapshot = organisation.publish()
        times.append((time.perf_counter() - began, time.process_time() - worked))
    taken, processor = min(times)
    peak = peak_megabytes()
    facts = organisation.history.recent.cursor()
    return {
        "seconds": taken,
        "processor": processor,
        "load": load,
        "series": sum(snapshot.series.values()),
        "bytes": snapshot.plain_bytes,
        "gzip": snapshot.gzip_bytes,
        "step": snapshot.limit_step,
        "peak": peak,
        "rows": sum(facts.execute(f"SELECT count(*) FROM {source}").fetchall()[0][0] for source in SOURCES),
        "disk": sum(path.stat().st_size for path in folder.rglob("*.parquet")),
        "refresh": seconds(organisation.bring),
    }


def measure_steps(folder: Path, people: int) -> dict[str, list[int]]:
    """For limits from nearly none to a tenth: the step that was taken, the series, and the additive metrics whose totals are not those without a limit."""
    organisation = Organisation(folder, people)
    organisation.history.open(_NOW)
    whole = organisation.publish(max_series=10**9, breakdown_users=10**6, breakdown_values=10**6)
    expected, all_series = totals(whole), sum(whole.series.values())
    found: dict[str, list[int]] = {"limits": [], "steps": [], "series": [], "compared": [], "wrong": []}
    for part in (1.0, 0.8, 0.5, 0.45, 0.4, 0.35, 0.3, 0.2, 0.1):
        limit = round(part * all_series)
        snapshot = organisation.publish(max_series=limit)
        folded = totals(snapshot)
        wrong = [name for name, value in folded.items() if not _same(name, value, expected.get(name, Decimal(0)))]
        row = (limit, snapshot.limit_step, sum(snapshot.series.values()), len(folded), len(wrong))
        for column, value in zip(found.values(), row, strict=True):
            column.append(value)
    return found


def totals(snapshot: Snapshot) -> dict[str, Decimal]:
    """By metric the exact sum of all samples of the additive families, from the text."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    add: Callable[[Decimal, Decimal], Decimal] = _EXACT.add
    for chunk in snapshot.chunks:
        for line in chunk.plain.decode().splitlines():
            name = line.partition("{")[0]
            if name in _ADDITIVE:
                sums[name] = add(sums[name], Decimal(line.rpartition(" ")[2]))
    return dict(sums)


def _same(name: str, found: Decimal, expected: Decimal) -> bool:
    """Money, credits and counts to the last digit; what is computed as doubles as exactly as doubles can be summed."""
    return found == expected or (name in _DOUBLES and abs(found - expected) <= abs(expected) * Decimal("1e-12"))


def measure_new_day(folder: Path, people: int) -> dict[str, float]:
    """Seconds that one new day takes from its facts to the snapshot, with what is in the store."""
    organisation = Organisation(folder, people)
    organisation.history.open(_NOW)
    runs = []
    for _ in range(5):
        worked, refresh, snapshot = time.process_time(), seconds(organisation.bring), seconds(organisation.publish)
        runs.append((refresh + snapshot, snapshot, time.process_time() - worked))
    taken, snapshot, _ = min(runs)
    return {"seconds": taken, "snapshot": snapshot, "processor": min(run[2] for run in runs)}


if __name__ == "__main__":
    which, place, number = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    measure = {"snapshot": measure_snapshot, "steps": measure_steps, "new_day": measure_new_day}[which]
    print(json.dumps(measure(place, number)))
