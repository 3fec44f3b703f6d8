"""What of people is published: the label that stands for them, and who does not stand by name at all."""

from __future__ import annotations

import csv
import gzip
import json
import re
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import msgspec
import pytest
from cloudtrail_reading import Reader
from facts_in_memory import Caused, Fact, Published, Used, at, config, identity, in_memory, publish
from recount_cloudtrail import Recount, Rules

from exporter.assembly import Assembly
from exporter.facts.directory import Directory, DirectoryUser, keep
from exporter.facts.history import History
from exporter.facts.recent import RecentFacts
from exporter.model import DayRange, Snapshot
from exporter.people import Entry, people_file
from exporter.people.privacy import pseudonym
from exporter.sample import Organisation, write
from exporter.telemetry import Telemetry
from exporter.windows import Landed

NOW, DAY = at(2026, 7, 15), date(2026, 7, 14)
DAYS = dict.fromkeys(("cloudtrail", "kiro_credits"), Landed(DayRange(DAY, DAY), timedelta(days=14)))
A, D = identity("a"), identity("d")
ENTRIES = [
    Entry("alice", display_name="Alice Smith", email="alice@example.com", team="core", department="Engineering", aliases=(A,)),
    Entry("bob", team="data"),
    Entry("carol", email="carol@example.com", team="data"),
]
FACTS: list[Fact] = [
    Caused(DAY, A, 10, 5, denied=2, services={"ec2": 15}, sensitive={"kms": 1}),
    Caused(DAY, "session:bob", 20, services={"s3": 20}),
    Caused(DAY, "session_name:carol@example.com", 30, services={"ec2": 30}),
    Caused(DAY, "session_name:zoe@example.com", 40, services={"s3": 40}),
    Caused(DAY, "iam_user:old.key@111122223333", 50, services={"iam": 50}),
    Used(DAY, D, 7, 3, mail="dora@example.com"),
]


def shown(**privacy: Any) -> Published:
    return _shown(json.dumps(privacy))


@cache
def _facts() -> RecentFacts:
    return in_memory(FACTS)


@cache
def _shown(privacy: str) -> Published:
    return publish(_facts(), NOW, DAYS, entries=ENTRIES, settings=config(privacy=json.loads(privacy)))


def users(seen: Published, name: str = "aws_user_info") -> set[str]:
    return {labels[0] for labels in seen[name]}


def reads(seen: Published) -> dict[str, float]:
    return {labels[0]: value for labels, value in seen["aws_user_events_yesterday"].items() if labels[2] == "read"}


# The label


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("name", {"alice", "bob", "carol", "zoe@example.com", "old.key@111122223333", "dora@example.com"}),
        ("email", {"alice@example.com", "bob", "carol@example.com", "zoe@example.com", "old.key@111122223333", "dora@example.com"}),
        ("id", {A, "bob", "carol@example.com", "zoe@example.com", "old.key@111122223333", D}),
    ],
)
def test_label(label: str, expected: set[str]) -> None:
    assert users(shown(user_label=label)) == expected


@pytest.mark.parametrize("label", ["name", "email", "id"])
def test_label_of_a_person_is_the_same_in_every_source(label: str) -> None:
    seen = shown(user_label=label)
    assert users(seen, "aws_user_events_yesterday") == users(seen) >= users(seen, "kiro_user_credits_yesterday")


def test_hash_is_that_of_the_user_name() -> None:
    # HMAC-SHA256 with the key "pepper", the first 64 bits: printf alice | openssl dgst -sha256 -hmac pepper
    assert pseudonym("alice", "pepper") == "f2f95d059a71b4aa"


def test_hash_is_the_label() -> None:
    found = shown(user_label="hash", hash_key="pepper")
    assert reads(found)[pseudonym("alice", "pepper")] == 10


def test_hash_has_as_many_people() -> None:
    found = users(shown(user_label="hash", hash_key="pepper"))
    assert (len(found), all(re.fullmatch("[0-9a-f]{16}", user) for user in found)) == (6, True)


