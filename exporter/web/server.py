"""Sockets and the HTTP server: bound before anything else starts, and without a hand on the process' signals."""

from __future__ import annotations

import contextlib
import errno
import socket
import ssl
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from exporter.errors import UserError
from exporter.web.protocol import Protocol

BACKLOG = 2048
HIGHEST_PORT = 65535
GRACE = 2
"""Seconds that requests under way are given when the server stops."""
STOP_SECONDS = 3.5
"""A stop of what stands behind the server takes no longer than this: what is not finished by then is left to the next start, which loses nothing by it."""
STALL = 60
"""Seconds without progress after which the kernel drops a client that does not read (Linux)."""


def bind(listen_address: str) -> list[socket.socket]:
    """Listening sockets for `host:port`, `[ipv6]:port` or `:port` (every interface, IPv6 and IPv4); port 0 takes a free one.

    A host name with several addresses gives a socket for each, all on one port. Raises UserError if the address makes no sense or cannot
    be had. Clients can connect from here on and wait until the server answers.
    """
    host, port = _parse(listen_address)
    sockets: list[socket.socket] = []
    try:
        for family, address in _addresses(listen_address, host):
            # port 0: the others take the port that the first one was given
            sockets.append(_listen(family, address, port if not sockets else sockets[0].getsockname()[1], dual_stack=host == ""))
    except OSError as error:
        for bound in sockets:
            bound.close()
        raise UserError(_refusal(listen_address, error)) from error
    return sockets


def addresses(sockets: list[socket.socket]) -> list[str]:
    """Where the sockets listen, as `host:port` that a client can use."""
    return [_readable(*bound.getsockname()[:2]) for bound in sockets]


class Server:
    """Serves one application on sockets that are already bound, until `stop`."""

    def __init__(self, app: ASGIApp, tls: ssl.SSLContext | None = None) -> None:
        """`tls` None: plain HTTP."""
        config = uvicorn.Config(
            app,
            loop="asyncio",
            http=Protocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=GRACE,
        )
        # uvicorn would make a context of its own, from files
        config.load()
        config.ssl = tls
        self._uvicorn = _Uvicorn(config)

    @property
    def started(self) -> bool:
        """Whether requests are being answered."""
        return self._uvicorn.started

    async def serve(self, sockets: list[socket.socket]) -> None:
        """Answers requests until `stop` is called, then closes the sockets; returns at most GRACE seconds and a bit later."""
        await self._uvicorn.serve(sockets)

    def stop(self) -> None:
        """Makes `serve` end. May be called from any thread, also before `serve`."""
        self._uvicorn.should_exit = True


class _Uvicorn(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # the service owns its signals: uvicorn would raise them again after its own shutdown, past every `finally` of ours
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        # a client that has stopped reading would keep its connection, and the snapshot, beyond the end of the grace period
        for connection in list(self.server_state.connections):
            connection.transport.abort()


def _parse(listen_address: str) -> tuple[str, int]:
    host, colon, digits = listen_address.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        colon = ""
    if not colon or not (digits.isascii() and digits.isdigit()) or int(digits[:6]) > HIGHEST_PORT:
        raise UserError(f"{listen_address!r} is not an address to listen on; write host:port, [ipv6]:port, or :port for every interface")
    return host, int(digits)


def _addresses(listen_address: str, host: str) -> list[tuple[socket.AddressFamily, str]]:
    if host == "":
        return [(socket.AF_INET6, "::")] if socket.has_dualstack_ipv6() else [(socket.AF_INET, "0.0.0.0")]
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise UserError(f"cannot listen on {listen_address!r}: the host name is not known here; use an address of this machine") from error
    return list(dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found if family in (socket.AF_INET, socket.AF_INET6)))


def _listen(family: socket.AddressFamily, address: str, port: int, *, dual_stack: bool) -> socket.socket:
    # asyncio sets TCP_NODELAY only where the protocol is named; without it the last packet of a scrape waits 40 ms for a delayed ACK
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if dual_stack else 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            # inherited by every accepted connection
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALL * 1000)
        bound.bind((address, port))
        # SO_REUSEADDR lets two sockets bind one port: only listen() says that it is taken
        bound.listen(BACKLOG)
    except OSError:
        bound.close()
        raise
    return bound


def _refusal(listen_address: str, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"{listen_address} is already in use: stop what listens there, or choose another address with --web.listen-address"
    if error.errno == errno.EACCES:
        return f"listening on {listen_address} is not permitted to this user: choose a port from 1024 on with --web.listen-address"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{listen_address} is not an address of this machine: choose one with --web.listen-address, or :port for every interface"
    return f"cannot listen on {listen_address}: {error.strerror}; choose another address with --web.listen-address"


def _readable(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
