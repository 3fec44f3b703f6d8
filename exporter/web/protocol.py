"""HTTP/1.1 on one connection, with an end to how much a head or a trailer may hold, and to how long a head may take."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LONGEST_HEAD = 64 << 10
"""Bytes that are kept of a request whose head, or trailer, is not complete. httptools and uvicorn themselves would keep any number."""

HEAD_SECONDS = 60.0
"""Time for a head to be complete, from the connection or its first byte on. Else clients that send nothing would take up every file handle."""

_REFUSAL = b"The request line and headers are too long.\n"


class Protocol(HttpToolsProtocol):
    """The protocol of uvicorn; 431 where a head does not end, and no more words where a trailer does not: its request may have been answered."""

    _in_head = False
    _in_trailer = False
    _head_bytes = 0
    _arrived = 0
    _head_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._await_no_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._arrived = len(data)
        super().data_received(data)
        if self._in_head or self._in_trailer:
            self._head_bytes += len(data)
            if self._head_bytes > LONGEST_HEAD and not self.transport.is_closing():
                if self._in_head:
                    self.transport.write(
                        b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
                        b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(_REFUSAL), _REFUSAL)
                    )
                self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        """Nothing: a client that offers another protocol is answered in this one (RFC 9110, 7.8), and anybody could fill the log with it."""

    def on_message_begin(self) -> None:
        self._in_head, self._head_bytes = True, 0
        if self._head_due is None:
            self._await_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._await_no_head()
        super().on_headers_complete()

    def on_chunk_header(self) -> None:
        """Behind the last chunk, which has no body, stands the trailer. What came in before this chunk is no part of it."""
        self._in_trailer, self._head_bytes = True, -self._arrived

    def on_body(self, body: bytes) -> None:
        self._in_trailer = False
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_trailer = False
        super().on_message_complete()

    def _await_head(self) -> None:
        self._head_due = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _await_no_head(self) -> None:
        if self._head_due is not None:
            self._head_due.cancel()
            self._head_due = None
