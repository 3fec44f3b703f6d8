"""From the bytes of a log file to rows: what is kept, and everything that can be wrong with a file or a record."""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import cloudtrail_events_made as made
import duckdb
import pytest
from cloudtrail_events_made import DAY, Record, event, iam_user, packed, portal_session
from cloudtrail_reading import Reader
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recount_cloudtrail import Recount, Rules

from exporter.engines import Relation
from exporter.engines.duckdb import define
from exporter.sources import cloudtrail_events
from exporter.sources.cloudtrail_events import DecodedFiles, FetchedFile, Wanted, decode_files
from exporter.sources.cloudtrail_records import COLUMNS

WANTED = Wanted(("Management",), frozenset({"ConsoleLogin"}))
DATASET = "CLOUDTRAIL_DATASET"
REAL_DAY = date(2023, 7, 10)


def decoded(data: bytes, wanted: Wanted = WANTED) -> DecodedFiles:
    return decode_files([FetchedFile("s3://logs/file.json.gz", DAY, data)], wanted)


def rows(content: DecodedFiles) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(content.rows).splitlines()]


def rejected(content: DecodedFiles) -> list[tuple[str, int]]:
    return [(rejection.reason, rejection.line) for rejection in content.rejections]


def records_text(*records: object) -> bytes:
    return gzip.compress(json.dumps({"Records": records}).encode())


def test_only_the_fields_that_the_statement_reads_are_kept() -> None:
    record = event(
        portal_session("alice@example.com"), errorCode="AccessDenied", sharedEventID="shared", addendum={"reason": "UPDATED_DATA", "originalEventID": "first"}
    )
    assert rows(decoded(packed([record]))) == [
        {
            "delivered": "2026/11/20",
            "eventID": record["eventID"],
            "sharedEventID": "shared",
            "addendum": {"originalEventID": "first"},
            "eventTime": "2026-11-20T10:00:00Z",
            "eventSource": "ec2.amazonaws.com",
            "eventName": "DescribeInstances",
            "eventType": "AwsApiCall",
            "eventCategory": "Management",
            "awsRegion": "us-east-1",
            "recipientAccountId": "111122223333",
            "errorCode": "AccessDenied",
            "readOnly": True,
            "userIdentity": {
                "type": "AssumedRole",
                "principalId": "AROAEXAMPLE0000000000:alice@example.com",
                "accountId": "111122223333",
                "sessionContext": {"sessionIssuer": {"userName": "AWSReservedSSO_Developer_0123456789abcdef"}},
            },
        }
    ]


