"""The views for people who use SQL: numbers worked out by hand, on DuckDB. Trino runs the same statements in test_trino.py."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from exporter.engines import statement
from exporter.engines.dialect import to_duckdb
from exporter.sources.kiro import KINDS

VIEWS = (
    "kiro_tiers",
    "kiro_credits_daily",
    "user_credits_enhanced",
    "tier_summary",
    "kiro_features_daily",
    "user_activity_enhanced",
    "daily_summary",
    "top_users",
)
ALICE, BOB, CAROL = (f"{number}00b5bb0-1111-4000-8000-00000000000{number}" for number in (1, 2, 3))
MAPPING = ("userid", "username", "display_name", "email", "department", "team", "status")


class Views:
    """The views over rows that a test puts in."""

    def __init__(self) -> None:
        self._connection = duckdb.connect()
        for kind in KINDS.values():
            columns = ", ".join(f"{name} {of}" for name, of in kind.columns.items())
            self._connection.execute(f"CREATE TABLE {kind.relation} ({columns})").fetchall()
        self._connection.execute(f"CREATE TABLE user_mapping ({', '.join(f'{name} VARCHAR' for name in MAPPING)})").fetchall()
        for name in VIEWS:
            self._connection.execute(to_duckdb(statement(f"views/{name}"))).fetchall()

    def credit(self, day: str, userid: str, credits: str = "1", **values: Any) -> None:
        row = {"path": "p", "account": "111122223333", "region": "us-east-1", "exported": "2026-09-01", "modified": "m", "client_type": "KIRO_IDE"}
        row |= {"day": date.fromisoformat(day), "userid": userid, "credits_used": Decimal(credits), "total_messages": 1, "subscription_tier": "PRO"}
        self._insert("kiro_user_report", {**row, **values})

    def feature(self, day: str, userid: str, counters: Mapping[str, int], **values: Any) -> None:
        row = {"path": "p", "account": "111122223333", "region": "us-east-1", "exported": "2026-09-01", "modified": "m"}
        self._insert("kiro_by_user_analytic", {**row, "day": date.fromisoformat(day), "userid": userid, "counters": dict(counters), **values})

    def map(self, *values: str) -> None:
        self._insert("user_mapping", dict(zip(MAPPING, values, strict=False)))

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(query).fetchall()

    def _insert(self, table: str, row: Mapping[str, Any]) -> None:
        self._connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values())).fetchall()


@pytest.fixture
def views() -> Views:
    return Views()


def test_utilisation_is_the_month_so_far_of_the_person_against_what_the_seat_includes(views: Views) -> None:
    views.credit("2026-08-31", ALICE, "999")
    views.credit("2026-09-01", ALICE, "500", overage_cap=Decimal("2500"))
    views.credit("2026-09-02", ALICE, "300", client_type="KIRO_CLI")
    views.credit("2026-09-02", ALICE, "50")
    views.credit("2026-09-03", ALICE, "200")
    found = views.ask("SELECT date, client_type, month_to_date_credits, credit_utilization_pct, usage_status FROM user_credits_enhanced ORDER BY ALL")
    assert [(day.isoformat(), client, int(credits), percent, status) for day, client, credits, percent, status in found] == [
        ("2026-08-31", "KIRO_IDE", 999, 99.9, "Warning"),
        ("2026-09-01", "KIRO_IDE", 500, 50.0, "Normal"),
        ("2026-09-02", "KIRO_CLI", 850, 85.0, "Warning"),
        ("2026-09-02", "KIRO_IDE", 850, 85.0, "Warning"),
        ("2026-09-03", "KIRO_IDE", 1050, 105.0, "Over Limit"),
    ]


def test_the_limit_of_the_report_goes_before_that_of_the_tier(views: Views) -> None:
    views.credit("2026-09-01", ALICE, "500", usage_limit=Decimal("2000"))
    views.credit("2026-09-01", BOB, "500", subscription_tier="ProPlus")
    views.credit("2026-09-01", CAROL, "500", subscription_tier="new tier")
    found = views.ask("SELECT userid, subscription_tier, credit_utilization_pct, usage_status FROM user_credits_enhanced ORDER BY ALL")
    assert found == [(ALICE, "pro", 25.0, "Normal"), (BOB, "pro_plus", 25.0, "Normal"), (CAROL, "newtier", None, "Unknown")]


def test_overage_has_the_price_of_the_config(views: Views) -> None:
    views.credit("2026-09-01", ALICE, "10", overage_credits_used=Decimal("25"), total_messages=4)
    views.credit("2026-09-01", BOB, "10", overage_credits_used=Decimal("50"), subscription_tier="new tier", total_messages=0)
    found = views.ask("SELECT overage_cost_usd, credits_per_message FROM user_credits_enhanced ORDER BY userid")
    assert found == [(pytest.approx(1.0), 2.5), (pytest.approx(2.0), None)]


@pytest.mark.parametrize("spelling", [ALICE, f"d-1234567890.{ALICE}", f"0123456789-{ALICE}", f" {ALICE.upper()} "])
def test_every_spelling_of_an_id_is_one_person_and_finds_the_name(spelling: str, views: Views) -> None:
    views.map(f"{ALICE}", "alice\r", "Alice", "alice@example.com", "", "platform", "enabled")
    views.credit("2026-09-01", spelling)
    views.feature("2026-09-01", spelling, {"chat_aicodelines": 1})
    assert views.ask("SELECT userid, username, team FROM user_credits_enhanced") == [(ALICE, "alice", "platform")]
    assert views.ask("SELECT userid, username, team FROM user_activity_enhanced") == [(ALICE, "alice", "platform")]


def test_who_is_not_mapped_has_the_mail_of_the_report_or_the_id(views: Views) -> None:
    views.credit("2026-09-01", ALICE, user_email="Alice@Example.com")
    views.credit("2026-09-01", BOB)
    assert views.ask("SELECT username FROM user_credits_enhanced ORDER BY userid") == [("alice@example.com",), (BOB,)]


def test_an_id_that_is_mapped_twice_is_counted_once(views: Views) -> None:
    views.map(ALICE, "alice")
    views.map(ALICE, "alice.old")
    views.credit("2026-09-01", ALICE, "7")
    assert views.ask("SELECT username, credits_used FROM user_credits_enhanced") == [("alice", Decimal(7))]


def test_the_newest_export_of_a_day_counts(views: Views) -> None:
    views.credit("2026-09-01", ALICE, "7", exported="2026-09-01T02")
    views.credit("2026-09-01", f"d-1234567890.{ALICE}", "9", exported="2026-09-02T02")
    views.feature("2026-09-01", ALICE, {"chat_messagessent": 7}, modified="1")
    views.feature("2026-09-01", ALICE, {"chat_messagessent": 9}, modified="2")
    assert views.ask("SELECT credits_used FROM user_credits_enhanced") == [(Decimal(9),)]
    assert views.ask("SELECT chat_messagessent FROM user_activity_enhanced") == [(9,)]


def test_tiers_count_people_and_average_over_them(views: Views) -> None:
    views.credit("2026-09-01", ALICE, "100", overage_credits_used=Decimal(0))
    views.credit("2026-09-02", ALICE, "200", overage_credits_used=Decimal(10))
    views.credit("2026-09-02", ALICE, "300", client_type="PLUGIN", overage_credits_used=Decimal(15))
    views.credit("2026-09-01", BOB, "200")
    views.credit("2026-09-01", CAROL, "50", subscription_tier="PRO_MAX")
    found = views.ask("SELECT * FROM tier_summary ORDER BY ALL")
    assert found == [("pro", 2, 800.0, 400.0, 25.0, pytest.approx(1.0), 1), ("pro_max", 1, 50.0, 50.0, 0.0, 0.0, 0)]


def test_a_segment_is_the_persons_in_the_month_and_not_the_days(views: Views) -> None:
    for day in range(1, 7):
        views.feature(f"2026-09-{day:02}", ALICE, {"chat_aicodelines": 60, "inline_aicodelines": 30})
    views.feature("2026-10-01", ALICE, {"chat_aicodelines": 10})
    views.feature("2026-09-01", BOB, {"inline_aicodelines": 51})
    found = views.ask("SELECT DISTINCT userid, year_month, user_segment FROM user_activity_enhanced ORDER BY ALL")
    assert found == [(ALICE, "2026-09", "Heavy"), (ALICE, "2026-10", "Light"), (BOB, "2026-09", "Medium")]


def test_rates_of_nothing_are_unknown(views: Views) -> None:
    counters = {"inline_acceptancecount": 3, "inline_suggestionscount": 12, "chat_messagessent": 9, "chat_messagesinteracted": 6}
    views.feature("2026-09-01", ALICE, counters)
    views.feature("2026-09-01", BOB, {})
    found = views.ask("SELECT inline_acceptance_rate_pct, messages_per_interaction, day_of_week FROM user_activity_enhanced ORDER BY userid")
    assert found == [(25.0, 1.5, "Tuesday"), (None, None, "Tuesday")]


def test_a_day_counts_each_person_once(views: Views) -> None:
    views.feature("2026-09-01", ALICE, {"chat_messagessent": 1, "chat_aicodelines": 5})
    views.feature("2026-09-01", ALICE, {"chat_messagessent": 2, "inline_aicodelines": 3}, region="eu-central-1")
    views.feature("2026-09-01", BOB, {"codereview_findingscount": 4, "testgeneration_eventcount": 6})
    assert views.ask("SELECT * FROM daily_summary") == [(date(2026, 9, 1), 2, 3, 5, 3, 8, 0, 0, 6, 4)]


def test_the_hundred_with_most_lines_stand_in_order(views: Views) -> None:
    for number in range(101):
        views.feature("2026-09-01", f"user-{number:03}", {"chat_aicodelines": 1000 - number})
    views.feature("2026-09-02", "user-099", {"inline_aicodelines": 500, "chat_messagessent": 2})
    found = views.ask("SELECT userid, total_ai_codelines, active_days FROM top_users")
    assert len(found) == 100
    assert found[:2] == [("user-099", 1401, 2), ("user-000", 1000, 1)]
    assert ("user-100", 900, 1) not in found


def test_the_view_in_place_of_a_mapping_maps_nobody() -> None:
    connection = duckdb.connect()
    connection.execute(to_duckdb(statement("views/user_mapping"))).fetchall()
    assert connection.execute("FROM user_mapping").fetchall() == []
    assert [name for name, *_ in connection.execute("DESCRIBE user_mapping").fetchall()] == list(MAPPING)
