"""What the files of a demo say of every day, in plain Python: the numbers that dashboards must show. Imports nothing of the exporter."""

from __future__ import annotations

import csv
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import recount_cloudtrail
import recount_cur
import recount_kiro
import yaml
from recount_cost import CostRecount

DAY = timedelta(days=1)
NOBODYS_TEAM = "unknown"
OWNER_KEYS = ("user_owner", "user_created_by")
"""How the export spells the tags Owner and CreatedBy."""

Labels = tuple[tuple[str, str], ...]
"""Pairs of name and value, in order of names."""
Day = dict[Labels, Decimal]
Person = tuple[str, str]
"""User and team."""


def labels(**values: str) -> Labels:
    return tuple(sorted(values.items()))


@dataclass(frozen=True)
class Directory:
    """People by every lower-case spelling; the people file says the name, a group `team-…` the team before the people file and the department do."""

    people: dict[str, Person]
    status: dict[str, str]
    """By user: enabled or disabled in the directory, else listed."""
    seats: dict[str, tuple[str, date]]
    """Tier of the seat, and since when it is held, by user, as the people file says."""

    @classmethod
    def read(cls, data: Path) -> Directory:
        users, groups, memberships = (json.loads((data / "directory" / f"{name}.json").read_text()) for name in ("users", "groups", "memberships"))
        teams = {group["GroupId"]: found[1] for group in groups["Groups"] if (found := re.fullmatch("team-(.*)", group["DisplayName"]))}
        team_of = {one["MemberId"]["UserId"]: teams[one["GroupId"]] for one in memberships["GroupMemberships"] if one["GroupId"] in teams}
        with (data / "people.csv").open(encoding="utf-8", newline="") as file:
            listed = list(csv.DictReader(file))
        row_of = {spelling: row for row in reversed(listed) for spelling in cls.spellings(row["user"], row["email"], *row["aliases"].split(";"))}
        people: dict[str, Person] = {}
        status: dict[str, str] = {}
        for user in users["Users"]:
            mails = [mail["Value"] for mail in user.get("Emails", ())]
            spellings = cls.spellings(user["UserName"], *mails, user["UserId"])
            row = next((row_of[spelling] for spelling in spellings if spelling in row_of), None)
            department = user.get("Extensions", {}).get("aws:identitystore:enterprise", {}).get("department")
            team = team_of.get(user["UserId"]) or (row and row["team"]) or department or NOBODYS_TEAM
            person = ((row["user"] if row else user["UserName"]), team)
            people |= dict.fromkeys(spellings, person)
            status[person[0]] = user["UserStatus"].lower()
        for row in reversed(listed):
            spellings = cls.spellings(row["user"], row["email"], *row["aliases"].split(";"))
            person = next((people[spelling] for spelling in spellings if spelling in people), (row["user"], row["team"] or NOBODYS_TEAM))
            people |= dict.fromkeys(spellings, person)
            status.setdefault(person[0], "listed")
        seats = {people[row["user"].lower()][0]: (row["kiro_tier"], date.fromisoformat(row["kiro_since"])) for row in listed if row["kiro_tier"]}
        return cls(people, status, seats)

    @staticmethod
    def spellings(*texts: str) -> list[str]:
        return [recount_kiro.identity_of(text) for text in texts if text]


class Kiro(recount_kiro.Recount):
    """Kiro's reports, with the people of the directory."""

    def __init__(self, data: Path, directory: Directory, today: date) -> None:
        super().__init__(data, None, today)
        self.people = directory.people

    def by_day(self, values: str, rows: Iterable[recount_kiro.Row], label: str = "") -> dict[date, Day]:
        """Sums by team and, where one is named, by what stands in that label."""
        days: dict[date, Day] = defaultdict(lambda: defaultdict(Decimal))
        for row in rows:
            team = self.person(row.identity)[1]
            if label == "model":
                for name, count in row.numbers.items():
                    if name.endswith("_messages") and name != "total_messages":
                        days[row.day][labels(team=team, model=name.removesuffix("_messages"))] += count
            else:
                of = {"client": row.client} if label == "client" else {}
                days[row.day][labels(team=team, **of)] += row.numbers[values]
        return days

    def active(self, last: date, days: int) -> dict[Person, int]:
        """On how many of the days that end with `last` each person has a row with use."""
        used = {
            (self.person(row.identity), row.day)
            for row in self.credit_rows
            if last - days * DAY < row.day <= last and (days > 1 or row.numbers["credits_used"] + row.numbers["total_messages"])
        }
        found: dict[Person, int] = defaultdict(int)
        for person, _ in used:
            found[person] += 1
        return dict(found)

    def credits_of_person(self, user: str) -> dict[date, Decimal]:
        found: dict[date, Decimal] = defaultdict(Decimal)
        for row in self.credit_rows:
            if self.person(row.identity)[0] == user:
                found[row.day] += row.numbers["credits_used"]
        return found

    def credits_between(self, first: date, last: date) -> dict[Person, Decimal]:
        found: dict[Person, Decimal] = defaultdict(Decimal)
        for row in self.credit_rows:
            if first <= row.day <= last:
                found[self.person(row.identity)] += row.numbers["credits_used"]
        return found


