"""The rows of a query of Athena, cast from its text to the types that it names: page by page, or from the result object in S3.

A result of one page comes by GetQueryResults. What has more pages comes from the CSV that Athena has written to S3, in one request instead of one for each
thousand rows, and through the disk instead of memory. Managed results have no such object: Athena hands them out in pages only.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import duckdb
import nanoarrow
from botocore.exceptions import ClientError
from pyathena.cursor import Cursor
from pyathena.util import parse_output_location

from exporter.aws import explained
from exporter.engines.athena_requests import READ_OBJECT
from exporter.errors import TransientError, UserError
from exporter.model import ArrowStream
from exporter.quoting import sql_name, sql_text

PAGE_ROWS = 1000
"""Rows that one GetQueryResults can return, the line of labels before the first of them included."""

DOWNLOADS = 4
"""How often a result object is asked for when the connection breaks: each time from where it broke. To give up costs a new query."""

_CHUNK_BYTES = 1024 * 1024
_MEMORY = "512MB"

# https://docs.aws.amazon.com/athena/latest/ug/data-types.html
_TYPES = {
    "boolean": "BOOLEAN",
    "tinyint": "TINYINT",
    "smallint": "SMALLINT",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "real": "FLOAT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "char": "VARCHAR",
    "varchar": "VARCHAR",
    "string": "VARCHAR",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an answer. `kind` is DuckDB's name of its type."""

    name: str
    kind: str


def columns_of(cursor: Cursor) -> tuple[Column, ...]:
    """What Athena says of the columns; one without values for a statement that answers nothing. ValueError for a type that no fact has."""
    if not cursor.description:
        return (Column("nothing", "BOOLEAN"),)
    return tuple(Column(name, _duckdb_type(name, kind, precision, scale)) for name, kind, _, _, precision, scale, _ in cursor.description)


def from_pages(cursor: Cursor, columns: Sequence[Column], first: Sequence[Sequence[str | None]], check: Callable[[], None]) -> ArrowStream:
    """`first`, and all rows that the cursor has left. `check` is called after each page. DDL, which answers nothing, gives a stream without rows."""
    answer = duckdb.connect()
    columns = columns or (Column("nothing", "BOOLEAN"),)
    answer.execute(f"CREATE TABLE answer ({', '.join(f'{sql_name(column.name)} {column.kind}' for column in columns)})").fetchall()
    cast_each = ", ".join(f"CAST(unnest(${place}::VARCHAR[]) AS {column.kind})" for place, column in enumerate(columns, start=1))
    page = first
    while page:
        answer.execute(f"INSERT INTO answer SELECT {cast_each}", [list(values) for values in zip(*page, strict=True)]).fetchall()
        check()
        page = cast(Sequence[Sequence[str | None]], cursor.fetchmany(PAGE_ROWS))
    return cast(ArrowStream, nanoarrow.ArrayStream(answer.sql("FROM answer")))


