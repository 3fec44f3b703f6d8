"""The list of sensitive events, its conditions in the statement, and what an operator may add."""

from __future__ import annotations

from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any

import cloudtrail_events_made as made
import duckdb
import pytest
from cloudtrail_events_made import Record, event, iam_user, portal_session, role_session, root, service
from cloudtrail_reading import Fact, facts

from exporter.errors import UserError
from exporter.sensitive_events import ALWAYS, CATEGORIES, CONDITIONS, SensitiveEvent, shipped, with_added

WHO = iam_user("heidi")


def categories(found: list[Fact]) -> dict[tuple[str, str], int]:
    return {(fact.kind, fact.value): fact.events for fact in found if fact.dimension == "category"}


def test_the_list_has_a_version() -> None:
    assert shipped().version == 1


def test_no_entry_stands_twice() -> None:
    assert max(Counter((entry.source, entry.event, entry.when) for entry in shipped().events).values()) == 1


def test_every_category_has_entries() -> None:
    assert {entry.category for entry in shipped().events} == set(CATEGORIES)


def test_every_condition_is_used() -> None:
    assert {entry.when for entry in shipped().events} == set(CONDITIONS)


def test_the_view_for_athena_is_the_list() -> None:
    view = files("exporter_sql").joinpath("views/sensitive_events.sql").read_text(encoding="utf-8")
    rows = duckdb.sql(view[view.index("SELECT") :]).fetchall()
    assert rows == [(entry.category, entry.source, entry.event, entry.when) for entry in shipped().events]


def test_every_entry_without_a_condition_is_found_in_its_category(tmp_path: Path) -> None:
    entries = [entry for entry in shipped().events if entry.when == ALWAYS]
    found = categories(facts(tmp_path, [event(WHO, entry.event, entry.source) for entry in entries]))
    assert found == {("human", category): count for category, count in Counter(entry.category for entry in entries).items()}


def test_the_same_name_at_another_service_is_not_meant(tmp_path: Path) -> None:
    assert categories(facts(tmp_path, [event(WHO, "DeleteRule", "wafv2"), event(WHO, "deletetrail", "cloudtrail")])) == {}


def asked(name: str, source: str, **parameters: Any) -> Record:
    return event(WHO, name, source, requestParameters=parameters)


SNAPSHOT = {"snapshotId": "snap-1", "attributeType": "CREATE_VOLUME_PERMISSION"}
EVERYBODY, PARTNER = {"items": [{"userId": "999900001111"}, {"group": "all"}]}, {"items": [{"userId": "999900001111"}]}


