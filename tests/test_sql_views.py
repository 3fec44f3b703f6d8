"""The tables and views of Athena: that they are its SQL, and that the views say of the sample's files what the embedded engine says.

DuckDB stands in for Athena: what it cannot show, such as partitions, is not shown here.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
import sqlglot
from sqlglot import exp

from exporter.engines import Relation, Statement, statement
from exporter.engines.dialect import to_duckdb
from exporter.engines.duckdb import DuckDBEngine
from exporter.objects import FolderLocation
from exporter.quoting import sql_name
from exporter.sample import Organisation, write
from exporter.sources.kiro import KINDS
from exporter.sources.kiro_csv import COUNTERS
from exporter.sources.kiro_layout import find_reports

SQL = Path(__file__).parent.parent / "sql"
FIRST, LAST = date(2026, 8, 1), date(2026, 9, 10)
LINES = {
    "account": "VARCHAR",
    "writer": "VARCHAR",
    "region": "VARCHAR",
    "day": "VARCHAR",
    "$path": "VARCHAR",
    "$file_modified_time": "TIMESTAMP",
    "line": "VARCHAR",
}


def names_in(folder: str) -> list[str]:
    return sorted(path.relative_to(SQL).with_suffix("").as_posix() for path in (SQL / folder).glob("*.sql"))


@pytest.mark.parametrize("name", [*names_in("tables"), *names_in("views"), *names_in("facts")])
def test_a_file_is_one_statement_of_athena(name: str) -> None:
    parsed = sqlglot.parse(statement(name).text, read="athena")
    assert len(parsed) == 1
    assert not isinstance(parsed[0], exp.Command)


@pytest.mark.parametrize("name", [*names_in("tables"), *names_in("views")])
def test_a_file_makes_what_it_is_called_after(name: str) -> None:
    (parsed,) = sqlglot.parse(statement(name).text, read="athena")
    table = parsed.find(exp.Table) if parsed else None
    assert table is not None
    assert table.name == name.split("/")[1]


@pytest.mark.parametrize("name", names_in("tables"))
def test_a_table_has_the_example_values_that_its_first_lines_tell_to_replace(name: str) -> None:
    comment, ddl = statement(name).text.split("CREATE ", 1)
    found = [value for value in ("example-bucket/example-prefix", "111122223333", "us-east-1") if value in ddl]
    assert found[:1] == ["example-bucket/example-prefix"]
    assert [value for value in found if value not in comment] == []


def test_the_view_knows_the_44_counters() -> None:
    listed = re.search(r"OR k IN \((.*?)\)", statement("views/kiro_by_user_analytic").text, re.DOTALL)
    assert listed is not None
    assert set(re.findall(r"'(\w+)'", listed[1])) == {counter.lower() for counter in COUNTERS}


class Lakehouse:
    """A folder in the layout of the bucket as Athena's tables show it, in DuckDB."""

    def __init__(self, folder: Path) -> None:
        self.connection = duckdb.connect()
        for report in ("user_report", "by_user_analytic"):
            table = f"kiro_{report}_lines"
            columns = ", ".join(f"{sql_name(name)} {kind}" for name, kind in LINES.items())
            self.connection.execute(f"CREATE TABLE {table} ({columns})").fetchall()
            for path in sorted(folder.glob(f"AWSLogs/*/*/{report}/**/*")):
                if path.is_file():
                    self._add(table, folder, path)
            self.connection.execute(to_duckdb(statement(f"views/kiro_{report}"))).fetchall()

    def _add(self, table: str, folder: Path, path: Path) -> None:
        key = path.relative_to(folder).as_posix()
        _, account, writer, _, region, *below = key.split("/")
        # Hadoop's lines end with LF, CR LF or CR
        lines = re.split("\r\n|\n|\r", path.read_bytes().decode("utf-8", "replace"))
        count = len(lines)
        modified = datetime.fromtimestamp(path.stat().st_mtime, UTC).replace(tzinfo=None)
        values = [[account], [writer], [region], ["/".join(below[:3])], [f"s3://bucket/{key}"], [modified]]
        columns = ", ".join(f"unnest(${place}::{kind}[])" for place, kind in enumerate(LINES.values(), start=1))
        self.connection.execute(f"INSERT INTO {table} SELECT {columns}", [*(value * count for value in values), lines]).fetchall()

    def facts(self, fact: Statement, first: date, last: date) -> list[tuple[Any, ...]]:
        return self.connection.execute(f"SELECT * FROM ({to_duckdb(fact)}) ORDER BY ALL", [first, last]).fetchall()


