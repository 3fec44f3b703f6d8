"""A snapshot as a file: the one that was served last, which the next start serves until it has built its own.

    SHA-256 of the rest, 32 bytes
    the fields of `_Document` in their order, as an array in MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md)

It is for the very next start of the same exporter, and for nobody else: whatever is not exactly right is left alone, and built anew anyway.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

import msgspec
from isal import igzip_lib

import exporter
from exporter.config import Config
from exporter.facts.folder import LAYOUT_VERSION
from exporter.model import Chunk, Snapshot

_FORMAT = 1
_DIGEST_BYTES = 32


class Unusable(Exception):
    """What is kept cannot be served; the text says why."""


class _Document(msgspec.Struct, frozen=True, array_like=True):
    key: str
    at: datetime
    valid_from: datetime
    valid_until: datetime
    series: dict[str, int]
    folded: dict[str, int]
    limit_step: int
    chunks: tuple[tuple[bytes, int], ...]
    """gzip and series of each."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A snapshot, and when it began to be served (UTC)."""

    snapshot: Snapshot
    at: datetime

    def current(self, now: datetime) -> Snapshot | None:
        """The snapshot, where it is one of this moment: neither past its time nor of a time to come, to which the clock may have been set back."""
        return self.snapshot if self.at <= now and self.snapshot.valid_from <= now < self.snapshot.valid_until else None


def key(config: Config) -> str:
    """One-way hash of all that decides what is published but the facts: the exporter's version, the config with its secrets, the content of the people file.

    To be made before the people file is read: should it change in between, the key is that of no file that will be found again.
    """
    with_meaning = config.model_dump_json(exclude={"store", "web"})
    parts = (_FORMAT, LAYOUT_VERSION, exporter.__version__, exporter.revision(), with_meaning, _content(config))
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def _content(config: Config) -> str | None:
    """Hash of the people file; None where there is none that can be read, which whoever reads it tells."""
    try:
        if config.people.file is None or not config.people.file.is_file():
            return None
        with config.people.file.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def pack(snapshot: Snapshot, at: datetime) -> bytes:
    """The file for a snapshot that is served from `at` (UTC) on."""
    chunks = tuple((chunk.gzip, chunk.series) for chunk in snapshot.chunks)
    document = _Document(snapshot.key, at, snapshot.valid_from, snapshot.valid_until, snapshot.series, snapshot.folded, snapshot.limit_step, chunks)
    body = msgspec.msgpack.encode(document)
    return hashlib.sha256(body).digest() + body


def unpack(packed: bytes, wanted: str) -> Kept:
    """What `pack` was given, if it was made with the key that is wanted. Raises Unusable."""
    digest, body = packed[:_DIGEST_BYTES], memoryview(packed)[_DIGEST_BYTES:]
    if hashlib.sha256(body).digest() != digest:
        raise Unusable("the file is damaged")
    try:
        document = msgspec.msgpack.decode(body, type=_Document)
    except msgspec.DecodeError as error:
        raise Unusable("the file is of another version") from error
    if document.key != wanted:
        raise Unusable("config, people file or version are others than when it was made")
    chunks = tuple(Chunk(igzip_lib.decompress(gzip, flag=igzip_lib.DECOMP_GZIP), gzip, series) for gzip, series in document.chunks)
    return Kept(Snapshot(document.valid_from, document.valid_until, chunks, document.series, document.folded, document.limit_step, document.key), document.at)
