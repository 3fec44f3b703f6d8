"""The directory as CSV, in a bucket or a folder, for people who use SQL: the table user_mapping of Athena lies over it.

The first two columns are `userid` and `username`, as mappings for Kiro's reports have always had them. Every cell stands in quotes, control characters are
taken out, and nothing is put before a cell that begins with `=`, `+`, `-` or `@`: Athena would read it as part of the name. To look at the file in a
spreadsheet, import it as text.
"""

from __future__ import annotations

import csv
import io
import os
import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

import msgspec

from exporter import aws
from exporter.config import MAPPING_FILE, Config
from exporter.errors import UserError
from exporter.facts import directory
from exporter.facts.directory import Directory
from exporter.facts.store import Store
from exporter.people import Entry, Person, joined, resolve
from exporter.people.privacy import Published
from exporter.refresh import Done, Refresh
from exporter.telemetry import Telemetry

NAME = "people_sync"
"""What the metrics about the exporter call it, as a source."""

COLUMNS = ("userid", "username", "display_name", "email", "department", "team", "status")
FIRST_DIRECTORY_SECONDS = 900.0
"""How long the first sync of an empty store waits for the directory to be read."""

_DOCUMENT = "people/synced.json"
_POLL_SECONDS = 1.0


class Synced(msgspec.Struct, frozen=True):
    """When the mapping was last written (UTC)."""

    at: datetime


def check(config: Config) -> str:
    """Where to write the mapping. Raises UserError where the config does not say, or where names must not leave the exporter."""
    if config.privacy.user_label == "hash":
        raise UserError("privacy.user_label is hash, which keeps names and mails inside, and a user mapping is made of them; use another label to write one.")
    if config.people.sync.location is None:
        raise UserError("people.sync.location is not set; set it to the folder, such as s3://bucket/user-mapping/, that is to hold the user mapping.")
    return config.people.sync.location


def people(config: Config, listed: Directory | None, file: Iterable[Entry]) -> list[Person]:
    """Everybody in the directory and the people file, by name, but for those whom `privacy` hides."""
    published = Published(only_teams=config.privacy.only_teams, exclude_users=config.privacy.exclude_users)
    known = joined(directory.entries(listed) if listed else (), file)
    found = published.of(resolve(known, (), config.people.team))
    return [person for person in found.persons if person.number not in found.hidden]


def rendered(persons: Iterable[Person]) -> bytes:
    """The mapping as CSV in UTF-8: a header, a row a person, lines that end with LF."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(
        [_clean(cell) for cell in (person.user_id, person.name, person.display_name, person.email, person.department, person.team, person.status)]
        for person in persons
    )
    return text.getvalue().encode("utf-8", "replace")


def write(config: Config, data: bytes) -> str:
    """Replaces the mapping, in a bucket or a folder; returns its address. Raises UserError and TransientError."""
    location = check(config)
    if not location.startswith("s3://"):
        return _write_file(Path(location), data)
    bucket, _, prefix = location.removeprefix("s3://").partition("/")
    key = f"{prefix}{MAPPING_FILE}"
    with aws.explained("s3:PutObject", f"s3://{bucket}/{key}"):
        aws.client(config.aws_for("athena"), "s3").put_object(Bucket=bucket, Key=key, Body=data, ContentType="text/csv; charset=utf-8")
    return f"s3://{bucket}/{key}"


class PeopleSync(Refresh):
    """Writes the mapping from the directory in the store and the people file, on a schedule: told in the metrics as a source."""

    def __init__(self, config: Config, file: tuple[Entry, ...], store: Store, telemetry: Telemetry, clock: Callable[[], datetime]) -> None:
        super().__init__(NAME, telemetry, clock, threading.Event())
        self._config = config
        self._file = file
        self._store = store

    def stop(self) -> None:
        """Has a running sync end at its next step. Does not wait."""
        self._stopping.set()

    def refreshed(self) -> datetime | None:
        """See `Refresh.refreshed`."""
        known = self._store.recall(_DOCUMENT, Synced)
        return None if known is None else known.at

    def landed(self) -> None:
        """See `Refresh.landed`."""

    def tell_landed(self) -> None:
        """See `Refresh.tell_landed`: a mapping has no days."""

    def _refresh(self, began: datetime) -> Done:
        found = people(self._config, self._directory(), self._file)
        address = self._retried(lambda: write(self._config, rendered(found)))
        self._store.remember(_DOCUMENT, Synced(began))
        return Done(len(found), {"file": address})

    def _directory(self) -> Directory | None:
        """The directory of the last refresh. At the very first start it is being read at this moment."""
        if self._config.sources.identity_center is None:
            return None
        end = time.monotonic() + FIRST_DIRECTORY_SECONDS
        while (listed := directory.stored(self._store)) is None:
            self._step()
            if time.monotonic() > end:
                raise UserError("the directory has not been read yet, so there is nobody to map; the log says why sources.identity_center fails.")
            self._stopping.wait(_POLL_SECONDS)
        return listed


def _clean(cell: str) -> str:
    return "".join(character for character in cell if character >= " " and not "\x7f" <= character <= "\x9f")


def _write_file(folder: Path, data: bytes) -> str:
    target = folder / MAPPING_FILE
    aside = folder / f".{MAPPING_FILE}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        aside.write_bytes(data)
        os.replace(aside, target)
    except OSError as error:
        raise UserError(f"{target} cannot be written ({error.strerror}); correct people.sync.location, or make the folder writable.") from error
    return str(target)
