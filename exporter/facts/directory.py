"""The directory of people as it was last read, kept in the store: a restart or an outage of the directory loses no names."""

from __future__ import annotations

from datetime import datetime

import msgspec

from exporter.facts.store import Store
from exporter.people import Entry

_DOCUMENT = "people/directory.json"


class DirectoryUser(msgspec.Struct, frozen=True):
    """A user of the directory. `attributes` are those of the enterprise extension, by lower-case name; `groups` those that the config's patterns name."""

    user_id: str
    user_name: str
    display_name: str = ""
    email: str = ""
    status: str = ""
    created: datetime | None = None
    attributes: dict[str, str] = {}
    groups: tuple[str, ...] = ()


class Directory(msgspec.Struct, frozen=True):
    """The directory as it was read at `read` (UTC)."""

    read: datetime
    users: tuple[DirectoryUser, ...]


def stored(store: Store) -> Directory | None:
    """The directory of the last refresh that worked."""
    return store.recall(_DOCUMENT, Directory)


def keep(store: Store, directory: Directory) -> None:
    """Replaces the directory that is stored."""
    store.remember(_DOCUMENT, directory)


def entries(listed: Directory) -> list[Entry]:
    """The users of a directory as `people.joined` takes them."""
    return [
        Entry(
            user=user.user_name,
            display_name=user.display_name,
            email=user.email,
            department=user.attributes.get("department", ""),
            aliases=(user.user_id,),
            attributes=user.attributes,
            groups=user.groups,
            status=user.status or "enabled",
            created=user.created,
        )
        for user in listed.users
    ]
