"""The service as a whole, under a clock that is set by hand: what is served over midnights and month ends, at a start, after a reload, and when things fail."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from kiro_files import ALICE, BOB, CAROL, Use, analytic, analytic_key, put, put_use
from prometheus_client.parser import text_string_to_metric_families

from exporter import assembly, publisher, refreshes
from exporter.config import ConfigErrors, load
from exporter.errors import UserError
from exporter.facts.store import Store
from exporter.service import Service
from exporter.telemetry import Telemetry

NOW = datetime(2026, 10, 31, 13, 0, tzinfo=UTC)
"""30 October has landed: its report is there, and 12 hours have passed since its end."""
USE = {
    "2026-03-01": 512,
    "2026-09-01": 256,
    "2026-09-30": 1,
    "2026-10-01": 2,
    "2026-10-23": 4,
    "2026-10-24": 8,
    "2026-10-25": 16,
    "2026-10-28": 32,
    "2026-10-29": 64,
    "2026-10-30": 128,
}
"""Alice's credits by day, so that every sum tells of which days it is made."""
CONFIG = """engine: duckdb
store: {path: state}
sources:
  kiro_credits: {location: reports, schedule: 36500d, history: 400d}
people: {file: people.csv}
web: {enable_lifecycle: true}
"""
FEATURES = "  kiro_features: {location: reports, schedule: 36500d, history: 400d}\npeople:"
PEOPLE = "user,team,aliases\nalice,core,\n"

Labels = frozenset[tuple[str, str]]


def eventually(condition: Callable[[], object]) -> bool:
    deadline = time.monotonic() + 10
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


class House:
    """A folder with config, people and reports, and the service that runs on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = NOW
        self.requested = 0
        self.published = 0
        self.config_file = folder / "config.yaml"
        self.reports = folder / "reports"
        self.service: Service = None  # type: ignore[assignment]

    def write(self, config: str = CONFIG, people: str = PEOPLE) -> None:
        self.config_file.write_text(config)
        (self.folder / "people.csv").write_text(people)

    def start(self) -> Telemetry:
        """Starts the service on what the store holds; nothing is refreshed unless the schedule of the config says so."""
        self.telemetry = Telemetry()
        self.service = Service(load(self.config_file, os.environ), lambda: load(self.config_file, os.environ), self.telemetry, lambda: self.now)
        self.service.start()
        return self.telemetry

    def stop(self) -> None:
        if self.service is not None:
            self.service.stop()
            self.service = None  # type: ignore[assignment]

    def count_requests(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Tells apart what was published before and after a request."""
        request, publish = publisher.Publisher.request, publisher.Publisher.publish

        def requesting(made: publisher.Publisher) -> None:
            self.requested += 1
            request(made)

        def publishing(made: publisher.Publisher) -> None:
            answered = self.requested
            publish(made)
            self.published = answered

        monkeypatch.setattr(publisher, "_LOOK_EVERY_SECONDS", 0.01)
        monkeypatch.setattr(publisher.Publisher, "request", requesting)
        monkeypatch.setattr(publisher.Publisher, "publish", publishing)

    def is_published(self) -> bool:
        """Waits until whatever was asked for is served."""
        asked = self.requested
        return eventually(lambda: self.published >= asked)

    def reload(self, config: str = CONFIG, people: str = PEOPLE) -> list[str]:
        """Reloads, and waits until what changed by it is served."""
        self.write(config, people)
        errors = self.service.reload()
        assert self.is_published()
        return errors

    def refreshed(self, source: str = "kiro_credits") -> bool:
        """Waits for a first refresh to work, and until what it brought is served."""
        return eventually(lambda: self.told("source_up", source=source) == 1) and self.is_published()

    def refresh(self, source: str = "kiro_credits") -> None:
        """Refreshes a second from now, and waits until what it brought is served."""
        self.now += timedelta(seconds=1)
        before = self.told("source_refreshes_total", source=source) or 0
        assert self.service.refresh(source) == []
        assert eventually(lambda: (self.told("source_refreshes_total", source=source) or 0) > before)
        assert eventually(lambda: self.told("source_last_success_timestamp_seconds", source=source) == self.now.timestamp())
        assert self.is_published()

    def told(self, name: str, **labels: str) -> float | None:
        return self.telemetry.registry.get_sample_value(f"aws_user_exporter_{name}", labels)

    def served(self) -> dict[tuple[str, Labels], float]:
        """Every sample of the snapshot that is served; empty when there is none."""
        snapshot = self.service.snapshot()
        text = b"".join(chunk.plain for chunk in snapshot.chunks).decode() if snapshot else ""
        return {(sample.name, frozenset(sample.labels.items())): sample.value for family in text_string_to_metric_families(text) for sample in family.samples}

    def values(self, name: str) -> dict[str, float]:
        """The samples of a metric by user."""
        return {dict(labels)["user"]: value for (found, labels), value in self.served().items() if found == name}

    def windows(self, family: str = "kiro_user_credits", user: str = ALICE) -> dict[str, float]:
        """The samples of a user by window."""
        found = ((name, dict(labels), value) for (name, labels), value in self.served().items())
        return {name.removeprefix(f"{family}_"): value for name, labels, value in found if name.startswith(f"{family}_") and labels.get("user") == user}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose store holds all that the reports say."""
    house = House(tmp_path_factory.mktemp("loaded"))
    house.write()
    for day, credits in USE.items():
        put_use(house.reports, date.fromisoformat(day), Use(ALICE, credits=f"{credits}.0", messages=credits, limit="1000"))
    house.start()
    assert house.refreshed()
    house.stop()
    return house.folder


@pytest.fixture
def house(loaded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A full store, not started yet."""
    shutil.copytree(loaded, tmp_path / "house")
    made = House(tmp_path / "house")
    made.count_requests(monkeypatch)
    yield made
    made.stop()


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """No store and no reports yet."""
    made = House(tmp_path)
    made.write()
    made.count_requests(monkeypatch)
    yield made
    made.stop()


