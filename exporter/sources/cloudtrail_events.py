"""CloudTrail log files to rows of the relation `cloudtrail`: unpacked, decoded and trimmed to what the statement reads.

A file is `{"Records": [...]}`, gzipped. Only the fields that the statement reads are decoded, into typed structs, and written as newline-delimited JSON
under the names of the record; requests and answers stay for the few events whose meaning depends on them. What a record lacks is NULL.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Literal, NamedTuple

import msgspec
from isal import igzip, isal_zlib
from isal.igzip_lib import IsalError

from exporter.model import Rejection
from exporter.sources.cloudtrail_records import NULL, Record, UserIdentity, trim

MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_JSON_BYTES = 128 * 1024 * 1024
"""What one file may have, packed and unpacked. CloudTrail closes its files long before. Decoded, it takes six times as much memory at worst."""

MAX_MEMBERS = 1_000
"""Parts of a gzip file. After each of them the rest is copied: a file of nothing but empty ones would take days."""

MAX_VALUES = 6_000_000
"""Values between commas in a file that has to be read record by record. Real ones have one in 30 bytes."""

MAX_HALVES = 100_000
"""Halves of surrogate pairs in a file, each of which costs 200 bytes to write out. Real ones have a few; a file with more of them stays undecodable."""

MAX_TOLD = 1_000
"""Rejections of one batch of files that are told with their places; of the others there is a number."""

LONGEST_ROW = 8 * 1024 * 1024
"""What the engine reads of one row, with room to spare. A record has 256 KB at most."""

DECODING = 2
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
# Half a surrogate pair; not where the backslash itself is escaped. To try fewer escaped backslashes (no `+` after `*`) would keep 76 bytes for each.
_HALF_A_PAIR = re.compile(
    rb"(?<!\\)((?:\\\\)*+)(?:\\u([dD][89abAB][0-9a-fA-F]{2})(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2}))"
)


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
    """What to keep: the categories of events, and the names of the events whose request and answer are needed.

    Of those in `creating` that worked, the part that names what was created is needed: `CREATING` says which.
    """

    categories: tuple[str, ...]
    detailed: frozenset[str]
    creating: Mapping[str, Literal["request", "answer"]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """A log file as it was fetched. `place` is where the operator finds it, `delivered` the UTC day of its path."""

    place: str
    delivered: date
    data: bytes


@dataclass(frozen=True, slots=True)
class DecodedFiles:
    """Rows as gzipped newline-delimited JSON, how many there are by UTC day of the event, and what was left out: `untold` is how much more, by reason."""

    rows: bytes
    events: dict[date, int]
    rejections: tuple[Rejection, ...]
    late: int
    untold: dict[str, int] = field(default_factory=dict)


class _Rejected:
    """Collects what is left out, in bounded memory."""

    def __init__(self) -> None:
        self.told: list[Rejection] = []
        self.untold: Counter[str] = Counter()

    def add(self, reason: str, place: str, record: int, column: str, detail: str) -> None:
        if len(self.told) < MAX_TOLD:
            self.told.append(Rejection(reason, place, record, column, detail))
        else:
            self.untold[reason] += 1


class _Principal(NamedTuple):
    text: msgspec.Raw
    of_portal: bool
    fault: str


def decode_files(fetched: Iterable[FetchedFile], wanted: Wanted) -> DecodedFiles:
    """Decodes files, one after the other: memory holds one of them unpacked."""
    packed: list[bytes] = []
    days: Counter[str] = Counter()
    rejected = _Rejected()
    late = 0
    for file in fetched:
        records = _records(file, rejected)
        kept, late_here = _trimmed(file, records, wanted, rejected)
        late += late_here
        rows = _ENCODER.encode_lines(kept)
        if len(rows) > LONGEST_ROW:
            kept = _without_long_rows(file, records, kept, rejected)
            rows = _ENCODER.encode_lines(kept)
        days.update(record.event_time[:10] for record in kept)
        packed.append(igzip.compress(rows, 1))
    by_day = {date.fromisoformat(day): count for day, count in days.items()}
    return DecodedFiles(b"".join(packed), by_day, tuple(rejected.told), late, dict(rejected.untold))


def _records(file: FetchedFile, rejected: _Rejected) -> Sequence[Record | None]:
    """The records in their places, None where one is malformed."""
    try:
        data = _unpacked(file.data)
    except _NoLogFile as error:
        rejected.add(error.reason, file.place, 0, "", str(error))
        return []
    with contextlib.suppress(*_MALFORMED):
        return _FILE.decode(data).records
    # One record at a time, to find what is malformed and keep the others.
    if data.count(b",") >= MAX_VALUES:
        rejected.add("size", file.place, 0, "", f"not what CloudTrail writes, and with more than {MAX_VALUES:,} values")
        return []
    try:
        # Half a pair, where a text was cut short, is nothing that can be decoded, wherever it stands. It stays to be seen: two names remain two.
        texts = _RAW_FILE.decode(_HALF_A_PAIR.sub(rb"\1\\\\u\2\3", data, count=MAX_HALVES)).records
    except _MALFORMED as error:
        rejected.add("json", file.place, 0, "", str(error))
        return []
    records: list[Record | None] = []
    for number, text in enumerate(texts, start=1):
        try:
            records.append(_RECORD.decode(text))
        except _MALFORMED as error:
            records.append(None)
            rejected.add("record", file.place, number, "Records", str(error))
    return records


def _trimmed(file: FetchedFile, records: Sequence[Record | None], wanted: Wanted, rejected: _Rejected) -> tuple[list[Record], int]:
    """The records to keep, without what is not needed of them; and how many came too late."""
    kept: list[Record] = []
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
                rejected.add("record", file.place, number, "userIdentity", principal.fault)
                continue
            record.user_identity = principal.text
            if (principal.of_portal or _keep_details(record, wanted)) and (fault := _details_fault(record)):
                rejected.add("record", file.place, number, "", fault)
                continue
            record.delivered = delivered
            kept.append(record)
        elif day is None:
            rejected.add("time", file.place, number, "eventTime", "expected a UTC time such as 2026-11-21T09:30:00Z")
        else:
            late += 1
    return kept, late


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


def _keep_details(record: Record, wanted: Wanted) -> bool:
    """Drops what is not needed of the request and the answer; returns whether any of it is left."""
    if record.event_name in wanted.detailed:
        return True
    named_in = wanted.creating.get(record.event_name) if record.error_code is None else None
    if named_in != "request":
        record.request_parameters = NULL
    if named_in != "answer":
        record.response_elements = NULL
    record.additional_event_data = NULL
    return named_in is not None


def _details_fault(record: Record) -> str:
    """What is wrong with a request or answer that is kept: until now they were only skipped."""
    for text in (record.request_parameters, record.response_elements, record.additional_event_data):
        try:
            msgspec.json.decode(text)
        except _MALFORMED as error:
            return str(error)
    return ""


def _without_long_rows(file: FetchedFile, records: Sequence[Record | None], kept: Sequence[Record], rejected: _Rejected) -> list[Record]:
    long = {id(record) for record in kept if len(_ENCODER.encode(record)) > LONGEST_ROW}
    for number, record in enumerate(records, start=1):
        if id(record) in long:
            rejected.add("size", file.place, number, "", f"a record of more than {LONGEST_ROW:,} bytes")
    return [record for record in kept if id(record) not in long]


@lru_cache(maxsize=4096)
def _day(time: str) -> date | None:
    """The day of an eventTime; None for what is no such time. The events of a file lie within minutes, so most are seen before."""
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
    """Unpacks every gzip member, and no more than MAX_JSON_BYTES in MAX_MEMBERS."""
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
        if data and len(members) == MAX_MEMBERS:
            raise _NoLogFile("size", f"more than {MAX_MEMBERS:,} parts")
    return b"".join(members)
