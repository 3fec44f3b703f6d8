"""Cost Explorer's plain functions: charges, services, page counts, and that facts add up to the bill whatever the answers say."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from cost_explorer_rig import NOW, FakeClient, Line, Rig
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.model import DayRange
from exporter.sources.cost_explorer_answers import Answer, Group, Part, facts
from exporter.sources.cost_explorer_plan import Pages, charge_of, expected_requests, fitting, is_shared, open_days, spans, still_unsettled
from exporter.sources.cost_explorer_services import short_name

DAY = date(2026, 11, 20)


@pytest.mark.parametrize(
    ("record_type", "charge", "shared"),
    [
        ("Usage", "usage", False),
        ("Savings Plan Covered Usage", "usage", False),
        ("SavingsPlanCoveredUsage", "usage", False),
        ("Reservation applied usage", "usage", False),
        ("DiscountedUsage", "usage", False),
        ("Savings Plan Negation", "commitment", True),
        ("Savings Plan Recurring Fee", "commitment", True),
        ("Recurring reservation fee", "commitment", True),
        ("Upfront reservation fee", "commitment", True),
        ("Support fee", "subscription", False),
        ("Other out-of-cycle charges", "subscription", False),
        ("FlatRateSubscription", "subscription", False),
        ("Tax", "tax", True),
        ("Credit", "credit", True),
        ("Refund", "refund", True),
        ("Enterprise Discount Program Discount", "discount", False),
        ("EdpDiscount", "discount", False),
        ("RI Volume Discount", "discount", False),
        ("Something New", "other", True),
    ],
)
def test_record_types_mean_charges(record_type: str, charge: str, shared: bool) -> None:
    assert (charge_of(record_type), is_shared(charge)) == (charge, shared)


@pytest.mark.parametrize(
    ("service", "short"),
    [
        ("Amazon Elastic Compute Cloud - Compute", "ec2"),
        ("EC2 - Other", "ec2"),
        ("Amazon Simple Storage Service", "s3"),
        ("AWS Lambda", "lambda"),
        ("Amazon DynamoDB", "dynamodb"),
        ("AmazonCloudWatch", "monitoring"),
        ("AWS Key Management Service", "kms"),
        ("Amazon Bedrock", "bedrock"),
        ("Claude Sonnet 4.5 (Amazon Bedrock Edition)", "bedrock"),
        ("Kiro", "kiro"),
        ("AWS Support (Business)", "support"),
        ("Amazon Elastic Load Balancing", "elasticloadbalancing"),
        ("AWS Secrets Manager", "secretsmanager"),
        ("Amazon Route 53", "route53"),
        ("Tax", "tax"),
        ("Amazon", "amazon"),
        ("", "unknown"),
        ("日本", "unknown"),
    ],
)
def test_services_have_short_names(service: str, short: str) -> None:
    assert short_name(service) == short


@pytest.mark.parametrize(("pages", "days", "wanted", "expected"), [(1, 31, 62, 1), (10, 30, 3, 2), (10, 30, 60, 19), (4, 31, 31, 4), (2, 1, 3, 4)])
def test_pages_grow_with_days(pages: int, days: int, wanted: int, expected: int) -> None:
    assert Pages(pages, days).expected(wanted) == expected


def test_requests_are_expected_by_what_earlier_readings_took() -> None:
    # The whole, Owner, two for aws:createdBy, and the accounts of usage.
    assert expected_requests(31, ["Owner"], {}) == 5
    assert expected_requests(31, ["Owner"], {"whole": Pages(3, 31), "account tax": Pages(1, 31)}) == 8


def test_a_span_is_cut_to_what_fits() -> None:
    known = {name: Pages(31, 31) for name in ("whole", "account usage")}  # 3 + 2 x (1 + 30/31 of a page a day)
    wanted = [DayRange(DAY, DAY + timedelta(days=30))]
    # 10 days: 3 + 2 x (1 + ceil(300/31)) = 25; 11 days: 3 + 2 x (1 + ceil(330/31)) = 27.
    assert list(fitting(wanted, 26, ["Owner"], known, cut=True)) == [DayRange(DAY, DAY + timedelta(days=9))]
    assert list(fitting(wanted, 26, ["Owner"], known, cut=False)) == []


def test_spans_are_runs_of_neighbours() -> None:
    days = [DAY + timedelta(days=offset) for offset in (0, 1, 2, 3, 5)]
    assert spans(days, 3) == [DayRange(days[0], days[2]), DayRange(days[3], days[3]), DayRange(days[4], days[4])]


def test_open_are_the_running_month_and_what_is_unsettled_of_the_one_before() -> None:
    today = date(2026, 12, 5)
    assert open_days(today, []) == DayRange(date(2026, 12, 1), date(2026, 12, 4))
    assert open_days(today, [date(2026, 10, 31), date(2026, 11, 30)]) == DayRange(date(2026, 11, 30), date(2026, 12, 4))
    assert len(open_days(date(2026, 12, 1), [])) == 0


def test_a_day_is_settled_once_a_later_month_knows_it_for_sure() -> None:
    november, december = date(2026, 11, 30), date(2026, 12, 1)
    assert still_unsettled(date(2026, 12, 2), [november, december], [], [november]) == (december,)
    assert still_unsettled(date(2026, 12, 2), [november, december], [november, december], []) == (november, december)


# Exactness

_COSTS = st.decimals(min_value=-1000, max_value=1000, places=12).filter(bool)
_PLACES = st.tuples(st.sampled_from(["Usage", "Credit", "Tax"]), st.sampled_from(["AWS Lambda", "EC2 - Other", "Amazon Elastic Compute Cloud - Compute"]))


@given(
    whole=st.lists(st.builds(Group, st.just(DAY), _PLACES, _COSTS), max_size=8),
    parts=st.lists(st.builds(Part, st.just(DAY), st.sampled_from(["usage", "credit"]), st.sampled_from(["lambda", "ec2", "s3"]), _COSTS), max_size=8),
)
def test_facts_add_up_to_the_whole_whatever_the_parts_are(whole: list[Group], parts: list[Part]) -> None:
    rows, _ = facts(Answer(groups=whole), parts, "USD")
    billed: dict[str, Decimal] = defaultdict(Decimal)
    for group in whole:
        billed[charge_of(group.values[0])] += group.cost
    told: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        told[row[3]] += Decimal(row[8])
    assert {charge: cost for charge, cost in told.items() if cost} == {charge: cost for charge, cost in billed.items() if cost}


_LINES = st.lists(
    st.builds(
        Line,
        st.decimals(min_value=-50, max_value=1000, places=10).map(str),
        service=st.sampled_from(["AWS Lambda", "EC2 - Other", "Kiro"]),
        account=st.sampled_from(["111122223333", "222233334444"]),
        record_type=st.sampled_from(["Usage", "DiscountedUsage", "Credit", "Refund", "Tax", "EdpDiscount"]),
        owner=st.sampled_from(["", "alice", "team$web"]),
        made_by=st.sampled_from(["", "bob"]),
        creator=st.sampled_from(["", "IAMUser:AIDA:carol"]),
        day=st.sampled_from([None, NOW.date() - timedelta(days=1), NOW.date() - timedelta(days=2)]),
    ),
    max_size=12,
)


@settings(max_examples=25)
@given(lines=_LINES, page_size=st.integers(min_value=1, max_value=5))
def test_a_stored_bill_is_the_bill(lines: list[Line], page_size: int) -> None:
    with TemporaryDirectory() as folder:
        rig = Rig(Path(folder) / "store", FakeClient(lines, page_size), history="3d", a_day=10_000)
        rig.refresh()
        billed: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
        for line in lines:
            for day in [line.day] if line.day else [NOW.date() - timedelta(days=n) for n in (1, 2, 3)]:
                billed[day, charge_of(line.record_type)] += Decimal(line.cost)
        stored = {(day, charge): cost for day, charge, cost in rig.facts("day", "charge") if cost}
        assert stored == {key: cost.normalize() for key, cost in billed.items() if cost}
        rig.close()
