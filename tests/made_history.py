"""What trends must show, day by day, from the recount of a demo; and of it, as OpenMetrics, what Prometheus would have scraped and `backfill` leaves out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from demo_recount import DAY, Day, DemoRecount, Labels, labels
from test_end_to_end import MEANINGS

Trends = dict[str, dict[date, Day]]
"""By the name of what is told of a day, without its window."""


def trends(recount: DemoRecount) -> Trends:
    """Everything that stands in dashboards by day."""
    kiro, aws, cost = recount.kiro, recount.aws, recount.cost
    found = {
        "team:kiro_user_credits": kiro.by_day("credits_used", kiro.credit_rows),
        "team:kiro_user_overage_credits": kiro.by_day("overage_credits_used", kiro.credit_rows),
        "team:kiro_user_messages": kiro.by_day("total_messages", kiro.credit_rows),
        "team:kiro_user_conversations": kiro.by_day("chat_conversations", kiro.credit_rows),
        "team:kiro_user_client_credits": kiro.by_day("credits_used", kiro.credit_rows, "client"),
        "team:kiro_user_model_messages": kiro.by_day("", kiro.credit_rows, "model"),
        "team:aws_user_events": aws.by_day("access", label="access"),
        "team:aws_user_denied_events": aws.by_day("access", 1),
        "team:aws_user_sensitive_events": aws.by_day("category", label="category"),
        "team:aws_user_service_events": aws.by_day("service", label="aws_service"),
        "aws_principal_events": aws.kinds(),
        "team:aws_user_cost": cost.by_day("aws_user_cost", "user", "team", "charge", "currency"),
        "aws_cost": cost.by_day("aws_cost", "charge", "currency"),
        "aws_cost_unattributed": cost.by_day("aws_cost_unattributed", "reason", "currency"),
    }
    for unit in MEANINGS:
        found[f"team:kiro_user_feature_{unit}"] = _features(recount, unit)
    return {name: {day: sums for day, sums in days.items() if day >= recount.first} for name, days in found.items()}


def active_people(recount: DemoRecount) -> Trends:
    """Counts of people by team: who was active on a day, and in the windows that end with it."""
    found: Trends = defaultdict(lambda: defaultdict(lambda: defaultdict(Decimal)))
    events = recount.aws.people("access", 0)
    day = recount.first
    while day < recount.today:
        for window, days in {"yesterday": 1, "last_7d": 7, "last_30d": 30}.items():
            for _, team in recount.kiro.active(day, days):
                found[f"team:kiro_active_people_{window}:count"][day][labels(team=team)] += 1
        for _, team in {person for person, _ in events.get(day, {})}:
            found["team:aws_active_people_yesterday:count"][day][labels(team=team)] += 1
        day += DAY
    return found


def scraped(recount: DemoRecount, counts: Trends, target: Labels) -> str:
    """What `backfill` leaves out: counts of windows, at 23:59 of the next day, and everybody's 7 days of a week ago, on all of that day.

    `target` has the labels of series that no rule records.
    """
    points: dict[str, dict[Labels, list[tuple[int, Decimal]]]] = defaultdict(lambda: defaultdict(list))
    for name, days in counts.items():
        for day, sums in sorted(days.items()):
            if not name.endswith("_yesterday:count") and day + DAY < recount.today:
                for of, value in sums.items():
                    points[name][of].append((int(datetime.combine(day + DAY, time(23, 59), UTC).timestamp()), value))
    week_ago = recount.today - 7 * DAY
    for at in _scrapes(week_ago):
        for (user, team), credits in recount.kiro.credits_between(week_ago - 7 * DAY, week_ago - DAY).items():
            points["kiro_user_credits_last_7d"][tuple(sorted((*target, *labels(user=user, team=team))))].append((int(at.timestamp()), credits))
    return "\n".join((*_lines(points), "# EOF", ""))


def of_person(recount: DemoRecount, user: str) -> Trends:
    """The days of one person."""
    events: dict[date, Day] = defaultdict(lambda: defaultdict(Decimal))
    for day, found in recount.aws.people("access", 0, "access").items():
        for ((who, _), access), count in found.items():
            if who == user:
                events[day][labels(access=access)] += count
    credits = {day: {labels(): value} for day, value in recount.kiro.credits_of_person(user).items()}
    days = {"aws_user_events": events, "aws_user_cost": recount.cost.of_person(user), "kiro_user_credits": credits}
    return {name: {day: sums for day, sums in found.items() if day >= recount.first} for name, found in days.items()}


def _features(recount: DemoRecount, unit: str) -> dict[date, Day]:
    days: dict[date, Day] = defaultdict(lambda: defaultdict(Decimal))
    for row in recount.kiro.feature_rows:
        team = recount.kiro.person(row.identity)[1]
        for column, count in row.numbers.items():
            if column in MEANINGS[unit] and count:
                feature, what, change = MEANINGS[unit][column]
                of = {"event" if unit == "events" else "outcome": what} | ({"change": change} if change else {})
                days[row.day][labels(team=team, feature=feature, **of)] += count
    return days


def _scrapes(day: date) -> Iterator[datetime]:
    """Every half hour of a day, and of the hour before it."""
    midnight = datetime.combine(day, time(), UTC)
    return (midnight + timedelta(minutes=30 * number) for number in range(-1, 48))


def _lines(points: Mapping[str, Mapping[Labels, list[tuple[int, Decimal]]]]) -> Iterator[str]:
    for name, series in sorted(points.items()):
        yield f"# TYPE {name} gauge"
        for of, values in series.items():
            written = ",".join(f'{label}="{value}"' for label, value in of)
            for at, value in sorted(values):
                yield f"{name}{{{written}}} {float(value)!r} {at}"
