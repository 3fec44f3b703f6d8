"""Who was taken out of the store stays out: days that are read again, backups, interrupted runs, and what they do later."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from facts_in_memory import Caused, Fact, Used
from forget_rig import ALICE, BOB, NOW, TODAY, USERS, YESTERDAY, House, of, replace

from exporter.facts.directory import Directory, keep, stored
from exporter.facts.store import Store
from exporter.model import DayRange


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def later(house: House) -> Iterator[Store]:
    house.forgotten("alice")
    store = house.store()
    yield store
    store.close()


def credits(store: Store, day: date) -> dict[str, float]:
    (file,) = store.facts("kiro_credits", DayRange(day, day))
    return dict(duckdb.execute("SELECT identity, sum(credits)::DOUBLE FROM read_parquet($1) GROUP BY 1", [str(file)]).fetchall())


def test_day_that_is_read_again_does_not_bring_them_back(later: Store) -> None:
    replace(later, [Used(TODAY, ALICE, 5), Used(TODAY, BOB, 6)])
    assert credits(later, TODAY) == {BOB: 6}


def test_identity_that_was_not_stored_yet_stays_out_too(later: Store) -> None:
    replace(later, [Caused(TODAY, "session:alice", read=3), Caused(TODAY, "session:alicia", read=4)])
    (file,) = later.facts("cloudtrail", DayRange(TODAY, TODAY))
    assert duckdb.execute("SELECT identity FROM read_parquet($1)", [str(file)]).fetchall() == [("alicia",)]


def test_what_they_do_from_tomorrow_on_is_counted(later: Store) -> None:
    tomorrow = TODAY + timedelta(days=1)
    replace(later, [Used(tomorrow, ALICE, 5), Used(tomorrow, BOB, 6)])
    assert credits(later, tomorrow) == {ALICE: 5, BOB: 6}


def test_who_came_back_is_not_concerned_when_somebody_else_is_forgotten(house: House) -> None:
    house.forgotten("alice")
    store = house.store()
    keep(store, Directory(NOW, USERS))
    tomorrow = TODAY + timedelta(days=1)
    replace(store, [Used(tomorrow, ALICE, 5)])
    store.close()
    house.forgotten("heidi@111122223333", now=NOW + timedelta(days=3))
    store = house.store()
    listed = stored(store)
    assert listed is not None
    assert ([user.user_name for user in listed.users], credits(store, tomorrow)) == (["alice", "bob"], {ALICE: 5})
    store.close()


def test_backup_that_was_put_back_is_swept_again(house: House) -> None:
    backup = house.files()
    house.forgotten("alice")
    for name, content in backup.items():
        if name.startswith(("facts/", "people/older/")):
            (house.state / name).write_bytes(content)
    assert "kiro_credits: 4 rows on 3 days" in house.forgotten("--again")
    assert {row[1] for row in house.rows("kiro_credits")} == {BOB}
    assert {key for key, _ in house.older()} == {BOB}


def test_interrupted_run_is_finished_by_the_next(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    erase = Store.erase

    def stop(self: Store, source: str, day: date, *arguments: Any, write: bool) -> int:
        if write and source == "cloudtrail":
            raise KeyboardInterrupt
        return erase(self, source, day, *arguments, write=write)

    monkeypatch.setattr(Store, "erase", stop)
    assert house.forget("alice", "--yes").exit_code != 0
    monkeypatch.undo()
    assert {row[1] for row in house.rows("kiro_credits")} == {BOB}
    assert ALICE in {row[3] for row in house.rows("cloudtrail")}
    house.forgotten("heidi@111122223333")
    assert {row[3] for row in house.rows("cloudtrail")} == {BOB, None}


def test_forgetting_twice_finds_nothing_the_second_time(house: House) -> None:
    house.forgotten("alice")
    files = house.files()
    assert "goes by 'alice'" in house.refusal("alice", "--yes")
    assert house.files() == files


def test_shared_session_name_goes_on_belonging_to_nobody(tmp_path: Path) -> None:
    facts: list[Fact] = [
        Caused(YESTERDAY, ALICE, read=1, linked="admin"),
        Caused(YESTERDAY, BOB, read=2, linked="admin"),
        Caused(YESTERDAY, "session:admin", read=4),
    ]
    house = House(tmp_path, facts)
    before = of(house.samples(), "bob")
    house.forgotten("alice")
    assert of(house.samples(), "bob") == before
    assert sum(value for (name, _), value in before.items() if name == "aws_user_events_yesterday") == 2


def test_hashes_are_of_one_store_alone(tmp_path: Path) -> None:
    stores = [House(tmp_path / name) for name in ("one", "two") if not (tmp_path / name).mkdir()]
    for house in stores:
        house.forgotten("alice")
    one, two = (house.files()["people/forgotten.json"] for house in stores)
    assert set(yaml.safe_load(one)["identities"]).isdisjoint(yaml.safe_load(two)["identities"])
