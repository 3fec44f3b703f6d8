"""Builds everything from a config and keeps it running: start, stop, reload. It is what the web layer looks at."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

import exporter
from exporter.assembly import Assembly, read_people
from exporter.config import Config, ConfigErrors, KiroSource
from exporter.engines import Engine
from exporter.engines.duckdb import DuckDBEngine
from exporter.errors import UserError
from exporter.families.catalogue import GROUPS, families
from exporter.history import History
from exporter.model import Snapshot
from exporter.objects import open_location
from exporter.people_file import REASONS as PEOPLE_FILE_REASONS
from exporter.people_file import SOURCE as PEOPLE_FILE
from exporter.publisher import Publisher
from exporter.recent import RecentFacts
from exporter.refresh import Refresh
from exporter.schedule import Schedule
from exporter.sources.kiro import REASONS, KiroReports
from exporter.store import Store
from exporter.telemetry import Telemetry
from exporter.web.landing import SourceStatus

log = logging.getLogger(__name__)

STOP_SECONDS = 3.5
"""A stop takes no longer than this: what is not finished by then is left to the next start, which loses nothing by it."""


def utc_now() -> datetime:
    """The clock of the service."""
    return datetime.now(UTC)


class Service:
    """The running exporter, but for its web server."""

    def __init__(self, config: Config, reread: Callable[[], Config], telemetry: Telemetry, clock: Callable[[], datetime] = utc_now) -> None:
        """Opens the store and reads the people file; nothing runs before `start`. `reread` loads the config anew. Raises UserError."""
        self.telemetry = telemetry
        self._config = config
        self._reread = reread
        self._clock = clock
        check_windows(config)
        self._entries = read_people(config, telemetry)
        self._store = Store.open(config.store.path)
        self._history = History(self._store, RecentFacts(), config.store.retention)
        self._assembly = Assembly(self._store, self._history, telemetry, clock)
        self._publisher = Publisher(self._build, telemetry, clock)
        self._schedule = Schedule(telemetry.scheduled)
        self._refreshes: dict[str, Refresh] = {}
        self._engines: dict[str, Engine] = {}
        self._sources_stopping = threading.Event()
        self._reloading = threading.Lock()

    # Life

    def start(self) -> None:
        """Publishes what the store holds, then starts to refresh. No AWS call is made before the first snapshot stands."""
        now = self._clock()
        damaged = self._history.open(now)
        self._assembly.take(self._config, self._entries)
        self._make_sources()
        for source, days in damaged.items():
            if source in self._refreshes:
                self._refreshes[source].source.reopen(days)
        self.telemetry.init_source(PEOPLE_FILE, PEOPLE_FILE_REASONS)
        self.telemetry.config_loaded(now)
        self._publisher.publish()
        self._publisher.start()
        self._schedule.start()
        self._schedule_sources()

    def stop(self) -> bool:
        """Stops within `STOP_SECONDS`: running queries are cancelled, refreshes end at their next step. False: something runs on, until the process ends."""
        began = time.monotonic()
        self._schedule.stop()
        self._publisher.stop()
        self._stop_sources()
        ended = True
        for refresh in self._refreshes.values():
            if not refresh.wait(max(0.0, STOP_SECONDS - (time.monotonic() - began))):
                log.warning("a refresh did not end in time; the next start goes on from there", extra={"fields": {"source": refresh.source.name}})
                ended = False
        if not self._publisher.wait(max(0.0, STOP_SECONDS - (time.monotonic() - began))):
            log.warning("a snapshot was not ready in time; the next start builds it anew")
            ended = False
        self._store.close()
        return ended

    def reload(self) -> list[str]:
        """Loads config and people file anew: everything is checked, then swapped; or what runs is kept, and the errors are returned."""
        with self._reloading:
            try:
                config = self._reread()
                check_windows(config)
                self._check_unchanged(config)
                entries = read_people(config, self.telemetry)
            except UserError as error:
                self.telemetry.config_rejected()
                log.error("the config was not loaded; the one before goes on", extra={"fields": {"error": str(error)}})
                return str(error).splitlines()
            before, self._config = self._config, config
            self._history.retention = config.store.retention
            self._assembly.take(config, entries)
            if _reads(before) != _reads(config):
                self._swap_sources()
            self.telemetry.config_loaded(self._clock())
            self._publisher.request()
            log.info("config loaded")
            return []

    def _check_unchanged(self, config: Config) -> None:
        changed = {
            "store.path": config.store.path != self._config.store.path,
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

    def ready(self) -> tuple[bool, str]:
        """Ready once a source has landed."""
        if self._publisher.current() is not None:
            return True, "aws-user-exporter is ready."
        return False, "No source has landed yet; only the metrics about the exporter itself are served."

    def status(self) -> Sequence[SourceStatus]:
        """A row a source, in the order of the config."""
        return [self._status(name, refresh) for name, refresh in self._refreshes.items()]

    def refresh(self, source: str | None) -> list[str]:
        """Asks for a refresh of one source, or of each; does not wait for it."""
        wanted = {name: refresh for name, refresh in self._refreshes.items() if source in (None, name)}
        for name, refresh in wanted.items():
            if not refresh.running:
                self._schedule.run_now(name)
        return [f"{name} is being refreshed already." for name, refresh in wanted.items() if refresh.running]

    def _status(self, name: str, refresh: Refresh) -> SourceStatus:
        days = refresh.source.landed().days
        return SourceStatus(
            source=name,
            up=refresh.up,
            last_success=refresh.source.refreshed(),
            newest_day=days.last if days else None,
            next_refresh=self._schedule.next(name),
            last_error=refresh.last_error,
        )

    # Sources

    def _make_sources(self) -> None:
        self._engines = {}
        self._sources_stopping = threading.Event()
        self._refreshes = {name: self._make_refresh(name, settings) for name, settings in self._config.sources.enabled().items()}
        for name, refresh in self._refreshes.items():
            self.telemetry.init_source(name, REASONS, refresh.source.refreshed())
            refresh.tell_landed()
        self.telemetry.build(exporter.__version__, exporter.revision(), self._config.engine)

    def _make_refresh(self, name: str, settings: KiroSource) -> Refresh:
        config = self._config
        engine, aws = self._engine(config.engine_for(name)), config.aws_for(name)
        source = KiroReports(
            name,
            settings,
            config.kiro.ignore_before,
            lambda: open_location(settings.location, aws, self.telemetry.api_request),
            engine,
            self._store,
            self.telemetry,
        )
        return Refresh(source, self._store, self._history, self.telemetry, self._clock, self._publisher.request, self._sources_stopping)

    def _engine(self, name: str) -> Engine:
        """One of a kind for all sources: Athena counts its concurrency, DuckDB its memory."""
        if name not in self._engines:
            self._engines[name] = DuckDBEngine(self._config.athena.timeout) if name == "duckdb" else self._athena()
        return self._engines[name]

    def _athena(self) -> Engine:
        from exporter.aws import client
        from exporter.engines.athena import AthenaEngine  # brings boto3, which takes half a second that a start without AWS does not pay

        return AthenaEngine(self._config.athena, partial(client, self._config.aws_for("athena")), self.telemetry)

    def _schedule_sources(self) -> None:
        for name, settings in self._config.sources.enabled().items():
            refresh = self._refreshes[name]
            self._schedule.set(name, settings.schedule, refresh.source.refreshed(), self._clock(), refresh.run)

    def _stop_sources(self) -> None:
        self._sources_stopping.set()
        for engine in self._engines.values():
            engine.cancel()

    def _swap_sources(self) -> None:
        self._stop_sources()
        for name, refresh in self._refreshes.items():
            refresh.wait(STOP_SECONDS)
            if name not in self._config.sources.enabled():
                self._schedule.remove(name)
                self.telemetry.drop_source(name)
        self._make_sources()
        self._schedule_sources()

    # Snapshots

    def _build(self, moment: datetime) -> Snapshot | None:
        landed = {name: refresh.source.landed() for name, refresh in self._refreshes.items()}
        for refresh in self._refreshes.values():
            refresh.tell_landed()
        return self._assembly.build(moment, landed)


def check_windows(config: Config) -> None:
    """The config's `windows` name families and groups, which only the catalogue knows. Raises ConfigErrors."""
    known = {*families(), *(group.name for group in GROUPS)}
    if unknown := [name for name in config.windows if name not in known]:
        raise ConfigErrors(config.places.error(f"windows.{name}", "there is no such family or group; docs/metrics.md lists them") for name in unknown)


def _reads(config: Config) -> tuple[object, ...]:
    """What the sources depend on."""
    return (config.sources, config.aws, config.athena, config.engine, config.kiro.ignore_before)
