"""The endpoints: metrics, landing page, health, readiness, reload, refresh and, at its first request, the people API."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from isal import igzip
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import exporter
from exporter.model import Snapshot
from exporter.telemetry import Telemetry
from exporter.web import landing, lifecycle
from exporter.web.landing import SourceStatus
from exporter.web.lazy import Lazy
from exporter.web.negotiation import choose_format, gzip_accepted
from exporter.web.protection import Protection

if TYPE_CHECKING:
    from exporter.snapshots.people import SnapshotPeople  # brings DuckDB, which the first scrape does not wait for

logger = logging.getLogger(__name__)

# What is handed to the server at once. A client that stops reading holds this much beyond the snapshot, not a copy of a whole chunk.
SLICE = 1 << 20

Headers = Sequence[tuple[bytes, bytes]]

SECURITY_HEADERS: Headers = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-frame-options", b"deny"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    # no page of another site gets at numbers about people by way of a browser that has signed in
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)

SENTENCES = {
    404: "There is nothing at this address; the page at / lists what there is.",
    500: "Unexpected error; the log of the exporter has the details.",
}


class View(Protocol):
    """What the web layer sees of the service.

    `snapshot`, `ready` and `status` run in the event loop, at every request: they look something up and return. `reload` and `refresh` run
    in a worker thread, perhaps several at once.
    """

    @property
    def telemetry(self) -> Telemetry: ...

    @property
    def enable_lifecycle(self) -> bool:
        """Whether reload and refresh may be asked for over HTTP."""

    def snapshot(self) -> Snapshot | None:
        """The snapshot for this moment; None: nothing to serve but the self-metrics."""

    def ready(self) -> tuple[bool, str]:
        """Whether there is something to serve, and a sentence that says why or why not."""

    def status(self) -> Sequence[SourceStatus]:
        """A row for every source that is on, in a fixed order."""

    def reload(self) -> list[str]:
        """Loads the config again; the errors that kept the old one in place, none if it was swapped."""

    def people(self) -> SnapshotPeople | None:
        """The people of the snapshot for this moment, to be asked in a worker thread; None as for `snapshot`."""

    def refresh(self, source: str | None) -> list[str]:
        """Has one source, or each, refreshed now, without waiting for the end; the reasons why that cannot be."""


def make_app(view: View, protection: Protection | None = None, opened: asyncio.Future[None] | None = None) -> ASGIApp:
    """The ASGI application that answers for `view`, behind what `protection` asks for.

    Until `opened` is done, a scrape for which there is no snapshot waits: answered too early, it would find every series gone.
    Starlette but for the people API: FastAPI takes a fifth of a second of the one that a start may take.
    """
    pages = _Pages(view)
    app = Starlette(exception_handlers={HTTPException: _http_error, Exception: _unexpected_error})
    app.router.redirect_slashes = False
    app.add_route("/metrics", _Metrics(view, opened), methods=["GET"])  # type: ignore[arg-type]  # an ASGI application: its body must not be joined
    app.add_route("/", pages.landing)
    app.add_route("/-/healthy", pages.healthy)
    app.add_route("/-/ready", pages.ready)
    app.add_route("/-/reload", pages.reload, methods=["POST", "PUT"])
    app.add_route("/-/refresh", pages.refresh, methods=["POST", "PUT"])
    people = Lazy(lambda: _people_api(view))
    app.add_route("/api/{path:path}", people)  # type: ignore[arg-type]  # an ASGI application
    app.add_route("/docs", people)  # type: ignore[arg-type]
    return _Frame(app, protection)


def _people_api(view: View) -> ASGIApp:
    from exporter.web.people_api import make_api  # brings FastAPI, which no scrape should have to wait for

    return make_api(view)


class _Metrics:
    """ASGI application for `/metrics`: the chunks of the snapshot as they are, and the self-metrics after them."""

    def __init__(self, view: View, opened: asyncio.Future[None] | None) -> None:
        self._view = view
        self._opened = opened

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        format = choose_format(_header(scope, b"accept"))
        gzip = gzip_accepted(_header(scope, b"accept-encoding"))
        snapshot = self._view.snapshot()
        if snapshot is None and self._opened is not None:
            await asyncio.wait({self._opened})
            snapshot = self._view.snapshot()
        chunks = snapshot.chunks if snapshot else ()
        tail = self._view.telemetry.exposition(format.openmetrics) + (b"# EOF\n" if format.openmetrics else b"")
        # gzip members in a row are one gzip body (RFC 1952, 2.2)
        bodies = [*(chunk.gzip for chunk in chunks), igzip.compress(tail, 1)] if gzip else [*(chunk.plain for chunk in chunks), tail]
        headers = [
            (b"content-type", format.content_type.encode()),
            (b"content-length", str(sum(map(len, bodies))).encode()),
            (b"vary", b"Accept, Accept-Encoding"),
        ]
        if gzip:
            headers.append((b"content-encoding", b"gzip"))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if scope["method"] != "HEAD":
            for body in bodies:
                for start in range(0, len(body), SLICE):
                    await send({"type": "http.response.body", "body": memoryview(body)[start : start + SLICE], "more_body": True})
                    # a client that reads as fast as we write never makes send() wait: let the others have their turn
                    await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class _Pages:
    """Everything that is small enough to be answered in one piece."""

    def __init__(self, view: View) -> None:
        self._view = view

    async def landing(self, request: Request) -> Response:
        html = landing.page(exporter.__doc__ or "", exporter.__version__, self._view.ready(), self._view.status())
        return HTMLResponse(html, headers={"Content-Security-Policy": landing.CONTENT_SECURITY_POLICY})

    async def healthy(self, request: Request) -> Response:
        return _sentence(200, "aws-user-exporter is healthy.")

    async def ready(self, request: Request) -> Response:
        ready, why = self._view.ready()
        return _sentence(200 if ready else 503, why)

    async def reload(self, request: Request) -> Response:
        lifecycle.require(request, self._view.enable_lifecycle)
        errors = await asyncio.to_thread(self._view.reload)
        return _sentence(500, "\n".join(errors)) if errors else _sentence(200, "The config was loaded again.")

    async def refresh(self, request: Request) -> Response:
        lifecycle.require(request, self._view.enable_lifecycle)
        source = request.query_params.get("source")
        known = [status.source for status in self._view.status()]
        if source is not None and source not in known:
            return _sentence(404, f"There is no such source; configured are: {', '.join(known) or 'none'}.")
        errors = await asyncio.to_thread(self._view.refresh, source)
        return _sentence(409, "\n".join(errors)) if errors else _sentence(202, f"A refresh of {source or 'every source'} was asked for.")


class _Frame:
    """The outermost layer: lets in who may come in, adds the security headers to every answer, and ends what went wrong inside."""

    def __init__(self, app: ASGIApp, protection: Protection | None) -> None:
        self._app = protection.guard(app) if protection else app
        self._protection = protection

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        complete = False

        async def framed(message: Message) -> None:
            nonlocal complete
            if message["type"] == "http.response.start":
                message["headers"] = _with_security_headers(list(message.get("headers", ())), self._protection.headers if self._protection else ())
            await send(message)
            complete = message["type"] == "http.response.body" and not message.get("more_body", False)

        try:
            await self._app(scope, receive, framed)
        except Exception:
            # Starlette raises again what _unexpected_error has logged and answered. Where the body had begun it is too late for an answer:
            # only the server can still tell the client, by closing the connection before the end.
            if not complete:
                raise


def _with_security_headers(own: Headers, wanted: Headers) -> Headers:
    """The operator's headers go before those of a page, and these before what suits every page."""
    headers = [*(header for header in own if header[0] not in dict(wanted)), *wanted]
    return [*headers, *(header for header in SECURITY_HEADERS if header[0] not in dict(headers))]


def _header(scope: Scope, name: bytes) -> str | None:
    values = [value.decode("latin-1") for key, value in scope["headers"] if key == name]
    return ",".join(values) if values else None


def _sentence(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return PlainTextResponse(text + "\n", status, headers)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        allowed = ", ".join(sorted(headers.get("Allow", "").replace(" ", "").split(",")))
        return _sentence(405, f"Only {allowed} can be used at this address.", {"Allow": allowed})
    return _sentence(error.status_code, SENTENCES.get(error.status_code, error.detail), headers)


async def _unexpected_error(request: Request, error: Exception) -> Response:
    logger.error("a request failed", exc_info=error, extra={"fields": {"method": request.method, "path": request.scope["path"]}})
    return _sentence(500, SENTENCES[500])
