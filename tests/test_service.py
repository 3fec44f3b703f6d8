"""The service as a whole, under a clock that is set by hand: what is served over midnights and month ends, at a start, after a refresh, and on a full disk."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from kiro_files import ALICE, BOB, CAROL, Use, put_use
from service_rig import BEFORE_MONTH_END, CONFIG, NOW, House, eventually, fill, living_in

from exporter import assembly, publisher, refreshes
from exporter.config import load
from exporter.errors import UserError
from exporter.facts.store import Store
from exporter.service import Service
from exporter.telemetry import Telemetry


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("filled"))


@pytest.fixture
def house(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A full store, not started yet."""
    with living_in(tmp_path, monkeypatch, filled) as made:
        yield made


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """No store and no reports yet."""
    with living_in(tmp_path, monkeypatch) as made:
        made.write()
        yield made


# The clock goes on without a refresh


AFTER_MONTH_END = {"3d_ago": 64, "last_7d": 248, "last_30d": 254, "last_month": 254}


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-10-31T23:59:59", BEFORE_MONTH_END),
        ("2026-11-01T00:00:00", AFTER_MONTH_END),
        ("2026-11-02T00:00:00", AFTER_MONTH_END | {"3d_ago": 128}),
        ("2026-11-03T00:00:00", {"last_7d": 248, "last_30d": 254, "last_month": 254}),
        ("2026-11-13T23:59:59", {"last_7d": 248, "last_30d": 254, "last_month": 254}),
        ("2026-11-14T00:00:00", {}),
    ],
)
def test_windows_at_a_start_without_a_refresh(house: House, moment: str, expected: dict[str, float]) -> None:
    """Landed are 1 March to 30 October. Max age is 14 days."""
    house.now = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    house.start()
    assert house.windows() == expected


def has_been(built: list[datetime], moment: datetime) -> bool:
    """Waits for the snapshot of a moment to be ready."""
    return eventually(lambda: moment in built)


def test_windows_as_the_clock_crosses_midnight_and_a_month_end(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[datetime] = []
    build = assembly.Assembly.build

    def told(self: assembly.Assembly, moment: datetime, landed: object) -> object:
        snapshot = build(self, moment, landed)  # type: ignore[arg-type]
        built.append(moment)
        return snapshot

    monkeypatch.setattr(assembly.Assembly, "build", told)
    house.start()
    seen = []
    for midnight in (datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)):
        house.now = midnight - timedelta(seconds=30)
        assert has_been(built, midnight)
        seen.append(house.windows())
        house.now = midnight
        assert eventually(house.windows)
    seen.append(house.windows())
    assert seen == [BEFORE_MONTH_END, AFTER_MONTH_END, AFTER_MONTH_END | {"3d_ago": 128}]


def test_self_metrics_of_windows_follow_the_clock(house: House) -> None:
    house.start()
    before = [house.told("source_window_landed", source="kiro_credits", window=window) for window in ("yesterday", "month_to_date", "last_month")]
    house.now = datetime(2026, 11, 1, 0, 0, 1, tzinfo=UTC)
    assert eventually(lambda: house.told("source_window_landed", source="kiro_credits", window="yesterday") is None)
    after = [house.told("source_window_landed", source="kiro_credits", window=window) for window in ("yesterday", "month_to_date", "last_month")]
    assert (before, after) == ([1, 30, 30], [None, None, 30])


def test_days_without_a_file_are_zeros_once_they_have_landed(house: House) -> None:
    """Nobody used Kiro on 31 October and 1 November. At 11:59:59 on 2 November the former has landed, at 12:00:00 the latter too."""
    house.start()
    house.now = datetime(2026, 11, 2, 11, 59, 58, tzinfo=UTC)
    house.refresh()
    first = house.windows()
    house.refresh()
    assert first == {"3d_ago": 128, "last_7d": 240, "last_30d": 252, "last_month": 254}
    assert house.windows() == {"yesterday": 0, "3d_ago": 128, "last_7d": 224, "last_30d": 252, "month_to_date": 0, "last_month": 254}


