"""AWS activity of people and principals, on fact rows whose sums are worked out by hand.

It is Wednesday 2026-07-15, 12:00 UTC. Yesterday is the 14th, last_7d 07-08 to 07-14, last_30d 06-15 to 07-14, month_to_date 07-01 to 07-14.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pytest
from facts_in_memory import Caused, Published, at, config, identity, in_memory, publish, unix

from exporter.facts.recent import RecentFacts
from exporter.families.catalogue import families
from exporter.model import DayRange
from exporter.people import Entry
from exporter.windows import Landed

NOW = at(2026, 7, 15)
TODAY, LAST, FIRST = date(2026, 7, 15), date(2026, 7, 14), date(2026, 5, 6)
LANDED = {"cloudtrail": Landed(DayRange(FIRST, LAST), timedelta(days=3), TODAY)}
A = identity("a")
ONE, TWO = "111122223333", "444455556666"
US, EU = "us-east-1", "eu-central-1"
BOB, DAVE = f"iam_user:bob.ci@{ONE}", "session_name:dave@example.com"


def june(day: int) -> date:
    return date(2026, 6, day)


def july(day: int) -> date:
    return date(2026, 7, day)


ENTRIES = [Entry("alice", team="core", aliases=(A,)), Entry("bob", team="core", aliases=(f"Bob.CI@{ONE}",)), Entry("carol", team="data")]
OLDER = [Caused(FIRST, A, read=7, sensitive={"network": 7}, first=100)]
FACTS = [
    Caused(june(14), A, read=1000, denied=1000, services={"rds": 1000}, regions={"ap-south-1": 1000}, accounts={TWO: 1000}),
    Caused(june(15), A, 100, 50, services={"ec2": 150}, regions={US: 150}, accounts={ONE: 150}),
    # Another identity of the same person: the session of her role.
    Caused(june(30), "session:alice", 130, 20, denied=4, services={"s3": 150}, regions={EU: 150}, accounts={TWO: 150}, sensitive={"iam_policy": 3}),
    Caused(july(1), A, 60, 30, services={"ec2": 90}, regions={US: 90}, accounts={ONE: 90}),
    Caused(july(8), A, 10, services={"ec2": 10}, regions={US: 10}, accounts={ONE: 10}),
    Caused(july(8), "session:alice", 20, 10, services={"s3": 30}, regions={US: 30}, accounts={ONE: 30}),
    Caused(LAST, A, 10, 10, denied=3, services={"sts": 20}, regions={US: 20}, accounts={ONE: 20}, sensitive={"kms": 2}, last=60_000),
    Caused(TODAY, A, 4, denied=1, services={"ec2": 4}, regions={US: 4}, accounts={ONE: 4}, last=40_000),
    Caused(LAST, BOB, unknown=9, services={"iam": 9}, regions={US: 9}, accounts={ONE: 9}),
    Caused(july(13), DAVE, 1, services={"sts": 1}, regions={US: 1}, accounts={ONE: 1}),
    Caused(LAST, None, 1, 2, denied=1, sensitive={"sign_in": 3}, kind="root", last=70_000),
    Caused(june(20), None, 500, kind="service"),
    Caused(LAST, None, 10_000, 500, denied=20, sensitive={"kms": 6}, kind="service"),
    Caused(TODAY, None, 70, kind="service", last=43_000),
    Caused(july(2), None, 8, kind="external"),
    Caused(july(3), None, 2, 3, unknown=1, kind="unknown"),
]


@pytest.fixture(scope="module")
def recent() -> RecentFacts:
    return in_memory(FACTS, OLDER)


@pytest.fixture(scope="module")
def seen(recent: RecentFacts) -> Published:
    return publish(recent, NOW, LANDED, entries=ENTRIES)


def of_alice(seen: Published, name: str) -> dict[tuple[str, ...], float]:
    """Values by the labels after user and team."""
    return {labels[2:]: value for labels, value in seen[name].items() if labels[0] == "alice"}


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


# What stands when


def test_today_is_absent_until_it_was_read(recent: RecentFacts) -> None:
    yesterday = {"cloudtrail": Landed(DayRange(FIRST, LAST), timedelta(days=3), LAST)}
    found = publish(recent, NOW, yesterday, entries=ENTRIES)
    assert ("aws_principal_events_today" in found.samples, "aws_principal_events_yesterday" in found.samples) == (False, True)


def test_people_have_a_today_where_the_config_asks_for_it(recent: RecentFacts) -> None:
    found = publish(recent, NOW, LANDED, entries=ENTRIES, settings=config(windows={"aws_user_events": ["today"]}))
    assert of_alice(found, "aws_user_events_today") == {("read",): 4, ("write",): 0}


def test_yesterday_is_absent_until_it_has_landed(recent: RecentFacts) -> None:
    before = {"cloudtrail": Landed(DayRange(FIRST, july(13)), timedelta(days=3), TODAY)}
    found = publish(recent, NOW, before, entries=ENTRIES)
    assert [name for name in found.samples if name.endswith("_yesterday")] == []


def activity(seen: Published) -> list[str]:
    return [name for name in seen.samples if name.startswith(("aws_user_", "aws_principal_")) and name not in ("aws_user_info", CREATED)]


CREATED = "aws_user_created_timestamp_seconds"


@pytest.mark.parametrize(("moment", "stand"), [(at(2026, 7, 17, 23, 59, 59), True), (at(2026, 7, 18, 0), False)])
def test_families_are_withdrawn_when_the_newest_day_is_too_old(recent: RecentFacts, moment: Any, stand: bool) -> None:
    found = publish(recent, moment, LANDED, entries=ENTRIES)
    assert (bool(activity(found)), "aws_user_info" in found.samples) == (stand, True)


def test_every_family_of_the_contract_is_published(seen: Published) -> None:
    short = ("yesterday", "last_30d", "month_to_date")
    windows: dict[str, tuple[str, ...]] = {
        "aws_user_events": ("yesterday", "last_7d", "last_30d", "month_to_date"),
        **dict.fromkeys((f"aws_user_{kind}_events" for kind in ("denied", "sensitive", "service", "region", "account")), short),
        **dict.fromkeys(("aws_user_services_used", "aws_user_regions_used"), ("last_30d",)),
        "aws_user_active_dates": ("last_30d", "month_to_date"),
        **dict.fromkeys(("aws_principal_events", "aws_principal_denied_events", "aws_principal_sensitive_events"), ("today", "yesterday", "last_30d")),
    }
    alone = {
        "aws_user_activity_score_last_30d",
        "aws_user_usage_level_last_30d",
        "aws_user_first_activity_timestamp_seconds",
        "aws_user_last_activity_timestamp_seconds",
        "aws_user_last_sensitive_event_timestamp_seconds",
        "aws_user_typical_day_denied_events",
        "aws_principal_last_event_timestamp_seconds",
        "aws_principal_last_sensitive_event_timestamp_seconds",
    }
    published = {f"{name}_{window}" for name, found in windows.items() for window in found} | alone
    # No sensitive event has happened today.
    assert set(activity(seen)) == published - {"aws_principal_sensitive_events_today"}


# Folding

ADDITIVE = ("events", "denied_events", "sensitive_events", "service_events", "region_events", "account_events")
NAMES = [f"aws_user_{kind}_{window}" for kind in ADDITIVE for window in families()[f"aws_user_{kind}"].windows if window != "last_7d"]
"""Without the window that gives way to the limit as a whole."""
FOLDINGS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "one person in breakdowns": {"limits": {"breakdown_users": 1}},
    "nobody in breakdowns": {"limits": {"breakdown_users": 0}},
    "one value": {"limits": {"breakdown_values": 1}},
    "no room for people": {"limits": {"max_series": 60, "breakdown_users": 0}},
    "one team by name": {"privacy": {"only_teams": ["data"]}},
    "a hidden person": {"privacy": {"exclude_users": ["alice"]}},
    "hidden and folded": {"privacy": {"exclude_users": ["bob"]}, "limits": {"max_series": 60}},
}


@pytest.fixture(scope="module", params=FOLDINGS)
def folded(request: pytest.FixtureRequest, recent: RecentFacts) -> Published:
    return publish(recent, NOW, LANDED, entries=ENTRIES, settings=config(windows={"aws_user_events": ["today"]}, **FOLDINGS[request.param]))


@pytest.mark.parametrize("window", ["today", "yesterday", "last_30d"])
def test_events_of_people_are_those_of_human_principals(folded: Published, window: str) -> None:
    assert folded.total(f"aws_user_events_{window}") == folded.of(f"aws_principal_events_{window}")["human"] > 0


def by_team(seen: Published, name: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for labels, value in seen[name].items():
        if value:
            found[labels[1]] = found.get(labels[1], 0) + value
    return found


@pytest.mark.parametrize("name", NAMES)
def test_totals_of_a_team_are_the_same_folded(seen: Published, folded: Published, name: str) -> None:
    assert by_team(folded, name) == by_team(seen, name) != {}


def test_folded_people_stand_as_the_other_of_their_team(recent: RecentFacts) -> None:
    found = publish(recent, NOW, LANDED, entries=ENTRIES, settings=config(limits={"breakdown_users": 1}))
    expected = {("_other", "core", "iam"): 9, ("_other", "unknown", "sts"): 1}
    expected |= {("alice", "core", service): events for service, events in {"ec2": 250, "s3": 180, "sts": 20}.items()}
    assert found["aws_user_service_events_last_30d"] == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("aws_user_service_events_last_30d", {("ec2",): 250, ("_other",): 200}),
        ("aws_user_service_events_yesterday", {("_other",): 20}),
        ("aws_user_region_events_last_30d", {(US,): 300, ("_other",): 150}),
        ("aws_user_account_events_last_30d", {(ONE,): 300, ("_other",): 150}),
    ],
)
def test_values_beyond_the_largest_are_folded(recent: RecentFacts, name: str, expected: dict[tuple[str, ...], float]) -> None:
    assert of_alice(publish(recent, NOW, LANDED, entries=ENTRIES, settings=config(limits={"breakdown_values": 1})), name) == expected


def test_distinct_counts_of_the_hidden_are_nowhere(recent: RecentFacts) -> None:
    found = publish(recent, NOW, LANDED, entries=ENTRIES, settings=config(privacy={"exclude_users": ["alice"]}))
    assert found.of("aws_user_services_used_last_30d").keys() == {"bob", "carol", "dave@example.com"}
