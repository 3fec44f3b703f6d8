"""The command `run`: serves the metrics that a config asks for."""

from __future__ import annotations

from pathlib import Path

import click

from exporter.commands import options
from exporter.commands.serving import reader, serve
from exporter.web.server import bind


@click.command("run", short_help="Serve the metrics that a config asks for.")
@options.config_file
@options.listen_address
@options.enable_lifecycle
@options.logging_options
def run(config_file: Path, listen_address: str | None, enable_lifecycle: bool) -> None:
    """Serve the metrics that a config asks for.

    Sources refresh on their schedules; a scrape asks nothing of AWS. SIGHUP loads the config and the people file again, SIGTERM ends.
    """
    read = reader(config_file, listen_address, enable_lifecycle)
    config = read()
    serve(config, read, bind(config.web.listen_address))
