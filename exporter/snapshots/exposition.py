"""Families to Prometheus text. DuckDB writes the lines; their bytes are taken from its Arrow buffers as they are.

The samples are gauges without timestamps, and `# TYPE` stands before `# HELP`, so the same bytes are valid in the text format 0.0.4 and in
OpenMetrics 1.0 (https://prometheus.io/docs/instrumenting/exposition_formats/, https://prometheus.io/docs/specs/om/open_metrics_spec/).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb
import nanoarrow
from isal import igzip

from exporter.model import Chunk
from exporter.quoting import sql_name

CHUNK_ROWS = 100_000
"""Rows a chunk at most: a scrape never waits long for the interpreter, and memory stays flat."""

_FAST = 1


def header(name: str, help_text: str) -> bytes:
    """The two comment lines of a metric. Both formats escape backslash and newline in HELP; OpenMetrics also the quote, so help texts hold none."""
    if '"' in help_text or "\\" in help_text or "\n" in help_text:
        raise ValueError(f"the help of {name} holds a character that the two formats escape differently")
    return f"# TYPE {name} gauge\n# HELP {name} {help_text}\n".encode()


def chunk(data: bytes, series: int) -> Chunk:
    """Packs rendered samples. The level is the fastest that still shrinks label-heavy text to a tenth."""
    return Chunk(data, igzip.compress(data, compresslevel=_FAST, mtime=0), series)


def escaped(column: str) -> str:
    """SQL for a label value as both formats spell it: backslash, quote and newline escaped. A NULL fails the query."""
    # Looking for a character costs a tenth of replacing it, and nearly no value holds one.
    return f"""CASE
        WHEN {column} IS NULL THEN error('a label value is NULL')
        WHEN contains({column}, '\\') OR contains({column}, '"') OR contains({column}, chr(10))
            THEN replace(replace(replace({column}, '\\', '\\\\'), '"', '\\"'), chr(10), '\\n')
        ELSE {column} END"""


def label_pairs(labels: Sequence[str]) -> str:
    """SQL for the pieces of `name="value",…`, separated by commas as `concat` takes them, of columns named as their labels, in the order given."""
    return ", ',', ".join(f"""'{label}="', {escaped(sql_name(label))}, '"'""" for label in labels)


def line(name: str, pairs: str | None, at: str | None = None) -> str:
    """SQL for one sample line, newline included. `name` is SQL for the metric's name, `pairs` for its label pairs in pieces; the number is the column `value`.

    `at` is SQL for when the sample was true, as whole seconds of Unix time; None: a sample without a time, as scrapes expect them.

    Decimals leave as they are, without the zeros at their end, so that the samples of a bill add up to the last decimal; sums of whole numbers, which may be
    longer than any whole number that readers know, as the nearest double.
    """
    number = """CASE
        WHEN value IS NULL THEN error('the value of a sample is NULL')
        WHEN typeof(value) LIKE 'DECIMAL%' AND typeof(value) NOT LIKE '%,0)' THEN regexp_replace(value::VARCHAR, '\\.?0+$', '')
        WHEN typeof(value) = 'HUGEINT' THEN value::DOUBLE::VARCHAR
        ELSE value::VARCHAR END"""
    # One concat of all pieces: every || in a chain of them copies what stands before it.
    pieces = [name, *([] if pairs is None else ["'{'", pairs, "'}'"]), "' '", number, *([] if at is None else ["' '", at]), "chr(10)"]
    return f"concat({', '.join(pieces)})"


@dataclass(frozen=True, slots=True)
class Part:
    """The next samples of a query, under one metric name."""

    name: str
    help: str
    series: int


def render(parts: Sequence[Part], connection: duckdb.DuckDBPyConnection, query: str) -> Iterator[Chunk]:
    """The chunks of several metrics from one query, which gives their sample lines in one column, in the order in which they are to stand.

    Raises ValueError where the query gives another number of lines than the parts announce.
    """
    coming = iter(parts)
    part, left, opening = _next(coming)
    with nanoarrow.ArrayStream(connection.sql(query)) as batches:
        for batch in batches:
            lines = batch.child(0)
            offsets = _offsets(lines)
            text = memoryview(lines.buffers[2]).cast("B")
            start = 0
            while start < len(lines):
                while part is not None and left == 0:
                    part, left, opening = _next(coming)
                if part is None:
                    raise ValueError(f"{len(lines) - start} sample lines more than announced after {parts[-1].name}")
                end = min(start + min(left, CHUNK_ROWS), len(lines))
                yield chunk(opening + text[offsets[start] : offsets[end]], end - start)
                start, left, opening = end, left - (end - start), b""
    if left or any(part.series for part in coming):
        raise ValueError(f"fewer sample lines than announced for {part.name if part else parts[-1].name}")


def _next(parts: Iterator[Part]) -> tuple[Part | None, int, bytes]:
    part = next(parts, None)
    return (None, 0, b"") if part is None else (part, part.series, header(part.name, part.help))


def _offsets(lines: nanoarrow.Array) -> memoryview:
    """Where each line of a string column begins, as bytes into its data."""
    if lines.offset or nanoarrow.c_array(lines).null_count:
        raise ValueError("a column of sample lines starts elsewhere or holds a NULL")
    return memoryview(lines.buffers[1]).cast("B").cast("i")
