"""Identities to persons: spellings that are one, names that are unique, and what a hostile name may not do."""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.model import SeenIdentity
from exporter.people import Entry, People, Person, normalise, printable, resolve

UUID = "215bb5b0-1111-4222-8333-444455556666"
OTHER_UUID = "9a8b7c6d-1111-4222-8333-444455556666"
RULES = ("file", "attribute:department")
REPLACED = "\N{REPLACEMENT CHARACTER}"


def seen(*keys: str, mail: str | None = None, sources: tuple[str, ...] = ("kiro_credits",), first: int = 0) -> list[SeenIdentity]:
    return [SeenIdentity(number, key, mail, sources) for number, key in enumerate(keys, start=first)]


def owner(people: People, number: int) -> Person:
    return people.persons[people.owners[number]]


def users(people: People) -> list[str]:
    return [person.user for person in people.persons]


@pytest.mark.parametrize(
    "spelling",
    [
        UUID,
        UUID.upper(),
        f"d-1234567890.{UUID}",
        f"D-1234567890.{UUID.upper()}",
        f"906712345a-{UUID}",
        f" {UUID}\t",
        "alice",
        "ALICE",
        "alice@example.com",
        "Alice@Example.COM",
        "a.smith",
        "A.Smith",
    ],
)
def test_spelling_of_a_listed_person(spelling: str) -> None:
    alice = Entry("alice", email="alice@example.com", aliases=(UUID, "a.smith"))
    people = resolve([alice, Entry("bob")], seen(spelling), RULES)
    assert owner(people, 0).user == "alice"


@pytest.mark.parametrize("alias", [UUID, UUID.upper(), f"d-1234567890.{UUID}", f"906712345a-{UUID}"])
def test_alias_may_be_written_in_any_spelling_of_an_id(alias: str) -> None:
    assert owner(resolve([Entry("alice", aliases=(alias,))], seen(UUID), RULES), 0).user == "alice"


def test_mail_that_comes_with_an_identity_finds_its_person() -> None:
    people = resolve([Entry("alice", email="alice@example.com")], seen(UUID, mail="ALICE@example.com"), RULES)
    assert owner(people, 0).user == "alice"


def test_mail_that_comes_with_an_identity_may_be_an_alias() -> None:
    people = resolve([Entry("alice", aliases=("alice@old.example",))], seen(UUID, mail="alice@old.example"), RULES)
    assert owner(people, 0).user == "alice"


def test_entry_that_names_the_id_wins_over_the_one_that_names_the_mail() -> None:
    entries = [Entry("by_mail", email="shared@example.com"), Entry("by_id", aliases=(UUID,))]
    assert owner(resolve(entries, seen(UUID, mail="shared@example.com"), RULES), 0).user == "by_id"


def test_file_wins_over_what_a_report_says() -> None:
    alice = Entry("alice", display_name="Alice Smith", email="alice@example.com", team="core", department="Engineering", aliases=(UUID,))
    (person,) = resolve([alice], seen(UUID, mail="other@example.com"), RULES).persons
    assert (person.user, person.email, person.team, person.status) == ("alice", "alice@example.com", "core", "listed")


def test_listed_person_without_any_identity_is_known() -> None:
    assert users(resolve([Entry("alice")], [], RULES)) == ["alice"]


def test_unmatched_identity_is_a_person_under_its_mail() -> None:
    (person,) = resolve([], seen(UUID, mail="carol@example.com"), RULES).persons
    assert (person.user, person.email, person.user_id, person.status) == ("carol@example.com", "carol@example.com", UUID, "unlisted")


def test_unmatched_identity_without_mail_is_a_person_under_its_id() -> None:
    (person,) = resolve([], seen(UUID), RULES).persons
    assert (person.user, person.email, person.user_id, person.team) == (UUID, "", UUID, "unknown")


def test_unmatched_identities_of_one_mail_are_one_person() -> None:
    people = resolve([], [*seen(UUID, mail="carol@example.com"), *seen(OTHER_UUID, mail="Carol@Example.com", first=1)], RULES)
    assert (people.owners[0] == people.owners[1], len(people.persons)) == (True, 1)


def test_unmatched_identities_without_mail_stay_apart() -> None:
    assert len(resolve([], seen(UUID, OTHER_UUID), RULES).persons) == 2


