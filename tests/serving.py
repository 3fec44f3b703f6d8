"""Starts and stops the real web server around a test."""

from __future__ import annotations

import asyncio
import http.client
import ssl
import threading
import time
from types import TracebackType

from starlette.types import ASGIApp

from exporter.web.server import Server, bind


class Serving:
    """`with Serving(app) as port:` answers on 127.0.0.1 from a thread of its own until the block ends."""

    def __init__(self, app: ASGIApp, tls: ssl.SSLContext | None = None) -> None:
        self.server = Server(app, tls)
        self.trust: ssl.SSLContext | None = None
        """How requests speak TLS; None: they are plain."""
        self._sockets = bind("127.0.0.1:0")
        self.port = int(self._sockets[0].getsockname()[1])
        self._thread = threading.Thread(target=lambda: asyncio.run(self.server.serve(self._sockets)), daemon=True)

    def __enter__(self) -> Serving:
        self._thread.start()
        deadline = time.monotonic() + 10
        while not self.server.started:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.005)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.server.stop()
        self._thread.join(10)
        assert not self._thread.is_alive(), "the server did not stop"

    def request(self, method: str, path: str, **headers: str) -> Answer:
        """One request on a connection of its own; `_` in a header's name stands for `-`."""
        connection = (
            http.client.HTTPSConnection("127.0.0.1", self.port, timeout=10, context=self.trust)
            if self.trust
            else http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        )
        try:
            # http.client would add `Accept-Encoding: identity`
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name.replace("_", "-"), value)
            connection.endheaders()
            response = connection.getresponse()
            return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.request("GET", path, **headers)


class Answer:
    """Status, headers by lower-case name, and the body as it came over the wire."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def text(self) -> str:
        return self.body.decode("utf-8")
