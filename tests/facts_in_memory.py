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

import duckdb
from prometheus_client.parser import text_string_to_metric_families

from exporter.config import Config
from exporter.folding import Standing
from exporter.model import DayRange
from exporter.people import Entry, People, resolve
from exporter.recent import RecentFacts
from exporter.snapshot import Built, build
from exporter.windows import Landed

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


_COLUMNS = {
    "kiro_credits": "day DATE, identity VARCHAR, mail VARCHAR, account VARCHAR, region VARCHAR, client VARCHAR, model VARCHAR, tier VARCHAR,"
    " credits DECIMAL(38,18), overage_credits DECIMAL(38,18), overage_cap DECIMAL(38,18), overage_enabled BOOLEAN, included_credits DECIMAL(38,18),"
    " messages BIGINT, conversations BIGINT, new_user BOOLEAN",
    "kiro_features": "day DATE, identity VARCHAR, account VARCHAR, region VARCHAR, counter VARCHAR, value BIGINT",
}
"""The fact files' columns: what sql/facts/*.sql select."""

Fact = Used | Counted


def source_of(fact: Fact) -> str:
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


@cache
def _writer() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def _write(file: Path, source: str, rows: Sequence[Sequence[object]]) -> None:
    writer = _writer()
    writer.execute(f"CREATE OR REPLACE TEMP TABLE given ({_COLUMNS[source]})").fetchall()
    kinds = [column.split()[1] for column in _COLUMNS[source].split(", ")]
    unnested = ", ".join(f"unnest(${place}::{kind}[])" for place, kind in enumerate(kinds, start=1))
    writer.execute(f"INSERT INTO given SELECT {unnested}", [list(column) for column in zip(*rows, strict=True)]).fetchall()
    writer.execute("COPY given TO $file (FORMAT parquet)", {"file": str(file)}).fetchall()


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
    people = resolve(entries, recent.identities(), settings.people.team)
    built = build(recent, people, known_since or {}, settings, days, standings or {}, now)
    return Published(built, people, parse(b"".join(chunk.plain for chunk in built.snapshot.chunks).decode()))


def identity(letter: str) -> str:
    """A bare Identity Center id of one hexadecimal digit."""
    return "-".join(letter * length for length in (8, 4, 4, 4, 12))


def at(year: int, month: int, day: int, hour: int = 12, minute: int = 0, second: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


def unix(day: date) -> float:
    """Unix time of the start of a UTC day."""
    return float((day - date(1970, 1, 1)).days * 86400)
