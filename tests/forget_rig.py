"""A folder with a config and a store that an exporter has left, and the command that takes one person out of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import time_machine
import yaml
from click.testing import CliRunner, Result
from facts_in_memory import Caused, Counted, Fact, Samples, Used, identity, parse, rows_of, source_of

from exporter.assembly import Assembly
from exporter.commands.forget import forget
from exporter.config import load
from exporter.errors import UserError
from exporter.facts.directory import Directory, DirectoryUser, keep
from exporter.facts.history import History
from exporter.facts.recent import RecentFacts
from exporter.facts.store import Store
from exporter.model import DayRange, FactBatch
from exporter.snapshots import keeping
from exporter.telemetry import Telemetry
from exporter.windows import Landed

NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)
TODAY = NOW.date()
YESTERDAY = date(2026, 7, 14)
OLD = date(2026, 1, 5)
ALICE, BOB, CAROL = map(identity, "abc")
HEIDI = "iam_user:heidi@111122223333"
FACTS: list[Fact] = [
    Used(OLD, ALICE, 1, mail="alice@example.com"),
    Used(OLD, BOB, 2),
    Caused(OLD, ALICE, read=3, linked="al"),
    Used(date(2026, 7, 10), ALICE, 3, messages=4, models={"auto": 4}),
    Used(date(2026, 7, 10), BOB, 5),
    Used(date(2026, 7, 11), BOB, 7),
    Used(YESTERDAY, ALICE, 2),
    Used(YESTERDAY, BOB, "0.123456789012345678"),
    Counted(YESTERDAY, ALICE, "Chat_MessagesSent", 6),
    Caused(YESTERDAY, ALICE, read=4, write=1, services={"ec2": 5}, linked="al"),
    Caused(YESTERDAY, "session:al", read=2),
    Caused(YESTERDAY, BOB, read=9, write=8, linked="bob"),
    Caused(YESTERDAY, HEIDI, read=11),
    Caused(YESTERDAY, None, read=50, kind="service"),
]
USERS = (
    DirectoryUser(f"d-1234567890-{ALICE}", "alice", email="Alice@example.com", status="enabled"),
    DirectoryUser(BOB, "bob", email="bob@example.com", status="enabled"),
)
LANDED = {source: Landed(DayRange(OLD, YESTERDAY), timedelta(days=9)) for source in ("kiro_credits", "kiro_features", "cloudtrail")}


def replace(store: Store, facts: Sequence[Fact]) -> None:
    """Each day of each source as a refresh brings it."""
    for source, day in sorted({(source_of(fact), fact.day) for fact in facts}):
        store.replace(FactBatch(source, (day,), rows_of([fact for fact in facts if (source_of(fact), fact.day) == (source, day)])))


class House:
    """A folder with a config and a store that an exporter has left."""

    def __init__(self, folder: Path, facts: Sequence[Fact] = FACTS, users: Sequence[DirectoryUser] = USERS, people: str = "", **config: Any) -> None:
        self.folder, self.state = folder, folder / "state"
        (folder / "people.csv").write_text(people or "user,team\n")
        sources = {source: {"location": "data"} for source in ("kiro_credits", "kiro_features", "cloudtrail")} | config.pop("sources", {})
        document = {"engine": "duckdb", "store": {"path": "state"}, "people": {"file": "people.csv"}, "sources": sources, **config}
        (folder / "config.yaml").write_text(yaml.safe_dump(document))
        store = Store.open(self.state)
        if users:
            keep(store, Directory(NOW, tuple(users)))
        replace(store, facts)
        store.keep_object(store.object_file("kiro_credits", "day"), b'{"userid": "alice"}\n')
        store.close()
        self.samples()

    def samples(self) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
        """What the exporter publishes on this store, as it starts."""
        store = Store.open(self.state)
        try:
            history = History(store, RecentFacts())
            history.open(NOW)
            assembly = Assembly(store, history, Telemetry(), lambda: NOW)
            settings = load(self.folder / "config.yaml", {})
            assembly.take(settings, ())
            built = assembly.build(NOW, LANDED)
            assert built is not None
            store.keep_served(keeping.pack(built, NOW))
            return parse(b"".join(chunk.plain for chunk in built.chunks).decode())
        finally:
            store.close()

    def forget(self, *arguments: str, now: datetime = NOW, text: str | None = None) -> Result:
        with time_machine.travel(now, tick=False):
            return CliRunner().invoke(forget, [*arguments, "--config.file", str(self.folder / "config.yaml")], input=text)

    def forgotten(self, *arguments: str, **options: Any) -> str:
        result = self.forget(*arguments, "--yes", **options)
        assert result.exception is None, result.exception
        return result.output

    def refusal(self, *arguments: str) -> str:
        error = self.forget(*arguments).exception
        assert isinstance(error, UserError), error
        return str(error)

    def files(self) -> dict[str, bytes]:
        return {str(path.relative_to(self.state)): path.read_bytes() for path in self.state.rglob("*") if path.is_file()}

    def rows(self, source: str) -> list[tuple[Any, ...]]:
        files = sorted(str(path) for path in (self.state / "facts" / source).glob("*.parquet"))
        return duckdb.execute("FROM read_parquet($1)", [files]).fetchall()

    def older(self) -> set[tuple[str, str | None]]:
        files = [str(path) for path in (self.state / "people" / "older").rglob("*.parquet")]
        return set(duckdb.execute("SELECT key, link FROM read_parquet($1, union_by_name := true)", [files]).fetchall())

    def store(self) -> Store:
        return Store.open(self.state)


def of(samples: Mapping[str, Samples | Mapping[tuple[tuple[str, str], ...], float]], user: str) -> dict[tuple[str, Any], float]:
    return {(name, pairs): value for name, series in samples.items() for pairs, value in series.items() if ("user", user) in pairs}
