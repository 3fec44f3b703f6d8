"""Seats, allowances and prices, one case a person."""

from __future__ import annotations

from datetime import date

import pytest
from facts_in_memory import Published, Used, config, identity, landed, publish, unix
from kiro_people import FIRST, LAST, NOW, july, june

from exporter.people import Entry
from exporter.sources.kiro_cells import MAX_NUMBER


def seat_entry(user: str, since: date | None, *, tier: str | None = "pro") -> Entry:
    return Entry(user, aliases=(identity(user),), seat_tier=tier, seat_since=since)


SEAT_CASES: dict[str, tuple[Entry, list[Used], tuple[str, str], date | None]] = {
    # user: (people file, reports, (tier, status), seat start). The 14 days that end with the newest landed one are 07-01 to 07-14.
    "0": (seat_entry("0", date(2026, 1, 1)), [Used(july(1), identity("0"), 1)], ("pro", "active"), date(2026, 1, 1)),
    "1": (seat_entry("1", date(2026, 1, 1)), [Used(june(30), identity("1"), 1)], ("pro", "idle"), date(2026, 1, 1)),
    "2": (seat_entry("2", july(1)), [], ("pro", "idle"), july(1)),
    "3": (seat_entry("3", july(2)), [], ("pro", "new"), july(2)),
    # A row without use is no use.
    "4": (seat_entry("4", date(2026, 1, 1)), [Used(july(13), identity("4"), 0)], ("pro", "idle"), date(2026, 1, 1)),
    # Messages without credits are use.
    "5": (seat_entry("5", date(2026, 1, 1)), [Used(july(13), identity("5"), 0, messages=1)], ("pro", "active"), date(2026, 1, 1)),
    # By the reports alone: since the activation, else the first use.
    "6": (
        seat_entry("6", None, tier=None),
        [Used(june(20), identity("6"), 1, tier="free"), Used(june(24), identity("6"), 1, tier="power", new_user=True)],
        ("power", "idle"),
        june(24),
    ),
    "7": (seat_entry("7", None, tier=None), [Used(june(20), identity("7"), 1), Used(july(9), identity("7"), 1)], ("pro", "active"), june(20)),
    # The file says since when, whatever the reports say.
    "8": (seat_entry("8", june(2)), [Used(june(20), identity("8"), 1, new_user=True)], ("pro", "idle"), june(2)),
    # Nothing but the file: since the person is known, 07-03.
    "9": (seat_entry("9", None), [], ("pro", "new"), july(3)),
    # The newest report tells the tier, of two clients on one day the dearer one.
    "a": (
        seat_entry("a", june(2)),
        [Used(july(9), identity("a"), 1, tier="pro_max"), Used(july(8), identity("a"), 1, tier="power")],
        ("pro_max", "active"),
        june(2),
    ),
    "b": (
        seat_entry("b", june(2), tier=None),
        [Used(july(9), identity("b"), 1, tier="pro_max"), Used(july(9), identity("b"), 1, tier="power", client="cli")],
        ("power", "active"),
        june(2),
    ),
    # A tier that is in no table is a seat, under its own name.
    "c": (seat_entry("c", june(2), tier=None), [Used(july(9), identity("c"), 1, tier="ultra")], ("ultra", "active"), june(2)),
}
NO_SEAT: dict[str, tuple[Entry, list[Used]]] = {
    # On the free tier; on a paid tier, but 30 landed days ago (last_30d begins on 06-15).
    "d": (seat_entry("d", None, tier=None), [Used(july(9), identity("d"), 1, tier="free")]),
    "e": (seat_entry("e", None, tier=None), [Used(june(14), identity("e"), 1)]),
}


@pytest.fixture(scope="module")
def seats() -> Published:
    entries = [entry for entry, *_ in SEAT_CASES.values()] + [entry for entry, _ in NO_SEAT.values()]
    facts = [row for _, rows, *_ in SEAT_CASES.values() for row in rows] + [row for _, rows in NO_SEAT.values() for row in rows]
    return publish(facts, NOW, landed(FIRST, LAST), entries=entries, known_since={entry.user: int(unix(july(3))) for entry in entries})


@pytest.mark.parametrize("user", SEAT_CASES)
def test_seat(seats: Published, user: str) -> None:
    assert [labels[2:] for labels in seats["kiro_user_seat"] if labels[0] == user] == [SEAT_CASES[user][2]]


@pytest.mark.parametrize("user", SEAT_CASES)
def test_seat_is_held_since(seats: Published, user: str) -> None:
    since = SEAT_CASES[user][3]
    assert since is not None
    assert seats.of("kiro_user_seat_start_timestamp_seconds").get(user) == unix(since)


@pytest.mark.parametrize("user", NO_SEAT)
def test_no_seat(seats: Published, user: str) -> None:
    assert [labels for labels in seats["kiro_user_seat"] if labels[0] == user] == []


def test_tier_without_a_price_has_no_list_cost(seats: Published) -> None:
    assert [labels for labels in seats["kiro_user_list_cost_month_to_date"] if labels[0] == "c" and labels[2] == "seat"] == []


