"""What Athena is counted with: queries, requests, bytes, seconds in its queue and engine, and dollars."""

from __future__ import annotations

from datetime import timedelta

import pytest
from athena_rig import COUNT, engine_on, rows_of, value
from fake_athena import RUNNING, SUCCEEDED, FakeAthena, cancelled, failed

from exporter.engines import Statement
from exporter.engines.athena import price_usd
from exporter.errors import UserError
from exporter.telemetry import Telemetry


@pytest.mark.parametrize(
    ("scanned", "usd"),
    [(0, 0.00005), (9_999_999, 0.00005), (10_000_001, 0.000055), (1_000_000_000_000, 5.0)],
)
def test_a_query_costs_whole_megabytes_and_ten_at_least(scanned: int, usd: float) -> None:
    assert price_usd(scanned) == pytest.approx(usd, rel=1e-12)


def test_queries_requests_bytes_and_dollars_are_counted() -> None:
    telemetry = Telemetry()
    fake = FakeAthena(statuses=[RUNNING, RUNNING, SUCCEEDED], scanned=20_000_000, queued_ms=1500, engine_ms=42_250)
    engine_on(fake, telemetry).query(COUNT, ())
    requests = {name: value(telemetry, "api_requests_total", api=f"athena:{name}") for name in ("StartQueryExecution", "GetQueryExecution", "GetQueryResults")}
    assert requests == {"StartQueryExecution": 1, "GetQueryExecution": 3, "GetQueryResults": 1}
    assert value(telemetry, "athena_queries_total") == 1
    assert value(telemetry, "athena_bytes_scanned_total") == 20_000_000
    assert (value(telemetry, "athena_queue_seconds_total"), value(telemetry, "athena_engine_seconds_total")) == (1.5, 42.25)
    assert value(telemetry, "aws_spend_usd_total", api="athena") == pytest.approx(0.0001)


def test_a_failed_query_is_free_and_a_cancelled_one_is_not() -> None:
    broken, late = Telemetry(), Telemetry()
    with pytest.raises(UserError):
        engine_on(FakeAthena(statuses=[failed("no")], scanned=30_000_000), broken).query(COUNT, ())
    with pytest.raises(UserError):
        engine_on(FakeAthena(statuses=[RUNNING], scanned=30_000_000), late, timeout=timedelta(seconds=1)).query(COUNT, ())
    assert value(broken, "aws_spend_usd_total", api="athena") == 0
    assert value(late, "aws_spend_usd_total", api="athena") == pytest.approx(0.00015)


def test_a_query_that_is_cancelled_is_counted_with_what_it_scanned_until_it_stopped() -> None:
    class ScansOn(FakeAthena):
        def stop_query_execution(self, **request: object) -> dict[str, object]:
            self.scanned = 12_000_000
            return super().stop_query_execution(**request)

    telemetry = Telemetry()
    with pytest.raises(UserError, match="it had scanned 11,000,000 bytes"):
        engine_on(ScansOn(statuses=[RUNNING], scanned=11_000_000), telemetry, max_bytes_scanned=10_000_000).query(COUNT, ())
    assert value(telemetry, "athena_bytes_scanned_total") == 12_000_000
    assert value(telemetry, "aws_spend_usd_total", api="athena") == pytest.approx(0.00006)


def test_ddl_answers_nothing_and_is_free() -> None:
    telemetry = Telemetry()
    assert rows_of(engine_on(FakeAthena(columns=[], kind="DDL"), telemetry).query(Statement("tables/t", "CREATE EXTERNAL TABLE t (n int)"), ())) == []
    assert value(telemetry, "aws_spend_usd_total", api="athena") == 0


def test_a_query_that_was_cancelled_before_it_ran_is_free() -> None:
    telemetry = Telemetry()
    with pytest.raises(UserError):
        engine_on(FakeAthena(statuses=[cancelled("Query cancelled by user")]), telemetry).query(COUNT, ())
    assert value(telemetry, "aws_spend_usd_total", api="athena") == 0


def test_counters_are_there_before_the_first_query() -> None:
    telemetry = Telemetry()
    engine_on(FakeAthena(), telemetry)
    assert value(telemetry, "api_requests_total", api="athena:StartQueryExecution") == 0
    assert value(telemetry, "aws_spend_usd_total", api="athena") == 0
