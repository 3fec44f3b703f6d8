"""Reads the CloudTrail logs that the sample wrote, and knows every form that an event of theirs may have, for the tests of the sample."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

NAME = re.compile(
    r"AWSLogs/(?P<organization>o-[a-z0-9]{10})/(?P<account>\d{12})/CloudTrail/(?P<region>[a-z0-9-]+)/(?P<day>\d{4}/\d\d/\d\d)/"
    r"(?P=account)_CloudTrail_(?P=region)_(?P<delivered>\d{8}T\d{4})Z_[A-Za-z0-9]{16}\.json\.gz"
)

Record = dict[str, Any]


def logs_of(folder: Path) -> Iterator[tuple[re.Match[str], list[Record]]]:
    for path in sorted(folder.glob("AWSLogs/o-*/*/CloudTrail/**/*.json.gz")):
        place = NAME.fullmatch(path.relative_to(folder).as_posix())
        assert place, path
        yield place, json.loads(gzip.decompress(path.read_bytes()))["Records"]


def delivered(place: re.Match[str]) -> datetime:
    return datetime.strptime(place["delivered"], "%Y%m%dT%H%M")


def happened(record: Record) -> datetime:
    return datetime.strptime(record["eventTime"], "%Y-%m-%dT%H:%M:%SZ")


def role_of(record: Record) -> str:
    issuer = (record["userIdentity"].get("sessionContext") or {}).get("sessionIssuer") or {}
    return str(issuer.get("userName", ""))


def session_of(record: Record) -> str:
    return str(record["userIdentity"].get("principalId", "")).partition(":")[2]


def user_of(record: Record) -> str | None:
    """The Identity Center id of a record, without what may stand before it."""
    behalf = record["userIdentity"].get("onBehalfOf")
    return behalf["userId"][-36:] if behalf else None


def typed(kind: str) -> Callable[[Record], bool]:
    return lambda record: record["userIdentity"].get("type") == kind


FORMS: dict[str, Callable[[Record], bool]] = {
    "a role of Identity Center, the session is a user name": lambda r: bool(role_of(r).startswith("AWSReservedSSO_") and "@" not in session_of(r)),
    "a role of Identity Center, the session is a mail": lambda r: bool(role_of(r).startswith("AWSReservedSSO_") and "@" in session_of(r)),
    "a role of Identity Center, the session has capitals": lambda r: bool(role_of(r).startswith("AWSReservedSSO_") and session_of(r) != session_of(r).lower()),
    "an Identity Center id that starts with the directory's": lambda r: len((r["userIdentity"].get("onBehalfOf") or {}).get("userId", "")) == 47,
    "the portal, without a name": lambda r: r["userIdentity"].get("type") == "IdentityCenterUser" and "userName" not in r["userIdentity"],
    "the portal, with the name that was typed": lambda r: typed("IdentityCenterUser")(r) and "UserName" in r.get("additionalEventData", {}),
    "a mistyped name": lambda r: typed("Unknown")(r) and r["additionalEventData"]["UserName"] == "HIDDEN_DUE_TO_SECURITY_REASONS",
    "the way from the portal into an account": lambda r: typed("SAMLUser")(r) and "AWSReservedSSO_" in r["requestParameters"]["roleArn"],
    "a person of the company's SAML provider": lambda r: typed("SAMLUser")(r) and r["userIdentity"]["identityProvider"] == "kZ3mQ9bT0vYhUe7LwXc5dR1sN2A=",
    "a person of an OpenID Connect provider": lambda r: typed("WebIdentityUser")(r) and r["userIdentity"]["userName"].endswith("@example.com"),
    "GitHub": lambda r: typed("WebIdentityUser")(r) and r["userIdentity"]["userName"].startswith("repo:acme/"),
    "a pod": lambda r: typed("WebIdentityUser")(r) and r["userIdentity"]["userName"].startswith("system:serviceaccount:"),
    "a pipeline's role": lambda r: session_of(r) == "GitHubActions" and "webIdFederationData" in r["userIdentity"]["sessionContext"],
    "a session under a person's mail": lambda r: typed("AssumedRole")(r) and role_of(r) == "Deploy" and session_of(r).endswith("@example.com"),
    "a session that says nothing": lambda r: typed("AssumedRole")(r) and bool(re.fullmatch(r"session-[0-9a-f]{8,12}", session_of(r))),
    "a chain that keeps its source": lambda r: role_of(r) == "Deploy" and "sourceIdentity" in r["userIdentity"]["sessionContext"],
    "a program as the source": lambda r: role_of(r) == "Deploy" and r["userIdentity"]["sessionContext"].get("sourceIdentity") == "svc-deploy",
    "an instance": lambda r: bool(re.fullmatch("i-[0-9a-f]{17}", session_of(r))) and r["userIdentity"]["sessionContext"]["ec2RoleDelivery"] == "2.0",
    "a task": lambda r: typed("AssumedRole")(r) and bool(re.fullmatch("[0-9a-f]{32}", session_of(r))),
    "a function": lambda r: r["userIdentity"].get("inScopeOf", {}).get("issuerType") == "AWS::Lambda::Function",
    "an SDK": lambda r: typed("AssumedRole")(r) and session_of(r).startswith("botocore-session-"),
    "a build": lambda r: typed("AssumedRole")(r) and session_of(r).startswith("AWSCodeBuild-"),
    "a service role": lambda r: typed("AssumedRole")(r) and "/aws-service-role/" in r["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"],
    "an IAM user that is a person": lambda r: typed("IAMUser")(r) and bool(re.fullmatch("[a-z]+", r["userIdentity"]["userName"])),
    "an IAM user in the console": lambda r: typed("IAMUser")(r) and "signInSessionArn" in r["userIdentity"].get("sessionContext", {}),
    "an IAM user that is a program": lambda r: typed("IAMUser")(r) and r["userIdentity"]["userName"] == "svc-backup",
    "a bot": lambda r: typed("IAMUser")(r) and r["userIdentity"]["userName"] == "deploy-bot",
    "a federated user": typed("FederatedUser"),
    "a service": lambda r: typed("AWSService")(r) and r["userIdentity"]["invokedBy"] == "ec2.amazonaws.com",
    "a service event": lambda r: r["eventType"] == "AwsServiceEvent" and "type" not in r["userIdentity"],
    "another account": lambda r: typed("AWSAccount")(r) and r["userIdentity"]["accountId"] == "999988887777",
    "nobody": lambda r: typed("AWSAccount")(r) and r["userIdentity"]["accountId"] == "ANONYMOUS_PRINCIPAL",
    "root": lambda r: typed("Root")(r) and "invokedBy" not in r["userIdentity"],
    "root, by a service": lambda r: typed("Root")(r) and r["userIdentity"].get("invokedBy") == "AWS Internal",
    "root, assumed": lambda r: typed("Root")(r) and r["userIdentity"]["sessionContext"].get("assumedRoot") == "true",
    "a role without a session": typed("Role"),
    "a directory": typed("Directory"),
    "a delegate": lambda r: "invokedByDelegate" in r["userIdentity"],
    "a service in a person's name": lambda r: role_of(r).startswith("AWSReservedSSO_") and r["userIdentity"].get("invokedBy") == "cloudformation.amazonaws.com",
    "AWS itself in a person's name": lambda r: role_of(r).startswith("AWSReservedSSO_") and r["userIdentity"].get("invokedBy") == "AWS Internal",
    "an application for many people": lambda r: session_of(r) == "analytics@example.com" and bool(user_of(r)),
    "a denied call": lambda r: r.get("errorCode") == "AccessDenied",
    "a denied call of EC2": lambda r: r.get("errorCode") == "Client.UnauthorizedOperation",
    "a call that failed otherwise": lambda r: r.get("errorCode") == "ThrottlingException",
    "a failed console sign-in": lambda r: r["eventName"] == "ConsoleLogin" and r["responseElements"] == {"ConsoleLogin": "Failure"},
    "a console sign-in without a second factor": lambda r: typed("IAMUser")(r) and (r.get("additionalEventData") or {}).get("MFAUsed") == "No",
    "something delicate that a pipeline does": lambda r: session_of(r) == "GitHubActions" and r["eventName"] == "AuthorizeSecurityGroupIngress",
    "a data event": lambda r: r.get("eventCategory") == "Data" and r["eventSource"] == "s3.amazonaws.com",
    "a record that does not say whether it changed anything": lambda r: "readOnly" not in r,
}
