"""What is published of people and of Kiro credits: every family, by hand, from the facts of kiro_people.py."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from facts_in_memory import Fact, Published, Used, config, in_memory, landed, publish, unix
from kiro_people import ALICE, BOB, ENTRIES, ERIN, FIRST, GINA, HANK, KNOWN_SINCE, LAST, NOW, A, B, E, G, H, july, june

from exporter.families import Family, Group, Kind
from exporter.people import Entry
from exporter.snapshots import building
from exporter.snapshots.stating import DuplicateSeries

KIRO_PEOPLE = {"alice", "bob", "carol", E, "frank", "gina@example.com", "hank"}
"""Everybody but dave, who has neither a seat nor Kiro activity."""


@pytest.fixture(scope="module")
def seen() -> Published:
    facts: list[Fact] = [*ALICE, *BOB, *ERIN, *GINA]
    return publish(in_memory(facts, older=HANK), NOW, landed(FIRST, LAST), entries=ENTRIES, known_since=KNOWN_SINCE)


def with_zeros(people: set[str], **values: float) -> dict[str, float]:
    """Values by user, 0 for everybody else of `people`. `gina` stands for her mail."""
    named = {"gina@example.com" if user == "gina" else user: value for user, value in values.items()}
    return {**dict.fromkeys(people, 0.0), **named}


# Essentials: a value for everybody with a seat or Kiro activity


@pytest.mark.parametrize(
    ("window", "alice", "bob", "gina"),
    [
        ("yesterday", 21, 0, 0),  # 20.25 + 0.75
        ("3d_ago", 3.5, 0, 0),
        ("last_7d", 32, 0, 0),  # 7.5 + 3.5 + 21
        ("last_30d", 172, 13.5, 5),  # 40 + 30 + 60 + 10 + 32; 12 + 1.5
        ("month_to_date", 42, 1.5, 5),  # 10 + 32
        ("last_month", 230, 12, 0),  # 100 + 40 + 30 + 60
    ],
)
def test_credits(seen: Published, window: str, alice: float, bob: float, gina: float) -> None:
    assert seen.of(f"kiro_user_credits_{window}") == with_zeros(KIRO_PEOPLE, alice=alice, bob=bob, gina=gina)


@pytest.mark.parametrize(
    ("window", "alice", "bob", "gina"),
    [
        ("yesterday", 13, 0, 0),  # 9 + 4
        ("last_30d", 49, 5, 4),  # 8 + 6 + 12 + 5 + 3 + 2 + 13; 3 + 2
        ("month_to_date", 23, 2, 4),  # 5 + 3 + 2 + 13
    ],
)
def test_messages(seen: Published, window: str, alice: float, bob: float, gina: float) -> None:
    assert seen.of(f"kiro_user_messages_{window}") == with_zeros(KIRO_PEOPLE, alice=alice, bob=bob, gina=gina)


@pytest.mark.parametrize(
    ("window", "alice", "bob", "gina"),
    [
        ("yesterday", 3, 0, 0),  # 2 + 1
        ("last_30d", 10, 2, 1),  # 1 + 1 + 2 + 1 + 1 + 1 + 3
        ("month_to_date", 6, 1, 1),  # 1 + 1 + 1 + 3
    ],
)
def test_conversations(seen: Published, window: str, alice: float, bob: float, gina: float) -> None:
    assert seen.of(f"kiro_user_conversations_{window}") == with_zeros(KIRO_PEOPLE, alice=alice, bob=bob, gina=gina)


@pytest.mark.parametrize(
    ("window", "alice", "bob", "gina"),
    [
        ("last_7d", 3, 0, 0),  # the 8th, 12th and 14th; two clients on the 14th are one day
        ("last_30d", 7, 2, 1),  # 06-15, 17, 30, 07-01, 08, 12, 14
        ("month_to_date", 4, 1, 1),
    ],
)
def test_active_dates(seen: Published, window: str, alice: float, bob: float, gina: float) -> None:
    assert seen.of(f"kiro_user_active_dates_{window}") == with_zeros(KIRO_PEOPLE, alice=alice, bob=bob, gina=gina)


def test_included_credits(seen: Published) -> None:
    # alice and gina by the Usage_Limit of their newest row, the others by tier; erin and hank have neither.
    expected = {"alice": 2500, "bob": 1000, "carol": 10_000, "frank": 1000, "gina@example.com": 50}
    assert seen.of("kiro_user_included_credits") == expected


def test_overage_cap_is_that_of_the_newest_row(seen: Published) -> None:
    assert seen.of("kiro_user_overage_cap_credits") == {"alice": 500}


def test_overage_enabled_is_that_of_the_newest_row(seen: Published) -> None:
    assert seen.of("kiro_user_overage_enabled") == {"alice": 1, "bob": 0}


def test_credit_utilization_is_of_the_included_credits(seen: Published) -> None:
    # 42 / 2500, 1.5 / 1000, 5 / 50
    expected = {"alice": 0.0168, "bob": 0.0015, "carol": 0, "frank": 0, "gina@example.com": 0.1}
    assert seen.of("kiro_user_credit_utilization_ratio") == pytest.approx(expected)


def test_forecast(seen: Published) -> None:
    """Consumed so far, and for the 17 days from 07-15 to 07-31 (13 working days, 4 of weekends) the pace of the 28 days to 07-14, or since the first activity.

    alice: 06-17 to 07-14 are 20 working days with 30 + 60 + 10 + 7.5 + 21 = 128.5 and 8 of weekends with 3.5: 42 + 13 * 6.425 + 4 * 0.4375.
    bob: since 06-25, 14 working days with 12 and 6 of weekends with 1.5: 1.5 + 13 * 12 / 14 + 4 * 0.25.
    gina: since 07-02, 9 working days with 5 and 4 of weekends without use: 5 + 13 * 5 / 9.
    """
    expected = with_zeros(KIRO_PEOPLE, alice=127.275, bob=2.5 + 156 / 14, gina=5 + 65 / 9)
    assert seen.of("kiro_user_forecast_credits") == pytest.approx(expected)


def test_first_activity(seen: Published) -> None:
    days = {"alice": FIRST, "bob": june(25), E: july(10), "gina@example.com": july(2), "hank": date(2026, 2, 20)}
    assert seen.of("kiro_user_first_activity_timestamp_seconds") == {user: unix(day) for user, day in days.items()}


def test_last_activity(seen: Published) -> None:
    # hank's row of 03-09 holds no use.
    days = {"alice": LAST, "bob": july(4), E: july(10), "gina@example.com": july(2), "hank": date(2026, 3, 3)}
    assert seen.of("kiro_user_last_activity_timestamp_seconds") == {user: unix(day) for user, day in days.items()}


def test_seats(seen: Published) -> None:
    # carol holds hers since March and never used it, frank since ten days. gina's tier is free, hank and erin stand on no tier.
    expected = {
        ("alice", "core", "pro_plus", "active"): 1,
        ("bob", "core", "pro", "active"): 1,
        ("carol", "data", "power", "idle"): 1,
        ("frank", "data", "pro", "new"): 1,
    }
    assert seen["kiro_user_seat"] == expected


def test_seat_start(seen: Published) -> None:
    # alice's is not in the file: her first use.
    days = {"alice": FIRST, "bob": june(21), "carol": date(2026, 3, 1), "frank": july(5)}
    assert seen.of("kiro_user_seat_start_timestamp_seconds") == {user: unix(day) for user, day in days.items()}


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        # bob's seat began on June 21st: 10 of 30 days; frank's on July 5th: 27 of 31.
        ("last_month", {"alice": 40, "bob": 20 * 10 / 30, "carol": 200, "frank": 0}),
        ("month_to_date", {"alice": 40, "bob": 20, "carol": 200, "frank": 20 * 27 / 31}),
    ],
)
def test_list_cost_of_seats(seen: Published, window: str, expected: dict[str, float]) -> None:
    found = {labels[0]: value for labels, value in seen[f"kiro_user_list_cost_{window}"].items() if labels[2:] == ("seat", "USD")}
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(("window", "alice"), [("last_month", 5 * 0.04), ("month_to_date", 2.5 * 0.04)])
def test_list_cost_of_overage(seen: Published, window: str, alice: float) -> None:
    found = {labels[0]: value for labels, value in seen[f"kiro_user_list_cost_{window}"].items() if labels[2:] == ("overage", "USD")}
    assert found == pytest.approx(with_zeros(KIRO_PEOPLE, alice=alice))


def test_list_cost_has_no_other_components(seen: Published) -> None:
    assert {labels[2:] for labels in seen["kiro_user_list_cost_month_to_date"]} == {("seat", "USD"), ("overage", "USD")}


# Sparse and breakdowns: no zeros


@pytest.mark.parametrize(
    ("window", "alice"),
    [("yesterday", 0.75), ("3d_ago", 0.5), ("last_30d", 7.5), ("month_to_date", 2.5), ("last_month", 5)],
)
def test_overage_credits(seen: Published, window: str, alice: float) -> None:
    assert seen[f"kiro_user_overage_credits_{window}"] == {("alice", "core"): alice}


def test_overage_start(seen: Published) -> None:
    # Not 06-30: that was last month.
    assert seen.of("kiro_user_overage_start_timestamp_seconds") == {"alice": unix(july(8))}


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ("yesterday", {("alice", "ide"): 20.25, ("alice", "cli"): 0.75}),
        # ide: 30 + 60 + 10 + 7.5 + 20.25; cli: 40 + 3.5 + 0.75
        ("last_30d", {("alice", "ide"): 127.75, ("alice", "cli"): 44.25, ("bob", "ide"): 13.5, ("gina@example.com", "plugin"): 5}),
        ("month_to_date", {("alice", "ide"): 37.75, ("alice", "cli"): 4.25, ("bob", "ide"): 1.5, ("gina@example.com", "plugin"): 5}),
    ],
)
def test_credits_by_client(seen: Published, window: str, expected: dict[tuple[str, str], float]) -> None:
    found = seen[f"kiro_user_client_credits_{window}"]
    assert {(user, client): value for (user, _, client), value in found.items()} == expected


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ("yesterday", {("alice", "ide"): 9, ("alice", "cli"): 4}),
        # ide: 6 + 12 + 5 + 3 + 9; cli: 8 + 2 + 4
        ("last_30d", {("alice", "ide"): 35, ("alice", "cli"): 14, ("bob", "ide"): 5, ("gina@example.com", "plugin"): 4}),
        ("month_to_date", {("alice", "ide"): 17, ("alice", "cli"): 6, ("bob", "ide"): 2, ("gina@example.com", "plugin"): 4}),
    ],
)
def test_messages_by_client(seen: Published, window: str, expected: dict[tuple[str, str], float]) -> None:
    found = seen[f"kiro_user_client_messages_{window}"]
    assert {(user, client): value for (user, _, client), value in found.items()} == expected


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        # auto of both clients; glm_5 of May is in no window.
        ("yesterday", {("alice", "core", "auto"): 9, ("alice", "core", "glm_5"): 4}),
        ("last_30d", {("alice", "core", "auto"): 22, ("alice", "core", "glm_5"): 4}),
        ("month_to_date", {("alice", "core", "auto"): 14, ("alice", "core", "glm_5"): 4}),
    ],
)
def test_messages_by_model(seen: Published, window: str, expected: dict[tuple[str, ...], float]) -> None:
    assert seen[f"kiro_user_model_messages_{window}"] == expected


# Not about people


def test_tiers_of_the_config(seen: Published) -> None:
    assert seen["kiro_tier_included_credits"] == {("pro",): 1000, ("pro_plus",): 2000, ("pro_max",): 5000, ("power",): 10_000}


def test_prices_of_the_config(seen: Published) -> None:
    assert seen["kiro_tier_price"] == {("pro", "USD"): 20, ("pro_plus", "USD"): 40, ("pro_max", "USD"): 100, ("power", "USD"): 200}


def test_overage_price_of_the_config(seen: Published) -> None:
    assert seen["kiro_overage_price"] == {("USD",): 0.04}


def test_rates_are_published_as_they_are_written() -> None:
    largest = "999999999.999999"
    settings = config(kiro={"overage_price": "0.000001", "tiers": {"pro": {"credits": largest, "price": largest}}})
    seen = publish(in_memory([*ALICE, *BOB]), NOW, landed(FIRST, LAST), entries=ENTRIES, settings=settings)
    assert (seen["kiro_tier_price"]["pro", "USD"], seen["kiro_tier_included_credits"]["pro",], seen["kiro_overage_price"]["USD",]) == (
        float(largest),
        float(largest),
        0.000001,
    )


# People


def test_user_info_is_one_series_for_everybody(seen: Published) -> None:
    assert seen["aws_user_info"] == {
        ("alice", "core", A, "Alice Smith", "alice@example.com", "Engineering", "listed"): 1,
        ("bob", "core", B, "", "", "", "listed"): 1,
        ("carol", "data", "", "", "", "", "listed"): 1,
        ("dave", "data", "", "", "", "", "listed"): 1,
        (E, "unknown", E, "", "", "", "unlisted"): 1,
        ("frank", "data", "", "", "", "", "listed"): 1,
        ("gina@example.com", "unknown", G, "", "gina@example.com", "", "unlisted"): 1,
        ("hank", "data", H, "", "", "", "listed"): 1,
    }


def test_user_is_created_when_first_known_or_first_active(seen: Published) -> None:
    # Known since 07-03, but for those who were active before, and gina, who became known with this snapshot.
    days = {"alice": FIRST, "bob": june(25), "gina@example.com": july(2), "hank": date(2026, 2, 20)}
    expected = {**dict.fromkeys(("carol", "dave", "frank", E), unix(july(3))), **{user: unix(day) for user, day in days.items()}}
    assert seen.of("aws_user_created_timestamp_seconds") == expected


# Names and labels, as metrics.md lists them

PERSON = ("user", "team")
CONTRACT = {
    "aws_user_info": ((*PERSON, "user_id", "display_name", "email", "department", "status"), ()),
    "aws_user_created_timestamp_seconds": (PERSON, ()),
    "kiro_user_credits": (PERSON, ("yesterday", "3d_ago", "last_7d", "last_30d", "month_to_date", "last_month")),
    "kiro_user_overage_credits": (PERSON, ("yesterday", "3d_ago", "last_30d", "month_to_date", "last_month")),
    "kiro_user_messages": (PERSON, ("yesterday", "last_30d", "month_to_date")),
    "kiro_user_conversations": (PERSON, ("yesterday", "last_30d", "month_to_date")),
    "kiro_user_client_credits": ((*PERSON, "client"), ("yesterday", "last_30d", "month_to_date")),
    "kiro_user_client_messages": ((*PERSON, "client"), ("yesterday", "last_30d", "month_to_date")),
    "kiro_user_model_messages": ((*PERSON, "model"), ("yesterday", "last_30d", "month_to_date")),
    "kiro_user_active_dates": (PERSON, ("last_7d", "last_30d", "month_to_date")),
    "kiro_user_included_credits": (PERSON, ()),
    "kiro_user_overage_cap_credits": (PERSON, ()),
    "kiro_user_overage_enabled": (PERSON, ()),
    "kiro_user_credit_utilization_ratio": (PERSON, ()),
    "kiro_user_forecast_credits": (PERSON, ()),
    "kiro_user_overage_start_timestamp_seconds": (PERSON, ()),
    "kiro_user_first_activity_timestamp_seconds": (PERSON, ()),
    "kiro_user_last_activity_timestamp_seconds": (PERSON, ()),
    "kiro_user_seat": ((*PERSON, "tier", "status"), ()),
    "kiro_user_seat_start_timestamp_seconds": (PERSON, ()),
    "kiro_user_list_cost": ((*PERSON, "component", "currency"), ("month_to_date", "last_month")),
    "kiro_user_recommended_tier": ((*PERSON, "tier"), ()),
    "kiro_user_rightsizing_saving": ((*PERSON, "currency"), ()),
    "kiro_tier_included_credits": (("tier",), ()),
    "kiro_tier_price": (("tier", "currency"), ()),
    "kiro_overage_price": (("currency",), ()),
}


@pytest.mark.parametrize("family", CONTRACT)
def test_labels_of_a_family(seen: Published, family: str) -> None:
    labels, windows = CONTRACT[family]
    names = [f"{family}_{window}" for window in windows] or [family]
    found = {name: {tuple(label for label, _ in pairs) for pairs in seen.samples.get(name, {})} for name in names}
    assert found == {name: {labels} for name in names}


def test_nothing_else_is_published(seen: Published) -> None:
    names = {f"{family}_{window}" if window else family for family, (_, windows) in CONTRACT.items() for window in windows or ("",)}
    assert {name for name in seen.samples if not name.startswith("kiro_user_feature_")} == names


def test_series_that_stands_twice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    family = Family("kiro_twice", "Says a thing twice.", "SELECT tier, 1 AS value FROM kiro_tier CROSS JOIN range(2)", Kind.PLAIN, labels=("tier",))
    monkeypatch.setattr(building, "GROUPS", (Group("twice", None, (), (family,)),))
    with pytest.raises(DuplicateSeries, match="kiro_twice"):
        publish(BOB, NOW, landed(FIRST, LAST))


@pytest.mark.parametrize("name", ['o"neil', "back\\slash", "{user}", "王小明", "a,b=c"])
def test_name_of_a_person_comes_out_as_it_is(hostile: Published, name: str) -> None:
    assert hostile["aws_user_info"][name, f"team {name}", "", f"display {name}", "", "", "listed"] == 1


@pytest.fixture(scope="module")
def hostile() -> Published:
    names = ['o"neil', "back\\slash", "{user}", "王小明", "a,b=c"]
    return publish([], NOW, landed(FIRST, LAST), entries=[Entry(name, display_name=f"display {name}", team=f"team {name}") for name in names])


def test_persons_stand_in_the_order_of_their_names(seen: Published) -> None:
    users = [labels[0] for labels in seen["kiro_user_credits_last_30d"]]
    assert users == sorted(KIRO_PEOPLE)


def test_team_of_a_person_is_the_same_everywhere(seen: Published) -> None:
    teams = {pairs[:2] for series in seen.samples.values() for pairs in series if pairs[0][0] == "user"}
    assert len({user for user, _ in teams}) == len(teams)


def test_snapshot_counts_its_series_by_name(seen: Published) -> None:
    assert seen.built.snapshot.series == {name: len(series) for name, series in seen.samples.items()}


def test_nothing_was_folded(seen: Published) -> None:
    assert (seen.built.snapshot.folded, seen.built.snapshot.limit_step) == ({}, 0)


# One person, several identities


def test_identities_of_one_person_are_one_series() -> None:
    entries = [Entry("alice", team="core", aliases=(A, B))]
    facts = [Used(LAST, A, 2, 3), Used(LAST, B, 5, 7), Used(july(13), B, 11, 13)]
    seen = publish(facts, NOW, landed(FIRST, LAST), entries=entries)
    found = [seen.of(f"kiro_user_{name}")["alice"] for name in ("credits_yesterday", "messages_last_30d", "active_dates_last_30d")]
    assert found == [7, 23, 2]


def test_days_may_have_landed_without_a_report() -> None:
    seen = publish(BOB, NOW, landed(FIRST, LAST), entries=ENTRIES)
    assert seen.of("kiro_user_credits_yesterday")["bob"] == 0


def test_credits_are_exact_sums() -> None:
    # 0.1 added 30 times in binary is not 3.
    days = [LAST - timedelta(days=back) for back in range(30)]
    seen = publish([Used(day, A, "0.1") for day in days], NOW, landed(FIRST, LAST))
    assert seen.of("kiro_user_credits_last_30d") == {A: 3.0}
