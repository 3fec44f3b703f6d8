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
from exporter.opening import Opening
from exporter.telemetry import Telemetry
from exporter.web.app import make_app
from exporter.web.protection import Protection
from exporter.web.server import STOP_SECONDS, Server, addresses

log = logging.getLogger(__name__)

_LAST_RESORT_SECONDS = STOP_SECONDS + 1.0


def reader(
    path: Path, store_path: Path | None, listen_address: str | None, enable_lifecycle: bool, web_config_file: Path | None = None
) -> Callable[[], Config]:
    """Loads a config file, with what the command line says on top; called again at every reload."""

    def read() -> Config:
        config = configuration.load(path, os.environ)
        flags: dict[str, str | Path] = {"listen_address": listen_address} if listen_address else {}
        # From where the command was called, as everywhere on a command line; in the config paths count from its folder.
        flags |= {"config_file": web_config_file.absolute()} if web_config_file else {}
        web = config.web.model_copy(update={**flags, **({"enable_lifecycle": True} if enable_lifecycle else {})})
        store = config.store.model_copy(update={"path": store_path.absolute()}) if store_path else config.store
        return config.model_copy(update={"web": web, "store": store})

    return read


def scheme(config: Config) -> str:
    """`https` where the web file says so, else `http`. Raises ConfigErrors."""
    path = config.web.config_file
    return "http" if path is None or configuration.load_web_file(path, os.environ).tls_server_config is None else "https"


def serve(config: Config, reread: Callable[[], Config], sockets: list[socket.socket]) -> None:
    """Serves until SIGTERM or SIGINT. The sockets are bound already, so a port that is taken is found before anything starts. SIGHUP reloads."""
    telemetry = Telemetry()
    protection = Protection(config.web.config_file, os.environ, telemetry)
    opening = Opening(config, reread, telemetry)
    log.info("starting", extra={"fields": {"version": exporter.__version__, "address": ", ".join(addresses(sockets))}})
    ended = asyncio.run(_serve(opening, protection, sockets))
    log.info("stopped")
    if not ended:
        # Python would wait for threads of the pool, and abort the process for one that comes back from DuckDB while the interpreter is taken down.
        logging.shutdown()
        os._exit(0)


async def _serve(opening: Opening, protection: Protection, sockets: list[socket.socket]) -> bool:
    """Whether everything has ended when it returns."""
    loop = asyncio.get_running_loop()
    opened = asyncio.ensure_future(asyncio.to_thread(opening.open))
    server = Server(make_app(opening, protection, opened), protection.tls())
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: loop.run_in_executor(None, opening.reload))
    serving = asyncio.ensure_future(_serve_beside(opened, server, sockets))
    waiting = asyncio.ensure_future(told.wait())
    watching = asyncio.ensure_future(protection.watch())
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
        watching.cancel()
        ended = await asyncio.to_thread(opening.stop)
    return ended


async def _serve_beside(opened: asyncio.Future[None], server: Server, sockets: list[socket.socket]) -> None:
    """Ends when the server has ended. Raises UserError, with the server ended, where the store cannot be opened."""
    serving = asyncio.ensure_future(server.serve(sockets))
    await asyncio.wait({opened, serving}, return_when=asyncio.FIRST_COMPLETED)
    if opened.done() and opened.exception() is not None:
        server.stop()
    await serving
    if opened.done():
        opened.result()
