"""Folders and buckets alike: listing, reading the version that was listed, and every way in which it can fail."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber
from hypothesis import given, settings
from hypothesis import strategies as st
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

from exporter.aws import client
from exporter.errors import TransientError, UserError
from exporter.objects import (
    LIST_REQUEST,
    READ_REQUEST,
    BucketLocation,
    FileLocation,
    FolderLocation,
    Location,
    ObjectChanged,
    ObjectGone,
    ObjectTooLarge,
    ObjectUnreadable,
    StoredObject,
    open_location,
)

BUCKET = "reports"
FILES = {"a-b/1.csv": b"1", "a/2.csv": b"two", "a/b/3.csv": b"3", "ab.csv": b"4", "c/d/e/5.csv": b"5", "ümlaut.csv": b"6"}


@dataclass(frozen=True)
class Settings:
    """How the tests reach the S3 on this machine."""

    endpoint_url: str | None = None
    region: str | None = "us-east-1"
    profile: str | None = None
    role_arn: str | None = None
    external_id: str | None = None


@pytest.fixture(scope="module")
def s3_client() -> Iterator[Any]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as environment:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            environment.delenv(name)
        environment.setenv("AWS_ACCESS_KEY_ID", "testing")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        environment.setenv("AWS_CONFIG_FILE", os.devnull)
        yield client(Settings(f"http://{host}:{port}"), "s3")
    server.stop()


@pytest.fixture
def s3(s3_client: Any) -> Iterator[Any]:
    s3_client.create_bucket(Bucket=BUCKET)
    yield s3_client
    s3_backends.reset()


@dataclass(frozen=True)
class Place:
    """A location and how to change what it holds."""

    location: FileLocation
    write: Callable[[str, bytes], None]
    delete: Callable[[str], None]


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":

        def write(key: str, content: bytes) -> None:
            (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / key).write_bytes(content)

        made = Place(FolderLocation(tmp_path), write, lambda key: (tmp_path / key).unlink())
    else:
        s3 = request.getfixturevalue("s3")
        made = Place(
            BucketLocation(BUCKET, "kiro", s3, lambda api: None),
            lambda key, content: s3.put_object(Bucket=BUCKET, Key=f"kiro/{key}", Body=content),
            lambda key: s3.delete_object(Bucket=BUCKET, Key=f"kiro/{key}"),
        )
        s3.put_object(Bucket=BUCKET, Key="elsewhere/x.csv", Body=b"x")
    for key, content in FILES.items():
        made.write(key, content)
    return made


def _keys(location: Location, prefix: str = "", start_after: str = "") -> list[str]:
    return [found.key for found in location.list(prefix, start_after)]


# Folders and buckets alike.


def test_list_is_sorted_by_key_at_any_depth(place: Place) -> None:
    assert _keys(place.location) == ["a-b/1.csv", "a/2.csv", "a/b/3.csv", "ab.csv", "c/d/e/5.csv", "ümlaut.csv"]


def test_list_below_a_prefix(place: Place) -> None:
    assert _keys(place.location, "a/") == ["a/2.csv", "a/b/3.csv"]


@pytest.mark.parametrize(
    ("start_after", "expected"),
    [
        ("a/", ["a/2.csv", "a/b/3.csv"]),
        ("a/2.csv", ["a/b/3.csv"]),
        ("a/b/", ["a/b/3.csv"]),
        ("a/b/3.csv", []),
        ("a/a", ["a/b/3.csv"]),
        ("a-z", ["a/2.csv", "a/b/3.csv"]),
    ],
)
def test_list_starts_after_a_key(place: Place, start_after: str, expected: list[str]) -> None:
    assert _keys(place.location, "a/", start_after) == expected


def test_list_below_a_prefix_that_is_not_there_is_empty(place: Place) -> None:
    assert _keys(place.location, "nowhere/") == []


def test_folders_one_level_deep(place: Place) -> None:
    assert place.location.folders("") == ("a-b", "a", "c")
    assert place.location.folders("c/d/") == ("e",)
    assert place.location.folders("nowhere/") == ()


def test_listed_object_tells_size_and_time(place: Place) -> None:
    (found,) = [found for found in place.location.list("a/") if found.key == "a/2.csv"]
    assert found.size == 3
    assert found.modified.tzinfo is UTC
    assert abs((datetime.now(UTC) - found.modified).total_seconds()) < 60


def test_read_what_was_listed(place: Place) -> None:
    assert {found.key: place.location.read(found) for found in place.location.list("")} == FILES


def test_read_by_key_takes_what_is_there_now(place: Place) -> None:
    place.write("a/2.csv", b"another")
    assert place.location.read("a/2.csv") == b"another"


def test_changed_object_is_not_read(place: Place) -> None:
    found = next(place.location.list("a/"))
    place.write("a/2.csv", b"longer than before")
    with pytest.raises(ObjectChanged):
        place.location.read(found)


def test_file_holds_what_was_listed(place: Place, tmp_path_factory: pytest.TempPathFactory) -> None:
    copies = tmp_path_factory.mktemp("copies")
    assert {found.key: place.location.file(found, copies).read_bytes() for found in place.location.list("")} == FILES


def test_changed_object_is_no_file(place: Place, tmp_path_factory: pytest.TempPathFactory) -> None:
    found = next(place.location.list("a/"))
    place.write("a/2.csv", b"longer than before")
    with pytest.raises(ObjectChanged):
        place.location.file(found, tmp_path_factory.mktemp("copies"))


def test_vanished_object_is_no_file(place: Place, tmp_path_factory: pytest.TempPathFactory) -> None:
    found = next(place.location.list("a/"))
    place.delete("a/2.csv")
    with pytest.raises(ObjectGone) as raised:
        place.location.file(found, tmp_path_factory.mktemp("copies"))
    assert not isinstance(raised.value, ObjectChanged)


def test_etag_changes_with_the_content(place: Place) -> None:
    before = next(place.location.list("a/"))
    place.write("a/2.csv", b"longer than before")
    assert next(place.location.list("a/")).etag != before.etag


@pytest.mark.parametrize("by_key", [True, False])
def test_vanished_object_is_gone(place: Place, by_key: bool) -> None:
    found = next(place.location.list("a/"))
    place.delete("a/2.csv")
    with pytest.raises(ObjectGone) as raised:
        place.location.read(found.key if by_key else found)
    assert not isinstance(raised.value, ObjectChanged)


@pytest.mark.parametrize("by_key", [True, False])
def test_object_over_the_bound_is_not_read(place: Place, by_key: bool) -> None:
    found = next(place.location.list("a/"))
    with pytest.raises(ObjectTooLarge, match=r"2\.csv has 3 bytes .* 2 "):
        place.location.read(found.key if by_key else found, max_bytes=2)


def test_object_of_just_the_bound_is_read(place: Place) -> None:
    assert place.location.read(next(place.location.list("a/")), max_bytes=3) == b"two"


def test_address_begins_with_the_name(place: Place) -> None:
    assert place.location.address("a/2.csv") == f"{place.location.name}a/2.csv"


# Folders.


@pytest.mark.parametrize("call", [lambda here: here.folders(""), lambda here: list(here.list("")), lambda here: list(here.list("a/"))])
def test_missing_folder_is_one_sentence(tmp_path: Path, call: Callable[[Location], object]) -> None:
    with pytest.raises(UserError, match="does not exist; create it or correct the location"):
        call(FolderLocation(tmp_path / "missing"))


def test_hidden_and_unfinished_files_are_left_out(tmp_path: Path) -> None:
    for name in (".hidden.csv", "x.csv.tmp", "x.csv.part", "x.csv"):
        (tmp_path / name).write_bytes(b"1")
    (tmp_path / ".snapshot").mkdir()
    (tmp_path / ".snapshot" / "y.csv").write_bytes(b"1")
    assert _keys(FolderLocation(tmp_path)) == ["x.csv"]
    assert FolderLocation(tmp_path).folders("") == ()


def test_links_are_followed_once(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "x.csv").write_bytes(b"1")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "loop").symlink_to(tmp_path / "real")
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    (tmp_path / "self").symlink_to(tmp_path / "self")
    assert _keys(FolderLocation(tmp_path)) == ["link/x.csv", "real/x.csv"]


def test_what_is_no_plain_file_is_left_out(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    assert _keys(FolderLocation(tmp_path)) == []


def test_name_that_is_not_utf_8_is_left_out(tmp_path: Path) -> None:
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.csv")).write_bytes(b"1")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert _keys(FolderLocation(tmp_path)) == []


def test_file_that_cannot_be_read_is_told_by_name(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ObjectUnreadable, match=r"folder\.csv cannot be read \(Is a directory\)"):
        FolderLocation(tmp_path).read("folder.csv")


def test_folder_that_cannot_be_listed_is_told_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)  # Tests may run as root, whom no permission stops.
    with pytest.raises(ObjectUnreadable, match=r"cannot be read \(Permission denied\)"):
        FolderLocation(tmp_path).folders("a/")


def test_file_touched_since_it_was_listed_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"1")
    (found,) = FolderLocation(tmp_path).list("")
    os.utime(tmp_path / "x.csv", ns=(1, 1))
    with pytest.raises(ObjectChanged):
        FolderLocation(tmp_path).read(found)


def test_file_that_grows_while_it_is_read_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.csv").write_bytes(b"1")
    (found,) = FolderLocation(tmp_path).list("")
    ask = os.fstat
    asked: list[int] = []

    def grow_before_the_second_answer(descriptor: int) -> os.stat_result:
        if asked:
            with (tmp_path / "x.csv").open("ab") as file:
                file.write(b"2")
        asked.append(descriptor)
        return ask(descriptor)

    monkeypatch.setattr(os, "fstat", grow_before_the_second_answer)
    with pytest.raises(ObjectChanged):
        FolderLocation(tmp_path).read(found)


_NAMES = st.lists(st.sampled_from(["a", "b", "a-", "a.", "é", "0"]), min_size=1, max_size=4).map("/".join)


@settings(max_examples=30, deadline=None)
@given(keys=st.sets(_NAMES, max_size=8), after=_NAMES)
def test_folder_lists_like_a_sorted_list_of_keys(tmp_path_factory: pytest.TempPathFactory, keys: set[str], after: str) -> None:
    root = tmp_path_factory.mktemp("tree")
    files = {f"{key}.csv" for key in keys}
    for key in files:
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        (root / key).touch()
    assert _keys(FolderLocation(root)) == sorted(files)
    assert _keys(FolderLocation(root), "", after) == sorted(key for key in files if key > after)


# Buckets.


def test_list_pages_through_more_than_a_thousand_objects(s3: Any) -> None:
    keys = [f"p/{number:05d}.csv" for number in range(2_001)]
    for key in keys:
        s3_backends["123456789012"]["aws"].put_object(BUCKET, key, b"x")
    requests: list[str] = []
    location = BucketLocation(BUCKET, "p/", s3, requests.append)
    assert _keys(location) == [key.removeprefix("p/") for key in keys]
    assert requests == [LIST_REQUEST] * 3


def test_start_after_saves_pages(s3: Any) -> None:
    for number in range(1_100):
        s3_backends["123456789012"]["aws"].put_object(BUCKET, f"p/{number:05d}.csv", b"x")
    requests: list[str] = []
    assert len(_keys(BucketLocation(BUCKET, "p", s3, requests.append), "", "01000.csv")) == 99
    assert requests == [LIST_REQUEST]


def test_each_request_is_counted(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="a/1.csv", Body=b"1")
    requests: list[str] = []
    location = BucketLocation(BUCKET, "", s3, requests.append)
    location.read(next(location.list("a/")))
    location.folders("")
    assert requests == [LIST_REQUEST, READ_REQUEST, LIST_REQUEST]


def test_marks_of_empty_folders_are_no_objects(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="a/", Body=b"")
    s3.put_object(Bucket=BUCKET, Key="a/1.csv", Body=b"1")
    assert _keys(BucketLocation(BUCKET, "", s3, lambda api: None)) == ["a/1.csv"]


def test_bucket_that_does_not_exist_is_one_sentence(s3: Any) -> None:
    with pytest.raises(UserError, match="arn:aws:s3:::nowhere does not exist; correct the bucket"):
        BucketLocation("nowhere", "", s3, lambda api: None).folders("")


@pytest.fixture
def stubbed() -> Iterator[tuple[BucketLocation, Stubber]]:
    connected = boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(connected) as stubber:
        yield BucketLocation(BUCKET, "kiro/", connected, lambda api: None), stubber


def test_denied_listing_names_action_and_bucket(stubbed: tuple[BucketLocation, Stubber]) -> None:
    location, stubber = stubbed
    stubber.add_client_error("list_objects_v2", "AccessDenied", "Access Denied", 403)
    with pytest.raises(UserError, match="AWS denied s3:ListBucket on arn:aws:s3:::reports; allow"):
        location.folders("")


def test_denied_read_names_action_and_object(stubbed: tuple[BucketLocation, Stubber]) -> None:
    location, stubber = stubbed
    stubber.add_client_error("get_object", "AccessDenied", "Access Denied", 403)
    with pytest.raises(UserError, match=r"AWS denied s3:GetObject on arn:aws:s3:::reports/kiro/x\.csv; allow"):
        location.read("x.csv")


def test_throttled_listing_is_transient(stubbed: tuple[BucketLocation, Stubber]) -> None:
    location, stubber = stubbed
    stubber.add_client_error("list_objects_v2", "SlowDown", "Please reduce your request rate", 503)
    with pytest.raises(TransientError):
        list(location.list(""))


def test_archived_object_is_told_alone(stubbed: tuple[BucketLocation, Stubber]) -> None:
    location, stubber = stubbed
    stubber.add_client_error("get_object", "InvalidObjectState", "The operation is not valid for the object's storage class", 403)
    with pytest.raises(ObjectUnreadable, match=r"s3://reports/kiro/x\.csv is in an archive storage class"):
        location.read("x.csv")


def test_answer_that_breaks_off_is_transient(stubbed: tuple[BucketLocation, Stubber], tmp_path: Path) -> None:
    location, stubber = stubbed
    (tmp_path / "short").write_bytes(b"12")
    with (tmp_path / "short").open("rb") as short:
        stubber.add_response("get_object", {"Body": StreamingBody(short, 5), "ContentLength": 5})
        with pytest.raises(TransientError):
            location.read("x.csv")


def test_copy_that_breaks_off_is_transient(stubbed: tuple[BucketLocation, Stubber], tmp_path: Path) -> None:
    location, stubber = stubbed
    (tmp_path / "short").write_bytes(b"12")
    with (tmp_path / "short").open("rb") as short:
        stubber.add_response("get_object", {"Body": StreamingBody(short, 5), "ContentLength": 5})
        with pytest.raises(TransientError):
            location.file(StoredObject("x.csv", 5, '"abc"', datetime(2026, 7, 1, tzinfo=UTC)), tmp_path)


def test_etag_that_was_listed_is_asked_for(stubbed: tuple[BucketLocation, Stubber]) -> None:
    location, stubber = stubbed
    stubber.add_client_error("get_object", "PreconditionFailed", "", 412, expected_params={"Bucket": BUCKET, "Key": "kiro/x.csv", "IfMatch": '"abc"'})
    with pytest.raises(ObjectChanged):
        location.read(StoredObject("x.csv", 1, '"abc"', datetime(2026, 7, 1, tzinfo=UTC)))


# Addresses.


@pytest.mark.parametrize(("written", "name"), [("s3://b", "s3://b/"), ("s3://b/", "s3://b/"), ("s3://b/p", "s3://b/p/"), ("S3://b/p/q/", "s3://b/p/q/")])
def test_address_of_a_bucket(s3: Any, written: str, name: str) -> None:
    assert open_location(written, Settings(), lambda api: None).name == name


def test_address_of_a_folder(tmp_path: Path) -> None:
    assert open_location(f"{tmp_path}/", Settings(), lambda api: None).name == f"{tmp_path}/"


@pytest.mark.parametrize("written", ["s3://", "s3:///prefix", "gs://b/p", "https://b.s3.amazonaws.com/p"])
def test_address_of_another_kind_is_one_sentence(written: str) -> None:
    with pytest.raises(UserError, match="is not a location; write s3://bucket/prefix/ or the path of a folder"):
        open_location(written, Settings(), lambda api: None)


def test_folders_do_without_boto3(tmp_path: Path) -> None:
    code = (
        "import sys; from exporter.objects import open_location; import exporter.sources.kiro_csv; import exporter.sources.kiro_layout; "
        "list(open_location(sys.argv[1], None, None).list('')); print({'boto3', 'botocore'} & sys.modules.keys())"
    )
    ran = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True, cwd=Path(__file__).parent.parent)
    assert ran.stdout == "set()\n"
