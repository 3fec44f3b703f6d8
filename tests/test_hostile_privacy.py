"""Each way of naming people, over every output at once: metrics, people API, pages, errors, log lines at debug, check, backfill and the user mapping."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import click.testing
import pytest
import time_machine
from athena_on_moto import account_on_moto
from check_rig import SOURCES, checked, config_of, fill, know_no_upload, set_up
from exporter_process import samples_of
from hostile_house import House, living
from hostile_names import NAMES, NOW, Organisation, person_id
from protected import basic, hashed
from serving import Serving

from exporter import aws, cli
from exporter.checking.concealing import Concealed
from exporter.checking.findings import Status
from exporter.checking.report import document, lines
from exporter.people.privacy import pseudonym
from exporter.web.app import make_app
from exporter.web.protection import Protection

COUNT = len(NAMES)
REACHING_AWS = aws.client
PEOPLE = [f"maryjane{number:03}" for number in range(1, COUNT + 1)]
"""Names that nothing else can hold by accident."""
KEY = "pepper-and-salt"
PAGES = (
    "/metrics",
    "/",
    "/docs",
    "/-/healthy",
    "/-/ready",
    "/api/openapi.json",
    "/api/users/analytics?limit=1000",
    "/api/users/top-by-usage",
    "/api/users/top-by-cost",
    "/api/users/inactive?days=1",
)
ERRORS = {
    "/no-such-page": ("GET", 404),
    "/api/no-such-page": ("GET", 404),
    "/api/users/nobody": ("GET", 404),
    "/api/users/inactive?days=x": ("GET", 422),
    "/api/users/top-by-usage?limit=x": ("GET", 422),
    "/metrics": ("POST", 405),
}
RELOADED = (
    ("config.yaml", None, 200),
    ("config.yaml", "people: [maryjane001, {maryjane002: x}]", 500),
    ("people.csv", "user,team\nmaryjane001,x\nMARYJANE001,y\n,z\n", 200),
    ("people.csv", "maryjane001,x\nmaryjane002,y\n", 500),
    ("people.csv", "maryjane001,maryjane001\n", 500),
    ("people.csv", 'user\n"maryjane001\n', 500),
)
"""Files with which a reload is asked for, and the answer's status: rows that are left out, no head, twice the same one, a quote that is not closed."""
_NAMED = re.compile(r"maryjane\d+|\d+@example\.com|00000000-0000-4000-8000-[0-9a-f]{12}")


def organisation(folder: Path) -> Organisation:
    """Two rows of the people file are wrong."""
    made = Organisation(folder, PEOPLE, [f"value-{number}" for number in range(COUNT)], plain=True).write()
    file = folder / "people.csv"
    file.write_text(f"{file.read_text()}MARYJANE003,x,x,x,\n,x,x,x,maryjane001\n")
    return made


def outputs(house: House) -> dict[str, str]:
    """Everything that is said, by where. What was asked of an error, it may tell."""
    said = {path: house.get(path) for path in PAGES}
    said |= {f"{status} {method} {path}": _refused(house, method, path, status) for path, (method, status) in ERRORS.items()}
    said |= {f"reload with {what}": answer for what, answer in _reloaded(house)}
    said |= {f"protected {where}": text for where, text in _protected(house)}
    said["/api/users/maryjane001"] = house.web.get("/api/users/maryjane001").text
    said["log"] = house.logged.text + house.logged.json.getvalue()
    return said | dict(_commands(house))


def _refused(house: House, method: str, path: str, status: int) -> str:
    answer = house.web.request(method, path, Content_Length="0")
    assert answer.status == status, (path, answer.status, answer.text)
    return f"{answer.headers}{answer.text}"


def _reloaded(house: House) -> Iterator[tuple[str, str]]:
    """Answers to a reload with files that are as they should be, and that are not."""
    for name, text, status in RELOADED:
        file = house.organisation.folder / name
        before = file.read_text()
        file.write_text(text or before)
        answer = house.web.request("POST", "/-/reload", Content_Length="0")
        file.write_text(before)
        assert answer.status == status, (name, text, answer.text)
        yield f"{name} {text}", answer.text
    assert house.web.request("POST", "/-/reload", Content_Length="0").status == 200


def _protected(house: House) -> Iterator[tuple[str, str]]:
    """Every page behind a user and a password, and what is said to who has none."""
    file = house.organisation.folder / "web.yml"
    file.write_text(f"basic_auth_users: {{scraper: '{hashed('secret-of-the-scraper')}'}}\n")
    with Serving(make_app(house.service, Protection(file, {}, house.telemetry))) as web:
        for path in PAGES:
            answers = {401: web.get(path), 200: web.get(path, Authorization=basic("scraper", "secret-of-the-scraper"))}
            assert {status: answer.status for status, answer in answers.items()} == {401: 401, 200: 200}, path
            yield from ((f"{status} {path}", f"{answer.headers}{answer.text}") for status, answer in answers.items())


