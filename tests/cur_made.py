"""Exports of CUR 2.0 made for tests: lines written as AWS writes them, and the source driven over them as a refresh drives it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from exporter.config import CurSource
from exporter.engines import Engine
from exporter.engines.duckdb import DuckDBEngine
from exporter.facts.store import Store
from exporter.objects import FileLocation, FolderLocation
from exporter.sources.cur import CurBill
from exporter.sources.cur_month import COLUMNS
from exporter.telemetry import Telemetry

NOVEMBER = date(2026, 11, 1)
NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
ENGINE = DuckDBEngine(timedelta(minutes=1))
EXPORT = "people-bill"

Line = dict[str, Any]


def line(type_: str = "Usage", cost: float | None = 1.0, day: str = "2026-11-10", **fields: Any) -> Line:
    """A line of an export; names of columns without `line_item_` stand for those with it."""
    made: Line = {
        "line_item_line_item_type": type_,
        "line_item_usage_start_date": f"{day} 05:00:00",
        "line_item_usage_account_id": "111122223333",
        "line_item_product_code": "AmazonEC2",
        "line_item_operation": "RunInstances",
        "line_item_usage_type": "BoxUsage:m7g.large",
        "line_item_currency_code": "USD",
        "line_item_unblended_cost": cost,
        "product_region_code": "us-east-1",
    }
    return {**made, **{name if name in COLUMNS else f"line_item_{name}": value for name, value in fields.items()}}


def write_parquet(path: Path, lines: Sequence[Line], without: Iterable[str] = (), columns: Mapping[str, str] = COLUMNS) -> None:
    """The lines as Parquet, with the columns of an export but those in `without`."""
    left_out = set(without)
    typed = {name: kind for name, kind in columns.items() if name not in left_out}
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE made ({', '.join(f'{name} {kind}' for name, kind in typed.items())})")
    # A column at a time: one row after the other takes a hundred times as long.
    selected, values = [], []
    for name, kind in typed.items():
        column = [made.get(name) for made in lines]
        parts = [[list(tags or {}) for tags in column], [list((tags or {}).values()) for tags in column]] if kind.startswith("MAP") else [column]
        types = ["VARCHAR[][]"] * 2 if kind.startswith("MAP") else [f"{kind}[]"]
        holes = [f"unnest(${len(values) + place}::{type_})" for place, type_ in enumerate(types, start=1)]
        selected.append(f"MAP({', '.join(holes)})" if kind.startswith("MAP") else holes[0])
        values += parts
    if lines:
        connection.execute(f"INSERT INTO made SELECT {', '.join(selected)}", values)
    connection.execute("COPY made TO $path (FORMAT parquet)", {"path": str(path)})


def write_manifest(folder: Path, month: date, files: Sequence[Path], **more: Any) -> Path:
    """The manifest of a month, as it follows its files."""
    period = f"BILLING_PERIOD={month:%Y-%m}"
    path = folder / "metadata" / period / f"{EXPORT}-Manifest.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    named = [f"s3://bills-of-acme/exports/{EXPORT}/{file.relative_to(folder).as_posix()}" for file in files]
    aside = path.with_suffix(".tmp")
    aside.write_text(json.dumps({"columns": [{"name": name} for name in COLUMNS], "dataFiles": named, **more}))
    os.replace(aside, path)
    return path


def write_month(folder: Path, lines: Sequence[Line], month: date = NOVEMBER, without: Iterable[str] = (), place: str = "") -> Path:
    """A month of an export in one file, overwritten in place or below `place`; returns the file."""
    path = folder / "data" / f"BILLING_PERIOD={month:%Y-%m}" / place / f"{EXPORT}-00001.snappy.parquet"
    write_parquet(path, lines, without)
    write_manifest(folder, month, [path])
    return path


class Fact(NamedTuple):
    day: date
    account: str
    region: str | None
    service: str
    charge: str
    currency: str
    shared: bool
    user_identifier: str | None
    iam_principal: str | None
    identity_store_user: str | None
    owner_tags: str | None
    created_by_tag: str | None
    creator: str | None
    component: str | None
    tier: str | None
    resource: str | None
    cost: Any
    quantity: Any
    lines: int


class Bill:
    """A source over a folder and a store of its own."""

    def __init__(self, folder: Path, engine: Engine = ENGINE, owner_tags: Sequence[str] = ("Owner", "CreatedBy"), **settings: Any) -> None:
        self.export, self.telemetry = folder / "export", Telemetry()
        self.export.mkdir(parents=True, exist_ok=True)
        self.store = Store.open(folder / "store")
        self.settings = CurSource.model_validate({"location": str(self.export), **settings})
        self.engine, self.owner_tags = engine, owner_tags
        self.creators: list[tuple[str, str]] = []
        self.uploads: list[list[tuple[str, str]]] = []
        self.locate: Callable[[], FileLocation] = lambda: FolderLocation(self.export)
        self.source = self.opened()

    def opened(self, **settings: Any) -> CurBill:
        """The source as it starts anew, with what the store remembers."""
        self.settings = self.settings.model_copy(update=settings)
        self.source = CurBill(
            self.settings,
            self.owner_tags,
            lambda: self.locate(),
            self.engine,
            self.store,
            self.telemetry,
            lambda: self.creators,
            lambda creators: self.uploads.append(list(creators)),
        )
        return self.source

    def refresh(self, now: datetime = NOW) -> list[date]:
        """Refreshes; returns the months that were replaced."""
        months = list(self.source.due(now, lambda: None))
        for month in months:
            self.store.replace(self.source.read(month))
            self.source.keep(month)
        self.source.done(now)
        return months

    def facts(self) -> list[Fact]:
        """What the store holds."""
        files = sorted(str(file) for file in (self.store.path / "facts" / "cur").glob("*.parquet"))
        return [Fact(*row) for row in duckdb.execute("FROM read_parquet($1) ORDER BY ALL", [files]).fetchall()] if files else []

    def costs(self) -> list[Fact]:
        return [fact for fact in self.facts() if fact.resource is None]

    def rejected(self, reason: str) -> float:
        return self.telemetry.registry.get_sample_value("aws_user_exporter_source_rejected_rows_total", {"source": "cur", "reason": reason}) or 0.0


def facts_of(folder: Path, lines: Sequence[Line], **settings: Any) -> list[Fact]:
    """The cost facts of November from these lines."""
    bill = Bill(folder, **settings)
    write_month(bill.export, lines)
    bill.refresh()
    return bill.costs()
