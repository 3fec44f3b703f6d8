"""Each way of naming people, over every output at once: metrics, people API, pages, log lines at debug, check, forget and the user mapping."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import click.testing
import pytest
from exporter_process import samples_of
from hostile_house import House, living
from hostile_names import NAMES, Organisation, person_id

from exporter import cli
from exporter.people.privacy import pseudonym

COUNT = len(NAMES)
PEOPLE = [f"maryjane{number:03}" for number in range(1, COUNT + 1)]
"""Names that nothing else can hold by accident."""
KEY = "pepper-and-salt"
PAGES = (
    "/metrics",
    "/",
    "/docs",
    "/-/ready",
    "/api/users/analytics?limit=1000",
    "/api/users/top-by-usage",
    "/api/users/top-by-cost",
    "/api/users/inactive?days=1",
)
_NAMED = re.compile(r"maryjane\d+|\d+@example\.com|00000000-0000-4000-8000-[0-9a-f]{12}")


def organisation(folder: Path) -> Organisation:
    """Two rows of the people file are wrong."""
    made = Organisation(folder, PEOPLE, [f"value-{number}" for number in range(COUNT)], plain=True).write()
    file = folder / "people.csv"
    file.write_text(f"{file.read_text()}MARYJANE003,x,x,x,\n,x,x,x,maryjane001\n")
    return made


def outputs(house: House) -> dict[str, str]:
    """Everything that is said, by where."""
    said = {path: house.get(path) for path in PAGES}
    said["/api/users/maryjane001"] = house.web.get("/api/users/maryjane001").text
    said["log"] = house.logged.text + house.logged.json.getvalue()
    config = str(house.organisation.folder / "config.yaml")
    for command in (["check", "--offline"], ["check", "--offline", "--format", "json"]):
        said[" ".join(command)] = click.testing.CliRunner().invoke(cli.group, [*command, "--config.file", config]).output
    return said


def users(house: House) -> set[str]:
    return {dict(labels)["user"] for (name, labels) in samples_of(house.get("/metrics")) if name == "kiro_user_credits_yesterday"}


@pytest.fixture(scope="module")
def hashed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = organisation(tmp_path_factory.mktemp("hashed"))
    people = {**made.config()["people"], "team": ["file"], "sync": {"location": None}}  # type: ignore[dict-item]
    with living(made, people=people, privacy={"user_label": "hash", "hash_key": KEY}) as house:
        yield house


def test_with_hash_nothing_names_anybody(hashed: House) -> None:
    asked = {"/api/users/maryjane001"}  # what was asked may be told
    found = {where: sorted(set(_NAMED.findall(text)))[:5] for where, text in outputs(hashed).items() if where not in asked}
    assert {where: names for where, names in found.items() if names} == {}


def test_with_hash_the_key_is_shown_nowhere(hashed: House) -> None:
    assert [where for where, text in outputs(hashed).items() if KEY in text] == []


def test_with_hash_nobody_is_found_by_name(hashed: House) -> None:
    assert hashed.web.get("/api/users/maryjane001").status == 404


def test_with_hash_everybody_has_a_hash_of_their_own(hashed: House) -> None:
    assert users(hashed) == {pseudonym(name, KEY) for name in PEOPLE}


def test_with_hash_the_user_mapping_is_refused(hashed: House) -> None:
    ran = click.testing.CliRunner().invoke(cli.group, ["sync-users", "--config.file", str(hashed.organisation.folder / "config.yaml")])
    assert "keeps names and mails inside" in str(ran.exception)


@pytest.mark.parametrize(
    ("label", "wanted"),
    [
        ("name", set(PEOPLE)),
        ("email", {f"{number}@example.com" if number % 3 == 1 else name for number, name in enumerate(PEOPLE, start=1)}),
        ("id", {person_id(number) for number in range(1, COUNT + 1)}),
    ],
)
def test_the_label_is_what_was_asked_for(label: str, wanted: set[str], tmp_path: Path) -> None:
    with living(organisation(tmp_path), privacy={"user_label": label}) as house:
        listed = json.loads(house.get("/api/users/analytics?limit=1000"))["users"]
        assert (users(house), {user["user_name"] for user in listed}) == (wanted, wanted)


@pytest.mark.parametrize(
    ("privacy", "shown"),
    [({"only_teams": ["crew 003"]}, {"maryjane003"}), ({"exclude_users": PEOPLE[:3]}, set(PEOPLE[3:]))],
    ids=["only_teams", "exclude_users"],
)
def test_who_is_hidden_stands_in_no_output_and_totals_stay(privacy: dict[str, object], shown: set[str], tmp_path: Path) -> None:
    with living(organisation(tmp_path), privacy=privacy) as house:
        said = outputs(house)
        credits = sum(value for (name, _), value in samples_of(said["/metrics"]).items() if name == "kiro_user_credits_yesterday")
    hidden = set(PEOPLE) - shown
    # A row that is left out of the people file is told by what stands in it, and what was asked by what was asked.
    found = {
        where: hidden & set(re.findall(r"maryjane\d+", text)) for where, text in said.items() if where.startswith("/") and where != "/api/users/maryjane001"
    }
    assert ({where: names for where, names in found.items() if names}, credits) == ({}, sum(number + 0.5 for number in range(1, COUNT + 1)))
