"""From what a snapshot knows of its people to the answers of the people API, and those to JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

import msgspec

from exporter.logs import printable
from exporter.model import DayRange
from exporter.snapshots.people import SnapshotPeople
from exporter.snapshots.people_told import Activity, Day, ToldPerson, Totals
from exporter.web.people_answers import (
    AnalyticsTotals,
    AnalyticsUser,
    Costs,
    CostUser,
    Days,
    InactiveUser,
    Kiro,
    Metrics,
    Seat,
    Summary,
    TimelineDay,
    UsageUser,
    User,
)

_MORE_THAN_ANY_SUM = 80
_FINEST = Decimal(1).scaleb(-12)

_ENCODER = msgspec.json.Encoder(decimal_format="number")


def encoded(answer: object) -> bytes:
    """An answer as JSON: decimals as numbers with all their digits, times as RFC 3339 in UTC, and what does not print escaped, for who looks at it raw."""
    data = _ENCODER.encode(answer)
    return data if data.isascii() else printable(data.decode()).encode()


def exact(amount: Decimal | None) -> Decimal | None:
    """The same number without zeros at its end, and without an exponent where it is whole."""
    if amount is None:
        return None
    with localcontext(prec=_MORE_THAN_ANY_SUM):
        short = amount.normalize()
        return short.quantize(Decimal(1)) if short.as_tuple().exponent > 0 else short + 0  # type: ignore[operator]  # finite: the exponent is a number


def cost_per_resource(person: ToldPerson) -> Decimal | None:
    """Total cost divided by resources, to 12 decimal places; None without a cost or a resource."""
    if person.total_cost is None or not person.resources:
        return None
    with localcontext(prec=_MORE_THAN_ANY_SUM):
        return exact((person.total_cost / person.resources).quantize(_FINEST, ROUND_HALF_EVEN))


def time(seconds: int | None) -> datetime | None:
    """Unix time as a moment in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def days(found: Mapping[str, DayRange | None]) -> dict[str, Days | None]:
    """The days of a window by source."""
    return {source: Days(span.first, span.last) if span is not None else None for source, span in found.items()}


def totals(sums: Totals) -> AnalyticsTotals:
    """The sums over all users."""
    return AnalyticsTotals(
        sums.total_events,
        sums.read_events,
        sums.write_events,
        sums.unknown_events,
        sums.denied_events,
        sums.high_risk_events,
        exact(sums.total_cost),
        exact(sums.kiro_credits),
    )


def analytics_users(people: SnapshotPeople, window: str, persons: Iterable[ToldPerson]) -> list[AnalyticsUser]:
    """A page of the overview."""
    page = list(persons)
    services = people.events_by("aws_service", window, [person.person for person in page])
    return [
        AnalyticsUser(
            user_name=person.user,
            team=person.team,
            usage_category=person.usage_level,
            activity_score=person.activity_score,
            total_events=person.total_events,
            read_events=person.read_events,
            write_events=person.write_events,
            unknown_events=person.unknown_events,
            denied_events=person.denied_events,
            high_risk_events=person.high_risk_events,
            active_days=person.active_dates,
            services_used=list(services.get(person.person, {})),
            last_activity=time(person.aws_last_activity),
            total_cost=exact(person.total_cost),
            resource_count=person.resources,
            cost_per_resource=cost_per_resource(person),
            kiro_credits=exact(person.kiro_credits),
        )
        for person in page
    ]


def usage_users(people: SnapshotPeople, window: str, persons: Iterable[ToldPerson]) -> list[UsageUser]:
    """A page of those who use AWS most."""
    page = list(persons)
    services = people.events_by("aws_service", window, [person.person for person in page])
    return [
        UsageUser(
            user_name=person.user,
            team=person.team,
            total_events=person.total_events,
            activity_score=person.activity_score,
            usage_category=person.usage_level,
            services_used=list(services.get(person.person, {})),
            write_events=person.write_events,
            high_risk_events=person.high_risk_events,
        )
        for person in page
    ]


