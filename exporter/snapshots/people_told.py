"""What can be asked about the people of a snapshot, and what is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

Sort = Literal[
    "user_name",
    "team",
    "total_events",
    "read_events",
    "write_events",
    "denied_events",
    "high_risk_events",
    "activity_score",
    "last_activity",
    "total_cost",
    "resource_count",
    "cost_per_resource",
    "kiro_credits",
]
Activity = Literal["any", "aws", "kiro"]


@dataclass(frozen=True, slots=True)
class ToldPerson:
    """A person with the families' numbers of one window. Times are Unix time; None is what is not published: not 0."""

    person: int
    user: str
    team: str
    display_name: str | None
    email: str | None
    department: str | None
    status: str | None
    aws_first_activity: int | None
    aws_last_activity: int | None
    kiro_first_activity: int | None
    kiro_last_activity: int | None
    seat_tier: str | None
    seat_status: str | None
    included_credits: Decimal | None
    utilization: float | None
    total_events: int | None
    read_events: int | None
    write_events: int | None
    unknown_events: int | None
    denied_events: int | None
    high_risk_events: int | None
    active_dates: int | None
    activity_score: float | None
    usage_level: str | None
    total_cost: Decimal | None
    resources: int | None
    kiro_credits: Decimal | None
    kiro_overage_credits: Decimal | None
    kiro_messages: int | None
    kiro_conversations: int | None


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over people. None: nobody has such a number."""

    total_events: int | None
    read_events: int | None
    write_events: int | None
    unknown_events: int | None
    denied_events: int | None
    high_risk_events: int | None
    total_cost: Decimal | None
    kiro_credits: Decimal | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of people, and of how many it is a page. `totals` are of all of those."""

    people: tuple[ToldPerson, ...]
    total: int
    totals: Totals


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which people of a list, and in which order. `used` and `costing`: only those with events, or with a cost, in the window."""

    sort: Sort
    descending: bool
    limit: int
    offset: int = 0
    team: str | None = None
    used: bool = False
    costing: bool = False


@dataclass(frozen=True, slots=True)
class Day:
    """What one person did and cost on a UTC day. None: that day has not landed, or its source is off."""

    date: date
    events: int | None
    cost: Decimal | None
    kiro_credits: Decimal | None
