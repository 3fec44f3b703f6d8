"""The directory: against moto's server for the protocol, against a fake for what the server does not know."""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto.server import ThreadedMotoServer

from exporter import aws, refresh
from exporter.config import Aws
from exporter.errors import TransientError, UserError
from exporter.facts.directory import Directory, DirectoryUser, stored
from exporter.facts.store import Store
from exporter.refresh import DirectoryRefresh
from exporter.sources.identity_center import IdentityCenter
from exporter.telemetry import Telemetry

STORE_ID = "d-1234567890"
NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)
USERS = 230
GROUPS = ("team-web", "team-data", "admins", "kiro-users")
ENTERPRISE = "aws:identitystore:enterprise"


def value(telemetry: Telemetry, name: str, **labels: str) -> float | None:
    return telemetry.registry.get_sample_value(f"aws_user_exporter_{name}", labels)


def asked(telemetry: Telemetry, api: str) -> float:
    return value(telemetry, "api_requests_total", api=api) or 0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "store")
    yield opened
    opened.close()


def users_of(store: Store) -> dict[str, DirectoryUser]:
    known = stored(store)
    assert known is not None
    return {user.user_name: user for user in known.users}


# The protocol


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with pytest.MonkeyPatch.context() as environment:
        for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
            environment.delenv(name, raising=False)
        environment.setenv("AWS_ACCESS_KEY_ID", "testing")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        environment.setenv("AWS_CONFIG_FILE", os.devnull)
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        _fill(f"http://{host}:{port}")
        yield f"http://{host}:{port}"
        server.stop()


def _fill(address: str) -> None:
    client = boto3.client("identitystore", region_name="us-east-1", endpoint_url=address)
    ids = []
    for number in range(USERS):
        name = {"GivenName": f"Given{number}", "FamilyName": f"Family{number}"}
        mails = [{"Value": f"user{number}@example.com", "Primary": True}]
        user = client.create_user(IdentityStoreId=STORE_ID, UserName=f"user{number:03}", DisplayName=f"User {number}", Name=name, Emails=mails)
        ids.append(user["UserId"])
    for place, group in enumerate(GROUPS):
        group_id = client.create_group(IdentityStoreId=STORE_ID, DisplayName=group, Description="-")["GroupId"]
        # Of team-web more than a page.
        for user_id in ids[: 105 if place == 0 else 3]:
            client.create_group_membership(IdentityStoreId=STORE_ID, GroupId=group_id, MemberId={"UserId": user_id})


def served(address: str, store: Store, telemetry: Telemetry | None = None, patterns: tuple[str, ...] = ("team-*",)) -> IdentityCenter:
    reach = partial(aws.client, Aws(region="us-east-1", endpoint_url=address))
    return IdentityCenter(STORE_ID, patterns, reach, store, telemetry or Telemetry(), sleep=lambda _seconds: None)


def test_all_pages_of_users_are_read(address: str, store: Store) -> None:
    assert served(address, store).refresh(NOW, lambda: None) == USERS
    assert list(users_of(store)) == [f"user{number:03}" for number in range(USERS)]


def test_user_as_served(address: str, store: Store) -> None:
    served(address, store).refresh(NOW, lambda: None)
    user = users_of(store)["user007"]
    assert (user.display_name, user.email, user.groups) == ("User 7", "user7@example.com", ("team-web",))


def test_members_of_all_pages_are_in_the_groups_that_match(address: str, store: Store) -> None:
    served(address, store).refresh(NOW, lambda: None)
    members = defaultdict(set)
    for user in users_of(store).values():
        for group in user.groups:
            members[group].add(user.user_name)
    assert {group: len(names) for group, names in members.items()} == {"team-web": 105, "team-data": 3}


@pytest.mark.parametrize(("patterns", "expected"), [((), (0, 0)), (("team-*",), (1, 3)), (("*",), (1, 5)), (("nobody",), (1, 0)), (("TEAM-*",), (1, 0))])
def test_only_groups_that_match_are_asked_for_their_members(address: str, store: Store, patterns: tuple[str, ...], expected: tuple[int, int]) -> None:
    telemetry = Telemetry()
    served(address, store, telemetry, patterns).refresh(NOW, lambda: None)
    assert (asked(telemetry, "identitystore:ListGroups"), asked(telemetry, "identitystore:ListGroupMemberships")) == expected


