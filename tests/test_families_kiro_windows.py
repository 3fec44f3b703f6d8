"""What the clock, the landed days and the config's `windows` do to the families of kiro_people.py."""

from __future__ import annotations

import pytest
from facts_in_memory import Published, at, config, landed, publish, unix
from kiro_people import ALICE, BOB, ENTRIES, ERIN, FIRST, KNOWN_SINCE, LAST, NOW, E, july, june

# The clock


@pytest.fixture(scope="module")
def first_of_august() -> Published:
    """One minute past a month end; July has landed whole, nothing of August."""
    return publish([*ALICE, *BOB], at(2026, 8, 1, 0, 1), landed(FIRST, july(31)), entries=ENTRIES)


@pytest.mark.parametrize(
    ("name", "alice"),
    [
        ("kiro_user_credits_last_month", 42),
        ("kiro_user_credits_last_30d", 32),  # 07-02 to 07-31, so without the 10 of 07-01
        ("kiro_user_credits_yesterday", 0),
        ("kiro_user_overage_credits_last_month", 2.5),
    ],
)
def test_windows_after_a_month_end(first_of_august: Published, name: str, alice: float) -> None:
    assert first_of_august.of(name)["alice"] == alice


def test_nothing_of_a_month_that_has_not_landed(first_of_august: Published) -> None:
    assert [name for name in first_of_august.samples if name.endswith("_month_to_date")] == []


@pytest.mark.parametrize("name", ["kiro_user_credit_utilization_ratio", "kiro_user_overage_start_timestamp_seconds"])
def test_values_of_this_month_are_absent_before_it_has_landed(first_of_august: Published, name: str) -> None:
    assert first_of_august[name] == {}


def test_forecast_of_a_month_that_has_not_landed_is_all_pace(first_of_august: Published) -> None:
    # 07-04 to 07-31: 20 working days with 7.5 + 21, 8 of weekends with 3.5. August 2026 has 21 working days and 10 of weekends.
    assert first_of_august.of("kiro_user_forecast_credits")["alice"] == pytest.approx(21 * 28.5 / 20 + 10 * 3.5 / 8)


def test_snapshot_ends_at_midnight(first_of_august: Published) -> None:
    assert first_of_august.built.snapshot.valid_until == at(2026, 8, 2, 0)


@pytest.fixture(scope="module")
def late() -> Published:
    """The newest landed day is 07-10: four days late, and four days on from a report of 07-08."""
    return publish([*ALICE[:7], *BOB], NOW, landed(FIRST, july(10)), entries=ENTRIES)


@pytest.mark.parametrize("suffix", ["_yesterday", "_3d_ago"])
def test_day_that_has_not_landed_is_absent(late: Published, suffix: str) -> None:
    assert [name for name in late.samples if name.endswith(suffix)] == []


@pytest.mark.parametrize(
    ("window", "alice"),
    [
        ("last_7d", 7.5),  # 07-04 to 07-10
        ("last_30d", 147.5),  # 06-11 to 07-10: 40 + 30 + 60 + 10 + 7.5
        ("month_to_date", 17.5),
    ],
)
def test_windows_end_with_the_newest_landed_day(late: Published, window: str, alice: float) -> None:
    assert late.of(f"kiro_user_credits_{window}")["alice"] == alice


def test_forecast_goes_on_from_the_newest_landed_day(late: Published) -> None:
    # 06-13 to 07-10: 20 working days with 40 + 30 + 60 + 10 + 7.5, weekends without use. To come: 07-11 to 07-31, 15 working days.
    assert late.of("kiro_user_forecast_credits")["alice"] == pytest.approx(17.5 + 15 * 147.5 / 20)


@pytest.fixture(scope="module")
def young() -> Published:
    """The stored history begins on 07-09: what is in memory of days before has not landed."""
    return publish([*ALICE, *BOB], NOW, landed(july(9), LAST), entries=ENTRIES)


@pytest.mark.parametrize(
    ("window", "alice"),
    [
        ("yesterday", 21),
        ("last_7d", 24.5),  # 3.5 + 21
        ("last_30d", 24.5),
        ("month_to_date", 24.5),
    ],
)
def test_window_that_has_landed_in_part_is_summed_in_part(young: Published, window: str, alice: float) -> None:
    assert young.of(f"kiro_user_credits_{window}")["alice"] == alice


def test_month_before_the_stored_history_is_absent(young: Published) -> None:
    assert [name for name in young.samples if name.endswith("_last_month")] == []


@pytest.fixture(scope="module")
def withdrawn() -> Published:
    """Credits ended on 06-30 and are withdrawn 14 days after; features go on."""
    days = {**landed(FIRST, LAST), "kiro_credits": landed(FIRST, june(30))["kiro_credits"]}
    return publish([*ALICE[:5], *ERIN], NOW, days, entries=ENTRIES, known_since=KNOWN_SINCE)


def test_credits_are_withdrawn_at_max_age(withdrawn: Published) -> None:
    assert [name for name in withdrawn.samples if name.startswith("kiro_") and not name.startswith("kiro_user_feature_")] == []


def test_another_source_goes_on(withdrawn: Published) -> None:
    assert withdrawn["kiro_user_feature_events_last_30d"] == {(E, "unknown", "chat", "sent"): 7}


def test_people_go_on(withdrawn: Published) -> None:
    assert len(withdrawn["aws_user_info"]) == 7


# The config's windows


@pytest.fixture(scope="module")
def chosen() -> Published:
    windows = {
        "kiro_user_messages": ["last_7d", "last_month", "today"],
        "kiro_user_conversations": [],
        "kiro_user_seat": [],
        "kiro_features": [],
        "kiro_credits": ["3d_ago"],
    }
    return publish([*ALICE, *BOB, *ERIN], NOW, landed(FIRST, LAST), entries=ENTRIES, settings=config(windows=windows))


def windows_of(seen: Published, family: str) -> set[str]:
    return {name.removeprefix(f"{family}_") for name in seen.samples if name == family or name.startswith(f"{family}_")}


def test_windows_are_added_to_a_family(chosen: Published) -> None:
    # 3d_ago comes from the group; today is no window of reports of whole days.
    assert windows_of(chosen, "kiro_user_messages") == {"yesterday", "3d_ago", "last_7d", "last_30d", "month_to_date", "last_month"}


def test_added_window_holds_its_days(chosen: Published) -> None:
    assert chosen.of("kiro_user_messages_last_month")["alice"] == 10 + 8 + 6 + 12


def test_windows_are_added_to_a_group(chosen: Published) -> None:
    assert windows_of(chosen, "kiro_user_client_credits") == {"yesterday", "3d_ago", "last_30d", "month_to_date"}


@pytest.mark.parametrize("family", ["kiro_user_conversations", "kiro_user_seat"])
def test_family_is_switched_off(chosen: Published, family: str) -> None:
    assert chosen[family] | chosen[f"{family}_last_30d"] == {}


def test_switching_a_family_off_touches_no_other(chosen: Published) -> None:
    assert chosen.of("kiro_user_seat_start_timestamp_seconds")["bob"] == unix(june(21))


def test_group_is_switched_off(chosen: Published) -> None:
    assert [name for name in chosen.samples if name.startswith("kiro_user_feature_")] == []


def test_group_is_switched_off_with_what_has_no_window() -> None:
    seen = publish(ALICE, NOW, landed(FIRST, LAST), settings=config(windows={"kiro_credits": []}))
    assert [name for name in seen.samples if name.startswith("kiro_")] == []
