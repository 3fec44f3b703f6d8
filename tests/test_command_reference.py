"""The commands' help in README.md and docs/commands.md: what the command line says today."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from exporter import cli
from exporter import command_reference as reference

ROOT = Path(__file__).parent.parent


def test_the_help_is_fresh() -> None:
    """In a process of its own, as `make docs` is: what other tests leave behind in this one is not what users see."""
    command = [sys.executable, "-m", "exporter.command_reference", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), "run: make docs"


@pytest.mark.parametrize("arguments", [[], *([name] for name in cli.COMMANDS)], ids=lambda arguments: " ".join(arguments) or "all")
def test_it_is_what_the_command_line_prints(arguments: list[str]) -> None:
    printed = CliRunner().invoke(cli.group, [*arguments, "--help"], prog_name=cli.NAME, terminal_width=110, max_content_width=110).output
    assert reference.help_of(arguments) == printed.rstrip("\n")


def test_a_readme_without_the_marks_is_told() -> None:
    with pytest.raises(ValueError, match="has lost the marks"):
        reference.readme("# aws-user-exporter\n")


def test_every_page_of_the_documentation_is_linked_from_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in sorted((ROOT / "docs").glob("*.md")) if f"docs/{page.name}" not in readme] == []
