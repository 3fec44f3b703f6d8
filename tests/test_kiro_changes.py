"""What the Kiro source does with files that go, vanish or change after they were listed, or that cannot be read."""

from __future__ import annotations

import logging
import os
from decimal import Decimal
from pathlib import Path

import pytest
from kiro_files import ALICE, BOB, Use, put_use
from kiro_rig import BEFORE, DAY, Rig

from exporter.objects import ObjectUnreadable


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


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
