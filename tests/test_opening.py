"""A start on a store: the snapshot that was served last is served at once, unless anything speaks against it, until the service has read the store."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from kiro_files import ALICE, Use, put_use
from real_process import eventually

import exporter
from exporter.config import Config, load
from exporter.facts.folder import Folder, StoreInUse
from exporter.facts.history import History
from exporter.opening import Opening
from exporter.publisher import Publisher
from exporter.service import Service
from exporter.snapshots import keeping
from exporter.telemetry import Telemetry
from exporter.web.server import STOP_SECONDS

SERVED_AT = datetime(2026, 7, 12, 13, tzinfo=UTC)
LATER = SERVED_AT + timedelta(hours=2)
CONFIG = """engine: duckdb
store: {path: state}
sources:
  kiro_credits: {location: reports, schedule: 36500d}
people: {file: people.csv}
privacy: {hash_key: "0123456789abcdef0123456789abcdef"}
"""
PEOPLE = f"user,team,aliases\nalice,core,{ALICE}\n"


class House:
    """A folder with a report of three credits, the store of a service that has read it, and starts on that store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = LATER
        self.opening: Opening | None = None
        self.telemetry = Telemetry()

    def fill(self) -> bytes:
        """Runs a service until all is read. Returns the bytes that it served last."""
        self.write()
        put_use(self.folder / "reports", date(2026, 7, 11), Use(ALICE, credits="3.0"))
        service = Service(self.load(), self.load, Telemetry(), lambda: SERVED_AT)
        service.start()
        eventually("the report", lambda: (current := service.snapshot()) is not None and b'user="alice"' in current.chunks[0].plain)
        assert service.stop()
        current = service.snapshot()
        assert current is not None
        return b"".join(chunk.plain for chunk in current.chunks)

    def write(self, config: str = CONFIG, people: str = PEOPLE) -> None:
        (self.folder / "config.yaml").write_text(config)
        (self.folder / "people.csv").write_text(people)

    def load(self) -> Config:
        return load(self.folder / "config.yaml", os.environ)

    @property
    def kept(self) -> Path:
        return self.folder / "state" / "snapshot" / "served"

    def start(self) -> Opening:
        """A start that has not read the store yet."""
        self.telemetry = Telemetry()
        self.opening = Opening(self.load(), self.load, self.telemetry, lambda: self.now)
        return self.opening

    def told(self, name: str, **labels: str) -> float | None:
        return self.telemetry.registry.get_sample_value(f"aws_user_exporter_{name}", labels)

    def serves(self) -> bytes | None:
        assert self.opening is not None
        current = self.opening.snapshot()
        return None if current is None else b"".join(chunk.plain for chunk in current.chunks)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    house = House(tmp_path_factory.mktemp("filled"))
    return house.folder, house.fill()


@pytest.fixture
def last(filled: tuple[Path, bytes]) -> bytes:
    """What was served last before the start."""
    return filled[1]


@pytest.fixture
def house(filled: tuple[Path, bytes], tmp_path: Path) -> Iterator[House]:
    # In its place, as paths of the config are made absolute: another place would be another config.
    folder = filled[0]
    shutil.copytree(folder, tmp_path / "before")
    made = House(folder)
    yield made
    if made.opening is not None and made.opening._made.is_set():
        made.opening.stop()
    elif made.opening is not None:
        made.opening._folder.close()
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "before", folder)


# What is served


def test_last_snapshot_is_served_before_the_store_is_read(house: House, last: bytes) -> None:
    opening = house.start()
    current = opening.snapshot()
    assert current is not None
    assert (house.serves(), gzip.decompress(current.chunks[0].gzip)) == (last, current.chunks[0].plain)
    assert opening.ready() == (True, "aws-user-exporter is ready.")


def test_its_own_moment_and_numbers_are_told_of_it(house: House, last: bytes) -> None:
    house.start()
    assert house.told("snapshot_timestamp_seconds") == SERVED_AT.timestamp()
    assert house.told("snapshot_bytes", encoding="identity") == len(last)
    assert house.told("series", family="kiro_user_credits_yesterday") == 1
    assert house.told("series_limit_step") == 0


