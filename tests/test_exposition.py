"""One family to text: read back by prometheus_client's two parsers, and compared with what Python makes of the same values."""

from __future__ import annotations

import gzip
import math
import struct
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from prometheus_client import Metric, parser
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.samples import Sample

from exporter.model import Chunk
from exporter.snapshots import exposition
from exporter.snapshots.exposition import Part

Render = Callable[..., list[Chunk]]
Read = Callable[[str], list[Metric]]
M = "'m'"
"""A metric's name in SQL."""


def text(body: str) -> list[Metric]:
    return list(parser.text_string_to_metric_families(body))


def openmetrics(body: str) -> list[Metric]:
    return list(openmetrics_parser.text_string_to_metric_families(body + "# EOF\n"))  # type: ignore[no-untyped-call]


def samples(read: Read, body: str) -> list[Sample]:
    return [sample for family in read(body) for sample in family.samples]


both_parsers = pytest.mark.parametrize("read", [text, openmetrics])


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


@pytest.fixture(scope="module")
def render(connection: duckdb.DuckDBPyConnection) -> Render:
    """Renders rows of (label values…, value) as the metric `m`; `kind` is the SQL type of the value."""

    def rendered(rows: Sequence[tuple[object, ...]], labels: Sequence[str] = ("user",), kind: str = "DOUBLE", order: str = "place") -> list[Chunk]:
        columns = ", ".join(f'"{label}" VARCHAR' for label in labels)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE rows (place INTEGER, {columns + ', ' if labels else ''}value {kind})").fetchall()
        if rows:
            unnested = ", ".join(f"unnest(${place}::{sort}[])" for place, sort in enumerate(("INTEGER", *["VARCHAR"] * len(labels), kind), start=1))
            connection.execute(f"INSERT INTO rows SELECT {unnested}", [list(range(len(rows))), *map(list, zip(*rows, strict=True))]).fetchall()
        pairs = exposition.label_pairs(labels) if labels else None
        query = f"SELECT {exposition.line(M, pairs)} FROM rows ORDER BY {order}"
        return list(exposition.render([Part("m", "What it is.", len(rows))], connection, query))

    return rendered


def body(chunks: Sequence[Chunk]) -> str:
    return b"".join(chunk.plain for chunk in chunks).decode()


def numbers(chunks: Sequence[Chunk]) -> list[str]:
    """The values as they are written."""
    return [line.rsplit(" ", 1)[1] for line in body(chunks).splitlines() if not line.startswith("#")]


# Label values

HOSTILE = ['"', "\\", "\n", '\\"', "\\n", "\\\\", "\r", "\t", "\x00", "a\x00b", "\x1b[31m", "", " ", "{}", "},", '",x="', "# EOF"]
HOSTILE += ["é", "漢字", "🦊", "\u2028", "\uffff", "\u202e"]
LABEL_VALUES = st.text(st.characters(exclude_categories=["Cs"])) | st.text('"\\\n{},= #\x00\r')


@both_parsers
@pytest.mark.parametrize("value", HOSTILE, ids=ascii)
def test_label_value_comes_back(render: Render, read: Read, value: str) -> None:
    (sample,) = samples(read, body(render([(value, 1.0)])))
    assert sample.labels == {"user": value}


@both_parsers
@settings(max_examples=50)
@given(rows=st.lists(st.tuples(LABEL_VALUES, LABEL_VALUES), min_size=1, max_size=8, unique=True))
def test_any_label_values_come_back(render: Render, read: Read, rows: list[tuple[str, str]]) -> None:
    chunks = render([(user, team, place) for place, (user, team) in enumerate(rows)], labels=("user", "team"))
    assert [(sample.labels["user"], sample.labels["team"], sample.value) for sample in samples(read, body(chunks))] == [
        (*row, place) for place, row in enumerate(rows)
    ]


def test_a_sample_is_one_line_whatever_its_labels(render: Render) -> None:
    chunks = render([(value, 1.0) for value in HOSTILE])
    assert body(chunks).count("\n") == 2 + len(HOSTILE)


def test_labels_stand_in_the_order_given(render: Render) -> None:
    assert body(render([("a", "b", "c", 1)], labels=("zeta", "alpha", "mid"), kind="INTEGER")).splitlines()[2] == 'm{zeta="a",alpha="b",mid="c"} 1'


def test_sample_without_labels(render: Render) -> None:
    assert body(render([(2,)], labels=(), kind="INTEGER")).splitlines()[2] == "m 2"


# Numbers

