"""What a day of refreshes costs, against sums worked out by hand and against the simulation of the benchmarks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import cast

import pytest

from benchmarks.athena_day import FILES_A_DAY, compare
from exporter.checking.costs import ALL, amount_of, costs, number_of, told
from exporter.checking.expenses import Files, of_cloudtrail, of_cost_explorer, of_cur, of_kiro, readings, runs_a_day
from exporter.checking.findings import Status
from exporter.checking.holdings import Held
from exporter.checking.stored import Stored
from exporter.config import Config, Schedule
from exporter.facts.recent import RecentFacts
from exporter.facts.store import Store

HOURLY = Schedule(interval=timedelta(hours=1))
DAILY = Schedule(cron="0 3 * * *")
GB = 10**9


@pytest.mark.parametrize(
    ("schedule", "a_day"),
    [
        (HOURLY, 24),
        (Schedule(interval=timedelta(hours=8)), 3),
        (Schedule(interval=timedelta(days=2)), 0.5),
        (DAILY, 1),
        (Schedule(cron="*/30 8-9 * * mon"), 4 / 7),
    ],
)
def test_refreshes_of_a_day(schedule: Schedule, a_day: float) -> None:
    assert runs_a_day(schedule) == pytest.approx(a_day)


def test_a_day_of_hourly_readings() -> None:
    # The running day at 0:00, 1:00 … 23:00: (0 + 1 + … + 23) / 24 = 11.5 days. The day before at 1:00, 3:00 and 12:00, with what
    # of this day is there by then: 3 + (1 + 3 + 12) / 24 days. Together 15 1/6, in 24 + 3 queries.
    week = readings(HOURLY)
    assert len(week) == 7 * 27
    assert sum(map(sum, week)) / 7 == pytest.approx(15 + 1 / 6)


def test_one_reading_a_day() -> None:
    # At 3:00 an eighth of the day is there. The day before, last read at its own 3:00, is read whole, with that eighth; the one before that once more, whole
    # with the whole day after it, because it was last read 3 hours after its end and not yet 12 hours after it.
    week = readings(DAILY)
    assert sum(map(sum, week)) / 7 == pytest.approx(1 / 8 + (1 + 1 / 8) + 2)


def test_cloudtrail_on_athena_by_hand() -> None:
    found = of_cloudtrail(HOURLY, Files(files=288, size=24 * GB, folders=1, finding=2), embedded=False)
    assert found.scanned_bytes == pytest.approx(24 * GB * (15 + 1 / 6))  # 364 GB
    # 5 USD a terabyte; the first reading of a day finds nothing and costs 10 MB all the same.
    assert found.athena_usd == pytest.approx(364e9 / 1e12 * 5 + 10e6 / 1e12 * 5)
    assert found.gets == pytest.approx(288 * (15 + 1 / 6))
    # 24 refreshes look for folders, with 2 listings; 24 queries read one delivery day, 3 read two.
    assert found.listings == 24 * 2 + 24 + 3 * 2
    assert found.requests_usd == pytest.approx(4368 * 0.0004 / 1000 + 78 * 0.005 / 1000)
    assert found.largest_query_bytes == pytest.approx(24 * GB * 1.5)


def test_cloudtrail_on_athena_as_the_real_source_does_it() -> None:
    ours, _ = compare(accounts=3, regions=2, bytes_a_day=GB)
    pairs = 4  # the first account logs in two regions
    found = of_cloudtrail(HOURLY, Files(FILES_A_DAY * pairs, GB * pairs, pairs, finding=5), embedded=False)
    assert found.queries == ours.queries
    assert found.scanned_bytes == pytest.approx(ours.scanned_bytes)
    assert found.gets == pytest.approx(ours.gets)
    assert found.listings == ours.lists
    assert found.athena_usd == pytest.approx(ours.athena_usd)


def test_cloudtrail_read_by_the_exporter_itself_opens_every_file_once() -> None:
    found = of_cloudtrail(HOURLY, Files(files=2000, size=GB, folders=10, finding=3), embedded=True)
    assert (found.gets, found.scanned_bytes, found.athena_usd) == (2000, 0, 0)
    assert found.listings == 24 * 3 + (24 + 3 * 2) * 10


def test_kiro_by_hand() -> None:
    files = Files(files=30, size=2_000_000, folders=2, finding=5)
    embedded = of_kiro(HOURLY, files, embedded=True)
    assert (embedded.gets, embedded.listings, embedded.usd) == (30, 120, pytest.approx(30 * 0.0004 / 1000 + 120 * 0.005 / 1000))
    athena = of_kiro(HOURLY, files, embedded=False)
    # Two queries of less than 10 MB each.
    assert (athena.queries, athena.scanned_bytes, athena.athena_usd) == (2, 8_000_000, pytest.approx(0.0001))


def test_the_bill_is_read_three_times_a_day_at_most() -> None:
    found = of_cur(HOURLY, Files(files=10, size=2 * GB, finding=4), embedded=False)
    assert (found.queries, found.scanned_bytes, found.athena_usd) == (3, 6 * GB, pytest.approx(0.03))
    assert of_cur(DAILY, Files(files=10, size=2 * GB), embedded=True).gets == 11


@pytest.mark.parametrize(("most", "requests"), [(100, 2 * 6 + 9), (15, 15)])
def test_cost_explorer_costs_a_cent_a_request_within_its_budget(most: int, requests: int) -> None:
    found = of_cost_explorer(Schedule(interval=timedelta(hours=8)), newest=6, every_open_day=9, most=most)
    assert (found.paid_requests, found.usd) == (requests, pytest.approx(requests / 100))


def test_an_expense_in_words() -> None:
    finding = told("cloudtrail", of_cloudtrail(HOURLY, Files(288, 24 * GB, 1, 2), embedded=False))
    assert finding.text == "a day of 24 refreshes; 27 queries scan 364 GB (1.8200 USD); 4,368 GET and 78 LIST requests to S3 (0.0021 USD)"
    assert finding.values["usd_a_day"] == pytest.approx(1.822187)


def all_together(held: Mapping[str, Held]) -> list[tuple[Status, str]]:
    """What is said of a config with two sources in buckets, of which `held` could be listed."""
    location = {"location": "s3://example-bucket/prefix/"}
    config = Config.model_validate({"engine": "athena", "sources": {"kiro_credits": location, "cloudtrail": location}})
    nothing = Stored(False, cast(Store, None), RecentFacts(), {}, {}, ())
    return [(one.status, one.text) for one in costs(config, held, nothing, date(2026, 3, 2)) if one.about == ALL]


def test_a_sum_says_what_is_not_in_it() -> None:
    one = {"cloudtrail": Held("", None, date(2026, 3, 1), Files(288, 24 * GB, 1, 2))}
    assert all_together(one) == [
        (Status.UNTRIED, "not known, as the files could not be listed: kiro_credits"),
        (Status.OK, "1.8222 USD a day, 54.67 USD in 30 days, at list prices of us-east-1, without requests to KMS and Glue, and without kiro_credits"),
    ]


def test_a_sum_of_nothing_is_not_told() -> None:
    assert [status for status, _ in all_together({})] == [Status.UNTRIED]


@pytest.mark.parametrize(("size", "text"), [(0, "0 bytes"), (999, "999 bytes"), (1_500, "1.5 kB"), (364 * GB, "364 GB"), (2.5e12, "2.5 TB")])
def test_bytes_as_people_read_them(size: float, text: str) -> None:
    assert amount_of(size) == text


@pytest.mark.parametrize(("count", "text"), [(24, "24"), (27.5, "27.5"), (4 / 7, "0.57"), (0, "0"), (1200, "1,200")])
def test_counts_as_people_read_them(count: float, text: str) -> None:
    assert number_of(count) == text
