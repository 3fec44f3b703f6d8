"""AWS activity of a sample organisation, from its log files to the text of a scrape, beside a recount that knows nothing of the exporter."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from cloudtrail_reading import Reader
from facts_in_memory import Published, config, publish
from recount_cloudtrail import UUID_AT_END, Key, Recount, Rules, Sums

from exporter.facts.history import History
from exporter.facts.recent import RecentFacts
from exporter.people import people_file
from exporter.sample import Organisation, write

PEOPLE, SEED = 16, 11
FIRST, LAST = date(2026, 11, 9), date(2026, 11, 20)
NOW = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
WINDOWS = {"yesterday": LAST, "last_30d": FIRST}
"""The first day of each; both end with LAST."""


@dataclass(frozen=True)
class Both:
    seen: Published
    days: dict[Key, Sums]
    owners: dict[tuple[str, str], tuple[str, str]]

    def people(self, window: str, dimension: str, count: int = 0) -> dict[tuple[str, ...], float]:
        """Sums of the recount by user, team and value; `count` is the place of what is summed."""
        found: Counter[tuple[str, ...]] = Counter()
        for (day, _, kind, who, of, value), sums in self.days.items():
            if kind is not None and who is not None and of == dimension and day >= WINDOWS[window]:
                found[(*self.owners[kind, who], value)] += sums[count]
        return {key: value for key, value in found.items() if value}

    def principals(self, window: str, key: Callable[[Key], tuple[str, ...]], dimension: str, count: int = 0) -> dict[tuple[str, ...], float]:
        found: Counter[tuple[str, ...]] = Counter()
        for row, sums in self.days.items():
            if row[4] == dimension and row[0] >= WINDOWS[window]:
                found[key(row)] += sums[count]
        return {kind: value for kind, value in found.items() if value}


def joined(days: dict[Key, Sums], listed: Path) -> dict[tuple[str, str], tuple[str, str]]:
    """(user, team) of every human identity: by what the people file says of it, or of the only name that was logged with its id, else the own name."""
    people: dict[str, tuple[str, str]] = {}
    with listed.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for spelling in (row["user"], row["email"], *row["aliases"].split(";")):
                found = UUID_AT_END.search(spelling.lower())
                people[found.group() if found else spelling.lower()] = (row["user"], row["team"])
    names, ids = defaultdict(set), defaultdict(set)
    for _, _, _, who, dimension, value in days:
        if dimension == "link" and who is not None:
            names[who].add(value)
            ids[value].add(who)
    other = {user_id: name for user_id, (name, *more) in ((user_id, sorted(found)) for user_id, found in names.items()) if not more and len(ids[name]) == 1}
    other |= {name: user_id for user_id, name in other.items()}
    owners: dict[tuple[str, str], tuple[str, str]] = {}
    for kind, who in {(kind, who) for _, _, kind, who, _, _ in days if kind is not None and who is not None}:
        partner = other.get(who) if kind in ("user_id", "session") else None
        own = partner if kind == "user_id" and partner is not None else who
        owners[kind, who] = people.get(who) or (people.get(partner) if partner else None) or (own, "unknown")
    return owners


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Both:
    folder = tmp_path_factory.mktemp("recount")
    reader = Reader(folder, history=NOW.date() - FIRST, human_identity_providers=())
    sample = write(Organisation.generate(PEOPLE, SEED), reader.logs, FIRST, LAST, cloudtrail=True, events=12.0, bill=False)
    reader.refresh(NOW)
    recent = RecentFacts()
    History(reader.store, recent).open(NOW)
    days = Recount(Rules()).days(reader.logs, FIRST, LAST)
    listed = people_file.read(sample.people_file).entries
    settings = config(limits={"breakdown_values": 1000})
    seen = publish(recent, NOW, {"cloudtrail": reader.source.landed()}, entries=listed, settings=settings)
    return Both(seen, days, joined(days, sample.people_file))


def present(found: dict[tuple[str, ...], float]) -> dict[tuple[str, ...], float]:
    return {labels: value for labels, value in found.items() if value}


def summed(found: dict[tuple[str, ...], float]) -> dict[tuple[str, ...], float]:
    """By the first two labels."""
    sums: Counter[tuple[str, ...]] = Counter()
    for labels, value in found.items():
        sums[labels[:2]] += value  # type: ignore[assignment]
    return dict(sums)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize(
    ("family", "dimension"),
    [
        ("aws_user_events", "access"),
        ("aws_user_sensitive_events", "category"),
        ("aws_user_service_events", "service"),
        ("aws_user_region_events", "region"),
        ("aws_user_account_events", "account"),
    ],
)
def test_events_of_people(both: Both, family: str, dimension: str, window: str) -> None:
    assert present(both.seen[f"{family}_{window}"]) == both.people(window, dimension)


@pytest.mark.parametrize("window", WINDOWS)
def test_denied_events_of_people(both: Both, window: str) -> None:
    assert both.seen[f"aws_user_denied_events_{window}"] == summed(both.people(window, "access", 1))


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize(("family", "count"), [("aws_principal_events", 0), ("aws_principal_denied_events", 1)])
def test_events_of_principals(both: Both, family: str, count: int, window: str) -> None:
    assert present(both.seen[f"{family}_{window}"]) == both.principals(window, lambda row: (row[1],), "access", count)


@pytest.mark.parametrize("window", WINDOWS)
def test_sensitive_events_of_principals(both: Both, window: str) -> None:
    assert both.seen[f"aws_principal_sensitive_events_{window}"] == both.principals(window, lambda row: (row[1], row[5]), "category")


@pytest.mark.parametrize(("family", "dimension"), [("services_used", "service"), ("regions_used", "region")])
def test_distinct_values(both: Both, family: str, dimension: str) -> None:
    expected = Counter(user for user, _, _ in both.people("last_30d", dimension))
    assert {user: value for user, value in both.seen.of(f"aws_user_{family}_last_30d").items() if value} == expected


def test_active_dates(both: Both) -> None:
    days = {(both.owners[kind, who][0], day) for day, _, kind, who, of, _ in both.days if kind is not None and who is not None and of == "access"}
    assert {user: value for user, value in both.seen.of("aws_user_active_dates_last_30d").items() if value} == Counter(user for user, _ in days)


@pytest.mark.parametrize(("family", "place", "choose"), [("first", 3, min), ("last", 4, max)])
def test_first_and_last_activity(both: Both, family: str, place: int, choose: Callable[[list[int]], int]) -> None:
    times: dict[str, list[int]] = defaultdict(list)
    for (_, _, kind, who, of, _), sums in both.days.items():
        if kind is not None and who is not None and of == "access":
            times[both.owners[kind, who][0]].append(sums[place])
    assert both.seen.of(f"aws_user_{family}_activity_timestamp_seconds") == {user: choose(found) for user, found in times.items()}


def test_score(both: Both) -> None:
    sensitive = summed(both.people("last_30d", "category"))
    expected: Counter[tuple[str, ...]] = Counter()
    for (user, team, access), events in both.people("last_30d", "access").items():
        expected[user, team] += events * (1.25 if access == "write" else 1)  # type: ignore[assignment]
    for person, events in sensitive.items():
        expected[person] += 1.1 * events  # type: ignore[assignment]
    assert present(both.seen["aws_user_activity_score_last_30d"]) == pytest.approx(expected)


def test_human_principals_are_the_people(both: Both) -> None:
    for window in WINDOWS:
        assert both.seen.total(f"aws_user_events_{window}") == both.seen.of(f"aws_principal_events_{window}")["human"]


# That there is something to compare


def test_all_days_have_landed(both: Both) -> None:
    assert {row[0] for row in both.days} == {FIRST + timedelta(days=offset) for offset in range(12)}


def test_sample_has_principals_of_every_kind(both: Both) -> None:
    assert both.seen.of("aws_principal_events_last_30d").keys() >= {"human", "root", "service"}


def test_sample_has_people_under_several_identities(both: Both) -> None:
    assert max(Counter(both.owners.values()).values()) > 1


def test_sample_has_people_who_are_linked_only(both: Both) -> None:
    assert any(dimension == "link" for _, _, _, _, dimension, _ in both.days)


def test_sample_has_sensitive_and_denied_events_of_people(both: Both) -> None:
    assert (len(both.people("last_30d", "category")) > 0, len(both.people("last_30d", "access", 1)) > 0) == (True, True)
