"""What the people API answers: the original's fields, one consistent set of numbers, pages in a stable order, and sentences for what cannot be answered."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from billed import Billed
from facts_in_memory import Caused, Fact, Used, at, config, identity
from people_asked import SOURCES, Asked, Client, asking, known

from exporter.model import DayRange
from exporter.people import Entry
from exporter.snapshots.people import SnapshotPeople
from exporter.snapshots.people_told import Chosen
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


@pytest.fixture(scope="module")
def people() -> SnapshotPeople:
    return known(FACTS, NOW, DAYS, entries=ENTRIES).people


@pytest.fixture(scope="module")
def view(people: SnapshotPeople) -> Asked:
    return Asked(people)


@pytest.fixture(scope="module")
def api(view: Asked) -> Iterator[Client]:
    with asking(view) as client:
        yield client


@pytest.fixture(scope="module")
def billed() -> Iterator[Client]:
    settings = config(sources=SOURCES)
    with asking(Asked(known([*FACTS, *COSTS], NOW, {**DAYS, **BILL}, entries=ENTRIES, settings=settings).people)) as client:
        yield client


# One person


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


# Lists


def test_analytics_lists_everybody_with_totals(api: Client) -> None:
    found = api.json("/api/users/analytics")
    assert [user["user_name"] for user in found["users"]] == ["alice", "bob", "carol", "dave", "eve"]
    assert (found["count"], found["total"], found["limit"], found["offset"], found["window"]) == (5, 5, 100, 0, "last_30d")
    totals = found["totals"]
    assert (totals["total_events"], totals["read_events"], totals["write_events"], totals["unknown_events"]) == (470, 344, 125, 1)
    assert (totals["high_risk_events"], totals["denied_events"], totals["total_cost"], totals["kiro_credits"]) == (5, 7, None, Decimal("15.5"))


def test_totals_are_those_of_everybody_whatever_the_page(api: Client) -> None:
    whole, page = api.json("/api/users/analytics"), api.json("/api/users/analytics", limit=1, offset=3)
    assert (page["totals"], page["total"], page["count"]) == (whole["totals"], 5, 1)


def test_top_by_usage_has_the_originals_fields(api: Client) -> None:
    found = api.json("/api/users/top-by-usage", limit=1)
    alice = {
        "user_name": "alice",
        "team": "core",
        "total_events": 450,
        "activity_score": Decimal("485.5"),
        "usage_category": "heavy",
        "services_used": ["ec2", "s3", "iam"],
        "write_events": 120,
        "high_risk_events": 5,
    }
    assert (found["users"], found["count"], found["total"]) == ([alice], 1, 3)


def test_most_active_come_first(api: Client) -> None:
    # bob: 4 + 1 reads and 5 writes = 11.25; dave: 10 reads = 10
    assert api.names("/api/users/top-by-usage") == ["alice", "bob", "dave"]


def test_top_by_cost_has_the_originals_fields(billed: Client) -> None:
    found = billed.json("/api/users/top-by-cost", window="month_to_date", limit=1)
    alice = {
        "user_name": "alice",
        "team": "core",
        "total_cost": Decimal("4523.5"),
        "service_costs": {"ec2": Decimal("4000.25"), "s3": Decimal("523.25")},
        "resource_count": 25,
        "cost_per_resource": Decimal("180.94"),
    }
    assert (found["users"], found["count"], found["total"], found["currency"]) == ([alice], 1, 2, "USD")


def test_top_by_cost_sorts_by_cost_per_resource(billed: Client) -> None:
    assert billed.names("/api/users/top-by-cost", window="month_to_date", sort="cost_per_resource", order="asc") == ["bob", "alice"]


def test_top_by_cost_without_a_bill_says_so(api: Client) -> None:
    assert api.problem("/api/users/top-by-cost") == (
        404,
        "No bill source is configured, so nobody has a cost; add cur or cost_explorer to the sources.",
    )


def test_top_by_cost_before_the_bill_has_landed_says_so() -> None:
    with asking(Asked(known(FACTS, NOW, DAYS, entries=ENTRIES, settings=config(sources=SOURCES)).people)) as client:
        status, sentence = client.problem("/api/users/top-by-cost")
        assert (status, sentence.startswith("The bill has not landed yet")) == (503, True)


@pytest.mark.parametrize(
    ("days", "expected"),
    [(1, ["eve", "dave", "bob", "carol", "alice"]), (2, ["eve", "dave", "bob", "carol"])],
)
def test_inactive_of_any_kind(days: int, expected: list[str], api: Client) -> None:
    # last activity: eve never, bob 2 July, dave 3 July, carol 5 July (Kiro), alice 14 July
    assert sorted(api.names("/api/users/inactive", days=days)) == sorted(expected)


@pytest.mark.parametrize(
    ("activity", "days", "expected"),
    [
        ("any", 10, ["eve", "bob", "dave", "carol"]),
        ("any", 11, ["eve", "bob", "dave"]),
        ("any", 13, ["eve", "bob"]),
        ("any", 14, ["eve"]),
        ("aws", 12, ["carol", "eve", "bob", "dave"]),
        ("kiro", 10, ["bob", "dave", "eve", "carol"]),
    ],
)
def test_never_seen_come_first_then_the_longest_inactive(api: Client, activity: str, days: int, expected: list[str]) -> None:
    assert api.names("/api/users/inactive", days=days, activity=activity) == expected


def test_inactive_tells_the_last_activity(api: Client) -> None:
    eve, bob = api.json("/api/users/inactive", days=13)["users"]
    assert (eve["last_activity"], eve["days_inactive"]) == (None, None)
    assert (bob["last_activity"], bob["days_inactive"], bob["aws_last_activity"], bob["kiro_last_activity"]) == (
        "2026-07-02T17:00:00Z",
        13,
        "2026-07-02T17:00:00Z",
        None,
    )


def test_inactive_does_not_take_a_source_that_is_away_for_silence() -> None:
    with asking(Asked(known(FACTS, NOW, {"kiro_credits": DAYS["kiro_credits"]}, entries=ENTRIES).people)) as client:
        status, sentence = client.problem("/api/users/inactive", activity="aws")
        assert (status, sentence.startswith("Nothing is published of such activity")) == (503, True)


# Pages and order


def test_pages_make_up_the_whole(api: Client) -> None:
    pages = [api.names("/api/users/analytics", sort="total_events", limit=2, offset=offset) for offset in (0, 2, 4, 6)]
    assert pages == [["alice", "bob"], ["dave", "carol"], ["eve"], []]


@pytest.mark.parametrize(
    ("sort", "order", "expected"),
    [
        ("user_name", "desc", ["eve", "dave", "carol", "bob", "alice"]),
        ("total_events", "asc", ["carol", "eve", "bob", "dave", "alice"]),
        # bob and dave both have 10 events: the name that sorts first, whatever the direction
        ("total_events", "desc", ["alice", "bob", "dave", "carol", "eve"]),
        ("team", "asc", ["alice", "carol", "eve", "bob", "dave"]),
        # nobody but alice and carol has to do with Kiro: the others come last in both directions
        ("kiro_credits", "asc", ["alice", "carol", "bob", "dave", "eve"]),
        ("kiro_credits", "desc", ["carol", "alice", "bob", "dave", "eve"]),
        ("last_activity", "desc", ["alice", "dave", "bob", "carol", "eve"]),
    ],
)
def test_order(api: Client, sort: str, order: str, expected: list[str]) -> None:
    assert api.names("/api/users/analytics", sort=sort, order=order) == expected


def test_numbers_descend_and_names_ascend_unless_told(api: Client) -> None:
    assert (api.names("/api/users/analytics", sort="read_events")[0], api.names("/api/users/analytics", sort="user_name")[0]) == ("alice", "alice")


def test_team_is_chosen(api: Client) -> None:
    found = api.json("/api/users/analytics", team="data")
    assert ([user["user_name"] for user in found["users"]], found["total"], found["totals"]["total_events"]) == (["bob", "dave"], 2, 20)


# What cannot be answered


def test_nobody_of_that_name(api: Client) -> None:
    assert api.problem("/api/users/zoe") == (404, "Nobody is published under this name; /api/users/analytics lists who is.")


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/nothing", "/api/users"])
def test_no_such_address(api: Client, path: str) -> None:
    answer = api.get(path)
    assert answer.status == 404
    assert "There is nothing at this address" in answer.text


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("analytics?limit=0", "limit should be greater than or equal to 1."),
        ("analytics?limit=1001", "limit should be less than or equal to 1000."),
        ("analytics?offset=-1", "offset should be greater than or equal to 0."),
        ("analytics?offset=99999999999999999999", "offset should be less than or equal to 1000000000."),
        ("analytics?limit=many", "limit should be a valid integer, unable to parse string as an integer."),
        ("analytics?order=up", "order should be 'asc' or 'desc'."),
        ("analytics?widnow=last_30d", "there is no parameter widnow, see /docs."),
        ("top-by-cost?sort=team", "sort should be 'total_cost', 'resource_count', 'cost_per_resource' or 'user_name'."),
        ("inactive?days=0", "days should be greater than or equal to 1."),
        ("alice?window=last_year", "window should be 'today', 'yesterday', '3d_ago', 'last_7d', 'last_30d', 'month_to_date' or 'last_month'."),
        ("analytics?limit=0&order=up", "order should be 'asc' or 'desc'; limit should be greater than or equal to 1."),
    ],
)
def test_wrong_parameters_are_told_in_a_sentence(api: Client, path: str, sentence: str) -> None:
    assert api.problem(f"/api/users/{path}") == (422, sentence)


@pytest.mark.parametrize(("method", "path", "allowed"), [("POST", "analytics", "GET, HEAD"), ("DELETE", "alice", "GET, HEAD"), ("PUT", "analyze", "POST")])
def test_other_methods(api: Client, method: str, path: str, allowed: str) -> None:
    answer = api.web.request(method, f"/api/users/{path}")
    assert (answer.status, answer.headers["allow"], json.loads(answer.text)) == (405, allowed, {"detail": f"Only {allowed} can be used at this address."})


def test_head_has_no_body(api: Client) -> None:
    answer = api.web.request("HEAD", "/api/users/analytics")
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize("path", ["analytics", "top-by-usage", "top-by-cost", "inactive", "alice"])
def test_before_anything_has_landed(path: str, view: Asked, api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "current", None)
    assert api.problem(f"/api/users/{path}") == (
        503,
        "Nothing can be told yet: no source has landed, or the store is still being read after a start; ask again later.",
    )


def test_unexpected_error_is_logged_and_told_in_a_sentence(view: Asked, api: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> SnapshotPeople | None:
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(view, "people", fail)
    assert api.problem("/api/users/analytics") == (500, "Unexpected error; the log of the exporter has the details.")
    api.get("/-/healthy")
    assert [vars(record)["fields"] for record in caplog.records if record.exc_info] == [{"method": "GET", "path": "/api/users/analytics"}]


# A refresh


class TestAnalyze:
    @pytest.fixture(autouse=True)
    def fresh(self, view: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in {"refreshed": [], "errors": [], "enable_lifecycle": True}.items():
            monkeypatch.setattr(view, name, value)

    def ask(self, api: Client, **headers: str) -> tuple[int, Any]:
        answer = api.web.request("POST", "/api/users/analyze", **headers)
        return answer.status, json.loads(answer.text)["detail"]

    def test_refreshes_every_source(self, api: Client, view: Asked) -> None:
        assert (self.ask(api), view.refreshed) == ((202, "A refresh of every source was asked for."), [None])

    def test_is_off_unless_enabled(self, api: Client, view: Asked) -> None:
        view.enable_lifecycle = False
        status, sentence = self.ask(api)
        assert (status, "--web.enable-lifecycle" in sentence, view.refreshed) == (403, True, [])

    def test_refuses_other_sites(self, api: Client, view: Asked) -> None:
        assert (self.ask(api, Sec_Fetch_Site="cross-site")[0], view.refreshed) == (403, [])

    def test_answers_with_every_error(self, api: Client, view: Asked) -> None:
        view.errors = ["cloudtrail is being refreshed already.", "cur is being refreshed already."]
        assert self.ask(api) == (500, "cloudtrail is being refreshed already. cur is being refreshed already.")


# What it costs, and when


def test_nothing_is_stated_before_somebody_asks() -> None:
    people = known(FACTS, NOW, DAYS, entries=ENTRIES).people
    before = people.asked
    people.listed("last_30d", Chosen("user_name", False, 1))
    assert (before, people.asked) == (False, True)


def test_facts_are_not_held_by_an_open_transaction() -> None:
    """One that stayed open would keep every row that refreshes replace."""
    facts = known(FACTS, NOW, DAYS, entries=ENTRIES)
    facts.people.prepare()
    recent = facts.people._facts
    recent.cursor().execute("ALTER TABLE cloudtrail ADD COLUMN later INTEGER").fetchall()
    assert facts.people.one("alice", "last_30d") is not None


def test_prepared_is_not_asked() -> None:
    people = known(FACTS, NOW, DAYS, entries=ENTRIES).people
    people.prepare()
    assert not people.asked


def test_answer_stays_the_same_while_facts_change() -> None:
    facts = known(FACTS, NOW, DAYS, entries=ENTRIES)
    before = facts.people.one("alice", "last_30d")
    facts.people._facts.drop_before("cloudtrail", LAST)
    assert facts.people.one("alice", "last_30d") == before
    assert sum(day.events or 0 for day in facts.people.timeline(before.person, "last_30d")) == 450  # type: ignore[union-attr]


def test_fastapi_is_not_imported_before_the_first_request() -> None:
    code = "import sys, exporter.service, exporter.web.app; print('fastapi' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_moment_is_that_of_the_snapshot(api: Client) -> None:
    assert datetime.fromisoformat(api.json("/api/users/analytics")["moment"]) == datetime(2026, 7, 15, 12, tzinfo=UTC)