@pytest.mark.parametrize("mails", [("carol@example.com", None), (None, "carol@example.com")])
def test_unmatched_spellings_of_one_id_are_one_person(mails: tuple[str | None, str | None]) -> None:
    identities = [SeenIdentity(0, f"d-1234567890.{UUID}", mails[0], ("kiro_credits",)), SeenIdentity(1, UUID, mails[1], ("kiro_features",))]
    assert len(resolve([], identities, RULES).persons) == 1


@pytest.mark.parametrize("mails", [("alice@example.com", None), (None, "alice@example.com")])
def test_mail_of_one_spelling_finds_the_person_for_all(mails: tuple[str | None, str | None]) -> None:
    identities = [SeenIdentity(0, f"d-1234567890.{UUID}", mails[0], ("kiro_credits",)), SeenIdentity(1, UUID, mails[1], ("kiro_features",))]
    assert users(resolve([Entry("alice", email="alice@example.com")], identities, RULES)) == ["alice"]


def test_unmatched_are_counted_by_source() -> None:
    identities = [
        *seen(UUID, sources=("kiro_credits", "kiro_features")),
        *seen(OTHER_UUID, sources=("kiro_credits",), first=1),
        *seen("alice", sources=("kiro_features",), first=2),
    ]
    assert resolve([Entry("alice")], identities, RULES).unresolved == {"kiro_credits": 2, "kiro_features": 1}


def test_every_unmatched_identity_of_a_person_is_counted() -> None:
    identities = [*seen(UUID, mail="carol@example.com"), *seen(OTHER_UUID, mail="carol@example.com", first=1)]
    assert resolve([], identities, RULES).unresolved == {"kiro_credits": 2}


def test_matched_are_not_counted() -> None:
    assert resolve([Entry("alice", aliases=(UUID,))], seen(UUID), RULES).unresolved == {}


def test_corrected_alias_moves_history() -> None:
    identities = seen(UUID, OTHER_UUID)
    wrong = [Entry("alice", aliases=(UUID,)), Entry("bob", aliases=(OTHER_UUID,))]
    corrected = [replace(wrong[0], aliases=(OTHER_UUID,)), replace(wrong[1], aliases=(UUID,))]
    before, after = resolve(wrong, identities, RULES), resolve(corrected, identities, RULES)
    assert [owner(people, number).user for people in (before, after) for number in (0, 1)] == ["alice", "bob", "bob", "alice"]


def test_new_alias_takes_an_unmatched_person_in() -> None:
    identities = seen(UUID, mail="carol@example.com")
    assert [users(resolve(entries, identities, RULES)) for entries in ([], [Entry("carol", aliases=(UUID,))])] == [["carol@example.com"], ["carol"]]


def test_alias_of_two_people_belongs_to_the_first_and_is_counted() -> None:
    people = resolve([Entry("alice", aliases=(UUID,)), Entry("bob", aliases=(UUID.upper(),))], seen(UUID), RULES)
    assert (owner(people, 0).user, people.collisions) == ("alice", 1)


def test_own_spellings_of_a_person_do_not_collide() -> None:
    assert resolve([Entry("alice@example.com", email="Alice@example.com", aliases=(UUID, UUID.upper()))], [], RULES).collisions == 0


# Two persons of one name

CUT_HERE = "x" * 200


def clash() -> People:
    """Two unmatched identities whose mails are the same in their first 200 characters."""
    return resolve([], [*seen(UUID, mail=f"{CUT_HERE}1"), *seen(OTHER_UUID, mail=f"{CUT_HERE}2", first=1)], RULES)


def test_both_of_a_name_get_their_short_id() -> None:
    assert users(clash()) == [f"{CUT_HERE}@215bb5b0", f"{CUT_HERE}@9a8b7c6d"]


def test_clash_is_counted() -> None:
    assert clash().collisions == 1


def test_names_that_differ_in_case_clash() -> None:
    people = resolve([Entry("Alice", aliases=(UUID,)), Entry("alice", aliases=(OTHER_UUID,))], [], RULES)
    assert users(people) == ["Alice@215bb5b0", "alice@9a8b7c6d"]


def test_names_that_differ_in_case_are_one_clash() -> None:
    assert resolve([Entry("Alice", aliases=(UUID,)), Entry("alice", aliases=(OTHER_UUID,))], [], RULES).collisions == 1


def test_clash_of_persons_without_an_id() -> None:
    assert len(set(users(resolve([Entry("al\x00"), Entry("al\x01")], [], RULES)))) == 2


