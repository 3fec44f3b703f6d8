"""Starts and stops the real exporter, as an operator does: a config file, the command line, signals, HTTP."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml
from prometheus_client.parser import text_string_to_metric_families
from real_process import Answer, RealProcess, eventually, request

PROJECT = Path(__file__).parent.parent
# The console script may not be installed; this is what it does.
_COMMAND = (sys.executable, "-c", "import sys; from exporter.cli import main; sys.exit(main())")
_ADDRESS = re.compile(r" msg=starting .*\baddress=(127\.0\.0\.1:\d+)")

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]
"""Values by (name, labels)."""


class ExporterProcess(RealProcess):
    """`aws-user-exporter run` on a free port of 127.0.0.1. The folder holds its config, store and log."""

    def __init__(self, folder: Path, config: Mapping[str, object], *, log_level: str = "info") -> None:
        """`config` is what config.yaml says; relative paths in it count from `folder`."""
        self.folder = folder
        options = ("--config.file", str(folder / "config.yaml"), "--web.listen-address", "127.0.0.1:0", "--web.enable-lifecycle", "--log.level", log_level)
        super().__init__((*_COMMAND, "run", *options), folder / "log", PROJECT)
        self.configure(config)

    def configure(self, config: Mapping[str, object]) -> None:
        """Writes config.yaml; a process that runs takes it up with `reload`."""
        (self.folder / "config.yaml").write_text(yaml.safe_dump(dict(config)), encoding="utf-8")

    @property
    def address(self) -> str:
        """host:port. Connections are accepted from here on and answered as soon as it serves."""
        place = self.wait_for_line("msg=starting", pause=0.002)
        line = self.lines()[place - 1]
        found = _ADDRESS.search(line)
        assert found, line
        return found[1]

    def get(self, path: str, **headers: str) -> Answer:
        return request(self.address, "GET", path, **headers)

    def metrics(self, accept: str = "text/plain; version=0.0.4") -> str:
        """The body of /metrics."""
        answer = self.get("/metrics", Accept=accept)
        assert answer.status == 200, answer.text
        return answer.text

    def samples(self) -> Samples:
        """Every sample of /metrics; a series that stands there twice fails the test."""
        return samples_of(self.metrics())

    def wait_until_ready(self) -> None:
        """Waits until a source has landed and its metrics are served."""
        eventually("/-/ready", lambda: self.get("/-/ready").status == 200)

    def wait_until_started(self) -> None:
        """Waits until the store has been read, and what is served was built from it."""
        self.wait_for_line("msg=started ")

    def wait_until_refreshed(self, source: str, after: int = 0) -> int:
        """Waits for the log to say so; see `wait_for_line`."""
        return self.wait_for_line("msg=refreshed ", f"source={source} ", after=after)

    def refresh(self) -> None:
        """Asks for a refresh of every source."""
        answer = request(self.address, "POST", "/-/refresh")
        assert answer.status == 202, answer.text

    def reload(self) -> None:
        """Sends SIGHUP and waits until the config is loaded."""
        before = len(self.lines())
        self.send(signal.SIGHUP)
        self.wait_for_line('msg="config loaded"', after=before)


def samples_of(body: str) -> Samples:
    """The samples of a text body, checked for duplicates, which Prometheus would drop without a word."""
    samples: Samples = {}
    for family in text_string_to_metric_families(body):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in samples, f"twice: {sample.name}{sample.labels}"
            samples[key] = sample.value
    return samples
