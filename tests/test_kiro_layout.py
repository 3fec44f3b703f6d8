"""Which objects are reports, whose they are and from when, and what finding them costs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from exporter.errors import UserError
from exporter.objects import LIST_REQUEST, BucketLocation, FolderLocation
from exporter.sources.kiro_layout import ReportObject, find_reports

ACCOUNT = "369434902231"
USERS = f"AWSLogs/{ACCOUNT}/KiroLogs/user_report/us-east-1"
ANALYTIC = f"AWSLogs/{ACCOUNT}/KiroLogs/by_user_analytic/us-east-1"
REAL_USERS = f"{USERS}/2026/07/10/00/KIRO_CLI_{ACCOUNT}_user_report_202607100000.csv"
REAL_ANALYTIC = f"{ANALYTIC}/2026/07/10/00/{ACCOUNT}_by_user_analytic_202607100000_report.csv"
LONG_AGO = date(2020, 1, 1)


@pytest.fixture
def s3_stub() -> Iterator[tuple[Any, Stubber]]:
    client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as stubber:
        yield client, stubber


def _folder(root: Path, *keys: str) -> FolderLocation:
    for key in keys:
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        (root / key).touch()
    return FolderLocation(root)


def _one(root: Path, key: str, report: Any = "user_report") -> ReportObject:
    (found,) = find_reports(_folder(root, key), report, LONG_AGO)
    return found


def test_path_of_a_real_user_report(tmp_path: Path) -> None:
    found = _one(tmp_path, REAL_USERS)
    assert (found.object.key, found.account, found.region, found.day) == (REAL_USERS, ACCOUNT, "us-east-1", date(2026, 7, 10))
    assert found.exported == datetime(2026, 7, 10, tzinfo=UTC)


def test_path_of_a_real_legacy_report(tmp_path: Path) -> None:
    found = _one(tmp_path, REAL_ANALYTIC, "by_user_analytic")
    assert (found.object.key, found.account, found.region, found.day) == (REAL_ANALYTIC, ACCOUNT, "us-east-1", date(2026, 7, 10))
    assert found.exported == datetime(2026, 7, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "name",
    [
        f"KIRO_IDE_{ACCOUNT}_user_report_202607110215.csv",
        f"KIRO_IDE_{ACCOUNT}_user_report_202607110215_part_2.csv",
        f"KIRO_IDE_{ACCOUNT}_user_report_part_2_202607110215.csv",
        f"KIRO_IDE_{ACCOUNT}_USER_REPORT_202607110215.CSV",
    ],
)
def test_time_of_export_of_a_user_report(tmp_path: Path, name: str) -> None:
    assert _one(tmp_path, f"{USERS}/2026/07/10/00/{name}").exported == datetime(2026, 7, 11, 2, 15, tzinfo=UTC)


@pytest.mark.parametrize("suffix", ["_report", "", "_part_1_report", "_report_part_1", "_part_1"])
def test_time_of_export_of_a_legacy_report(tmp_path: Path, suffix: str) -> None:
    name = f"{ACCOUNT}_by_user_analytic_202607110215{suffix}.csv"
    assert _one(tmp_path, f"{ANALYTIC}/2026/07/10/00/{name}", "by_user_analytic").exported == datetime(2026, 7, 11, 2, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    "name",
    [
        "export.csv",
        f"KIRO_IDE_{ACCOUNT}_user_report.csv",
        f"KIRO_IDE_{ACCOUNT}_user_report_202613990000.csv",
        f"KIRO_IDE_{ACCOUNT}_user_report_2026071102151.csv",
    ],
)
def test_file_without_a_time_in_its_name_is_of_the_start_of_its_path_day(tmp_path: Path, name: str) -> None:
    assert _one(tmp_path, f"{USERS}/2026/07/10/00/{name}").exported == datetime(2026, 7, 10, tzinfo=UTC)


def test_days_from_since_on(tmp_path: Path) -> None:
    keys = [
        f"{USERS}/2026/{month:02}/{day:02}/00/KIRO_CLI_{ACCOUNT}_user_report_2026{month:02}{day:02}0000.csv"
        for month, day in ((6, 30), (7, 9), (7, 10), (8, 1))
    ]
    found = find_reports(_folder(tmp_path, *keys), "user_report", date(2026, 7, 10))
    assert [report.day for report in found] == [date(2026, 7, 10), date(2026, 8, 1)]


def test_parts_and_clients_of_one_day(tmp_path: Path) -> None:
    names = [f"{client}_{ACCOUNT}_user_report_202607100000{part}.csv" for client in ("KIRO_CLI", "KIRO_IDE", "PLUGIN") for part in ("_part_1", "_part_2")]
    found = find_reports(_folder(tmp_path, *(f"{USERS}/2026/07/10/00/{name}" for name in names)), "user_report", LONG_AGO)
    assert [Path(report.object.key).name for report in found] == names


def test_accounts_and_regions(tmp_path: Path) -> None:
    places = [("111111111111", "eu-central-1"), ("111111111111", "us-east-1"), ("222222222222", "us-gov-west-1")]
    keys = [f"AWSLogs/{account}/KiroLogs/user_report/{region}/2026/07/10/00/x.csv" for account, region in places]
    found = find_reports(_folder(tmp_path, *keys), "user_report", LONG_AGO)
    assert [(report.account, report.region) for report in found] == places


def test_legacy_report_of_the_time_of_amazon_q(tmp_path: Path) -> None:
    old = f"AWSLogs/{ACCOUNT}/QDeveloperLogs/by_user_analytic/us-east-1/2025/12/10/00/{ACCOUNT}_by_user_analytic_202512100000_report.csv"
    found = find_reports(_folder(tmp_path, REAL_ANALYTIC, old), "by_user_analytic", LONG_AGO)
    assert [report.object.key for report in found] == [REAL_ANALYTIC, old]


@pytest.mark.parametrize(
    "stray",
    [
        f"AWSLogs/{ACCOUNT}/KiroLogs/5e1f7c1e-5a3f-4c8e-9d5b-2f6b8a7c9d10",
        f"AWSLogs/{ACCOUNT}/KiroLogs/user_report/5e1f7c1e-5a3f-4c8e-9d5b-2f6b8a7c9d10",
        f"{USERS}/notes.csv",
        f"{USERS}/2026/07/10/00/readme.txt",
        f"{USERS}/2026/07/10/00/KIRO_CLI_{ACCOUNT}_user_report_202607100000.csv.gz",
        f"{USERS}/2026/13/45/00/x.csv",
        f"{USERS}/2026/07/10/00/deeper/still/x.csv",
        f"AWSLogs/{ACCOUNT}/KiroLogs/user_report/Backup of us/2026/07/10/00/x.csv",
        f"AWSLogs/{ACCOUNT}/KiroLogs/GenerateAssistantResponse/us-east-1/2026/07/10/00/x.csv",
        f"AWSLogs/{ACCOUNT}/QDeveloperLogs/user_report/us-east-1/2026/07/10/00/x.csv",
        f"AWSLogs/o-a1b2c3d4e5/{ACCOUNT}/KiroLogs/user_report/us-east-1/2026/07/10/00/x.csv",
        "AWSLogs/1234/KiroLogs/user_report/us-east-1/2026/07/10/00/x.csv",
        f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2026/07/10/x.json.gz",
    ],
)
def test_stray_object_is_no_report(tmp_path: Path, stray: str) -> None:
    found = find_reports(_folder(tmp_path, REAL_USERS, stray), "user_report", LONG_AGO)
    assert [report.object.key for report in found] == [REAL_USERS]


def test_account_without_reports_is_no_fault(tmp_path: Path) -> None:
    assert list(find_reports(_folder(tmp_path, f"AWSLogs/{ACCOUNT}/CloudTrail/x.json.gz"), "user_report", LONG_AGO)) == []


@pytest.mark.parametrize(
    ("location", "sentence"),
    [
        ("elsewhere", "holds no AWSLogs folder but no folder; set location to the folder above AWSLogs"),
        (".", "holds no AWSLogs folder but elsewhere, kiro, organisation; set location to the folder above AWSLogs"),
        ("kiro/AWSLogs", "lies inside an AWSLogs folder; set location to the folder above AWSLogs"),
        (f"kiro/AWSLogs/{ACCOUNT}", "lies inside an AWSLogs folder; set location to the folder above AWSLogs"),
        (f"kiro/{USERS}/2026", "lies inside an AWSLogs folder; set location to the folder above AWSLogs"),
        ("organisation", "holds no folder of an account"),
    ],
)
def test_location_that_is_not_above_awslogs_is_explained(tmp_path: Path, location: str, sentence: str) -> None:
    _folder(tmp_path, f"kiro/{REAL_USERS}", "elsewhere/x.csv", "organisation/AWSLogs/o-a1b2c3d4e5/x.csv")
    with pytest.raises(UserError, match=sentence):
        list(find_reports(FolderLocation(tmp_path / location), "user_report", LONG_AGO))


def test_what_was_looked_for_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"AWSLogs/<account>/KiroLogs/by_user_analytic/ was looked for"):
        list(find_reports(FolderLocation(tmp_path), "by_user_analytic", LONG_AGO))


def test_seven_days_of_one_region_cost_three_requests(s3_stub: tuple[Any, Stubber]) -> None:
    client, stubber = s3_stub
    bucket = {"Bucket": "b"}
    day = [f"kiro/{USERS}/2026/07/{day:02}/00/KIRO_CLI_{ACCOUNT}_user_report_202607{day:02}0000.csv" for day in range(4, 11)]
    listed = [{"Key": key, "Size": 1, "ETag": '"e"', "LastModified": datetime(2026, 7, 11, 2, tzinfo=UTC)} for key in day]
    stubber.add_response(
        "list_objects_v2", {"CommonPrefixes": [{"Prefix": f"kiro/AWSLogs/{ACCOUNT}/"}]}, bucket | {"Prefix": "kiro/AWSLogs/", "Delimiter": "/"}
    )
    stubber.add_response("list_objects_v2", {"CommonPrefixes": [{"Prefix": f"kiro/{USERS}/"}]}, bucket | {"Prefix": ANY, "Delimiter": "/"})
    stubber.add_response("list_objects_v2", {"Contents": listed}, bucket | {"Prefix": f"kiro/{USERS}/", "StartAfter": f"kiro/{USERS}/2026/07/04/"})
    requests: list[str] = []
    found = find_reports(BucketLocation("b", "kiro/", client, requests.append), "user_report", date(2026, 7, 4))
    assert [report.day.day for report in found] == list(range(4, 11))
    assert requests == [LIST_REQUEST] * 3
