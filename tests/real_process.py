"""Runs a real program for a test: in a process of its own, with its log in a file, stopped by its own process id whatever happens."""

from __future__ import annotations

import http.client
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeVar

PATIENCE_SECONDS = 60.0
"""How long anything may take before a test gives up: long, because machines that run tests are busy."""

_Self = TypeVar("_Self", bound="RealProcess")


class RealProcess:
    """`with RealProcess(…) as process:` has it running until the block ends. May be entered again; the log then goes on in the same file."""

    def __init__(self, command: Sequence[str], log: Path, folder: Path) -> None:
        """`folder` is the process's working folder. Standard output and standard error go to `log`."""
        self.command = command
        self.log = log
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0

    def __enter__(self: _Self) -> _Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.running:
            self.kill()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts it, without waiting for anything."""
        assert not self.running, "it runs already"
        self._began = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._folder)

    def terminate(self) -> int:
        """Sends SIGTERM, waits for the end and returns the exit code."""
        self.send(signal.SIGTERM)
        return self._wait()

    def kill(self) -> None:
        """`kill -9`, and waits until it is dead."""
        self.send(signal.SIGKILL)
        self._wait()

    def send(self, number: signal.Signals) -> None:
        """Sends a signal to this process and no other."""
        assert self._process is not None, "it was never started"
        self._process.send_signal(number)

    def lines(self) -> list[str]:
        """The log since the last start, whole lines only."""
        with self.log.open("rb") as log:
            log.seek(self._began)
            return log.read().decode("utf-8", "replace").split("\n")[:-1]

    def wait_for_line(self, *parts: str, after: int = 0, pause: float = 0.02) -> int:
        """Waits for a log line that holds all parts; `after` lines are skipped. Returns how many lines there are up to and with it."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            ended = not self.running
            lines = self.lines()
            for place, line in enumerate(lines[after:], start=after + 1):
                if all(part in line for part in parts):
                    return place
            if ended or time.monotonic() > deadline:
                tail = "\n".join(lines[-30:])
                raise AssertionError(f"{'it ended' if ended else 'time is up'} before a log line with {parts}; the log ends with:\n{tail}")
            time.sleep(pause)

    def _wait(self) -> int:
        assert self._process is not None, "it was never started"
        return self._process.wait(PATIENCE_SECONDS)


class Answer:
    """An HTTP answer: status, headers by lower-case name, body."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    @property
    def text(self) -> str:
        return self.body.decode("utf-8")


def request(address: str, method: str, path: str, body: str | bytes | None = None, **headers: str) -> Answer:
    """One HTTP request to `host:port`, never through a proxy; `_` in a header's name stands for `-`."""
    connection = http.client.HTTPConnection(address, timeout=PATIENCE_SECONDS)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        return Answer(connection.getresponse())
    finally:
        connection.close()


def eventually(what: str, happened: Callable[[], object]) -> None:
    """Waits until a callable returns something true."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.05)
