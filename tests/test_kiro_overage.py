"""Whether Kiro's overage lies inside the used credits or on top, and is daily or the month's so far: as configured, and as `auto` finds in the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest
from facts_in_memory import Amount, Used, at, config, identity, in_memory, landed, publish

from exporter.people import Entry, resolve
from exporter.snapshots.kiro_overage import Overage
from exporter.snapshots.tables import lay

NOW = at(2026, 7, 15)
FIRST, LAST = date(2026, 5, 6), date(2026, 7, 14)
A, B, C = map(identity, "abc")


def month(who: str, *used: tuple[Amount, Amount], number: int = 6, tier: str | None = "pro", limit: Amount = None, client: str = "ide") -> list[Used]:
    """(credits, overage) of the days from the 1st on. The tier pro includes 1,000."""
    return [
        Used(date(2026, number, day), who, credits, overage=overage, tier=tier, usage_limit=limit, client=client)
        for day, (credits, overage) in enumerate(used, start=1)
    ]


# What each reading publishes. June: 300 credits, overage 0, 20, 20, 50 in the report; July: 30 credits, overage 5, 15.

JUNE, JULY = month(A, (100, 0), (100, 20), (50, 20), (50, 50)), month(A, (10, 5), (20, 15), number=7)


@pytest.mark.parametrize(
    ("relation", "period", "credits", "overage"),
    [
        # (last_month, month_to_date)
        ("inside", "daily", (300, 30), (90, 20)),
        ("on_top", "daily", (390, 50), (90, 20)),
        # The month's so far: 0, 20, 0, 30 a day in June, so 50; July begins anew with 5, 10.
        ("inside", "month_to_date", (300, 30), (50, 15)),
        ("on_top", "month_to_date", (350, 45), (50, 15)),
    ],
)
def test_configured_reading(relation: str, period: str, credits: tuple[int, int], overage: tuple[int, int]) -> None:
    settings = config(kiro={"overage_relation": relation, "overage_period": period})
    seen = publish([*JUNE, *JULY], NOW, landed(FIRST, LAST), settings=settings)
    found = [tuple(seen.of(f"kiro_user_{what}_{window}")[A] for window in ("last_month", "month_to_date")) for what in ("credits", "overage_credits")]
    assert found == [credits, overage]


TWO_CLIENTS = [*month(A, (9, 10), (9, 30)), *month(A, (9, 5), (9, 12), client="cli")]
TWO_PROFILES = [*month(B, (9, 10), (9, 30)), *(replace(row, account="444455556666") for row in month(B, (9, 5), (9, 12)))]
CORRECTED = month(C, (9, 20), (9, 15), (9, 20))


@pytest.fixture(scope="module")
def running_sums() -> dict[str, float]:
    """Overage of June by user, where the report's is the month's so far."""
    settings = config(kiro={"overage_relation": "inside", "overage_period": "month_to_date"})
    seen = publish([*TWO_CLIENTS, *TWO_PROFILES, *CORRECTED], NOW, landed(FIRST, LAST), settings=settings)
    return seen.of("kiro_user_overage_credits_last_month")


def test_clients_have_running_sums_of_their_own(running_sums: dict[str, float]) -> None:
    # 30 with the IDE, 12 with the command line
    assert running_sums[A] == 42


def test_profiles_have_running_sums_of_their_own(running_sums: dict[str, float]) -> None:
    # 30 in one account, 12 in another
    assert running_sums[B] == 42


def test_running_sum_that_was_corrected_downwards_is_no_negative_overage(running_sums: dict[str, float]) -> None:
    # 20, then nothing, then 5 more than the corrected 15.
    assert running_sums[C] == 25


# What `auto` decides


def decided(facts: Sequence[Used], relation: str = "auto", period: str = "auto", first: date = FIRST) -> Overage:
    settings = config(kiro={"overage_relation": relation, "overage_period": period})
    recent = in_memory(facts)
    people = resolve([Entry("alice", aliases=(A,))], recent.identities(), ())
    with recent.cursor() as cursor:
        return lay(cursor, people, {}, settings, landed(first, LAST), NOW)


# 1,600 credits, of which the last 600 are overage: they go on beyond the included 1,000.
INSIDE = ((400, 0), (400, 0), (400, 200), (400, 400))
# The credits stop at 1,000 while overage goes on, never more than the credits of its day.
STOPS = ((400, 0), (400, 0), (150, 0), (50, 40))
# More overage than the credits that it should be a part of.
EXCEEDS = ((600, 0), (600, 700))
# The month's so far: never falls, and passes the day's credits. What is new a day is 200, 400, 400, 400, 400: inside, as 2,800 credits are beyond 1,000.
RISING_INSIDE = ((400, 0), (400, 0), (400, 200), (400, 600), (400, 1000), (400, 1400), (400, 1800))
# The same on top: the credits stop at 1,000, what is new a day is 10, 10, 10, 10, 10.
RISING_ON_TOP = ((800, 0), (160, 10), (10, 20), (10, 30), (10, 40), (10, 50))
# Daily, over five days with overage: it falls.
FALLS = ((1000, 0), (400, 400), (300, 300), (400, 400), (300, 300), (400, 400))
# It never falls, but never passes the credits of its day either.
STEADY = ((1000, 0), (400, 400), (400, 400), (400, 400), (400, 400), (400, 400))


@pytest.mark.parametrize(
    ("facts", "on_top"),
    [
        ([], False),
        (month(A, (400, 0), (400, 0)), False),
        (month(A, *INSIDE), False),
        (month(A, *STOPS), True),
        (month(A, *EXCEEDS), True),
        # The majority; nothing is decided by a tie.
        ([*month(A, *INSIDE), *month(B, *STOPS), *month(C, *STOPS)], True),
        ([*month(A, *INSIDE), *month(B, *INSIDE), *month(C, *STOPS)], False),
        ([*month(A, *INSIDE), *month(B, *STOPS)], False),
        # Two months of a person are two votes.
        ([*month(A, *STOPS), *month(A, *STOPS, number=7), *month(B, *INSIDE)], True),
        # The report's limit goes before the tier's: 1,600 credits stay below 2,000.
        (month(A, *INSIDE, limit=2000), True),
        # What is included is unknown: nothing is said.
        (month(A, *STOPS, tier="ultra"), False),
    ],
)
def test_auto_relation(facts: list[Used], on_top: bool) -> None:
    assert decided(facts, period="daily").on_top == on_top


def test_month_that_has_not_landed_whole_says_nothing() -> None:
    assert decided(month(A, *STOPS, number=5), period="daily", first=date(2026, 5, 2)).said_on_top == 0


def test_month_whose_first_day_is_the_first_landed_one_is_whole() -> None:
    assert decided(month(A, *STOPS, number=5), period="daily", first=date(2026, 5, 1)).said_on_top == 1


@pytest.mark.parametrize(
    ("facts", "cumulative"),
    [
        ([], False),
        (month(A, *RISING_INSIDE), True),
        (month(A, *RISING_ON_TOP), True),
        (month(A, *FALLS), False),
        (month(A, *STEADY), False),
        # Four days with overage are too few to tell.
        (month(A, *RISING_INSIDE[:6]), False),
        # One person whose figures fall is enough.
        ([*month(A, *RISING_INSIDE), *month(B, *FALLS)], False),
        ([*month(A, *RISING_INSIDE), *month(B, *RISING_INSIDE)], True),
    ],
)
def test_auto_period(facts: list[Used], cumulative: bool) -> None:
    assert decided(facts, relation="inside").cumulative == cumulative


@pytest.mark.parametrize(("rows", "on_top"), [(RISING_INSIDE, False), (RISING_ON_TOP, True)])
def test_relation_of_running_sums_is_told_by_what_is_new_a_day(rows: tuple[tuple[int, int], ...], on_top: bool) -> None:
    assert decided(month(A, *rows)).on_top == on_top


@pytest.mark.parametrize(("relation", "on_top"), [("inside", False), ("on_top", True)])
def test_configured_relation_goes_before_the_data(relation: str, on_top: bool) -> None:
    facts = month(A, *STOPS) if relation == "inside" else month(A, *INSIDE)
    assert decided(facts, relation=relation).on_top == on_top


@pytest.mark.parametrize(("period", "cumulative"), [("daily", False), ("month_to_date", True)])
def test_configured_period_goes_before_the_data(period: str, cumulative: bool) -> None:
    facts = month(A, *RISING_INSIDE) if period == "daily" else month(A, *FALLS)
    assert decided(facts, relation="inside", period=period).cumulative == cumulative


def test_auto_says_what_it_saw() -> None:
    overage = decided([*month(A, *FALLS), *month(B, *STEADY), *month(C, *STOPS)])
    assert overage.sentence() == (
        "Overage_Credits_Used is read as daily and inside Credits_Used: of the person-months with overage 2 say inside, 1 on top, 0 month to date, 2 daily"
    )


def test_reading_is_applied_and_handed_on() -> None:
    seen = publish(month(A, *STOPS), NOW, landed(FIRST, LAST), settings=config(kiro={"overage_relation": "auto", "overage_period": "auto"}))
    assert (seen.built.overage.on_top, seen.of("kiro_user_credits_last_month")) == (True, {A: 1040})
