"""What each kind of line of a bill becomes, by values worked out by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from cur_made import NOVEMBER, Bill, Line, facts_of, line, write_month

ALICE = "11111111-2222-4333-8444-555555555555"

COVERED: Line = {
    "savings_plan_savings_plan_effective_cost": 0.7,
    "savings_plan_net_savings_plan_effective_cost": 0.6,
    "net_unblended_cost": 0.9,
    "resource_id": "i-1",
}
RESERVED: Line = {"reservation_effective_cost": 0.4, "reservation_net_effective_cost": 0.3, "net_unblended_cost": 0.0, "resource_id": "i-1"}
UNUSED: Line = {
    "reservation_unused_amortized_upfront_fee_for_billing_period": 2.5,
    "reservation_unused_recurring_fee": 1.25,
    "reservation_net_unused_amortized_upfront_fee_for_billing_period": 2.0,
    "reservation_net_unused_recurring_fee": 1.0,
    "net_unblended_cost": 8.0,
    "resource_id": "arn:aws:ec2:us-east-1:111122223333:reserved-instances/r-1",
}
PLAN: Line = {
    "savings_plan_total_commitment_to_date": 2.4,
    "savings_plan_used_commitment": 1.9,
    # Half of what is paid each hour and half of what was paid before; the discount takes a fifth of the one and nothing of the other.
    "savings_plan_recurring_commitment_for_billing_period": 100.0,
    "savings_plan_net_recurring_commitment_for_billing_period": 80.0,
    "savings_plan_amortized_upfront_commitment_for_billing_period": 100.0,
    "savings_plan_net_amortized_upfront_commitment_for_billing_period": 100.0,
    "net_unblended_cost": 2.0,
    "resource_id": "arn:aws:savingsplans::777788889999:savingsplan/s-1",
}
# Type, fields, charge, then the cost by amortized, unblended, net_amortized and net_unblended.
LINES = [
    ("Usage", {"net_unblended_cost": 0.8, "resource_id": "i-1"}, "usage", "1.0 1.0 0.8 0.8"),
    ("Usage", {"resource_id": "i-1"}, "usage", "1.0 1.0 1.0 1.0"),
    ("SavingsPlanCoveredUsage", COVERED, "usage", "0.7 1.0 0.6 0.9"),
    ("SavingsPlanNegation", {"net_unblended_cost": 1.0}, "commitment", "0 1.0 0 1.0"),
    ("SavingsPlanRecurringFee", PLAN, "commitment", "0.5 1.0 0.45 2.0"),
    ("SavingsPlanUpfrontFee", {"net_unblended_cost": 0.9}, "commitment", "0 1.0 0 0.9"),
    ("DiscountedUsage", RESERVED, "usage", "0.4 1.0 0.3 0.0"),
    ("RIFee", UNUSED, "commitment", "3.75 1.0 3.0 8.0"),
    ("RIFee", {}, "commitment", "0 1.0 0 1.0"),
    ("Fee", {"reservation_reservation_a_r_n": "arn:aws:ec2:us-east-1:111122223333:reserved-instances/r-1"}, "commitment", "0 1.0 0 1.0"),
    ("Fee", {"reservation_reservation_a_r_n": ""}, "subscription", "1.0 1.0 1.0 1.0"),
    ("FlatRateSubscription", {}, "subscription", "1.0 1.0 1.0 1.0"),
    ("Tax", {}, "tax", "1.0 1.0 1.0 1.0"),
    ("Credit", {"net_unblended_cost": 0.0}, "credit", "1.0 1.0 0.0 0.0"),
    ("Refund", {}, "refund", "1.0 1.0 1.0 1.0"),
    ("EdpDiscount", {}, "discount", "1.0 1.0 1.0 1.0"),
    ("SppDiscount", {}, "discount", "1.0 1.0 1.0 1.0"),
    ("BundledDiscount", {}, "discount", "1.0 1.0 1.0 1.0"),
    ("PrivateRateDiscount", {}, "discount", "1.0 1.0 1.0 1.0"),
    ("SomethingNew", {}, "other", "1.0 1.0 1.0 1.0"),
]
METRICS = ("amortized", "unblended", "net_amortized", "net_unblended")


@pytest.mark.parametrize(("type_", "fields", "charge", "costs"), LINES, ids=[f"{number}-{made[0]}" for number, made in enumerate(LINES)])
@pytest.mark.parametrize("metric", METRICS)
def test_a_line_has_the_charge_and_cost_of_its_kind(tmp_path: Path, type_: str, fields: Line, charge: str, costs: str, metric: str) -> None:
    (fact,) = facts_of(tmp_path, [line(type_, 1.0, **fields)], metric=metric)
    assert (fact.charge, fact.cost, fact.lines) == (charge, Decimal(costs.split()[METRICS.index(metric)]), 1)


def test_a_plan_costs_as_much_amortised_as_was_committed(tmp_path: Path) -> None:
    hour = [
        line("SavingsPlanCoveredUsage", 1.3, savings_plan_savings_plan_effective_cost=0.9, resource_id="i-1"),
        line("SavingsPlanCoveredUsage", 1.5, savings_plan_savings_plan_effective_cost=1.0, resource_id="i-2"),
        line("SavingsPlanNegation", -2.8),
        line("SavingsPlanRecurringFee", 2.4, savings_plan_total_commitment_to_date=2.4, savings_plan_used_commitment=1.9),
    ]
    assert sum(fact.cost for fact in facts_of(tmp_path, hour)) == Decimal("2.4")


def test_refunds_and_credits_are_negative_and_stand_beside_what_they_lower(tmp_path: Path) -> None:
    found = facts_of(tmp_path, [line(cost=10.0, resource_id="i-1"), line("Refund", -2.5, resource_id="i-1"), line("Credit", -1.0)])
    assert {fact.charge: (fact.cost, fact.shared) for fact in found} == {
        "usage": (Decimal(10), False),
        "refund": (Decimal("-2.5"), False),
        "credit": (Decimal(-1), True),
    }


@pytest.mark.parametrize(
    ("fields", "shared"),
    [
        ({}, True),
        ({"resource_id": " "}, True),
        ({"resource_id": "i-1"}, False),
        ({"user_identifier": ALICE}, False),
        ({"iam_principal": "arn:aws:iam::111122223333:user/alice"}, False),
        ({"resource_tags": {"user_owner": "alice"}}, False),
        ({"resource_tags": {"user_owner": "  "}}, True),
        ({"resource_tags": {"user_name": "web"}}, True),
        ({"tags": {"resourceTags/aws:createdBy": "IAMUser:AIDA1:alice"}}, False),
    ],
)
def test_a_line_that_names_neither_resource_nor_anybody_is_shared(tmp_path: Path, fields: Line, shared: bool) -> None:
    (fact,) = facts_of(tmp_path, [line(**fields)])
    assert fact.shared is shared


@pytest.mark.parametrize("type_", ["Tax", "RIFee", "SavingsPlanRecurringFee"])
def test_tax_and_commitments_are_shared_whatever_they_name(tmp_path: Path, type_: str) -> None:
    fields: Line = {"resource_id": "i-1", "resource_tags": {"user_owner": "alice"}, "savings_plan_total_commitment_to_date": 1.0}
    (fact,) = facts_of(tmp_path, [line(type_, **fields)])
    assert fact.shared


@pytest.mark.parametrize(
    ("spelled", "found"),
    [(ALICE, ALICE), (f"9067abcdef-{ALICE.upper()}", ALICE), (f" d-9067abcdef.{ALICE}", ALICE), ("alice", None), ("", None), (None, None)],
)
def test_user_identifiers_are_compared_by_their_uuid(tmp_path: Path, spelled: str | None, found: str | None) -> None:
    (fact,) = facts_of(tmp_path, [line(user_identifier=spelled)])
    assert fact.user_identifier == found


@pytest.mark.parametrize(
    ("resource", "found"),
    [
        (f"arn:aws:identitystore:::user/{ALICE}", ALICE),
        (f"arn:aws-us-gov:identitystore:::user/9067abcdef-{ALICE.upper()}", ALICE),
        (f"arn:aws:identitystore:::group/{ALICE}", None),
        (f"arn:aws:q:::user/{ALICE}", None),
    ],
)
def test_users_of_identity_center_are_resources_of_their_seats(tmp_path: Path, resource: str, found: str | None) -> None:
    (fact,) = facts_of(tmp_path, [line("FlatRateSubscription", resource_id=resource)])
    assert fact.identity_store_user == found


def test_principals_stay_as_they_are(tmp_path: Path) -> None:
    arn = "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Data_0123456789abcdef/Alice@Example.com"
    (fact,) = facts_of(tmp_path, [line(product_code="AmazonBedrock", iam_principal=arn)])
    assert (fact.service, fact.iam_principal) == ("bedrock", arn)


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ({"resource_tags": {"user_owner": "alice", "user_created_by": "bob"}}, "alice\x1fbob"),
        ({"resource_tags": {"user_created_by": " bob "}}, "bob"),
        ({"tags": {"resourceTags/Owner": "alice"}}, "alice"),
        ({"tags": {"accountTag/Owner": "alice"}}, None),
        ({"resource_tags": {"user_owner": "al\x1fice"}}, "alice"),
        ({"resource_tags": {"user_owner": "'; DROP TABLE cur; --"}}, "'; DROP TABLE cur; --"),
        ({"resource_tags": {"user_owner": '{"a": "\\u0000"}\n,\t\U0001f4b0'}}, '{"a": "\\u0000"}\n,\t\U0001f4b0'),
        ({"resource_tags": {"": "alice", "user_owner": ""}}, None),
        ({}, None),
    ],
)
def test_owner_tags_come_in_the_order_of_the_config(tmp_path: Path, tags: Line, found: str | None) -> None:
    (fact,) = facts_of(tmp_path, [line(**tags)])
    assert fact.owner_tags == found


@pytest.mark.parametrize(
    ("tag", "tags"),
    [
        ("CostCenter", {"resource_tags": {"user_cost_center": "alice"}}),
        ("owner-mail", {"resource_tags": {"user_owner_mail": "alice"}}),
        ("owner-mail", {"tags": {"resourceTags/owner-mail": "alice"}}),
        ("accountTag/owner", {"tags": {"accountTag/owner": "alice"}}),
        ("it's", {"tags": {"resourceTags/it's": "alice"}}),
    ],
)
def test_a_tag_is_found_as_exports_spell_it(tmp_path: Path, tag: str, tags: Line) -> None:
    (fact,) = facts_of(tmp_path, [line(**tags)], owner_tags=(tag,))
    assert fact.owner_tags == "alice"


@pytest.mark.parametrize(
    "tags",
    [
        {"resource_tags": {"aws_created_by": "AssumedRole:AROA1:alice"}},
        {"resource_tags": {"aws:createdBy": "AssumedRole:AROA1:alice"}},
        {"tags": {"resourceTags/aws:createdBy": "AssumedRole:AROA1:alice"}},
    ],
)
def test_the_tag_that_aws_sets_is_told_apart(tmp_path: Path, tags: Line) -> None:
    (fact,) = facts_of(tmp_path, [line(**tags)])
    assert (fact.created_by_tag, fact.owner_tags) == ("AssumedRole:AROA1:alice", None)


FUNCTION = "arn:aws:lambda:us-east-1:111122223333:function:orders"


@pytest.mark.parametrize("resource", [f"{FUNCTION}s", "orders", "arn:aws:s3:::data-of-alice/i-1", "arn:aws:rds:us-east-1:111122223333:db:i-1", f"x{FUNCTION}"])
def test_a_resource_that_is_only_spelled_alike_has_another_creator(tmp_path: Path, resource: str) -> None:
    bill = Bill(tmp_path)
    bill.creators = [(created, "session:alice") for created in ("i-1", "data-of-alice", FUNCTION)]
    write_month(bill.export, [line(resource_id=resource)])
    bill.refresh()
    assert {fact.creator for fact in bill.facts()} == {None}


@pytest.mark.parametrize(
    ("resource", "created"),
    [
        ("i-1", "i-1"),
        ("arn:aws:ec2:us-east-1:111122223333:snapshot/snap-1", "snap-1"),
        ("arn:aws:rds:us-east-1:111122223333:db:orders", "arn:aws:rds:us-east-1:111122223333:db:orders"),
        ("arn:aws:ec2:us-east-1:111122223333:instance/i-1", "i-1"),
        ("arn:aws-cn:ec2:cn-north-1:111122223333:natgateway/nat-1", "nat-1"),
        ("data-of-alice", "data-of-alice"),
        ("arn:aws:s3:::data-of-alice", "data-of-alice"),
        (FUNCTION, FUNCTION),
        (f"{FUNCTION}:7", FUNCTION),
        (f"{FUNCTION}:live", FUNCTION),
        (FUNCTION, f"{FUNCTION}:1"),
        (f"{FUNCTION}:2", f"{FUNCTION}:1"),
    ],
)
def test_creators_are_found_by_the_resource(tmp_path: Path, resource: str, created: str) -> None:
    bill = Bill(tmp_path)
    bill.creators = [("i-9", "session:bob"), (created, "session:alice")]
    write_month(bill.export, [line(resource_id=resource)])
    bill.refresh()
    assert {fact.creator for fact in bill.facts()} == {"session:alice"}


def test_a_resource_with_two_creators_costs_once(tmp_path: Path) -> None:
    bill = Bill(tmp_path)
    bill.creators = [("i-1", "session:bob"), ("i-1", "session:alice")]
    write_month(bill.export, [line(resource_id="i-1")])
    bill.refresh()
    (fact,) = bill.costs()
    assert (fact.creator, fact.cost) == ("session:alice", Decimal(1))


KIRO: Line = {"product_code": "Kiro", "resource_id": f"arn:aws:identitystore:::user/{ALICE}", "user_identifier": ALICE}


@pytest.mark.parametrize(
    ("usage_type", "tier"),
    [
        ("USE1-KiroEnterprise-Pro", "pro"),
        ("EUC1-KiroEnterprise-ProPlus", "pro_plus"),
        ("USE1-KiroEnterprise-PRO_MAX", "pro_max"),
        ("USE1-KiroEnterprise-Power", "power"),
        ("USE1-KiroEnterprise-Ultra-Two", "ultratwo"),
    ],
)
def test_seats_of_kiro_have_a_tier(tmp_path: Path, usage_type: str, tier: str) -> None:
    seat = line("FlatRateSubscription", 40.0, operation="monthly-subscription", usage_type=usage_type, usage_amount=0.5, **KIRO)
    (fact,) = facts_of(tmp_path, [seat])
    assert (fact.service, fact.charge, fact.component, fact.tier, fact.quantity) == ("kiro", "subscription", "seat", tier, Decimal("0.5"))


def test_credits_of_kiro_are_overage_under_either_pricing_unit(tmp_path: Path) -> None:
    used: Line = {"operation": "Credits", "usage_type": "USE1-KiroEnterprise-Credits", **KIRO}
    (fact,) = facts_of(tmp_path, [line(cost=0.4, usage_amount=10.0, **used), line(cost=0.04, usage_amount=1.0, **used)])
    assert (fact.component, fact.tier, fact.cost, fact.quantity) == ("overage", None, Decimal("0.44"), Decimal(11))


def test_a_discount_on_a_seat_lowers_its_cost_but_is_no_seat(tmp_path: Path) -> None:
    seat: Line = {"operation": "monthly-subscription", "usage_type": "USE1-KiroEnterprise-Pro", "usage_amount": 1.0, **KIRO}
    found = facts_of(tmp_path, [line("FlatRateSubscription", 20.0, **seat), line("EdpDiscount", -2.0, **seat)])
    assert {fact.charge: (fact.component, fact.cost, fact.quantity) for fact in found} == {
        "subscription": ("seat", Decimal(20), Decimal(1)),
        "discount": ("seat", Decimal(-2), Decimal(0)),
    }


def test_what_kiro_takes_over_from_amazon_q_is_no_component_and_costs_what_it_costs(tmp_path: Path) -> None:
    (fact,) = facts_of(tmp_path, [line(cost=19.0, operation="q-developer-snapshot", usage_amount=1.0, **KIRO)])
    assert (fact.component, fact.tier, fact.quantity, fact.cost) == (None, None, None, Decimal(19))


@pytest.mark.parametrize(
    ("code", "product", "service"),
    [
        ("AmazonEC2", {}, "ec2"),
        ("AmazonS3", {}, "s3"),
        ("AWSLambda", {}, "lambda"),
        ("awskms", {}, "kms"),
        ("AWSELB", {}, "elasticloadbalancing"),
        ("AmazonCloudWatch", {}, "monitoring"),
        ("ComputeSavingsPlans", {}, "computesavingsplans"),
        ("9ebsoj1ndoifkzbwzaya8b1nx", {"product_name": "Claude Opus 5 (Amazon Bedrock Edition)"}, "bedrock"),
        ("1n7vk8dlbw3hzu1cqlb9gkh2t", {"product_name": "Acme Observability"}, "acme observability"),
        ("1n7vk8dlbw3hzu1cqlb9gkh2t", {}, "1n7vk8dlbw3hzu1cqlb9gkh2t"),
        ("Amazon", {}, "unknown"),
        (None, {}, "unknown"),
    ],
)
def test_services_have_the_short_names_of_cloudtrail(tmp_path: Path, code: str | None, product: dict[str, str], service: str) -> None:
    (fact,) = facts_of(tmp_path, [line(product_code=code, product=product)])
    assert fact.service == service


@pytest.mark.parametrize(
    ("start", "day"),
    [
        ("2026-10-31", date(2026, 11, 1)),
        ("2026-11-01", date(2026, 11, 1)),
        ("2026-11-20", date(2026, 11, 20)),
    ],
)
def test_a_line_stands_within_its_month(tmp_path: Path, start: str, day: date) -> None:
    (fact,) = facts_of(tmp_path, [line("Fee", day=start)])
    assert fact.day == day


def test_a_line_without_date_stands_on_the_first_of_its_month(tmp_path: Path) -> None:
    (fact,) = facts_of(tmp_path, [{**line(), "line_item_usage_start_date": None}])
    assert fact.day == NOVEMBER


def test_resources_stand_once_a_month_for_whom_they_could_belong_to(tmp_path: Path) -> None:
    bill = Bill(tmp_path)
    mine: Line = {"resource_id": "i-1", "resource_tags": {"user_owner": "alice"}}
    lines = [
        *(line(day=f"2026-11-{day:02}", **mine) for day in (9, 7, 8)),
        line(day="2026-11-12", resource_id="i-1", resource_tags={"user_owner": "bob"}),
        line(day="2026-11-12", resource_id="i-2"),
        line("Tax", day="2026-11-02", resource_id="i-3"),
        line("Usage", product_code="Kiro", resource_id=f"arn:aws:identitystore:::user/{ALICE}"),
    ]
    write_month(bill.export, lines)
    bill.refresh()
    found = [(fact.day.day, fact.resource, fact.owner_tags, fact.cost, fact.lines) for fact in bill.facts() if fact.resource]
    assert sorted(found) == [(7, "i-1", "alice", 0, 0), (12, "i-1", "bob", 0, 0), (12, "i-2", None, 0, 0)]


@pytest.mark.parametrize("cost", [None, float("nan"), float("inf"), 1e27])
def test_a_line_whose_cost_is_no_number_is_counted_and_left_out(tmp_path: Path, cost: float | None) -> None:
    bill = Bill(tmp_path)
    write_month(bill.export, [line(cost=cost), line(cost=cost), line(cost=2.0)])
    bill.refresh()
    assert ([fact.cost for fact in bill.costs()], bill.rejected("cost")) == ([Decimal(2)], 2)


def test_a_line_without_currency_has_that_of_the_bill(tmp_path: Path) -> None:
    found = facts_of(tmp_path, [line(currency_code="eur"), line(currency_code=" ")])
    assert {fact.currency for fact in found} == {"EUR"}
