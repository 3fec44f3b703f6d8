"""The bill line by line, CUR 2.0: a month is read, as a whole, when its manifest has changed, and kept only if it is the same after the read.

An export is overwritten in place up to three times a day, its earlier months too when an invoice becomes final or a refund comes. So a month is replaced day by
day from one reading of all of its lines, and days that lose their lines are emptied.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import duckdb
import msgspec

from exporter.config import CurSource as Settings
from exporter.engines import Engine, Relation, statement
from exporter.engines.reading import reading
from exporter.errors import TransientError, UserError
from exporter.facts.store import Store
from exporter.model import ArrowStream, DayRange, FactBatch, Rejection
from exporter.objects import FileLocation, ObjectGone
from exporter.sources.cur_layout import Delivery, Month, find_delivery, find_month, find_months
from exporter.sources.cur_month import COLUMNS, BilledMonth, check_columns
from exporter.sources.rejections import reject
from exporter.telemetry import Telemetry
from exporter.windows import Landed, month_of

log = logging.getLogger(__name__)

NAME = "cur"
REASONS = MappingProxyType({"cost": "the cost of a line is missing, or no number"})
"""Why the source leaves something out."""

Creators = Sequence[tuple[str, str]]
"""Resources as the bill names them, each with the key of the identity that created it."""

_FACT = statement("facts/cur")
_PARTITION = "billing_period"
_CREATOR_COLUMNS = {"resource": "VARCHAR", "creator": "VARCHAR"}
_LOOKED_UP_IN_TAGS = re.compile(r"(accountTag|costCategory|iamPrincipal|resourceTags|userAttribute)/")


class SeenMonth(msgspec.Struct, frozen=True):
    """A month that is in the store: the version of its export, when that was written and read, and how far its days go.

    `newest` is the newest day with usage; `ahead` the first day that had lines and had not begun. `creators` is how many resources had a known creator.
    """

    version: str
    written: datetime
    read: datetime
    through: date
    newest: date | None
    ahead: date | None
    creators: int


class CurState(msgspec.Struct, frozen=True):
    """What the source remembers; months by their first day. `settings` stands for what makes the same lines other facts."""

    months: dict[date, SeenMonth] = {}
    refreshed: datetime | None = None
    settings: str = ""


@dataclass(slots=True)
class _Refresh:
    now: datetime
    step: Callable[[], None]
    months: Mapping[date, Month]
    kept: SeenMonth | None = None
    """What `keep` remembers of the month that was read last."""


class CurBill:
    """The bill as a source of facts. Holds what it remembers; one refresh at a time. A day that is due stands for the month that it begins."""

    name = NAME

    def __init__(
        self,
        settings: Settings,
        owner_tags: Sequence[str],
        locate: Callable[[], FileLocation],
        engine: Engine,
        store: Store,
        telemetry: Telemetry,
        creators: Callable[[], Creators],
        upload: Callable[[Creators], None],
    ) -> None:
        """`locate` opens the location, at every refresh: it may ask AWS, or find the folder gone. `creators` is asked before each month is read.

        `upload` brings creators to where an engine that is not embedded finds them.
        """
        self._settings = settings
        self._owner_keys = "\x1f".join(key for tag in owner_tags for key in tag_keys(tag))
        self._locate = locate
        self._engine = engine
        self._store = store
        self._telemetry = telemetry
        self._creators = creators
        self._upload = upload
        self._state = store.state(NAME, CurState) or CurState()
        self._refresh: _Refresh | None = None

    def due(self, now: datetime, step: Callable[[], None]) -> Sequence[date]:
        """See `Source.due`: the first day of each month that is due. Lists the manifests."""
        location = self._locate()
        self._forget_other_settings()
        seen = self._state.months
        since = min([now.date() - self._settings.history, *seen])
        months = find_months(location, since)
        if not months and not seen:
            raise UserError(
                f"there is no manifest of {since:%Y-%m} or later below {location.name}metadata/; let sources.cur.location be the folder of the export, "
                "above its data/ and metadata/, and wait a day if it is new"
            )
        self._refresh = _Refresh(now, step, months)
        known = len(self._creators())
        return [first for first, month in months.items() if first not in seen or self._is_due(seen[first], month, now, known)]

    def read(self, day: date) -> FactBatch:
        """See `Source.read`, for all days of the month that have begun."""
        refresh = self._running()
        refresh.step()
        location = self._locate()
        month = find_month(location, day, refresh.months[day].folder)
        if month is None:
            raise TransientError(f"the manifest of {day:%Y-%m} is gone; the export is being overwritten, or was removed")
        delivery = find_delivery(location, month, refresh.now)
        creators = self._creators()
        through = min(month_of(day).last, refresh.now.date())
        try:
            billed = BilledMonth(month.name, through, self._answer(location, delivery, creators))
        except ObjectGone as error:
            raise _overwritten(month) from error
        except (duckdb.Error, UserError):
            if self._changed(location, delivery):
                raise _overwritten(month) from None
            raise
        if self._changed(location, delivery):
            raise _overwritten(month)
        for reason, count in billed.rejected().items():
            detail = f"the cost of {count:,} lines is missing, or no number"
            reject(self._telemetry, NAME, [Rejection(reason, location.address(month.manifest.key), 0, self._settings.metric, detail)], count)
        refresh.kept = SeenMonth(month.version, month.manifest.modified, refresh.now, through, billed.newest, billed.ahead, len(creators))
        # A month without any line is more likely a table that does not know its partition yet than a month without a bill.
        return FactBatch(NAME, tuple(DayRange(day, through)), billed.rows(), whole=billed.lines > 0)

    def keep(self, day: date) -> None:
        """See `Source.keep`."""
        kept = self._running().kept
        if kept is None:
            raise RuntimeError("keep follows read")
        self._save(msgspec.structs.replace(self._state, months=dict(sorted({**self._state.months, day: kept}.items()))))

    def done(self, now: datetime) -> None:
        """See `Source.done`."""
        self._save(msgspec.structs.replace(self._state, refreshed=now))
        self._refresh = None

    def reopen(self, days: Sequence[date]) -> None:
        """See `Source.reopen`."""
        again = {day.replace(day=1) for day in days}
        months = {first: msgspec.structs.replace(month, version="") if first in again else month for first, month in self._state.months.items()}
        self._save(msgspec.structs.replace(self._state, months=months))

    def refreshed(self) -> datetime | None:
        """See `Source.refreshed`."""
        return self._state.refreshed

    def holds(self) -> Iterable[date]:
        """See `Source.holds`: a day without lines has a file as well."""
        return self.landed().days or ()

    def landed(self) -> Landed:
        """A day has landed when the export has usage of it or of a later day, or was written `lands_by` after its end; never the day on which it was read."""
        months, max_age = self._state.months, self._settings.max_age
        if not months:
            return Landed(None, max_age)
        first = newest = max(months)
        while (before := (first - timedelta(days=1)).replace(day=1)) in months:
            first = before
        last = max(self._landed_through(months[month]) for month in (newest, (newest - timedelta(days=1)).replace(day=1)) if month in months)
        return Landed(DayRange(first, last) if last >= first else None, max_age)

    def _landed_through(self, month: SeenMonth) -> date:
        day = timedelta(days=1)
        by_clock = (month.written - self._settings.lands_by).date() - day
        return min(month.through, month.read.date() - day, max(month.newest or date.min, by_clock))

    def _is_due(self, seen: SeenMonth, month: Month, now: datetime, creators: int) -> bool:
        # Facts hold the creators that were known when they were read. Most become known while CloudTrail is loaded for the first time; later ones come
        # with the next delivery of the bill, and one more reading for each tenth of them is cheap.
        more_creators = creators > seen.creators + seen.creators // 10
        return seen.version != month.version or (seen.ahead is not None and seen.ahead <= now.date()) or more_creators

    def _answer(self, location: FileLocation, delivery: Delivery, creators: Creators) -> ArrowStream:
        """The rows of the statement, read in full."""
        month = delivery.month
        if not self._engine.embedded:
            if delivery.others:
                raise UserError(
                    f"the export keeps its versions ({len(delivery.others)} further files in {location.name}data/{month.folder}/), and Athena would "
                    "add them up; let the export overwrite its files and remove the old ones, or set sources.cur.engine to duckdb"
                )
            self._upload(creators)
            return self._engine.query(reading(_FACT, "cur", self._settings.table), self._parameters(month))
        with self._store.scratch(NAME) as folder:
            files: list[Path] = []
            for file in delivery.files:
                self._running().step()
                files.append(location.file(file, folder))
            made = Relation("resource_creators", _CREATOR_COLUMNS, rows=creators)
            if not files:
                return self._engine.query(_FACT, self._parameters(month), (Relation("cur", {**COLUMNS, _PARTITION: "VARCHAR"}), made))
            try:
                check_columns(files, self._settings.metric, month.name)
                lines = Relation("cur", COLUMNS, files, parquet=True, partition={_PARTITION: month.name})
                return self._engine.query(_FACT, self._parameters(month), (lines, made))
            except (duckdb.IOException, duckdb.InvalidInputException, duckdb.ConversionException, duckdb.OutOfMemoryException) as error:
                raise UserError(f"the export of {month.name} cannot be read ({str(error).splitlines()[0]}); have it written anew, as Parquet") from error

    def _changed(self, location: FileLocation, delivery: Delivery) -> bool:
        """Whether the month is another than the one that was read."""
        month = find_month(location, delivery.month.first, delivery.month.folder)
        if month is None or month.version != delivery.month.version:
            return True
        listed = {found.key: found for found in location.list(f"data/{delivery.month.folder}/")}
        return any(listed.get(file.key) != file for file in delivery.files)

    def _parameters(self, month: Month) -> list[object]:
        days = month_of(month.first)
        return [self._settings.metric, days.first, days.last, self._owner_keys, month.name]

    def _forget_other_settings(self) -> None:
        """Has months read again whose facts were made in another way."""
        meaning = repr((_FACT.text, self._settings.metric, self._owner_keys, self._settings.table, self._settings.location))
        settings = hashlib.blake2b(meaning.encode(), digest_size=8).hexdigest()
        if settings != self._state.settings:
            months = {first: msgspec.structs.replace(month, version="") for first, month in self._state.months.items()}
            self._save(msgspec.structs.replace(self._state, months=months, settings=settings))

    def _running(self) -> _Refresh:
        if self._refresh is None:
            raise RuntimeError("read and keep follow due")
        return self._refresh

    def _save(self, state: CurState) -> None:
        self._store.save_state(NAME, state)
        self._state = state


def tag_keys(tag: str) -> tuple[str, ...]:
    """How the maps `resource_tags` and `tags` of CUR 2.0 spell the key of a cost allocation tag.

    The first has the spelling of columns in the older report (https://docs.aws.amazon.com/cur/latest/userguide/cur-ate-run.html): `CostCenter` is
    `user_cost_center`. The second tells tags of resources from others: https://docs.aws.amazon.com/cur/latest/userguide/table-dictionary-cur2-tag-columns.html.
    A key with one of its prefixes (`accountTag/owner`) is taken as it stands.
    """
    if _LOOKED_UP_IN_TAGS.match(tag):
        return (tag,)
    snake = re.sub(r"_+", "_", re.sub(r"[^a-z0-9]", "_", re.sub(r"([A-Z])", r"_\1", f"user:{tag}").lower())).strip("_")
    return (snake, f"user:{tag}", f"resourceTags/{tag}", f"resourceTags/user:{tag}")


def _overwritten(month: Month) -> TransientError:
    return TransientError(f"the export of {month.name} was overwritten while it was read; it is read again")
