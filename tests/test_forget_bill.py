"""A bill stays whole when a person is taken out of the store, and loses who it names."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import duckdb
import pytest
from forget_rig import ALICE, BOB, HEIDI, OLD, TODAY, YESTERDAY, House
from kiro_rig import Rows

from exporter.facts.forgotten import Forgotten
from exporter.facts.tables import CANDIDATE
from exporter.model import FactBatch
from exporter.quoting import sql_text
from exporter.sources.cost_explorer import CostExplorerState
from exporter.sources.cost_explorer_names import Fallen

BOBS_ARN = "arn:aws:sts::111122223333:assumed-role/alice/bob"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def _cur(house: House) -> str:
    return str(house.state / "facts" / "cur" / f"{YESTERDAY}.parquet")


def test_bill_stays_whole_and_loses_who_it_names(tmp_path: Path) -> None:
    house = House(tmp_path)
    columns = """DATE '2026-07-14' AS day, '111122223333' AS account, false AS shared, {user} AS user_identifier, {arn} AS iam_principal,
        NULL::VARCHAR AS identity_store_user, {owner} AS owner_tags, NULL::VARCHAR AS created_by_tag, NULL::VARCHAR AS creator, 'us-east-1' AS region,
        'ec2' AS service, 'usage' AS charge, 'USD' AS currency, NULL::VARCHAR AS component, NULL::VARCHAR AS tier, NULL::VARCHAR AS resource,
        {cost}::DECIMAL(38,12) AS cost, 1::DECIMAL(38,12) AS quantity, 1::BIGINT AS lines"""
    lines = [
        columns.format(user=f"'{ALICE}'", arn="NULL::VARCHAR", owner="'bob'", cost="1.5"),
        columns.format(user="NULL::VARCHAR", arn="'arn:aws:sts::111122223333:assumed-role/dev/al'", owner="NULL::VARCHAR", cost="2.25"),
        columns.format(user=f"'{BOB}'", arn="NULL::VARCHAR", owner="'Alice@example.com' || chr(31) || 'bob'", cost="4"),
        columns.format(user="NULL::VARCHAR", arn=f"'{BOBS_ARN}'", owner="NULL::VARCHAR", cost="8"),
        columns.format(user="NULL::VARCHAR", arn="NULL::VARCHAR", owner="'bob'", cost="0.125"),
    ]
    store = house.store()
    store.replace(FactBatch("cur", (YESTERDAY,), Rows(" UNION ALL ".join(f"SELECT {line}" for line in lines))))
    store.close()
    output = house.forgotten("alice")
    found = duckdb.execute(
        "SELECT cost::DOUBLE, user_identifier, iam_principal, owner_tags FROM read_parquet($1) ORDER BY cost",
        [_cur(house)],
    ).fetchall()
    assert found == [(0.125, None, None, "bob"), (1.5, None, None, "bob"), (2.25, None, None, None), (4.0, BOB, None, "bob"), (8.0, None, BOBS_ARN, None)]
    assert "cur: 3 rows on 1 days, 2026-07-14" in output


def test_bill_loses_an_iam_user_of_one_account_only(tmp_path: Path) -> None:
    house = House(tmp_path)
    store = house.store()
    line = """SELECT DATE '2026-07-14' AS day, '{account}' AS account, false AS shared, NULL::VARCHAR AS user_identifier, '{arn}' AS iam_principal,
        NULL::VARCHAR AS identity_store_user, NULL::VARCHAR AS owner_tags, 'IAMUser:AIDAEXAMPLE:heidi' AS created_by_tag, '{creator}' AS creator,
        NULL::VARCHAR AS resource"""
    arns = {account: f"arn:aws:iam::{account}:user/ops/heidi" for account in ("111122223333", "444455556666")}
    lines = [line.format(account=account, arn=arn, creator=f"iam_user:heidi@{account}") for account, arn in arns.items()]
    store.replace(FactBatch("cur", (YESTERDAY,), Rows(" UNION ALL ".join(lines))))
    forgotten = Forgotten().with_more([HEIDI], (), TODAY)
    rows = store.erase("cur", YESTERDAY, forgotten, write=True)
    store.close()
    found = duckdb.execute("SELECT account, iam_principal, created_by_tag, creator FROM read_parquet($1) ORDER BY ALL", [_cur(house)]).fetchall()
    assert rows == 1
    assert found == [("111122223333", None, None, None), ("444455556666", arns["444455556666"], "IAMUser:AIDAEXAMPLE:heidi", "iam_user:heidi@444455556666")]


def bill_line(**columns: str | None) -> str:
    """SQL for one line of a bill that names nobody but where it is told so."""
    names = ("account", *CANDIDATE, "region", "service", "charge", "currency", "component", "tier", "resource")
    texts = {**dict.fromkeys(names), "account": "111122223333", "charge": "usage", "currency": "USD", "service": "s3"} | columns
    typed = ", ".join(f"{sql_text(value) if value is not None else 'NULL'}::VARCHAR AS {name}" for name, value in texts.items() if name != "shared")
    return f"""SELECT DATE '{YESTERDAY}' AS day, false AS shared, {typed}, 1::DECIMAL(38,12) AS cost, NULL::DECIMAL(38,12) AS quantity, 1::BIGINT AS lines"""


def test_bill_keeps_a_resource_that_is_called_as_they_are_under_its_hash(house: House) -> None:
    store = house.store()
    resources = ("arn:aws:quicksight:us-east-1:111122223333:user/default/alice", "arn:aws:s3:::malice", "alice@example.com")
    store.replace(FactBatch("cur", (YESTERDAY,), Rows(" UNION ALL ".join(bill_line(owner_tags="bob", resource=resource) for resource in resources))))
    store.close()
    house.forgotten("alice")
    found = [resource for (resource,) in duckdb.execute("SELECT resource FROM read_parquet($1)", [_cur(house)]).fetchall()]
    assert (len(set(found)), [resource for resource in found if "alice" in resource]) == (3, ["arn:aws:s3:::malice"])


def test_who_is_known_by_calls_in_old_bills_alone_is_found_and_goes(house: House) -> None:
    caller = "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Dev_0123456789abcdef/{name}"
    store = house.store()
    lines = [bill_line(iam_principal=caller.format(name=name)).replace(str(YESTERDAY), str(OLD)) for name in ("zoe", "bob")]
    store.replace(FactBatch("cur", (OLD,), Rows(" UNION ALL ".join(lines))))
    store.close()
    house.samples()
    assert {key for key, _ in house.older() if ":assumed-role/" in key} == {f"iam_principal:{caller.format(name=name)}" for name in ("zoe", "bob")}
    house.forgotten("zoe")
    assert {key for key, _ in house.older() if ":assumed-role/" in key} == {f"iam_principal:{caller.format(name='bob')}"}
    file = str(house.state / "facts" / "cur" / f"{OLD}.parquet")
    assert duckdb.execute("SELECT iam_principal FROM read_parquet($1) ORDER BY 1 NULLS LAST", [file]).fetchall() == [(caller.format(name="bob"),), (None,)]


FALLEN = {
    OLD: (Fallen("111122223333", "AssumedRole:AKIAEXAMPLE:Alice", False), Fallen("111122223333", "team-web", True)),
    YESTERDAY: (Fallen("111122223333", "Alice@example.com", True), Fallen("444455556666", "malice", True)),
    date(2026, 7, 13): None,
}


def test_values_of_tags_that_named_nobody_go_where_they_spell_the_person(house: House) -> None:
    without = house.forgotten("alice", "--dry-run")
    store = house.store()
    store.save_state("cost_explorer", CostExplorerState(asked=("x",), fallen=FALLEN))
    store.close()
    told = re.compile(r"([0-9]+) places in what is remembered of people between snapshots")
    (places,), (before,) = told.findall(house.forgotten("alice", "--dry-run")), told.findall(without)
    house.forgotten("alice")
    store = house.store()
    state = store.state("cost_explorer", CostExplorerState)
    store.close()
    assert state == CostExplorerState(asked=("x",), fallen={OLD: FALLEN[OLD][1:], YESTERDAY: FALLEN[YESTERDAY][1:], date(2026, 7, 13): None})
    assert int(places) == int(before) + 2


def test_bill_loses_an_iam_user_of_an_account_that_it_does_not_tell(house: House) -> None:
    store = house.store()
    lines = [bill_line(account="unknown", created_by_tag=f"IAMUser:AIDAEXAMPLE:{name}") for name in ("heidi", "ivan")]
    store.replace(FactBatch("cur", (YESTERDAY,), Rows(" UNION ALL ".join(lines))))
    store.close()
    house.forgotten("heidi@111122223333")
    found = duckdb.execute("SELECT created_by_tag FROM read_parquet($1) ORDER BY 1 NULLS LAST", [_cur(house)]).fetchall()
    assert found == [("IAMUser:AIDAEXAMPLE:ivan",), (None,)]
