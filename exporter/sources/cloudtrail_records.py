"""What is kept of a CloudTrail record, and the relation `cloudtrail` that it makes.

Fields are those of https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html and its page on userIdentity,
as far as `sql/facts/cloudtrail.sql` reads them.
"""

from __future__ import annotations

from types import MappingProxyType

import msgspec

NULL = msgspec.Raw(b"null")
SERVICE_ROLE_PATH = "/aws-service-role/"

COLUMNS = MappingProxyType(
    {
        "delivered": "VARCHAR",
        "eventID": "VARCHAR",
        "sharedEventID": "VARCHAR",
        "addendum": "STRUCT(originalEventID VARCHAR)",
        "eventTime": "VARCHAR",
        "eventSource": "VARCHAR",
        "eventName": "VARCHAR",
        "eventType": "VARCHAR",
        "eventCategory": "VARCHAR",
        "awsRegion": "VARCHAR",
        "recipientAccountId": "VARCHAR",
        "errorCode": "VARCHAR",
        "readOnly": "VARCHAR",
        "userIdentity": (
            'STRUCT("type" VARCHAR, principalId VARCHAR, arn VARCHAR, accountId VARCHAR, invokedBy VARCHAR, userName VARCHAR, identityProvider VARCHAR, '
            "onBehalfOf STRUCT(userId VARCHAR), inScopeOf STRUCT(issuerType VARCHAR), "
            "sessionContext STRUCT("
            'sessionIssuer STRUCT("type" VARCHAR, arn VARCHAR, userName VARCHAR), webIdFederationData STRUCT(federatedProvider VARCHAR), '
            "ec2RoleDelivery VARCHAR, sourceIdentity VARCHAR))"
        ),
        "requestParameters": "VARCHAR",
        "responseElements": "VARCHAR",
        "additionalEventData": "VARCHAR",
    }
)
"""The relation `cloudtrail` as DuckDB reads it from rows. Names are compared without case, so the statement finds the names of Athena's table."""


class _Fields(msgspec.Struct, rename="camel", omit_defaults=True, gc=False):
    """Part of a record. Only what is named is decoded, and only what is there is written."""


class _Addendum(_Fields):
    original_event_id: str | None = msgspec.field(default=None, name="originalEventID")


class _OnBehalfOf(_Fields):
    user_id: str | None = None


class _InScopeOf(_Fields):
    issuer_type: str | None = None


class _SessionIssuer(_Fields):
    type: str | None = None
    arn: str | None = None
    user_name: str | None = None


class _WebIdFederationData(_Fields):
    federated_provider: str | None = None


class _SessionContext(_Fields):
    session_issuer: _SessionIssuer | None = None
    web_id_federation_data: _WebIdFederationData | None = None
    ec2_role_delivery: str | None = None
    source_identity: str | None = None


class UserIdentity(_Fields):
    """Who made the request."""

    type: str | None = None
    principal_id: str | None = None
    arn: str | None = None
    account_id: str | None = None
    invoked_by: str | None = None
    user_name: str | None = None
    identity_provider: str | None = None
    on_behalf_of: _OnBehalfOf | None = None
    in_scope_of: _InScopeOf | None = None
    session_context: _SessionContext | None = None


class Record(_Fields):
    """A record. What it lacks is None; `delivered` (yyyy/mm/dd) is no field of it but the partition in which it stood."""

    event_id: str = msgspec.field(name="eventID")
    event_time: str
    event_source: str
    event_name: str
    shared_event_id: str | None = msgspec.field(default=None, name="sharedEventID")
    addendum: _Addendum | None = None
    event_type: str | None = None
    event_category: str | None = None
    aws_region: str | None = None
    recipient_account_id: str | None = None
    error_code: str | None = None
    read_only: bool | str | None = None
    user_identity: msgspec.Raw = NULL
    request_parameters: msgspec.Raw = NULL
    response_elements: msgspec.Raw = NULL
    additional_event_data: msgspec.Raw = NULL
    delivered: str = ""


def trim(who: UserIdentity) -> None:
    """Drops what no rule reads of a principal of its type: half of all text that the engine would read."""
    context = who.session_context or _SessionContext()
    if context.web_id_federation_data == _WebIdFederationData():
        context.web_id_federation_data = None
    if context.session_issuer == _SessionIssuer():
        context.session_issuer = None
    issuer = context.session_issuer
    if who.type != "AssumedRole":
        who.principal_id = None
    elif issuer is not None and issuer.user_name:
        who.arn = issuer.type = None
        if issuer.arn and SERVICE_ROLE_PATH not in issuer.arn:
            issuer.arn = None
