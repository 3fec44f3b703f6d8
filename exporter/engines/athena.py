"""The engine of production: the statements of `sql/` as they stand, run by Athena through PyAthena, with a deadline, a byte limit and a price.

Brings boto3 with it; import this module only where the engine is `athena`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any, cast

import pyathena
from botocore.exceptions import BotoCoreError, ClientError
from pyathena.connection import Connection
from pyathena.converter import Converter
from pyathena.cursor import Cursor
from pyathena.model import AthenaQueryExecution
from pyathena.util import RetryConfig, stop_retries_on

from exporter.config import Athena
from exporter.engines import Relation, Statement
from exporter.engines.athena_failures import explained
from exporter.engines.athena_requests import REQUESTS, Client, CountedClient, Session, StartTokens
from exporter.engines.athena_results import PAGE_ROWS, ResultObject, columns_of, from_pages
from exporter.engines.athena_watch import Watch
from exporter.engines.places import Places
from exporter.errors import UserError
from exporter.model import ArrowStream
from exporter.telemetry import Telemetry

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0

RETRIES = RetryConfig(attempt=4)
"""Of a throttled request within a query: to give up costs a new query, so it is worth more than one attempt."""

USD_PER_TERABYTE = 5.0
_MEGABYTE, _TERABYTE = 10**6, 10**12
_LEAST_MEGABYTES = 10
_MILLISECONDS = 1000.0


class AthenaEngine:
    """Statements on Athena in one account and region."""

    name = "athena"
    embedded = False

    def __init__(
        self,
        settings: Athena,
        client: Callable[[str], Any],
        telemetry: Telemetry,
        places: Places | None = None,
        poll_seconds: float = POLL_SECONDS,
        retries: RetryConfig = RETRIES,
    ) -> None:
        """`client` opens a boto3 client by its service name: `partial(aws.client, config.query_aws_for(source))`. Nothing is opened before the first query.

        `places` bounds the queries at a time over several engines; without it, `athena.concurrency` bounds those of this one.
        """
        self._settings = settings
        self._open_client = client
        self._telemetry = telemetry
        self._poll_seconds = poll_seconds
        self._retries = retries
        self._places = places or Places(settings.concurrency)
        self._tokens = StartTokens()
        self._lock = threading.Lock()
        self._running: set[Watch] = set()
        self._cancelled = False
        self._connection: Connection[Cursor] | None = None
        self._bucket: Any = None
        """The client of S3 that goes with the connection."""
        telemetry.init_apis(REQUESTS)
        telemetry.athena_ended(0, 0.0)

    def query(self, statement: Statement, parameters: Sequence[Any], relations: Sequence[Relation] = ()) -> ArrowStream:
        """See `Engine.query`. `relations` are the tables and views of the database. The rows are fetched in full before they are handed on."""
        watch = Watch(statement.name, self._settings)
        with self._tracked(watch), self._places.taken(watch.check, self._poll_seconds):
            watch.begin()
            watch.check()
            return self._run(statement, [literal(value) for value in parameters], watch)

    def cancel(self) -> None:
        """See `Engine.cancel`. Each query is stopped in Athena by the thread that waits for it, at its next poll."""
        with self._lock:
            self._cancelled = True
            for watch in self._running:
                watch.cancelled.set()

    @contextmanager
    def _tracked(self, watch: Watch) -> Iterator[None]:
        with self._lock:
            self._running.add(watch)
            if self._cancelled:
                watch.cancelled.set()
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(watch)

    def _run(self, statement: Statement, parameters: list[str], watch: Watch) -> ArrowStream:
        connection = self._connected()
        cursor = connection.cursor(on_poll=watch.polled)
        try:
            with stop_retries_on(watch.cancelled):
                cursor.execute(statement.text, parameters, paramstyle="qmark", on_start_query_execution=self._started)
                return self._rows(cursor, watch)
        except pyathena.Error as error:
            self._stop(cursor, watch)
            meaning = explained(error, watch, self._settings)
            if isinstance(meaning, UserError) and isinstance(error.__cause__, (ClientError, BotoCoreError)):
                self._forget(connection)
            raise meaning from error
        except BaseException:
            self._stop(cursor, watch)
            raise
        finally:
            self._account(watch)

    def _connected(self) -> Connection[Cursor]:
        with self._lock:
            if self._connection is None:
                reuse = self._settings.result_reuse_minutes
                client = CountedClient(self._open_client("athena"), self._telemetry.api_request, self._tokens)
                self._connection = Connection(
                    session=cast(Any, Session(client)),
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

    def _forget(self, connection: Connection[Cursor]) -> None:
        """Has the next query open a client of its own: credentials that were renewed in a file are found only then."""
        with self._lock:
            if self._connection is connection:
                self._connection = self._bucket = None

    def _started(self, query_id: str) -> None:
        self._telemetry.athena_query()
        log.debug("query started", extra={"fields": {"query": query_id}})

    def _rows(self, cursor: Cursor, watch: Watch) -> ArrowStream:
        columns = columns_of(cursor)
        first = cast(Sequence[Sequence[str | None]], cursor.fetchmany(PAGE_ROWS - 1))
        execution = watch.execution
        address = execution.output_location if execution is not None and execution.encryption_option != "CSE_KMS" else None
        if len(first) < PAGE_ROWS - 1 or not address:
            return from_pages(cursor, columns, first, watch.check)
        with self._lock:
            bucket = self._bucket = self._bucket or self._open_client("s3")
        return ResultObject(bucket, address, watch.name, self._telemetry.api_request).rows(columns, watch.check)

    def _stop(self, cursor: Cursor, watch: Watch) -> None:
        """Cancels a query that nobody waits for any more: Athena would go on, and charge for it."""
        if cursor.query_id is None or watch.ended:
            return
        try:
            cursor.cancel()
            # What it scanned until it stopped has to be paid.
            client = cast(Client, cursor.connection.client)
            watch.execution = AthenaQueryExecution(client.get_query_execution(QueryExecutionId=cursor.query_id))
        except (pyathena.Error, ClientError, BotoCoreError) as error:
            log.warning("the query could not be cancelled", extra={"fields": {"query": cursor.query_id, "error": str(error)}})

    def _account(self, watch: Watch) -> None:
        execution = watch.execution
        if execution is None:
            return
        scanned = execution.data_scanned_in_bytes or 0
        in_vain = execution.state == AthenaQueryExecution.STATE_FAILED or (execution.state == AthenaQueryExecution.STATE_CANCELLED and not scanned)
        free = in_vain or execution.statement_type == AthenaQueryExecution.STATEMENT_TYPE_DDL or execution.reused_previous_result
        self._telemetry.athena_ended(
            scanned,
            0.0 if free else price_usd(scanned),
            queue_seconds=(execution.query_queue_time_in_millis or 0) / _MILLISECONDS,
            engine_seconds=(execution.engine_execution_time_in_millis or 0) / _MILLISECONDS,
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
