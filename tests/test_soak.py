"""Two simulated months of the whole service over all its sources: nothing grows that should not, and no metric drifts from an independent recount."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from statistics import mean

import pytest
from soak_rig import DAY, Soaked, SoakedService

pytestmark = pytest.mark.long

PEOPLE = 30
FIRST, BEGIN, END = date(2026, 7, 1), date(2026, 9, 1), date(2026, 11, 1)
"""The sources reach back two months when the service starts, so that memory is full from the first day on."""

CHECKED = (date(2026, 9, 2), date(2026, 9, 16), date(2026, 10, 1), date(2026, 10, 17), END)
"""Both month ends are seen from the first of the month after."""

WARM = 10
"""Days after which thread pools hold what they need."""

FULL = date(2026, 9, 20)
"""By when DuckDB's eviction queues are full: each of some six notes 32,768 freed buffers before it forgets the oldest (`FROM duckdb_eviction_queues()`)."""

_KILOBYTES = 30_000
_STORE_BYTES_A_DAY = 60_000


@pytest.fixture(scope="module")
def soaked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Soaked]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        service = SoakedService(tmp_path_factory.mktemp("soak"), PEOPLE, FIRST, BEGIN, monkeypatch)
        try:
            day = BEGIN
            while day <= END:
                service.live(day, check=day in CHECKED)
                day += DAY
        finally:
            service.stop()
        yield service.seen


def test_memory_is_flat(soaked: Soaked) -> None:
    """The most of the last days is hardly above the least of the first: at rest, what is held goes up and down by a few megabytes."""
    resident = [held.resident_kilobytes for held in soaked.held if held.resident_kilobytes is not None and held.day >= FULL]
    assert len(resident) > 6
    assert max(resident[-3:]) <= min(resident[:3]) + _KILOBYTES


def test_file_handles_are_flat(soaked: Soaked) -> None:
    handles = [held.handles for held in soaked.held[WARM:]]
    assert max(handles[-WARM:]) <= max(handles[:WARM]) + 2


def test_threads_are_flat(soaked: Soaked) -> None:
    threads = [held.threads for held in soaked.held[WARM:]]
    assert max(threads[-WARM:]) <= max(threads[:WARM]) + 2


def test_store_grows_by_the_day_and_by_little(soaked: Soaked) -> None:
    sizes = [held.store_bytes for held in soaked.held]
    half = len(sizes) // 2
    earlier, later = (mean(b - a for a, b in pairwise(part)) for part in (sizes[:half], sizes[half:]))
    assert later < _STORE_BYTES_A_DAY
    assert later <= max(1.5 * earlier, 10_000)


def test_every_refresh_worked(soaked: Soaked) -> None:
    assert soaked.failures == 0


def test_there_was_a_snapshot_at_every_scrape(soaked: Soaked) -> None:
    assert soaked.unserved == []


@pytest.mark.parametrize("day", CHECKED, ids=str)
def test_no_metric_drifts_from_the_recount(soaked: Soaked, day: date) -> None:
    assert {name: family["wrong"] for name, family in soaked.checked[day].items() if family["wrong"]} == {}


def test_what_is_compared_is_there(soaked: Soaked) -> None:
    """On some day: a month has no days of its own on its first, and people rest on Saturdays."""
    assert {name for families in soaked.checked.values() for name in families} == {
        name for families in soaked.checked.values() for name, family in families.items() if family["expected"]
    }
