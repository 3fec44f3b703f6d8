"""The command `sample-data`: writes a synthetic organisation for trying the exporter without AWS."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from exporter.errors import UserError
from exporter.sample import EVENTS_A_PERSON, HUMAN_PROVIDERS, MOST_BY_DEFAULT, OPTIONAL, Organisation, sandbox_owners, write
from exporter.sample.kiro_reports import FIRST_USER_REPORT
from exporter.sample.organisation import MOST_PEOPLE

_LAST_DAY = date(2099, 12, 31)
_PATTERNS = f"""
  patterns: {{human_identity_providers: [{", ".join(f'"{provider}"' for provider in HUMAN_PROVIDERS)}]}}"""


@click.command("sample-data", short_help="Write the reports, logs and people of a synthetic organisation.")
@click.option("--people", type=click.IntRange(1, MOST_PEOPLE), default=200, show_default=True, help="How many people work there on any day.")
@click.option("--days", type=click.IntRange(1, 3660), default=62, show_default=True, help="How many days. Kiro's reports begin on 2026-02-10.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another number makes another organisation.")
@click.option("--last-day", type=click.DateTime(["%Y-%m-%d"]), default=None, help="The newest day, UTC.  [default: yesterday]")
@click.option("--output", type=click.Path(path_type=Path), default=Path("sample"), show_default=True, help="A new folder, or that of an earlier run.")
@click.option("--quirks/--no-quirks", default=True, show_default=True, help="With the oddities of real reports.")
@click.option("--broken-rows", type=click.IntRange(min=0), default=0, show_default=True, help="Add so many malformed rows, to see them rejected.")
@click.option(
    "--cloudtrail/--no-cloudtrail",
    default=None,
    help=f"With CloudTrail logs.  [default: with them for up to {MOST_BY_DEFAULT:,} people; 10,000 take minutes a month]",
)
@click.option(
    "--events",
    type=click.FloatRange(0.1, 10_000),
    default=EVENTS_A_PERSON,
    show_default=True,
    help="About so many CloudTrail events a person and day, of people alone.",
)
@click.option("--bill/--no-bill", default=None, help=f"With a bill, an export of CUR 2.0.  [default: with it for up to {MOST_BY_DEFAULT:,} people]")
@click.option(
    "--bill-without", type=click.Choice(sorted(OPTIONAL)), multiple=True, metavar="COLUMN", help="Leave an optional column out of the bill. Can be repeated."
)
def sample_data(
    people: int,
    days: int,
    seed: int,
    last_day: datetime | None,
    output: Path,
    quirks: bool,
    broken_rows: int,
    cloudtrail: bool | None,
    events: float,
    bill: bool | None,
    bill_without: tuple[str, ...],
) -> None:
    """Write Kiro reports, CloudTrail logs, a bill, a directory and a people file of a synthetic organisation, in the folder layout of S3.

    The same options give the same files. Run it again on another day, and the days since are added.
    """
    last = last_day.date() if last_day is not None else datetime.now(UTC).date() - timedelta(days=1)
    if not FIRST_USER_REPORT <= last <= _LAST_DAY:
        raise click.BadParameter(f"Kiro's reports begin on {FIRST_USER_REPORT}, and the sample ends on {_LAST_DAY}.", param_hint="--last-day")
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("days"), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task(f"{people:,} people", total=None)
        try:
            organisation = Organisation.generate(people, seed)
            summary = write(
                organisation,
                output,
                last - timedelta(days=days - 1),
                last,
                progress=lambda done, total: progress.update(task, completed=done, total=total),
                quirks=quirks,
                broken_rows=broken_rows,
                cloudtrail=cloudtrail,
                events=events,
                bill=bill,
                bill_without=frozenset(bill_without),
            )
        except OSError as error:
            raise UserError(f"the sample cannot be written to {error.filename or output} ({error.strerror}); name another folder with --output") from error
    folder = summary.folder.resolve()
    logs = f", and {summary.events:,} CloudTrail events in {summary.log_files:,} files" if summary.log_files else ""
    lines = f", and a bill of {summary.bill.lines:,} lines in {summary.bill.months} months" if summary.bill else ""
    written = f"{summary.people:,} people and {summary.rows:,} report rows in {summary.files:,} files{logs}{lines}"
    click.echo(f"{written}{',' if logs or lines else ''} are in {folder}, up to {last}. Lines for config.yaml:")
    cloudtrail_source = f'\n  cloudtrail: {{location: "{folder}"}}' if summary.log_files else ""
    bill_source, attribution = "", ""
    if summary.bill is not None:
        owners = ", ".join(f'"{account}": {owner.user}' for account, owner in sandbox_owners(organisation, last).items())
        bill_source = f'\n  cur: {{location: "{summary.bill.folder.resolve()}"}}'
        attribution = f"\nattribution: {{account_owners: {{{owners}}}}}"
    click.echo(f"""
sources:{cloudtrail_source}{bill_source}
  kiro_credits: {{location: "{folder}"}}
  kiro_features: {{location: "{folder}"}}
people:
  file: "{summary.people_file.resolve()}"{_PATTERNS if summary.log_files else ""}{attribution}""")
    for broken in summary.broken_rows:
        click.echo(f"{broken.path}:{broken.line}: {broken.kind}", err=True)
