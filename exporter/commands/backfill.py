"""The command `backfill`: past days as OpenMetrics text, from which promtool makes blocks for Prometheus."""

from __future__ import annotations

import ipaddress
import re
import shlex
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, date, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from exporter import backfilling
from exporter.assembly import read_people
from exporter.backfilling import Month, Standpoint, Target, Written, one_day_windows
from exporter.commands import options
from exporter.commands.serving import reader
from exporter.config import Config
from exporter.errors import UserError
from exporter.families import PERSON_LABELS, Kind
from exporter.families.catalogue import GROUPS, families
from exporter.model import DayRange
from exporter.service import check_windows
from exporter.telemetry import Telemetry

_BLOCKS = "486h"
_ISO = click.DateTime(["%Y-%m-%d"])
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


@click.command("backfill", short_help="Write past days as OpenMetrics, for Prometheus.")
@options.config_file
@options.store_path
@click.option("--from", "first", type=_ISO, help="The oldest day, UTC.  [default: the oldest in the store]")
@click.option("--to", "last", type=_ISO, help="The newest day, UTC.  [default: the newest that Prometheus can take, the day before yesterday]")
@click.option("--families", "names", multiple=True, metavar="FAMILY", help="Only this family, named without its window. Can be repeated.  [default: all]")
@click.option("--breakdowns", is_flag=True, help="Also each person by service, region, model and so on: many series. Totals of these are written anyway.")
@click.option("--job", default="aws-user-exporter", show_default=True, help="The label job of what Prometheus scrapes from the exporter.")
@click.option("--instance", help="The label instance, as Prometheus has it.  [default: web.listen_address of the config, where it names a host]")
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="A further label that Prometheus puts on what it scrapes here. Can be repeated.")
@click.option("--output", type=click.Path(path_type=Path), default=Path("backfill"), show_default=True, help="The folder to write to.")
@click.option("--restart", is_flag=True, help="Write everything anew, also what an earlier run has finished.")
@options.logging_options
def backfill(
    config_file: Path,
    store_path: Path | None,
    first: datetime | None,
    last: datetime | None,
    names: tuple[str, ...],
    breakdowns: bool,
    job: str,
    instance: str | None,
    labels: tuple[str, ...],
    output: Path,
    restart: bool,
) -> None:
    """Write what the trends of the dashboards would hold had Prometheus been there, or had it known what was restated later: a sample a series and day.

    The store is only read, and the exporter may run. People, teams and attribution are those of now. Run it again to go on after an interruption, or to
    write anew the months whose facts or people have changed. docs/backfill.md tells how Prometheus takes the files.
    """
    config = reader(config_file, store_path, None, enable_lifecycle=False)()
    check_windows(config)
    if first is not None and last is not None and last < first:
        raise click.BadParameter("this day lies before that of --from.", param_hint="--to")
    further = _labels(labels)
    target = _target(config, names, breakdowns, (("job", job), ("instance", instance or _instance(config.web.listen_address)), *further))
    now = datetime.now(UTC)
    console = Console(stderr=True)
    with console.status("Reading the store") if console.is_terminal else nullcontext():
        standpoint = backfilling.take(config, read_people(config, Telemetry()), now)
    months = list(backfilling.months(_asked(standpoint, first, last), now))
    if not months:
        newest = backfilling.newest("yesterday", now)
        raise UserError(f"there is nothing to write: the newest day that Prometheus can take by now is {newest}, and older ones are not in the store")
    try:
        written = _write(console, standpoint, months, target, output, restart)
    except OSError as error:
        raise UserError(f"{error.filename or output} cannot be written ({error.strerror}); free some space or name another folder with --output") from error
    _tell(written, target, output)


def _target(config: Config, names: Sequence[str], breakdowns: bool, labels: tuple[tuple[str, str], ...]) -> Target:
    told = {family.name: family for group in GROUPS for family in group.families if one_day_windows(family, group, config)}
    if unknown := [name for name in names if name not in families()]:
        raise click.BadParameter(f"there is no family {unknown[0]}; docs/metrics.md lists them, without their windows.", param_hint="--families")
    if without := [name for name in names if name not in told]:
        raise click.BadParameter(f"{without[0]} is not published with the window yesterday or 3d_ago.", param_hint="--families")
    chosen = frozenset(names or told)
    return Target(labels, chosen, frozenset(name for name in chosen if told[name].kind is Kind.BREAKDOWN and (breakdowns or name in names)))


def _instance(address: str) -> str:
    host = address.rpartition(":")[0].strip("[]")
    try:
        any_host = not host or ipaddress.ip_address(host).is_unspecified
    except ValueError:
        any_host = False  # a name
    if any_host:
        raise UserError(
            f"the exporter listens on {address}, which does not say how Prometheus calls it; name it with --instance, as the query up shows it, "
            "or history and what is scraped become two series"
        )
    return address


def _labels(given: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Labels beside job and instance, by name and value. promtool refuses a whole file for a sample with one label twice."""
    taken = {"__name__", "job", "instance", *PERSON_LABELS, *(label for family in families().values() for label in family.labels)}
    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not _LABEL.fullmatch(name):
            raise click.BadParameter("write NAME=VALUE", param_hint="--label")
        if name in found or name in taken:
            raise click.BadParameter(f"the label {name} is there already.", param_hint="--label")
        found[name] = value
    return tuple(found.items())


def _asked(standpoint: Standpoint, first: datetime | None, last: datetime | None) -> DayRange:
    stored = [day for days in standpoint.landed.values() for day in days]
    oldest, newest = min(stored, default=date.max), max(stored, default=date.min)
    return DayRange(max(oldest, first.date()) if first else oldest, min(newest, last.date()) if last else newest)


def _write(console: Console, standpoint: Standpoint, months: Sequence[Month], target: Target, output: Path, restart: bool) -> list[Written]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("days"), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("Writing history", total=sum(len(month.days) for month in months))
        return backfilling.write(
            standpoint, months, target, output, restart=restart, told=lambda written: progress.advance(task, advance=len(written.month.days))
        )


def _tell(written: Sequence[Written], target: Target, output: Path) -> None:
    held = [one for one in written if one.samples]
    if not held:
        click.echo("No day that was asked for has landed, so nothing was written.")
        return
    days = DayRange(held[0].month.days.first, held[-1].month.days.last)
    kept = sum(one.kept for one in held)
    size = sum(one.bytes for one in held) / 1e6
    count = "1 file" if len(held) == 1 else f"{len(held)} files"
    again = f", of which {kept} were finished already" if kept else ""
    click.echo(f"{sum(one.samples for one in held):,} samples of {days.first} to {days.last} are in {output}: {count}{again}, {size:,.1f} MB.")
    labels = ", ".join(f'{name}="{value}"' for name, value in target.labels)
    click.echo(f"Series of people carry {labels}: compare with the query up in Prometheus.")
    files = " ".join(one.path.stem for one in held)
    file = f"{shlex.quote(str(output))}/$month.om"
    click.echo(f"""Have Prometheus take them (docs/backfill.md); DATA is its folder of data, --storage.tsdb.path:

for month in {files}; do
  promtool tsdb create-blocks-from openmetrics --max-block-duration={_BLOCKS} {file} DATA
done""")