def test_every_page_of_users_is_a_request_that_counts(address: str, store: Store) -> None:
    telemetry = Telemetry()
    served(address, store, telemetry).refresh(NOW, lambda: None)
    assert asked(telemetry, "identitystore:ListUsers") == 3


def test_stop_ends_a_refresh_between_two_pages(address: str, store: Store) -> None:
    steps = iter([None, refresh.Stopped()])

    def step() -> None:
        if (stop := next(steps)) is not None:
            raise stop

    telemetry = Telemetry()
    with pytest.raises(refresh.Stopped):
        served(address, store, telemetry).refresh(NOW, step)
    assert (asked(telemetry, "identitystore:ListUsers"), stored(store)) == (1, None)


# What the server does not know


def user(name: str, **more: Any) -> dict[str, Any]:
    return {"UserId": f"id-{name}", "UserName": name, "IdentityStoreId": STORE_ID, **more}


def refused(code: str, operation: str = "ListUsers", status: int = 400) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}, operation)  # type: ignore[typeddict-item]


class FakeAws:
    """`identitystore` and `sso-admin` in one: pages of answers, when each API was asked, and how."""

    def __init__(self, users: list[list[dict[str, Any]]], groups: int = 0, instances: tuple[str, ...] = ()) -> None:
        self.users, self.groups, self.instances = users, groups, instances
        self.failures: list[Exception] = []
        self.asked: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.times: dict[str, list[float]] = defaultdict(list)
        self.slept = 0.0

    def client(self, service: str) -> FakeAws:
        assert service in ("identitystore", "sso-admin")
        return self

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.slept += seconds

    def list_users(self, **arguments: Any) -> Mapping[str, Any]:
        return self._page("list_users", "Users", self.users, arguments)

    def list_groups(self, **arguments: Any) -> Mapping[str, Any]:
        groups = [{"GroupId": f"g{number}", "DisplayName": f"team-{number}"} for number in range(self.groups)]
        return self._page("list_groups", "Groups", [groups], arguments)

    def list_group_memberships(self, **arguments: Any) -> Mapping[str, Any]:
        return self._page("list_group_memberships", "GroupMemberships", [[{"MemberId": {"UserId": "id-alice"}}]], arguments)

    def list_instances(self, **arguments: Any) -> Mapping[str, Any]:
        self._note("list_instances", arguments)
        return {"Instances": [{"IdentityStoreId": store_id} for store_id in self.instances]}

    def _note(self, operation: str, arguments: dict[str, Any]) -> None:
        self.asked[operation].append(arguments)
        self.times[operation].append(time.monotonic())
        if self.failures:
            raise self.failures.pop(0)

    def _page(self, operation: str, name: str, pages: list[list[dict[str, Any]]], arguments: dict[str, Any]) -> Mapping[str, Any]:
        self._note(operation, arguments)
        place = int(arguments.get("NextToken", 0))
        return {name: pages[place], **({"NextToken": str(place + 1)} if place + 1 < len(pages) else {})}


def faked(fake: FakeAws, store: Store, telemetry: Telemetry | None = None, store_id: str | None = STORE_ID) -> IdentityCenter:
    return IdentityCenter(store_id, ("team-*",), fake.client, store, telemetry or Telemetry(), sleep=fake.sleep)


def read(store: Store, *users: dict[str, Any]) -> dict[str, DirectoryUser]:
    faked(FakeAws([list(users)]), store).refresh(NOW, lambda: None)
    return users_of(store)


def test_enterprise_attributes_are_asked_for_on_every_page(store: Store) -> None:
    fake = FakeAws([[user("alice")], [user("bob")]])
    faked(fake, store).refresh(NOW, lambda: None)
    assert [asked["Extensions"] for asked in fake.asked["list_users"]] == [[ENTERPRISE]] * 2


