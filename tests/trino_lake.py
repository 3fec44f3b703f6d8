"""A folder in the layout of the bucket as the tables and views of `sql/` show it in a real Trino.

Columns, partitions and the places of files come from `sql/tables` alone: Trino has other words for the same. Two things differ from Athena. Trino does not have
the class that splits a log file of CloudTrail, so files are split beforehand; and the last day of every partition is given, since Trino goes by the real clock.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping, Sequence
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import sqlglot
from sqlglot import exp
from trino_server import TrinoServer

from exporter.engines import statement
from exporter.quoting import sql_name, sql_text

SQL = Path(__file__).parent.parent / "sql"
LAST_DAY = {"yyyy": "2026", "MM": "12", "dd": "31"}
EXAMPLE_LOCATION = "s3://example-bucket/example-prefix"

_FORMATS = {
    "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe": "PARQUET",
    "org.apache.hadoop.hive.serde2.OpenCSVSerde": "CSV",
    "org.apache.hive.hcatalog.data.JsonSerDe": "JSON",
}
_CSV = {"separatorChar": "csv_separator", "quoteChar": "csv_quote", "escapeChar": "csv_escape"}
_SPLIT_BY_ATHENA = "com.amazon.emr.cloudtrail.CloudTrailInputFormat"


def names_in(folder: str) -> list[str]:
    """The files of a folder of `sql/`, without the folder."""
    return sorted(path.stem for path in (SQL / folder).glob("*.sql"))


class Lake:
    """One schema over files that are there already, with all tables and views of `sql/`. A view that stands in for a table is left out for that table."""

    def __init__(self, trino: TrinoServer, folder: Path, schema: str, tables: Mapping[str, str] | None = None) -> None:
        """`tables` are statements by name, those of `sql/tables` unless given."""
        self.trino, self.schema = trino, schema
        split = folder.parent / f"{folder.name}-split"
        split_log_files(folder, split)
        trino.run(f"CREATE SCHEMA {sql_name(schema)}")
        tables = tables or {name: statement(f"tables/{name}").text for name in names_in("tables")}
        for text in tables.values():
            table = Table(text)
            trino.run(table.for_trino(split if table.split_by_athena else folder), schema)
        for name in ordered({name: statement(f"views/{name}").text for name in names_in("views") if name not in tables}):
            trino.run(statement(f"views/{name}").text, schema)

    def run(self, sql: str) -> list[list[Any]]:
        return self.trino.run(sql, self.schema).rows


def ordered(views: Mapping[str, str]) -> list[str]:
    """Names of views, each after those that it reads."""
    reads = {name: {table.name for table in sqlglot.parse_one(text, read="athena").find_all(exp.Table)} & (set(views) - {name}) for name, text in views.items()}
    return list(TopologicalSorter(reads).static_order())


class Table:
    """One statement of `sql/tables`."""

    def __init__(self, ddl: str) -> None:
        parsed = sqlglot.parse_one(ddl, read="athena")
        assert isinstance(parsed, exp.Create)
        self._name = parsed.this.this.name
        self._columns = parsed.this.expressions
        properties = parsed.args["properties"].expressions
        self._partitions = [column for part in properties if isinstance(part, exp.PartitionedByProperty) for column in part.this.expressions]
        self._told = {part.name: part.args["value"].name for part in properties if type(part) is exp.Property}
        (self._location,) = [part.name for part in properties if isinstance(part, exp.LocationProperty)]
        (stored,) = [part.this for part in properties if isinstance(part, exp.FileFormatProperty)]
        serdes = [part.name for part in properties if isinstance(part, exp.RowFormatSerdeProperty)]
        self._serde = {told.name: told.args["value"].name for part in parsed.find_all(exp.SerdeProperties) for told in part.expressions}
        self._format = _FORMATS[serdes[0]] if serdes else stored.name
        self.split_by_athena = isinstance(stored, exp.InputOutputFormat) and stored.args["input_format"].name == _SPLIT_BY_ATHENA

    def for_trino(self, folder: Path) -> str:
        """The same table over a folder, with the example values replaced as its first lines tell: accounts and regions are those that the folder holds."""
        below = self._location.removeprefix(f"{EXAMPLE_LOCATION}/")
        (folder / below).mkdir(parents=True, exist_ok=True)
        template = self._told.get("storage.location.template", "").removeprefix(f"{EXAMPLE_LOCATION}/")
        if self.split_by_athena:
            organization = next((f"{path.name}/" for path in (folder / "AWSLogs").glob("o-*")), "")
            below, template = (text.replace("AWSLogs/", f"AWSLogs/{organization}") for text in (below, template))
        told = {**self._told, **{f"projection.{name}.values": ",".join(values) for name, values in _held(folder, template).items()}}
        columns = [f"{sql_name(column.name)} {column.kind.sql('trino')}" for column in self._columns]
        columns += [f"{sql_name(column.name)} {column.kind.sql('trino')}{_projection(column.name, told)}" for column in self._partitions]
        properties = {"external_location": sql_text(f"local://{folder}/{below}"), "format": sql_text(self._format)}
        if self._format == "CSV":
            properties |= {_CSV[name]: _character(value) for name, value in self._serde.items()}
        if self._partitions:
            properties["partitioned_by"] = _array([column.name for column in self._partitions])
        if told.get("projection.enabled") == "true":
            properties["partition_projection_enabled"] = "true"
            properties["partition_projection_location_template"] = sql_text(f"local://{folder}/{template}")
        if "skip.header.line.count" in told:
            properties["skip_header_line_count"] = told["skip.header.line.count"]
        return f"CREATE TABLE {sql_name(self._name)} ({', '.join(columns)}) WITH ({', '.join(f'{name} = {value}' for name, value in properties.items())})"


def _held(folder: Path, template: str) -> dict[str, list[str]]:
    """The accounts and regions for which a folder holds partitions."""
    parts = re.split(r"\$\{(\w+)\}", template.rstrip("/"))
    wild = {"account": "(?P<account>[^/]+)", "region": "(?P<region>[^/]+)"}
    places = re.compile("".join(wild.get(part, ".+") if at % 2 else re.escape(part) for at, part in enumerate(parts)))
    found = [match.groupdict() for path in folder.rglob("*") if path.is_dir() and (match := places.fullmatch(path.relative_to(folder).as_posix()))]
    return {name: sorted({groups[name] for groups in found}) for name in places.groupindex if found}


def _projection(column: str, told: Mapping[str, str]) -> str:
    prefix = f"projection.{column}."
    said = {name.removeprefix(prefix): value for name, value in told.items() if name.startswith(prefix)}
    if "type" not in said:
        return ""
    words = {"type": sql_text(said.pop("type").upper())}
    if words["type"] == "'INJECTED'":
        return f" WITH (partition_projection_type = {words['type']})"
    if said.get("interval.unit") == "MONTHS":
        return _months(said["range"])
    if "values" in said:
        words["values"] = _array(said.pop("values").split(","))
    if "range" in said:
        last = re.sub("yyyy|MM|dd", lambda part: LAST_DAY[part[0]], said["format"])
        words["range"] = _array([said.pop("range").split(",")[0], last])
    for name, word in (("format", "format"), ("interval.unit", "interval_unit")):
        if name in said:
            words[word] = sql_text(said.pop(name))
    if "interval" in said:
        words["interval"] = said.pop("interval")
    assert not said, f"{said} of {column} have no translation"
    return f" WITH ({', '.join(f'partition_projection_{name} = {value}' for name, value in words.items())})"


def _months(span: str) -> str:
    """Trino knows months of projected partitions only one by one."""
    year, month = map(int, span.split(",")[0].split("-"))
    months = [f"{at // 12}-{at % 12 + 1:02d}" for at in range(year * 12 + month - 1, (int(LAST_DAY["yyyy"]) + 1) * 12)]
    return f" WITH (partition_projection_type = 'ENUM', partition_projection_values = {_array(months)})"


def _array(values: Sequence[str]) -> str:
    return f"ARRAY[{', '.join(map(sql_text, values))}]"


def _character(value: str) -> str:
    """A character as SQL, also one that cannot be printed, which DDL of Hive writes as an octal escape."""
    return f"U&'\\{ord(value):04x}'"


def split_log_files(folder: Path, target: Path) -> None:
    """Does what Athena's CloudTrailInputFormat does: a line a record, and in columns of text the JSON of what is no text."""
    for path in folder.glob("AWSLogs/**/CloudTrail*/**/*.json.gz"):
        document = json.loads(gzip.decompress(path.read_bytes()))
        lines = [json.dumps({name: _as_column(name, value) for name, value in record.items()}) for record in document.get("Records", [document])]
        copy = target / path.relative_to(folder).with_suffix("")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _as_column(name: str, value: Any) -> Any:
    is_text = isinstance(value, dict | list) and name not in ("userIdentity", "resources", "addendum", "tlsDetails")
    return json.dumps(value, separators=(",", ":")) if is_text else value
