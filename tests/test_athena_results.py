"""Large answers of Athena: from the result object, exactly and whole, without holding it in memory; from pages where Athena keeps the results itself."""

from __future__ import annotations

import gc
import resource
import tempfile
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from athena_rig import COUNT, engine_on, rows_of, value
from botocore.exceptions import EndpointConnectionError
from fake_athena import RESULTS, FakeAthena, FakeBucket, as_csv, column, refused, row

from exporter.errors import TransientError, UserError
from exporter.telemetry import Telemetry

FACT = [column("day", "date"), column("identity", "varchar"), column("credits", "decimal", 38, 18), column("new_user", "boolean"), column("at", "timestamp")]
NAMES = [one["Name"] for one in FACT]


def numbered(count: int) -> list[list[str | None]]:
    return [[str(n)] for n in range(count)]


def with_object(rows: Sequence[Sequence[str | None]], columns: Sequence[dict[str, object]] = (column("n", "bigint"),), **bucket: object) -> FakeAthena:
    """An answer that GetQueryResults begins and the bucket holds whole."""
    content = as_csv([str(one["Name"]) for one in columns], rows)
    return FakeAthena(columns=columns, rows=[row(*line) for line in rows], bucket=FakeBucket(content, **bucket))  # type: ignore[arg-type]


def test_more_than_a_page_is_one_request_for_the_object() -> None:
    fake, telemetry = with_object(numbered(100_001)), Telemetry()
    answer = engine_on(fake, telemetry).query(COUNT, ())
    assert [n for (n,) in rows_of(answer)] == list(range(100_001))
    assert fake.bucket is not None
    assert fake.bucket.asked == [{"Bucket": RESULTS, "Key": "q1.csv"}]
    assert (value(telemetry, "api_requests_total", api="athena:GetQueryResults"), value(telemetry, "api_requests_total", api="s3:GetObject")) == (1, 1)


def test_a_page_alone_asks_for_no_object() -> None:
    fake = with_object(numbered(998))
    assert len(rows_of(engine_on(fake).query(COUNT, ()))) == 998
    assert fake.bucket is not None
    assert fake.bucket.asked == []


def test_managed_results_come_in_pages_of_a_thousand_and_no_location_is_sent() -> None:
    fake, telemetry = FakeAthena(rows=[row(str(n)) for n in range(100_001)]), Telemetry()
    answer = engine_on(fake, telemetry).query(COUNT, ())
    assert [n for (n,) in rows_of(answer)] == list(range(100_001))
    assert value(telemetry, "api_requests_total", api="athena:GetQueryResults") == 101
    assert "ResultConfiguration" not in fake.started[0]


@pytest.mark.parametrize("from_object", [False, True])
def test_values_are_exact_whichever_way_they_come(from_object: bool) -> None:
    lines: list[list[str | None]] = [
        ["2026-07-10", 'd\u00fcr, "x"', "114.457874143913770001", "true", "2026-07-10 01:02:03.456"],
        ["2026-07-10", "", None, "false", None],
        [None, None, None, None, None],
        ["2026-07-11", "two\nlines\r\nand a half,", "-0.000000000000000001", None, "2026-07-11 00:00:00.000"],
        ["2026-07-11", '""', "99999999999999999999.999999999999999999", "true", None],
        ["2026-07-11", "NULL", "0", "true", None],
    ]
    fake = with_object([*lines, *[["2026-07-12", "x", "1", "true", None]] * 1000], FACT)
    if not from_object:
        fake.bucket = None
    rows = rows_of(engine_on(fake).query(COUNT, ()))
    assert len(rows) == 1006
    assert rows[:6] == [
        (date(2026, 7, 10), 'd\u00fcr, "x"', Decimal("114.457874143913770001"), True, datetime(2026, 7, 10, 1, 2, 3, 456000)),
        (date(2026, 7, 10), "", None, False, None),
        (None, None, None, None, None),
        (date(2026, 7, 11), "two\nlines\r\nand a half,", Decimal("-0.000000000000000001"), None, datetime(2026, 7, 11)),
        (date(2026, 7, 11), '""', Decimal("99999999999999999999.999999999999999999"), True, None),
        (date(2026, 7, 11), "NULL", Decimal(0), True, None),
    ]


