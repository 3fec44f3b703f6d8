"""What the people of the sample do with Kiro, and how their credits run out."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sample_folders import DAYS, FIRST, LAST, PEOPLE, SEED, Row, included, listed_people, months, rows_of

from exporter.sample import Organisation, Person, write
from exporter.sample.working_days import easter, public_holidays


@pytest.fixture(scope="module")
def organisation() -> Organisation:
    return Organisation.generate(PEOPLE, SEED)


@pytest.fixture(scope="module")
def clean(organisation: Organisation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(organisation, tmp_path_factory.mktemp("clean"), FIRST, LAST, quirks=False, cloudtrail=False, bill=False).folder


@pytest.fixture(scope="module")
def rows(clean: Path) -> list[Row]:
    return rows_of(clean)


@pytest.fixture(scope="module")
def people(organisation: Organisation) -> dict[str, Person]:
    return {person.identity_center_id: person for person in organisation.people(FIRST, LAST)}


# What they do


def test_weekends_are_quiet(rows: list[Row]) -> None:
    counts = Counter(date.fromisoformat(row["Date"]) for row in rows)
    weekend = [counts[FIRST + timedelta(days=offset)] for offset in range(DAYS) if (FIRST + timedelta(days=offset)).weekday() > 4]
    workday = [counts[FIRST + timedelta(days=offset)] for offset in range(DAYS) if (FIRST + timedelta(days=offset)).weekday() <= 4]
    assert 0 < statistics.mean(weekend) < statistics.mean(workday) / 5


def test_easter_sundays() -> None:
    assert [easter(year) for year in (2024, 2025, 2026, 2027)] == [date(2024, 3, 31), date(2025, 4, 20), date(2026, 4, 5), date(2027, 3, 28)]


def test_holidays_of_the_united_states_in_2026() -> None:
    days = [(1, 1), (1, 19), (5, 25), (6, 19), (7, 4), (9, 7), (11, 26), (11, 27), (12, 25)]
    assert sorted(public_holidays("us-east-1", 2026)) == [date(2026, month, day) for month, day in days]


def test_holidays_of_germany_in_2026() -> None:
    days = [(1, 1), (4, 3), (4, 6), (5, 1), (5, 14), (5, 25), (10, 3), (12, 25), (12, 26)]
    assert sorted(public_holidays("eu-central-1", 2026)) == [date(2026, month, day) for month, day in days]


def test_public_holidays_are_quiet(organisation: Organisation, tmp_path: Path) -> None:
    write(organisation, tmp_path, date(2026, 11, 24), date(2026, 11, 26), quirks=False, cloudtrail=False, bill=False)
    counts = Counter(row["Date"] for row in rows_of(tmp_path) if "us-east-1" in row["ProfileId"])
    assert counts["2026-11-26"] < counts["2026-11-24"] / 5


def test_new_user_is_true_on_the_day_of_the_seat_alone(rows: list[Row], people: dict[str, Person]) -> None:
    new = {(row["UserId"], row["Date"]) for row in rows if row["New_User"] == "true"}
    seats = {(key, person.seat.since.isoformat()) for key, person in people.items() if person.seat is not None and person.seat.use != "never"}
    assert new == {(key, day) for key, day in seats if FIRST.isoformat() <= day <= LAST.isoformat()}
    assert len(new) > 5


def test_leavers_are_silent_afterwards(rows: list[Row], people: dict[str, Person]) -> None:
    assert all(people[row["UserId"]].left >= date.fromisoformat(row["Date"]) for row in rows)


def test_some_paid_seats_are_idle(clean: Path, rows: list[Row]) -> None:
    used = {row["User_Email"] for row in rows}
    idle = [person for person in listed_people(clean) if person["kiro_tier"] and person["email"].lower() not in used]
    assert len(idle) > 5


def test_both_accounts_and_all_tiers_are_in_use(rows: list[Row]) -> None:
    assert {(row["ProfileId"].split(":")[3], row["Subscription_Tier"]) for row in rows} == {
        (region, tier) for region in ("us-east-1", "eu-central-1") for tier in ("PRO", "PRO_PLUS", "PRO_MAX", "POWER")
    }


def test_some_people_use_one_client_and_some_use_several(rows: list[Row]) -> None:
    clients: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        clients[row["UserId"]].add(row["Client_Type"])
    kinds = {frozenset(used) for used in clients.values()}
    assert kinds >= {frozenset({"KIRO_IDE"}), frozenset({"KIRO_CLI"}), frozenset({"PLUGIN"}), frozenset({"KIRO_IDE", "KIRO_CLI"})}


# Credits


@pytest.fixture(scope="module")
def from_the_first(organisation: Organisation, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[Row]]:
    """Rows of two whole months, by relation."""
    written: dict[str, list[Row]] = {}

    def of(relation: str) -> list[Row]:
        if relation not in written:
            folder = tmp_path_factory.mktemp(relation)
            write(organisation, folder, date(2026, 9, 1), date(2026, 10, 31), quirks=False, overage_relation=relation, cloudtrail=False, bill=False)  # type: ignore[arg-type]
            written[relation] = rows_of(folder)
        return written[relation]

    return of


def test_overage_inside_is_what_passes_the_allowance(from_the_first: Callable[..., list[Row]], people: dict[str, Person], organisation: Organisation) -> None:
    everybody = {person.identity_center_id: person for person in organisation.people(date(2026, 9, 1), LAST)}
    credits_used = months(from_the_first("inside"), everybody, "Credits_Used")
    overage = months(from_the_first("inside"), everybody, "Overage_Credits_Used")
    assert overage == {key: max(Decimal(0), used - included(key[0])) for key, used in credits_used.items()}
    assert sum(value > 0 for value in overage.values()) > 5


def test_overage_on_top_starts_at_the_allowance(from_the_first: Callable[..., list[Row]], organisation: Organisation) -> None:
    everybody = {person.identity_center_id: person for person in organisation.people(date(2026, 9, 1), LAST)}
    credits_used = months(from_the_first("on_top"), everybody, "Credits_Used")
    overage = months(from_the_first("on_top"), everybody, "Overage_Credits_Used")
    over = [key for key, value in overage.items() if value]
    assert {credits_used[key] - included(key[0]) for key in over} == {0}


def test_no_overage_before_the_allowance_is_passed(from_the_first: Callable[..., list[Row]], organisation: Organisation) -> None:
    everybody = {person.identity_center_id: person for person in organisation.people(date(2026, 9, 1), LAST)}
    days: dict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for row in from_the_first("inside"):
        days[row["Date"], row["UserId"]][0] += Decimal(row["Credits_Used"])
        days[row["Date"], row["UserId"]][1] += Decimal(row["Overage_Credits_Used"])
    used: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for (day, user), (credits_used, overage) in sorted(days.items()):
        used[user, day[:7]] += credits_used
        assert (overage > 0) == (used[user, day[:7]] > included(everybody[user]))


def test_whoever_is_blocked_stands_at_the_allowance_and_never_passes_it(from_the_first: Callable[..., list[Row]], organisation: Organisation) -> None:
    everybody = {person.identity_center_id: person for person in organisation.people(date(2026, 9, 1), LAST)}
    blockable = [row for row in from_the_first("inside") if row["Overage_Enabled"] == "false"]
    shares = [used / included(person) for (person, _), used in months(blockable, everybody, "Credits_Used").items()]
    assert max(shares) == 1
    assert shares.count(Decimal(1)) > 2


def test_nobody_passes_the_cap(from_the_first: Callable[..., list[Row]], organisation: Organisation) -> None:
    everybody = {person.identity_center_id: person for person in organisation.people(date(2026, 9, 1), LAST)}
    assert max(months(from_the_first("inside"), everybody, "Overage_Credits_Used").values()) <= 2000
