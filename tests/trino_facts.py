"""Facts of files twice: from the embedded engine, and from the statements as Athena gets them on a real Trino. A source drives both, as in the service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from cloudtrail_reading import SETTINGS
from cur_made import Bill
from trino_athena import athena_on
from trino_lake import Lake

from exporter.config import KiroSource
from exporter.engines import Engine
from exporter.engines.duckdb import DuckDBEngine
from exporter.facts.store import Store
from exporter.objects import FolderLocation
from exporter.sources import Source
from exporter.sources.cloudtrail import CloudTrailLogs
from exporter.sources.cur import Creators, CurBill
from exporter.sources.kiro import KiroReports
from exporter.telemetry import Telemetry

Row = tuple[Any, ...]
EXPORT = "example-export"
CREATORS = {
    "i-1": "session:alice",
    "snap-1": "iam_user:bob@111122223333",
    "bucket-1": "session:carol",
    "arn:aws:lambda:us-east-1:1:function:orders:1": "session:dave",
}
"""Of the resources in a bill: those that CloudTrail would tell."""


class Bucket(FolderLocation):
    """A folder that calls itself a bucket: files that Athena reads lie nowhere else."""

    @property
    def name(self) -> str:
        return "s3://example-bucket/"


def _kiro(fact: str) -> Callable[[Path, Engine, Store, timedelta], Source]:
    def source(folder: Path, engine: Engine, store: Store, history: timedelta) -> Source:
        settings = KiroSource.model_validate({"location": str(folder), "history": f"{history.days}d", "lookback": f"{min(history.days, 7)}d"})
        return KiroReports(fact, settings, date(2026, 2, 13), lambda: Bucket(folder), engine, store, Telemetry())

    return source


def _cloudtrail(folder: Path, engine: Engine, store: Store, history: timedelta) -> Source:
    return CloudTrailLogs(replace(SETTINGS, history=history), lambda: Bucket(folder), engine, store, Telemetry())


def _cur(folder: Path, engine: Engine, store: Store, history: timedelta) -> Source:
    def upload(creators: Creators) -> None:
        place = folder / "resource_creators"
        place.mkdir(exist_ok=True)
        rows = duckdb.connect()
        rows.execute("CREATE TABLE made (resource VARCHAR, creator VARCHAR)").fetchall()
        rows.executemany("INSERT INTO made VALUES (?, ?)", [list(creator) for creator in creators])
        rows.execute("COPY made TO $path (FORMAT parquet)", {"path": str(place / "creators.parquet")})

    bill = Bill(store.path / "unused", engine)
    settings = bill.settings.model_copy(update={"location": str(folder / EXPORT), "history": history})
    creators = list(CREATORS.items())
    return CurBill(settings, bill.owner_tags, lambda: Bucket(folder / EXPORT), engine, store, Telemetry(), lambda: creators, upload)


SOURCES: Mapping[str, Callable[[Path, Engine, Store, timedelta], Source]] = {
    "cloudtrail": _cloudtrail,
    "cur": _cur,
    "kiro_credits": _kiro("kiro_credits"),
    "kiro_features": _kiro("kiro_features"),
}
"""The source that runs each statement of sql/facts on Athena."""


def facts(fact: str, folder: Path, engine: Engine, work: Path, now: datetime, history: timedelta) -> tuple[list[str], list[Row]]:
    """What one refresh puts into the store: columns with their types, and rows."""
    with closing(Store.open(work / engine.name)) as store:
        source = SOURCES[fact](folder, engine, store, history)
        for day in source.due(now, lambda: None):
            store.replace(source.read(day))
            source.keep(day)
        source.done(now)
        answer = duckdb.connect().execute("FROM read_parquet($1) ORDER BY ALL", [str(store.path / "facts" / fact / "*.parquet")])
        return [f"{column[0]} {column[1]}" for column in answer.description or ()], answer.fetchall()


def compared(fact: str, lake: Lake, folder: Path, work: Path, now: datetime, history: timedelta) -> list[Row]:
    """The facts, after both engines have given the same columns, types and rows."""
    ours = facts(fact, folder, DuckDBEngine(timedelta(minutes=5)), work, now, history)
    theirs = facts(fact, folder, athena_on(lake.trino, lake.schema), work, now, history)
    assert theirs[0] == ours[0]
    same_rows(theirs[1], ours[1])
    return ours[1]


def same_rows(theirs: list[Row], ours: list[Row]) -> None:
    """Tells the rows that only one of both has."""
    only_theirs, only_ours = ([repr(row) for row in sorted(set(some) - set(others), key=repr)][:20] for some, others in ((theirs, ours), (ours, theirs)))
    assert not [*only_theirs, *only_ours], "\n".join(["only Trino:", *only_theirs, "only the embedded engine:", *only_ours])
    assert len(theirs) == len(ours)
