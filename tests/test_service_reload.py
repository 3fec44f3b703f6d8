"""A reload: what changes by it is served, what is mistaken is told with its place, and no source is read without need."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from kiro_files import ALICE, Use, analytic, analytic_key, put, put_use
from service_rig import BEFORE_MONTH_END, CONFIG, NOW, House, eventually, fill, living_in

from exporter import refreshes
from exporter.config import ConfigErrors
from exporter.facts.store import Store

FEATURES = "  kiro_features: {location: reports, schedule: 36500d, history: 400d}\npeople:"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("filled"))


@pytest.fixture
def house(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A full store, not started yet."""
    with living_in(tmp_path, monkeypatch, filled) as made:
        yield made


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
