"""The command `demo`: the exporter on a synthetic organisation, without AWS."""

from __future__ import annotations

import socket
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from exporter.commands import options
from exporter.commands.serving import reader, serve
from exporter.errors import UserError
from exporter.sample import Organisation, write
from exporter.sample.organisation import MOST_PEOPLE
from exporter.web.server import addresses, bind

_DAYS = 62
_FIRST_PORT = 10821
_PORTS = 50
_NEW_DAY_SECONDS = 3600.0

_CONFIG = """# Written by `aws-user-exporter demo`. Change it and send SIGHUP to see what happens; delete it and it is written anew.
engine: duckdb
store: {path: state}
sources:
  kiro_credits: {location: data, schedule: 10m}
  kiro_features: {location: data, schedule: 10m}
  cloudtrail: {location: data, schedule: 10m}
people:
  file: data/people.csv
  patterns:
    # The two providers through which people of the synthetic organisation sign in.
    human_identity_providers: ["kZ3mQ9bT0vYhUe7LwXc5dR1sN2A=", "login.example.com"]
"""


@click.command("demo", short_help="Serve a synthetic organisation, without AWS.")
@click.option("--people", type=click.IntRange(1, MOST_PEOPLE), default=200, show_default=True, help="How many people work there.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another number makes another organisation.")
@click.option("--folder", type=click.Path(path_type=Path), default=Path("demo-data"), show_default=True, help="Where its reports, config and store are kept.")
@options.listen_address
@options.logging_options
def demo(people: int, seed: int, folder: Path, listen_address: str | None) -> None:
    """Serve a synthetic organisation: the real exporter, on reports that it has written itself. Without an address, the next free port is taken."""
    sockets = bind(listen_address) if listen_address else _next_free_port()
    organisation = Organisation.generate(people, seed)
    _write(organisation, folder)
    config_file = folder / "config.yaml"
    if not config_file.exists():
        config_file.write_text(_CONFIG, encoding="utf-8")
    threading.Thread(target=_go_on, args=(organisation, folder), name="demo", daemon=True).start()
    (address, *_) = addresses(sockets)
    click.echo(f"{people:,} people are at http://{address}/ and their metrics at http://{address}/metrics. Ctrl-C ends.")
    read = reader(config_file, address, enable_lifecycle=True)
    serve(read(), read, sockets)


def _write(organisation: Organisation, folder: Path) -> None:
    last = _yesterday()
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("days"))
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("Writing reports", total=None)
        try:
            write(
                organisation,
                folder / "data",
                last - timedelta(days=_DAYS - 1),
                last,
                progress=lambda done, total: progress.update(task, completed=done, total=total),
            )
        except OSError as error:
            raise UserError(f"the demo cannot write to {error.filename or folder} ({error.strerror}); name another folder with --folder") from error


def _yesterday() -> date:
    return datetime.now(UTC).date() - timedelta(days=1)


def _go_on(organisation: Organisation, folder: Path) -> None:
    """Writes each new day's reports, as Kiro would."""
    pause, written = threading.Event(), _yesterday()
    while not pause.wait(_NEW_DAY_SECONDS):
        if (day := _yesterday()) > written:
            write(organisation, folder / "data", written + timedelta(days=1), day)
            written = day


def _next_free_port() -> list[socket.socket]:
    for port in range(_FIRST_PORT, _FIRST_PORT + _PORTS):
        try:
            return bind(f"127.0.0.1:{port}")
        except UserError:
            continue
    raise UserError(f"the ports {_FIRST_PORT} to {_FIRST_PORT + _PORTS - 1} are all in use; name one with --web.listen-address")
