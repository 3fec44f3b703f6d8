"""CloudTrail: every refresh reads what was delivered since the last one, and replaces today and the days before it that are due.

Days are those of the events. An event of day D is delivered on D or, when it happened late, on D + 1; so a day is read from both delivery days. Decoded rows of
open days stay in the store: an hourly refresh decodes what is new, and asks the statement again.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import msgspec

from exporter.engines import Engine, Relation, Statement, statement
from exporter.engines.reading import reading
from exporter.facts.store import Store
from exporter.model import DayRange, FactBatch, Rejection, day_end
from exporter.objects import Location
from exporter.sensitive_events import ALWAYS, with_added
from exporter.sources.cloudtrail_created import CREATING
from exporter.sources.cloudtrail_decoders import Decoded, decode_all
from exporter.sources.cloudtrail_events import DECODING, Wanted
from exporter.sources.cloudtrail_events import REASONS as FILE_REASONS
from exporter.sources.cloudtrail_layout import LogFile, LogFolder, find_folders, list_files
from exporter.sources.cloudtrail_partitions import of_accounts, of_folders
from exporter.sources.cloudtrail_records import COLUMNS
from exporter.sources.cloudtrail_settings import CloudTrailSettings, Patterns
from exporter.sources.rejections import reject
from exporter.telemetry import Telemetry
from exporter.windows import Landed, was_ahead

log = logging.getLogger(__name__)

NAME = "cloudtrail"
REASONS = MappingProxyType({**FILE_REASONS, "file": "the file cannot be read"})
"""Why the source leaves something out."""

READINGS = (timedelta(hours=1), timedelta(hours=3), timedelta(hours=12))
"""How long after its end a day is read again. After the last of these it is closed."""

LANDS_AFTER = timedelta(hours=2)
"""A day has landed when it was read this long after its end: CloudTrail delivers within minutes, and has been seen to take more than an hour."""

_FACT = statement("facts/cloudtrail")
_INTO_ACCOUNT = "AssumeRoleWithSAML"
"""The way from the portal of Identity Center into an account: its request says so, and names the person."""
_SENSITIVE_COLUMNS = {"category": "VARCHAR", "event_source": "VARCHAR", "event_name": "VARCHAR", "condition": "VARCHAR"}
_DIGEST_BYTES = 8
_LISTINGS = 8


class Segment(msgspec.Struct, frozen=True):
    """Decoded rows of some files of one delivery day: `events` by their day (none: then there is no file of rows), and a digest of each version of a file."""

    name: str
    delivered: date
    events: dict[date, int]
    seen: bytes


class CloudTrailState(msgspec.Struct, frozen=True):
    """What the source remembers. Every day from `first` to `closed` is closed; `read` says when the newest refresh began that read each open day."""

    first: date | None = None
    closed: date | None = None
    read: dict[date, datetime] = {}
    refreshed: datetime | None = None
    reopened: tuple[date, ...] = ()
    decoding: str = ""
    segments: tuple[Segment, ...] = ()


class CloudTrailLogs:
    """CloudTrail as a source of facts. Holds what it remembers; one refresh at a time."""

    name = NAME

    def __init__(self, settings: CloudTrailSettings, locate: Callable[[], Location], engine: Engine, store: Store, telemetry: Telemetry) -> None:
        """`locate` opens the location, at every refresh: it may ask AWS, or find the folder gone. Raises UserError for a pattern that cannot be used."""
        self._settings = settings
        self._locate = locate
        self._engine = engine
        self._store = store
        self._telemetry = telemetry
        self._patterns = Patterns.of(settings)
        self._sensitive = with_added(settings.sensitive_events)
        categories = ("Management", "Data") if settings.include_data_events else ("Management",)
        detailed = frozenset(entry.event for entry in self._sensitive if entry.when != ALWAYS)
        self._wanted = Wanted(categories, detailed | {_INTO_ACCOUNT}, dict(CREATING))
        self._state = store.state(NAME, CloudTrailState) or CloudTrailState()
        self._refresh: _Refresh | None = None

    def due(self, now: datetime, step: Callable[[], None]) -> Sequence[date]:
        """See `Source.due`. The clock alone decides: nothing is listed yet."""
        self._refresh = _Refresh(now, step)
        self._forget_stale_segments()
        self._forget_future(now)
        state, today = self._state, now.date()
        oldest_open = state.closed + timedelta(days=1) if state.closed else state.first or today - self._settings.history
        return sorted({*state.reopened, *(day for day in DayRange(oldest_open, today) if self._is_due(day, now))})

    def read(self, day: date) -> FactBatch:
        """See `Source.read`. Fetches and decodes what is new in the delivery days of the day and the next."""
        refresh = self._running()
        delivered = [delivered for delivered in (day, day + timedelta(days=1)) if delivered <= refresh.now.date()]
        if not self._engine.embedded:
            return FactBatch(NAME, (day,), self._engine.query(self._on_athena(refresh), self._parameters(day, delivered[-1])))
        for each in delivered:
            if each not in refresh.fetched:
                self._fetch(each, refresh)
                refresh.fetched.add(each)
        rows = [self._file(segment) for segment in self._state.segments if segment.delivered in delivered and day in segment.events]
        sensitive = [(entry.category, entry.source, entry.event, entry.when) for entry in self._sensitive]
        relations = (Relation("cloudtrail", COLUMNS, rows), Relation("sensitive_events", _SENSITIVE_COLUMNS, rows=sensitive))
        return FactBatch(NAME, (day,), self._engine.query(_FACT, self._parameters(day, delivered[-1]), relations))

    def keep(self, day: date) -> None:
        """See `Source.keep`."""
        state, now = self._state, self._running().now
        closed, read = state.closed, state.read
        if closed is None or day > closed:
            read = {**read, day: now}
            following = closed + timedelta(days=1) if closed else min(read)
            while following in read and read[following] >= day_end(following) + READINGS[-1]:
                closed, following = following, following + timedelta(days=1)
            read = {open_day: at for open_day, at in read.items() if closed is None or open_day > closed}
        reopened = tuple(other for other in state.reopened if other != day)
        first = min(day, state.first or day)
        self._save(msgspec.structs.replace(state, first=first, closed=closed, read=read, reopened=reopened))
        self._drop_segments()

    def done(self, now: datetime) -> None:
        """See `Source.done`."""
        self._save(msgspec.structs.replace(self._state, refreshed=now))
        self._drop_segments()
        self._refresh = None

    def reopen(self, days: Sequence[date]) -> None:
        """See `Source.reopen`."""
        self._save(msgspec.structs.replace(self._state, reopened=tuple(sorted({*self._state.reopened, *days}))))

    def refreshed(self) -> datetime | None:
        """See `Source.refreshed`."""
        return self._state.refreshed

    def holds(self) -> Iterable[date]:
        """See `Source.holds`: a day without events has a file as well."""
        return self.landed().days or ()

    def landed(self) -> Landed:
        """A day has landed when a refresh has read it that began `LANDS_AFTER` its end, or later."""
        state = self._state
        last = state.closed
        for day in sorted(state.read):
            if state.read[day] >= day_end(day) + LANDS_AFTER:
                last = day
        newest = max(state.read, default=None)
        today = newest if newest is not None and state.read[newest].date() == newest else None
        days = DayRange(state.first, last) if state.first is not None and last is not None else None
        return Landed(days, self._settings.max_age, today)

    def _forget_future(self, now: datetime) -> None:
        """Opens again what was read by a clock that was ahead and has been set back: days may have been closed before they were over."""
        state, today = self._state, now.date()
        if state.first is None or not was_ahead(max(state.read.values(), default=state.refreshed), now):
            return
        closed = min(state.closed or date.max, (now - READINGS[-1]).date() - timedelta(days=1))
        again = DayRange(max(state.first, today - self._settings.history), closed)
        log.warning("the clock was set back; days are read again", extra={"fields": {"source": NAME, "days": len(again)}})
        kept = closed if closed >= state.first else None
        self._save(msgspec.structs.replace(state, closed=kept, read={}, refreshed=None, reopened=tuple(sorted({*state.reopened, *again}))))

    def _is_due(self, day: date, now: datetime) -> bool:
        read = self._state.read.get(day)
        return read is None or day == now.date() or any(read < day_end(day) + after <= now for after in READINGS)

    def _on_athena(self, refresh: _Refresh) -> Statement:
        """The statement on the table of the config, and on those of its partitions that hold log files at this refresh."""
        if refresh.statement is None:
            # Where a table is named, the location may be a folder: then what the bucket holds cannot be looked up.
            looked_up = self._located(refresh).name.startswith("s3://")
            condition = of_folders(self._folders(refresh)) if looked_up else of_accounts(self._settings.accounts or ())
            refresh.statement = reading(_FACT, "cloudtrail", self._settings.table, condition)
        return refresh.statement

    def _located(self, refresh: _Refresh) -> Location:
        refresh.location = refresh.location or self._locate()
        return refresh.location

    def _folders(self, refresh: _Refresh) -> tuple[LogFolder, ...]:
        refresh.folders = refresh.folders or find_folders(self._located(refresh), self._settings.accounts)
        return refresh.folders

    def _parameters(self, day: date, delivered: date) -> list[object]:
        extra = "Data" if self._settings.include_data_events else "Management"
        patterns = self._patterns
        names = [patterns.programs, patterns.programs, patterns.providers, patterns.people]
        return [f"{day:%Y/%m/%d}", f"{delivered:%Y/%m/%d}", extra, day, day, *names]

    def _fetch(self, delivered: date, refresh: _Refresh) -> None:
        """Decodes the files of a delivery day that no segment holds."""
        location, folders = self._located(refresh), self._folders(refresh)
        segments = [segment for segment in self._state.segments if segment.delivered == delivered]
        seen = {digest for segment in segments for digest in _split(segment.seen)}
        with ThreadPoolExecutor(_LISTINGS, "cloudtrail-list") as listings:
            listed = [file for files in listings.map(lambda folder: list(list_files(location, folder, delivered)), folders) for file in files]
        new = [file for file in listed if _digest(file) not in seen]
        if new:
            log.info("fetching files", extra={"fields": {"source": NAME, "delivered": delivered.isoformat(), "new": len(new), "listed": len(listed)}})
        for decoded in decode_all(location, new, self._wanted, refresh.step):
            self._keep_segment(delivered, decoded, seen_before=bool(segments))

    def _keep_segment(self, delivered: date, decoded: Decoded, seen_before: bool) -> None:
        if not decoded.files:
            return
        seen = b"".join(map(_digest, decoded.files))
        segment = Segment(hashlib.blake2b(seen, digest_size=16).hexdigest(), delivered, decoded.content.events, seen)
        if segment.events:
            self._store.keep_packed(self._file(segment), decoded.content.rows)
        self._save(msgspec.structs.replace(self._state, segments=(*self._state.segments, segment)))
        self._reject(decoded.unread)
        self._reject(decoded.content.rejections)
        for reason, count in decoded.content.untold.items():
            self._reject([Rejection(reason, decoded.files[-1].object.key, 0, "", f"{count:,} more in the files up to this one")], count)
        # What a day that is closed had when its delivery days were first decoded has been counted; what comes now has not.
        too_late = sum(count for day, count in segment.events.items() if seen_before and self._is_closed(day))
        if late := decoded.content.late + too_late:
            self._reject([Rejection("late", decoded.files[0].object.key, 0, "eventTime", f"{late} events are of days that are no longer read")], late)

    def _is_closed(self, day: date) -> bool:
        state = self._state
        return state.first is not None and state.closed is not None and state.first <= day <= state.closed and day not in state.reopened

    def _forget_stale_segments(self) -> None:
        """Has files decoded again whose rows are gone, or were decoded for other settings."""
        decoding = f"{DECODING} {hashlib.blake2b(repr((self._wanted.categories, sorted(self._wanted.detailed))).encode(), digest_size=8).hexdigest()}"
        segments = self._state.segments if self._state.decoding == decoding else ()
        kept = tuple(segment for segment in segments if not segment.events or self._file(segment).exists())
        if (decoding, kept) != (self._state.decoding, self._state.segments):
            self._save(msgspec.structs.replace(self._state, decoding=decoding, segments=kept))

    def _drop_segments(self) -> None:
        """Lets go of rows that no open day needs."""
        reopened = {day for lost in self._state.reopened for day in (lost, lost + timedelta(days=1))}
        closed = self._state.closed
        kept = tuple(segment for segment in self._state.segments if closed is None or segment.delivered > closed or segment.delivered in reopened)
        if kept != self._state.segments:
            self._save(msgspec.structs.replace(self._state, segments=kept))
        self._store.drop_objects(NAME, map(self._file, kept))

    def _file(self, segment: Segment) -> Path:
        return self._store.object_file(NAME, segment.name)

    def _running(self) -> _Refresh:
        if self._refresh is None:
            raise RuntimeError("read and keep follow due")
        return self._refresh

    def _reject(self, rejections: Sequence[Rejection], count: int = 1) -> None:
        reject(self._telemetry, NAME, rejections, count)

    def _save(self, state: CloudTrailState) -> None:
        self._store.save_state(NAME, state)
        self._state = state


@dataclass(slots=True)
class _Refresh:
    """What a running refresh has found so far."""

    now: datetime
    step: Callable[[], None]
    location: Location | None = None
    folders: tuple[LogFolder, ...] = ()
    statement: Statement | None = None
    fetched: set[date] = field(default_factory=set)
    """Delivery days of which nothing new has to be fetched."""


def _digest(file: LogFile) -> bytes:
    """Stands for one version of a file: names would fill the state."""
    return hashlib.blake2b(f"{file.object.key}\n{file.object.size}\n{file.object.etag}".encode(), digest_size=_DIGEST_BYTES).digest()


def _split(digests: bytes) -> list[bytes]:
    return [digests[start : start + _DIGEST_BYTES] for start in range(0, len(digests), _DIGEST_BYTES)]
