"""What chosen panels of the dashboards must show on the demo, worked out in plain Python from its files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal

from dashboards_rig import Demo
from demo_recount import DAY
from made_history import of_person

INCLUDED = {"pro": 1000, "pro_plus": 2000, "pro_max": 5000, "power": 10000}
PRICES = {"pro": 20, "pro_plus": 40, "pro_max": 100, "power": 200}
"""Credits and dollars a month (kiro.dev/pricing)."""


def last(demo: Demo, days: int) -> tuple[date, date]:
    return demo.recount.today - days * DAY, demo.recount.today - DAY


def total(demo: Demo, trend: str, days: int = 30, *names: str, **where: str) -> dict[tuple[str, ...], Decimal]:
    """Sums over the last days by some labels, where others have values."""
    first, newest = last(demo, days)
    sums: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for day, found in demo.trends[trend].items():
        if first <= day <= newest:
            for of, value in found.items():
                if where.items() <= dict(of).items():
                    sums[tuple(dict(of)[name] for name in names)] += value
    return {of: value for of, value in sums.items() if value}


def largest(sums: Mapping[tuple[str, ...], Decimal], many: int = 10) -> dict[tuple[str, ...], Decimal]:
    return dict(sorted(sums.items(), key=lambda one: -one[1])[:many])


def positive(sums: Mapping[tuple[str, ...], Decimal]) -> dict[tuple[str, ...], Decimal]:
    return {of: value for of, value in sums.items() if value > 0}


def people_with_credits(demo: Demo, days: int = 30) -> dict[tuple[str, ...], Decimal]:
    return {person: credits for person, credits in demo.recount.kiro.credits_between(*last(demo, days)).items() if credits}


def events_of_people(demo: Demo, place: int = 0) -> dict[tuple[str, ...], Decimal]:
    first, newest = last(demo, 30)
    sums: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for day, found in demo.recount.aws.people("access", place).items():
        if first <= day <= newest:
            for (person, _), events in found.items():
                sums[person] += events
    return dict(sums)


def cost_of_people(demo: Demo, window: str = "last_30d") -> dict[tuple[str, ...], Decimal]:
    sums: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for (user, team, _, currency), cost in demo.recount.cost.sums(window, "aws_user_cost").items():
        sums[user, team, currency] += cost
    return {of: cost for of, cost in sums.items() if cost}


def part(part: Mapping[tuple[str, ...], Decimal], whole: Mapping[tuple[str, ...], Decimal]) -> dict[tuple[str, ...], float]:
    return {(): float(sum(part.values()) / sum(whole.values()))}


def of_user(demo: Demo, name: str) -> dict[tuple[str, ...], Decimal]:
    """The sum of 30 days of the one person."""
    first, newest = last(demo, 30)
    days = of_person(demo.recount, demo.user)[name]
    return {(): sum((value for day, found in days.items() if first <= day <= newest for value in found.values()), Decimal())}


def share_of_allowance(demo: Demo) -> dict[tuple[str, ...], float]:
    """This month's credits of the one person, of those that the tier includes (kiro.dev/pricing)."""
    tier, _ = demo.recount.directory.seats[demo.user]
    days = demo.recount.kiro.credits_of_person(demo.user)
    used = sum((credits for day, credits in days.items() if day >= demo.recount.today.replace(day=1)), Decimal())
    return {(): float(used / INCLUDED[tier])} if used else {}


def idle_seats(demo: Demo) -> list[str]:
    """The tier of each seat that was held for 14 days or more and not used in the last 14 that landed.

    Who was never charged for one and never used it has none to give back.
    """
    kiro, listed = demo.recount.kiro, demo.recount.directory
    used = {kiro.person(row.identity): row.day for row in sorted(kiro.credit_rows, key=lambda row: row.day)}
    began = max(used.values()) - 13 * DAY
    billed = demo.recount.cost.seats()
    held = {person: listed.seats[person[0]] for person in set(listed.people.values()) if person[0] in listed.seats and (person in billed or person in used)}
    return [tier for person, (tier, since) in {**billed, **held}.items() if since <= began and used.get(person, date.min) < began]


Expected = Callable[[Demo], Mapping[tuple[str, ...], Decimal | float]]


def newest_day(demo: Demo, *sources: str) -> dict[tuple[str, ...], float]:
    """Yesterday, in milliseconds, as each source of a demo that has landed says it."""
    day = datetime.combine(last(demo, 1)[1], time(), UTC).timestamp() * 1000
    return {(source,): day for source in sources} or {(): day}


