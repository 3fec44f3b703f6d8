"""What the people API answers of one person: the original's fields, and one consistent set of numbers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

import pytest
from billed import Billed, seat
from facts_in_memory import Used, config, identity
from people_api_rig import BILL, DAYS, ENTRIES, FACTS, FIRST, LAST, NOW, asking_with_bill
from people_asked import SOURCES, Asked, Client, asking, known

from exporter.model import DayRange
from exporter.people import Entry
from exporter.windows import Landed


@pytest.fixture(scope="module")
def api() -> Iterator[Client]:
    with asking(Asked(known(FACTS, NOW, DAYS, entries=ENTRIES).people)) as client:
        yield client


@pytest.fixture(scope="module")
def billed() -> Iterator[Client]:
    with asking_with_bill() as client:
        yield client


def test_original_example_of_usage(api: Client) -> None:
    alice = api.user("alice")
    metrics, summary = alice["metrics"], alice["summary"]
    assert (metrics["read_events"], metrics["write_events"], metrics["high_risk_events"]) == (330, 120, 5)
    assert (summary["total_events"], metrics["activity_score"], summary["usage_category"]) == (450, Decimal("485.5"), "heavy")


def test_original_example_of_cost(billed: Client) -> None:
    costs = billed.user("alice", window="month_to_date")["costs"]
    assert (costs["total_cost"], costs["resource_count"], costs["cost_per_resource"]) == (Decimal("4523.5"), 25, Decimal("180.94"))


def test_user_has_the_originals_fields(billed: Client) -> None:
    alice = billed.user("alice")
    assert {"user_name", "summary", "metrics", "costs", "timeline"} <= alice.keys()
    assert {"usage_category", "total_events", "services_used", "regions_used", "last_activity"} <= alice["summary"].keys()
    assert {"activity_score", "read_events", "write_events", "high_risk_events"} <= alice["metrics"].keys()
    assert {"total_cost", "cost_per_resource", "service_costs", "region_costs"} <= alice["costs"].keys()
    assert {"date", "events", "cost"} <= alice["timeline"][0].keys()


def test_summary_lists_what_was_used_most_first(api: Client) -> None:
    summary = api.user("alice")["summary"]
    assert summary["services_used"] == ["ec2", "s3", "iam"]
    assert summary["regions_used"] == ["us-east-1", "eu-west-1"]
    assert summary["accounts_used"] == ["111122223333", "444455556666"]
    assert (summary["active_days"], summary["first_activity"], summary["last_activity"]) == (2, "2026-07-01T08:00:00Z", "2026-07-14T17:00:00Z")


def test_metrics_are_broken_down(api: Client) -> None:
    metrics = api.user("alice")["metrics"]
    assert metrics["service_events"] == {"ec2": 250, "s3": 160, "iam": 40}
    assert metrics["high_risk_by_category"] == {"iam_policy": 3, "kms": 2}
    assert metrics["denied_events"] == 7


def test_who_somebody_is(api: Client) -> None:
    alice = api.user("alice")
    assert (alice["user_name"], alice["team"], alice["display_name"], alice["email"], alice["department"], alice["status"]) == (
        "alice",
        "core",
        "Alice Smith",
        "alice@example.com",
        "Engineering",
        "listed",
    )


def test_costs_are_exact_to_the_last_decimal(billed: Client) -> None:
    text = billed.get("/api/users/bob").text
    assert '"total_cost":0.3,' in text
    assert billed.user("alice")["costs"]["service_costs"] == {"ec2": Decimal("4000.25"), "s3": Decimal("523.25")}
    assert billed.user("alice")["costs"]["region_costs"] == {"us-east-1": Decimal("4000.25"), "eu-west-1": Decimal("523.25")}


def test_cost_a_resource_is_rounded_to_12_places(billed: Client) -> None:
    settings = config(sources=SOURCES)
    third = [Billed(LAST, 1, user="alice"), *(Billed(LAST, 0, user="alice", resource=f"i-{number}") for number in range(3))]
    landed = {"cur": Landed(DayRange(FIRST, LAST), timedelta(days=14))}
    with asking(Asked(known(third, NOW, landed, entries=ENTRIES, settings=settings).people)) as client:
        assert '"cost_per_resource":0.333333333333,' in client.get("/api/users/alice?window=month_to_date").text


def test_costs_say_their_currency(billed: Client) -> None:
    assert (billed.user("alice")["costs"]["currency"], billed.json("/api/users/analytics")["currency"]) == ("USD", "USD")


def test_without_a_bill_costs_are_not_0(api: Client) -> None:
    assert api.user("alice")["costs"] == {
        "total_cost": None,
        "currency": None,
        "resource_count": None,
        "cost_per_resource": None,
        "service_costs": {},
        "region_costs": {},
    }


def test_kiro_of_a_person(api: Client) -> None:
    kiro = api.user("carol")["kiro"]
    assert (kiro["credits"], kiro["overage_credits"], kiro["messages"], kiro["conversations"]) == (Decimal("12.5"), Decimal("0.25"), 10, 2)
    assert (kiro["included_credits"], kiro["utilization"], kiro["seat"]) == (1000, Decimal("0.0125"), {"tier": "pro", "status": "active"})
    assert kiro["last_activity"] == "2026-07-05T00:00:00Z"


def test_who_has_nothing_to_do_with_kiro_has_no_kiro(api: Client) -> None:
    assert api.user("bob")["kiro"] is None


def test_window_is_chosen(api: Client) -> None:
    alice = api.user("alice", window="yesterday")
    assert (alice["window"], alice["summary"]["total_events"], alice["metrics"]["write_events"]) == ("yesterday", 50, 20)
    day = {"first": "2026-07-14", "last": "2026-07-14"}
    assert alice["days"] == {"cloudtrail": day, "kiro_credits": day}


def test_score_and_category_are_those_of_the_last_30_days_or_none(api: Client) -> None:
    alice = api.user("alice", window="last_7d")
    assert (alice["metrics"]["activity_score"], alice["summary"]["usage_category"]) == (None, None)


def test_window_that_has_not_landed_has_no_numbers(api: Client) -> None:
    alice = api.user("alice", window="today")
    assert (alice["summary"]["total_events"], alice["metrics"]["denied_events"], alice["timeline"]) == (None, None, [])
    assert alice["days"] == {"cloudtrail": None, "kiro_credits": None}


def test_timeline_has_every_day_of_the_window(api: Client) -> None:
    timeline = api.user("alice", window="last_30d")["timeline"]
    assert [day["date"] for day in timeline] == [str(LAST - timedelta(days=back)) for back in range(29, -1, -1)]
    assert {day["date"]: day["events"] for day in timeline if day["events"]} == {"2026-07-01": 400, "2026-07-14": 50}
    assert {day["events"] for day in timeline} == {0, 400, 50}


def test_timeline_has_costs_of_the_days_that_the_bill_has(billed: Client) -> None:
    timeline = billed.user("bob", window="month_to_date")["timeline"]
    costs = {day["date"]: day["cost"] for day in timeline}
    assert (costs["2026-07-01"], costs["2026-07-02"], costs["2026-07-03"], costs["2026-07-14"]) == (0, Decimal("0.1"), Decimal("0.2"), None)


def test_timeline_adds_up(billed: Client) -> None:
    for name in ("alice", "bob", "carol", "dave", "eve"):
        for window in ("last_7d", "last_30d", "month_to_date", "last_month"):
            user = billed.user(name, window=window)
            assert sum(day["events"] or 0 for day in user["timeline"]) == user["summary"]["total_events"]
            assert sum(day["cost"] or 0 for day in user["timeline"]) == user["costs"]["total_cost"]
            assert sum(day["kiro_credits"] or 0 for day in user["timeline"]) == (user["kiro"]["credits"] if user["kiro"] else 0)


def test_costs_of_another_currency_are_in_no_sum_and_in_no_day() -> None:
    facts = [Billed(date(2026, 7, 1), "3.5", user="bob"), Billed(date(2026, 6, 20), "1.25", user="bob", currency="EUR")]
    with asking(Asked(known(facts, NOW, BILL, entries=ENTRIES, settings=config(sources=SOURCES)).people)) as client:
        bob = client.user("bob", window="last_30d")
    assert (bob["costs"]["currency"], bob["costs"]["total_cost"], bob["costs"]["service_costs"]) == ("USD", Decimal("3.5"), {"ec2": Decimal("3.5")})
    assert {day["date"]: day["cost"] for day in bob["timeline"] if day["cost"]} == {"2026-07-01": Decimal("3.5")}


def test_status_of_every_seat_is_described() -> None:
    entries = [Entry("alice", aliases=(identity("a"),), seat_tier="pro"), Entry("bob", aliases=(identity("b"),))]
    facts = [Used(LAST, identity("b"), 3, 1), seat(date(2026, 7, 1), identity("b"), 20)]
    with asking(Asked(known(facts, NOW, {**DAYS, **BILL}, entries=entries, settings=config(sources=SOURCES)).people)) as client:
        held = [client.user(name)["kiro"]["seat"] for name in ("alice", "bob")]
        described = client.json("/api/openapi.json")["components"]["schemas"]["Seat"]["properties"]["status"]["description"]
    assert held == [{"tier": "pro", "status": "pending"}, {"tier": "pro", "status": "active"}]
    assert all(f"`{status}`" in described for status in ("active", "pending", "new", "idle"))


def test_who_somebody_is_can_be_switched_off_and_the_document_says_so() -> None:
    with asking(Asked(known(FACTS, NOW, DAYS, entries=ENTRIES, settings=config(windows={"aws_user_info": []})).people)) as client:
        alice = client.user("alice")
        fields = client.json("/api/openapi.json")["components"]["schemas"]["User"]["properties"]
    for name in ("display_name", "email", "department", "status"):
        assert (alice[name], fields[name]["anyOf"]) == (None, [{"type": "string"}, {"type": "null"}])
