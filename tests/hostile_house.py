"""The service on an organisation of hostile_names, with everything that it says: metrics, pages, people API and log lines."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import yaml
from hostile_names import NOW, Organisation
from serving import Serving

from exporter import aws
from exporter.config import Config, load
from exporter.logs import JsonFormatter, LogfmtFormatter
from exporter.service import Service
from exporter.telemetry import Telemetry
from exporter.web.app import make_app

PATIENCE_SECONDS = 40


class Logged:
    """Every record of the process at debug, in both formats."""

    def __init__(self) -> None:
        self.logfmt, self.json = io.StringIO(newline=""), io.StringIO(newline="")
        self.records: list[logging.LogRecord] = []

    @contextmanager
    def recording(self) -> Iterator[Logged]:
        root = logging.getLogger()
        handlers: list[logging.Handler] = [logging.StreamHandler(self.logfmt), logging.StreamHandler(self.json), _Keeping(self.records)]
        handlers[0].setFormatter(LogfmtFormatter())
        handlers[1].setFormatter(JsonFormatter())
        before = root.level
        root.handlers += handlers
        root.setLevel(logging.DEBUG)
        try:
            yield self
        finally:
            root.setLevel(before)
            for handler in handlers:
                root.removeHandler(handler)

    @property
    def text(self) -> str:
        return self.logfmt.getvalue()


class _Keeping(logging.Handler):
    def __init__(self, records: list[logging.LogRecord]) -> None:
        super().__init__()
        self._records = records

    def emit(self, record: logging.LogRecord) -> None:
        self._records.append(record)


@dataclass
class House:
    """What runs: `web` answers on a port of its own."""

    organisation: Organisation
    service: Service
    web: Serving
    telemetry: Telemetry
    logged: Logged

    def get(self, path: str, **headers: str) -> str:
        answer = self.web.get(path, **headers)
        assert answer.status == 200, (path, answer.status, answer.text)
        return answer.text

    def told(self, name: str, **labels: str) -> float | None:
        return self.telemetry.registry.get_sample_value(f"aws_user_exporter_{name}", labels)

    @property
    def config(self) -> Config:
        return load(self.organisation.folder / "config.yaml", {})


def configure(organisation: Organisation, sections: Mapping[str, object]) -> None:
    (organisation.folder / "config.yaml").write_text(yaml.safe_dump(organisation.config(**sections), allow_unicode=False), encoding="utf-8")


def eventually(what: str, happened: Callable[[], object], why: Callable[[], str] = str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < deadline, f"waited in vain for {what}: {why()}"
        time.sleep(0.02)


@contextmanager
def living(organisation: Organisation, **sections: object) -> Iterator[House]:
    """The service, once every source was refreshed and what they brought is served."""
    configure(organisation, sections)
    file = organisation.folder / "config.yaml"
    telemetry, logged = Telemetry(), Logged()
    with pytest.MonkeyPatch.context() as patched, logged.recording():
        patched.setattr(aws, "client", organisation.client)
        service = Service(load(file, {}), lambda: load(file, {}), telemetry, lambda: NOW)
        service.start()
        service.refresh(None)  # its clock may be ahead of the scheduler's
        try:
            eventually("all sources", lambda: all(status.up is not None for status in service.status()), lambda: logged.text[-3000:])
            down = {status.source: status.last_error for status in service.status() if not status.up}
            assert not down, (down, logged.text[-3000:])
            with Serving(make_app(service)) as web:
                house = House(organisation, service, web, telemetry, logged)
                eventually("the metrics of all sources", lambda: _complete(house), lambda: house.get("/metrics")[:200000])
                yield house
        finally:
            assert service.stop()


def _complete(house: House) -> bool:
    if house.service.snapshot() is None:
        return False
    text = house.get("/metrics")
    return all(
        f"\n{name}" in text for name in ("aws_user_info{", "kiro_user_feature_events_yesterday{", "aws_user_cost_month_to_date{", "aws_user_events_yesterday{")
    )
