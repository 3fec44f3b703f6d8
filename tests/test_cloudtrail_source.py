"""Which days are read when, what is fetched for them, and that every day is whole in the end."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cloudtrail_events_made import ACCOUNT, DAY, OTHER_ACCOUNT, Record, deliver, event, iam_user, log_path, packed, write
from cloudtrail_reading import SETTINGS, Reader
from recount_cloudtrail import Recount, Rules

from benchmarks.cloudtrail_day import compare
from exporter.errors import TransientError, UserError
from exporter.model import DayRange
from exporter.objects import FolderLocation, ObjectGone, ObjectUnreadable, StoredObject
from exporter.refresh import Stopped
from exporter.sources import cloudtrail, cloudtrail_decoders
from exporter.sources.cloudtrail import CloudTrailState
from exporter.windows import Landed

NEXT, BEFORE = DAY + timedelta(days=1), DAY - timedelta(days=1)
RULES = Rules(human_identity_providers=SETTINGS.human_identity_providers)


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


def put(reader: Reader, delivered: date, *records: Record, name: str = "1200Z_file", **place: Any) -> Path:
    return write(log_path(reader.logs, delivered, name, **place), records)


def happened(day: date, hour: int = 12, who: str = "heidi") -> Record:
    return event(iam_user(who), at=f"{day}T{hour:02d}:00:00Z")


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    reader = Reader(tmp_path, history=timedelta(0))
    put(reader, BEFORE)
    return reader


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are fetched."""
    names: list[str] = []
    read = FolderLocation.read

    def noted(self: FolderLocation, wanted: StoredObject | str, max_bytes: int = 0) -> bytes:
        names.append((wanted if isinstance(wanted, str) else wanted.key).rpartition("T")[2].removesuffix(".json.gz"))
        return read(self, wanted, max_bytes)

    monkeypatch.setattr(FolderLocation, "read", noted)
    return names


# Which days are due


def due_days(reader: Reader, *times: datetime) -> list[list[date]]:
    return [reader.refresh(time) for time in times]


def test_today_is_read_at_every_refresh(reader: Reader) -> None:
    assert due_days(reader, at(DAY, 8), at(DAY, 9), at(DAY, 10)) == [[DAY], [DAY], [DAY]]


def test_yesterday_is_read_again_after_1_3_and_12_hours_and_then_closed(reader: Reader) -> None:
    reader.refresh(at(DAY, 23))
    times = [at(NEXT, 0, 59), at(NEXT, 1), at(NEXT, 2), at(NEXT, 3, 30), at(NEXT, 4), at(NEXT, 11, 59), at(NEXT, 12), at(NEXT, 13)]
    assert [DAY in days for days in due_days(reader, *times)] == [False, True, False, True, False, False, True, False]


def test_readings_that_were_missed_are_made_up_for_by_one(reader: Reader) -> None:
    reader.refresh(at(DAY, 23))
    assert due_days(reader, at(NEXT, 14), at(NEXT, 15)) == [[DAY, NEXT], [NEXT]]


def test_a_day_that_was_never_read_is_due_as_soon_as_it_has_ended(reader: Reader) -> None:
    reader.refresh(at(BEFORE, 23))
    assert reader.refresh(at(NEXT, 0, 5)) == [BEFORE, DAY, NEXT]


def test_after_an_outage_of_three_days_every_day_is_read(reader: Reader) -> None:
    reader.refresh(at(DAY, 10))
    later = DAY + timedelta(days=4)
    assert reader.refresh(at(later, 10)) == [DAY + timedelta(days=offset) for offset in range(5)]


def test_the_first_load_begins_with_the_oldest_day_of_the_history(tmp_path: Path) -> None:
    reader = Reader(tmp_path, history=timedelta(days=62))
    put(reader, DAY)
    days = reader.refresh(at(DAY, 10))
    assert (days[0], days[-1], len(days)) == (DAY - timedelta(days=62), DAY, 63)


def test_an_interrupted_first_load_goes_on_where_it_stopped(tmp_path: Path) -> None:
    reader = Reader(tmp_path, history=timedelta(days=5))
    put(reader, DAY)
    for day in list(reader.source.due(at(DAY, 10), lambda: None))[:3]:
        reader.store.replace(reader.source.read(day))
        reader.source.keep(day)
    reader.opened()
    assert reader.refresh(at(DAY, 11)) == [DAY - timedelta(days=2), BEFORE, DAY]


def test_an_interrupted_first_load_lets_land_what_it_has(tmp_path: Path) -> None:
    reader = Reader(tmp_path, history=timedelta(days=5))
    put(reader, DAY)
    first, second, *_ = reader.source.due(at(DAY, 10), lambda: None)
    for day in (first, second):
        reader.store.replace(reader.source.read(day))
        reader.source.keep(day)
    assert reader.source.landed().days == DayRange(first, second)


def test_nothing_is_listed_to_know_what_is_due(tmp_path: Path) -> None:
    source = Reader(tmp_path).source
    (tmp_path / "logs").rmdir()
    assert len(source.due(at(DAY, 10), lambda: None)) == 3


