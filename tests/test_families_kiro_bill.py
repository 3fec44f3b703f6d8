"""Kiro on the bill: seats that only the bill knows, seats that nobody was charged for, what was billed, and which tier would have cost least."""

from __future__ import annotations

from datetime import date

import pytest
from billed import Billed, seat
from cost_people import FIRST, LAST, NOW, config, july, june, landed, published
from facts_in_memory import Fact, Published, Used, at, identity, in_memory, unix
from facts_in_memory import publish as publish_facts

from exporter.model import DayRange
from exporter.people import Entry

BOTH = ("cur", "kiro_credits")
SOURCES = {"cur": {"location": "data/cur/"}, "kiro_credits": {"location": "data/"}}
OVERAGE = {"overage_relation": "inside", "overage_period": "daily"}


def publish(facts: list[Fact], entries: list[Entry], days: DayRange | None = None, **kiro: object) -> Published:
    return published(facts, days=landed(BOTH, days or DayRange(FIRST, LAST)), entries=entries, sources=SOURCES, kiro={**OVERAGE, **kiro})


def entry(letter: str, tier: str | None = None, since: date | None = None) -> Entry:
    return Entry(letter, aliases=(identity(letter),), seat_tier=tier, seat_since=since)


def seats(user: str, *months: date, tier: str = "pro", cost: int = 20) -> list[Fact]:
    return [seat(first, identity(user), cost, tier=tier) for first in months]


MAY, JUNE, JULY = date(2026, 5, 6), june(1), july(1)
# user: (people file, facts, (tier, status) or None, seat start). The 14 days that end with the newest landed one are 07-01 to 07-14.
CASES: dict[str, tuple[Entry, list[Fact], tuple[str, str] | None, date | None]] = {
    # Billed and not used, since June, or since before what is in memory; billed in July for the first time.
    "0": (entry("0"), seats("0", JUNE, JULY), ("pro", "idle"), JUNE),
    "1": (entry("1"), seats("1", MAY, JUNE, JULY), ("pro", "idle"), MAY),
    "2": (entry("2"), seats("2", july(2)), ("pro", "new"), july(2)),
    # Billed and used.
    "3": (entry("3"), [*seats("3", JUNE, JULY), Used(july(9), identity("3"), 1)], ("pro", "active"), JUNE),
    # Assigned, and neither billed nor ever used; assigned and used before bill or report tell of it; assigned and billed.
    "4": (entry("4", "pro", date(2026, 1, 1)), [], ("pro", "pending"), date(2026, 1, 1)),
    "5": (entry("5", "pro", july(2)), [Used(july(9), identity("5"), 1, tier=None)], ("pro", "active"), july(2)),
    "6": (entry("6", "pro", date(2026, 1, 1)), seats("6", JUNE, JULY), ("pro", "idle"), date(2026, 1, 1)),
    # Assigned, and billed in June only: charged once, so not pending.
    "7": (entry("7", "pro", date(2026, 1, 1)), seats("7", JUNE), ("pro", "idle"), date(2026, 1, 1)),
    # Not assigned, and no longer billed.
    "8": (entry("8"), seats("8", JUNE), None, None),
    # Upgraded in July: the old tier is refunded.
    "9": (
        entry("9"),
        [*seats("9", JULY), seat(july(5), identity("9"), -20, quantity=-1, charge="refund"), *seats("9", july(5), tier="power", cost=200)],
        ("power", "new"),
        july(5),
    ),
    # Between bill and report the newer month tells the tier.
    "a": (entry("a"), [Used(june(20), identity("a"), 1, tier="pro"), *seats("a", JULY, tier="power", cost=200)], ("power", "idle"), JULY),
    "b": (entry("b"), [Used(july(9), identity("b"), 1, tier="pro_max"), *seats("b", JULY, tier="power", cost=200)], ("pro_max", "active"), JULY),
    # The bill tells the tier where the people file says another.
    "c": (entry("c", "pro", date(2026, 1, 1)), seats("c", JULY, tier="power", cost=200), ("power", "idle"), date(2026, 1, 1)),
    # Billed for free.
    "d": (entry("d"), seats("d", JUNE, JULY, cost=0), ("pro", "idle"), JUNE),
    # Overage is no seat.
    "e": (entry("e"), [Billed(july(3), 4, "kiro", user=identity("e"), component="overage", quantity=100)], None, None),
}


