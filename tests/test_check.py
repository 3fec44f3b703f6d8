"""`check` on moto: green after setup, and what it says of each thing that is wrong."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from athena_on_moto import AccountOnMoto, account_on_moto, account_on_motos_server
from check_rig import CALLER, NOW, ROLE, SOURCES, checked, config_of, fill, know_no_upload, set_up, those

from exporter.checking import Finding, Status, exit_code
from exporter.checking.tables import view_text
from exporter.config import Config
from exporter.permissions import EXPORTER, For

SYNC = {"people": {"sync": {"location": "s3://acme-mapping/m/"}}}
BILL = {"cost_explorer": {"max_requests_per_day": 20}}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[AccountOnMoto]:
    know_no_upload(monkeypatch)
    with time_machine.travel(NOW, tick=True), account_on_moto(monkeypatch) as found:
        fill(found)
        yield found


@pytest.fixture
def config(account: AccountOnMoto, tmp_path: Path) -> Config:
    """Everything is there that it asks for."""
    found = config_of(account, tmp_path, **SYNC)
    set_up(account, found)
    account.statements.clear()
    return found


def about(findings: list[Finding], name: str, topic: str) -> list[Finding]:
    return [finding for finding in findings if (finding.about, finding.topic) == (name, topic)]


def failures(findings: list[Finding]) -> list[str]:
    return [finding.text for finding in those(findings, Status.FAILED)]


# From nothing to green


def test_after_setup_nothing_is_wrong(account: AccountOnMoto, config: Config) -> None:
    found = checked(account, config)
    assert those(found, Status.FAILED, Status.WARNING) == []
    assert exit_code(found, strict=True) == 0


@pytest.mark.filterwarnings("ignore:Tried to parse AWS")
def test_over_the_network_an_empty_account_becomes_green(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    know_no_upload(monkeypatch)
    with time_machine.travel(NOW, tick=True), account_on_motos_server(monkeypatch) as account:
        fill(account)
        config = config_of(account, tmp_path, **SYNC)
        assert exit_code(checked(account, config)) == 1
        set_up(account, config)
        found = checked(account, config)
    assert those(found, Status.FAILED, Status.WARNING) == []


def test_before_setup_it_says_to_run_it(account: AccountOnMoto, tmp_path: Path) -> None:
    found = checked(account, config_of(account, tmp_path))
    (failed,) = those(found, Status.FAILED)
    assert (failed.text, failed.todo) == ("there is no database aws_user_exporter", "run setup, or correct athena.database")


def test_every_permission_was_really_tried(account: AccountOnMoto, config: Config) -> None:
    tried = {finding.values["action"] for finding in those(checked(account, config), Status.OK) if finding.topic == "permission"}
    conditional = {permission.action for permission in EXPORTER if permission.needed_for in (For.ENCRYPTED, For.LAKE_FORMATION, For.COST_EXPLORER)}
    # moto keeps no result object, and answers as S3 does where one is not there.
    assert tried == {permission.action for permission in EXPORTER} - conditional


def test_nothing_is_written(account: AccountOnMoto, config: Config) -> None:
    client = account.open("s3")

    def objects() -> list[tuple[str, str]]:
        names = [bucket["Name"] for bucket in client.list_buckets()["Buckets"] if bucket["Name"] != "acme-results"]
        return [(name, found["Key"]) for name in names for found in client.list_objects_v2(Bucket=name).get("Contents", ())]

    before = objects()
    checked(account, config)
    assert objects() == before
    assert not config.store.path.exists()
    assert all(sql.startswith("SELECT") for sql in account.statements)


# Whose credentials


def test_credentials_are_told_for_each_source(account: AccountOnMoto, config: Config) -> None:
    found = checked(account, config)
    assert about(found, "cloudtrail", "credentials")[0].values == {"account": "123456789012", "arn": CALLER, "region": "us-east-1"}
    assert "assumed-role/reader/aws-user-exporter" in about(found, "identity_center", "credentials")[0].text


def test_where_queries_run_as_somebody_else_both_are_told(account: AccountOnMoto, tmp_path: Path) -> None:
    config = config_of(account, tmp_path, {"cloudtrail": SOURCES["cloudtrail"]}, athena={"aws": {"role_arn": ROLE}})
    told = [finding.text for finding in about(checked(account, config), "cloudtrail", "credentials")]
    assert told[0].startswith(CALLER)
    assert told[1].startswith("queries run as arn:aws:sts::123456789012:assumed-role/reader/")


# What is not there


def test_a_bucket_that_is_not_there_is_told(account: AccountOnMoto, tmp_path: Path) -> None:
    found = checked(account, config_of(account, tmp_path, {"cloudtrail": {"location": "s3://acme-gone/logs/", "engine": "duckdb"}}))
    assert "arn:aws:s3:::acme-gone does not exist; correct the bucket in the location." in failures(found)


def test_a_location_inside_awslogs_is_told(account: AccountOnMoto, tmp_path: Path) -> None:
    found = checked(account, config_of(account, tmp_path, {"cloudtrail": {"location": "s3://acme-trail/logs/AWSLogs/o-abcdefghij/", "engine": "duckdb"}}))
    assert about(found, "cloudtrail", "location")[0].text.endswith("lies inside an AWSLogs folder; set location to the folder above AWSLogs.")


def test_files_that_stopped_coming_are_told(account: AccountOnMoto, config: Config) -> None:
    with time_machine.travel(NOW + timedelta(days=10), tick=True):
        from exporter.checking import Choices, inspect

        found = list(inspect(config, Choices(), account.client, lambda: NOW + timedelta(days=10), poll_seconds=0.01))
    (told,) = about(found, "cloudtrail", "newest_day")
    assert (told.status, told.text) == (Status.WARNING, "nothing was delivered after 2026-11-21")


@pytest.mark.parametrize("name", ["cloudtrail", "kiro_user_report"])
def test_a_missing_table_is_named(name: str, account: AccountOnMoto, config: Config) -> None:
    account.open("glue").delete_table(DatabaseName="aws_user_exporter", Name=name)
    (failed,) = those(checked(account, config), Status.FAILED)
    assert failed.text.endswith(f" {name}")
    assert failed.todo == "run setup"


def test_columns_that_are_missing_are_named(account: AccountOnMoto, config: Config) -> None:
    _without_columns(account, "cur", "line_item_iam_principal", "line_item_unblended_cost")
    (failed,) = those(checked(account, config), Status.FAILED)
    assert failed.text == "table cur lacks line_item_unblended_cost, line_item_iam_principal"


def test_a_table_of_the_config_is_looked_at(account: AccountOnMoto, tmp_path: Path) -> None:
    _without_columns(account, "bill", "line_item_iam_principal", made_from=config_of(account, tmp_path))
    sources = {"cur": {**SOURCES["cur"], "table": "aws_user_exporter.bill"}}
    (failed,) = those(checked(account, config_of(account, tmp_path, sources)), Status.FAILED)
    assert failed.text == "the table aws_user_exporter.bill lacks line_item_iam_principal, which an export can leave out"
    assert "cur_completed" in failed.todo


def test_a_view_that_gives_null_for_what_is_there_by_now_is_out_of_date(account: AccountOnMoto, tmp_path: Path) -> None:
    _without_columns(account, "bill", "tags", made_from=config_of(account, tmp_path))
    nulled = 'CAST(NULL AS VARCHAR) AS "line_item_iam_principal", CAST(NULL AS MAP(VARCHAR, VARCHAR)) AS "tags"'
    sql = f'SELECT "line_item_usage_account_id", {nulled}\nFROM "aws_user_exporter"."bill"'
    packed = base64.b64encode(json.dumps({"originalSql": sql}).encode()).decode()
    table = account.tables()["cur"]
    made = {"Name": "cur_completed", "TableType": "VIRTUAL_VIEW", "ViewOriginalText": f"/* Presto View: {packed} */"}
    columns = {"StorageDescriptor": table["StorageDescriptor"], "PartitionKeys": table["PartitionKeys"]}
    account.open("glue").create_table(DatabaseName="aws_user_exporter", TableInput={**made, **columns})
    found = checked(account, config_of(account, tmp_path, {"cur": {**SOURCES["cur"], "table": "cur_completed"}}))
    (told,) = those(found, Status.WARNING)
    # `tags` are not in the table below either.
    assert told.text == "the view cur_completed is out of date: aws_user_exporter.bill has line_item_iam_principal by now, and the view gives NULL"


@pytest.mark.parametrize("original", ["/* Presto View */", "/* Presto View: bm90IGpzb24= */"])
def test_a_view_whose_text_cannot_be_read_is_no_mistake(original: str) -> None:
    assert "FROM" not in view_text(original)


def test_new_accounts_that_the_table_does_not_know_are_told(account: AccountOnMoto, config: Config) -> None:
    account.put("acme-trail", "logs/AWSLogs/o-abcdefghij/777788889999/CloudTrail/us-east-1/2026/11/21/1.json.gz")
    (told,) = those(checked(account, config), Status.WARNING)
    assert told.text.startswith("table cloudtrail was made from another definition")
    assert told.todo.startswith("run setup")


@pytest.mark.parametrize(
    ("workgroup", "sentence"),
    [("absent", "there is no Athena workgroup absent"), ("bare", "the Athena workgroup bare has no place for results")],
)
def test_a_workgroup_that_cannot_run_queries_is_told(workgroup: str, sentence: str, account: AccountOnMoto, config: Config, tmp_path: Path) -> None:
    account.make_workgroup("bare", None)
    found = checked(account, config_of(account, tmp_path, athena={"workgroup": workgroup}))
    assert any(text.startswith(sentence) for text in failures(found))


def test_a_query_that_fails_is_told_in_the_words_of_athena(account: AccountOnMoto, config: Config) -> None:
    account.breaks_at = "FROM cur"
    (failed,) = those(checked(account, config), Status.FAILED)
    assert (failed.topic, failed.text.partition(":")[0]) == ("query", "query of cur")


# Cost Explorer


class Bill:
    """Answers with so many values of a tag, at once or with more pages to come."""

    def __init__(self, account: AccountOnMoto, values: int, more: bool = False) -> None:
        self.asked: list[dict[str, Any]] = []
        self._account, self._values, self._more = account, values, more

    def client(self, reach: Any, service: str) -> Any:
        return self if service == "ce" else self._account.client(reach, service)

    def get_cost_and_usage(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        groups = [{"Keys": [f"Owner${number or ''}"]} for number in range(self._values + 1)]
        return {"ResultsByTime": [{"Groups": groups}], **({"NextPageToken": "more"} if self._more else {})}


def test_cost_explorer_is_not_asked_unless_money_may_be_spent(account: AccountOnMoto, tmp_path: Path) -> None:
    bill = Bill(account, 1)
    found = checked(account, config_of(account, tmp_path, BILL), bill.client)
    assert bill.asked == []
    assert [finding.text for finding in those(found, Status.UNTRIED) if finding.topic == "permission"] == [
        "ce:GetCostAndUsage on *: each request costs 0.01 USD; --spend has one sent"
    ]


@pytest.mark.parametrize(("values", "more", "warned"), [(500, False, False), (501, False, True), (100, True, True)])
def test_more_tag_values_than_are_reasonable_are_told(values: int, more: bool, warned: bool, account: AccountOnMoto, tmp_path: Path) -> None:
    bill = Bill(account, values, more)
    found = checked(account, config_of(account, tmp_path, BILL), bill.client, spend=True)
    told = [finding for finding in those(found, Status.WARNING) if finding.topic == "cost"]
    assert [finding.todo for finding in told] == (["use the source cur, an export of CUR 2.0, instead"] if warned else [])
    assert len(bill.asked) == 2


# Rigs


def _without_columns(account: AccountOnMoto, name: str, *left_out: str, made_from: Config | None = None) -> None:
    """Takes columns out of the table of the bill, or makes another table without them."""
    if made_from is not None:
        set_up(account, made_from)
    glue, table = account.open("glue"), account.tables()["cur"]
    columns = [column for column in table["StorageDescriptor"]["Columns"] if column["Name"] not in left_out]
    kept = {key: table[key] for key in ("TableType", "PartitionKeys", "Parameters") if key in table}
    made = {"Name": name, **kept, "StorageDescriptor": {**table["StorageDescriptor"], "Columns": columns}}
    (glue.update_table if name == "cur" else glue.create_table)(DatabaseName="aws_user_exporter", TableInput=made)
