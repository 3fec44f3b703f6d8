"""Sign-ins: the access portal of IAM Identity Center, the way from there into an account, and the console.

The events and their fields are those of docs.aws.amazon.com/singlesignon/latest/userguide/understanding-sign-in-events.html and of real records.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from exporter.sample.cloudtrail_identities import (
    PERMISSION_SET_PATH,
    Identity,
    identity_center_provider,
    identity_center_user,
    permission_set_role,
    saml_user,
    unknown_sign_in,
)
from exporter.sample.cloudtrail_operations import GLOBAL_REGION, Operation
from exporter.sample.cloudtrail_records import Caller, Event, ids

BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"
"""Stands for the user name that somebody mistyped: it may well be a password."""

_SERVICE_EVENT = "AwsServiceEvent"
"""What the portal writes are no API calls, although people make them."""


def portal(account: str, behalf: Mapping[str, object], day: date, key: str, address: str) -> Caller:
    """A person at the access portal on a day; what happens there is logged in `account`, that of the directory."""
    credential = "".join(ids(f"{key}/{day.toordinal()}/credential")).replace("-", "")
    identity = identity_center_user(account, behalf, credential)
    return Caller(identity, account, GLOBAL_REGION, day, f"{key}/portal", address=address, agent=BROWSER, via="inside")


def sign_in(portal: Caller, user_name: str, second: int) -> Iterator[Event]:
    """Password, second factor, and the applications. `user_name` is written once, as it was typed."""
    workflow, _ = ids(f"{user_name}/{portal.account}/{second}")
    typed = {"AuthWorkflowID": workflow, "CredentialType": "PASSWORD"}
    yield _step(portal, "CredentialChallenge", second, {**typed, "UserName": user_name})
    yield _step(portal, "CredentialVerification", second + 8, typed)
    yield _step(portal, "UserAuthentication", second + 9, {**typed, "LoginTo": "https://example.awsapps.com/start/"})
    yield portal.call(Operation("sso", "Authenticate", read=False), second + 10, eventType=_SERVICE_EVENT)
    yield portal.call(Operation("sso", "ListApplications", read=True), second + 11, eventType=_SERVICE_EVENT)


def mistyped(account: str, day: date, key: str, address: str, second: int) -> Event:
    """A sign-in that failed because there is no such user."""
    nobody = Caller(unknown_sign_in(account), account, GLOBAL_REGION, day, f"{key}/mistyped", address=address, agent=BROWSER, via="inside")
    more = {"AuthWorkflowID": ids(f"{key}/{day}/{second}")[0], "CredentialType": "PASSWORD", "UserName": HIDDEN}
    return _step(nobody, "CredentialChallenge", second, more, outcome="Failure")


def _step(portal: Caller, name: str, second: int, more: Mapping[str, object], outcome: str = "Success") -> Event:
    operation = Operation("signin", name, read=False)
    return portal.call(operation, second, eventType=_SERVICE_EVENT, additionalEventData=more, serviceEventDetails={name: outcome})


def open_account(portal: Caller, account: str, permission_set: str, user_name: str, day: date, key: str, second: int, *, console: bool) -> Iterator[Event]:
    """The portal hands out a role of an account, to the browser or to the command line; STS logs it in that account."""
    details = {"role_name": permission_set, "account_id": account}
    name = "Federate" if console else "GetRoleCredentials"
    yield portal.call(Operation("sso", name, read=not console), second, eventType=_SERVICE_EVENT, serviceEventDetails=details)
    role = f"arn:aws:iam::{account}:role/{PERMISSION_SET_PATH}{permission_set_role(account, permission_set)}"
    provider = f"arn:aws:iam::{account}:saml-provider/AWSSSO_{account}_DO_NOT_DELETE"
    user = saml_user(user_name, identity_center_provider(account))
    yield _with_saml(user, account, user_name, role, provider, day, key, second + 1)


def from_own_provider(user: Identity, account: str, name: str, role_arn: str, day: date, key: str, second: int) -> Event:
    """A person comes into an account through the company's own SAML or OpenID Connect provider."""
    if user["type"] == "SAMLUser":
        return _with_saml(user, account, name, role_arn, f"arn:aws:iam::{account}:saml-provider/corporate", day, key, second)
    caller = Caller(user, account, GLOBAL_REGION, day, f"{key}/oidc", address="AWS Internal", agent=BROWSER)
    parameters = {"roleArn": role_arn, "roleSessionName": name, "durationSeconds": 3600}
    return caller.call(Operation("sts", "AssumeRoleWithWebIdentity", read=True), second, requestParameters=parameters)


def _with_saml(user: Identity, account: str, name: str, role_arn: str, provider_arn: str, day: date, key: str, second: int) -> Event:
    caller = Caller(user, account, GLOBAL_REGION, day, f"{key}/saml/{second}", address="AWS Internal", agent="aws-internal/3 aws-sdk-java")
    parameters = {"sAMLAssertionID": f"_{ids(f'{key}/{day}/{second}')[0]}", "roleSessionName": name, "roleArn": role_arn, "principalArn": provider_arn}
    return caller.call(Operation("sts", "AssumeRoleWithSAML", read=True), second, requestParameters=parameters)


def console_login(caller: Caller, second: int, *, mfa: bool, success: bool = True) -> Event:
    """The console opens, or does not. Whoever comes from a provider says no to `MFAUsed`: the provider asked for it."""
    more = {"LoginTo": "https://console.aws.amazon.com/console/home", "MobileVersion": "No", "MFAUsed": "Yes" if mfa else "No"}
    failed = {} if success else {"errorMessage": "Failed authentication"}
    answer = {"ConsoleLogin": "Success" if success else "Failure"}
    operation = Operation("signin", "ConsoleLogin", read=False)
    return caller.call(operation, second, error=failed, eventType="AwsConsoleSignIn", responseElements=answer, additionalEventData=more)
