"""The folder of facts: whole days or nothing, one writer, any reader, and one sentence for whatever the file system refuses."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import msgspec
import pytest
from kiro_rig import READER, Rows

import exporter
from exporter.errors import UserError
from exporter.facts.folder import LAYOUT_VERSION
from exporter.facts.store import Store
from exporter.model import DayRange, FactBatch

SOURCE = "kiro_credits"
FIRST, SECOND, THIRD = date(2026, 7, 9), date(2026, 7, 10), date(2026, 7, 11)
ROOT = Path(exporter.__file__).parents[1]


class State(msgspec.Struct, frozen=True):
    """What a source might remember."""

    seen: int = 0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "state")
    yield opened
    opened.close()


def batch(rows: dict[date, int], source: str = SOURCE, size: int = 8) -> FactBatch:
    """So many rows of each day, with a text of `size` bytes that does not compress."""
    noise = f"list_aggregate(list_transform(range({size // 64 + 1}), lambda j: sha256('{{day}}' || i || ' ' || j)), 'string_agg', '')"
    some = [f"SELECT DATE '{day}' AS day, i, {noise.format(day=day)} AS text FROM range({count}) r(i)" for day, count in rows.items()]
    return FactBatch(source, tuple(rows), Rows(" UNION ALL ".join(some)))


def rows_of(path: Path) -> int:
    """Rows of a file, or of those that a pattern matches, to a tool that knows nothing of the exporter."""
    answer = READER.cursor().execute("SELECT count(*) FROM read_parquet($1)", [str(path)]).fetchone()
    assert answer is not None
    return int(answer[0])


def fact_file(store: Store, day: date) -> Path:
    return store.path / "facts" / SOURCE / f"{day}.parquet"


def names(store: Store) -> list[str]:
    return sorted(path.name for path in (store.path / "facts" / SOURCE).iterdir())


# Facts


def test_a_day_is_a_file_that_any_tool_reads_while_the_store_is_open(store: Store) -> None:
    store.replace(batch({FIRST: 3, SECOND: 5}))
    assert names(store) == ["2026-07-09.parquet", "2026-07-10.parquet"]
    assert (rows_of(fact_file(store, FIRST)), rows_of(fact_file(store, SECOND)), rows_of(store.path / "facts" / SOURCE / "*.parquet")) == (3, 5, 8)


def test_replace_tells_the_rows_of_each_day(store: Store) -> None:
    assert store.replace(batch({FIRST: 3, SECOND: 0, THIRD: 5})) == {FIRST: 3, SECOND: 0, THIRD: 5}


def test_whole_days_are_replaced_and_others_are_not_touched(store: Store) -> None:
    store.replace(batch({FIRST: 3, SECOND: 5}))
    untouched = fact_file(store, FIRST).stat()
    store.replace(batch({SECOND: 2}))
    assert (rows_of(fact_file(store, SECOND)), fact_file(store, FIRST).stat().st_ino) == (2, untouched.st_ino)


def test_day_that_comes_back_empty_after_it_had_rows_is_kept_and_left_out_of_the_answer(store: Store) -> None:
    store.replace(batch({FIRST: 3, SECOND: 5}))
    assert (store.replace(batch({FIRST: 0, SECOND: 2})), rows_of(fact_file(store, FIRST))) == ({SECOND: 2}, 3)


def test_day_that_was_empty_may_stay_empty(store: Store) -> None:
    store.replace(batch({FIRST: 0}))
    assert (store.replace(batch({FIRST: 0})), rows_of(fact_file(store, FIRST))) == ({FIRST: 0}, 0)


def test_damaged_day_that_comes_back_empty_is_replaced(store: Store) -> None:
    store.replace(batch({FIRST: 3}))
    fact_file(store, FIRST).write_bytes(b"PAR1 and then nothing")
    store.replace(batch({FIRST: 0}))
    assert rows_of(fact_file(store, FIRST)) == 0


def test_rows_of_other_days_are_refused_and_nothing_is_written(store: Store) -> None:
    store.replace(batch({FIRST: 3}))
    strange = FactBatch(SOURCE, (FIRST,), Rows(f"SELECT DATE '{FIRST}' AS day UNION ALL SELECT DATE '{SECOND}'"))
    with pytest.raises(ValueError, match="2026-07-10"):
        store.replace(strange)
    assert (names(store), rows_of(fact_file(store, FIRST))) == (["2026-07-09.parquet"], 3)


def test_sources_have_folders_of_their_own(store: Store) -> None:
    store.replace(batch({FIRST: 3}))
    store.replace(batch({SECOND: 2}, "kiro_features"))
    assert (store.days(SOURCE), store.days("kiro_features"), store.days("cloudtrail")) == ([FIRST], [SECOND], [])


def test_two_sources_may_write_at_once(store: Store) -> None:
    failures: list[BaseException] = []

    def write(source: str) -> None:
        try:
            for count in range(1, 6):
                store.replace(batch({FIRST: count, SECOND: count}, source))
        except BaseException as error:  # told below, in the thread of the test
            failures.append(error)

    threads = [threading.Thread(target=write, args=(source,)) for source in (SOURCE, "kiro_features")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (failures, [rows_of(store.path / "facts" / source / "*.parquet") for source in (SOURCE, "kiro_features")]) == ([], [10, 10])


def test_files_of_a_span_are_given_oldest_first(store: Store) -> None:
    store.replace(batch({THIRD: 1, FIRST: 1, SECOND: 1}))
    assert (store.days(SOURCE), store.facts(SOURCE, DayRange(SECOND, date(2026, 8, 1)))) == (
        [FIRST, SECOND, THIRD],
        [fact_file(store, SECOND), fact_file(store, THIRD)],
    )


@pytest.mark.parametrize(
    "name", ["README", "2026-07-10.parquet.tmp", "tmp_2026-07-10.parquet", "2026-07-10.damaged", "2026-02-30.parquet", "copy-of-me.parquet"]
)
def test_files_that_are_no_days_are_passed_over(store: Store, name: str) -> None:
    store.replace(batch({FIRST: 3}))
    (fact_file(store, FIRST).parent / name).write_bytes(b"something else")
    assert store.days(SOURCE) == [FIRST]


def test_file_that_was_set_aside_is_no_day_any_more(store: Store) -> None:
    store.replace(batch({FIRST: 3, SECOND: 5}))
    aside = store.set_aside(fact_file(store, FIRST))
    assert (store.days(SOURCE), rows_of(aside), rows_of(aside.parent / "*.parquet")) == ([SECOND], 3, 5)


@pytest.mark.parametrize("name", ["it's a folder", "what? [really]*", "größe"])
def test_path_of_the_store_may_hold_anything(tmp_path: Path, name: str) -> None:
    store = Store.open(tmp_path / name)
    store.replace(batch({FIRST: 3}))
    assert (store.replace(batch({FIRST: 0})), store.days(SOURCE)) == ({}, [FIRST])
    store.close()


# Never a part of a file


def test_new_file_is_synced_before_it_is_renamed_and_the_folder_after(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, os.replace

    def syncing(descriptor: int) -> None:
        steps.append(f"sync {Path(os.readlink(f'/proc/self/fd/{descriptor}')).name}")
        fsync(descriptor)

    def renaming(source: Path, target: Path) -> None:
        steps.append(f"rename to {target.name}")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", syncing)
    monkeypatch.setattr(os, "replace", renaming)
    store.replace(batch({FIRST: 3}))
    assert steps == ["sync 2026-07-09.parquet.tmp", "rename to 2026-07-09.parquet", f"sync {SOURCE}"]


def test_readers_see_the_old_day_until_the_new_one_is_whole(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.replace(batch({FIRST: 3}))
    seen: list[int] = []
    replace = os.replace

    def looking(source: Path, target: Path) -> None:
        seen.append(rows_of(target.parent / "*.parquet"))
        replace(source, target)

    monkeypatch.setattr(os, "replace", looking)
    store.replace(batch({FIRST: 7}))
    assert (seen, rows_of(fact_file(store, FIRST))) == ([3], 7)


def test_write_that_fails_leaves_the_old_day_and_no_remains(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.replace(batch({FIRST: 3}))

    def broken(source: Path, target: Path) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", broken)
        with pytest.raises(UserError, match="Input/output error"):
            store.replace(batch({FIRST: 7}))
    assert (names(store), rows_of(fact_file(store, FIRST))) == (["2026-07-09.parquet"], 3)


KILLED = """
import os, signal, sys
from datetime import date
from pathlib import Path
sys.path.insert(0, "tests")
from test_store import FIRST, batch
from exporter.facts.store import Store
store = Store.open(Path(sys.argv[1]))
store.replace(batch({FIRST: 3}))
os.replace = lambda source, target: os.kill(os.getpid(), signal.SIGKILL)
store.replace(batch({FIRST: 7}))
"""


def test_kill_while_writing_leaves_the_old_day_and_what_remains_is_cleaned_at_the_next_start(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT, check=False, timeout=60)
    left = sorted(path.name for path in (tmp_path / "facts" / SOURCE).iterdir())
    store = Store.open(tmp_path)
    assert (ended.returncode, left) == (-signal.SIGKILL, ["2026-07-09.parquet", "2026-07-09.parquet.tmp"])
    assert (names(store), rows_of(fact_file(store, FIRST))) == (["2026-07-09.parquet"], 3)
    store.close()


# One writer


OPEN = """
import sys
from pathlib import Path
from exporter.errors import UserError
from exporter.facts.store import Store
try:
    Store.open(Path(sys.argv[1]))
