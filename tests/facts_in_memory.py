"""Puts hand-written facts into memory and builds a snapshot of them, for the tests of what is published. The way in is the one of real facts: Parquet files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import billed
import duckdb
import nanoarrow
from billed import Billed
from prometheus_client.parser import text_string_to_metric_families

from exporter.config import Config
from exporter.facts.recent import RecentFacts
from exporter.model import ArrowStream, DayRange
from exporter.people import Entry, People, resolve
from exporter.people.attribution import Rules, with_principals
from exporter.people.privacy import Published as Privacy
from exporter.snapshots.building import Built, build
from exporter.snapshots.folding import Standing
from exporter.windows import Landed, with_bill

MAX_AGE = timedelta(days=14)
Amount = Decimal | int | str | None
Samples = dict[tuple[str, ...], float]


@dataclass(frozen=True)
class Used:
    """A row of `user_report`: what one identity consumed with one client on one day, and the messages of each model."""

    day: date
    identity: str
    credits: Amount = 0
    messages: int = 0
    conversations: int = 0
    client: str = "ide"
    overage: Amount = 0
    tier: str | None = "pro"
    cap: Amount = None
    overage_enabled: bool | None = None
    usage_limit: Amount = None
    new_user: bool = False
    mail: str | None = None
    models: Mapping[str, int] = field(default_factory=dict)
    account: str = "111122223333"

    def rows(self) -> list[tuple[object, ...]]:
        def number(amount: Amount) -> Decimal | None:
            return None if amount is None else Decimal(amount)

        state = (number(self.cap), self.overage_enabled, number(self.usage_limit))
        place = (self.account, "us-east-1", self.client)
        used = (number(self.credits), number(self.overage), *state, self.messages, self.conversations, self.new_user)
        own = (self.day, self.identity, self.mail, *place, None, self.tier, *used)
        return [own, *((self.day, self.identity, None, *place, model, *[None] * 6, messages, None, None) for model, messages in self.models.items())]


@dataclass(frozen=True)
class Counted:
    """A counter of `by_user_analytic`, by its column's name."""

    day: date
    identity: str
    counter: str
    value: int
    account: str = "111122223333"

    def rows(self) -> list[tuple[object, ...]]:
        return [(self.day, self.identity, self.account, "us-east-1", self.counter.lower(), self.value)]


@dataclass(frozen=True)
class Caused:
    """What one principal caused on one day in CloudTrail: events of each dimension.

    `who` is an Identity Center id, or `<identity kind>:<identity>`, or None for a principal that is not human. All `denied` are in the first access that
    has events. `first` and `last` are seconds after midnight, of the sensitive events too; `linked` is a session name seen in the same events as the id,
    `created` are resources.
    """

    day: date
    who: str | None
    read: int = 0
    write: int = 0
    unknown: int = 0
    denied: int = 0
    services: Mapping[str, int] = field(default_factory=dict)
    regions: Mapping[str, int] = field(default_factory=dict)
    accounts: Mapping[str, int] = field(default_factory=dict)
    sensitive: Mapping[str, int] = field(default_factory=dict)
    kind: str = "human"
    first: int = 8 * 3600
    last: int = 17 * 3600
    linked: str | None = None
    created: tuple[str, ...] = ()

    def rows(self) -> list[tuple[object, ...]]:
        kind, _, key = ("user_id:" + self.who if ":" not in self.who else self.who).partition(":") if self.who is not None else (None, None, None)
        midnight = int(unix(self.day))
        times = (midnight + self.first, midnight + self.last)
        access = {name: events for name, events in (("read", self.read), ("write", self.write), ("unknown", self.unknown)) if events}
        dimensions: dict[str, Mapping[str, int]] = {
            "access": access,
            "service": self.services,
            "region": self.regions,
            "account": self.accounts,
            "category": self.sensitive,
            "link": {self.linked: 1} if self.linked else {},
            "created": dict.fromkeys(self.created, 1),
        }
        found: list[tuple[object, ...]] = []
        for dimension, values in dimensions.items():
            for place, (value, events) in enumerate(values.items()):
                denied = self.denied if dimension == "access" and place == 0 else 0
                sensitive = events if dimension == "category" else 0
                found.append((self.day, self.kind, kind, key, dimension, value, events, denied, sensitive, *times))
        return found


_COLUMNS = {
    "kiro_credits": "day DATE, identity VARCHAR, mail VARCHAR, account VARCHAR, region VARCHAR, client VARCHAR, model VARCHAR, tier VARCHAR,"
    " credits DECIMAL(38,18), overage_credits DECIMAL(38,18), overage_cap DECIMAL(38,18), overage_enabled BOOLEAN, included_credits DECIMAL(38,18),"
    " messages BIGINT, conversations BIGINT, new_user BOOLEAN",
    "kiro_features": "day DATE, identity VARCHAR, account VARCHAR, region VARCHAR, counter VARCHAR, value BIGINT",
    "cloudtrail": "day DATE, kind VARCHAR, identity_kind VARCHAR, identity VARCHAR, dimension VARCHAR, value VARCHAR,"
    " events BIGINT, denied BIGINT, sensitive BIGINT, first_event BIGINT, last_event BIGINT",
    "cur": billed.COLUMNS,
    "cost_explorer": billed.COLUMNS,
}
"""The fact files' columns: what sql/facts/*.sql select."""

Fact = Used | Counted | Caused | Billed


def source_of(fact: Fact) -> str:
    if isinstance(fact, Billed):
        return fact.source
    if isinstance(fact, Caused):
        return "cloudtrail"
    return "kiro_credits" if isinstance(fact, Used) else "kiro_features"


