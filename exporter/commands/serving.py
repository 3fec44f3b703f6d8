"""Runs a service and its web server until a signal ends them; what `run` and `demo` share."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import exporter
from exporter import config as configuration
from exporter.config import Config
from exporter.service import STOP_SECONDS, Service
from exporter.telemetry import Telemetry
from exporter.web.app import make_app
from exporter.web.server import Server, addresses

log = logging.getLogger(__name__)

_LAST_RESORT_SECONDS = STOP_SECONDS + 1.0


def reader(path: Path, listen_address: str | None, enable_lifecycle: bool) -> Callable[[], Config]:
    """Loads a config file, with what the command line says on top; called again at every reload."""

    def read() -> Config:
        config = configuration.load(path, os.environ)
        flags = {"listen_address": listen_address} if listen_address else {}
        web = config.web.model_copy(update={**flags, **({"enable_lifecycle": True} if enable_lifecycle else {})})
        return config.model_copy(update={"web": web})

    return read


def serve(config: Config, reread: Callable[[], Config], sockets: list[socket.socket]) -> None:
    """Serves until SIGTERM or SIGINT. The sockets are bound already, so a port that is taken is found before anything starts. SIGHUP reloads."""
    service = Service(config, reread, Telemetry())
    log.info("starting", extra={"fields": {"version": exporter.__version__, "address": ", ".join(addresses(sockets))}})
    ended = asyncio.run(_serve(service, sockets))
    log.info("stopped")
    if not ended:
        # Python would wait for threads of the pool, and abort the process for one that comes back from DuckDB while the interpreter is taken down.
        logging.shutdown()
        os._exit(0)


async def _serve(service: Service, sockets: list[socket.socket]) -> bool:
    """Whether everything has ended when it returns."""
    loop = asyncio.get_running_loop()
    server = Server(make_app(service))
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: loop.run_in_executor(None, service.reload))
    serving = asyncio.ensure_future(_start_and_serve(service, server, sockets))
    waiting = asyncio.ensure_future(told.wait())
    try:
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if told.is_set():
            log.info("stopping")
            # What still runs after this is cut off: everything that is written is written whole, and the exit code must say that all is well.
            loop.call_later(_LAST_RESORT_SECONDS, os._exit, 0)
            server.stop()
        await serving
    finally:
        waiting.cancel()
        ended = await asyncio.to_thread(service.stop)
    return ended


async def _start_and_serve(service: Service, server: Server, sockets: list[socket.socket]) -> None:
    # Scrapes that come meanwhile wait in the backlog: answered too early, they would find every series gone.
    await asyncio.to_thread(service.start)
    await server.serve(sockets)