except UserError as error:
    print(error)
"""


def opened_elsewhere(path: Path) -> str:
    """What another process is told that opens the store."""
    return subprocess.run([sys.executable, "-c", OPEN, str(path)], cwd=ROOT, check=True, capture_output=True, text=True, timeout=60).stdout


def test_second_process_is_refused_with_one_sentence(store: Store) -> None:
    assert opened_elsewhere(store.path) == f"the store {store.path} is in use by another exporter; stop that one, or give this one another folder\n"


def test_store_that_was_closed_can_be_opened_by_another_process(store: Store) -> None:
    store.close()
    assert opened_elsewhere(store.path) == ""


def test_store_can_be_opened_after_its_holder_was_killed(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT, check=False, timeout=60)
    assert opened_elsewhere(tmp_path) == ""


def test_refused_store_gives_its_lock_back(tmp_path: Path) -> None:
    (tmp_path / "version").write_text("99\n")
    with pytest.raises(UserError):
        Store.open(tmp_path)
    (tmp_path / "version").write_text(f"{LAYOUT_VERSION}\n")
    Store.open(tmp_path).close()


# Versions


def test_new_store_tells_its_version(store: Store) -> None:
    assert (store.path / "version").read_text() == f"{LAYOUT_VERSION}\n"


def test_store_of_a_newer_version_is_refused_with_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "version").write_text(f"{LAYOUT_VERSION + 1}\n")
    with pytest.raises(UserError, match=r"was written by a newer version of this exporter .* upgrade, or set store.path to another folder$"):
        Store.open(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"one", b"1.5", b"-1", "²".encode(), b"\xff\xfe", b"9" * 5000],
    ids=["empty", "word", "fraction", "negative", "superscript", "bytes", "endless"],
)
def test_version_that_is_no_number_is_refused_with_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "version").write_bytes(content)
    with pytest.raises(UserError) as refused:
        Store.open(tmp_path)
    assert "\n" not in str(refused.value)
    assert str(tmp_path) in str(refused.value)


def test_store_of_this_version_keeps_its_facts(store: Store) -> None:
    store.replace(batch({FIRST: 3}))
    store.close()
    again = Store.open(store.path)
    assert again.days(SOURCE) == [FIRST]
    again.close()


# What the file system refuses


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder that nobody may write, not even root."""
    folder = tmp_path / "read-only"
    folder.mkdir()
    if os.geteuid() == 0:
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=64k", "tmpfs", str(folder)], check=False, capture_output=True).returncode:
            pytest.skip("root may write everywhere, and nothing can be mounted here")
        yield folder
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
    else:
        folder.chmod(0o500)
        yield folder
        folder.chmod(0o700)


