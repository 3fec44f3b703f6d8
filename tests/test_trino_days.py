"""On a real Trino: the statements of `sql/facts` read the partitions of the days that are asked for, through the views too, and no others."""

from __future__ import annotations

import re
from datetime import date

import pytest
from trino_lake import Lake
from trino_server import TrinoServer

from exporter.engines import statement
from exporter.engines.athena import literal
from exporter.sources.kiro import KINDS


@pytest.fixture(scope="module")
def lake(trino: TrinoServer, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Tables without a file: partitions are worked out, whatever is there."""
    folder = tmp_path_factory.mktemp("days") / "empty"
    folder.mkdir()
    return Lake(trino, folder, "days")


def partitions(lake: Lake, fact: str, *values: object) -> dict[str, set[str]]:
    """The values of the partition keys of days and months that a statement reads, by table. EXPLAIN takes no parameters, so they stand in their places."""
    before, *after = statement(f"facts/{fact}").text.split("?")
    assert len(after) == len(values)
    sql = before + "".join(literal(value) + text for value, text in zip(values, after, strict=True))
    (plan,) = (str(line) for (line,) in lake.run(f"EXPLAIN (TYPE DISTRIBUTED) {sql}"))
    found: dict[str, set[str]] = {}
    for table, scan in re.findall(r"table = hive:days:(\w+)(.*?)(?=table = hive:|\Z)", plan, re.DOTALL):
        for ranges in re.findall(r"(?:day|delivered|billing_period):string:PARTITION_KEY\n[ │]*:: \[(.*?)\]\n", scan):
            found.setdefault(table, set()).update(re.findall(r"\[(\d{4}[-/\d]+)\]", f"[{ranges}]"))
    return found


@pytest.mark.parametrize(
    ("first", "last", "read"),
    [
        (date(2026, 9, 2), date(2026, 9, 2), {"2026/09/02", "2026/09/03"}),
        (date(2026, 8, 30), date(2026, 9, 1), {"2026/08/30", "2026/08/31", "2026/09/01", "2026/09/02"}),
    ],
)
@pytest.mark.parametrize("fact", KINDS)
def test_days_of_a_report_are_read_from_their_own_partitions_and_the_next(fact: str, first: date, last: date, read: set[str], lake: Lake) -> None:
    assert partitions(lake, fact, first, last) == {f"{KINDS[fact].relation}_lines": read}


def test_a_day_of_cloudtrail_is_read_from_the_partitions_that_are_named(lake: Lake) -> None:
    day, patterns = date(2026, 9, 2), ("x^", "x^", "x^", "x^")
    assert partitions(lake, "cloudtrail", "2026/09/02", "2026/09/03", "Management", day, day, *patterns) == {"cloudtrail": {"2026/09/02", "2026/09/03"}}


def test_a_month_of_a_bill_is_read_from_its_partition(lake: Lake) -> None:
    assert partitions(lake, "cur", "amortized", date(2026, 9, 1), date(2026, 9, 30), "user_owner", "2026-09") == {"cur": {"2026-09"}}
