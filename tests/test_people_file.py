"""The people file: what operators write, in CSV and YAML, and what they get wrong."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from exporter.errors import UserError
from exporter.people import Entry
from exporter.people.people_file import PeopleFile, read

ALICE = Entry(
    user="alice",
    display_name="Alice Smith",
    email="alice@example.com",
    team="core",
    department="Engineering",
    aliases=("215bb5b0-1111-4222-8333-444455556666", "a.smith"),
    seat_tier="pro_plus",
    seat_since=date(2026, 3, 1),
)
CSV = """user,display_name,email,team,department,aliases,kiro_tier,kiro_since
alice,Alice Smith,alice@example.com,core,Engineering,215bb5b0-1111-4222-8333-444455556666;a.smith,pro_plus,2026-03-01
"""
YAML = """- user: alice
  display_name: Alice Smith
  email: alice@example.com
  team: core
  department: Engineering
  aliases: [215bb5b0-1111-4222-8333-444455556666, a.smith]
  kiro_tier: pro_plus
  kiro_since: 2026-03-01
"""


def parse(folder: Path, text: str | bytes, name: str = "people.csv") -> PeopleFile:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read(path)


def places(people: PeopleFile) -> list[tuple[str, int, str]]:
    return [(rejection.reason, rejection.line, rejection.column) for rejection in people.rejections]


def users(people: PeopleFile) -> list[str]:
    return [entry.user for entry in people.entries]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("people.csv", CSV),
        ("people.csv", CSV.replace("\n", "\r\n")),
        ("people.csv", "\ufeff" + CSV),
        ("people.csv", CSV.rstrip("\n")),
        ("people.csv", CSV + "\n , ,,,,,,\n"),
        ("people.csv", CSV.replace("user,display_name", "User, DISPLAY_NAME")),
        ("people.csv", CSV.replace("alice,", " alice , ", 1)),
        ("people.CSV", CSV),
        ("people.txt", CSV),
        ("people.yaml", YAML),
        ("people.yml", YAML),
        ("people.YAML", YAML),
        ("people.yaml", "\ufeff" + YAML),
        ("people.yaml", YAML.replace("[215bb5b0-1111-4222-8333-444455556666, a.smith]", '"215bb5b0-1111-4222-8333-444455556666; a.smith"')),
        ("people.yaml", YAML.replace("2026-03-01", '"2026-03-01"')),
        ("people.yaml", YAML.replace("  team", "  Team")),
    ],
)
def test_same_person_however_the_file_is_written(tmp_path: Path, name: str, text: str) -> None:
    assert parse(tmp_path, text, name) == PeopleFile((ALICE,))


def test_columns_stand_in_any_order(tmp_path: Path) -> None:
    text = "kiro_since,team,aliases,user\n2026-03-01,core,a;b,alice\n"
    assert parse(tmp_path, text).entries == (Entry("alice", team="core", aliases=("a", "b"), seat_since=date(2026, 3, 1)),)


@pytest.mark.parametrize(
    ("name", "text"),
    [("people.csv", "user\nalice\n"), ("people.yaml", "- user: alice\n"), ("people.yaml", "- {user: alice, team: null, aliases: }\n")],
)
def test_only_user_is_required(tmp_path: Path, name: str, text: str) -> None:
    assert parse(tmp_path, text, name).entries == (Entry("alice"),)


@pytest.mark.parametrize(("name", "text"), [("people.csv", "user,team\n"), ("people.yaml", "[]\n")])
def test_nobody_listed_is_no_mistake(tmp_path: Path, name: str, text: str) -> None:
    assert parse(tmp_path, text, name) == PeopleFile()


def test_quoted_cell_holds_commas_quotes_and_lines(tmp_path: Path) -> None:
    text = 'user,display_name,team\nalice,"Smith, ""Ally""\nAlice",core\n'
    assert parse(tmp_path, text).entries == (Entry("alice", display_name='Smith, "Ally"\nAlice', team="core"),)


def test_aliases_without_the_empty_ones(tmp_path: Path) -> None:
    assert parse(tmp_path, "user,aliases\nalice,; a ;;b;\n").entries == (Entry("alice", aliases=("a", "b")),)


def test_empty_items_of_a_yaml_list_are_no_aliases(tmp_path: Path) -> None:
    assert parse(tmp_path, "- user: alice\n  aliases:\n    - a\n    -\n    - null\n    - ''\n", "people.yaml").entries == (Entry("alice", aliases=("a",)),)


@pytest.mark.parametrize("text", ["007", "no", "on", "1_000", "0x1F", "1.50", "12:30:00", "2026-03-01", "1e3"])
def test_yaml_scalar_is_the_text_that_was_written(tmp_path: Path, text: str) -> None:
    assert users(parse(tmp_path, f"- user: {text}\n", "people.yaml")) == [text]


@pytest.mark.parametrize(
    ("text", "tier"),
    [
        ("pro", "pro"),
        ("PRO", "pro"),
        ("PRO_PLUS", "pro_plus"),
        ("PROPLUS", "pro_plus"),
        ("ProPlus", "pro_plus"),
        ("Pro Plus", "pro_plus"),
        ("pro-plus", "pro_plus"),
        ("Pro+", "pro_plus"),
        ("PRO_MAX", "pro_max"),
        ("ProMax", "pro_max"),
        ("Power", "power"),
        ("", None),
        ("none", None),
    ],
)
def test_tier_in_any_spelling(tmp_path: Path, text: str, tier: str | None) -> None:
    assert parse(tmp_path, f"user,kiro_tier\nalice,{text}\n").entries == (Entry("alice", seat_tier=tier),)


@pytest.mark.parametrize(
    ("line", "place"),
    [
        (",core,", ("user", 3, "user")),
        ("  ,core,", ("user", 3, "user")),
        ("bob,core", ("cells", 3, "")),
        ("bob,core,,x", ("cells", 3, "")),
        ("bob,core,yesterday", ("date", 3, "kiro_since")),
        ("bob,core,2026-02-30", ("date", 3, "kiro_since")),
        ("bob,core,01.03.2026", ("date", 3, "kiro_since")),
        ("bob,core,20260301", ("date", 3, "kiro_since")),
        ("bob,core,2026-W09-7", ("date", 3, "kiro_since")),
        ("alice,data,", ("duplicate", 3, "user")),
        ("ALICE,data,", ("duplicate", 3, "user")),
    ],
)
def test_bad_row_is_left_out_and_named(tmp_path: Path, line: str, place: tuple[str, int, str]) -> None:
    people = parse(tmp_path, f"user,team,kiro_since\nalice,core,\n{line}\ncarol,data,2026-03-01\n")
    assert (places(people), users(people)) == ([place], ["alice", "carol"])


@pytest.mark.parametrize(
    ("item", "place"),
    [
        ("- team: core", ("user", 2, "user")),
        ("- user:", ("user", 2, "user")),
        ("- bob", ("cells", 2, "")),
        ("- [bob, core]", ("cells", 2, "")),
        ("-", ("cells", 2, "")),
        ("- {user: bob, kiro_since: soon}", ("date", 2, "kiro_since")),
        ("- {user: bob, kiro_since: 2026-02-30}", ("date", 2, "kiro_since")),
        ("- {user: bob, kiro_since: 20260301}", ("date", 2, "kiro_since")),
        ("- user: Alice", ("duplicate", 2, "user")),
    ],
)
def test_bad_item_is_left_out_and_named(tmp_path: Path, item: str, place: tuple[str, int, str]) -> None:
    people = parse(tmp_path, f"- user: alice\n{item}\n- user: carol\n", "people.yaml")
    assert (places(people), users(people)) == ([place], ["alice", "carol"])


def test_row_after_a_cell_of_two_lines_is_named_by_its_line(tmp_path: Path) -> None:
    assert places(parse(tmp_path, 'user,team\nalice,"co\nre"\n,data\n')) == [("user", 4, "user")]


def test_rejection_names_the_file(tmp_path: Path) -> None:
    (rejection,) = parse(tmp_path, "user,team\n,core\n").rejections
    assert rejection.path == str(tmp_path / "people.csv")


def test_rejection_holds_no_control_character(tmp_path: Path) -> None:
    (rejection,) = parse(tmp_path, "user,kiro_since\nalice,\x1b[31mred\n").rejections
    assert rejection.detail.isprintable()


def test_first_of_two_rows_of_a_user_counts(tmp_path: Path) -> None:
    assert parse(tmp_path, "user,team\nalice,core\nalice,data\n").entries == (Entry("alice", team="core"),)


def test_row_that_was_left_out_does_not_make_the_next_a_duplicate(tmp_path: Path) -> None:
    assert users(parse(tmp_path, "user,kiro_since\nalice,soon\nalice,2026-03-01\n")) == ["alice"]


@pytest.mark.parametrize(
    ("name", "text"),
    [("people.csv", "user,cost_center,Manager\nalice,1,bob\n"), ("people.yaml", "- {user: alice, cost_center: 1}\n- {user: bob, Manager: alice}\n")],
)
def test_unknown_columns_are_told_and_the_rows_kept(tmp_path: Path, name: str, text: str) -> None:
    people = parse(tmp_path, text, name)
    assert (people.unknown_columns, users(people)[0], people.rejections) == (frozenset({"cost_center", "manager"}), "alice", ())


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("people.csv", b"", "names its columns"),
        ("people.csv", b"name,team\nalice,core\n", "one called user"),
        ("people.csv", b"user,team,Team\nalice,core,data\n", "each once"),
        ("people.csv", b"user;team\nalice;core\n", "names its columns"),
        ("people.csv", b'user,team\nalice,"core\n', "at line"),
        ("people.csv", b'user,team\n"alice"x,core\n', "at line 2"),
        ("people.csv", "user\nZo\u00eb\n".encode("latin-1"), "not UTF-8"),
        ("people.csv", "user\nalice\n".encode("utf-16"), "not UTF-8"),
        ("people.yaml", b"", "a list of people"),
        ("people.yaml", b"user: alice\n", "a list of people"),
        ("people.yaml", b"alice\n", "a list of people"),
        ("people.yaml", b"- user: alice\n  team: [core\n", "not proper YAML"),
        ("people.yaml", b"- user: alice\n\tteam: core\n", "not proper YAML"),
        ("people.yaml", b"- user: !!python/object:os.system {}\n", "not proper YAML"),
        ("people.yaml", b"- user: al\x00ice\n", "not proper YAML"),
        ("people.yaml", b"- user: alice\n---\n- user: bob\n", "not proper YAML"),
        ("people.yaml", b"[" * 2_000, "not proper YAML"),
    ],
)
def test_file_that_cannot_be_used_gives_one_sentence(tmp_path: Path, name: str, text: bytes, says: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(tmp_path, text, name)
    sentence = str(caught.value)
    assert (says in sentence, str(tmp_path / name) in sentence, "\n" in sentence) == (True, True, False), sentence


def test_file_that_is_not_there_gives_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone\.csv.*No such file") as caught:
        read(tmp_path / "gone.csv")
    assert "\n" not in str(caught.value)


def test_folder_gives_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read(tmp_path)
