"""Cost of people and of the whole bill, by values worked out by hand from the facts of cost_people.py."""

from __future__ import annotations

from datetime import date

import pytest
from billed import Billed
from cost_people import B, july, june, landed, of, published, texts
from facts_in_memory import Published, unix

from exporter.model import DayRange
from exporter.people.attribution import REASONS

WINDOWS = ("yesterday", "3d_ago", "last_7d", "last_30d", "month_to_date", "last_month")


@pytest.fixture(scope="module")
def seen() -> Published:
    return published()


# The whole bill

BY_CHARGE: dict[str, dict[str, str]] = {
    # usage of 07-14: 1.50 + 0.25 + 1e-12 + 0.1 + 0.2 + 11 + 13
    "yesterday": {"usage": "26.050000000001", "credit": "-0.75", "tax": "5", "commitment": "7"},
    "3d_ago": {"usage": "3.3", "discount": "-1"},
    "last_7d": {"usage": "29.350000000001", "credit": "-0.75", "refund": "-2", "tax": "5", "commitment": "7", "discount": "-1"},
    "last_30d": {
        "usage": "58.350000000001",  # 29.35… + 4 + 8 + 17
        "credit": "-0.75",
        "refund": "-2",
        "tax": "5",
        "commitment": "7",
        "discount": "-1",
        "subscription": "60",
    },
    "month_to_date": {
        "usage": "33.350000000001",
        "credit": "-0.75",
        "refund": "-2",
        "tax": "5",
        "commitment": "7",
        "discount": "-1",
        "subscription": "60",
    },
    "last_month": {"usage": "41", "subscription": "20"},
}


@pytest.mark.parametrize("window", WINDOWS)
def test_bill_by_charge(seen: Published, window: str) -> None:
    assert texts(seen, f"aws_cost_{window}") == {(charge, "USD"): value for charge, value in BY_CHARGE[window].items()}


BY_METHOD: dict[str, dict[str, str]] = {
    "yesterday": {"owner_tag": "0.75", "iam_principal": "0.25", "resource_creator": "0.000000000001", "created_by_tag": "0.1", "account_owner": "0.2"},
    "3d_ago": {"owner_tag": "3.3"},
    "last_month": {"owner_tag": "24", "user_identifier": "20"},
}


@pytest.mark.parametrize("window", BY_METHOD)
def test_attributed_by_method(seen: Published, window: str) -> None:
    assert texts(seen, f"aws_cost_attributed_{window}") == {(method, "USD"): value for method, value in BY_METHOD[window].items()}


BY_REASON: dict[str, dict[str, str]] = {
    "yesterday": {"shared_charge": "12", "not_a_person": "11", "unknown_person": "13"},
    "3d_ago": {"no_identity": "-1"},
    "last_month": {"unknown_person": "17"},
}


@pytest.mark.parametrize("window", BY_REASON)
def test_unattributed_by_reason(seen: Published, window: str) -> None:
    assert texts(seen, f"aws_cost_unattributed_{window}") == {(reason, "USD"): value for reason, value in BY_REASON[window].items()}


@pytest.mark.parametrize("window", WINDOWS)
def test_attributed_and_unattributed_are_the_bill(seen: Published, window: str) -> None:
    assert of(seen, f"aws_cost_attributed_{window}") + of(seen, f"aws_cost_unattributed_{window}") == of(seen, f"aws_cost_{window}")


@pytest.mark.parametrize("window", WINDOWS)
def test_people_cost_what_was_attributed(seen: Published, window: str) -> None:
    assert of(seen, f"aws_user_cost_{window}") == of(seen, f"aws_cost_attributed_{window}")


@pytest.mark.parametrize("window", WINDOWS)
def test_every_method_and_reason_is_there(seen: Published, window: str) -> None:
    methods = {labels[0] for labels in seen[f"aws_cost_attributed_{window}"]}
    reasons = {labels[0] for labels in seen[f"aws_cost_unattributed_{window}"]}
    assert (len(methods), reasons) == (7, set(REASONS))


# People

BY_PERSON: dict[str, dict[str, dict[str, str]]] = {
    "yesterday": {"alice": {"usage": "1.750000000001", "credit": "-0.75"}, "bob": {"usage": "0.3"}},
    "3d_ago": {"bob": {"usage": "3.3"}},
    "last_7d": {"alice": {"usage": "1.750000000001", "credit": "-0.75", "refund": "-2"}, "bob": {"usage": "3.6"}},
    "last_30d": {
        "alice": {"usage": "13.750000000001", "credit": "-0.75", "refund": "-2", "subscription": "20"},
        "bob": {"usage": "3.6"},
        B: {"subscription": "40"},
    },
    "month_to_date": {
        "alice": {"usage": "5.750000000001", "credit": "-0.75", "refund": "-2", "subscription": "20"},
        "bob": {"usage": "3.6"},
        B: {"subscription": "40"},
    },
    "last_month": {"alice": {"usage": "24", "subscription": "20"}},
}
TEAMS = {"alice": "core", "bob": "core", "carol": "data", "dave": "data", B: "unknown"}


@pytest.mark.parametrize("window", WINDOWS)
def test_cost_of_people(seen: Published, window: str) -> None:
    expected = {(user, TEAMS[user], charge, "USD"): value for user, charges in BY_PERSON[window].items() for charge, value in charges.items()}
    assert texts(seen, f"aws_user_cost_{window}") == expected


@pytest.mark.parametrize("window", WINDOWS)
def test_everybody_has_a_cost_even_if_0(seen: Published, window: str) -> None:
    assert {labels[0] for labels in seen[f"aws_user_cost_{window}"] if labels[2:] == ("usage", "USD")} == set(TEAMS)


