"""Where the log files of a trail are looked for, and what is left alone."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from exporter.errors import UserError
from exporter.objects import FolderLocation
from exporter.sources.cloudtrail_layout import LogFolder, find_folders, list_files

A, B = "111122223333", "444455556666"
DAY = date(2026, 11, 20)


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    return tmp_path


def put(bucket: Path, *keys: str) -> FolderLocation:
    for key in keys:
        path = bucket / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return FolderLocation(bucket)


def log_file(account: str, region: str, day: str = "2026/11/20", time: str = "1200Z", organization: str = "", writer: str = "CloudTrail") -> str:
    return f"AWSLogs/{organization}{account}/{writer}/{region}/{day}/{account}_{writer}_{region}_{day.replace('/', '')}T{time}_AbCd.json.gz"


def test_account_trail_has_its_accounts_and_regions(bucket: Path) -> None:
    location = put(bucket, log_file(A, "us-east-1"), log_file(A, "eu-west-1"), log_file(B, "us-gov-west-1"))
    assert find_folders(location, None) == (
        LogFolder(f"AWSLogs/{A}/CloudTrail/eu-west-1/", A, "eu-west-1"),
        LogFolder(f"AWSLogs/{A}/CloudTrail/us-east-1/", A, "us-east-1"),
        LogFolder(f"AWSLogs/{B}/CloudTrail/us-gov-west-1/", B, "us-gov-west-1"),
    )


def test_organization_trail_has_its_accounts_below_the_organization(bucket: Path) -> None:
    location = put(bucket, log_file(A, "us-east-1", organization="o-exampleorg1/"), log_file(B, "us-east-1", organization="o-exampleorg1/"))
    assert [folder.prefix for folder in find_folders(location, None)] == [
        f"AWSLogs/o-exampleorg1/{A}/CloudTrail/us-east-1/",
        f"AWSLogs/o-exampleorg1/{B}/CloudTrail/us-east-1/",
    ]


def test_a_trail_of_the_account_beside_that_of_the_organization_is_read_too(bucket: Path) -> None:
    location = put(bucket, log_file(A, "us-east-1"), log_file(A, "us-east-1", organization="o-exampleorg1/"))
    assert [folder.prefix for folder in find_folders(location, None)] == [
        f"AWSLogs/{A}/CloudTrail/us-east-1/",
        f"AWSLogs/o-exampleorg1/{A}/CloudTrail/us-east-1/",
    ]


@pytest.mark.parametrize("sibling", ["CloudTrail-Digest", "CloudTrail-Insight", "CloudTrail-NetworkActivity", "CloudTrail-Aggregated", "Config", "KiroLogs"])
def test_folders_beside_the_log_files_are_not_read(bucket: Path, sibling: str) -> None:
    location = put(bucket, log_file(A, "us-east-1"), log_file(A, "eu-west-1", writer=sibling), log_file(B, "eu-west-1", writer=sibling))
    assert [folder.region for folder in find_folders(location, None)] == ["us-east-1"]


def test_only_named_accounts_are_read(bucket: Path) -> None:
    location = put(bucket, log_file(A, "us-east-1"), log_file(B, "us-east-1"))
    assert [folder.account for folder in find_folders(location, (B,))] == [B]


def test_an_account_without_logs_is_told_and_the_others_are_read(bucket: Path, caplog: pytest.LogCaptureFixture) -> None:
    location = put(bucket, log_file(A, "us-east-1"))
    assert [folder.account for folder in find_folders(location, (A, B))] == [A]
    assert caplog.records[0].fields["accounts"] == B  # type: ignore[attr-defined]


def test_only_the_files_of_the_delivery_day_are_listed(bucket: Path) -> None:
    location = put(bucket, *(log_file(A, "us-east-1", day) for day in ("2026/11/19", "2026/11/20", "2026/11/21")))
    (folder,) = find_folders(location, None)
    assert [(file.object.key, file.delivered) for file in list_files(location, folder, DAY)] == [(log_file(A, "us-east-1"), DAY)]


@pytest.mark.parametrize("name", ["deeper/file.json.gz", "file.json", "file.csv.gz", "manifest.txt", "file.json.gz.bak"])
def test_what_is_no_log_file_is_not_listed(bucket: Path, name: str) -> None:
    location = put(bucket, log_file(A, "us-east-1"), f"AWSLogs/{A}/CloudTrail/us-east-1/2026/11/20/{name}")
    (folder,) = find_folders(location, None)
    assert [file.object.key for file in list_files(location, folder, DAY)] == [log_file(A, "us-east-1")]


@pytest.mark.parametrize(
    ("inside", "sentence"),
    [
        ("", "holds no AWSLogs folder but AWSLogs_old; set location to the folder above AWSLogs"),
        ("AWSLogs", "lies inside an AWSLogs folder; set location to the folder above AWSLogs"),
        (f"AWSLogs/{A}", "lies inside an AWSLogs folder"),
    ],
)
def test_a_location_that_is_not_above_awslogs_is_told(bucket: Path, inside: str, sentence: str) -> None:
    put(bucket, log_file(A, "us-east-1") if inside else "AWSLogs_old/x")
    with pytest.raises(UserError, match=sentence):
        find_folders(FolderLocation(bucket / inside), None)


def test_a_bucket_without_logs_of_cloudtrail_says_what_it_holds(bucket: Path) -> None:
    location = put(bucket, f"AWSLogs/{A}/KiroLogs/user_report/us-east-1/2026/11/20/00/x.csv")
    with pytest.raises(
        UserError, match=rf"AWSLogs/ holds {A} but no log files of CloudTrail; AWSLogs/\[<organization>/\]<account>/CloudTrail/<region>/ was looked for"
    ):
        find_folders(location, None)


def test_accounts_that_have_no_logs_at_all_are_told(bucket: Path) -> None:
    location = put(bucket, log_file(A, "us-east-1"))
    with pytest.raises(UserError, match=f"holds no folder of {B} but of {A}; correct accounts"):
        find_folders(location, (B,))