def test_hash_is_the_same_for_the_same_key() -> None:
    first, second = (publish(_facts(), NOW, DAYS, entries=ENTRIES, settings=config(privacy={"user_label": "hash", "hash_key": "pepper"})) for _ in range(2))
    assert users(first) == users(second)


def test_hash_is_another_for_another_key() -> None:
    assert users(shown(user_label="hash", hash_key="pepper")).isdisjoint(users(shown(user_label="hash", hash_key="salt")))


def test_hash_leaves_team_department_and_status() -> None:
    (info,) = (labels for labels in shown(user_label="hash", hash_key="k")["aws_user_info"] if labels[0] == pseudonym("alice", "k"))
    assert info == (pseudonym("alice", "k"), "core", "", "", "", "Engineering", "listed")


def test_two_of_one_name_do_not_tell_their_ids_in_a_hash() -> None:
    twins = [Entry("sam", aliases=(A,)), Entry("Sam", aliases=(D,))]
    found = publish(FACTS, NOW, DAYS, entries=twins, settings=config(privacy={"user_label": "hash", "hash_key": "k"}))
    clashing = sorted(user for user in users(found) if user.startswith(pseudonym("sam", "k")))
    assert clashing == sorted(f"{pseudonym('sam', 'k')}@{pseudonym(user_id, 'k')[:8]}" for user_id in (A, D))


# Who stands by name


def test_people_of_other_teams_are_summed_up() -> None:
    found = shown(only_teams=["core"])["aws_user_events_yesterday"]
    reads = {labels[:2]: value for labels, value in found.items() if labels[2] == "read"}
    assert reads == {("alice", "core"): 10, ("_other", "data"): 50, ("_other", "unknown"): 90}


def test_several_teams() -> None:
    assert users(shown(only_teams=["core", "data"])) == {"alice", "bob", "carol"}


def test_people_without_a_team_can_be_asked_for() -> None:
    assert users(shown(only_teams=["unknown"])) == {"zoe@example.com", "old.key@111122223333", "dora@example.com"}


def test_excluded_person_is_summed_up() -> None:
    found = reads(shown(exclude_users=["carol"]))
    assert (found["_other"], "carol" in found, found["bob"]) == (30, False, 20)


@pytest.mark.parametrize(
    "privacy",
    [
        {"user_label": "name"},
        {"user_label": "email"},
        {"user_label": "id"},
        {"user_label": "hash", "hash_key": "k"},
    ],
)
def test_people_are_excluded_by_user_name_whatever_is_published(privacy: dict[str, str]) -> None:
    found = shown(exclude_users=["Alice"], **privacy)
    labels = {"alice", "alice@example.com", A, pseudonym("alice", "k")}
    assert (labels & users(found, "aws_user_events_yesterday"), reads(found)["_other"]) == (set(), 10)


def test_excluded_one_of_two_with_one_name_takes_both_out() -> None:
    twins = [Entry("sam", aliases=(A,)), Entry("Sam", aliases=(D,))]
    found = publish(FACTS, NOW, DAYS, entries=twins, settings=config(privacy={"exclude_users": ["sam"]}))
    assert not any("sam" in user.lower() for user in users(found))


@pytest.mark.parametrize(
    "name", ["aws_user_info", "aws_user_created_timestamp_seconds", "aws_user_last_activity_timestamp_seconds", "aws_user_active_dates_last_30d"]
)
def test_hidden_person_is_nowhere_that_is_not_summed(name: str) -> None:
    found = users(shown(exclude_users=["alice"]), name)
    assert ("alice" in found, "_other" in found, "bob" in found) == (False, False, True)


def test_hidden_person_is_in_no_text() -> None:
    chunks = shown(exclude_users=["alice"]).built.snapshot.chunks
    assert [word for word in (b"alice", b"Alice", A.encode()) for chunk in chunks if word in chunk.plain] == []


