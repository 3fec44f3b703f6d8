"""The numbers of the people API beside those of /metrics, for every person and window of a sample organisation that the real service has read."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from facts_in_memory import parse
from people_asked import Client
from serving import Serving

from exporter.config import load
from exporter.sample import Organisation, write
from exporter.service import Service
from exporter.telemetry import Telemetry
from exporter.web.app import make_app

PEOPLE, SEED = 14, 5
FIRST, LAST = date(2026, 11, 9), date(2026, 11, 20)
NOW = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
CONFIG = """engine: duckdb
store: {path: state}
sources:
  kiro_credits: {location: data, schedule: 36500d, history: 12d}
  cloudtrail: {location: data, schedule: 36500d, history: 12d}
people: {file: data/people.csv}
limits: {breakdown_users: 2, breakdown_values: 1}
"""
"""With hardly anybody in the breakdowns of /metrics: in the API everybody is."""
UNFOLDED = CONFIG.replace("breakdown_users: 2, breakdown_values: 1", "breakdown_users: 1000, breakdown_values: 1000")
WINDOWS = ("yesterday", "last_7d", "last_30d", "month_to_date")

Samples = dict[str, dict[tuple[tuple[str, str], ...], float]]
Key = tuple[str, ...]


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


@dataclass
class House:
    """A service that has read the sample, with its web server."""

    service: Service
    client: Client
    config: Path

    def metrics(self) -> Samples:
        return parse(self.client.get("/metrics").text)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    write(Organisation.generate(PEOPLE, SEED), folder / "data", FIRST, LAST, cloudtrail=True, events=12.0, bill=False)
    config = folder / "config.yaml"
    config.write_text(UNFOLDED, encoding="utf-8")
    telemetry = Telemetry()
    service = Service(load(config, os.environ), lambda: load(config, os.environ), telemetry, lambda: NOW)
    service.start()
    try:
        service.refresh(None)
        up = "aws_user_exporter_source_up"
        eventually(lambda: all(telemetry.registry.get_sample_value(up, {"source": source}) == 1 for source in ("kiro_credits", "cloudtrail")))
        eventually(lambda: (current := service.snapshot()) and {"aws_user_events_yesterday", "kiro_user_credits_yesterday"} <= current.series.keys())
        with Serving(make_app(service)) as web:
            yield House(service, Client(web), config)
    finally:
        service.stop()


@pytest.fixture(scope="module")
def metrics(house: House) -> Samples:
    return house.metrics()


@pytest.fixture(scope="module")
def users(house: House, metrics: Samples) -> dict[tuple[str, str], Any]:
    """What the API answers about everybody of /metrics, by name and window."""
    names = {dict(pairs)["user"] for pairs in metrics["aws_user_info"]}
    return {(name, window): house.client.user(name, window=window) for name in names for window in WINDOWS}


def by_user(metrics: Samples, family: str, label: str | None = None) -> dict[str, Any]:
    """Sums by user, or by user and label."""
    found: dict[str, Any] = defaultdict(float) if label is None else defaultdict(dict)
    for pairs, value in metrics.get(family, {}).items():
        labels = dict(pairs)
        if label is None:
            found[labels["user"]] += value
        else:
            found[labels["user"]][labels[label]] = value
    return found


def field(user: Any, path: str) -> Any:
    for step in path.split("."):
        if user is None:
            return None
        user = user[step]
    return float(user) if user is not None and not isinstance(user, (dict, list, str)) else user


def test_everybody_of_the_metrics_is_listed(house: House, metrics: Samples) -> None:
    assert set(house.client.names("/api/users/analytics", limit=1000)) == {dict(pairs)["user"] for pairs in metrics["aws_user_info"]}
    assert house.client.json("/api/users/analytics")["total"] > PEOPLE


@pytest.mark.parametrize(
    ("path", "family"),
    [
        ("summary.total_events", "aws_user_events"),
        ("metrics.denied_events", "aws_user_denied_events"),
        ("metrics.high_risk_events", "aws_user_sensitive_events"),
        ("kiro.credits", "kiro_user_credits"),
        ("kiro.messages", "kiro_user_messages"),
        ("kiro.conversations", "kiro_user_conversations"),
    ],
)
def test_sums(users: dict[tuple[str, str], Any], metrics: Samples, path: str, family: str) -> None:
    compared = 0
    for window in WINDOWS:
        if f"{family}_{window}" in metrics:
            expected = by_user(metrics, f"{family}_{window}")
            found = {name: field(user, path) or 0 for (name, of), user in users.items() if of == window}
            assert {name: value for name, value in found.items() if value} == {name: value for name, value in expected.items() if value}
            compared += any(expected.values())
    assert compared >= 2


@pytest.mark.parametrize("access", ["read", "write", "unknown"])
def test_events_by_access(users: dict[tuple[str, str], Any], metrics: Samples, access: str) -> None:
    for (name, window), user in users.items():
        assert field(user, f"metrics.{access}_events") == by_user(metrics, f"aws_user_events_{window}", "access")[name].get(access, 0)


@pytest.mark.parametrize(
    ("path", "family", "label"),
    [
        ("metrics.service_events", "aws_user_service_events", "aws_service"),
        ("metrics.region_events", "aws_user_region_events", "aws_region"),
        ("metrics.high_risk_by_category", "aws_user_sensitive_events", "category"),
    ],
)
def test_breakdowns(users: dict[tuple[str, str], Any], metrics: Samples, path: str, family: str, label: str) -> None:
    for (name, window), user in users.items():
        if f"{family}_{window}" in metrics:
            assert field(user, path) == by_user(metrics, f"{family}_{window}", label)[name]


@pytest.mark.parametrize(
    ("path", "family"),
    [
        ("metrics.activity_score", "aws_user_activity_score_last_30d"),
        ("summary.active_days", "aws_user_active_dates_last_30d"),
        ("kiro.included_credits", "kiro_user_included_credits"),
        ("kiro.utilization", "kiro_user_credit_utilization_ratio"),
    ],
)
def test_values_of_the_last_30_days(users: dict[tuple[str, str], Any], metrics: Samples, path: str, family: str) -> None:
    found = {name: value for (name, window), user in users.items() if window == "last_30d" and (value := field(user, path)) is not None}
    assert found == by_user(metrics, family)
    assert found


@pytest.mark.parametrize(("path", "family"), [("services", "aws_user_services_used_last_30d"), ("regions", "aws_user_regions_used_last_30d")])
def test_counts_of_what_was_used(users: dict[tuple[str, str], Any], metrics: Samples, path: str, family: str) -> None:
    found = {name: len(user["summary"][f"{path}_used"]) for (name, window), user in users.items() if window == "last_30d"}
    assert found == by_user(metrics, family)


def test_usage_category(users: dict[tuple[str, str], Any], metrics: Samples) -> None:
    levels = by_user(metrics, "aws_user_usage_level_last_30d", "level")
    found = {name: {user["summary"]["usage_category"]: 1.0} for (name, window), user in users.items() if window == "last_30d"}
    assert found == levels


@pytest.mark.parametrize(("path", "family"), [("summary", "aws_user"), ("kiro", "kiro_user")])
@pytest.mark.parametrize("end", ["first", "last"])
def test_first_and_last_activity(users: dict[tuple[str, str], Any], metrics: Samples, path: str, family: str, end: str) -> None:
    told = {name: field(user, f"{path}.{end}_activity") for (name, window), user in users.items() if window == "last_30d"}
    found = {name: datetime.fromisoformat(moment).timestamp() for name, moment in told.items() if moment is not None}
    assert found == by_user(metrics, f"{family}_{end}_activity_timestamp_seconds")


def test_seats(users: dict[tuple[str, str], Any], metrics: Samples) -> None:
    seats = {(labels["user"], labels["tier"], labels["status"]) for labels in map(dict, metrics["kiro_user_seat"])}
    found = {(name, seat["tier"], seat["status"]) for (name, _), user in users.items() if (seat := (user["kiro"] or {}).get("seat"))}
    assert found == seats


def test_who_they_are(users: dict[tuple[str, str], Any], metrics: Samples) -> None:
    told = ("user_name", "team", "display_name", "email", "department", "status")
    labels = ("user", "team", "display_name", "email", "department", "status")
    infos = {tuple(dict(pairs)[label] for label in labels) for pairs in metrics["aws_user_info"]}
    assert {tuple(user[name] for name in told) for user in users.values()} == infos


def test_timelines_add_up(users: dict[tuple[str, str], Any]) -> None:
    for user in users.values():
        assert sum(day["events"] or 0 for day in user["timeline"]) == user["summary"]["total_events"]
        assert sum(day["kiro_credits"] or 0 for day in user["timeline"]) == (user["kiro"]["credits"] if user["kiro"] else 0)


def test_yesterday_stands_in_the_timeline(users: dict[tuple[str, str], Any]) -> None:
    names = {name for name, _ in users}
    yesterday = {name: users[name, "yesterday"]["summary"]["total_events"] for name in names}
    assert {name: users[name, "last_30d"]["timeline"][-1]["events"] for name in names} == yesterday


def test_totals_are_those_of_the_principals(house: House, metrics: Samples) -> None:
    total = house.client.json("/api/users/analytics")["totals"]["total_events"]
    assert total == metrics["aws_principal_events_last_30d"][(("kind", "human"),)] > 0


def test_limits_of_the_metrics_do_not_apply_and_a_reload_does(house: House, users: dict[tuple[str, str], Any]) -> None:
    before = house.service.people()
    house.config.write_text(CONFIG, encoding="utf-8")
    assert house.service.reload() == []
    eventually(lambda: house.service.people() is not before)
    folded = {dict(pairs)["user"] for pairs in house.metrics()["aws_user_service_events_last_30d"]}
    found = house.client.user(max(users, key=lambda key: users[key]["summary"]["total_events"] or 0)[0])
    assert "_other" in folded
    assert all(house.client.user(name)["metrics"] == users[name, "last_30d"]["metrics"] for name, window in users if window == "last_30d")
    assert len(found["metrics"]["service_events"]) > 1


def test_who_has_asked_does_not_wait_for_the_next_snapshot(house: House) -> None:
    before = house.service.people()
    house.client.json("/api/users/analytics")
    house.service.reload()
    eventually(lambda: house.service.people() is not before)
    after = house.service.people()
    assert after is not None
    assert (after.asked, after._told is not None) == (False, True)