def test_name_that_looks_like_the_way_out_of_a_clash() -> None:
    # Without an id, the place of an entry is what tells two of a name apart: somebody may already be called that.
    names = [f"al{REPLACED}@0", f"al{REPLACED}@1", f"al{REPLACED}@0#0", f"al{REPLACED}@0#1", f"al{REPLACED}@1#1"]
    people = resolve([Entry("al\x00"), Entry("al\x01"), *map(Entry, names)], [], RULES)
    assert len(set(users(people))) == 7


@pytest.mark.parametrize("name", ["_other", "_OTHER", " _other "])
def test_nobody_is_called_like_the_folded(name: str) -> None:
    people = resolve([Entry(name, aliases=(UUID,))], [], RULES)
    assert (users(people), people.collisions) == ([f"{name.strip()}@215bb5b0"], 1)


def test_unmatched_identity_is_not_called_like_the_folded() -> None:
    assert "_other" not in users(resolve([], seen("_other"), RULES))


# Names as labels

BIDI_CONTROLS = ["\u061c", "\u200e", "\u200f", *map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))]
CONTROLS = [chr(code) for code in (0, 7, 0x0A, 0x0D, 0x1B, 0x7F, 0x85, 0x9B)]


@pytest.mark.parametrize("mark", [*CONTROLS, *BIDI_CONTROLS], ids=lambda mark: f"U+{ord(mark):04X}")
def test_character_that_could_rewrite_a_terminal_is_replaced(mark: str) -> None:
    assert printable(f"a{mark}b") == f"a{REPLACED}b"


@pytest.mark.parametrize("name", ["Zoë Müller", "王小明", "محمد", 'O"Neill', "back\\slash", "🦊", "a b"])
def test_name_of_any_script_stays(name: str) -> None:
    assert printable(name) == name


def test_long_name_is_cut() -> None:
    assert printable("n" * 10_240) == "n" * 200


def test_long_names_that_begin_alike_stay_apart() -> None:
    entries = [Entry("n" * 10_240 + ending) for ending in "ab"]
    assert len(set(users(resolve(entries, [], RULES)))) == 2


def test_lone_surrogate_is_replaced() -> None:
    assert printable("a\ud800b") == f"a{REPLACED}b"


@pytest.mark.parametrize("name", ["", "  ", "\t"])
def test_empty_name_gets_one(name: str) -> None:
    assert users(resolve([Entry(name)], [], RULES)) == ["unnamed"]


def test_every_label_of_a_person_is_printable() -> None:
    entry = Entry("alice", display_name="A\x1b[31m", email="a\u202e@example.com", team="co\nre", department="d\x00")
    (person,) = resolve([entry], [], RULES).persons
    texts = (person.user, person.display_name, person.email, person.team, person.department, person.user_id)
    assert [text for text in texts if any(unicodedata.category(character) == "Cc" or character == "\u202e" for character in text)] == []


# Team, id, seat and order


@pytest.mark.parametrize(
    ("rules", "team", "department", "expected"),
    [
        (("file", "attribute:department"), "core", "Engineering", "core"),
        (("attribute:department", "file"), "core", "Engineering", "Engineering"),
        (("file", "attribute:department"), "", "Engineering", "Engineering"),
        (("file", "attribute:department"), "  ", "Engineering", "Engineering"),
        (("file",), "", "Engineering", "unknown"),
        ((), "core", "Engineering", "unknown"),
        (("file", "attribute:department"), "", "", "unknown"),
    ],
)
def test_team_is_what_the_first_rule_answers(rules: tuple[str, ...], team: str, department: str, expected: str) -> None:
    (person,) = resolve([Entry("alice", team=team, department=department)], [], rules).persons
    assert person.team == expected


@pytest.mark.parametrize(
    ("aliases", "keys", "expected"),
    [
        ((f"d-1234567890.{UUID}",), (), UUID),
        (("nick",), (UUID,), UUID),
        (("nick",), ("nick",), "nick"),
        (("nick",), (), ""),
    ],
)
def test_user_id_is_the_id_by_which_a_person_is_known(aliases: tuple[str, ...], keys: tuple[str, ...], expected: str) -> None:
    (person,) = resolve([Entry("alice", email="alice@example.com", aliases=aliases)], seen(*keys, mail="alice@example.com"), RULES).persons
    assert person.user_id == expected


