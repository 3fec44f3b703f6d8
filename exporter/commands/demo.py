"""The command `demo`: the exporter on a synthetic organisation, without AWS."""

from __future__ import annotations

import logging
import socket
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from exporter.commands import options
from exporter.commands.serving import reader, scheme, serve
from exporter.errors import UserError
from exporter.facts.store import Store
from exporter.sample import HUMAN_PROVIDERS, MOST_BY_DEFAULT, Organisation, SampleDirectory, deliver, sandbox_owners, write
from exporter.sample.organisation import MOST_PEOPLE
from exporter.sources.identity_center import IdentityCenter
from exporter.telemetry import Telemetry
from exporter.web.server import addresses, bind

log = logging.getLogger(__name__)

_DAYS = 62
_FIRST_PORT = 10821
_PORTS = 50
_DELIVERY_SECONDS = 300.0

_CUR = "  cur: {location: data/cur, schedule: 10m}\n"
CONFIG = f"""# Written by `aws-user-exporter demo`. Change it and send SIGHUP to see what happens; delete it and it is written anew.
engine: duckdb
store: {{path: state}}
sources:
  kiro_credits: {{location: data, schedule: 10m}}
  kiro_features: {{location: data, schedule: 10m}}
  cloudtrail: {{location: data, schedule: 10m}}
{_CUR}  # No identity_center: it would ask AWS. At its start, the demo lays the directory of data/directory into the store, as a refresh of that source would.
people:
  file: data/people.csv
  team: ["group:team-(.*)", file, "attribute:department"]
  patterns:
    # The two providers through which people of the synthetic organisation sign in.
    human_identity_providers: [{", ".join(f'"{provider}"' for provider in HUMAN_PROVIDERS)}]
"""
_GROUPS = ("team-*",)


# At info, each day that is read would push the address off the screen.
@click.command("demo", short_help="Serve a synthetic organisation, without AWS.", context_settings={"default_map": {"log_level": "warn"}})
@click.option("--people", type=click.IntRange(1, MOST_PEOPLE), default=200, show_default=True, help="How many people work there.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another number makes another organisation.")
@click.option("--folder", type=click.Path(path_type=Path), default=Path("demo-data"), show_default=True, help="Where its reports, config and store are kept.")
@options.listen_address
@options.web_config_file
@options.logging_options
def demo(people: int, seed: int, folder: Path, listen_address: str | None, web_config_file: Path | None) -> None:
    """Serve a synthetic organisation: the real exporter, on reports that it has written itself. Without an address, the next free port is taken."""
    sockets = bind(listen_address) if listen_address else _next_free_port()
    organisation = Organisation.generate(people, seed)
    _write(organisation, folder)
    config_file = folder / "config.yaml"
    if not config_file.exists():
        config_file.write_text(_config(organisation), encoding="utf-8")
    read = reader(config_file, None, addresses(sockets)[0], enable_lifecycle=True, web_config_file=web_config_file)
    config = read()
    _lay_directory(folder / "data", config.store.path)
    threading.Thread(target=_go_on, args=(organisation, folder), name="demo", daemon=True).start()
    site = f"{scheme(config)}://{addresses(sockets)[0]}"
    click.echo(f"{people:,} people are at {site}/, their metrics at {site}/metrics, and each of them as JSON at {site}/docs.")
    click.echo("A first start reads their reports for a minute or two; --log.level info tells each day. Ctrl-C ends.")
    serve(config, read, sockets)


def _config(organisation: Organisation) -> str:
    """The config, with the owners of sandbox accounts and budgets; large organisations have no bill."""
    if organisation.positions > MOST_BY_DEFAULT:
        return CONFIG.replace(_CUR, "")
    owners = "".join(f'    "{account}": {owner.user}\n' for account, owner in sandbox_owners(organisation, _yesterday()).items())
    budgets = f"{{organization: {150 * organisation.positions}, teams: {{platform: 400, payments: 400}}, person: 40}}"
    return f"{CONFIG}attribution:\n  account_owners:\n{owners}budgets: {budgets}\n"


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
            _deliver(organisation, folder)
        except OSError as error:
            raise UserError(f"the demo cannot write to {error.filename or folder} ({error.strerror}); name another folder with --folder") from error


def _yesterday() -> date:
    return datetime.now(UTC).date() - timedelta(days=1)


def _lay_directory(data: Path, store_path: Path) -> None:
    """What a refresh of identity_center leaves in the store, read by the same code, from files in place of AWS."""
    store = Store.open(store_path)
    try:
        directory = IdentityCenter("the sample", _GROUPS, lambda _service: SampleDirectory(data), store, Telemetry(), sleep=lambda _seconds: None)
        directory.refresh(datetime.now(UTC), lambda: None)
    finally:
        store.close()


def _deliver(organisation: Organisation, folder: Path) -> None:
    if organisation.positions <= MOST_BY_DEFAULT:
        deliver(organisation, folder / "data", datetime.now(UTC))


def _go_on(organisation: Organisation, folder: Path) -> None:
    """Writes what happens while the demo runs, as it is delivered: logs every few minutes, and each new day's reports."""
    pause, written = threading.Event(), _yesterday()
    while not pause.wait(_DELIVERY_SECONDS):
        try:
            if (day := _yesterday()) > written:
                write(organisation, folder / "data", written + timedelta(days=1), day)
                written = day
            _deliver(organisation, folder)
        except OSError as error:
            log.error("the demo cannot write; it tries again", extra={"fields": {"file": str(error.filename or folder), "error": str(error.strerror)}})


def _next_free_port() -> list[socket.socket]:
    for port in range(_FIRST_PORT, _FIRST_PORT + _PORTS):
        try:
            return bind(f"127.0.0.1:{port}")
        except UserError:
            continue
    raise UserError(f"the ports {_FIRST_PORT} to {_FIRST_PORT + _PORTS - 1} are all in use; name one with --web.listen-address")
