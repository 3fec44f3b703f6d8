"""The command line: arguments in, exit code out. Imports a command only when it is called, so that help and mistakes answer at once."""

from __future__ import annotations

import importlib
import logging
import platform
from collections.abc import Sequence
from dataclasses import dataclass

import click

import exporter
from exporter.errors import UserError

NAME = "aws-user-exporter"
INTERRUPTED = 128 + 2
"""What a shell reports for a process that SIGINT ended."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a command lives, and its line in the help."""

    module: str
    attribute: str
    help: str


COMMANDS = {
    "run": Entry("exporter.commands.run", "run", "Serve the metrics that a config asks for."),
    "demo": Entry("exporter.commands.demo", "demo", "Serve a synthetic organisation, without AWS."),
    "backfill": Entry("exporter.commands.backfill", "backfill", "Write past days as OpenMetrics, for Prometheus."),
    "forget": Entry("exporter.commands.forget", "forget", "Take one person out of the store."),
    "check": Entry("exporter.commands.check", "check", "Look whether a config can work, and what it costs."),
    "setup": Entry("exporter.commands.setup", "setup", "Make and verify tables and views in Athena."),
    "sync-users": Entry("exporter.commands.sync_users", "sync_users", "Write the directory as CSV to S3, for Athena."),
    "sample-data": Entry("exporter.commands.sample_data", "sample_data", "Write the reports of a synthetic organisation into a folder."),
}


class LazyGroup(click.Group):
    """Knows its commands by name and help, and imports only the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command = getattr(importlib.import_module(entry.module), entry.attribute)
        assert isinstance(command, click.Command), f"{entry.module}.{entry.attribute} is not a command"
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


def _print_version(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    # reads the installed package's metadata; importing it would load 50 MB
    from importlib.metadata import version

    click.echo(f"{NAME} {exporter.__version__} (revision {exporter.revision()}, Python {platform.python_version()}, DuckDB {version('duckdb')})")
    ctx.exit()


@click.group(name=NAME, cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show the versions in use and exit.")
def group() -> None:
    """Who uses AWS and Kiro, how much and at what cost, as Prometheus metrics."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns the exit code: 0, 1 for what the operator can mend, 2 for wrong arguments or config, 130 for Ctrl-C.

    A command may return an exit code of its own. An error is told on standard error in sentences; a traceback only with --log.level debug.
    When nobody reads standard output any more, click itself ends the process quietly.
    """
    try:
        result = group.main(args=arguments, prog_name=NAME, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except UserError as error:
        _complain(str(error))
        return int(getattr(error, "exit_code", 1))
    except OSError as error:
        # what no module turned into a sentence of its own: a full disk, a folder without permission
        logger.debug("unexpected error", exc_info=error)
        _complain(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}")
        return 1
    except Exception as error:
        logger.debug("unexpected error", exc_info=error)
        _complain(f"unexpected error, please report it together with what --log.level debug prints: {type(error).__name__}: {error}")
        return 1
    return result if isinstance(result, int) else 0


def _complain(sentence: str) -> None:
    from exporter.logs import printable

    click.echo(f"{NAME}: {printable(sentence, keep=chr(10))}", err=True)


if __name__ == "__main__":
    raise SystemExit(main())
