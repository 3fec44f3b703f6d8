"""Cost Explorer against moto's server: the requests as boto3 sends them, answers in several pages, and the whole way into the store and into memory."""

from __future__ import annotations

import json
import os
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cost_explorer_rig import Rig
from moto.server import ThreadedMotoServer

from exporter import aws
from exporter.assembly import Assembly
from exporter.config import Aws, Config
from exporter.facts.history import History
from exporter.facts.recent import RecentFacts
from exporter.people import Entry
from exporter.people.attribution import Candidate
from exporter.refresh import FactsRefresh
from exporter.refreshes import Refreshes
from exporter.telemetry import Telemetry

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FIRST, SECOND = date(2026, 11, 20), date(2026, 11, 21)
EC2, S3 = "Amazon Elastic Compute Cloud - Compute", "Amazon Simple Storage Service"
A, B = "111122223333", "222233334444"
ALICE, COST_CENTER = "alice@example.com", "x$y"


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    _post(f"http://{host}:{port}/moto-api/reset", {})
    yield f"http://{host}:{port}"
    server.stop()


def _post(address: str, body: Any) -> None:
    request = urllib.request.Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        assert answer.status in (200, 201)


Groups = Sequence[tuple[str, str, str]]


def page(*days: tuple[date, Groups], token: str = "") -> dict[str, Any]:
    """A page: what each day costs, by two keys."""
    periods = [
        {
            "TimePeriod": {"Start": day.isoformat(), "End": (day + timedelta(days=1)).isoformat()},
            "Total": {},
            "Groups": [{"Keys": [one, two], "Metrics": {"AmortizedCost": {"Amount": amount, "Unit": "USD"}}} for one, two, amount in groups],
            "Estimated": day == SECOND,
        }
        for day, groups in days
    ]
    return {"ResultsByTime": periods, "DimensionValueAttributes": []} | ({"NextPageToken": token} if token else {})


ANSWERS = [
    # The whole by record type and service, in two pages that part the first day.
    page((FIRST, [("Usage", EC2, "10.0000000001"), ("Usage", S3, "2")]), token="whole-2"),
    page((FIRST, [("Tax", "Tax", "0.5")]), (SECOND, [("Usage", EC2, "7"), ("SavingsPlanCoveredUsage", EC2, "1")])),
    # Where the tax was.
    page((FIRST, [(A, "Tax", "0.5")])),
    # Usage that has an owner, by service in two pages and by account.
    page((FIRST, [("Owner$", EC2, "4"), ("Owner$", S3, "2"), (f"Owner${ALICE}", EC2, "6")]), token="owner-2"),
    page((SECOND, [("Owner$", EC2, "5"), (f"Owner${COST_CENTER}", EC2, "3")])),
    # Of the rest, nothing has a creator.
    page((FIRST, [("aws:createdBy$", EC2, "4"), ("aws:createdBy$", S3, "2")]), (SECOND, [("aws:createdBy$", EC2, "5")])),
    page((FIRST, [(A, EC2, "4"), (A, S3, "2")]), (SECOND, [(B, EC2, "5")])),
]
FACTS = [
    (FIRST, A, "ec2", "usage", None, Decimal(4)),
    (FIRST, A, "s3", "usage", None, Decimal(2)),
    (FIRST, A, "tax", "tax", None, Decimal("0.5")),
    (FIRST, "unknown", "ec2", "usage", "alice@example.com", Decimal(6)),
    (FIRST, "unknown", "ec2", "usage", None, Decimal("1E-10")),
    (SECOND, B, "ec2", "usage", None, Decimal(5)),
    (SECOND, "unknown", "ec2", "usage", "x$y", Decimal(3)),
]


@pytest.fixture
def rig(address: str, tmp_path: Path) -> Iterator[Rig]:
    _post(f"{address}/moto-api/static/ce/cost-and-usage-results", {"results": ANSWERS})
    client = aws.client(Aws(endpoint_url=address), "ce")
    rig = Rig(tmp_path / "store", client, owner_tags=("Owner",), history="2d", now=NOW)
    yield rig
    rig.close()


