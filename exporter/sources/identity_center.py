"""The directory: users, mails, enterprise attributes and groups of IAM Identity Center, kept in the store so that a restart or an outage loses no names.

Source: the API reference of the identity store (ListUsers, ListGroups, ListGroupMemberships). Each API allows 20 requests a second and identity store.
"""

from __future__ import annotations

import fnmatch
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from exporter import aws
from exporter.errors import UserError
from exporter.facts.directory import Directory, DirectoryUser, keep, stored
from exporter.facts.store import Store
from exporter.quoting import well_formed
from exporter.telemetry import Telemetry

log = logging.getLogger(__name__)

NAME = "identity_center"
_USERS, _GROUPS, _MEMBERSHIPS = "identitystore:ListUsers", "identitystore:ListGroups", "identitystore:ListGroupMemberships"
_INSTANCES = "sso:ListInstances"
REQUESTS_PER_SECOND = 15.0
"""A little below the limit, which other callers share."""

_PAGE = 100
_ENTERPRISE = "aws:identitystore:enterprise"


class IdentityCenter:
    """The directory as a source, kept in the store. Raises TransientError and UserError as `aws.explain` says."""

    def __init__(
        self,
        identity_store_id: str | None,
        group_patterns: Sequence[str],
        client: Callable[[str], Any],
        store: Store,
        telemetry: Telemetry,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """See `DirectoryReader`."""
        self.name = NAME
        self._reader = DirectoryReader(identity_store_id, group_patterns, client, telemetry, sleep)
        self._store = store

    def refreshed(self) -> datetime | None:
        """When the last refresh that worked began (UTC); None: there was none."""
        known = stored(self._store)
        return None if known is None else known.read

    def refresh(self, now: datetime, step: Callable[[], None]) -> int:
        """Reads everything, then replaces what is stored. Returns how many users there are. An empty answer replaces nothing."""
        found = self._reader.read(now, step)
        keep(self._store, found)
        return len(found.users)


class DirectoryReader:
    """Reads the directory. Raises TransientError and UserError as `aws.explain` says."""

    def __init__(
        self,
        identity_store_id: str | None,
        group_patterns: Sequence[str],
        client: Callable[[str], Any],
        telemetry: Telemetry,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """`client` gives a boto3 client by service name. Without an id the only identity store that can be seen is used."""
        self._identity_store_id = identity_store_id
        self._patterns = tuple(group_patterns)
        self._client = client
        self._telemetry = telemetry
        self._sleep = sleep
        self._due: dict[str, float] = {}
        """By API: from when on it may be asked again, on the monotonic clock."""
        telemetry.init_apis([_USERS, *((_GROUPS, _MEMBERSHIPS) if self._patterns else ()), *(() if identity_store_id else (_INSTANCES,))])

    def read(self, now: datetime, step: Callable[[], None]) -> Directory:
        """Everything, as of `now` (UTC). `step` is called between requests. A directory without any user is a UserError."""
        client = self._client("identitystore")
        store_id = self._identity_store_id or self._find_store()
        users = [user for page in self._pages(client.list_users, _USERS, step, IdentityStoreId=store_id, Extensions=[_ENTERPRISE]) for user in page["Users"]]
        if not users:
            raise UserError(f"the identity store {store_id} lists no user; check sources.identity_center.identity_store_id and its region")
        groups = self._groups(client, store_id, step)
        return Directory(now, tuple(sorted((_user(user, groups) for user in users), key=lambda user: user.user_name)))

    def _groups(self, client: Any, store_id: str, step: Callable[[], None]) -> Mapping[str, list[str]]:
        """Names of the wanted groups by user id."""
        if not self._patterns:
            return {}
        members: dict[str, list[str]] = {}
        for page in self._pages(client.list_groups, _GROUPS, step, IdentityStoreId=store_id):
            for group in page["Groups"]:
                name = group.get("DisplayName", "")
                if any(fnmatch.fnmatchcase(name, pattern) for pattern in self._patterns):
                    for members_page in self._pages(client.list_group_memberships, _MEMBERSHIPS, step, IdentityStoreId=store_id, GroupId=group["GroupId"]):
                        for membership in members_page["GroupMemberships"]:
                            members.setdefault(membership["MemberId"].get("UserId", ""), []).append(name)
        return members

    def _find_store(self) -> str:
        self._telemetry.api_request(_INSTANCES)
        with aws.explained(_INSTANCES, "IAM Identity Center"):
            instances = self._client("sso-admin").list_instances()["Instances"]
        if len(instances) != 1:
            raise UserError(f"{len(instances)} instances of IAM Identity Center can be seen from here; set sources.identity_center.identity_store_id")
        return str(instances[0]["IdentityStoreId"])

    def _pages(self, operation: Callable[..., dict[str, Any]], action: str, step: Callable[[], None], **arguments: Any) -> Iterator[dict[str, Any]]:
        token: str | None = None
        while True:
            step()
            self._pace(action)
            self._telemetry.api_request(action)
            with aws.explained(action, f"identity store {arguments['IdentityStoreId']}"):
                page = operation(MaxResults=_PAGE, **arguments, **({"NextToken": token} if token else {}))
            yield page
            token = page.get("NextToken")
            if not token:
                return

    def _pace(self, action: str) -> None:
        """Waits until an API may be asked again. Listings of one page, such as the members of each group, follow one another as pages do."""
        wait = self._due.get(action, 0.0) - time.monotonic()
        if wait > 0:
            self._sleep(wait)
        self._due[action] = time.monotonic() + 1 / REQUESTS_PER_SECOND


def _user(user: Mapping[str, Any], groups: Mapping[str, list[str]]) -> DirectoryUser:
    emails = user.get("Emails") or []
    primary = next((email for email in emails if email.get("Primary")), emails[0] if emails else {})
    extension = (user.get("Extensions") or {}).get(_ENTERPRISE) or {}
    name = user.get("Name") or {}
    return DirectoryUser(
        user_id=well_formed(user["UserId"]),
        user_name=well_formed(user.get("UserName") or user["UserId"]),
        display_name=well_formed(user.get("DisplayName") or " ".join(filter(None, (name.get("GivenName"), name.get("FamilyName"))))),
        email=well_formed(primary.get("Value", "")),
        status=well_formed(str(user.get("UserStatus", "")).lower()),
        created=user.get("CreatedAt"),
        attributes={well_formed(key.lower()): well_formed(value) for key, value in extension.items() if isinstance(value, str)},
        groups=tuple(sorted(map(well_formed, groups.get(user["UserId"], ())))),
    )
