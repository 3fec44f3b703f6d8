"""The people API over a real server, on facts written by hand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

from facts_in_memory import Fact, Published, config, in_memory, publish
from serving import Answer, Serving

from exporter.config import Config
from exporter.facts.recent import RecentFacts
from exporter.model import Snapshot
from exporter.people import Entry
from exporter.snapshots.people import SnapshotPeople
from exporter.telemetry import Telemetry
from exporter.web.app import make_app
from exporter.web.landing import SourceStatus
from exporter.windows import Landed, with_bill

SOURCES = {name: {"location": "data/"} for name in ("kiro_credits", "cloudtrail", "cur")}
"""A config's sources with a bill."""


@dataclass(frozen=True)
class Known:
    """The people of a snapshot, and what /metrics says of them."""

    people: SnapshotPeople
    seen: Published


def known(
    facts: RecentFacts | Iterable[Fact], now: datetime, days: Mapping[str, Landed], *, entries: Sequence[Entry] = (), settings: Config | None = None
) -> Known:
    recent = facts if isinstance(facts, RecentFacts) else in_memory(list(facts))
    settings = settings or config()
    seen = publish(recent, now, days, entries=entries, settings=settings)
    return Known(SnapshotPeople(recent, seen.people, {}, settings, with_bill(days, settings.paying), now), seen)


class Asked:
    """A service whose snapshot has these people. It remembers what was asked of it."""

    def __init__(self, people: SnapshotPeople | None) -> None:
        self.telemetry = Telemetry()
        self.enable_lifecycle = True
        self.current = people
        self.errors: list[str] = []
        self.refreshed: list[str | None] = []

    def snapshot(self) -> Snapshot | None:
        return None

    def ready(self) -> tuple[bool, str]:
        return True, "Ready."

    def status(self) -> Sequence[SourceStatus]:
        return []

    def reload(self) -> list[str]:
        return []

    def people(self) -> SnapshotPeople | None:
        return self.current

    def refresh(self, source: str | None) -> list[str]:
        self.refreshed.append(source)
        return self.errors


class Client:
    """Asks over HTTP. JSON numbers with a point are read as decimals, digit by digit."""

    def __init__(self, web: Serving) -> None:
        self.web = web

    def get(self, path: str, **query: object) -> Answer:
        return self.web.get(path + ("?" + urlencode(query) if query else ""))

    def json(self, path: str, **query: object) -> Any:
        answer = self.get(path, **query)
        assert (answer.status, answer.headers["content-type"]) == (200, "application/json"), answer.text
        return json.loads(answer.text, parse_float=Decimal)

    def user(self, name: str, **query: object) -> Any:
        return self.json(f"/api/users/{quote(name, safe='')}", **query)

    def problem(self, path: str, **query: object) -> tuple[int, str]:
        answer = self.get(path, **query)
        document = json.loads(answer.text)
        assert list(document) == ["detail"]
        return answer.status, document["detail"]

    def names(self, path: str, **query: object) -> list[str]:
        return [user["user_name"] for user in self.json(path, **query)["users"]]


@contextmanager
def asking(view: Asked) -> Iterator[Client]:
    with Serving(make_app(view)) as web:
        yield Client(web)