# The clock goes on without a refresh


BEFORE_MONTH_END = {"yesterday": 128, "3d_ago": 32, "last_7d": 248, "last_30d": 254, "month_to_date": 254, "last_month": 257}
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


# A reload


def test_corrected_alias_moves_all_stored_history_without_reading_a_source(house: House) -> None:
    house.start()
    unresolved = house.told("unresolved_identities", source="kiro_credits")
    shutil.rmtree(house.reports)
    assert house.reload(people=f"user,team,aliases\nalice,core,{ALICE.upper()}\n") == []
    assert (house.windows(user=ALICE), house.windows(user="alice")) == ({}, BEFORE_MONTH_END)
    assert house.values("kiro_user_first_activity_timestamp_seconds") == {"alice": datetime(2026, 3, 1, tzinfo=UTC).timestamp()}
    assert {dict(labels)["team"] for (_, labels) in house.served() if dict(labels).get("user") == "alice"} == {"core"}
    assert (unresolved, house.told("unresolved_identities", source="kiro_credits"), house.told("source_refreshes_total", source="kiro_credits")) == (1, 0, 0)


def test_new_team_applies_to_stored_history(house: House) -> None:
    house.write(people=f"user,team,aliases\nalice,core,{ALICE}\n")
    house.start()
    house.reload(people=f"user,team,aliases\nalice,edge,{ALICE}\n")
    assert {dict(labels).get("team") for (name, labels) in house.served() if name == "kiro_user_credits_last_30d"} == {"edge"}


def test_price_applies_without_reading_a_source(house: House) -> None:
    house.start()
    shutil.rmtree(house.reports)
    house.reload(CONFIG + "kiro: {overage_price: 0.05}\n")
    assert house.served()["kiro_overage_price", frozenset({("currency", "USD")})] == 0.05


def test_reload_is_told(house: House) -> None:
    house.start()
    house.now = NOW + timedelta(minutes=1)
    house.reload()
    assert (house.told("config_last_reload_successful"), house.told("config_last_reload_success_timestamp_seconds")) == (1, house.now.timestamp())


def test_invalid_config_keeps_what_runs_and_tells_every_mistake_with_its_place(house: House) -> None:
    house.start()
    before = house.served()
    broken = CONFIG.replace("enable_lifecycle: true", "enable_lifecycle: perhaps").replace("schedule: 36500d", "schedule: often")
    errors = house.reload(broken)
    assert [error.split(": ")[:2] for error in errors] == [
        [f"{house.config_file}:4", "sources.kiro_credits.schedule"],
        [f"{house.config_file}:6", "web.enable_lifecycle"],
    ]
    assert (house.served(), house.told("config_last_reload_successful"), house.service.enable_lifecycle) == (before, 0, True)


def test_corrected_config_is_taken_after_an_invalid_one(house: House) -> None:
    house.start()
    house.reload("engine: [")
    assert (house.reload(), house.told("config_last_reload_successful")) == ([], 1)


def test_config_that_is_gone_keeps_what_runs(house: House) -> None:
    house.start()
    house.config_file.unlink()
    (error,) = house.service.reload()
    assert error.startswith(f"{house.config_file}: there is no such file")
    assert house.windows() == BEFORE_MONTH_END


@pytest.mark.parametrize("people", [None, "name,team\nalice,core\n", 'user\n"alice\n'], ids=["gone", "without users", "not CSV"])
def test_people_file_that_cannot_be_used_keeps_what_runs(house: House, people: str | None) -> None:
    house.write(people=f"user,team,aliases\nalice,core,{ALICE}\n")
    house.start()
    path = house.folder / "people.csv"
    if people is None:
        path.unlink()
    else:
        path.write_text(people)
    (error,) = house.service.reload()
    assert str(path) in error
    assert (house.windows(user="alice"), house.told("config_last_reload_successful")) == (BEFORE_MONTH_END, 0)


