"""HTTP/1.1 on one connection, with an end to how much a head may hold."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LONGEST_HEAD = 64 << 10
"""Bytes of request line and headers that are kept of a request whose head is not complete. httptools itself would keep any number."""

_REFUSAL = b"The request line and headers are too long.\n"


class Protocol(HttpToolsProtocol):
    """The protocol of uvicorn; 431 where a head does not end."""

    _in_head = False
    _head_bytes = 0

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > LONGEST_HEAD and not self.transport.is_closing():
                self.transport.write(
                    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
                    b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(_REFUSAL), _REFUSAL)
                )
                self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        """Nothing: a client that offers another protocol is answered in this one (RFC 9110, 7.8), and anybody could fill the log with it."""

    def on_message_begin(self) -> None:
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()
