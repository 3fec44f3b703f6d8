"""Makes CloudTrail records of every identity type, in the shape of real ones, and writes them as a trail delivers them."""

from __future__ import annotations

import gzip
import json
import random
import uuid
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

Record = dict[str, Any]

ACCOUNT = "111122223333"
OTHER_ACCOUNT = "444455556666"
DAY = date(2026, 11, 20)
ALICE_ID = "aaaaaaaa-1111-4111-8111-aaaaaaaaaaaa"
BOB_ID = "bbbbbbbb-2222-4222-8222-bbbbbbbbbbbb"
_numbers = random.Random(2026)


def new_id() -> str:
    return str(uuid.UUID(int=_numbers.getrandbits(128), version=4))


def event(who: Record | None, name: str = "DescribeInstances", source: str = "ec2", at: str = "2026-11-20T10:00:00Z", **fields: Any) -> Record:
    """A record; `fields` replace or add top-level fields, and None leaves one out."""
    record = {
        "eventVersion": "1.11",
        "userIdentity": who,
        "eventTime": at,
        "eventSource": source if "." in source else f"{source}.amazonaws.com",
        "eventName": name,
        "awsRegion": "us-east-1",
        "sourceIPAddress": "192.0.2.10",
        "userAgent": "aws-cli/2.31.4 md/awscrt#0.27.6 ua/2.1 os/linux#6.8 md/arch#x86_64 lang/python#3.13.7 md/pyimpl#CPython cfg/retry-mode#standard",
        "requestParameters": {"maxResults": 50, "filterSet": {"items": [{"name": "tag:env", "valueSet": {"items": [{"value": "prod"}]}}]}},
        "responseElements": None,
        "requestID": new_id(),
        "eventID": new_id(),
        "readOnly": name.startswith(("Describe", "Get", "List", "Lookup", "Head")),
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
        "tlsDetails": {"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256", "clientProvidedHostHeader": "ec2.us-east-1.amazonaws.com"},
        **fields,
    }
    return {key: value for key, value in record.items() if value is not None or key not in fields}


def console_login(who: Record, *, mfa: str | None = "Yes", failed: bool = False, **more: Any) -> Record:
    additional = {"LoginTo": "https://console.aws.amazon.com/console/home", "MobileVersion": "No", **({"MFAUsed": mfa} if mfa else {}), **more}
    return event(
        who,
        "ConsoleLogin",
        "signin",
        eventType="AwsConsoleSignIn",
        readOnly=False,
        requestParameters=None,
        responseElements={"ConsoleLogin": "Failure" if failed else "Success"},
        additionalEventData=additional,
        **({"errorMessage": "Failed authentication"} if failed else {}),
    )


def iam_user(name: str, account: str = ACCOUNT, path: str = "/", **fields: Any) -> Record:
    return {
        "type": "IAMUser",
        "principalId": "AIDAEXAMPLE0000000000",
        "arn": f"arn:aws:iam::{account}:user{path}{name}",
        "accountId": account,
        "accessKeyId": "AKIAEXAMPLE000000000",
        "userName": name,
        **fields,
    }


def role_session(role: str, session: str, account: str = ACCOUNT, path: str = "/", **context: Any) -> Record:
    """A session of a role; `context` adds to its sessionContext."""
    return {
        "type": "AssumedRole",
        "principalId": f"AROAEXAMPLE0000000000:{session}",
        "arn": f"arn:aws:sts::{account}:assumed-role/{role}/{session}",
        "accountId": account,
        "accessKeyId": "ASIAEXAMPLE000000000",
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": "AROAEXAMPLE0000000000",
                "arn": f"arn:aws:iam::{account}:role{path}{role}",
                "accountId": account,
                "userName": role,
            },
            "webIdFederationData": {},
            "attributes": {"creationDate": "2026-11-20T08:00:00Z", "mfaAuthenticated": "false"},
            **context,
        },
    }


def portal_session(user_name: str, permission_set: str = "Developer", account: str = ACCOUNT) -> Record:
    return role_session(f"AWSReservedSSO_{permission_set}_0123456789abcdef", user_name, account, "/aws-reserved/sso.amazonaws.com/eu-west-1/")


def behalf(who: Record, user_id: str) -> Record:
    """The same principal, with the Identity Center user for whom it acts."""
    return {**who, "onBehalfOf": {"userId": user_id, "identityStoreArn": f"arn:aws:identitystore::{ACCOUNT}:identitystore/d-1234567890"}}


def identity_center_user(user_id: str | None, type_: str = "IdentityCenterUser") -> Record:
    who = {"type": type_, "accountId": ACCOUNT, "credentialId": "1234-portal-session"}
    return behalf(who, user_id) if user_id else who


def root(account: str = ACCOUNT, **fields: Any) -> Record:
    return {"type": "Root", "principalId": account, "arn": f"arn:aws:iam::{account}:root", "accountId": account, "accessKeyId": "", **fields}


def service(host: str = "autoscaling.amazonaws.com") -> Record:
    return {"type": "AWSService", "invokedBy": host}


