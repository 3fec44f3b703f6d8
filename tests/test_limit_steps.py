"""`limits.max_series` end to end: what each step takes, that the limit is kept, and that totals stay."""

from __future__ import annotations

import pytest
from facts_in_memory import Published, in_memory
from folded_people import BREAKDOWNS, NAMES, facts, folded, totals

from exporter.facts.recent import RecentFacts
from exporter.families import Kind
from exporter.families.catalogue import families


@pytest.fixture(scope="module")
def recent() -> RecentFacts:
    return in_memory(facts())


@pytest.fixture(scope="module")
def whole(recent: RecentFacts) -> Published:
    return folded(recent, {})


@pytest.fixture(scope="module")
def sizes(whole: Published) -> dict[str, int]:
    """Series of the whole snapshot, counted from its text, by what can give way."""
    essentials = {name for name, family in families().items() if family.kind is Kind.ESSENTIAL}
    of_family = {
        name: sum(len(series) for sample, series in whole.samples.items() if sample == name or sample in families()[name].names()) for name in essentials
    }
    windows = {
        window: sum(len(whole[f"{name}_{window}"]) for name in essentials if f"{name}_{window}" in whole.samples) for window in ("last_7d", "last_month")
    }
    zeros = sum(
        value == 0 for name in essentials for window in families()[name].windows if window not in windows for value in whole[f"{name}_{window}"].values()
    )
    breakdowns = sum(len(series) for sample, series in whole.samples.items() if any(sample in families()[name].names() for name in BREAKDOWNS))
    # Two clients, two clients, five models; five counters: three windows each, three teams.
    only_other = 3 * 3 * (2 + 2 + 5 + 5)
    return {"all": whole.series, "essentials": sum(of_family.values()), "breakdowns": breakdowns, "only_other": only_other, "zeros": zeros, **windows}


@pytest.fixture(scope="module")
def steps(recent: RecentFacts, sizes: dict[str, int]) -> dict[str, tuple[int, Published]]:
    """Snapshots at the limits between the steps, by a name; with the limit that was set."""
    least = sizes["all"] - sizes["breakdowns"] + sizes["only_other"]
    limits = {
        "as it is": sizes["all"],
        "one less": sizes["all"] - 1,
        "no breakdown people": least,
        "without last_7d": least - 1,
        "without last_month": least - sizes["last_7d"] - 1,
        "without zeros": least - sizes["last_7d"] - sizes["last_month"] - 1,
        "fewer people": least - sizes["last_7d"] - sizes["last_month"] - sizes["zeros"] - 60,
        "nobody": 1,
    }
    return {name: (most, folded(recent, {"max_series": most})) for name, most in limits.items()}


EVERY_STEP = [
    "as it is",
    "one less",
    "no breakdown people",
    "without last_7d",
    "without last_month",
    "without zeros",
    "fewer people",
    "nobody",
]


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("as it is", 0),
        ("one less", 1),
        ("no breakdown people", 1),
        ("without last_7d", 2),
        ("without last_month", 3),
        ("without zeros", 4),
        ("fewer people", 5),
        ("nobody", 5),
    ],
)
def test_limit_step(steps: dict[str, tuple[int, Published]], name: str, step: int) -> None:
    assert steps[name][1].built.snapshot.limit_step == step


@pytest.mark.parametrize("name", EVERY_STEP[:-1])
def test_limit_is_kept(steps: dict[str, tuple[int, Published]], name: str) -> None:
    most, seen = steps[name]
    assert seen.series <= most


@pytest.mark.parametrize("name", EVERY_STEP)
def test_series_and_folded_are_those_of_the_text(whole: Published, steps: dict[str, tuple[int, Published]], name: str) -> None:
    snapshot = steps[name][1].built.snapshot
    found = {sample: len(series) for sample, series in steps[name][1].samples.items()}
    gone = {sample: len(series) - found.get(sample, 0) for sample, series in whole.samples.items() if len(series) > found.get(sample, 0)}
    assert (snapshot.series, snapshot.folded) == (found, gone)


def test_first_step_takes_breakdown_people_only(whole: Published, steps: dict[str, tuple[int, Published]]) -> None:
    seen = steps["no breakdown people"][1]
    changed = {sample for sample in whole.samples if whole[sample] != seen[sample]}
    assert changed == {f"{name}_{window}" for name in BREAKDOWNS for window in ("yesterday", "last_30d", "month_to_date")}


def test_second_step_takes_last_7d_of_essentials(whole: Published, steps: dict[str, tuple[int, Published]]) -> None:
    gone = whole.samples.keys() - steps["without last_7d"][1].samples.keys()
    assert gone == {"kiro_user_credits_last_7d", "kiro_user_active_dates_last_7d"}


def test_third_step_takes_last_month_of_essentials(whole: Published, steps: dict[str, tuple[int, Published]]) -> None:
    gone = whole.samples.keys() - steps["without last_month"][1].samples.keys()
    assert gone == {"kiro_user_credits_last_7d", "kiro_user_active_dates_last_7d", "kiro_user_credits_last_month", "kiro_user_list_cost_last_month"}


def test_third_step_leaves_the_sparse(steps: dict[str, tuple[int, Published]]) -> None:
    assert len(steps["without last_month"][1]["kiro_user_overage_credits_last_month"]) == 6


def test_fourth_step_takes_zeros(whole: Published, steps: dict[str, tuple[int, Published]]) -> None:
    name = "kiro_user_credits_yesterday"
    assert steps["without zeros"][1][name] == {labels: value for labels, value in whole[name].items() if value}


def test_fifth_step_sums_the_smallest_people(whole: Published, steps: dict[str, tuple[int, Published]]) -> None:
    standing = {labels[0] for labels in steps["fewer people"][1]["aws_user_info"]}
    ranked = sorted(whole.of("kiro_user_credits_last_30d").items(), key=lambda item: -item[1])
    assert standing == {user for user, _ in ranked[: len(standing)]}


def test_last_step_leaves_nobody_by_name(steps: dict[str, tuple[int, Published]]) -> None:
    named = {dict(pairs)["user"] for series in steps["nobody"][1].samples.values() for pairs in series if "user" in dict(pairs)}
    assert named == {"_other"}


@pytest.mark.parametrize("family", ["kiro_user_active_dates_last_30d", "kiro_user_credit_utilization_ratio", "kiro_user_last_activity_timestamp_seconds"])
def test_what_cannot_be_summed_is_nobodys(steps: dict[str, tuple[int, Published]], family: str) -> None:
    assert steps["nobody"][1][family] == {}


GIVEN_UP = {"kiro_user_credits_last_7d", "kiro_user_credits_last_month", "kiro_user_list_cost_last_month"}
"""By the second and third limit step."""


@pytest.mark.parametrize("name", [name for name in NAMES if name not in GIVEN_UP])
def test_total_is_the_same_at_the_last_limit_step(whole: Published, steps: dict[str, tuple[int, Published]], name: str) -> None:
    assert totals(steps["nobody"][1], name) == pytest.approx(totals(whole, name), rel=1e-12)
