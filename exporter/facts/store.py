"""The facts in the folder of the store, and what else it remembers: with folder.py the only module that writes it."""

from __future__ import annotations

import contextlib
import gzip
import os
import re
import shutil
import zlib
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import IO, Any, TypeVar

import duckdb
import msgspec
from isal import igzip

from exporter.errors import UserError
from exporter.facts.folder import Folder, told
from exporter.facts.forgotten import DOCUMENT, Forgotten, take_out, take_out_older
from exporter.facts.labels import make_printable
from exporter.model import DayRange, FactBatch

_SUFFIX = ".parquet"
_OBJECT_SUFFIX = ".ndjson.gz"
_SCRATCH = "scratch"
_State = TypeVar("_State", bound=msgspec.Struct)


class Store(Folder):
    """An open store."""

    def __init__(self, path: Path, lock: IO[str] | None) -> None:
        super().__init__(path, lock)
        self._database = duckdb.connect(config={"threads": 1})
        self.forgotten = self.recall(DOCUMENT, Forgotten) or Forgotten()
        """Who must not come back; `forget` replaces it."""

    # Facts

    def replace(self, batch: FactBatch) -> dict[date, int]:
        """Replaces whole days and returns their rows.

        A day that comes back empty after it had rows is kept and left out of the answer, unless the batch is whole.
        """
        connection = self._database.cursor()
        rows = batch.rows
        connection.execute("CREATE TEMP TABLE batch AS SELECT * FROM rows").fetchall()
        del rows
        take_out(connection, "batch", batch.source, self.forgotten)
        make_printable(connection, "batch", batch.source)
        counts: dict[date, int] = dict(connection.execute("SELECT day, count(*) FROM batch GROUP BY day").fetchall())
        if strange := set(counts) - set(batch.days):
            raise ValueError(f"{batch.source}: rows of {min(strange)} in a batch of other days")
        written: dict[date, int] = {}
        for day in batch.days:
            target = self._fact_file(batch.source, day)
            count = counts.get(day, 0)
            if count == 0 and not batch.whole and target.exists() and self._rows(target) > 0:
                continue
            self._write_parquet(target, connection, "SELECT * FROM batch WHERE day = $day ORDER BY ALL", {"day": day})
            written[day] = count
        return written

    def days(self, source: str) -> list[date]:
        """The days that have a file, oldest first."""
        return sorted(day for path in (self.path / "facts" / source).glob(f"*{_SUFFIX}") if (day := _day_of(path)) is not None)

    def facts(self, source: str, days: DayRange) -> list[Path]:
        """The files of a span of days, oldest first."""
        return [self._fact_file(source, day) for day in self.days(source) if day in days]

    def drop_facts(self, source: str, before: date) -> None:
        """Deletes the facts of days before one."""
        for day in self.days(source):
            if day < before:
                self._fact_file(source, day).unlink(missing_ok=True)

    def set_aside(self, path: Path) -> Path:
        """Moves a damaged file out of the way, for somebody to look at, so that its day is read again. Returns where it is now."""
        aside = path.with_suffix(".damaged")
        os.replace(path, aside)
        return aside

    def _fact_file(self, source: str, day: date) -> Path:
        return self.path / "facts" / source / f"{day.isoformat()}{_SUFFIX}"

    def older(self, source: str) -> tuple[date, Path] | None:
        """The newest file of `keep_older`, and the day through which it speaks."""
        kept = ((_day_of(path), path) for path in (self.path / "people" / "older" / source).glob(f"*{_SUFFIX}"))
        return max(((day, path) for day, path in kept if day is not None), default=None)

    def keep_older(self, source: str, through: date, exported: duckdb.DuckDBPyConnection) -> None:
        """Keeps `older_rows` of a connection: first and last active day of each identity, over all days through the one given."""
        folder = self.path / "people" / "older" / source
        target = folder / f"{through.isoformat()}{_SUFFIX}"
        self._write_parquet(target, exported, "FROM older_rows", {})
        for path in folder.glob(f"*{_SUFFIX}"):
            if path != target:
                path.unlink()

    # Forgetting

    def forget(self, forgotten: Forgotten) -> None:
        """Remembers who is forgotten. `erase` and `erase_older` then take them out."""
        self.remember(DOCUMENT, forgotten)
        self.forgotten = forgotten

    def erase(self, source: str, day: date, forgotten: Forgotten, *, write: bool) -> int:
        """Takes who is forgotten out of a stored day, or only counts the rows. A file that holds none of them is not touched."""

        def take(connection: duckdb.DuckDBPyConnection) -> int:
            return take_out(connection, "stored", source, forgotten)

        return self._without(self._fact_file(source, day), take, write)

    def erase_older(self, source: str, forgotten: Forgotten, *, write: bool) -> int:
        """`erase` for the first and last activity of older days, and the links."""
        kept = self.older(source)
        return 0 if kept is None else self._without(kept[1], lambda connection: take_out_older(connection, "stored", forgotten), write)

    def erase_aside(self, *, write: bool) -> int:
        """Deletes the damaged files that were set aside, or only counts them: nobody can tell whose rows they hold."""
        found = [path for folder in ("facts", "people") for path in (self.path / folder).rglob("*.damaged")]
        for path in found if write else ():
            path.unlink(missing_ok=True)
        return len(found)

    def erase_objects(self, *, write: bool) -> int:
        """Deletes all decoded objects, or only counts them; they are fetched again while their days are open."""
        found = [path for path in (self.path / "objects").rglob("*") if path.is_file()]
        for path in found if write else ():
            path.unlink(missing_ok=True)
        return len(found)

    def _without(self, file: Path, take: Callable[[duckdb.DuckDBPyConnection], int], write: bool) -> int:
        connection = self._database.cursor()
        try:
            connection.execute("CREATE OR REPLACE TEMP TABLE stored AS FROM read_parquet($1)", [str(file)]).fetchall()
            rows = take(connection)
        except duckdb.Error as error:
            raise UserError(f"{file} cannot be read, so nobody can be taken out of it; delete it or put back a good copy, then run forget again") from error
        if rows and write:
            self._write_parquet(file, connection, "FROM stored", {})
        return rows

    # What sources remember

    def state(self, source: str, kind: type[_State]) -> _State | None:
        """What a source remembered, or None. A state that cannot be read counts as none: its days are then read again."""
        return self.recall(f"sources/{source}.json", kind)

    def save_state(self, source: str, state: msgspec.Struct) -> None:
        """Remembers a state. Called after the facts that it speaks of are written, so that a stop in between reads them again."""
        self.remember(f"sources/{source}.json", state)

    # Decoded objects

    def object_file(self, source: str, name: str) -> Path:
        """Where the decoded rows of an object stand, whether they do or not."""
        return self.path / "objects" / source / f"{name}{_OBJECT_SUFFIX}"

    def keep_object(self, file: Path, rows: bytes) -> None:
        """Keeps an object's decoded rows (newline-delimited JSON) until `drop_objects`."""
        self.keep_packed(file, igzip.compress(rows, 1))

    def keep_packed(self, file: Path, packed: bytes) -> None:
        """`keep_object` for rows that are gzipped already, in one member or more."""
        self._write(file, packed)

    def object_rows(self, file: Path) -> bytes | None:
        """The rows of a kept object; None where it is not kept, or not whole."""
        try:
            packed = file.read_bytes()
            return gzip.decompress(packed) if packed else None
        except (FileNotFoundError, EOFError, gzip.BadGzipFile, zlib.error):
            return None

    def drop_objects(self, source: str, keep: Iterable[Path]) -> None:
        """Deletes the decoded objects of a source but those given, and what an interrupted write left behind."""
        wanted = {file.name for file in keep}
        for path in (self.path / "objects" / source).glob("*"):
            if path.name not in wanted:
                path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def scratch(self, source: str) -> Iterator[Path]:
        """An empty folder for files that are too large for memory and needed once; it is gone afterwards, or with the next one."""
        folder = self.path / "objects" / source / _SCRATCH
        with told(folder):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    # Writing

    def _rows(self, path: Path) -> int:
        """Rows of a file; 0 for a damaged one, which nothing is lost by replacing."""
        try:
            ((rows,),) = self._database.cursor().execute("SELECT count(*) FROM read_parquet($1)", [str(path)]).fetchall()
        except duckdb.Error:
            return 0
        return int(rows)

    def _write_parquet(self, target: Path, connection: duckdb.DuckDBPyConnection, query: str, parameters: dict[str, Any]) -> None:
        def write(aside: Path) -> None:
            copy = f"COPY ({query}) TO $target (FORMAT parquet, COMPRESSION zstd)"
            try:
                connection.execute(copy, {**parameters, "target": str(aside)}).fetchall()
            except duckdb.IOException as error:
                raise OSError(str(error)) from error

        self._aside(target, write)


def _day_of(path: Path) -> date | None:
    """The day that a file is named after; None for a file of somebody else's."""
    try:
        return date.fromisoformat(path.stem) if re.fullmatch(r"\d{4}-\d\d-\d\d", path.stem, re.ASCII) else None
    except ValueError:
        return None
