"""What stands between the network and the endpoints, as the web file says, and how a new version of that file takes over."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.config import ConfigErrors, WebFile, load_web_file
from exporter.telemetry import Telemetry
from exporter.web.sign_in import SignIn, Verdict
from exporter.web.tls import server_context, stand_in

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How often the files are looked at."""

Headers = tuple[tuple[bytes, bytes], ...]
State = tuple[int, int, int, int] | None
"""What tells one version of a file from the next: time of change, size, inode, device; None: not there."""


@dataclass(frozen=True, slots=True)
class _Version:
    """One version of the file, whole: everything in it was tried before it counts."""

    file: WebFile
    headers: Headers
    context: ssl.SSLContext | None
    sign_in: SignIn | None
    seen: Mapping[Path, State]
    """The file and those that it names, as they were just before they were read: what changed meanwhile is seen the next time."""


class Protection:
    """TLS, users and headers of one web file. A version that is broken changes nothing."""

    def __init__(self, path: Path | None, environ: Mapping[str, str], telemetry: Telemetry) -> None:
        """`path` None: no protection at all, until the end. Raises ConfigErrors if the file, or one that it names, is broken."""
        self._path = path
        self._environ = environ
        self._telemetry = telemetry
        self._version = _Version(WebFile(), (), None, None, {})
        self._complaint = ""
        if path is not None:
            self._take(self._load(path))

    @property
    def headers(self) -> Headers:
        """Headers for every answer, lower-case names, that go before those of the exporter."""
        return self._version.headers

    def tls(self) -> ssl.SSLContext | None:
        """The context for a server, which follows the file; None: plain HTTP."""
        return None if self._version.context is None else stand_in(self._current_context)

    def guard(self, app: ASGIApp) -> ASGIApp:
        """The application behind the sign-in, whenever the file has users."""

        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            sign_in = self._version.sign_in
            if sign_in is None:
                return await app(scope, receive, send)
            verdict = await sign_in.verdict([value for name, value in scope["headers"] if name == b"authorization"])
            if verdict is Verdict.ADMITTED:
                return await app(scope, receive, send)
            return await _ANSWERS[verdict](scope, receive, send)

        return guarded

    async def watch(self) -> None:
        """Looks at the files until it is cancelled."""
        while self._path is not None:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await asyncio.to_thread(self.follow)
            except Exception as error:
                # it is looked again: a certificate that is renewed later must not be missed
                log.error("the web config could not be looked at", exc_info=error)

    def follow(self) -> None:
        """Takes a new version of the file, or of a file that it names, if there is one; keeps what holds if it is broken, and says so once.

        A broken one is tried at every look: what it names may become readable without a change that shows.
        """
        if self._path is None or (not self._complaint and all(_state(path) == state for path, state in self._version.seen.items())):
            return
        try:
            loaded = self._load(self._path)
            if (loaded.context is None) != (self._version.context is None):
                places = loaded.file.places
                raise ConfigErrors([places.error("tls_server_config", "TLS cannot be switched on or off while the exporter runs; restart it")])
        except (ConfigErrors, OSError) as error:
            self._refuse(str(error))
        else:
            self._take(loaded)

    def _refuse(self, complaint: str) -> None:
        if complaint != self._complaint:
            self._complaint = complaint
            self._telemetry.web_config(loaded=False)
            log.error("the web config was not loaded; the one before goes on", extra={"fields": {"error": complaint}})

    def _take(self, version: _Version) -> None:
        self._version = version
        self._complaint = ""
        self._telemetry.web_config(loaded=True)
        log.info("web config loaded", extra={"fields": {"tls": version.context is not None, "users": len(version.file.basic_auth_users)}})

    def _load(self, path: Path) -> _Version:
        seen = {path: _state(path)}
        file = load_web_file(path, self._environ)
        tls = file.tls_server_config
        named = (tls.cert_file, tls.key_file, tls.client_ca_file) if tls else ()
        seen |= {other: _state(other) for other in named if other is not None}
        headers = tuple((name.lower().encode("ascii"), value.encode("ascii")) for name, value in file.http_server_config.headers.items())
        return _Version(file, headers, None if tls is None else server_context(tls, file.places), self._sign_in(file), seen)

    def _sign_in(self, file: WebFile) -> SignIn | None:
        before = self._version.sign_in
        if before is not None and before.users == file.basic_auth_users:
            return before
        return SignIn(file.basic_auth_users) if file.basic_auth_users else None

    def _current_context(self) -> ssl.SSLContext:
        context = self._version.context
        assert context is not None, "TLS is never switched off while the exporter runs"
        return context


def _state(path: Path) -> State:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev


_ANSWERS = {
    Verdict.REFUSED: PlainTextResponse(
        "Sign in with a user name and password.\n", 401, {"WWW-Authenticate": 'Basic realm="aws-user-exporter", charset="UTF-8"'}
    ),
    Verdict.BUSY: PlainTextResponse("Too many others sign in at this moment; try again soon.\n", 503, {"Retry-After": "1"}),
}
