"""What a table must offer that the config names instead of the one that setup makes: the columns, and the fields within them, that the statements read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from exporter.setup.filling import text_of
from exporter.sources import cur
from exporter.sources.cur_month import NEEDED
from exporter.sources.kiro import KINDS

_BILLING_MONTH = "billing_period"

Fields = Mapping[str, "Fields"]
"""Names of fields, in lower case, each with the fields within it."""


def needed_columns(source: str) -> dict[str, Fields]:
    """The columns that a table for a source must have, those of its partitions included."""
    if source in KINDS:
        return {name: {} for name in KINDS[source].columns}
    if source == cur.NAME:
        return {name: {} for name in (*NEEDED, _BILLING_MONTH)}
    return {name: fields_of(kind) for name, kind in _columns_of_ddl(text_of(f"tables/{source}")).items()}


def optional_columns(source: str) -> dict[str, str]:
    """The columns that a table for a source may lack once there is a view that gives NULL for them, with their types in a query."""
    if source != cur.NAME:
        return {}
    needed = needed_columns(source)
    return {name: kind for name, kind in _columns_of_ddl(text_of(f"tables/{source}"), "trino").items() if name not in needed}


def missing(needed: Mapping[str, Fields], columns: Mapping[str, str]) -> list[str]:
    """The columns and fields that are not there, by their dotted names. `columns` are Hive types by name, as Glue has them."""
    return list(_missing(needed, {name.lower(): fields_of(kind) for name, kind in columns.items()}, ""))


def fields_of(kind: str) -> dict[str, Fields]:
    """The fields of a Hive type: of `struct<a:string,b:struct<c:int>>`, a and b with c. Those of an array are its elements'; other types have none."""
    kind = "".join(kind.split()).lower()
    name, _, inside = kind.partition("<")
    if name == "array":
        return fields_of(inside.removesuffix(">"))
    if name != "struct":
        return {}
    parts = (part.partition(":") for part in _split(inside.removesuffix(">")))
    return {field: fields_of(within) for field, _, within in parts}


def _missing(needed: Fields, there: Fields, above: str) -> Iterator[str]:
    for name, within in needed.items():
        if name not in there:
            yield f"{above}{name}"
        else:
            yield from _missing(within, there[name], f"{above}{name}.")


def _split(text: str) -> Iterable[str]:
    """At the commas that stand in no angle brackets."""
    depth, start = 0, 0
    for at, character in enumerate(text):
        depth += (character == "<") - (character == ">")
        if character == "," and not depth:
            yield text[start:at]
            start = at + 1
    yield text[start:]


def _columns_of_ddl(ddl: str, dialect: str = "hive") -> dict[str, str]:
    """Types by column, as a dialect spells them."""
    import sqlglot  # 0.3 s that only setup and check pay
    from sqlglot import exp

    parsed = sqlglot.parse_one(ddl, read="athena")
    # A field within a struct is a column to sqlglot as well.
    columns = [column for column in parsed.find_all(exp.ColumnDef) if column.find_ancestor(exp.DataType) is None]
    return {column.name.lower(): column.kind.sql(dialect) for column in columns if column.kind is not None}
