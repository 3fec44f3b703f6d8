"""The directory as CSV: what stands in it, where it goes, the command, and the service that writes it on its schedule."""

from __future__ import annotations

import csv
import io
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from athena_on_moto import AccountOnMoto, account_on_moto

from exporter import cli, people_sync
from exporter.config import Config, load
from exporter.errors import UserError
from exporter.facts.directory import Directory, DirectoryUser, keep
from exporter.facts.store import Store
from exporter.people import Entry, Person
from exporter.service import Service
from exporter.setup.filling import text_of
from exporter.telemetry import Telemetry

ALICE, BOB = "100b5bb0-1111-4000-8000-000000000001", "0123456789-200b5bb0-1111-4000-8000-000000000002"
NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
LISTED = Directory(
    NOW,
    (
        DirectoryUser(ALICE, "alice", "Alice\r", "alice@example.com", "enabled", attributes={"department": "R&D"}),
        DirectoryUser(BOB, "bob", 'Bob "the builder", Jr.', "bob@example.com", "disabled", groups=("team-web",)),
    ),
)


def config_of(**sections: Any) -> Config:
    return Config.model_validate({"engine": "duckdb", "sources": {"kiro_credits": {"location": "data"}}, **sections})


def rows(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode())))


def mapped(config: Config, *file: Entry) -> list[dict[str, str]]:
    return rows(people_sync.rendered(people_sync.people(config, LISTED, file)))


# What stands in it


def test_a_row_a_person_with_the_columns_of_older_mappings_first() -> None:
    found = mapped(config_of(people={"team": ["group:team-(.*)", "attribute:department"]}))
    assert [tuple(row.values()) for row in found] == [
        (ALICE, "alice", "Alice", "alice@example.com", "R&D", "R&D", "enabled"),
        (BOB.partition("-")[2], "bob", 'Bob "the builder", Jr.', "bob@example.com", "", "web", "disabled"),
    ]
    assert list(found[0])[:2] == ["userid", "username"]


def test_the_columns_are_those_of_the_table() -> None:
    ddl = text_of("tables/user_mapping")
    assert [line.split()[0] for line in ddl.splitlines()[1:8]] == list(people_sync.COLUMNS)


def test_the_people_file_goes_before_the_directory_and_adds_to_it() -> None:
    found = mapped(config_of(), Entry("alice.smith", team="platform", aliases=("alice",)), Entry("carol", email="carol@example.com", team="data"))
    assert [(row["userid"], row["username"], row["team"]) for row in found] == [
        (ALICE, "alice.smith", "platform"),
        (BOB.partition("-")[2], "bob", "unknown"),
        ("", "carol", "data"),
    ]


@pytest.mark.parametrize("privacy", [{"exclude_users": ["Bob"]}, {"only_teams": ["R&D"]}])
def test_who_is_hidden_from_the_metrics_is_not_mapped(privacy: dict[str, Any]) -> None:
    assert [row["username"] for row in mapped(config_of(privacy=privacy))] == ["alice"]


@pytest.mark.parametrize(
    ("name", "written"),
    [("DOMAIN\\alice", "DOMAIN\\alice"), ("=1+2", "=1+2"), ("a\x00b\x1bc\x85d", "abcd"), ("=\ta", "=a"), ("Zoë 'Z' 王", "Zoë 'Z' 王"), ('"', '"')],
)
def test_names_stay_what_they_are_but_for_control_characters(name: str, written: str) -> None:
    person = Person(0, "x", "t", "id", "", "", "", "enabled", None, None, None, name=name)
    data = people_sync.rendered([person])
    assert rows(data)[0]["username"] == written
    assert data.count(b"\n") == 2
    assert b"\r" not in data


# Where it goes


@pytest.mark.parametrize(
    ("given", "location"),
    [
        ("s3://acme/mapping", "s3://acme/mapping/"),
        ("s3://acme/mapping/", "s3://acme/mapping/"),
        ("s3://acme/a/b/user_mapping.csv", "s3://acme/a/b/"),
    ],
)
def test_the_folder_or_the_file_may_be_named(given: str, location: str) -> None:
    assert config_of(people={"sync": {"location": given}}).people.sync.location == location


@pytest.mark.parametrize("given", ["s3://acme/", "s3://acme/users.csv", "s3://acme/user_mapping.csv"])
def test_a_mapping_needs_a_folder_of_its_own(given: str) -> None:
    with pytest.raises(ValueError, match=r"holds nothing but user_mapping\.csv"):
        config_of(people={"sync": {"location": given}})


def test_the_hash_and_a_mapping_do_not_go_together() -> None:
    with pytest.raises(ValueError, match="hash keeps names and mails inside"):
        config_of(people={"sync": {"location": "s3://acme/mapping/"}}, privacy={"user_label": "hash", "hash_key": "k"})


def test_it_is_replaced_in_a_folder(tmp_path: Path) -> None:
    config = config_of(people={"sync": {"location": str(tmp_path / "a" / "b")}})
    people_sync.write(config, b"one")
    assert people_sync.write(config, b"two") == str(tmp_path / "a" / "b" / "user_mapping.csv")
    assert [(found.name, found.read_bytes()) for found in (tmp_path / "a" / "b").iterdir()] == [("user_mapping.csv", b"two")]


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match=r"user_mapping.csv cannot be written .*correct people.sync.location"):
        people_sync.write(config_of(people={"sync": {"location": str(tmp_path / "file" / "below")}}), b"x")


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[AccountOnMoto]:
    with account_on_moto(monkeypatch) as found:
        found.put("acme")
        yield found


