"""Bill facts to persons: every method, every reason, and the order in which they are asked."""

from __future__ import annotations

from typing import Any

import pytest
from facts_in_memory import identity

from exporter.config.people import Patterns
from exporter.model import SeenIdentity
from exporter.people import Entry, People, resolve
from exporter.people.attribution import Attributed, Candidate, Rules, attribute, principal_key, with_principals

A, B, C = map(identity, "abc")
ACCOUNT = "111122223333"
ORDER = ("user_identifier", "iam_principal", "identity_store_user", "owner_tag", "created_by_tag", "resource_creator", "account_owner")
RULES = Rules.of(Patterns.model_validate({}))
SSO = f"arn:aws:sts::{ACCOUNT}:assumed-role/AWSReservedSSO_Dev_0123456789abcdef/"
ROLE = f"arn:aws:sts::{ACCOUNT}:assumed-role/Gateway/"
USER = f"arn:aws:iam::{ACCOUNT}:user/"

SEEN = [
    SeenIdentity(1, A, None, ("cur",)),
    SeenIdentity(2, B, "carol@example.com", ("kiro_credits",)),
    SeenIdentity(3, "session:dave", None, ("cloudtrail",)),
    SeenIdentity(4, f"iam_user:erin@{ACCOUNT}", None, ("cloudtrail",)),
    SeenIdentity(5, "session_name:frank@example.com", None, ("cloudtrail",)),
    # Two kinds of one name: by the name alone nobody is meant.
    SeenIdentity(6, "source_identity:gina", None, ("cloudtrail",)),
    SeenIdentity(7, "session:gina", None, ("cloudtrail",)),
]
ENTRIES = [Entry("alice", email="alice@example.com", aliases=(A, "asmith", f"asmith@{ACCOUNT}")), Entry("bob", aliases=("bob@corp.example",))]


@pytest.fixture(scope="module")
def people() -> People:
    return resolve(ENTRIES, SEEN, ("file",))


def given(
    people: People, order: tuple[str, ...] = ORDER, *, owners: dict[str, str] | None = None, shared_charges: bool = False, **said: Any
) -> tuple[str, str]:
    """Who gets a candidate and by which method, or nobody and why."""
    candidate = Candidate(7, said.pop("account", ACCOUNT), said.pop("shared", False), **said)
    (found,) = attribute([candidate], order, people, owners or {}, shared_charges, RULES)
    assert found.candidate == 7
    if found.person is None:
        assert found.method is None
        assert found.reason is not None
        return "nobody", found.reason
    assert found.method is not None
    assert found.reason is None
    return people.persons[found.person].user, found.method


# Each method

METHODS: dict[str, tuple[dict[str, Any], tuple[str, str]]] = {
    "user identifier": ({"user_identifier": A}, ("alice", "user_identifier")),
    "user identifier of nobody's list": ({"user_identifier": B}, ("carol@example.com", "user_identifier")),
    "session of an Identity Center role": ({"iam_principal": f"{SSO}dave"}, ("dave", "iam_principal")),
    "session in capitals": ({"iam_principal": f"{SSO}DAVE"}, ("dave", "iam_principal")),
    "session that an entry names": ({"iam_principal": f"{SSO}asmith"}, ("alice", "iam_principal")),
    "session that looks like a person": ({"iam_principal": f"{ROLE}frank@example.com"}, ("frank@example.com", "iam_principal")),
    "IAM user": ({"iam_principal": f"{USER}erin"}, ("erin@111122223333", "iam_principal")),
    "IAM user with a path": ({"iam_principal": f"{USER}team/core/Erin"}, ("erin@111122223333", "iam_principal")),
    "IAM user that an entry names": ({"iam_principal": f"{USER}asmith"}, ("alice", "iam_principal")),
    "IAM user of China": ({"iam_principal": f"{USER}erin".replace(":aws:", ":aws-cn:")}, ("erin@111122223333", "iam_principal")),
    "identity store user": ({"identity_store_user": A}, ("alice", "identity_store_user")),
    "owner tag, a name": ({"owner_tags": "Alice"}, ("alice", "owner_tag")),
    "owner tag, a mail": ({"owner_tags": " Alice@Example.com "}, ("alice", "owner_tag")),
    "owner tag, an alias": ({"owner_tags": "asmith"}, ("alice", "owner_tag")),
    "owner tag, an id": ({"owner_tags": f"d-1234567890.{A}"}, ("alice", "owner_tag")),
    "owner tag, the mail of a person without an entry": ({"owner_tags": "carol@example.com"}, ("carol@example.com", "owner_tag")),
    "owner tag, the name of a person without an entry": ({"owner_tags": "dave"}, ("dave", "owner_tag")),
    "second owner tag": ({"owner_tags": "platform team\x1falice"}, ("alice", "owner_tag")),
    "first of two owner tags": ({"owner_tags": "bob\x1falice"}, ("bob", "owner_tag")),
    "created by a session": ({"created_by_tag": "AssumedRole:AKIAXXXXXXXXXXXXXXXX:dave"}, ("dave", "created_by_tag")),
    "created by a session that looks like a person": (
        {"created_by_tag": "AssumedRole:AKIAXXXXXXXXXXXXXXXX:Frank@example.com"},
        ("frank@example.com", "created_by_tag"),
    ),
    "created by a session that an entry names": ({"created_by_tag": "AssumedRole:AKIAXXXXXXXXXXXXXXXX:bob@corp.example"}, ("bob", "created_by_tag")),
    "created by an IAM user": ({"created_by_tag": "IAMUser:AIDAXXXXXXXXXXXXXXXXX:erin"}, ("erin@111122223333", "created_by_tag")),
    "resource creator": ({"creator": "session:dave"}, ("dave", "resource_creator")),
    "resource creator by id": ({"creator": A}, ("alice", "resource_creator")),
    "account owner": ({"account": "444455556666", "owners": {"444455556666": "asmith"}}, ("alice", "account_owner")),
}


