"""Writes the commands' help into README.md and docs/commands.md: `python -m exporter.command_reference`; with `--check` it only says whether it differs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from exporter import cli

README, PAGE = Path("README.md"), Path("docs/commands.md")
BEGIN, END = "<!-- made by `make docs`: commands -->", "<!-- until here -->"
_WIDTH = 110


def help_of(arguments: list[str]) -> str:
    """What `--help` prints, at a width that does not depend on a terminal."""
    command: click.Command = cli.group
    context = click.Context(command, info_name=cli.NAME, terminal_width=_WIDTH, max_content_width=_WIDTH, **command.context_settings)
    for argument in arguments:
        found = cli.group.get_command(context, argument)
        assert found is not None, argument
        size: dict[str, Any] = {"terminal_width": _WIDTH, "max_content_width": _WIDTH}
        command, context = found, click.Context(found, parent=context, info_name=argument, **size, **found.context_settings)
    return command.get_help(context)


def readme(text: str) -> str:
    """README.md with the help of the whole command line between its marks. Raises ValueError where they are missing."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{README} has lost the marks between which the commands stand")
    return f"{before}{BEGIN}\n\n```console\n$ {cli.NAME} --help\n{help_of([])}\n```\n\n{END}{after}"


def page() -> str:
    """The text of docs/commands.md."""
    parts = [f"## {name}\n\n```console\n$ {cli.NAME} {name} --help\n{help_of([name])}\n```" for name in cli.COMMANDS]
    return "\n\n".join(["<!-- Made by `make docs`; not edited by hand. -->\n\n# Commands", *parts]) + "\n"


def main() -> int:
    """The command. Returns the exit code."""
    wanted = {README: readme(README.read_text(encoding="utf-8")), PAGE: page()}
    differing = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in differing:
        print(f"{'differs' if '--check' in sys.argv else 'written'}: {path}")
        if "--check" not in sys.argv:
            path.write_text(wanted[path], encoding="utf-8")
    return 1 if differing and "--check" in sys.argv else 0


if __name__ == "__main__":
    raise SystemExit(main())
