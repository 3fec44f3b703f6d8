"""The command `forget`: takes one person out of the store."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import click

from exporter import forgetting
from exporter.assembly import read_people
from exporter.commands import options
from exporter.commands.serving import reader
from exporter.config import Config
from exporter.errors import UserError
from exporter.facts.folder import StoreInUse
from exporter.facts.store import Store
from exporter.forgetting import Erased, Target
from exporter.logs import printable
from exporter.telemetry import Telemetry


@click.command("forget", short_help="Take one person out of the store.")
@click.argument("person", required=False)
@options.config_file
@options.store_path
@click.option("--dry-run", is_flag=True, help="Only show what would go.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--again", is_flag=True, help="Without a person: take out once more everybody who was forgotten before, for example after a backup was put back.")
@options.logging_options
def forget(person: str | None, config_file: Path, store_path: Path | None, dry_run: bool, yes: bool, again: bool) -> None:
    """Take PERSON out of the store, by user name, mail, alias or id. The exporter must not be running.

    Facts of all days, first and last activity, links, decoded files, and the entry of the directory are deleted, up to and including today (UTC). Totals of
    past days become smaller by what the person did; a bill stays whole, and their part of it becomes unattributed. Days that are read again do not bring
    them back. What they do after today is counted again, unless they are gone from the sources.

    Not touched are the reports and logs in S3, Athena's results and query history, copies of the store, and what Prometheus has scraped.
    """
    if (person is None) != again:
        raise click.UsageError("Name one person, or use --again alone.")
    if again and dry_run:
        raise click.UsageError("--dry-run needs a person.")
    config = reader(config_file, store_path, None, enable_lifecycle=False)()
    store = _open(config.store.path)
    try:
        if again or (store.forgotten.unfinished and not dry_run):
            _tell(forgetting.again(store), "Who was forgotten before is taken out once more")
        if person is not None:
            _forget(store, config, person, dry_run, yes)
    finally:
        store.close()


def _forget(store: Store, config: Config, asked: str, dry_run: bool, yes: bool) -> None:
    today = datetime.now(UTC).date()
    target = forgetting.find(store, config, read_people(config, Telemetry()), asked)
    _tell(forgetting.erase(store, target, today, write=False), f"{target.person.user} in {store.path}")
    if dry_run:
        click.echo("Nothing was deleted.")
    else:
        if not yes:
            if not sys.stdin.isatty():
                raise UserError("nobody can be asked here whether to delete this; add --yes")
            click.confirm("Delete it? It cannot be undone.", abort=True)
        forgetting.erase(store, target, today, write=True)
        click.echo("Deleted.")
    for sentence in _what_comes_back(config, target, today):
        click.echo(sentence)


def _open(path: Path) -> Store:
    if not (path / "version").is_file():
        raise UserError(f"{path} is no store; correct store.path, or name it with --store.path")
    try:
        return Store.open(path)
    except StoreInUse as error:
        raise UserError(f"the store {path} is in use; stop the exporter, run forget again, then start it") from error


def _tell(erased: Erased, whose: str) -> None:
    click.echo(printable(f"{whose}:" if erased.of_person else f"{whose}: nothing is stored."))
    for source, days in erased.rows.items():
        span = f"{min(days)} to {max(days)}" if len(days) > 1 else f"{min(days)}"
        click.echo(f"  {source}: {sum(days.values()):,} rows on {len(days):,} days, {span}")
    beside = (
        (erased.older, "rows of first and last activity and links, for days that no window reaches"),
        (erased.remembered, "places in what is remembered of people between snapshots"),
        (erased.directory, "users of the stored directory"),
        (erased.objects, "decoded files of open days, of everybody; the next refresh fetches them again"),
        (erased.damaged, "damaged files that were set aside, of nobody knows whom"),
    )
    for count, what in beside:
        if count:
            click.echo(f"  {count:,} {what}")


def _what_comes_back(config: Config, target: Target, today: date) -> Iterator[str]:
    yield f"What the sources say of days up to {today} stays out; what they say of later days is counted anew."
    if target.listed:
        yield f"The people file {config.people.file} names them: take them out of it, or they stay a known person without activity."
    if config.sources.identity_center is not None:
        yield "Identity Center may list them: while it does, the next refresh brings their name back, without activity. Delete the user there."
    if target.listed or config.sources.identity_center is not None:
        yield "privacy.exclude_users keeps who must stay listed from standing by name."
    yield "Not touched: reports and logs in S3, Athena's results and query history, copies of the store, and what Prometheus has scraped."