def test_it_is_replaced_in_a_bucket(account: AccountOnMoto) -> None:
    config = config_of(people={"sync": {"location": "s3://acme/mapping/"}})
    people_sync.write(config, b"one")
    assert people_sync.write(config, b"two") == "s3://acme/mapping/user_mapping.csv"
    found = account.open("s3").get_object(Bucket="acme", Key="mapping/user_mapping.csv")
    assert (found["Body"].read(), found["ContentType"]) == (b"two", "text/csv; charset=utf-8")


def test_a_bucket_that_is_not_there_is_said(account: AccountOnMoto) -> None:
    with pytest.raises(UserError, match="does not exist; correct the bucket"):
        people_sync.write(config_of(people={"sync": {"location": "s3://nowhere/mapping/"}}), b"x")


# The command


def command(folder: Path, config: str) -> int:
    (folder / "config.yaml").write_text(f"engine: duckdb\nsources: {{kiro_credits: {{location: data}}, identity_center: {{}}}}\n{config}\n")
    return cli.main(["sync-users", "--config.file", str(folder / "config.yaml")])


def test_the_command_reads_the_directory_and_writes_it(account: AccountOnMoto, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store_id = account.open("sso-admin").list_instances()["Instances"][0]["IdentityStoreId"]
    user = account.open("identitystore").create_user(
        IdentityStoreId=store_id,
        UserName="alice",
        DisplayName="Alice",
        Name={"GivenName": "A", "FamilyName": "L"},
        Emails=[{"Value": "alice@example.com", "Primary": True}],
    )
    assert command(tmp_path, "people: {sync: {location: 's3://acme/mapping/'}}") == 0
    assert capsys.readouterr().out == "1 people are in s3://acme/mapping/user_mapping.csv.\n"
    (row,) = rows(account.open("s3").get_object(Bucket="acme", Key="mapping/user_mapping.csv")["Body"].read())
    assert (row["userid"], row["username"], row["email"]) == (user["UserId"], "alice", "alice@example.com")


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ("privacy: {user_label: hash, hash_key: k}", "privacy.user_label is hash, which keeps names and mails inside"),
        ("", "people.sync.location is not set; set it to the folder"),
    ],
)
def test_the_command_refuses_in_one_sentence(config: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(tmp_path, config) == 1
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1


# The service


def eventually(condition: Callable[[], object]) -> bool:
    deadline = time.monotonic() + 30
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return bool(condition())


class House:
    """A service with a folder for the mapping."""

    def __init__(self, folder: Path, sync: str) -> None:
        self.file = folder / "config.yaml"
        self.mapping = folder / "mapping" / "user_mapping.csv"
        self.telemetry = Telemetry()
        (folder / "reports" / "AWSLogs" / "111122223333").mkdir(parents=True, exist_ok=True)
        self.write(sync)
        self.service = Service(self._load(), self._load, self.telemetry, lambda: NOW)

    def write(self, sync: str) -> None:
        self.file.write_text(
            "engine: duckdb\nstore: {path: state}\nsources: {kiro_credits: {location: reports, schedule: 36500d}, "
            f"identity_center: {{identity_store_id: d-1234567890, schedule: 36500d}}}}\npeople: {{sync: {sync}}}\n"
        )

    def _load(self) -> Config:
        return load(self.file, os.environ)

    def value(self, name: str) -> float | None:
        return self.telemetry.registry.get_sample_value(f"aws_user_exporter_source_{name}", {"source": "people_sync"})


@pytest.fixture
def directory_in_store(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "state")
    keep(store, LISTED)
    store.close()


@pytest.mark.usefixtures("directory_in_store")
def test_the_service_writes_the_mapping_and_tells_it(tmp_path: Path) -> None:
    house = House(tmp_path, "{location: mapping}")
    house.service.start()
    try:
        assert eventually(lambda: house.value("up") == 1)
        assert [row["username"] for row in rows(house.mapping.read_bytes())] == ["alice", "bob"]
        assert (house.value("rows"), house.value("last_success_timestamp_seconds")) == (2, NOW.timestamp())
        assert eventually(lambda: house.value("next_refresh_timestamp_seconds"))
    finally:
        assert house.service.stop()


@pytest.mark.usefixtures("directory_in_store")
def test_a_reload_without_a_location_ends_it(tmp_path: Path) -> None:
    house = House(tmp_path, "{location: mapping}")
    house.service.start()
    try:
        assert eventually(lambda: house.value("up") == 1)
        house.write("{location: null}")
        assert house.service.reload() == []
        assert house.value("up") is None
        assert house.value("next_refresh_timestamp_seconds") is None
    finally:
        assert house.service.stop()


@pytest.mark.usefixtures("directory_in_store")
def test_a_mapping_that_cannot_be_written_touches_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("x")
    house = House(tmp_path, "{location: taken/below}")
    house.service.start()
    try:
        assert eventually(lambda: house.value("up") == 0)
        assert house.value("refresh_failures_total") == 1
    finally:
        assert house.service.stop()


@pytest.mark.usefixtures("directory_in_store")
def test_what_was_written_today_is_not_written_again_at_a_start(tmp_path: Path) -> None:
    # Of an hour of the day the scheduler, which goes by the clock of the machine, would have missed many since.
    yearly = "{location: mapping, schedule: 365d}"
    first = House(tmp_path, yearly)
    first.service.start()
    assert eventually(lambda: first.value("up") == 1)
    assert first.service.stop()
    first.mapping.unlink()
    second = House(tmp_path, yearly)
    second.service.start()
    try:
        assert second.value("last_success_timestamp_seconds") == NOW.timestamp()
        assert eventually(lambda: (second.value("next_refresh_timestamp_seconds") or 0) > NOW.timestamp() + 300 * 86_400)
        assert not second.mapping.exists()
    finally:
        assert second.service.stop()
