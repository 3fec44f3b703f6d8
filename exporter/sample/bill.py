"""The bill of the sample: an export of CUR 2.0 for the same people as the Kiro reports and CloudTrail, as it stands on the morning after a day.

A month is overwritten whenever there is a newer day, and says other things then, as real ones do: storage comes a day late, overage and tax grow with the
month, and what is discounted, credited and refunded is settled when the month is over.
"""

from __future__ import annotations

import calendar
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from exporter.sample.bill_lines import FOLDER, Line, Place, line, money, write_month
from exporter.sample.bill_usage import PLAN_ARN, RESERVATION_ARN, Plan, committed, usage
from exporter.sample.cloudtrail_habits import directory_id
from exporter.sample.kiro_use import KiroMonth, OverageRelation
from exporter.sample.organisation import MANAGEMENT_ACCOUNT, PRODUCTION_ACCOUNT, Organisation, Person
from exporter.sample.quirks import Quirk, quirks_of

PRICES = {"pro": Decimal(20), "pro_plus": Decimal(40), "pro_max": Decimal(100), "power": Decimal(200)}
_TIERS = {"pro": "Pro", "pro_plus": "ProPlus", "pro_max": "ProMax", "power": "Power"}
_OVERAGE_PRICE = Decimal("0.04")
_FROM_AMAZON_Q = 10
"""Every so many seats came from Amazon Q Developer, which leaves a line that costs nothing."""

_SETTLED_ON = 5
"""Discounts, credits and refunds of a month are known for good on this day of the next."""
_DISCOUNT, _SETTLED_DISCOUNT = Decimal("0.05"), Decimal("0.06")
_TAX = Decimal("0.08")
_CREDIT, _SETTLED_CREDIT = Decimal(-25), Decimal(-60)
_REFUND = Decimal("-17.31")
_SUPPORT = Decimal("0.45")
"""A position and month."""
_RESERVED_FEE, _UNUSED_FEE, _UPFRONT = Decimal(95), Decimal("11.4"), Decimal(1140)
_RESERVED_AGAIN = 3
"""Reservations are bought in every third month."""
_PAYER = Place(MANAGEMENT_ACCOUNT, "us-east-1")


@dataclass(frozen=True, slots=True)
class Bill:
    """What was written: the folder of the export, and how many months and lines."""

    folder: Path
    months: int
    lines: int


def write_bill(
    organisation: Organisation,
    folder: Path,
    first: date,
    last: date,
    *,
    quirks: bool = True,
    overage_relation: OverageRelation = "inside",
    without: frozenset[str] = frozenset(),
) -> Bill:
    """Writes below `folder` the months from that of `first` to that of `last`, and at least the two newest, as they stand when `last` is over.

    `quirks` and `overage_relation` are those of the Kiro reports. `without` names optional columns that the export was set up without.
    """
    newest = last.replace(day=1)
    month = min(first.replace(day=1), (newest - timedelta(days=1)).replace(day=1))
    export, months, lines = folder / FOLDER, 0, 0
    while month <= newest:
        made = _Month(organisation, month, last, quirks, overage_relation)
        months, lines = months + 1, lines + write_month(export, month, made.lines(), without)
        month = (month + timedelta(days=31)).replace(day=1)
    return Bill(export, months, lines)


