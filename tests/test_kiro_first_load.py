"""A first load of the Kiro source reads a day a query, and goes on where it was stopped."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from kiro_files import ALICE, Use, put, put_use, user_report_key
from kiro_rig import BEFORE, DAY, Rig, days_from


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


LOAD = days_from(date(2026, 7, 3), 8)


@pytest.fixture
def loading(rig: Rig) -> Rig:
    """Eight days to load."""
    for day in LOAD:
        put_use(rig.reports, day, Use(ALICE, credits=f"{day.day}.0"))
    return rig


def test_first_load_reads_a_day_a_query_in_order(loading: Rig) -> None:
    loading.refresh()
    assert (loading.engine.days, loading.landed()) == (LOAD, (LOAD[0], LOAD[-1]))


def stop_fetching_after(rig: Rig, files: int) -> None:
    rig.location.before_read = lambda key: rig.stopping.set() if len(rig.location.reads) == files - 1 else None


def stop_reading_after(rig: Rig, days: int) -> None:
    rig.engine.after_query = lambda: rig.stopping.set() if len(rig.engine.days) == days else None


def go_on(rig: Rig, restarted: bool) -> None:
    rig.location.before_read = lambda key: None
    rig.engine.after_query = lambda: None
    rig.stopping.clear()
    if restarted:
        rig.restart()


@pytest.mark.parametrize("restarted", [False, True])
def test_first_load_that_was_stopped_while_fetching_fetches_nothing_twice(loading: Rig, restarted: bool) -> None:
    stop_fetching_after(loading, 3)
    assert not loading.refresh()
    fetched = list(loading.location.reads)
    go_on(loading, restarted)
    assert loading.refresh()
    assert (len(fetched), fetched + loading.location.reads) == (3, [user_report_key(day) for day in LOAD])
    assert [loading.credits(day)[ALICE] for day in LOAD] == [day.day for day in LOAD]


@pytest.mark.parametrize("restarted", [False, True])
def test_first_load_that_was_stopped_between_days_fetches_nothing_twice(loading: Rig, restarted: bool) -> None:
    stop_reading_after(loading, 3)
    assert not loading.refresh()
    go_on(loading, restarted)
    assert (loading.refresh(), loading.location.reads) == (True, [])
    assert [loading.credits(day)[ALICE] for day in LOAD] == [day.day for day in LOAD]


def test_first_load_that_was_stopped_has_landed_as_far_as_it_came(loading: Rig) -> None:
    stop_reading_after(loading, 3)
    loading.refresh()
    assert loading.landed() == (LOAD[0], LOAD[2])


@pytest.mark.parametrize("restarted", [False, True])
def test_first_load_goes_on_where_it_stopped(loading: Rig, restarted: bool) -> None:
    stop_reading_after(loading, 3)
    loading.refresh()
    go_on(loading, restarted)
    loading.refresh()
    assert loading.engine.days == LOAD[3:]


def test_what_has_landed_never_goes_back_during_a_first_load(loading: Rig) -> None:
    stop_reading_after(loading, 3)
    loading.refresh()
    go_on(loading, restarted=True)
    seen: list[tuple[date, date] | None] = []
    loading.engine.after_query = lambda: seen.append(loading.landed())
    loading.refresh()
    assert min(landed[1] for landed in seen if landed) >= LOAD[2]


def test_file_that_changed_while_a_first_load_was_stopped_is_read_anew(loading: Rig) -> None:
    stop_reading_after(loading, 3)
    loading.refresh()
    put_use(loading.reports, LOAD[1], Use(ALICE, credits="1234.0"))
    go_on(loading, restarted=True)
    loading.refresh()
    assert (loading.location.reads, loading.credits(LOAD[1])) == ([user_report_key(LOAD[1])], {ALICE: 1234})


def test_unknown_columns_are_counted_after_a_load_that_was_stopped(rig: Rig) -> None:
    put(rig.reports, user_report_key(DAY), b"Date,UserId,Client_Type,Credits_Used,Mood\n2026-07-10,%s,KIRO_IDE,1.0,good\n" % ALICE.encode())
    put_use(rig.reports, BEFORE, Use(ALICE))
    stop_reading_after(rig, 1)
    assert not rig.refresh()
    go_on(rig, restarted=False)
    rig.refresh()
    assert rig.told("source_unknown_columns") == 1
