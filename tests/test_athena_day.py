"""A day of hourly refreshes of CloudTrail on Athena against re-reading 30 days each time: bytes, requests and dollars, against sums made by hand."""

from __future__ import annotations

import pytest

from benchmarks.athena_day import Cost, compare

ACCOUNTS, REGIONS, BYTES = 6, 4, 50_000_000
PAIRS = 12
"""Accounts 0 and 3 are active in four regions, the four others in one."""


@pytest.fixture(scope="module")
def day() -> tuple[Cost, Cost]:
    return compare(ACCOUNTS, REGIONS, BYTES)


def test_a_day_of_refreshes_scans_what_its_partitions_hold(day: tuple[Cost, Cost]) -> None:
    # At h o'clock h/24 of today is there: 0 + 1 + ... + 23 of 24 are 11.5 days. At 1, 3 and 12 the day before is read whole,
    # with 1/24, 3/24 and 12/24 of today.
    assert day[0].scanned_bytes == pytest.approx((11.5 + 3 + 16 / 24) * PAIRS * BYTES)
    assert day[0].queries == 24 + 3


def test_a_day_of_refreshes_scans_a_fortieth_of_rereading_at_most(day: tuple[Cost, Cost]) -> None:
    hourly, rereading = day
    assert rereading.scanned_bytes == pytest.approx((24 * 29 + 11.5) * PAIRS * BYTES)
    assert hourly.scanned_bytes <= rereading.scanned_bytes / 40


def test_requests_are_those_of_partitions_that_exist(day: tuple[Cost, Cost]) -> None:
    hourly, _ = day
    # Each refresh looks for accounts once at the top, once in the organisation and once in each account; a query lists its one or two days of each pair.
    assert hourly.lists == 24 * (1 + 1 + ACCOUNTS) + (24 * 1 + 3 * 2) * PAIRS
    assert hourly.gets == pytest.approx((11.5 + 3 + 16 / 24) * PAIRS * 288)


def test_requests_cost_a_fortieth_of_rereading_as_well(day: tuple[Cost, Cost]) -> None:
    hourly, rereading = day
    # Gets at 0.0004 and lists at 0.005 USD a thousand.
    assert hourly.requests_usd == pytest.approx(hourly.gets * 4e-7 + hourly.lists * 5e-6)
    assert hourly.requests_usd <= rereading.requests_usd / 40


def test_queries_are_priced_by_the_terabyte_in_whole_megabytes(day: tuple[Cost, Cost]) -> None:
    hourly, rereading = day
    assert hourly.athena_usd == pytest.approx(hourly.scanned_bytes * 5e-12, rel=0.01)
    assert rereading.athena_usd == pytest.approx(rereading.scanned_bytes * 5e-12, rel=0.001)