@pytest.mark.parametrize(
    ("who", "kept"),
    [
        (iam_user("heidi"), {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/heidi", "accountId": "111122223333", "userName": "heidi"}),
        (
            {"type": "AssumedRole", "principalId": "AROA:carol", "arn": "arn:aws:sts::1:assumed-role/admin/carol"},
            {"type": "AssumedRole", "principalId": "AROA:carol", "arn": "arn:aws:sts::1:assumed-role/admin/carol"},
        ),
        (
            made.role_session("linked", "x", path="/aws-service-role/ec2.amazonaws.com/")["sessionContext"] | {"type": "AssumedRole"},
            {"type": "AssumedRole"},
        ),
        (None, None),
    ],
    ids=["IAM user", "session without issuer", "fields in another place", "none"],
)
def test_of_a_principal_what_the_rules_for_its_type_read_is_kept(who: Record | None, kept: Record | None) -> None:
    assert rows(decoded(packed([event(who)])))[0].get("userIdentity") == kept


def test_the_path_of_a_service_role_is_kept() -> None:
    (row,) = rows(decoded(packed([event(made.role_session("linked", "x", path="/aws-service-role/ec2.amazonaws.com/"))])))
    assert row["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"] == "arn:aws:iam::111122223333:role/aws-service-role/ec2.amazonaws.com/linked"


def test_requests_are_kept_only_where_their_meaning_depends_on_them() -> None:
    login, call = made.console_login(iam_user("heidi")), event(iam_user("heidi"))
    assert [("additionalEventData" in row, "responseElements" in row) for row in rows(decoded(packed([login, call])))] == [(True, True), (False, False)]


def test_the_name_of_a_portal_sign_in_is_kept() -> None:
    sign_in = event(made.identity_center_user(None), "UserAuthentication", "signin", additionalEventData={"UserName": "carol"})
    assert rows(decoded(packed([sign_in])))[0]["additionalEventData"] == {"UserName": "carol"}


def test_events_are_counted_by_their_own_day() -> None:
    times = ("2026-11-19T23:59:59Z", "2026-11-20T00:00:00Z", "2026-11-20T23:59:59Z")
    assert decoded(packed(event(iam_user("heidi"), at=at) for at in times)).events == {date(2026, 11, 19): 1, DAY: 2}


@pytest.mark.parametrize("at", ["2026-11-18T23:59:59Z", "2026-11-21T00:00:00Z"])
def test_an_event_of_neither_the_delivery_day_nor_the_day_before_is_late(at: str) -> None:
    content = decoded(packed([event(iam_user("heidi"), at=at)]))
    assert (content.late, content.events, content.rejections) == (1, {}, ())


@pytest.mark.parametrize(("category", "kept"), [("Management", 1), (None, 1), ("Data", 0), ("Insight", 0), ("NetworkActivity", 0)])
def test_management_events_alone_are_kept(category: str | None, kept: int) -> None:
    assert len(rows(decoded(packed([event(iam_user("heidi"), eventCategory=category)])))) == kept


def test_data_events_are_kept_where_they_are_wanted() -> None:
    wanted = Wanted(("Management", "Data"), frozenset())
    records = [event(iam_user("heidi"), eventCategory=category) for category in ("Management", "Data", "Insight")]
    assert [row["eventCategory"] for row in rows(decoded(packed(records), wanted))] == ["Management", "Data"]


def test_a_file_of_several_gzip_members_is_read_whole() -> None:
    data = packed([event(iam_user("heidi"))])
    text = gzip.decompress(data)
    assert len(rows(decoded(gzip.compress(text[:100]) + gzip.compress(text[100:]) + b"\0\0"))) == 1


WHOLE = packed([event(iam_user("heidi"))] * 3)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "gzip"),
        (b"PK\x03\x04 a zip file", "gzip"),
        (WHOLE[:-20], "gzip"),
        (WHOLE[:-8] + b"\0" * 8, "gzip"),
        (WHOLE + b"more", "gzip"),
        (gzip.compress(b"", mtime=0), "json"),
        (gzip.compress(b'{"Records": [{"eventID"', mtime=0), "json"),
        (gzip.compress(b'{"Records": {}}', mtime=0), "json"),
        (gzip.compress(b"[]", mtime=0), "json"),
        (gzip.compress(b'{"Digest": 1}', mtime=0), "json"),
        (gzip.compress(b"\xff\xfe", mtime=0), "json"),
        (gzip.compress(b"[" * 200_000, mtime=0), "json"),
    ],
)
def test_a_file_that_is_no_log_file_is_rejected_whole(data: bytes, reason: str) -> None:
    content = decoded(data)
    assert (rejected(content), content.rejections[0].path, content.events) == ([(reason, 0)], "s3://logs/file.json.gz", {})


def test_an_empty_list_of_records_is_nothing_wrong() -> None:
    assert decoded(packed([])).rejections == ()


def test_a_file_that_unpacks_without_end_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloudtrail_events, "MAX_JSON_BYTES", 10_000)
    assert rejected(decoded(gzip.compress(b" " * 10_001))) == [("size", 0)]


def test_a_bomb_is_not_unpacked_further_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloudtrail_events, "MAX_JSON_BYTES", 1_000_000)
    bomb = gzip.compress(b"\0" * 400_000_000, 9)
    assert rejected(decoded(bomb)) == [("size", 0)]