class ResultObject:
    """A result as Athena has written it: CSV in UTF-8 with a header, every value in quotes; a NULL is nothing at all, which an empty text (`""`) is not."""

    def __init__(self, client: Any, address: str, name: str, on_request: Callable[[str], None]) -> None:
        """`client` is a boto3 client of S3, `address` s3://bucket/key, `name` that of the query. `on_request` is called before each request."""
        self._client = client
        self._address = address
        self._name = name
        self._on_request = on_request

    def rows(self, columns: Sequence[Column], check: Callable[[], None]) -> ArrowStream:
        """All rows. They go through a folder of temporary files, which is gone with the answer. Raises TransientError where the object is not whole."""
        try:
            folder = tempfile.TemporaryDirectory(prefix="aws-user-exporter-")
            path = Path(folder.name, "answer.csv")
            with path.open("w+b") as file:
                self._fetch(file, check)
            self._compare_header(path, columns)
            connection = _loaded(path, columns)
            path.unlink()
        except OSError as error:
            raise UserError(f"the answer of the query {self._name} cannot be kept on disk ({error.strerror}); make room in {tempfile.gettempdir()}.") from error
        except duckdb.Error as error:
            raise self._half_read(str(error).splitlines()[0]) from error
        return _OnDisk(connection, folder)

    def _fetch(self, file: BinaryIO, check: Callable[[], None]) -> None:
        """Writes the object to a file. A connection that breaks is taken up where it broke, on the same version of the object."""
        bucket, key = parse_output_location(self._address)
        etag, size, quotes, last = "", -1, 0, b""
        for left in reversed(range(DOWNLOADS)):
            check()
            rest = {"Range": f"bytes={file.tell()}-", "IfMatch": etag} if etag else {}
            self._on_request(READ_OBJECT)
            try:
                with explained(READ_OBJECT, f"arn:{self._client.meta.partition}:s3:::{bucket}/{key}"):
                    answer = self._asked(bucket, key, rest)
                    if not etag:
                        etag, size = answer["ETag"], answer["ContentLength"]
                    with closing(answer["Body"]) as body:
                        for chunk in body.iter_chunks(_CHUNK_BYTES):
                            file.write(chunk)
                            quotes, last = quotes + chunk.count(b'"'), chunk[-1:]
                            check()
            except TransientError:
                if not left:
                    raise
            if 0 <= size <= file.tell():
                break
        # A reader of CSV lets a last line without an end pass as none.
        if file.tell() != size or quotes % 2 or last not in (b"", b"\n"):
            raise self._half_read(f"{file.tell():,} of {max(size, 0):,} bytes came")

    def _asked(self, bucket: str, key: str, rest: dict[str, str]) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = self._client.get_object(Bucket=bucket, Key=key, **rest)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "PreconditionFailed", "412"):
                raise UserError(
                    f"the answer of the query {self._name} is no longer at {self._address}; let nothing else write or delete there within a day."
                ) from error
            raise
        return answer

    def _compare_header(self, path: Path, columns: Sequence[Column]) -> None:
        with path.open(encoding="utf-8", newline="") as file:
            header = next(csv.reader(file), [])
        if header != [column.name for column in columns]:
            raise self._half_read("its header names other columns than Athena does")

    def _half_read(self, why: str) -> TransientError:
        return TransientError(f"the answer of the query {self._name} could not be read whole from {self._address}: {why}.")


class _OnDisk:
    """Rows of a database in a folder of its own, which lives as long as they are read."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, folder: tempfile.TemporaryDirectory[str]) -> None:
        self._connection = connection
        self._folder = folder

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return nanoarrow.ArrayStream(self._connection.sql("FROM answer")).__arrow_c_stream__(requested_schema)


def _loaded(path: Path, columns: Sequence[Column]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(str(path.with_name("answer.duckdb")), config={"memory_limit": _MEMORY})
    texts = ", ".join(f"{sql_text(column.name)}: 'VARCHAR'" for column in columns)
    cast_each = ", ".join(f"CAST({sql_name(column.name)} AS {column.kind}) AS {sql_name(column.name)}" for column in columns)
    as_written = "delim := ',', quote := '\"', escape := '\"', new_line := '\\n', nullstr := '', allow_quoted_nulls := false"
    strictly = "header := true, auto_detect := false, strict_mode := true, parallel := false"
    read = f"read_csv({sql_text(str(path))}, columns := {{{texts}}}, {as_written}, {strictly})"
    connection.execute(f"CREATE TABLE answer AS SELECT {cast_each} FROM {read}").fetchall()
    return connection


def _duckdb_type(name: str, kind: str, precision: int, scale: int) -> str:
    if kind == "decimal":
        return f"DECIMAL({precision},{scale})"
    if kind not in _TYPES:
        raise ValueError(f"column {name} is of the Athena type {kind}, which statements of sql/facts must not return")
    return _TYPES[kind]