def config(**sections: Any) -> Config:
    """A config with both sources on; `sections` as in config.yaml. Overage is read as inside and daily unless `kiro` says otherwise."""
    kiro = {"overage_relation": "inside", "overage_period": "daily", **sections.pop("kiro", {})}
    sources = {"kiro_credits": {"location": "data/"}, "kiro_features": {"location": "data/"}}
    return Config.model_validate({"engine": "duckdb", "sources": sources, "kiro": kiro, **sections})


def in_memory(facts: Iterable[Fact], older: Iterable[Fact] = ()) -> RecentFacts:
    """Facts of days that windows can reach, and `older` ones, of which only first and last activity is kept."""
    recent = RecentFacts()
    # A handful of rows: threads that wait for one another cost more than they bring.
    recent.cursor().execute("SET threads = 1").fetchall()
    with tempfile.TemporaryDirectory() as folder:
        for source in _COLUMNS:
            for name, given in (("recent", facts), ("older", older)):
                chosen = [fact for fact in given if source_of(fact) == source]
                if not chosen:
                    continue
                file = Path(folder, f"{source}-{name}.parquet")
                _write(file, source, [row for fact in chosen for row in fact.rows()])
                if name == "recent":
                    recent.load(source, {fact.day for fact in chosen}, [file])
                else:
                    recent.remember_older(source, [file])
    return recent


def rows_of(facts: Sequence[Fact]) -> ArrowStream:
    """Facts of one source as an engine hands them over. Read it before the next ones are made."""
    _give(source_of(facts[0]), [row for fact in facts for row in fact.rows()])
    rows: ArrowStream = nanoarrow.ArrayStream(_writer().table("given"))
    return rows


@cache
def _writer() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def _write(file: Path, source: str, rows: Sequence[Sequence[object]]) -> None:
    _give(source, rows)
    _writer().execute("COPY given TO $file (FORMAT parquet)", {"file": str(file)}).fetchall()


def _give(source: str, rows: Sequence[Sequence[object]]) -> None:
    writer = _writer()
    writer.execute(f"CREATE OR REPLACE TEMP TABLE given ({_COLUMNS[source]})").fetchall()
    kinds = [column.split()[1] for column in _COLUMNS[source].split(", ")]
    unnested = ", ".join(f"unnest(${place}::{kind}[])" for place, kind in enumerate(kinds, start=1))
    writer.execute(f"INSERT INTO given SELECT {unnested}", [list(column) for column in zip(*rows, strict=True)]).fetchall()


def landed(first: date, last: date, max_age: timedelta = MAX_AGE) -> dict[str, Landed]:
    """Both sources have landed the same days."""
    return dict.fromkeys(("kiro_credits", "kiro_features"), Landed(DayRange(first, last), max_age))


def parse(body: str) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Samples by metric name, then by label pairs in the order of the text. Fails on a series that stands twice."""
    samples: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(body):
        for sample in family.samples:
            series = samples.setdefault(sample.name, {})
            pairs = tuple(sample.labels.items())
            assert pairs not in series, f"{sample.name} {pairs} stands twice"
            series[pairs] = sample.value
    return samples


@dataclass(frozen=True)
class Published:
    """A snapshot with its samples read back from its text."""

    built: Built
    people: People
    samples: dict[str, dict[tuple[tuple[str, str], ...], float]]

    def __getitem__(self, name: str) -> Samples:
        """Values of a metric by the values of its labels, in their order; empty when it is absent."""
        return {tuple(value for _, value in pairs): number for pairs, number in self.samples.get(name, {}).items()}

    def of(self, name: str) -> dict[str, float]:
        """Values of a metric with one series a person, by user."""
        found = {labels[0]: number for labels, number in self[name].items()}
        assert len(found) == len(self[name]), f"{name} has several series a person"
        return found

    def total(self, name: str) -> float:
        return sum(self[name].values())

    @property
    def series(self) -> int:
        return sum(len(series) for series in self.samples.values())


def publish(
    facts: RecentFacts | Iterable[Fact],
    now: datetime,
    days: Mapping[str, Landed],
    *,
    entries: Sequence[Entry] = (),
    settings: Config | None = None,
    known_since: Mapping[str, int] | None = None,
    standings: Mapping[str, Standing] | None = None,
) -> Published:
    """Resolves the people, builds the snapshot and reads it back."""
    recent = facts if isinstance(facts, RecentFacts) else in_memory(list(facts))
    settings = settings or config()
    privacy = Privacy(settings.privacy.user_label, settings.privacy.hash_key or "", settings.privacy.only_teams, settings.privacy.exclude_users)
    seen = with_principals(recent.identities(), recent.principals(), Rules.of(settings.people.patterns))
    people = privacy.of(resolve(entries, seen, settings.people.team, recent.links(), privacy.label))
    built = build(recent, people, known_since or {}, settings, with_bill(days, settings.paying), standings or {}, now)
    return Published(built, people, parse(b"".join(chunk.plain for chunk in built.snapshot.chunks).decode()))


def identity(letter: str) -> str:
    """A bare Identity Center id of one hexadecimal digit."""
    return "-".join(letter * length for length in (8, 4, 4, 4, 12))


def at(year: int, month: int, day: int, hour: int = 12, minute: int = 0, second: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


def unix(day: date) -> float:
    """Unix time of the start of a UTC day."""
    return float((day - date(1970, 1, 1)).days * 86400)