def test_a_rejected_file_leaves_the_others() -> None:
    good = FetchedFile("good", DAY, packed([event(iam_user("heidi"))]))
    content = decode_files([FetchedFile("bad", DAY, b"bad"), good], WANTED)
    assert (len(rows(content)), [rejection.path for rejection in content.rejections]) == (1, ["bad"])


def without(field: str) -> dict[str, Any]:
    return {key: value for key, value in event(iam_user("heidi")).items() if key != field}


@pytest.mark.parametrize(
    "malformed",
    [
        without("eventID"),
        without("eventTime"),
        without("eventSource"),
        without("eventName"),
        {**event(iam_user("heidi")), "eventID": 7},
        {**event(iam_user("heidi")), "userIdentity": "heidi"},
        {**event(iam_user("heidi")), "userIdentity": {"type": "AssumedRole", "sessionContext": {"sessionIssuer": {"userName": ["x"]}}}},
        {**event(iam_user("heidi")), "errorCode": {"code": 1}},
        "no record",
        None,
        7,
    ],
)
def test_a_malformed_record_is_rejected_with_its_number_and_leaves_the_others(malformed: object) -> None:
    content = decoded(records_text(event(iam_user("heidi")), malformed, event(iam_user("heidi"))))
    assert (rejected(content), len(rows(content))) == ([("record", 2)], 2)


@pytest.mark.parametrize(
    "time",
    ["2026-11-20 10:00:00", "2026-11-20T10:00:00", "2026-11-20T10:00:00+01:00", "2026-02-30T10:00:00Z", "2026-11-20T25:00:00Z", "", "٢٠٢٦-11-20T10:00:00Z"],
)
def test_a_record_without_a_utc_time_is_rejected_with_its_number(time: str) -> None:
    content = decoded(records_text("malformed", event(iam_user("heidi"), at=time), event(iam_user("heidi"))))
    assert (rejected(content), len(rows(content))) == ([("record", 1), ("time", 2)], 1)


@pytest.mark.parametrize("broken", [b'"userAgent":"cut \\ud83d"', b'"userAgent":"\\udc00\\ud800"', b'"\\ud800":1'])
def test_half_a_surrogate_pair_in_one_record_leaves_all(broken: bytes) -> None:
    text = gzip.decompress(packed([event(iam_user("heidi"), userAgent="HERE"), event(iam_user("ivan"))])).replace(b'"userAgent":"HERE"', broken)
    assert [row["userIdentity"]["userName"] for row in rows(decoded(gzip.compress(text)))] == ["heidi", "ivan"]


def test_a_file_of_more_halves_of_pairs_than_can_be_written_out_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloudtrail_events, "MAX_HALVES", 2)
    text = gzip.decompress(packed([event(iam_user("heidi"), userAgent="HERE")]))
    found = [decoded(gzip.compress(text.replace(b"HERE", b"\\ud800" * halves))) for halves in (2, 3)]
    assert [(len(rows(content)), rejected(content)) for content in found] == [(1, []), (0, [("json", 0)])]


@pytest.mark.parametrize("where", ["userAgent", "eventName"])
def test_bytes_that_are_no_utf8_reject_at_most_their_record(where: str) -> None:
    text = gzip.decompress(packed([event(iam_user("heidi"), **{where: "HERE"}), event(iam_user("ivan"))])).replace(b'"HERE"', b'"\xff  "')
    content = decoded(gzip.compress(text))
    assert (rejected(content), rows(content)[-1]["userIdentity"]["userName"]) == ([] if where == "userAgent" else [("record", 1)], "ivan")


def test_a_request_that_is_needed_and_malformed_rejects_its_record() -> None:
    text = gzip.decompress(packed([made.console_login(iam_user("heidi")), event(iam_user("ivan"))])).replace(
        b'"MobileVersion":"No"', b'"MobileVersion":"\xff  "'
    )
    content = decoded(gzip.compress(text))
    assert (rejected(content), len(rows(content))) == ([("record", 1)], 1)


