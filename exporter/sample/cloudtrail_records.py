"""CloudTrail records as services write them.

Field names and their order follow docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html and real records.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from exporter.sample.cloudtrail_identities import Identity
from exporter.sample.cloudtrail_operations import GLOBAL_REGION, GLOBAL_SERVICES, NAMES_PERSON, Operation

Record = dict[str, Any]

LAST_SECOND = 86_399
_OTHER_ERRORS = ("ThrottlingException", "ResourceNotFoundException", "ValidationException")
_PLAIN_DENIALS = frozenset({"iam", "s3", "sts", "organizations"})


@dataclass(frozen=True, slots=True)
class Event:
    """A record on its way to the log of an account and Region."""

    account: str
    region: str
    second: int
    """Of the UTC day."""
    record: Record


def moment(day: date, second: int) -> str:
    """`2026-11-21T09:00:00Z`."""
    return f"{day}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"


def ids(key: str) -> tuple[str, str]:
    """An event id and a request id."""
    digits = hashlib.blake2b(key.encode(), digest_size=32).hexdigest()
    return (
        f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:32]}",
        f"{digits[32:40]}-{digits[40:44]}-4{digits[45:48]}-b{digits[49:52]}-{digits[52:]}",
    )


def denial(operation: Operation, arn: object) -> dict[str, str]:
    """What a service answers to a caller without the permission; EC2 has a code of its own."""
    service = operation.service
    code = "Client.UnauthorizedOperation" if service == "ec2" else "AccessDenied" if service in _PLAIN_DENIALS else "AccessDeniedException"
    return {"errorCode": code, "errorMessage": f"User: {arn} is not authorized to perform: {service}:{operation.name}"}


def failure(which: float) -> dict[str, str]:
    """An error that has nothing to do with permissions; `which` is in [0, 1)."""
    code = _OTHER_ERRORS[int(which * len(_OTHER_ERRORS))]
    return {"errorCode": code, "errorMessage": "Rate exceeded" if code == "ThrottlingException" else "1 validation error detected"}


class Caller:
    """One set of credentials in use from one place on one day; it makes the records of its own calls.

    `key` tells it from every other caller of every day. `behalf` is what services add that name the person behind a session, `{"onBehalfOf": …}`.
    `via` is how the calls come in: over the network, from the console, or inside AWS.
    """

    __slots__ = ("_address", "_agent", "_date", "_identity", "_key", "_named", "_number", "_via", "account", "region")

    def __init__(
        self,
        identity: Identity,
        account: str,
        region: str,
        day: date,
        key: str,
        *,
        address: str,
        agent: str,
        behalf: Mapping[str, object] | None = None,
        via: Literal["network", "console", "inside"] = "network",
    ) -> None:
        self.account, self.region = account, region
        self._identity = identity
        self._named = {**identity, **behalf} if behalf else identity
        self._date, self._key = f"{day}T", f"{key}/{day.toordinal()}"
        self._address, self._agent, self._via = address, agent, via
        self._number = 0

    @property
    def arn(self) -> object:
        return self._identity.get("arn", "")

    @property
    def principal(self) -> object:
        return self._identity.get("principalId", "")

    def call(
        self,
        operation: Operation,
        second: int,
        resource: str = "",
        *,
        error: Mapping[str, str] | None = None,
        region: str | None = None,
        invoked_by: str | None = None,
        **fields: object,
    ) -> Event:
        """One API call. `resource` fills the operation's subject; `invoked_by` is a service that calls for the caller; `fields` replace the record's own."""
        service, second = operation.service, min(second, LAST_SECOND)
        region = GLOBAL_REGION if service in GLOBAL_SERVICES else region or self.region
        identity = self._named if service in NAMES_PERSON else self._identity
        parameters = dict(operation.parameters)
        if operation.subject:
            parameters = {operation.subject: resource, **parameters}
        self._number += 1
        event_id, request_id = ids(f"{self._key}/{self._number}")
        record: Record = {
            "eventVersion": "1.11",
            "userIdentity": {**identity, "invokedBy": invoked_by} if invoked_by else identity,
            "eventTime": f"{self._date}{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z",
            "eventSource": f"{service}.amazonaws.com",
            "eventName": operation.name,
            "awsRegion": region,
            "sourceIPAddress": invoked_by or self._address,
            "userAgent": invoked_by or self._agent,
            **(error or {}),
            "requestParameters": parameters or None,
            "responseElements": None,
            "requestID": request_id,
            "eventID": event_id,
            "readOnly": operation.read,
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": self.account,
            "eventCategory": "Management",
        }
        if self._via == "console" and service != "signin":
            record["sessionCredentialFromConsole"] = "true"
        elif self._via == "network" and invoked_by is None:
            host = f"{service}.{region}.amazonaws.com"
            record["tlsDetails"] = {"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256", "clientProvidedHostHeader": host}
        # Now and then a service still writes the records of years ago, which do not say whether anything was changed.
        if event_id.startswith("00") and self._via != "inside":
            record["eventVersion"] = "1.04"
            for later in ("readOnly", "managementEvent", "eventCategory", "tlsDetails", "sessionCredentialFromConsole"):
                record.pop(later, None)
        record.update(fields)
        return Event(self.account, region, second, record)
