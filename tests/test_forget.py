"""One person is taken out of the store: everything of theirs, and nothing of anybody else's; who is meant, and what is told before anything happens."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner
from forget_rig import ALICE, BOB, CAROL, HEIDI, USERS, House, of

from exporter import forgetting
from exporter.commands.forget import forget
from exporter.config import load
from exporter.facts.directory import DirectoryUser, stored
from exporter.people import Entry
from exporter.people.remembered import KNOWN, STANDINGS, Known, Standings
from exporter.snapshots import keeping


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


# What goes


def test_facts_of_every_identity_go(house: House) -> None:
    house.forgotten("alice")
    left = {source: house.rows(source) for source in ("kiro_credits", "kiro_features", "cloudtrail")}
    assert {row[1] for row in left["kiro_credits"]} == {BOB}
    assert left["kiro_features"] == []
    assert {row[3] for row in left["cloudtrail"]} == {BOB, "heidi@111122223333", None}


def test_rows_of_others_stay_as_they_are(house: House) -> None:
    before = [row for row in house.rows("kiro_credits") if row[1] == BOB] + [row for row in house.rows("cloudtrail") if row[3] in (BOB, None)]
    house.forgotten("alice")
    assert [row for row in (*house.rows("kiro_credits"), *house.rows("cloudtrail")) if row[1 if len(row) == 16 else 3] in (BOB, None)] == before


def test_files_without_the_person_are_not_touched(house: House) -> None:
    before = house.files()
    house.forgotten("alice")
    assert house.files()["facts/kiro_credits/2026-07-11.parquet"] == before["facts/kiro_credits/2026-07-11.parquet"]


def test_another_person_keeps_every_series_and_value(house: House) -> None:
    before = of(house.samples(), "bob")
    house.forgotten("alice")
    after = of(house.samples(), "bob")
    assert len(before) > 30
    assert after == before


def test_totals_become_smaller_by_what_the_person_did(house: House) -> None:
    def human(samples: Mapping[str, Mapping[tuple[tuple[str, str], ...], float]]) -> dict[str, float]:
        return {dict(pairs)["kind"]: value for pairs, value in samples["aws_principal_events_yesterday"].items()}

    before = human(house.samples())
    house.forgotten("alice")
    # 4 + 1 under the id, and 2 under the session that is linked with it.
    assert (before["human"], human(house.samples())["human"], before["service"]) == (35, 28, 50)


def test_no_series_names_the_person_any_more(house: House) -> None:
    house.forgotten("alice")
    text = str(house.samples())
    assert [name for name in ("alice", ALICE, "Alice@example.com", '"al"') if name in text] == []


def test_first_and_last_activity_and_links_of_older_days_go(house: House) -> None:
    assert {key for key, _ in house.older()} == {ALICE, BOB}
    house.forgotten("alice")
    assert house.older() == {(BOB, None), (BOB, "bob")} or house.older() == {(BOB, None)}


def test_what_is_remembered_between_snapshots_goes(house: House) -> None:
    house.forgotten("alice")
    store = house.store()
    known, standings, listed = store.recall(KNOWN, Known), store.recall(STANDINGS, Standings), stored(store)
    store.close()
    assert known is not None
    assert set(known.since) == {BOB, "bob", "heidi@111122223333"}
    assert standings is not None
    assert {user for _, users in standings.groups.values() for user in users} <= {"bob", "heidi@111122223333"}
    assert listed is not None
    assert [user.user_name for user in listed.users] == ["bob"]


def test_decoded_and_damaged_files_go(house: House) -> None:
    (house.state / "facts" / "kiro_credits" / "2026-07-09.damaged").write_bytes(b"alice")
    house.forgotten("alice")
    assert [name for name in house.files() if name.startswith("objects/") or name.endswith(".damaged")] == []


def test_nothing_in_the_store_names_the_person_any_more(house: House) -> None:
    house.forgotten("alice")
    parquet = [str(path) for path in house.state.rglob("*.parquet")]
    texts = [content for name, content in house.files().items() if not name.endswith(".parquet")]
    texts += [str(duckdb.execute("FROM read_parquet($1)", [file]).fetchall()).encode() for file in parquet]
    assert [text for text in texts if b"alice" in text.lower() or ALICE.encode() in text or b"'al'" in text] == []


def test_snapshot_that_was_served_last_goes_and_the_next_one_names_the_person_nowhere(house: House) -> None:
    def named() -> list[bytes]:
        kept = keeping.unpack(house.files()["snapshot/served"], "").snapshot
        bodies = (*(chunk.plain for chunk in kept.chunks), *(gzip.decompress(chunk.gzip) for chunk in kept.chunks), repr((kept.series, kept.folded)).encode())
        return [name for name in (b"alice", ALICE.encode(), b'"al"') if any(name in body.lower() for body in bodies)]

    assert named() == [b"alice", ALICE.encode()]
    house.forgotten("alice")
    assert "snapshot/served" not in house.files()
    house.samples()
    assert named() == []


def test_snapshot_that_came_back_with_a_backup_goes_again(house: House) -> None:
    packed = house.files()["snapshot/served"]
    house.forgotten("alice")
    (house.state / "snapshot" / "served").write_bytes(packed)
    house.forgotten("--again")
    assert "snapshot/served" not in house.files()


# Who is meant


@pytest.mark.parametrize("asked", ["alice", "ALICE", "alice@example.com", ALICE, f"d-1234567890-{ALICE.upper()}", "al"])
def test_any_spelling_will_do(house: House, asked: str) -> None:
    house.forgotten(asked)
    assert {row[1] for row in house.rows("kiro_credits")} == {BOB}


def test_alias_of_the_people_file_will_do(tmp_path: Path) -> None:
    house = House(tmp_path, people=f"user,team,aliases\nrob,core,{BOB};robert\n")
    output = house.forgotten("robert")
    assert {row[1] for row in house.rows("kiro_credits")} == {ALICE}
    assert "people.csv names them" in output


@pytest.mark.parametrize("asked", ["heidi@111122223333", "HEIDI@111122223333"])
def test_person_known_only_by_an_identity_and_without_a_directory(tmp_path: Path, asked: str) -> None:
    house = House(tmp_path, users=())
    before = [row for row in house.rows("cloudtrail") if row[2] != "iam_user"]
    house.forgotten(asked)
    assert house.rows("cloudtrail") == before


def test_published_name_will_do_where_hashes_are_published(tmp_path: Path) -> None:
    house = House(tmp_path, privacy={"user_label": "hash", "hash_key": "secret"})
    (label,) = (dict(pairs)["user"] for pairs, value in house.samples()["aws_user_events_yesterday"].items() if value == 8)
    house.forgotten(label)
    assert {row[1] for row in house.rows("kiro_credits")} == {ALICE}


def test_unknown_person_is_one_sentence_with_those_spelled_alike(house: House) -> None:
    assert house.refusal("alcie", "--yes") == (
        "none of the 3 people that the store, the directory and the people file know goes by 'alcie' (1 are spelled alike: alice); correct the name"
    )


def test_ambiguous_person_is_one_sentence_and_nothing_happens(tmp_path: Path) -> None:
    house = House(tmp_path, users=(*USERS, DirectoryUser(CAROL, "alice", email="other@example.com")))
    before = house.files()
    assert house.refusal("alice", "--yes").startswith("2 people go by 'alice' (alice@")
    assert house.files() == before


def test_target_has_no_key_of_somebody_else(house: House) -> None:
    store = house.store()
    file = (Entry("zoe", aliases=("heidi@111122223333", "bob")),)
    target = forgetting.find(store, load(house.folder / "config.yaml", {}), file, "alice")
    store.close()
    assert not {BOB, HEIDI, "session:bob"} & set(target.keys)
    assert {ALICE, "session:al", "session:alice", "session_name:alice@example.com"} <= set(target.keys)


# Before anything happens


def test_dry_run_tells_rows_by_source_and_days_and_changes_nothing(house: House) -> None:
    before = house.files()
    output = house.forgotten("alice", "--dry-run")
    assert house.files() == before
    # Credits: one row of January, two of the 10th (one of them a model's), one of the 14th. CloudTrail: 2 of January; 4 of the 14th, and the session.
    assert [line.strip() for line in output.splitlines() if "rows on" in line] == [
        "kiro_credits: 4 rows on 3 days, 2026-01-05 to 2026-07-14",
        "kiro_features: 1 rows on 1 days, 2026-07-14",
        "cloudtrail: 7 rows on 2 days, 2026-01-05 to 2026-07-14",
    ]
    assert "Nothing was deleted." in output


def test_store_in_use_is_one_sentence_that_says_what_to_do(house: House) -> None:
    store = house.store()
    before = house.files()
    try:
        assert house.refusal("alice", "--yes") == f"the store {house.state} is in use; stop the exporter, run forget again, then start it"
    finally:
        store.close()
    assert house.files() == before


def test_folder_that_is_no_store_is_left_alone(tmp_path: Path) -> None:
    house = House(tmp_path)
    assert "is no store" in house.refusal("alice", "--yes", "--store.path", str(tmp_path / "elsewhere"))
    assert not (tmp_path / "elsewhere").exists()


def test_nobody_to_ask_means_no(house: House) -> None:
    before = house.files()
    assert house.refusal("alice") == "nobody can be asked here whether to delete this; add --yes"
    assert house.files() == before


@pytest.mark.parametrize(("answer", "left"), [("y\n", {BOB}), ("n\n", {ALICE, BOB}), ("\n", {ALICE, BOB})])
def test_terminal_is_asked(house: House, monkeypatch: pytest.MonkeyPatch, answer: str, left: set[str]) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

    import exporter.commands.forget as command

    monkeypatch.setattr(command, "sys", type("Sys", (), {"stdin": Terminal()}))
    house.forget("alice", text=answer)
    assert {row[1] for row in house.rows("kiro_credits")} == left


@pytest.mark.parametrize("arguments", [(), ("alice", "--again"), ("--again", "--dry-run")])
def test_mistaken_arguments_are_told(house: House, arguments: tuple[str, ...]) -> None:
    assert house.forget(*arguments).exit_code == 2


def test_help_names_what_is_not_touched() -> None:
    output = CliRunner().invoke(forget, ["--help"]).output
    assert all(word in " ".join(output.split()) for word in ("Totals of past days become smaller", "S3", "query history", "Prometheus has scraped"))