def test_a_column_of_nothing_but_nulls_keeps_its_rows() -> None:
    fake = with_object([[None], ["7"], *[[None]] * 1200])
    assert rows_of(engine_on(fake).query(COUNT, ()))[:3] == [(None,), (7,), (None,)]


def test_a_connection_that_breaks_is_taken_up_where_it_broke() -> None:
    fake = with_object(numbered(5000), breaks=[1000, EndpointConnectionError(endpoint_url="https://s3"), 7])
    assert [n for (n,) in rows_of(engine_on(fake).query(COUNT, ()))] == list(range(5000))
    assert fake.bucket is not None
    # StreamingBody hands out what came before it says that more was promised.
    assert [asked.get("Range") for asked in fake.bucket.asked] == [None, "bytes=1000-", "bytes=1000-", "bytes=1007-"]
    assert {asked.get("IfMatch") for asked in fake.bucket.asked[1:]} == {'"1"'}
    assert len(fake.started) == 1


def test_an_answer_that_never_comes_whole_gives_no_part_of_the_rows() -> None:
    fake = with_object(numbered(5000), breaks=[1000, 1, 1, 1])
    with pytest.raises(TransientError, match=r"s3:GetObject on arn:aws:s3:::results-bucket/q1\.csv did not get an answer"):
        engine_on(fake).query(COUNT, ())


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'"n"\n"1"\n"2', "bytes came"),  # the last line of a file that was cut, which readers of CSV let pass
        (b'"n"\n"1"\n"2"', "bytes came"),
        (b'"n"\n"1","2"\n', "CSV Error"),
        (b'"n"\n"x"\n', "CSV Error on Line: 2"),
        (b'"m"\n"1"\n', "its header names other columns than Athena does"),
        (b"", "its header names other columns than Athena does"),
    ],
)
def test_an_object_that_is_not_the_answer_is_not_taken_for_it(content: bytes, why: str) -> None:
    fake = with_object(numbered(1500))
    assert fake.bucket is not None
    fake.bucket.content = content
    with pytest.raises(TransientError, match=rf"the answer of the query facts/count could not be read whole from s3://results-bucket/q1\.csv: .*{why}"):
        engine_on(fake).query(COUNT, ())


def test_an_object_that_is_gone_says_who_may_have_taken_it() -> None:
    fake = with_object(numbered(1500), breaks=[refused("GetObject", "NoSuchKey", status=404)])
    with pytest.raises(UserError, match=r"facts/count is no longer at s3://results-bucket/q1\.csv; let nothing else write or delete there within a day\."):
        engine_on(fake).query(COUNT, ())


def test_an_object_that_may_not_be_read_is_named() -> None:
    fake = with_object(numbered(1500), breaks=[refused("GetObject", "AccessDenied", status=403)])
    with pytest.raises(UserError, match=r"^AWS denied s3:GetObject on arn:aws:s3:::results-bucket/q1\.csv; allow this action"):
        engine_on(fake).query(COUNT, ())


def test_nothing_is_left_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    answer = engine_on(with_object(numbered(1500))).query(COUNT, ())
    assert len(rows_of(answer)) == 1500
    del answer
    with pytest.raises(TransientError):
        engine_on(with_object([["x"]] * 1500)).query(COUNT, ())
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(UserError, match=r"facts/count cannot be kept on disk \(No such file or directory\); make room in .*missing\."):
        engine_on(with_object(numbered(1500))).query(COUNT, ())


def test_a_million_rows_pass_through_little_memory() -> None:
    line = b'"2026-07-10","215bb5b0-0000-4000-8000-000000000001","111122223333","us-east-1","chat_messagessent","131"\n'
    names = ["day", "identity", "account", "region", "counter", "n"]
    columns = [column("day", "date"), *(column(name, "varchar") for name in names[1:5]), column("n", "bigint")]
    first = [row("2026-07-10", "x", "1", "r", "c", "131")] * 1100
    fake = FakeAthena(columns=columns, rows=first, bucket=FakeBucket(as_csv(names, []) + line * 1_000_000))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with duckdb.connect() as database:
        database.register("answer", engine_on(fake).query(COUNT, ()))
        assert database.sql("SELECT count(*), sum(n) FROM answer").fetchall() == [(1_000_000, 131_000_000)]
    # The object alone has 106 MB, which the fake holds already; a table of Python's would take ten times that.
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 300
