"""What the config makes of the bill of cost_people.py: budgets, which bill it is, to whom it is attributed, limits and privacy."""

from __future__ import annotations

from decimal import Decimal

import pytest
from billed import Billed
from cost_people import ENTRIES, A, B, july, landed, of, published, texts
from facts_in_memory import Published

from exporter.people import Entry


@pytest.fixture(scope="module")
def seen() -> Published:
    return published()


# Budgets


def test_budgets() -> None:
    seen = published(budgets={"organization": "1000.50", "teams": {"core": 100, "data": "0.1"}, "person": 25})
    assert texts(seen, "aws_cost_budget") == {
        ("organization", "", "USD"): "1000.5",
        ("team", "core", "USD"): "100",
        ("team", "data", "USD"): "0.1",
        ("person", "", "USD"): "25",
    }


def test_without_budgets_there_is_none(seen: Published) -> None:
    assert seen["aws_cost_budget"] == {}


def test_budgets_are_in_the_currency_of_the_bill() -> None:
    seen = published([Billed(july(14), 1, currency="EUR")], budgets={"organization": 5})
    assert texts(seen, "aws_cost_budget") == {("organization", "", "EUR"): "5"}


# Which bill


def test_other_bill_pays_for_nobody() -> None:
    rows = [Billed(july(14), 1, owner="alice"), Billed(july(14), 100, owner="alice", source="cost_explorer")]
    both = {"cur": {"location": "x/"}, "cost_explorer": {}}
    seen = published(rows, days=landed(("cur", "cost_explorer")), sources=both, bill="cur")
    assert texts(seen, "aws_cost_yesterday") == {("usage", "USD"): "1"}


def test_cost_explorer_can_pay() -> None:
    rows = [Billed(july(14), 1, owner="alice"), Billed(july(14), 100, owner="alice", source="cost_explorer")]
    both = {"cur": {"location": "x/"}, "cost_explorer": {}}
    seen = published(rows, days=landed(("cur", "cost_explorer")), sources=both, bill="cost_explorer")
    assert texts(seen, "aws_user_cost_yesterday") == {("alice", "core", "usage", "USD"): "100"}


# Attribution by the config


def test_shared_charges_are_given_where_asked_for() -> None:
    seen = published(attribution={"shared_charges": True})
    assert texts(seen, "aws_cost_unattributed_yesterday") == {
        ("not_a_person", "USD"): "11",
        ("unknown_person", "USD"): "13",
        ("no_identity", "USD"): "5",
    }


def test_shared_charges_of_an_owned_account_are_its_owners() -> None:
    seen = published(attribution={"shared_charges": True})
    assert texts(seen, "aws_user_cost_yesterday")["bob", "core", "commitment", "USD"] == "7"


def test_order_is_that_of_the_config() -> None:
    rows = [Billed(july(14), 1, owner="alice", user=B)]
    seen = published(rows, attribution={"order": ["owner_tag", "user_identifier"]})
    assert texts(seen, "aws_cost_attributed_yesterday") == {("owner_tag", "USD"): "1"}


def test_method_that_is_not_asked_is_not_published() -> None:
    seen = published(attribution={"order": ["owner_tag"]})
    assert {labels[0] for labels in seen["aws_cost_attributed_yesterday"]} == {"owner_tag"}


def test_corrected_people_move_all_history() -> None:
    seen = published(entries=[Entry("alice", aliases=(A, "platform")), *ENTRIES[1:]])
    assert of(seen, "aws_user_cost_last_month", user="alice") == Decimal(61)


# Limits


def test_folded_people_are_summed_exactly() -> None:
    seen = published(limits={"breakdown_users": 1})
    assert of(seen, "aws_user_service_cost_last_30d") == of(seen, "aws_user_cost_last_30d")


def test_folded_people_keep_the_currency() -> None:
    seen = published(limits={"breakdown_users": 1})
    assert {labels[2] for labels in seen["aws_user_service_cost_last_30d"]} == {"USD"}


def test_folded_values_are_summed_exactly() -> None:
    seen = published(limits={"breakdown_values": 1})
    assert texts(seen, "aws_user_service_cost_yesterday")["alice", "core", "USD", "_other"] == "1.000000000001"


def test_last_limit_step_keeps_the_sum() -> None:
    seen = published(limits={"max_series": 1})
    assert (seen.built.snapshot.limit_step, of(seen, "aws_user_cost_last_30d")) == (5, of(published(), "aws_user_cost_last_30d"))


def test_people_who_are_hidden_stay_in_the_sum() -> None:
    seen = published(privacy={"exclude_users": ["alice"]})
    assert texts(seen, "aws_user_cost_3d_ago") | texts(seen, "aws_user_cost_last_month") == {
        ("bob", "core", "usage", "USD"): "3.3",
        ("_other", "core", "usage", "USD"): "24",
        ("_other", "core", "subscription", "USD"): "20",
    }


def test_pseudonyms_change_nothing_but_names(seen: Published) -> None:
    hashed = published(privacy={"user_label": "hash", "hash_key": "0123456789abcdef"})
    assert sorted(texts(hashed, "aws_user_cost_last_30d").values()) == sorted(texts(seen, "aws_user_cost_last_30d").values())
    assert [chunk for chunk in hashed.built.snapshot.chunks if b"alice" in chunk.plain or B.encode() in chunk.plain] == []
