"""A store of made facts, what a live exporter would have served from it at any moment, and the samples that `backfill` writes of it."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import msgspec
import yaml
from billed import Billed
from facts_in_memory import Caused, Counted, Fact, Used, identity, parse, rows_of, source_of

from exporter import backfilling
from exporter.assembly import Assembly
from exporter.backfilling import Target, Written
from exporter.config import Config
from exporter.facts.history import History
from exporter.facts.recent import RecentFacts
from exporter.facts.store import Store
from exporter.families import Kind
from exporter.families.catalogue import families
from exporter.model import DayRange, FactBatch
from exporter.people import Entry
from exporter.sources.cloudtrail import CloudTrailState
from exporter.sources.cur import CurState, SeenMonth
from exporter.sources.kiro import KiroState
from exporter.telemetry import Telemetry
from exporter.windows import Landed

DAY = timedelta(days=1)
JOB, INSTANCE = "aws-user-exporter", "exporter.example:10821"
A, B, C, E = map(identity, "abce")
ENTRIES = (
    Entry("alice", email="alice@example.com", team="core", aliases=(A,)),
    Entry("bob", team="core", aliases=(B,)),
    Entry("carol", team="data", aliases=(C,), seat_tier="pro"),
    Entry("dave", team="data"),
)
TEAMS = {entry.user: entry.team for entry in ENTRIES} | {E: "unknown"}
USERS = {A: "alice", B: "bob", C: "carol", E: E}
SOURCES = ("kiro_credits", "kiro_features", "cloudtrail", "cur")
SUMS = {
    rule["record"].split(":")[1]
    for group in yaml.safe_load((Path(__file__).parent.parent / "prometheus/rules/recording.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
    if rule["record"].startswith("team:") and rule["record"].endswith(":sum")
}
"""The metrics of which Prometheus records totals."""

Labels = tuple[tuple[str, str], ...]
Points = dict[tuple[str, Labels], dict[datetime, float]]
"""Values by (metric name, sorted label pairs) and time."""


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def a_day(day: date) -> list[Fact]:
    """What four people did on a day: the same for each day, numbers that no other day has, and nothing on every seventh."""
    numbers = random.Random(day.toordinal())
    if day.toordinal() % 7 == 0:
        return []
    facts: list[Fact] = []
    for who in (A, B, E):
        credits, overage, messages = round(numbers.uniform(1, 90), 6), round(numbers.uniform(0, 1), 6), numbers.randrange(1, 50)
        facts.append(Used(day, who, str(credits), messages, 3, client=numbers.choice(("ide", "cli")), overage=str(overage), models={"auto": messages}))
        by = {"services": {"ec2": 5, "s3": 2}, "regions": {"us-east-1": 7}, "accounts": {"111122223333": 7}, "sensitive": {"iam_policy": 2}}
        facts.append(Caused(day, who, read=numbers.randrange(50), write=numbers.randrange(1, 50), denied=1, **by))
        facts.append(Billed(day, str(round(numbers.uniform(-5, 50), 9)), numbers.choice(("ec2", "s3")), owner=USERS[who]))
    counters = ("Inline_AcceptanceCount", "Inline_AICodeLines", "DocGeneration_AcceptedFileUpdates", "TestGeneration_AcceptedTests")
    facts += [Counted(day, A, counter, numbers.randrange(1, 50)) for counter in counters]
    facts.append(Billed(day, "7.25", "tax", None, charge="tax", shared=True))
    facts.append(Caused(day, None, read=numbers.randrange(500), kind="service"))
    return facts


class Stored:
    """A store whose four sources have landed `first` to `last` (UTC), read at `now`."""

    def __init__(self, folder: Path, first: date, last: date, now: datetime, facts: Callable[[date], Iterable[Fact]] = a_day, **sections: Any) -> None:
        """`sections` as in config.yaml."""
        self.folder, self.first, self.last, self.now = folder, first, last, now
        self.output = folder / "backfill"
        self.config = self.settings(folder, **sections)
        self.entries: tuple[Entry, ...] = ENTRIES
        self.put([fact for day in DayRange(first, last) for fact in facts(day)], DayRange(first, last))
        self.land(first, last)

    @staticmethod
    def settings(folder: Path, **sections: Any) -> Config:
        """The config of a store in a folder."""
        return Config.model_validate(
            {
                "engine": "duckdb",
                "store": {"path": str(folder / "state")},
                "sources": {source: {"location": str(folder / "data")} for source in SOURCES},
                "kiro": {"overage_relation": "inside", "overage_period": "daily"},
                **sections,
            }
        )

    def put(self, facts: Sequence[Fact], days: Sequence[date] | DayRange) -> None:
        """Replaces days. Reports of days without use do not come, so of such a day Kiro has no file."""
        store = Store.open(self.folder / "state")
        try:
            for source in SOURCES:
                given = [fact for fact in facts if source_of(fact) == source]
                held = {fact.day for fact in given}
                if given:
                    replaced = tuple(day for day in days if day in held or source in ("cloudtrail", "cur"))
                    store.replace(FactBatch(source, replaced, rows_of(given), whole=True))
        finally:
            store.close()

    def land(self, first: date, last: date) -> None:
        """What the sources remember of having read these days."""
        months = {day.replace(day=1) for day in DayRange(first, last)}
        read = midnight(last + DAY) + timedelta(hours=6)
        month = SeenMonth(version="1", written=read, read=read, through=last, newest=last, ahead=None, creators=0)
        store = Store.open(self.folder / "state")
        try:
            for source in ("kiro_credits", "kiro_features"):
                store.save_state(source, KiroState(first=first, newest=last, through=last, listed=read))
            store.save_state("cloudtrail", CloudTrailState(first=first, closed=last))
            store.save_state(
                "cur", CurState(months={of: msgspec.structs.replace(month, through=min(last, (of + 31 * DAY).replace(day=1) - DAY)) for of in months})
            )
        finally:
            store.close()

    @contextmanager
    def assembly(self) -> Any:
        store = Store.open(self.folder / "state")
        try:
            history = History(store, RecentFacts())
            history.open(self.now)
            assembly = Assembly(store, history, Telemetry(), lambda: self.now)
            assembly.take(self.config, self.entries)
            yield assembly
        finally:
            store.close()

    def live(self, scraped: Iterable[date], at: Iterable[timedelta]) -> Points:
        """The one-day values that were scraped on these days, and the totals that rules recorded of them: of a day whatever had landed the day before."""
        points: Points = defaultdict(dict)
        with self.assembly() as assembly:
            for day in scraped:
                landed = dict.fromkeys(SOURCES, Landed(DayRange(self.first, day - DAY), 14 * DAY))
                snapshot = assembly.build(midnight(day) + timedelta(hours=12), landed)
                text = b"".join(chunk.plain for chunk in snapshot.chunks).decode()
                samples = {(name, pairs): value for name, series in parse(text).items() for pairs, value in series.items()}
                for (name, pairs), value in (scraped_series(samples) | recorded(samples)).items():
                    for moment in at:
                        if midnight(day) + moment <= self.now:
                            points[name, pairs][midnight(day) + moment] = value
        return points

    def target(self, *, breakdowns: bool = False, names: Iterable[str] = ()) -> Target:
        of_one_day = {family.name for family in families().values() if {"yesterday", "3d_ago"} & {*family.windows}}
        chosen = frozenset(names or of_one_day)
        of_each = {name for name in chosen if families()[name].kind is Kind.BREAKDOWN} if breakdowns else ()
        return Target((("job", JOB), ("instance", INSTANCE)), chosen, frozenset(of_each))

    def backfill(self, first: date | None = None, last: date | None = None, *, target: Target | None = None, **options: Any) -> list[Written]:
        """Runs a backfill of `now`."""
        months = backfilling.months(DayRange(first or self.first, last or self.last), self.now)
        return backfilling.write(backfilling.take(self.config, self.entries, self.now), list(months), target or self.target(), self.output, **options)

    def written(self) -> Points:
        """Everything that stands in the output folder; fails on a sample that stands twice."""
        return read(sorted(self.output.glob("*.om")))


def scraped_series(samples: Mapping[tuple[str, Labels], float]) -> dict[tuple[str, Labels], float]:
    """One-day values as Prometheus stores them."""
    own = (("instance", INSTANCE), ("job", JOB))
    return {(name, labels(*own, *pairs)): value for (name, pairs), value in samples.items() if name.endswith(("_yesterday", "_3d_ago"))}


def recorded(samples: Mapping[tuple[str, Labels], float]) -> dict[tuple[str, Labels], float]:
    """The totals of one-day values that rules record, and the counts of active people, in plain Python."""
    found: dict[tuple[str, Labels], float] = defaultdict(float)
    use: dict[tuple[str, str], dict[str, float]] = {"kiro": defaultdict(float), "aws": defaultdict(float)}  # type: ignore[assignment]
    for (name, pairs), value in samples.items():
        if name in SUMS:
            found[f"team:{name}:sum", labels(*(pair for pair in pairs if pair[0] != "user"))] += value
            found[f"organization:{name}:sum", labels(*(pair for pair in pairs if pair[0] not in ("user", "team")))] += value
        what = {"kiro_user_credits_yesterday": "kiro", "kiro_user_messages_yesterday": "kiro", "aws_user_events_yesterday": "aws"}.get(name)
        if what is not None:
            use[what][dict(pairs)["user"], dict(pairs)["team"]] += value  # type: ignore[index]
    for what, people in use.items():
        for (_, team), value in people.items():  # type: ignore[misc]
            found[f"team:{what}_active_people_yesterday:count", (("team", team),)] += value > 0
    return dict(found)


def labels(*pairs: tuple[str, str]) -> Labels:
    """Sorted, without empty ones: Prometheus knows no difference between an empty label and none."""
    return tuple(sorted(pair for pair in pairs if pair[1]))


_SAMPLE = re.compile(r"([a-z0-9_:]+)(?:\{(.*)\})? (\S+) (\d+)$")
_PAIR = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


def read(files: Iterable[Path]) -> Points:
    """The samples of OpenMetrics files. Fails where the format does not hold: one block a metric, its series one after another, each with times that rise."""
    points: Points = defaultdict(dict)
    for file in files:
        *lines, end = file.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        assert end == "# EOF"
        metric, done, before = "", set(), ("", 0)
        for line in lines:
            if line.startswith("# TYPE "):
                metric = line.split()[2]
                assert metric not in done, f"{metric} stands in two places"
                done.add(metric)
            elif not line.startswith("# HELP "):
                found = _SAMPLE.match(line)
                assert found is not None, line
                name, pairs, value, at = found.groups()
                assert name == metric
                series = f"{name}{{{pairs}}}"
                assert series != before[0] or int(at) > before[1], f"{line} is not later than the one before"
                before = (series, int(at))
                held = points[name, labels(*_PAIR.findall(pairs or ""))]
                moment = datetime.fromtimestamp(int(at), UTC)
                assert moment not in held, f"{line} stands twice"
                held[moment] = float(value)
    return points


def openmetrics(points: Points) -> str:
    """Samples as promtool takes them."""
    lines = []
    for name in sorted({name for name, _ in points}):
        lines.append(f"# TYPE {name} gauge")
        for (of, pairs), values in points.items():
            if of == name:
                written = ",".join(f'{label}="{value}"' for label, value in pairs)
                lines += [f"{name}{{{written}}} {value!r} {at.timestamp():.0f}" for at, value in sorted(values.items())]
    return "\n".join((*lines, "# EOF", ""))
