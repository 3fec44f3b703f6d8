"""Which days of CloudTrail are read when, and which have landed."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from cloudtrail_events_made import DAY
from cloudtrail_reading import BEFORE, NEXT, Reader, at, put

from exporter.model import DayRange
from exporter.windows import Landed


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    reader = Reader(tmp_path, history=timedelta(0))
    put(reader, BEFORE)
    return reader


# Which days are due


def due_days(reader: Reader, *times: datetime) -> list[list[date]]:
    return [reader.refresh(time) for time in times]


def test_today_is_read_at_every_refresh(reader: Reader) -> None:
    assert due_days(reader, at(DAY, 8), at(DAY, 9), at(DAY, 10)) == [[DAY], [DAY], [DAY]]


def test_yesterday_is_read_again_after_1_3_and_12_hours_and_then_closed(reader: Reader) -> None:
    reader.refresh(at(DAY, 23))
    times = [at(NEXT, 0, 59), at(NEXT, 1), at(NEXT, 2), at(NEXT, 3, 30), at(NEXT, 4), at(NEXT, 11, 59), at(NEXT, 12), at(NEXT, 13)]
    assert [DAY in days for days in due_days(reader, *times)] == [False, True, False, True, False, False, True, False]


def test_readings_that_were_missed_are_made_up_for_by_one(reader: Reader) -> None:
    reader.refresh(at(DAY, 23))
    assert due_days(reader, at(NEXT, 14), at(NEXT, 15)) == [[DAY, NEXT], [NEXT]]


def test_a_day_that_was_never_read_is_due_as_soon_as_it_has_ended(reader: Reader) -> None:
    reader.refresh(at(BEFORE, 23))
    assert reader.refresh(at(NEXT, 0, 5)) == [BEFORE, DAY, NEXT]


def test_after_an_outage_of_three_days_every_day_is_read(reader: Reader) -> None:
    reader.refresh(at(DAY, 10))
    later = DAY + timedelta(days=4)
    assert reader.refresh(at(later, 10)) == [DAY + timedelta(days=offset) for offset in range(5)]


def test_the_first_load_begins_with_the_oldest_day_of_the_history(tmp_path: Path) -> None:
    reader = Reader(tmp_path, history=timedelta(days=62))
    put(reader, DAY)
    days = reader.refresh(at(DAY, 10))
    assert (days[0], days[-1], len(days)) == (DAY - timedelta(days=62), DAY, 63)


def test_an_interrupted_first_load_goes_on_where_it_stopped(tmp_path: Path) -> None:
    reader = Reader(tmp_path, history=timedelta(days=5))
    put(reader, DAY)
    for day in list(reader.source.due(at(DAY, 10), lambda: None))[:3]:
        reader.store.replace(reader.source.read(day))
        reader.source.keep(day)
    reader.opened()
    assert reader.refresh(at(DAY, 11)) == [DAY - timedelta(days=2), BEFORE, DAY]


def test_an_interrupted_first_load_lets_land_what_it_has(tmp_path: Path) -> None:
    reader = Reader(tmp_path, history=timedelta(days=5))
    put(reader, DAY)
    first, second, *_ = reader.source.due(at(DAY, 10), lambda: None)
    for day in (first, second):
        reader.store.replace(reader.source.read(day))
        reader.source.keep(day)
    assert reader.source.landed().days == DayRange(first, second)


def test_nothing_is_listed_to_know_what_is_due(tmp_path: Path) -> None:
    source = Reader(tmp_path).source
    (tmp_path / "logs").rmdir()
    assert len(source.due(at(DAY, 10), lambda: None)) == 3


def test_days_that_the_store_has_lost_are_read_again(reader: Reader) -> None:
    reader.refresh(at(DAY, 10))
    reader.refresh(at(NEXT, 13))
    reader.source.reopen([DAY])
    assert due_days(reader, at(NEXT, 14), at(NEXT, 15)) == [[DAY, NEXT], [NEXT]]


# What has landed


def test_nothing_has_landed_at_first(tmp_path: Path) -> None:
    assert Reader(tmp_path).source.landed() == Landed(None, timedelta(days=3))


@pytest.mark.parametrize(
    ("read", "landed"), [(at(NEXT, 1), None), (at(NEXT, 1, 59), None), (at(NEXT, 2), DayRange(DAY, DAY)), (at(NEXT, 3), DayRange(DAY, DAY))]
)
def test_a_day_lands_when_it_was_read_two_hours_after_its_end(reader: Reader, read: datetime, landed: DayRange | None) -> None:
    reader.refresh(at(DAY, 23))
    reader.refresh(read)
    assert reader.source.landed().days == landed


def test_landed_days_are_those_from_the_first_to_the_newest_that_landed(tmp_path: Path) -> None:
    reader = Reader(tmp_path, history=timedelta(days=3))
    put(reader, DAY)
    reader.refresh(at(DAY, 1, 30))
    assert reader.source.landed() == Landed(DayRange(DAY - timedelta(days=3), DAY - timedelta(days=2)), timedelta(days=3), DAY)


def test_today_is_the_day_that_was_last_read_while_it_ran(reader: Reader) -> None:
    reader.refresh(at(DAY, 10))
    assert reader.source.landed().today == DAY


def test_the_time_of_the_last_refresh_is_remembered(reader: Reader) -> None:
    reader.refresh(at(DAY, 10))
    assert reader.opened().refreshed() == at(DAY, 10)
