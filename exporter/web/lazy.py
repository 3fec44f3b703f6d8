"""An ASGI application that is made at its first request: what it takes to import is not paid at the start."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send


class Lazy:
    """Hands every request to the application that `make` gives. It is made once, in a worker thread, while the requests that need it wait."""

    def __init__(self, make: Callable[[], ASGIApp]) -> None:
        self._make = make
        self._made: ASGIApp | None = None
        self._making = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._made if self._made is not None else await asyncio.to_thread(self._once)
        await app(scope, receive, send)

    def _once(self) -> ASGIApp:
        with self._making:
            if self._made is None:
                self._made = self._make()
            return self._made
