"""Gives a bill to people again in plain Python: what cost in /metrics is checked against. Imports nothing of the exporter."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from statistics import median

from recount_cur import EXACT, Key, Recount

ROLE = re.compile("arn:aws:sts::([0-9]{12}):assumed-role/([^/]+)/(.+)")
USER = re.compile("arn:aws:iam::([0-9]{12}):user/(?:.*/)?([^/]+)")
MAIL = re.compile(r"[^@\s]+@[^@\s]+")
PROGRAM = re.compile("^svc-|-bot$|terraform|jenkins|github")
METHODS = ("user_identifier", "iam_principal", "identity_store_user", "owner_tag", "created_by_tag", "resource_creator", "account_owner")
SHORT = ("yesterday", "last_30d", "month_to_date")

Sums = dict[tuple[str, ...], Decimal]


class CostRecount:
    """`known` is user and team by every lower-case spelling of the people who are listed; nobody else has a team. Everything is in one currency."""

    def __init__(self, bill: Recount, known: Mapping[str, tuple[str, str]], owners: Mapping[str, str], today: date, first: date, last: date) -> None:
        self.known, self.owners, self.today, self.first, self.last = known, owners, today, first, last
        self.costs = {key: cost for key, (cost, _, _) in bill.facts().items()}
        self.days_of_resources = bill.resources
        # Who stands in the bill under an id or as a caller is somebody, listed or not.
        self.seen: dict[str, str] = {}
        for key in self.costs:
            for identity in (key[7], key[9], self.caller(key[8])):
                if identity is not None:
                    self.seen[identity] = identity.partition(":")[2] or identity

    def span(self, window: str) -> tuple[date, date]:
        """First and last landed day of a window."""
        month = self.today.replace(day=1)
        one = {"yesterday": 1, "3d_ago": 3}.get(window)
        rolling = {"last_7d": 7, "last_30d": 30}.get(window)
        if one is not None:
            first = last = self.today - timedelta(days=one)
        elif rolling is not None:
            first, last = self.last - timedelta(days=rolling - 1), self.last
        elif window == "month_to_date":
            first, last = month, self.today
        else:
            last = month - timedelta(days=1)
            first = last.replace(day=1)
        return max(first, self.first), min(last, self.last)

    def within(self, window: str) -> Iterable[tuple[Key, Decimal]]:
        first, last = self.span(window)
        return [(key, cost) for key, cost in self.costs.items() if first <= key[0] <= last]

    def caller(self, arn: str | None) -> str | None:
        """The identity of a caller who is a person."""
        if arn is None:
            return None
        if found := ROLE.fullmatch(arn):
            session = found[3].lower()
            if found[2].startswith("AWSReservedSSO_"):
                return f"session:{session}"
            return f"session_name:{session}" if MAIL.fullmatch(session) else None
        if (found := USER.fullmatch(arn)) and not PROGRAM.search(found[2].lower()):
            return f"iam_user:{found[2].lower()}@{found[1]}"
        return None

    def person(self, identity: str) -> tuple[str, str] | None:
        spelling = identity.partition(":")[2] or identity
        return self.known.get(spelling) or ((self.seen[identity], "unknown") if identity in self.seen else None)

    def named(self, spelling: str) -> tuple[str, str] | None:
        spelling = spelling.strip().lower()
        if spelling in self.known:
            return self.known[spelling]
        called = {name for identity, name in self.seen.items() if name == spelling and self.person(identity) == (name, "unknown")}
        return (called.pop(), "unknown") if called else None

    def created_by(self, tag: str, account: str) -> tuple[str, str] | str:
        kind, name = tag.split(":")[0], tag.split(":")[-1].lower()
        if kind == "Root" or (kind == "IAMUser" and PROGRAM.search(name)):
            return "not_a_person"
        if kind == "IAMUser":
            return self.person(f"iam_user:{name}@{account}") or "unknown_person"
        return self.person(f"session:{name}") or (MAIL.fullmatch(name) and self.person(f"session_name:{name}")) or "unknown_person"

    def given(self, key: Key) -> tuple[tuple[str, str] | None, str]:
        """Who gets it and by which method, or nobody and why."""
        if key[6]:
            return None, "shared_charge"
        answers: dict[str, tuple[str, str] | str | None] = {
            "user_identifier": key[7] and self.person(key[7]),
            "iam_principal": key[8] and (((identity := self.caller(key[8])) and self.person(identity)) or "not_a_person"),
            "identity_store_user": key[9] and self.person(key[9]),
            "owner_tag": key[10] and (next((found for value in key[10].split("\x1f") if (found := self.named(value))), None) or "unknown_person"),
            "created_by_tag": key[11] and self.created_by(key[11], key[1]),
            "resource_creator": key[12] and (self.person(key[12]) or "unknown_person"),
            "account_owner": self.named(self.owners[key[1]]) or "unknown_person" if key[1] in self.owners else None,
        }
        for method in METHODS:
            if isinstance(answer := answers[method], tuple):
                return answer, method
        reasons = [answer for answer in answers.values() if isinstance(answer, str)]
        return None, "unknown_person" if "unknown_person" in reasons else "not_a_person" if reasons else "no_identity"

    def sums(self, window: str, of: str) -> Sums:
        """Sums by the labels of a family, zeros left out."""
        found: Sums = defaultdict(Decimal)
        for key, cost in self.within(window):
            person, how = self.given(key)
            labels = self.labels(of, key, person, how)
            if labels is not None:
                found[labels] = EXACT.add(found[labels], cost)
        return {labels: value for labels, value in found.items() if value}

    @staticmethod
    def labels(of: str, key: Key, person: tuple[str, str] | None, how: str) -> tuple[str, ...] | None:
        _, _, region, service, charge, currency, *_, component, _ = key
        if of == "aws_cost":
            return charge, currency
        if of == "aws_cost_attributed":
            return (how, currency) if person else None
        if of == "aws_cost_unattributed":
            return None if person else (how, currency)
        if person is None:
            return None
        own: dict[str, tuple[str, ...] | None] = {
            "aws_user_cost": (charge, currency),
            "aws_user_service_cost": (currency, service),
            "aws_user_region_cost": (currency, region or "none"),
            "kiro_user_billed_cost": (component, currency) if component else None,
        }
        rest = own[of]
        return None if rest is None else (*person, *rest)

    def resources(self, window: str) -> dict[tuple[str, ...], int]:
        first, last = self.span(window)
        found: dict[tuple[str, ...], set[str]] = defaultdict(set)
        for (_, account, *candidates, resource), day in self.days_of_resources.items():
            person, _ = self.given((day, account, None, "", "usage", "", *candidates, None, None))
            if person is not None and first <= day <= last:
                found[person].add(resource)
        return {person: len(resources) for person, resources in found.items()}

    def typical_days(self) -> Sums:
        """Median of the non-zero usage days of the 28 before yesterday, of those who have 7."""
        days: dict[tuple[str, ...], dict[date, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        for key, cost in self.costs.items():
            person, _ = self.given(key)
            if person is not None and key[4] == "usage" and self.today - timedelta(days=29) <= key[0] <= min(self.today - timedelta(days=2), self.last):
                days[*person, key[5]][key[0]] += cost
        return {labels: median(cost for cost in of_day.values() if cost) for labels, of_day in days.items() if sum(1 for cost in of_day.values() if cost) >= 7}
