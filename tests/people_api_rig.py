"""Five people with facts and a bill written by hand, of whom the people API is asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta

from billed import Billed
from facts_in_memory import Caused, Fact, Used, at, config, identity
from people_asked import SOURCES, Asked, Client, asking, known

from exporter.model import DayRange
from exporter.people import Entry
from exporter.windows import Landed

NOW, LAST = at(2026, 7, 15), date(2026, 7, 14)
FIRST = date(2026, 6, 10)
DAYS = dict.fromkeys(("cloudtrail", "kiro_credits"), Landed(DayRange(FIRST, LAST), timedelta(days=14)))
BILL = {"cur": Landed(DayRange(FIRST, LAST - timedelta(days=1)), timedelta(days=14))}
ENTRIES = [
    Entry("alice", display_name="Alice Smith", email="alice@example.com", team="core", department="Engineering", aliases=(identity("a"),)),
    Entry("bob", team="data"),
    Entry("carol", team="core", aliases=(identity("c"),)),
    Entry("dave", team="data"),
    Entry("eve", team="core"),
]
FACTS: list[Fact] = [
    # The original's example, over two days.
    Caused(date(2026, 7, 1), identity("a"), 300, 100, services={"ec2": 250, "s3": 150}, regions={"us-east-1": 400}, accounts={"111122223333": 400}),
    Caused(
        LAST,
        identity("a"),
        30,
        20,
        denied=7,
        services={"iam": 40, "s3": 10},
        regions={"us-east-1": 40, "eu-west-1": 10},
        accounts={"444455556666": 50},
        sensitive={"iam_policy": 3, "kms": 2},
    ),
    Caused(date(2026, 6, 12), "session:bob", 5, services={"s3": 5}),
    Caused(date(2026, 7, 2), "session:bob", 4, 5, unknown=1, services={"s3": 10}),
    Caused(date(2026, 7, 3), "session:dave", 10, services={"ec2": 10}),
    Used(date(2026, 7, 5), identity("c"), "12.5", 10, 2, overage="0.25", usage_limit=1000),
    Used(LAST, identity("a"), 3, 1),
]
COSTS: list[Fact] = [
    Billed(date(2026, 7, 1), "4000.25", "ec2", "us-east-1", user="alice"),
    Billed(date(2026, 7, 2), "523.249999999999", "s3", "eu-west-1", user="alice"),
    Billed(date(2026, 7, 2), "0.000000000001", "s3", "eu-west-1", user="alice"),
    Billed(date(2026, 7, 2), "0.1", "s3", user="bob"),
    Billed(date(2026, 7, 3), "0.2", "s3", user="bob"),
    *(Billed(date(2026, 7, 1), 0, "ec2", user="alice", resource=f"i-{number}") for number in range(25)),
    *(Billed(date(2026, 7, 2), 0, "s3", user="bob", resource=f"bucket-{number}") for number in range(3)),
]


@contextmanager
def asking_with_bill() -> Iterator[Client]:
    with asking(Asked(known([*FACTS, *COSTS], NOW, {**DAYS, **BILL}, entries=ENTRIES, settings=config(sources=SOURCES)).people)) as client:
        yield client
