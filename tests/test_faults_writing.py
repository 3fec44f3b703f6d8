"""The exporter is killed, or finds the disk full, at one step after the other: no day is ever half there, and the next refresh mends everything.

Everything: the facts of every source and the bytes of the snapshot are those of a run that nothing disturbed.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from lives import EVENING, SOURCES, Facts, Life, World

from exporter.config import load
from exporter.facts.folder import Folder
from exporter.snapshots import keeping

FULL = re.compile(r"the disk that holds .* is full; nothing was lost, free some space and the next refresh goes on")
PHASES = {
    "decode": r"open (reports|logs|bill/data)/",
    "decoded rows": r"os\.rename state/objects/",
    "query": "begin query",
    "answer": "end query",
    "written": r"write state/sources/.*\.tmp",
    "Parquet written": r"open state/facts/.*\.tmp",
    "rename": r"os\.rename state/facts/",
    "facts stored": r"open state/facts/\w+$",
    "state": r"os\.rename state/sources/",
    "older export": r"os\.rename state/people/older/",
    "people": r"os\.rename state/people/\w+\.json",
    "snapshot": "begin build",
    "kept snapshot": r"os\.rename state/snapshot/",
}
"""The last step of each is what a kill ends, or a full disk refuses; a source has those that it has."""
KILLED = ("Parquet written", "rename", "state")
"""The phases in which facts and what is remembered of them can part. The long test kills at every step of all of them."""
REFUSED = ("write ", "os.rename ", "os.mkdir ")
"""What a full disk refuses; the other steps are not counted then."""
OF_A_SOURCE = {"kiro_credits": 9, "cloudtrail": 9, "cur": 8}
"""How many of the phases a refresh has: no lines of a bill are kept decoded."""


@dataclass(frozen=True)
class Story:
    """A store of the evening, what has come in since, and how that ends when nothing disturbs it."""

    folder: Path
    before: Facts
    after: Facts
    body: str
    steps: dict[str, tuple[str, ...]]
    """Every step by source, without rendering, and under "" those of rendering alone."""
    writes: dict[str, tuple[str, ...]]
    """The steps that a full disk can refuse."""

    def begin(self, folder: Path) -> World:
        """The world of the evening, with what has come in, in a folder of its own."""
        shutil.copytree(self.folder, folder)
        return World(folder)


def lived(life: Life | None) -> Life:
    assert life is not None, "it was killed"
    assert life.errors == ()
    return life


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("story")
    world = World(folder / "evening")
    world.make()
    lived(world.live(EVENING))
    before = world.facts()
    world.go_on()
    story = Story(world.folder, before, {}, "", {}, {})
    steps, writes = {}, {}
    for source in ("", *SOURCES):
        chosen = [source] if source else []
        steps[source] = lived(story.begin(folder / f"steps-{source}").live(sources=chosen, renders=not source)).steps
        writes[source] = tuple(name for name in steps[source] if name.startswith(REFUSED))
    undisturbed = story.begin(folder / "undisturbed")
    body = lived(undisturbed.live()).body
    return Story(world.folder, before, undisturbed.facts(), body, steps, writes)


def in_every_phase(steps: tuple[str, ...]) -> dict[str, int]:
    """Numbers of steps by phase."""
    found = {phase: [number for number, name in enumerate(steps) if re.match(pattern, name)] for phase, pattern in PHASES.items()}
    return {phase: numbers[-1] for phase, numbers in found.items() if numbers}


def check_whole(found: Facts, story: Story) -> None:
    """Every day is as it was or as it will be."""
    assert set(story.before) <= set(found) <= set(story.after)
    for day, rows in found.items():
        assert rows in (story.before.get(day), story.after[day]), f"{day} is half there"


def kill(story: Story, folder: Path, source: str, number: int) -> World:
    world = story.begin(folder / f"{source}-{number}")
    assert world.live(fault="kill", at=number, sources=[source] if source else [], renders=not source) is None
    check_whole(world.facts(), story)
    return world


def check_mended(world: World, story: Story, source: str) -> None:
    lived(world.live(sources=[source], renders=False))
    after = world.facts()
    assert {day: rows for day, rows in after.items() if day.startswith(f"{source}/")} == {
        day: rows for day, rows in story.after.items() if day.startswith(f"{source}/")
    }
    assert not list((world.folder / "state").rglob("*.tmp"))


def clean(world: World) -> None:
    shutil.rmtree(world.folder)


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    shutil.rmtree(tmp_path)


@pytest.mark.parametrize("source", SOURCES)
def test_kill_where_writes_can_part_is_mended_by_the_next_refresh(story: Story, scratch: Path, source: str) -> None:
    numbers = in_every_phase(story.steps[source])
    assert len([number for number in numbers.values() if "state/people" not in story.steps[source][number]]) == OF_A_SOURCE[source]
    for phase in KILLED:
        check_mended(kill(story, scratch, source, numbers[phase]), story, source)


@pytest.mark.long
@pytest.mark.parametrize("source", SOURCES)
def test_kill_at_every_step_is_mended_by_the_next_refresh(story: Story, scratch: Path, source: str) -> None:
    for number in range(len(story.steps[source])):
        world = kill(story, scratch, source, number)
        check_mended(world, story, source)
        clean(world)


def test_kill_while_people_and_snapshots_are_written_is_mended_by_the_next_start(story: Story, scratch: Path) -> None:
    numbers = in_every_phase(story.steps[""])
    assert len(numbers) == 4
    for number in numbers.values():
        world = kill(story, scratch, "", number)
        assert lived(world.live()).body == story.body, story.steps[""][number]
        assert world.facts() == story.after


def test_kill_while_the_snapshot_is_kept_leaves_the_old_one_or_the_new_one(story: Story, scratch: Path) -> None:
    steps = story.steps[""]
    first = next(number for number, name in enumerate(steps) if "state/snapshot" in name)
    numbers = [number for number in range(first, first + 5) if "state/snapshot" in steps[number]]
    assert [steps[number].rpartition(" state/snapshot")[0] for number in numbers] == ["os.mkdir", "write", "open", "os.rename", "open"]
    old = (story.folder / "state/snapshot/served").read_bytes()
    undisturbed = lived(story.begin(scratch / "undisturbed").live(sources=[])).body
    for number in numbers:
        world = kill(story, scratch, "", number)
        data = Folder.look(world.folder / "state").served()
        assert data is not None
        renamed = number > numbers[3]
        assert (data != old) == renamed, steps[number]
        if renamed:
            body = b"".join(chunk.plain for chunk in keeping.unpack(data, keeping.key(load(world.folder / "config.yaml", {}))).snapshot.chunks)
            assert body.decode() == undisturbed
        assert Folder.open(world.folder / "state").served() == data
        assert not list((world.folder / "state").rglob("*.tmp"))


@pytest.mark.parametrize("source", SOURCES)
def test_disk_that_is_full_in_every_phase_is_one_sentence_and_the_next_refresh_mends(story: Story, scratch: Path, source: str) -> None:
    numbers = in_every_phase(story.writes[source])
    assert len(numbers) >= 2
    for number in numbers.values():
        world = story.begin(scratch / f"{source}-{number}")
        life = world.live(fault="full", at=number, sources=[source], renders=False, then_again=True)
        assert life is not None
        assert len(life.errors) <= 1
        assert all(FULL.fullmatch(error) for error in life.errors), life.errors
        found = world.facts()
        assert {day: rows for day, rows in found.items() if day.startswith(f"{source}/")} == {
            day: rows for day, rows in story.after.items() if day.startswith(f"{source}/")
        }


def test_disk_that_is_full_while_people_are_written_changes_nothing_that_is_served(story: Story, scratch: Path) -> None:
    undisturbed = lived(story.begin(scratch / "undisturbed").live(sources=[])).body
    numbers = in_every_phase(story.writes[""])
    assert len(numbers) == 3
    for number in numbers.values():
        life = lived(story.begin(scratch / str(number)).live(fault="full", at=number, sources=[]))
        assert life.body == undisturbed, story.writes[""][number]
