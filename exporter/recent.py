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
_CLOUDTRAIL = {
    "kind": "VARCHAR",
    "dimension": "VARCHAR",
    "value": "VARCHAR",
    "events": "BIGINT",
    "denied": "BIGINT",
    "sensitive": "BIGINT",
    "first_event": "BIGINT",
    "last_event": "BIGINT",
}


@dataclass(frozen=True, slots=True)
class FactTable:
    """How the facts of a source are held: its columns beside `day` and `identity`, and SQL for what its rows say of an identity."""

    source: str
    columns: dict[str, str]
    active: str
    """Condition: the identity did something that day."""
    key: str = "identity"
    """The identity as the source spells it, with its kind before a colon unless it is an Identity Center id; NULL where nobody is meant."""
    mail: str = "NULL"
    """The mail address that stands on a row, or NULL."""
    first_time: str = "epoch(day)::BIGINT"
    last_time: str = "epoch(day)::BIGINT"
    """Unix time of the first and the last thing that the identity did that day, as exactly as the source knows it."""
    link: str = "NULL"
    """Another spelling under which the same row knows the identity, or NULL."""


TABLES = {
    table.source: table
    for table in (
        FactTable("kiro_credits", _CREDITS, "credits > 0 OR overage_credits > 0 OR messages > 0 OR conversations > 0", mail="mail"),
        FactTable("kiro_features", _FEATURES, "value > 0"),
        FactTable(
            "cloudtrail",
            _CLOUDTRAIL,
            "dimension = 'access' AND events > 0",
            key="CASE WHEN identity_kind = 'user_id' THEN identity WHEN identity IS NOT NULL THEN identity_kind || ':' || identity END",
            first_time="first_event",
            last_time="last_event",
            link="CASE WHEN dimension = 'link' THEN value END",
        ),
    )
}


class UnreadableFacts(Exception):
    """A file of facts is damaged, or of another version."""


