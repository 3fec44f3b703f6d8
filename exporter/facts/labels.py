"""What of a fact becomes a label that is not a person's: regions, services, models, accounts. As people's names, they must not steer a terminal or a page."""

from __future__ import annotations

import duckdb

from exporter.facts.tables import TABLES
from exporter.people.spellings import REPLACEMENT, UNPRINTABLE

_RANGES = "".join(rf"\x{{{first:x}}}-\x{{{last:x}}}" for first, last in UNPRINTABLE)
_PATTERN = f"[{_RANGES}]"
_OF_EVERY_FACT = ("account",)


def make_printable(cursor: duckdb.DuckDBPyConnection, table: str, source: str) -> None:
    """Replaces control and reordering characters of the labels in a table of facts. Rows that become alike stay rows of their own: families sum them."""
    facts = TABLES.get(source)
    if facts is None:
        return
    columns = {column: kind for column, kind, *_ in cursor.execute(f"DESCRIBE {table}").fetchall()}
    labels = [column for column in dict.fromkeys((*_OF_EVERY_FACT, *facts.columns)) if columns.get(column) == "VARCHAR" and column not in facts.spelled]
    # Distinct ones are few, and almost never is there one to replace.
    found = f"FROM (SELECT DISTINCT unnest([{', '.join(labels)}]) AS label FROM {table})"
    ((unprintable,),) = cursor.execute(f"SELECT count(*) FILTER (WHERE regexp_matches(label, $1)) {found}", [_PATTERN]).fetchall()
    for column in labels if unprintable else ():
        cursor.execute(
            f"UPDATE {table} SET {column} = regexp_replace({column}, $1, $2, 'g') WHERE regexp_matches({column}, $1) AND {facts.labelled}",
            [_PATTERN, REPLACEMENT],
        ).fetchall()
