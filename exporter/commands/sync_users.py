"""The command `sync-users`: writes the directory as CSV to S3, where Athena has the table user_mapping over it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click

from exporter import aws, people_sync
from exporter.assembly import read_people
from exporter.commands import options
from exporter.config import Config, load
from exporter.errors import TransientError, UserError
from exporter.facts.directory import Directory
from exporter.logs import printable
from exporter.sources.identity_center import NAME, DirectoryReader
from exporter.telemetry import Telemetry


@click.command("sync-users", short_help="Write the directory as CSV to S3, for Athena.")
@options.config_file
@options.logging_options
def sync_users(config_file: Path) -> None:
    """Write the people of IAM Identity Center and of the people file as CSV to people.sync.location, now.

    The running exporter does so by itself, at people.sync.schedule.
    """
    config = load(config_file, os.environ)
    people_sync.check(config)
    telemetry = Telemetry()
    try:
        people = people_sync.people(config, _directory(config, telemetry), read_people(config, telemetry))
        if not people:
            raise UserError("there is nobody to write: add sources.identity_center or people.file to the config.")
        address = people_sync.write(config, people_sync.rendered(people))
    except TransientError as error:
        raise UserError(f"{error} Try again.") from error
    click.echo(printable(f"{len(people):,} people are in {address}."))


def _directory(config: Config, telemetry: Telemetry) -> Directory | None:
    settings = config.sources.identity_center
    if settings is None:
        return None
    reader = DirectoryReader(settings.identity_store_id, settings.group_patterns, partial(aws.client, config.aws_for(NAME)), telemetry)
    return reader.read(datetime.now(UTC), lambda: None)