@pytest.mark.parametrize("case", METHODS)
def test_method(people: People, case: str) -> None:
    said, expected = METHODS[case]
    assert given(people, **said) == expected


# Each reason

REASONS: dict[str, tuple[dict[str, Any], str]] = {
    "nothing at all": ({}, "no_identity"),
    "another account has an owner": ({"owners": {"444455556666": "alice"}}, "no_identity"),
    "shared": ({"shared": True}, "shared_charge"),
    "shared, in an account with an owner": ({"shared": True, "owners": {ACCOUNT: "alice"}}, "shared_charge"),
    "role": ({"iam_principal": f"arn:aws:iam::{ACCOUNT}:role/Gateway"}, "not_a_person"),
    "session of a role that nobody named": ({"iam_principal": f"{ROLE}botocore-session-1700000000"}, "not_a_person"),
    "session of a role that looks like nobody": ({"iam_principal": f"{ROLE}gateway"}, "not_a_person"),
    "instance": ({"iam_principal": f"{ROLE}i-0123456789abcdef0"}, "not_a_person"),
    "service role": ({"iam_principal": f"arn:aws:sts::{ACCOUNT}:assumed-role/AWSServiceRoleForX/x@y"}, "not_a_person"),
    "root": ({"iam_principal": f"arn:aws:iam::{ACCOUNT}:root"}, "not_a_person"),
    "IAM user that is a program": ({"iam_principal": f"{USER}svc-deploy"}, "not_a_person"),
    "IAM user whose path says so": ({"iam_principal": f"{USER}terraform/erin"}, "not_a_person"),
    "no ARN": ({"iam_principal": "alice"}, "not_a_person"),
    "id of nobody": ({"user_identifier": C}, "unknown_person"),
    "IAM user of another account": ({"iam_principal": f"{USER}erin".replace(ACCOUNT, "444455556666")}, "unknown_person"),
    "tag of nobody": ({"owner_tags": "platform team"}, "unknown_person"),
    "tag with a name that two have": ({"owner_tags": "gina"}, "unknown_person"),
    "tag with the name of an IAM user but no account": ({"owner_tags": "erin"}, "unknown_person"),
    "created by root": ({"created_by_tag": f"Root:{ACCOUNT}"}, "not_a_person"),
    "created by a program": ({"created_by_tag": "IAMUser:AIDAXXXXXXXXXXXXXXXXX:terraform"}, "not_a_person"),
    "created by an instance": ({"created_by_tag": "AssumedRole:AKIAXXXXXXXXXXXXXXXX:i-0123456789abcdef0"}, "not_a_person"),
    "created by a session of nobody": ({"created_by_tag": "AssumedRole:AKIAXXXXXXXXXXXXXXXX:zoe@github.com"}, "unknown_person"),
    "created by an IAM user of another account": (
        {"created_by_tag": "IAMUser:AIDAXXXXXXXXXXXXXXXXX:erin", "account": "444455556666"},
        "unknown_person",
    ),
    "created by something else": ({"created_by_tag": "gremlins"}, "unknown_person"),
    "creator of nobody": ({"creator": "session:zoe"}, "unknown_person"),
    "account owner of nobody": ({"owners": {ACCOUNT: "zoe"}}, "unknown_person"),
    "program and unknown": ({"iam_principal": f"{ROLE}gateway", "owner_tags": "zoe"}, "unknown_person"),
}


@pytest.mark.parametrize("case", REASONS)
def test_reason(people: People, case: str) -> None:
    said, expected = REASONS[case]
    assert given(people, **said) == ("nobody", expected)


