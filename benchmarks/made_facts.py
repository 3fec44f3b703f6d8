"""Facts of a made organisation, written straight into a store: rows of the shapes and in the numbers that a real one leaves, without reading files of AWS.

    python -m benchmarks.made_facts <folder> <people> <days>

A person leaves about 300 rows in 62 days: two of three have a Kiro seat, three of five work on AWS, half of them own something that is billed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

import duckdb
import nanoarrow

from benchmarks.measure import peak_megabytes
from exporter.facts.store import Store
from exporter.model import FactBatch
from exporter.people import Entry

TODAY = date(2026, 11, 22)
YESTERDAY = TODAY - timedelta(days=1)
WINDOWS_REACH = 62
SOURCES = ("kiro_credits", "kiro_features", "cloudtrail", "cur")
_ROWS_AT_ONCE = 2_000_000
_ROWS_A_PERSON_AND_DAY = 6

_ID = "printf('%08x-0000-4000-8000-%012x', person, person)"
_ON = "FROM (SELECT unnest($days) AS day) d, range({people}) p(person)"
_MADE = {
    "kiro_credits": f"""
    SELECT day, {_ID} AS identity, 'person' || person || '@example.com' AS mail, '111122223333' AS account, 'us-east-1' AS region, client, model,
        CASE WHEN model IS NULL THEN 'pro' END AS tier,
        CASE WHEN model IS NULL THEN (hash(person, day, client) % 4000000 / 100000.0)::DECIMAL(38,18) END AS credits,
        CASE WHEN model IS NULL THEN 0::DECIMAL(38,18) END AS overage_credits, CASE WHEN model IS NULL THEN 2500::DECIMAL(38,18) END AS overage_cap,
        CASE WHEN model IS NULL THEN false END AS overage_enabled, CASE WHEN model IS NULL THEN 1000::DECIMAL(38,18) END AS included_credits,
        (hash(person, day, client) % 50)::BIGINT AS messages, CASE WHEN model IS NULL THEN (hash(person, day) % 5)::BIGINT END AS conversations,
        CASE WHEN model IS NULL THEN false END AS new_user
    {_ON}, (SELECT unnest(['ide', 'cli']) AS client) c, (SELECT unnest([NULL, 'auto', 'claude_sonnet_5']) AS model) m
    WHERE hash(person) % 3 < 2 AND hash(person, day) % 10 < 6 AND (client = 'ide' OR hash(person) % 3 = 0)""",
    "kiro_features": f"""
    SELECT day, {_ID} AS identity, '111122223333' AS account, 'us-east-1' AS region, counter, (1 + hash(person, day, counter) % 50)::BIGINT AS value
    {_ON},
        (SELECT unnest(['chat_messagessent', 'chat_aicodelines', 'inline_suggestionscount', 'inline_acceptancecount', 'dev_generatedlines']) AS counter) c
    WHERE hash(person, day) % 10 < 6 AND hash(person) % 3 = 0""",
    "cloudtrail": f"""
    SELECT day, 'human' AS kind, 'session' AS identity_kind, 'person' || person AS identity, dimension,
        CASE dimension
            WHEN 'access' THEN ['read', 'write'][place]
            WHEN 'service' THEN 'service' || hash(person, hash(person, day, place) % 10) % 40
            WHEN 'region' THEN 'eu-west-' || (hash(person, place) % 12)
            WHEN 'account' THEN printf('%012d', hash(person, place) % 200)
            ELSE ['sign_in', 'iam_policy', 'credentials', 'kms'][1 + (hash(person, day) % 4)::BIGINT] END AS value,
        (1 + hash(person, day, dimension, place) % 200)::BIGINT AS events,
        (dimension = 'access' AND hash(person, day) % 9 = 0)::BIGINT AS denied, (dimension = 'category')::BIGINT AS sensitive,
        epoch(day)::BIGINT + 30000 AS first_event, epoch(day)::BIGINT + 60000 AS last_event
    {_ON}, (SELECT unnest(['access', 'access', 'service', 'service', 'service', 'service', 'region', 'region', 'account', 'category']) AS dimension,
        unnest([1, 2, 1, 2, 3, 4, 1, 2, 1, 1]) AS place) s
    WHERE hash(person, 5) % 5 < 3 AND hash(person, day, 1) % 10 < 6 AND (dimension <> 'category' OR hash(person, day) % 12 = 0)""",
    "cur": f"""
    SELECT day, printf('%012d', person % 200) AS account, 'eu-west-1' AS region,
        CASE WHEN how = 'seat' THEN 'kiro' ELSE ['bedrock', 'ec2', 's3', 'rds', 'lambda'][place] END AS service,
        CASE WHEN how = 'seat' THEN 'subscription' WHEN how = 'shared' THEN 'tax' ELSE 'usage' END AS charge, 'USD' AS currency, how = 'shared' AS shared,
        CASE WHEN how = 'seat' THEN {_ID} END AS user_identifier,
        CASE WHEN how = 'caller' THEN 'arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Dev_0123456789abcdef/person' || person END AS iam_principal,
        NULL::VARCHAR AS identity_store_user, CASE WHEN how = 'tag' THEN 'person' || person || '@example.com' END AS owner_tags,
        NULL::VARCHAR AS created_by_tag, NULL::VARCHAR AS creator, CASE WHEN how = 'seat' THEN 'seat' END AS component,
        CASE WHEN how = 'seat' THEN 'pro' END AS tier, CASE WHEN how = 'resource' THEN 'i-' || person || '-' || place END AS resource,
        CASE WHEN how = 'resource' THEN 0 ELSE (1 + hash(person, day, how, place) % 100000000000)::DECIMAL(38,0) * 0.0000000001::DECIMAL(13,12)
            END::DECIMAL(38,12) AS cost,
        CASE WHEN how = 'seat' THEN 1 END::DECIMAL(38,12) AS quantity, (how <> 'resource')::BIGINT AS lines
    {_ON}, (SELECT unnest(['caller', 'tag', 'tag', 'tag', 'seat', 'resource', 'resource', 'resource', 'shared', 'none']) AS how,
        unnest([1, 2, 3, 4, 1, 1, 2, 3, 1, 5]) AS place) s
    WHERE CASE how
        WHEN 'caller' THEN hash(person, 6) % 4 = 0 AND hash(person, day, 1) % 10 < 6
        WHEN 'tag' THEN hash(person, 7) % 4 = 0
        WHEN 'seat' THEN hash(person) % 3 < 2 AND day = date_trunc('month', day)
        WHEN 'resource' THEN hash(person, 7) % 4 = 0 AND day = date_trunc('month', day)
        ELSE person < 200 END""",
}


def fill(store: Store, people: int, days: Sequence[date]) -> None:
    """Writes the facts of days, as many at a time as fit into memory."""
    for some in _portions(days, people):
        for source in SOURCES:
            write_days(store, source, people, some)


def write_days(store: Store, source: str, people: int, days: Sequence[date]) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE made AS {_MADE[source].format(people=people)}", {"days": list(days)}).fetchall()
        store.replace(FactBatch(source, tuple(days), nanoarrow.ArrayStream(connection.sql("FROM made"))))


def entries(people: int) -> tuple[Entry, ...]:
    """The people as a directory lists them: their ids are what Kiro and the bill know, their names what CloudTrail does."""
    return tuple(
        Entry(
            user=f"person{person}",
            display_name=f"Person {person}",
            email=f"person{person}@example.com",
            team=f"team-{person % max(4, people // 100)}",
            aliases=(f"{person:08x}-0000-4000-8000-{person:012x}",),
        )
        for person in range(people)
    )


def days_before(today: date, count: int) -> list[date]:
    """So many days that end with the one before `today`."""
    return [today - timedelta(days=offset) for offset in range(count, 0, -1)]


def _portions(days: Sequence[date], people: int) -> Iterator[Sequence[date]]:
    size = max(1, _ROWS_AT_ONCE // (people * _ROWS_A_PERSON_AND_DAY))
    for start in range(0, len(days), size):
        yield days[start : start + size]


def main(folder: Path, people: int, days: int) -> None:
    store = Store.open(folder)
    fill(store, people, days_before(TODAY, days))
    store.close()
    print(json.dumps({"peak": peak_megabytes(), "bytes": sum(path.stat().st_size for path in folder.rglob("*.parquet"))}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
