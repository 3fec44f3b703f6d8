"""A made bill behind a stand-in for Cost Explorer's client, and the source under a clock that is set by hand."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from exporter.config import CostExplorerSource
from exporter.engines.duckdb import DuckDBEngine
from exporter.facts.store import Store
from exporter.people.attribution import Candidate
from exporter.sources.cost_explorer import CostExplorer
from exporter.sources.cost_explorer_requests import Requests
from exporter.telemetry import Telemetry

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TODAY = NOW.date()
DAY = timedelta(days=1)
A, B, C = "111122223333", "222233334444", "333344445555"
CAROL = "IAMUser:AIDACKCEVSQ6C2EXAMPLE:carol"
OWNER_TAGS = ("Owner", "CreatedBy")
COLUMNS = (
    *("day", "account", "region", "service", "charge", "currency", "shared", "user_identifier", "iam_principal", "identity_store_user", "owner_tags"),
    *("created_by_tag", "creator", "component", "tier", "resource", "cost", "quantity", "lines"),
)


@dataclass(frozen=True)
class Line:
    """A line of a bill; what it costs is told for every day of it."""

    cost: str
    service: str = "Amazon Simple Storage Service"
    account: str = "111122223333"
    record_type: str = "Usage"
    owner: str = ""
    made_by: str = ""
    creator: str = ""
    day: date | None = None
    """None: every day."""

    def value(self, kind: str, key: str) -> str:
        if kind == "TAG":
            return {"Owner": self.owner, "CreatedBy": self.made_by, "aws:createdBy": self.creator}.get(key, "")
        return {"SERVICE": self.service, "LINKED_ACCOUNT": self.account, "RECORD_TYPE": self.record_type}[key]

    def passes(self, condition: Mapping[str, Any]) -> bool:
        match condition:
            case {"And": parts}:
                return all(self.passes(part) for part in parts)
            case {"Dimensions": {"Key": key, "Values": values}}:
                return self.value("DIMENSION", key) in values
            case {"Or": parts}:
                return any(self.passes(part) for part in parts)
            case {"Tags": {"Key": key, "MatchOptions": ["ABSENT"]}}:
                return not self.value("TAG", key)
            case {"Tags": {"Key": key, "Values": values}}:
                return self.value("TAG", key) in values
        raise AssertionError(f"the stand-in does not know {condition}")


BILL = (
    Line("10", "Amazon Elastic Compute Cloud - Compute", A, owner="alice@example.com"),
    Line("4", "EC2 - Other", A, owner="alice@example.com"),
    Line("3", account=B, owner="team-web", made_by="bob"),
    Line("2", account=B, made_by="bob"),
    Line("1", account=B, creator=CAROL),
    Line("5", "AWS Lambda", C),
    Line("-1.5", account=B, record_type="Credit"),
    Line("0.7", "Tax", A, record_type="Tax"),
)
PER_READING = 8
"""Requests for BILL: the whole, two owner tags, two for aws:createdBy, and the accounts of usage, credit and tax."""


class FakeClient:
    """Answers GetCostAndUsage from lines, in pages of `page_size` groups. Every attempt passes the hooks that boto3 would call before it sends."""

    def __init__(self, lines: Sequence[Line], page_size: int = 1000) -> None:
        self.lines = list(lines)
        self.page_size = page_size
        self.settled_through = date.min
        self.unit = "USD"
        self.metric = "AmortizedCost"
        self.left_out: set[date] = set()
        self.requests: list[dict[str, Any]] = []
        self.failures: list[Exception] = []
        self.hooks: list[Callable[..., None]] = []
        self.meta = self
        self.events = self

    def register(self, event: str, hook: Callable[..., None]) -> None:
        assert event == "before-send.cost-explorer.GetCostAndUsage"
        self.hooks.append(hook)

    def get_cost_and_usage(self, **request: Any) -> dict[str, Any]:
        for hook in self.hooks:
            hook(request=None)
        self.requests.append(request)
        if self.failures:
            raise self.failures.pop(0)
        assert (request["Granularity"], request["Metrics"], len(request["GroupBy"])) == ("DAILY", [self.metric], 2)
        period = request["TimePeriod"]
        first, end = date.fromisoformat(period["Start"]), date.fromisoformat(period["End"])
        days = [first + timedelta(days=offset) for offset in range((end - first).days)]
        grouped = [(day, keys, cost) for day in days for keys, cost in self._groups(day, request).items()]
        start = int(request.get("NextPageToken", "0"))
        page = grouped[start : start + self.page_size]
        answer: dict[str, Any] = {"ResultsByTime": [self._period(day, page) for day in days if day not in self.left_out]}
        if start + self.page_size < len(grouped):
            answer["NextPageToken"] = str(start + self.page_size)
        return json.loads(json.dumps(answer))

    def _groups(self, day: date, request: Mapping[str, Any]) -> dict[tuple[str, ...], Decimal]:
        found: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
        for line in self.lines:
            if line.day in (None, day) and day not in self.left_out and line.passes(request.get("Filter", {"And": []})):
                asked = [(group["Type"], group["Key"]) for group in request["GroupBy"]]
                found[tuple(f"{key}${line.value(kind, key)}" if kind == "TAG" else line.value(kind, key) for kind, key in asked)] += Decimal(line.cost)
        return dict(sorted(found.items()))

    def _period(self, day: date, page: Sequence[tuple[date, tuple[str, ...], Decimal]]) -> dict[str, Any]:
        groups = [{"Keys": list(keys), "Metrics": {self.metric: {"Amount": str(cost), "Unit": self.unit}}} for on, keys, cost in page if on == day]
        period = {"Start": day.isoformat(), "End": (day + timedelta(days=1)).isoformat()}
        return {"TimePeriod": period, "Total": {}, "Groups": groups, "Estimated": day > self.settled_through}


@dataclass
class Rig:
    """The source and what it needs. `refresh` does what `FactsRefresh` does, without its retries."""

    path: Path
    client: Any
    owner_tags: Sequence[str] = OWNER_TAGS
    history: str = "62d"
    a_day: int = 100
    now: datetime = NOW
    telemetry: Telemetry = field(default_factory=Telemetry)
    nobodies: set[str] | None = field(default_factory=set)
    """Values of tags that name nobody; of aws:createdBy followed by a space and the account. None: it is not known."""

    def _nobodies(self, candidates: Sequence[Candidate]) -> frozenset[int] | None:
        if self.nobodies is None:
            return None
        told = {one.number: one.owner_tags or f"{one.created_by_tag} {one.account}" for one in candidates}
        return frozenset(number for number, value in told.items() if value in self.nobodies)

    def __post_init__(self) -> None:
        self.store = Store.open(self.path)
        self.start()

    def start(self, **changed: Any) -> None:
        """Makes the source anew, as a restart does."""
        if isinstance(self.client, FakeClient):
            self.client.hooks.clear()  # boto3's client would be a new one
        settings = CostExplorerSource(history=self.history, max_requests_per_day=self.a_day, **changed)
        requests = Requests(lambda service: {"ce": self.client}[service], self.a_day, self.store, self.telemetry, lambda: self.now)
        self.source = CostExplorer(settings, self.owner_tags, self._nobodies, requests, DuckDBEngine(timedelta(minutes=1)), self.store, self.telemetry)

    def refresh(self, now: datetime | None = None) -> list[tuple[date, int]]:
        """Refreshes; returns the days of each span that was stored: its first day and how many."""
        self.now = now or self.now
        stored = []
        for day in self.source.due(self.now, lambda: None):
            batch = self.source.read(day)
            self.store.replace(batch)
            self.source.keep(day)
            if batch.days:
                stored.append((batch.days[0], len(batch.days)))
        self.source.done(self.now)
        return stored

    def facts(self, *columns: str, where: str = "true") -> list[tuple[Any, ...]]:
        """Stored rows, sorted; summed costs where only some columns are wanted."""
        files = str(self.path / "facts/cost_explorer/*.parquet")
        chosen = ", ".join((*columns, "sum(cost)::DECIMAL(38,12)"))
        query = f"SELECT {chosen} FROM read_parquet($1) WHERE {where} GROUP BY ALL ORDER BY ALL"
        return [(*row[:-1], row[-1].normalize()) for row in duckdb.execute(query, [files]).fetchall()]

    def asked(self) -> float:
        """Requests as the self-metrics tell them."""
        return self.telemetry.registry.get_sample_value("aws_user_exporter_api_requests_total", {"api": "cost_explorer"}) or 0

    def close(self) -> None:
        self.store.close()


MakeRig = Callable[..., Rig]


@contextmanager
def rigs(folder: Path) -> Iterator[MakeRig]:
    """Makes rigs on one store, and closes them in the end."""
    made: list[Rig] = []

    def make(lines: Sequence[Line] = BILL, page_size: int = 1000, **settings: Any) -> Rig:
        made.append(Rig(folder / "store", FakeClient(lines, page_size), **settings))
        return made[-1]

    try:
        yield make
    finally:
        for rig in made:
            rig.close()


def at(day: date, hour: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def value(cost: str) -> Decimal:
    return Decimal(cost).normalize()
