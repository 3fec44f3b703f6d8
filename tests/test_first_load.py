"""The first load of a bill and of CloudTrail beside each other: who created a resource is known to the bill, whichever of the two is read first."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

from cloudtrail_events_made import event, log_path, portal_session
from cloudtrail_events_made import write as write_log
from cur_made import NOW, line, write_month
from prometheus_client.parser import text_string_to_metric_families
from real_process import eventually

from exporter.config import load
from exporter.model import Snapshot
from exporter.service import Service
from exporter.telemetry import Telemetry

CONFIG = """engine: duckdb
store: {path: state}
sources:
  cur: {location: bill, schedule: 36500d}
  cloudtrail: {location: logs, schedule: 36500d, history: 4d}
"""


def given_by_creator(snapshot: Snapshot | None) -> float:
    """What people got by `resource_creator` in 30 days."""
    body = b"".join(chunk.plain for chunk in snapshot.chunks).decode() if snapshot else ""
    samples = [sample for family in text_string_to_metric_families(body) for sample in family.samples]
    return sum(one.value for one in samples if one.name == "aws_cost_attributed_last_30d" and one.labels["method"] == "resource_creator")


def test_a_bill_that_was_read_before_cloudtrail_gets_its_creators_without_waiting_for_its_schedule(tmp_path: Path) -> None:
    write_month(tmp_path / "bill", [line(cost=2.5, day="2026-11-19", resource_id="i-0a")])
    made = event(
        portal_session("alice@example.com"),
        "RunInstances",
        "ec2",
        "2026-11-19T09:00:00Z",
        responseElements={"instancesSet": {"items": [{"instanceId": "i-0a"}]}},
    )
    write_log(log_path(tmp_path / "logs", date(2026, 11, 19), "0905Z_a"), [made])
    (tmp_path / "config.yaml").write_text(CONFIG)
    config = load(tmp_path / "config.yaml", os.environ)
    telemetry = Telemetry()
    service = Service(config, lambda: config, telemetry, lambda: NOW)
    service.start()
    try:
        service.refresh("cur")
        eventually("the bill", lambda: telemetry.registry.get_sample_value("aws_user_exporter_source_up", {"source": "cur"}) == 1)
        service.refresh("cloudtrail")
        eventually("the creator's cost", lambda: given_by_creator(service.snapshot()) == 2.5)
    finally:
        service.stop()
