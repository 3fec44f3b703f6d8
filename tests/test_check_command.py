"""The command `check`, as it is called: exit codes, both formats, what it shows of names and secrets, and that it disturbs nobody."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from exporter_process import ExporterProcess
from facts_in_memory import Used, rows_of

from exporter import cli
from exporter.checking.concealing import Concealed
from exporter.checking.findings import Finding, Status, exit_code, statement
from exporter.checking.report import lines
from exporter.facts.store import Store
from exporter.model import FactBatch
from exporter.sample import Organisation, write

TODAY = datetime.now(UTC).date()
KIRO = {"kiro_credits": {"location": "data"}}
IDS = [f"{number:08x}-0000-4000-8000-000000000001" for number in range(7)]
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["version", "checked", "exit_code", "counts", "findings"],
    "properties": {
        "version": {"const": 1},
        "checked": {"type": "string", "format": "date-time"},
        "exit_code": {"enum": [0, 1, 2]},
        "counts": {"type": "object", "required": ["ok", "warning", "failed", "not tried"], "additionalProperties": {"type": "integer"}},
        "findings": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["about", "topic", "status", "text", "todo", "policy", "values"],
                "properties": {
                    "about": {"type": "string"},
                    "topic": {"type": "string"},
                    "status": {"enum": ["ok", "warning", "failed", "not tried"]},
                    "text": {"type": "string"},
                    "todo": {"type": "string"},
                    "policy": {"type": "string"},
                    "values": {"type": "object", "additionalProperties": {"type": ["string", "number", "null"]}},
                },
            },
        },
    },
}


@pytest.fixture
def check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Writes a config, calls the command and returns exit code and what it printed."""

    def call(config: Mapping[str, Any] | str, *arguments: str) -> tuple[int, str]:
        text = config if isinstance(config, str) else yaml.safe_dump({"engine": "duckdb", "store": {"path": "state"}, **config})
        (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
        code = cli.main(["check", "--config.file", str(tmp_path / "config.yaml"), *arguments])
        return code, capsys.readouterr().out

    return call


@pytest.fixture
def no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_arguments: object, **_more: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refused)
    monkeypatch.setattr(socket, "create_connection", refused)