class _Month:
    """One month of the bill as it stands when `as_of` is over."""

    def __init__(self, organisation: Organisation, month: date, as_of: date, quirks: bool, relation: OverageRelation) -> None:
        self._organisation, self._month, self._as_of, self._quirks, self._relation = organisation, month, as_of, quirks, relation
        self._end = month.replace(day=calendar.monthrange(month.year, month.month)[1])
        self._through = min(self._end, as_of)
        self._final = as_of >= (self._end + timedelta(days=_SETTLED_ON))
        self._people = list(organisation.people(month, self._end))
        self._taxed: dict[str, Decimal] = defaultdict(Decimal)

    def lines(self) -> Iterator[Line]:
        for made in (*self._seats(), *self._overage()):
            yield self._counted(made)
        for offset in range((self._through - self._month).days + 1):
            day = self._month + timedelta(days=offset)
            yield from self._day(day)
        yield from self._fees()
        yield from self._settlement()

    def _counted(self, made: Line) -> Line:
        self._taxed[made["line_item_usage_account_id"]] += Decimal(repr(made["line_item_unblended_cost"]))
        return made

    def _day(self, day: date) -> Iterator[Line]:
        plan = Plan(committed(self._organisation))
        by_service: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        present = (person for person in self._people if person.joined <= day <= person.left)
        for made in usage(self._organisation, present, day, plan, settled=day < self._as_of):
            if made["line_item_line_item_type"] == "Usage":
                by_service[made["line_item_usage_account_id"], made["line_item_product_code"]] += Decimal(repr(made["line_item_unblended_cost"]))
            yield self._counted(made)
        bought = {
            "savings_plan_savings_plan_a_r_n": PLAN_ARN,
            "savings_plan_total_commitment_to_date": float(plan.committed),
            "savings_plan_used_commitment": float(plan.used),
            "resource_id": PLAN_ARN,
            "usage_amount": 24.0,
        }
        yield self._counted(line("SavingsPlanRecurringFee", _PAYER, "ComputeSavingsPlans", "ComputeSP:1yrNoUpfront", "", day, plan.committed, **bought))
        rate = _SETTLED_DISCOUNT if self._final else _DISCOUNT
        for (account, code), cost in sorted(by_service.items()):
            yield self._counted(line("EdpDiscount", Place(account, "us-east-1"), code, "", "", day, -cost * rate, net_unblended_cost=0.0))

    def _seats(self) -> Iterator[Line]:
        """Dated the first day of the month on which a seat is held, and for the part of the month that is left then. Who never signed in pays nothing."""
        days = (self._end - self._month).days + 1
        for number, (person, tier, since) in enumerate(self._seats_held()):
            day = max(self._month, since)
            share = Decimal((self._end - day).days + 1) / days
            fields = {**self._of(person), "usage_amount": float(money(share)), "pricing_unit": "User-Month"}
            place = Place(person.team.account.id, person.team.account.region)
            usage_type = f"KiroEnterprise-{_TIERS[tier]}"
            yield line("FlatRateSubscription", place, "Kiro", usage_type, "monthly-subscription", day, PRICES[tier] * share, **fields)
            if number % _FROM_AMAZON_Q == 0:
                yield line("Usage", place, "Kiro", "AmazonQ-snapshot", "q-developer-snapshot", day, Decimal(0), **fields)

    def _seats_held(self) -> Iterator[tuple[Person, str, date]]:
        for person in self._people:
            seat = person.seat
            if seat is not None and seat.use != "never" and seat.since <= min(self._through, person.left):
                yield person, seat.tier, seat.since

    def _overage(self) -> Iterator[Line]:
        """What each person used beyond the plan a day, as the reports say it; days without a report have none."""
        for person in self._people:
            account = person.team.account
            if person.seat is None or not account.overage_enabled:
                continue
            month = KiroMonth(person, person.seat, self._month, self._relation)
            for offset in range((self._through - self._month).days + 1):
                day = self._month + timedelta(days=offset)
                if self._is_down(account.id, day) or (use := month.day(day)) is None:
                    continue
                overage = sum((Decimal(repr(client.overage)) for client in use.clients), Decimal(0))
                if overage:
                    fields = {**self._of(person), "usage_amount": float(overage), "pricing_unit": "Credits"}
                    place = Place(account.id, account.region)
                    yield line("Usage", place, "Kiro", "KiroEnterprise-Credits", "Credits", day, overage * _OVERAGE_PRICE, **fields)

    def _is_down(self, account: str, day: date) -> bool:
        return self._quirks and Quirk.MISSING_DAY in quirks_of(self._organisation.seed, account, day, "")

    def _of(self, person: Person) -> dict[str, object]:
        """Who holds the seat. Only the first account's lines say it in the column that is made for it."""
        user, first = directory_id(self._organisation, person), self._organisation.accounts[0]
        told = user if person.team.account is first else None
        return {"resource_id": f"arn:aws:identitystore:::user/{user}", "user_identifier": told, "product": {"product_name": "Kiro"}}

    def _fees(self) -> Iterator[Line]:
        """Dated the first of the month or its last day, long before that has come."""
        month, reserved = self._month, {"reservation_reservation_a_r_n": RESERVATION_ARN, "resource_id": RESERVATION_ARN}
        unused = {
            "reservation_unused_amortized_upfront_fee_for_billing_period": float(_UNUSED_FEE),
            "reservation_unused_recurring_fee": float(money(_UNUSED_FEE / 2)),
        }
        yield self._counted(line("RIFee", _PAYER, "AmazonRDS", "HeavyUsage:db.m7g.large", "CreateDBInstance:0014", month, _RESERVED_FEE, **reserved, **unused))
        if month.month % _RESERVED_AGAIN == 0:
            yield self._counted(line("Fee", _PAYER, "AmazonRDS", "HeavyUsage:db.m7g.large", "CreateDBInstance:0014", month, _UPFRONT, **reserved))
        support = _SUPPORT * self._organisation.positions
        yield self._counted(line("Fee", _PAYER, "AWSSupportBusiness", "Dollar", "", self._end, support, usage_amount=float(support)))

    def _settlement(self) -> Iterator[Line]:
        month = self._month
        yield line(
            "Credit", _PAYER, "AmazonEC2", "BoxUsage:m7g.large", "RunInstances", month, _SETTLED_CREDIT if self._final else _CREDIT, net_unblended_cost=0.0
        )
        if self._final:
            lead = self._organisation.teams[0].name
            resource = f"arn:aws:lambda:us-east-1:{PRODUCTION_ACCOUNT}:function:{lead}-api"
            yield line("Refund", Place(PRODUCTION_ACCOUNT, "us-east-1"), "AWSLambda", "Lambda-GB-Second-ARM", "Invoke", month, _REFUND, resource_id=resource)
        for account, cost in sorted(self._taxed.items()):
            yield line("Tax", Place(account, "us-east-1"), "AmazonEC2", "", "", month, cost * _TAX)