def test_of_people_nothing_is_told_before_the_store_is_read(house: House) -> None:
    assert house.start().people() is None


def test_sources_are_listed_before_the_store_is_read_and_cannot_be_refreshed(house: House) -> None:
    opening = house.start()
    assert [row.source for row in opening.status()] == ["kiro_credits"]
    assert opening.refresh(None) == ["The store is still being read after the start; ask again in a moment."]


def test_fresh_snapshot_takes_its_place_and_is_kept_in_turn(house: House, last: bytes) -> None:
    before = house.kept.read_bytes()
    opening = house.start()
    opening.open()
    assert (house.serves(), opening.people() is not None) == (last, True)
    assert house.told("snapshot_timestamp_seconds") == LATER.timestamp()
    assert house.kept.read_bytes() != before
    assert keeping.unpack(house.kept.read_bytes(), keeping.key(house.load())).at == LATER


def test_it_is_served_while_the_store_is_read_and_no_source_is_asked(house: House, last: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    reached, go_on = threading.Event(), threading.Event()
    publish = Publisher.publish

    def waiting(publisher: Publisher) -> None:
        reached.set()
        assert go_on.wait(30)
        publish(publisher)

    monkeypatch.setattr(Publisher, "publish", waiting)
    opening = house.start()
    thread = threading.Thread(target=opening.open)
    thread.start()
    assert reached.wait(30)
    assert (house.serves(), house.told("source_refreshes_total", source="kiro_credits")) == (last, 0)
    assert house.told("source_data_timestamp_seconds", source="kiro_credits") == datetime(2026, 7, 12, tzinfo=UTC).timestamp()
    go_on.set()
    thread.join(30)
    assert house.told("snapshot_timestamp_seconds") == LATER.timestamp()


def test_where_things_are_served_and_kept_is_no_other_config(house: House, last: bytes) -> None:
    house.write(CONFIG.replace("path: state", "path: state, retention: 900d") + "web: {enable_lifecycle: true}\n")
    house.start()
    assert house.serves() == last


# What is not served


@pytest.mark.parametrize(
    ("config", "people"),
    [
        (CONFIG, PEOPLE.replace("alice", "alicia")),
        (CONFIG, PEOPLE.replace("core", "edge")),
        (CONFIG.replace("{hash_key", "{user_label: hash, hash_key"), PEOPLE),
        (CONFIG.replace("0123456789abcdef0", "1123456789abcdef0"), PEOPLE),
        (CONFIG.replace("{hash_key", "{exclude_users: [alice], hash_key"), PEOPLE),
        (CONFIG + "limits: {max_series: 100}\n", PEOPLE),
        (CONFIG + "windows: {kiro: [last_7d]}\n", PEOPLE),
    ],
    ids=["name", "team", "label", "key", "excluded", "limit", "windows"],
)
def test_snapshot_of_other_settings_is_not_served(house: House, config: str, people: str, caplog: pytest.LogCaptureFixture) -> None:
    house.write(config, people)
    opening = house.start()
    assert (house.serves(), house.told("snapshot_timestamp_seconds"), opening.ready()[0]) == (None, None, False)
    assert [record.fields for record in caplog.records] == [{"reason": "config, people file or version are others than when it was made"}]  # type: ignore[attr-defined]


@pytest.mark.parametrize("what", ["__version__", "revision"])
def test_snapshot_of_another_version_is_not_served(house: House, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    monkeypatch.setattr(exporter, what, "0.0.9" if what == "__version__" else lambda: "another")
    house.start()
    assert house.serves() is None


@pytest.mark.parametrize(
    ("now", "served"),
    [
        (SERVED_AT, True),
        (SERVED_AT - timedelta(microseconds=1), False),
        (SERVED_AT - timedelta(days=40), False),
        (datetime(2026, 7, 12, 23, 59, 59, 999999, tzinfo=UTC), True),
        (datetime(2026, 7, 13, tzinfo=UTC), False),
    ],
)
def test_snapshot_of_another_day_or_of_a_time_to_come_is_not_served(house: House, now: datetime, served: bool) -> None:
    house.now = now
    house.start()
    assert (house.serves() is not None, house.told("snapshot_timestamp_seconds") is not None) == (served, served)


def test_snapshot_whose_day_ends_while_the_store_is_read_is_not_served_on(house: House) -> None:
    house.start()
    house.now = datetime(2026, 7, 13, tzinfo=UTC)
    assert (house.serves(), house.opening.ready() if house.opening else None) == (
        None,
        (False, "The store is still being read after the start; ask again in a moment."),
    )


def test_damaged_snapshot_is_not_served(house: House, caplog: pytest.LogCaptureFixture) -> None:
    good = house.kept.read_bytes()
    flipped = [good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :] for place in (0, 31, 32, len(good) // 2, len(good) - 1)]
    damaged = [*flipped, good[:-1], good[:40], b"\0", good + b"\0"]
    for data in damaged:
        house.kept.write_bytes(data)
        opening = house.start()
        assert house.serves() is None
        opening._folder.close()
    assert {record.fields["reason"] for record in caplog.records} == {"the file is damaged"}  # type: ignore[attr-defined]
    house.start().open()
    assert house.serves() is not None
    assert keeping.unpack(house.kept.read_bytes(), keeping.key(house.load())).at == LATER


def test_without_a_kept_snapshot_nothing_is_served_before_the_store_is_read(house: House, last: bytes) -> None:
    house.kept.unlink()
    opening = house.start()
    assert (house.serves(), opening.ready()) == (None, (False, "The store is still being read after the start; ask again in a moment."))
    opening.open()
    assert house.serves() == last


# How it is kept


def test_disk_that_is_full_costs_the_next_start_its_snapshot_and_nothing_else(
    house: House, last: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(path: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    before = house.kept.read_bytes()
    opening = house.start()
    monkeypatch.setattr(Path, "write_bytes", full)
    opening.open()
    assert (house.serves(), house.kept.read_bytes()) == (last, before)
    told = [record.fields["error"] for record in caplog.records if record.message.startswith("the snapshot could not be kept")]  # type: ignore[attr-defined]
    assert told == [f"the disk that holds {house.kept} is full; nothing was lost, free some space and the next refresh goes on"]


def test_snapshot_is_written_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []
    monkeypatch.setattr(Folder, "keep_served", lambda folder, packed: written.append(packed))
    opening = house.start()
    opening.open()
    assert opening._service is not None
    opening._service._publisher._tell()
    opening._service._publisher._tell()
    assert len(written) == 1


# Ends


def test_stop_while_the_store_is_read_does_not_wait_for_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def endless(history: History, now: datetime) -> dict[str, list[date]]:
        reached.set()
        assert go_on.wait(30)
        return {}

    monkeypatch.setattr(History, "open", endless)
    opening = house.start()
    before = house.kept.read_bytes()
    thread = threading.Thread(target=opening.open)
    thread.start()
    assert reached.wait(30)
    began = time.monotonic()
    assert not opening.stop()
    assert time.monotonic() - began < STOP_SECONDS + 0.5
    Folder.open(house.folder / "state").close()
    go_on.set()
    thread.join(30)
    assert (house.told("source_refreshes_total", source="kiro_credits"), house.kept.read_bytes()) == (0, before)


def test_store_in_use_is_refused_before_anything_is_served(house: House) -> None:
    house.start()
    with pytest.raises(StoreInUse):
        Opening(house.load(), house.load, Telemetry(), lambda: LATER)


def test_first_scrape_waits_for_no_library_that_only_the_service_needs() -> None:
    heavy = "boto3, duckdb, fastapi, nanoarrow, sqlglot, exporter.service"
    program = f"import sys, exporter.commands.run; print([name for name in {heavy.split(', ')} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