@pytest.mark.parametrize("below", ["", "state"])
def test_folder_that_may_not_be_written_is_one_sentence(read_only: Path, below: str) -> None:
    with pytest.raises(
        UserError, match=r"cannot be written \((Read-only file system|Permission denied)\); give the exporter's user write access to store.path$"
    ):
        Store.open(read_only / below)


@pytest.mark.parametrize("below", ["", "state"])
def test_path_that_is_a_file_is_one_sentence(tmp_path: Path, below: str) -> None:
    (tmp_path / "occupied").write_bytes(b"")
    with pytest.raises(UserError) as refused:
        Store.open(tmp_path / "occupied" / below)
    assert "\n" not in str(refused.value)


def full(path: Path) -> None:
    """The next write to a file of the store finds the disk full."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_name(f"{path.name}.tmp").symlink_to("/dev/full")


FULL = r"^the disk that holds .* is full; nothing was lost, free some space and the next refresh goes on$"


def test_full_disk_loses_no_facts_and_the_next_write_mends(store: Store) -> None:
    store.replace(batch({FIRST: 3}))
    full(fact_file(store, FIRST))
    with pytest.raises(UserError, match=FULL):
        store.replace(batch({FIRST: 7}))
    assert (names(store), rows_of(fact_file(store, FIRST))) == (["2026-07-09.parquet"], 3)
    assert (store.replace(batch({FIRST: 7})), rows_of(fact_file(store, FIRST))) == ({FIRST: 7}, 7)


def test_full_disk_loses_no_state(store: Store) -> None:
    store.save_state(SOURCE, State(1))
    full(store.path / "sources" / f"{SOURCE}.json")
    with pytest.raises(UserError, match=FULL):
        store.save_state(SOURCE, State(2))
    assert store.state(SOURCE, State) == State(1)


def test_full_disk_leaves_no_half_of_a_decoded_object(store: Store) -> None:
    file = store.object_file(SOURCE, "0123")
    full(file)
    with pytest.raises(UserError, match=FULL):
        store.keep_object(file, b"{}\n")
    assert store.object_rows(file) is None


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk of 64 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], check=False, capture_output=True).returncode:
        pytest.skip("a disk of 64 kB cannot be mounted here")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_small_disk_that_fills_up_keeps_what_it_holds_and_goes_on_when_it_grows(small_disk: Path) -> None:
    store = Store.open(small_disk)
    store.replace(batch({FIRST: 3}))
    with pytest.raises(UserError, match=FULL):
        store.replace(batch({FIRST: 500, SECOND: 500}, size=4096))
    assert (store.days(SOURCE), rows_of(fact_file(store, FIRST)), names(store)) == ([FIRST], 3, ["2026-07-09.parquet"])
    subprocess.run(["mount", "-o", "remount,size=16m", str(small_disk)], check=True)
    assert store.replace(batch({FIRST: 500, SECOND: 500}, size=4096)) == {FIRST: 500, SECOND: 500}
    store.close()


def test_disk_that_is_full_from_the_start_is_one_sentence(small_disk: Path) -> None:
    with (small_disk / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
        while ballast.write(bytes(1024)):
            pass
    with pytest.raises(UserError, match=FULL):
        Store.open(small_disk / "state")


# What sources remember, and decoded objects


def test_state_is_remembered(store: Store) -> None:
    store.save_state(SOURCE, State(7))
    assert (store.state(SOURCE, State), store.state("kiro_features", State)) == (State(7), None)


@pytest.mark.parametrize("content", [b"", b'{"seen": ', b'{"seen": "many"}', b"[]", b"\xff\xfe", b'{"seen": 1}{}'])
def test_state_that_cannot_be_read_counts_as_none(store: Store, content: bytes) -> None:
    store.save_state(SOURCE, State(7))
    (store.path / "sources" / f"{SOURCE}.json").write_bytes(content)
    assert store.state(SOURCE, State) is None


def test_decoded_object_is_kept(store: Store) -> None:
    file = store.object_file(SOURCE, "0123")
    store.keep_object(file, b'{"day":"2026-07-10"}\n')
    assert store.object_rows(file) == b'{"day":"2026-07-10"}\n'


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"no gzip", lambda data: data[:10] + b"\x07" * 20])
def test_decoded_object_that_is_not_whole_counts_as_none(store: Store, damage: object) -> None:
    file = store.object_file(SOURCE, "0123")
    store.keep_object(file, b'{"day":"2026-07-10"}\n' * 100)
    assert callable(damage)
    file.write_bytes(damage(file.read_bytes()))
    assert store.object_rows(file) is None


def test_decoded_objects_are_dropped_but_those_to_keep(store: Store) -> None:
    kept, dropped, elsewhere = store.object_file(SOURCE, "1"), store.object_file(SOURCE, "2"), store.object_file("kiro_features", "3")
    for file in (kept, dropped, elsewhere):
        store.keep_object(file, b"{}\n")
    (kept.parent / "4.ndjson.gz.tmp").write_bytes(b"cut off")
    store.drop_objects(SOURCE, [kept])
    assert (sorted(kept.parent.iterdir()), elsewhere.exists()) == ([kept], True)


# First and last activity


def keep_older(store: Store, through: date, rows: int) -> None:
    connection = duckdb.connect()
    connection.execute(f"CREATE TEMP VIEW older_rows AS SELECT * FROM range({rows})").fetchall()
    store.keep_older(SOURCE, through, connection)


def test_only_the_newest_older_activity_is_kept(store: Store) -> None:
    keep_older(store, FIRST, 3)
    keep_older(store, SECOND, 5)
    kept = store.older(SOURCE)
    assert kept is not None
    assert (kept[0], rows_of(kept[1]), len(list(kept[1].parent.iterdir()))) == (SECOND, 5, 1)


def test_older_activity_of_the_same_day_is_replaced(store: Store) -> None:
    keep_older(store, FIRST, 3)
    keep_older(store, FIRST, 4)
    kept = store.older(SOURCE)
    assert (kept and rows_of(kept[1]), store.older("kiro_features")) == (4, None)
