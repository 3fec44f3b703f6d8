"""The shapes in which the people API answers: the fields of the original system, and what this one knows beyond them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date as Day  # a field called date hides the type of that name
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import Field, WithJsonSchema

from exporter.snapshots.people_told import Activity

Exact = Annotated[Decimal, WithJsonSchema({"type": "number"})]
"""A JSON number with every digit of the decimal."""

UserName = Annotated[str, Field(description="The `user` label of /metrics.")]
Team = Annotated[str, Field(description="The `team` label of /metrics.")]
Described = Annotated[str | None, Field(description="Empty where it is not known; null where `windows` of the config switches `aws_user_info` off.")]
UsageCategory = Annotated[
    str | None,
    Field(description="`inactive`, `light`, `moderate`, `heavy` or `very_heavy`, of the last 30 landed days; null in other windows, or where levels are off."),
]
ActivityScore = Annotated[float | None, Field(description="Weighted events of the last 30 landed days; null in other windows, or where the score is off.")]
TotalEvents = Annotated[int | None, Field(description="CloudTrail management events: read, write, and those that say neither.")]
HighRisk = Annotated[int | None, Field(description="Sensitive events, by the list that docs and config name; part of the total.")]
ServicesUsed = Annotated[list[str], Field(description="AWS services, the most used first.")]
RegionsUsed = Annotated[list[str], Field(description="AWS regions, the most used first.")]
LastActivity = Annotated[datetime | None, Field(description="The newest CloudTrail event in the stored history; null for the never seen.")]
KiroLastActivity = Annotated[datetime | None, Field(description="Start of the newest UTC day with Kiro activity; null for the never seen.")]
TotalCost = Annotated[Exact | None, Field(description="What the bill attributes to the person, exactly; null where no bill has landed.")]
ResourceCount = Annotated[int | None, Field(description="Different billed resources.")]
CostPerResource = Annotated[Exact | None, Field(description="Total cost divided by the billed resources, to 12 decimal places.")]
ServiceCosts = Annotated[dict[str, Exact], Field(description="Cost by AWS service, the dearest first.")]
KiroCredits = Annotated[Exact | None, Field(description="Kiro credits consumed, overage included; null for who has neither seat nor activity.")]
Count = Annotated[int, Field(description="How many users stand in this answer.")]
Total = Annotated[int, Field(description="How many users there are to page through.")]
Currency = Annotated[str | None, Field(description="Currency of every cost, as billed; null where no bill has landed.")]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why there is no other answer."""

    detail: Annotated[str, Field(description="One sentence.")]


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for."""

    detail: Annotated[str, Field(description="One sentence.")]


@dataclass(frozen=True, slots=True)
class Days:
    """UTC days, both included."""

    first: Day
    last: Day


WindowDays = Annotated[
    dict[str, Days | None], Field(description="The landed days that the window covers, by source; null where it has none: numbers of that source are null.")
]
Moment = Annotated[datetime, Field(description="Since when this is true: the moment of the snapshot that /metrics serves.")]


@dataclass(frozen=True, slots=True)
class AnalyticsUser:
    """A person in the overview."""

    user_name: UserName
    team: Team
    usage_category: UsageCategory
    activity_score: ActivityScore
    total_events: TotalEvents
    read_events: int | None
    write_events: int | None
    unknown_events: int | None
    denied_events: int | None
    high_risk_events: HighRisk
    active_days: int | None
    services_used: ServicesUsed
    last_activity: LastActivity
    total_cost: TotalCost
    resource_count: ResourceCount
    cost_per_resource: CostPerResource
    kiro_credits: KiroCredits


@dataclass(frozen=True, slots=True)
class AnalyticsTotals:
    """Sums over all users that can be paged through."""

    total_events: int | None
    read_events: int | None
    write_events: int | None
    unknown_events: int | None
    denied_events: int | None
    high_risk_events: int | None
    total_cost: Exact | None
    kiro_credits: Exact | None


@dataclass(frozen=True, slots=True)
class Analytics:
    """Everybody who is known, with the numbers of a window."""

    moment: Moment
    window: str
    days: WindowDays
    currency: Currency
    users: list[AnalyticsUser]
    count: Count
    total: Total
    limit: int
    offset: int
    totals: AnalyticsTotals


@dataclass(frozen=True, slots=True)
class UsageUser:
    """A person among those who use AWS most."""

    user_name: UserName
    team: Team
    total_events: TotalEvents
    activity_score: ActivityScore
    usage_category: UsageCategory
    services_used: ServicesUsed
    write_events: int | None
    high_risk_events: HighRisk


@dataclass(frozen=True, slots=True)
class TopByUsage:
    """People with events in a window, most active first."""

    moment: Moment
    window: str
    days: WindowDays
    users: list[UsageUser]
    count: Count
    total: Total
    limit: int
    offset: int


@dataclass(frozen=True, slots=True)
class CostUser:
    """A person among those who cost most."""

    user_name: UserName
    team: Team
    total_cost: TotalCost
    service_costs: ServiceCosts
    resource_count: ResourceCount
    cost_per_resource: CostPerResource


@dataclass(frozen=True, slots=True)
class TopByCost:
    """People with a cost in a window, the dearest first."""

    moment: Moment
    window: str
    days: WindowDays
    currency: Currency
    users: list[CostUser]
    count: Count
    total: Total
    limit: int
    offset: int


@dataclass(frozen=True, slots=True)
class InactiveUser:
    """A person without activity for some time."""

    user_name: UserName
    team: Team
    last_activity: Annotated[datetime | None, Field(description="The newest activity of the kind asked for; null for the never seen.")]
    days_inactive: Annotated[int | None, Field(description="UTC calendar days since then; null for the never seen.")]
    aws_last_activity: LastActivity
    kiro_last_activity: KiroLastActivity
    kiro_seat: Annotated[str | None, Field(description="Tier of the paid Kiro seat.")]


@dataclass(frozen=True, slots=True)
class Inactive:
    """People without activity for some time, the never seen first, then those who are longest inactive."""

    moment: Moment
    activity: Activity
    inactive_days: Annotated[int, Field(description="For how many days nothing was seen of them, at least.")]
    users: list[InactiveUser]
    count: Count
    total: Total
    limit: int
    offset: int


@dataclass(frozen=True, slots=True)
class Summary:
    """How much a person uses AWS."""

    usage_category: UsageCategory
    total_events: TotalEvents
    active_days: Annotated[int | None, Field(description="UTC days with events.")]
    services_used: ServicesUsed
    regions_used: RegionsUsed
    accounts_used: Annotated[list[str], Field(description="AWS accounts, the most used first.")]
    first_activity: Annotated[datetime | None, Field(description="The first CloudTrail event in the stored history.")]
    last_activity: LastActivity


@dataclass(frozen=True, slots=True)
class Metrics:
    """What a person did in AWS."""

    activity_score: ActivityScore
    read_events: int | None
    write_events: int | None
    unknown_events: Annotated[int | None, Field(description="Events that do not say whether they read or write.")]
    denied_events: int | None
    high_risk_events: HighRisk
    high_risk_by_category: dict[str, int]
    service_events: dict[str, int]
    region_events: dict[str, int]


@dataclass(frozen=True, slots=True)
class Costs:
    """What a person costs by the bill."""

    total_cost: TotalCost
    currency: Currency
    resource_count: ResourceCount
    cost_per_resource: CostPerResource
    service_costs: ServiceCosts
    region_costs: Annotated[dict[str, Exact], Field(description="Cost by AWS region, the dearest first.")]


@dataclass(frozen=True, slots=True)
class Seat:
    """A paid Kiro seat."""

    tier: str
    status: Annotated[str, Field(description="`active`, `new`, `idle` or `pending`, as in `kiro_user_seat`.")]


@dataclass(frozen=True, slots=True)
class Kiro:
    """How much a person uses Kiro."""

    credits: KiroCredits
    overage_credits: Annotated[Exact | None, Field(description="Credits beyond the included ones; part of `credits`.")]
    messages: int | None
    conversations: int | None
    included_credits: Annotated[Exact | None, Field(description="Credits that a month includes.")]
    utilization: Annotated[float | None, Field(description="This month's consumption divided by the included credits, whatever the window.")]
    seat: Seat | None
    first_activity: Annotated[datetime | None, Field(description="Start of the first UTC day with Kiro activity in the stored history.")]
    last_activity: KiroLastActivity


@dataclass(frozen=True, slots=True)
class TimelineDay:
    """A UTC day. null: it has not landed, or nothing reads such facts; 0: nothing happened."""

    date: Day
    events: int | None
    cost: Exact | None
    kiro_credits: Exact | None


@dataclass(frozen=True, slots=True)
class User:
    """One person."""

    moment: Moment
    window: str
    days: WindowDays
    user_name: UserName
    team: Team
    display_name: Described
    email: Described
    department: Described
    status: Annotated[
        str | None,
        Field(description="As the directory says; `listed` by the people file only, `unlisted` by neither. null where `aws_user_info` is switched off."),
    ]
    summary: Summary
    metrics: Metrics
    costs: Costs
    kiro: Annotated[Kiro | None, Field(description="null for who has neither seat nor activity.")]
    timeline: Annotated[list[TimelineDay], Field(description="Every day of the window, oldest first.")]
