"""The embedded engine: Athena SQL over decoded files, a deadline for every query, and cancelling when the service stops."""

from __future__ import annotations

import gzip
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from kiro_rig import READER

from exporter.engines import Relation, Statement
from exporter.engines.dialect import to_duckdb
from exporter.engines.duckdb import DuckDBEngine
from exporter.errors import TransientError
from exporter.model import ArrowStream

COLUMNS = {"day": "DATE", "name": "VARCHAR", "amount": "DECIMAL(38,18)", "models": "MAP(VARCHAR, BIGINT)"}
EVERYTHING = Statement("everything", "SELECT day, name, amount FROM reports ORDER BY name")
ENDLESS = Statement(
    "endless", "SELECT count(*) FROM reports a, reports b, reports c, reports d, reports e WHERE a.name || b.name || c.name || d.name || e.name LIKE '%x%y%'"
)


@pytest.fixture
def engine() -> DuckDBEngine:
    return DuckDBEngine(timedelta(minutes=1))


def rows(answer: ArrowStream) -> list[tuple[object, ...]]:
    return READER.cursor().execute("FROM answer").fetchall()


def decoded(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))
    return path


def many(folder: Path) -> Relation:
    """Enough rows to keep a query of five joins busy for hours."""
    lines = [f'{{"day":"2026-07-10","name":"{number}"}}' for number in range(1000)]
    return Relation("reports", COLUMNS, [decoded(folder / "many.ndjson.gz", *lines)])


def test_rows_of_several_files_have_the_types_of_the_relation(engine: DuckDBEngine, tmp_path: Path) -> None:
    files = [
        decoded(tmp_path / "1.ndjson.gz", '{"day":"2026-07-10","name":"b","amount":"114.45787414391377","models":{"auto":3}}'),
        decoded(tmp_path / "2.ndjson.gz", '{"day":"2026-07-09","name":"a","amount":"0.000000000000000001","models":{}}'),
    ]
    found = rows(engine.query(EVERYTHING, (), [Relation("reports", COLUMNS, files)]))
    assert found == [(date(2026, 7, 9), "a", Decimal("0.000000000000000001")), (date(2026, 7, 10), "b", Decimal("114.45787414391377"))]


def test_value_that_a_row_does_not_have_is_null(engine: DuckDBEngine, tmp_path: Path) -> None:
    file = decoded(tmp_path / "1.ndjson.gz", '{"day":"2026-07-10","name":"a"}', '{"day":"2026-07-10","name":"b","amount":null}')
    assert rows(engine.query(EVERYTHING, (), [Relation("reports", COLUMNS, [file])])) == [(date(2026, 7, 10), "a", None), (date(2026, 7, 10), "b", None)]


def test_relation_without_files_is_empty(engine: DuckDBEngine) -> None:
    assert rows(engine.query(EVERYTHING, (), [Relation("reports", COLUMNS, [])])) == []


def test_file_without_rows_is_empty(engine: DuckDBEngine, tmp_path: Path) -> None:
    assert rows(engine.query(EVERYTHING, (), [Relation("reports", COLUMNS, [decoded(tmp_path / "1.ndjson.gz")])])) == []


@pytest.mark.parametrize("folder", ["it's here", "what? [really]*", "größe"])
def test_path_of_a_file_may_hold_anything(engine: DuckDBEngine, tmp_path: Path, folder: str) -> None:
    file = decoded(tmp_path / folder / "1.ndjson.gz", '{"day":"2026-07-10","name":"a"}')
    assert len(rows(engine.query(EVERYTHING, (), [Relation("reports", COLUMNS, [file])]))) == 1


def test_parameters_are_values_and_never_sql(engine: DuckDBEngine) -> None:
    statement = Statement("given", "SELECT CAST(? AS varchar) AS first, CAST(? AS date) AS second")
    assert rows(engine.query(statement, ("'; DROP TABLE x; --", date(2026, 7, 10)))) == [("'; DROP TABLE x; --", date(2026, 7, 10))]


def test_words_of_athena_are_understood(engine: DuckDBEngine, tmp_path: Path) -> None:
    file = decoded(tmp_path / "1.ndjson.gz", '{"day":"2026-07-10","name":"d-1234567890.abc","models":{"auto":3,"glm_5":4}}')
    statement = Statement(
        "athena",
        r"""SELECT regexp_replace(name, '^d-[0-9a-z]{10}\.', '') AS id, model, element_at(models, model) AS messages, CAST(NULL AS varchar) AS nothing
        FROM reports CROSS JOIN UNNEST(map_keys(models)) AS used (model) WHERE day BETWEEN ? AND ? ORDER BY model""",
    )
    found = rows(engine.query(statement, (date(2026, 7, 10), date(2026, 7, 10)), [Relation("reports", COLUMNS, [file])]))
    assert found == [("abc", "auto", 3, None), ("abc", "glm_5", 4, None)]


def test_answer_outlives_later_queries(engine: DuckDBEngine) -> None:
    first = engine.query(Statement("one", "SELECT 1 AS number"), ())
    engine.query(Statement("two", "SELECT 2 AS number"), ())
    assert rows(first) == [(1,)]


