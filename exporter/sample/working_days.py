"""Working days: weekends, public holidays, part timers."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

FRIDAY = 4
FULL_TIME = 0b0011111
"""Working weekdays as bits, Monday first."""


def easter(year: int) -> date:
    """Easter Sunday, by the anonymous Gregorian algorithm (Meeus, Astronomical Algorithms, chapter 8)."""
    century, rest = divmod(year, 100)
    golden = year % 19
    epact = (19 * golden + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (rest // 4) - epact - rest % 4) % 7
    late = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)


def _nth(year: int, month: int, weekday: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


@cache
def public_holidays(region: str, year: int) -> frozenset[date]:
    """Those of Germany for an AWS Region in Europe, else those of the United States that offices keep."""
    if region.startswith("eu-"):
        sunday = easter(year)
        moving = {sunday + timedelta(days=offset) for offset in (-2, 1, 39, 50)}
        return frozenset(moving | {date(year, month, day) for month, day in ((1, 1), (5, 1), (10, 3), (12, 25), (12, 26))})
    thanksgiving = _nth(year, 11, 3, 4)
    memorial = _nth(year, 6, 0, 1) - timedelta(days=7)
    moving = {_nth(year, 1, 0, 3), memorial, _nth(year, 9, 0, 1), thanksgiving, thanksgiving + timedelta(days=1)}
    return frozenset(moving | {date(year, month, day) for month, day in ((1, 1), (6, 19), (7, 4), (12, 25))})


@cache
def working_days(region: str, weekdays: int, year: int, month: int) -> int:
    """The working days of a month as bits: bit 1 is the first of the month."""
    day, days, holidays = date(year, month, 1), 0, public_holidays(region, year)
    while day.month == month:
        if weekdays >> day.weekday() & 1 and day not in holidays:
            days |= 1 << day.day
        day += timedelta(days=1)
    return days