SUBNORMAL = 5e-324
DOUBLES = [0.0, -0.0, 0.1, 1 / 3, 1e-300, SUBNORMAL, 2.2250738585072014e-308, 1.7976931348623157e308, -1.5, 1e15, 1e16, 1e17, 123456789012345680.0, 2.0**53 + 2]


def same(one: float, other: float) -> bool:
    """Bit for bit."""
    return struct.pack("d", one) == struct.pack("d", other)


@both_parsers
@pytest.mark.parametrize("value", [*DOUBLES, math.inf, -math.inf])
def test_double_comes_back(render: Render, read: Read, value: float) -> None:
    (sample,) = samples(read, body(render([("a", value)])))
    assert same(float(sample.value), value)


@both_parsers
def test_not_a_number_comes_back(render: Render, read: Read) -> None:
    (sample,) = samples(read, body(render([("a", math.nan)])))
    assert math.isnan(sample.value)


@settings(max_examples=50)
@given(values=st.lists(st.floats(allow_nan=False), min_size=1, max_size=20))
@example(values=DOUBLES)
def test_any_double_is_written_so_that_it_comes_back(render: Render, values: list[float]) -> None:
    written = numbers(render([("a", value) for value in values]))
    assert [value for number, value in zip(written, values, strict=True) if not same(float(number), value)] == []


DECIMALS = ["0.1", "114.457874143913770000", "0.713233039137645100", "999999999999999.123456789012345678", "0.000000000000000001"]


@settings(max_examples=50)
@given(values=st.lists(st.decimals(-(10**15), 10**15, places=18), min_size=1, max_size=20))
@example(values=[Decimal(text) for text in DECIMALS])
def test_decimal_is_written_as_the_nearest_double(render: Render, values: list[Decimal]) -> None:
    written = numbers(render([("a", value) for value in values], kind="DECIMAL(38,18)"))
    assert [value for number, value in zip(written, values, strict=True) if float(number) != float(value)] == []


@pytest.mark.parametrize(("kind", "text"), [("DECIMAL(18,6)", "0.04"), ("DECIMAL(18,6)", "2500"), ("DECIMAL(38,12)", "19.99"), ("DECIMAL(4,1)", "0.1")])
def test_decimal_of_any_size_is_written_as_the_nearest_double(render: Render, kind: str, text: str) -> None:
    (written,) = numbers(render([("a", Decimal(text))], kind=kind))
    assert float(written) == float(text)


@both_parsers
@pytest.mark.parametrize("value", [0, 1, -1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63)])
def test_whole_number_comes_back_as_what_prometheus_makes_of_it(render: Render, read: Read, value: int) -> None:
    (sample,) = samples(read, body(render([("a", value)], kind="BIGINT")))
    assert float(sample.value) == float(value)


def test_whole_number_stays_as_it_is(render: Render) -> None:
    assert numbers(render([("a", 2**63 - 1)], kind="BIGINT")) == ["9223372036854775807"]


@pytest.mark.parametrize("value", [0, 13, 2**63, 10**18 + 1])
def test_sum_of_whole_numbers_is_the_nearest_double(render: Render, value: int) -> None:
    (written,) = numbers(render([("a", value)], kind="HUGEINT"))
    assert float(written) == float(value)


# Chunks


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposition, "CHUNK_ROWS", 7)


ROWS = [(f"user{place:02}", float(place)) for place in range(17)]


@pytest.mark.usefixtures("small_chunks")
def test_chunks_hold_no_more_rows_than_they_may(render: Render) -> None:
    assert [chunk.series for chunk in render(ROWS)] == [7, 7, 3]


@pytest.mark.usefixtures("small_chunks")
def test_rows_that_fill_chunks_exactly_leave_none_empty(render: Render) -> None:
    assert [chunk.series for chunk in render(ROWS[:14])] == [7, 7]


