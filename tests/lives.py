"""Lives of the exporter on one folder: each in a process of its own and one step after the other, ended or hindered at any step that is asked for.

A step is a file that is opened, made, renamed or removed, and the beginning and end of a query, of taking in facts and of rendering. They come from
Python's audit events (https://docs.python.org/3/library/audit_events.html), so a write that is added to the exporter is a step without being listed here.
"""

from __future__ import annotations

import errno
import json
import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import wraps
from pathlib import Path
from typing import Any

import duckdb
from cloudtrail_events_made import deliver, event, iam_user, log_path, portal_session, write
from cur_made import line, write_month
from kiro_files import ALICE, BOB, Use, put_use

from exporter.config import load
from exporter.engines.duckdb import DuckDBEngine
from exporter.facts.recent import RecentFacts
from exporter.publisher import Publisher
from exporter.schedule import Schedule
from exporter.service import Service
from exporter.snapshots import building
from exporter.telemetry import Telemetry

EVENING = datetime(2026, 12, 2, 20, tzinfo=UTC)
NEXT_DAY = datetime(2026, 12, 3, 14, tzinfo=UTC)
"""1 October leaves memory: what is known of it is written to people/older."""
SOURCES = ("kiro_credits", "cloudtrail", "cur")
CONFIG = """engine: duckdb
store: {path: state}
sources:
  kiro_credits: {location: reports, history: 400d}
  cloudtrail: {location: logs, history: 1d}
  cur: {location: bill, history: 1d}
people: {file: people.csv}
limits: {breakdown_users: 1}
"""
_MAKING = multiprocessing.get_context("forkserver")
_MAKING.set_forkserver_preload(["lives", "sqlglot.dialects.athena", "sqlglot.dialects.duckdb"])
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_FILE_STEPS = {"os.rename": True, "os.remove": False, "os.mkdir": True, "shutil.rmtree": False}
"""Events with a path first, and whether a full disk can refuse them."""

Facts = dict[str, list[tuple[Any, ...]]]
"""Rows by source and day."""


@dataclass(frozen=True)
class Life:
    """What a life left behind. `steps` names every step, `errors` what its refreshes said, `body` is the last snapshot; None where it was killed."""

    steps: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    body: str = ""


