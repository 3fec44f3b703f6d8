"""Counts Kiro reports again in plain Python: what the exporter's numbers are checked against. Imports nothing of the exporter."""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path

REPORT = re.compile(
    r"AWSLogs/(?P<account>\d+)/(KiroLogs|QDeveloperLogs)/(?P<kind>user_report|by_user_analytic)/(?P<region>[^/]+)/.*_(?P<exported>\d{12})(_[a-z0-9_]+)?\.csv$"
)
UUID_AT_END = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
CREDITS = ("credits_used", "overage_credits_used", "total_messages", "chat_conversations")


@dataclass(frozen=True)
class Row:
    day: date
    identity: str
    mail: str
    client: str
    numbers: dict[str, Decimal]
    """By lower-case column name, models included."""


def identity_of(spelling: str) -> str:
    """The trailing UUID, whatever stands before it, else the spelling itself; in lower case."""
    plain = spelling.strip(" \"'\r").lower()
    found = UUID_AT_END.search(plain)
    return found.group() if found else plain


def day_of(text: str) -> date:
    month_first = re.fullmatch(r"(\d\d)-(\d\d)-(\d{4})", text)
    return date(int(month_first[3]), int(month_first[1]), int(month_first[2])) if month_first else date.fromisoformat(text)


def parse(header: list[str], cells: list[str], kind: str) -> Row:
    """Raises ValueError or InvalidOperation for a row that is malformed."""
    if len(cells) != len(header):
        raise ValueError(f"{len(cells)} cells, {len(header)} columns")
    row = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
    if kind == "user_report":
        wanted = [name for name in header if name in CREDITS or name.endswith("_messages")]
    else:
        wanted = [name for name in header if re.match("(chat|code|dev|doc|inline|test|transform)", name)]
    numbers = {name: Decimal(row[name]) for name in wanted}
    if not all(number.is_finite() and number >= 0 for number in numbers.values()):
        raise ValueError("not a number of anything")
    # The documentation and real files disagree on this one name.
    if "inlinechat_eventcount" in numbers:
        numbers["inlinechat_totaleventcount"] = numbers.pop("inlinechat_eventcount")
    client = row.get("client_type", "").lower().removeprefix("kiro_")
    return Row(day_of(row["date"]), identity_of(row["userid"]), row.get("user_email", ""), client, numbers)


def read(folder: Path, kind: str, ignore_before: date) -> tuple[list[Row], int]:
    """The rows that count, and how many were malformed. Of the same (day, person, client, account, region) the latest export counts, then the later path."""
    latest: dict[tuple[object, ...], tuple[tuple[str, str], Row]] = {}
    malformed = 0
    for path in folder.rglob("*.csv"):
        place = REPORT.search(path.as_posix())
        if not place or place["kind"] != kind:
            continue
        lines = csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""))
        header = [name.strip().lower() for name in next(lines)]
        for cells in lines:
            try:
                row = parse(header, cells, kind)
            except (ValueError, InvalidOperation):
                malformed += 1
                continue
            key = (row.day, row.identity, row.client, place["account"], place["region"])
            rank = (place["exported"], path.as_posix())
            if row.day >= ignore_before and (key not in latest or latest[key][0] <= rank):
                latest[key] = (rank, row)
    return [row for _, row in latest.values()], malformed


def read_people(path: Path) -> dict[str, tuple[str, str]]:
    """Every spelling in the people file -> (user, team)."""
    people: dict[str, tuple[str, str]] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        for person in csv.DictReader(file):
            for spelling in (person["user"], person.get("email") or "", *(person.get("aliases") or "").split(";")):
                if spelling.strip():
                    people[identity_of(spelling)] = (person["user"], person.get("team") or "unknown")
    return people


