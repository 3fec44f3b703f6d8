"""CloudTrail log files to rows of the relation `cloudtrail`: unpacked, decoded and trimmed to what the statement reads.

A file is `{"Records": [...]}`, gzipped. Only the fields that the statement reads are decoded, into typed structs, and written as newline-delimited JSON
under the names of the record; requests and answers stay for the few events whose meaning depends on them. What a record lacks is NULL.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

import msgspec
from isal import igzip, isal_zlib
from isal.igzip_lib import IsalError

from exporter.model import Rejection
from exporter.sources.cloudtrail_records import NULL, Record, UserIdentity, trim

MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_JSON_BYTES = 256 * 1024 * 1024
"""What one file may have, packed and unpacked. CloudTrail closes its files long before."""

LONGEST_ROW = 8 * 1024 * 1024
"""What the engine reads of one row, with room to spare. A record has 256 KB at most."""

DECODING = 1
"""Of what is kept of a record. Rows that were kept by another version are decoded again."""

REASONS = MappingProxyType(
    {
        "gzip": "the file is not gzip, or ends too early",
        "size": "the file or record is larger than CloudTrail writes any",
        "json": "the file is not JSON with a list of Records",
        "record": "a record lacks a field that every record has, or a field is of another type",
        "time": "a record's eventTime is no UTC time",
        "late": "an event came more than a day after its time, when its day is no longer read",
    }
)
"""Why a file or record is left out."""

_PORTAL_TYPES = ("IdentityCenterUser", "Unknown")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", re.ASCII)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")


class _File(msgspec.Struct, gc=False):
    records: list[Record] = msgspec.field(name="Records")


class _RawFile(msgspec.Struct, gc=False):
    records: list[msgspec.Raw] = msgspec.field(name="Records")


_MALFORMED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_FILE = msgspec.json.Decoder(_File)
_RAW_FILE = msgspec.json.Decoder(_RawFile)
_RECORD = msgspec.json.Decoder(Record)
_PRINCIPAL = msgspec.json.Decoder(UserIdentity | None)
_ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to keep: the categories of events, and the names of the events whose request and answer are needed."""

    categories: tuple[str, ...]
    detailed: frozenset[str]


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """A log file as it was fetched. `place` is where the operator finds it, `delivered` the UTC day of its path."""

    place: str
    delivered: date
    data: bytes


@dataclass(frozen=True, slots=True)
class DecodedFiles:
    """Rows as gzipped newline-delimited JSON, how many there are by UTC day of the event, and what was left out."""

    rows: bytes
    events: dict[date, int]
    rejections: tuple[Rejection, ...]
    late: int


class _Principal(NamedTuple):
    text: msgspec.Raw
    of_portal: bool
    fault: str


def decode_files(fetched: Iterable[FetchedFile], wanted: Wanted) -> DecodedFiles:
    """Decodes files, one after the other: memory holds one of them unpacked."""
    packed: list[bytes] = []
    days: Counter[str] = Counter()
    rejections: list[Rejection] = []
    late = 0
    for file in fetched:
        records, rejected = _records(file)
        rejections += rejected
        kept, rejected, late_here = _trimmed(file, records, wanted)
        rejections += rejected
        late += late_here
        rows = _ENCODER.encode_lines(kept)
        if len(rows) > LONGEST_ROW:
            kept, rejected = _without_long_rows(file, records, kept)
            rejections += rejected
            rows = _ENCODER.encode_lines(kept)
        days.update(record.event_time[:10] for record in kept)
        packed.append(igzip.compress(rows, 1))
    return DecodedFiles(b"".join(packed), {date.fromisoformat(day): count for day, count in days.items()}, tuple(rejections), late)


def _records(file: FetchedFile) -> tuple[Sequence[Record | None], list[Rejection]]:
    """The records in their places, None where one is malformed."""
    try:
        data = _unpacked(file.data)
    except _NoLogFile as error:
        return [], [Rejection(error.reason, file.place, 0, "", str(error))]
    with contextlib.suppress(*_MALFORMED):
        return _FILE.decode(data).records, []
    # One record at a time, to find what is malformed and keep the others.
    try:
        # Half a surrogate pair, where a text was cut short, is nothing that can be decoded, wherever it stands.
        texts = _RAW_FILE.decode(_SURROGATE.sub(rb"\\ufffd", data)).records
    except _MALFORMED as error:
        return [], [Rejection("json", file.place, 0, "", str(error))]
    records: list[Record | None] = []
    rejections: list[Rejection] = []
    for number, text in enumerate(texts, start=1):
        try:
            records.append(_RECORD.decode(text))
        except _MALFORMED as error:
            records.append(None)
            rejections.append(Rejection("record", file.place, number, "Records", str(error)))
    return records, rejections


