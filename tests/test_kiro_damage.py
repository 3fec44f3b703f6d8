"""What the Kiro source does when its store has lost days, decoded files or its state."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest
from kiro_files import ALICE, BOB, Use, put, put_use, user_report, user_report_key
from kiro_rig import BEFORE, DAY, Rig


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


# Decoded files and the state


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


# Days


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
