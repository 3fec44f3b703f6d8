"""Labels that are not people's: control and reordering characters of any source are replaced, and what becomes one label is added up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest
from billed import Billed
from facts_in_memory import MAX_AGE, Caused, Counted, Fact, Used, config, identity, publish, rows_of, source_of

from exporter.facts.recent import RecentFacts
from exporter.facts.store import Store
from exporter.model import DayRange, FactBatch
from exporter.windows import Landed

NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)
DAY = date(2026, 7, 14)
ALICE = identity("a")
SOURCES = {source: {"location": "data/"} for source in ("kiro_credits", "kiro_features", "cloudtrail", "cur")}
STEERING = ("\x00", "\x07", "\x1b", "\x1f", "\n", "\t", "\x7f", "\x9b", "\u061c", "\u200e", "\u202e", "\u2066", "\u2069")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    yield opened
    opened.close()


def published(store: Store, facts: Sequence[Fact]) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """What is published of facts that came through the store; it refuses a series that stands twice."""
    recent = RecentFacts()
    for source in sorted({source_of(fact) for fact in facts}):
        store.replace(FactBatch(source, (DAY,), rows_of([fact for fact in facts if source_of(fact) == source])))
        recent.load(source, [DAY], store.facts(source, DayRange(DAY, DAY)))
    return publish(recent, NOW, dict.fromkeys(SOURCES, Landed(DayRange(DAY, DAY), MAX_AGE)), settings=config(sources=SOURCES)).samples


def labelled(samples: dict[str, dict[tuple[tuple[str, str], ...], float]], name: str, label: str) -> dict[str, float]:
    return {dict(pairs)[label]: value for pairs, value in samples[name].items()}


def test_values_that_become_one_label_are_added_up(store: Store) -> None:
    facts: list[Fact] = [
        Caused(DAY, ALICE, read=12, regions={"eu\x1b": 5, "eu\x9b": 7}, services={"s3\u202e": 4, "s3\x07": 8}),
        Used(DAY, ALICE, 3, messages=9, models={"auto\x00": 4, "auto\x7f": 5}, client="ide\x1f"),
        Counted(DAY, ALICE, "Chat_MessagesSent", 6),
        Billed(DAY, "1.5", "ec2\x1b", "us\x1b", user=ALICE),
        Billed(DAY, "2.25", "ec2\x9b", "us\u2066", user=ALICE),
    ]
    samples = published(store, facts)
    assert labelled(samples, "aws_user_region_events_yesterday", "aws_region") == {"eu\ufffd": 12}
    assert labelled(samples, "aws_user_service_events_yesterday", "aws_service") == {"s3\ufffd": 12}
    assert labelled(samples, "kiro_user_model_messages_yesterday", "model") == {"auto\ufffd": 9}
    assert labelled(samples, "kiro_user_client_credits_yesterday", "client") == {"ide\ufffd": 3}
    assert labelled(samples, "aws_user_service_cost_yesterday", "aws_service") == {"ec2\ufffd": 3.75}
    assert labelled(samples, "aws_user_region_cost_yesterday", "aws_region") == {"us\ufffd": 3.75}


@pytest.mark.parametrize("character", STEERING, ids=[f"U+{ord(character):04X}" for character in STEERING])
def test_each_character_is_replaced(store: Store, character: str) -> None:
    samples = published(store, [Caused(DAY, ALICE, read=1, regions={f"a{character}b": 1})])
    assert labelled(samples, "aws_user_region_events_yesterday", "aws_region") == {"a\ufffdb": 1}


def test_other_characters_stay(store: Store) -> None:
    name = "a \\\"'`{}\u00e9\u200b\u2028\U0001f986"
    samples = published(store, [Caused(DAY, ALICE, read=1, regions={name: 1})])
    assert labelled(samples, "aws_user_region_events_yesterday", "aws_region") == {name: 1}


def test_what_something_is_found_by_stays_as_its_source_spells_it(store: Store) -> None:
    facts: list[Fact] = [
        Caused(DAY, ALICE, read=1, linked="al\x1b", created=("bucket\x07",)),
        Billed(DAY, resource="arn:x\x07", user=ALICE),
        Billed(DAY, 1, owner="bob\x1fal\x1b"),
    ]
    published(store, facts)
    cloudtrail, cur = (str(store.path / "facts" / source / f"{DAY}.parquet") for source in ("cloudtrail", "cur"))
    values = duckdb.execute("SELECT dimension, value FROM read_parquet($1) WHERE dimension IN ('link', 'created') ORDER BY ALL", [cloudtrail]).fetchall()
    assert values == [("created", "bucket\x07"), ("link", "al\x1b")]
    resources = duckdb.execute("SELECT resource, owner_tags FROM read_parquet($1) ORDER BY ALL NULLS LAST", [cur]).fetchall()
    assert resources == [("arn:x\x07", None), (None, "bob\x1fal\x1b")]
