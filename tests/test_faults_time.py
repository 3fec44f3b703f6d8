"""Clocks that are wrong for a while, sources that are away, and storms of throttling: afterwards every day is what it would have been."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from cloudtrail_events_made import DAY, deliver
from cloudtrail_reading import SETTINGS, Reader
from cur_made import Bill, line, write_month
from kiro_files import ALICE, Use, put_use
from kiro_rig import Rig
from recount_cloudtrail import Recount, Rules

from exporter import refresh
from exporter.errors import TransientError
from exporter.model import DayRange
from exporter.objects import FolderLocation, StoredObject
from exporter.refresh import ATTEMPTS

DAYS = [DAY + timedelta(days=offset) for offset in range(3)]
RULES = Rules(human_identity_providers=SETTINGS.human_identity_providers)


def at(day: date, hour: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


@pytest.mark.parametrize("wrong", [timedelta(days=-2), timedelta(hours=14), timedelta(days=12), timedelta(days=40)], ids=str)
def test_cloudtrail_is_whole_after_a_clock_that_was_wrong_over_midnight_and_month_end(tmp_path: Path, wrong: timedelta) -> None:
    reader = Reader(tmp_path, history=timedelta(days=2))
    deliver(reader.logs, DAYS[:1])
    reader.refresh(at(DAYS[0], 20))
    reader.refresh(at(DAYS[0], 21) + wrong)
    deliver(reader.logs, DAYS[1:], seed=2)
    reader.refresh(at(DAYS[1], 10))
    reader.refresh(at(DAYS[2], 14))
    reader.refresh(at(DAYS[2] + timedelta(days=1), 14))
    assert {fact[:6]: fact[6:] for fact in reader.facts(*DAYS)} == Recount(RULES).days(reader.logs, DAYS[0], DAYS[-1])
    landed = reader.source.landed().days
    assert landed is not None
    assert landed.last == DAYS[-1]


@pytest.mark.parametrize("wrong", [timedelta(days=-2), timedelta(hours=14), timedelta(days=12), timedelta(days=40)], ids=str)
def test_kiro_is_whole_after_a_clock_that_was_wrong_over_midnight_and_month_end(tmp_path: Path, wrong: timedelta) -> None:
    rig = Rig(tmp_path, history="30d")
    put_use(rig.reports, date(2026, 7, 28), Use(ALICE, credits="1.0"))
    rig.at(2026, 7, 29, 20).refresh()
    rig.now += wrong
    rig.refresh()
    put_use(rig.reports, date(2026, 7, 28), Use(ALICE, credits="2.0"))
    put_use(rig.reports, date(2026, 7, 29), Use(ALICE, credits="4.0"))
    rig.at(2026, 7, 30, 14).refresh()
    assert [rig.credits(date(2026, 7, day)) for day in (28, 29)] == [{ALICE: 2}, {ALICE: 4}]
    assert rig.landed() == (date(2026, 7, 28), date(2026, 7, 29))


def test_clock_that_is_not_set_yet_reads_nothing_and_is_told(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    put_use(rig.reports, date(2026, 7, 10), Use(ALICE))
    rig.refresh()
    assert not rig.at(1970, 1, 1).refresh()
    assert rig.refresher.last_error.startswith("the clock says 1970-01-01 00:00 UTC, which is before the first day of the store (2026-07-10); set the clock.")
    assert rig.at(2026, 7, 11, 4).refresh()
    assert rig.credits(date(2026, 7, 10)) == {ALICE: 1}


def test_days_that_left_memory_while_the_clock_was_ahead_are_back_when_it_is_right(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    put_use(rig.reports, date(2026, 7, 10), Use(ALICE))
    rig.refresh()
    rig.history.advance(rig.now + timedelta(days=400))
    assert rig.history.recent.days("kiro_credits") is None
    rig.history.advance(rig.now)
    assert rig.history.recent.days("kiro_credits") == DayRange(date(2026, 7, 10), date(2026, 7, 10))


def test_kiro_that_was_away_for_three_days_is_whole_afterwards(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    days = [date(2026, 7, day) for day in (10, 11, 12, 13)]
    put_use(rig.reports, days[0], Use(ALICE, credits="1.0"))
    rig.refresh()
    rig.reports.rename(tmp_path / "away")
    for day in (11, 12, 13):
        assert not rig.at(2026, 7, day, 14).refresh()
    (tmp_path / "away").rename(rig.reports)
    for place, day in enumerate(days):
        put_use(rig.reports, day, Use(ALICE, credits=f"{2**place}.5"))
    assert rig.at(2026, 7, 14, 3).refresh()
    assert [rig.credits(day) for day in days] == [{ALICE: 2**place + Decimal("0.5")} for place in range(4)]


def test_bill_that_was_away_over_a_month_end_is_whole_afterwards(tmp_path: Path) -> None:
    bill = Bill(tmp_path)
    write_month(bill.export, [line(cost=1.0, day="2026-11-29")], date(2026, 11, 1))
    bill.refresh(at(date(2026, 11, 30), 6))
    write_month(bill.export, [line(cost=1.5, day="2026-11-29"), line(cost=2.0, day="2026-11-30")], date(2026, 11, 1))
    write_month(bill.export, [line(cost=4.0, day="2026-12-01"), line(cost=8.0, day="2026-12-02")], date(2026, 12, 1))
    bill.refresh(at(date(2026, 12, 3), 6))
    assert {fact.day: fact.cost for fact in bill.costs()} == {
        date(2026, 11, 29): Decimal("1.5"),
        date(2026, 11, 30): 2,
        date(2026, 12, 1): 4,
        date(2026, 12, 2): 8,
    }


class Storm(FolderLocation):
    """A place that throttles every call while `blows`."""

    blows = False
    calls = 0

    def list(self, prefix: str, start_after: str = "") -> Iterator[StoredObject]:
        self._ask()
        return super().list(prefix, start_after)

    def folders(self, prefix: str) -> tuple[str, ...]:
        self._ask()
        return super().folders(prefix)

    def _ask(self) -> None:
        self.calls += 1
        if self.blows:
            raise TransientError("AWS throttled s3:ListBucket")


def test_an_hour_of_throttling_costs_few_calls_and_the_next_refresh_mends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refresh, "FIRST_WAIT_SECONDS", 0.0)
    storm = Storm(tmp_path / "reports")
    rig = Rig(tmp_path, location=storm)
    put_use(rig.reports, date(2026, 7, 10), Use(ALICE))
    rig.refresh()
    put_use(rig.reports, date(2026, 7, 10), Use(ALICE, credits="2.5"))
    storm.blows, storm.calls = True, 0
    for _ in range(4):
        rig.now += timedelta(minutes=15)
        assert not rig.refresh()
    assert (storm.calls, rig.told("source_up"), rig.credits(date(2026, 7, 10))) == (4 * ATTEMPTS, 0, {ALICE: 1})
    storm.blows = False
    assert rig.refresh()
    assert (rig.told("source_up"), rig.credits(date(2026, 7, 10))) == (1, {ALICE: Decimal("2.5")})
