"""What is fetched and read for a day of CloudTrail, and what is kept of it."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest
from cloudtrail_events_made import DAY, OTHER_ACCOUNT, event, iam_user
from cloudtrail_reading import BEFORE, NEXT, Reader, at, fetched_files, happened, put

from exporter.sources import cloudtrail
from exporter.sources.cloudtrail import CloudTrailState


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    reader = Reader(tmp_path, history=timedelta(0))
    put(reader, BEFORE)
    return reader


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    return fetched_files(monkeypatch)


# What is read


def test_events_count_on_their_own_day_whichever_day_delivers_them(reader: Reader) -> None:
    put(reader, DAY, happened(BEFORE, 23), happened(DAY, 0), happened(DAY, 23))
    put(reader, NEXT, happened(DAY, 23), happened(NEXT, 0), name="0005Z_next")
    reader.refresh(at(DAY, 23, 30))
    reader.refresh(at(NEXT, 3))
    assert (reader.events(DAY), reader.events(NEXT)) == (3, 1)


def test_a_day_is_never_replaced_by_what_another_delivery_day_holds_of_it(reader: Reader) -> None:
    put(reader, DAY, happened(DAY, 8), happened(DAY, 9))
    reader.refresh(at(DAY, 23))
    put(reader, NEXT, happened(DAY, 23), name="0005Z_next")
    for time in (at(NEXT, 1), at(NEXT, 3), at(NEXT, 12), at(NEXT, 13)):
        reader.refresh(time)
    assert reader.events(DAY) == 3


def test_all_accounts_and_regions_are_read(reader: Reader) -> None:
    put(reader, DAY, happened(DAY))
    put(reader, DAY, happened(DAY), region="eu-west-1")
    put(reader, DAY, happened(DAY), account=OTHER_ACCOUNT, organization="o-exampleorg1")
    reader.refresh(at(DAY, 13))
    assert reader.events(DAY) == 3


def test_only_the_accounts_named_are_read(tmp_path: Path) -> None:
    reader = Reader(tmp_path, accounts=(OTHER_ACCOUNT,), history=timedelta(0))
    put(reader, DAY, happened(DAY), happened(DAY))
    put(reader, DAY, happened(DAY), account=OTHER_ACCOUNT)
    reader.refresh(at(DAY, 13))
    assert reader.events(DAY) == 1


def test_a_day_without_logs_is_a_day_without_rows(reader: Reader) -> None:
    assert (reader.refresh(at(DAY, 10)), reader.facts(DAY)) == ([DAY], [])


def test_an_hourly_refresh_fetches_new_files_only(reader: Reader, fetched: list[str]) -> None:
    put(reader, DAY, happened(DAY, 8), name="0800Z_a")
    reader.refresh(at(DAY, 9))
    put(reader, DAY, happened(DAY, 9), name="0900Z_b")
    reader.refresh(at(DAY, 10))
    reader.refresh(at(DAY, 11))
    assert (fetched, reader.events(DAY)) == (["0800Z_a", "0900Z_b"], 2)


def test_a_restart_fetches_nothing_again(reader: Reader, fetched: list[str]) -> None:
    put(reader, DAY, happened(DAY), name="0800Z_a")
    reader.refresh(at(DAY, 13))
    reader.opened()
    reader.refresh(at(DAY, 14))
    assert (fetched, reader.events(DAY)) == (["0800Z_a"], 1)


def test_a_first_load_fetches_each_file_once_and_no_other(tmp_path: Path, fetched: list[str]) -> None:
    reader = Reader(tmp_path, history=timedelta(days=3))
    for number in range(6):
        put(reader, DAY - timedelta(days=4 - number), name=f"{number}")
    reader.refresh(at(DAY, 13))
    assert fetched == ["1", "2", "3", "4"]


def test_a_file_that_was_changed_is_fetched_again(reader: Reader, fetched: list[str]) -> None:
    path = put(reader, DAY, happened(DAY), name="0800Z_a")
    path.write_bytes(path.read_bytes()[:-9])
    reader.refresh(at(DAY, 13))
    put(reader, DAY, happened(DAY), happened(DAY), name="0800Z_a")
    reader.refresh(at(DAY, 14))
    assert (fetched, reader.events(DAY)) == (["0800Z_a", "0800Z_a"], 2)


def test_a_file_that_was_deleted_has_been_counted(reader: Reader) -> None:
    path = put(reader, DAY, happened(DAY))
    reader.refresh(at(DAY, 13))
    path.unlink()
    reader.refresh(at(DAY, 14))
    assert reader.events(DAY) == 1


def test_rows_are_kept_while_a_day_is_open_that_needs_them(reader: Reader) -> None:
    for day in (DAY, NEXT):
        put(reader, day, happened(day))
    kept = reader.store.path / "objects" / "cloudtrail"
    counts = []
    for time in (at(DAY, 13), at(NEXT, 11), at(NEXT, 12), at(NEXT + timedelta(days=1), 12)):
        reader.refresh(time)
        counts.append(len(list(kept.iterdir())))
    assert counts == [1, 2, 1, 0]


def test_rows_that_are_gone_are_decoded_again(reader: Reader, fetched: list[str]) -> None:
    put(reader, DAY, happened(DAY), name="0800Z_a")
    reader.refresh(at(DAY, 13))
    for file in (reader.store.path / "objects" / "cloudtrail").iterdir():
        file.unlink()
    reader.opened()
    reader.refresh(at(DAY, 14))
    assert (fetched, reader.events(DAY)) == (["0800Z_a"] * 2, 1)


def test_open_days_are_decoded_again_when_data_events_are_switched_on(reader: Reader) -> None:
    put(reader, DAY, happened(DAY), {**happened(DAY), "eventCategory": "Data"})
    reader.refresh(at(DAY, 13))
    reader.opened(include_data_events=True)
    reader.refresh(at(DAY, 14))
    assert reader.events(DAY) == 2


def test_a_lost_day_is_read_whole_again(reader: Reader) -> None:
    put(reader, DAY, happened(DAY, 8))
    put(reader, NEXT, happened(DAY, 23), happened(NEXT, 0), name="0005Z_next")
    reader.refresh(at(DAY, 10))
    for time in (at(NEXT, 13), at(NEXT + timedelta(days=1), 13)):
        reader.refresh(time)
    (reader.store.path / "facts" / "cloudtrail" / f"{DAY}.parquet").unlink()
    reader.source.reopen([DAY])
    reader.refresh(at(NEXT + timedelta(days=1), 14))
    assert (reader.events(DAY), reader.rejected("late")) == (2, 0)


# What is kept


def test_what_the_source_remembers_is_small_and_survives_a_restart(reader: Reader) -> None:
    put(reader, DAY, happened(DAY))
    reader.refresh(at(DAY, 13))
    state = reader.store.state(cloudtrail.NAME, CloudTrailState)
    assert state is not None
    assert (state.first, state.closed, state.read, [segment.events for segment in state.segments]) == (DAY, None, {DAY: at(DAY, 13)}, [{DAY: 1}])


def test_the_state_names_no_person(reader: Reader) -> None:
    put(reader, DAY, happened(DAY))
    reader.refresh(at(DAY, 13))
    assert "heidi" not in (reader.store.path / "sources" / "cloudtrail.json").read_text(encoding="utf-8")


def _texts(paths: Iterable[Path]) -> str:
    return "".join(gzip.decompress(path.read_bytes()).decode() for path in paths)


def test_kept_rows_hold_no_request(reader: Reader) -> None:
    put(reader, DAY, event(iam_user("heidi"), "CreateUser", "iam", requestParameters={"password": "hunter2"}))
    reader.refresh(at(DAY, 13))
    assert "hunter2" not in _texts((reader.store.path / "objects" / "cloudtrail").iterdir())
