"""What tests share: a clock that is moved by hand, days that do not end under a test, and the real programs."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import hypothesis
import pytest
import time_machine
from tools import require_tool
from trino_server import TrinoServer

# How long an example takes says nothing on a machine that is shared; pytest's own timeout ends what hangs.
hypothesis.settings.register_profile("tests", deadline=None)
hypothesis.settings.load_profile("tests")

_LONGEST_MODULE = timedelta(minutes=3)
_LONG_SECONDS = 3 * 3600.0


@pytest.fixture(scope="session", autouse=True)
def _without_waiting_for_the_disk() -> Iterator[None]:
    """No test cuts the power, so waiting for the disk shows nothing here; it was a quarter of what tests that write take. Real programs do wait."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _descriptor: None)
        yield


class Clock:
    """All clocks of the process at once: they stand still until they are moved. Monotonic ones never go back."""

    def __init__(self, wall: time_machine.Traveller) -> None:
        self._wall = wall
        self.monotonic_ahead = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC)

    def move_to(self, moment: datetime) -> None:
        """Sets the clocks to a moment with a time zone."""
        assert moment.tzinfo is not None, "say in which time zone"
        self.monotonic_ahead += max(0.0, (moment - self.now()).total_seconds())
        self._wall.move_to(moment)

    def advance(self, by: timedelta) -> None:
        self.move_to(self.now() + by)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """The one way in which tests move the time. It is 2026-11-22 12:00 UTC, a Sunday, until told otherwise."""
    with time_machine.travel(datetime(2026, 11, 22, 12, tzinfo=UTC), tick=False) as wall:
        clock = Clock(wall)
        real = time.monotonic
        # time-machine leaves this one alone; it goes on by itself, or event loops would hang.
        monkeypatch.setattr(time, "monotonic", lambda: real() + clock.monotonic_ahead)
        yield clock


@pytest.fixture(scope="module")
def today() -> date:
    """The UTC day, with enough left of it for the tests of a module: the clocks of real programs cannot be stopped."""
    now = datetime.now(UTC)
    if (now + _LONGEST_MODULE).date() != now.date():
        time.sleep((datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), UTC) - now).total_seconds() + 1)
    return datetime.now(UTC).date()


@pytest.fixture(scope="session")
def prometheus_binary() -> str:
    """Where Prometheus is; without it the test is skipped, or fails where tools are required."""
    return require_tool("prometheus")


@pytest.fixture(scope="session")
def promtool() -> str:
    """Where promtool is, in the same manner."""
    return require_tool("promtool")


@pytest.fixture(scope="session")
def trino(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrinoServer]:
    """A real Trino, started once for all tests; they are skipped where `make test-trino` has not said where it is."""
    if not (home := os.environ.get("TRINO_HOME")):
        pytest.skip("TRINO_HOME is not set: `make test-trino` fetches Trino and sets it")
    with TrinoServer(Path(home).resolve(), tmp_path_factory.mktemp("trino")) as server:
        yield server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests may take hours; whatever hangs in the others is ended by the `timeout` of pyproject.toml."""
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.timeout(_LONG_SECONDS))


_exit_code = pytest.StashKey[int]()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    session.config.stash[_exit_code] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Ends here: torn down by the interpreter, DuckDB's bindings list what tests still held, after the line that counts the tests."""
    if _exit_code in config.stash:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(config.stash[_exit_code])
