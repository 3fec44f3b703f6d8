"""Session names that belong to nobody: a hundred thousand of them add not one row to the facts and not one series to what is published."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cloudtrail_events_made import DAY, event, iam_user, log_path, portal_session, role_session
from cloudtrail_reading import Fact, Reader
from facts_in_memory import config

from exporter.assembly import Assembly
from exporter.facts.history import History
from exporter.facts.recent import RecentFacts
from exporter.model import DayRange
from exporter.telemetry import Telemetry
from exporter.windows import Landed

SESSIONS = 100_000
NIGHT = datetime(DAY.year, DAY.month, DAY.day, 23, tzinfo=UTC)
MORNING = NIGHT + timedelta(hours=13)
PEOPLE = [event(portal_session("carol")), event(iam_user("heidi")), event(role_session("admin", "grace@example.com"))]


def names(numbers: random.Random, count: int) -> list[str]:
    """As programs make them up: counters, times, random letters and words, and what only looks a little like a mail."""
    made: list[Callable[[int], str]] = [
        lambda place: f"task-{place}",
        lambda place: f"{place}-{numbers.getrandbits(60):x}",
        lambda place: f"build.{place}.{numbers.choice(('main', 'release'))}@",
        lambda place: f"@job={place}",
        lambda place: f"worker,{place}",
    ]
    return [made[place % len(made)](place) for place in range(count)]


def load(folder: Path, sessions: Iterable[str]) -> tuple[list[Fact], str]:
    """The facts of a day on which each session calls once, and everything that is published on the next morning."""
    template = json.dumps({**event(role_session("worker", "SESSION")), "eventID": "EVENT", "requestParameters": None})
    records = [template.replace("SESSION", session).replace("EVENT", f"{place:032x}") for place, session in enumerate(sessions)]
    reader = Reader(folder)
    path = log_path(reader.logs, DAY, "1200Z_made")
    path.parent.mkdir(parents=True)
    path.write_bytes(gzip.compress(f'{{"Records":[{",".join([*map(json.dumps, PEOPLE), *records])}]}}'.encode(), 1))
    reader.refresh(NIGHT)
    history = History(reader.store, RecentFacts())
    history.open(MORNING)
    assembly = Assembly(reader.store, history, Telemetry(), lambda: MORNING)
    assembly.take(config(sources={"cloudtrail": {"location": "data"}}), ())
    built = assembly.build(MORNING, {"cloudtrail": Landed(DayRange(DAY, DAY), timedelta(days=3))})
    assert built is not None
    return reader.facts(DAY), b"".join(chunk.plain for chunk in built.chunks).decode()


def series(text: str) -> list[str]:
    """Names and labels, in their order."""
    return [line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")]


def test_a_hundred_thousand_of_them_add_not_one_row_and_not_one_series(tmp_path: Path) -> None:
    one, published_of_one = load(tmp_path / "one", ["task"])
    many, published_of_many = load(tmp_path / "many", names(random.Random(1), SESSIONS))
    assert [fact[:6] for fact in many] == [fact[:6] for fact in one]
    assert series(published_of_many) == series(published_of_one)
    # Of three people and of all the sessions together: their events by access, service, region and account.
    assert len(many) == 16
    assert [fact.events for fact in many if fact.dimension == "access"] == [1, 1, 1, SESSIONS]
    assert f'aws_principal_events_yesterday{{kind="unknown"}} {SESSIONS}' in published_of_many
