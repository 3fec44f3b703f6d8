"""The command `setup`: makes and verifies what Athena needs to answer the exporter, and people who use SQL."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from pathlib import Path

import click
from rich.console import Console

from exporter.commands import options
from exporter.config import load
from exporter.errors import TransientError, UserError
from exporter.logs import printable
from exporter.setup.installation import Choices, Installation, summary, unfinished
from exporter.setup.steps import Outcome, Step

_STACK = "aws-user-exporter"


@click.command("setup", short_help="Make and verify tables and views in Athena.")
@options.config_file
@click.option("--stack", is_flag=False, flag_value=_STACK, default=None, metavar="NAME", help=f"Deploy the CloudFormation stack too.  [name: {_STACK}]")
@click.option("--stack-parameter", "stack_parameters", multiple=True, metavar="NAME=VALUE", help="A parameter of the stack, such as TrustedPrincipals=ARN.")
@click.option("--source", "sources", multiple=True, help="Only for this source; several times for several.  [default: all that lie in buckets]")
@click.option("--profile", help="A profile of the AWS configuration files with the rights of an administrator, instead of the exporter's credentials.")
@click.option("--dry-run", is_flag=True, help="Print the SQL and what the stack would hold. Asks nothing of AWS.")
@click.option("--teardown", is_flag=True, help="Drop what setup has made. Files stay, and so does what others have made.")
@click.option("--yes", is_flag=True, help="Drop without asking.")
@options.logging_options
def setup(
    config_file: Path,
    stack: str | None,
    stack_parameters: tuple[str, ...],
    sources: tuple[str, ...],
    profile: str | None,
    dry_run: bool,
    teardown: bool,
    yes: bool,
) -> None:
    """Make and verify what Athena needs: database, tables, views for people who use SQL, and with --stack the workgroup, bucket and roles.

    Run it again at any time: what is done is left alone, what has changed is made anew.
    """
    console = Console(highlight=False)
    choices = Choices(sources, profile, stack, _pairs(stack_parameters), dry_run)
    installation = Installation(load(config_file, os.environ), choices, lambda line: _tell(console, f"-- {line}" if dry_run else line))
    steps = installation.teardown_steps() if teardown else installation.steps()
    if dry_run:
        for step in steps:
            _tell(console, f"-- {step.title}\n{step.shown()}\n")
        return
    if teardown and not yes:
        click.confirm("Drop the tables, views and whatever else setup has made?", abort=True)
    with console.status("Looking at AWS") if console.is_terminal else nullcontext() as status:
        try:
            outcomes = _run(steps, console, (lambda title: None) if status is None else status.update)
        except TransientError as error:
            raise UserError(f"{error}\nRun setup again: it goes on from here.") from error
    _tell(console, summary(outcomes))


def _run(steps: Iterable[Step], console: Console, show: Callable[[str], None]) -> list[tuple[Step, Outcome]]:
    outcomes: list[tuple[Step, Outcome]] = []
    for step in steps:
        show(step.title)
        try:
            outcome = step.run()
        except (UserError, TransientError) as error:
            raise unfinished(step, error) from error
        outcomes.append((step, outcome))
        _tell(console, f"{outcome.change.value:<10} {step.title}{f' ({outcome.detail})' if outcome.detail else ''}")
        show("Looking at AWS")
    return outcomes


def _tell(console: Console, text: str) -> None:
    console.print(printable(text, keep="\n"), markup=False, soft_wrap=True)


def _pairs(given: tuple[str, ...]) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    if any(not equals for _, equals, _ in pairs):
        raise click.BadParameter("write NAME=VALUE", param_hint="--stack-parameter")
    return {name: value for name, _, value in pairs}
