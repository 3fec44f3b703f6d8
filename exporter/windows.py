"""Which days a window covers, given the clock and what has landed. Plain functions; every day is a UTC calendar day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from exporter.model import DayRange, day_end, day_start

TODAY = "today"
SUFFIXES = (TODAY, "yesterday", "3d_ago", "last_7d", "last_30d", "month_to_date", "last_month")
"""Every window suffix, in the order in which they are published and documented."""

BILL = "bill"
"""The name of the bill that pays among the sources that have landed."""

RECENT_DAYS = 62
"""No window reaches further back than this: a whole month after a whole month."""

_CORRECTED = timedelta(hours=1)
"""A clock that is set back by less has closed no day that was not over: sources wait for hours before they close one."""

_ONE_DAY = {"yesterday": 1, "3d_ago": 3}
_ROLLING = {"last_7d": 7, "last_30d": 30}


@dataclass(frozen=True, slots=True)
class Landed:
    """What a source has landed, and until when that is fresh enough to publish.

    `days` is contiguous: refreshes read days in order. `max_age` counts from the end of the newest landed day.
    `today` is set by sources that also read the running day, to the day that they last read.
    """

    days: DayRange | None
    max_age: timedelta
    today: date | None = None

    @property
    def withdrawn_at(self) -> datetime | None:
        """The moment at which the families of the source are withdrawn; None when nothing has landed."""
        return None if self.days is None else day_end(self.days.last) + self.max_age

    def fresh(self, now: datetime) -> bool:
        """True while the newest landed day is no older than `max_age`."""
        return self.withdrawn_at is not None and now < self.withdrawn_at


def with_bill(landed: Mapping[str, Landed], paying: str | None) -> dict[str, Landed]:
    """What has landed, with the bill that pays a second time under the name `bill`: families of cost are the same whichever source it is."""
    return dict(landed) if paying is None or paying not in landed else {**landed, BILL: landed[paying]}


def month_of(day: date) -> DayRange:
    """The UTC calendar month that holds a day."""
    first = day.replace(day=1)
    return DayRange(first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1))


def wanted(suffix: str, now: datetime, newest: date) -> DayRange:
    """The days that a window stands for, whether they have landed or not. Rolling windows end with `newest`, the newest landed day."""
    today = now.date()
    if suffix == TODAY:
        return DayRange(today, today)
    if suffix in _ONE_DAY:
        day = today - timedelta(days=_ONE_DAY[suffix])
        return DayRange(day, day)
    if suffix in _ROLLING:
        return DayRange(newest - timedelta(days=_ROLLING[suffix] - 1), newest)
    if suffix == "month_to_date":
        return DayRange(today.replace(day=1), today)
    if suffix == "last_month":
        return month_of(today.replace(day=1) - timedelta(days=1))
    raise ValueError(f"no such window: {suffix}")


def covered(suffix: str, now: datetime, landed: Landed) -> DayRange | None:
    """The landed days of a window, or None where the window is absent (metrics.md, "Windows").

    A one-day window is that day or absent: another day's value is never shown in its place. Longer windows are summed from what has landed.
    """
    if landed.days is None or not landed.fresh(now):
        return None
    if suffix == TODAY:
        return DayRange(landed.today, landed.today) if landed.today == now.date() else None
    span = wanted(suffix, now, landed.days.last)
    first, last = max(span.first, landed.days.first), min(span.last, landed.days.last)
    return DayRange(first, last) if first <= last else None


def windows(now: datetime, landed: Landed) -> dict[str, DayRange]:
    """Every window that is present, with the landed days that it covers."""
    return {suffix: days for suffix in SUFFIXES if (days := covered(suffix, now, landed)) is not None}


def valid_from(now: datetime, landed: Mapping[str, Landed]) -> datetime:
    """Since when a snapshot of `now` would have been true, the same facts given: the last UTC midnight, or the last `max_age`.

    A clock that is set back a little within that time does not make it untrue.
    """
    moments = [state.withdrawn_at for state in landed.values() if state.withdrawn_at is not None]
    return max([day_start(now.date()), *(moment for moment in moments if moment <= now)])


def valid_until(now: datetime, landed: Mapping[str, Landed]) -> datetime:
    """When a snapshot of `now` must be replaced though no fact has changed: the next UTC midnight, or the next `max_age`."""
    moments = [state.withdrawn_at for state in landed.values() if state.withdrawn_at is not None]
    return min([day_end(now.date()), *(moment for moment in moments if moment > now)])


def recent(now: datetime) -> DayRange:
    """The days that any window of today or of tomorrow can reach."""
    today = now.date()
    return DayRange(min(month_of(today.replace(day=1) - timedelta(days=1)).first, today - timedelta(days=RECENT_DAYS)), today)


def was_ahead(remembered: datetime | None, now: datetime) -> bool:
    """Whether what is remembered was written by a clock that was ahead of `now` by more than clocks are usually corrected."""
    return remembered is not None and remembered - now > _CORRECTED


def working_days(days: DayRange) -> int:
    """Mondays to Fridays among the days."""
    return sum(1 for day in days if day.weekday() < 5)
