"""Which files the Kiro source fetches, which days it reads again, what lands when, and what it does when files come late, change or vanish."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from kiro_files import ALICE, BOB, CAROL, Use, analytic, analytic_key, put, put_use, user_report, user_report_key
from kiro_rig import DAY, Rig
from moto.server import ThreadedMotoServer

from exporter.config import Aws
from exporter.objects import READ_REQUEST, Location, ObjectUnreadable, open_location

BEFORE = DAY - timedelta(days=1)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def days_from(first: date, count: int) -> list[date]:
    return [first + timedelta(days=offset) for offset in range(count)]


# Only what is new or has changed is fetched


def test_second_refresh_fetches_nothing(rig: Rig) -> None:
    put_use(rig.reports, DAY, Use(ALICE))
    rig.refresh()
    assert (rig.refresh(), rig.location.reads, rig.engine.days) == (True, [], [])


def test_one_new_file_is_one_fetch_and_one_day(rig: Rig) -> None:
    for day in days_from(DAY - timedelta(days=3), 4):
        put_use(rig.reports, day, Use(ALICE))
    rig.refresh()
    rig.at(2026, 7, 12, 3)
    put_use(rig.reports, date(2026, 7, 11), Use(BOB))
    rig.refresh()
    assert (rig.location.reads, rig.engine.days) == ([user_report_key(date(2026, 7, 11))], [date(2026, 7, 11)])


def test_new_part_of_a_day_is_one_fetch_and_joins_what_was_there(rig: Rig) -> None:
    put(rig.reports, user_report_key(DAY, part="_part_1"), user_report(DAY, Use(ALICE)))
    rig.refresh()
    put(rig.reports, user_report_key(DAY, part="_part_2"), user_report(DAY, Use(BOB)))
    rig.refresh()
    assert (rig.location.reads, rig.credits(DAY)) == ([user_report_key(DAY, part="_part_2")], {ALICE: 1, BOB: 1})


def test_file_that_changed_is_fetched_again_and_takes_the_place_of_its_rows(rig: Rig) -> None:
    put_use(rig.reports, DAY, Use(ALICE, credits="9.0"), Use(BOB))
    rig.refresh()
    put_use(rig.reports, DAY, Use(ALICE, credits="12.5"))
    rig.refresh()
    assert (rig.location.reads, rig.credits(DAY)) == ([user_report_key(DAY)], {ALICE: Decimal("12.5")})


@pytest.mark.parametrize("written", [0.05, 0.5, 0.8, 0.97, 0.999])
def test_half_written_report_that_is_completed_later_is_whole(rig: Rig, written: float) -> None:
    whole = user_report(DAY, Use(ALICE, credits="12.5"), Use(BOB, credits="7.25"))
    put(rig.reports, user_report_key(DAY), whole[: int(len(whole) * written)])
    rig.refresh()
    put(rig.reports, user_report_key(DAY), whole)
    rig.refresh()
    assert rig.credits(DAY) == {ALICE: Decimal("12.5"), BOB: Decimal("7.25")}


def test_file_whose_rows_move_to_another_day_leaves_the_first_one(rig: Rig) -> None:
    put_use(rig.reports, BEFORE, Use(CAROL))
    put_use(rig.reports, DAY, Use(ALICE), Use(BOB, day=BEFORE))
    rig.refresh()
    put_use(rig.reports, DAY, Use(ALICE), Use(BOB))
    rig.refresh()
    assert (rig.credits(BEFORE), rig.credits(DAY)) == ({CAROL: 1}, {ALICE: 1, BOB: 1})


def test_restart_fetches_and_reads_nothing_again(rig: Rig) -> None:
    put_use(rig.reports, DAY, Use(ALICE))
    rig.refresh()
    rig.restart()
    assert (rig.refresh(), rig.location.reads, rig.engine.days) == (True, [], [])


def test_days_that_no_file_touched_are_not_written_again(rig: Rig) -> None:
    put_use(rig.reports, BEFORE, Use(ALICE))
    rig.refresh()
    inode = rig.fact_file(BEFORE).stat().st_ino
    put_use(rig.reports, DAY, Use(ALICE))
    rig.refresh()
    assert rig.fact_file(BEFORE).stat().st_ino == inode


def test_decoded_files_are_dropped_once_their_days_are_closed(rig: Rig) -> None:
    put_use(rig.reports, DAY, Use(ALICE))
    rig.refresh()
    kept = rig.folder / "state" / "objects" / "kiro_credits"
    assert len(list(kept.iterdir())) == 1
    rig.at(2026, 7, 30, 3).refresh()
    assert list(kept.iterdir()) == []


def test_decoded_files_that_nothing_asks_for_are_dropped(rig: Rig) -> None:
    put_use(rig.reports, DAY, Use(ALICE))
    left = rig.store.object_file("kiro_credits", "0123456789abcdef")
    rig.store.keep_object(left, b"{}\n")
    rig.refresh()
    assert not left.exists()


def test_decoded_file_that_was_lost_is_fetched_again(rig: Rig) -> None:
    put_use(rig.reports, DAY, Use(ALICE))
    rig.refresh()
    for path in (rig.folder / "state" / "objects" / "kiro_credits").iterdir():
        path.unlink()
    put(rig.reports, user_report_key(DAY, "KIRO_CLI"), user_report(DAY, Use(BOB), client="KIRO_CLI"))
    rig.refresh()
    assert rig.credits(DAY) == {ALICE: 1, BOB: 1}


def test_decoded_file_that_was_cut_off_is_fetched_again_or_its_day_is_kept(rig: Rig) -> None:
    put_use(rig.reports, DAY, Use(ALICE))
    rig.refresh()
    for path in (rig.folder / "state" / "objects" / "kiro_credits").iterdir():
        path.write_bytes(path.read_bytes()[:20])
    put(rig.reports, user_report_key(DAY, "KIRO_CLI"), user_report(DAY, Use(BOB), client="KIRO_CLI"))
    rig.refresh()
    rig.refresh()
    assert rig.credits(DAY) == {ALICE: 1, BOB: 1}


def test_state_that_cannot_be_read_costs_only_another_reading(rig: Rig) -> None:
    put_use(rig.reports, DAY, Use(ALICE))
    rig.refresh()
    (rig.folder / "state" / "sources" / "kiro_credits.json").write_bytes(b'{"first": "2026-')
    rig.restart()
    assert (rig.refresh(), rig.credits(DAY), rig.landed()) == (True, {ALICE: 1}, (DAY, DAY))


# Late files, closed days


def test_file_that_comes_late_within_lookback_is_read(rig: Rig) -> None:
    put_use(rig.reports, DAY, Use(ALICE))
    rig.refresh()
    late = date(2026, 7, 4)
    put_use(rig.reports, late, Use(BOB))
    rig.at(2026, 7, 11, 4).refresh()
    assert rig.credits(late) == {BOB: 1}


def test_lookback_counts_from_the_refresh_before(rig: Rig) -> None:
    """A service that was down for long finds what came meanwhile: refreshes start at the oldest open day, however old."""
    put_use(rig.reports, DAY, Use(ALICE))
    rig.refresh()
    late = date(2026, 7, 5)
    put_use(rig.reports, late, Use(BOB))
    rig.at(2026, 8, 30, 3).refresh()
    assert rig.credits(late) == {BOB: 1}


def test_file_of_a_closed_day_is_not_fetched(rig: Rig) -> None:
    put_use(rig.reports, date(2026, 7, 1), Use(ALICE))
    put_use(rig.reports, DAY, Use(ALICE))
    rig.refresh()
    put_use(rig.reports, date(2026, 7, 1), Use(ALICE, credits="500.0"))
    rig.at(2026, 7, 11, 4).refresh()
    assert (rig.location.reads, rig.credits(date(2026, 7, 1))) == ([], {ALICE: 1})


def test_rows_of_closed_days_in_an_open_file_are_left_out_and_counted(rig: Rig) -> None:
    closed = date(2026, 7, 1)
    put_use(rig.reports, closed, Use(ALICE))
    put_use(rig.reports, BEFORE, Use(ALICE))
    rig.refresh()
    put_use(rig.reports, DAY, Use(ALICE, credits="77.0", day=closed), Use(BOB, day=closed), Use(CAROL))
    rig.refresh()
    assert (rig.credits(closed), rig.credits(DAY), rig.rejected("closed_day")) == ({ALICE: 1}, {CAROL: 1}, 2)


def test_rejected_rows_are_counted_once(rig: Rig) -> None:
    put_use(rig.reports, DAY, Use(ALICE, credits="oops"), Use(BOB, day=date(2026, 1, 1)), Use("", messages=3))
    rig.refresh()
    counted = {reason: rig.rejected(reason) for reason in ("number", "closed_day", "user")}
    put_use(rig.reports, BEFORE, Use(ALICE))
    rig.refresh()
    assert counted == {reason: rig.rejected(reason) for reason in counted} == {"number": 1, "closed_day": 1, "user": 1}


def test_rejected_rows_are_logged_with_their_place(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    put_use(rig.reports, DAY, Use(ALICE), Use(BOB, credits="oops"))
    rig.refresh()
    (record,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    fields: dict[str, object] = record.fields  # type: ignore[attr-defined]
    assert {name: fields[name] for name in ("path", "line", "column", "reason")} == {
        "path": user_report_key(DAY),
        "line": 3,
        "column": "Credits_Used",
        "reason": "number",
    }


def test_rows_of_days_to_come_are_left_out_and_counted(rig: Rig) -> None:
    tomorrow = date(2026, 7, 12)
    put_use(rig.reports, DAY, Use(ALICE), Use(BOB, day=tomorrow))
    rig.refresh()
    assert (rig.store.days("kiro_credits"), rig.rejected("closed_day"), rig.landed()) == ([DAY], 1, (DAY, DAY))


def test_row_of_a_day_to_come_does_not_land_that_day_when_it_is_over(rig: Rig) -> None:
    put_use(rig.reports, DAY, Use(ALICE), Use(BOB, day=date(2026, 7, 12)))
    rig.refresh()
    rig.at(2026, 7, 13, 1).refresh()  # 11 July ended 25 hours ago, 12 July one hour ago
    assert rig.landed() == (DAY, date(2026, 7, 11))


def test_file_older_than_history_is_not_fetched(tmp_path: Path) -> None:
    rig = Rig(tmp_path, history="10d")
    put_use(rig.reports, date(2026, 6, 30), Use(ALICE))
    put_use(rig.reports, date(2026, 7, 1), Use(ALICE))
    rig.refresh()
    assert (rig.location.reads, rig.landed()) == ([user_report_key(date(2026, 7, 1))], (date(2026, 7, 1), date(2026, 7, 9)))


# Files that go, vanish or change meanwhile


def test_rows_of_a_file_that_was_removed_go(rig: Rig) -> None:
    put_use(rig.reports, DAY, Use(ALICE))
    cli = put_use(rig.reports, DAY, Use(BOB), client="KIRO_CLI")
    rig.refresh()
    cli.unlink()
    rig.refresh()
    assert (rig.location.reads, rig.credits(DAY)) == ([], {ALICE: 1})


def test_day_whose_only_file_was_removed_is_kept_and_told(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    only = put_use(rig.reports, DAY, Use(ALICE))
    put_use(rig.reports, BEFORE, Use(ALICE))
    rig.refresh()
    only.unlink()
    rig.refresh()
    assert rig.credits(DAY) == {ALICE: 1}
    assert [(record.getMessage(), record.fields["day"]) for record in caplog.records if record.levelno >= logging.WARNING] == [  # type: ignore[attr-defined]
        ("a day came back empty and is kept as it was", "2026-07-10")
    ]


def test_day_that_was_kept_is_told_once(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    only = put_use(rig.reports, DAY, Use(ALICE))
    put_use(rig.reports, BEFORE, Use(ALICE))
    rig.refresh()
    only.unlink()
    rig.refresh()
    caplog.clear()
    rig.refresh()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_file_that_vanishes_after_the_listing_is_passed_over(rig: Rig) -> None:
    put_use(rig.reports, BEFORE, Use(ALICE))
    gone = put_use(rig.reports, DAY, Use(BOB))
    rig.location.before_read = lambda key: gone.unlink(missing_ok=True)
    assert (rig.refresh(), rig.credits(BEFORE), rig.credits(DAY)) == (True, {ALICE: 1}, {})


def change(rig: Rig, use: Use, client: str) -> None:
    put_use(rig.reports, DAY, use, client=client)


def test_new_file_that_changes_after_the_listing_is_read_at_the_next_refresh(rig: Rig) -> None:
    put_use(rig.reports, DAY, Use(ALICE))
    rig.location.before_read = lambda key: change(rig, Use(ALICE, credits="22.25"), "KIRO_IDE")
    rig.refresh()
    rig.location.before_read = lambda key: None
    rig.refresh()
    assert rig.credits(DAY) == {ALICE: Decimal("22.25")}


def test_known_file_that_changes_after_the_listing_keeps_its_rows_until_it_is_read(rig: Rig) -> None:
    put_use(rig.reports, DAY, Use(ALICE))
    put_use(rig.reports, DAY, Use(BOB), client="KIRO_CLI")
    rig.refresh()
    put_use(rig.reports, DAY, Use(BOB, credits="2.0"), client="KIRO_CLI")
    rig.location.before_read = lambda key: change(rig, Use(BOB, credits="3.125"), "KIRO_CLI")
    rig.refresh()
    meanwhile = rig.credits(DAY)
    rig.location.before_read = lambda key: None
    rig.refresh()
    assert meanwhile[BOB] in (Decimal(1), Decimal("3.125"))
    assert rig.credits(DAY) == {ALICE: 1, BOB: Decimal("3.125")}


def unreadable(key: str) -> None:
    if "KIRO_CLI" in key:
        raise ObjectUnreadable(f"{key} cannot be read (Permission denied); correct its permissions or remove it.")


def test_file_that_cannot_be_read_costs_only_itself_and_is_counted_once(rig: Rig) -> None:
    put_use(rig.reports, DAY, Use(ALICE))
    put_use(rig.reports, DAY, Use(BOB), client="KIRO_CLI")
    rig.location.before_read = unreadable
    assert rig.refresh()
    rig.refresh()
    assert (rig.credits(DAY), rig.rejected("file")) == ({ALICE: 1}, 1)


def test_file_that_could_not_be_read_is_read_once_it_can(rig: Rig) -> None:
    """Correcting the permissions changes neither the size nor the ETag of a file."""
    put_use(rig.reports, DAY, Use(ALICE))
    put_use(rig.reports, DAY, Use(BOB), client="KIRO_CLI")
    rig.location.before_read = unreadable
    rig.refresh()
    rig.location.before_read = lambda key: None
    rig.refresh()
    assert rig.credits(DAY) == {ALICE: 1, BOB: 1}


def test_file_larger_than_any_report_costs_only_itself(rig: Rig) -> None:
    put_use(rig.reports, DAY, Use(ALICE))
    with put_use(rig.reports, DAY, client="KIRO_CLI").open("r+b") as huge:
        huge.truncate(300 * 1024 * 1024)
    assert (rig.refresh(), rig.credits(DAY), rig.rejected("size")) == (True, {ALICE: 1}, 1)


def test_folder_that_is_not_there_is_told_and_touches_nothing(rig: Rig) -> None:
    put_use(rig.reports, DAY, Use(ALICE))
    rig.refresh()
    os.rename(rig.reports, rig.folder / "elsewhere")
    assert (rig.refresh(), rig.credits(DAY), rig.landed(), rig.told("source_up")) == (False, {ALICE: 1}, (DAY, DAY), 0)
    assert rig.refresher.last_error.startswith(f"The folder {rig.reports} does not exist")


# Landing


def test_nothing_has_landed_before_a_refresh(rig: Rig) -> None:
    assert rig.landed() is None


def test_day_lands_with_its_report(rig: Rig) -> None:
    put_use(rig.reports, BEFORE, Use(ALICE))
    rig.refresh()
    before = rig.landed()
    put_use(rig.reports, DAY, Use(ALICE))
    rig.refresh()
    assert (before, rig.landed()) == ((BEFORE, BEFORE), (BEFORE, DAY))


def test_day_lands_with_a_report_of_a_later_day(rig: Rig) -> None:
    put_use(rig.reports, date(2026, 7, 5), Use(ALICE))
    put_use(rig.reports, DAY, Use(ALICE))
    rig.refresh()
    assert rig.landed() == (date(2026, 7, 5), DAY)


@pytest.mark.parametrize(("hour", "minute", "newest"), [(11, 59, BEFORE), (12, 0, DAY)])
def test_day_without_a_file_lands_12_hours_after_its_end(rig: Rig, hour: int, minute: int, newest: date) -> None:
    put_use(rig.reports, date(2026, 7, 7), Use(ALICE))
    rig.at(2026, 7, 11, hour, minute).refresh()
    assert rig.landed() == (date(2026, 7, 7), newest)


def test_day_without_a_file_lands_only_when_a_listing_worked(rig: Rig) -> None:
    put_use(rig.reports, date(2026, 7, 9), Use(ALICE))
    rig.refresh()
    os.rename(rig.reports, rig.folder / "elsewhere")
    rig.at(2026, 7, 20, 12).refresh()
    assert rig.landed() == (date(2026, 7, 9), date(2026, 7, 9))


def test_lands_by_follows_the_config(tmp_path: Path) -> None:
    rig = Rig(tmp_path, lands_by="3h")
    put_use(rig.reports, date(2026, 7, 8), Use(ALICE))
    rig.refresh()
    assert rig.landed() == (date(2026, 7, 8), DAY)


def test_report_that_was_removed_leaves_its_day_landed(rig: Rig) -> None:
    put_use(rig.reports, BEFORE, Use(ALICE))
    only = put_use(rig.reports, DAY, Use(ALICE))
    rig.refresh()
    only.unlink()
    rig.refresh()
    assert rig.landed() == (BEFORE, DAY)


# First load


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


# Days that the store has lost


def damage(rig: Rig, day: date) -> None:
    rig.fact_file(day).write_bytes(rig.fact_file(day).read_bytes()[:100])


@pytest.mark.parametrize("lost", [DAY, date(2026, 6, 20)], ids=["open", "closed"])
def test_damaged_day_is_set_aside_and_read_again(rig: Rig, lost: date) -> None:
    for day in (date(2026, 6, 19), date(2026, 6, 20), BEFORE, DAY):
        put_use(rig.reports, day, Use(ALICE, credits=f"{day.day}.0"))
    rig.refresh()
    damage(rig, lost)
    rig.restart()
    rig.refresh()
    assert (rig.engine.days, rig.credits(lost)) == ([lost], {ALICE: lost.day})
    assert rig.fact_file(lost).with_suffix(".damaged").exists()


def test_damaged_day_is_read_again_only_once(rig: Rig) -> None:
    put_use(rig.reports, date(2026, 6, 20), Use(ALICE))
    put_use(rig.reports, DAY, Use(ALICE))
    rig.refresh()
    damage(rig, date(2026, 6, 20))
    rig.restart()
    rig.refresh()
    assert (rig.refresh(), rig.engine.days, rig.location.reads) == (True, [], [])


def test_damaged_day_is_read_again_though_the_source_failed_at_first(rig: Rig) -> None:
    put_use(rig.reports, date(2026, 6, 20), Use(ALICE))
    put_use(rig.reports, DAY, Use(ALICE))
    rig.refresh()
    damage(rig, date(2026, 6, 20))
    rig.restart()
    os.rename(rig.reports, rig.folder / "elsewhere")
    rig.refresh()
    rig.restart()
    os.rename(rig.folder / "elsewhere", rig.reports)
    rig.refresh()
    assert rig.credits(date(2026, 6, 20)) == {ALICE: 1}


def test_damaged_day_is_read_again_from_files_of_later_paths_too(rig: Rig) -> None:
    """The day of a path is not surely that of its rows."""
    lost = date(2026, 6, 20)
    put_use(rig.reports, lost, Use(ALICE))
    put_use(rig.reports, date(2026, 6, 21), Use(BOB, day=lost), Use(ALICE))
    put_use(rig.reports, DAY, Use(ALICE))
    rig.refresh()
    damage(rig, lost)
    rig.restart()
    rig.refresh()
    assert rig.credits(lost) == {ALICE: 1, BOB: 1}


def test_rows_of_other_closed_days_are_no_rejection_when_a_damaged_day_is_read_again(rig: Rig) -> None:
    lost = date(2026, 6, 20)
    put_use(rig.reports, lost, Use(ALICE), Use(ALICE, day=date(2026, 6, 19)))
    put_use(rig.reports, DAY, Use(ALICE))
    rig.refresh()
    damage(rig, lost)
    rig.restart()
    rig.refresh()
    assert (rig.credits(lost), rig.rejected("closed_day")) == ({ALICE: 1}, 0)


# Unknown columns


def test_unknown_columns_are_counted_by_name(rig: Rig) -> None:
    content = b"Date,UserId,Client_Type,Credits_Used,Mood,Weather\n2026-07-10,%s,KIRO_IDE,1.0,good,bad\n" % ALICE.encode()
    put(rig.reports, user_report_key(DAY, part="_part_1"), content)
    put(rig.reports, user_report_key(DAY, part="_part_2"), content.replace(b"Weather", b"Season").replace(ALICE.encode(), BOB.encode()))
    rig.refresh()
    assert (rig.told("source_unknown_columns"), rig.credits(DAY)) == (3, {ALICE: 1, BOB: 1})


def test_unknown_columns_are_counted_after_a_load_that_was_stopped(rig: Rig) -> None:
    put(rig.reports, user_report_key(DAY), b"Date,UserId,Client_Type,Credits_Used,Mood\n2026-07-10,%s,KIRO_IDE,1.0,good\n" % ALICE.encode())
    put_use(rig.reports, BEFORE, Use(ALICE))
    stop_reading_after(rig, 1)
    assert not rig.refresh()
    go_on(rig, restarted=False)
    rig.refresh()
    assert rig.told("source_unknown_columns") == 1


# A bucket instead of a folder


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


class Bucket:
    """A bucket on this machine, and the requests that were sent to it through `location`."""

    def __init__(self, endpoint: str, name: str) -> None:
        import boto3

        aws = Aws.model_validate({"endpoint_url": endpoint})
        self.requests: list[str] = []
        self.location: Location = open_location(f"s3://{name}/kiro/", aws, self.requests.append)
        self._name = name
        self.s3: Any = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
        self.s3.create_bucket(Bucket=name)

    def put(self, key: str, content: bytes) -> None:
        self.s3.put_object(Bucket=self._name, Key=f"kiro/{key}", Body=content)

    def delete(self, key: str) -> None:
        self.s3.delete_object(Bucket=self._name, Key=f"kiro/{key}")

    @property
    def gets(self) -> int:
        return self.requests.count(READ_REQUEST)


@pytest.fixture
def bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Bucket:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    return Bucket(s3_server, request.node.name.replace("_", "-")[:60].strip("-"))


def test_bucket_one_new_object_is_one_get(bucket: Bucket, tmp_path: Path) -> None:
    rig = Rig(tmp_path, location=bucket.location)
    for day in days_from(DAY - timedelta(days=4), 5):
        bucket.put(user_report_key(day), user_report(day, Use(ALICE)))
    rig.refresh()
    first = bucket.gets
    bucket.put(user_report_key(DAY, "KIRO_CLI"), user_report(DAY, Use(ALICE, credits="0.5"), client="KIRO_CLI"))
    rig.refresh()
    assert (first, bucket.gets, rig.credits(DAY)) == (5, 6, {ALICE: Decimal("1.5")})


def test_bucket_object_with_a_new_etag_is_one_get(bucket: Bucket, tmp_path: Path) -> None:
    rig = Rig(tmp_path, location=bucket.location)
    bucket.put(user_report_key(DAY), user_report(DAY, Use(ALICE, credits="1.0")))
    rig.refresh()
    bucket.put(user_report_key(DAY), user_report(DAY, Use(ALICE, credits="2.0")))  # the same size
    rig.refresh()
    assert (bucket.gets, rig.credits(DAY)) == (2, {ALICE: 2})


def test_bucket_object_that_vanishes_after_the_listing_is_passed_over(bucket: Bucket, tmp_path: Path) -> None:
    rig = Rig(tmp_path, location=bucket.location)
    bucket.put(user_report_key(DAY), user_report(DAY, Use(ALICE)))
    bucket.put(user_report_key(BEFORE), user_report(BEFORE, Use(BOB)))
    rig.location.before_read = lambda key: bucket.delete(user_report_key(DAY))
    assert (rig.refresh(), rig.credits(BEFORE), rig.credits(DAY)) == (True, {BOB: 1}, {})


def test_bucket_object_that_changes_after_the_listing_is_never_read_as_what_was_listed(bucket: Bucket, tmp_path: Path) -> None:
    rig = Rig(tmp_path, location=bucket.location)
    bucket.put(user_report_key(DAY), user_report(DAY, Use(ALICE, credits="1.0")))
    rig.location.before_read = lambda key: bucket.put(user_report_key(DAY), user_report(DAY, Use(ALICE, credits="2.0")))
    rig.refresh()
    rig.location.before_read = lambda key: None
    rig.refresh()
    assert rig.credits(DAY) == {ALICE: 2}


def test_bucket_holds_the_legacy_report_too(bucket: Bucket, tmp_path: Path) -> None:
    rig = Rig(tmp_path, "kiro_features", location=bucket.location)
    bucket.put(analytic_key(DAY), analytic(DAY, (ALICE, {"Chat_MessagesSent": 3})))
    rig.refresh()
    assert [(fact["counter"], fact["value"]) for fact in rig.facts(DAY)] == [("chat_messagessent", 3), (None, 0)]
