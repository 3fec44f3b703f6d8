"""docs/reliability.md and the tests of faults name one another."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parent
ROWS = re.findall(r"`(test_\w+\.py)::(test_\w+)` \|$", (TESTS.parent / "docs" / "reliability.md").read_text(), re.MULTILINE)


def names_in(file: str) -> list[str]:
    path = TESTS / file
    return re.findall(r"^def (test_\w+)\(", path.read_text(), re.MULTILINE) if path.exists() else []


def test_every_row_names_a_test_that_exists() -> None:
    assert [row for row in ROWS if row[1] not in names_in(row[0])] == []


def test_every_test_of_a_fault_has_a_row() -> None:
    faults = {(path.name, test) for path in TESTS.glob("test_faults_*.py") for test in names_in(path.name)}
    assert faults - set(ROWS) == set()


def test_no_row_is_without_a_test() -> None:
    lines = [line for line in (TESTS.parent / "docs" / "reliability.md").read_text().splitlines() if line.startswith("| ") and not line.startswith("| Fault")]
    assert len(lines) == len(ROWS)