@pytest.mark.parametrize("names", [("department", "costCenter"), ("Department", "CostCenter")])
def test_enterprise_attributes_in_any_case(store: Store, names: tuple[str, str]) -> None:
    extension = {names[0]: "Engineering", names[1]: "CC-7", "manager": {"value": "somebody"}}
    found = read(store, user("alice", Extensions={ENTERPRISE: extension}))
    assert found["alice"].attributes == {"department": "Engineering", "costcenter": "CC-7"}


def test_everything_that_is_kept_of_a_user(store: Store) -> None:
    created = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
    mails = [{"Value": "old@example.com"}, {"Value": "alice@example.com", "Primary": True}]
    found = read(store, user("alice", DisplayName="Alice", Emails=mails, UserStatus="DISABLED", CreatedAt=created))
    assert found["alice"] == DirectoryUser("id-alice", "alice", "Alice", "alice@example.com", "disabled", created)


def test_little_is_enough_of_a_user(store: Store) -> None:
    found = read(store, {"UserId": "id-x"}, user("bob", Name={"GivenName": "Bob", "FamilyName": "Brown"}, Emails=[{"Value": "bob@example.com"}]))
    assert found == {"id-x": DirectoryUser("id-x", "id-x"), "bob": DirectoryUser("id-bob", "bob", "Bob Brown", "bob@example.com")}


# Not too fast


@pytest.fixture
def fast(store: Store, monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    """After a refresh with 120 pages of users and 120 groups, when requests take no time but what is slept."""
    fake = FakeAws([[user(f"u{number}")] for number in range(120)], groups=120)
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0 + fake.slept)
    faked(fake, store).refresh(NOW, lambda: None)
    return fake


@pytest.mark.parametrize("operation", ["list_users", "list_group_memberships"])
def test_no_api_is_asked_more_than_20_times_in_any_second(fast: FakeAws, operation: str) -> None:
    times = fast.times[operation]
    assert max(sum(start <= each < start + 1 for each in times) for start in times) <= 20


def test_no_time_is_lost(fast: FakeAws) -> None:
    # 240 requests at 12 a second or more.
    assert fast.slept < 240 / 12


def test_a_second_attempt_does_not_start_a_new_second(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeAws([[user("alice")]])
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0 + fake.slept)
    source = faked(fake, store)
    for _ in range(40):
        source.refresh(NOW, lambda: None)
    assert fake.times["list_users"][-1] - fake.times["list_users"][0] >= 39 / 20


# What fails


@pytest.mark.parametrize("code", ["ThrottlingException", "TooManyRequestsException"])
def test_throttling_passes(store: Store, code: str) -> None:
    fake = FakeAws([[user("alice")]])
    fake.failures = [refused(code)]
    with pytest.raises(TransientError, match="identitystore:ListUsers"):
        faked(fake, store).refresh(NOW, lambda: None)


def test_denied_names_what_to_allow(store: Store) -> None:
    fake = FakeAws([[user("alice")]])
    fake.failures = [refused("AccessDeniedException")]
    with pytest.raises(UserError, match=r"identitystore:ListUsers on identity store d-1234567890.*allow"):
        faked(fake, store).refresh(NOW, lambda: None)


def test_request_that_failed_counts(store: Store) -> None:
    fake, telemetry = FakeAws([[user("alice")]]), Telemetry()
    fake.failures = [refused("ThrottlingException")]
    with pytest.raises(TransientError):
        faked(fake, store, telemetry).refresh(NOW, lambda: None)
    assert asked(telemetry, "identitystore:ListUsers") == 1


def test_empty_answer_keeps_what_is_stored(store: Store) -> None:
    read(store, user("alice"))
    with pytest.raises(UserError, match="lists no user"):
        faked(FakeAws([[]]), store).refresh(NOW + timedelta(hours=6), lambda: None)
    assert stored(store) == Directory(NOW, (DirectoryUser("id-alice", "alice"),))