def test_days_that_the_store_has_lost_are_read_again(reader: Reader) -> None:
    reader.refresh(at(DAY, 10))
    reader.refresh(at(NEXT, 13))
    reader.source.reopen([DAY])
    assert due_days(reader, at(NEXT, 14), at(NEXT, 15)) == [[DAY, NEXT], [NEXT]]


# What has landed


def test_nothing_has_landed_at_first(tmp_path: Path) -> None:
    assert Reader(tmp_path).source.landed() == Landed(None, timedelta(days=3))


@pytest.mark.parametrize(
    ("read", "landed"), [(at(NEXT, 1), None), (at(NEXT, 1, 59), None), (at(NEXT, 2), DayRange(DAY, DAY)), (at(NEXT, 3), DayRange(DAY, DAY))]
)
def test_a_day_lands_when_it_was_read_two_hours_after_its_end(reader: Reader, read: datetime, landed: DayRange | None) -> None:
    reader.refresh(at(DAY, 23))
    reader.refresh(read)
    assert reader.source.landed().days == landed


def test_landed_days_are_those_from_the_first_to_the_newest_that_landed(tmp_path: Path) -> None:
    reader = Reader(tmp_path, history=timedelta(days=3))
    put(reader, DAY)
    reader.refresh(at(DAY, 1, 30))
    assert reader.source.landed() == Landed(DayRange(DAY - timedelta(days=3), DAY - timedelta(days=2)), timedelta(days=3), DAY)


def test_today_is_the_day_that_was_last_read_while_it_ran(reader: Reader) -> None:
    reader.refresh(at(DAY, 10))
    assert reader.source.landed().today == DAY


def test_the_time_of_the_last_refresh_is_remembered(reader: Reader) -> None:
    reader.refresh(at(DAY, 10))
    assert reader.opened().refreshed() == at(DAY, 10)


# What is read for a day


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


# The whole way, beside a recount in plain Python


@pytest.mark.parametrize("include_data_events", [False, True])
def test_every_day_equals_the_recount(tmp_path: Path, include_data_events: bool) -> None:
    reader = Reader(tmp_path, history=timedelta(days=2), include_data_events=include_data_events)
    days = [DAY, NEXT, NEXT + timedelta(days=1)]
    deliver(reader.logs, days)
    reader.refresh(at(days[-1] + timedelta(days=1), 13))
    recount = Recount(Rules(human_identity_providers=SETTINGS.human_identity_providers, include_data_events=include_data_events))
    assert {fact[:6]: fact[6:] for fact in reader.facts(*days[1:])} == recount.days(reader.logs, days[1], days[-1])


def test_days_read_by_the_hour_equal_the_recount(tmp_path: Path) -> None:
    reader, source = Reader(tmp_path, history=timedelta(0)), tmp_path / "source"
    days = [DAY, NEXT, NEXT + timedelta(days=1)]
    deliver(source, days, seed=2)
    put(reader, BEFORE)
    waiting = sorted(source.rglob("*.json.gz"), key=lambda path: path.name.rpartition("_")[0][-14:])
    now = at(DAY, 1, 30)
    while now < at(days[-1] + timedelta(days=1), 13):
        _arrive(waiting, source, reader.logs, now)
        reader.refresh(now)
        now += timedelta(hours=5)
    assert {fact[:6]: fact[6:] for fact in reader.facts(*days)} == Recount(RULES).days(source, days[0], days[-1])


def _arrive(waiting: list[Path], source: Path, logs: Path, now: datetime) -> None:
    """Moves in what has been delivered by now: the name of a log file says when that was."""
    for path in list(waiting):
        stamp = next(part for part in path.name.split("_") if part[8:9] == "T")
        if datetime.strptime(stamp, "%Y%m%dT%H%MZ").replace(tzinfo=UTC) <= now:
            target = logs / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
            waiting.remove(path)


def test_after_an_outage_every_day_is_whole(tmp_path: Path) -> None:
    reader = Reader(tmp_path, history=timedelta(0))
    days = [DAY + timedelta(days=offset) for offset in range(4)]
    deliver(reader.logs, days, seed=3)
    reader.refresh(at(DAY, 10))
    reader.refresh(at(days[-1], 23))
    reader.refresh(at(days[-1] + timedelta(days=1), 3))
    assert {fact[:6]: fact[6:] for fact in reader.facts(*days)} == Recount(RULES).days(reader.logs, days[0], days[-1])


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


def test_the_benchmark_compares_like_with_like(tmp_path: Path) -> None:
    made = compare(events=3000, files=4, runs=1, folder=tmp_path)
    assert (made["same"], made["our_peak"] > 0, made["their_peak"] > 0) == (1, True, True)


def test_the_made_files_are_as_a_trail_writes_them() -> None:
    assert gzip.decompress(packed([])) == b'{"Records":[]}'
    assert ACCOUNT in log_path(Path(), DAY, "1200Z_a").name
