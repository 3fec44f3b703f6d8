"""What restated days, days that have not landed, and a bill that is old or not there do to the cost of people and of the whole."""

from __future__ import annotations

from decimal import Decimal

import pytest
from billed import Billed
from cost_people import BILL, july, june, landed, of, published
from facts_in_memory import Published, at

from exporter.model import DayRange


@pytest.fixture(scope="module")
def seen() -> Published:
    return published()


def test_restated_month_moves_the_settled_trend_and_nothing_else(seen: Published) -> None:
    restated = published([*BILL, Billed(june(10), "9.99", owner="alice")])
    moved = {name for name in seen.samples if seen[name] != restated[name]}
    assert moved == {f"{family}_last_month" for family in ("aws_cost", "aws_cost_attributed", "aws_user_cost")}


def test_restated_day_of_the_trend_moves_it(seen: Published) -> None:
    restated = published([*BILL, Billed(july(12), "9.99", owner="alice")])
    assert of(restated, "aws_cost_3d_ago") - of(seen, "aws_cost_3d_ago") == Decimal("9.99")


def test_restated_day_of_the_trend_leaves_yesterday(seen: Published) -> None:
    restated = published([*BILL, Billed(july(12), "9.99", owner="alice")])
    assert restated["aws_cost_yesterday"] == seen["aws_cost_yesterday"]


@pytest.mark.parametrize("window", ["yesterday"])
def test_day_that_has_not_landed_is_absent(window: str) -> None:
    late = published(days=landed(days=DayRange(june(1), july(13))))
    assert [name for name in late.samples if name.endswith(f"_cost_{window}") or name == f"aws_cost_{window}"] == []


def test_landed_day_without_lines_costs_nothing() -> None:
    seen = published([Billed(july(1), 1, owner="alice")])
    assert (seen["aws_cost_yesterday"], seen["aws_user_cost_yesterday"]["alice", "core", "usage", "USD"]) == ({("usage", "USD"): 0}, 0)


def test_bill_is_withdrawn_at_max_age() -> None:
    late = published(now=at(2026, 7, 22))
    assert [name for name in late.samples if "cost" in name] == []


def test_without_a_bill_there_is_no_cost() -> None:
    seen = published([], days=landed(("kiro_credits",)), sources={"kiro_credits": {"location": "data/"}})
    assert [name for name in seen.samples if name.startswith("aws_") and "cost" in name] == []


def test_empty_bill_publishes_nothing_of_cost() -> None:
    assert [name for name in published([]).samples if "cost" in name] == []
