"""The folder of the store: who may write it, how files get into it, and what of it is read without a database.

    lock                            held by the one service that writes
    version                         of the layout
    facts/<source>/<day>.parquet    one row a day, identity and dimension; any tool may read it while the service runs
    objects/<source>/*.ndjson.gz    decoded files of days that are still open, so that they are fetched once
    sources/<source>.json           what has been read and seen
    people/                         what must be remembered of people
    snapshot/served                 the snapshot that was served last

Every file is written aside, synced and renamed, so a reader or a restart sees the old one or the new one, never a part.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Self, TypeVar

import msgspec

from exporter.errors import UserError

LAYOUT_VERSION = 1
_ASIDE = ".tmp"
_FOLDERS = ("facts", "objects", "sources", "people", "snapshot")
_SERVED = Path("snapshot") / "served"
_Document = TypeVar("_Document", bound=msgspec.Struct)


class StoreInUse(UserError):
    """Another process has the store open."""


class Folder:
    """An open folder. One at a time may be open for writing; `close` gives it back. It imports no DuckDB: the first scrape after a start waits for it."""

    def __init__(self, path: Path, lock: IO[str] | None) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def open(cls, path: Path) -> Self:
        """Opens the folder for writing, and makes it where it is missing. Raises UserError when another process has it, or it is of a newer version."""
        with told(path):
            path.mkdir(parents=True, exist_ok=True)
            lock = (path / "lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            raise StoreInUse(f"the store {path} is in use by another exporter; stop that one, or give this one another folder") from error
        opened = cls(path, lock)
        try:
            opened._check_version()
            opened._clean()
        except UserError:
            opened.close()
            raise
        return opened

    @classmethod
    def look(cls, path: Path) -> Self:
        """The folder for reading only, also while another process writes it: nothing is locked, made or cleaned, and a folder that is missing reads as empty.

        Raises UserError when it is of a newer version.
        """
        opened = cls(path, None)
        if (path / "version").exists():
            opened._check_version()
        return opened

    @classmethod
    def on(cls, folder: Folder) -> Self:
        """What was opened before as a mere folder. Closing one closes both."""
        return cls(folder.path, folder._lock)

    def close(self) -> None:
        """Gives the folder back to other processes."""
        if self._lock is not None:
            self._lock.close()

    def _check_version(self) -> None:
        marker = self.path / "version"
        if not marker.exists():
            self._write(marker, f"{LAYOUT_VERSION}\n".encode())
            return
        text = marker.read_text(encoding="utf-8", errors="replace").strip()
        if not re.fullmatch("[0-9]{1,9}", text):
            raise UserError(f"{marker} should hold a number; if {self.path} is a store, write {LAYOUT_VERSION} into it, else set store.path to another folder")
        if int(text) > LAYOUT_VERSION:
            raise UserError(
                f"the store {self.path} was written by a newer version of this exporter (layout {text}, this one knows {LAYOUT_VERSION}); "
                "upgrade, or set store.path to another folder"
            )

    def _clean(self) -> None:
        """Deletes what interrupted writes left behind."""
        with told(self.path):
            for folder in _FOLDERS:
                for path in (self.path / folder).rglob(f"*{_ASIDE}"):
                    path.unlink(missing_ok=True)

    # Documents

    def recall(self, name: str, kind: type[_Document]) -> _Document | None:
        """A small JSON document of the store, or None where it is missing or of another shape."""
        try:
            return msgspec.json.decode((self.path / name).read_bytes(), type=kind)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def remember(self, name: str, document: msgspec.Struct) -> None:
        """Writes a small JSON document."""
        self._write(self.path / name, msgspec.json.format(msgspec.json.encode(document)))

    # The snapshot that was served last

    def served(self) -> bytes | None:
        """What `keep_served` was given; None where nothing is kept. Raises OSError where it cannot be read."""
        try:
            return (self.path / _SERVED).read_bytes()
        except FileNotFoundError:
            return None

    def keep_served(self, packed: bytes) -> None:
        """Keeps a snapshot for the next start, as snapshots/keeping.py packs it, in place of the one before."""
        self._write(self.path / _SERVED, packed)

    def drop_served(self) -> None:
        """Deletes the snapshot that is kept."""
        with told(self.path / _SERVED):
            (self.path / _SERVED).unlink(missing_ok=True)

    # Writing

    def _write(self, target: Path, data: bytes) -> None:
        self._aside(target, lambda aside: aside.write_bytes(data))

    def _aside(self, target: Path, write: Callable[[Path], object]) -> None:
        if self._lock is None:
            raise RuntimeError("this store was opened for reading")
        aside = target.with_name(target.name + _ASIDE)
        with told(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                write(aside)
                _sync(aside)
                os.replace(aside, target)
            except BaseException:
                aside.unlink(missing_ok=True)
                raise
            _sync(target.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """Turns what the file system refuses into one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(error):
            raise UserError(f"the disk that holds {path} is full; nothing was lost, free some space and the next refresh goes on") from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise UserError(f"{path} cannot be written ({os.strerror(error.errno)}); give the exporter's user write access to store.path") from error
        if error.errno in (errno.EEXIST, errno.ENOTDIR):
            raise UserError(f"{path} cannot be made, because it is a file or lies below one; set store.path to a folder") from error
        reason = str(error) if error.errno is None else os.strerror(error.errno)
        raise UserError(f"{path} cannot be written ({reason}); set store.path to a folder that can be made, or mend the disk") from error
