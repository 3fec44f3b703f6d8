"""When a source refreshes: an interval, or cron in UTC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from apscheduler.triggers.cron import CronTrigger  # type: ignore[import-untyped, unused-ignore]
from pydantic import BeforeValidator

from exporter.config.scalars import Kind, parse_duration

SCHEDULE = Kind(
    "schedule",
    "a duration such as 1h, or cron in UTC such as '0 3 * * *'",
    'A duration such as `1h`, or cron in UTC as `"minute hour day month weekday"`, for example `"0 3 * * *"`. '
    "Weekdays are `sun` to `sat`, or 0 to 7 with Sunday as 0 and 7. One of day and weekday is `*`.",
)
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


@dataclass(frozen=True, slots=True)
class Schedule:
    """Exactly one of both is set. `cron` has five fields in UTC, and means what it says when given to `CronTrigger.from_crontab`."""

    interval: timedelta | None = None
    cron: str | None = None


def parse_schedule(value: object) -> Schedule:
    """A Schedule from a duration or a five-field crontab line; a Schedule passes. ValueError says what was expected."""
    if isinstance(value, Schedule):
        return value
    if isinstance(value, str) and len(value.split()) > 1:
        return Schedule(cron=_cron(value))
    try:
        return Schedule(interval=parse_duration(value))
    except ValueError:
        raise ValueError(SCHEDULE.expected) from None


def _cron(text: str) -> str:
    fields = text.split()
    if len(fields) != 5:
        raise ValueError("cron with 5 fields: minute, hour, day, month and weekday")
    if fields[2] != "*" and fields[4] != "*":
        # Classic cron fires when either matches, APScheduler when both do.
        raise ValueError("cron with * as its day or as its weekday, because programs read both together in two ways")
    try:
        cron = " ".join([*fields[:4], _weekdays(fields[4])])
        trigger = CronTrigger.from_crontab(cron, timezone=UTC)
    except ValueError:
        raise ValueError(SCHEDULE.expected) from None
    if trigger.get_next_fire_time(None, datetime(2026, 1, 1, tzinfo=UTC)) is None:
        raise ValueError("cron that comes to pass, on a day which the month has")
    return cron


def _weekdays(field: str) -> str:
    """The weekday field by names: APScheduler 3 counts from Monday as 0 where crontab counts from Sunday (agronholm/apscheduler#286)."""
    if field == "*":
        return field
    chosen: set[int] = set()
    for part in field.lower().split(","):
        found = re.fullmatch(r"(?:\*|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>[1-7]))?", part)
        if found is None:
            raise ValueError(part)
        first = _weekday(found["first"] or "0")
        last = _weekday(found["last"]) if found["last"] else first if found["first"] and not found["step"] else 6
        if last == 0 and found["last"] and first > 0:
            last = 7
        if first > last:
            raise ValueError(part)
        chosen.update(day % 7 for day in range(first, last + 1, int(found["step"] or 1)))
    return ",".join(_WEEKDAYS[day] for day in sorted(chosen))


def _weekday(text: str) -> int:
    return int(text) if re.fullmatch("[0-7]", text) else _WEEKDAYS.index(text)


ScheduleText = Annotated[Schedule, SCHEDULE, BeforeValidator(parse_schedule)]
