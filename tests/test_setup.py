"""Setup on moto's server, from an empty account to verified tables and views: made once, left alone, made anew, broken off, undone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from athena_on_moto import AccountOnMoto, account_on_moto, account_on_motos_server

from exporter.config import Config
from exporter.errors import UserError
from exporter.setup import Change, Installation, Outcome, Step
from exporter.setup.definitions import MARKER
from exporter.setup.installation import Choices, summary

KIRO_FILE = "AWSLogs/111122223333/KiroLogs/{}/us-east-1/2026/09/01/00/file.csv"
TRAIL_FILE = "AWSLogs/o-abcdefghij/{}/CloudTrail/{}/2026/09/01/file.json.gz"
EVERYTHING = {
    "kiro_credits": {"location": "s3://acme-kiro/reports/", "engine": "duckdb"},
    "kiro_features": {"location": "s3://acme-kiro/reports/"},
    "cloudtrail": {"location": "s3://acme-trail/"},
    "cur": {"location": "s3://acme-bill/people/"},
}
TRAIL = {"cloudtrail": {"location": "s3://acme-trail/"}}
CREDITS = {"kiro_credits": {"location": "s3://acme-kiro/reports/"}}
MADE = {
    "kiro_user_report_lines", "kiro_user_report", "user_mapping", "kiro_tiers", "kiro_credits_daily", "user_credits_enhanced", "tier_summary",
    "kiro_by_user_analytic_lines", "kiro_by_user_analytic", "kiro_features_daily", "user_activity_enhanced", "daily_summary", "top_users",
    "cloudtrail", "sensitive_events", "cur", "resource_creators",
}  # fmt: skip


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[AccountOnMoto]:
    with account_on_moto(monkeypatch) as found:
        fill(found)
        yield found


def fill(account: AccountOnMoto) -> None:
    account.make_workgroup("people")
    account.put("acme-kiro", "reports/" + KIRO_FILE.format("user_report"), "reports/" + KIRO_FILE.format("by_user_analytic"))
    account.put("acme-trail", TRAIL_FILE.format("111122223333", "us-east-1"), TRAIL_FILE.format("444455556666", "eu-central-1"))


def config_of(account: AccountOnMoto, sources: dict[str, Any] | None = None, **sections: Any) -> Config:
    athena = {"workgroup": "people", **sections.pop("athena", {})}
    given = {"engine": "athena", "aws": {"endpoint_url": account.address}, "athena": athena, "sources": sources or EVERYTHING, **sections}
    return Config.model_validate(given)


def installation(account: AccountOnMoto, config: Config, said: list[str] | None = None, **choices: Any) -> Installation:
    return Installation(config, Choices(**choices), (said if said is not None else []).append, account.client, poll_seconds=0.001)


def run(account: AccountOnMoto, config: Config, said: list[str] | None = None, **choices: Any) -> dict[str, Outcome]:
    return {step.title: step.run() for step in installation(account, config, said, **choices).steps()}


def tear_down(account: AccountOnMoto, config: Config, **choices: Any) -> dict[str, Outcome]:
    return {step.title: step.run() for step in installation(account, config, **choices).teardown_steps()}


def changes(outcomes: dict[str, Outcome], change: Change) -> set[str]:
    return {title for title, outcome in outcomes.items() if outcome.change is change}


@pytest.mark.filterwarnings("ignore:Tried to parse AWS")
def test_over_the_network_an_empty_account_gets_everything_and_each_of_it_is_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    with account_on_motos_server(monkeypatch) as account:
        fill(account)
        account.answers = {"cloudtrail": "2026-09-01T10:00:00Z"}
        outcomes = run(account, config_of(account), stack="people")
        assert set(account.tables()) == MADE
    assert {title.split()[1] for title in changes(outcomes, Change.MADE)} == {*MADE, "aws_user_exporter", "people"}
    assert {title.removeprefix("query of ") for title in changes(outcomes, Change.VERIFIED) if title.startswith("query of ")} == MADE
    assert outcomes["query of cloudtrail"].detail == "newest: 2026-09-01T10:00:00Z"
    assert outcomes["query of cur"].detail == "it can be read and has no rows yet"


def test_a_second_run_changes_nothing(account: AccountOnMoto) -> None:
    run(account, config_of(account))
    account.statements.clear()
    outcomes = run(account, config_of(account))
    assert not changes(outcomes, Change.MADE) | changes(outcomes, Change.CHANGED)
    assert all(sql.startswith("SELECT") for sql in account.statements)


def test_partitions_are_those_of_the_bucket(account: AccountOnMoto) -> None:
    run(account, config_of(account))
    table = account.tables()["cloudtrail"]
    assert table["StorageDescriptor"]["Location"] == "s3://acme-trail/AWSLogs/o-abcdefghij/"
    parameters = table["Parameters"]
    assert parameters["projection.account.values"] == "111122223333,444455556666"
    assert parameters["projection.region.values"] == "eu-central-1,us-east-1"
    assert parameters["storage.location.template"] == "s3://acme-trail/AWSLogs/o-abcdefghij/${account}/CloudTrail/${region}/${delivered}/"
    assert account.tables()["kiro_user_report_lines"]["Parameters"]["projection.account.values"] == "111122223333"


def test_many_accounts_are_injected(account: AccountOnMoto) -> None:
    account.put("acme-trail", *(TRAIL_FILE.format(f"{number:012}", "us-east-1") for number in range(50)))
    run(account, config_of(account, TRAIL))
    parameters = account.tables()["cloudtrail"]["Parameters"]
    assert parameters["projection.account.type"] == "injected"
    assert "projection.account.values" not in parameters
    (asked,) = [sql for sql in account.statements if sql.startswith("SELECT max(eventtime)")]
    assert "account = '000000000000'" in asked


def test_a_new_account_makes_the_table_anew_and_nothing_else(account: AccountOnMoto) -> None:
    run(account, config_of(account, TRAIL))
    account.put("acme-trail", TRAIL_FILE.format("777788889999", "us-east-1"))
    outcomes = run(account, config_of(account, TRAIL))
    assert changes(outcomes, Change.CHANGED) == {"table cloudtrail"}
    assert account.tables()["cloudtrail"]["Parameters"]["projection.account.values"] == "111122223333,444455556666,777788889999"


def test_prices_and_sensitive_events_of_the_config_are_in_the_views(account: AccountOnMoto) -> None:
    added = {"sensitive_events": [{"category": "exposure", "source": "s3", "event": "Put'Website"}]}
    run(account, config_of(account, {**TRAIL, **CREDITS}, kiro={"tiers": {"Pro": {"credits": 1500, "price": "17.50"}}, "overage_price": "0.03"}, usage=added))
    tiers = next(sql for sql in account.statements if "VIEW kiro_tiers" in sql)
    assert "('pro', DECIMAL '1500', DECIMAL '17.50', DECIMAL '0.03', 'USD')" in tiers
    events = next(sql for sql in account.statements if "VIEW sensitive_events" in sql)
    assert "('exposure', 's3.amazonaws.com', 'Put''Website', 'always')" in events


def test_a_mapping_takes_the_place_of_the_view_that_stood_in_for_it(account: AccountOnMoto) -> None:
    run(account, config_of(account, CREDITS))
    assert account.tables()["user_mapping"]["TableType"] == "VIRTUAL_VIEW"
    outcomes = run(account, config_of(account, CREDITS, people={"sync": {"location": "s3://acme-kiro/mapping/"}}))
    assert changes(outcomes, Change.CHANGED) == {"table user_mapping"}
    table = account.tables()["user_mapping"]
    assert (table["TableType"], table["StorageDescriptor"]["Location"]) == ("EXTERNAL_TABLE", "s3://acme-kiro/mapping/")


def test_what_setup_has_not_made_is_left_alone(account: AccountOnMoto) -> None:
    glue = account.open("glue")
    glue.create_database(DatabaseInput={"Name": "aws_user_exporter"})
    glue.create_table(DatabaseName="aws_user_exporter", TableInput={"Name": "cloudtrail", "TableType": "EXTERNAL_TABLE", "Parameters": {"of": "others"}})
    with pytest.raises(UserError, match=r"aws_user_exporter.cloudtrail is there already and setup has not made it"):
        run(account, config_of(account, TRAIL))
    assert account.tables()["cloudtrail"]["Parameters"] == {"of": "others"}


def test_a_run_that_was_broken_off_goes_on(account: AccountOnMoto) -> None:
    account.breaks_at = "VIEW user_credits_enhanced"
    with pytest.raises(UserError, match="broken off"):
        run(account, config_of(account, CREDITS))
    assert "kiro_credits_daily" in account.tables()
    account.breaks_at = None
    outcomes = run(account, config_of(account, CREDITS))
    assert {title.split()[1] for title in changes(outcomes, Change.MADE)} == {"user_credits_enhanced", "tier_summary"}


def test_a_view_that_was_made_and_not_marked_is_told_as_not_ours(account: AccountOnMoto) -> None:
    run(account, config_of(account, CREDITS))
    glue = account.open("glue")
    glue.update_table(DatabaseName="aws_user_exporter", TableInput={"Name": "tier_summary", "TableType": "VIRTUAL_VIEW", "Parameters": {"presto_view": "true"}})
    with pytest.raises(UserError, match="tier_summary is there already"):
        run(account, config_of(account, CREDITS))


def test_before_the_first_files_the_own_account_and_region_are_taken(account: AccountOnMoto) -> None:
    account.put("acme-new")
    said: list[str] = []
    run(account, config_of(account, {"cloudtrail": {"location": "s3://acme-new/"}}), said)
    assert account.tables()["cloudtrail"]["Parameters"]["projection.account.values"] == "123456789012"
    assert said == [
        "cloudtrail: s3://acme-new/ holds no files yet: the table is made for 123456789012 and us-east-1; run setup again when the first files are there."
    ]


def test_a_dry_run_asks_nothing_of_aws(account: AccountOnMoto) -> None:
    def refused(_reach: object, service: str) -> Any:
        raise AssertionError(f"asked {service}")

    choices = Choices(stack="people", dry_run=True)
    dry = Installation(config_of(account), choices, lambda _line: None, refused)
    shown = {step.title: step.shown() for step in dry.steps()}
    assert {title.split()[-1] for title in shown} >= MADE
    assert "LOCATION 's3://acme-trail/AWSLogs/'" in shown["table cloudtrail"]
    assert all(step.shown() for step in Installation(config_of(account), choices, lambda _line: None, refused).teardown_steps())


def test_a_location_that_could_leave_its_quotes_is_refused(account: AccountOnMoto) -> None:
    steps = installation(account, config_of(account, {"cloudtrail": {"location": "s3://acme-trail/'x/"}}), dry_run=True).steps()
    with pytest.raises(UserError, match=r"sources.cloudtrail.location holds characters that cannot stand"):
        list(steps)


# A table that is there already


def test_a_table_of_the_config_is_verified_and_not_made(account: AccountOnMoto) -> None:
    run(account, config_of(account, TRAIL))
    glue = account.open("glue")
    glue.create_database(DatabaseInput={"Name": "theirs"})
    ours = account.tables()["cloudtrail"]
    given = {key: ours[key] for key in ("StorageDescriptor", "PartitionKeys", "TableType")}
    glue.create_table(DatabaseName="theirs", TableInput={"Name": "trail", **given})
    config = config_of(account, {"cloudtrail": {"location": "s3://acme-trail/", "table": "theirs.trail"}}, athena={"database": "other"})
    outcomes = run(account, config)
    assert outcomes["existing table theirs.trail"].change is Change.VERIFIED
    assert set(account.tables("other")) == {"sensitive_events"}


def test_what_a_table_of_the_config_lacks_is_named(account: AccountOnMoto) -> None:
    columns = [{"Name": "eventtime", "Type": "string"}, {"Name": "useridentity", "Type": "struct<type:string,sessioncontext:struct<sourceidentity:string>>"}]
    glue = account.open("glue")
    glue.create_database(DatabaseInput={"Name": "theirs"})
    glue.create_table(DatabaseName="theirs", TableInput={"Name": "trail", "TableType": "EXTERNAL_TABLE", "StorageDescriptor": {"Columns": columns}})
    with pytest.raises(UserError) as raised:
        run(account, config_of(account, {"cloudtrail": {"location": "s3://acme-trail/", "table": "theirs.trail"}}))
    assert "the table theirs.trail lacks eventversion, useridentity.principalid, useridentity.arn" in str(raised.value)
    assert "useridentity.type" not in str(raised.value)


def test_reports_in_a_table_of_the_config_still_get_the_views_for_people(account: AccountOnMoto) -> None:
    from exporter.sources.kiro import KINDS

    glue = account.open("glue")
    glue.create_database(DatabaseInput={"Name": "theirs"})
    columns = [{"Name": name, "Type": "string"} for name in KINDS["kiro_credits"].columns]
    glue.create_table(DatabaseName="theirs", TableInput={"Name": "reports", "TableType": "EXTERNAL_TABLE", "StorageDescriptor": {"Columns": columns}})
    run(account, config_of(account, {"kiro_credits": {"location": "s3://acme-kiro/reports/", "table": "theirs.reports"}}))
    assert 'CREATE OR REPLACE VIEW kiro_user_report AS\nSELECT *\nFROM "theirs"."reports"' in account.statements
    assert {"tier_summary", "user_credits_enhanced"} <= set(account.tables())
    assert "kiro_user_report_lines" not in account.tables()


def test_a_bill_without_optional_columns_gets_a_view_that_has_them(account: AccountOnMoto) -> None:
    run(account, config_of(account, {"cur": {"location": "s3://acme-bill/people/"}}))
    glue = account.open("glue")
    glue.create_database(DatabaseInput={"Name": "theirs"})
    ours = account.tables()["cur"]
    columns = [column for column in ours["StorageDescriptor"]["Columns"] if column["Name"] not in ("line_item_iam_principal", "tags")]
    made = {"Name": "bill", "TableType": "EXTERNAL_TABLE", "PartitionKeys": ours["PartitionKeys"], "StorageDescriptor": {"Columns": columns}}
    glue.create_table(DatabaseName="theirs", TableInput=made)
    outcomes = run(account, config_of(account, {"cur": {"location": "s3://acme-bill/people/", "table": "theirs.bill"}}))
    told = outcomes["existing table theirs.bill"]
    assert told.change is Change.MADE
    assert "it lacks line_item_iam_principal, tags: set sources.cur.table to aws_user_exporter.cur_completed" in told.detail
    (view,) = [sql for sql in account.statements if "VIEW cur_completed" in sql]
    assert 'CAST(NULL AS VARCHAR) AS "line_item_iam_principal"' in view
    assert 'CAST(NULL AS MAP(VARCHAR, VARCHAR)) AS "tags"' in view
    assert '    "resource_tags"' in view


# Places


def test_each_source_is_set_up_where_it_is_queried(account: AccountOnMoto) -> None:
    account.make_workgroup("people", region="eu-central-1")
    run(account, config_of(account, {**TRAIL, "kiro_credits": {"location": "s3://acme-kiro/reports/", "aws": {"region": "eu-central-1"}}}))
    assert set(account.tables()) == {"cloudtrail", "sensitive_events"}
    assert "kiro_user_report" in account.tables(region="eu-central-1")


def test_one_profile_cannot_be_several_accounts(account: AccountOnMoto) -> None:
    role = {"role_arn": "arn:aws:iam::444455556666:role/reader"}
    config = config_of(account, {**EVERYTHING, "cur": {"location": "s3://acme-bill/people/", "aws": role}})
    with pytest.raises(UserError, match="run setup for each, with --source"):
        installation(account, config, profile="admin")


@pytest.mark.parametrize(
    ("sources", "choices", "sentence"),
    [
        ({"kiro_credits": {"location": "data/", "engine": "duckdb"}}, {}, "no source of the config lies in a bucket"),
        (EVERYTHING, {"sources": ("identity_center",)}, "setup makes nothing for identity_center; --source takes kiro_credits or"),
    ],
)
def test_what_cannot_be_set_up_is_said(sources: dict[str, Any], choices: dict[str, Any], sentence: str, account: AccountOnMoto) -> None:
    with pytest.raises(UserError, match=sentence):
        installation(account, config_of(account, sources), **choices)


@pytest.mark.parametrize(
    ("workgroup", "sentence"),
    [("absent", "there is no Athena workgroup absent; run setup with --stack"), ("bare", "the Athena workgroup bare has no place for results")],
)
def test_a_workgroup_that_cannot_run_queries_is_told(workgroup: str, sentence: str, account: AccountOnMoto) -> None:
    account.make_workgroup("bare", None)
    with pytest.raises(UserError, match=sentence):
        run(account, config_of(account, athena={"workgroup": workgroup}))


# Undoing


def test_teardown_drops_what_setup_made_and_nothing_else(account: AccountOnMoto) -> None:
    config = config_of(account, TRAIL)
    run(account, config)
    account.open("glue").create_table(DatabaseName="aws_user_exporter", TableInput={"Name": "theirs", "TableType": "EXTERNAL_TABLE"})
    outcomes = tear_down(account, config)
    assert set(account.tables()) == {"theirs"}
    assert outcomes["database aws_user_exporter"] == Outcome(Change.UNCHANGED, "it still holds 1 tables or views that setup has not made, such as theirs")
    assert account.open("s3").list_objects_v2(Bucket="acme-trail")["KeyCount"] == 2


def test_teardown_drops_the_empty_database(account: AccountOnMoto) -> None:
    config = config_of(account, CREDITS)
    run(account, config)
    assert tear_down(account, config)["database aws_user_exporter"].change is Change.DROPPED
    assert tear_down(account, config)["database aws_user_exporter"] == Outcome(Change.UNCHANGED, "there is none")


def test_a_database_that_was_there_before_stays(account: AccountOnMoto) -> None:
    account.open("glue").create_database(DatabaseInput={"Name": "aws_user_exporter"})
    config = config_of(account, TRAIL)
    run(account, config)
    assert tear_down(account, config)["database aws_user_exporter"] == Outcome(Change.UNCHANGED, "setup has not made it")
    assert account.tables() == {}


def test_teardown_of_one_source_leaves_the_others(account: AccountOnMoto) -> None:
    config = config_of(account, {**TRAIL, **CREDITS, "kiro_features": {"location": "s3://acme-kiro/reports/"}})
    run(account, config)
    tear_down(account, config, sources=("kiro_credits", "cloudtrail"))
    assert {"user_mapping", "kiro_features_daily", "top_users"} <= set(account.tables())
    assert not {"cloudtrail", "kiro_user_report", "tier_summary", "kiro_tiers"} & set(account.tables())


def test_the_summary_counts_what_changed(account: AccountOnMoto) -> None:
    class Named:
        title = "x"

    steps: list[tuple[Step, Outcome]] = [(Named(), Outcome(change)) for change in (Change.MADE, Change.MADE, Change.UNCHANGED)]  # type: ignore[misc]
    assert summary(steps) == "Done: 2 made, 1 unchanged."
    assert summary(steps[2:]) == "Nothing had to be changed: 1 unchanged."


def test_views_carry_the_marker_of_setup(account: AccountOnMoto) -> None:
    run(account, config_of(account, CREDITS))
    assert all(MARKER in table["Parameters"] for table in account.tables().values())
    assert account.tables()["tier_summary"]["Parameters"]["presto_view"] == "true"