@pytest.fixture(scope="module")
def seen() -> Published:
    return publish([fact for _, facts, *_ in CASES.values() for fact in facts], [case[0] for case in CASES.values()])


@pytest.mark.parametrize("user", CASES)
def test_seat(seen: Published, user: str) -> None:
    expected = CASES[user][2]
    assert [labels[2:] for labels in seen["kiro_user_seat"] if labels[0] == user] == ([expected] if expected else [])


@pytest.mark.parametrize("user", CASES)
def test_seat_is_held_since(seen: Published, user: str) -> None:
    since = CASES[user][3]
    assert seen.of("kiro_user_seat_start_timestamp_seconds").get(user) == (unix(since) if since else None)


def test_seat_of_somebody_whom_only_the_bill_knows() -> None:
    seen = publish(seats("f", JUNE, JULY), [])
    assert list(seen["kiro_user_seat"]) == [(identity("f"), "unknown", "pro", "idle")]


def test_seat_does_not_depend_on_who_pays() -> None:
    row = Billed(july(1), 20, "kiro", charge="subscription", owner="boss", store_user=identity("f"), component="seat", tier="pro", quantity=1)
    days = landed(BOTH)
    seen = published([row], days=days, entries=[Entry("boss"), entry("f")], sources=SOURCES, attribution={"order": ["owner_tag"]})
    assert [labels[0] for labels in seen["kiro_user_seat"]] == ["f"]
    assert [labels[0] for labels in seen["kiro_user_billed_cost_month_to_date"]] == ["boss"]


def test_pending_seat_is_free_by_list_price(seen: Published) -> None:
    assert seen["kiro_user_list_cost_month_to_date"]["4", "unknown", "seat", "USD"] == 0


def test_idle_seat_has_its_list_price(seen: Published) -> None:
    assert seen["kiro_user_list_cost_month_to_date"]["0", "unknown", "seat", "USD"] == 20


def test_bill_without_seats_says_nothing_of_pending_ones() -> None:
    seen = publish([Billed(july(1), 5, user=identity("0"))], [entry("4", "pro", date(2026, 1, 1))])
    assert [labels[2:] for labels in seen["kiro_user_seat"]] == [("pro", "idle")]


def test_month_that_has_just_begun_and_is_not_billed_yet_ends_no_seat() -> None:
    facts = seats("0", june(1))
    seen = published(facts, days=landed(BOTH, DayRange(FIRST, july(1))), entries=[entry("0")], sources=SOURCES, kiro=OVERAGE, now=at(2026, 7, 2))
    assert [labels[2:] for labels in seen["kiro_user_seat"]] == [("pro", "idle")]


def test_seat_of_the_oldest_month_is_as_old_as_the_first_bill() -> None:
    # Billed since March, of which memory knows only that.
    recent = in_memory(seats("0", MAY, JUNE, JULY), older=seats("0", date(2026, 3, 2)))
    found = publish_facts(recent, NOW, landed(BOTH), entries=[entry("0")], settings=config(sources=SOURCES, kiro=OVERAGE))
    assert found.of("kiro_user_seat_start_timestamp_seconds") == {"0": unix(date(2026, 3, 2))}


# What was billed


def test_billed_cost_by_component() -> None:
    facts = [
        *seats("0", JUNE, JULY),
        Billed(july(3), "4.04", "kiro", user=identity("0"), component="overage", quantity=101),
        Billed(july(4), "-0.5", "kiro", charge="credit", user=identity("0"), component="seat"),
        Billed(july(4), "7", user=identity("0")),
    ]
    seen = publish(facts, [entry("0")])
    assert seen["kiro_user_billed_cost_month_to_date"] == {("0", "unknown", "overage", "USD"): 4.04, ("0", "unknown", "seat", "USD"): 19.5}
    assert seen["kiro_user_billed_cost_last_month"] == {("0", "unknown", "seat", "USD"): 20}
    assert seen["aws_user_cost_month_to_date"] == {
        ("0", "unknown", "usage", "USD"): 11.04,
        ("0", "unknown", "credit", "USD"): -0.5,
        ("0", "unknown", "subscription", "USD"): 20,
    }


