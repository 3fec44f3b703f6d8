"""AWS activity of people and principals: every family, by hand, from the facts of activity_people.py."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from activity_people import BOB, ENTRIES, EU, FACTS, FIRST, LANDED, LAST, NOW, OLDER, ONE, TODAY, TWO, US, A, july, june, of_alice
from facts_in_memory import Caused, Published, config, in_memory, publish, unix

from exporter.facts.recent import RecentFacts
from exporter.people import Entry


@pytest.fixture(scope="module")
def recent() -> RecentFacts:
    return in_memory(FACTS, OLDER)


@pytest.fixture(scope="module")
def seen(recent: RecentFacts) -> Published:
    return publish(recent, NOW, LANDED, entries=ENTRIES)


# Events of people


@pytest.mark.parametrize(
    ("window", "read", "write"),
    [("yesterday", 10, 10), ("last_7d", 10 + 20 + 10, 10 + 10), ("last_30d", 330, 120), ("month_to_date", 60 + 10 + 20 + 10, 30 + 10 + 10)],
)
def test_events_are_summed_over_all_identities_of_a_person(seen: Published, window: str, read: int, write: int) -> None:
    assert of_alice(seen, f"aws_user_events_{window}") == {("read",): read, ("write",): write}


def test_events_of_unknown_access_stand_where_there_are_some(seen: Published) -> None:
    found = {labels[2]: value for labels, value in seen["aws_user_events_last_30d"].items() if labels[0] == "bob"}
    assert found == {"read": 0, "write": 0, "unknown": 9}


@pytest.mark.parametrize("window", ["yesterday", "last_7d", "last_30d", "month_to_date"])
def test_everybody_who_is_known_has_a_zero(seen: Published, window: str) -> None:
    found = {labels: value for labels, value in seen[f"aws_user_events_{window}"].items() if labels[0] == "carol"}
    assert found == {("carol", "data", "read"): 0, ("carol", "data", "write"): 0}


def test_whoever_is_in_no_list_stands_under_the_own_name(seen: Published) -> None:
    assert seen["aws_user_events_last_7d"]["dave@example.com", "unknown", "read"] == 1


@pytest.mark.parametrize(("window", "expected"), [("yesterday", {"alice": 3}), ("last_30d", {"alice": 7}), ("month_to_date", {"alice": 3})])
def test_denied_events(seen: Published, window: str, expected: dict[str, float]) -> None:
    assert seen.of(f"aws_user_denied_events_{window}") == expected


@pytest.mark.parametrize(
    ("window", "expected"), [("yesterday", {("kms",): 2}), ("last_30d", {("iam_policy",): 3, ("kms",): 2}), ("month_to_date", {("kms",): 2})]
)
def test_sensitive_events_by_category(seen: Published, window: str, expected: dict[tuple[str, ...], float]) -> None:
    assert of_alice(seen, f"aws_user_sensitive_events_{window}") == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("aws_user_service_events_yesterday", {"sts": 20}),
        ("aws_user_service_events_last_30d", {"ec2": 250, "s3": 180, "sts": 20}),
        ("aws_user_service_events_month_to_date", {"ec2": 100, "s3": 30, "sts": 20}),
        ("aws_user_region_events_yesterday", {US: 20}),
        ("aws_user_region_events_last_30d", {US: 300, EU: 150}),
        ("aws_user_region_events_month_to_date", {US: 150}),
        ("aws_user_account_events_yesterday", {ONE: 20}),
        ("aws_user_account_events_last_30d", {ONE: 300, TWO: 150}),
        ("aws_user_account_events_month_to_date", {ONE: 150}),
    ],
)
def test_breakdown(seen: Published, name: str, expected: dict[str, float]) -> None:
    assert of_alice(seen, name) == {(value,): events for value, events in expected.items()}


@pytest.mark.parametrize(
    ("name", "alice", "bob"),
    [
        ("aws_user_services_used_last_30d", 3, 1),
        ("aws_user_regions_used_last_30d", 2, 1),
        # Of the 8th of July she has rows under two identities.
        ("aws_user_active_dates_last_30d", 5, 1),
        ("aws_user_active_dates_month_to_date", 3, 1),
    ],
)
def test_distinct_counts_are_over_all_identities_of_a_person(seen: Published, name: str, alice: int, bob: int) -> None:
    assert seen.of(name) == {"alice": alice, "bob": bob, "carol": 0, "dave@example.com": 1}


# Score and levels


def test_score_is_that_of_the_original_system(seen: Published) -> None:
    # 330 reads, 120 writes at 1.25, 5 sensitive at 1.1 on top.
    assert seen.of("aws_user_activity_score_last_30d")["alice"] == 485.5


def test_score_counts_what_says_neither_read_nor_write_as_read(seen: Published) -> None:
    assert seen.of("aws_user_activity_score_last_30d") == {"alice": 485.5, "bob": 9, "carol": 0, "dave@example.com": 1}


def test_score_has_weights_of_the_config(recent: RecentFacts) -> None:
    settings = config(usage={"score": {"read": "0.1", "write": 2, "sensitive": 10}})
    assert publish(recent, NOW, LANDED, entries=ENTRIES, settings=settings).of("aws_user_activity_score_last_30d")["alice"] == pytest.approx(33 + 240 + 50)


def test_level(seen: Published) -> None:
    found = {labels[0]: (labels[2], value) for labels, value in seen["aws_user_usage_level_last_30d"].items()}
    assert found == {"alice": ("heavy", 1), "bob": ("light", 1), "carol": ("inactive", 1), "dave@example.com": ("light", 1)}


BOUNDS = {0: "inactive", 1: "light", 9: "light", 10: "moderate", 99: "moderate", 100: "heavy", 499: "heavy", 500: "very_heavy"}


def levels(events: Mapping[str, int], **usage: Any) -> dict[str, str]:
    facts = [Caused(LAST, f"session:{user}", count // 2, count - count // 2) for user, count in events.items() if count]
    found = publish(facts, NOW, LANDED, entries=[Entry(user) for user in events], settings=config(usage=usage))
    return {user: level for user, _, level in found["aws_user_usage_level_last_30d"]}


def test_bounds_of_the_levels() -> None:
    assert levels({f"u{count}": count for count in BOUNDS}) == {f"u{count}": level for count, level in BOUNDS.items()}


def test_levels_of_the_config() -> None:
    chosen = {"light": 2, "moderate": 4, "heavy": 6, "very_heavy": 8}
    assert levels({"one": 1, "two": 2, "seven": 7}, levels=chosen) == {"one": "inactive", "two": "light", "seven": "heavy"}


@pytest.mark.parametrize(("key", "name"), [("score", "aws_user_activity_score_last_30d"), ("levels", "aws_user_usage_level_last_30d")])
def test_score_and_levels_can_be_switched_off(recent: RecentFacts, key: str, name: str) -> None:
    found = publish(recent, NOW, LANDED, entries=ENTRIES, settings=config(usage={key: "false"}))
    assert name not in found.samples


def test_one_of_score_and_levels_stays_when_the_other_is_off(recent: RecentFacts) -> None:
    found = publish(recent, NOW, LANDED, entries=ENTRIES, settings=config(usage={"score": "false"}))
    assert len(found["aws_user_usage_level_last_30d"]) == 4


# Times


def test_first_activity_reaches_further_back_than_the_windows(seen: Published) -> None:
    expected = {"alice": unix(FIRST) + 100, "bob": unix(LAST) + 8 * 3600, "dave@example.com": unix(july(13)) + 8 * 3600}
    assert seen.of("aws_user_first_activity_timestamp_seconds") == expected


def test_last_activity_is_to_the_second_and_of_today_too(seen: Published) -> None:
    expected = {"alice": unix(TODAY) + 40_000, "bob": unix(LAST) + 17 * 3600, "dave@example.com": unix(july(13)) + 17 * 3600}
    assert seen.of("aws_user_last_activity_timestamp_seconds") == expected


def test_last_activity_may_be_older_than_the_windows() -> None:
    recent = in_memory([], [Caused(FIRST, A, 1, last=5)])
    assert publish(recent, NOW, LANDED, entries=ENTRIES).of("aws_user_last_activity_timestamp_seconds") == {"alice": unix(FIRST) + 5}


def test_last_sensitive_event_by_category(seen: Published) -> None:
    expected = {("iam_policy",): unix(june(30)) + 17 * 3600, ("kms",): unix(LAST) + 60_000}
    assert of_alice(seen, "aws_user_last_sensitive_event_timestamp_seconds") == expected


def test_last_sensitive_event_is_the_newest_of_all_identities() -> None:
    facts = [
        Caused(july(9), A, 1, sensitive={"kms": 1}, last=9),
        Caused(july(9), "session:alice", 1, sensitive={"kms": 1}, last=50_000),
        Caused(july(2), A, 1, sensitive={"kms": 1}),
    ]
    found = publish(facts, NOW, LANDED, entries=ENTRIES)
    assert of_alice(found, "aws_user_last_sensitive_event_timestamp_seconds") == {("kms",): unix(july(9)) + 50_000}


def test_typical_denied_day_is_the_median_of_days_with_some_in_the_28_days_before_yesterday() -> None:
    def denied(who: str, days: Mapping[date, int]) -> list[Caused]:
        return [Caused(day, who, 200, denied=count) for day, count in days.items()]

    facts = [
        # The 15th of June and the 14th of July lie outside. On the 1st of July two identities together make 4.
        *denied(A, {june(15): 100, june(16): 2, july(1): 1, july(5): 0, july(13): 9, july(14): 50}),
        *denied("session:alice", {july(1): 3}),
        *denied(BOB, {june(20): 2, july(2): 5}),
        *denied("session:carol", {june(15): 7, july(14): 8, july(15): 9}),
    ]
    assert publish(facts, NOW, LANDED, entries=ENTRIES).of("aws_user_typical_day_denied_events") == {"alice": 4, "bob": 3.5}


# Principals


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ("today", {"human": 4, "service": 70}),
        ("yesterday", {"human": 20 + 9, "root": 3, "service": 10_500}),
        ("last_30d", {"human": 450 + 9 + 1, "root": 3, "service": 11_000, "external": 8, "unknown": 6}),
    ],
)
def test_events_of_principals(seen: Published, window: str, expected: dict[str, float]) -> None:
    assert seen.of(f"aws_principal_events_{window}") == expected


@pytest.mark.parametrize(
    ("window", "human", "others"), [("today", 1, {}), ("yesterday", 3, {"root": 1, "service": 20}), ("last_30d", 7, {"root": 1, "service": 20})]
)
def test_denied_events_of_principals(seen: Published, window: str, human: int, others: dict[str, float]) -> None:
    found = {kind: value for kind, value in seen.of(f"aws_principal_denied_events_{window}").items() if value}
    assert found == {"human": human, **others}


def test_sensitive_events_of_principals(seen: Published) -> None:
    expected = {("human", "iam_policy"): 3, ("human", "kms"): 2, ("root", "sign_in"): 3, ("service", "kms"): 6}
    assert seen["aws_principal_sensitive_events_last_30d"] == expected


def test_sensitive_events_of_principals_yesterday(seen: Published) -> None:
    assert seen["aws_principal_sensitive_events_yesterday"] == {("human", "kms"): 2, ("root", "sign_in"): 3, ("service", "kms"): 6}


def test_last_event_of_principals(seen: Published) -> None:
    expected = {
        "human": unix(TODAY) + 40_000,
        "root": unix(LAST) + 70_000,
        "service": unix(TODAY) + 43_000,
        "external": unix(july(2)) + 17 * 3600,
        "unknown": unix(july(3)) + 17 * 3600,
    }
    assert seen.of("aws_principal_last_event_timestamp_seconds") == expected


def test_last_sensitive_event_of_principals(seen: Published) -> None:
    expected = {
        ("human", "iam_policy"): unix(june(30)) + 17 * 3600,
        ("human", "kms"): unix(LAST) + 60_000,
        ("root", "sign_in"): unix(LAST) + 70_000,
        ("service", "kms"): unix(LAST) + 17 * 3600,
    }
    assert seen["aws_principal_last_sensitive_event_timestamp_seconds"] == expected


def test_principals_that_are_nobody_are_no_people(seen: Published) -> None:
    assert seen.of("aws_user_active_dates_last_30d").keys() == {"alice", "bob", "carol", "dave@example.com"}
