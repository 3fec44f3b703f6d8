"""The two Kiro reports: files listed hourly, changed ones fetched once, and every day that they touch replaced.

The row's Date counts, not the day of the path. A day may stand in many files (clients, accounts, regions, parts, repeated exports), so when one file
changes, its days are read again from all of their files. Files of open days are kept decoded, so that only what has changed is fetched.
"""

from __future__ import annotations

import dataclasses
import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import msgspec

from exporter.config import KiroSource as Settings
from exporter.engines import Engine, Relation, Statement, statement
from exporter.engines.reading import reading
from exporter.errors import UserError
from exporter.facts.store import Store
from exporter.model import DayRange, FactBatch, Rejection
from exporter.objects import Location, ObjectGone, ObjectTooLarge, ObjectUnreadable
from exporter.sources.csv_records import MAX_BYTES
from exporter.sources.kiro_csv import REASONS as ROW_REASONS
from exporter.sources.kiro_csv import AnalyticRow, Decoded, UserReportRow, decode_by_user_analytic, decode_user_report
from exporter.sources.kiro_layout import Report, ReportObject, find_reports
from exporter.sources.rejections import reject
from exporter.telemetry import Telemetry
from exporter.windows import RECENT_DAYS, Landed, was_ahead

log = logging.getLogger(__name__)

_STEM = {
    "path": "VARCHAR",
    "account": "VARCHAR",
    "region": "VARCHAR",
    "exported": "VARCHAR",
    "modified": "VARCHAR",
    "line": "BIGINT",
    "day": "DATE",
    "userid": "VARCHAR",
}

REASONS: Mapping[str, str] = {
    **ROW_REASONS,
    "file": "the file cannot be read",
    "closed_day": "the row is of a day that is closed, older than `history`, or not over yet",
}
"""Why a source of Kiro reports leaves something out."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What makes the two reports differ."""

    report: Report
    fact: Statement
    relation: str
    columns: Mapping[str, str]
    decode: Callable[[bytes, ReportObject], Decoded[UserReportRow] | Decoded[AnalyticRow]]


KINDS = {
    "kiro_credits": Kind(
        report="user_report",
        fact=statement("facts/kiro_credits"),
        relation="kiro_user_report",
        columns={
            **_STEM,
            "client_type": "VARCHAR",
            "chat_conversations": "BIGINT",
            "credits_used": "DECIMAL(38,18)",
            "overage_cap": "DECIMAL(38,18)",
            "overage_credits_used": "DECIMAL(38,18)",
            "overage_enabled": "BOOLEAN",
            "profileid": "VARCHAR",
            "subscription_tier": "VARCHAR",
            "total_messages": "BIGINT",
            "new_user": "BOOLEAN",
            "user_email": "VARCHAR",
            "usage_limit": "DECIMAL(38,18)",
            "models": "MAP(VARCHAR, BIGINT)",
        },
        decode=decode_user_report,
    ),
    "kiro_features": Kind(
        report="by_user_analytic",
        fact=statement("facts/kiro_features"),
        relation="kiro_by_user_analytic",
        columns={**_STEM, "counters": "MAP(VARCHAR, BIGINT)"},
        decode=decode_by_user_analytic,
    ),
}


class _Day(msgspec.Struct, frozen=True):
    day: date


_DAYS = msgspec.json.Decoder(_Day)
_ENCODER = msgspec.json.Encoder()


class SeenObject(msgspec.Struct, frozen=True):
    """A file whose rows are in the facts: its version, the day of its path, and the days of those rows."""

    size: int
    etag: str
    path_day: date
    days: tuple[date, ...]
    unknown_columns: tuple[str, ...] = ()


class KiroState(msgspec.Struct, frozen=True):
    """What a report source remembers. `listed` is when the last refresh that read everything began, `through` how far an unfinished first load has come.

    `held` are the days that were written to the store and that windows may reach.
    """

    first: date | None = None
    newest: date | None = None
    through: date | None = None
    listed: datetime | None = None
    objects: dict[str, SeenObject] = {}
    reopened: tuple[date, ...] = ()
    held: tuple[date, ...] = ()