def test_failure_on_the_second_page_keeps_what_is_stored(store: Store) -> None:
    read(store, user("alice"))
    fake = FakeAws([[user("bob")], [user("carol")]])
    original = fake.list_users
    fake.list_users = lambda **given: _fail() if "NextToken" in given else original(**given)  # type: ignore[method-assign]
    with pytest.raises(TransientError):
        faked(fake, store).refresh(NOW, lambda: None)
    assert set(users_of(store)) == {"alice"}


def _fail() -> Mapping[str, Any]:
    raise refused("InternalServerException", status=500)


def test_user_who_left_the_directory_is_gone_from_the_store(store: Store) -> None:
    read(store, user("alice"), user("bob"))
    assert set(read(store, user("bob"))) == {"bob"}


# Which identity store


def test_without_an_id_the_only_instance_is_used(store: Store) -> None:
    fake, telemetry = FakeAws([[user("alice")]], instances=("d-9999999999",)), Telemetry()
    faked(fake, store, telemetry, None).refresh(NOW, lambda: None)
    assert (fake.asked["list_users"][0]["IdentityStoreId"], asked(telemetry, "sso:ListInstances")) == ("d-9999999999", 1)


@pytest.mark.parametrize("instances", [(), ("d-1111111111", "d-2222222222")])
def test_without_an_id_there_must_be_one_instance(store: Store, instances: tuple[str, ...]) -> None:
    with pytest.raises(UserError, match=rf"^{len(instances)} instances .* set sources.identity_center.identity_store_id"):
        faked(FakeAws([[user("alice")]], instances=instances), store, None, None).refresh(NOW, lambda: None)


def test_with_an_id_no_instance_is_asked_for(store: Store) -> None:
    fake = FakeAws([[user("alice")]])
    faked(fake, store).refresh(NOW, lambda: None)
    assert fake.asked["list_instances"] == []


# Refreshes


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refresh, "FIRST_WAIT_SECONDS", 0.001)
    monkeypatch.setattr(refresh, "LONGEST_WAIT_SECONDS", 0.002)


def refresher(fake: FakeAws, store: Store, telemetry: Telemetry, changed: Callable[[], None] = lambda: None) -> DirectoryRefresh:
    return DirectoryRefresh(faked(fake, store, telemetry), telemetry, lambda: NOW, changed, threading.Event())


def test_throttled_refresh_is_tried_again(store: Store) -> None:
    fake, telemetry, changes = FakeAws([[user("alice")]]), Telemetry(), []
    fake.failures = [refused("ThrottlingException"), refused("ThrottlingException")]
    worked = refresher(fake, store, telemetry, lambda: changes.append(1)).run()
    assert (worked, len(fake.asked["list_users"]), len(changes), value(telemetry, "source_up", source="identity_center")) == (True, 3, 1, 1)


def test_denied_refresh_is_not_tried_again(store: Store) -> None:
    fake, telemetry = FakeAws([[user("alice")]]), Telemetry()
    fake.failures = [refused("AccessDeniedException")]
    found = refresher(fake, store, telemetry)
    assert (found.run(), len(fake.asked["list_users"]), value(telemetry, "source_up", source="identity_center")) == (False, 1, 0)
    assert "identitystore:ListUsers" in found.last_error


def test_refresh_tells_how_many_users_there_are(store: Store) -> None:
    telemetry = Telemetry()
    refresher(FakeAws([[user("alice"), user("bob")]]), store, telemetry).run()
    assert value(telemetry, "source_rows", source="identity_center") == 2


def test_directory_that_is_away_keeps_its_names_over_a_restart(tmp_path: Path) -> None:
    before = Store.open(tmp_path)
    read(before, user("alice"))
    before.close()
    after, telemetry, changes = Store.open(tmp_path), Telemetry(), []
    fake = FakeAws([[user("alice")]])
    fake.failures = [EndpointConnectionError(endpoint_url="https://identitystore.us-east-1.amazonaws.com") for _ in range(5 * 12)]
    away = refresher(fake, after, telemetry, lambda: changes.append(1))
    # An hour of refreshes, one every five minutes, each with five attempts.
    assert [away.run() for _ in range(12)] == [False] * 12
    assert (set(users_of(after)), away.refreshed(), changes) == ({"alice"}, NOW, [])
    assert away.run()
    after.close()