def people_file(folder: Path, *rows: str, header: str = "user,email,team,aliases") -> None:
    (folder / "people.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


def store_use(folder: Path, mails: Mapping[str, str | None]) -> None:
    """A store in which somebody used Kiro yesterday, by id."""
    day = TODAY - timedelta(days=1)
    store = Store.open(folder / "state")
    store.replace(FactBatch("kiro_credits", (day,), rows_of([Used(day, identity, 5, mail=mail) for identity, mail in mails.items()])))
    store.close()


# The config alone


@pytest.mark.usefixtures("no_socket")
def test_offline_opens_no_socket(check: Callable[..., tuple[int, str]]) -> None:
    everything = {"kiro_credits": {"location": "s3://acme-kiro/"}, "cloudtrail": {"location": "s3://acme-trail/"}, "cost_explorer": {}, "identity_center": {}}
    code, told = check({"engine": "athena", "sources": everything}, "--offline")
    assert (code, told.splitlines()[-1]) == (0, "1 ok")


def test_offline_looks_at_no_folder(check: Callable[..., tuple[int, str]]) -> None:
    assert check({"sources": KIRO}, "--offline")[0] == 0
    assert check({"sources": KIRO})[0] == 1


def test_every_mistake_of_a_config_is_told(check: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    code, told = check("engine: duck\nsources:\n  cloudtrail: {location: data, shedule: 1h}\n")
    assert code == 2
    assert f"failed     config       {tmp_path}/config.yaml:1: engine: expected duckdb or athena, got 'duck'" in told
    assert "sources.cloudtrail.shedule: unknown key, did you mean schedule?" in told


@pytest.mark.parametrize(
    ("sections", "sentence"),
    [
        ({"windows": {"aws_user_evnts": []}}, "windows.aws_user_evnts: there is no such family or group"),
        ({"people": {"patterns": {"service_user": ["(?=x)"]}}, "sources": {"cloudtrail": {"location": "data"}}}, "is no pattern that the engine knows"),
    ],
)
def test_mistakes_that_only_the_service_knows_are_told(sections: dict[str, Any], sentence: str, check: Callable[..., tuple[int, str]]) -> None:
    code, told = check({"sources": KIRO, **sections}, "--offline")
    assert code == 2
    assert sentence in told


def test_a_bill_that_pays_for_nobody_is_told(check: Callable[..., tuple[int, str]]) -> None:
    _, told = check({"sources": {"cur": {"location": "data"}, "cost_explorer": {}}, "bill": "cur"}, "--offline")
    assert "warning    config       sources.cost_explorer is read and pays for nobody, because bill is cur" in told
    assert "remove sources.cost_explorer: each of its requests costs 0.01 USD" in told


@pytest.mark.parametrize(
    ("providers", "warned"),
    [
        ([], "neither sources.identity_center nor people.patterns.human_identity_providers is set"),
        (["arn:aws:iam::1:oidc-provider/token.actions.githubusercontent.com"], "human_identity_providers[0]"),
        (["arn:aws:iam::1:saml-provider/okta"], None),
    ],
)
def test_providers_of_programs_and_no_provider_at_all_are_told(providers: list[str], warned: str | None, check: Callable[..., tuple[int, str]]) -> None:
    config = {"sources": {"cloudtrail": {"location": "data"}}, "people": {"patterns": {"human_identity_providers": providers}}}
    _, told = check(config, "--offline")
    assert warned in told if warned else "warning" not in told


def test_strict_makes_warnings_count(check: Callable[..., tuple[int, str]]) -> None:
    config = {"sources": {"cloudtrail": {"location": "data"}}}
    assert check(config, "--offline")[0] == 0
    assert check(config, "--offline", "--strict")[0] == 1


# The people file


def test_columns_rows_and_spellings_of_the_people_file_are_told(check: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    people_file(tmp_path, "alice,a@example.com,pay,al,x", "ALICE,,,,x", "bob,,,al,x", ",,,,x", header="user,email,team,aliases,hat")
    _, told = check({"sources": KIRO, "people": {"file": "people.csv"}}, "--offline")
    assert "columns that mean nothing here: hat" in told
    assert "line 3 is left out: 'ALICE' stands in the file twice; the first one counts" in told
    assert "line 5 is left out: the row names no user" in told
    assert "1 names, mails or aliases stand with more than one person: al" in told


def test_a_people_file_that_is_not_there_fails(check: Callable[..., tuple[int, str]]) -> None:
    code, told = check({"sources": KIRO, "people": {"file": "people.csv"}}, "--offline")
    assert (code, "failed     people file" in told) == (1, True)


# People of the store


def test_people_are_matched_and_unmatched(check: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    people_file(tmp_path, f"alice,,pay,{IDS[0]}", "bob,bob@example.com,pay,")
    store_use(tmp_path, {IDS[0]: None, IDS[1]: "bob@example.com", IDS[2]: "carol@example.com"})
    _, told = check({"sources": KIRO, "people": {"file": "people.csv"}})
    assert "ok         people       2 people are known by directory or people file" in told
    assert "kiro_credits: 2 of 3 identities belong to somebody known" in told
    assert "1 people match nobody and stand under the name by which AWS knows them, such as carol@example.com" in told


def test_five_names_are_shown_at_most(check: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    store_use(tmp_path, {identity: f"user{number}@example.com" for number, identity in enumerate(IDS)})
    _, told = check({"sources": KIRO})
    assert sum(f"user{number}@example.com" in told for number in range(len(IDS))) == 5


def test_with_hash_no_name_is_shown(check: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    people_file(tmp_path, "alice,alice@example.com,pay,zulu", "alice,,,", "bob,,,zulu", header="user,email,team,aliases")
    store_use(tmp_path, {IDS[0]: "alice@example.com", IDS[1]: "carol@example.com"})
    config = {"sources": KIRO, "people": {"file": "people.csv"}, "privacy": {"user_label": "hash", "hash_key": "k", "exclude_users": ["dave"]}}
    for form in ("text", "json"):
        _, told = check(config, "--format", form)
        assert "1 people match nobody" in told
        assert not [name for name in ("alice", "bob", "carol", "dave", "zulu", IDS[0], IDS[1]) if name in told]


def test_names_of_people_who_are_hidden_are_not_shown(check: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    store_use(tmp_path, {IDS[0]: "carol@example.com"})
    _, told = check({"sources": KIRO, "privacy": {"exclude_users": ["carol@example.com", "nobody"]}})
    assert "carol@example.com" not in told
    assert "privacy.exclude_users[1] names nobody who is known" in told


def test_names_cannot_steer_the_terminal(check: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    people_file(tmp_path, "x,,,", header="user,email,team,\x1b[31mal\u202eiases")
    store_use(tmp_path, {IDS[0]: "e\x1b[2Jvil\u202e[bold]@example.com"})
    for form in ("text", "json"):
        _, told = check({"sources": KIRO, "people": {"file": "people.csv"}}, "--format", form)
        assert "vil" in told
        assert all(character.isprintable() or character == "\n" for character in told)
        assert "[bold]" in told


def test_owners_and_teams_that_are_nobodys_are_told(check: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    people_file(tmp_path, "alice,,pay,")
    store_use(tmp_path, {IDS[0]: None})
    config = {"people": {"file": "people.csv"}, "attribution": {"account_owners": {"111122223333": "alcie"}}, "budgets": {"teams": {"pya": 5}}}
    _, told = check({"sources": KIRO, **config})
    assert "attribution.account_owners names nobody who is known for 111122223333" in told
    assert "budgets.teams has pya, and nobody is in it" in told


# Beside a running exporter


def test_it_works_while_the_exporter_runs(check: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    yesterday = TODAY - timedelta(days=1)
    write(Organisation.generate(20, 1), tmp_path / "data", yesterday - timedelta(days=2), yesterday)
    config = {"sources": KIRO, "people": {"file": "data/people.csv"}}
    with ExporterProcess(tmp_path, {"engine": "duckdb", "store": {"path": "state"}, **config}) as running:
        running.wait_until_refreshed("kiro_credits")
        running.wait_until_ready()
        before = {path: path.stat().st_mtime_ns for path in (tmp_path / "state").rglob("*") if path.is_file()}
        code, told = check(config)
        after = {path: path.stat().st_mtime_ns for path in (tmp_path / "state").rglob("*") if path.is_file()}
        page = running.get("/").text
    assert code == 0
    told_day = re.search(rf"newest day   (\S+) in the store, refreshed {TODAY}", told)
    assert told_day, told
    assert told_day[1] in page, "the exporter says the same"
    assert after == before


def test_a_store_of_a_newer_version_is_told(check: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    store_use(tmp_path, {IDS[0]: None})
    (tmp_path / "state" / "version").write_text("99\n")
    code, told = check({"sources": KIRO})
    assert (code, "was written by a newer version of this exporter" in told) == (1, True)


def test_a_damaged_file_of_the_store_is_told_and_stays(check: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    store_use(tmp_path, {IDS[0]: None})
    (file,) = (tmp_path / "state" / "facts").rglob("*.parquet")
    file.write_bytes(b"broken")
    _, told = check({"sources": KIRO})
    assert f"1 files cannot be read, such as {file}" in told
    assert file.read_bytes() == b"broken"


# Secrets


def test_values_from_the_environment_are_not_shown(check: Callable[..., tuple[int, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPORTS", "quiet-place")
    monkeypatch.setenv("KEY", "hush-hush")
    privacy = {"user_label": "hash", "hash_key": "${KEY}"}
    for form in ("text", "json"):
        _, told = check({"sources": {"kiro_credits": {"location": "${REPORTS}"}}, "privacy": privacy}, "--format", form)
        assert not [value for value in ("quiet-place", "hush-hush") if value in told]
        assert "${REPORTS}" in told


@pytest.mark.parametrize(
    ("value", "text", "shown"),
    [
        ("s3://quiet/place/", "arn:aws:s3:::quiet/place/*", "arn:aws:s3:::${X}/*"),
        ("s3://quiet/place/", "arn:aws:s3:::quiet", "arn:aws:s3:::${X}"),
        ("on", "on one connection", "${X} one connection"),
        ("30", "30 files", "30 files"),
        ("111122223333", "arn:aws:iam::111122223333:role/x", "arn:aws:iam::${X}:role/x"),
        ("longer-than-a-word", "xlonger-than-a-wordx", "x${X}x"),
    ],
)
def test_what_is_concealed(value: str, text: str, shown: str) -> None:
    assert Concealed({"X": value}).out_of(text) == shown


# The report


@pytest.mark.parametrize("config", [{"sources": KIRO}, "engine: duck\n"])
def test_the_json_is_as_promised(config: Mapping[str, Any] | str, check: Callable[..., tuple[int, str]]) -> None:
    code, told = check(config, "--format", "json")
    document = json.loads(told)
    jsonschema.validate(document, SCHEMA)
    assert (document["exit_code"], sum(document["counts"].values())) == (code, len(document["findings"]))


def test_permissions_that_are_there_stand_on_one_line() -> None:
    def permission(status: Status, action: str) -> Finding:
        return Finding(
            "cur", "permission", status, f"about {action}", policy=statement(action, ["*"]) if status is Status.FAILED else "", values={"action": action}
        )

    found = [permission(Status.OK, "s3:ListBucket"), permission(Status.OK, "s3:GetObject"), permission(Status.FAILED, "glue:GetTable")]
    assert [line.text for line in lines(found, Concealed({}))] == [
        "cur",
        "  ok         permission   s3:ListBucket, s3:GetObject",
        "  failed     permission   about glue:GetTable",
        '                          {"Effect": "Allow", "Action": "glue:GetTable", "Resource": "*"}',
        "2 ok, 1 failed",
    ]


@pytest.mark.parametrize(
    ("statuses", "strict", "code"),
    [
        ([Status.OK, Status.UNTRIED], True, 0),
        ([Status.OK, Status.WARNING], False, 0),
        ([Status.OK, Status.WARNING], True, 1),
        ([Status.WARNING, Status.FAILED], False, 1),
    ],
)
def test_exit_codes(statuses: list[Status], strict: bool, code: int) -> None:
    assert exit_code([Finding("cur", "location", status, "") for status in statuses], strict) == code
