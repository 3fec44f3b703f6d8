"""The directory of the sample: what IAM Identity Center's API says of the same people as the Kiro reports and CloudTrail.

Shapes are those of ListUsers (with the extension `aws:identitystore:enterprise`), ListGroups and ListGroupMemberships:
docs.aws.amazon.com/singlesignon/latest/IdentityStoreAPIReference. Each file holds all pages of one answer; times are written as the AWS CLI writes them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Protocol

import msgspec

from exporter.sample.cloudtrail_habits import directory_id, user_name
from exporter.sample.draws import draws, uuid_of
from exporter.sample.organisation import Organisation, Person
from exporter.sample.people_file import REMEMBERED

FOLDER = "directory"
USERS, GROUPS, MEMBERSHIPS = "users.json", "groups.json", "memberships.json"
ENTERPRISE = "aws:identitystore:enterprise"

_UNLISTED = 0.015
"""The share of people who are not in the directory, though they work: contractors of another company."""
_TITLES = {
    "Engineering": "Software Engineer",
    "Data": "Data Scientist",
    "Operations": "Reliability Engineer",
    "Product": "Product Manager",
    "Research": "Researcher",
    "Business": "Specialist",
}
_ACCESS_GROUPS = {
    "Engineering": "aws-developers",
    "Data": "aws-data",
    "Operations": "aws-administrators",
    "Product": "aws-read-only",
    "Research": "aws-data",
    "Business": "aws-billing",
}
_KIRO_GROUP = "kiro-users"
_GROUP_OF_NOBODY = "aws-break-glass"

Entry = dict[str, Any]


class IdentityStore(Protocol):
    """What `load_directory` needs of boto3's `identitystore` client."""

    def create_user(self, **parameters: Any) -> Mapping[str, Any]: ...
    def create_group(self, **parameters: Any) -> Mapping[str, Any]: ...
    def create_group_membership(self, **parameters: Any) -> Mapping[str, Any]: ...


def directory_files(organisation: Organisation, last: date) -> Iterator[tuple[str, bytes]]:
    """The three files, by path relative to the location, as of the end of `last`."""
    directory = _Directory(organisation, last)
    yield f"{FOLDER}/{USERS}", _answer("Users", directory.users())
    yield f"{FOLDER}/{GROUPS}", _answer("Groups", directory.groups())
    yield f"{FOLDER}/{MEMBERSHIPS}", _answer("GroupMemberships", directory.memberships())


def load_directory(folder: Path, client: IdentityStore, identity_store_id: str) -> dict[str, str]:
    """Creates the users, groups and memberships of a sample's `folder` in an identity store; returns each `UserId` of the sample with the one it became.

    A store gives ids of its own, and the API that creates takes neither status nor times.
    """
    users = _read(folder / FOLDER / USERS)["Users"]
    groups = _read(folder / FOLDER / GROUPS)["Groups"]
    created: dict[str, str] = {}
    wanted = ("UserName", "Name", "DisplayName", "Emails", "Title", "Locale", "Timezone", "Extensions")
    for user in users:
        answer = client.create_user(IdentityStoreId=identity_store_id, **{name: user[name] for name in wanted if name in user})
        created[user["UserId"]] = answer["UserId"]
    group_ids = {
        group["GroupId"]: client.create_group(IdentityStoreId=identity_store_id, DisplayName=group["DisplayName"], Description=group["Description"])["GroupId"]
        for group in groups
    }
    for membership in _read(folder / FOLDER / MEMBERSHIPS)["GroupMemberships"]:
        member = {"UserId": created[membership["MemberId"]["UserId"]]}
        client.create_group_membership(IdentityStoreId=identity_store_id, GroupId=group_ids[membership["GroupId"]], MemberId=member)
    return created