@pytest.mark.parametrize("large", [made.console_login(iam_user("heidi"), LoginTo="x" * 9_000_000), event(iam_user("x" * 9_000_000))])
def test_a_record_that_the_engine_could_not_read_is_rejected(large: dict[str, Any]) -> None:
    content = decoded(packed([large, event(iam_user("ivan"))]))
    assert (rejected(content), len(rows(content))) == ([("size", 1)], 1)


def test_fields_that_are_null_or_of_the_other_spelling_are_nothing_wrong() -> None:
    record = {
        **event({"type": "IAMUser", "userName": None, "sessionContext": None, "onBehalfOf": None}),
        "readOnly": "true",
        "errorCode": None,
        "addendum": None,
    }
    assert decoded(packed([record, event(None)])).rejections == ()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(user=st.text(), session=st.text(), error=st.text(), data=json_values, answer=json_values)
def test_the_engine_reads_whatever_passed_the_decoding(tmp_path: Path, user: str, session: str, error: str, data: object, answer: object) -> None:
    record = made.console_login(made.role_session(user, session)) | {"errorCode": error, "additionalEventData": data, "responseElements": answer}
    content = decoded(packed([record]))
    file = tmp_path / "rows.ndjson.gz"
    file.write_bytes(content.rows)
    connection = duckdb.connect()
    define(connection, Relation("cloudtrail", COLUMNS, [file]))
    ((role, code),) = connection.execute("SELECT useridentity.sessioncontext.sessionissuer.username, errorcode FROM cloudtrail").fetchall()
    assert (content.rejections, role, code) == ((), user, error)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    reader = Reader(tmp_path_factory.mktemp("real"))
    for number, path in enumerate(sorted(Path(os.environ[DATASET]).rglob("*.json"))):
        target = made.log_path(reader.logs, REAL_DAY, f"{number:04d}Z", "123837392027")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(gzip.compress(path.read_bytes()))
    reader.refresh(datetime(2023, 7, 10, 23, tzinfo=UTC))
    return reader


@pytest.mark.skipif(DATASET not in os.environ, reason=f"{DATASET} is not set to the folder of a copy of github.com/invictus-ir/aws_dataset")
class TestRealRecords:
    """2,900 records of 2023-07-10 from attack simulations, account 123837392027."""

    def sums(self, real: Reader, dimension: str) -> dict[tuple[str, str | None, str], int]:
        return {(fact.kind, fact.identity, fact.value): fact.events for fact in real.facts(REAL_DAY) if fact.dimension == dimension}

    def test_no_record_is_rejected(self, real: Reader) -> None:
        assert [reason for reason in cloudtrail_events.REASONS if real.rejected(reason)] == []

    def test_every_record_is_counted_once_by_principal_and_access(self, real: Reader) -> None:
        # 2,748 IAMUser; 42 AwsServiceEvent, 34 AWSService and 76 sessions of instances, SDKs and service-linked roles.
        assert self.sums(real, "access") == {
            ("human", "bert-jan@123837392027", "read"): 2134,
            ("human", "bert-jan@123837392027", "write"): 508,
            ("human", "benjamin@123837392027", "read"): 105,
            ("human", "stratus-red-team-nmfalu-gfjyeaypjt@123837392027", "write"): 1,
            ("service", None, "read"): 87,
            ("service", None, "write"): 65,
        }

    def test_denied_calls(self, real: Reader) -> None:
        # 44 Client.UnauthorizedOperation and 16 AccessDenied.
        assert sum(fact.denied for fact in real.facts(REAL_DAY) if fact.dimension == "access") == 60

    def test_sensitive_events_by_category(self, real: Reader) -> None:
        by_category: Counter[str] = Counter()
        for (_, _, category), events in self.sums(real, "category").items():
            by_category[category] += events
        assert by_category == {"network": 79, "iam_policy": 26, "credentials": 23, "s3": 14, "audit_trail": 10, "organization": 3, "detection": 1, "sign_in": 1}

    def test_the_plain_recount_gives_the_same(self, real: Reader) -> None:
        assert {fact[:6]: fact[6:] for fact in real.facts(REAL_DAY)} == Recount(Rules()).days(real.logs, REAL_DAY, REAL_DAY)
