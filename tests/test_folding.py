"""People and values beyond the limits, end to end: who stands by name, what is summed into `_other`, and that no total changes."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from facts_in_memory import Counted, Fact, Published, Used, config, in_memory, landed, publish
from folded_people import ADDITIVE, BREAKDOWNS, ENTRIES, FIRST, IDS, LAST, NAMES, NOW, facts, folded, totals

from exporter.facts.recent import RecentFacts
from exporter.families.catalogue import families
from exporter.snapshots.folding import Standing


@pytest.fixture(scope="module")
def recent() -> RecentFacts:
    return in_memory(facts())


@pytest.fixture(scope="module")
def whole(recent: RecentFacts) -> Published:
    return folded(recent, {})


@pytest.fixture(scope="module")
def two_stand(recent: RecentFacts) -> Published:
    return folded(recent, {"breakdown_users": 2})


def users(seen: Published, name: str) -> set[tuple[str, str]]:
    """(user, team) of a metric."""
    return {(labels[0], labels[1]) for labels in seen[name]}


def test_every_family_marked_additive_is_so() -> None:
    assert [name for name in ADDITIVE if not families()[name].additive] == []


# Fewer people in breakdowns


@pytest.mark.parametrize("family", BREAKDOWNS)
def test_people_with_most_stand_and_the_others_are_their_teams(two_stand: Published, family: str) -> None:
    assert users(two_stand, f"{family}_last_30d") == {("ann", "core"), ("bob", "data"), ("_other", "core"), ("_other", "data"), ("_other", "unknown")}


@pytest.mark.parametrize(
    ("team", "expected"),
    [
        # Of each person 10 days in July and 10 in June, half with each client: cat and eve 40 + 20; dan 30; fay 10, of no team.
        ("core", 600),
        ("data", 300),
        ("unknown", 100),
    ],
)
def test_other_of_a_team_is_the_sum_of_its_people(two_stand: Published, team: str, expected: float) -> None:
    assert two_stand["kiro_user_client_credits_last_30d"]["_other", team, "ide"] == expected


@pytest.mark.parametrize("family", BREAKDOWNS)
def test_who_stands_keeps_the_own_values(whole: Published, two_stand: Published, family: str) -> None:
    name = f"{family}_month_to_date"
    assert {labels: value for labels, value in two_stand[name].items() if labels[0] == "ann"} == {
        labels: value for labels, value in whole[name].items() if labels[0] == "ann"
    }


def test_essentials_stay_everybodys(whole: Published, two_stand: Published) -> None:
    assert two_stand["kiro_user_credits_last_30d"] == whole["kiro_user_credits_last_30d"]


def test_configured_breakdown_people_are_no_limit_step(two_stand: Published) -> None:
    assert two_stand.built.snapshot.limit_step == 0


def test_folded_series_are_told_by_name(whole: Published, two_stand: Published) -> None:
    # Two clients of six people, then of two people and three teams.
    name = "kiro_user_client_credits_last_30d"
    assert (len(whole[name]), len(two_stand[name]), two_stand.built.snapshot.folded[name]) == (12, 10, 2)


def test_nothing_is_folded_while_everybody_and_every_value_has_a_place(recent: RecentFacts, whole: Published) -> None:
    assert folded(recent, {"breakdown_users": 6, "breakdown_values": 5}).samples == whole.samples


@pytest.fixture(scope="module")
def nobody_stands(recent: RecentFacts) -> Published:
    return folded(recent, {"breakdown_users": 0, "breakdown_values": 1})


def test_no_breakdown_people_at_all(nobody_stands: Published) -> None:
    assert users(nobody_stands, "kiro_user_client_credits_last_30d") == {("_other", "core"), ("_other", "data"), ("_other", "unknown")}


SMALL: list[Fact] = [
    Used(LAST, IDS["ann"], 1, 5),
    # Messages without credits; credits of last month alone; lines and no events.
    Used(LAST, IDS["bob"], 0, 7),
    Used(date(2026, 6, 2), IDS["cat"], 3, 9),
    Counted(LAST, IDS["dan"], "Dev_AcceptedLines", 4),
]


@pytest.fixture(scope="module")
def small() -> Published:
    return publish(SMALL, NOW, landed(FIRST, LAST), entries=ENTRIES, settings=config(windows={"kiro_user_client_messages": ["last_month"]}))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("kiro_user_client_messages_last_30d", {("ann", "core", "ide"): 5, ("bob", "data", "ide"): 7}),
        ("kiro_user_client_messages_last_month", {("cat", "core", "ide"): 9}),
        ("kiro_user_feature_lines_last_30d", {("dan", "data", "dev", "accepted", ""): 4}),
    ],
)
def test_who_has_nothing_of_what_is_ranked_stands_while_there_are_places(small: Published, name: str, expected: dict[tuple[str, ...], float]) -> None:
    assert small[name] == expected


# Places are kept


def test_ranking_is_handed_on(two_stand: Published) -> None:
    assert {group: standing.users for group, standing in two_stand.built.standings.items()} == {"kiro_credits": ("ann", "bob"), "kiro_features": ("ann", "bob")}


CLOSE: list[Fact] = [Used(LAST, IDS["ann"], 100), Used(LAST, IDS["bob"], 95), Used(LAST, IDS["cat"], 89)]


def test_who_stood_yesterday_stays_within_a_tenth_of_the_threshold() -> None:
    standings = {"kiro_credits": Standing("yesterday", ("bob",))}
    seen = publish(CLOSE, NOW, landed(FIRST, LAST), entries=ENTRIES, settings=config(limits={"breakdown_users": 1}), standings=standings)
    assert {user for user, _ in users(seen, "kiro_user_client_credits_last_30d")} == {"bob", "_other"}


def test_ranking_of_a_day_is_kept_for_the_day() -> None:
    # dan overtakes within the day: his report comes late. The places change with the next day.
    settings, days = config(limits={"breakdown_users": 1}), landed(FIRST, LAST)
    before = publish(CLOSE, NOW, days, entries=ENTRIES, settings=settings).built.standings
    late: list[Fact] = [*CLOSE, Used(LAST, IDS["dan"], 1000)]
    found = [
        users(publish(late, now, days, entries=ENTRIES, settings=settings, standings=before), "kiro_user_client_credits_last_30d")
        for now in (NOW + timedelta(hours=3), NOW + timedelta(days=1))
    ]
    assert [[user for user, _ in stand if user != "_other"] for stand in found] == [["ann"], ["dan"]]


# Fewer values of a label


def models_of(seen: Published, user: str, window: str) -> dict[str, float]:
    return {labels[2]: value for labels, value in seen[f"kiro_user_model_messages_{window}"].items() if labels[0] == user}


@pytest.fixture(scope="module")
def one_value(recent: RecentFacts) -> Published:
    return folded(recent, {"breakdown_values": 1})


def test_largest_value_of_a_person_stands(one_value: Published) -> None:
    # ann: 6, 12, 18, 24, 30 messages a day, on 20 days.
    assert models_of(one_value, "ann", "last_30d") == {"qwen3_coder_next": 600, "_other": 20 * (6 + 12 + 18 + 24)}


CHANGED: list[Fact] = [
    # Last month mostly old, this month mostly new; the last 30 days decide.
    Used(date(2026, 6, 10), IDS["ann"], 1, 900, models={"old": 900}),
    Used(date(2026, 6, 20), IDS["ann"], 1, 30, models={"steady": 30}),
    Used(LAST, IDS["ann"], 1, 30, models={"new": 20, "old": 10}),
]


@pytest.fixture(scope="module")
def changed() -> Published:
    settings = config(limits={"breakdown_values": 1}, windows={"kiro_user_model_messages": ["last_month"]})
    return publish(CHANGED, NOW, landed(FIRST, LAST), entries=ENTRIES, settings=settings)


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ("last_30d", {"steady": 30, "_other": 30}),
        ("yesterday", {"_other": 30}),
        ("last_month", {"steady": 30, "_other": 900}),
    ],
)
def test_largest_values_are_those_of_the_last_30_days_in_every_window(changed: Published, window: str, expected: dict[str, float]) -> None:
    assert models_of(changed, "ann", window) == expected


def test_values_of_the_folded_people_are_folded_too(nobody_stands: Published) -> None:
    # Team data: bob and dan, of each model a tenth, two tenths, … of 80 messages a day, on 20 days.
    data = {labels[2]: value for labels, value in nobody_stands["kiro_user_model_messages_last_30d"].items() if labels[:2] == ("_other", "data")}
    assert data == {"qwen3_coder_next": 800, "_other": 20 * (8 + 16 + 24 + 32)}


def test_clients_are_values_like_models(one_value: Published) -> None:
    assert {labels[2]: value for labels, value in one_value["kiro_user_client_messages_last_30d"].items() if labels[0] == "ann"} == {"ide": 1200, "_other": 600}


# Totals


@pytest.mark.parametrize("name", NAMES)
def test_total_is_the_same_with_fewer_people(whole: Published, two_stand: Published, name: str) -> None:
    assert totals(two_stand, name) == pytest.approx(totals(whole, name), rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_total_is_the_same_with_nobody_and_fewer_values(whole: Published, nobody_stands: Published, name: str) -> None:
    assert totals(nobody_stands, name) == pytest.approx(totals(whole, name), rel=1e-12)


def test_there_is_something_to_sum(whole: Published) -> None:
    assert [name for name in NAMES if not totals(whole, name)] == []