class SampleDirectory:
    """The sample's directory in place of boto3's `identitystore` client: answers from the files of a folder, each in one page."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER

    def list_users(self, **_request: Any) -> Entry:
        """Everybody, with the times as datetimes."""
        users = _read(self._folder / USERS)["Users"]
        return {"Users": [{**user, **{name: datetime.fromisoformat(user[name]) for name in ("CreatedAt", "UpdatedAt")}} for user in users]}

    def list_groups(self, **_request: Any) -> Entry:
        """Every group."""
        return _read(self._folder / GROUPS)

    def list_group_memberships(self, **request: Any) -> Entry:
        """The members of the group `GroupId`."""
        memberships = _read(self._folder / MEMBERSHIPS)["GroupMemberships"]
        return {"GroupMemberships": [membership for membership in memberships if membership["GroupId"] == request["GroupId"]]}


def _read(path: Path) -> Entry:
    answer: Entry = json.loads(path.read_bytes())
    return answer


def _answer(name: str, entries: Iterable[Entry]) -> bytes:
    """One entry a line, so that a difference between two days can be read."""
    lines = b",\n".join(msgspec.json.encode(entry) for entry in entries)
    return b'{"' + name.encode() + b'": [\n' + lines + b"\n]}\n"


class _Directory:
    """Everybody whom the directory knows at the end of a day, and the groups that they are in."""

    __slots__ = ("_last", "_leads", "_number_of", "_organisation", "_people")

    def __init__(self, organisation: Organisation, last: date) -> None:
        self._organisation, self._last = organisation, last
        self._people = [person for person in organisation.people(last - REMEMBERED, last) if _is_listed(person, last)]
        self._number_of = {team.name: number for number, team in enumerate(organisation.teams)}
        # Who holds the first position of a team leads it.
        self._leads = [directory_id(organisation, organisation.holder(number, last)) for number in range(len(organisation.teams))]

    def users(self) -> Iterator[Entry]:
        for number, person in enumerate(self._people):
            user_id = directory_id(self._organisation, person)
            given, _, family = person.display_name.partition(" ")
            gone = person.left <= self._last
            created = _time(person.joined - timedelta(days=3), person.position)
            yield {
                "UserName": user_name(person),
                "UserId": user_id,
                "UserArn": f"arn:aws:identitystore:::user/{user_id}",
                "Revision": "2" if gone else "1",
                "ExternalIds": [{"Issuer": "https://login.example.com", "Id": uuid_of(f"{person.identity_center_id}/external")}],
                "Name": {"Formatted": person.display_name, "FamilyName": family or given, "GivenName": given},
                # One name was pasted from a spreadsheet, line end and all.
                "DisplayName": person.display_name + ("\r" if number == 2 else ""),
                "Title": _TITLES[person.team.department],
                "Emails": [{"Value": person.email, "Type": "work", "Primary": True}],
                "Locale": "en-US",
                "Timezone": "Europe/Berlin" if person.team.account.region.startswith("eu-") else "America/New_York",
                # Some who left are still enabled: nobody told the directory.
                "UserStatus": "DISABLED" if _is_disabled(person, self._last) else "ENABLED",
                "IdentityStoreId": self._organisation.identity_store_id,
                "CreatedAt": created,
                "CreatedBy": "scim",
                "UpdatedAt": _time(person.left, person.position) if gone else created,
                "UpdatedBy": "scim",
                "Extensions": {ENTERPRISE: self._enterprise(person, user_id)},
            }

    def groups(self) -> Iterator[Entry]:
        created = _time(_SET_UP, 0)
        for name, description in self._named_groups():
            group_id = self._group_id(name)
            yield {
                "GroupId": group_id,
                "GroupArn": f"arn:aws:identitystore:::group/{group_id}",
                "Revision": "1",
                "DisplayName": name,
                "Description": description,
                "IdentityStoreId": self._organisation.identity_store_id,
                "CreatedAt": created,
                "CreatedBy": "scim",
                "UpdatedAt": created,
                "UpdatedBy": "scim",
            }

    def memberships(self) -> Iterator[Entry]:
        for person in self._people:
            user_id = directory_id(self._organisation, person)
            created = _time(person.joined, person.position)
            for name in self._groups_of(person):
                membership_id = uuid_of(f"{person.identity_center_id}/group/{name}")
                yield {
                    "IdentityStoreId": self._organisation.identity_store_id,
                    "MembershipId": membership_id,
                    "MembershipArn": f"arn:aws:identitystore:::membership/{membership_id}",
                    "GroupId": self._group_id(name),
                    "MemberId": {"UserId": user_id},
                    "CreatedAt": created,
                    "CreatedBy": "scim",
                    "UpdatedAt": created,
                    "UpdatedBy": "scim",
                }

    def _enterprise(self, person: Person, user_id: str) -> Entry:
        number = self._number_of[person.team.name]
        attributes: Entry = {
            "employeeNumber": f"E{100_000 + person.position}",
            "costCenter": f"CC-{4_000 + number}",
            "organization": "Acme",
            "division": "Business" if person.team.department == "Business" else "Technology",
            "department": person.team.department,
        }
        if self._leads[number] != user_id:
            attributes["manager"] = {"value": self._leads[number]}
        # Identity providers do not agree on the case of these names.
        return {name[0].upper() + name[1:]: value for name, value in attributes.items()} if person.position % 37 == 11 else attributes

    def _named_groups(self) -> Iterator[tuple[str, str]]:
        for team in self._organisation.teams:
            yield f"team-{team.name}", f"{team.department}: {team.name}"
        for name in (*sorted(set(_ACCESS_GROUPS.values())), _GROUP_OF_NOBODY):
            yield name, "Gives access to AWS accounts"
        yield _KIRO_GROUP, "Has a Kiro subscription"

    def _groups_of(self, person: Person) -> Iterator[str]:
        if _is_disabled(person, self._last):
            return
        yield f"team-{person.team.name}"
        teams = self._organisation.teams
        if person.position % 29 == 17 and len(teams) > 1:
            # On loan to another team, and a member of both.
            yield f"team-{teams[(self._number_of[person.team.name] + 1) % len(teams)].name}"
        yield _ACCESS_GROUPS[person.team.department]
        if person.seat is not None and person.seat.since <= self._last:
            yield _KIRO_GROUP

    def _group_id(self, name: str) -> str:
        return uuid_of(f"{self._organisation.seed}/group/{name}")


def _is_listed(person: Person, last: date) -> bool:
    if next(draws(f"{person.identity_center_id}/directory/listed")) < _UNLISTED:
        return False
    return person.left > last or person.offboarding != "removed"


def _is_disabled(person: Person, last: date) -> bool:
    return person.left <= last and person.offboarding == "seat_removed"


def _time(day: date, minutes: int) -> str:
    moment = datetime.combine(day, time(6)) + timedelta(minutes=minutes % 600)
    return f"{moment.isoformat(timespec='milliseconds')}000+00:00"


_SET_UP = date(2024, 3, 4)
"""When the company moved to IAM Identity Center."""
