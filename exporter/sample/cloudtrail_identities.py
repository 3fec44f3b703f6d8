"""The forms that `userIdentity` takes in CloudTrail records.

Field names and their order follow docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html and real records.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

Identity = dict[str, object]

SAML_PROVIDER = "kZ3mQ9bT0vYhUe7LwXc5dR1sN2A="
"""`identityProvider` of people who come through the company's own SAML provider: a hash, as STS writes it."""
OIDC_PROVIDER = "login.example.com"
"""The company's OpenID Connect provider; records name it by its ARN."""
HUMAN_PROVIDERS = (SAML_PROVIDER, OIDC_PROVIDER)
"""What `people.patterns.human_identity_providers` should hold for the sample."""
GITHUB = "token.actions.githubusercontent.com"


def unique_id(prefix: str, key: str) -> str:
    """An id in the alphabet of IAM: `AROA` (role) and `AIDA` (user) have 21 characters, `ASIA` and `AKIA` (access keys) 20."""
    length = 16 if prefix in ("ASIA", "AKIA") else 17
    return prefix + base64.b32encode(hashlib.blake2b(f"{prefix}/{key}".encode(), digest_size=15).digest()).decode()[:length]


def oidc_arn(account: str, provider: str = OIDC_PROVIDER) -> str:
    """How records name an OpenID Connect provider."""
    return f"arn:aws:iam::{account}:oidc-provider/{provider}"


def permission_set_role(account: str, permission_set: str) -> str:
    """The role that IAM Identity Center makes of a permission set in an account."""
    return f"AWSReservedSSO_{permission_set}_{hashlib.blake2b(f'{account}/{permission_set}'.encode(), digest_size=8).hexdigest()}"


def identity_center_provider(account: str) -> str:
    """`identityProvider` of people whom IAM Identity Center lets into an account: another hash in every account."""
    return base64.b64encode(hashlib.blake2b(account.encode(), digest_size=20).digest()).decode()


PERMISSION_SET_PATH = "aws-reserved/sso.amazonaws.com/us-east-1/"


def assumed_role(account: str, role: str, session: str, created: str, *, path: str = "", key: str = "", source_identity: str | None = None) -> Identity:
    """A session of a role, `created` as `2026-11-21T09:00:00Z`. `path` is the role's, with a slash at its end."""
    principal = unique_id("AROA", f"{account}/{role}")
    context: dict[str, object] = {
        "sessionIssuer": {
            "type": "Role",
            "principalId": principal,
            "arn": f"arn:aws:iam::{account}:role/{path}{role}",
            "accountId": account,
            "userName": role,
        },
        "attributes": {"creationDate": created, "mfaAuthenticated": "false"},
    }
    if source_identity is not None:
        context["sourceIdentity"] = source_identity
    return {
        "type": "AssumedRole",
        "principalId": f"{principal}:{session}",
        "arn": f"arn:aws:sts::{account}:assumed-role/{role}/{session}",
        "accountId": account,
        "accessKeyId": unique_id("ASIA", f"{account}/{role}/{session}/{created}/{key}"),
        "sessionContext": context,
    }


def in_session_context(identity: Identity, **fields: object) -> Identity:
    """The same identity with more fields in its `sessionContext`: ec2RoleDelivery, webIdFederationData, signInSessionArn, assumedRoot."""
    context = identity["sessionContext"]
    if not isinstance(context, dict):
        raise TypeError(f"{identity['type']} has no session")
    return {**identity, "sessionContext": {**context, **fields}}


def on_behalf_of(user_id: str, directory_account: str, identity_store_id: str) -> dict[str, object]:
    """The part that names a person of IAM Identity Center, by an id that never changes."""
    return {"onBehalfOf": {"userId": user_id, "identityStoreArn": f"arn:aws:identitystore::{directory_account}:identitystore/{identity_store_id}"}}


def identity_center_user(account: str, behalf: Mapping[str, object], credential: str) -> Identity:
    """Somebody signed in to the access portal. Neither name nor principal since November 2025; `credential` is the portal session."""
    return {"type": "IdentityCenterUser", "accountId": account, **behalf, "credentialId": credential}


def unknown_sign_in(account: str) -> Identity:
    """Somebody who has not yet shown who they are."""
    return {"type": "Unknown", "principalId": account, "arn": "", "accountId": account, "accessKeyId": ""}


