"""The embedded engine: the statements of `sql/`, translated, over files that stand in for the tables of Athena."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import nanoarrow

from exporter.engines import Relation, Statement
from exporter.engines.dialect import to_duckdb
from exporter.errors import TransientError
from exporter.model import ArrowStream
from exporter.quoting import sql_name, sql_text

_AGAIN_SECONDS = 0.05

_QUERIES_OF_A_DATABASE = 500
"""DuckDB keeps notes of the buffers it has freed, up to 35 MB of them, and lets go of them when the database ends."""


class DuckDBEngine:
    """A database for many queries, and a connection with temporary relations of its own for each: to open a database takes longer than most queries."""

    name = "duckdb"
    embedded = True

    def __init__(self, deadline: timedelta, memory_limit: str = "1GB") -> None:
        self._deadline = deadline.total_seconds()
        self._memory_limit = memory_limit
        self._queries = count()
        self._running: set[threading.Event] = set()
        """Of each running query, what wakes the thread that ends it."""
        self._cancelled = False
        self._lock = threading.Lock()

    def query(self, statement: Statement, parameters: Sequence[Any], relations: Sequence[Relation] = ()) -> ArrowStream:
        """See `Engine.query`. The rows are read in full before they are handed on, so the deadline covers all of the work."""
        with self._lock:
            connection = self._connect()
        with self._interruptible(connection, statement.name):
            for relation in relations:
                define(connection, relation)
            connection.execute(f"CREATE TEMP TABLE answer AS {to_duckdb(statement)}", list(parameters)).fetchall()
        return _Answer(connection)

    def _connect(self) -> duckdb.DuckDBPyConnection:
        number = next(self._queries)
        if number % _QUERIES_OF_A_DATABASE == 0:
            # What does not fit goes to the disk; else DuckDB would take the folder in which the service was started.
            spill = Path(tempfile.gettempdir()) / f"aws-user-exporter-{os.getpid()}-{number}"
            # Of every file that was ever read the cache would keep a note. The database before this one ends with its last connection.
            self._database = duckdb.connect(config={"memory_limit": self._memory_limit, "temp_directory": str(spill), "enable_external_file_cache": False})
        return self._database.cursor()

    def cancel(self) -> None:
        """See `Engine.cancel`."""
        with self._lock:
            self._cancelled = True
            for due in self._running:
                due.set()

    @contextmanager
    def _interruptible(self, connection: duckdb.DuckDBPyConnection, name: str) -> Iterator[None]:
        due, ended = threading.Event(), threading.Event()
        with self._lock:
            if self._cancelled:
                raise self._stopped(name)
            self._running.add(due)
        threading.Thread(target=self._interrupt, args=(connection, due, ended), name=f"watch {name}", daemon=True).start()
        try:
            yield
        except duckdb.InterruptException as error:
            if self._cancelled:
                raise self._stopped(name) from error
            raise TransientError(f"the query {name} was cancelled: it took longer than {self._deadline:.0f} s") from error
        finally:
            with self._lock:
                self._running.discard(due)
                ended.set()
            due.set()

    def _interrupt(self, connection: duckdb.DuckDBPyConnection, due: threading.Event, ended: threading.Event) -> None:
        """Ends a query at its deadline, or when the engine is cancelled.

        DuckDB lets go of an interrupt that comes between two statements, or before the first: until the query has ended, it is sent again.
        """
        due.wait(self._deadline)
        while True:
            with self._lock:
                if ended.is_set():
                    return
                connection.interrupt()
            ended.wait(_AGAIN_SECONDS)

    @staticmethod
    def _stopped(name: str) -> TransientError:
        return TransientError(f"the query {name} was cancelled, because the service is stopping or its source is being replaced")


class _Answer:
    """Rows of a connection that lives as long as they are read."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return nanoarrow.ArrayStream(self._connection.sql("FROM answer")).__arrow_c_stream__(requested_schema)


def define(connection: duckdb.DuckDBPyConnection, relation: Relation) -> None:
    """Makes a relation visible to one connection under its name."""
    if relation.files and relation.parquet:
        files = ", ".join(sql_text(str(path)) for path in relation.files)
        rows = f"read_parquet([{files}], union_by_name := true, hive_partitioning := false)"
        found = {column.lower() for column, *_ in connection.execute(f"DESCRIBE FROM {rows}").fetchall()}
        selected = [f"TRY_CAST({sql_name(name) if name.lower() in found else 'NULL'} AS {kind}) AS {sql_name(name)}" for name, kind in relation.columns.items()]
        selected += [f"{sql_text(value)} AS {sql_name(name)}" for name, value in relation.partition.items()]
        connection.execute(f"CREATE TEMP VIEW {relation.name} AS SELECT {', '.join(selected)} FROM {rows}").fetchall()
    elif relation.files:
        files = ", ".join(sql_text(str(path)) for path in relation.files)
        typed = ", ".join(f"{sql_name(name)}: {sql_text(kind)}" for name, kind in relation.columns.items())
        rows = f"read_json([{files}], format := 'newline_delimited', compression := 'gzip', columns := {{{typed}}})"
        connection.execute(f"CREATE TEMP VIEW {relation.name} AS FROM {rows}").fetchall()
    else:
        typed = ", ".join(f"{sql_name(name)} {kind}" for name, kind in relation.columns.items())
        connection.execute(f"CREATE TEMP TABLE {relation.name} ({typed})").fetchall()
        if relation.rows:
            columns = ", ".join(f"unnest(${place}::{kind}[])" for place, kind in enumerate(relation.columns.values(), start=1))
            connection.execute(f"INSERT INTO {relation.name} SELECT {columns}", [list(column) for column in zip(*relation.rows, strict=True)]).fetchall()
