"""Files that want all memory, or all time, or a place outside their folder: memory stays bounded, they are told and counted, and the rest goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cur_made import Bill, line, write_month
from hostile_bombs import CONFIGS, LOG_FILES, PEOPLE, REPORTS
from kiro_files import ALICE, BOB

from exporter.errors import TransientError

_SECONDS = 120
_MEMORY = 1000 * 1024 * 1024
"""What a process may take at most, Python and its libraries included."""


def defused(folder: Path, what: str, kind: str = "-") -> dict[str, Any]:
    program = Path(__file__).with_name("hostile_bombs.py")
    ran = subprocess.run(
        [sys.executable, str(program), what, kind, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
        cwd=program.parent.parent,
        env={"PYTHONPATH": f"{program.parent.parent}:{program.parent}"},
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    found: dict[str, Any] = json.loads(ran.stdout)
    assert found["rss"] < _MEMORY, f"{found['rss'] / 1e6:,.0f} MB"
    return found


@pytest.mark.parametrize("kind", LOG_FILES)
def test_log_file(kind: str, tmp_path: Path) -> None:
    found = defused(tmp_path, "log_file", kind)
    assert (found["good"], {path for path, _ in found["told"]}, found["count"] >= 1) == (2, {"1.json.gz"}, True)


@pytest.mark.parametrize("kind", REPORTS)
def test_report(kind: str, tmp_path: Path) -> None:
    found = defused(tmp_path, "report", kind)
    assert (found["worked"], found["credits"], found["count"] >= 1) == (True, {ALICE: "1.5", BOB: "2.5"}, True)
    assert "msg=rejected" in found["log"]
    assert "PLUGIN" in found["log"]
    assert max(map(len, found["log"].splitlines())) < 1_000


def test_bill_with_a_gigantic_text_costs_its_month_alone(tmp_path: Path) -> None:
    found = defused(tmp_path, "bill")
    assert found["costs"] == ["3"]
    assert "2026-11" in found["error"]


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("laughs", {"users": ["bob"], "count": 11}),
        ("merged laughs", {"users": ["lol", "bob"], "count": 9}),
        ("deep", "nested too deeply"),
        ("one long alias list", "more than 4,000,000 values"),
    ],
)
def test_people_file(kind: str, outcome: dict[str, object] | str, tmp_path: Path) -> None:
    found = defused(tmp_path, "people", kind)
    if isinstance(outcome, str):
        assert outcome in found["error"]
    else:
        assert {name: found[name] for name in outcome} == outcome


@pytest.mark.parametrize(("kind", "says"), [("laughs", "more than 100000 values"), ("deep", "nested too deeply"), ("large", "more than 4,194,304 bytes")])
def test_config(kind: str, says: str, tmp_path: Path) -> None:
    assert says in defused(tmp_path, "config", kind)["error"]


def test_every_bomb_is_tried() -> None:
    assert (len(LOG_FILES), len(REPORTS), len(PEOPLE), len(CONFIGS)) == (11, 6, 4, 3)


def test_a_manifest_cannot_name_a_file_outside(tmp_path: Path) -> None:
    made = Bill(tmp_path)
    file = write_month(made.export, [line(cost=1.0)])
    outside = tmp_path / "outside.parquet"
    outside.write_bytes(file.read_bytes())
    manifest = next(made.export.glob("metadata/*/*.json"))
    up = "/".join([".."] * 3)
    manifest.write_text(manifest.read_text().replace(file.name, f"{up}/{outside.name}"))
    with pytest.raises(TransientError, match="are missing"):
        made.refresh()
    assert made.costs() == []
