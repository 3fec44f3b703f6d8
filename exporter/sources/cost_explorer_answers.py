"""Answers of Cost Explorer as amounts by day and group, and amounts as facts that add up to the whole bill exactly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from exporter.errors import UserError
from exporter.model import Rejection
from exporter.people.attribution import SEPARATOR
from exporter.quoting import well_formed
from exporter.sources.cost_explorer_plan import Question, charge_of, is_shared
from exporter.sources.cost_explorer_services import short_name

REASONS: Mapping[str, str] = {"group": "a group of an answer cannot be read; its cost stays in the bill, without an identity"}
"""Why this source leaves something out."""

COLUMNS = {
    "day": "DATE",
    "account": "VARCHAR",
    "service": "VARCHAR",
    "charge": "VARCHAR",
    "currency": "VARCHAR",
    "shared": "BOOLEAN",
    "owner_tags": "VARCHAR",
    "created_by_tag": "VARCHAR",
    "cost": "DECIMAL(38,12)",
    "lines": "BIGINT",
}
"""The relation `cost_explorer`, which sql/facts/cost_explorer.sql sums."""

Row = tuple[date, str, str, str, str, bool, str | None, str | None, str, int]
_SCALE = Decimal("1e-12")
_LARGEST = Decimal("1e20")

UNKNOWN_ACCOUNT = "unknown"
"""Stands where the account of cost is not known."""


@dataclass(frozen=True, slots=True)
class Group:
    """What a day cost in one group. `cost` has twelve decimals and is not 0."""

    day: date
    values: tuple[str, str]
    """Of the two things that were asked for; empty where a tag is absent."""
    cost: Decimal


@dataclass(slots=True)
class Answer:
    """All pages of the answer to one question."""

    groups: list[Group] = field(default_factory=list)
    days: set[date] = field(default_factory=set)
    """Days that the answer speaks of, also those without cost."""
    estimated: set[date] = field(default_factory=set)
    currencies: set[str] = field(default_factory=set)
    rejections: list[Rejection] = field(default_factory=list)


def read(question: Question, metric: str, pages: Iterable[Mapping[str, Any]]) -> Answer:
    """Takes an answer apart. A day that spans two pages stands in both."""
    answer = Answer()
    for page in pages:
        for period in page["ResultsByTime"]:
            day = date.fromisoformat(period["TimePeriod"]["Start"])
            answer.days.add(day)
            if period.get("Estimated", True):
                answer.estimated.add(day)
            for place, group in enumerate(period.get("Groups", ()), start=1):
                try:
                    cost = _amount(group["Metrics"][metric]["Amount"])
                    first, second = (_value(key, text) for key, text in zip(question.groups, group["Keys"], strict=True))
                except (KeyError, TypeError, ValueError, InvalidOperation) as error:
                    answer.rejections.append(Rejection("group", f"{question.name} of {day}", place, "", f"{type(error).__name__}: {str(error)[:100]!r}"))
                    continue
                if cost:
                    answer.currencies.add(well_formed(str(group["Metrics"][metric].get("Unit", ""))))
                    answer.groups.append(Group(day, (first, second), cost))
    return answer


def _amount(text: str) -> Decimal:
    amount = Decimal(text)
    if not abs(amount) < _LARGEST:
        raise ValueError("no amount")
    return amount.quantize(_SCALE)


def _value(asked: tuple[str, str], text: str) -> str:
    """The value of a group's key. Tags come as `<tag>$<value>`, and both may hold a `$`; a tag that is absent comes as `<tag>$`."""
    kind, key = asked
    if kind != "TAG":
        return well_formed(text)
    prefix = f"{key}$"
    if not text.startswith(prefix):
        raise ValueError("the value of another tag")
    return well_formed(text.removeprefix(prefix))


def currency_of(answers: Iterable[Answer]) -> str:
    """The one currency of a bill; empty where nothing costs anything. Raises UserError for several."""
    found = sorted({currency for answer in answers for currency in answer.currencies})
    if len(found) > 1:
        raise UserError(
            f"Cost Explorer answers in several currencies ({', '.join(found)}), which cannot be added up; "
            "set sources.cost_explorer.aws to a payer account that bills in one."
        )
    return found[0] if found else ""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the bill that has an identity: the value of an owner tag or of aws:createdBy, or an account."""

    day: date
    charge: str
    service: str
    cost: Decimal
    account: str = UNKNOWN_ACCOUNT
    owner_tag: str | None = None
    created_by_tag: str | None = None


def of_accounts(charge: str, answer: Answer) -> Iterator[Part]:
    """The parts of an answer by account and service."""
    for group in answer.groups:
        account, service = group.values
        yield Part(group.day, charge, short_name(service), group.cost, account)


def of_tag(charge: str, by_service: Answer, by_account: Answer, created_by: bool) -> Iterator[Part]:
    """The parts of a tag, from the same cost by service and, where that was asked for, by account; what does not have the tag is left out.

    Both at once are known of a value that stands in one account on that day, or at one service. Else its account is not known: nothing is guessed.
    """
    services, accounts = _by_value(by_service), _by_value(by_account)
    for (day, value), costs in services.items():
        owner_tag, created_by_tag = (None, value) if created_by else (value, None)
        within = accounts.get((day, value), {})
        if len(within) > 1 and len(costs) == 1:
            (service,) = costs
            split = [(service, account, cost) for account, cost in within.items()]
        else:
            account = next(iter(within)) if len(within) == 1 else UNKNOWN_ACCOUNT
            split = [(service, account, cost) for service, cost in costs.items()]
        for service, account, cost in split:
            yield Part(day, charge, short_name(service), cost, account, owner_tag, created_by_tag)


def has_values(answer: Answer) -> bool:
    """Whether any cost has the tag that was asked for."""
    return any(group.values[0] for group in answer.groups)


def _by_value(answer: Answer) -> Mapping[tuple[date, str], Mapping[str, Decimal]]:
    found: dict[tuple[date, str], dict[str, Decimal]] = defaultdict(dict)
    for group in answer.groups:
        value, other = group.values
        if value:
            found[group.day, value][other] = found[group.day, value].get(other, Decimal()) + group.cost
    return found


def facts(whole: Answer, parts: Iterable[Part], currency: str) -> tuple[list[Row], Mapping[date, Decimal]]:
    """Rows that add up to the whole bill by day, charge and service, and how far the parts were off, by day.

    What the parts leave over of a service becomes a row without an identity; parts beyond the whole make that row negative. Nothing is spread.
    """
    left: dict[tuple[date, str, str], Decimal] = defaultdict(Decimal)
    for group in whole.groups:
        record_type, service = group.values
        left[group.day, charge_of(record_type), short_name(service)] += group.cost
    rows: list[Row] = []
    for part in parts:
        left[part.day, part.charge, part.service] -= part.cost
        owner_tags = None if part.owner_tag is None else part.owner_tag.replace(SEPARATOR, "")
        identity = (is_shared(part.charge), owner_tags, part.created_by_tag)
        rows.append((part.day, part.account, part.service, part.charge, currency, *identity, str(part.cost), 1))
    off: dict[date, Decimal] = defaultdict(Decimal)
    for (day, charge, service), cost in left.items():
        if cost:
            off[day] += abs(cost)
            rows.append((day, UNKNOWN_ACCOUNT, service, charge, currency, is_shared(charge), None, None, str(cost), 0))
    return rows, off
