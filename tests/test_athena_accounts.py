"""Sources in different accounts and regions: where each runs its queries, from the config to what Athena there was asked (moto's server)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from athena_moto import MOTO_ACCOUNT, executions, queue_answer, served
from fake_athena import column
from kiro_files import Use, user_report, user_report_key

from exporter import aws
from exporter.config import Config, load
from exporter.facts.history import History
from exporter.facts.recent import RecentFacts
from exporter.facts.store import Store
from exporter.refresh import FactsRefresh
from exporter.refreshes import Refreshes
from exporter.telemetry import Telemetry

NOW = datetime(2026, 7, 10, 12, 30, tzinfo=UTC)
CONFIG = """\
engine: athena
aws: {{region: us-east-1, endpoint_url: "{address}"}}
athena: {{workgroup: usage, concurrency: 1, aws: {{region: eu-west-1}}}}
sources:
  kiro_credits: {{location: "s3://kiro-reports/", aws: {{region: eu-central-1}}, history: 1d, lookback: 1d}}
  kiro_features: {{location: "s3://kiro-reports/", table: shared.features, history: 1d, lookback: 1d}}
  cloudtrail: {{location: "s3://log-archive/", history: 1d, aws: {{role_arn: "arn:aws:iam::222233334444:role/usage-reader"}}}}
"""


@pytest.fixture
def moto_address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    yield from served(monkeypatch)


def config_at(tmp_path: Path, address: str) -> Config:
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG.format(address=address))
    return load(file, {})


def test_a_source_goes_over_athena_and_athena_over_all(tmp_path: Path) -> None:
    config = config_at(tmp_path, "http://127.0.0.1:1")
    reached = {name: config.query_aws_for(name) for name in config.sources.enabled()}
    assert {name: (reach.region, reach.role_arn) for name, reach in reached.items()} == {
        "kiro_credits": ("eu-central-1", None),
        "kiro_features": ("eu-west-1", None),
        "cloudtrail": ("eu-west-1", "arn:aws:iam::222233334444:role/usage-reader"),
    }


def test_each_source_queries_where_its_config_says(tmp_path: Path, moto_address: str) -> None:
    config = config_at(tmp_path, moto_address)
    reaches = {name: config.query_aws_for(name) for name in config.sources.enabled()}
    s3, archive = aws.client(config.aws, "s3"), aws.client(reaches["cloudtrail"], "s3")
    s3.create_bucket(Bucket="kiro-reports")
    archive.create_bucket(Bucket="log-archive", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    report = user_report_key(NOW.date())
    for key in (report, report.replace("user_report", "by_user_analytic")):
        s3.put_object(Bucket="kiro-reports", Key=key, Body=user_report(NOW.date(), Use("215bb5b0-0000-4000-8000-000000000001")))
    archive.put_object(Bucket="log-archive", Key="AWSLogs/222233334444/CloudTrail/us-east-1/2026/07/10/a.json.gz", Body=b"x")
    for name, account in (("kiro_credits", MOTO_ACCOUNT), ("kiro_features", MOTO_ACCOUNT), ("cloudtrail", "222233334444")):
        aws.client(reaches[name], "athena").create_work_group(Name="usage", Configuration={})
        for _ in range(2):
            queue_answer(moto_address, [column("day", "date")], [], reaches[name].region or "", account)

    store = Store.open(tmp_path / "store")
    refreshes = Refreshes(config, store, History(store, RecentFacts()), Telemetry(), lambda: NOW, lambda: None)
    for refresh in refreshes.by_name.values():
        assert isinstance(refresh, FactsRefresh)
        for day in refresh.source.due(NOW, lambda: None):
            refresh.source.read(day)

    asked = {name: [(query["WorkGroup"], _table(query["Query"])) for query in executions(reach)] for name, reach in reaches.items()}
    assert asked == {
        "kiro_credits": [("usage", "kiro_user_report")] * 2,
        "kiro_features": [("usage", '"shared"."features"')] * 2,
        "cloudtrail": [("usage", "\"cloudtrail\" WHERE account IN ('222233334444') AND region IN ('us-east-1')")] * 2,
    }


def _table(sql: str) -> str:
    found = re.search(r'FROM (?:\(SELECT \* FROM )?("cloudtrail" WHERE [^)]*\)[^)]*\)|"shared"\."features"|kiro_user_report)', sql)
    return found[1] if found else sql
