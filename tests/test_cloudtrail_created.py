"""Which resources people created, as the answers of the events say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from cloudtrail_events_made import event, iam_user, portal_session, service
from cloudtrail_reading import Fact, facts

from exporter.engines import statement
from exporter.sources.cloudtrail_created import CREATING

ACCOUNT = "111122223333"
ALICE = portal_session("alice@example.com", account=ACCOUNT)


def created(folder: Path, *records: dict[str, Any]) -> list[Fact]:
    return [fact for fact in facts(folder, records) if fact.dimension == "created"]


def of(who: dict[str, Any], name: str, source: str, answer: dict[str, Any] | None, **fields: Any) -> dict[str, Any]:
    return event(who, name, source, fields.pop("time", "2026-11-20T09:00:00Z"), responseElements=answer, **fields)


@pytest.mark.parametrize(
    ("source", "name", "answer", "resources"),
    [
        (
            "ec2",
            "RunInstances",
            {"instancesSet": {"items": [{"instanceId": "i-0a", "imageId": "ami-1", "subnetId": "subnet-1"}, {"instanceId": "i-0b", "vpcId": "vpc-1"}]}},
            ["i-0a", "i-0b"],
        ),
        ("ec2", "CreateVolume", {"volumeId": "vol-1", "snapshotId": "snap-9", "size": "8"}, ["vol-1"]),
        ("ec2", "CreateSnapshot", {"volumeId": "vol-9", "snapshotId": "snap-1"}, ["snap-1"]),
        (
            "rds",
            "CreateDBInstance",
            {"dBInstanceArn": "arn:aws:rds:us-east-1:1:db:orders", "kmsKeyId": "arn:aws:kms:us-east-1:1:key/1", "monitoringRoleArn": "arn:aws:iam::1:role/m"},
            ["arn:aws:rds:us-east-1:1:db:orders"],
        ),
        (
            "lambda",
            "CreateFunction20150331",
            {"functionArn": "arn:aws:lambda:us-east-1:1:function:f", "role": "arn:aws:iam::1:role/r"},
            ["arn:aws:lambda:us-east-1:1:function:f"],
        ),
        ("elasticache", "CreateCacheCluster", {"aRN": "arn:aws:elasticache:us-east-1:1:cluster:c"}, ["arn:aws:elasticache:us-east-1:1:cluster:c"]),
        ("kms", "CreateKey", {"keyMetadata": {"arn": "arn:aws:kms:us-east-1:1:key/1", "keyId": "1"}}, ["arn:aws:kms:us-east-1:1:key/1"]),
        ("ec2", "CreateTags", {"instanceId": "i-0a"}, []),
        ("rds", "RunInstances", {"instanceId": "i-0a"}, []),
        ("ec2", "RunInstances", None, []),
    ],
)
def test_the_answer_names_what_was_created(tmp_path: Path, source: str, name: str, answer: dict[str, Any] | None, resources: list[str]) -> None:
    found = created(tmp_path, of(ALICE, name, source, answer))
    assert [fact.value for fact in found] == resources
    assert {(fact.kind, fact.identity_kind, fact.identity, fact.events) for fact in found} <= {("human", "session", "alice@example.com", 1)}


def test_buckets_stand_in_the_request(tmp_path: Path) -> None:
    (fact,) = created(tmp_path, of(ALICE, "CreateBucket", "s3", None, requestParameters={"bucketName": "data-of-alice", "Host": "s3.amazonaws.com"}))
    assert fact.value == "data-of-alice"


@pytest.mark.parametrize("who", [service("autoscaling.amazonaws.com"), iam_user("svc-deploy", ACCOUNT)])
def test_what_nobody_created_leaves_no_row(tmp_path: Path, who: dict[str, Any]) -> None:
    assert created(tmp_path, of(who, "CreateVolume", "ec2", {"volumeId": "vol-1"})) == []


def test_what_failed_created_nothing(tmp_path: Path) -> None:
    assert created(tmp_path, of(ALICE, "CreateVolume", "ec2", {"volumeId": "vol-1"}, errorCode="Client.VolumeLimitExceeded")) == []


def test_the_other_sums_count_each_event_once(tmp_path: Path) -> None:
    answer = {"instancesSet": {"items": [{"instanceId": f"i-{number}"} for number in range(5)]}}
    (access,) = [fact for fact in facts(tmp_path, [of(ALICE, "RunInstances", "ec2", answer, readOnly=False)]) if fact.dimension == "access"]
    assert (access.value, access.events) == ("write", 1)


def test_hostile_ids_are_text(tmp_path: Path) -> None:
    name = "'; DROP TABLE cloudtrail; -- \u202e"
    (fact,) = created(tmp_path, of(ALICE, "CreateBucket", "s3", None, requestParameters={"bucketName": name}))
    assert fact.value == name


def test_answers_are_kept_of_the_events_that_the_statement_reads() -> None:
    listed = re.findall(r"\('[a-z0-9]+\.amazonaws\.com', '(\w+)', '[^']+'\)", statement("facts/cloudtrail").text)
    assert set(listed) == set(CREATING)