class KiroReports:
    """A report as a source of facts. Holds what it remembers; one refresh at a time."""

    def __init__(
        self, name: str, settings: Settings, ignore_before: date, locate: Callable[[], Location], engine: Engine, store: Store, telemetry: Telemetry
    ) -> None:
        """`locate` opens the location, at every refresh: it may ask AWS, or find the folder gone."""
        self.name = name
        self._kind = KINDS[name]
        self._settings = settings
        self._ignore_before = ignore_before
        self._locate = locate
        self._engine = engine
        self._store = store
        self._telemetry = telemetry
        self._state = store.state(name, KiroState) or KiroState()
        self._found: dict[str, ReportObject] = {}
        self._looked: dict[str, SeenObject] = {}
        self._unknown_columns: dict[Path, tuple[str, ...]] = {}
        self._unreadable: set[Path] = set()

    def due(self, now: datetime, step: Callable[[], None]) -> Sequence[date]:
        """See `Source.due`. Lists the open days, fetches and decodes the files that are new or have changed."""
        readable = _Readable(DayRange(self._open_from(now), now.date()), frozenset(self._state.reopened), self._settings.lookback)
        seen_before = self._state.objects
        since = min([readable.open.first, *(day - self._settings.lookback for day in readable.reopened), *(seen.path_day for seen in seen_before.values())])
        location = self._locate()
        listed = find_reports(location, self._kind.report, since)
        self._found = {found.object.key: found for found in listed if found.object.key in seen_before or readable.may_stand_in(found.day)}
        self._looked = {key: seen_before[key] for key, found in self._found.items() if self._is_seen(found)}
        changed = [found for key, found in self._found.items() if key not in self._looked]
        if changed:
            log.info("fetching files", extra={"fields": {"source": self.name, "changed": len(changed), "listed": len(self._found)}})
        for found in changed:
            step()
            if (seen := self._look(location, found, readable)) is not None:
                self._looked[found.object.key] = seen
            elif (before := self._in_facts(found)) is not None:  # its rows stay until what it holds now could be read
                self._found[found.object.key], self._looked[found.object.key] = before, seen_before[found.object.key]
        moved = [
            *(seen for key, seen in seen_before.items() if self._looked.get(key) != seen),
            *(seen for key, seen in self._looked.items() if seen_before.get(key) != seen),
        ]
        return sorted({*readable.reopened, *(day for seen in moved for day in seen.days if day in readable)})

    def read(self, day: date) -> FactBatch:
        """See `Source.read`. Every file that holds the day takes part."""
        files = [self._file(self._found[key]) for key, seen in self._looked.items() if day in seen.days]
        relations = (Relation(self._kind.relation, self._kind.columns, files),) if self._engine.embedded else ()
        try:
            return FactBatch(self.name, (day,), self._engine.query(self._fact(), (day, day), relations))
        except Exception as error:
            damaged = [file for file in files if self._engine.embedded and self._store.object_rows(file) is None]
            for file in damaged:
                file.unlink(missing_ok=True)
            if damaged:
                raise UserError(
                    f"{len(damaged)} decoded files of {day} were damaged in the store and are removed; the next refresh fetches them again"
                ) from error
            raise

    def keep(self, day: date) -> None:
        """See `Source.keep`."""
        first, through = min(day, self._state.first or day), max(day, self._state.through or day)
        reopened = tuple(other for other in self._state.reopened if other != day)
        # Files of which every day is read now need not be read again when the refresh is interrupted: a first load goes on where it stopped.
        before = self._state.objects
        read = {key: seen for key, seen in self._looked.items() if max([*seen.days, *(before[key].days if key in before else ())], default=date.max) <= day}
        held = tuple(sorted(other for other in {*self._state.held, day} if other > through - timedelta(days=2 * RECENT_DAYS)))
        self._save(msgspec.structs.replace(self._state, first=first, through=through, reopened=reopened, objects={**before, **read}, held=held))

    def done(self, now: datetime) -> None:
        """See `Source.done`. What was decoded stays while its days are open."""
        still_open = now.date() - self._settings.lookback
        kept = {key: seen for key, seen in self._looked.items() if max([seen.path_day, *seen.days]) >= still_open}
        ended = [day for seen in self._looked.values() for day in seen.days if day < now.date()]
        newest = max([*ended, *([self._state.newest] if self._state.newest else [])], default=None)
        self._save(msgspec.structs.replace(self._state, listed=now, newest=newest, objects=kept))
        self._store.drop_objects(self.name, (self._file(self._found[key]) for key in kept))
        self._unknown_columns.clear()
        self._telemetry.unknown_columns(self.name, len({column for seen in kept.values() for column in seen.unknown_columns}))

    def reopen(self, days: Sequence[date]) -> None:
        """See `Source.reopen`."""
        again = set(days)
        objects = {key: seen for key, seen in self._state.objects.items() if not again & set(seen.days)}
        self._save(msgspec.structs.replace(self._state, objects=objects, reopened=tuple(sorted({*self._state.reopened, *again}))))

    def refreshed(self) -> datetime | None:
        """See `Source.refreshed`."""
        return self._state.listed

    def holds(self) -> Iterable[date]:
        """See `Source.holds`: days without a report have no file."""
        return self._state.held

    def landed(self) -> Landed:
        """A day has landed when a report of that day or of a later one is there, or the listing worked `lands_by` after its end."""
        state, max_age = self._state, self._settings.max_age
        if state.first is None:
            return Landed(None, max_age)
        if state.listed is None:
            last = state.through
        else:
            listed_through = (state.listed - self._settings.lands_by).date() - timedelta(days=1)
            last = max(state.newest or date.min, listed_through)
        return Landed(DayRange(state.first, last) if last is not None and last >= state.first else None, max_age)

    def _fact(self) -> Statement:
        table = self._settings.table
        return reading(self._kind.fact, self._kind.relation, table) if table is not None else self._kind.fact

    def _open_from(self, now: datetime) -> date:
        listed = self._state.listed
        # What a clock that was ahead has listed says nothing about the days until then.
        anew = listed is None or was_ahead(listed, now)
        first = now.date() - self._settings.history if listed is None or anew else listed.date() - self._settings.lookback
        return max(first, self._ignore_before)

    def _is_seen(self, found: ReportObject) -> bool:
        seen = self._state.objects.get(found.object.key)
        return (
            seen is not None and (seen.size, seen.etag) == (found.object.size, found.object.etag) and (not self._engine.embedded or self._file(found).exists())
        )

    def _file(self, found: ReportObject) -> Path:
        version = f"{found.object.key}\n{found.object.size}\n{found.object.etag}"
        return self._store.object_file(self.name, hashlib.blake2b(version.encode(), digest_size=16).hexdigest())

    def _in_facts(self, found: ReportObject) -> ReportObject | None:
        """The version of a file whose rows are in the facts; None where there is none, or where its decoded rows are gone."""
        seen = self._state.objects.get(found.object.key)
        if seen is None:
            return None
        before = dataclasses.replace(found, object=dataclasses.replace(found.object, size=seen.size, etag=seen.etag))
        return before if self._file(before).exists() else None

    def _look(self, location: Location, found: ReportObject, readable: _Readable) -> SeenObject | None:
        """What a file holds. None when it cannot be read as it was listed; the next refresh looks again."""
        size, etag, file = found.object.size, found.object.etag, self._file(found)
        if not self._engine.embedded:
            # What the rows say is not known here; a report holds its day, and sometimes the one before.
            return SeenObject(size, etag, found.day, (found.day - timedelta(days=1), found.day))
        if (kept := self._store.object_rows(file)) is not None:  # an interrupted refresh has fetched it
            days = sorted({row.day for row in _DAYS.decode_lines(kept) if row.day in readable})
            return SeenObject(size, etag, found.day, tuple(days), self._unknown_columns.get(file, ()))
        try:
            data = location.read(found.object, MAX_BYTES)
        except ObjectGone as error:
            log.info("a file changed after it was listed", extra={"fields": {"source": self.name, "file": found.object.key, "error": str(error)}})
            return None
        except ObjectUnreadable as error:
            if file not in self._unreadable:
                self._unreadable.add(file)
                self._reject([Rejection("file", found.object.key, 0, "", str(error))])
            return None
        except ObjectTooLarge as error:
            self._reject([Rejection("size", found.object.key, 0, "", str(error))])
            decoded: Decoded[UserReportRow] | Decoded[AnalyticRow] = Decoded([], (), frozenset())
        else:
            decoded = self._kind.decode(data, found)
        self._reject(decoded.rejections)
        by_day = Counter(date.fromisoformat(row.day) for row in decoded.rows)
        late = sum(rows for day, rows in by_day.items() if day not in readable)
        if late and found.day in readable.open:  # in files of closed days they were counted when those were open
            self._reject([Rejection("closed_day", found.object.key, 0, "Date", f"{late} rows are of days that are closed, or not over yet")], late)
        self._store.keep_object(file, _ENCODER.encode_lines(decoded.rows))
        self._unknown_columns[file] = tuple(sorted(decoded.unknown_columns))
        return SeenObject(size, etag, found.day, tuple(sorted(day for day in by_day if day in readable)), self._unknown_columns[file])

    def _reject(self, rejections: Sequence[Rejection], count: int = 1) -> None:
        reject(self._telemetry, self.name, rejections, count)

    def _save(self, state: KiroState) -> None:
        self._store.save_state(self.name, state)
        self._state = state


@dataclass(frozen=True, slots=True)
class _Readable:
    """The days whose facts may be replaced now: open ones, and closed ones that the store has lost."""

    open: DayRange
    reopened: frozenset[date]
    spread: timedelta
    """How far the Date of a row may lie from the day of its path."""

    def __contains__(self, day: date) -> bool:
        return day in self.open or day in self.reopened

    def may_stand_in(self, path_day: date) -> bool:
        """Whether rows of these days may stand in a file of that path."""
        return path_day in self.open or any(abs(path_day - day) <= self.spread for day in self.reopened)
