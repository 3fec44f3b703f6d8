"""The facts that windows can reach, in DuckDB's memory, and since when each identity has been active.

History costs disk only: days that no window reaches any more leave memory, and of them just the first and last active day of each identity is kept.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import duckdb

from exporter.facts.tables import CALLER, CALLER_KEY, CANDIDATE, CANDIDATE_IDS, TABLES, FactTable
from exporter.model import DayRange, SeenIdentity
from exporter.people.attribution import may_be_person

_OLDER = ("key", "mail", "mail_day", "first_time", "last_time", "link", "resource")
_SAME_CANDIDATE = " AND ".join(f"c.{column} IS NOT DISTINCT FROM r.{column}" for column in CANDIDATE)
_BILLS = tuple(table.source for table in TABLES.values() if table.of_bill)


class UnreadableFacts(Exception):
    """A file of facts is damaged, or of another version."""


class RecentFacts:
    """One in-memory database, shared by the threads that refresh and the one that renders. Identities are numbers in it: names would fill the memory."""

    def __init__(self) -> None:
        # Of every file that was ever read the cache would keep a note.
        self._database = duckdb.connect(config={"enable_external_file_cache": False})
        self._writing = threading.Lock()
        self._execute("CREATE SEQUENCE identity_number")
        self._execute(
            "CREATE TABLE identities (identity INTEGER PRIMARY KEY DEFAULT nextval('identity_number'), key VARCHAR UNIQUE, mail VARCHAR, mail_day DATE)"
        )
        self._execute("CREATE TABLE older (source VARCHAR, identity INTEGER, first_time BIGINT, last_time BIGINT, PRIMARY KEY (source, identity))")
        self._execute("CREATE TABLE callers (source VARCHAR, arn VARCHAR, first_time BIGINT, last_time BIGINT, PRIMARY KEY (source, arn))")
        self._execute("CREATE TABLE links (identity INTEGER, name VARCHAR, PRIMARY KEY (identity, name))")
        self._execute("CREATE TABLE creators (resource VARCHAR PRIMARY KEY, identity INTEGER, first_event BIGINT)")
        self._execute("CREATE SEQUENCE candidate_number")
        self._execute(f"CREATE TABLE bill_candidate (candidate INTEGER DEFAULT nextval('candidate_number'), {_columns(CANDIDATE)})")
        for table in TABLES.values():
            self._execute(f"CREATE TABLE {table.source} (day DATE, {'candidate' if table.of_bill else 'identity'} INTEGER, {_columns(table.columns)})")
            if table.of_bill:
                self._execute(
                    f"""CREATE VIEW {table.identified} AS
                    SELECT day, identity FROM (SELECT candidate, unnest([min(day), max(day)]) AS day FROM {table.source} GROUP BY candidate)
                    JOIN (SELECT candidate, unnest([{", ".join(CANDIDATE_IDS)}]) AS key FROM bill_candidate) USING (candidate)
                    JOIN identities USING (key)"""
                )

    def load(self, source: str, days: Iterable[date], files: Sequence[Path]) -> None:
        """Replaces days by what their fact files hold. Raises UnreadableFacts; nothing has changed then."""
        table = TABLES[source]
        columns = ", ".join(f"r.{column}" for column in table.columns)
        with self._transaction() as cursor:
            cursor.execute(f"DELETE FROM {source} WHERE day IN (SELECT unnest($1))", [list(days)]).fetchall()
            if files:
                self._read(cursor, table, files)
                if table.of_bill:
                    same = f"FROM bill_candidate c WHERE {_SAME_CANDIDATE}"
                    names = ", ".join(CANDIDATE)
                    cursor.execute(
                        f"INSERT INTO bill_candidate ({names}) FROM (SELECT DISTINCT {names} FROM facts_read) r WHERE NOT EXISTS ({same})"
                    ).fetchall()
                    cursor.execute(
                        f"INSERT INTO {source} SELECT r.day, c.candidate, {columns} FROM facts_read r JOIN bill_candidate c ON {_SAME_CANDIDATE}"
                    ).fetchall()
                else:
                    cursor.execute(
                        f"""INSERT INTO {source} SELECT r.day, i.identity, {columns}
                        FROM rows_read r LEFT JOIN identities i ON i.key = r.key_read WHERE r.link_read IS NULL AND r.created_read IS NULL"""
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
            if table.of_bill:
                self._call(cursor, source)

    def meet(self, source: str, files: Sequence[Path]) -> None:
        """Takes in who stands in fact files, with mails and links, and nothing of what they did. Raises UnreadableFacts."""
        with self._transaction() as cursor:
            self._read(cursor, TABLES[source], files)
            cursor.execute(
                f"""INSERT INTO older SELECT DISTINCT '{source}', i.identity, NULL::BIGINT, NULL::BIGINT
                FROM rows_read r JOIN identities i ON i.key = r.key_read ON CONFLICT DO NOTHING"""
            ).fetchall()
            if TABLES[source].of_bill:
                self._call(cursor, source)

    def drop_before(self, source: str, day: date) -> None:
        """Lets go of days that no window reaches."""
        with self._transaction() as cursor:
            ((dropped,),) = cursor.execute(f"DELETE FROM {source} WHERE day < $1", [day]).fetchall()
            if dropped and TABLES[source].of_bill:
                needed = " UNION ALL ".join(f"SELECT candidate FROM {bill}" for bill in _BILLS)
                cursor.execute(f"DELETE FROM bill_candidate WHERE candidate NOT IN ({needed})").fetchall()

    def days(self, source: str) -> DayRange | None:
        """The oldest and newest day in memory that have rows."""
        ((first, last),) = self.cursor().execute(f"SELECT min(day), max(day) FROM {source}").fetchall()
        return DayRange(first, last) if first else None

    def identities(self) -> list[SeenIdentity]:
        """Every identity of the stored history, in a stable order."""
        queries = " UNION ".join(f"SELECT DISTINCT identity, '{table.source}' FROM {table.identified} WHERE identity IS NOT NULL" for table in TABLES.values())
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

    def creators(self) -> list[tuple[str, str]]:
        """Resources and the key of the identity that created each, in a stable order. Of several, the one whose event came first."""
        return self.cursor().execute("SELECT resource, key FROM creators JOIN identities USING (identity) ORDER BY resource").fetchall()

    def principals(self) -> list[tuple[str, str]]:
        """The ARNs of callers that stand in bills, each with its source, in a stable order. Of days that no window reaches, those that may be people."""
        queries = " UNION ".join(
            f"SELECT iam_principal, '{bill}' FROM (SELECT DISTINCT candidate FROM {bill}) JOIN bill_candidate USING (candidate) WHERE iam_principal IS NOT NULL"
            for bill in _BILLS
        )
        return self.cursor().execute(f"{queries} UNION SELECT arn, source FROM callers ORDER BY ALL").fetchall()

    def export_older(self, source: str) -> duckdb.DuckDBPyConnection:
        """A cursor whose temporary view `older_rows` holds what `import_older` takes back: activity of older days, all links and all creators."""
        cursor, table = self.cursor(), TABLES[source]
        links = "UNION ALL SELECT key, mail, mail_day, NULL, NULL, name, NULL FROM links JOIN identities USING (identity)"
        creators = "UNION ALL SELECT key, mail, mail_day, first_event, NULL, NULL, resource FROM creators JOIN identities USING (identity)"
        callers = f"UNION ALL SELECT '{CALLER_KEY}' || arn, NULL, NULL, first_time, last_time, NULL, NULL FROM callers WHERE source = '{source}'"
        cursor.execute(
            f"""CREATE TEMP VIEW older_rows AS
            SELECT key, mail, mail_day, first_time, last_time, NULL::VARCHAR AS link, NULL::VARCHAR AS resource
            FROM older JOIN identities USING (identity) WHERE source = '{source}'
            {links if table.link != "NULL" else ""}
            {creators if table.created != "NULL" else ""}
            {callers if table.of_bill else ""}
            ORDER BY key, link, resource"""
        ).fetchall()
        return cursor

    def import_older(self, source: str, file: Path) -> None:
        """Takes in what was exported before. Raises UnreadableFacts."""
        with self._transaction() as cursor:
            self._lay(cursor, "seen", [file], _OLDER)
            if TABLES[source].of_bill:
                cursor.execute(
                    f"""INSERT INTO callers SELECT '{source}', replace(key, '{CALLER_KEY}', ''), first_time, last_time
                    FROM seen WHERE starts_with(key, '{CALLER_KEY}')"""
                ).fetchall()
                cursor.execute(f"DELETE FROM seen WHERE starts_with(key, '{CALLER_KEY}')").fetchall()
            self._enter(cursor, "SELECT key, mail, mail_day FROM seen")
            cursor.execute(
                f"""INSERT INTO older SELECT '{source}', identity, first_time, last_time
                FROM seen JOIN identities USING (key) WHERE link IS NULL AND resource IS NULL"""
            ).fetchall()
            cursor.execute("INSERT OR IGNORE INTO links SELECT identity, link FROM seen JOIN identities USING (key) WHERE link IS NOT NULL").fetchall()
            self._create(cursor, "SELECT resource, key, first_time FROM seen WHERE resource IS NOT NULL")

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own to the facts, for reading; temporary tables made on it are its own."""
        cursor = self._database.cursor()
        # Gives back what is freed, also when nothing more is asked. Of the whole process: any other database that is opened or closed ends it.
        cursor.execute("SET allocator_background_threads = true").fetchall()
        return cursor

    def _read(self, cursor: duckdb.DuckDBPyConnection, table: FactTable, files: Sequence[Path]) -> None:
        """Lays fact files as `facts_read`, and as `rows_read` with key, link and created resource; enters the identities, links and creators."""
        if table.of_bill:
            self._lay(cursor, "facts_read", files, ["day", *CANDIDATE, *table.columns])
            keys = f"unnest([{', '.join(CANDIDATE_IDS)}])"
            cursor.execute(f"CREATE OR REPLACE TEMP TABLE rows_read AS SELECT DISTINCT day, {keys} AS key_read FROM facts_read").fetchall()
            self._enter(cursor, "SELECT key_read, NULL::VARCHAR, day FROM rows_read WHERE key_read IS NOT NULL")
            return
        self._lay(cursor, "facts_read", files, ["day", "identity", *table.columns])
        cursor.execute(
            f"""CREATE OR REPLACE TEMP VIEW rows_read AS
            SELECT *, {table.key} AS key_read, {table.link}::VARCHAR AS link_read, {table.created}::VARCHAR AS created_read FROM facts_read"""
        ).fetchall()
        self._enter(cursor, f"SELECT key_read, {table.mail}, day FROM rows_read WHERE key_read IS NOT NULL")
        cursor.execute(
            "INSERT OR IGNORE INTO links SELECT DISTINCT i.identity, link_read FROM rows_read JOIN identities i ON key = key_read WHERE link_read IS NOT NULL"
        ).fetchall()
        self._create(cursor, f"SELECT created_read, key_read, {table.first_time} FROM rows_read WHERE created_read IS NOT NULL")

    @staticmethod
    def _call(cursor: duckdb.DuckDBPyConnection, source: str) -> None:
        """Takes in the callers of the bill that was read: sessions of programs, new ones every day, would fill the memory."""
        found = cursor.execute(
            f"SELECT {CALLER}, epoch(min(day))::BIGINT, epoch(max(day))::BIGINT FROM facts_read WHERE {CALLER} IS NOT NULL GROUP BY ALL"
        ).fetchall()
        if people := [row for row in found if may_be_person(row[0])]:
            arns, first, last = map(list, zip(*people, strict=True))
            cursor.execute(
                f"""INSERT INTO callers SELECT '{source}', unnest($1::VARCHAR[]), unnest($2::BIGINT[]), unnest($3::BIGINT[])
                ON CONFLICT DO UPDATE
                SET first_time = least(callers.first_time, excluded.first_time), last_time = greatest(callers.last_time, excluded.last_time)""",
                [arns, first, last],
            ).fetchall()

    @staticmethod
    def _create(cursor: duckdb.DuckDBPyConnection, query: str) -> None:
        """Takes in (resource, key of an identity, time): whoever came first is the creator."""
        cursor.execute(
            f"""INSERT INTO creators
            SELECT resource, arg_min(identity, (event, key)), min(event)
            FROM ({query}) created(resource, key, event) JOIN identities USING (key) GROUP BY resource
            ON CONFLICT DO UPDATE SET identity = excluded.identity, first_event = excluded.first_event WHERE excluded.first_event < creators.first_event"""
        ).fetchall()

    @staticmethod
    def _lay(cursor: duckdb.DuckDBPyConnection, name: str, files: Sequence[Path], needed: Sequence[str]) -> None:
        """Only what is wrong with the files themselves is UnreadableFacts: a mistake of ours must not have the store set aside."""
        paths = [str(file) for file in files]
        try:
            # Of each file: a union gives those that lack a column NULLs in its place.
            schemas = cursor.execute("SELECT list(name) FROM parquet_schema($1) GROUP BY file_name", [paths]).fetchall()
            cursor.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM read_parquet($1, union_by_name := true)", [paths]).fetchall()
        except duckdb.Error as error:
            raise UnreadableFacts(str(error).splitlines()[0]) from error
        if missing := sorted({column for (columns,) in schemas for column in set(needed).difference(columns)}):
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


def _columns(columns: dict[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns.items())
