"""The bill of the sample: it is that of the same people as the Kiro reports and CloudTrail, and it is restated as real ones are."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from cur_made import Bill, Fact
from recount_cur import Recount
from sample_folders import contents, rows_of

from exporter.sample import OPTIONAL, Organisation, sandbox_owners, write
from exporter.sample.bill import PRICES, write_bill
from exporter.sample.cloudtrail_habits import directory_id
from exporter.sources.cur import tag_keys

FIRST, LAST = date(2026, 10, 20), date(2026, 11, 21)
ORGANISATION = Organisation.generate(150, 5)
OCTOBER, NOVEMBER = date(2026, 10, 1), date(2026, 11, 1)
Row = dict[str, Any]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bill") / "sample"
    write(ORGANISATION, folder, FIRST, LAST, cloudtrail=True, events=4, bill=True)
    return folder


def lines_of(export: Path, month: date = NOVEMBER) -> list[Row]:
    found = duckdb.connect().execute("FROM read_parquet($1)", [str(export / "data" / f"BILLING_PERIOD={month:%Y-%m}" / "*.parquet")])
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def of_type(lines: list[Row], *types: str) -> list[Row]:
    return [line for line in lines if line["line_item_line_item_type"] in types]


@pytest.fixture(scope="module")
def november(sample: Path) -> list[Row]:
    return lines_of(sample / "cur")


def test_both_months_are_there_with_their_manifests(sample: Path) -> None:
    manifests = sorted((sample / "cur").glob("metadata/*/*-Manifest.json"))
    assert [path.parent.name for path in manifests] == ["BILLING_PERIOD=2026-10", "BILLING_PERIOD=2026-11"]
    for path in manifests:
        (file,) = json.loads(path.read_text())["dataFiles"]
        data = sample / "cur" / file[file.index("data/") :]
        assert data.stat().st_mtime_ns <= path.stat().st_mtime_ns


def test_overage_is_that_of_the_kiro_reports(sample: Path, november: list[Row]) -> None:
    reported: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    newest: dict[tuple[str, str, str], Row] = {}
    for row in rows_of(sample):
        newest[row["Date"], row["UserId"][-36:], row["Client_Type"]] = row  # files come in the order of their exports
    for (day, user, _), row in newest.items():
        if day >= "2026-11-01":
            reported[day, user] += Decimal(row["Overage_Credits_Used"])
    billed = {
        (f"{line['line_item_usage_start_date']:%Y-%m-%d}", line["line_item_user_identifier"][-36:]): Decimal(repr(line["line_item_usage_amount"]))
        for line in november
        if line["line_item_operation"] == "Credits"
    }
    assert billed
    wanted = {key: credits for key, credits in reported.items() if credits}
    assert billed.keys() == wanted.keys()
    assert all(abs(billed[key] - wanted[key]) < Decimal("1e-9") for key in wanted)


def test_every_seat_that_was_ever_used_is_billed_and_no_other(november: list[Row]) -> None:
    seats = {line["line_item_resource_id"].removeprefix("arn:aws:identitystore:::user/"): line for line in of_type(november, "FlatRateSubscription")}
    people = [person for person in ORGANISATION.people(NOVEMBER, LAST) if person.seat is not None]
    held = {directory_id(ORGANISATION, person): person for person in people if person.seat and person.seat.since <= min(LAST, person.left)}
    assert {user for user, person in held.items() if person.seat and person.seat.use != "never"} == set(seats)
    assert {user for user, person in held.items() if person.seat and person.seat.use == "never"}, "somebody has a seat and never signed in"
    assert {person for user, person in held.items() if person.seat and person.seat.use == "rare"}, "somebody pays and hardly uses it"
    for user, line in seats.items():
        seat = held[user].seat
        assert seat is not None
        assert line["line_item_user_identifier"] in (user, None)
        share = Decimal(31 - max(1, seat.since.day if seat.since >= NOVEMBER else 1)) / 30
        assert abs(Decimal(repr(line["line_item_unblended_cost"])) - PRICES[seat.tier] * share) < Decimal("1e-9")


def test_resources_are_those_that_cloudtrail_saw_being_created(sample: Path, november: list[Row]) -> None:
    billed = {line["line_item_resource_id"] for line in november}
    created: set[str] = set()
    for path in sample.glob("AWSLogs/o-*/*/CloudTrail/**/*.json.gz"):
        with gzip.open(path) as file:
            for record in json.load(file)["Records"]:
                answer = record["responseElements"] or {}
                created |= {answer.get(name) for name in ("volumeId", "dBInstanceArn", "functionArn")}
                created |= {item["instanceId"] for item in answer.get("instancesSet", {}).get("items", ())}
    created.discard(None)  # type: ignore[arg-type]
    assert len(created) > 5
    assert created <= billed | {line["line_item_resource_id"] for line in lines_of(sample / "cur", OCTOBER)}


@pytest.mark.parametrize(
    "type_",
    [
        "Usage",
        "SavingsPlanCoveredUsage",
        "SavingsPlanNegation",
        "SavingsPlanRecurringFee",
        "DiscountedUsage",
        "RIFee",
        "Fee",
        "FlatRateSubscription",
        "Tax",
        "Credit",
        "EdpDiscount",
    ],
)
def test_every_kind_of_line_is_there(november: list[Row], type_: str) -> None:
    assert of_type(november, type_)


def test_what_the_plan_covers_is_taken_back_and_paid_by_the_plan(november: list[Row]) -> None:
    for offset in range(21):
        day = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(days=offset)
        lines = [line for line in november if line["line_item_usage_start_date"] == day.replace(tzinfo=None)]
        covered, taken = of_type(lines, "SavingsPlanCoveredUsage"), of_type(lines, "SavingsPlanNegation")
        (fee,) = of_type(lines, "SavingsPlanRecurringFee")
        money = [sum(Decimal(repr(line[f"line_item_{cost}"])) for line in some) for some, cost in ((covered, "unblended_cost"), (taken, "unblended_cost"))]
        assert money[0] == -money[1]
        effective = sum(Decimal(repr(line["savings_plan_savings_plan_effective_cost"])) for line in covered)
        assert effective == Decimal(repr(fee["savings_plan_used_commitment"]))
        assert effective <= Decimal(repr(fee["savings_plan_total_commitment_to_date"]))


def test_support_is_billed_before_its_day_has_come(november: list[Row]) -> None:
    (support,) = [line for line in november if line["line_item_product_code"] == "AWSSupportBusiness"]
    assert support["line_item_usage_start_date"].date() == date(2026, 11, 30)


def test_sandboxes_are_told_by_their_account_alone(november: list[Row]) -> None:
    owners = sandbox_owners(ORGANISATION, LAST)
    lines = [line for line in of_type(november, "Usage") if line["line_item_usage_account_id"] in owners]
    assert {line["line_item_usage_account_id"] for line in lines} == set(owners)
    assert not any(line["resource_tags"] or line["line_item_iam_principal"] or line["line_item_user_identifier"] for line in lines)


def test_a_later_day_restates_what_the_earlier_one_said(tmp_path: Path) -> None:
    organisation = Organisation.generate(30, 5)
    write_bill(organisation, tmp_path / "a", NOVEMBER, date(2026, 11, 3))
    early = contents(tmp_path / "a")
    write_bill(organisation, tmp_path / "a", NOVEMBER, date(2026, 11, 7))
    late = contents(tmp_path / "a")
    assert early.keys() == late.keys()
    assert all(early[name] != late[name] for name in early if name.endswith((".parquet", ".json"))), "October was settled, November went on"
    write_bill(organisation, tmp_path / "a", NOVEMBER, date(2026, 11, 7))
    assert contents(tmp_path / "a") == late


def test_storage_comes_a_day_late(tmp_path: Path) -> None:
    organisation = Organisation.generate(30, 5)
    write_bill(organisation, tmp_path, NOVEMBER, date(2026, 11, 3))
    days = {line["line_item_usage_start_date"].day for line in lines_of(tmp_path / "cur") if line["line_item_product_code"] == "AmazonS3"}
    assert 2 in days
    assert 3 not in days


@pytest.mark.parametrize("column", sorted(OPTIONAL))
def test_a_column_can_be_left_out(tmp_path: Path, column: str) -> None:
    write_bill(Organisation.generate(5, 5), tmp_path, NOVEMBER, date(2026, 11, 2), without=frozenset({column}))
    assert column not in lines_of(tmp_path / "cur")[0]


def of_facts(facts: list[Fact]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    return {tuple(fact[:15]): (fact.cost, fact.quantity, fact.lines) for fact in facts if fact.resource is None}


@pytest.mark.parametrize("metric", ["amortized", "unblended"])
def test_the_facts_of_the_sample_are_what_plain_python_adds_up(sample: Path, tmp_path: Path, metric: str) -> None:
    bill = Bill(tmp_path, metric=metric)
    bill.export = sample / "cur"
    owned = [line for line in lines_of(sample / "cur") if line["line_item_resource_id"]]
    bill.creators = sorted({(line["line_item_resource_id"], f"session:{number % 7}") for number, line in enumerate(owned[::11])})
    creators: dict[str, str] = {}
    for resource, creator in bill.creators:
        creators.setdefault(resource, creator)
    bill.refresh(datetime(2026, 11, 22, 6, tzinfo=UTC))
    keys = [key for tag in bill.owner_tags for key in tag_keys(tag)]
    assert of_facts(bill.facts()) == Recount(metric, keys, creators).export(sample / "cur", date(2026, 11, 22)).facts()
