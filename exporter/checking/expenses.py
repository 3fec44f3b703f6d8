"""What a day of refreshes scans, asks for and costs, at the list prices of us-east-1. Plain functions: no clock, no file, no socket.

Sources of prices: https://aws.amazon.com/athena/pricing/, https://aws.amazon.com/s3/pricing/ and
https://aws.amazon.com/aws-cost-management/aws-cost-explorer/pricing/.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from exporter.config import Schedule
from exporter.model import day_end, day_start
from exporter.sources.cloudtrail import READINGS
from exporter.sources.cost_explorer_requests import PRICE_USD as COST_EXPLORER_USD

GET_USD, LIST_USD = 0.0004 / 1000, 0.005 / 1000
KEYS_A_PAGE = 1000
DELIVERIES_A_DAY = 3
"""How often an export of a bill is written at most."""

_WEEK = 7
# A Monday, so that a week of cron is seen whole; the days before it let what is remembered settle.
_FIRST = datetime(2026, 6, 1, tzinfo=UTC)
_SETTLING = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Expense:
    """A day of refreshes of one source. Everything is an average; `scanned_bytes` and `athena_usd` are for Athena alone."""

    refreshes: float
    queries: float = 0.0
    scanned_bytes: float = 0.0
    athena_usd: float = 0.0
    gets: float = 0.0
    listings: float = 0.0
    paid_requests: float = 0.0
    largest_query_bytes: float = 0.0

    @property
    def requests_usd(self) -> float:
        """Requests to S3 and to Cost Explorer."""
        return self.gets * GET_USD + self.listings * LIST_USD + self.paid_requests * COST_EXPLORER_USD

    @property
    def usd(self) -> float:
        return self.athena_usd + self.requests_usd


@dataclass(frozen=True, slots=True)
class Files:
    """What a source finds in its location: files and bytes of one whole day (of a bill: of the running month), in `folders` that are listed one by one.

    `finding` is how many listings it takes to find those folders.
    """

    files: float
    size: float
    folders: float = 1.0
    finding: float = 1.0


def runs(schedule: Schedule, first: datetime, last: datetime) -> list[datetime]:
    """When a schedule has a source refreshed, from `first` until before `last`; an interval begins with `first`."""
    found: list[datetime] = []
    if schedule.interval is not None:
        while first < last:
            found.append(first)
            first += schedule.interval
        return found
    from apscheduler.triggers.cron import CronTrigger  # type: ignore[import-untyped, unused-ignore]

    trigger = CronTrigger.from_crontab(schedule.cron, timezone=UTC)
    moment = trigger.get_next_fire_time(None, first)
    while moment is not None and moment < last:
        found.append(moment)
        moment = trigger.get_next_fire_time(moment, moment + timedelta(seconds=1))
    return found


def runs_a_day(schedule: Schedule) -> float:
    """On average."""
    return len(runs(schedule, _FIRST, _FIRST + timedelta(days=4 * _WEEK))) / (4 * _WEEK)


def readings(schedule: Schedule) -> list[tuple[float, ...]]:
    """The readings of CloudTrail in a week: for each the part of each delivery day that had been delivered by then.

    The running day is read at every refresh, from its own delivery day; a day before it at the first refresh after each of READINGS, from its own and the next.
    """
    read: dict[date, datetime] = {}
    found: list[tuple[float, ...]] = []
    for now in runs(schedule, _FIRST - _SETTLING, _FIRST + timedelta(days=_WEEK)):
        for day in (now.date() - timedelta(days=back) for back in range(_SETTLING.days, -1, -1)):
            at = read.get(day)
            due = day == now.date() or (at is not None and any(at < day_end(day) + after <= now for after in READINGS))
            if not due:
                continue
            read[day] = now
            if now >= _FIRST:
                found.append(tuple(_delivered(each, now) for each in (day, day + timedelta(days=1)) if each <= now.date()))
    return found


def of_cloudtrail(schedule: Schedule, held: Files, embedded: bool) -> Expense:
    """CloudTrail. Athena lists each of its partitions and opens each file of them at every query; the embedded engine opens every file once."""
    refreshes = runs_a_day(schedule)
    week = readings(schedule)
    days_read = sum(len(parts) for parts in week) / _WEEK
    if embedded:
        pages = max(held.folders, held.files / KEYS_A_PAGE)
        return Expense(refreshes, gets=held.files, listings=refreshes * held.finding + days_read * pages)
    parts = [sum(of_days) for of_days in week]
    return Expense(
        refreshes,
        queries=len(week) / _WEEK,
        scanned_bytes=sum(parts) * held.size / _WEEK,
        athena_usd=sum(_athena_usd(part * held.size) for part in parts) / _WEEK,
        gets=sum(parts) * held.files / _WEEK,
        listings=refreshes * held.finding + days_read * held.folders,
        largest_query_bytes=max(parts, default=0.0) * held.size,
    )


def of_kiro(schedule: Schedule, held: Files, embedded: bool) -> Expense:
    """A report of Kiro. The location is listed at every refresh. A new file has its day and the one before read again, from the paths of two days each."""
    refreshes = runs_a_day(schedule)
    listings = refreshes * held.finding
    if embedded:
        return Expense(refreshes, gets=held.files, listings=listings)
    queries = 2.0 if held.files else 0.0
    return Expense(
        refreshes,
        queries=queries,
        scanned_bytes=queries * 2 * held.size,
        athena_usd=queries * _athena_usd(2 * held.size),
        gets=queries * 2 * held.files,
        listings=listings + queries * 2 * held.folders,
        largest_query_bytes=2 * held.size,
    )


def of_cur(schedule: Schedule, held: Files, embedded: bool) -> Expense:
    """The bill, at most: the running month is read whole after each delivery. Athena reads only the columns that are asked for."""
    refreshes = runs_a_day(schedule)
    deliveries = min(DELIVERIES_A_DAY, refreshes)
    # The manifest is opened, and the month is listed before and after it is read.
    gets, listings = deliveries * (held.files + 1), refreshes * held.finding + deliveries * 4
    if embedded:
        return Expense(refreshes, gets=gets, listings=listings)
    usd = deliveries * _athena_usd(held.size)
    return Expense(refreshes, deliveries, deliveries * held.size, usd, gets, listings, largest_query_bytes=held.size)


def of_cost_explorer(schedule: Schedule, newest: int, every_open_day: int, most: int) -> Expense:
    """Cost Explorer: `newest` requests for the newest days at each refresh, `every_open_day` for all open ones at one of them; `most` a day."""
    refreshes = runs_a_day(schedule)
    once = min(refreshes, 1.0)
    return Expense(refreshes, paid_requests=min(float(most), (refreshes - once) * newest + once * every_open_day))


def together(expenses: Sequence[Expense]) -> float:
    """USD a day."""
    return sum(expense.usd for expense in expenses)


def _athena_usd(scanned: float) -> float:
    from exporter.engines.athena import price_usd  # brings boto3, which only a config with Athena pays for

    return price_usd(round(scanned))


def _delivered(day: date, now: datetime) -> float:
    """Which part of a day has been delivered by now."""
    return min(1.0, (now - day_start(day)) / timedelta(days=1))
