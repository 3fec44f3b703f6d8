"""The Athena engine on a fake beside its interface: what it sends, what it makes of an answer, and what ends a query."""

from __future__ import annotations

import gc
import io
import logging
import threading
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal

import nanoarrow
import pytest
from athena_rig import COUNT, DAY, clients_of, engine_on, rows_of
from botocore.exceptions import ReadTimeoutError
from fake_athena import QUEUED, RUNNING, SUCCEEDED, FakeAthena, column, failed, refused, row
from pyathena.util import RetryConfig

from exporter import logs
from exporter.config import Athena
from exporter.engines.athena import AthenaEngine, literal
from exporter.engines.athena_requests import TOKEN_SECONDS, StartTokens
from exporter.engines.places import Places
from exporter.errors import TransientError, UserError
from exporter.telemetry import Telemetry


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
    with pytest.raises(UserError, match=r"facts/count was cancelled: it took longer than athena\.timeout \(1s\); raise that, or read less\."):
        engine_on(fake, timeout=timedelta(seconds=1)).query(COUNT, ())
    assert fake.stopped == ["q1"]


def test_a_query_that_only_waited_in_the_queue_may_run_later() -> None:
    fake = FakeAthena(statuses=[QUEUED])
    with pytest.raises(TransientError, match=r"facts/count was cancelled: it waited in Athena's queue for longer than athena\.timeout \(1s\)"):
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


def test_cancelled_engine_starts_nothing_more() -> None:
    fake = FakeAthena()
    engine = engine_on(fake)
    engine.cancel()
    with pytest.raises(TransientError, match="because the service is stopping"):
        engine.query(COUNT, ())
    assert fake.started == []


def test_cancel_also_ends_the_wait_of_a_throttled_request() -> None:
    fake = FakeAthena(errors={"StartQueryExecution": [refused("StartQueryExecution", "TooManyRequestsException")] * 9})
    engine = AthenaEngine(Athena(), clients_of(fake), Telemetry(), poll_seconds=0.005, retries=RetryConfig(attempt=9, multiplier=60))
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


def test_places_are_shared_by_the_engines_of_all_regions() -> None:
    fakes = [FakeAthena(statuses=[*[RUNNING] * 5, SUCCEEDED]) for _ in range(3)]
    at_once, most, places, counted = set(), [0], Places(1), threading.Lock()

    def run(fake: FakeAthena) -> None:
        engine_on(fake, places=places).query(COUNT, ())

    for fake in fakes:
        poll = fake.get_query_execution

        def watched(fake: FakeAthena = fake, poll: object = poll, **request: object) -> object:
            with counted:
                at_once.add(id(fake))
                most[0] = max(most[0], len(at_once))
            answer = poll(**request)  # type: ignore[operator]
            if answer["QueryExecution"]["Status"] == SUCCEEDED:
                with counted:
                    at_once.discard(id(fake))
            return answer

        fake.get_query_execution = watched  # type: ignore[assignment, method-assign]
    threads = [threading.Thread(target=run, args=(fake,)) for fake in fakes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert ([len(fake.started) for fake in fakes], most[0]) == ([1, 1, 1], 1)


def test_who_waits_longest_for_a_place_is_next() -> None:
    places, order, done = Places(1), [], []

    def queries(name: str, count: int) -> None:
        for _ in range(count):
            with places.taken(lambda: None, 0.05):
                order.append(name)
                while len(places._waiting) < 1 and len(done) == 0:  # the other one asks again before this place is free
                    time.sleep(0.001)
        done.append(name)

    threads = [threading.Thread(target=queries, args=(name, count)) for name, count in (("first load", 8), ("hourly", 2))]
    with places.taken(lambda: None, 0.05):
        for waiting, thread in enumerate(threads, start=1):
            thread.start()
            while len(places._waiting) < waiting:
                time.sleep(0.001)
    for thread in threads:
        thread.join(10)
    assert order == ["first load", "hourly", "first load", "hourly", *["first load"] * 6]


# What is sent twice


def test_a_start_that_got_no_answer_is_sent_again_with_its_token() -> None:
    fake = FakeAthena(errors={"StartQueryExecution": [ReadTimeoutError(endpoint_url="https://athena")]})
    engine, tokens = engine_on(fake), []
    start = fake.start_query_execution

    def noted(**request: str) -> object:
        tokens.append(request["ClientRequestToken"])
        return start(**request)

    fake.start_query_execution = noted  # type: ignore[assignment, method-assign]
    with pytest.raises(TransientError):
        engine.query(COUNT, ())
    engine.query(COUNT, ())
    assert tokens[0] == tokens[1]
    assert 32 <= len(tokens[0]) <= 128


def test_a_start_that_was_answered_never_lends_its_token() -> None:
    fake = FakeAthena(statuses=[failed("Query exhausted resources", retryable=True, category=1)])
    engine = engine_on(fake)
    for _ in range(2):
        with pytest.raises(TransientError):
            engine.query(COUNT, ())
    assert fake.started[0]["ClientRequestToken"] != fake.started[1]["ClientRequestToken"]


def test_a_token_is_not_kept_until_the_data_are_others() -> None:
    now = [0.0]
    tokens = StartTokens(lambda: now[0])
    first = tokens.take({"QueryString": "a"})
    tokens.keep({"QueryString": "a"}, first)
    now[0] += TOKEN_SECONDS
    assert tokens.take({"QueryString": "a"}) != first


def test_two_equal_starts_at_once_are_two_queries() -> None:
    tokens = StartTokens()
    assert tokens.take({"QueryString": "a"}) != tokens.take({"QueryString": "a"})


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
