"""What operators copy from the pages: it does what the page says of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import duckdb

from exporter.config import load
from exporter.engines import Statement
from exporter.engines.dialect import to_duckdb
from exporter.people import people_file
from exporter.permissions import EXPORTER, For, needed

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


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def test_the_page_names_every_other_permission() -> None:
    """But those for Athena, which the stack grants, and for Lake Formation, which is a parameter of it."""
    page = (ROOT / "docs/setup.md").read_text(encoding="utf-8").split("## What the exporter must")[1].split("## What `setup`")[0]
    others = {one.action for one in EXPORTER if one.needed_for not in (For.ATHENA, For.LAKE_FORMATION)} - {"kms:GenerateDataKey"}
    assert {action for action in others if action not in page} == set()


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
