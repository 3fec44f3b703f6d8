"""Every statement of `sql/`, unchanged, on a real Trino: its facts of the sample organisation are those of the embedded engine. See `make test-trino`."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from cur_made import NOW, write_month
from test_cur_recount import random_lines
from trino_facts import EXPORT, SOURCES, compared
from trino_lake import Lake, names_in
from trino_server import TrinoServer

from exporter.sample import Organisation, write

FIRST, LAST = date(2026, 8, 29), date(2026, 9, 3)
EVENING = datetime(LAST.year, LAST.month, LAST.day, 23, tzinfo=UTC)
EMBEDDED_ONLY = ("cost_explorer",)
"""Statements over what a source has put together itself: they never run on Athena, and have no table there."""


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lake") / "sample"
    write(Organisation.generate(60, 3), folder, FIRST, LAST, broken_rows=12, events=60)
    write_month(folder / EXPORT, list(random_lines(7, 1_500)))
    return folder


@pytest.fixture(scope="module")
def lake(trino: TrinoServer, sample: Path) -> Lake:
    return Lake(trino, sample, "sample")


def test_every_statement_of_facts_is_run() -> None:
    assert sorted([*SOURCES, *EMBEDDED_ONLY]) == names_in("facts")


@pytest.mark.parametrize(("fact", "least"), [("cloudtrail", 1500), ("kiro_credits", 200), ("kiro_features", 100)])
def test_facts_of_the_sample(fact: str, least: int, lake: Lake, sample: Path, tmp_path: Path) -> None:
    assert len(compared(fact, lake, sample, tmp_path, EVENING, LAST - FIRST)) > least


def test_facts_of_a_bill_of_every_kind_of_line(lake: Lake, sample: Path, tmp_path: Path) -> None:
    assert len(compared("cur", lake, sample, tmp_path, NOW, timedelta(days=40))) > 1000
