"""People of the directory beside those of the people file, their teams, and what becomes of them in the metrics."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from facts_in_memory import Caused, config, in_memory, parse

from exporter.assembly import Assembly
from exporter.facts.directory import Directory, DirectoryUser, keep
from exporter.facts.history import History
from exporter.facts.recent import RecentFacts
from exporter.facts.store import Store
from exporter.model import DayRange
from exporter.people import Entry, joined, team_of
from exporter.telemetry import Telemetry
from exporter.windows import Landed

NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)
DAY = date(2026, 7, 14)
LANDED = {"cloudtrail": Landed(DayRange(DAY, DAY), timedelta(days=3))}
ALICE = "90671234ab-215bb5b0-1111-4222-8333-444455556666"
BARE = ALICE[11:]
HIRED = datetime(2025, 3, 4, 5, 6, 7, tzinfo=UTC)

LISTED = DirectoryUser(
    ALICE,
    "Alice.Smith@example.com",
    display_name="Alice Smith",
    email="a.smith@example.com",
    status="enabled",
    created=HIRED,
    attributes={"department": "Engineering", "costcenter": "CC-7"},
    groups=("team-payments", "team-web"),
)
GONE = DirectoryUser("215bb5b0-2222-4222-8333-444455556666", "gus", status="disabled")
Info = dict[str, str]


class Published:
    """What is published of people, from a directory in a store, a people file and facts."""

    def __init__(self, folder: Path, *facts: Caused, users: tuple[DirectoryUser, ...] = (LISTED, GONE), file: tuple[Entry, ...] = (), **sections: Any) -> None:
        store, self.telemetry = Store.open(folder), Telemetry()
        if users:
            keep(store, Directory(NOW, users))
        recent: RecentFacts = in_memory(facts)
        assembly = Assembly(store, History(store, recent), self.telemetry, lambda: NOW)
        assembly.take(config(**sections), file)
        built = assembly.build(NOW, LANDED)
        assert built is not None
        self.samples = parse(b"".join(chunk.plain for chunk in built.chunks).decode())
        store.close()

    def info(self) -> dict[str, Info]:
        return {labels["user"]: labels for labels in map(dict, self.samples["aws_user_info"])}

    def created(self) -> dict[str, float]:
        return {dict(pairs)["user"]: value for pairs, value in self.samples["aws_user_created_timestamp_seconds"].items()}

    def events(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for pairs, value in self.samples["aws_user_events_yesterday"].items():
            user = dict(pairs)["user"]
            found[user] = found.get(user, 0) + value
        return found

    def unresolved(self) -> float | None:
        return self.telemetry.registry.get_sample_value("aws_user_exporter_unresolved_identities", {"source": "cloudtrail"})


def test_user_of_the_directory_is_a_person(tmp_path: Path) -> None:
    assert Published(tmp_path).info()["Alice.Smith@example.com"] == {
        "user": "Alice.Smith@example.com",
        "team": "Engineering",
        "user_id": BARE,
        "display_name": "Alice Smith",
        "email": "a.smith@example.com",
        "department": "Engineering",
        "status": "enabled",
    }


def test_user_of_the_directory_who_did_nothing_has_a_zero(tmp_path: Path) -> None:
    assert Published(tmp_path).events() == {"Alice.Smith@example.com": 0, "gus": 0}


def test_status_of_the_directory_is_shown(tmp_path: Path) -> None:
    assert {user: info["status"] for user, info in Published(tmp_path).info().items()} == {"Alice.Smith@example.com": "enabled", "gus": "disabled"}


def test_created_is_when_the_directory_says(tmp_path: Path) -> None:
    # Of gus it says nothing: he is first known now.
    assert Published(tmp_path).created() == {"Alice.Smith@example.com": HIRED.timestamp(), "gus": NOW.timestamp()}


@pytest.mark.parametrize("who", [BARE, ALICE, "session:alice.smith@example.com", "session_name:a.smith@example.com", "source_identity:alice.smith@example.com"])
def test_spelling_of_a_user_of_the_directory(tmp_path: Path, who: str) -> None:
    assert Published(tmp_path, Caused(DAY, who, 5)).events() == {"Alice.Smith@example.com": 5, "gus": 0}


def test_what_the_directory_names_is_not_unresolved(tmp_path: Path) -> None:
    assert Published(tmp_path, Caused(DAY, BARE, 5), Caused(DAY, "session:nobody", 1)).unresolved() == 1


# The people file over the directory

FILE = (Entry("alice", team="core", aliases=(BARE, "asmith@111122223333")),)


def test_file_names_a_person_of_the_directory(tmp_path: Path) -> None:
    info = Published(tmp_path, file=FILE).info()
    assert set(info) == {"alice", "gus"}
    assert info["alice"] == {
        "user": "alice",
        "team": "core",
        "user_id": BARE,
        "display_name": "Alice Smith",
        "email": "a.smith@example.com",
        "department": "Engineering",
        "status": "enabled",
    }


def test_spellings_of_file_and_directory_are_one_person(tmp_path: Path) -> None:
    spellings = (BARE, "session:alice.smith@example.com", "session_name:a.smith@example.com", "session:alice", "iam_user:asmith@111122223333")
    found = Published(tmp_path, *(Caused(DAY, who, 10**place) for place, who in enumerate(spellings)), file=FILE)
    assert found.events() == {"alice": 11111, "gus": 0}


def test_created_stays_that_of_the_directory_under_the_name_of_the_file(tmp_path: Path) -> None:
    assert Published(tmp_path, file=FILE).created()["alice"] == HIRED.timestamp()


@pytest.mark.parametrize(
    "said", [Entry("ALICE.smith@example.com"), Entry("al", email="A.Smith@example.com"), Entry("al", aliases=("alice.smith@example.com",))]
)
def test_file_means_the_same_person_by_any_spelling(said: Entry) -> None:
    known = Entry("Alice.Smith@example.com", email="a.smith@example.com", aliases=(ALICE,), department="Engineering")
    (entry,) = joined([known], [said])
    assert (entry.user, entry.department) == (said.user, "Engineering")


def test_what_the_file_says_wins(tmp_path: Path) -> None:
    said = Entry("alice", display_name="Ally", email="ally@example.com", department="Research", aliases=(BARE,))
    info = Published(tmp_path, file=(said,)).info()["alice"]
    assert (info["display_name"], info["email"], info["department"]) == ("Ally", "ally@example.com", "Research")


def test_mail_of_the_directory_still_counts_when_the_file_has_another(tmp_path: Path) -> None:
    said = Entry("alice", email="ally@example.com", aliases=(BARE,))
    assert Published(tmp_path, Caused(DAY, "session_name:a.smith@example.com", 3), file=(said,)).events()["alice"] == 3


def test_person_of_the_file_only_stays(tmp_path: Path) -> None:
    info = Published(tmp_path, file=(Entry("zoe", team="data"),)).info()
    assert (info["zoe"]["status"], set(info)) == ("listed", {"Alice.Smith@example.com", "gus", "zoe"})


# IAM users


def test_iam_user_of_an_alias_is_the_person_in_that_account_only(tmp_path: Path) -> None:
    facts = (Caused(DAY, "iam_user:asmith@111122223333", 5), Caused(DAY, "iam_user:asmith@444455556666", 7))
    assert Published(tmp_path, *facts, file=FILE).events() == {"alice": 5, "asmith@444455556666": 7, "gus": 0}


def test_iam_user_without_an_alias_has_no_mail(tmp_path: Path) -> None:
    assert Published(tmp_path, Caused(DAY, "iam_user:asmith@444455556666", 7)).info()["asmith@444455556666"]["email"] == ""


def test_iam_user_is_not_the_person_of_the_same_name(tmp_path: Path) -> None:
    assert Published(tmp_path, Caused(DAY, "iam_user:gus@111122223333", 7)).events() == {"Alice.Smith@example.com": 0, "gus": 0, "gus@111122223333": 7}


# Teams

PERSON = Entry(
    "alice", team="core", department="Engineering", attributes={"department": "Eng", "costcenter": "CC-7"}, groups=("admins", "team-payments", "team-web")
)


@pytest.mark.parametrize(
    ("rules", "team"),
    [
        (("file", "attribute:costCenter", "group:team-(.*)"), "core"),
        (("attribute:costCenter", "file"), "CC-7"),
        (("attribute:COSTCENTER",), "CC-7"),
        (("attribute:department", "file"), "Eng"),
        (("attribute:division", "group:team-(.*)", "file"), "payments"),
        (("group:team-(w.*)", "file"), "web"),
        (("group:tea(.*)-web",), "m"),
        (("group:team-(x.*)", "file"), "core"),
        (("group:(pay.*)", "file"), "core"),
        (("attribute:division", "group:nothing-(.*)"), "unknown"),
        ((), "unknown"),
    ],
)
def test_first_rule_that_answers_gives_the_team(rules: tuple[str, ...], team: str) -> None:
    assert team_of(PERSON, rules) == team


def test_department_of_the_file_answers_where_the_directory_has_none() -> None:
    assert team_of(Entry("bob", department="Data"), ("attribute:department",)) == "Data"


def test_rules_of_the_config_decide_over_directory_and_file(tmp_path: Path) -> None:
    found = Published(tmp_path, file=(Entry("zoe", team="data"),), people={"team": ["group:team-(.*)", "file", "attribute:costcenter"]})
    assert {user: info["team"] for user, info in found.info().items()} == {"Alice.Smith@example.com": "payments", "gus": "unknown", "zoe": "data"}


# Clashes


def test_two_of_the_directory_with_one_name_get_their_short_id(tmp_path: Path) -> None:
    users = (LISTED, DirectoryUser("aaaaaaaa-2222-4222-8333-444455556666", "alice.smith@EXAMPLE.com"))
    assert set(Published(tmp_path, users=users).info()) == {"Alice.Smith@example.com@215bb5b0", "alice.smith@EXAMPLE.com@aaaaaaaa"}


def test_without_a_directory_there_are_the_people_of_the_file(tmp_path: Path) -> None:
    assert set(Published(tmp_path, users=(), file=FILE).info()) == {"alice"}
