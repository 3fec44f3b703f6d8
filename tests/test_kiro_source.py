"""Which files the Kiro source fetches, which days it reads again, and what lands when."""

from __future__ import annotations

import logging
import os
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from kiro_files import ALICE, BOB, CAROL, Use, put, put_use, user_report, user_report_key
from kiro_rig import BEFORE, DAY, Rig, days_from


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


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


# Late files, closed days


def test_file_that_comes_late_within_lookback_is_read(rig: Rig) -> None:
    put_use(rig.reports, DAY, Use(ALICE))
    rig.refresh()
    late = date(2026, 7, 4)
    put_use(rig.reports, late, Use(BOB))
    rig.at(2026, 7, 11, 4).refresh()
    assert rig.credits(late) == {BOB: 1}


def test_yesterdays_report_is_read_however_short_lookback_is(tmp_path: Path) -> None:
    """Reports come hours after the end of their day, when refreshes of the new day have begun."""
    rig = Rig(tmp_path, lookback="12h")
    put_use(rig.reports, date(2026, 7, 9), Use(BOB))
    rig.at(2026, 7, 11, 1).refresh()
    put_use(rig.reports, DAY, Use(ALICE))
    rig.at(2026, 7, 11, 3).refresh()
    assert rig.credits(DAY) == {ALICE: 1}


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


# Unknown columns


def test_unknown_columns_are_counted_by_name(rig: Rig) -> None:
    content = b"Date,UserId,Client_Type,Credits_Used,Mood,Weather\n2026-07-10,%s,KIRO_IDE,1.0,good,bad\n" % ALICE.encode()
    put(rig.reports, user_report_key(DAY, part="_part_1"), content)
    put(rig.reports, user_report_key(DAY, part="_part_2"), content.replace(b"Weather", b"Season").replace(ALICE.encode(), BOB.encode()))
    rig.refresh()
    assert (rig.told("source_unknown_columns"), rig.credits(DAY)) == (3, {ALICE: 1, BOB: 1})
