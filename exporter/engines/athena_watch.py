"""One query on Athena: how far it is, and whether it must end."""

from __future__ import annotations

import threading
import time
from typing import cast

from pyathena.model import AthenaCalculationExecutionStatus, AthenaQueryExecution

from exporter.config import Athena, format_duration
from exporter.errors import TransientError, UserError


class Watch:
    """Sees every state that Athena reports of a query, and holds the query to its deadline and its byte limit."""

    def __init__(self, name: str, settings: Athena) -> None:
        self.name = name
        self.cancelled = threading.Event()
        self.execution: AthenaQueryExecution | None = None
        """As Athena described it last; None before that."""
        self._timeout = settings.timeout
        self._max_bytes = settings.max_bytes_scanned
        self._deadline: float | None = None

    @property
    def ended(self) -> bool:
        return self.execution is not None and self.execution.state in AthenaQueryExecution.TERMINAL_STATES

    def begin(self) -> None:
        """From here on the deadline counts: waiting for a place of our own is no part of it."""
        self._deadline = time.monotonic() + self._timeout.total_seconds()

    def polled(self, execution: AthenaQueryExecution | AthenaCalculationExecutionStatus) -> None:
        """PyAthena calls this with every state that it sees."""
        self.execution = cast(AthenaQueryExecution, execution)
        if not self.ended:
            self.check()

    def check(self) -> None:
        """Raises why the query must not go on."""
        if self.cancelled.is_set():
            raise TransientError(f"the query {self.name} was cancelled, because the service is stopping or its source is being replaced")
        scanned = (self.execution.data_scanned_in_bytes if self.execution else None) or 0
        if scanned > self._max_bytes:
            raise UserError(
                f"the query {self.name} was cancelled: it had scanned {scanned:,} bytes, "
                f"more than athena.max_bytes_scanned ({self._max_bytes:,}); raise that, or read less."
            )
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise self._too_late()

    def _too_late(self) -> UserError | TransientError:
        timeout = f"athena.timeout ({format_duration(self._timeout)})"
        if self.execution is None or self.execution.state == AthenaQueryExecution.STATE_QUEUED:
            return TransientError(f"the query {self.name} was cancelled: it waited in Athena's queue for longer than {timeout}.")
        # Run again, it would take as long and be paid for again; the next refresh does so anyway.
        return UserError(f"the query {self.name} was cancelled: it took longer than {timeout}; raise that, or read less.")
