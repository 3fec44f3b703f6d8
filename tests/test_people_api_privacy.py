"""Whom and what the people API tells under each privacy setting, and that no name can make it tell more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from billed import Billed
from facts_in_memory import Caused, Fact, Used, at, config, identity, in_memory
from people_asked import SOURCES, Asked, Client, asking, known

from exporter.model import DayRange
from exporter.people import Entry
from exporter.people.privacy import pseudonym
from exporter.windows import Landed

NOW, DAY = at(2026, 7, 15), date(2026, 7, 14)
DAYS = dict.fromkeys(("cloudtrail", "kiro_credits", "cur"), Landed(DayRange(DAY, DAY), timedelta(days=14)))
A, D = identity("a"), identity("d")
ENTRIES = [
    Entry("alice", display_name="Alice Smith", email="al@example.com", team="core", department="Engineering", aliases=(A,)),
    Entry("bob", team="data"),
    Entry("carol", email="carol@example.com", team="data"),
]
FACTS: list[Fact] = [
    Caused(DAY, A, 10, 5, services={"ec2": 15}, sensitive={"kms": 1}),
    Caused(DAY, "session:bob", 20, services={"s3": 20}),
    Caused(DAY, "session_name:carol@example.com", 30, services={"ec2": 30}),
    Caused(DAY, "session_name:zoe@example.com", 40, services={"s3": 40}),
    Caused(DAY, "iam_user:old.key@111122223333", 50, services={"iam": 50}),
    Used(DAY, D, 7, 3, mail="dora@example.com"),
    Billed(DAY, "1.5", user="alice"),
    Billed(DAY, "2.5", user="bob"),
]
NAMES = ("alice", "Alice", "Smith", "bob", "carol", "zoe", "old.key", "dora", "example.com", A, D)
PAGES = ("analytics", "top-by-usage", "top-by-cost", "inactive?days=1", "inactive?activity=kiro")


@contextmanager
def told(facts: list[Fact] = FACTS, entries: list[Entry] = ENTRIES, **privacy: Any) -> Iterator[Client]:
    people = known(in_memory(facts), NOW, DAYS, entries=entries, settings=config(sources=SOURCES, privacy=privacy)).people
    with asking(Asked(people)) as client:
        yield client


@pytest.fixture(scope="module")
def hashed() -> Iterator[Client]:
    with told(user_label="hash", hash_key="pepper") as client:
        yield client


@pytest.mark.parametrize("path", [*PAGES, pseudonym("alice", "pepper"), "alice"])
def test_with_hash_no_answer_holds_a_name_a_mail_or_an_id(hashed: Client, path: str) -> None:
    text = hashed.get(f"/api/users/{path}").text
    assert [name for name in NAMES if name in text] == []


def test_without_hash_they_would_be_found() -> None:
    with told() as client:
        text = client.get("/api/users/analytics").text + client.get("/api/users/alice").text
        assert [name for name in NAMES if name not in text] == [A, D]


def test_with_hash_people_are_asked_for_by_their_hash(hashed: Client) -> None:
    found = hashed.user(pseudonym("alice", "pepper"))
    assert (found["summary"]["total_events"], found["display_name"], found["email"], found["team"]) == (15, "", "", "core")


def test_with_hash_nobody_is_found_by_name(hashed: Client) -> None:
    assert {hashed.problem(f"/api/users/{name}")[0] for name in ("alice", "bob", "al@example.com", A)} == {404}


@pytest.mark.parametrize(("label", "name"), [("email", "al@example.com"), ("id", A)])
def test_label_is_the_name(label: str, name: str) -> None:
    with told(user_label=label) as client:
        assert (client.user(name)["summary"]["total_events"], client.problem("/api/users/alice")[0]) == (15, 404)


@pytest.fixture(scope="module", params=[{"exclude_users": ["bob"]}, {"only_teams": ["core", "unknown"]}], ids=["excluded", "other teams"])
def without_bob(request: pytest.FixtureRequest) -> Iterator[Client]:
    with told(**request.param) as client:
        yield client


def test_hidden_people_are_not_found(without_bob: Client) -> None:
    assert without_bob.problem("/api/users/bob") == without_bob.problem("/api/users/nobody-at-all")


@pytest.mark.parametrize("path", PAGES)
def test_hidden_people_are_in_no_list(without_bob: Client, path: str) -> None:
    assert "bob" not in without_bob.get(f"/api/users/{path}").text


def test_hidden_people_are_in_no_sum(without_bob: Client) -> None:
    found = without_bob.json("/api/users/analytics")
    assert found["totals"]["total_events"] == sum(user["total_events"] for user in found["users"])
    assert found["totals"]["total_cost"] == 1.5


def test_hidden_people_leave_the_others_as_they_are(without_bob: Client) -> None:
    assert without_bob.user("alice")["summary"]["total_events"] == 15


HOSTILE = [
    "a/b",
    "../../etc/passwd",
    "/",
    "a b",
    "a%2Fb",
    "100%",
    "'; DROP TABLE person; --",
    'quote"d',
    "back\\slash",
    "<script>alert(1)</script>",
    "https://example.org/?a=b&c=d#e",
    "{user}",
    "$user",
    "jörg.müller",
    "名前",
    "🦆",
    "semi;colon",
    "plus+minus",
    "a\u2028b",
    "analyze",
]


@pytest.fixture(scope="module")
def hostile() -> Iterator[Client]:
    entries = [Entry(name, team=f"team {name}") for name in HOSTILE]
    facts: list[Fact] = [Caused(DAY, f"session:{name.lower()}", place + 1, services={"ec2": place + 1}) for place, name in enumerate(HOSTILE)]
    with told(facts, entries) as client:
        yield client


@pytest.mark.parametrize(("place", "name"), list(enumerate(HOSTILE)))
def test_hostile_name_is_found_under_itself(hostile: Client, place: int, name: str) -> None:
    found = hostile.user(name)
    assert (found["user_name"], found["summary"]["total_events"]) == (name, place + 1)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_team_is_chosen(hostile: Client, name: str) -> None:
    assert hostile.names("/api/users/analytics", team=f"team {name}") == [name]


def test_hostile_names_are_listed_as_they_are(hostile: Client) -> None:
    assert set(hostile.names("/api/users/analytics")) == set(HOSTILE)


@pytest.mark.parametrize("name", ["%00", "%ff%fe", "a%00b", quote("x" * 5000), "%F0%9F", "?", "#", "..%2f..%2fdocs"])
def test_what_is_nobodys_name_is_not_found(hostile: Client, name: str) -> None:
    answer = hostile.web.get(f"/api/users/{name}")
    assert answer.status == 404
    assert list(json.loads(answer.text)) == ["detail"]


def test_line_breaks_reach_no_header(hostile: Client) -> None:
    answer = hostile.web.get("/api/users/%0d%0aSet-Cookie:%20a=b")
    assert (answer.status, "set-cookie" in answer.headers) == (404, False)


@pytest.mark.parametrize("team", ["%00", "%ff", "';--", "a%27%20OR%201=1"])
def test_what_is_no_team_has_nobody(hostile: Client, team: str) -> None:
    assert json.loads(hostile.web.get(f"/api/users/analytics?team={team}").text)["users"] == []


@pytest.mark.parametrize("path", ["/api/users/analytics", "/api/users/%3Cscript%3E", "/api/users/analytics?limit=%3Cscript%3E", "/docs", "/api/openapi.json"])
def test_every_answer_carries_the_security_headers(hostile: Client, path: str) -> None:
    headers = hostile.web.get(path).headers
    assert (headers["x-content-type-options"], headers["referrer-policy"], headers["cache-control"]) == ("nosniff", "no-referrer", "no-store")
    assert headers["content-security-policy"].startswith("default-src 'none';")
