"""From event to principal: each rule of the statement, and what is summed for whom."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cloudtrail_events_made as made
import pytest
from cloudtrail_events_made import (
    ACCOUNT,
    ALICE_ID,
    BOB_ID,
    OTHER_ACCOUNT,
    Record,
    behalf,
    event,
    federated_user,
    foreign_account,
    iam_user,
    identity_center_user,
    portal_session,
    role_session,
    root,
    saml_user,
    service,
    web_identity_user,
)
from cloudtrail_reading import Fact, facts, one

from exporter.errors import UserError
from exporter.sources.cloudtrail_settings import Patterns

Principal = tuple[str, str | None, str | None]
SERVICE: Principal = ("service", None, None)
UNKNOWN: Principal = ("unknown", None, None)


def principal(folder: Path, *records: Record, **settings: Any) -> Principal:
    found = one(facts(folder, records, **settings), "access")
    return (found.kind, found.identity_kind, found.identity)


@pytest.mark.parametrize("user_id", [ALICE_ID, ALICE_ID.upper(), f"1234567890-{ALICE_ID}", f"d-1234567890.{ALICE_ID}", f" {ALICE_ID} "])
@pytest.mark.parametrize(
    "who", [identity_center_user(None), role_session("analytics", "batch-7"), service(), iam_user("terraform")], ids=lambda who: who["type"]
)
def test_on_behalf_of_a_user_of_identity_center_is_that_user(tmp_path: Path, who: Record, user_id: str) -> None:
    assert principal(tmp_path, event(behalf(who, user_id))) == ("human", "user_id", ALICE_ID)


def test_a_user_id_that_is_no_uuid_stands_for_itself(tmp_path: Path) -> None:
    assert principal(tmp_path, event(behalf(service(), "User-0001"))) == ("human", "user_id", "user-0001")


@pytest.mark.parametrize("user_id", ["", None])
def test_an_empty_user_id_is_none(tmp_path: Path, user_id: str | None) -> None:
    assert principal(tmp_path, event({**iam_user("heidi"), "onBehalfOf": {"userId": user_id}})) == ("human", "iam_user", f"heidi@{ACCOUNT}")


def sign_in(name: object, type_: str = "IdentityCenterUser", **fields: Any) -> Record:
    return event(identity_center_user(None, type_), "UserAuthentication", "signin", additionalEventData={"UserName": name}, **fields)


@pytest.mark.parametrize("type_", ["IdentityCenterUser", "Unknown"])
def test_a_sign_in_to_the_portal_is_its_user_name(tmp_path: Path, type_: str) -> None:
    assert principal(tmp_path, sign_in("Carol", type_, eventType="AwsServiceEvent")) == ("human", "session", "carol")


@pytest.mark.parametrize("name", ["HIDDEN_DUE_TO_SECURITY_REASONS", "", None, {"name": "carol"}, ["carol"]])
def test_a_sign_in_without_a_name_is_nobody(tmp_path: Path, name: object) -> None:
    assert principal(tmp_path, sign_in(name)) == UNKNOWN


def test_a_sign_in_whose_data_are_no_object_is_nobody(tmp_path: Path) -> None:
    assert principal(tmp_path, event(identity_center_user(None), additionalEventData="text")) == UNKNOWN


def test_a_failed_sign_in_to_the_portal_is_nobody_and_no_service(tmp_path: Path) -> None:
    record = sign_in("HIDDEN_DUE_TO_SECURITY_REASONS", "Unknown", eventType="AwsServiceEvent", serviceEventDetails={"CredentialChallenge": "Failure"})
    assert principal(tmp_path, record) == UNKNOWN


def test_what_somebody_without_a_name_does_at_the_portal_is_nobody_and_no_service(tmp_path: Path) -> None:
    assert principal(tmp_path, event(identity_center_user(None), "ListApplications", "sso", eventType="AwsServiceEvent")) == UNKNOWN


def test_an_event_of_a_service_whose_principal_is_unknown_is_of_the_service(tmp_path: Path) -> None:
    assert principal(tmp_path, event({"type": "Unknown", "accountId": ACCOUNT}, "RotateKey", "kms", eventType="AwsServiceEvent")) == SERVICE


@pytest.mark.parametrize(
    "record",
    [
        event(service()),
        event({"accountId": ACCOUNT, "invokedBy": "ec2.amazonaws.com"}),
        event(None),
        event(iam_user("heidi"), eventType="AwsServiceEvent"),
        event(root(), eventType="AwsServiceEvent"),
    ],
    ids=["AWSService", "no type", "no identity", "service event of a user", "service event of root"],
)
def test_what_services_do_is_of_services(tmp_path: Path, record: Record) -> None:
    assert principal(tmp_path, record) == SERVICE


def test_root_is_root(tmp_path: Path) -> None:
    assert principal(tmp_path, event(root())) == ("root", None, None)


def test_root_through_a_service_is_the_service(tmp_path: Path) -> None:
    assert principal(tmp_path, event(root(invokedBy="support.amazonaws.com"))) == SERVICE


def test_a_session_of_a_permission_set_is_its_user_name(tmp_path: Path) -> None:
    assert principal(tmp_path, event(portal_session("Carol"))) == ("human", "session", "carol")


def test_a_session_of_a_permission_set_is_known_by_its_arn_too(tmp_path: Path) -> None:
    who = {key: value for key, value in portal_session("Carol").items() if key != "sessionContext"}
    assert principal(tmp_path, event(who)) == ("human", "session", "carol")


def test_a_role_that_is_only_named_almost_like_a_permission_set_is_not_one(tmp_path: Path) -> None:
    assert principal(tmp_path, event(role_session("AWSReservedSSOx", "carol"))) == UNKNOWN


def test_a_permission_set_without_a_session_name_is_nobody(tmp_path: Path) -> None:
    assert principal(tmp_path, event({**portal_session(""), "principalId": "AROAEXAMPLE0000000000"})) == UNKNOWN


def test_the_source_identity_goes_before_the_session_name(tmp_path: Path) -> None:
    assert principal(tmp_path, event(role_session("admin", "someone@example.com", sourceIdentity="Dave"))) == ("human", "source_identity", "dave")


def test_the_session_of_a_permission_set_goes_before_the_source_identity(tmp_path: Path) -> None:
    who = portal_session("carol")
    who["sessionContext"]["sourceIdentity"] = "dave"
    assert principal(tmp_path, event(who)) == ("human", "session", "carol")


def test_a_source_identity_that_is_a_program_is_a_service(tmp_path: Path) -> None:
    assert principal(tmp_path, event(role_session("admin", "someone@example.com", sourceIdentity="jenkins"))) == SERVICE


def test_a_source_identity_is_judged_by_its_own_name_not_by_the_role(tmp_path: Path) -> None:
    assert principal(tmp_path, event(role_session("terraform", "apply", sourceIdentity="dave"))) == ("human", "source_identity", "dave")


@pytest.mark.parametrize(
    ("who", "identity"),
    [
        (saml_user("Erin@example.com"), "erin@example.com"),
        (saml_user("erin"), f"erin@{ACCOUNT}"),
        (web_identity_user("248289761001", "arn:aws:iam::111122223333:oidc-provider/login.example.com"), f"248289761001@{ACCOUNT}"),
        (web_identity_user("248289761001", "Login.Example.com"), f"248289761001@{ACCOUNT}"),
    ],
)
def test_users_of_listed_providers_are_people(tmp_path: Path, who: Record, identity: str) -> None:
    assert principal(tmp_path, event(who)) == ("human", "federated", identity)


@pytest.mark.parametrize("provider", ["login.example.com.evil.net", "arn:aws:iam::1:oidc-provider/notlogin.example.com", "loginxexample.com", "other"])
def test_users_of_other_providers_are_nobody(tmp_path: Path, provider: str) -> None:
    assert principal(tmp_path, event(web_identity_user("1", provider))) == UNKNOWN


def test_no_provider_is_listed_unless_configured(tmp_path: Path) -> None:
    assert principal(tmp_path, event(saml_user("erin@example.com")), human_identity_providers=()) == UNKNOWN


PERMISSION_SET = f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Developer_0123456789abcdef"
OWN_PROVIDER = f"arn:aws:iam::{ACCOUNT}:saml-provider/AWSSSO_0123456789abcdef_DO_NOT_DELETE"


def into_account(who: Record, name: str | None = "Carol", role: str = PERMISSION_SET, provider: str = OWN_PROVIDER, **fields: Any) -> Record:
    asked = {"roleArn": role, "principalArn": provider, **({"roleSessionName": name} if name else {})}
    return event(who, "AssumeRoleWithSAML", "sts", requestParameters=asked, **fields)


@pytest.mark.parametrize(
    ("role", "provider"),
    [(PERMISSION_SET, OWN_PROVIDER), (PERMISSION_SET, "other"), (f"arn:aws:iam::{ACCOUNT}:role/admin", OWN_PROVIDER)],
    ids=["both", "role", "provider"],
)
def test_who_comes_from_the_portal_into_an_account_is_the_session_that_begins(tmp_path: Path, role: str, provider: str) -> None:
    assert principal(tmp_path, into_account(saml_user("carol", "hash="), role=role, provider=provider)) == ("human", "session", "carol")


def test_who_comes_from_the_portal_without_a_session_name_is_the_user_of_the_provider(tmp_path: Path) -> None:
    assert principal(tmp_path, into_account(saml_user("Carol", "hash="), None)) == ("human", "session", "carol")


def test_who_comes_from_the_portal_counts_for_that_session_though_the_provider_is_listed(tmp_path: Path) -> None:
    assert principal(tmp_path, into_account(saml_user("carol@example.com"))) == ("human", "session", "carol")


@pytest.mark.parametrize(
    "record",
    [
        into_account(saml_user("carol", "hash="), errorCode="AccessDenied"),
        into_account(saml_user("carol", "hash="), role=f"arn:aws:iam::{ACCOUNT}:role/AWSReservedSSOx", provider=OWN_PROVIDER.replace("_DO_NOT", "-DO-NOT")),
        {**into_account(saml_user("carol", "hash=")), "eventName": "AssumeRole"},
        {**into_account(saml_user("carol", "hash=")), "eventSource": "example.amazonaws.com"},
        {**into_account(saml_user("carol", "hash=")), "requestParameters": None},
        into_account(web_identity_user("carol", "hash=")),
    ],
    ids=["refused", "another role and provider", "another call", "another service", "nothing asked", "not SAML"],
)
def test_who_only_says_to_come_from_the_portal_is_nobody(tmp_path: Path, record: Record) -> None:
    assert principal(tmp_path, record) == UNKNOWN


@pytest.mark.parametrize("provider", ["token.actions.githubusercontent.com", "oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE"])
def test_workflows_and_pods_are_services(tmp_path: Path, provider: str) -> None:
    assert principal(tmp_path, event(web_identity_user("repo:example/app", f"arn:aws:iam::{ACCOUNT}:oidc-provider/{provider}"))) == SERVICE


def test_a_federated_session_is_the_iam_user_who_handed_it_out(tmp_path: Path) -> None:
    assert principal(tmp_path, event(federated_user("Frank", "visitor"))) == ("human", "iam_user", f"frank@{ACCOUNT}")


def test_a_federated_session_of_a_program_is_a_service(tmp_path: Path) -> None:
    assert principal(tmp_path, event(federated_user("svc-broker", "alice@example.com"))) == SERVICE


def test_a_federated_session_of_root_is_root(tmp_path: Path) -> None:
    assert principal(tmp_path, event(federated_user("", "visitor", "Root"))) == ("root", None, None)


def test_a_federated_session_of_nobody_is_unknown(tmp_path: Path) -> None:
    assert principal(tmp_path, event({**federated_user("", "visitor"), "sessionContext": {}})) == UNKNOWN


@pytest.mark.parametrize(
    "session",
    [
        "i-0dbc91f429e48eeed",
        "i-05c30218",
        "0123456789abcdef0123456789ABCDEF",
        "AWSCodeBuild-1234",
        "AWSCloudFormation",
        "botocore-session-1763629200",
        "aws-sdk-java-session-1763629200",
        "aws-go-sdk-1688990082523310002",
        "GitHubActions",
        "eks-prod-worker-1234",
    ],
)
def test_sessions_named_by_programs_are_services(tmp_path: Path, session: str) -> None:
    assert principal(tmp_path, event(role_session("web", session))) == SERVICE


@pytest.mark.parametrize("session", ["i-0dbc91f429e48eeed@example.com", "my-aws-sdk-js-session-1@example.com", "geeks-only@example.com"])
def test_a_person_is_not_taken_for_a_program_by_a_part_of_the_name(tmp_path: Path, session: str) -> None:
    assert principal(tmp_path, event(role_session("admin", session))) == ("human", "session_name", session)


@pytest.mark.parametrize(
    "who",
    [
        role_session("AWSServiceRoleForAutoScaling", "alice@example.com"),
        role_session("linked", "alice@example.com", path="/aws-service-role/autoscaling.amazonaws.com/"),
        role_session("web", "alice@example.com", ec2RoleDelivery="2.0"),
        {**role_session("resize", "alice@example.com"), "inScopeOf": {"issuerType": "AWS::Lambda::Function"}},
        role_session(
            "pods", "alice@example.com", webIdFederationData={"federatedProvider": "arn:aws:iam::1:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/1"}
        ),
        role_session(
            "deploy", "alice@example.com", webIdFederationData={"federatedProvider": "arn:aws:iam::1:oidc-provider/token.actions.githubusercontent.com"}
        ),
    ],
    ids=["service role", "service path", "instance", "function", "pod", "workflow"],
)
def test_roles_of_services_are_services_whatever_their_sessions_are_called(tmp_path: Path, who: Record) -> None:
    assert principal(tmp_path, event(who)) == SERVICE


def test_a_session_that_looks_like_a_person_is_one(tmp_path: Path) -> None:
    assert principal(tmp_path, event(role_session("admin", "Grace@Example.com"))) == ("human", "session_name", "grace@example.com")


@pytest.mark.parametrize("session", ["nightly", "@example.com", "two words@example.com"])
def test_a_session_that_does_not_is_nobody(tmp_path: Path, session: str) -> None:
    assert principal(tmp_path, event(role_session("admin", session))) == UNKNOWN


@pytest.mark.parametrize(
    ("patterns", "found"), [(("^u[0-9]{6}$",), ("human", "session_name", "u123456")), ((), UNKNOWN), (("a", "^U1"), ("human", "session_name", "u123456"))]
)
def test_what_looks_like_a_person_is_configured(tmp_path: Path, patterns: tuple[str, ...], found: Principal) -> None:
    assert principal(tmp_path, event(role_session("admin", "U123456")), person_session=patterns) == found


def test_an_iam_user_is_a_person_of_one_account(tmp_path: Path) -> None:
    assert principal(tmp_path, event(iam_user("Heidi", OTHER_ACCOUNT))) == ("human", "iam_user", f"heidi@{OTHER_ACCOUNT}")


def test_an_iam_user_through_a_service_stays_the_person(tmp_path: Path) -> None:
    assert principal(tmp_path, event(iam_user("heidi", invokedBy="AWS Internal"))) == ("human", "iam_user", f"heidi@{ACCOUNT}")


@pytest.mark.parametrize("who", [iam_user("SVC-loader"), iam_user("chat-bot"), iam_user("my-Terraform-user"), iam_user("loader", path="/jenkins/")])
def test_iam_users_that_match_are_services(tmp_path: Path, who: Record) -> None:
    assert principal(tmp_path, event(who)) == SERVICE


def test_which_iam_users_are_services_is_configured(tmp_path: Path) -> None:
    assert principal(tmp_path, event(iam_user("terraform")), service_user=()) == ("human", "iam_user", f"terraform@{ACCOUNT}")


def test_a_failed_sign_in_of_a_name_that_does_not_exist_is_nobody(tmp_path: Path) -> None:
    assert principal(tmp_path, made.console_login(iam_user("HIDDEN_DUE_TO_SECURITY_REASONS"), failed=True)) == UNKNOWN


@pytest.mark.parametrize(
    "who", [foreign_account(), {"type": "AWSAccount", "principalId": "", "accountId": "ANONYMOUS_PRINCIPAL"}, role_session("visitor", "scan", "999900001111")]
)
def test_callers_of_other_accounts_are_external(tmp_path: Path, who: Record) -> None:
    assert principal(tmp_path, event(who)) == ("external", None, None)


@pytest.mark.parametrize("type_", ["Directory", "Role", "Unknown", "SomethingNew"])
def test_everybody_else_is_unknown(tmp_path: Path, type_: str) -> None:
    assert principal(tmp_path, event({"type": type_, "principalId": "d-1", "accountId": ACCOUNT, "userName": "d-1"})) == UNKNOWN


def test_a_hundred_session_names_of_nobody_add_not_one_row(tmp_path: Path) -> None:
    few, many = (facts(tmp_path / str(count), [event(role_session("worker", f"task-{number}")) for number in range(count)]) for count in (2, 100))
    assert (len(few), len(many)) == (4, 4)


# Which copy of an event counts


def shared(who: Record | None, account: str, **fields: Any) -> Record:
    return event(who, sharedEventID="0f0f0f0f-0000-4000-8000-000000000000", recipientAccountId=account, **fields)


@pytest.mark.parametrize("turned", [False, True])
def test_an_event_of_two_accounts_counts_once_for_the_account_that_knows_the_caller(tmp_path: Path, turned: bool) -> None:
    copies = [shared(portal_session("alice@example.com"), ACCOUNT), shared(foreign_account(ACCOUNT), OTHER_ACCOUNT)]
    found = facts(tmp_path, reversed(copies) if turned else copies)
    assert (one(found, "access")[1:7], one(found, "account").value) == (("human", "session", "alice@example.com", "access", "read", 1), ACCOUNT)


def test_an_event_that_is_delivered_twice_counts_once(tmp_path: Path) -> None:
    record = event(iam_user("heidi"))
    assert one(facts(tmp_path, [record, record]), "access").events == 1


def test_an_event_that_is_completed_later_counts_once(tmp_path: Path) -> None:
    record = event(iam_user("heidi"))
    completed = event(iam_user("heidi"), addendum={"reason": "UPDATED_DATA", "originalEventID": record["eventID"]})
    assert one(facts(tmp_path, [record, completed]), "access").events == 1


def test_events_of_two_ids_count_twice(tmp_path: Path) -> None:
    assert one(facts(tmp_path, [event(iam_user("heidi")), event(iam_user("heidi"))]), "access").events == 2


# What is summed


def values(found: list[Fact], dimension: str) -> dict[str, int]:
    return {fact.value: fact.events for fact in found if fact.dimension == dimension}


@pytest.mark.parametrize(("read_only", "access"), [(True, "read"), (False, "write"), ("true", "read"), (None, "unknown")])
def test_access_is_what_the_record_says(tmp_path: Path, read_only: object, access: str) -> None:
    assert one(facts(tmp_path, [event(iam_user("heidi"), readOnly=read_only)]), "access").value == access


@pytest.mark.parametrize(
    ("error", "denied"),
    [
        ("AccessDenied", 1),
        ("AccessDeniedException", 1),
        ("Client.UnauthorizedOperation", 1),
        ("UnauthorizedOperation", 1),
        ("ThrottlingException", 0),
        ("ClientAccessDenied", 0),
        (None, 0),
    ],
)
def test_denied_calls(tmp_path: Path, error: str | None, denied: int) -> None:
    assert one(facts(tmp_path, [event(iam_user("heidi"), errorCode=error)]), "access").denied == denied


def test_dimensions_are_summed_each_for_itself(tmp_path: Path) -> None:
    found = facts(
        tmp_path,
        [
            event(iam_user("heidi"), source="ec2", awsRegion="us-east-1"),
            event(iam_user("heidi"), source="ec2", awsRegion="eu-west-1"),
            event(iam_user("heidi"), source="S3", awsRegion="eu-west-1", recipientAccountId=OTHER_ACCOUNT),
            event(iam_user("heidi"), source="resource-explorer-2", awsRegion=None, recipientAccountId=None),
        ],
    )
    assert {dimension: values(found, dimension) for dimension in ("service", "region", "account", "category", "link")} == {
        "service": {"ec2": 2, "s3": 1, "resource-explorer-2": 1},
        "region": {"us-east-1": 1, "eu-west-1": 2, "unknown": 1},
        "account": {ACCOUNT: 3, OTHER_ACCOUNT: 1},
        "category": {},
        "link": {},
    }


def test_times_are_those_of_the_first_and_last_event(tmp_path: Path) -> None:
    found = one(facts(tmp_path, [event(iam_user("heidi"), at=f"2026-11-20T{time}Z") for time in ("10:00:00", "08:30:15", "23:59:59")]), "access")
    expected = [datetime(2026, 11, 20, 8, 30, 15, tzinfo=UTC), datetime(2026, 11, 20, 23, 59, 59, tzinfo=UTC)]
    assert [found.first_event, found.last_event] == [int(time.timestamp()) for time in expected]


@pytest.mark.parametrize(("include", "events"), [(False, 2), (True, 3)])
def test_data_events_count_only_when_switched_on(tmp_path: Path, include: bool, events: int) -> None:
    records = [event(iam_user("heidi"), eventCategory=category) for category in ("Management", None, "Data", "Insight", "NetworkActivity")]
    assert one(facts(tmp_path, records, include_data_events=include), "access").events == events


# Which names go with which ids


def links(found: list[Fact]) -> list[tuple[str | None, str | None, str, int]]:
    return [(fact.identity_kind, fact.identity, fact.value, fact.events) for fact in found if fact.dimension == "link"]


@pytest.mark.parametrize(
    ("record", "name"),
    [
        (event(behalf(portal_session("Carol"), BOB_ID)), "carol"),
        (event(behalf(role_session("analytics", "Bob@example.com"), BOB_ID)), "bob@example.com"),
        (event(identity_center_user(BOB_ID), "UserAuthentication", "signin", additionalEventData={"UserName": "Bob@example.com"}), "bob@example.com"),
    ],
    ids=["permission set", "looks like a person", "sign-in"],
)
def test_an_event_with_both_links_the_name_to_the_id(tmp_path: Path, record: Record, name: str) -> None:
    assert links(facts(tmp_path, [record])) == [("user_id", BOB_ID, name, 1)]


@pytest.mark.parametrize(
    "record",
    [
        event(behalf(role_session("notebook", "batch-7"), BOB_ID)),
        event(portal_session("carol")),
        event(identity_center_user(BOB_ID), "UserAuthentication", "signin", additionalEventData={"UserName": "HIDDEN_DUE_TO_SECURITY_REASONS"}),
        event(behalf(iam_user("bob@example.com"), BOB_ID)),
    ],
    ids=["session of a program", "no id", "hidden", "IAM user"],
)
def test_an_event_without_both_links_nothing(tmp_path: Path, record: Record) -> None:
    assert links(facts(tmp_path, [record])) == []


# Patterns


@pytest.mark.parametrize("pattern", ["(", "(?=x)", "[", r"(a)\1"])
def test_a_pattern_that_the_engine_does_not_know_is_told(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(UserError, match=r"people\.patterns\.service_user holds .* which is no pattern"):
        facts(tmp_path, [], service_user=(pattern,))


def test_patterns_are_joined_each_for_itself() -> None:
    from cloudtrail_reading import SETTINGS

    assert Patterns.of(SETTINGS).programs == "(?i)(?:(?:^svc-)|(?:-bot$)|(?:terraform)|(?:jenkins)|(?:github))"