NAMES = [
    "aws_user_events_last_30d",
    "aws_user_denied_events_last_30d",
    "aws_user_sensitive_events_last_30d",
    "aws_user_service_events_last_30d",
    "kiro_user_credits_last_30d",
    "kiro_user_client_messages_last_30d",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("privacy", [{"only_teams": ["core"]}, {"exclude_users": ["alice", "zoe@example.com"]}, {"only_teams": ["nobody"]}])
def test_totals_are_exact(privacy: dict[str, Any], name: str) -> None:
    assert shown(**privacy).total(name) == shown().total(name) > 0


def test_everybody_may_be_hidden() -> None:
    assert users(shown(only_teams=["nobody"]), "aws_user_events_yesterday") == {"_other"}


# A whole organisation

FIRST, LAST = date(2026, 11, 16), date(2026, 11, 20)
MORNING_AFTER = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
NOT_TELLING = 4
"""Shorter words stand in other texts too."""


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    reader = Reader(tmp_path_factory.mktemp("privacy"), history=MORNING_AFTER.date() - FIRST)
    write(Organisation.generate(20, 5), reader.logs, FIRST, LAST, cloudtrail=True, events=6.0, bill=False)
    reader.refresh(MORNING_AFTER)
    users = json.loads((reader.logs / "directory" / "users.json").read_bytes())["Users"]
    listed = (
        DirectoryUser(user["UserId"], user["UserName"], user["DisplayName"], user["Emails"][0]["Value"], created=msgspec.convert(user["CreatedAt"], datetime))
        for user in users
    )
    keep(reader.store, Directory(MORNING_AFTER, tuple(listed)))
    return reader


def snapshot(reader: Reader, **privacy: Any) -> Snapshot:
    recent = RecentFacts()
    history = History(reader.store, recent)
    history.open(MORNING_AFTER)
    assembly = Assembly(reader.store, history, Telemetry(), lambda: MORNING_AFTER)
    assembly.take(config(privacy=privacy), people_file.read(reader.logs / "people.csv").entries)
    built = assembly.build(MORNING_AFTER, {"cloudtrail": reader.source.landed()})
    assert built is not None
    return built


def names_of_everybody(reader: Reader) -> set[str]:
    """Every name, mail and id in the people file, the directory and the logs, in lower case."""
    found: set[str] = set()
    with (reader.logs / "people.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found |= {row["user"], row["display_name"], row["email"], *row["aliases"].split(";")}
    for user in json.loads((reader.logs / "directory" / "users.json").read_bytes())["Users"]:
        found |= {user["UserId"], user["UserName"], user["DisplayName"], user["Emails"][0]["Value"]}
    found |= {key[3] for key in Recount(Rules()).days(reader.logs, FIRST, LAST) if key[3] is not None}
    found |= {text.rpartition(".")[2] for text in found if text.startswith("d-")} | {text[-36:] for text in found if re.search("[0-9a-f]-[0-9a-f]{12}$", text)}
    return {text.strip().lower() for text in found if len(text.strip()) > NOT_TELLING}


def text_of(snapshot: Snapshot) -> str:
    return b"".join(chunk.plain + gzip.decompress(chunk.gzip) for chunk in snapshot.chunks).decode().lower()


@pytest.fixture(scope="module")
def hashed(reader: Reader) -> Snapshot:
    return snapshot(reader, user_label="hash", hash_key="pepper")


@pytest.fixture(scope="module")
def named(reader: Reader) -> Snapshot:
    return snapshot(reader)


def test_hashed_organisation_tells_nobodys_name_mail_or_id(reader: Reader, hashed: Snapshot) -> None:
    text = text_of(hashed)
    assert sorted(name for name in names_of_everybody(reader) if name in text) == []


def test_named_organisation_would_be_found_out(reader: Reader, named: Snapshot) -> None:
    text = text_of(named)
    assert sum(name in text for name in names_of_everybody(reader)) > 40


def test_hashed_organisation_has_the_same_totals(hashed: Snapshot, named: Snapshot) -> None:
    def total(of: Snapshot) -> float:
        return sum(float(line.rpartition(" ")[2]) for line in b"".join(chunk.plain for chunk in of.chunks).decode().splitlines() if "events_last_30d{" in line)

    assert total(hashed) == total(named) > 0