# The order

ALL: dict[str, Any] = {
    "user_identifier": A,
    "iam_principal": f"{SSO}dave",
    "identity_store_user": B,
    "owner_tags": "bob",
    "created_by_tag": "IAMUser:AIDAXXXXXXXXXXXXXXXXX:erin",
    "creator": "session_name:frank@example.com",
    "owners": {ACCOUNT: "alice"},
}
WINNERS = ["alice", "dave", "carol@example.com", "bob", "erin@111122223333", "frank@example.com", "alice"]


@pytest.mark.parametrize("place", range(len(ORDER)))
def test_first_of_the_order_wins(people: People, place: int) -> None:
    order = (*ORDER[place:], *ORDER[:place])
    assert given(people, order, **ALL) == (WINNERS[place], ORDER[place])


@pytest.mark.parametrize("place", range(len(ORDER)))
def test_method_that_is_left_out_is_not_asked(people: People, place: int) -> None:
    order = (*ORDER[:place], *ORDER[place + 1 :])
    nobody_else = {key: value for key, value in ALL.items() if key == [*ALL][place]}
    assert given(people, order, **nobody_else) == ("nobody", "no_identity")


def test_tag_that_names_nobody_falls_through(people: People) -> None:
    assert given(people, owner_tags="platform team", creator="session:dave") == ("dave", "resource_creator")


def test_program_falls_through(people: People) -> None:
    assert given(people, iam_principal=f"{ROLE}gateway", owner_tags="bob") == ("bob", "owner_tag")


def test_shared_charge_is_given_where_asked_for(people: People) -> None:
    assert given(people, shared=True, shared_charges=True, owners={ACCOUNT: "alice"}) == ("alice", "account_owner")


def test_shared_charge_of_nobody_has_another_reason_then(people: People) -> None:
    assert given(people, shared=True, shared_charges=True) == ("nobody", "no_identity")


def test_each_candidate_is_answered_once(people: People) -> None:
    candidates = [Candidate(number, ACCOUNT, False, owner_tags=tag) for number, tag in enumerate(["alice", None, "bob"])]
    answers = attribute(candidates, ORDER, people, {}, False, RULES)
    assert [(answer.candidate, answer.reason) for answer in answers] == [(0, None), (1, "no_identity"), (2, None)]


def test_nobody_is_known() -> None:
    assert attribute([Candidate(1, ACCOUNT, False, owner_tags="alice")], ORDER, resolve([], [], ()), {}, False, RULES) == [
        Attributed(1, reason="unknown_person")
    ]


# Patterns of the config


def test_sessions_that_are_people_follow_the_config() -> None:
    rules = Rules.of(Patterns.model_validate({"person_session": "^u-"}))
    assert [principal_key(f"{ROLE}{name}", rules) for name in ("U-alice", "frank@example.com")] == ["session_name:u-alice", None]


def test_without_patterns_every_iam_user_is_a_person() -> None:
    rules = Rules.of(Patterns.model_validate({"service_user": []}))
    assert principal_key(f"{USER}svc-deploy", rules) == f"iam_user:svc-deploy@{ACCOUNT}"


@pytest.mark.parametrize("patterns", [["(?i)^CI-"], ["^svc-", "(?i)^CI-"]])
def test_patterns_of_programs_may_begin_with_flags(patterns: list[str]) -> None:
    rules = Rules.of(Patterns.model_validate({"service_user": patterns}))
    assert [principal_key(f"{USER}{name}", rules) for name in ("ci-build", "erin")] == [None, f"iam_user:erin@{ACCOUNT}"]


# People who are known by a bill alone


def keys_of(seen: list[SeenIdentity]) -> dict[str, tuple[str, ...]]:
    assert len({one.number for one in seen}) == len(seen)
    return {one.key: one.sources for one in seen}


def test_callers_that_are_people_are_seen() -> None:
    found = with_principals(SEEN[:1], [(f"{SSO}Zoe", "cur"), (f"{ROLE}gateway", "cur"), (f"{USER}yan", "cur")], RULES)
    assert keys_of(found) == {A: ("cur",), "session:zoe": ("cur",), f"iam_user:yan@{ACCOUNT}": ("cur",)}


def test_caller_that_other_sources_know_is_the_same_identity() -> None:
    found = with_principals(SEEN[2:3], [(f"{SSO}dave", "cur")], RULES)
    assert [(one.number, one.key, one.sources) for one in found] == [(3, "session:dave", ("cloudtrail", "cur"))]


def test_caller_through_several_roles_is_one_identity() -> None:
    found = with_principals([], [(f"{SSO}zoe", "cur"), (f"{SSO.replace('Dev', 'Ops')}zoe", "cur")], RULES)
    assert keys_of(found) == {"session:zoe": ("cur",)}
