"""The whole way: snapshots of organisations of several sizes, and one new day with few and with many days stored. In a process of its own each."""

from __future__ import annotations

import json
import sys
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import nanoarrow

from benchmarks.measure import peak_megabytes, seconds
from exporter import snapshot
from exporter.config import Config
from exporter.history import History
from exporter.model import DayRange, FactBatch, day_start
from exporter.people import resolve
from exporter.recent import RecentFacts
from exporter.store import Store
from exporter.windows import Landed

_TODAY = date(2026, 11, 22)
_CREDITS = """
    SELECT day, printf('%08x-0000-4000-8000-%012x', person, person) AS identity, 'person' || person || '@example.com' AS mail, '111122223333' AS account,
        'us-east-1' AS region, client, model, CASE WHEN model IS NULL THEN 'pro' END AS tier,
        CASE WHEN model IS NULL THEN (hash(person, day, client) % 4000000 / 1000000.0)::DECIMAL(38, 18) * 10 END::DECIMAL(38, 18) AS credits,
        0::DECIMAL(38, 18) AS overage_credits, 2500::DECIMAL(38, 18) AS overage_cap, false AS overage_enabled, 1000::DECIMAL(38, 18) AS included_credits,
        (hash(person, day, client) % 50)::BIGINT AS messages, (hash(person, day) % 5)::BIGINT AS conversations, false AS new_user
    FROM (SELECT unnest($days) AS day) d, range({people}) p(person), (SELECT unnest(['ide', 'cli']) AS client) c,
        (SELECT unnest([NULL, 'auto', 'claude_sonnet_5']) AS model) m
    WHERE hash(person, day) % 10 < 6 AND (client = 'ide' OR hash(person) % 3 = 0)"""
_FEATURES = """
    SELECT day, printf('%08x-0000-4000-8000-%012x', person, person) AS identity, '111122223333' AS account, 'us-east-1' AS region, counter,
        (1 + hash(person, day, counter) % 50)::BIGINT AS value
    FROM (SELECT unnest($days) AS day) d, range({people}) p(person),
        (SELECT unnest([NULL, 'chat_messagessent', 'chat_aicodelines', 'inline_suggestionscount', 'inline_acceptancecount', 'dev_generatedlines']) AS counter) c
    WHERE hash(person, day) % 10 < 6 AND hash(person) % 3 = 0"""


def fill(store: Store, people: int, days: list[date]) -> None:
    connection = duckdb.connect()
    for source, query in (("kiro_credits", _CREDITS), ("kiro_features", _FEATURES)):
        connection.execute(f"CREATE OR REPLACE TABLE made AS {query.format(people=people)}", {"days": days}).fetchall()
        store.replace(FactBatch(source, tuple(days), nanoarrow.ArrayStream(connection.sql("FROM made"))))


def config(folder: Path) -> Config:
    return Config.model_validate(
        {"engine": "duckdb", "store": {"path": str(folder)}, "sources": {"kiro_credits": {"location": str(folder)}, "kiro_features": {"location": str(folder)}}}
    )


def publish(history: History, settings: Config, days: DayRange) -> snapshot.Built:
    landed = {source: Landed(days, timedelta(days=14)) for source in ("kiro_credits", "kiro_features")}
    people = resolve((), history.recent.identities(), ("file",))
    return snapshot.build(history.recent, people, {}, settings, landed, {}, day_start(_TODAY) + timedelta(hours=6))


def measure_snapshot(people: int) -> dict[str, float]:
    days = DayRange(_TODAY - timedelta(days=62), _TODAY - timedelta(days=1))
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder))
        fill(store, people, list(days))
        history = History(store, RecentFacts())
        start = seconds(lambda: history.open(datetime.now(UTC).replace(year=2026, month=11, day=22)))
        settings = config(Path(folder))
        built = publish(history, settings, days)
        took = seconds(lambda: publish(history, settings, days))
    made = built.snapshot
    return {
        "seconds": took,
        "load": start,
        "series": sum(made.series.values()),
        "bytes": made.plain_bytes,
        "gzip": made.gzip_bytes,
        "step": made.limit_step,
        "peak": peak_megabytes(),
    }


def measure_new_day(stored: int, people: int = 2000) -> dict[str, float]:
    """Seconds that one new day takes from its facts to the snapshot, with so many days in the store."""
    yesterday = _TODAY - timedelta(days=1)
    days = DayRange(yesterday - timedelta(days=stored), yesterday - timedelta(days=1))
    now = day_start(_TODAY) + timedelta(hours=6)
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder))
        fill(store, people, list(days))
        history = History(store, RecentFacts())
        history.open(now - timedelta(days=1))
        settings = config(Path(folder))

        def bring() -> None:
            fill(store, people, [yesterday])
            for source in ("kiro_credits", "kiro_features"):
                history.reload(source, [yesterday], now)
            history.advance(now)
            publish(history, settings, DayRange(days.first, yesterday))

        bring()
        return {"seconds": min(seconds(bring) for _ in range(5))}


if __name__ == "__main__":
    which, number = sys.argv[1], int(sys.argv[2])
    print(json.dumps(measure_snapshot(number) if which == "snapshot" else measure_new_day(number)))
