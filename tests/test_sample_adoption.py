"""On every day, the reports and the directory of a small sample have somebody in each state that dashboards ask for."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path

import pytest
from sample_folders import rows_of

from exporter.sample import Organisation, write

PEOPLE, SEED = 40, 1
FIRST, LAST = date(2026, 8, 1), date(2026, 11, 21)
KNOWN = timedelta(days=62)
"""As far back as the demo knows its people."""
LANDED = [LAST - timedelta(days=number) for number in range((LAST - FIRST - KNOWN).days)]

Days = dict[str, set[date]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(Organisation.generate(PEOPLE, SEED), tmp_path_factory.mktemp("adoption"), FIRST, LAST, quirks=False, cloudtrail=False).folder


@pytest.fixture(scope="module")
def used(folder: Path) -> Days:
    """The days on which each id used Kiro."""
    days: Days = defaultdict(set)
    for row in rows_of(folder):
        days[row["UserId"]].add(date.fromisoformat(row["Date"]))
    return days


def ages(used: Days, landed: date) -> list[list[int]]:
    """How many days before a landed day each person used Kiro, the newest first; 0 is the day itself."""
    found = [sorted((landed - day).days for day in days if timedelta() <= landed - day < KNOWN) for days in used.values()]
    return [known for known in found if known]


@pytest.mark.parametrize("landed", LANDED, ids=str)
def test_somebody_is_new(used: Days, landed: date) -> None:
    assert any(known[-1] < 7 for known in ages(used, landed))


@pytest.mark.parametrize("landed", LANDED, ids=str)
def test_somebody_has_returned(used: Days, landed: date) -> None:
    assert any(known[0] < 7 and known[-1] >= 30 and not any(7 <= age < 30 for age in known) for known in ages(used, landed))


@pytest.mark.parametrize("last", LANDED[::5], ids=str)
def test_somebody_has_just_left_and_somebody_was_forgotten_in_the_directory(used: Days, last: date, tmp_path: Path) -> None:
    folder = write(Organisation.generate(PEOPLE, SEED), tmp_path, last, last, cloudtrail=False).folder
    users = json.loads((folder / "directory" / "users.json").read_text(encoding="utf-8"))["Users"]
    status = {user["UserId"][-36:]: user["UserStatus"] for user in users}
    unseen = {user: (last - max(day for day in days if day <= last)).days for user, days in used.items() if min(days) <= last}
    assert any(age < 30 for user, age in unseen.items() if status.get(user) == "DISABLED")
    assert any(30 < age < KNOWN.days for user, age in unseen.items() if status.get(user) == "ENABLED")


def test_organisations_that_are_too_small_have_no_such_positions() -> None:
    seats = [person.seat for person in Organisation.generate(39, SEED).people(FIRST, LAST) if person.seat]
    assert not [seat for seat in seats if seat.use == "periodic"]
    assert [person for person in Organisation.generate(40, SEED).people(FIRST, LAST) if person.seat and person.seat.use == "periodic"]