def test_notes_of_freed_buffers_do_not_grow_with_the_queries(engine: DuckDBEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB itself lets go of them after some ten thousand queries; an answer of the database before is still there."""
    monkeypatch.setattr("exporter.engines.duckdb._QUERIES_OF_A_DATABASE", 20)
    earlier = engine.query(Statement("earlier", "SELECT 1 AS number"), ())
    notes = Statement(
        "notes", "SELECT sum(size) AS notes FROM (SELECT queue_index, sum(approximate_size) AS size FROM duckdb_eviction_queues() GROUP BY queue_index)"
    )
    found = [rows(engine.query(notes, ())) for _ in range(59)]
    counted = [int(str(number)) for ((number,),) in found]
    assert 0 < max(counted[19:]) < 1.5 * max(counted[:19])
    assert rows(earlier) == [(1,)]


def test_queries_at_once_see_their_own_relations(engine: DuckDBEngine, tmp_path: Path) -> None:
    found: dict[int, list[tuple[object, ...]]] = {}

    def ask(number: int) -> None:
        file = decoded(tmp_path / f"{number}.ndjson.gz", f'{{"day":"2026-07-10","name":"{number}"}}')
        found[number] = rows(engine.query(EVERYTHING, (), [Relation("reports", COLUMNS, [file])]))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: [(date(2026, 7, 10), str(number), None)] for number in range(8)}


AT_ONCE = """
import threading, time
import sqlglot
from sqlglot.dialects import dialect
from exporter.engines import Statement
from exporter.engines.dialect import to_duckdb

sqlglot.parse_one("SELECT 1", read="athena")
whole = dialect.new_trie
def slowly(words):  # called while a dialect is registered and not whole
    time.sleep(0.2)
    return whole(words)
dialect.new_trie = slowly

found = set()
texts = [f"SELECT {number}, SPLIT(a, 'x'), ARRAY[a] FROM t" for number in range(10)]
threads = [threading.Thread(target=lambda text=text: found.add(to_duckdb(Statement("text", text)))) for text in texts]
for thread in threads:
    thread.start()
    time.sleep(0.1)
for thread in threads:
    thread.join()
print(*sorted(found), sep="\\n")
"""


def test_first_statements_of_a_process_may_be_translated_at_once() -> None:
    told = subprocess.run([sys.executable, "-c", AT_ONCE], check=True, capture_output=True, text=True).stdout.splitlines()
    assert told == [f"SELECT {number}, STR_SPLIT(a, 'x'), [a] FROM t" for number in range(10)]


def seconds(call: Callable[[], object]) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began


def test_query_beyond_its_deadline_is_cancelled(tmp_path: Path) -> None:
    engine = DuckDBEngine(timedelta(seconds=0.2))

    def ask() -> None:
        with pytest.raises(TransientError, match=r"^the query endless was cancelled"):
            engine.query(ENDLESS, (), [many(tmp_path)])

    assert seconds(ask) < 5


def endless(engine: DuckDBEngine, folder: Path) -> None:
    """Asks what would take hours, and cancels from another thread until that ends."""
    done = threading.Event()

    def cancel() -> None:
        while not done.wait(0.02):
            engine.cancel()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    try:
        engine.query(ENDLESS, (), [many(folder)])
    finally:
        done.set()
        canceller.join()


def test_cancel_ends_what_runs(engine: DuckDBEngine, tmp_path: Path) -> None:
    with pytest.raises(TransientError):
        endless(engine, tmp_path)


def test_cancel_holds_for_a_statement_that_starts_just_after_it(engine: DuckDBEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def translated(statement: Statement) -> str:
        engine.cancel()
        return to_duckdb(statement)

    monkeypatch.setattr("exporter.engines.duckdb.to_duckdb", translated)

    def ask() -> None:
        with pytest.raises(TransientError, match="because the service is stopping"):
            engine.query(ENDLESS, (), [many(tmp_path)])

    assert seconds(ask) < 30


def test_deadline_holds_for_a_statement_that_starts_just_after_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def translated(statement: Statement) -> str:
        time.sleep(0.5)
        return to_duckdb(statement)

    monkeypatch.setattr("exporter.engines.duckdb.to_duckdb", translated)
    with pytest.raises(TransientError, match=r"it took longer than 0 s$"):
        DuckDBEngine(timedelta(seconds=0.2)).query(ENDLESS, (), [many(tmp_path)])


def test_cancelled_engine_starts_nothing_more(engine: DuckDBEngine) -> None:
    engine.cancel()
    with pytest.raises(TransientError, match="because the service is stopping"):
        engine.query(Statement("one", "SELECT 1 AS number"), ())


def test_answer_that_was_there_before_is_read_whole_after_a_cancel(engine: DuckDBEngine) -> None:
    answer = engine.query(Statement("one", "SELECT 1 AS number"), ())
    engine.cancel()
    assert rows(answer) == [(1,)]