def test_clock_that_is_set_back_by_a_second_leaves_everything_served(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is true at 13:00:00 was true at 12:59:59, and a scrape without any series makes Prometheus end them all."""
    monkeypatch.setattr(publisher, "_LOOK_EVERY_SECONDS", 60.0)
    house.start()
    house.now = NOW - timedelta(seconds=1)
    assert house.windows() == BEFORE_MONTH_END


# A start


def test_first_snapshot_is_served_before_any_source_is_read(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.write(CONFIG.replace("36500d", "1h"))
    house.now = NOW + timedelta(hours=2)
    opened: list[bool] = []

    def failing(*arguments: object) -> object:
        opened.append(house.service.snapshot() is not None)
        raise UserError("the source must not be needed")

    monkeypatch.setattr(refreshes, "open_location", failing)
    house.start()
    assert house.windows() == BEFORE_MONTH_END
    assert eventually(lambda: opened)
    assert opened[0]


def test_store_is_served_while_its_folder_of_reports_is_gone(house: House) -> None:
    house.write(CONFIG.replace("36500d", "1h"))
    house.now = NOW + timedelta(hours=2)
    os.rename(house.reports, house.folder / "elsewhere")
    house.start()
    assert eventually(lambda: house.told("source_up", source="kiro_credits") == 0)
    assert house.windows() == BEFORE_MONTH_END


def test_store_is_served_while_its_bucket_does_not_answer(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    house.write(CONFIG.replace("36500d", "1h").replace("location: reports", "location: s3://reports/kiro/") + 'aws: {endpoint_url: "http://127.0.0.1:1"}\n')
    house.now = NOW + timedelta(hours=2)
    house.start()
    assert house.windows() == BEFORE_MONTH_END


def test_without_a_store_nothing_is_served_until_a_source_has_landed(empty: House) -> None:
    empty.start()
    before = (empty.service.snapshot(), empty.service.ready()[0])
    assert eventually(lambda: empty.told("source_up", source="kiro_credits") == 0)
    put_use(empty.reports, date(2026, 10, 30), Use(ALICE))
    empty.service.refresh(None)
    assert eventually(lambda: empty.service.ready()[0])
    assert (before, empty.windows()["yesterday"]) == ((None, False), 1)


def test_damaged_day_is_read_again_from_its_source(house: House) -> None:
    damaged = house.folder / "state" / "facts" / "kiro_credits" / "2026-10-30.parquet"
    damaged.write_bytes(damaged.read_bytes()[:100])
    house.start()
    before = house.windows()
    house.refresh()
    assert (before["last_7d"], house.windows()["last_7d"]) == (120, 248)


def test_first_and_last_activity_of_days_that_left_memory_are_served(house: House) -> None:
    house.start()
    assert house.values("kiro_user_first_activity_timestamp_seconds") == {ALICE: datetime(2026, 3, 1, tzinfo=UTC).timestamp()}
    assert house.values("kiro_user_last_activity_timestamp_seconds") == {ALICE: datetime(2026, 10, 30, tzinfo=UTC).timestamp()}


def test_second_service_on_the_store_is_refused(house: House) -> None:
    house.start()
    with pytest.raises(UserError, match=r"^the store .* is in use by another exporter"):
        Service(load(house.config_file, {}), lambda: load(house.config_file, {}), Telemetry())


def test_stop_gives_the_store_back(house: House) -> None:
    house.start()
    house.stop()
    Store.open(house.folder / "state").close()


def test_sources_are_told(house: House) -> None:
    house.start()
    (status,) = house.service.status()
    assert (status.source, status.newest_day, status.last_success, status.up, status.last_error) == ("kiro_credits", date(2026, 10, 30), NOW, None, "")


def test_counters_stand_at_0_from_the_start(house: House) -> None:
    house.start()
    names = ("source_refreshes_total", "source_refresh_failures_total")
    assert [house.told(name, source="kiro_credits") for name in names] == [0, 0]
    assert [house.told("source_rejected_rows_total", source="kiro_credits", reason=reason) for reason in ("closed_day", "number", "file")] == [0, 0, 0]
    assert house.told("source_rejected_rows_total", source="people_file", reason="user") == 0


# Asking for a refresh


def test_refresh_that_runs_already_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    inside, go = threading.Event(), threading.Event()

    def slow(*arguments: object) -> object:
        inside.set()
        go.wait(10)
        raise UserError("this source is never read")

    monkeypatch.setattr(refreshes, "open_location", slow)
    house.start()
    first = house.service.refresh("kiro_credits")
    inside.wait(10)
    second = house.service.refresh("kiro_credits")
    running = [status.running for status in house.service.status()]
    go.set()
    assert (first, second, running) == ([], ["kiro_credits is being refreshed already."], [True])
    assert eventually(lambda: not house.service.status()[0].running)


def test_refresh_serves_what_is_new(house: House) -> None:
    house.start()
    put_use(house.reports, date(2026, 10, 30), Use(BOB, credits="0.5"), client="KIRO_CLI")
    house.refresh()
    assert house.values("kiro_user_credits_yesterday") == {ALICE: 128, BOB: 0.5}


def test_newest_mail_of_an_identity_names_its_person(house: House) -> None:
    for day, mail in (("2026-10-28", "carol@old.example"), ("2026-10-29", "carol@new.example")):
        put_use(house.reports, date.fromisoformat(day), Use(CAROL, mail=mail), client="KIRO_CLI")
    house.start()
    house.refresh()
    assert set(house.values("kiro_user_credits_last_7d")) == {ALICE, "carol@new.example"}


# A full disk: nothing new must be written to serve what is there


def fill_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(store: Store, target: Path, write: object) -> None:
        raise UserError(f"the disk that holds {target} is full; nothing was lost, free some space and the next refresh goes on")

    monkeypatch.setattr(Store, "_aside", full)


def test_next_day_is_served_though_the_disk_is_full(house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    house.start()
    fill_the_disk(monkeypatch)
    house.now = datetime(2026, 11, 1, 0, 0, 1, tzinfo=UTC)
    assert eventually(house.windows)
    assert house.windows() == AFTER_MONTH_END
    assert [record.exc_info for record in caplog.records if record.exc_info] == []


def test_day_that_leaves_memory_is_served_on_though_the_disk_is_full(house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """On 3 November no window reaches 1 September any more, and its first and last activity is to be written down."""
    house.now = datetime(2026, 11, 2, 12, tzinfo=UTC)
    house.start()
    fill_the_disk(monkeypatch)
    house.now = datetime(2026, 11, 3, 0, 0, 1, tzinfo=UTC)
    assert eventually(house.windows)
    assert house.windows() == {"last_7d": 248, "last_30d": 254, "last_month": 254}
    assert house.values("kiro_user_first_activity_timestamp_seconds") == {ALICE: datetime(2026, 3, 1, tzinfo=UTC).timestamp()}
    assert "days that leave memory could not be remembered" in caplog.text
    assert [record.exc_info for record in caplog.records if record.exc_info] == []


def test_reload_is_served_though_the_disk_is_full(house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    house.start()
    fill_the_disk(monkeypatch)
    house.reload(people=f"user,team,aliases\nalice,core,{ALICE}\n")
    assert house.windows(user="alice") == BEFORE_MONTH_END
    assert [record.exc_info for record in caplog.records if record.exc_info] == []