def federated_user(issuer: str, name: str, issuer_type: str = "IAMUser", account: str = ACCOUNT) -> Record:
    return {
        "type": "FederatedUser",
        "principalId": f"{account}:{name}",
        "arn": f"arn:aws:sts::{account}:federated-user/{name}",
        "accountId": account,
        "accessKeyId": "ASIAEXAMPLE000000000",
        "sessionContext": {
            "sessionIssuer": {
                "type": issuer_type,
                "principalId": "AIDAEXAMPLE0000000000",
                "arn": f"arn:aws:iam::{account}:user/{issuer}",
                "accountId": account,
                "userName": issuer,
            },
            "attributes": {"creationDate": "2026-11-20T08:00:00Z", "mfaAuthenticated": "false"},
        },
    }


def saml_user(name: str, provider: str = "kZ3mQ9bT0vYhUe7LwXc5dR1sN2A=") -> Record:
    return {"type": "SAMLUser", "principalId": f"{provider}:{name}", "userName": name, "identityProvider": provider}


def web_identity_user(subject: str, provider: str) -> Record:
    return {"type": "WebIdentityUser", "principalId": f"{provider}:sts.amazonaws.com:{subject}", "userName": subject, "identityProvider": provider}


def foreign_account(account: str = "999900001111") -> Record:
    return {"type": "AWSAccount", "principalId": "AROAFOREIGN0000000000:partner", "accountId": account}


def log_path(
    folder: Path, delivered: date, name: str, account: str = ACCOUNT, region: str = "us-east-1", organization: str = "", writer: str = "CloudTrail"
) -> Path:
    above = f"AWSLogs/{organization}/" if organization else "AWSLogs/"
    return folder / f"{above}{account}/{writer}/{region}/{delivered:%Y/%m/%d}/{account}_{writer}_{region}_{delivered:%Y%m%d}T{name}.json.gz"


