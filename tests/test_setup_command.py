"""The command `setup` as an operator sees it: what it prints, asks and refuses."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import sqlglot
from athena_on_moto import AccountOnMoto, account_on_moto

from exporter import cli
from exporter.commands import setup as command
from exporter.setup import Installation

CONFIG = """engine: athena
athena: {workgroup: people}
sources: {cloudtrail: {location: "s3://acme-trail/logs/", accounts: ["111122223333", "444455556666"]}}
"""


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[AccountOnMoto]:
    with account_on_moto(monkeypatch) as found:
        found.make_workgroup("people")
        found.put("acme-trail", "logs/AWSLogs/111122223333/CloudTrail/us-east-1/2026/09/01/x.json.gz")
        monkeypatch.setattr(command, "Installation", partial(Installation, client=found.client, poll_seconds=0.001))
        yield found


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text(CONFIG)
    return tmp_path / "config.yaml"


def setup(config: Path, *arguments: str) -> int:
    return cli.main(["setup", "--config.file", str(config), *arguments])


def test_it_tells_each_step_and_what_it_changed(account: AccountOnMoto, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    account.answers = {"cloudtrail": "2026-09-01T10:00:00Z"}
    assert setup(config) == 0
    assert capsys.readouterr().out.splitlines() == [
        "verified   workgroup people (results in s3://acme-results/results/)",
        "made       database aws_user_exporter",
        "made       table cloudtrail",
        "made       view sensitive_events",
        "verified   query of cloudtrail (newest: 2026-09-01T10:00:00Z)",
        "verified   query of sensitive_events (it can be read and has no rows yet)",
        "Done: 3 made, 3 verified.",
    ]


def test_what_was_done_is_told_when_it_breaks_off(account: AccountOnMoto, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    account.breaks_at = "VIEW sensitive_events"
    assert setup(config) == 1
    told = capsys.readouterr()
    assert told.out.splitlines()[-1] == "made       table cloudtrail"
    assert "aws-user-exporter: view sensitive_events: " in told.err
    assert told.err.endswith("run setup again when this is mended, and it goes on from here.\n")


def test_a_dry_run_prints_sql_that_can_be_run(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert setup(config, "--dry-run", "--stack") == 0
    printed = capsys.readouterr().out
    made = [statement for statement in sqlglot.parse(printed, read="athena") if statement is not None]
    assert [statement.key for statement in made] == ["create", "create", "create", "select", "select"]
    assert "'projection.account.values' = '111122223333,444455556666'" in printed
    assert "--   WorkGroup: AWS::Athena::WorkGroup\n" in printed
    assert "--   SourceObjectArns = arn:aws:s3:::acme-trail/logs/*\n" in printed


def test_a_dry_run_of_teardown_prints_what_it_would_drop(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert setup(config, "--dry-run", "--teardown") == 0
    dropped = [line for line in capsys.readouterr().out.splitlines() if line.startswith("DROP")]
    assert dropped == ["DROP VIEW IF EXISTS sensitive_events;", "DROP TABLE IF EXISTS cloudtrail;", "DROP DATABASE IF EXISTS `aws_user_exporter`;"]


def test_nothing_is_dropped_without_asking(account: AccountOnMoto, config: Path) -> None:
    assert setup(config) == 0
    assert setup(config, "--teardown") != 0  # nobody answers
    assert set(account.tables()) == {"cloudtrail", "sensitive_events"}


def test_teardown_tells_what_it_dropped(account: AccountOnMoto, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    setup(config)
    capsys.readouterr()
    assert setup(config, "--teardown", "--yes") == 0
    assert capsys.readouterr().out.splitlines() == [
        "dropped    view sensitive_events",
        "dropped    table cloudtrail",
        "dropped    database aws_user_exporter",
        "Done: 3 dropped.",
    ]


def test_a_parameter_of_the_stack_without_a_value_is_refused(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert setup(config, "--stack", "--stack-parameter", "LakeFormation") == 2
    assert "write NAME=VALUE" in capsys.readouterr().err
