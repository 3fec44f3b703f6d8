"""The views for people and the verifying queries on a real Trino, over files of the sample organisation. See `make test-trino`."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from trino_lake import Lake, names_in
from trino_server import TrinoServer

from exporter.engines import statement
from exporter.sample import Organisation, write

FIRST, LAST = date(2026, 8, 29), date(2026, 9, 3)


@pytest.fixture(scope="module")
def lake(trino: TrinoServer, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    folder = tmp_path_factory.mktemp("views") / "sample"
    write(Organisation.generate(40, 4), folder, FIRST, LAST, events=5)
    for empty in ("user-mapping", "resource_creators"):
        (folder / empty).mkdir()
    return Lake(trino, folder, "views")


@pytest.mark.parametrize("name", [name for name in names_in("verify") if name not in ("cur", "resource_creators")])
def test_a_verifying_query_answers_one_text(name: str, lake: Lake) -> None:
    answer = lake.trino.run(statement(f"verify/{name}").text, lake.schema)
    assert [column for column, _ in answer.columns] == ["newest"]
    assert answer.columns[0][1].startswith("varchar")
    assert len(answer.rows) == 1


def test_credits_of_people_are_those_of_the_facts(lake: Lake) -> None:
    fact = statement("facts/kiro_credits").text.replace("BETWEEN ? AND ?", f"BETWEEN DATE '{FIRST}' AND DATE '{LAST}'")
    ((expected,),) = lake.run(f"SELECT CAST(sum(credits) AS varchar) FROM ({fact}) AS facts")
    found = lake.run(
        "SELECT (SELECT CAST(sum(credits_used) AS varchar) FROM user_credits_enhanced), (SELECT CAST(sum(total_credits) AS decimal(38, 6)) FROM tier_summary)"
    )
    assert Decimal(found[0][0]) == Decimal(expected) > 0
    assert Decimal(found[0][1]) == round(Decimal(expected), 6)


def test_counters_of_people_are_those_of_the_facts(lake: Lake) -> None:
    fact = statement("facts/kiro_features").text.replace("BETWEEN ? AND ?", f"BETWEEN DATE '{FIRST}' AND DATE '{LAST}'")
    expected = lake.run(f"SELECT sum(value), count(DISTINCT identity) FROM ({fact}) AS facts WHERE counter IN ('chat_aicodelines', 'inline_aicodelines')")
    assert lake.run("SELECT sum(total_ai_codelines), count(DISTINCT CASE WHEN total_ai_codelines > 0 THEN userid END) FROM user_activity_enhanced") == expected
    assert lake.run("SELECT sum(total_ai_codelines) FROM daily_summary") == [expected[0][:1]]
    assert lake.run("SELECT sum(total_ai_codelines) FROM top_users") == [expected[0][:1]]


def test_a_day_has_its_name(lake: Lake) -> None:
    assert lake.run("SELECT DISTINCT day_of_week FROM user_activity_enhanced WHERE date = DATE '2026-09-01'") == [["Tuesday"]]


def test_a_mapping_is_read_as_it_was_written(trino: TrinoServer, tmp_path: Path) -> None:
    from trino_lake import EXAMPLE_LOCATION, Table

    from exporter.people import Person
    from exporter.people_sync import rendered

    names = ["DOMAIN\\alice", 'Bob "the builder", Jr.', "=1+2", "Zoë", "trailing\\"]
    folder = tmp_path / "user-mapping"
    folder.mkdir()
    (folder / "user_mapping.csv").write_bytes(
        rendered([Person(n, name, "t", f"id{n}", "", "", "", "enabled", None, None, None, name=name) for n, name in enumerate(names)])
    )
    trino.run("CREATE SCHEMA mapping")
    assert EXAMPLE_LOCATION in statement("tables/user_mapping").text
    trino.run(Table(statement("tables/user_mapping").text).for_trino(tmp_path), "mapping")
    rows = trino.run("SELECT userid, username, email, status FROM user_mapping ORDER BY userid", "mapping").rows
    assert rows == [[f"id{n}", name, "", "enabled"] for n, name in enumerate(names)]
