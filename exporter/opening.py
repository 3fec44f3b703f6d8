"""The exporter as the web layer sees it: the snapshot that was served last, at once, and the service as soon as it has read its store.

What the service brings takes as long to import as everything here, so it is imported behind the first scrape.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from exporter.config import Config
from exporter.facts.folder import Folder
from exporter.model import Snapshot, utc_now
from exporter.snapshots import keeping
from exporter.snapshots.keeping import Kept
from exporter.telemetry import Telemetry
from exporter.web.landing import SourceStatus
from exporter.web.server import STOP_SECONDS

if TYPE_CHECKING:
    from exporter.service import Service
    from exporter.snapshots.people import SnapshotPeople

log = logging.getLogger(__name__)

_BEING_READ = "The store is still being read after the start; ask again in a moment."


class Opening:
    """Serves what was kept until the first fresh snapshot stands, and from then on whatever the service says."""

    def __init__(self, config: Config, reread: Callable[[], Config], telemetry: Telemetry, clock: Callable[[], datetime] = utc_now) -> None:
        """Takes the folder of the store and looks for a snapshot that may be served. `reread` loads the config anew. Raises UserError."""
        self.telemetry = telemetry
        self._config = config
        self._reread = reread
        self._clock = clock
        self._folder = Folder.open(config.store.path)
        self._kept = self._find()
        self._service: Service | None = None
        self._made = threading.Event()
        self._opened = False
        self._stopping = False

    def open(self) -> None:
        """Makes the service and starts it; takes as long as the store is large. Raises UserError."""
        try:
            from exporter.service import Service

            service = self._service = Service(self._config, self._reread, self.telemetry, self._clock, self._folder)
        finally:
            self._made.set()
        if not self._stopping:
            service.start()
            self._opened = True
            self._kept = None

    def stop(self) -> bool:
        """Stops within `STOP_SECONDS`; see `Service.stop`."""
        began = time.monotonic()
        self._stopping = True
        if not self._made.wait(STOP_SECONDS):
            return False
        if self._service is None:
            self._folder.close()
            return True
        return self._service.stop(STOP_SECONDS - (time.monotonic() - began))

    # What the web layer asks

    @property
    def enable_lifecycle(self) -> bool:
        """Whether reload and refresh may be asked for over HTTP."""
        return self._config.web.enable_lifecycle if self._service is None else self._service.enable_lifecycle

    def snapshot(self) -> Snapshot | None:
        """The snapshot of this moment."""
        kept, service = self._kept, self._service
        fresh = None if service is None else service.snapshot()
        return kept.current(self._clock()) if fresh is None and kept is not None else fresh

    def people(self) -> SnapshotPeople | None:
        """The people of the snapshot of this moment; None also while the store is being read."""
        return None if self._service is None else self._service.people()

    def ready(self) -> tuple[bool, str]:
        """Ready once there is a snapshot, be it the kept one."""
        if self._service is not None and self._opened:
            return self._service.ready()
        return (True, "aws-user-exporter is ready.") if self.snapshot() is not None else (False, _BEING_READ)

    def status(self) -> Sequence[SourceStatus]:
        """A row a source, in the order of the config."""
        if self._service is not None:
            return self._service.status()
        return [SourceStatus(name, None, None, None, None) for name in self._config.sources.enabled()]

    def refresh(self, source: str | None) -> list[str]:
        """Asks for a refresh of one source, or of each; does not wait for it."""
        return self._service.refresh(source) if self._service is not None and self._opened else [_BEING_READ]

    def reload(self) -> list[str]:
        """See `Service.reload`. Waits until the store has been read."""
        self._made.wait()
        return [_BEING_READ] if self._service is None else self._service.reload()

    # The snapshot that was kept

    def _find(self) -> Kept | None:
        now = self._clock()
        try:
            packed = self._folder.served()
            kept = keeping.unpack(packed, keeping.key(self._config)) if packed else None
        except (OSError, keeping.Unusable) as error:
            log.warning("the snapshot of the last run is not served", extra={"fields": {"reason": str(error)}})
            return None
        if kept is None or kept.current(now) is None:
            return None
        log.info("serving the snapshot of the last run until the store has been read", extra={"fields": {"since": kept.at.isoformat()}})
        self.telemetry.publish(kept.snapshot, kept.at)
        return kept