def decoded(folder: Path, source: str, work: Path) -> list[tuple[Any, ...]]:
    """The facts of the embedded engine over its own decoder."""
    kind = KINDS[source]
    location = FolderLocation(folder)
    rows = [row for found in find_reports(location, kind.report, FIRST) for row in kind.decode(location.read(found.object), found).rows]
    file = work / f"{source}.ndjson.gz"
    file.write_bytes(gzip.compress(msgspec.json.Encoder().encode_lines(rows)))
    answer = DuckDBEngine(timedelta(minutes=5)).query(kind.fact, (FIRST, LAST), [Relation(kind.relation, kind.columns, [file])])
    connection = duckdb.connect()
    connection.execute("CREATE TABLE facts AS SELECT * FROM answer").fetchall()
    del answer
    return connection.execute("FROM facts ORDER BY ALL").fetchall()


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    write(Organisation.generate(60, 3), folder, FIRST, LAST, broken_rows=12, bill=False)
    return folder


@pytest.fixture(scope="module")
def lakehouse(sample: Path) -> Iterator[Lakehouse]:
    house = Lakehouse(sample)
    yield house
    house.connection.close()


@pytest.mark.parametrize("source", KINDS)
def test_both_engines_agree_on_the_facts_of_the_sample(source: str, sample: Path, lakehouse: Lakehouse, tmp_path: Path) -> None:
    ours = decoded(sample, source, tmp_path)
    assert len(ours) > 1000
    assert lakehouse.facts(KINDS[source].fact, FIRST, LAST) == ours


@pytest.mark.parametrize("source", KINDS)
def test_a_view_has_the_columns_of_the_embedded_relation(source: str, lakehouse: Lakehouse) -> None:
    described = lakehouse.connection.execute(f"DESCRIBE {KINDS[source].relation}").fetchall()
    assert {name: kind for name, kind, *_ in described} == KINDS[source].columns


HEADER = "Date,UserId,Client_Type,Credits_Used,Total_Messages"


def one_file(folder: Path, path_day: str, *lines: str, name: str = "KIRO_IDE_111122223333_user_report_202609010000.csv") -> Lakehouse:
    file = folder / "AWSLogs/111122223333/KiroLogs/user_report/us-east-1" / path_day / "00" / name
    file.parent.mkdir(parents=True)
    file.write_text("\n".join(lines), encoding="utf-8")
    return Lakehouse(folder)


@pytest.mark.parametrize(("path_day", "seen"), [("2026/09/01", 1), ("2026/09/02", 1), ("2026/09/03", 0), ("2026/08/31", 0)])
def test_a_report_lies_under_its_day_or_the_day_after(path_day: str, seen: int, tmp_path: Path) -> None:
    house = one_file(tmp_path, path_day, HEADER, '2026-09-01,"u1",KIRO_IDE,1.5,3')
    assert house.connection.execute("SELECT count(*) FROM kiro_user_report WHERE day = DATE '2026-09-01'").fetchall() == [(seen,)]


@pytest.mark.parametrize(
    ("lines", "values"),
    [
        ((HEADER, '2026-09-01,"a,b",KIRO_IDE,1.5,3'), ("a,b", "1.5", 3)),
        ((HEADER, "09-01-2026,u1,KIRO_IDE,1.5,3"), ("u1", "1.5", 3)),
        (("Total_Messages,Client_Type,Credits_Used,UserId,Date", "3,KIRO_IDE,1.5,u1,2026-09-01"), ("u1", "1.5", 3)),
        ((HEADER, "2026-09-01,u1,KIRO_IDE,None,"), ("u1", None, None)),
        ((HEADER, "2026-09-01,u1,KIRO_IDE,-1,2.5"), ("u1", None, None)),
        ((HEADER, "2026-09-01,u1,KIRO_IDE"), None),
        ((HEADER, "2026-09-01,,KIRO_IDE,1,1"), None),
        ((f"{HEADER},Date", "2026-09-01,u1,KIRO_IDE,1,1,2026-09-01"), None),
        (("2026-09-01,u1,KIRO_IDE,1,1",), None),
    ],
)
def test_a_line_is_bound_by_its_header(lines: tuple[str, ...], values: tuple[str | None, ...] | None, tmp_path: Path) -> None:
    house = one_file(tmp_path, "2026/09/01", *lines)
    found = house.connection.execute("SELECT userid, rtrim(rtrim(credits_used::VARCHAR, '0'), '.'), total_messages FROM kiro_user_report").fetchall()
    assert found == ([] if values is None else [values])
