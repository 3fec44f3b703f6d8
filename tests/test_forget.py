"""One person is taken out of the store: everything of theirs, nothing of anybody else's, and it stays so."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import time_machine
import yaml
from click.testing import CliRunner, Result
from facts_in_memory import Caused, Counted, Fact, Samples, Used, identity, parse, rows_of, source_of
from kiro_rig import Rows

from exporter import forgetting
from exporter.assembly import Assembly
from exporter.commands.forget import forget
from exporter.config import load
from exporter.errors import UserError
from exporter.facts.directory import Directory, DirectoryUser, keep, stored
from exporter.facts.forgotten import Forgotten
from exporter.facts.history import History
from exporter.facts.recent import RecentFacts
from exporter.facts.store import Store
from exporter.facts.tables import CANDIDATE
from exporter.model import DayRange, FactBatch
from exporter.people import Entry
from exporter.people.remembered import KNOWN, STANDINGS, Known, Standings
from exporter.quoting import sql_text
from exporter.snapshots import keeping
from exporter.sources.cost_explorer import CostExplorerState
from exporter.sources.cost_explorer_names import Fallen
from exporter.telemetry import Telemetry
from exporter.windows import Landed

NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)
TODAY = NOW.date()
YESTERDAY = date(2026, 7, 14)
OLD = date(2026, 1, 5)
ALICE, BOB, CAROL = map(identity, "abc")
BOBS_ARN = "arn:aws:sts::111122223333:assumed-role/alice/bob"
HEIDI = "iam_user:heidi@111122223333"
FACTS: list[Fact] = [
    Used(OLD, ALICE, 1, mail="alice@example.com"),
    Used(OLD, BOB, 2),
    Caused(OLD, ALICE, read=3, linked="al"),
    Used(date(2026, 7, 10), ALICE, 3, messages=4, models={"auto": 4}),
    Used(date(2026, 7, 10), BOB, 5),
    Used(date(2026, 7, 11), BOB, 7),
    Used(YESTERDAY, ALICE, 2),
    Used(YESTERDAY, BOB, "0.123456789012345678"),
    Counted(YESTERDAY, ALICE, "Chat_MessagesSent", 6),
    Caused(YESTERDAY, ALICE, read=4, write=1, services={"ec2": 5}, linked="al"),
    Caused(YESTERDAY, "session:al", read=2),
    Caused(YESTERDAY, BOB, read=9, write=8, linked="bob"),
    Caused(YESTERDAY, HEIDI, read=11),
    Caused(YESTERDAY, None, read=50, kind="service"),
]
USERS = (
    DirectoryUser(f"d-1234567890-{ALICE}", "alice", email="Alice@example.com", status="enabled"),
    DirectoryUser(BOB, "bob", email="bob@example.com", status="enabled"),
)
LANDED = {source: Landed(DayRange(OLD, YESTERDAY), timedelta(days=9)) for source in ("kiro_credits", "kiro_features", "cloudtrail")}


def replace(store: Store, facts: Sequence[Fact]) -> None:
    """Each day of each source as a refresh brings it."""
    for source, day in sorted({(source_of(fact), fact.day) for fact in facts}):
        store.replace(FactBatch(source, (day,), rows_of([fact for fact in facts if (source_of(fact), fact.day) == (source, day)])))


class House:
    """A folder with a config and a store that an exporter has left."""

    def __init__(self, folder: Path, facts: Sequence[Fact] = FACTS, users: Sequence[DirectoryUser] = USERS, people: str = "", **config: Any) -> None:
        self.folder, self.state = folder, folder / "state"
        (folder / "people.csv").write_text(people or "user,team\n")
        sources = {source: {"location": "data"} for source in ("kiro_credits", "kiro_features", "cloudtrail")} | config.pop("sources", {})
        document = {"engine": "duckdb", "store": {"path": "state"}, "people": {"file": "people.csv"}, "sources": sources, **config}
        (folder / "config.yaml").write_text(yaml.safe_dump(document))
        store = Store.open(self.state)
        if users:
            keep(store, Directory(NOW, tuple(users)))
        replace(store, facts)
        store.keep_object(store.object_file("kiro_credits", "day"), b'{"userid": "alice"}\n')
        store.close()
        self.samples()

    def samples(self) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
        """What the exporter publishes on this store, as it starts."""
        store = Store.open(self.state)
        try:
            history = History(store, RecentFacts())
            history.open(NOW)
            assembly = Assembly(store, history, Telemetry(), lambda: NOW)
            settings = load(self.folder / "config.yaml", {})
            assembly.take(settings, ())
            built = assembly.build(NOW, LANDED)
            assert built is not None
            store.keep_served(keeping.pack(built, NOW))
            return parse(b"".join(chunk.plain for chunk in built.chunks).decode())
        finally:
            store.close()

    def forget(self, *arguments: str, now: datetime = NOW, text: str | None = None) -> Result:
        with time_machine.travel(now, tick=False):
            return CliRunner().invoke(forget, [*arguments, "--config.file", str(self.folder / "config.yaml")], input=text)

    def forgotten(self, *arguments: str, **options: Any) -> str:
        result = self.forget(*arguments, "--yes", **options)
        assert result.exception is None, result.exception
        return result.output

    def refusal(self, *arguments: str) -> str:
        error = self.forget(*arguments).exception
        assert isinstance(error, UserError), error
        return str(error)

    def files(self) -> dict[str, bytes]:
        return {str(path.relative_to(self.state)): path.read_bytes() for path in self.state.rglob("*") if path.is_file()}

    def rows(self, source: str) -> list[tuple[Any, ...]]:
        files = sorted(str(path) for path in (self.state / "facts" / source).glob("*.parquet"))
        return duckdb.execute("FROM read_parquet($1)", [files]).fetchall()

    def older(self) -> set[tuple[str, str | None]]:
        files = [str(path) for path in (self.state / "people" / "older").rglob("*.parquet")]
        return set(duckdb.execute("SELECT key, link FROM read_parquet($1, union_by_name := true)", [files]).fetchall())

    def store(self) -> Store:
        return Store.open(self.state)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def of(samples: Mapping[str, Samples | Mapping[tuple[tuple[str, str], ...], float]], user: str) -> dict[tuple[str, Any], float]:
    return {(name, pairs): value for name, series in samples.items() for pairs, value in series.items() if ("user", user) in pairs}


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


def test_bill_stays_whole_and_loses_who_it_names(tmp_path: Path) -> None:
    house = House(tmp_path)
    columns = """DATE '2026-07-14' AS day, '111122223333' AS account, false AS shared, {user} AS user_identifier, {arn} AS iam_principal,
        NULL::VARCHAR AS identity_store_user, {owner} AS owner_tags, NULL::VARCHAR AS created_by_tag, NULL::VARCHAR AS creator, 'us-east-1' AS region,
        'ec2' AS service, 'usage' AS charge, 'USD' AS currency, NULL::VARCHAR AS component, NULL::VARCHAR AS tier, NULL::VARCHAR AS resource,
        {cost}::DECIMAL(38,12) AS cost, 1::DECIMAL(38,12) AS quantity, 1::BIGINT AS lines"""
    lines = [
        columns.format(user=f"'{ALICE}'", arn="NULL::VARCHAR", owner="'bob'", cost="1.5"),
        columns.format(user="NULL::VARCHAR", arn="'arn:aws:sts::111122223333:assumed-role/dev/al'", owner="NULL::VARCHAR", cost="2.25"),
        columns.format(user=f"'{BOB}'", arn="NULL::VARCHAR", owner="'Alice@example.com' || chr(31) || 'bob'", cost="4"),
        columns.format(user="NULL::VARCHAR", arn=f"'{BOBS_ARN}'", owner="NULL::VARCHAR", cost="8"),
        columns.format(user="NULL::VARCHAR", arn="NULL::VARCHAR", owner="'bob'", cost="0.125"),
    ]
    store = house.store()
    store.replace(FactBatch("cur", (YESTERDAY,), Rows(" UNION ALL ".join(f"SELECT {line}" for line in lines))))
    store.close()
    output = house.forgotten("alice")
    found = duckdb.execute(
        "SELECT cost::DOUBLE, user_identifier, iam_principal, owner_tags FROM read_parquet($1) ORDER BY cost",
        [_cur(house)],
    ).fetchall()
    assert found == [(0.125, None, None, "bob"), (1.5, None, None, "bob"), (2.25, None, None, None), (4.0, BOB, None, "bob"), (8.0, None, BOBS_ARN, None)]
    assert "cur: 3 rows on 1 days, 2026-07-14" in output


def test_bill_loses_an_iam_user_of_one_account_only(tmp_path: Path) -> None:
    house = House(tmp_path)
    store = house.store()
    line = """SELECT DATE '2026-07-14' AS day, '{account}' AS account, false AS shared, NULL::VARCHAR AS user_identifier, '{arn}' AS iam_principal,
        NULL::VARCHAR AS identity_store_user, NULL::VARCHAR AS owner_tags, 'IAMUser:AIDAEXAMPLE:heidi' AS created_by_tag, '{creator}' AS creator,
        NULL::VARCHAR AS resource"""
    arns = {account: f"arn:aws:iam::{account}:user/ops/heidi" for account in ("111122223333", "444455556666")}
    lines = [line.format(account=account, arn=arn, creator=f"iam_user:heidi@{account}") for account, arn in arns.items()]
    store.replace(FactBatch("cur", (YESTERDAY,), Rows(" UNION ALL ".join(lines))))
    forgotten = Forgotten().with_more([HEIDI], (), TODAY)
    rows = store.erase("cur", YESTERDAY, forgotten, write=True)
    store.close()
    found = duckdb.execute("SELECT account, iam_principal, created_by_tag, creator FROM read_parquet($1) ORDER BY ALL", [_cur(house)]).fetchall()
    assert rows == 1
    assert found == [("111122223333", None, None, None), ("444455556666", arns["444455556666"], "IAMUser:AIDAEXAMPLE:heidi", "iam_user:heidi@444455556666")]


def bill_line(**columns: str | None) -> str:
    """SQL for one line of a bill that names nobody but where it is told so."""
    names = ("account", *CANDIDATE, "region", "service", "charge", "currency", "component", "tier", "resource")
    texts = {**dict.fromkeys(names), "account": "111122223333", "charge": "usage", "currency": "USD", "service": "s3"} | columns
    typed = ", ".join(f"{sql_text(value) if value is not None else 'NULL'}::VARCHAR AS {name}" for name, value in texts.items() if name != "shared")
    return f"""SELECT DATE '{YESTERDAY}' AS day, false AS shared, {typed}, 1::DECIMAL(38,12) AS cost, NULL::DECIMAL(38,12) AS quantity, 1::BIGINT AS lines"""


def test_bill_keeps_a_resource_that_is_called_as_they_are_under_its_hash(house: House) -> None:
    store = house.store()
    resources = ("arn:aws:quicksight:us-east-1:111122223333:user/default/alice", "arn:aws:s3:::malice", "alice@example.com")
    store.replace(FactBatch("cur", (YESTERDAY,), Rows(" UNION ALL ".join(bill_line(owner_tags="bob", resource=resource) for resource in resources))))
    store.close()
    house.forgotten("alice")
    found = [resource for (resource,) in duckdb.execute("SELECT resource FROM read_parquet($1)", [_cur(house)]).fetchall()]
    assert (len(set(found)), [resource for resource in found if "alice" in resource]) == (3, ["arn:aws:s3:::malice"])


def test_who_is_known_by_calls_in_old_bills_alone_is_found_and_goes(house: House) -> None:
    caller = "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Dev_0123456789abcdef/{name}"
    store = house.store()
    lines = [bill_line(iam_principal=caller.format(name=name)).replace(str(YESTERDAY), str(OLD)) for name in ("zoe", "bob")]
    store.replace(FactBatch("cur", (OLD,), Rows(" UNION ALL ".join(lines))))
    store.close()
    house.samples()
    assert {key for key, _ in house.older() if ":assumed-role/" in key} == {f"iam_principal:{caller.format(name=name)}" for name in ("zoe", "bob")}
    house.forgotten("zoe")
    assert {key for key, _ in house.older() if ":assumed-role/" in key} == {f"iam_principal:{caller.format(name='bob')}"}
    file = str(house.state / "facts" / "cur" / f"{OLD}.parquet")
    assert duckdb.execute("SELECT iam_principal FROM read_parquet($1) ORDER BY 1 NULLS LAST", [file]).fetchall() == [(caller.format(name="bob"),), (None,)]


FALLEN = {
    OLD: (Fallen("111122223333", "AssumedRole:AKIAEXAMPLE:Alice", False), Fallen("111122223333", "team-web", True)),
    YESTERDAY: (Fallen("111122223333", "Alice@example.com", True), Fallen("444455556666", "malice", True)),
    date(2026, 7, 13): None,
}


def test_values_of_tags_that_named_nobody_go_where_they_spell_the_person(house: House) -> None:
    without = house.forgotten("alice", "--dry-run")
    store = house.store()
    store.save_state("cost_explorer", CostExplorerState(asked=("x",), fallen=FALLEN))
    store.close()
    told = re.compile(r"([0-9]+) places in what is remembered of people between snapshots")
    (places,), (before,) = told.findall(house.forgotten("alice", "--dry-run")), told.findall(without)
    house.forgotten("alice")
    store = house.store()
    state = store.state("cost_explorer", CostExplorerState)
    store.close()
    assert state == CostExplorerState(asked=("x",), fallen={OLD: FALLEN[OLD][1:], YESTERDAY: FALLEN[YESTERDAY][1:], date(2026, 7, 13): None})
    assert int(places) == int(before) + 2


def test_bill_loses_an_iam_user_of_an_account_that_it_does_not_tell(house: House) -> None:
    store = house.store()
    lines = [bill_line(account="unknown", created_by_tag=f"IAMUser:AIDAEXAMPLE:{name}") for name in ("heidi", "ivan")]
    store.replace(FactBatch("cur", (YESTERDAY,), Rows(" UNION ALL ".join(lines))))
    store.close()
    house.forgotten("heidi@111122223333")
    found = duckdb.execute("SELECT created_by_tag FROM read_parquet($1) ORDER BY 1 NULLS LAST", [_cur(house)]).fetchall()
    assert found == [("IAMUser:AIDAEXAMPLE:ivan",), (None,)]


def _cur(house: House) -> str:
    return str(house.state / "facts" / "cur" / f"{YESTERDAY}.parquet")


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


# It stays so


@pytest.fixture
def later(house: House) -> Iterator[Store]:
    house.forgotten("alice")
    store = house.store()
    yield store
    store.close()


def credits(store: Store, day: date) -> dict[str, float]:
    (file,) = store.facts("kiro_credits", DayRange(day, day))
    return dict(duckdb.execute("SELECT identity, sum(credits)::DOUBLE FROM read_parquet($1) GROUP BY 1", [str(file)]).fetchall())


def test_day_that_is_read_again_does_not_bring_them_back(later: Store) -> None:
    replace(later, [Used(TODAY, ALICE, 5), Used(TODAY, BOB, 6)])
    assert credits(later, TODAY) == {BOB: 6}


def test_identity_that_was_not_stored_yet_stays_out_too(later: Store) -> None:
    replace(later, [Caused(TODAY, "session:alice", read=3), Caused(TODAY, "session:alicia", read=4)])
    (file,) = later.facts("cloudtrail", DayRange(TODAY, TODAY))
    assert duckdb.execute("SELECT identity FROM read_parquet($1)", [str(file)]).fetchall() == [("alicia",)]


def test_what_they_do_from_tomorrow_on_is_counted(later: Store) -> None:
    tomorrow = TODAY + timedelta(days=1)
    replace(later, [Used(tomorrow, ALICE, 5), Used(tomorrow, BOB, 6)])
    assert credits(later, tomorrow) == {ALICE: 5, BOB: 6}


def test_who_came_back_is_not_concerned_when_somebody_else_is_forgotten(house: House) -> None:
    house.forgotten("alice")
    store = house.store()
    keep(store, Directory(NOW, USERS))
    tomorrow = TODAY + timedelta(days=1)
    replace(store, [Used(tomorrow, ALICE, 5)])
    store.close()
    house.forgotten("heidi@111122223333", now=NOW + timedelta(days=3))
    store = house.store()
    listed = stored(store)
    assert listed is not None
    assert ([user.user_name for user in listed.users], credits(store, tomorrow)) == (["alice", "bob"], {ALICE: 5})
    store.close()


def test_backup_that_was_put_back_is_swept_again(house: House) -> None:
    backup = house.files()
    house.forgotten("alice")
    for name, content in backup.items():
        if name.startswith(("facts/", "people/older/")):
            (house.state / name).write_bytes(content)
    assert "kiro_credits: 4 rows on 3 days" in house.forgotten("--again")
    assert {row[1] for row in house.rows("kiro_credits")} == {BOB}
    assert {key for key, _ in house.older()} == {BOB}


def test_interrupted_run_is_finished_by_the_next(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    erase = Store.erase

    def stop(self: Store, source: str, day: date, *arguments: Any, write: bool) -> int:
        if write and source == "cloudtrail":
            raise KeyboardInterrupt
        return erase(self, source, day, *arguments, write=write)

    monkeypatch.setattr(Store, "erase", stop)
    assert house.forget("alice", "--yes").exit_code != 0
    monkeypatch.undo()
    assert {row[1] for row in house.rows("kiro_credits")} == {BOB}
    assert ALICE in {row[3] for row in house.rows("cloudtrail")}
    house.forgotten("heidi@111122223333")
    assert {row[3] for row in house.rows("cloudtrail")} == {BOB, None}


def test_forgetting_twice_finds_nothing_the_second_time(house: House) -> None:
    house.forgotten("alice")
    files = house.files()
    assert "goes by 'alice'" in house.refusal("alice", "--yes")
    assert house.files() == files


def test_shared_session_name_goes_on_belonging_to_nobody(tmp_path: Path) -> None:
    facts: list[Fact] = [
        Caused(YESTERDAY, ALICE, read=1, linked="admin"),
        Caused(YESTERDAY, BOB, read=2, linked="admin"),
        Caused(YESTERDAY, "session:admin", read=4),
    ]
    house = House(tmp_path, facts)
    before = of(house.samples(), "bob")
    house.forgotten("alice")
    assert of(house.samples(), "bob") == before
    assert sum(value for (name, _), value in before.items() if name == "aws_user_events_yesterday") == 2


def test_hashes_are_of_one_store_alone(tmp_path: Path) -> None:
    stores = [House(tmp_path / name) for name in ("one", "two") if not (tmp_path / name).mkdir()]
    for house in stores:
        house.forgotten("alice")
    one, two = (house.files()["people/forgotten.json"] for house in stores)
    assert set(yaml.safe_load(one)["identities"]).isdisjoint(yaml.safe_load(two)["identities"])


def test_target_has_no_key_of_somebody_else(house: House) -> None:
    store = house.store()
    file = (Entry("zoe", aliases=("heidi@111122223333", "bob")),)
    target = forgetting.find(store, load(house.folder / "config.yaml", {}), file, "alice")
    store.close()
    assert not {BOB, HEIDI, "session:bob"} & set(target.keys)
    assert {ALICE, "session:al", "session:alice", "session_name:alice@example.com"} <= set(target.keys)


def test_help_names_what_is_not_touched() -> None:
    output = CliRunner().invoke(forget, ["--help"]).output
    assert all(word in " ".join(output.split()) for word in ("Totals of past days become smaller", "S3", "query history", "Prometheus has scraped"))