class Aws:
    """AWS's logs."""

    def __init__(self, data: Path, directory: Directory, providers: tuple[str, ...], first: date, last: date) -> None:
        self.days = recount_cloudtrail.Recount(recount_cloudtrail.Rules(human_identity_providers=providers)).days(data, first, last)
        self.owners = self._joined(directory.people)

    def _joined(self, people: Mapping[str, Person]) -> dict[tuple[str, str], Person]:
        """Whose a human identity is: as the directory says of it, or of the only name that was logged with its id, else somebody of its own name."""
        names, ids = defaultdict(set), defaultdict(set)
        for _, _, _, who, dimension, value in self.days:
            if dimension == "link" and who is not None:
                names[who].add(value)
                ids[value].add(who)
        other = {user_id: name for user_id, (name, *more) in ((user_id, sorted(found)) for user_id, found in names.items()) if not more and len(ids[name]) == 1}
        other |= {name: user_id for user_id, name in other.items()}
        owners: dict[tuple[str, str], Person] = {}
        for kind, who in {(kind, who) for _, _, kind, who, _, _ in self.days if kind is not None and who is not None}:
            partner = other.get(who) if kind in ("user_id", "session") else None
            own = partner if kind == "user_id" and partner is not None else who
            owners[kind, who] = people.get(who) or (people.get(partner) if partner else None) or (own, NOBODYS_TEAM)
        return owners

    def people(self, dimension: str, count: int, label: str = "") -> dict[date, dict[tuple[Person, str], Decimal]]:
        """Events by day, person and the value of a dimension (all of them together where no label is named); `count` is the place of what is summed."""
        days: dict[date, dict[tuple[Person, str], Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        for (day, _, kind, who, of, value), sums in self.days.items():
            if kind is not None and who is not None and of == dimension and sums[count]:
                days[day][self.owners[kind, who], value if label else ""] += sums[count]
        return days

    def by_day(self, dimension: str, count: int = 0, label: str = "") -> dict[date, Day]:
        """The same by team."""
        days: dict[date, Day] = defaultdict(lambda: defaultdict(Decimal))
        for day, found in self.people(dimension, count, label).items():
            for ((_, team), value), events in found.items():
                days[day][labels(team=team, **({label: value} if label else {}))] += events
        return days

    def kinds(self) -> dict[date, Day]:
        days: dict[date, Day] = defaultdict(lambda: defaultdict(Decimal))
        for (day, kind, _, _, of, _), sums in self.days.items():
            if of == "access":
                days[day][labels(kind=kind)] += sums[0]
        return days

    def creators(self) -> dict[str, str]:
        """Who created a resource first, as a key of an identity."""
        found: dict[str, tuple[int, str]] = {}
        for (_, _, kind, who, of, resource), sums in self.days.items():
            if of == "created" and who is not None:
                key = (sums[3], who if kind == "user_id" else f"{kind}:{who}")
                found[resource] = min(key, found.get(resource, key))
        return {resource: creator for resource, (_, creator) in found.items()}


class Cost(CostRecount):
    """The bill."""

    def __init__(self, data: Path, directory: Directory, owners: Mapping[str, str], creators: dict[str, str], today: date) -> None:
        bill = recount_cur.Recount("amortized", OWNER_KEYS, creators).export(data / "cur", today)
        days = {key[0] for key in bill.facts() if key[0] < today}
        super().__init__(bill, directory.people, owners, today, min(days), max(days))

    def by_day(self, of: str, *names: str) -> dict[date, Day]:
        """Sums of a family (see CostRecount.labels) by day; `names` are its labels, a person being user and team."""
        days: dict[date, Day] = defaultdict(lambda: defaultdict(Decimal))
        for key, cost in self.costs.items():
            person, how = self.given(key)
            values = self.labels(of, key, person, how)
            if values is not None and cost and key[0] <= self.last:
                wanted = {name: value for name, value in zip(names, values, strict=True) if name != "user"}
                days[key[0]][labels(**wanted)] += cost
        return days

    def of_person(self, user: str) -> dict[date, Day]:
        days: dict[date, Day] = defaultdict(lambda: defaultdict(Decimal))
        for key, cost in self.costs.items():
            person, _ = self.given(key)
            if person is not None and person[0] == user and cost and key[0] <= self.last:
                days[key[0]][labels(charge=key[4], currency=key[5])] += cost
        return days

    def seats(self) -> dict[Person, tuple[str, date]]:
        """Who is billed for a seat in the newest month: its tier and the first day of all."""
        newest = max(key[0] for key in self.costs if key[13] == "seat").replace(day=1)
        tiers: dict[Person, str] = {}
        first: dict[Person, date] = {}
        for key, cost in self.costs.items():
            person, _ = self.given(key)
            if person is not None and key[13] == "seat" and cost > 0:
                first[person] = min(key[0], first.get(person, key[0]))
                if key[0] >= newest:
                    tiers[person] = key[14]
        return {person: (tier, first[person]) for person, tier in tiers.items()}


@dataclass(frozen=True)
class DemoRecount:
    """Everything of a demo folder as seen on `today` (UTC)."""

    today: date
    first: date
    directory: Directory
    kiro: Kiro
    aws: Aws
    cost: Cost

    @classmethod
    def of(cls, folder: Path, today: date, first: date) -> DemoRecount:
        config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
        data = folder / "data"
        directory = Directory.read(data)
        aws = Aws(data, directory, tuple(config["people"]["patterns"]["human_identity_providers"]), first, today - DAY)
        owners = {str(account): user for account, user in config["attribution"]["account_owners"].items()}
        cost = Cost(data, directory, owners, aws.creators(), today)
        return cls(today, first, directory, Kiro(data, directory, today), aws, cost)
