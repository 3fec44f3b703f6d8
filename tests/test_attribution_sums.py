"""Whatever is billed: what people get and what nobody gets is the bill, to the last decimal, and each fact is given once."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from billed import Billed
from cost_people import DAYS, ENTRIES, NOW, SANDBOX, A, B, config, july, landed, published
from facts_in_memory import Caused, Fact, Published, in_memory
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from exporter.people import resolve
from exporter.people.attribution import Rules, with_principals
from exporter.snapshots.tables import lay
from exporter.windows import with_bill

WINDOWS = ("yesterday", "3d_ago", "last_7d", "last_30d", "month_to_date", "last_month")
UNIT = Decimal("0.000000000001")
ROLE = "arn:aws:sts::111122223333:assumed-role"

amounts = st.integers(-(10**20), 10**20).map(lambda units: Decimal(units) * UNIT)
tiny = st.integers(-3, 3).map(lambda units: Decimal(units) * UNIT)


def maybe(*values: str) -> st.SearchStrategy[str | None]:
    return st.sampled_from([None, None, *values])


bills = st.lists(
    st.builds(
        Billed,
        day=st.dates(date(2026, 6, 1), date(2026, 7, 15)) | st.sampled_from([july(12), july(14)]),
        cost=amounts | tiny,
        service=st.sampled_from(["ec2", "s3", "kiro"]),
        region=maybe("us-east-1", "eu-west-1"),
        charge=st.sampled_from(["usage", "subscription", "commitment", "tax", "credit", "refund", "discount", "other"]),
        currency=st.sampled_from(["USD", "USD", "EUR"]),
        account=st.sampled_from(["111122223333", SANDBOX]),
        shared=st.booleans(),
        user=maybe(A, B),
        principal=maybe(f"{ROLE}/AWSReservedSSO_Dev_0123456789abcdef/zoe", f"{ROLE}/Gateway/gateway"),
        store_user=maybe(A, B),
        owner=maybe("alice", "platform", "platform\x1fbob@example.com"),
        created_by=maybe("AssumedRole:AKIAXXXXXXXXXXXXXXXX:bob", "Root:111122223333"),
        creator=maybe(A, "session:dave"),
        component=maybe("seat", "overage"),
    ),
    max_size=25,
)
events = st.lists(
    st.builds(
        lambda day, who, account, count: Caused(day, who, count, accounts={account: count}),
        st.sampled_from([july(12), july(13), july(14)]),
        st.sampled_from([A, "session:dave", "session:bob", "iam_user:carol@111122223333"]),
        st.sampled_from(["111122223333", SANDBOX]),
        st.integers(1, 10**6),
    ),
    max_size=6,
)
attributions = st.fixed_dictionaries(
    {
        "order": st.permutations(["user_identifier", "iam_principal", "owner_tag", "created_by_tag", "resource_creator", "account_owner"]).flatmap(
            lambda order: st.integers(0, len(order)).map(lambda length: order[:length])
        ),
        "shared_charges": st.booleans(),
        "activity_share": st.booleans(),
    }
)
few = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])

Totals = dict[tuple[str, str], Decimal]


def totals(seen: Published, name: str) -> Totals:
    """Sums of the texts of the exposition by window and currency."""
    found: Totals = defaultdict(Decimal)
    for chunk in seen.built.snapshot.chunks:
        for line in chunk.plain.decode().splitlines():
            series, _, number = line.rpartition(" ")
            metric, _, pairs = series.partition("{")
            if metric.removeprefix(f"{name}_") in WINDOWS and metric.startswith(f"{name}_"):
                found[metric.removeprefix(f"{name}_"), pairs.split('currency="')[1].split('"')[0]] += Decimal(number)
    return {key: value for key, value in found.items() if value}


def billed(bill: list[Billed]) -> Totals:
    """The bill by window and currency, added up here."""
    spans = {
        "yesterday": (july(14), july(14)),
        "3d_ago": (july(12), july(12)),
        "last_7d": (july(8), july(14)),
        "last_30d": (date(2026, 6, 15), july(14)),
        "month_to_date": (july(1), july(14)),
        "last_month": (date(2026, 6, 1), date(2026, 6, 30)),
    }
    found: Totals = defaultdict(Decimal)
    for window, (first, last) in spans.items():
        for row in bill:
            if first <= row.day <= last:
                found[window, row.currency] += Decimal(row.cost)
    return {key: value for key, value in found.items() if value}


@few
@given(bill=bills, caused=events, attribution=attributions)
def test_attributed_and_unattributed_are_the_bill(bill: list[Billed], caused: list[Caused], attribution: dict[str, Any]) -> None:
    seen = published([*bill, *caused], attribution=attribution)
    attributed, unattributed = totals(seen, "aws_cost_attributed"), totals(seen, "aws_cost_unattributed")
    both = {key: attributed.get(key, Decimal(0)) + unattributed.get(key, Decimal(0)) for key in {*attributed, *unattributed}}
    assert {key: value for key, value in both.items() if value} == totals(seen, "aws_cost") == billed(bill)


@few
@given(bill=bills, caused=events, attribution=attributions)
def test_people_cost_what_was_attributed(bill: list[Billed], caused: list[Caused], attribution: dict[str, Any]) -> None:
    seen = published([*bill, *caused], attribution=attribution, limits={"breakdown_users": 1, "breakdown_values": 1})
    assert totals(seen, "aws_user_cost") == totals(seen, "aws_cost_attributed")
    by_service = totals(seen, "aws_user_service_cost")
    assert by_service == totals(seen, "aws_user_region_cost")
    assert by_service == {key: value for key, value in totals(seen, "aws_user_cost").items() if key[0] in ("yesterday", "last_30d", "month_to_date")}


@few
@given(bill=bills, caused=events)
def test_nothing_is_spread_unless_asked(bill: list[Billed], caused: list[Caused]) -> None:
    with_events, without = published([*bill, *caused]), published(bill)
    assert totals(with_events, "aws_cost_unattributed") == totals(without, "aws_cost_unattributed")


def laid(facts: list[Fact], **attribution: Any) -> list[tuple[Any, ...]]:
    """Rows of the table `bill`."""
    recent, settings = in_memory(facts), config(attribution=attribution)
    people = resolve(ENTRIES, with_principals(recent.identities(), recent.principals(), Rules.of(settings.people.patterns)), ("file",), recent.links())
    cursor = recent.cursor()
    lay(cursor, people, {}, settings, with_bill(landed(), "cur"), NOW)
    names = {person.number: person.user for person in people.persons}
    rows = cursor.execute("SELECT day, person, method, reason, charge, cost FROM bill ORDER BY ALL").fetchall()
    return [(day, names.get(person), *rest) for day, person, *rest in rows]


@few
@given(bill=bills)
def test_each_fact_is_given_once(bill: list[Billed]) -> None:
    # Every fact on a day of its own, so that it can be told apart.
    apart = [Billed(DAYS.first + timedelta(days=place), 1, **{name: getattr(row, name) for name in CANDIDATES}) for place, row in enumerate(bill)]
    found = laid([*apart])
    assert [day for day, *_ in found] == [row.day for row in apart]
    assert all((person is None) == (method is None) == (reason is not None) for _, person, method, reason, *_ in found)


CANDIDATES = ("account", "shared", "user", "principal", "store_user", "owner", "created_by", "creator")


# The share of activity


@few
@given(cost=amounts | tiny, weights=st.lists(st.integers(1, 10**9), min_size=1, max_size=4))
@example(cost=Decimal("0.000000000001"), weights=[1, 1, 1])
@example(cost=Decimal(-10), weights=[1, 1, 1])
def test_share_is_that_of_the_events_to_less_than_a_unit(cost: Decimal, weights: list[int]) -> None:
    users = [f"session:{name}" for name in "wxyz"[: len(weights)]]
    caused = [Caused(july(14), who, events, accounts={SANDBOX: events}) for who, events in zip(users, weights, strict=True)]
    found = {user: cost for _, user, *_, cost in laid([Billed(july(14), cost, account=SANDBOX), *caused], account_owners={}, activity_share=True)}
    assert sum(found.values()) == cost
    for who, events in zip(users, weights, strict=True):
        part = Fraction(cost) * events / sum(weights)
        assert abs(Fraction(found.get(who.removeprefix("session:"), Decimal(0))) - part) < Fraction(UNIT)


def spread(facts: list[Fact], **attribution: Any) -> dict[tuple[str | None, str], Decimal]:
    """Cost by person, and by method or reason."""
    found: dict[tuple[str | None, str], Decimal] = defaultdict(Decimal)
    for _, user, method, reason, _, cost in laid(facts, activity_share=True, account_owners={}, **attribution):
        found[user, method or reason] += cost
    return dict(found)


def active(day: date, account: str = SANDBOX) -> list[Fact]:
    """alice causes 1 event of three, bob 2."""
    return [Caused(day, A, 1, accounts={account: 1}), Caused(day, "session:bob", 1, 1, accounts={account: 2})]


def test_rest_is_spread_by_largest_remainder() -> None:
    found = spread([Billed(july(14), "0.000000000005", account=SANDBOX), *active(july(14))])
    # 5/3 and 10/3 units: one and three, and the unit that is left goes to the larger remainder, 2/3.
    assert found == {("alice", "activity_share"): Decimal("0.000000000002"), ("bob", "activity_share"): Decimal("0.000000000003")}


def test_refund_is_spread_as_it_was_charged() -> None:
    found = spread([Billed(july(14), "-9", charge="refund", account=SANDBOX), *active(july(14))])
    assert found == {("alice", "activity_share"): Decimal(-3), ("bob", "activity_share"): Decimal(-6)}


def test_what_is_given_is_not_spread() -> None:
    found = spread([Billed(july(14), "9", account=SANDBOX, owner="carol"), *active(july(14))])
    assert found == {("carol", "owner_tag"): Decimal(9)}


def test_shared_charges_are_not_spread() -> None:
    assert spread([Billed(july(14), "9", account=SANDBOX, shared=True), *active(july(14))]) == {(None, "shared_charge"): Decimal(9)}


def test_shared_charges_are_spread_where_they_may_be_given() -> None:
    found = spread([Billed(july(14), "9", account=SANDBOX, shared=True), *active(july(14))], shared_charges=True)
    assert found == {("alice", "activity_share"): Decimal(3), ("bob", "activity_share"): Decimal(6)}


@pytest.mark.parametrize("facts", [active(july(13)), active(july(14), "111122223333")], ids=["another day", "another account"])
def test_rest_stays_where_nobody_was_active(facts: list[Fact]) -> None:
    assert spread([Billed(july(14), "9", account=SANDBOX), *facts]) == {(None, "no_identity"): Decimal(9)}


def test_programs_get_no_share() -> None:
    program = Caused(july(14), None, 100, accounts={SANDBOX: 100}, kind="service")
    found = spread([Billed(july(14), "9", account=SANDBOX), program, *active(july(14))])
    assert found == {("alice", "activity_share"): Decimal(3), ("bob", "activity_share"): Decimal(6)}
