"""The facts that windows can reach, in DuckDB's memory, and since when each identity has been active.

History costs disk only: days that no window reaches any more leave memory, and of them just the first and last active day of each identity is kept.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from exporter.model import DayRange, SeenIdentity

_CREDITS = {
    "account": "VARCHAR",
    "region": "VARCHAR",
    "client": "VARCHAR",
    "model": "VARCHAR",
    "tier": "VARCHAR",
    "credits": "DECIMAL(38,18)",
    "overage_credits": "DECIMAL(38,18)",
    "overage_cap": "DECIMAL(38,18)",
    "overage_enabled": "BOOLEAN",
    "included_credits": "DECIMAL(38,18)",
    "messages": "BIGINT",
    "conversations": "BIGINT",
    "new_user": "BOOLEAN",
}
_FEATURES = {"counter": "VARCHAR", "value": "BIGINT"}


@dataclass(frozen=True, slots=True)
class FactTable:
    """How the facts of a source are held: its columns beside `day` and `identity`, and what makes a row an activity of its identity."""

    source: str
    columns: dict[str, str]
    mail: str
    """SQL for the mail address that stands on a row, or NULL."""
    active: str
    """SQL condition: the identity did something that day."""


TABLES = {
    table.source: table
    for table in (
        FactTable("kiro_credits", _CREDITS, "mail", "credits > 0 OR overage_credits > 0 OR messages > 0 OR conversations > 0"),
        FactTable("kiro_features", _FEATURES, "NULL", "value > 0"),
    )
}


class RecentFacts:
    """One in-memory database, shared by the threads that refresh and the one that renders. Identities are numbers in it: names would fill the memory."""

    def __init__(self) -> None:
        self._database = duckdb.connect()
        self._writing = threading.Lock()
        self._execute("CREATE SEQUENCE identity_number")
        self._execute(
            "CREATE TABLE identities (identity INTEGER PRIMARY KEY DEFAULT nextval('identity_number'), key VARCHAR UNIQUE, mail VARCHAR, mail_day DATE)"
        )
        self._execute("CREATE TABLE older (source VARCHAR, identity INTEGER, first_day DATE, last_day DATE, PRIMARY KEY (source, identity))")
        for table in TABLES.values():
            columns = ", ".join(f"{name} {kind}" for name, kind in table.columns.items())
            self._execute(f"CREATE TABLE {table.source} (day DATE, identity INTEGER, {columns})")

    def load(self, source: str, days: Iterable[date], files: Sequence[Path]) -> None:
        """Replaces days by what their fact files hold. Raises duckdb.Error when a file cannot be read; nothing has changed then."""
        table = TABLES[source]
        columns = ", ".join(table.columns)
        with self._transaction() as cursor:
            cursor.execute(f"DELETE FROM {source} WHERE day IN (SELECT unnest($1))", [list(days)]).fetchall()
            if files:
                self._read(cursor, table, files)
                cursor.execute(f"INSERT INTO {source} SELECT day, i.identity, {columns} FROM rows_read r JOIN identities i ON i.key = r.identity").fetchall()
                cursor.execute("DROP TABLE rows_read").fetchall()

    def remember_older(self, source: str, files: Sequence[Path]) -> None:
        """Takes in first and last active days from the fact files of days that no window reaches."""
        table = TABLES[source]
        with self._transaction() as cursor:
            self._read(cursor, table, files)
            cursor.execute(
                f"""INSERT INTO older
                SELECT '{source}', i.identity, min(day), max(day)
                FROM rows_read r JOIN identities i ON i.key = r.identity WHERE {table.active} GROUP BY i.identity
                ON CONFLICT DO UPDATE SET first_day = least(older.first_day, excluded.first_day), last_day = greatest(older.last_day, excluded.last_day)"""
            ).fetchall()
            cursor.execute("DROP TABLE rows_read").fetchall()

    def drop_before(self, source: str, day: date) -> None:
        """Lets go of days that no window reaches."""
        with self._transaction() as cursor:
            cursor.execute(f"DELETE FROM {source} WHERE day < $1", [day]).fetchall()

    def days(self, source: str) -> DayRange | None:
        """The oldest and newest day in memory that have rows."""
        ((first, last),) = self.cursor().execute(f"SELECT min(day), max(day) FROM {source}").fetchall()
        return DayRange(first, last) if first else None

    def identities(self) -> list[SeenIdentity]:
        """Every identity of the stored history, in a stable order."""
        queries = " UNION ".join(f"SELECT DISTINCT identity, '{source}' FROM {source}" for source in TABLES)
        rows = (
            self.cursor()
            .execute(
                f"""SELECT identity, key, mail, list(DISTINCT source ORDER BY source)
                FROM identities JOIN (SELECT identity, source FROM older UNION {queries}) seen(identity, source) USING (identity)
                GROUP BY ALL ORDER BY key"""
            )
            .fetchall()
        )
        return [SeenIdentity(number, key, mail, tuple(sources)) for number, key, mail, sources in rows]

    def export_older(self, source: str) -> duckdb.DuckDBPyConnection:
        """A cursor whose temporary view `older_rows` holds what `import_older` takes back."""
        cursor = self.cursor()
        cursor.execute(
            "CREATE TEMP VIEW older_rows AS SELECT key, mail, mail_day, first_day, last_day "
            f"FROM older JOIN identities USING (identity) WHERE source = '{source}' ORDER BY key"
        ).fetchall()
        return cursor

    def import_older(self, source: str, file: Path) -> None:
        """Takes in what was exported before. Raises duckdb.Error when the file cannot be read."""
        with self._transaction() as cursor:
            cursor.execute("CREATE TEMP TABLE seen AS SELECT key, mail, mail_day, first_day, last_day FROM read_parquet($1)", [str(file)]).fetchall()
            self._enter(cursor, "SELECT key, mail, mail_day FROM seen")
            cursor.execute(f"INSERT INTO older SELECT '{source}', identity, first_day, last_day FROM seen JOIN identities USING (key)").fetchall()
            cursor.execute("DROP TABLE seen").fetchall()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own to the facts, for reading; temporary tables made on it are its own."""
        return self._database.cursor()

    def _read(self, cursor: duckdb.DuckDBPyConnection, table: FactTable, files: Sequence[Path]) -> None:
        cursor.execute("CREATE TEMP TABLE rows_read AS SELECT * FROM read_parquet($1, union_by_name := true)", [[str(file) for file in files]]).fetchall()
        self._enter(cursor, f"SELECT identity, {table.mail}, day FROM rows_read")

    @staticmethod
    def _enter(cursor: duckdb.DuckDBPyConnection, query: str) -> None:
        """Gives a number to every new identity of (key, mail, day), and keeps the newest mail of each."""
        cursor.execute(
            f"""INSERT INTO identities (key, mail, mail_day)
            SELECT key, arg_max(mail, day), max(day) FILTER (WHERE mail IS NOT NULL) FROM ({query}) spelled(key, mail, day) GROUP BY key ORDER BY key
            ON CONFLICT (key) DO UPDATE SET mail = excluded.mail, mail_day = excluded.mail_day
            WHERE excluded.mail IS NOT NULL AND (identities.mail_day IS NULL OR excluded.mail_day >= identities.mail_day)"""
        ).fetchall()

    def _execute(self, query: str) -> None:
        self._database.execute(query).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._writing:
            cursor = self.cursor()
            cursor.execute("BEGIN").fetchall()
            try:
                yield cursor
            except BaseException:
                cursor.execute("ROLLBACK").fetchall()
                raise
            cursor.execute("COMMIT").fetchall()
