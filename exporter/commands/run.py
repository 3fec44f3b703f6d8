"""The command `run`: serves the metrics that a config asks for."""

from __future__ import annotations

from pathlib import Path

import click

from exporter.commands import options
from exporter.commands.serving import reader, serve
from exporter.web.server import bind


@click.command("run", short_help="Serve the metrics that a config asks for.")
@options.config_file
@options.store_path
@options.listen_address
@options.web_config_file
@options.enable_lifecycle
@options.logging_options
def run(config_file: Path, store_path: Path | None, listen_address: str | None, web_config_file: Path | None, enable_lifecycle: bool) -> None:
    """Serve the metrics that a config asks for.

    Sources refresh on their schedules; a scrape asks nothing of AWS. SIGHUP loads the config and the people file again, SIGTERM ends.
    """
    read = reader(config_file, store_path, listen_address, enable_lifecycle, web_config_file)
    config = read()
    serve(config, read, bind(config.web.listen_address))