@pytest.mark.parametrize(
    ("record", "category"),
    [
        (made.console_login(WHO, mfa="No"), "sign_in"),
        (made.console_login(WHO, mfa=None), "sign_in"),
        (made.console_login(role_session("admin", "broker"), mfa="No"), "sign_in"),
        (made.console_login(WHO), None),
        (made.console_login(portal_session("alice@example.com"), mfa="No"), None),
        (made.console_login(role_session("admin", "alice@example.com"), mfa="No", SamlProviderArn="arn:aws:iam::1:saml-provider/idp"), None),
        (made.console_login(WHO, failed=True), "sign_in"),
        (made.console_login(WHO) | {"errorCode": "Failed"}, "sign_in"),
        (made.console_login(WHO) | {"responseElements": None}, "sign_in"),
        (made.console_login(WHO, mfa="No", failed=True), "sign_in"),
        (event(WHO, "PasswordUpdated", "signin"), None),
        (asked("UpdateDetector", "guardduty", detectorId="d", enable=False), "detection"),
        (asked("UpdateDetector", "guardduty", detectorId="d", enable=True), None),
        (asked("UpdateDetector", "guardduty", detectorId="d"), None),
        (asked("PutBucketVersioning", "s3", bucketName="b", VersioningConfiguration={"Status": "Suspended"}), "s3"),
        (asked("PutBucketVersioning", "s3", bucketName="b", VersioningConfiguration={"Status": "Enabled"}), None),
        (asked("PutBucketLogging", "s3", bucketName="b", BucketLoggingStatus={"xmlns": "http://doc.s3.amazonaws.com/2006-03-01"}), "s3"),
        (asked("PutBucketLogging", "s3", bucketName="b", BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": "logs", "TargetPrefix": ""}}), None),
        (asked("ModifySnapshotAttribute", "ec2", createVolumePermission={"add": EVERYBODY}, **SNAPSHOT), "exposure"),
        (asked("ModifySnapshotAttribute", "ec2", createVolumePermission={"add": PARTNER}, **SNAPSHOT), None),
        (asked("ModifySnapshotAttribute", "ec2", createVolumePermission={"remove": EVERYBODY}, **SNAPSHOT), None),
        (asked("ModifySnapshotAttribute", "ec2", createVolumePermission={"add": PARTNER, "remove": EVERYBODY}, **SNAPSHOT), None),
        (asked("ModifyImageAttribute", "ec2", imageId="ami-1", launchPermission={"add": {"items": [{"group": "all"}]}}), "exposure"),
        (asked("ModifyDBSnapshotAttribute", "rds", attributeName="restore", valuesToAdd=["999900001111", "all"]), "exposure"),
        (asked("ModifyDBSnapshotAttribute", "rds", attributeName="restore", valuesToAdd=["999900001111"], valuesToRemove=["all"]), None),
        (asked("RestoreDBInstanceFromDBSnapshot", "rds", publiclyAccessible=True), "exposure"),
        (asked("RestoreDBInstanceFromDBSnapshot", "rds", publiclyAccessible=False), None),
        (asked("RestoreDBInstanceFromDBSnapshot", "rds") | {"responseElements": {"publiclyAccessible": True}}, "exposure"),
        (asked("UpdateProjectVisibility", "codebuild", projectVisibility="PUBLIC_READ"), "exposure"),
        (asked("UpdateProjectVisibility", "codebuild", projectVisibility="PRIVATE"), None),
        (asked("ModifyInstanceAttribute", "ec2", instanceId="i-1", userData="<sensitiveDataRemoved>"), "exposure"),
        (asked("ModifyInstanceAttribute", "ec2", instanceId="i-1", instanceType={"value": "t3.nano"}), None),
    ],
)
def test_conditions(tmp_path: Path, record: Record, category: str | None) -> None:
    found = [value for _, value in categories(facts(tmp_path, [record]))]
    assert found == ([category] if category else [])


@pytest.mark.parametrize("parameters", ["text", ["list"], 7, None, {"enable": {"x": False}}])
def test_a_request_of_another_shape_meets_no_condition(tmp_path: Path, parameters: object) -> None:
    assert categories(facts(tmp_path, [event(WHO, "UpdateDetector", "guardduty", requestParameters=parameters)])) == {}


def test_whatever_root_does_is_a_sign_in_unless_it_is_worse(tmp_path: Path) -> None:
    records = [
        event(root()),
        event(root(), "DeleteTrail", "cloudtrail"),
        event(root(), "PasswordUpdated", "signin"),
        asked("UpdateDetector", "guardduty", enable=True),
    ]
    records[3]["userIdentity"] = root()
    assert categories(facts(tmp_path, records)) == {("root", "sign_in"): 3, ("root", "audit_trail"): 1}


def test_what_services_do_for_root_is_not_of_root(tmp_path: Path) -> None:
    assert categories(facts(tmp_path, [event(root(invokedBy="support.amazonaws.com"))])) == {}


def test_services_and_roles_of_nobody_are_seen_too(tmp_path: Path) -> None:
    records = [event(service(), "StopLogging", "cloudtrail"), event(role_session("ci", "nightly"), "CreateUser", "iam")]
    assert categories(facts(tmp_path, records)) == {("service", "audit_trail"): 1, ("unknown", "credentials"): 1}


def test_a_denied_attempt_is_sensitive_and_denied(tmp_path: Path) -> None:
    (fact,) = (fact for fact in facts(tmp_path, [event(WHO, "DeleteTrail", "cloudtrail", errorCode="AccessDenied")]) if fact.dimension == "category")
    assert (fact.value, fact.events, fact.denied, fact.sensitive) == ("audit_trail", 1, 1, 1)


def test_sensitive_events_are_counted_in_every_dimension(tmp_path: Path) -> None:
    found = facts(tmp_path, [event(WHO, "DeleteTrail", "cloudtrail"), event(WHO, "DescribeTrails", "cloudtrail")])
    assert {(fact.dimension, fact.value): (fact.events, fact.sensitive) for fact in found} == {
        ("access", "write"): (1, 1),
        ("access", "read"): (1, 0),
        ("service", "cloudtrail"): (2, 1),
        ("region", "us-east-1"): (2, 1),
        ("account", made.ACCOUNT): (2, 1),
        ("category", "audit_trail"): (1, 1),
    }


# What an operator adds


def test_an_added_event_counts(tmp_path: Path) -> None:
    added = (SensitiveEvent("exposure", "lambda", "AddPermission20150331v2"),)
    assert categories(facts(tmp_path, [event(WHO, "AddPermission20150331v2", "lambda")], sensitive_events=added)) == {("human", "exposure"): 1}


def test_an_added_condition_is_evaluated(tmp_path: Path) -> None:
    added = (SensitiveEvent("exposure", "rds", "CreateDBInstance", "publicly_accessible"),)
    records = [asked("CreateDBInstance", "rds", publiclyAccessible=public) for public in (True, False)]
    assert categories(facts(tmp_path, records, sensitive_events=added)) == {("human", "exposure"): 1}


def test_an_addition_takes_the_place_of_an_entry_for_the_same_event(tmp_path: Path) -> None:
    added = (SensitiveEvent("organization", "cloudtrail", "DeleteTrail"),)
    assert categories(facts(tmp_path, [event(WHO, "DeleteTrail", "cloudtrail")], sensitive_events=added)) == {("human", "organization"): 1}


def test_an_event_of_two_entries_has_one_category(tmp_path: Path) -> None:
    added = (SensitiveEvent("detection", "s3", "PutBucketVersioning"),)
    found = categories(facts(tmp_path, [asked("PutBucketVersioning", "s3", VersioningConfiguration={"Status": "Suspended"})], sensitive_events=added))
    assert found == {("human", "detection"): 1}


def test_the_shipped_list_stays_as_it_is_beside_additions() -> None:
    added = SensitiveEvent("exposure", "lambda", "AddPermission20150331v2")
    assert with_added([added]) == (*shipped().events, added)


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        (("danger", "s3", "DeleteBucket"), "has the category 'danger'; expected one of sign_in, iam_policy"),
        (("s3", "s3", "DeleteBucket", "sometimes"), "has the condition 'sometimes'; expected one of always, by_root"),
        (("s3", "s3", ""), "needs a source and an event"),
        (("s3", "", "DeleteBucket"), "needs a source and an event"),
        (("s3", "s3", "Delete*"), r"holds a \*, which is only understood as both source and event"),
        (("s3", "*", "*"), r"holds a \*, which is only understood as both source and event"),
    ],
)
def test_an_entry_that_means_nothing_is_told(entry: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        SensitiveEvent(*entry)


@pytest.mark.parametrize(("source", "full"), [("s3", "s3.amazonaws.com"), ("s3.amazonaws.com", "s3.amazonaws.com"), ("*", "*")])
def test_sources_may_be_short(source: str, full: str) -> None:
    assert SensitiveEvent("sign_in", source, "*" if source == "*" else "X", "by_root").source == full
