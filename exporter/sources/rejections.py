"""Tells what a source left out: the log where it stands, the counter how much it is."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from exporter.model import Rejection
from exporter.telemetry import Telemetry

log = logging.getLogger(__name__)

_LOGGED = 20


def reject(telemetry: Telemetry, source: str, rejections: Sequence[Rejection], count: int = 1) -> None:
    """Logs the first twenty and how many more there are, and counts each of them `count` times: a rejection may stand for many rows."""
    for rejection in rejections[:_LOGGED]:
        log.warning("rejected", extra={"fields": {"source": source, **rejection.fields()}})
    if len(rejections) > _LOGGED:
        log.warning("rejected more", extra={"fields": {"source": source, "path": rejections[0].path, "more": len(rejections) - _LOGGED}})
    for rejection in rejections:
        telemetry.rejected(source, rejection.reason, count)