class World:
    """Reports, logs, a bill and a store, as they are on the evening and, after `go_on`, on the next day."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "config.yaml").write_text(CONFIG)
        (self.folder / "people.csv").write_text(f"user,team,aliases\nalice,core,{ALICE} alice@example.com\n")
        put_use(self.folder / "reports", date(2026, 10, 1), Use(BOB, credits="8.5"))
        self._report(date(2026, 12, 1), 1)
        deliver(self.folder / "logs", [date(2026, 12, 1)], calls=1)
        self._bill(1, 2)

    def go_on(self) -> None:
        """The day after: reports are restated and come in, logs are delivered, the bill is written anew and has a day more."""
        self._report(date(2026, 12, 1), 2)
        self._report(date(2026, 12, 2), 1)
        late = [event(iam_user("heidi"), at="2026-12-02T23:59:00Z"), event(portal_session("alice@example.com"), "RunInstances", at="2026-12-03T09:00:00Z")]
        write(log_path(self.folder / "logs", date(2026, 12, 3), "0905Z_b", organization="o-exampleorg1"), late)
        self._bill(3, 3)

    def _report(self, day: date, times: int) -> None:
        put_use(self.folder / "reports", day, Use(ALICE, credits=f"{times}.25", messages=times), Use(BOB, credits=f"{times}.5", messages=2 * times))

    def _bill(self, times: int, days: int) -> None:
        lines = [line(cost=0.5 * times * day, day=f"2026-12-{day:02d}", resource_id=f"i-0{day}") for day in range(1, days + 1)]
        write_month(self.folder / "bill", lines, date(2026, 12, 1))

    def live(
        self, now: datetime = NEXT_DAY, fault: str = "", at: int = -1, sources: Sequence[str] = SOURCES, *, renders: bool = True, then_again: bool = False
    ) -> Life | None:
        """Starts, refreshes some sources once each, and renders before and after. `fault` is "kill" or "full" and happens at step number `at`; with
        `then_again` the same is done once more before the process ends. None: it was killed."""
        told = self.folder / "told.json"
        told.unlink(missing_ok=True)
        process = _MAKING.Process(target=_live, args=(str(self.folder), now, fault, at, tuple(sources), renders, then_again))
        process.start()
        process.join(120)
        if process.exitcode == -signal.SIGKILL:
            return None
        assert process.exitcode == 0, f"it ended with {process.exitcode}"
        steps, errors, body = json.loads(told.read_text())
        return Life(tuple(steps), tuple(errors), body)

    def facts(self) -> Facts:
        """What any tool reads from the store."""
        found: Facts = {}
        connection = duckdb.connect()
        for file in sorted((self.folder / "state" / "facts").glob("*/*.parquet")):
            found[f"{file.parent.name}/{file.stem}"] = connection.execute("FROM read_parquet($1) ORDER BY ALL", [str(file)]).fetchall()
        connection.close()
        return found


class _Steps:
    """Counts and names the steps, and does what is to happen at one of them."""

    def __init__(self, folder: str, fault: str, at: int) -> None:
        self.names: list[str] = []
        self._folder = folder
        self._fault = fault
        self._at = at
        self._on = False

    def listen(self, event_name: str, arguments: tuple[Any, ...]) -> None:
        if not self._on:
            return
        if event_name == "lives.step":
            self.step(arguments[0])
        elif event_name == "open" or event_name in _FILE_STEPS:
            path = os.fsdecode(arguments[0]) if isinstance(arguments[0], str | bytes) else ""
            if path.startswith(self._folder):
                writing = bool(arguments[2] & _WRITING) if event_name == "open" else _FILE_STEPS[event_name]
                self.step(f"{'write' if writing and event_name == 'open' else event_name} {path[len(self._folder) + 1 :]}", writing)

    def step(self, name: str, writing: bool = False) -> None:
        if self._fault == "full" and not writing:
            return
        self.names.append(name)
        if len(self.names) - 1 == self._at:
            if self._fault == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    @contextmanager
    def counted(self) -> Any:
        self._on = True
        yield
        self._on = False


def _marked(owner: Any, name: str) -> None:
    """Makes the beginning and the end of a call steps of their own."""
    call: Callable[..., Any] = getattr(owner, name)

    @wraps(call)
    def marked(*arguments: Any, **named: Any) -> Any:
        sys.audit("lives.step", f"begin {name}")
        answer = call(*arguments, **named)
        sys.audit("lives.step", f"end {name}")
        return answer

    setattr(owner, name, marked)


def _replace(owner: Any, name: str) -> None:
    setattr(owner, name, lambda self: None)


def _live(folder: str, now: datetime, fault: str, at: int, sources: tuple[str, ...], renders: bool, then_again: bool) -> None:
    logging.disable()
    for owner, name in ((DuckDBEngine, "query"), (RecentFacts, "load"), (RecentFacts, "remember_older"), (building, "build")):
        _marked(owner, name)
    # One step after the other: what runs beside is for the tests of the real process.
    for owner in (Publisher, Schedule):
        _replace(owner, "start")
    if not renders:
        _replace(Publisher, "publish")
    steps = _Steps(folder, fault, at)
    sys.addaudithook(steps.listen)
    errors: list[str] = []
    config_file = Path(folder) / "config.yaml"
    with steps.counted():
        service = Service(load(config_file, {}), lambda: load(config_file, {}), Telemetry(), lambda: now)
        service.start()
        for _ in range(1 + then_again):
            for refresh in map(service._refreshes.by_name.__getitem__, sources):
                if not refresh.run():
                    errors.append(refresh.last_error)
            service._publisher.publish()
    current = service.snapshot()
    body = b"".join(chunk.plain for chunk in current.chunks).decode() if current else ""
    (Path(folder) / "told.json").write_text(json.dumps([steps.names, errors, body]))
