"""What operators copy from the pages: it does what the page says of it."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb

from exporter.engines import Statement
from exporter.engines.dialect import to_duckdb

ROOT = Path(__file__).parent.parent


def block(page: str, language: str, begins: str) -> str:
    """The only example of a page in this language that begins so."""
    [found] = re.findall(rf"```{language}\n({re.escape(begins)}.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    return str(found)


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
