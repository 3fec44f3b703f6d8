"""Statements through PyAthena: against moto's server for the protocol, against a fake for everything that can go wrong."""

from __future__ import annotations

import gc
import io
import json
import logging
import os
import threading
import time
import urllib.request
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import duckdb
import nanoarrow
import pytest
from botocore.exceptions import EndpointConnectionError
from fake_athena import RUNNING, SUCCEEDED, FakeAthena, cancelled, column, failed, refused, row
from moto.server import ThreadedMotoServer
from pyathena.util import RetryConfig

from exporter import aws, logs
from exporter.config import Athena, Aws
from exporter.engines import Statement, statement
from exporter.engines.athena import AthenaEngine, literal, price_usd
from exporter.errors import TransientError, UserError
from exporter.model import ArrowStream
from exporter.telemetry import Telemetry

COUNT = Statement("facts/count", "SELECT n FROM t WHERE day BETWEEN ? AND ?")
DAY = date(2026, 7, 10)


def engine_on(fake: FakeAthena, telemetry: Telemetry | None = None, **settings: Any) -> AthenaEngine:
    return AthenaEngine(Athena(**settings), lambda _service: fake, telemetry or Telemetry(), poll_seconds=0.005, retries=RetryConfig(attempt=2, multiplier=0))


def rows_of(answer: ArrowStream) -> list[tuple[Any, ...]]:
    return duckdb.connect().sql("FROM answer").fetchall()


def value(telemetry: Telemetry, name: str, **labels: str) -> float | None:
    return telemetry.registry.get_sample_value(f"aws_user_exporter_{name}", labels)


# The protocol


