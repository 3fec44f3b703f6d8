"""The views of `sql/` on a real Trino say what they say on DuckDB, over the relations of the embedded engine, and have the same columns."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import duckdb
import msgspec
import pytest
from athena_rig import rows_of
from sqlglot import exp
from trino_athena import athena_on
from trino_facts import same_rows
from trino_lake import Lake, names_in
from trino_server import TrinoServer

from exporter.engines import Relation, Statement, statement
from exporter.engines.dialect import to_duckdb
from exporter.engines.duckdb import define
from exporter.objects import FolderLocation
from exporter.sample import Organisation, write
from exporter.sensitive_events import with_added
from exporter.sources.kiro import KINDS
from exporter.sources.kiro_layout import find_reports

FIRST, LAST = date(2026, 8, 30), date(2026, 9, 4)
FOR_PEOPLE = (
    *("kiro_tiers", "kiro_credits_daily", "user_credits_enhanced", "tier_summary"),
    *("kiro_features_daily", "user_activity_enhanced", "daily_summary", "top_users"),
)
READ_BY_FACTS = ("kiro_by_user_analytic", "kiro_user_report", "sensitive_events")
STAND_IN = "user_mapping"
"""Takes the place of the table of that name."""


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("relations") / "sample"
    write(Organisation.generate(40, 5), folder, FIRST, LAST, cloudtrail=False)
    return folder


@pytest.fixture(scope="module")
def lake(trino: TrinoServer, sample: Path) -> Lake:
    return Lake(trino, sample, "relations")


@pytest.fixture(scope="module")
def embedded(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """The views for people over the decoded rows of the embedded engine, with nobody in the mapping."""
    connection, work = duckdb.connect(), tmp_path_factory.mktemp("decoded")
    for name, kind in KINDS.items():
        location, file = FolderLocation(sample), work / f"{name}.ndjson.gz"
        rows = [row for found in find_reports(location, kind.report, FIRST) for row in kind.decode(location.read(found.object), found).rows]
        file.write_bytes(gzip.compress(msgspec.json.Encoder().encode_lines(rows)))
        define(connection, Relation(kind.relation, kind.columns, [file]))
    for name in (STAND_IN, *FOR_PEOPLE):
        connection.execute(to_duckdb(statement(f"views/{name}"))).fetchall()
    return connection


def test_every_view_is_compared() -> None:
    assert set(names_in("views")) == {*FOR_PEOPLE, *READ_BY_FACTS, STAND_IN}


@pytest.mark.parametrize("view", FOR_PEOPLE)
def test_a_view_for_people_says_the_same_on_both_engines(view: str, lake: Lake, embedded: duckdb.DuckDBPyConnection) -> None:
    # Maps are passed through as the relation has them, and no answer of Athena's holds one.
    columns = ", ".join(name for name, kind, *_ in embedded.execute(f"DESCRIBE {view}").fetchall() if not kind.startswith("MAP"))
    ours = embedded.execute(f"SELECT {columns} FROM {view}").fetchall()
    assert ours
    theirs = rows_of(athena_on(lake.trino, lake.schema).query(Statement(view, f"SELECT {columns} FROM {view}"), ()))
    same_rows(_rounded(theirs), _rounded(ours))


def _rounded(rows: Iterable[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """An average of doubles depends in its last digit on the order in which they are added, and no engine promises one."""
    return [tuple(float(f"{value:.14g}") if isinstance(value, float) else value for value in row) for row in rows]


@pytest.mark.parametrize("source", KINDS)
def test_a_view_has_the_columns_of_the_embedded_relation(source: str, lake: Lake) -> None:
    described = {name: exp.DataType.build(kind, dialect="trino").sql("duckdb") for name, kind, *_ in lake.run(f"DESCRIBE {KINDS[source].relation}")}
    assert described == {name: exp.DataType.build(kind, dialect="duckdb").sql("duckdb") for name, kind in KINDS[source].columns.items()}


def test_the_list_of_sensitive_events_is_that_of_the_exporter(lake: Lake) -> None:
    listed = [(event.category, event.source, event.event, event.when) for event in with_added(())]
    same_rows([tuple(row) for row in lake.run("SELECT category, event_source, event_name, condition FROM sensitive_events")], listed)
