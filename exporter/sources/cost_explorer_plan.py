"""What Cost Explorer is asked: the days that are due, the questions about them, and how many requests those will take. Plain functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import msgspec

from exporter.model import DayRange
from exporter.windows import month_of

LONGEST_SPAN = 31
"""Days that one reading covers at most: what a budget cuts off is asked again, so a first load goes in steps."""
NEWEST_DAYS = 3
"""Days that every refresh asks for; the other open ones are asked for once a UTC day."""
CREATED_BY = "aws:createdBy"
USAGE = "usage"

_DAY = timedelta(days=1)
_CHARGES = {
    "usage": "usage",
    "discountedusage": "usage",
    "reservationappliedusage": "usage",
    "savingsplancoveredusage": "usage",
    "fee": "subscription",
    "flatratesubscription": "subscription",
    "otheroutofcyclecharges": "subscription",
    "supportfee": "subscription",
    "recurringreservationfee": "commitment",
    "rifee": "commitment",
    "savingsplannegation": "commitment",
    "savingsplanrecurringfee": "commitment",
    "savingsplanupfrontfee": "commitment",
    "upfrontreservationfee": "commitment",
    "tax": "tax",
    "credit": "credit",
    "refund": "refund",
}
_PERSONAL = frozenset({"usage", "subscription", "discount"})


class Pages(msgspec.Struct, frozen=True):
    """How many pages the answer to a question had when it was asked about so many days."""

    pages: int
    days: int

    def expected(self, days: int) -> int:
        """Pages for another number of days: the last page of an answer is seldom full, the others are."""
        return 1 - (-(self.pages - 1) * days // self.days)


@dataclass(frozen=True, slots=True)
class Question:
    """A request without its days: two groups, the most that the API takes, and a filter. `name` is what its page count is remembered under."""

    name: str
    groups: tuple[tuple[str, str], tuple[str, str]]
    filters: tuple[Mapping[str, Any], ...] = ()

    def request(self, span: DayRange, metric: str) -> dict[str, Any]:
        """The arguments of GetCostAndUsage; the end of its period is exclusive.

        https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_GetCostAndUsage.html
        """
        request: dict[str, Any] = {
            "TimePeriod": {"Start": span.first.isoformat(), "End": (span.last + _DAY).isoformat()},
            "Granularity": "DAILY",
            "Metrics": [metric],
            "GroupBy": [{"Type": kind, "Key": key} for kind, key in self.groups],
        }
        if self.filters:
            request["Filter"] = self.filters[0] if len(self.filters) == 1 else {"And": list(self.filters)}
        return request


_SERVICE = ("DIMENSION", "SERVICE")
_ACCOUNT = ("DIMENSION", "LINKED_ACCOUNT")
WHOLE = Question("whole", (("DIMENSION", "RECORD_TYPE"), _SERVICE))
"""The bill by kind of charge and service: what everything else must add up to."""


def by_tag(tag: str, filters: Iterable[Mapping[str, Any]]) -> Question:
    """A step of the cascade: what a tag says of the cost that the steps before it have passed on, by service."""
    return Question(f"tag {tag}", (("TAG", tag), _SERVICE), tuple(filters))


def accounts_of_tag(tag: str, filters: Iterable[Mapping[str, Any]]) -> Question:
    """The same cost by account."""
    return Question(f"accounts of tag {tag}", (("TAG", tag), _ACCOUNT), tuple(filters))


def by_account(charge: str, filters: Iterable[Mapping[str, Any]]) -> Question:
    """The last step of the cascade for usage, and the only one for other charges."""
    return Question(f"account {charge}", (_ACCOUNT, _SERVICE), tuple(filters))


def of_record_types(record_types: Iterable[str]) -> Mapping[str, Any]:
    """Keeps cost of these record types."""
    return {"Dimensions": {"Key": "RECORD_TYPE", "Values": sorted(record_types)}}


def passed_on(tag: str, fallen: Sequence[str]) -> Mapping[str, Any]:
    """Keeps cost without this tag, and cost whose value of it has fallen through."""
    absent = {"Tags": {"Key": tag, "MatchOptions": ["ABSENT"]}}
    return {"Or": [absent, {"Tags": {"Key": tag, "Values": list(fallen)}}]} if fallen else absent


def charge_of(record_type: str) -> str:
    """The charge that a record type means, as for the other bill.

    It is told in the words of the console (`Savings Plan Covered Usage`) or of CUR (`SavingsPlanCoveredUsage`).
    """
    word = re.sub("[^a-z]", "", record_type.lower())
    return "discount" if word.endswith("discount") else _CHARGES.get(word, "other")


def is_shared(charge: str) -> bool:
    """Whether a charge belongs to nobody in particular. The API knows no resources, so the kind of charge decides."""
    return charge not in _PERSONAL


def open_days(today: date, unsettled: Iterable[date]) -> DayRange:
    """The days that may still be restated: the current month, and the month before from its first day that was an estimate when it was last read."""
    current = today.replace(day=1)
    previous = month_of(current - _DAY)
    return DayRange(min((day for day in unsettled if day in previous), default=current), today - _DAY)


def still_unsettled(today: date, read: Iterable[date], estimated: Iterable[date], unsettled: Iterable[date]) -> tuple[date, ...]:
    """The days that must be read again, when some were read today, of which some are estimates. No day of the running month is settled."""
    current = today.replace(day=1)
    oldest = month_of(current - _DAY).first
    now_read = set(read)
    left = {*(set(unsettled) - now_read), *estimated, *(day for day in now_read if day >= current)}
    return tuple(sorted(day for day in left if day >= oldest))


def spans(days: Iterable[date], longest: int) -> list[DayRange]:
    """The days as runs of neighbours, none longer than so many, oldest first."""
    found: list[DayRange] = []
    for day in sorted(set(days)):
        if found and day == found[-1].last + _DAY and len(found[-1]) < longest:
            found[-1] = DayRange(found[-1].first, day)
        else:
            found.append(DayRange(day, day))
    return found


def expected_requests(days: int, owner_tags: Sequence[str], known: Mapping[str, Pages]) -> int:
    """Requests for one reading of so many days, by the page counts of earlier ones; a question that was never asked counts as one page."""
    steps = [WHOLE.name, *(f"tag {tag}" for tag in (*owner_tags, CREATED_BY)), f"accounts of tag {CREATED_BY}", f"account {USAGE}"]
    return sum(known[name].expected(days) if name in known else 1 for name in dict.fromkeys([*steps, *known]))


def fitting(wanted: Sequence[DayRange], left: int, owner_tags: Sequence[str], known: Mapping[str, Pages], cut: bool) -> Iterator[DayRange]:
    """The first of the spans that so many requests are enough for; with `cut`, also the part of the next one that still fits."""
    for span in wanted:
        days = len(span)
        while days and expected_requests(days, owner_tags, known) > left:
            days = days - 1 if cut else 0
        if days:
            left -= expected_requests(days, owner_tags, known)
            yield DayRange(span.first, span.first + timedelta(days=days - 1))
        if days < len(span):
            return
