"""Objects in a bucket or files in a folder, seen alike: list them, and read the very version that was listed."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import Any, Protocol

from exporter.aws import Aws, client, explained
from exporter.errors import UserError

MAX_BYTES = 256 * 1024 * 1024
"""What `read` takes into memory at most, unless told otherwise."""

LIST_REQUEST = "s3:ListObjectsV2"
READ_REQUEST = "s3:GetObject"
REQUESTS = (LIST_REQUEST, READ_REQUEST)
"""The names under which `on_request` is told of an API request."""

_UNFINISHED = (".tmp", ".part")
_COPIED_AT_ONCE = 1024 * 1024


class ObjectGone(Exception):
    """An object was listed and is no longer there; the next listing will not hold it."""


class ObjectChanged(ObjectGone):
    """An object was listed and holds something else now; the next listing will show it anew."""


class ObjectTooLarge(UserError):
    """An object is larger than its reader accepts."""


class ObjectUnreadable(UserError):
    """One object or folder cannot be read (rights, archived, broken disk), while others can."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One version of an object. `key` is relative to its location, with `/`; `modified` is UTC; a new content has a new `etag`."""

    key: str
    size: int
    etag: str
    modified: datetime


class Location(Protocol):
    """A place that holds objects. A `prefix` is a folder: empty, or ending with `/`.

    Every method raises UserError, with one sentence, where the place itself cannot be used, and TransientError where it
    cannot be used now.
    """

    @property
    def name(self) -> str:
        """The place as the operator wrote it, for messages; ends with `/`."""
        ...

    def address(self, key: str) -> str:
        """Where an object is, as the operator would open it."""
        ...

    def folders(self, prefix: str) -> tuple[str, ...]:
        """Names of the folders right below `prefix`, sorted, without `/`."""
        ...

    def list(self, prefix: str, start_after: str = "") -> Iterator[StoredObject]:
        """All objects below `prefix` at any depth whose key is greater than `start_after`, sorted by key."""
        ...

    def read(self, wanted: StoredObject | str, max_bytes: int = MAX_BYTES) -> bytes:
        """The content of an object, or of whatever stands under a key now.

        Raises ObjectGone if it is not there, ObjectChanged if it is no longer the version that was listed, ObjectTooLarge
        and ObjectUnreadable.
        """
        ...


class FileLocation(Location, Protocol):
    """A location whose objects can be had as files, for what is too large for memory."""

    def file(self, wanted: StoredObject, folder: Path) -> Path:
        """A file with the content of an object: its own, or a copy that is made in `folder`.

        Raises what `read` raises of the version that was listed. A file that is the object's own can change later.
        """
        ...


def open_location(location: str, aws: Aws, on_request: Callable[[str], None]) -> FileLocation:
    """The place behind `s3://bucket/prefix/` or the path of a folder. Nothing is read yet.

    `on_request` is called before each API request. Raises UserError for any other kind of address.
    """
    scheme, separator, rest = location.partition("://")
    if not separator:
        return FolderLocation(Path(location))
    bucket, _, prefix = rest.partition("/")
    if scheme.lower() != "s3" or not bucket:
        raise UserError(f"{location!r} is not a location; write s3://bucket/prefix/ or the path of a folder.")
    return BucketLocation(bucket, prefix, client(aws, "s3"), on_request)


class FolderLocation:
    """A folder in the layout of a bucket.

    Links are followed. Left out are names that begin with `.`, unfinished files (`.tmp`, `.part`), names that are not
    UTF-8 (S3 has none), and what is not a plain file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def name(self) -> str:
        return f"{self._path}/"

    def address(self, key: str) -> str:
        return str(self._path / key)

    def folders(self, prefix: str) -> tuple[str, ...]:
        return tuple(name[:-1] for name, _ in self._entries(prefix) if name.endswith("/"))

    def list(self, prefix: str, start_after: str = "") -> Iterator[StoredObject]:
        return self._walk(prefix, start_after, frozenset())

    def read(self, wanted: StoredObject | str, max_bytes: int = MAX_BYTES) -> bytes:
        key = wanted if isinstance(wanted, str) else wanted.key
        address = self.address(key)
        try:
            with open(address, "rb") as file:
                before = os.fstat(file.fileno())
                _refuse_larger(address, before.st_size, max_bytes)
                data = file.read(max_bytes + 1)
                after = os.fstat(file.fileno())
        except (FileNotFoundError, NotADirectoryError) as error:
            raise ObjectGone(f"{address} is no longer there.") from error
        except OSError as error:
            raise _unreadable(address, error) from error
        listed = _file_etag(before) if isinstance(wanted, str) else wanted.etag
        if not listed == _file_etag(before) == _file_etag(after):
            raise ObjectChanged(f"{address} was changed while it was read.")
        return data

    def file(self, wanted: StoredObject, folder: Path) -> Path:
        path = self._path / wanted.key
        try:
            with open(path, "rb") as opened:
                etag = _file_etag(os.fstat(opened.fileno()))
        except (FileNotFoundError, NotADirectoryError) as error:
            raise ObjectGone(f"{path} is no longer there.") from error
        except OSError as error:
            raise _unreadable(str(path), error) from error
        if etag != wanted.etag:
            raise ObjectChanged(f"{path} was changed after it was listed.")
        return path

    def _walk(self, folder: str, start_after: str, above: frozenset[tuple[int, int]]) -> Iterator[StoredObject]:
        for name, entry in self._entries(folder):
            key = folder + name
            is_folder = key.endswith("/")
            if key <= start_after and not (is_folder and start_after.startswith(key)):
                continue
            try:
                status = entry.stat()
            except FileNotFoundError:  # As if the listing had come a moment later.
                continue
            except OSError as error:
                raise _unreadable(entry.path, error) from error
            if not is_folder:
                yield StoredObject(key, status.st_size, _file_etag(status), datetime.fromtimestamp(status.st_mtime, UTC))
            elif (place := (status.st_dev, status.st_ino)) not in above:
                yield from self._walk(key, start_after, above | {place})

    def _entries(self, folder: str) -> tuple[tuple[str, os.DirEntry[str]], ...]:
        """What a folder holds, in the order of S3: by whole key, where a folder's name ends with `/`."""
        try:
            with os.scandir(self._path / folder) as entries:
                named = [(_last_of_key(entry), entry) for entry in entries]
        except (FileNotFoundError, NotADirectoryError) as error:
            if self._path.is_dir():
                return ()
            raise UserError(f"The folder {self._path} does not exist; create it or correct the location.") from error
        except OSError as error:
            raise _unreadable(str(self._path / folder), error) from error
        return tuple(sorted(((name, entry) for name, entry in named if name), key=itemgetter(0)))


