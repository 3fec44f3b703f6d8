"""Which days a window covers. The expected days are read off a calendar: 2026-07-15 is a Wednesday, 2028 is a leap year."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from exporter.config import KiroSource
from exporter.model import DayRange
from exporter.windows import SUFFIXES, Landed, covered, month_of, recent, valid_until, windows, working_days

MAX_AGE = timedelta(days=14)
NOON = time(12, tzinfo=UTC)


def landed(first: str, last: str, max_age: timedelta = MAX_AGE, today: str | None = None) -> Landed:
    return Landed(days(first, last), max_age, date.fromisoformat(today) if today else None)


def days(first: str, last: str) -> DayRange:
    return DayRange(date.fromisoformat(first), date.fromisoformat(last))


def noon(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), NOON)


LONG_AGO = "2020-01-01"


@pytest.mark.parametrize(
    ("today", "suffix", "first", "last"),
    [
        ("2026-07-15", "yesterday", "2026-07-14", "2026-07-14"),
        ("2026-07-15", "3d_ago", "2026-07-12", "2026-07-12"),
        ("2026-07-15", "last_7d", "2026-07-08", "2026-07-14"),
        ("2026-07-15", "last_30d", "2026-06-15", "2026-07-14"),
        ("2026-07-15", "month_to_date", "2026-07-01", "2026-07-14"),
        ("2026-07-15", "last_month", "2026-06-01", "2026-06-30"),
        # The last day of a month of 31 days: the month before has 30.
        ("2026-07-31", "yesterday", "2026-07-30", "2026-07-30"),
        ("2026-07-31", "last_30d", "2026-07-01", "2026-07-30"),
        ("2026-07-31", "month_to_date", "2026-07-01", "2026-07-30"),
        ("2026-07-31", "last_month", "2026-06-01", "2026-06-30"),
        # The first of a month: what was this month is last month.
        ("2026-08-01", "yesterday", "2026-07-31", "2026-07-31"),
        ("2026-08-01", "3d_ago", "2026-07-29", "2026-07-29"),
        ("2026-08-01", "last_month", "2026-07-01", "2026-07-31"),
        ("2026-08-02", "month_to_date", "2026-08-01", "2026-08-01"),
        # A new year.
        ("2027-01-01", "yesterday", "2026-12-31", "2026-12-31"),
        ("2027-01-01", "3d_ago", "2026-12-29", "2026-12-29"),
        ("2027-01-01", "last_month", "2026-12-01", "2026-12-31"),
        ("2027-01-15", "last_month", "2026-12-01", "2026-12-31"),
        # February with and without its 29th.
        ("2028-02-29", "yesterday", "2028-02-28", "2028-02-28"),
        ("2028-03-01", "yesterday", "2028-02-29", "2028-02-29"),
        ("2028-03-01", "3d_ago", "2028-02-27", "2028-02-27"),
        ("2028-03-01", "last_30d", "2028-01-31", "2028-02-29"),
        ("2028-03-31", "last_month", "2028-02-01", "2028-02-29"),
        ("2027-03-01", "yesterday", "2027-02-28", "2027-02-28"),
        ("2027-03-31", "last_month", "2027-02-01", "2027-02-28"),
    ],
)
def test_window_of_a_source_that_has_landed_through_yesterday(today: str, suffix: str, first: str, last: str) -> None:
    yesterday = (date.fromisoformat(today) - timedelta(days=1)).isoformat()
    assert covered(suffix, noon(today), landed(LONG_AGO, yesterday)) == days(first, last)


@pytest.mark.parametrize("today", ["2026-08-01", "2027-01-01", "2028-03-01"])
def test_month_to_date_is_absent_while_nothing_of_the_month_has_landed(today: str) -> None:
    yesterday = (date.fromisoformat(today) - timedelta(days=1)).isoformat()
    assert covered("month_to_date", noon(today), landed(LONG_AGO, yesterday)) is None


@pytest.mark.parametrize(
    ("suffix", "expected"),
    [
        ("yesterday", None),
        ("3d_ago", None),
        # They end with the newest landed day, 2026-07-11, not with yesterday.
        ("last_7d", days("2026-07-05", "2026-07-11")),
        ("last_30d", days("2026-06-12", "2026-07-11")),
        ("month_to_date", days("2026-07-01", "2026-07-11")),
        ("last_month", days("2026-06-01", "2026-06-30")),
    ],
)
def test_newest_landed_day_is_four_days_old(suffix: str, expected: DayRange | None) -> None:
    assert covered(suffix, noon("2026-07-15"), landed(LONG_AGO, "2026-07-11")) == expected


def test_settled_day_is_there_before_yesterday_has_landed() -> None:
    present = windows(noon("2026-07-15"), landed(LONG_AGO, "2026-07-12"))
    assert ("yesterday" in present, present.get("3d_ago")) == (False, days("2026-07-12", "2026-07-12"))


@pytest.mark.parametrize(
    ("suffix", "expected"),
    [
        ("yesterday", days("2026-07-14", "2026-07-14")),
        ("3d_ago", days("2026-07-12", "2026-07-12")),
        ("last_7d", days("2026-07-11", "2026-07-14")),
        ("last_30d", days("2026-07-11", "2026-07-14")),
        ("month_to_date", days("2026-07-11", "2026-07-14")),
        ("last_month", None),
    ],
)
def test_history_that_starts_inside_a_window_counts_for_what_it_is(suffix: str, expected: DayRange | None) -> None:
    assert covered(suffix, noon("2026-07-15"), landed("2026-07-11", "2026-07-14")) == expected


def test_last_month_of_which_only_the_end_has_landed() -> None:
    assert covered("last_month", noon("2026-07-15"), landed("2026-06-28", "2026-07-14")) == days("2026-06-28", "2026-06-30")


def test_nothing_landed_gives_no_window() -> None:
    assert windows(noon("2026-07-15"), Landed(None, MAX_AGE)) == {}


# Newest landed day 2026-07-01 ends on the 2nd at 00:00; 14 days later is the 16th at 00:00.
LAST_FRESH = datetime(2026, 7, 15, 23, 59, 59, 999999, tzinfo=UTC)
WITHDRAWN = datetime(2026, 7, 16, tzinfo=UTC)


def test_source_is_fresh_until_just_before_max_age() -> None:
    assert covered("last_30d", LAST_FRESH, landed(LONG_AGO, "2026-07-01")) == days("2026-06-02", "2026-07-01")


def test_every_window_is_absent_from_max_age_on() -> None:
    assert windows(WITHDRAWN, landed(LONG_AGO, "2026-07-01")) == {}


def test_max_age_of_hours_passes_within_a_day() -> None:
    state = landed(LONG_AGO, "2026-07-14", max_age=timedelta(hours=36))
    moment = datetime(2026, 7, 16, 12, tzinfo=UTC)
    assert (state.fresh(moment - timedelta(microseconds=1)), state.fresh(moment)) == (True, False)


def test_today_is_the_running_day_of_a_source_that_read_it() -> None:
    state = landed(LONG_AGO, "2026-07-14", today="2026-07-15")
    assert covered("today", noon("2026-07-15"), state) == days("2026-07-15", "2026-07-15")


def test_today_is_absent_for_a_source_of_whole_days() -> None:
    assert covered("today", noon("2026-07-15"), landed(LONG_AGO, "2026-07-14")) is None


def test_today_is_absent_when_the_running_day_was_last_read_yesterday() -> None:
    assert covered("today", noon("2026-07-16"), landed(LONG_AGO, "2026-07-15", today="2026-07-15")) is None


def test_a_running_day_that_was_read_is_in_no_other_window() -> None:
    state = landed(LONG_AGO, "2026-07-14", today="2026-07-15")
    assert [suffix for suffix, span in windows(noon("2026-07-15"), state).items() if date(2026, 7, 15) in span] == ["today"]


def test_unknown_suffix_is_refused() -> None:
    with pytest.raises(ValueError, match="fortnight"):
        covered("fortnight", noon("2026-07-15"), landed(LONG_AGO, "2026-07-14"))


def test_snapshot_is_valid_until_midnight() -> None:
    assert valid_until(noon("2026-07-15"), {"kiro_credits": landed(LONG_AGO, "2026-07-14")}) == datetime(2026, 7, 16, tzinfo=UTC)


def test_snapshot_of_midnight_is_valid_for_the_whole_day() -> None:
    assert valid_until(datetime(2026, 7, 15, tzinfo=UTC), {}) == datetime(2026, 7, 16, tzinfo=UTC)


def test_snapshot_is_valid_until_the_first_max_age_of_any_source() -> None:
    states = {"slow": landed(LONG_AGO, "2026-07-14"), "quick": landed(LONG_AGO, "2026-07-13", max_age=timedelta(hours=37))}
    assert valid_until(noon("2026-07-15"), states) == datetime(2026, 7, 15, 13, tzinfo=UTC)


def test_max_age_that_has_passed_does_not_end_a_snapshot() -> None:
    states = {"withdrawn": landed(LONG_AGO, "2026-07-13", max_age=timedelta(hours=36)), "empty": Landed(None, MAX_AGE)}
    assert valid_until(noon("2026-07-15"), states) == datetime(2026, 7, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "first", "last"),
    [("2026-02-10", "2026-02-01", "2026-02-28"), ("2028-02-29", "2028-02-01", "2028-02-29"), ("2026-12-31", "2026-12-01", "2026-12-31")],
)
def test_month_of_a_day(day: str, first: str, last: str) -> None:
    assert month_of(date.fromisoformat(day)) == days(first, last)


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("2026-07-06", "2026-07-12", 5),  # Monday to Sunday
        ("2026-07-11", "2026-07-12", 0),  # a weekend
        ("2026-07-10", "2026-07-13", 2),  # Friday to Monday
        ("2026-07-13", "2026-07-12", 0),  # no day
    ],
)
def test_working_days(first: str, last: str, expected: int) -> None:
    assert working_days(days(first, last)) == expected


DAYS = st.dates(date(2024, 1, 1), date(2032, 12, 31))
STATES = st.builds(
    lambda first, length, age: Landed(DayRange(first, first + timedelta(days=length)), timedelta(days=age)),
    DAYS,
    st.integers(0, 100),
    st.integers(1, 14),
)


@st.composite
def clocks(draw: st.DrawFn) -> tuple[datetime, Landed]:
    """A clock somewhere around the end of what has landed."""
    state = draw(STATES)
    assert state.days is not None
    day = state.days.last + timedelta(days=draw(st.integers(1, 20)))
    return datetime.combine(day, draw(st.times())).replace(tzinfo=UTC), state


@given(clocks())
def test_no_window_holds_a_day_that_has_not_landed(clock: tuple[datetime, Landed]) -> None:
    now, state = clock
    assert state.days is not None
    assert [day for span in windows(now, state).values() for day in span if day not in state.days] == []


@given(clocks())
def test_no_window_is_empty(clock: tuple[datetime, Landed]) -> None:
    assert all(len(span) > 0 for span in windows(*clock).values())


@given(clocks())
def test_yesterday_is_that_day_or_absent(clock: tuple[datetime, Landed]) -> None:
    now, state = clock
    yesterday = now.date() - timedelta(days=1)
    assert covered("yesterday", now, state) in (None, DayRange(yesterday, yesterday))


@given(clocks(), st.sampled_from([("last_7d", 7), ("last_30d", 30)]))
def test_rolling_windows_end_with_the_newest_landed_day(clock: tuple[datetime, Landed], window: tuple[str, int]) -> None:
    now, state = clock
    suffix, most = window
    assert state.days is not None
    span = covered(suffix, now, state)
    assert span is None or (span.last == state.days.last and len(span) == min(most, len(state.days)))


@given(clocks())
def test_windows_of_months_stay_in_their_month(clock: tuple[datetime, Landed]) -> None:
    now, state = clock
    before = now.date().replace(day=1) - timedelta(days=1)
    months = {"month_to_date": (now.year, now.month), "last_month": (before.year, before.month)}
    spans = windows(now, state)
    assert all((day.year, day.month) == month for suffix, month in months.items() if suffix in spans for day in spans[suffix])


@given(clocks())
def test_windows_come_in_the_documented_order(clock: tuple[datetime, Landed]) -> None:
    present = list(windows(*clock))
    assert present == [suffix for suffix in SUFFIXES if suffix in present]


@given(clocks())
def test_windows_do_not_change_before_the_snapshot_ends(clock: tuple[datetime, Landed]) -> None:
    now, state = clock
    end = valid_until(now, {"source": state})
    assert windows(end - timedelta(microseconds=1), state) == windows(now, state)


def outlived(age: int, max_age: timedelta) -> list[str]:
    """Windows that reach back beyond the facts in memory when the newest landed day is `age` days old."""
    now = noon("2026-07-15")
    newest = now.date() - timedelta(days=age)
    spans = windows(now, Landed(DayRange(date.fromisoformat(LONG_AGO), newest), max_age))
    return [suffix for suffix, span in spans.items() if span.first not in recent(now)]


@pytest.mark.parametrize("age", [1, 2, 14, 31, 33])
def test_facts_in_memory_reach_as_far_as_any_window(age: int) -> None:
    assert outlived(age, max_age=timedelta(days=34)) == []


def test_windows_of_an_old_source_are_whole_or_its_max_age_is_refused() -> None:
    try:
        settings = KiroSource.model_validate({"location": "data/", "max_age": "45d"})
    except ValidationError:
        return
    assert outlived(44, settings.max_age) == []
