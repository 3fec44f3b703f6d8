"""What goes wrong while CloudTrail's files are fetched and decoded, in this process and in others."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from cloudtrail_events_made import DAY, log_path
from cloudtrail_reading import BEFORE, NEXT, Reader, at, fetched_files, happened, put

from exporter.errors import TransientError, UserError
from exporter.objects import FolderLocation, ObjectGone, ObjectUnreadable, StoredObject
from exporter.refresh import Stopped
from exporter.sources import cloudtrail_decoders


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    reader = Reader(tmp_path, history=timedelta(0))
    put(reader, BEFORE)
    return reader


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    return fetched_files(monkeypatch)


# What goes wrong


def test_rejected_files_are_counted_once_and_logged_with_their_place(reader: Reader, caplog: pytest.LogCaptureFixture) -> None:
    path = log_path(reader.logs, DAY, "0800Z_bad")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"bad")
    for hour in (13, 14):
        reader.refresh(at(DAY, hour))
    told = [record.fields["path"] for record in caplog.records if record.message == "rejected"]  # type: ignore[attr-defined]
    assert (reader.rejected("gzip"), told) == (1, [str(path)])


def test_a_malformed_record_is_counted_and_the_others_are_read(reader: Reader) -> None:
    put(reader, DAY, happened(DAY), {"eventID": 7})
    reader.refresh(at(DAY, 13))
    assert (reader.events(DAY), reader.rejected("record")) == (1, 1)


def test_events_of_a_closed_day_are_counted_as_late(reader: Reader) -> None:
    put(reader, DAY, happened(DAY))
    put(reader, NEXT, happened(DAY, 23), name="0005Z_next")
    reader.refresh(at(DAY, 23))
    reader.refresh(at(NEXT, 12))
    put(reader, NEXT, happened(DAY, 23), happened(DAY, 22), happened(BEFORE), name="1200Z_late")
    reader.refresh(at(NEXT, 13))
    assert (reader.events(DAY), reader.rejected("late")) == (2, 3)


def test_what_was_before_the_history_is_not_late(reader: Reader) -> None:
    put(reader, DAY, happened(BEFORE, 23), happened(DAY))
    reader.refresh(at(DAY, 13))
    assert reader.rejected("late") == 0


@pytest.mark.parametrize(("error", "counted"), [(ObjectGone("gone"), 0), (ObjectUnreadable("rights"), 1)])
def test_a_file_that_cannot_be_fetched_leaves_the_others(reader: Reader, monkeypatch: pytest.MonkeyPatch, error: Exception, counted: int) -> None:
    put(reader, DAY, happened(DAY), name="0800Z_a")
    put(reader, DAY, happened(DAY), name="0900Z_b")
    read = FolderLocation.read

    def failing(self: FolderLocation, wanted: StoredObject, max_bytes: int = 0) -> bytes:
        if "0800Z" in wanted.key:
            raise error
        return read(self, wanted, max_bytes)

    monkeypatch.setattr(FolderLocation, "read", failing)
    reader.refresh(at(DAY, 13))
    assert (reader.events(DAY), reader.rejected("file")) == (1, counted)


def test_a_file_that_was_gone_is_fetched_when_it_is_back(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    put(reader, DAY, happened(DAY))

    def gone(self: FolderLocation, wanted: StoredObject, max_bytes: int = 0) -> bytes:
        raise ObjectGone("gone")

    with monkeypatch.context() as context:
        context.setattr(FolderLocation, "read", gone)
        reader.refresh(at(DAY, 13))
    reader.refresh(at(DAY, 14))
    assert reader.events(DAY) == 1


def test_a_location_that_cannot_be_used_fails_the_refresh_with_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no AWSLogs folder"):
        Reader(tmp_path).refresh(at(DAY, 13))


def test_a_retry_in_the_middle_of_a_day_goes_on_with_what_is_missing(reader: Reader, monkeypatch: pytest.MonkeyPatch, fetched: list[str]) -> None:
    monkeypatch.setattr(cloudtrail_decoders, "BATCH_FILES", 1)
    put(reader, DAY, happened(DAY), name="0800Z_a")
    put(reader, DAY, happened(DAY), name="0900Z_b")
    steps = iter([None, None, TransientError("later")])

    def step() -> None:
        if isinstance(problem := next(steps, None), Exception):
            raise problem

    (day,) = reader.source.due(at(DAY, 13), step)
    step()
    with pytest.raises(TransientError):
        reader.source.read(day)
    reader.store.replace(reader.source.read(day))
    assert (fetched, reader.events(DAY)) == (["0800Z_a", "0900Z_b"], 2)


def test_a_stop_between_two_batches_keeps_what_was_decoded(reader: Reader, monkeypatch: pytest.MonkeyPatch, fetched: list[str]) -> None:
    monkeypatch.setattr(cloudtrail_decoders, "BATCH_FILES", 1)
    for name in ("0800Z_a", "0900Z_b", "1000Z_c"):
        put(reader, DAY, happened(DAY), name=name)

    def stop() -> None:
        if len(fetched) == 2:
            raise Stopped

    (day,) = reader.source.due(at(DAY, 13), stop)
    with pytest.raises(Stopped):
        reader.source.read(day)
    reader.opened()
    reader.refresh(at(DAY, 14))
    assert (fetched, reader.events(DAY)) == (["0800Z_a", "0900Z_b", "1000Z_c"], 3)


# In processes of their own


@pytest.fixture
def in_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloudtrail_decoders, "SPAWN_BYTES", 0)
    monkeypatch.setattr(cloudtrail_decoders, "BATCH_FILES", 2)
    monkeypatch.setattr("os.cpu_count", lambda: 2)


@pytest.mark.usefixtures("in_processes")
def test_processes_give_what_one_gives(reader: Reader) -> None:
    for number in range(7):
        put(reader, DAY, *([happened(DAY)] if number != 3 else [{"eventID": 7}]), name=f"{number}")
    reader.refresh(at(DAY, 13))
    assert (reader.events(DAY), reader.rejected("record")) == (6, 1)


def _killed(*_: object) -> None:
    import os

    os._exit(9)


@pytest.mark.usefixtures("in_processes")
def test_a_process_that_is_killed_fails_the_refresh_for_now(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloudtrail_decoders, "decode_files", _killed)
    put(reader, DAY, happened(DAY))
    with pytest.raises(TransientError, match="a process that decodes log files was killed"):
        reader.refresh(at(DAY, 13))
