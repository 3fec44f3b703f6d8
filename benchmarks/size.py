"""`make bench-size`: organisations of several sizes with all families and 62 days, and what the limit of series does to the totals.

    python -m benchmarks.size [--people 100 1000 10000 100000] [--steps 1000]

100,000 people take some 20 minutes and 7 GB; `make bench` leaves them out.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from benchmarks.measure import Row, apart
from benchmarks.organisation import made

AIMS = {10_000: 5.0}
"""Seconds of a snapshot, by people."""


def rows(people: int) -> Iterator[Row]:
    """What one size comes to, from a store of its own."""
    with made(people) as folder:
        found = apart("organisation", "snapshot", folder, str(people))
    size = f"{found['series']:,.0f} series, {found['bytes'] / 1e6:,.0f} MB, gzip {found['gzip'] / 1e6:,.1f} MB"
    memory = f"peak {found['peak']:,.0f} MB, step {found['step']:.0f}"
    yield Row(f"snapshot of {people:,} people from 62 days, s", memory, size, found["seconds"], AIMS.get(people), True)
    facts = f"{found['rows']:,.0f} facts, {found['disk'] / 1e6:,.0f} MB on disk"
    yield Row(f"start with the store of {people:,} people, s", "before the first snapshot", facts, found["load"], None, True)
    yield Row(
        f"a new day of {people:,} people into store and memory, s",
        "facts to memory",
        f"processor {found['processor']:.1f} s a snapshot",
        found["refresh"],
        None,
        True,
    )


def steps(people: int) -> Iterator[Row]:
    """A row a limit: how many additive metrics have another total than without a limit."""
    with made(people) as folder:
        found = apart("organisation", "steps", folder, str(people))
    for limit, step, series, compared, wrong in zip(*(found[name] for name in ("limits", "steps", "series", "compared", "wrong")), strict=True):  # type: ignore[call-overload]
        yield Row(f"totals that differ at limits.max_series {limit:,}", f"step {step}", f"{series:,} series, {compared} metrics", wrong, 0, True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, nargs="*", default=[100, 1_000, 10_000, 100_000])
    parser.add_argument("--steps", type=int, nargs="*", default=[1_000])
    chosen = parser.parse_args()
    for people in chosen.people:
        for row in rows(people):
            print(row, flush=True)
    for people in chosen.steps:
        for row in steps(people):
            print(row, flush=True)


if __name__ == "__main__":
    main()