NUMBERS: dict[str, tuple[tuple[str, ...], Expected]] = {
    "overview: Newest day A": (("source",), lambda demo: newest_day(demo, "cloudtrail", "cur", "kiro_credits", "kiro_features")),
    "kiro-overview: Newest day A": ((), newest_day),
    "aws-usage: Newest day A": ((), newest_day),
    "aws-cost: Newest day A": ((), newest_day),
    "kiro-overview: Credits A last_30d": ((), lambda demo: total(demo, "team:kiro_user_credits")),
    "kiro-overview: Overage credits A last_30d": ((), lambda demo: total(demo, "team:kiro_user_overage_credits")),
    "kiro-overview: Messages A last_30d": ((), lambda demo: total(demo, "team:kiro_user_messages")),
    "kiro-overview: Top 10 by credits A last_30d": (("user", "team"), lambda demo: largest(people_with_credits(demo))),
    "kiro-behaviour: Active in 30 days A": ((), lambda demo: {(): len(demo.recount.kiro.active(last(demo, 1)[1], 30))}),
    "kiro-behaviour: Active in 7 days A": ((), lambda demo: {(): len(demo.recount.kiro.active(last(demo, 1)[1], 7))}),
    "kiro-behaviour: Messages by model A last_30d": (("model",), lambda demo: total(demo, "team:kiro_user_model_messages", 30, "model")),
    "kiro-behaviour: Chat messages sent A last_30d": ((), lambda demo: total(demo, "team:kiro_user_feature_events", feature="chat", event="sent")),
    "kiro-features: Lines accepted A last_30d": ((), lambda demo: total(demo, "team:kiro_user_feature_lines", outcome="accepted")),
    "kiro-cost: Credits a person A last_30d": ((), lambda demo: {(): float(sum(people_with_credits(demo).values()) / len(people_with_credits(demo)))}),
    "aws-usage: Events A last_30d": ((), lambda demo: total(demo, "team:aws_user_events")),
    "aws-usage: Active people A last_30d": ((), lambda demo: {(): len(events_of_people(demo))}),
    "aws-usage: Share denied A last_30d": ((), lambda demo: part(events_of_people(demo, 1), events_of_people(demo))),
    "aws-usage: Sensitive events by category A last_30d": (("category",), lambda demo: largest(total(demo, "team:aws_user_sensitive_events", 30, "category"))),
    "aws-usage: Kinds A": (("kind",), lambda demo: total(demo, "aws_principal_events", 30, "kind")),
    "aws-cost: Bill A last_30d": (("currency",), lambda demo: total(demo, "aws_cost", 30, "currency")),
    "aws-cost: By kind of charge A last_30d": (("charge", "currency"), lambda demo: demo.recount.cost.sums("last_30d", "aws_cost")),
    "aws-cost: By kind of charge B last_30d": (("charge", "currency"), lambda demo: total(demo, "team:aws_user_cost", 30, "charge", "currency")),
    "aws-cost: How it came to people A last_30d": (("method", "currency"), lambda demo: demo.recount.cost.sums("last_30d", "aws_cost_attributed")),
    "aws-cost: Why it came to nobody A last_30d": (("reason", "currency"), lambda demo: demo.recount.cost.sums("last_30d", "aws_cost_unattributed")),
    "aws-cost: Belongs to nobody A last_30d": ((), lambda demo: part(total(demo, "aws_cost_unattributed"), total(demo, "aws_cost"))),
    "aws-cost: Top people A last_30d": (("user", "team", "currency"), lambda demo: largest(positive(cost_of_people(demo)), 100)),
    "aws-cost: By team A last_30d": (("team", "currency"), lambda demo: largest(positive(total(demo, "team:aws_user_cost", 30, "team", "currency")))),
    "overview: Top 10 by cost A last_30d": (("user", "team", "currency"), lambda demo: largest(positive(cost_of_people(demo)))),
    "inactive: Price of idle seats A": (("currency",), lambda demo: {("USD",): sum(PRICES[tier] for tier in idle_seats(demo))}),
    "kiro-cost: Idle seats A": ((), lambda demo: {(): len(idle_seats(demo))}),
    "person: AWS events A last_30d": ((), lambda demo: of_user(demo, "aws_user_events")),
    "person: Cost A last_30d": ((), lambda demo: of_user(demo, "aws_user_cost")),
    "person: Kiro credits A last_30d": ((), lambda demo: of_user(demo, "kiro_user_credits")),
    "person: Of this month's credits A": ((), share_of_allowance),
    "overview: Active people A last_30d": ((), lambda demo: {(): len({*events_of_people(demo), *people_with_credits(demo)})}),
}
"""By query: the labels that its answer is keyed by, and what it must be."""