def test_chunks_together_are_the_same_body(render: Render, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = body(render(ROWS))
    monkeypatch.setattr(exposition, "CHUNK_ROWS", 7)
    assert body(render(ROWS)) == whole


@pytest.mark.usefixtures("small_chunks")
def test_header_stands_once_and_first(render: Render) -> None:
    lines = body(render(ROWS)).splitlines()
    assert [place for place, line in enumerate(lines) if line.startswith("#")] == [0, 1]


@pytest.mark.usefixtures("small_chunks")
def test_gzip_members_hold_the_plain_bytes(render: Render) -> None:
    chunks = render(ROWS)
    assert [gzip.decompress(chunk.gzip) for chunk in chunks] == [chunk.plain for chunk in chunks]


@pytest.mark.usefixtures("small_chunks")
def test_gzip_members_one_after_the_other_are_one_body(render: Render) -> None:
    chunks = render(ROWS)
    assert gzip.decompress(b"".join(chunk.gzip for chunk in chunks)).decode() == body(chunks)


def test_series_are_those_of_the_text(render: Render) -> None:
    chunks = render(ROWS)
    assert sum(chunk.series for chunk in chunks) == len(samples(text, body(chunks)))


def test_more_rows_than_one_vector_of_the_database(connection: duckdb.DuckDBPyConnection) -> None:
    # DuckDB works on 2,048 rows at a time and hands over a million; the offsets of each batch begin at 0.
    query = f"SELECT {exposition.line(M, None)} FROM (SELECT range AS value FROM range(250000)) ORDER BY value"
    chunks = list(exposition.render([Part("m", "What it is.", 250_000)], connection, query))
    assert numbers(chunks) == [str(value) for value in range(250_000)]


# Several metrics from one query

NAMES = [("m_yesterday", 3), ("m_last_7d", 0), ("m_last_30d", 9), ("m_last_month", 5)]
SEVENTEEN = f"SELECT {exposition.line('name', None)} FROM (SELECT range AS value, CASE WHEN range < 3 THEN 'm_yesterday' WHEN range < 12 THEN 'm_last_30d'" + (
    " ELSE 'm_last_month' END AS name FROM range(17)) ORDER BY value"
)


def render_several(connection: duckdb.DuckDBPyConnection, sizes: Sequence[tuple[str, int]]) -> list[Chunk]:
    return list(exposition.render([Part(name, f"What {name} is.", series) for name, series in sizes], connection, SEVENTEEN))


def test_every_metric_has_its_own_samples(connection: duckdb.DuckDBPyConnection) -> None:
    found = samples(text, body(render_several(connection, NAMES)))
    expected = {"m_yesterday": range(3), "m_last_30d": range(3, 12), "m_last_month": range(12, 17)}
    assert {name: [sample.value for sample in found if sample.name == name] for name in expected} == {name: [*values] for name, values in expected.items()}


def test_every_metric_with_samples_has_its_header_before_them(connection: duckdb.DuckDBPyConnection) -> None:
    lines = body(render_several(connection, NAMES)).splitlines()
    headers = [(place, line.removeprefix("# HELP ")) for place, line in enumerate(lines) if line.startswith("# HELP")]
    assert headers == [(1, "m_yesterday What m_yesterday is."), (6, "m_last_30d What m_last_30d is."), (17, "m_last_month What m_last_month is.")]


@pytest.mark.usefixtures("small_chunks")
def test_chunks_of_several_metrics_hold_no_more_rows_than_they_may(connection: duckdb.DuckDBPyConnection) -> None:
    assert [chunk.series for chunk in render_several(connection, NAMES)] == [3, 7, 2, 5]


def test_chunks_of_several_metrics_together_are_the_same_body(connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = body(render_several(connection, NAMES))
    monkeypatch.setattr(exposition, "CHUNK_ROWS", 2)
    assert body(render_several(connection, NAMES)) == whole


@pytest.mark.parametrize("last", [4, 6])
def test_another_number_of_samples_than_announced_is_refused(connection: duckdb.DuckDBPyConnection, last: int) -> None:
    with pytest.raises(ValueError, match="announced"):
        render_several(connection, [*NAMES[:3], ("m_last_month", last)])


# What is refused, and what is left out


@pytest.mark.parametrize("row", [(None, 1.0), ("a", None)])
def test_null_is_refused(render: Render, row: tuple[object, ...]) -> None:
    with pytest.raises(duckdb.Error, match="NULL"):
        render([("a", 1.0), row, ("b", 2.0)])


def test_family_without_a_sample_renders_nothing(render: Render) -> None:
    assert render([]) == []


def test_order_is_that_of_the_query(render: Render) -> None:
    chunks = render(list(reversed(ROWS)), order='"user"')
    assert [sample.labels["user"] for sample in samples(text, body(chunks))] == [user for user, _ in ROWS]


def test_same_rows_render_to_the_same_bytes(render: Render) -> None:
    assert body(render(ROWS)) == body(render(ROWS))


# The header


@both_parsers
def test_metric_is_a_gauge_with_its_help(render: Render, read: Read) -> None:
    (family,) = read(body(render(ROWS)))
    assert (family.name, family.type, family.documentation) == ("m", "gauge", "What it is.")


def test_type_stands_before_help() -> None:
    assert exposition.header("m", "What it is.") == b"# TYPE m gauge\n# HELP m What it is.\n"


@pytest.mark.parametrize("text", ['says "so"', "back\\slash", "two\nlines"])
def test_help_that_the_formats_escape_differently_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="help of m"):
        exposition.header("m", text)
