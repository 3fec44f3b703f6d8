"""The sample's directory has the shapes of IAM Identity Center's API, and the people of the people file, of Kiro and of CloudTrail."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.model import ListShape, MapShape, Shape, StructureShape
from moto import mock_aws
from sample_folders import listed_people, rows_of

from exporter.sample import Organisation, Person, load_directory, write

PEOPLE, SEED = 400, 7
FIRST, LAST = date(2026, 11, 9), date(2026, 11, 21)
ENTERPRISE = "aws:identitystore:enterprise"

Entry = dict[str, Any]


@pytest.fixture(scope="module")
def organisation() -> Organisation:
    return Organisation.generate(PEOPLE, SEED)


@pytest.fixture(scope="module")
def folder(organisation: Organisation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(organisation, tmp_path_factory.mktemp("directory"), FIRST, LAST, events=1.0, bill=False).folder


def answer(folder: Path, name: str) -> Entry:
    found: Entry = json.loads((folder / "directory" / name).read_bytes())
    return found


@pytest.fixture(scope="module")
def users(folder: Path) -> list[Entry]:
    return list(answer(folder, "users.json")["Users"])


@pytest.fixture(scope="module")
def groups(folder: Path) -> dict[str, str]:
    return {group["GroupId"]: group["DisplayName"] for group in answer(folder, "groups.json")["Groups"]}


@pytest.fixture(scope="module")
def groups_of(folder: Path, groups: dict[str, str]) -> Mapping[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for membership in answer(folder, "memberships.json")["GroupMemberships"]:
        found[membership["MemberId"]["UserId"]].add(groups[membership["GroupId"]])
    return found


@pytest.fixture(scope="module")
def people(organisation: Organisation) -> dict[str, Person]:
    """By Identity Center id; those of the last 90 days."""
    return {person.identity_center_id: person for person in organisation.people(LAST - timedelta(days=90), LAST)}


def attributes(user: Entry) -> dict[str, Any]:
    return {name.lower(): value for name, value in user["Extensions"][ENTERPRISE].items()}


# Shapes


def faults(shape: Shape, value: Any, place: str) -> list[str]:
    """What of a value an API of this shape could not have answered."""
    if isinstance(shape, StructureShape):
        if shape.metadata.get("document"):
            return []
        missing = [f"{place}.{name} is missing" for name in shape.required_members if name not in value]
        unknown = [f"{place}.{name} is unknown" for name in value if name not in shape.members]
        return [
            *missing,
            *unknown,
            *(fault for name in value if name in shape.members for fault in faults(shape.members[name], value[name], f"{place}.{name}")),
        ]
    if isinstance(shape, ListShape):
        return [fault for item in value for fault in faults(shape.member, item, place)]
    if isinstance(shape, MapShape):
        return [fault for item in value.values() for fault in faults(shape.value, item, place)]
    if shape.type_name == "timestamp":
        return [] if datetime.fromisoformat(value).tzinfo else [f"{place} has no time zone"]
    if shape.type_name == "boolean":
        return [] if isinstance(value, bool) else [f"{place} is no boolean"]
    wanted = shape.metadata.get("enum")
    if wanted and value not in wanted:
        return [f"{place} is {value!r}"]
    pattern = shape.metadata.get("pattern")
    # Python's re has no \p{…}; names are of all scripts anyway.
    return [f"{place} is {value!r}"] if pattern and r"\p{" not in pattern and not re.fullmatch(pattern, value) else []


@pytest.mark.parametrize(("name", "operation"), [("users.json", "ListUsers"), ("groups.json", "ListGroups"), ("memberships.json", "ListGroupMemberships")])
def test_files_are_what_the_api_answers(folder: Path, name: str, operation: str) -> None:
    model = botocore.session.get_session().get_service_model("identitystore")
    shape = model.operation_model(operation).output_shape
    assert shape is not None
    assert faults(shape, answer(folder, name), operation) == []


def test_the_store_is_that_of_the_logs(folder: Path, users: list[Entry]) -> None:
    (store,) = {user["IdentityStoreId"] for user in users}
    logged = set()
    for path in folder.glob("AWSLogs/o-*/*/CloudTrail/**/*.json.gz"):
        logged |= set(re.findall(r"identitystore/(d-[0-9a-f]{10})", gzip.decompress(path.read_bytes()).decode()))
    assert logged == {store}


# The people


def test_users_are_the_people_of_the_people_file(folder: Path, users: list[Entry]) -> None:
    in_file = {row["email"].lower() for row in listed_people(folder)}
    in_directory = {user["Emails"][0]["Value"] for user in users}
    assert 0 < len(in_file - in_directory) < 15
    assert 0 < len(in_directory - in_file) < 15


def test_ids_are_those_of_the_people_file(folder: Path, users: list[Entry]) -> None:
    ids = {user["Emails"][0]["Value"]: user["UserId"][-36:] for user in users}
    named = {row["email"].lower(): match.group() for row in listed_people(folder) if (match := re.search(r"[0-9a-f]{8}-[0-9a-f-]{27}", row["aliases"]))}
    assert len(named) > 300
    assert all(ids[mail] == key for mail, key in named.items() if mail in ids)


def test_ids_are_those_of_the_kiro_reports(folder: Path, users: list[Entry]) -> None:
    in_kiro = {row["UserId"][-36:] for row in rows_of(folder)}
    missing = in_kiro - {user["UserId"][-36:] for user in users}
    assert 0 < len(missing) < len(in_kiro) / 30


def test_some_ids_start_with_the_directory(users: list[Entry]) -> None:
    assert 0.2 < sum(len(user["UserId"]) == 47 for user in users) / len(users) < 0.4


def test_user_names_are_unique_and_name_the_sessions(folder: Path, users: list[Entry]) -> None:
    names = {user["UserName"] for user in users}
    sessions = set()
    for path in folder.glob("AWSLogs/o-*/*/CloudTrail/**/*.json.gz"):
        sessions |= set(re.findall(r'"arn":"arn:aws:sts::\d+:assumed-role/AWSReservedSSO_\w+/([^"]+)"', gzip.decompress(path.read_bytes()).decode()))
    assert len(names) == len(users)
    assert len(sessions) > 100
    assert len(sessions - names) < len(sessions) / 20


def test_who_left_is_disabled_forgotten_or_gone(users: list[Entry], people: dict[str, Person]) -> None:
    status = {user["UserId"][-36:]: user["UserStatus"] for user in users}
    left = {key: person for key, person in people.items() if person.left <= LAST}
    fates = Counter((person.offboarding, status.get(key)) for key, person in left.items())
    assert set(fates) <= {("kept", "ENABLED"), ("seat_removed", "DISABLED"), ("removed", None), ("kept", None), ("seat_removed", None)}
    assert fates["seat_removed", "DISABLED"] > 0 < fates["kept", "ENABLED"]
    assert {status[key] for key in status if key not in left} == {"ENABLED"}


def test_one_name_has_a_carriage_return(users: list[Entry]) -> None:
    assert [user["DisplayName"].count("\r") for user in users].count(1) == 1


def test_departments_and_managers(organisation: Organisation, users: list[Entry], people: dict[str, Person]) -> None:
    assert all(attributes(user)["department"] == people[user["UserId"][-36:]].team.department for user in users)
    leads = {team.name: organisation.holder(number, LAST).identity_center_id for number, team in enumerate(organisation.teams)}
    for user in users:
        key = user["UserId"][-36:]
        manager = attributes(user).get("manager", {"value": key})["value"][-36:]
        assert manager == leads[people[key].team.name]


def test_attribute_names_come_in_two_cases(users: list[Entry]) -> None:
    spelled = Counter(name for user in users for name in user["Extensions"][ENTERPRISE])
    assert spelled["costCenter"] > spelled["CostCenter"] > 0


# The groups


def test_everybody_is_in_the_group_of_the_team(users: list[Entry], groups_of: Mapping[str, set[str]], people: dict[str, Person]) -> None:
    enabled = [user["UserId"] for user in users if user["UserStatus"] == "ENABLED"]
    assert all(f"team-{people[key[-36:]].team.name}" in groups_of[key] for key in enabled)
    assert {user["UserId"] for user in users if user["UserStatus"] == "DISABLED"}.isdisjoint(groups_of)


def test_some_people_are_in_the_groups_of_two_teams(groups_of: Mapping[str, set[str]]) -> None:
    teams = Counter(sum(name.startswith("team-") for name in of_user) for of_user in groups_of.values())
    assert set(teams) == {1, 2}
    assert teams[1] > 10 * teams[2] > 0


def test_other_groups_give_access(groups: dict[str, str], groups_of: Mapping[str, set[str]]) -> None:
    others = {name for name in groups.values() if not name.startswith("team-")}
    assert {"aws-administrators", "aws-developers", "kiro-users"} <= others
    assert others - set().union(*groups_of.values()) == {"aws-break-glass"}


def test_whoever_has_a_seat_is_in_the_group_of_kiro(users: list[Entry], groups_of: Mapping[str, set[str]], people: dict[str, Person]) -> None:
    seats = {user["UserId"] for user in users if (seat := people[user["UserId"][-36:]].seat) and seat.since <= LAST and user["UserStatus"] == "ENABLED"}
    assert {key for key, names in groups_of.items() if "kiro-users" in names} == seats


# In an identity store


@mock_aws
def test_a_store_is_filled_with_it(folder: Path, users: list[Entry], groups: dict[str, str], groups_of: Mapping[str, set[str]]) -> None:
    client = boto3.client("identitystore", region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing")
    created = load_directory(folder, client, "d-1234567890")
    there = [user for page in client.get_paginator("list_users").paginate(IdentityStoreId="d-1234567890") for user in page["Users"]]
    assert {user["UserId"]: user["UserName"] for user in there} == {created[user["UserId"]]: user["UserName"] for user in users}
    found = client.list_groups(IdentityStoreId="d-1234567890", Filters=[{"AttributePath": "DisplayName", "AttributeValue": "team-platform"}])["Groups"]
    pages = client.get_paginator("list_group_memberships").paginate(IdentityStoreId="d-1234567890", GroupId=found[0]["GroupId"])
    members = {membership["MemberId"]["UserId"] for page in pages for membership in page["GroupMemberships"]}
    assert members == {created[key] for key, names in groups_of.items() if "team-platform" in names}
