"""Statements that read another table, or only some partitions: what is replaced, and that nothing else is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from athena_rig import DAY
from cloudtrail_reading import SETTINGS
from kiro_files import Use, put_use
from sqlglot import exp

from exporter.config import KiroSource
from exporter.engines import Statement, statement
from exporter.engines.duckdb import DuckDBEngine
from exporter.engines.reading import reading
from exporter.errors import UserError
from exporter.facts.store import Store
from exporter.objects import FolderLocation, Location
from exporter.sources.cloudtrail import CloudTrailLogs
from exporter.sources.cloudtrail_layout import LogFolder
from exporter.sources.cloudtrail_partitions import MAX_CHARACTERS, of_accounts, of_folders
from exporter.sources.kiro import KiroReports
from exporter.telemetry import Telemetry

FACTS = {"facts/kiro_credits": "kiro_user_report", "facts/kiro_features": "kiro_by_user_analytic", "facts/cloudtrail": "cloudtrail"}


def folder(account: str, region: str) -> LogFolder:
    return LogFolder(f"AWSLogs/{account}/CloudTrail/{region}/", account, region)


def tables(text: str) -> set[str]:
    (parsed,) = sqlglot.parse(text, read="athena")
    assert parsed is not None
    common = {cte.alias for cte in parsed.find_all(exp.CTE)}
    return {table.sql("athena").split(" AS ")[0] for table in parsed.find_all(exp.Table) if table.name not in common}


@pytest.mark.parametrize(("name", "relation"), FACTS.items())
def test_a_fact_reads_the_table_that_is_named(name: str, relation: str) -> None:
    before = statement(name)
    after = reading(before, relation, "logs-2026.trail")
    assert tables(after.text) == {'"logs-2026"."trail"', *(tables(before.text) - {relation})}
    assert after.text.replace(f'"logs-2026"."trail" AS "{relation}"', relation) == before.text


@pytest.mark.parametrize(("name", "relation"), FACTS.items())
def test_a_condition_stands_right_at_the_table_and_changes_nothing_else(name: str, relation: str) -> None:
    before = statement(name)
    after = reading(before, relation, None, "account IN ('111122223333')")
    assert after.text.replace(f'(SELECT * FROM "{relation}" WHERE account IN (\'111122223333\')) AS "{relation}"', relation) == before.text
    assert after.text.count("?") == before.text.count("?")


def test_only_tables_are_replaced() -> None:
    before = Statement("x", "-- FROM t\nSELECT 'FROM t', t.a FROM t WHERE b = 1 UNION ALL SELECT 'x', a FROM u JOIN t AS other ON true")
    after = reading(before, "t", "s")
    assert after.text == '-- FROM t\nSELECT \'FROM t\', t.a FROM "s" AS "t" WHERE b = 1 UNION ALL SELECT \'x\', a FROM u JOIN "s" AS other ON true'


def test_a_statement_that_reads_no_such_table_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="facts/kiro_credits does not read cloudtrail"):
        reading(statement("facts/kiro_credits"), "cloudtrail", "x")


def test_a_name_cannot_become_sql() -> None:
    assert reading(Statement("x", "SELECT 1 FROM t"), "t", 'a"; DROP TABLE b; --').text == 'SELECT 1 FROM "a""; DROP TABLE b; --" AS "t"'


# The partitions of CloudTrail


def test_accounts_alike_in_their_regions_are_two_lists() -> None:
    folders = [folder(account, region) for account in ("222233334444", "111122223333") for region in ("us-east-1", "eu-central-1")]
    assert of_folders(folders) == "account IN ('111122223333', '222233334444') AND region IN ('eu-central-1', 'us-east-1')"


def test_only_pairs_that_exist_are_read() -> None:
    folders = [folder("111122223333", "us-east-1"), folder("222233334444", "us-east-1"), folder("222233334444", "eu-central-1")]
    every = {(account, region) for account in ("111122223333", "222233334444", "333344445555") for region in ("us-east-1", "eu-central-1", "eu-west-1")}
    connection = DuckDBEngine(timedelta(minutes=1))._connect()
    kept = connection.execute(
        f"SELECT account, region FROM (SELECT unnest($1) AS account, unnest($2) AS region) WHERE {of_folders(folders)}",
        [[account for account, _ in every], [region for _, region in every]],
    )
    assert set(kept.fetchall()) == {(one.account, one.region) for one in folders}


def test_thousands_of_accounts_do_not_make_a_statement_that_athena_refuses() -> None:
    folders = [folder(f"{account:012}", f"us-east-{1 + account % size}") for account in range(5_000) for size in (1, 2, 3, 5, 7)]
    condition = of_folders(folders)
    assert len(condition) <= MAX_CHARACTERS
    assert len(statement("facts/cloudtrail").text) + MAX_CHARACTERS < 262_144


def test_no_account_is_no_condition() -> None:
    assert of_accounts(()) == ""


# The sources, on Athena


class Asked:
    """An engine that is not embedded, and keeps what it was asked."""

    name, embedded = "athena", False

    def __init__(self) -> None:
        self.asked: list[tuple[Statement, list[Any]]] = []

    def query(self, statement: Statement, parameters: Any, relations: Any = ()) -> Any:
        assert relations == ()
        self.asked.append((statement, list(parameters)))
        return None

    def cancel(self) -> None: ...


class Bucket(FolderLocation):
    """A folder that says it is a bucket."""

    @property
    def name(self) -> str:
        return "s3://example-logs/"


NOON = datetime(2026, 7, 10, 12, 30, tzinfo=UTC)


def cloudtrail_on(tmp_path: Path, location: Location, engine: Asked, **settings: Any) -> CloudTrailLogs:
    return CloudTrailLogs(replace(SETTINGS, **settings), lambda: location, engine, Store.open(tmp_path / "store"), Telemetry())


def logs_of(tmp_path: Path, *pairs: tuple[str, str]) -> Bucket:
    for account, region in pairs:
        (tmp_path / f"logs/AWSLogs/o-exampleorg1/{account}/CloudTrail/{region}/2026/07/10").mkdir(parents=True)
    return Bucket(tmp_path / "logs")


def read_all(source: CloudTrailLogs, now: datetime) -> None:
    for day in source.due(now, lambda: None):
        source.read(day)
        source.keep(day)
    source.done(now)


def test_cloudtrail_names_the_accounts_and_regions_that_have_logs(tmp_path: Path) -> None:
    engine = Asked()
    location = logs_of(tmp_path, ("111122223333", "us-east-1"), ("222233334444", "us-east-1"))
    read_all(cloudtrail_on(tmp_path, location, engine), NOON)
    assert {asked.text for asked, _ in engine.asked} == {
        reading(statement("facts/cloudtrail"), "cloudtrail", None, "account IN ('111122223333', '222233334444') AND region IN ('us-east-1')").text
    }


def test_cloudtrail_reads_the_delivery_days_of_a_day_and_none_to_come(tmp_path: Path) -> None:
    engine = Asked()
    read_all(cloudtrail_on(tmp_path, logs_of(tmp_path, ("111122223333", "us-east-1")), engine), NOON)
    assert [parameters[:2] for _, parameters in engine.asked] == [["2026/07/08", "2026/07/09"], ["2026/07/09", "2026/07/10"], ["2026/07/10", "2026/07/10"]]
    assert [parameters[3:5] for _, parameters in engine.asked] == [[date(2026, 7, day)] * 2 for day in (8, 9, 10)]


def test_cloudtrail_reads_only_the_accounts_of_the_config(tmp_path: Path) -> None:
    engine = Asked()
    location = logs_of(tmp_path, ("111122223333", "us-east-1"), ("222233334444", "eu-central-1"))
    read_all(cloudtrail_on(tmp_path, location, engine, accounts=("222233334444",)), NOON)
    assert "WHERE account IN ('222233334444') AND region IN ('eu-central-1')) AS" in engine.asked[0][0].text


def test_a_new_account_is_read_from_the_next_refresh_on(tmp_path: Path) -> None:
    engine = Asked()
    source = cloudtrail_on(tmp_path, logs_of(tmp_path, ("111122223333", "us-east-1")), engine)
    read_all(source, NOON)
    logs_of(tmp_path, ("222233334444", "us-east-1"))
    read_all(source, NOON + timedelta(hours=1))
    assert ["'222233334444'" in asked.text for asked, _ in engine.asked] == [False, False, False, True]


def test_cloudtrail_reads_the_table_of_the_config(tmp_path: Path) -> None:
    engine = Asked()
    read_all(cloudtrail_on(tmp_path, logs_of(tmp_path, ("111122223333", "us-east-1")), engine, table="security.org_trail"), NOON)
    assert tables(engine.asked[0][0].text) == {'"security"."org_trail"', "sensitive_events"}


def test_a_table_whose_bucket_is_not_known_is_read_without_looking(tmp_path: Path) -> None:
    engine = Asked()
    source = cloudtrail_on(tmp_path, FolderLocation(tmp_path / "missing"), engine, table="org_trail", accounts=("111122223333",))
    read_all(source, NOON)
    assert "FROM (SELECT * FROM \"org_trail\" WHERE account IN ('111122223333')) AS" in engine.asked[0][0].text


def test_a_bucket_without_logs_says_so_before_a_query_is_paid_for(tmp_path: Path) -> None:
    engine = Asked()
    (tmp_path / "logs").mkdir()
    with pytest.raises(UserError, match="holds no AWSLogs folder"):
        read_all(cloudtrail_on(tmp_path, Bucket(tmp_path / "logs"), engine), NOON)
    assert engine.asked == []


@pytest.mark.parametrize("table", [None, "reports.kiro"])
def test_kiro_reads_the_table_of_the_config(tmp_path: Path, table: str | None) -> None:
    engine = Asked()
    put_use(tmp_path / "reports", DAY, Use("215bb5b0-0000-4000-8000-000000000001"))
    settings = KiroSource(location="s3://example-reports/", table=table)
    source = KiroReports("kiro_credits", settings, date(2026, 2, 13), lambda: Bucket(tmp_path / "reports"), engine, Store.open(tmp_path / "store"), Telemetry())
    days = source.due(NOON + timedelta(days=1), lambda: None)
    for day in days:
        source.read(day)
    assert list(days) == [DAY - timedelta(days=1), DAY]
    assert {asked.text == statement("facts/kiro_credits").text for asked, _ in engine.asked} == {table is None}
    assert tables(engine.asked[0][0].text) == {'"reports"."kiro"' if table else "kiro_user_report"}
    assert [parameters for _, parameters in engine.asked] == [[day, day] for day in days]