def write(path: Path, records: Iterable[Record]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(packed(records))
    return path


def packed(records: Iterable[Record]) -> bytes:
    return gzip.compress(json.dumps({"Records": list(records)}, separators=(",", ":")).encode(), 6, mtime=0)


def principals() -> Sequence[Record]:
    """Every way of being somebody or nobody, by the rules in their order."""
    return (
        behalf(portal_session("alice@example.com"), f"1234567890-{ALICE_ID.upper()}"),
        behalf(role_session("analytics", "Bob@Example.com"), BOB_ID),
        behalf(role_session("notebook", "batch-7"), BOB_ID),
        identity_center_user(ALICE_ID),
        service(),
        {"accountId": ACCOUNT, "invokedBy": "ec2.amazonaws.com"},
        root(),
        root(invokedBy="support.amazonaws.com"),
        portal_session("alice@example.com"),
        portal_session("carol", account=OTHER_ACCOUNT),
        role_session("break-glass", "session-1", sourceIdentity="Dave@example.com"),
        role_session("break-glass", "session-1", sourceIdentity="svc-deploy"),
        saml_user("erin@example.com"),
        saml_user("partner@example.net", "another-provider="),
        web_identity_user("248289761001", "arn:aws:iam::111122223333:oidc-provider/login.example.com"),
        web_identity_user("repo:example/app:ref:refs/heads/main", "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"),
        federated_user("frank", "partner-portal"),
        federated_user("svc-broker", "visitor"),
        federated_user("", "by-root", "Root"),
        role_session("AWSServiceRoleForAutoScaling", "AutoScaling", path="/aws-service-role/autoscaling.amazonaws.com/"),
        role_session("web", "i-0dbc91f429e48eeed", ec2RoleDelivery="2.0"),
        {
            **role_session("resize", "resize-images"),
            "inScopeOf": {"issuerType": "AWS::Lambda::Function", "credentialsIssuedTo": "arn:aws:lambda:::function:resize"},
        },
        role_session("pods", "eks-prod-worker-1234"),
        role_session(
            "pods", "1763629200000000000", webIdFederationData={"federatedProvider": "arn:aws:iam::1:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/1"}
        ),
        role_session("deploy", "GitHubActions"),
        role_session("deploy", "botocore-session-1763629200"),
        role_session("admin", "Grace@Example.com"),
        role_session("admin", "nightly"),
        iam_user("Heidi"),
        iam_user("heidi", OTHER_ACCOUNT),
        iam_user("heidi", invokedBy="AWS Internal"),
        iam_user("terraform"),
        iam_user("loader", path="/svc-users/"),
        foreign_account(),
        role_session("visitor", "scan", account="999900001111"),
        {"type": "Directory", "principalId": "d-1", "arn": "arn:aws:ds:us-east-1:111122223333:directory/d-1", "accountId": ACCOUNT, "userName": "d-1"},
        {"type": "Role", "principalId": "AROAEXAMPLE0000000000", "arn": f"arn:aws:iam::{ACCOUNT}:role/batch", "accountId": ACCOUNT, "userName": "batch"},
        {"type": "Unknown", "principalId": ACCOUNT, "arn": "", "accountId": ACCOUNT, "accessKeyId": ""},
    )


_CALLS = (
    ("ec2", "DescribeInstances"),
    ("ec2", "RunInstances"),
    ("s3", "ListBuckets"),
    ("s3", "PutBucketPolicy"),
    ("iam", "CreateAccessKey"),
    ("kms", "ScheduleKeyDeletion"),
    ("sts", "GetCallerIdentity"),
    ("cloudtrail", "StopLogging"),
    ("lambda", "Invoke"),
)


def deliver(folder: Path, days: Sequence[date], seed: int = 1, calls: int = 3) -> None:
    """Writes days of everything: every principal, shared events in both accounts, files delivered twice, events delivered on the next day, denied calls."""
    numbers = random.Random(seed)
    for day in days:
        today: dict[str, list[Record]] = {ACCOUNT: [], OTHER_ACCOUNT: []}
        tomorrow: list[Record] = []
        for who in principals():
            for _ in range(calls):
                source, name = numbers.choice(_CALLS)
                second = numbers.randrange(86_400)
                at = f"{day.isoformat()}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}Z"
                fields: dict[str, Any] = {"awsRegion": numbers.choice(("us-east-1", "eu-west-1"))}
                if numbers.random() < 0.2:
                    fields["errorCode"] = numbers.choice(("AccessDenied", "Client.UnauthorizedOperation", "AccessDeniedException", "ThrottlingException"))
                if numbers.random() < 0.1:
                    fields["readOnly"] = None
                if numbers.random() < 0.1:
                    fields["eventCategory"] = numbers.choice(("Data", None))
                record = event(who, name, source, at, **fields)
                if numbers.random() < 0.2:
                    shared = {**record, "sharedEventID": new_id()}
                    seen_there = foreign_account(ACCOUNT) if who and who.get("type") in ("AssumedRole", "IAMUser") else who
                    today[ACCOUNT].append(shared)
                    today[OTHER_ACCOUNT].append({**shared, "eventID": new_id(), "recipientAccountId": OTHER_ACCOUNT, "userIdentity": seen_there})
                elif numbers.random() < 0.2:
                    tomorrow.append(record)
                else:
                    today[ACCOUNT].append(record)
        today[ACCOUNT] += [
            console_login(iam_user("heidi"), mfa="No") | {"eventTime": f"{day}T09:00:00Z"},
            console_login(iam_user("HIDDEN_DUE_TO_SECURITY_REASONS", userName="HIDDEN_DUE_TO_SECURITY_REASONS"), failed=True)
            | {"eventTime": f"{day}T09:00:01Z"},
            console_login(portal_session("alice@example.com"), mfa="No") | {"eventTime": f"{day}T09:00:02Z"},
            event(iam_user("heidi"), "UpdateDetector", "guardduty", f"{day}T09:00:03Z", requestParameters={"detectorId": "d", "enable": False}),
            event(iam_user("heidi"), "UpdateDetector", "guardduty", f"{day}T09:00:04Z", requestParameters={"detectorId": "d", "enable": True}),
            event(
                identity_center_user(None),
                "UserAuthentication",
                "signin",
                f"{day}T09:00:05Z",
                additionalEventData={"UserName": "Carol", "CredentialType": "PASSWORD"},
            ),
            event(
                {"type": "Unknown", "principalId": ACCOUNT, "arn": "", "accountId": ACCOUNT, "accessKeyId": ""},
                "CredentialChallenge",
                "signin",
                f"{day}T09:00:06Z",
                eventType="AwsServiceEvent",
                additionalEventData={"UserName": "HIDDEN_DUE_TO_SECURITY_REASONS", "CredentialType": "PASSWORD"},
            ),
            event(
                saml_user("carol", "aHash="),
                "AssumeRoleWithSAML",
                "sts",
                f"{day}T09:00:07Z",
                requestParameters={
                    "roleArn": f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Developer_0123456789abcdef",
                    "roleSessionName": "Carol",
                    "principalArn": f"arn:aws:iam::{ACCOUNT}:saml-provider/AWSSSO_0123456789abcdef_DO_NOT_DELETE",
                },
            ),
        ]
        for account, records in today.items():
            write(log_path(folder, day, "1200Z_a", account, organization="o-exampleorg1"), records)
        write(log_path(folder, day, "1205Z_again", organization="o-exampleorg1"), today[ACCOUNT][::2])
        write(log_path(folder, day + timedelta(days=1), f"0005Z_{day:%d}", organization="o-exampleorg1"), tomorrow)
        write(
            log_path(folder, day, "1200Z_digest", organization="o-exampleorg1", writer="CloudTrail-Digest"), [event(iam_user("digest"), at=f"{day}T10:00:00Z")]
        )
        write(
            log_path(folder, day, "1200Z_insight", organization="o-exampleorg1", writer="CloudTrail-Insight"),
            [event(iam_user("insight"), at=f"{day}T10:00:00Z")],
        )
