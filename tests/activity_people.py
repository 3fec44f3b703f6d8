"""Activity of three people, of one whom nobody listed and of principals, on fact rows whose sums are worked out by hand.

It is Wednesday 2026-07-15, 12:00 UTC. Yesterday is the 14th, last_7d 07-08 to 07-14, last_30d 06-15 to 07-14, month_to_date 07-01 to 07-14.
"""

from __future__ import annotations

from datetime import date, timedelta

from facts_in_memory import Caused, Published, at, identity

from exporter.model import DayRange
from exporter.people import Entry
from exporter.windows import Landed

NOW = at(2026, 7, 15)
TODAY, LAST, FIRST = date(2026, 7, 15), date(2026, 7, 14), date(2026, 5, 6)
LANDED = {"cloudtrail": Landed(DayRange(FIRST, LAST), timedelta(days=3), TODAY)}
A = identity("a")
ONE, TWO = "111122223333", "444455556666"
US, EU = "us-east-1", "eu-central-1"
BOB, DAVE = f"iam_user:bob.ci@{ONE}", "session_name:dave@example.com"


def june(day: int) -> date:
    return date(2026, 6, day)


def july(day: int) -> date:
    return date(2026, 7, day)


ENTRIES = [Entry("alice", team="core", aliases=(A,)), Entry("bob", team="core", aliases=(f"Bob.CI@{ONE}",)), Entry("carol", team="data")]
OLDER = [Caused(FIRST, A, read=7, sensitive={"network": 7}, first=100)]
FACTS = [
    Caused(june(14), A, read=1000, denied=1000, services={"rds": 1000}, regions={"ap-south-1": 1000}, accounts={TWO: 1000}),
    Caused(june(15), A, 100, 50, services={"ec2": 150}, regions={US: 150}, accounts={ONE: 150}),
    # Another identity of the same person: the session of her role.
    Caused(june(30), "session:alice", 130, 20, denied=4, services={"s3": 150}, regions={EU: 150}, accounts={TWO: 150}, sensitive={"iam_policy": 3}),
    Caused(july(1), A, 60, 30, services={"ec2": 90}, regions={US: 90}, accounts={ONE: 90}),
    Caused(july(8), A, 10, services={"ec2": 10}, regions={US: 10}, accounts={ONE: 10}),
    Caused(july(8), "session:alice", 20, 10, services={"s3": 30}, regions={US: 30}, accounts={ONE: 30}),
    Caused(LAST, A, 10, 10, denied=3, services={"sts": 20}, regions={US: 20}, accounts={ONE: 20}, sensitive={"kms": 2}, last=60_000),
    Caused(TODAY, A, 4, denied=1, services={"ec2": 4}, regions={US: 4}, accounts={ONE: 4}, last=40_000),
    Caused(LAST, BOB, unknown=9, services={"iam": 9}, regions={US: 9}, accounts={ONE: 9}),
    Caused(july(13), DAVE, 1, services={"sts": 1}, regions={US: 1}, accounts={ONE: 1}),
    Caused(LAST, None, 1, 2, denied=1, sensitive={"sign_in": 3}, kind="root", last=70_000),
    Caused(june(20), None, 500, kind="service"),
    Caused(LAST, None, 10_000, 500, denied=20, sensitive={"kms": 6}, kind="service"),
    Caused(TODAY, None, 70, kind="service", last=43_000),
    Caused(july(2), None, 8, kind="external"),
    Caused(july(3), None, 2, 3, unknown=1, kind="unknown"),
]


def of_alice(seen: Published, name: str) -> dict[tuple[str, ...], float]:
    """Values by the labels after user and team."""
    return {labels[2:]: value for labels, value in seen[name].items() if labels[0] == "alice"}