def test_idle_after_follows_the_config() -> None:
    entries = [seat_entry("0", date(2026, 1, 1)), seat_entry("1", date(2026, 1, 1))]
    facts = [Used(july(8), identity("0"), 1), Used(july(7), identity("1"), 1)]
    seen = publish(facts, NOW, landed(FIRST, LAST), entries=entries, settings=config(kiro={"idle_after": "7d"}))
    assert [labels[3] for labels in seen["kiro_user_seat"]] == ["active", "idle"]


# Allowances and prices, one case a person

ALLOWANCES: dict[str, tuple[Entry, list[Used], float | None]] = {
    # The newest Usage_Limit, else by tier.
    "0": (seat_entry("0", None, tier=None), [Used(july(9), identity("0"), 1, usage_limit=1500)], 1500),
    "1": (seat_entry("1", None, tier=None), [Used(july(9), identity("1"), 1)], 1000),
    "2": (seat_entry("2", None, tier=None), [Used(july(8), identity("2"), 1, usage_limit=1500), Used(july(9), identity("2"), 1)], 1000),
    # The overage cap is no allowance.
    "3": (seat_entry("3", None, tier=None), [Used(july(9), identity("3"), 1, tier="pro_max", cap=2500)], 5000),
    # The file's seat, for who has no report.
    "4": (seat_entry("4", None, tier="pro_max"), [], 5000),
    # A limit beside an empty tier is a limit.
    "5": (seat_entry("5", None), [Used(july(9), identity("5"), 1, tier=None, usage_limit=3000)], 3000),
    # A tier that is in no table, with and without a limit.
    "6": (seat_entry("6", None, tier=None), [Used(july(9), identity("6"), 1, tier="ultra", usage_limit=7000)], 7000),
    "7": (seat_entry("7", None, tier=None), [Used(july(9), identity("7"), 1, tier="ultra")], None),
    # The limit of a tier that is no longer held does not count.
    "8": (seat_entry("8", None, tier="power"), [Used(june(1), identity("8"), 1, tier="pro", usage_limit=1000)], 10_000),
    # A tier that the config adds, in whatever spelling; its label has no separators, as reports spell it with and without.
    "9": (seat_entry("9", None, tier="teamplan"), [], 750),
    "a": (seat_entry("a", None, tier=None), [Used(july(9), identity("a"), 1, tier="pro_plus")], 2222),
}


@pytest.fixture(scope="module")
def allowances() -> Published:
    tiers = {"ProPlus": {"credits": 2222, "price": "33.33"}, "Team Plan": {"credits": 750, "price": 10}}
    settings = config(kiro={"tiers": tiers, "overage_price": "0.05", "currency": "EUR"})
    entries, facts = [case[0] for case in ALLOWANCES.values()], [row for case in ALLOWANCES.values() for row in case[1]]
    return publish(facts, NOW, landed(FIRST, LAST), entries=entries, settings=settings)


@pytest.mark.parametrize("user", ALLOWANCES)
def test_allowance(allowances: Published, user: str) -> None:
    assert allowances.of("kiro_user_included_credits").get(user) == ALLOWANCES[user][2]


def test_config_replaces_and_adds_tiers(allowances: Published) -> None:
    prices = {"pro": 20, "pro_plus": 33.33, "pro_max": 100, "power": 200, "teamplan": 10}
    assert allowances["kiro_tier_price"] == {(tier, "EUR"): price for tier, price in prices.items()}


def test_overage_price_and_currency_follow_the_config(allowances: Published) -> None:
    assert allowances["kiro_overage_price"] == {("EUR",): 0.05}


def test_list_cost_is_in_the_currency_of_the_config(allowances: Published) -> None:
    assert {labels[3] for labels in allowances["kiro_user_list_cost_month_to_date"]} == {"EUR"}


def test_the_largest_number_that_a_report_may_hold_costs_nobody_else_anything() -> None:
    entries = [seat_entry(user, date(2026, 1, 1)) for user in "ab"]
    facts = [Used(june(15), identity("a"), MAX_NUMBER, 1, overage=MAX_NUMBER, overage_enabled=True, usage_limit=MAX_NUMBER), Used(june(15), identity("b"), 100)]
    facts += [Used(july(9), identity(user), 1) for user in "ab"]
    settings = config(kiro={"overage_price": 6, "overage_relation": "inside", "overage_period": "daily"})
    seen = publish(facts, NOW, landed(FIRST, LAST), entries=entries, settings=settings)
    assert seen.of("kiro_user_credits_last_month") == {"a": MAX_NUMBER, "b": 100}
    assert seen["kiro_user_list_cost_last_month"]["a", "unknown", "overage", "USD"] == 6e15
    assert seen["kiro_user_recommended_tier"] == {("b", "unknown", "pro"): 1}


@pytest.mark.parametrize("idle_after", ["12h", "1d"])
def test_a_seat_that_was_used_on_the_newest_day_is_active_however_short_idle_after_is(idle_after: str) -> None:
    facts = [Used(LAST, identity("a"), 1), Used(july(9), identity("b"), 1)]
    entries = [seat_entry(user, date(2026, 1, 1)) for user in "ab"]
    seen = publish(facts, NOW, landed(FIRST, LAST), entries=entries, settings=config(kiro={"idle_after": idle_after}))
    assert seen["kiro_user_seat"] == {("a", "unknown", "pro", "active"): 1, ("b", "unknown", "pro", "idle"): 1}
