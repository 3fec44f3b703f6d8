"""The real server behind a web file that a test writes."""

from __future__ import annotations

import base64
import os
import ssl
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import bcrypt
import yaml
from serving import Answer, Serving
from starlette.types import ASGIApp
from test_web import FakeView

from exporter.web.app import make_app
from exporter.web.protection import Protection


def hashed(password: str, cost: int = 4) -> str:
    """A bcrypt hash; of the lowest cost unless a test is about cost."""
    return bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(cost)).decode()


def basic(user: str, password: str) -> str:
    """An Authorization header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Protected:
    """`with Protected(folder, settings) as web:` serves what test_web.FakeView shows, as the web file in the folder says."""

    def __init__(self, folder: Path, settings: Mapping[str, object], view: FakeView | None = None, environ: Mapping[str, str] = os.environ) -> None:
        self.folder = folder
        self.view = view or FakeView()
        self.write(settings)
        self.protection = Protection(folder / "web.yml", environ, self.view.telemetry)
        self.app: ASGIApp = make_app(self.view, self.protection)
        self.serving = Serving(self.app, self.protection.tls())
        self._stack = ExitStack()

    def __enter__(self) -> Protected:
        self._stack.enter_context(self.serving)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()

    def write(self, settings: Mapping[str, object] | str) -> None:
        """Puts another web file in place of the one that is there, as an operator's tool does."""
        text = settings if isinstance(settings, str) else yaml.safe_dump(dict(settings))
        (self.folder / "web.new").write_text(text, encoding="utf-8")
        (self.folder / "web.new").replace(self.folder / "web.yml")

    def change(self, settings: Mapping[str, object] | str) -> None:
        """Writes another web file and has it looked at."""
        self.write(settings)
        self.protection.follow()

    def get(self, path: str = "/-/healthy", user: str | None = None, password: str = "", *, method: str = "GET", **headers: str) -> Answer:
        signed = {} if user is None else {"Authorization": basic(user, password)}
        return self.serving.request(method, path, **signed, **headers)

    def trust(self, authority: bytes, client: Sequence[Path] = (), **versions: ssl.TLSVersion) -> ssl.SSLContext:
        """Has the requests from now on speak TLS, with the certificate and key of a client if there are any."""
        self.serving.trust = context = ssl.create_default_context(cadata=authority.decode())
        if client:
            context.load_cert_chain(*client)
        for name, version in versions.items():
            setattr(context, name, version)
        return context

    def reloaded(self) -> float | None:
        """The self-metric."""
        return self.view.telemetry.registry.get_sample_value("aws_user_exporter_web_config_last_reload_successful")
