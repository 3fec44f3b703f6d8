"""The Athena engine over the fake beside its interface: what the tests of the engine share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import duckdb
from fake_athena import FakeAthena
from pyathena.util import RetryConfig

from exporter.config import Athena
from exporter.engines import Statement
from exporter.engines.athena import AthenaEngine
from exporter.engines.places import Places
from exporter.model import ArrowStream
from exporter.telemetry import Telemetry

COUNT = Statement("facts/count", "SELECT n FROM t WHERE day BETWEEN ? AND ?")
DAY = date(2026, 7, 10)


def clients_of(fake: FakeAthena) -> Callable[[str], Any]:
    """What `aws.client` is for the real ones."""
    return lambda service: {"athena": fake, "s3": fake.bucket}[service]


def engine_on(fake: FakeAthena, telemetry: Telemetry | None = None, places: Places | None = None, **settings: Any) -> AthenaEngine:
    quickly = RetryConfig(attempt=2, multiplier=0)
    return AthenaEngine(Athena(**settings), clients_of(fake), telemetry or Telemetry(), places, poll_seconds=0.005, retries=quickly)


def rows_of(answer: ArrowStream) -> list[tuple[Any, ...]]:
    return duckdb.connect().sql("FROM answer").fetchall()


def value(telemetry: Telemetry, name: str, **labels: str) -> float | None:
    return telemetry.registry.get_sample_value(f"aws_user_exporter_{name}", labels)
