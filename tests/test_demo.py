"""The demo: the running day, the directory and the people of the sample, served by the real exporter without AWS."""

from __future__ import annotations

import errno
import gzip
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from exporter_process import PROJECT, Samples, samples_of
from real_process import RealProcess, eventually, request

from exporter.commands import demo
from exporter.facts.directory import stored
from exporter.facts.store import Store
from exporter.sample import Organisation, SampleDirectory, deliver, write
from exporter.sources.identity_center import IdentityCenter
from exporter.telemetry import Telemetry

PEOPLE, SEED = 40, 3
YESTERDAY = date(2026, 11, 18)
NOON = datetime(2026, 11, 19, 12, tzinfo=UTC)


def logs(folder: Path) -> dict[str, bytes]:
    """The logs of the running day, by path."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.glob("AWSLogs/o-*/*/CloudTrail/*/2026/11/19/*.json.gz")}


@pytest.fixture(scope="module")
def organisation() -> Organisation:
    return Organisation.generate(PEOPLE, SEED)


@pytest.fixture(scope="module")
def noon(organisation: Organisation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sample up to yesterday, and of today what is delivered by noon."""
    folder = tmp_path_factory.mktemp("noon")
    write(organisation, folder, YESTERDAY, YESTERDAY)
    deliver(organisation, folder, NOON)
    return folder


@pytest.fixture(scope="module")
def next_day(organisation: Organisation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("next day")
    write(organisation, folder, YESTERDAY, YESTERDAY + timedelta(days=1))
    return folder


def test_running_day_holds_what_has_happened_so_far(noon: Path) -> None:
    times = [record["eventTime"] for content in logs(noon).values() for record in json.loads(gzip.decompress(content))["Records"]]
    assert "2026-11-19T11:3" < max(times) < "2026-11-19T12"
    assert sum(time.startswith("2026-11-19") for time in times) > 100


def test_running_day_becomes_the_day_that_is_written_when_it_is_over(noon: Path, next_day: Path) -> None:
    so_far, whole = logs(noon), logs(next_day)
    assert len(so_far) < len(whole)
    assert {path: content for path, content in whole.items() if path in so_far} == so_far


def test_delivering_again_later_adds_and_changes_nothing(organisation: Organisation, noon: Path, tmp_path: Path) -> None:
    write(organisation, tmp_path, YESTERDAY, YESTERDAY)
    deliver(organisation, tmp_path, NOON - timedelta(hours=3))
    deliver(organisation, tmp_path, NOON)
    assert logs(tmp_path) == logs(noon)


class Enough(Exception):
    """Ends a writer that never ends."""


def test_a_full_disk_is_one_sentence_and_writing_goes_on(
    organisation: Organisation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    outcomes: list[Exception] = [OSError(errno.ENOSPC, "No space left on device", "log.json.gz"), Enough()]

    def delivered(*_: object) -> None:
        raise outcomes.pop(0)

    monkeypatch.setattr(demo, "_DELIVERY_SECONDS", 0.001)
    monkeypatch.setattr(demo, "_deliver", delivered)
    with pytest.raises(Enough):
        demo._go_on(organisation, tmp_path)
    assert [(record.getMessage(), record.exc_info) for record in caplog.records] == [("the demo cannot write; it tries again", None)]
    assert caplog.records[0].fields == {"file": "log.json.gz", "error": "No space left on device"}  # type: ignore[attr-defined]


def test_directory_is_read_by_the_code_that_reads_the_real_one(noon: Path, tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    IdentityCenter("the sample", ("team-*",), lambda _: SampleDirectory(noon), store, Telemetry(), sleep=lambda _: None).refresh(NOON, lambda: None)
    listed = stored(store)
    store.close()
    assert listed is not None
    users = json.loads((noon / "directory" / "users.json").read_text())["Users"]
    assert {user.user_id: (user.user_name, user.status) for user in listed.users} == {
        user["UserId"]: (user["UserName"], user["UserStatus"].lower()) for user in users
    }
    assert {len(user.groups) for user in listed.users if user.status == "enabled"} <= {1, 2}
    assert all(group.startswith("team-") for user in listed.users for group in user.groups)


@dataclass(frozen=True)
class Demo:
    """What a demo has said in its terminal so far, and what it serves."""

    address: str
    lines: list[str]
    samples: Samples


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo of ten people, as it is without options about its log, once it has read two days instead of sixty-two."""
    folder = tmp_path_factory.mktemp("demo")
    settings = yaml.safe_load(demo.CONFIG)
    settings["sources"] = {"cloudtrail": {**settings["sources"]["cloudtrail"], "history": "2d"}}
    (folder / "demo").mkdir()
    (folder / "demo" / "config.yaml").write_text(yaml.safe_dump(settings))
    command = (sys.executable, "-c", "import sys; from exporter.cli import main; sys.exit(main())", "demo")
    options = ("--people", "10", "--folder", str(folder / "demo"), "--web.listen-address", "127.0.0.1:0")
    with RealProcess((*command, *options), folder / "log", PROJECT) as process:
        place = process.wait_for_line("people are at http://")
        address = process.lines()[place - 1].split("http://")[1].split("/")[0]

        def served() -> Samples:
            return samples_of(request(address, "GET", "/metrics").text)

        eventually("the running day", lambda: any(name == "aws_principal_events_today" for name, _ in served()))
        yield Demo(address, process.lines(), served())


def test_the_address_is_the_last_that_a_terminal_shows(running: Demo) -> None:
    site = f"http://{running.address}"
    assert running.lines == [
        f"10 people are at {site}/, their metrics at {site}/metrics, and each of them as JSON at {site}/docs.",
        "A first start reads their reports for a minute or two; --log.level info tells each day. Ctrl-C ends.",
    ]


def test_demo_serves_the_running_day(running: Demo) -> None:
    assert sum(value for (name, _), value in running.samples.items() if name == "aws_principal_events_today") > 0


def test_demo_shows_the_directory(running: Demo) -> None:
    infos = [dict(labels) for name, labels in running.samples if name == "aws_user_info"]
    listed = [info for info in infos if info["status"] == "enabled"]
    assert len(listed) >= 8
    assert all(info["department"] and info["team"] != "unknown" for info in listed)
