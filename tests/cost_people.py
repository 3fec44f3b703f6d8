"""Five people and a bill that is small enough to work out every value by hand.

It is Wednesday 2026-07-15, 12:00 UTC, and 70 days of the bill have landed, 2026-05-06 to 2026-07-14: yesterday is the 14th, 3d_ago the 12th, last_7d 07-08
to 07-14, last_30d 06-15 to 07-14, month_to_date 07-01 to 07-14 and last_month June.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from billed import Billed, seat
from facts_in_memory import Fact, Published, at, identity, publish

from exporter.config import Config
from exporter.model import DayRange
from exporter.people import Entry
from exporter.windows import Landed

NOW = at(2026, 7, 15)
FIRST, LAST = date(2026, 5, 6), date(2026, 7, 14)
DAYS = DayRange(FIRST, LAST)
A, B = identity("a"), identity("b")
SANDBOX = "444455556666"


def june(day: int) -> date:
    return date(2026, 6, day)


def july(day: int) -> date:
    return date(2026, 7, day)


ENTRIES = [
    Entry("alice", team="core", aliases=(A,)),
    Entry("bob", email="bob@example.com", team="core"),
    Entry("carol", team="data"),
    Entry("dave", team="data"),
]
ROLE = "arn:aws:sts::111122223333:assumed-role"
BILL = [
    # alice: 1.50 + 0.25 + 0.000000000001 of usage in yesterday, a credit and a refund; a seat of 20 in June and July.
    Billed(july(14), "1.50", owner="alice"),
    Billed(july(14), "0.25", "bedrock", "eu-west-1", principal=f"{ROLE}/AWSReservedSSO_Dev_0123456789abcdef/alice"),
    Billed(july(14), "0.000000000001", "s3", None, creator=A),
    Billed(july(14), "-0.75", charge="credit", owner="alice"),
    Billed(july(8), "-2", charge="refund", owner="alice"),
    Billed(july(7), "4", owner="alice"),
    Billed(june(15), "8", owner="alice"),
    Billed(june(14), "16", owner="alice"),
    seat(july(1), A, 20),
    seat(june(1), A, 20),
    # bob: by his mail in the second tag, in a session that created the resource, and an account of his own.
    Billed(july(12), "3.3", "rds", owner="platform\x1fBob@example.com"),
    Billed(july(14), "0.1", "rds", created_by="AssumedRole:AKIAXXXXXXXXXXXXXXXX:bob"),
    Billed(july(14), "0.2", "ec2", "us-west-2", account=SANDBOX),
    # Nobody's entry: an id that only the bill knows.
    seat(july(1), B, 40, tier="pro_plus"),
    # Nobody's.
    Billed(july(14), "5", "tax", None, charge="tax", shared=True),
    Billed(july(14), "7", "savingsplans", None, charge="commitment", shared=True, account=SANDBOX),
    Billed(july(12), "-1", "ec2", None, charge="discount"),
    Billed(july(14), "11", principal=f"{ROLE}/Gateway/gateway"),
    Billed(july(14), "13", owner="platform"),
    Billed(june(30), "17", owner="platform"),
    # The day that has not landed yet.
    Billed(july(15), "1000", owner="alice"),
    # Billed resources, named on the first of a month or later.
    Billed(july(1), resource="i-1", owner="alice"),
    Billed(july(1), resource="i-1", creator=A),
    Billed(july(2), resource="i-2", owner="alice"),
    Billed(june(1), resource="i-1", owner="alice"),
    Billed(july(1), resource="i-2", created_by="AssumedRole:AKIAXXXXXXXXXXXXXXXX:bob"),
    Billed(july(1), resource="i-3"),
]


def config(**sections: Any) -> Config:
    """A config with the CUR as bill, and an account that belongs to bob."""
    attribution = {"account_owners": {SANDBOX: "bob"}, **sections.pop("attribution", {})}
    sources = sections.pop("sources", {"cur": {"location": "data/cur/"}})
    return Config.model_validate({"engine": "duckdb", "sources": sources, "attribution": attribution, **sections})


def landed(sources: Sequence[str] = ("cur",), days: DayRange = DAYS) -> dict[str, Landed]:
    return dict.fromkeys(sources, Landed(days, timedelta(days=7)))


def published(
    facts: Iterable[Fact] = BILL, *, days: Mapping[str, Landed] | None = None, entries: Sequence[Entry] = ENTRIES, now: Any = NOW, **sections: Any
) -> Published:
    """A snapshot of a bill."""
    return publish(list(facts), now, days or landed(), entries=entries, settings=config(**sections))


def texts(seen: Published, name: str) -> dict[tuple[str, ...], str]:
    """Values as they stand in the exposition, by the values of the labels, zeros left out."""
    found: dict[tuple[str, ...], str] = {}
    for chunk in seen.built.snapshot.chunks:
        for line in chunk.plain.decode().splitlines():
            series, _, number = line.rpartition(" ")
            if series.startswith(name + "{") and number != "0":
                found[tuple(series.split('"')[1::2])] = number
    return found


def of(seen: Published, name: str, **labels: str) -> Decimal:
    """Sum of the exact values with some labels."""
    found = Decimal(0)
    for pairs, text in texts(seen, name).items():
        names = [label for label, _ in next(iter(seen.samples[name]))]
        if labels.items() <= dict(zip(names, pairs, strict=True)).items():
            found += Decimal(text)
    return found
