"""Keeps the facts in memory in step with the store: what windows reach is loaded, what they leave behind is remembered by its first and last day."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path

from exporter import windows
from exporter.errors import UserError
from exporter.facts.recent import RecentFacts, UnreadableFacts
from exporter.facts.store import Store
from exporter.facts.tables import TABLES
from exporter.model import DayRange

log = logging.getLogger(__name__)


class History:
    """The stored facts of all sources. `advance` before every snapshot; `reload` after days were replaced."""

    def __init__(self, store: Store, recent: RecentFacts, retention: timedelta | None = None) -> None:
        """`retention`: how long fact files are kept; None: for ever. It reaches further back than any window."""
        self.retention = retention
        self._store = store
        self.recent = recent
        self._remembered: dict[str, date] = {}
        self._reaches: dict[str, date] = {}

    def open(self, now: datetime) -> dict[str, list[date]]:
        """Loads everything that a snapshot of `now` needs. Returns the days of each source whose file was damaged: they must be read again."""
        damaged: dict[str, list[date]] = {}
        reach = windows.recent(now)
        for source in TABLES:
            self._recall(source)
            damaged[source] = self._load(source, [day for day in self._store.days(source) if day in reach], reach)
        damaged = {source: days for source, days in damaged.items() if days}
        self.advance(now)
        return damaged

    def reload(self, source: str, days: Iterable[date], now: datetime) -> list[date]:
        """Takes over days that were just replaced in the store. Returns those that could not be read back."""
        return self._load(source, list(days), windows.recent(now))

    def advance(self, now: datetime) -> None:
        """Lets days that no window reaches leave memory. Of them, the first and last active day of each identity stays."""
        reach = windows.recent(now)
        for source in TABLES:
            self._fetch_back(source, reach)
            before = DayRange(self._remembered.get(source, date.min), reach.first - timedelta(days=1))
            left = [day for day in self._store.days(source) if before.first < day <= before.last]
            try:
                if left:
                    self._remember(source, left)
            except UserError as error:
                # A full disk must not keep a snapshot from being built: they stay in memory, and the next one tries again.
                log.error("days that leave memory could not be remembered", extra={"fields": {"source": source, "error": str(error)}})
                continue
            self.recent.drop_before(source, reach.first)
            self._reaches[source] = reach.first
            if self.retention is not None:
                # What is deleted has left memory, and is remembered by its first and last activity.
                self._store.drop_facts(source, min(reach.first, now.date() - self.retention))

    def _fetch_back(self, source: str, reach: DayRange) -> None:
        """Loads what left memory while the clock was ahead."""
        gone = DayRange(reach.first, self._reaches.get(source, reach.first) - timedelta(days=1))
        if days := [day for day in self._store.days(source) if day in gone]:
            self._load(source, days, reach)

    def _load(self, source: str, days: list[date], reach: DayRange) -> list[date]:
        damaged = []
        within = [day for day in days if day in reach]
        files = {day: file for day in within for file in self._store.facts(source, DayRange(day, day))}
        try:
            self.recent.load(source, within, list(files.values()))
        except UnreadableFacts:
            # One at a time, to find the damaged one and keep the others.
            for day, file in files.items():
                try:
                    self.recent.load(source, [day], [file])
                except UnreadableFacts as error:
                    self._set_aside(source, file, error)
                    damaged.append(day)
        late = [day for day in days if day < reach.first and day <= self._remembered.get(source, date.min)]
        if late:
            self._remember(source, late)
        return damaged

    def _remember(self, source: str, days: list[date]) -> None:
        for day in days:
            for file in self._store.facts(source, DayRange(day, day)):
                try:
                    self.recent.remember_older(source, [file])
                except UnreadableFacts as error:
                    self._set_aside(source, file, error)
        through = max(*days, self._remembered.get(source, date.min))
        self._store.keep_older(source, through, self.recent.export_older(source))
        self._remembered[source] = through

    def _recall(self, source: str) -> None:
        kept = self._store.older(source)
        if kept is None:
            return
        through, file = kept
        try:
            self.recent.import_older(source, file)
        except UnreadableFacts as error:
            self._set_aside(source, file, error)
        else:
            self._remembered[source] = through

    def _set_aside(self, source: str, file: Path, error: UnreadableFacts) -> None:
        aside = self._store.set_aside(file)
        log.error(
            "a file of the store is damaged and was set aside", extra={"fields": {"source": source, "file": str(aside), "error": str(error).splitlines()[0]}}
        )