def test_person_of_the_bill_alone_is_known(seen: Published) -> None:
    assert seen.samples["aws_user_info"][
        ("user", B), ("team", "unknown"), ("user_id", B), ("display_name", ""), ("email", ""), ("department", ""), ("status", "unlisted")
    ]


def test_person_of_the_bill_alone_is_known_since_first_billed(seen: Published) -> None:
    assert seen.of("aws_user_created_timestamp_seconds")[B] == unix(july(1))


def test_person_of_the_bill_alone_is_counted_as_unresolved(seen: Published) -> None:
    assert seen.people.unresolved == {"cur": 1}


def test_caller_of_the_bill_alone_is_known() -> None:
    arn = "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Dev_0123456789abcdef/Zoe"
    seen = published([Billed(july(14), 3, principal=arn)])
    assert texts(seen, "aws_user_cost_yesterday") == {("zoe", "unknown", "usage", "USD"): "3"}


def test_tag_of_the_bill_makes_nobody_known() -> None:
    seen = published([Billed(july(14), 3, owner="zoe")], entries=())
    assert seen["aws_user_info"] == {}


SERVICES = {
    "yesterday": {("alice", "ec2"): "0.75", ("alice", "bedrock"): "0.25", ("alice", "s3"): "0.000000000001", ("bob", "rds"): "0.1", ("bob", "ec2"): "0.2"},
    "month_to_date": {
        ("alice", "ec2"): "2.75",  # 0.75 - 2 + 4
        ("alice", "bedrock"): "0.25",
        ("alice", "s3"): "0.000000000001",
        ("alice", "kiro"): "20",
        ("bob", "rds"): "3.4",
        ("bob", "ec2"): "0.2",
        (B, "kiro"): "40",
    },
}


@pytest.mark.parametrize("window", SERVICES)
def test_cost_by_service(seen: Published, window: str) -> None:
    expected = {(user, TEAMS[user], "USD", service): value for (user, service), value in SERVICES[window].items()}
    assert texts(seen, f"aws_user_service_cost_{window}") == expected


def test_cost_by_region(seen: Published) -> None:
    found = {(user, region): value for (user, _, _, region), value in texts(seen, "aws_user_region_cost_yesterday").items()}
    assert found == {
        ("alice", "us-east-1"): "0.75",
        ("alice", "eu-west-1"): "0.25",
        ("alice", "none"): "0.000000000001",
        ("bob", "us-east-1"): "0.1",
        ("bob", "us-west-2"): "0.2",
    }


# Resources


def test_resources_of_a_month(seen: Published) -> None:
    assert seen.of("aws_user_resources_month_to_date") == {"alice": 2, "bob": 1, "carol": 0, "dave": 0, B: 0}


def test_resources_of_last_month(seen: Published) -> None:
    assert seen.of("aws_user_resources_last_month") == {"alice": 1, "bob": 0, "carol": 0, "dave": 0, B: 0}


def test_bill_that_names_no_resources_publishes_none() -> None:
    rows = [Billed(july(14), 1, owner="alice", source="cost_explorer")]
    seen = published(rows, days=landed(("cost_explorer",)), sources={"cost_explorer": {}})
    assert [name for name in seen.samples if name.startswith("aws_user_resources")] == []


def test_resources_are_told_of_months_only() -> None:
    seen = published(windows={"aws_user_resources": ["last_30d"]})
    assert sorted(name for name in seen.samples if name.startswith("aws_user_resources")) == [
        "aws_user_resources_last_month",
        "aws_user_resources_month_to_date",
    ]


# The typical day


def usage(user: str, costs: dict[date, str], **said: str) -> list[Billed]:
    return [Billed(day, cost, owner=user, **said) for day, cost in costs.items()]  # type: ignore[arg-type]


# The 28 days before yesterday are 06-16 to 07-13.
TYPICAL: dict[str, tuple[list[Billed], str | None]] = {
    "alice": (usage("alice", {june(16): "100", **{july(day): str(day) for day in range(1, 7)}}), "4"),
    "bob": (usage("bob", {july(day): str(day) for day in range(1, 9)}), "4.5"),
    # Six days.
    "carol": (usage("carol", {july(day): "1" for day in range(1, 7)}), None),
    # Six days, and days that do not count: before, yesterday, no usage, and none left of two facts.
    "dave": (
        [
            *usage("dave", {**{july(day): "1" for day in range(1, 7)}, june(15): "1", july(14): "1"}),
            *usage("dave", {july(7): "1"}, charge="tax"),
            *usage("dave", {july(8): "1"}),
            *usage("dave", {july(8): "-1"}, service="s3"),
        ],
        None,
    ),
}


@pytest.fixture(scope="module")
def typical() -> Published:
    return published([row for rows, _ in TYPICAL.values() for row in rows])


@pytest.mark.parametrize("user", TYPICAL)
def test_typical_day(typical: Published, user: str) -> None:
    found = {labels[0]: (value, labels[2]) for labels, value in texts(typical, "aws_user_typical_day_cost").items()}
    value = TYPICAL[user][1]
    assert found.get(user) == (None if value is None else (value, "USD"))


def test_typical_day_is_exact_to_the_last_decimal() -> None:
    rows = usage("alice", {july(day): f"0.00000000000{day}" for day in range(1, 9)})
    assert texts(published(rows), "aws_user_typical_day_cost") == {("alice", "core", "USD"): "0.0000000000045"}


def test_day_that_has_not_landed_is_not_typical() -> None:
    rows = usage("alice", {july(day): "1" for day in range(4, 11)})
    seen = published(rows, days=landed(days=DayRange(june(1), july(9))))
    assert seen["aws_user_typical_day_cost"] == {}
