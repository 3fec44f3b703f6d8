"""Where an export of Data Exports keeps its months: the manifest of each, and the data files that it names.

    metadata/BILLING_PERIOD=2026-11/<export>-Manifest.json
    data/BILLING_PERIOD=2026-11/<export>-00001.snappy.parquet                    overwritten in place (OVERWRITE_REPORT)
    data/BILLING_PERIOD=2026-11/<time>-<execution>/<export>-00001.snappy.parquet one folder a version (CREATE_NEW_REPORT)

https://docs.aws.amazon.com/cur/latest/userguide/dataexports-export-delivery.html: the manifest comes after all of its data files, and lists them.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import msgspec

from exporter.errors import TransientError, UserError
from exporter.objects import Location, ObjectGone, StoredObject

_PERIOD = re.compile(r"billing_period=(\d{4})-(\d{2})", re.IGNORECASE | re.ASCII)
_OF_PERIOD = re.compile(r"(?:^|/)(data/billing_period=\d{4}-\d{2}/.+)", re.IGNORECASE | re.ASCII)
_MANIFEST = "-manifest.json"
_PARQUET = ".parquet"
_MOST_BYTES = 32 * 1024 * 1024
_OVERWRITTEN_WITHIN = timedelta(hours=6)
"""Nobody takes longer to overwrite a month: data files that are newer than their manifest for so long were copied without their times."""


@dataclass(frozen=True, slots=True)
class Month:
    """One billing month of an export as it was listed: its first day, its folder's name, and the newest of its manifests."""

    first: date
    folder: str
    manifest: StoredObject

    @property
    def name(self) -> str:
        """`2026-11`."""
        return f"{self.first:%Y-%m}"

    @property
    def version(self) -> str:
        """Tells two deliveries of the month apart. A manifest can be delivered anew with the same content: its time counts."""
        manifest = self.manifest
        return hashlib.blake2b(f"{manifest.key}\n{manifest.size}\n{manifest.etag}\n{manifest.modified}".encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Delivery:
    """What the manifest of a month names, in its order, and what lies beside it in the month's folder."""

    month: Month
    files: tuple[StoredObject, ...]
    others: tuple[StoredObject, ...]


class _Manifest(msgspec.Struct):
    data_files: list[str] = msgspec.field(name="dataFiles")


def find_months(location: Location, since: date) -> dict[date, Month]:
    """The months that end on `since` or later and have a manifest, by their first days."""
    found: dict[date, Month] = {}
    for folder in location.folders("metadata/"):
        first = _first_day(folder)
        if first is not None and (first + timedelta(days=31)).replace(day=1) > since and (month := find_month(location, first, folder)) is not None:
            found[first] = month
    return dict(sorted(found.items()))


def find_month(location: Location, first: date, folder: str) -> Month | None:
    """A month as it is now; None where it has no manifest."""
    manifests = [found for found in location.list(f"metadata/{folder}/") if found.key.lower().endswith(_MANIFEST)]
    return Month(first, folder, max(manifests, key=lambda found: (found.modified, found.key))) if manifests else None


def find_delivery(location: Location, month: Month, now: datetime) -> Delivery:
    """The data files of a month. Raises TransientError while the month is being overwritten, UserError for an export that cannot be read."""
    place = location.address(month.manifest.key)
    try:
        named = msgspec.json.decode(location.read(month.manifest, _MOST_BYTES), type=_Manifest).data_files
    except ObjectGone as error:
        raise TransientError(f"the export of {month.name} was overwritten while it was read; it is read again") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{place} is no manifest of an export ({error}); let sources.cur.location be the folder above data/ and metadata/") from error
    # A file that is named twice is read once, as by Athena, which reads what is there.
    keys = list(dict.fromkeys(_key(file, place) for file in named))
    listed = {found.key: found for found in location.list(f"data/{month.folder}/")}
    if missing := [key for key in keys if key not in listed]:
        raise TransientError(
            f"{len(missing)} of the {len(keys)} files that {place} names are missing, {missing[0]} among them: "
            "the export is being overwritten, or was copied in part"
        )
    newer = [key for key in keys if listed[key].modified > month.manifest.modified]
    if newer and now - max(listed[key].modified for key in newer) < _OVERWRITTEN_WITHIN:
        raise TransientError(
            f"the export of {month.name} is being overwritten: {len(newer)} of its files are newer than its manifest; it is read when that has followed"
        )
    return Delivery(month, tuple(listed[key] for key in keys), tuple(found for key, found in listed.items() if key.endswith(_PARQUET) and key not in keys))


def _key(file: str, place: str) -> str:
    """A file that a manifest names, relative to the location: the bucket may have been copied."""
    found = _OF_PERIOD.search(file)
    if found is None:
        raise UserError(f"{place} names {file!r}, which is not below data/BILLING_PERIOD=...; let sources.cur be an export of CUR 2.0")
    if not found[1].lower().endswith(_PARQUET):
        raise UserError(f"{place} names {file!r}, which is no Parquet; set the format of the export to Parquet")
    return found[1]


def _first_day(folder: str) -> date | None:
    found = _PERIOD.fullmatch(folder)
    try:
        return date(int(found[1]), int(found[2]), 1) if found else None
    except ValueError:
        return None