class BucketLocation:
    """The objects of a bucket below a prefix; keys are relative to the prefix. `client` is a boto3 client of S3."""

    def __init__(self, bucket: str, prefix: str, client: Any, on_request: Callable[[str], None]) -> None:
        self._bucket = bucket
        self._prefix = prefix if not prefix or prefix.endswith("/") else f"{prefix}/"
        self._client = client
        self._on_request = on_request

    @property
    def name(self) -> str:
        return self.address("")

    def address(self, key: str) -> str:
        return f"s3://{self._bucket}/{self._prefix}{key}"

    def folders(self, prefix: str) -> tuple[str, ...]:
        cut = len(self._prefix) + len(prefix)
        return tuple(found["Prefix"][cut:-1] for page in self._pages(prefix, Delimiter="/") for found in page.get("CommonPrefixes", ()))

    def list(self, prefix: str, start_after: str = "") -> Iterator[StoredObject]:
        after = {"StartAfter": self._prefix + start_after} if start_after else {}
        for page in self._pages(prefix, **after):
            for found in page.get("Contents", ()):
                if not found["Key"].endswith("/"):  # The console's mark of an empty folder.
                    yield StoredObject(found["Key"][len(self._prefix) :], found["Size"], found["ETag"], found["LastModified"].astimezone(UTC))

    def read(self, wanted: StoredObject | str, max_bytes: int = MAX_BYTES) -> bytes:
        key = wanted if isinstance(wanted, str) else wanted.key
        if not isinstance(wanted, str):
            _refuse_larger(self.address(key), wanted.size, max_bytes)
        with self._opened(wanted) as (body, size):
            _refuse_larger(self.address(key), size, max_bytes)
            content: bytes = body.read()
        return content

    def file(self, wanted: StoredObject, folder: Path) -> Path:
        copy = folder / hashlib.blake2b(f"{wanted.key}\n{wanted.etag}".encode(), digest_size=16).hexdigest()
        with self._opened(wanted) as (body, _), copy.open("wb") as target:
            shutil.copyfileobj(body, target, _COPIED_AT_ONCE)
        return copy

    @contextmanager
    def _opened(self, wanted: StoredObject | str) -> Iterator[tuple[Any, int]]:
        """The body of an object, and its size."""
        from botocore.exceptions import ClientError

        key, version = (wanted, {}) if isinstance(wanted, str) else (wanted.key, {"IfMatch": wanted.etag})
        with explained("s3:GetObject", f"{self._arn}/{self._prefix}{key}"):
            self._on_request(READ_REQUEST)
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key, **version)
            except ClientError as error:
                raise _object_error(error, self.address(key)) or error from error
            with closing(answer["Body"]) as body:
                yield body, answer["ContentLength"]

    @property
    def _arn(self) -> str:
        return f"arn:{self._client.meta.partition}:s3:::{self._bucket}"

    def _pages(self, prefix: str, **arguments: str) -> Iterator[dict[str, Any]]:
        while True:
            self._on_request(LIST_REQUEST)
            with explained("s3:ListBucket", self._arn):
                page = self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix + prefix, **arguments)
            yield page
            if not page.get("IsTruncated"):
                return
            arguments["ContinuationToken"] = page["NextContinuationToken"]


def _object_error(error: Any, address: str) -> Exception | None:
    """What an answer of GetObject says about this object alone; None if it says something about more."""
    match error.response["Error"]["Code"]:
        case "NoSuchKey":
            return ObjectGone(f"{address} is no longer there.")
        case "PreconditionFailed" | "412":
            return ObjectChanged(f"{address} was changed after it was listed.")
        case "InvalidObjectState":
            return ObjectUnreadable(f"{address} is in an archive storage class; restore it, or keep reports out of the bucket's archive rule.")
    return None


def _refuse_larger(address: str, size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise ObjectTooLarge(f"{address} has {size:,} bytes and is not read, because more than {max_bytes:,} are not expected of it; remove it.")


def _file_etag(status: os.stat_result) -> str:
    return f"{status.st_size}-{status.st_mtime_ns}"


def _unreadable(address: str, error: OSError) -> ObjectUnreadable:
    return ObjectUnreadable(f"{address} cannot be read ({error.strerror}); correct its permissions or remove it.")


def _last_of_key(entry: os.DirEntry[str]) -> str:
    """The last part of an entry's key, with `/` if it is a folder; empty if it is no object."""
    name = entry.name
    if name.startswith(".") or name.endswith(_UNFINISHED) or any("\ud800" <= character <= "\udfff" for character in name):
        return ""
    try:
        return f"{name}/" if entry.is_dir() else name if entry.is_file() else ""
    except OSError as error:
        if error.errno == errno.ELOOP:
            return ""
        raise
