"""`make bench`: every row of the design's table of speed and size that exists so far, each beside its rival in the same run.

    python -m benchmarks.run [--quick]

The machine is noisy and shared: the ratios count. "falls short" says that a row misses its aim; nothing fails because of it.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import cloudtrail_day, rendering, scraping
from benchmarks.measure import Row, apart


def table(quick: bool) -> Iterator[Row]:
    million, hundred_thousand = (100_000, 20_000) if quick else (1_000_000, 100_000)
    runs = 3 if quick else 9
    ours, theirs = scraping.compare(hundred_thousand, "client", gzip=True, runs=runs)
    yield Row(
        f"scrape, {hundred_thousand:,} series, gzip",
        "prometheus_client, times faster",
        f"{ours * 1e3:.2f} ms against {theirs * 1e3:.0f} ms",
        theirs / ours,
        500,
    )
    ours, theirs = scraping.compare(million, "socket", gzip=False, runs=runs)
    yield Row(
        f"scrape, {million:,} series, plain",
        "the same bytes over a bare socket",
        f"{ours * 1e3:.0f} ms against {theirs * 1e3:.0f} ms",
        ours / theirs,
        1.5,
        True,
    )
    ours, theirs = rendering.compare(million)
    yield Row(f"render {million:,} series, compressed too", "generate_latest, times faster", f"{ours:.2f} s against {theirs:.2f} s", theirs / ours, 15)
    ours, theirs = rendering.peaks(million)
    yield Row(
        f"peak memory while re-rendering {million:,} series",
        "prometheus_client's peak, part of",
        f"{ours:.0f} MB against {theirs:.0f} MB",
        ours / theirs,
        1 / 3,
        True,
    )
    idle, busy = scraping.during_rendering(hundred_thousand)
    yield Row(f"scrape p99 while {hundred_thousand:,} series render, ms", "idle", f"{busy * 1e3:.1f} ms against {idle * 1e3:.1f} ms", busy * 1e3, 50, True)
    few, many = (apart("organisation", "new_day", str(days))["seconds"] for days in ((20, 100) if quick else (40, 400)))
    yield Row("a refresh of one new day, 400 days in the store", "with 40 days", f"{many:.2f} s against {few:.2f} s", many / few, 1.3, True)
    events = 50_000 if quick else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        day = cloudtrail_day.compare(events, events // 5_000, 2, Path(folder))
    measured = f"{day['our_seconds']:.1f} s, {day['our_peak']:,.0f} MB against {day['their_seconds']:.1f} s"
    yield Row(f"one day of CloudTrail, {events:,} events", "a plain Python loop, times faster", measured, day["their_seconds"] / day["our_seconds"], 3)
    for people in (100, 1_000) if quick else (100, 1_000, 10_000, 100_000):
        made = apart("organisation", "snapshot", str(people))
        aim = 5.0 if people == 10_000 else None
        measured = f"{made['series']:,.0f} series, {made['bytes'] / 1e6:.0f} MB, step {made['step']:.0f}, peak {made['peak']:,.0f} MB"
        yield Row(f"snapshot of {people:,} people from 62 days, s", measured, f"loaded from the store in {made['load']:.2f} s", made["seconds"], aim, True)


if __name__ == "__main__":
    print(f"{'what':<62} {'beside':<36} {'measured':<34} {'reached':>8}  wanted")
    for row in table("--quick" in sys.argv):
        print(row, flush=True)
