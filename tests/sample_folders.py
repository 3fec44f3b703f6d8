"""Reads what the sample wrote, for the tests of the sample."""

from __future__ import annotations

import csv
from collections import defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path

from exporter.sample import Person

PEOPLE, SEED = 400, 7
FIRST, LAST = date(2026, 9, 21), date(2026, 11, 21)
DAYS = (LAST - FIRST).days + 1

Row = dict[str, str]


def rows_of(folder: Path, kind: str = "user_report") -> list[Row]:
    found: list[Row] = []
    for path in sorted(folder.glob(f"AWSLogs/*/*/{kind}/**/*.csv")):
        with path.open(encoding="utf-8-sig", newline="") as file:
            found += csv.DictReader(file)
    return found


def listed_people(folder: Path) -> list[Row]:
    with (folder / "people.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def months(rows: list[Row], people: dict[str, Person], column: str) -> dict[tuple[Person, str], Decimal]:
    sums: dict[tuple[Person, str], Decimal] = defaultdict(Decimal)
    for row in rows:
        sums[people[row["UserId"]], row["Date"][:7]] += Decimal(row[column])
    return dict(sums)


def included(person: Person) -> int:
    assert person.seat is not None
    return {"pro": 1000, "pro_plus": 2000, "pro_max": 5000, "power": 10000}[person.seat.tier]