def _commands(house: House) -> Iterator[tuple[str, str]]:
    """What commands print and log, and the files of history."""
    folder = house.organisation.folder
    debug = ["--config.file", str(folder / "config.yaml"), "--log.level", "debug"]
    history = folder / "history"
    given = ["--output", str(history), "--instance", "exporter:10821", "--breakdowns", "--restart"]
    for command in (["check", "--offline"], ["check", "--offline", "--format", "json"], ["backfill", *given]):
        # The newest day that Prometheus takes is the one before yesterday.
        with time_machine.travel(NOW + timedelta(days=2 if command[0] == "backfill" else 0), tick=True):
            ran = click.testing.CliRunner().invoke(cli.group, [*command, *debug])
        assert ran.exception is None, (command, ran.exception)
        yield " ".join(command[:3]), ran.output
    files = [file for file in history.rglob("*") if file.is_file()]
    assert len(files) == 2, files
    yield from ((f"backfill {file.name}", file.read_text()) for file in files)


def users(house: House) -> set[str]:
    return {dict(labels)["user"] for (name, labels) in samples_of(house.get("/metrics")) if name == "kiro_user_credits_yesterday"}


@pytest.fixture(scope="module")
def said(hidden: House) -> dict[str, str]:
    return outputs(hidden)


@pytest.fixture(scope="module")
def hidden(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = organisation(tmp_path_factory.mktemp("hashed"))
    people = {**made.config()["people"], "team": ["file"], "sync": {"location": None}}  # type: ignore[dict-item]
    with living(made, people=people, privacy={"user_label": "hash", "hash_key": KEY}) as house:
        yield house


def test_with_hash_nothing_names_anybody(said: dict[str, str]) -> None:
    asked = {"/api/users/maryjane001"}  # what was asked may be told
    found = {where: sorted(set(_NAMED.findall(text)))[:5] for where, text in said.items() if where not in asked}
    assert {where: names for where, names in found.items() if names} == {}


def test_with_hash_the_key_is_shown_nowhere(said: dict[str, str]) -> None:
    assert [where for where, text in said.items() if KEY in text] == []


def test_with_hash_nobody_is_found_by_name(hidden: House) -> None:
    assert hidden.web.get("/api/users/maryjane001").status == 404


def test_with_hash_everybody_has_a_hash_of_their_own(hidden: House) -> None:
    assert users(hidden) == {pseudonym(name, KEY) for name in PEOPLE}


@pytest.mark.parametrize("format", ["text", "json"])
def test_with_hash_check_of_an_account_names_nobody(hidden: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str) -> None:
    """moto stands for AWS; its directory lists people of the people file, and people whom nobody else knows."""
    know_no_upload(monkeypatch)
    monkeypatch.setattr(aws, "client", REACHING_AWS)
    shutil.copytree(hidden.organisation.folder, tmp_path / "copy")
    with time_machine.travel(NOW, tick=True), account_on_moto(monkeypatch) as account:
        fill(account)
        store = account.open("sso-admin").list_instances()["Instances"][0]["IdentityStoreId"]
        for name in ("maryjane003", "maryjane777"):
            account.open("identitystore").create_user(IdentityStoreId=store, UserName=name, DisplayName=name, Name={"GivenName": name, "FamilyName": name})
        people, privacy = hidden.organisation.config()["people"], {"user_label": "hash", "hash_key": KEY}
        config = config_of(
            account,
            tmp_path / "copy",
            {**SOURCES, "cost_explorer": {}},
            people={**people, "file": str(tmp_path / "copy/people.csv"), "sync": {}},
            privacy=privacy,
            bill="cur",
        )  # type: ignore[dict-item]
        set_up(account, config)
        findings = checked(account, config, spend=True)
    said = document(findings, Concealed({}), NOW, 0) if format == "json" else "\n".join(line.text for line in lines(findings, Concealed({})))
    assert {finding.about for finding in findings if finding.status is Status.OK} >= {"identity_center", "cloudtrail", "cur"}
    assert (sorted(set(_NAMED.findall(said))), KEY in said) == ([], False)


def test_with_hash_the_user_mapping_is_refused(hidden: House) -> None:
    ran = click.testing.CliRunner().invoke(cli.group, ["sync-users", "--config.file", str(hidden.organisation.folder / "config.yaml")])
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
