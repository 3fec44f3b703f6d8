"""The engine of production: the statements of `sql/` as they stand, run by Athena through PyAthena, with a deadline, a byte limit and a price.

Brings boto3 with it; import this module only where the engine is `athena`.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any, cast

import duckdb
import nanoarrow
import pyathena
from botocore.exceptions import BotoCoreError, ClientError
from pyathena.connection import Connection
from pyathena.converter import Converter
from pyathena.cursor import Cursor
from pyathena.model import AthenaCalculationExecutionStatus, AthenaQueryExecution
from pyathena.util import RetryConfig, stop_retries_on

from exporter.aws import explain
from exporter.config import Athena, format_duration
from exporter.engines import Relation, Statement
from exporter.engines.athena_requests import POLL, REQUESTS, START, CountedClient, Session
from exporter.errors import TransientError, UserError
from exporter.model import ArrowStream
from exporter.quoting import sql_name
from exporter.telemetry import Telemetry

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
PAGE_ROWS = 1000
"""Rows that one GetQueryResults can return."""

RETRIES = RetryConfig(attempt=4)
"""Of a throttled request within a query: to give up costs a new query, so it is worth more than one attempt."""

USD_PER_TERABYTE = 5.0
_MEGABYTE, _TERABYTE = 10**6, 10**12
_LEAST_MEGABYTES = 10

# https://docs.aws.amazon.com/athena/latest/ug/data-types.html
_TYPES = {
    "boolean": "BOOLEAN",
    "tinyint": "TINYINT",
    "smallint": "SMALLINT",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "real": "FLOAT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "char": "VARCHAR",
    "varchar": "VARCHAR",
    "string": "VARCHAR",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
}
_NOT_THERE = re.compile(r"\w+_NOT_FOUND|SYNTAX_ERROR|INVALID_VIEW|does not exist|cannot be resolved", re.IGNORECASE)


class AthenaEngine:
    """Statements on Athena, `athena.concurrency` at a time."""

    name = "athena"
    embedded = False

    def __init__(
        self, settings: Athena, client: Callable[[str], Any], telemetry: Telemetry, poll_seconds: float = POLL_SECONDS, retries: RetryConfig = RETRIES
    ) -> None:
        """`client` opens a boto3 client by its service name, at the first query: `partial(aws.client, config.aws_for("athena"))`."""
        self._settings = settings
        self._open_client = client
        self._telemetry = telemetry
        self._poll_seconds = poll_seconds
        self._retries = retries
        self._places = threading.BoundedSemaphore(settings.concurrency)
        self._lock = threading.Lock()
        self._running: set[_Watch] = set()
        self._connection: Connection[Cursor] | None = None
        self._database = duckdb.connect()
        telemetry.init_apis(REQUESTS)
        telemetry.athena_scanned(0, 0.0)

    def query(self, statement: Statement, parameters: Sequence[Any], relations: Sequence[Relation] = ()) -> ArrowStream:
        """See `Engine.query`. `relations` are the tables and views of the database. The rows are fetched in full before they are handed on."""
        watch = _Watch(statement.name, self._settings)
        with self._tracked(watch), self._place(watch):
            return self._run(statement, [literal(value) for value in parameters], watch)

    def cancel(self) -> None:
        """See `Engine.cancel`. Each query is stopped in Athena by the thread that waits for it, at its next poll."""
        with self._lock:
            for watch in self._running:
                watch.cancelled.set()

    @contextmanager
    def _tracked(self, watch: _Watch) -> Iterator[None]:
        with self._lock:
            self._running.add(watch)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(watch)

    @contextmanager
    def _place(self, watch: _Watch) -> Iterator[None]:
        while not self._places.acquire(timeout=self._poll_seconds):
            watch.check()
        try:
            watch.begin()
            watch.check()
            yield
        finally:
            self._places.release()

    def _run(self, statement: Statement, parameters: list[str], watch: _Watch) -> ArrowStream:
        cursor = self._connected().cursor(on_poll=watch.polled)
        try:
            with stop_retries_on(watch.cancelled):
                cursor.execute(statement.text, parameters, paramstyle="qmark", on_start_query_execution=self._started)
                return self._rows(cursor, watch)
        except pyathena.Error as error:
            self._stop(cursor, watch)
            raise self._explained(error, watch) from error
        except BaseException:
            self._stop(cursor, watch)
            raise
        finally:
            self._account(watch)

    def _connected(self) -> Connection[Cursor]:
        with self._lock:
            if self._connection is None:
                reuse = self._settings.result_reuse_minutes
                self._connection = Connection(
                    session=cast(Any, Session(CountedClient(self._open_client("athena"), self._telemetry.api_request))),
                    work_group=self._settings.workgroup,
                    schema_name=self._settings.database,
                    s3_staging_dir=self._settings.output_location or "",
                    poll_interval=self._poll_seconds,
                    converter=_Text({}),
                    retry_config=self._retries,
                    kill_on_interrupt=False,
                    result_reuse_enable=reuse > 0,
                    result_reuse_minutes=reuse,
                )
            return self._connection

    def _started(self, query_id: str) -> None:
        self._telemetry.athena_query()
        log.debug("query started", extra={"fields": {"query": query_id}})

    def _rows(self, cursor: Cursor, watch: _Watch) -> ArrowStream:
        """The answer as a table of DuckDB's, cast there from Athena's text: exact for decimals, and in columns."""
        columns = [(name, _duckdb_type(name, kind, precision, scale)) for name, kind, _, _, precision, scale, _ in cursor.description or ()]
        answer = self._database.cursor()
        answer.execute(f"CREATE TEMP TABLE answer ({', '.join(f'{sql_name(name)} {kind}' for name, kind in columns)})").fetchall()
        cast_each = ", ".join(f"CAST(unnest(${place}::VARCHAR[]) AS {kind})" for place, (_, kind) in enumerate(columns, start=1))
        while page := cursor.fetchmany(PAGE_ROWS):
            answer.execute(f"INSERT INTO answer SELECT {cast_each}", [list(column) for column in zip(*page, strict=True)]).fetchall()
            watch.check()
        return cast(ArrowStream, nanoarrow.ArrayStream(answer.sql("FROM answer")))

    def _stop(self, cursor: Cursor, watch: _Watch) -> None:
        """Cancels a query that nobody waits for any more: Athena would go on, and charge for it."""
        if cursor.query_id is None or watch.ended:
            return
        try:
            cursor.cancel()
        except pyathena.Error as error:
            log.warning("the query could not be cancelled", extra={"fields": {"query": cursor.query_id, "error": str(error)}})

    def _account(self, watch: _Watch) -> None:
        execution = watch.execution
        if execution is None:
            return
        scanned = execution.data_scanned_in_bytes or 0
        free = execution.state == AthenaQueryExecution.STATE_FAILED or execution.reused_previous_result
        self._telemetry.athena_scanned(scanned, 0.0 if free else price_usd(scanned))

    def _explained(self, error: pyathena.Error, watch: _Watch) -> UserError | TransientError:
        cause = error.__cause__
        workgroup = f"the Athena workgroup {self._settings.workgroup}"
        if isinstance(cause, ClientError):
            return explain(cause, f"athena:{cause.operation_name}", workgroup)
        if isinstance(cause, BotoCoreError):
            return explain(cause, START if watch.execution is None else POLL, workgroup)
        execution = watch.execution
        if execution is None or execution.state == AthenaQueryExecution.STATE_SUCCEEDED:
            return TransientError(f"the answer of the query {watch.name} could not be read: {error}")
        reason = _sentence_part(execution.state_change_reason or execution.error_message or "no reason was given")
        if execution.state == AthenaQueryExecution.STATE_CANCELLED:
            return UserError(f"the query {watch.name} was cancelled in Athena ({reason}); look at the limits of {workgroup}.")
        if execution.retryable:
            return TransientError(f"Athena could not run the query {watch.name} now: {reason}.")
        if _NOT_THERE.search(reason):
            return UserError(
                f"Athena failed the query {watch.name}: {reason}; "
                f"the database {self._settings.database} needs the tables and views of sql/ as this version has them."
            )
        return UserError(f"Athena failed the query {watch.name}: {reason}; its page in the Athena console says more ({execution.query_id}).")


class _Watch:
    """One query: how far it is, and whether it must end."""

    def __init__(self, name: str, settings: Athena) -> None:
        self.name = name
        self.cancelled = threading.Event()
        self.execution: AthenaQueryExecution | None = None
        self._timeout = settings.timeout
        self._max_bytes = settings.max_bytes_scanned
        self._deadline: float | None = None

    @property
    def ended(self) -> bool:
        return self.execution is not None and self.execution.state in AthenaQueryExecution.TERMINAL_STATES

    def begin(self) -> None:
        self._deadline = time.monotonic() + self._timeout.total_seconds()

    def polled(self, execution: AthenaQueryExecution | AthenaCalculationExecutionStatus) -> None:
        """PyAthena calls this with every state that it sees."""
        self.execution = cast(AthenaQueryExecution, execution)
        if not self.ended:
            self.check()

    def check(self) -> None:
        """Raises why the query must not go on."""
        if self.cancelled.is_set():
            raise TransientError(f"the query {self.name} was cancelled, because the service is stopping or its source is being replaced")
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise TransientError(f"the query {self.name} was cancelled: it took longer than athena.timeout ({format_duration(self._timeout)})")
        scanned = (self.execution.data_scanned_in_bytes if self.execution else None) or 0
        if scanned > self._max_bytes:
            raise UserError(
                f"the query {self.name} was cancelled: it had scanned {scanned:,} bytes, "
                f"more than athena.max_bytes_scanned ({self._max_bytes:,}); raise that, or read less."
            )


class _Text(Converter):
    """Leaves values as Athena writes them."""

    def convert(self, type_: str, value: str | None, type_hint: str | None = None) -> str | None:
        return value


def literal(value: object) -> str:
    """A parameter as Athena wants it among ExecutionParameters: as SQL, with quotes where SQL has them.

    https://docs.aws.amazon.com/athena/latest/ug/querying-with-prepared-statements.html
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if type(value) is date:
        return f"CAST('{value:%Y-%m-%d}' AS date)"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    raise TypeError(f"no parameter of a statement can be a {type(value).__name__}")


def price_usd(scanned_bytes: int) -> float:
    """What a query costs at list price: 5 USD a terabyte, in whole megabytes, 10 of them at least (https://aws.amazon.com/athena/pricing/)."""
    megabytes = max(_LEAST_MEGABYTES, -(-scanned_bytes // _MEGABYTE))
    return megabytes * _MEGABYTE / _TERABYTE * USD_PER_TERABYTE


def _duckdb_type(name: str, kind: str, precision: int, scale: int) -> str:
    if kind == "decimal":
        return f"DECIMAL({precision},{scale})"
    if kind not in _TYPES:
        raise ValueError(f"column {name} is of the Athena type {kind}, which statements of sql/facts must not return")
    return _TYPES[kind]


def _sentence_part(text: str) -> str:
    return " ".join(text.split()).rstrip(".;")