def test_several_pages_and_days_come_together(rig: Rig) -> None:
    sent: list[dict[str, Any]] = []
    rig.client.meta.events.register("before-send.cost-explorer.GetCostAndUsage", lambda request, **_: sent.append(json.loads(request.body)))
    assert rig.refresh() == [(FIRST, 2)]
    assert rig.facts("day", "account", "service", "charge", "owner_tags") == [(*key, cost.normalize()) for *key, cost in FACTS]
    assert rig.asked() == len(sent) == 7
    period = {"Start": "2026-11-20", "End": "2026-11-22"}
    usage = {"Dimensions": {"Key": "RECORD_TYPE", "Values": ["SavingsPlanCoveredUsage", "Usage"]}}
    no_owner, no_creator = ({"Tags": {"Key": key, "MatchOptions": ["ABSENT"]}} for key in ("Owner", "aws:createdBy"))
    common = {"TimePeriod": period, "Granularity": "DAILY", "Metrics": ["AmortizedCost"]}
    by_service = {"Type": "DIMENSION", "Key": "SERVICE"}
    assert sent[1] == common | {"GroupBy": [{"Type": "DIMENSION", "Key": "RECORD_TYPE"}, by_service], "NextPageToken": "whole-2"}
    assert sent[3] == common | {"GroupBy": [{"Type": "TAG", "Key": "Owner"}, by_service], "Filter": usage}
    assert sent[6]["Filter"] == {"And": [usage, no_owner, no_creator]}
    assert sent[6]["GroupBy"] == [{"Type": "DIMENSION", "Key": "LINKED_ACCOUNT"}, by_service]


def test_a_refresh_brings_the_bill_into_memory(rig: Rig) -> None:
    history = History(rig.store, RecentFacts())
    changes: list[None] = []
    refresh = FactsRefresh(rig.source, rig.store, history, rig.telemetry, lambda: NOW, lambda: changes.append(None), threading.Event())
    assert refresh.run(), refresh.last_error
    assert changes
    assert rig.telemetry.registry.get_sample_value("aws_user_exporter_source_rows", {"source": "cost_explorer"}) == 7
    assert refresh.landed().days is not None


def test_a_config_with_this_source_alone_gets_its_refresh(rig: Rig) -> None:
    config = Config.model_validate({"engine": "athena", "sources": {"cost_explorer": {"history": "2d"}}, "attribution": {"owner_tags": ["Owner"]}})
    telemetry = Telemetry()
    refreshes = Refreshes(config, rig.store, History(rig.store, RecentFacts()), telemetry, lambda: NOW, lambda: None)
    refreshes.tell()
    value = telemetry.registry.get_sample_value
    assert value("aws_user_exporter_api_requests_total", {"api": "cost_explorer"}) == 0
    assert value("aws_user_exporter_aws_spend_usd_total", {"api": "cost_explorer"}) == 0
    assert value("aws_user_exporter_source_rejected_rows_total", {"source": "cost_explorer", "reason": "group"}) == 0


def assembly_of(rig: Rig, people: Sequence[Entry], **sources: Any) -> Assembly:
    assembly = Assembly(rig.store, History(rig.store, RecentFacts()), Telemetry(), lambda: NOW)
    assembly.take(Config.model_validate({"engine": "duckdb", "sources": {"cost_explorer": {}, **sources}}), tuple(people))
    return assembly


CANDIDATES = (
    Candidate(0, "unknown", False, owner_tags=ALICE),
    Candidate(1, "unknown", False, owner_tags="team-web"),
    Candidate(2, A, False, created_by_tag="AssumedRole:AROAEXAMPLE:alice@example.com"),
    Candidate(3, A, False, created_by_tag="AssumedRole:AROAEXAMPLE:i-0123456789abcdef0"),
)


def test_who_names_nobody_is_told_by_the_people_of_today(rig: Rig) -> None:
    assert assembly_of(rig, [Entry("alice", email=ALICE)]).nobodies(CANDIDATES) == {1, 3}


def test_nobody_is_told_to_name_nobody_before_the_directory_was_read(rig: Rig) -> None:
    assert assembly_of(rig, [Entry("alice", email=ALICE)], identity_center={}).nobodies(CANDIDATES) is None
    assert assembly_of(rig, []).nobodies(CANDIDATES) is None