# Which tier would have cost least. By list price: pro 20 for 1,000, pro_plus 40 for 2,000, pro_max 100 for 5,000, power 200 for 10,000; 0.04 a credit.


def use(user: str, credits: int, tier: str, *, overage: int = 0, enabled: bool | None = True, limit: int | None = None) -> list[Fact]:
    """All of June's consumption on one day, and a little of July, so that the seat is in use."""
    state = {"tier": tier, "overage_enabled": enabled, "usage_limit": limit}
    return [Used(june(10), identity(user), credits, overage=overage, **state), Used(july(9), identity(user), 1, **state)]  # type: ignore[arg-type]


LONG_AGO = date(2026, 1, 1)
RIGHT: dict[str, tuple[Entry, list[Fact], str | None, float]] = {
    # user: (people file, facts, recommended tier, saving)
    "0": (entry("0", since=LONG_AGO), use("0", 900, "pro"), "pro", 0),
    "1": (entry("1", since=LONG_AGO), use("1", 900, "power"), "pro", 180),
    # 20 + 400 x 0.04 = 36 against 40; 20 + 500 x 0.04 is the break-even, where the own tier stays; 20 + 600 x 0.04 = 44 against 40.
    "2": (entry("2", since=LONG_AGO), use("2", 1400, "pro_plus"), "pro", 4),
    "3": (entry("3", since=LONG_AGO), use("3", 1500, "pro", overage=500), "pro", 0),
    "4": (entry("4", since=LONG_AGO), use("4", 1600, "pro", overage=600), "pro_plus", 4),
    # Without overage 1,400 credits do not fit into pro.
    "5": (entry("5", since=LONG_AGO), use("5", 1400, "pro_plus", enabled=False), "pro_plus", 0),
    "6": (entry("6", since=LONG_AGO), use("6", 1400, "power", enabled=False), "pro_plus", 160),
    # 20 + 11,000 x 0.04 = 460; power: 200 + 2,000 x 0.04 = 280.
    "7": (entry("7", since=LONG_AGO), use("7", 12_000, "pro", overage=11_000), "power", 180),
    # More is included than the table says.
    "8": (entry("8", since=LONG_AGO), use("8", 2500, "pro_plus", limit=2500), "pro_plus", 0),
    # Not held all month; idle; of a tier without a price.
    "9": (entry("9", since=june(2)), use("9", 900, "power"), None, 0),
    "a": (entry("a", since=LONG_AGO), use("a", 900, "power")[:1], None, 0),
    "b": (entry("b", since=LONG_AGO), use("b", 900, "ultra"), None, 0),
}


@pytest.fixture(scope="module")
def right() -> Published:
    return publish([fact for _, facts, *_ in RIGHT.values() for fact in facts], [case[0] for case in RIGHT.values()])


@pytest.mark.parametrize("user", RIGHT)
def test_recommended_tier(right: Published, user: str) -> None:
    tier = RIGHT[user][2]
    assert [labels[2] for labels in right["kiro_user_recommended_tier"] if labels[0] == user] == ([tier] if tier else [])


@pytest.mark.parametrize("user", RIGHT)
def test_saving(right: Published, user: str) -> None:
    assert right["kiro_user_rightsizing_saving"].get((user, "unknown", "USD"), 0) == RIGHT[user][3]


@pytest.mark.parametrize("days", [DayRange(june(2), LAST), DayRange(FIRST, june(29))], ids=["begins later", "ends earlier"])
def test_month_that_has_not_landed_whole_recommends_nothing(days: DayRange) -> None:
    seen = published(use("1", 900, "power"), days=landed(BOTH, days), entries=[entry("1", since=LONG_AGO)], sources=SOURCES, kiro=OVERAGE, now=at(2026, 7, 2))
    assert seen["kiro_user_recommended_tier"] == {}