class Recount:
    """The sums of one data folder as seen on `today` (UTC). Sums of 0 are left out of every answer."""

    def __init__(self, folder: Path, people_file: Path | None, today: date, *, overage: str = "inside", ignore_before: date = date(2026, 2, 13)) -> None:
        """`overage` says whether Credits_Used includes the overage (`inside`) or not (`on_top`)."""
        self.today, self.overage_on_top = today, overage == "on_top"
        self.people = read_people(people_file) if people_file else {}
        self.credit_rows, self.malformed_credit_rows = read(folder, "user_report", ignore_before)
        self.feature_rows, self.malformed_feature_rows = read(folder, "by_user_analytic", ignore_before)
        self.mails = {row.identity: row.mail for row in sorted(self.credit_rows, key=lambda row: row.day) if row.mail}

    def person(self, identity: str) -> tuple[str, str]:
        """(user, team): by id, else by the newest mail that came with the id, else nobody in the people file."""
        mail = self.mails.get(identity, "")
        return self.people.get(identity) or self.people.get(mail.lower()) or (mail or identity, "unknown")

    def unmatched(self) -> set[str]:
        identities = {row.identity for row in (*self.credit_rows, *self.feature_rows)}
        return {identity for identity in identities if identity not in self.people and self.mails.get(identity, "").lower() not in self.people}

    def days(self, window: str, rows: Iterable[Row]) -> tuple[date, date]:
        """First and last day of a window; a first after the last when nothing has landed."""
        yesterday = self.today - timedelta(days=1)
        newest = max((row.day for row in rows if row.day < self.today), default=date.min + timedelta(days=99))
        month = self.today.replace(day=1)
        last_month_end = month - timedelta(days=1)
        return {
            "yesterday": (yesterday, yesterday),
            "3d_ago": (self.today - timedelta(days=3),) * 2,
            "last_7d": (newest - timedelta(days=6), newest),
            "last_30d": (newest - timedelta(days=29), newest),
            "month_to_date": (month, yesterday),
            "last_month": (last_month_end.replace(day=1), last_month_end),
        }[window]

    def sums(self, window: str, rows: list[Row], values: Callable[[Row], Iterable[tuple[tuple[str, ...], Decimal]]]) -> dict[tuple[str, ...], Decimal]:
        """`values` gives the labels after (user, team), and what to add there."""
        first, last = self.days(window, rows)
        found: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
        for row in rows:
            if first <= row.day <= last:
                for labels, value in values(row):
                    found[(*self.person(row.identity), *labels)] += value
        return {labels: value for labels, value in found.items() if value}

    def credits_of(self, row: Row) -> Decimal:
        return row.numbers["credits_used"] + (row.numbers["overage_credits_used"] if self.overage_on_top else 0)

    def credits(self, window: str) -> dict[tuple[str, ...], Decimal]:
        """(user, team), overage included."""
        return self.sums(window, self.credit_rows, lambda row: [((), self.credits_of(row))])

    def overage(self, window: str) -> dict[tuple[str, ...], Decimal]:
        return self.sums(window, self.credit_rows, lambda row: [((), row.numbers["overage_credits_used"])])

    def messages(self, window: str) -> dict[tuple[str, ...], Decimal]:
        return self.sums(window, self.credit_rows, lambda row: [((), row.numbers["total_messages"])])

    def conversations(self, window: str) -> dict[tuple[str, ...], Decimal]:
        return self.sums(window, self.credit_rows, lambda row: [((), row.numbers["chat_conversations"])])

    def client_credits(self, window: str) -> dict[tuple[str, ...], Decimal]:
        """(user, team, client)."""
        return self.sums(window, self.credit_rows, lambda row: [((row.client,), self.credits_of(row))])

    def client_messages(self, window: str) -> dict[tuple[str, ...], Decimal]:
        """(user, team, client)."""
        return self.sums(window, self.credit_rows, lambda row: [((row.client,), row.numbers["total_messages"])])

    def model_messages(self, window: str) -> dict[tuple[str, ...], Decimal]:
        """(user, team, model), the model as the column spells it in lower case."""

        def models(row: Row) -> list[tuple[tuple[str, ...], Decimal]]:
            return [
                ((name.removesuffix("_messages"),), count) for name, count in row.numbers.items() if name.endswith("_messages") and name != "total_messages"
            ]

        return self.sums(window, self.credit_rows, models)

    def features(self, window: str) -> dict[tuple[str, ...], Decimal]:
        """(user, team, column), the column in lower case, `inlinechat_totaleventcount` for both its names."""
        return self.sums(window, self.feature_rows, lambda row: [((column,), count) for column, count in row.numbers.items()])

    def active_dates(self, window: str) -> dict[tuple[str, str], int]:
        """(user, team): days with a row in user_report."""
        first, last = self.days(window, self.credit_rows)
        dates = {(self.person(row.identity), row.day) for row in self.credit_rows if first <= row.day <= last}
        found: dict[tuple[str, str], int] = defaultdict(int)
        for person, _ in dates:
            found[person] += 1
        return dict(found)
