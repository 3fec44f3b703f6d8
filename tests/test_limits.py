"""Who keeps a place in breakdowns, and what gives way first. Every expected number is worked out by hand in the comments."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.limits import STEPS, Load, Plan, fitting, plan, standing

VALUES = {"ann": 100.0, "bob": 90.0, "cat": 80.0, "dan": 75.0, "eve": 70.0}


@pytest.mark.parametrize(
    ("places", "previous", "expected"),
    [
        # Nobody stood before: those with most.
        (3, "", "ann bob cat"),
        (1, "", "ann"),
        (5, "", "ann bob cat dan eve"),
        (9, "", "ann bob cat dan eve"),
        (0, "", ""),
        (0, "ann", ""),
        # The third has 80; who stood before stays from 72 on. dan has 75 and keeps cat out.
        (3, "dan", "ann bob dan"),
        (3, "ann bob dan", "ann bob dan"),
        # eve has 70 and leaves.
        (3, "eve", "ann bob cat"),
        (3, "bob eve", "ann bob cat"),
        # Fewer places than before: the smallest of them leave, though all are within a tenth of 90.
        (2, "ann bob cat", "ann bob"),
        # The only place, threshold 100: bob stays with 90, cat would not with 80.
        (1, "bob", "bob"),
        (1, "cat", "ann"),
        (2, "nobody", "ann bob"),
    ],
)
def test_standing(places: int, previous: str, expected: str) -> None:
    assert standing(VALUES, previous.split(), places) == frozenset(expected.split())


@pytest.mark.parametrize(("value", "stays"), [(90.0, True), (89.999, False)])
def test_person_stays_down_to_nine_tenths_of_the_threshold(value: float, stays: bool) -> None:
    assert ("old" in standing({"new": 100.0, "old": value}, {"old"}, 1)) == stays


def test_ties_go_to_the_name_that_sorts_first() -> None:
    assert standing({"bob": 5.0, "cat": 5.0, "ann": 5.0}, (), 2) == {"ann", "bob"}


def test_person_who_uses_nothing_any_more_leaves() -> None:
    assert standing({"ann": 5.0, "bob": 1.0, "gone": 0.0}, {"gone"}, 1) == {"ann"}


NAMES = st.text("abcdef", min_size=1, max_size=2)
USE = st.dictionaries(NAMES, st.floats(0, 1e6), max_size=12)


@given(USE, st.sets(NAMES), st.integers(0, 8))
def test_no_more_stand_than_there_are_places(values: dict[str, float], previous: set[str], places: int) -> None:
    assert len(standing(values, previous, places)) <= places


@given(USE, st.sets(NAMES), st.integers(1, 8))
def test_no_place_stays_empty_while_somebody_has_use(values: dict[str, float], previous: set[str], places: int) -> None:
    assert len(standing(values, previous, places)) >= min(places, sum(value > 0 for value in values.values()))


@given(USE, st.sets(NAMES), st.integers(1, 8))
def test_who_stands_keeps_the_place_while_nothing_changes(values: dict[str, float], previous: set[str], places: int) -> None:
    once = standing(values, previous, places)
    assert standing(values, once, places) == once


# 10 fixed + 100 essentials (10 of them last_7d, 20 last_month, 30 other zeros, so 40 that matter most) + breakdowns.
# Breakdowns of n people: 8, 14, 18, 20, 21; of fewer than all five also 3 of `_other`. Everything: 10 + 100 + 21 = 131.
LOAD = Load(
    fixed=10,
    essentials=100,
    essentials_by_window={"last_7d": 10, "last_month": 20},
    essential_zeros=30,
    breakdowns={"credits": [8, 6, 4, 2, 1]},
    folded={"credits": 3},
)
NONE: frozenset[str] = frozenset()
SEVEN, BOTH = frozenset({"last_7d"}), frozenset({"last_7d", "last_month"})


@pytest.mark.parametrize(
    ("max_series", "expected"),
    [
        (1000, Plan(0, 2000)),
        (131, Plan(0, 2000)),
        # Room for breakdowns is 20: four people need 20 + 3, three 18 + 3, two 14 + 3, which is room until 127; one needs 8 + 3.
        (130, Plan(1, 2)),
        (127, Plan(1, 2)),
        (126, Plan(1, 1)),
        # Room 3: just `_other`.
        (113, Plan(1, 0)),
        # 113 without the 10 of last_7d is 103, without the 20 of last_month 83, without the 30 zeros 53.
        (112, Plan(2, 0, SEVEN)),
        (103, Plan(2, 0, SEVEN)),
        (102, Plan(3, 0, BOTH)),
        (83, Plan(3, 0, BOTH)),
        (82, Plan(4, 0, BOTH, zeros=False)),
        (53, Plan(4, 0, BOTH, zeros=False)),
        (52, Plan(5, 0, BOTH, zeros=False, people=False)),
        (1, Plan(5, 0, BOTH, zeros=False, people=False)),
    ],
)
def test_each_step(max_series: int, expected: Plan) -> None:
    assert plan(LOAD, max_series, 2000) == expected


@pytest.mark.parametrize(
    ("max_series", "expected"),
    [
        # Two people of five: 10 + 100 + 14 + 3.
        (127, Plan(0, 2)),
        (126, Plan(1, 1)),
    ],
)
def test_configured_breakdown_people_are_no_step(max_series: int, expected: Plan) -> None:
    assert plan(LOAD, max_series, 2) == expected


def test_groups_have_as_many_breakdown_people_as_one_another() -> None:
    # Two people: 14 + 3 of credits, 5 + 5 + 2 of features, together 29; three would be 21 + 17 = 38. 110 + 30 = 140.
    load = replace(LOAD, breakdowns={**LOAD.breakdowns, "features": [5, 5, 5, 5]}, folded={**LOAD.folded, "features": 2})
    assert plan(load, 140, 2000) == Plan(1, 2)


def test_nobody_beyond_the_breakdown_people_is_no_other() -> None:
    # All five stand, so there is no `_other`: 131, not 134.
    assert plan(LOAD, 131, 5) == Plan(0, 5)


@pytest.mark.parametrize(
    ("room", "people"),
    [(18, 4), (99, 4), (17, 3), (13, 2), (12, 2), (11, 1), (7, 1), (6, 0), (0, 0), (-5, 0)],
)
def test_as_many_people_as_there_is_room_for(room: int, people: int) -> None:
    # Together 7, 12, 15, 18.
    assert fitting([7, 5, 3, 3], room) == people


def test_larger_person_is_not_passed_over_for_a_smaller_one() -> None:
    assert fitting([7, 5, 0, 1], 8) == 1


def test_every_step_has_a_meaning() -> None:
    assert len(STEPS) == 6


@st.composite
def loads(draw: st.DrawFn) -> Load:
    parts = [draw(st.integers(0, 1000)) for _ in range(4)]
    groups = draw(st.dictionaries(st.sampled_from(["credits", "features"]), st.lists(st.integers(1, 30), max_size=30)))
    folded = {group: draw(st.integers(0, 20)) for group in groups}
    return Load(draw(st.integers(0, 60)), sum(parts), {"last_7d": parts[0], "last_month": parts[1]}, parts[2], groups, folded)


def planned(load: Load, made: Plan) -> int:
    """Series after a plan, but for people who are folded everywhere: steps as metrics.md lists them."""
    users = made.breakdown_users
    breakdowns = sum(sum(series[:users]) + (load.folded[group] if len(series) > users else 0) for group, series in load.breakdowns.items())
    essentials = load.essentials - sum(load.essentials_by_window[window] for window in made.dropped_windows) - (0 if made.zeros else load.essential_zeros)
    return load.fixed + breakdowns + essentials


@given(loads(), st.integers(1, 6000), st.integers(0, 40))
def test_plan_stays_within_the_limit_until_people_must_be_folded(load: Load, max_series: int, breakdown_users: int) -> None:
    made = plan(load, max_series, breakdown_users)
    assert (planned(load, made) <= max_series) == made.people


@given(st.lists(st.integers(0, 60), max_size=30), st.integers(-10, 1000))
def test_people_who_stand_fit_until_nobody_does(series: list[int], room: int) -> None:
    people = fitting(series, room)
    assert sum(series[:people]) <= room or people == 0


@given(st.lists(st.integers(0, 60), max_size=30), st.integers(-10, 1000))
def test_one_more_person_would_not_fit(series: list[int], room: int) -> None:
    people = fitting(series, room)
    assert people == len(series) or sum(series[: people + 1]) > room


@given(loads(), st.integers(1, 6000), st.integers(0, 40))
def test_no_step_is_taken_before_it_is_needed(load: Load, max_series: int, breakdown_users: int) -> None:
    made = plan(load, max_series, breakdown_users)
    everything = planned(load, Plan(0, breakdown_users))
    assert (made.step == 0) == (everything <= max_series)


@given(loads(), st.integers(1, 6000), st.integers(0, 40))
def test_step_includes_those_before_it(load: Load, max_series: int, breakdown_users: int) -> None:
    made = plan(load, max_series, breakdown_users)
    windows = {0: NONE, 1: NONE, 2: SEVEN, 3: BOTH, 4: BOTH, 5: BOTH}[made.step]
    assert (made.dropped_windows, made.zeros, made.people) == (windows, made.step < 4, made.step < 5)


@given(loads(), st.integers(1, 6000), st.integers(0, 40))
def test_never_more_breakdown_people_than_configured(load: Load, max_series: int, breakdown_users: int) -> None:
    assert plan(load, max_series, breakdown_users).breakdown_users <= breakdown_users