def test_seat_travels_with_the_person() -> None:
    created = datetime(2026, 1, 1, tzinfo=UTC)
    (person,) = resolve([Entry("alice", seat_tier="pro", seat_since=date(2026, 3, 1), created=created)], [], RULES).persons
    assert (person.seat_tier, person.seat_since, person.created) == ("pro", date(2026, 3, 1), created)


def test_persons_are_numbered_by_name() -> None:
    people = resolve([Entry("mallory"), Entry("alice"), Entry("Zed")], seen("bob"), RULES)
    assert [(person.number, person.user) for person in people.persons] == [(0, "Zed"), (1, "alice"), (2, "bob"), (3, "mallory")]


@pytest.mark.parametrize(
    ("spelling", "expected"),
    [
        (" Alice ", "alice"),
        (f"D-1234567890.{UUID.upper()}", UUID),
        (f"906712345A-{UUID}", UUID),
        (f"{UUID}x", f"{UUID}x"),
        ("d-1234567890.alice", "d-1234567890.alice"),
    ],
)
def test_normal_form_of_a_spelling(spelling: str, expected: str) -> None:
    assert normalise(spelling) == expected


NAMES = st.lists(st.sampled_from(["a", "A", "b", "@", "#", "0", "1", "\x00", "\u202e", " ", "_other", "n" * 199]), max_size=4).map("".join)
IDS = st.sampled_from([UUID, OTHER_UUID, f"d-1234567890.{UUID}", UUID.upper(), f"906712345a-{OTHER_UUID}"])
MAILS = st.none() | st.sampled_from(["a@example.com", "A@example.com", "b@example.com", "a", "_other"])
ENTRIES = st.lists(st.builds(Entry, user=NAMES, email=MAILS.map(lambda mail: mail or ""), aliases=st.lists(IDS | NAMES, max_size=2).map(tuple)), max_size=6)
IDENTITIES = st.lists(st.tuples(IDS | NAMES, MAILS), max_size=8).map(
    lambda drawn: [SeenIdentity(number, key, mail, ("kiro_credits",)) for number, (key, mail) in enumerate(drawn)]
)


@settings(max_examples=50)
@given(ENTRIES, IDENTITIES)
@example([Entry("a\x00"), Entry("a\x01")], [])
def test_users_are_unique_and_nobody_is_the_folded(entries: list[Entry], identities: list[SeenIdentity]) -> None:
    found = Counter(user.lower() for user in users(resolve(entries, identities, RULES)))
    assert ([user for user, times in found.items() if times > 1], found["_other"]) == ([], 0)


@settings(max_examples=50)
@given(ENTRIES, IDENTITIES)
def test_every_identity_has_exactly_one_owner(entries: list[Entry], identities: list[SeenIdentity]) -> None:
    people = resolve(entries, identities, RULES)
    assert set(people.owners) == {identity.number for identity in identities}
    assert set(people.owners.values()) <= set(range(len(people.persons)))


@settings(max_examples=50)
@given(ENTRIES, IDENTITIES)
def test_every_entry_is_a_person(entries: list[Entry], identities: list[SeenIdentity]) -> None:
    listed = [person for person in resolve(entries, identities, RULES).persons if person.status == "listed"]
    assert len(listed) == len(entries)


@settings(max_examples=50)
@given(ENTRIES, IDENTITIES)
def test_spellings_of_one_id_have_one_owner(entries: list[Entry], identities: list[SeenIdentity]) -> None:
    people = resolve(entries, identities, RULES)
    owners: dict[str, set[int]] = {}
    for identity in identities:
        if len(normalise(identity.key)) == 36:
            owners.setdefault(normalise(identity.key), set()).add(people.owners[identity.number])
    assert [key for key, several in owners.items() if len(several) > 1] == []


@settings(max_examples=50)
@given(ENTRIES, IDENTITIES)
def test_persons_are_in_the_order_of_their_names(entries: list[Entry], identities: list[SeenIdentity]) -> None:
    people = resolve(entries, identities, RULES)
    assert users(people) == sorted(users(people))
    assert [person.number for person in people.persons] == list(range(len(people.persons)))


@settings(max_examples=50)
@given(ENTRIES, IDENTITIES)
def test_numbers_of_identities_do_not_matter(entries: list[Entry], identities: list[SeenIdentity]) -> None:
    renumbered = [replace(identity, number=identity.number + 1000) for identity in identities]
    people, again = resolve(entries, identities, RULES), resolve(entries, renumbered, RULES)
    assert {number + 1000: person for number, person in people.owners.items()} == again.owners
