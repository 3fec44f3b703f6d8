"""The bill is exact: what the facts say is what plain Python adds up from the same lines, to the last of twelve decimals."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from cur_made import EXPORT, NOVEMBER, NOW, Bill, Fact, Line, line, write_manifest, write_month
from recount_cur import CHARGES, Key, Recount, decimal

from exporter.sources.cur import tag_keys

TYPES = [*CHARGES, "Fee", "EdpDiscount", "SppDiscount", "PrivateRateDiscount", "BundledDiscount", "Unheard"]
CODES = ["AmazonEC2", "AmazonS3", "AWSLambda", "AmazonBedrock", "AmazonCloudWatch", "AWSELB", "Kiro", "awskms", "AWSSupportBusiness"]
MONEY = (
    "unblended_cost",
    "net_unblended_cost",
    "reservation_effective_cost",
    "reservation_net_effective_cost",
    "reservation_unused_amortized_upfront_fee_for_billing_period",
    "reservation_unused_recurring_fee",
    "reservation_net_unused_amortized_upfront_fee_for_billing_period",
    "reservation_net_unused_recurring_fee",
    "savings_plan_savings_plan_effective_cost",
    "savings_plan_net_savings_plan_effective_cost",
    "savings_plan_total_commitment_to_date",
    "savings_plan_used_commitment",
)
FUNCTION = "arn:aws:lambda:us-east-1:1:function:orders"
CREATORS = {"i-1": "session:alice", "snap-1": "iam_user:bob@111122223333", "bucket-1": "session:carol", FUNCTION: "session:dave"}


def random_lines(seed: int, count: int) -> Iterator[Line]:
    numbers = random.Random(seed)

    def money() -> float:
        return numbers.choice((0.0, numbers.random(), -numbers.random() * 1e-9, numbers.random() * 1e6, 1e-13, 5e-13, -0.0000000000005))

    def one_of(*values: object) -> object:
        return numbers.choice(values)

    user = "11111111-2222-4333-8444-55555555555"
    for _ in range(count):
        yield line(
            str(one_of(*TYPES)),
            None,
            str(one_of("2026-10-31", "2026-11-02", "2026-11-03", "2026-11-28")),
            **{name: money() if numbers.random() < 0.9 else None for name in MONEY},
            usage_amount=money(),
            product_code=one_of(*CODES),
            operation=one_of("RunInstances", "monthly-subscription", "Credits", "q-developer-snapshot"),
            usage_type=one_of("BoxUsage", "USE1-KiroEnterprise-Pro", "USE1-KiroEnterprise-ProMax"),
            resource_id=one_of(
                None,
                "",
                "i-1",
                "arn:aws:ec2:us-east-1:1:snapshot/snap-1",
                "arn:aws:s3:::bucket-1",
                FUNCTION,
                f"{FUNCTION}:2",
                f"arn:aws:identitystore:::user/9067000000-{user}1",
            ),
            user_identifier=one_of(None, f"{user}1", f"9067000000-{user}2".upper()),
            iam_principal=one_of(None, "arn:aws:iam::111122223333:user/alice", ""),
            reservation_reservation_a_r_n=one_of(None, "", "arn:aws:ec2:us-east-1:1:reserved-instances/r-1"),
            resource_tags=one_of({}, {"user_owner": "alice"}, {"user_owner": "", "user_created_by": "b\x1fob "}, {"aws_created_by": "Root:1:x"}),
            product_region_code=one_of("us-east-1", "", None),
        )


def of_facts(facts: list[Fact]) -> dict[Key, tuple[Decimal, Decimal | None, int]]:
    return {tuple(fact[:15]): (fact.cost, fact.quantity, fact.lines) for fact in facts if fact.resource is None}


@pytest.mark.parametrize("metric", ["amortized", "unblended", "net_unblended"])
def test_facts_are_what_plain_python_adds_up(tmp_path: Path, metric: str) -> None:
    bill = Bill(tmp_path, metric=metric)
    bill.creators = list(CREATORS.items())
    write_month(bill.export, list(random_lines(7, 1_500)))
    bill.refresh(NOW)
    keys = [key for tag in bill.owner_tags for key in tag_keys(tag)]
    recount = Recount(metric, keys, CREATORS).export(bill.export, NOW.date())
    assert of_facts(bill.facts()) == recount.facts()
    resources = {(NOVEMBER, fact.account, *fact[6:13], fact.resource): fact.day for fact in bill.facts() if fact.resource is not None}
    assert resources == recount.resources


def test_ten_million_tiny_lines_sum_exactly(tmp_path: Path) -> None:
    bill = Bill(tmp_path)
    file = bill.export / "data" / "BILLING_PERIOD=2026-11" / f"{EXPORT}-00001.snappy.parquet"
    file.parent.mkdir(parents=True)
    rows = 10_000_000
    duckdb.connect().execute(
        f"""COPY (
            SELECT 'Usage' AS line_item_line_item_type, TIMESTAMP '2026-11-10' AS line_item_usage_start_date, '111122223333' AS line_item_usage_account_id,
                'AWSLambda' AS line_item_product_code, 'USD' AS line_item_currency_code,
                ((i % 7 + 1)::DOUBLE / 1e10)::DOUBLE AS line_item_unblended_cost,
            FROM range({rows}) r(i)
        ) TO '{file}' (FORMAT parquet)"""
    )
    write_manifest(bill.export, NOVEMBER, [file])
    bill.opened(metric="unblended")
    bill.refresh()
    tiny = [decimal((number + 1) / 1e10) or Decimal(0) for number in range(7)]
    wanted = sum(cost * (rows // 7 + (number < rows % 7)) for number, cost in enumerate(tiny))
    assert [(fact.day, fact.cost, fact.lines) for fact in bill.facts()] == [(date(2026, 11, 10), wanted, rows)]
