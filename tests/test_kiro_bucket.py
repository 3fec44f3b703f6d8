"""The Kiro source over a bucket instead of a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from kiro_files import ALICE, BOB, Use, analytic, analytic_key, user_report, user_report_key
from kiro_rig import BEFORE, DAY, Rig, days_from
from moto.server import ThreadedMotoServer

from exporter.config import Aws
from exporter.objects import READ_REQUEST, Location, open_location


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


class Bucket:
    """A bucket on this machine, and the requests that were sent to it through `location`."""

    def __init__(self, endpoint: str, name: str) -> None:
        import boto3

        aws = Aws.model_validate({"endpoint_url": endpoint})
        self.requests: list[str] = []
        self.location: Location = open_location(f"s3://{name}/kiro/", aws, self.requests.append)
        self._name = name
        self.s3: Any = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
        self.s3.create_bucket(Bucket=name)

    def put(self, key: str, content: bytes) -> None:
        self.s3.put_object(Bucket=self._name, Key=f"kiro/{key}", Body=content)

    def delete(self, key: str) -> None:
        self.s3.delete_object(Bucket=self._name, Key=f"kiro/{key}")

    @property
    def gets(self) -> int:
        return self.requests.count(READ_REQUEST)


@pytest.fixture
def bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Bucket:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    return Bucket(s3_server, request.node.name.replace("_", "-")[:60].strip("-"))


def test_bucket_one_new_object_is_one_get(bucket: Bucket, tmp_path: Path) -> None:
    rig = Rig(tmp_path, location=bucket.location)
    for day in days_from(DAY - timedelta(days=4), 5):
        bucket.put(user_report_key(day), user_report(day, Use(ALICE)))
    rig.refresh()
    first = bucket.gets
    bucket.put(user_report_key(DAY, "KIRO_CLI"), user_report(DAY, Use(ALICE, credits="0.5"), client="KIRO_CLI"))
    rig.refresh()
    assert (first, bucket.gets, rig.credits(DAY)) == (5, 6, {ALICE: Decimal("1.5")})


def test_bucket_object_with_a_new_etag_is_one_get(bucket: Bucket, tmp_path: Path) -> None:
    rig = Rig(tmp_path, location=bucket.location)
    bucket.put(user_report_key(DAY), user_report(DAY, Use(ALICE, credits="1.0")))
    rig.refresh()
    bucket.put(user_report_key(DAY), user_report(DAY, Use(ALICE, credits="2.0")))  # the same size
    rig.refresh()
    assert (bucket.gets, rig.credits(DAY)) == (2, {ALICE: 2})


def test_bucket_object_that_vanishes_after_the_listing_is_passed_over(bucket: Bucket, tmp_path: Path) -> None:
    rig = Rig(tmp_path, location=bucket.location)
    bucket.put(user_report_key(DAY), user_report(DAY, Use(ALICE)))
    bucket.put(user_report_key(BEFORE), user_report(BEFORE, Use(BOB)))
    rig.location.before_read = lambda key: bucket.delete(user_report_key(DAY))
    assert (rig.refresh(), rig.credits(BEFORE), rig.credits(DAY)) == (True, {BOB: 1}, {})


def test_bucket_object_that_changes_after_the_listing_is_never_read_as_what_was_listed(bucket: Bucket, tmp_path: Path) -> None:
    rig = Rig(tmp_path, location=bucket.location)
    bucket.put(user_report_key(DAY), user_report(DAY, Use(ALICE, credits="1.0")))
    rig.location.before_read = lambda key: bucket.put(user_report_key(DAY), user_report(DAY, Use(ALICE, credits="2.0")))
    rig.refresh()
    rig.location.before_read = lambda key: None
    rig.refresh()
    assert rig.credits(DAY) == {ALICE: 2}


def test_bucket_holds_the_legacy_report_too(bucket: Bucket, tmp_path: Path) -> None:
    rig = Rig(tmp_path, "kiro_features", location=bucket.location)
    bucket.put(analytic_key(DAY), analytic(DAY, (ALICE, {"Chat_MessagesSent": 3})))
    rig.refresh()
    assert [(fact["counter"], fact["value"]) for fact in rig.facts(DAY)] == [("chat_messagessent", 3), (None, 0)]
