"""Athena's protocol, over the network, with boto3 and PyAthena as in production, on moto's server: states, workgroups, results in S3, cancellation, regions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest
from athena_moto import executions, queue_answer, served, tell
from athena_rig import COUNT, DAY, rows_of, value
from fake_athena import column, row

from exporter import aws
from exporter.config import Athena, Aws
from exporter.engines import statement
from exporter.engines.athena import AthenaEngine
from exporter.errors import TransientError, UserError
from exporter.telemetry import Telemetry


@pytest.fixture
def moto_address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    yield from served(monkeypatch)


def engine_at(reach: Aws, telemetry: Telemetry | None = None, open_client: Callable[[str], Any] | None = None, **settings: Any) -> AthenaEngine:
    return AthenaEngine(Athena(**settings), open_client or partial(aws.client, reach), telemetry or Telemetry(), poll_seconds=0.01)


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
    reach, telemetry = Aws(endpoint_url=moto_address), Telemetry()

    answer = engine_at(reach, telemetry, output_location="s3://results/").query(statement("facts/kiro_features"), (DAY, date(2026, 7, 11)))

    assert rows_of(answer) == [
        (date(2026, 7, 10), who, "111122223333", "us-east-1", None, 0),
        (date(2026, 7, 10), who, "111122223333", "us-east-1", "chat_messagessent", 131),
        (date(2026, 7, 11), 'd\u00fcr, "x"', "111122223333", "us-east-1", "", 9007199254740993),
    ]
    (execution,) = executions(reach)
    assert execution["Query"].strip() == statement("facts/kiro_features").text.strip()
    assert (execution["WorkGroup"], execution["QueryExecutionContext"]["Database"]) == ("primary", "aws_user_exporter")
    assert execution["ExecutionParameters"] == ["CAST('2026-07-10' AS date)", "CAST('2026-07-11' AS date)"]
    assert value(telemetry, "athena_queries_total") == 1


def test_a_query_is_asked_after_until_its_state_is_final(moto_address: str) -> None:
    tell(moto_address, "state-manager/set-transition", {"model_name": "athena::execution", "transition": {"progression": "manual", "times": 3}})
    queue_answer(moto_address, [column("n", "bigint")], [row("5")])
    telemetry = Telemetry()
    answer = engine_at(Aws(endpoint_url=moto_address), telemetry).query(COUNT, ())
    assert rows_of(answer) == [(5,)]
    # Three times QUEUED, three times RUNNING, then SUCCEEDED; moto moves on before it answers.
    assert value(telemetry, "api_requests_total", api="athena:GetQueryExecution") == 6


def test_a_large_answer_comes_from_the_object_in_the_bucket(moto_address: str) -> None:
    reach, telemetry = Aws(endpoint_url=moto_address), Telemetry()
    aws.client(reach, "s3").create_bucket(Bucket="results")
    queue_answer(moto_address, [column("n", "bigint"), column("who", "varchar")], [row(str(n), None if n % 2 else "") for n in range(2500)])
    answer = engine_at(reach, telemetry, output_location="s3://results/usage/").query(COUNT, ())
    assert rows_of(answer) == [(n, None if n % 2 else "") for n in range(2500)]
    assert value(telemetry, "api_requests_total", api="s3:GetObject") == 1


def test_queries_run_in_the_workgroup_of_the_config(moto_address: str) -> None:
    reach = Aws(endpoint_url=moto_address)
    aws.client(reach, "athena").create_work_group(Name="usage", Configuration={"BytesScannedCutoffPerQuery": 10_000_000})
    queue_answer(moto_address, [column("n", "bigint")], [])
    engine_at(reach, workgroup="usage").query(COUNT, ())
    assert [execution["WorkGroup"] for execution in executions(reach)] == ["usage"]


def test_a_workgroup_that_is_not_there_is_named(moto_address: str) -> None:
    with pytest.raises(UserError, match=r"^Athena has no workgroup usage in this account and region; correct athena\.workgroup, or set athena\.aws\.region"):
        engine_at(Aws(endpoint_url=moto_address), workgroup="usage").query(COUNT, ())


def test_each_region_runs_its_own_queries(moto_address: str) -> None:
    reaches = [Aws(endpoint_url=moto_address, region=region) for region in ("us-east-1", "eu-central-1")]
    for place, reach in enumerate(reaches):
        queue_answer(moto_address, [column("n", "bigint")], [row(str(place))], reach.region)
    assert [rows_of(engine_at(reach).query(COUNT, (DAY, DAY))) for reach in reaches] == [[(0,)], [(1,)]]
    assert [len(executions(reach)) for reach in reaches] == [1, 1]


def test_a_query_that_takes_too_long_is_cancelled_in_athena(moto_address: str) -> None:
    tell(moto_address, "state-manager/set-transition", {"model_name": "athena::execution", "transition": {"progression": "manual", "times": 10_000}})
    reach = Aws(endpoint_url=moto_address)
    with pytest.raises(TransientError, match=r"waited in Athena's queue for longer than athena\.timeout"):
        engine_at(reach, timeout=timedelta(seconds=1)).query(COUNT, ())
    assert [execution["Status"]["State"] for execution in executions(reach)] == ["CANCELLED"]


def test_a_query_is_cancelled_in_athena_when_the_service_stops(moto_address: str) -> None:
    tell(moto_address, "state-manager/set-transition", {"model_name": "athena::execution", "transition": {"progression": "manual", "times": 10_000}})
    reach, telemetry, ended = Aws(endpoint_url=moto_address), Telemetry(), threading.Event()
    engine = engine_at(reach, telemetry)

    def run() -> None:
        with pytest.raises(TransientError, match="because the service is stopping"):
            engine.query(COUNT, ())
        ended.set()

    threading.Thread(target=run, daemon=True).start()
    while not value(telemetry, "athena_queries_total"):
        pass
    engine.cancel()
    assert ended.wait(10)
    assert [execution["Status"]["State"] for execution in executions(reach)] == ["CANCELLED"]