def cost_users(people: SnapshotPeople, window: str, persons: Iterable[ToldPerson]) -> list[CostUser]:
    """A page of those who cost most."""
    page = list(persons)
    services = people.costs_by("aws_service", window, [person.person for person in page])
    return [
        CostUser(
            user_name=person.user,
            team=person.team,
            total_cost=exact(person.total_cost),
            service_costs=_exact_each(services.get(person.person, {})),
            resource_count=person.resources,
            cost_per_resource=cost_per_resource(person),
        )
        for person in page
    ]


def inactive_users(activity: Activity, today: date, persons: Iterable[ToldPerson]) -> list[InactiveUser]:
    """A page of those without activity. `today` is the UTC day from which days are counted."""
    return [_inactive(activity, today, person) for person in persons]


def _inactive(activity: Activity, today: date, person: ToldPerson) -> InactiveUser:
    seen = {"aws": (person.aws_last_activity,), "kiro": (person.kiro_last_activity,), "any": (person.aws_last_activity, person.kiro_last_activity)}
    last = time(max((moment for moment in seen[activity] if moment is not None), default=None))
    return InactiveUser(
        user_name=person.user,
        team=person.team,
        last_activity=last,
        days_inactive=(today - last.date()).days if last is not None else None,
        aws_last_activity=time(person.aws_last_activity),
        kiro_last_activity=time(person.kiro_last_activity),
        kiro_seat=person.seat_tier,
    )


def user(people: SnapshotPeople, window: str, person: ToldPerson) -> User:
    """Everything about one person."""
    number = [person.person]
    services, regions, accounts, categories = (
        people.events_by(label, window, number).get(person.person, {}) for label in ("aws_service", "aws_region", "aws_account", "category")
    )
    return User(
        moment=people.moment,
        window=window,
        days=days(people.days(window)),
        user_name=person.user,
        team=person.team,
        display_name=person.display_name,
        email=person.email,
        department=person.department,
        status=person.status,
        summary=Summary(
            usage_category=person.usage_level,
            total_events=person.total_events,
            active_days=person.active_dates,
            services_used=list(services),
            regions_used=list(regions),
            accounts_used=list(accounts),
            first_activity=time(person.aws_first_activity),
            last_activity=time(person.aws_last_activity),
        ),
        metrics=Metrics(
            activity_score=person.activity_score,
            read_events=person.read_events,
            write_events=person.write_events,
            unknown_events=person.unknown_events,
            denied_events=person.denied_events,
            high_risk_events=person.high_risk_events,
            high_risk_by_category=categories,
            service_events=services,
            region_events=regions,
        ),
        costs=Costs(
            total_cost=exact(person.total_cost),
            currency=people.currency(),
            resource_count=person.resources,
            cost_per_resource=cost_per_resource(person),
            service_costs=_exact_each(people.costs_by("aws_service", window, number).get(person.person, {})),
            region_costs=_exact_each(people.costs_by("aws_region", window, number).get(person.person, {})),
        ),
        kiro=_kiro(person),
        timeline=[_timeline_day(day) for day in people.timeline(person.person, window)],
    )


def _kiro(person: ToldPerson) -> Kiro | None:
    if (person.kiro_credits, person.seat_tier, person.kiro_last_activity) == (None, None, None):
        return None
    return Kiro(
        credits=exact(person.kiro_credits),
        overage_credits=exact(person.kiro_overage_credits),
        messages=person.kiro_messages,
        conversations=person.kiro_conversations,
        included_credits=exact(person.included_credits),
        utilization=person.utilization,
        seat=Seat(person.seat_tier, person.seat_status) if person.seat_tier is not None and person.seat_status is not None else None,
        first_activity=time(person.kiro_first_activity),
        last_activity=time(person.kiro_last_activity),
    )


def _timeline_day(day: Day) -> TimelineDay:
    return TimelineDay(day.date, day.events, exact(day.cost), exact(day.kiro_credits))


def _exact_each(amounts: Mapping[str, Decimal]) -> dict[str, Decimal]:
    return {name: found for name, amount in amounts.items() if (found := exact(amount)) is not None}
