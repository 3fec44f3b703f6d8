"""Counters of AWS requests stand at 0 from the start, for every API that the config lets a source call, and for no other."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from exporter.config import Config
from exporter.facts.history import History
from exporter.facts.recent import RecentFacts
from exporter.facts.store import Store
from exporter.refreshes import Refreshes
from exporter.telemetry import Telemetry

BUCKET = "s3://reports/prefix/"
S3 = {"s3:ListObjectsV2", "s3:GetObject"}
ATHENA = {f"athena:{name}" for name in ("StartQueryExecution", "GetQueryExecution", "GetQueryResults", "StopQueryExecution")}
USERS, GROUPS = {"identitystore:ListUsers"}, {"identitystore:ListGroups", "identitystore:ListGroupMemberships"}
LOCAL = {"kiro_credits": {"location": "data"}}


@pytest.mark.parametrize(
    ("engine", "sources", "apis"),
    [
        ("duckdb", LOCAL, set()),
        ("duckdb", {"kiro_credits": {"location": BUCKET}}, S3),
        ("duckdb", {"cloudtrail": {"location": BUCKET}}, S3),
        ("athena", {"kiro_credits": {"location": BUCKET}}, S3 | ATHENA),
        ("duckdb", {**LOCAL, "identity_center": {}}, USERS | GROUPS | {"sso:ListInstances"}),
        ("duckdb", {**LOCAL, "identity_center": {"identity_store_id": "d-1234567890"}}, USERS | GROUPS),
        ("duckdb", {**LOCAL, "identity_center": {"identity_store_id": "d-1234567890", "group_patterns": []}}, USERS),
        ("duckdb", {**LOCAL, "cost_explorer": {}}, {"cost_explorer"}),
    ],
)
def test_every_api_that_can_be_called_stands_at_0(tmp_path: Path, engine: str, sources: dict[str, Any], apis: set[str]) -> None:
    store, telemetry = Store.open(tmp_path), Telemetry()
    config = Config.model_validate({"engine": engine, "sources": sources})
    Refreshes(config, store, History(store, RecentFacts()), telemetry, lambda: datetime(2026, 7, 15, tzinfo=UTC), lambda: None)
    store.close()
    counted = {sample.labels["api"]: sample.value for family in telemetry.collect() for sample in family.samples if sample.name.endswith("api_requests_total")}
    assert counted == dict.fromkeys(apis, 0.0)