def test_path_of_the_store_and_address_cannot_change(house: House) -> None:
    house.start()
    errors = house.reload(CONFIG.replace("path: state", "path: other").replace("web: {", 'web: {listen_address: ":9", '))
    assert [error.split(": ")[:2] for error in errors] == [[f"{house.config_file}:2", "store.path"], [f"{house.config_file}:6", "web.listen_address"]]
    assert all("restart" in error for error in errors)
    assert not (house.folder / "other").exists()


def test_window_of_a_family_that_is_not_known_is_a_mistake_with_its_place(house: House) -> None:
    house.write(CONFIG + "windows:\n  kiro_user_messages: [last_7d]\n  kiro_user_massages: [last_7d]\n")
    with pytest.raises(ConfigErrors) as refused:
        house.start()
    assert [str(error).split(": ")[:2] for error in refused.value.errors] == [[f"{house.config_file}:9", "windows.kiro_user_massages"]]


def test_window_of_a_family_that_is_not_known_is_refused_by_a_reload(house: House) -> None:
    house.start()
    (error,) = house.reload(CONFIG + "windows: {nonsense: []}\n")
    assert error.startswith(f"{house.config_file}:7: windows.nonsense: ")


def test_refused_config_does_not_take_the_store(house: House) -> None:
    house.write(CONFIG + "windows: {nonsense: []}\n")
    with pytest.raises(ConfigErrors):
        house.start()
    Store.open(house.folder / "state").close()


def test_window_is_added_and_a_family_switched_off(house: House) -> None:
    house.start()
    house.reload(CONFIG + "windows: {kiro_user_messages: [last_7d], kiro_user_conversations: []}\n")
    assert (house.windows("kiro_user_messages")["last_7d"], house.windows("kiro_user_conversations")) == (248, {})


def test_source_that_is_added_is_read_and_served(house: House) -> None:
    put(house.reports, analytic_key(date(2026, 10, 30)), analytic(date(2026, 10, 30), (ALICE, {"Chat_MessagesSent": 3})))
    house.start()
    house.reload(CONFIG.replace("people:", FEATURES))
    assert house.refreshed("kiro_features")
    name, labels = "kiro_user_feature_events_yesterday", {"user": ALICE, "team": "unknown", "feature": "chat", "event": "sent"}
    assert eventually(lambda: house.served().get((name, frozenset(labels.items()))) == 3)
    assert [status.source for status in house.service.status()] == ["kiro_credits", "kiro_features"]


def test_source_that_is_removed_is_served_and_told_no_more(house: House) -> None:
    put(house.reports, analytic_key(date(2026, 10, 30)), analytic(date(2026, 10, 30), (ALICE, {"Chat_MessagesSent": 3})))
    house.write(CONFIG.replace("people:", FEATURES))
    house.start()
    assert house.refreshed("kiro_features")
    assert eventually(lambda: any(name.startswith("kiro_user_feature") for name, _ in house.served()))
    house.reload()
    assert [name for name, _ in house.served() if name.startswith("kiro_user_feature")] == []
    assert b'source="kiro_features"' not in house.telemetry.exposition(openmetrics=False)


def test_source_that_comes_back_is_served_from_the_store(house: House) -> None:
    put(house.reports, analytic_key(date(2026, 10, 30)), analytic(date(2026, 10, 30), (ALICE, {"Chat_MessagesSent": 3})))
    house.write(CONFIG.replace("people:", FEATURES))
    house.start()
    assert house.refreshed("kiro_features")
    house.reload()
    shutil.rmtree(house.reports)
    house.reload(CONFIG.replace("people:", FEATURES))
    assert any(name.startswith("kiro_user_feature") for name, _ in house.served())


def test_source_whose_location_changes_is_read_there(house: House) -> None:
    put_use(house.folder / "other", date(2026, 10, 30), Use(ALICE, credits="1000.0"))
    house.start()
    house.reload(CONFIG.replace("location: reports", "location: other"))
    house.refresh()
    assert house.windows()["yesterday"] == 1000


def test_schedule_that_changes_is_followed(house: House) -> None:
    house.start()
    before = house.told("source_next_refresh_timestamp_seconds", source="kiro_credits")
    house.reload(CONFIG.replace("36500d", "30000d"))
    after = house.told("source_next_refresh_timestamp_seconds", source="kiro_credits")
    assert (before, after) == ((NOW + timedelta(days=36500)).timestamp(), (NOW + timedelta(days=30000)).timestamp())


def test_reload_that_changes_no_source_reads_none(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.start()
    opened: list[object] = []
    monkeypatch.setattr(refreshes, "open_location", lambda *arguments: opened.append(arguments))
    house.reload(CONFIG + "limits: {breakdown_users: 5}\n")
    time.sleep(0.2)
    assert (opened, house.told("source_refreshes_total", source="kiro_credits")) == ([], 0)


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
    go.set()
    assert (first, second) == ([], ["kiro_credits is being refreshed already."])


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
