"""What the people API lists, in pages in a stable order; sentences for what cannot be answered; and a refresh."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from facts_in_memory import config
from people_api_rig import DAYS, ENTRIES, FACTS, NOW, asking_with_bill
from people_asked import SOURCES, Asked, Client, asking, known

from exporter.snapshots.people import SnapshotPeople


@pytest.fixture(scope="module")
def view() -> Asked:
    return Asked(known(FACTS, NOW, DAYS, entries=ENTRIES).people)


@pytest.fixture(scope="module")
def api(view: Asked) -> Iterator[Client]:
    with asking(view) as client:
        yield client


@pytest.fixture(scope="module")
def billed() -> Iterator[Client]:
    with asking_with_bill() as client:
        yield client


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


def test_moment_is_that_of_the_snapshot(api: Client) -> None:
    assert datetime.fromisoformat(api.json("/api/users/analytics")["moment"]) == datetime(2026, 7, 15, 12, tzinfo=UTC)


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
        assert self.ask(api) == (409, "cloudtrail is being refreshed already. cur is being refreshed already.")
