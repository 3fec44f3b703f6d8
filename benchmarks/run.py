"""`make bench`: every row of the design's table of speed and size, each beside its rival in the same run.

    python -m benchmarks.run [--quick] [--markdown]

The machine is noisy and shared: the ratios count. "falls short" says that a row misses its aim; nothing fails because of it.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import athena_day, bill, cloudtrail_day, first_scrape, rendering, scraping, size
from benchmarks.measure import Row, apart
from benchmarks.organisation import made


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
    stored, together = [], 1_000 if quick else 2_000
    for days in (20, 100) if quick else (40, 400):
        with made(together, days) as folder:
            stored.append(apart("organisation", "new_day", folder, str(together)))
    few, many = stored
    measured = f"{many['seconds']:.2f} s against {few['seconds']:.2f} s, processor {many['processor'] / few['processor']:.2f} times"
    yield Row("a refresh of one new day, 400 days in the store", "with 40 days", measured, many["seconds"] / few["seconds"], 1.3, True)
    events = 50_000 if quick else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        day = cloudtrail_day.compare(events, events // 5_000, 2, Path(folder))
    measured = f"{day['our_seconds']:.1f} s, {day['our_peak']:,.0f} MB against {day['their_seconds']:.1f} s"
    yield Row(f"one day of CloudTrail, {events:,} events", "a plain Python loop, times faster", measured, day["their_seconds"] / day["our_seconds"], 3)
    hourly, rereading = athena_day.compare(50, 5, 50_000_000)
    share = hourly.scanned_bytes / rereading.scanned_bytes
    measured = f"{hourly.scanned_bytes / 1e9:,.0f} GB against {rereading.scanned_bytes / 1e9:,.0f} GB"
    yield Row("bytes Athena scans in a day of hourly refreshes", "re-reading 30 days each time, part of", measured, share, 1 / 40, True)
    usd, their_usd = hourly.athena_usd + hourly.requests_usd, rereading.athena_usd + rereading.requests_usd
    measured = f"{usd:.2f} USD (requests {hourly.requests_usd:.2f}) against {their_usd:.2f} ({rereading.requests_usd:.2f})"
    yield Row("price of that day, requests to S3 included", "re-reading 30 days each time, part of", measured, usd / their_usd, None, True)
    lines = 100_000 if quick else 1_000_000
    of_bill, of_loop = bill.compare(lines)
    measured = f"{of_bill['seconds']:.1f} s, {of_bill['peak']:,.0f} MB against {of_loop['seconds']:.1f} s"
    yield Row(f"a bill of {lines:,} lines", "a plain Python loop, times faster", measured, of_loop["seconds"] / of_bill["seconds"], None)
    yield from first_scrape.rows(50 if quick else 200)
    for people in (100, 1_000) if quick else (100, 1_000, 10_000):
        yield from size.rows(people)
    yield from size.steps(100 if quick else 1_000)


def main() -> None:
    in_markdown = "--markdown" in sys.argv
    if in_markdown:
        print("| What | Beside | Measured | Reached | Wanted | |\n|---|---|---|---|---|---|")
    else:
        print(f"{'what':<62} {'beside':<36} {'measured':<34} {'reached':>8}  wanted")
    for row in table("--quick" in sys.argv):
        print(row.markdown() if in_markdown else row, flush=True)


if __name__ == "__main__":
    main()
