"""Builds everything from a config and keeps it running: start, stop, reload. It is what the web layer looks at."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

import exporter
from exporter import people_sync
from exporter.assembly import Assembly, read_people
from exporter.config import Config, ConfigErrors
from exporter.errors import UserError
from exporter.facts.folder import Folder
from exporter.facts.history import History
from exporter.facts.recent import RecentFacts
from exporter.facts.store import Store
from exporter.families.catalogue import GROUPS, families
from exporter.model import Snapshot, utc_now
from exporter.people import Entry, people_file
from exporter.people_sync import PeopleSync
from exporter.publisher import Publisher
from exporter.refresh import FactsRefresh, Refresh
from exporter.refreshes import Refreshes, reads
from exporter.schedule import Schedule
from exporter.snapshots import keeping
from exporter.snapshots.people import PeopledSnapshot, SnapshotPeople
from exporter.sources import cloudtrail, cur
from exporter.telemetry import Telemetry
from exporter.web.landing import SourceStatus
from exporter.web.server import STOP_SECONDS

log = logging.getLogger(__name__)


class Service:
    """The running exporter, but for its web server."""

    def __init__(
        self, config: Config, reread: Callable[[], Config], telemetry: Telemetry, clock: Callable[[], datetime] = utc_now, folder: Folder | None = None
    ) -> None:
        """Opens the store and reads the people file; nothing runs before `start`. Raises UserError.

        `reread` loads the config anew. `folder` is that of the store, where somebody has opened it already.
        """
        self.telemetry = telemetry
        self._config = config
        self._reread = reread
        self._clock = clock
        check_windows(config)
        self._key = keeping.key(config)
        self._entries = read_people(config, telemetry)
        self._store = Store.open(config.store.path) if folder is None else Store.on(folder)
        self._history = History(self._store, RecentFacts(), config.store.retention)
        self._assembly = Assembly(self._store, self._history, telemetry, clock)
        self._publisher = Publisher(self._build, telemetry, clock, self._keep)
        self._schedule = Schedule(telemetry.scheduled)
        self._refreshes = self._make_refreshes(config)
        self._reloading = threading.Lock()
        self._starting = threading.Lock()
        self._stopping = threading.Event()
        self._sync: PeopleSync | None = None

    # Life

    def start(self) -> None:
        """Publishes what the store holds, then starts to refresh. No AWS call is made before the first snapshot stands. A reload waits for the end."""
        with self._reloading, self._starting:
            began, now = time.monotonic(), self._clock()
            self.telemetry.build(exporter.__version__, exporter.revision(), self._config.engine)
            self.telemetry.config_loaded(now)
            self.telemetry.init_source(people_file.SOURCE, people_file.REASONS)
            # Before the store is read, which takes a while where it is large: a scrape may come meanwhile, if a snapshot was kept.
            self._refreshes.tell()
            damaged = self._history.open(now)
            self._assembly.take(self._config, self._entries, self._key)
            for name, refresh in self._refreshes.by_name.items():
                if isinstance(refresh, FactsRefresh):
                    refresh.reopen_lost(damaged.get(name, ()))
            if self._stopping.is_set():
                return
            self._publisher.publish()
            if self._stopping.is_set():
                return
            self._publisher.start()
            self._schedule.start()
            self._schedule_sources()
            self._schedule_sync(self._entries)
            log.info("started", extra={"fields": {"seconds": round(time.monotonic() - began, 3)}})

    def stop(self, seconds: float = STOP_SECONDS) -> bool:
        """Stops within so many seconds: running queries are cancelled, refreshes end at their next step. False: something runs on, until the process ends."""
        until = time.monotonic() + seconds
        self._stopping.set()
        if not self._starting.acquire(timeout=max(0.0, seconds)):
            log.warning("the store was still being read; the next start reads it anew")
            self._store.close()
            return False
        self._starting.release()
        self._schedule.stop()
        self._publisher.stop()
        self._refreshes.stop()
        if self._sync is not None:
            self._sync.stop()
        if (people := self.people()) is not None:
            people.cancel()
        ended = True
        for name, refresh in {**self._refreshes.by_name, **({} if self._sync is None else {self._sync.name: self._sync})}.items():
            if not refresh.wait(max(0.0, until - time.monotonic())):
                log.warning("a refresh did not end in time; the next start goes on from there", extra={"fields": {"source": name}})
                ended = False
        if not self._publisher.wait(max(0.0, until - time.monotonic())):
            log.warning("a snapshot was not ready in time; the next start builds it anew")
            ended = False
        self._store.close()
        return ended

    def reload(self) -> list[str]:
        """Loads config and people file anew: everything is checked, then swapped; or what runs is kept, and the errors are returned, without values."""
        with self._reloading:
            try:
                config = self._reread()
                check_windows(config)
                self._check_unchanged(config)
                key = keeping.key(config)
                entries = read_people(config, self.telemetry)
                made = self._make_refreshes(config) if reads(self._config) != reads(config) else None
            except UserError as error:
                self.telemetry.config_rejected()
                log.error("the config was not loaded; the one before goes on", extra={"fields": {"error": str(error)}})
                return [fault.without_values() for fault in error.errors] if isinstance(error, ConfigErrors) else str(error).splitlines()
            self._config = config
            self._history.retention = config.store.retention
            self._assembly.take(config, entries, key)
            if made is not None:
                self._swap_refreshes(made)
            self._schedule_sync(entries)
            self.telemetry.build(exporter.__version__, exporter.revision(), config.engine)
            self.telemetry.config_loaded(self._clock())
            self._publisher.request()
            log.info("config loaded")
            return []

    def _check_unchanged(self, config: Config) -> None:
        changed = {
            "store.path": config.store.path != self._config.store.path,
            "web.config_file": config.web.config_file != self._config.web.config_file,
            "web.listen_address": config.web.listen_address != self._config.web.listen_address,
        }
        if errors := [config.places.error(key, "cannot change while the exporter runs; restart it") for key, is_changed in changed.items() if is_changed]:
            raise ConfigErrors(errors)

    # What the web layer asks

    @property
    def enable_lifecycle(self) -> bool:
        """Whether reload and refresh may be asked for over HTTP."""
        return self._config.web.enable_lifecycle

    def snapshot(self) -> Snapshot | None:
        """The snapshot of this moment."""
        return self._publisher.current()

    def people(self) -> SnapshotPeople | None:
        """The people of the snapshot of this moment."""
        current = self._publisher.current()
        return current.people if isinstance(current, PeopledSnapshot) else None

    def ready(self) -> tuple[bool, str]:
        """Ready once a source has landed."""
        if self._publisher.current() is not None:
            return True, "aws-user-exporter is ready."
        return False, "No source has landed yet, or the first snapshot is still being built; only the metrics about the exporter itself are served."

    def status(self) -> Sequence[SourceStatus]:
        """A row a source, in the order of the config."""
        return [self._status(name, refresh) for name, refresh in self._refreshes.by_name.items()]

    def refresh(self, source: str | None) -> list[str]:
        """Asks for a refresh of one source, or of each; does not wait for it."""
        wanted = {name: refresh for name, refresh in self._refreshes.by_name.items() if source in (None, name)}
        for name, refresh in wanted.items():
            if not refresh.running:
                self._schedule.run_now(name)
        return [f"{name} is being refreshed already." for name, refresh in wanted.items() if refresh.running]

    def _status(self, name: str, refresh: Refresh) -> SourceStatus:
        landed = refresh.landed()
        return SourceStatus(
            source=name,
            up=refresh.up,
            last_success=refresh.refreshed(),
            newest_day=landed.days.last if landed and landed.days else None,
            next_refresh=self._schedule.next(name),
            last_error=refresh.last_error,
            running=refresh.running,
        )

    # Sources

    def _make_refreshes(self, config: Config) -> Refreshes:
        return Refreshes(config, self._store, self._history, self.telemetry, self._clock, self._publisher.request, self._assembly.nobodies)

    def _schedule_sources(self) -> None:
        for name, settings in self._config.sources.enabled().items():
            refresh = self._refreshes.by_name[name]
            self._schedule.set(name, settings.schedule, refresh.refreshed(), self._clock(), partial(self._run, refresh))

    def _run(self, refresh: Refresh) -> None:
        """Refreshes a source. A bill is read with the creators of resources that CloudTrail knows, so it is asked for again after CloudTrail's first load."""
        loaded_before = refresh.refreshed() is not None
        if refresh.run() and not loaded_before and refresh.name == cloudtrail.NAME and cur.NAME in self._refreshes.by_name:
            self._schedule.run_now(cur.NAME)

    def _swap_refreshes(self, made: Refreshes) -> None:
        self._refreshes.stop()
        for name, refresh in self._refreshes.by_name.items():
            refresh.wait(STOP_SECONDS)
            if name not in made.by_name:
                self._schedule.remove(name)
                self.telemetry.drop_source(name)
        # What the old ones stored last is known to those that are made now.
        self._refreshes = self._make_refreshes(self._config)
        self._refreshes.tell()
        self._schedule_sources()

    def _schedule_sync(self, entries: tuple[Entry, ...]) -> None:
        """Has the user mapping written on its schedule, where the config has a place for it."""
        if self._sync is not None:
            self._sync.stop()
            self._schedule.remove(self._sync.name)
        settings = self._config.people.sync
        if settings.location is None:
            self.telemetry.drop_source(people_sync.NAME)
            self._sync = None
            return
        self._sync = sync = PeopleSync(self._config, entries, self._store, self.telemetry, self._clock)
        self.telemetry.init_source(sync.name, (), sync.refreshed())
        self._schedule.set(sync.name, settings.schedule, sync.refreshed(), self._clock(), sync.run)

    # Snapshots

    def _build(self, moment: datetime) -> Snapshot | None:
        for refresh in self._refreshes.by_name.values():
            refresh.tell_landed()
        return self._assembly.build(moment, self._refreshes.landed())

    def _keep(self, served: Snapshot, at: datetime) -> None:
        if self._stopping.is_set():
            return  # the store may be somebody else's by now
        try:
            self._store.keep_served(keeping.pack(served, at))
        except UserError as error:
            log.error("the snapshot could not be kept; the next start has to build its first one", extra={"fields": {"error": str(error)}})


def check_windows(config: Config) -> None:
    """The config's `windows` name families and groups, which only the catalogue knows. Raises ConfigErrors."""
    known = {*families(), *(group.name for group in GROUPS)}
    if unknown := [name for name in config.windows if name not in known]:
        raise ConfigErrors(config.places.error(f"windows.{name}", "there is no such family or group; docs/metrics.md lists them") for name in unknown)
