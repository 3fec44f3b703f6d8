"""After `forget`, no file of a store that every source has filled holds any spelling of the person, whatever it is packed in."""

from __future__ import annotations

import gzip
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import click.testing
import duckdb
import pytest
from hostile_house import living
from hostile_names import NAMES, SOURCES, Organisation, person_id

from exporter import cli

PEOPLE = [f"maryjane{number:03}" for number in range(1, len(NAMES) + 1)]
FROM_FILE, FROM_DIRECTORY, FROM_LOGS = 6, 7, 8


def spellings(number: int) -> tuple[str, ...]:
    return PEOPLE[number - 1], f"{number}@example.com", person_id(number)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an organisation whose service has read everything and stopped."""
    folder = tmp_path_factory.mktemp("filled")
    values = [f"value-{number}" for number in range(len(PEOPLE))]
    with living(Organisation(folder, PEOPLE, values, plain=True).write()) as house:
        assert {status.source for status in house.service.status() if status.up} >= set(SOURCES)
    return folder


@pytest.fixture
def folder(filled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(filled, tmp_path / "copy"))


def texts(file: Path) -> Iterator[str]:
    """What a file holds, read as any tool would: as bytes, unpacked, and as rows."""
    content = file.read_bytes()
    yield content.decode(errors="replace")
    if file.suffix == ".gz":
        yield gzip.decompress(content).decode()
    if file.suffix == ".parquet":
        yield repr(duckdb.execute("FROM read_parquet($1)", [str(file)]).fetchall())
        yield repr(duckdb.execute("FROM parquet_metadata($1)", [str(file)]).fetchall())


def holding(folder: Path, number: int) -> set[str]:
    """The files of the store in which somebody is spelled, in any case."""
    state = folder / "state"
    spelled = re.compile(rf"(?<!\d)({'|'.join(map(re.escape, spellings(number)))})", re.IGNORECASE)
    return {str(file.relative_to(state)) for file in state.rglob("*") if file.is_file() and any(map(spelled.search, texts(file)))}


@pytest.mark.parametrize("number", [FROM_FILE, FROM_DIRECTORY, FROM_LOGS], ids=["people file", "directory", "logs"])
def test_no_file_holds_any_spelling(folder: Path, number: int) -> None:
    before, others = holding(folder, number), holding(folder, number + 3)
    ran = click.testing.CliRunner().invoke(cli.group, ["forget", PEOPLE[number - 1], "--yes", "--config.file", str(folder / "config.yaml")])
    assert ran.exception is None, ran.exception
    # Each source had told of them; a tag of Cost Explorer that was read before anybody knew them stands in what the source remembers.
    assert {name.split("/")[1].removesuffix(".json") for name in before if name.startswith(("facts/", "sources/"))} == {*SOURCES} - {"identity_center"}
    assert {name for name in before if name.startswith("people/")} >= {"people/known.json"}
    assert holding(folder, number) == set()
    assert {name for name in others if not name.startswith("objects/")} == holding(folder, number + 3)