def iam_user(account: str, name: str, *, path: str = "", access_key: bool = True) -> Identity:
    """An IAM user with a long-lived key; without one for console sign-ins."""
    identity: Identity = {
        "type": "IAMUser",
        "principalId": unique_id("AIDA", f"{account}/{name}"),
        "arn": f"arn:aws:iam::{account}:user/{path}{name}",
        "accountId": account,
        "userName": name,
    }
    return {**identity, "accessKeyId": unique_id("AKIA", f"{account}/{name}")} if access_key else identity


def iam_user_session(account: str, name: str, created: str, *, mfa: bool) -> Identity:
    """An IAM user in the console: temporary keys, and the sign-in session that they belong to."""
    session = hashlib.blake2b(f"{account}/{name}/{created}".encode(), digest_size=16).hexdigest()
    return {
        **iam_user(account, name, access_key=False),
        "accessKeyId": unique_id("ASIA", f"{account}/{name}/{created}"),
        "sessionContext": {
            "attributes": {"creationDate": created, "mfaAuthenticated": "true" if mfa else "false"},
            "signInSessionArn": f"arn:aws:signin:us-east-1:{account}:session/{session[:8]}-{session[8:12]}-4{session[13:16]}-a{session[17:20]}-{session[20:]}",
        },
    }


def federated_user(account: str, issuer: str, name: str, created: str) -> Identity:
    """A session that the IAM user `issuer` handed out with GetFederationToken, under a `name` of its choice."""
    return {
        "type": "FederatedUser",
        "principalId": f"{account}:{name}",
        "arn": f"arn:aws:sts::{account}:federated-user/{name}",
        "accountId": account,
        "accessKeyId": unique_id("ASIA", f"{account}/{issuer}/{name}/{created}"),
        "sessionContext": {
            "sessionIssuer": {
                "type": "IAMUser",
                "principalId": unique_id("AIDA", f"{account}/{issuer}"),
                "arn": f"arn:aws:iam::{account}:user/{issuer}",
                "accountId": account,
                "userName": issuer,
            },
            "webIdFederationData": {},
            "attributes": {"creationDate": created, "mfaAuthenticated": "false"},
        },
    }


def saml_user(name: str, provider: str = SAML_PROVIDER) -> Identity:
    """Who calls AssumeRoleWithSAML: no account, no ARN."""
    return {"type": "SAMLUser", "principalId": f"{provider}:{name}", "userName": name, "identityProvider": provider}


def web_identity_user(subject: str, provider_arn: str, audience: str = "sts.amazonaws.com") -> Identity:
    """Who calls AssumeRoleWithWebIdentity: a person, `repo:org/x:ref:…` of GitHub, or a Kubernetes service account."""
    return {"type": "WebIdentityUser", "principalId": f"{provider_arn}:{audience}:{subject}", "userName": subject, "identityProvider": provider_arn}


def aws_service(host: str) -> Identity:
    """A service that acts for itself; `host` is `ec2.amazonaws.com`."""
    return {"type": "AWSService", "invokedBy": host}


def service_event(account: str, host: str) -> Identity:
    """Of an `AwsServiceEvent`: no type at all."""
    return {"accountId": account, "invokedBy": host}


def aws_account(account: str, principal: str) -> Identity:
    """A caller of another account, as the account that is called sees it."""
    return {"type": "AWSAccount", "principalId": principal, "accountId": account}


def root(account: str, created: str, *, assumed: bool = False) -> Identity:
    """The root user; `assumed` is a session of AssumeRoot, which the management account opens in a member account."""
    context: dict[str, object] = {"attributes": {"creationDate": created, "mfaAuthenticated": "false"}}
    if assumed:
        context["assumedRoot"] = "true"
    return {
        "type": "Root",
        "principalId": account,
        "arn": f"arn:aws:iam::{account}:root",
        "accountId": account,
        "accessKeyId": unique_id("ASIA", f"{account}/root/{created}"),
        "sessionContext": context,
    }


def role(account: str, name: str) -> Identity:
    """A role itself, without a session: what some services write that act for it."""
    return {
        "type": "Role",
        "principalId": unique_id("AROA", f"{account}/{name}"),
        "arn": f"arn:aws:iam::{account}:role/{name}",
        "accountId": account,
        "userName": name,
    }


def directory(account: str, directory_id: str) -> Identity:
    """AWS Directory Service, on behalf of a directory."""
    return {
        "type": "Directory",
        "principalId": directory_id,
        "arn": f"arn:aws:ds:us-east-1:{account}:directory/{directory_id}",
        "accountId": account,
        "userName": directory_id,
    }
