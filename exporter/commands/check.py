"""The command `check`: whether a config can work, and what it will cost."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from pathlib import Path

import click
from rich.console import Console

from exporter.checking import Choices, Finding, Status, exit_code, inspect
from exporter.checking.concealing import of_config
from exporter.checking.inspection import utc_now
from exporter.checking.report import document, lines
from exporter.checking.settings import wrong
from exporter.commands import options
from exporter.commands.serving import reader
from exporter.config import ConfigErrors
from exporter.telemetry import Telemetry
from exporter.web.protection import Protection

_STYLES = {Status.OK: "green", Status.WARNING: "yellow", Status.FAILED: "bold red", Status.UNTRIED: "dim"}


@click.command("check", short_help="Look whether a config can work, and what it costs.")
@options.config_file
@options.store_path
@click.option("--offline", is_flag=True, help="Only the config and the people file; nothing is asked of AWS.")
@click.option("--spend", is_flag=True, help="Also what costs money: up to two requests to Cost Explorer, at 0.01 USD each.")
@click.option("--strict", is_flag=True, help="Let warnings count as failures, for CI.")
@click.option("--format", "format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="A report for people or for programs.")
@options.logging_options
def check(config_file: Path, store_path: Path | None, offline: bool, spend: bool, strict: bool, format: str) -> int:
    """Look at credentials, permissions, files, tables, people and the cost of a day, source by source, and say what to do where something is wrong.

    Nothing is written, and an exporter that runs is not disturbed. Of Athena a few small queries are asked. Exit code: 0, 1 where something failed, 2 where
    the config is wrong.
    """
    console = Console(highlight=False)
    busy = console.is_terminal and format == "text"
    with console.status("Looking") if busy else nullcontext() as status:
        show: Callable[[str], object] = (lambda _: None) if status is None else (lambda what: status.update(f"Looking at {what}"))
        found = list(_findings(config_file, store_path, Choices(offline, spend), show))
    concealed, code = of_config(config_file, os.environ), exit_code(found, strict)
    if format == "json":
        click.echo(document(found, concealed, utc_now(), code))
        return code
    for line in lines(found, concealed):
        style = "bold" if line.heading else _STYLES[line.status] if line.status else None
        console.print(line.text, style=style, markup=False, soft_wrap=True)
    return code


def _findings(config_file: Path, store_path: Path | None, choices: Choices, show: Callable[[str], object]) -> Iterable[Finding]:
    try:
        config = reader(config_file, store_path, None, enable_lifecycle=False)()
        # tried as a whole, certificates and keys too
        Protection(config.web.config_file, os.environ, Telemetry())
    except ConfigErrors as errors:
        return wrong(errors)
    return inspect(config, choices, show=show)
