"""Activity of people and values beyond the limits, and of the hidden: summed into `_other`, and no total changes."""

from __future__ import annotations

from typing import Any

import pytest
from activity_people import ENTRIES, FACTS, LANDED, NOW, OLDER, ONE, US, of_alice
from facts_in_memory import Published, config, in_memory, publish

from exporter.facts.recent import RecentFacts
from exporter.families.catalogue import families


@pytest.fixture(scope="module")
def recent() -> RecentFacts:
    return in_memory(FACTS, OLDER)


@pytest.fixture(scope="module")
def seen(recent: RecentFacts) -> Published:
    return publish(recent, NOW, LANDED, entries=ENTRIES)


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