def _trimmed(file: FetchedFile, records: Sequence[Record | None], wanted: Wanted) -> tuple[list[Record], list[Rejection], int]:
    """The records to keep, without what is not needed of them; what is rejected; and how many came too late."""
    kept: list[Record] = []
    rejections: list[Rejection] = []
    late = 0
    delivered = f"{file.delivered:%Y/%m/%d}"
    in_time = (file.delivered, file.delivered - timedelta(days=1))
    principals: dict[bytes, _Principal] = {}
    for number, record in enumerate(records, start=1):
        if record is None or (record.event_category is not None and record.event_category not in wanted.categories):
            continue
        day = _day(record.event_time)
        if day in in_time:
            text = bytes(record.user_identity)
            principal = principals.get(text)
            if principal is None:
                principal = principals[text] = _principal(text)
            if principal.fault:
                rejections.append(Rejection("record", file.place, number, "userIdentity", principal.fault))
                continue
            record.user_identity = principal.text
            if record.event_name not in wanted.detailed and not principal.of_portal:
                record.request_parameters = record.response_elements = record.additional_event_data = NULL
            elif fault := _details_fault(record):
                rejections.append(Rejection("record", file.place, number, "", fault))
                continue
            record.delivered = delivered
            kept.append(record)
        elif day is None:
            rejections.append(Rejection("time", file.place, number, "eventTime", "expected a UTC time such as 2026-11-21T09:30:00Z"))
        else:
            late += 1
    return kept, rejections, late


def _principal(text: bytes) -> _Principal:
    """Decodes a principal. The same one stands in many records of a file, and is decoded for the first of them."""
    try:
        who = _PRINCIPAL.decode(text)
    except _MALFORMED as error:
        return _Principal(NULL, False, str(error))
    if who is None:
        return _Principal(NULL, False, "")
    trim(who)
    return _Principal(msgspec.Raw(_ENCODER.encode(who)), who.type in _PORTAL_TYPES, "")


def _details_fault(record: Record) -> str:
    """What is wrong with a request or answer that is kept: until now they were only skipped."""
    for text in (record.request_parameters, record.response_elements, record.additional_event_data):
        try:
            msgspec.json.decode(text)
        except _MALFORMED as error:
            return str(error)
    return ""


def _without_long_rows(file: FetchedFile, records: Sequence[Record | None], kept: Sequence[Record]) -> tuple[list[Record], list[Rejection]]:
    long = {id(record) for record in kept if len(_ENCODER.encode(record)) > LONGEST_ROW}
    rejections = [
        Rejection("size", file.place, number, "", f"a record of more than {LONGEST_ROW:,} bytes")
        for number, record in enumerate(records, start=1)
        if id(record) in long
    ]
    return [record for record in kept if id(record) not in long], rejections


@lru_cache(maxsize=200_000)
def _day(time: str) -> date | None:
    """The day of an eventTime; None for what is no such time. A day has 86,400 of them, so most are seen before."""
    if not _TIME.fullmatch(time):
        return None
    try:
        return datetime.fromisoformat(time).date()
    except ValueError:
        return None


class _NoLogFile(Exception):
    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def _unpacked(data: bytes) -> bytes:
    """Unpacks every gzip member, and no more than MAX_JSON_BYTES."""
    if not data:
        raise _NoLogFile("gzip", "the file is empty")
    members: list[bytes] = []
    left = MAX_JSON_BYTES
    while data:
        unpacking = isal_zlib.decompressobj(wbits=31)
        try:
            members.append(unpacking.decompress(data, left + 1))
        except IsalError as error:  # type: ignore[misc]  # the stub takes the class for an instance
            raise _NoLogFile("gzip", f"not gzip: {error}") from error
        left -= len(members[-1])
        if left < 0:
            raise _NoLogFile("size", f"more than {MAX_JSON_BYTES:,} bytes when unpacked")
        if not unpacking.eof:
            raise _NoLogFile("gzip", "the file ends within its gzip data")
        data = unpacking.unused_data.lstrip(b"\0")
    return b"".join(members)
