"""When a person is at work: what Kiro and AWS use of the same person have in common."""

from __future__ import annotations

import calendar
from datetime import date
from itertools import islice

from exporter.sample.draws import draws
from exporter.sample.organisation import Person
from exporter.sample.working_days import working_days


def days_at_work(person: Person, month: date) -> int:
    """The days on which a person works as bits, bit 1 the first of the month: no weekends, public holidays and vacations, only the person's own weekdays."""
    # The first five draws of a month decide on Kiro alone.
    vacation, start, length = islice(draws(f"{person.identity_center_id}/{month:%Y-%m}"), 5, 8)
    days = working_days(person.team.account.region, person.weekdays, month.year, month.month)
    if vacation < (0.5 if month.month in (7, 8) else 0.25):
        days &= ~(((1 << (3 + int(length * 14))) - 1) << (1 + int(start * calendar.monthrange(month.year, month.month)[1])))
    if month.month == 12 and vacation < 0.8:
        days &= (1 << 24) - 1
    return days
