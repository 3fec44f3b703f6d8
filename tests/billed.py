"""A row of a bill, as sql/facts/cur.sql selects it, written by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

ACCOUNT = "111122223333"
COLUMNS = (
    "day DATE, account VARCHAR, region VARCHAR, service VARCHAR, charge VARCHAR, currency VARCHAR, shared BOOLEAN, user_identifier VARCHAR,"
    " iam_principal VARCHAR, identity_store_user VARCHAR, owner_tags VARCHAR, created_by_tag VARCHAR, creator VARCHAR, component VARCHAR, tier VARCHAR,"
    " resource VARCHAR, cost DECIMAL(38,12), quantity DECIMAL(38,12), lines BIGINT"
)


@dataclass(frozen=True)
class Billed:
    """What lines with one set of candidates cost on a day. With `resource` it is a row that only names a billed resource."""

    day: date
    cost: Decimal | int | str = 0
    service: str = "ec2"
    region: str | None = "us-east-1"
    charge: str = "usage"
    currency: str = "USD"
    account: str = ACCOUNT
    shared: bool = False
    user: str | None = None
    principal: str | None = None
    store_user: str | None = None
    owner: str | None = None
    created_by: str | None = None
    creator: str | None = None
    component: str | None = None
    tier: str | None = None
    resource: str | None = None
    quantity: Decimal | int | str | None = None
    source: str = "cur"

    def rows(self) -> list[tuple[object, ...]]:
        candidates = (self.shared, self.user, self.principal, self.store_user, self.owner, self.created_by, self.creator)
        quantity = None if self.quantity is None else Decimal(self.quantity)
        place = (self.day, self.account, self.region, self.service, self.charge, self.currency)
        return [(*place, *candidates, self.component, self.tier, self.resource, Decimal(self.cost), quantity, 0 if self.resource else 1)]


def seat(day: date, user: str, cost: Decimal | int | str, *, tier: str = "pro", quantity: Decimal | int | str = 1, charge: str = "subscription") -> Billed:
    """A seat of Kiro."""
    return Billed(day, cost, "kiro", charge=charge, user=user, store_user=user, component="seat", tier=tier, quantity=quantity)
