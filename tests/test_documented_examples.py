"""What operators copy from the pages: it does what the page says of it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import click
import duckdb
import pytest
import yaml

from exporter import cli
from exporter.commands.demo import demo
from exporter.config import load
from exporter.engines import Statement
from exporter.engines.dialect import to_duckdb
from exporter.people import people_file
from exporter.permissions import EXPORTER, For, needed
from exporter.sample import Organisation

ROOT = Path(__file__).parent.parent


def block(page: str, language: str, begins: str) -> str:
    """The only example of a page in this language that begins so."""
    [found] = re.findall(rf"```{language}\n({re.escape(begins)}.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    return str(found)


# README.md and docs/setup.md


def test_the_policy_allows_what_the_config_of_the_readme_needs_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(block("README.md", "csv", "user,"), encoding="utf-8")
    (tmp_path / "config.yaml").write_text(block("README.md", "yaml", "# config.yaml"), encoding="utf-8")
    config = load(tmp_path / "config.yaml", {})
    statements = json.loads(block("docs/setup.md", "json", "{"))["Statement"]
    allowed = {(action, resource) for one in statements for action in listed(one["Action"]) for resource in listed(one["Resource"])}
    assert allowed == {(one.permission.action, one.resource) for one in needed(config)}
    assert [entry.team for entry in people_file.read(tmp_path / "people.csv").entries] == ["payments"]


def test_the_person_of_the_readme_works_in_the_demo_for_years() -> None:
    [name] = re.findall(r"/metrics \| grep (\S+)", (ROOT / "README.md").read_text(encoding="utf-8"))
    defaults = {option.name: option.default for option in demo.params}
    organisation = Organisation.generate(defaults["people"], defaults["seed"])
    assert [year for year in (2026, 2028, 2032) if name not in {one.user for one in organisation.people(date(year, 9, 1), date(year, 9, 1))}] == []


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def test_the_page_names_every_other_permission() -> None:
    """But those for Athena, which the stack grants, and for Lake Formation, which is a parameter of it."""
    page = (ROOT / "docs/setup.md").read_text(encoding="utf-8").split("## What the exporter must")[1].split("## What `setup`")[0]
    others = {one.action for one in EXPORTER if one.needed_for not in (For.ATHENA, For.LAKE_FORMATION)} - {"kms:GenerateDataKey"}
    assert {action for action in others if action not in page} == set()


# Command lines


def command_lines() -> Iterator[tuple[str, list[str]]]:
    """Where each stands, and what follows the name of the program: in shell examples, the unit of systemd, the Deployment, the image and the compose file."""
    for page in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]):
        text = page.read_text(encoding="utf-8")
        for line in re.findall(r"(?m)^(?:\$ |ExecStart=| {7})\S*aws-user-exporter (.*)$", text):
            if not line.endswith("--help"):
                yield page.name, shlex.split(line, comments=True)
    deployment, _ = yaml.safe_load_all(block("docs/operations.md", "yaml", "apiVersion"))
    yield "Deployment", deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    yield "Dockerfile", json.loads(re.findall(r"(?m)^CMD (.*)$", DOCKERFILE)[0])
    for line in re.findall(r"exec aws-user-exporter (.*)", (ROOT / "docker-compose.yml").read_text(encoding="utf-8")):
        yield "docker-compose.yml", shlex.split(line)


DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMMAND_LINES = list(command_lines())


@pytest.mark.parametrize("arguments", [line for _, line in COMMAND_LINES], ids=[f"{place}: {' '.join(line)}" for place, line in COMMAND_LINES])
def test_a_command_line_is_understood(arguments: list[str]) -> None:
    name, *rest = arguments
    context = click.Context(cli.group)
    command = cli.group.get_command(context, name)
    assert command is not None
    command.make_context(name, rest, context)


def test_command_lines_are_found() -> None:
    assert {place for place, _ in COMMAND_LINES} >= {"README.md", "setup.md", "operations.md", "Deployment", "Dockerfile", "docker-compose.yml"}


@pytest.mark.parametrize("place", ["Deployment", "Dockerfile", "docker-compose.yml"])
def test_a_container_keeps_its_store_on_the_volume(place: str) -> None:
    """A relative store.path counts from the folder of the config, which a container may only read."""
    [volume] = re.findall(r"(?m)^VOLUME (.*)$", DOCKERFILE)
    lines = [" ".join(line) for found, line in COMMAND_LINES if found == place]
    assert [line for line in lines if not re.search(rf"--(store\.path|folder)={volume}/\w+( |$)", line)] == []


# docs/runbooks

COLUMNS = "eventtime, eventsource, eventname, sourceipaddress, errorcode, recipientaccountid, account, delivered"
EVENTS = """
    ('2026-11-21T23:59:00Z', 'iam.amazonaws.com', 'CreateAccessKey', '192.0.2.1', NULL, '111122223333', '111122223333', '2026/11/22', 'NAME@example.com'),
    ('2026-11-21T10:00:00Z', 'signin.amazonaws.com', 'ConsoleLogin', '192.0.2.2', NULL, '111122223333', '111122223333', '2026/11/21', 'NAME@example.com'),
    ('2026-11-21T10:01:00Z', 'iam.amazonaws.com', 'CreateAccessKey', '192.0.2.3', NULL, '111122223333', '111122223333', '2026/11/21', 'other@example.com'),
    ('2026-11-21T10:02:00Z', 'ec2.amazonaws.com', 'DescribeInstances', '192.0.2.4', NULL, '111122223333', '111122223333', '2026/11/21', 'NAME@example.com'),
    ('2026-11-23T10:00:00Z', 'iam.amazonaws.com', 'CreateAccessKey', '192.0.2.5', NULL, '111122223333', '111122223333', '2026/11/23', 'NAME@example.com')
"""


def test_the_sql_of_a_runbook_finds_the_sensitive_events_of_a_person() -> None:
    """On the view as it stands, over a table with the columns of sql/tables/cloudtrail.sql that are asked for."""
    asked = block("docs/runbooks/AwsSensitiveEvent.md", "sql", "SELECT eventtime")
    of_table = set(re.findall(r"(?m)^  (\w+) ", (ROOT / "sql/tables/cloudtrail.sql").read_text(encoding="utf-8")))
    assert {*COLUMNS.split(", "), "useridentity"} <= of_table
    with duckdb.connect() as connection:
        connection.execute((ROOT / "sql/views/sensitive_events.sql").read_text(encoding="utf-8"))
        connection.execute(
            f"CREATE TABLE cloudtrail AS SELECT * EXCLUDE (who), {{'arn': 'arn:aws:sts::111122223333:assumed-role/Admin/' || who}} AS useridentity "
            f"FROM (VALUES {EVENTS}) AS events ({COLUMNS}, who)"
        )
        found = connection.execute(to_duckdb(Statement("runbook", asked))).fetchall()
    signed_in = "2026-11-21T10:00:00Z"
    assert [(row[0], row[1], row[6]) for row in found] == [
        (signed_in, "sign_in", "192.0.2.2"),
        (signed_in, "sign_in", "192.0.2.2"),
        ("2026-11-21T23:59:00Z", "credentials", "192.0.2.1"),
    ]
    assert {row[2] for row in found if row[0] == signed_in} == {"console_failed", "console_without_mfa"}
