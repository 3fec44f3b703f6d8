"""At which moment the value of a day is written, and which days a file of a calendar month holds. Plain functions; all days are UTC."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from exporter.model import DayRange, day_start
from exporter.windows import month_of

LATER: Mapping[str, int] = {"yesterday": 1, "3d_ago": 3}
"""The windows of one day: how many days later the value of a day is served under them."""

AT = timedelta(hours=23, minutes=59)
"""The time of day of every sample: the last moment at which the trends of the dashboards look, so that it wins over what was scraped before."""

HEAD = timedelta(hours=3)
"""What is newer than this may still be in the memory of Prometheus, which blocks must not overlap
(https://prometheus.io/docs/prometheus/latest/storage/#backfilling-from-openmetrics-format)."""

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Month:
    """A file: the samples that stand in one calendar month, so that files never overlap one another."""

    first: date
    spans: Mapping[str, DayRange]
    """By window the days whose values are in it."""

    @property
    def name(self) -> str:
        return f"{self.first:%Y-%m}.om"

    @property
    def days(self) -> DayRange:
        """All days whose values are in it."""
        return DayRange(min(span.first for span in self.spans.values()), max(span.last for span in self.spans.values()))

    @property
    def needed(self) -> DayRange:
        """The days whose facts say these values: whole months from their first day on, because overage may be told as a month's so far."""
        return DayRange(self.days.first.replace(day=1), self.days.last)


def offset_seconds(window: str) -> int:
    """Seconds from the start of a day to the sample that holds its value."""
    return int((_DAY * LATER[window] + AT).total_seconds())


def newest(window: str, now: datetime) -> date:
    """The newest day of a window whose sample Prometheus can take as a block at `now`."""
    day = (now - HEAD).date() - _DAY * LATER[window]
    return day if day_start(day) + _DAY * LATER[window] + AT <= now - HEAD else day - _DAY


def months(asked: DayRange, now: datetime) -> Iterator[Month]:
    """The files for the days asked for, oldest first; days that are too new are left out."""
    held = {window: DayRange(asked.first, min(asked.last, newest(window, now))) for window in LATER}
    held = {window: span for window, span in held.items() if len(span)}
    if not held:
        return
    month = month_of(min(span.first + _DAY * LATER[window] for window, span in held.items()))
    last = max(span.last + _DAY * LATER[window] for window, span in held.items())
    while month.first <= last:
        spans = {}
        for window, span in held.items():
            later = _DAY * LATER[window]
            within = DayRange(max(span.first, month.first - later), min(span.last, month.last - later))
            if len(within):
                spans[window] = within
        if spans:
            yield Month(month.first, spans)
        month = month_of(month.last + _DAY)