@pytest.fixture
def moto_address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def queue_answer(address: str, columns: list[dict[str, Any]], rows: list[dict[str, Any]]) -> None:
    labels = row(*(one["Name"] for one in columns))
    body = json.dumps({"results": [{"rows": [labels, *rows], "column_info": columns}]}).encode()
    request = urllib.request.Request(f"{address}/moto-api/static/athena/query-results", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 201


def test_a_statement_of_facts_goes_through_pyathena(moto_address: str) -> None:
    columns = [
        column("day", "date"),
        column("identity", "varchar", 2147483647),
        column("account", "varchar", 12),
        column("region", "varchar", 9),
        column("counter", "varchar", 30),
        column("value", "bigint", 19),
    ]
    who = "215bb5b0-0000-4000-8000-000000000001"
    queue_answer(
        moto_address,
        columns,
        [
            row("2026-07-10", who, "111122223333", "us-east-1", None, "0"),
            row("2026-07-10", who, "111122223333", "us-east-1", "chat_messagessent", "131"),
            row("2026-07-11", 'd\u00fcr, "x"', "111122223333", "us-east-1", "", "9007199254740993"),
        ],
    )
    reached = Aws(endpoint_url=moto_address)
    telemetry = Telemetry()
    engine = AthenaEngine(Athena(output_location="s3://results/"), partial(aws.client, reached), telemetry, poll_seconds=0.01)

    answer = engine.query(statement("facts/kiro_features"), (DAY, date(2026, 7, 11)))

    assert rows_of(answer) == [
        (date(2026, 7, 10), who, "111122223333", "us-east-1", None, 0),
        (date(2026, 7, 10), who, "111122223333", "us-east-1", "chat_messagessent", 131),
        (date(2026, 7, 11), 'd\u00fcr, "x"', "111122223333", "us-east-1", "", 9007199254740993),
    ]
    asked = aws.client(reached, "athena")
    (query,) = asked.list_query_executions()["QueryExecutionIds"]
    execution = asked.get_query_execution(QueryExecutionId=query)["QueryExecution"]
    assert execution["Query"].strip() == statement("facts/kiro_features").text.strip()
    assert (execution["WorkGroup"], execution["QueryExecutionContext"]["Database"]) == ("primary", "aws_user_exporter")
    assert value(telemetry, "athena_queries_total") == 1


def test_days_are_sent_as_dates_in_the_order_of_the_statement() -> None:
    fake = FakeAthena()
    engine_on(fake).query(COUNT, (DAY, date(2026, 7, 11)))
    assert fake.started[0]["QueryString"] == COUNT.text
    assert fake.started[0]["ExecutionParameters"] == ["CAST('2026-07-10' AS date)", "CAST('2026-07-11' AS date)"]


@pytest.mark.parametrize(("given", "written"), [(7, "7"), (True, "true"), ("o'x", "'o''x'"), (DAY, "CAST('2026-07-10' AS date)")])
def test_a_parameter_is_written_as_sql(given: object, written: str) -> None:
    assert literal(given) == written


def test_a_parameter_that_would_lose_its_time_is_refused() -> None:
    with pytest.raises(TypeError, match="datetime"):
        literal(datetime(2026, 7, 10, 12))


def test_where_results_go_is_the_workgroups_choice_unless_it_is_set() -> None:
    its_own, ours = FakeAthena(), FakeAthena()
    engine_on(its_own).query(COUNT, ())
    engine_on(ours, output_location="s3://results/x/").query(COUNT, ())
    assert "ResultConfiguration" not in its_own.started[0]
    assert ours.started[0]["ResultConfiguration"] == {"OutputLocation": "s3://results/x/"}


def test_earlier_results_are_taken_only_when_asked_for() -> None:
    without, with_reuse = FakeAthena(), FakeAthena()
    engine_on(without).query(COUNT, ())
    engine_on(with_reuse, result_reuse_minutes=30).query(COUNT, ())
    assert "ResultReuseConfiguration" not in without.started[0]
    assert with_reuse.started[0]["ResultReuseConfiguration"] == {"ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 30}}


# The answer


def test_values_have_the_types_of_the_result() -> None:
    columns = [
        column("amount", "decimal", 38, 18),
        column("day", "date"),
        column("messages", "bigint", 19),
        column("enabled", "boolean"),
        column("name", "varchar"),
        column("ratio", "double"),
        column("at", "timestamp"),
        column("small", "integer"),
    ]
    full = row("114.457874143913770001", "2026-07-10", "9223372036854775807", "true", "x", "1.0E-5", "2026-07-10 01:02:03.456", "-3")
    fake = FakeAthena(columns=columns, rows=[full, row(*[None] * 8)])
    answer = nanoarrow.Array(engine_on(fake).query(COUNT, ()))

    assert [field.type.name for field in answer.schema.fields] == ["DECIMAL128", "DATE32", "INT64", "BOOL", "STRING", "DOUBLE", "TIMESTAMP", "INT32"]
    first, second = answer.to_pylist()
    assert first == {
        "amount": Decimal("114.457874143913770001"),
        "day": DAY,
        "messages": 9223372036854775807,
        "enabled": True,
        "name": "x",
        "ratio": 0.00001,
        "at": datetime(2026, 7, 10, 1, 2, 3, 456000),
        "small": -3,
    }
    assert set(second.values()) == {None}


def test_all_pages_are_read_once_and_in_order() -> None:
    fake = FakeAthena(rows=[row(str(n)) for n in range(2500)], page=1000)
    answer = engine_on(fake).query(COUNT, ())
    assert [n for (n,) in rows_of(answer)] == list(range(2500))


def test_an_answer_without_rows_keeps_its_columns() -> None:
    answer = nanoarrow.Array(engine_on(FakeAthena()).query(COUNT, ()))
    assert [(field.name, field.type.name) for field in answer.schema.fields] == [("n", "INT64")]
    assert len(answer) == 0


def test_the_answer_outlives_the_query() -> None:
    engine = engine_on(FakeAthena(rows=[row("1")]))
    answer = engine.query(COUNT, ())
    engine.query(COUNT, ())
    del engine
    gc.collect()
    assert rows_of(answer) == [(1,)]


def test_a_type_that_no_fact_has_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"column m .* map"):
        engine_on(FakeAthena(columns=[column("m", "map")])).query(COUNT, ())


# What ends a query


def test_a_query_beyond_its_deadline_is_cancelled_in_athena() -> None:
    fake = FakeAthena(statuses=[RUNNING])
    with pytest.raises(TransientError, match=r"facts/count was cancelled: it took longer than athena\.timeout \(1s\)"):
        engine_on(fake, timeout=timedelta(seconds=1)).query(COUNT, ())
    assert fake.stopped == ["q1"]


def test_a_query_beyond_its_bytes_is_cancelled_in_athena() -> None:
    fake = FakeAthena(statuses=[RUNNING], scanned=10_000_001)
    with pytest.raises(UserError, match=r"scanned 10,000,001 bytes, more than athena\.max_bytes_scanned \(10,000,000\)"):
        engine_on(fake, max_bytes_scanned=10_000_000).query(COUNT, ())
    assert fake.stopped == ["q1"]


def test_cancel_ends_what_runs_and_what_waits() -> None:
    fake = FakeAthena(statuses=[RUNNING])
    engine = engine_on(fake, concurrency=1)
    ended: list[str] = []

    def run() -> None:
        try:
            engine.query(COUNT, ())
        except TransientError as error:
            ended.append(str(error))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    while len(engine._running) < 2 or not fake.polled.is_set():
        time.sleep(0.001)
    engine.cancel()
    for thread in threads:
        thread.join(5)
    assert ended == ["the query facts/count was cancelled, because the service is stopping or its source is being replaced"] * 2
    assert fake.stopped == ["q1"]


def test_cancel_also_ends_the_wait_of_a_throttled_request() -> None:
    fake = FakeAthena(errors={"StartQueryExecution": [refused("StartQueryExecution", "TooManyRequestsException")] * 9})
    engine = AthenaEngine(Athena(), lambda _service: fake, Telemetry(), poll_seconds=0.005, retries=RetryConfig(attempt=9, multiplier=60))
    ended = threading.Event()

    def run() -> None:
        with pytest.raises(TransientError):
            engine.query(COUNT, ())
        ended.set()

    threading.Thread(target=run, daemon=True).start()
    while not ended.wait(0.02):
        engine.cancel()


def test_no_more_queries_run_at_once_than_the_config_allows() -> None:
    fake = FakeAthena(statuses=[*[RUNNING] * 10, SUCCEEDED])
    engine = engine_on(fake, concurrency=2)
    threads = [threading.Thread(target=engine.query, args=(COUNT, ())) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert (len(fake.started), fake.most_at_once) == (6, 2)


# What fails


def test_throttling_that_goes_on_may_work_later() -> None:
    fake = FakeAthena(errors={"StartQueryExecution": [refused("StartQueryExecution", "TooManyRequestsException")] * 2})
    with pytest.raises(TransientError, match="AWS throttled athena:StartQueryExecution on the Athena workgroup primary"):
        engine_on(fake).query(COUNT, ())


def test_throttling_that_ends_is_not_noticed() -> None:
    errors: dict[str, list[Exception]] = {
        operation: [refused(operation, "ThrottlingException")] for operation in ("StartQueryExecution", "GetQueryExecution", "GetQueryResults")
    }
    fake = FakeAthena(rows=[row("5")], errors=errors)
    assert rows_of(engine_on(fake).query(COUNT, ())) == [(5,)]


def test_a_query_is_cancelled_when_its_state_cannot_be_asked_for() -> None:
    fake = FakeAthena(statuses=[RUNNING], errors={"GetQueryExecution": [EndpointConnectionError(endpoint_url="https://athena")]})
    with pytest.raises(TransientError, match="did not get an answer"):
        engine_on(fake).query(COUNT, ())
    assert fake.stopped == ["q1"]


def test_what_athena_calls_retryable_may_work_later() -> None:
    fake = FakeAthena(statuses=[RUNNING, failed("Query exhausted resources at this scale factor", retryable=True, category=1)])
    with pytest.raises(TransientError, match=r"^Athena could not run the query facts/count now: Query exhausted resources at this scale factor\.$"):
        engine_on(fake).query(COUNT, ())


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (
            failed("SYNTAX_ERROR: line 4:10: Column 'credits_used'\n cannot be resolved"),
            "Athena failed the query facts/count: SYNTAX_ERROR: line 4:10: Column 'credits_used' cannot be resolved; "
            "the database aws_user_exporter needs the tables and views of sql/ as this version has them.",
        ),
        (
            failed("TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.aws_user_exporter.t' does not exist"),
            "Athena failed the query facts/count: TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.aws_user_exporter.t' does not exist; "
            "the database aws_user_exporter needs the tables and views of sql/ as this version has them.",
        ),
        (
            failed("DIVISION_BY_ZERO: / by zero"),
            "Athena failed the query facts/count: DIVISION_BY_ZERO: / by zero; its page in the Athena console says more (q1).",
        ),
        (
            cancelled("Bytes scanned limit was exceeded"),
            "the query facts/count was cancelled in Athena (Bytes scanned limit was exceeded); look at the limits of the Athena workgroup primary.",
        ),
    ],
)
def test_a_query_that_fails_for_good_says_so_in_a_sentence(status: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        engine_on(FakeAthena(statuses=[RUNNING, status])).query(COUNT, ())
    assert str(caught.value) == sentence


def test_a_denied_request_names_what_to_allow() -> None:
    workgroup = "arn:aws:athena:us-east-1:1:workgroup/primary"
    message = f"User: arn:aws:iam::111122223333:user/x is not authorized to perform: athena:StartQueryExecution on resource: {workgroup}"
    fake = FakeAthena(errors={"StartQueryExecution": [refused("StartQueryExecution", "AccessDeniedException", message)]})
    with pytest.raises(UserError, match=f"AWS denied athena:StartQueryExecution on {workgroup} to arn:aws:iam"):
        engine_on(fake).query(COUNT, ())


def test_a_page_that_is_lost_half_way_gives_no_part_of_the_rows() -> None:
    lost = EndpointConnectionError(endpoint_url="https://athena")

    class LosesTheSecondPage(FakeAthena):
        def get_query_results(self, **request: Any) -> dict[str, Any]:
            if "NextToken" in request:
                raise lost
            return super().get_query_results(**request)

    with pytest.raises(TransientError, match="did not get an answer"):
        engine_on(LosesTheSecondPage(rows=[row("1")] * 1500)).query(COUNT, ())


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What the process logs, as the service configures it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in logs.LIBRARIES}
    stream = io.StringIO()
    logs.configure("info", "logfmt", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    logging.captureWarnings(False)


def test_a_failure_is_raised_and_not_logged_as_well(logged: io.StringIO) -> None:
    fake = FakeAthena(errors={"StartQueryExecution": [refused("StartQueryExecution", "InvalidRequestException", "no")]})
    with pytest.raises(UserError):
        engine_on(fake).query(COUNT, ())
    assert logged.getvalue() == ""


# What is counted


@pytest.mark.parametrize(
    ("scanned", "usd"),
    [(0, 0.00005), (9_999_999, 0.00005), (10_000_001, 0.000055), (1_000_000_000_000, 5.0)],
)
def test_a_query_costs_whole_megabytes_and_ten_at_least(scanned: int, usd: float) -> None:
    assert price_usd(scanned) == pytest.approx(usd, rel=1e-12)


def test_queries_requests_bytes_and_dollars_are_counted() -> None:
    telemetry = Telemetry()
    engine_on(FakeAthena(statuses=[RUNNING, RUNNING, SUCCEEDED], scanned=20_000_000), telemetry).query(COUNT, ())
    requests = {name: value(telemetry, "api_requests_total", api=f"athena:{name}") for name in ("StartQueryExecution", "GetQueryExecution", "GetQueryResults")}
    assert requests == {"StartQueryExecution": 1, "GetQueryExecution": 3, "GetQueryResults": 1}
    assert value(telemetry, "athena_queries_total") == 1
    assert value(telemetry, "athena_bytes_scanned_total") == 20_000_000
    assert value(telemetry, "aws_spend_usd_total", api="athena") == pytest.approx(0.0001)


def test_a_failed_query_is_free_and_a_cancelled_one_is_not() -> None:
    broken, late = Telemetry(), Telemetry()
    with pytest.raises(UserError):
        engine_on(FakeAthena(statuses=[failed("no")], scanned=30_000_000), broken).query(COUNT, ())
    with pytest.raises(TransientError):
        engine_on(FakeAthena(statuses=[RUNNING], scanned=30_000_000), late, timeout=timedelta(seconds=1)).query(COUNT, ())
    assert value(broken, "aws_spend_usd_total", api="athena") == 0
    assert value(late, "aws_spend_usd_total", api="athena") == pytest.approx(0.00015)


def test_counters_are_there_before_the_first_query() -> None:
    telemetry = Telemetry()
    engine_on(FakeAthena(), telemetry)
    assert value(telemetry, "api_requests_total", api="athena:StartQueryExecution") == 0
    assert value(telemetry, "aws_spend_usd_total", api="athena") == 0