class RecentFacts:
    """One in-memory database, shared by the threads that refresh and the one that renders. Identities are numbers in it: names would fill the memory."""

    def __init__(self) -> None:
        self._database = duckdb.connect()
        self._writing = threading.Lock()
        self._execute("CREATE SEQUENCE identity_number")
        self._execute(
            "CREATE TABLE identities (identity INTEGER PRIMARY KEY DEFAULT nextval('identity_number'), key VARCHAR UNIQUE, mail VARCHAR, mail_day DATE)"
        )
        self._execute("CREATE TABLE older (source VARCHAR, identity INTEGER, first_time BIGINT, last_time BIGINT, PRIMARY KEY (source, identity))")
        self._execute("CREATE TABLE links (identity INTEGER, name VARCHAR, PRIMARY KEY (identity, name))")
        for table in TABLES.values():
            columns = ", ".join(f"{name} {kind}" for name, kind in table.columns.items())
            self._execute(f"CREATE TABLE {table.source} (day DATE, identity INTEGER, {columns})")

    def load(self, source: str, days: Iterable[date], files: Sequence[Path]) -> None:
        """Replaces days by what their fact files hold. Raises UnreadableFacts; nothing has changed then."""
        table = TABLES[source]
        columns = ", ".join(f"r.{column}" for column in table.columns)
        with self._transaction() as cursor:
            cursor.execute(f"DELETE FROM {source} WHERE day IN (SELECT unnest($1))", [list(days)]).fetchall()
            if files:
                self._read(cursor, table, files)
                cursor.execute(
                    f"""INSERT INTO {source} SELECT r.day, i.identity, {columns}
                    FROM rows_read r LEFT JOIN identities i ON i.key = r.key_read WHERE r.link_read IS NULL"""
                ).fetchall()

    def remember_older(self, source: str, files: Sequence[Path]) -> None:
        """Takes in first and last activity from the fact files of days that no window reaches. Raises UnreadableFacts."""
        table = TABLES[source]
        with self._transaction() as cursor:
            self._read(cursor, table, files)
            cursor.execute(
                f"""INSERT INTO older
                SELECT '{source}', i.identity, min({table.first_time}), max({table.last_time})
                FROM rows_read r JOIN identities i ON i.key = r.key_read WHERE {table.active} GROUP BY i.identity
                ON CONFLICT DO UPDATE
                SET first_time = least(older.first_time, excluded.first_time), last_time = greatest(older.last_time, excluded.last_time)"""
            ).fetchall()

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
        queries = " UNION ".join(f"SELECT DISTINCT identity, '{source}' FROM {source} WHERE identity IS NOT NULL" for source in TABLES)
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

    def links(self) -> list[tuple[str, str]]:
        """Pairs of an Identity Center id and a session name that single events have carried together, in a stable order."""
        return self.cursor().execute("SELECT key, name FROM links JOIN identities USING (identity) ORDER BY key, name").fetchall()

    def export_older(self, source: str) -> duckdb.DuckDBPyConnection:
        """A cursor whose temporary view `older_rows` holds what `import_older` takes back: activity of older days, and all links."""
        cursor = self.cursor()
        links = "UNION ALL SELECT key, mail, mail_day, NULL, NULL, name FROM links JOIN identities USING (identity)" if TABLES[source].link != "NULL" else ""
        cursor.execute(
            f"""CREATE TEMP VIEW older_rows AS
            SELECT key, mail, mail_day, first_time, last_time, NULL::VARCHAR AS link FROM older JOIN identities USING (identity) WHERE source = '{source}'
            {links}
            ORDER BY key, link"""
        ).fetchall()
        return cursor

    def import_older(self, source: str, file: Path) -> None:
        """Takes in what was exported before. Raises UnreadableFacts."""
        with self._transaction() as cursor:
            self._lay(cursor, "seen", [file], ("key", "mail", "mail_day", "first_time", "last_time", "link"))
            self._enter(cursor, "SELECT key, mail, mail_day FROM seen")
            cursor.execute(
                f"INSERT INTO older SELECT '{source}', identity, first_time, last_time FROM seen JOIN identities USING (key) WHERE link IS NULL"
            ).fetchall()
            cursor.execute("INSERT OR IGNORE INTO links SELECT identity, link FROM seen JOIN identities USING (key) WHERE link IS NOT NULL").fetchall()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own to the facts, for reading; temporary tables made on it are its own."""
        return self._database.cursor()

    def _read(self, cursor: duckdb.DuckDBPyConnection, table: FactTable, files: Sequence[Path]) -> None:
        """Lays the rows of fact files as `rows_read`, with key and link, and enters their identities."""
        needed = ["day", "identity", *table.columns]
        self._lay(cursor, "facts_read", files, needed)
        cursor.execute(f"CREATE OR REPLACE TEMP TABLE rows_read AS SELECT *, {table.key} AS key_read, {table.link} AS link_read FROM facts_read").fetchall()
        self._enter(cursor, f"SELECT key_read, {table.mail}, day FROM rows_read WHERE key_read IS NOT NULL")
        cursor.execute(
            "INSERT OR IGNORE INTO links SELECT DISTINCT i.identity, link_read FROM rows_read JOIN identities i ON key = key_read WHERE link_read IS NOT NULL"
        ).fetchall()

    @staticmethod
    def _lay(cursor: duckdb.DuckDBPyConnection, name: str, files: Sequence[Path], needed: Sequence[str]) -> None:
        """Only what is wrong with the files themselves is UnreadableFacts: a mistake of ours must not have the store set aside."""
        try:
            cursor.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM read_parquet($1, union_by_name := true)", [[str(file) for file in files]]).fetchall()
        except duckdb.Error as error:
            raise UnreadableFacts(str(error).splitlines()[0]) from error
        columns = {column for column, *_ in cursor.execute(f"DESCRIBE {name}").fetchall()}
        if missing := [column for column in needed if column not in columns]:
            raise UnreadableFacts(f"the column {missing[0]} is missing: the file is of another version")

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
