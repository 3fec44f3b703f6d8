"""The command line: help without imports, errors as sentences, exit codes."""

from __future__ import annotations

import errno
import json
import logging
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from exporter import __version__, cli, logs
from exporter.commands import options
from exporter.errors import UserError

RUN_MAIN = [sys.executable, "-c", "import sys; from exporter.cli import main; sys.exit(main())"]
ROOT = Path(cli.__file__).parents[1]


class Mistakes(UserError):
    """Like the errors of a config: several lines, and an exit code of its own."""

    exit_code = 2


@click.command()
@options.config_file
@options.listen_address
@options.enable_lifecycle
@options.logging_options
def show(config_file: Path, listen_address: str | None, enable_lifecycle: bool) -> None:
    """Shows what it was given."""
    level = logging.getLevelName(logging.getLogger().level)
    click.echo(json.dumps([str(config_file), listen_address, enable_lifecycle, level, type(logging.getLogger().handlers[0].formatter).__name__]))


def failing(error: BaseException) -> click.Command:
    """A command that raises."""

    @click.command()
    @options.logging_options
    def fail() -> None:
        raise error

    return fail


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in logs.LIBRARIES}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    logging.captureWarnings(False)


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs `main` with a command of the test's own, called `it`."""

    def run(command: click.Command, *arguments: str) -> int:
        monkeypatch.setattr(sys.modules[__name__], "it", command, raising=False)
        monkeypatch.setitem(cli.COMMANDS, "it", cli.Entry(__name__, "it", "A command of the test."))
        return cli.main(["it", *arguments])

    return run


def run_process(*arguments: str, interpreter: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run([RUN_MAIN[0], *interpreter, *RUN_MAIN[1:], *arguments], check=False, cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert [name for name in cli.COMMANDS if f"\n  {name} " in shown] == list(cli.COMMANDS)


def test_help_imports_no_command_and_nothing_heavy() -> None:
    imported = run_process("--help", interpreter=("-X", "importtime")).stderr
    assert "exporter.cli" in imported
    assert [name for name in ("exporter.commands", "exporter.service", "duckdb", "fastapi", "boto3", "pydantic", "rich") if f" {name}\n" in imported] == []


def test_help_takes_less_than_a_fifth_of_a_second() -> None:
    def seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run_process("--help")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    # processor time, and the best of some: the machine has other work
    assert min(seconds() for _ in range(5)) < 0.2


def test_version_names_what_matters_in_a_bug_report(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_USER_EXPORTER_REVISION", "abc123")
    assert cli.main(["--version"]) == 0
    import duckdb

    python = ".".join(map(str, sys.version_info[:3]))
    assert capsys.readouterr().out == f"aws-user-exporter {__version__} (revision abc123, Python {python}, DuckDB {duckdb.__version__})\n"


@pytest.mark.parametrize("arguments", [["no-such-command"], ["--no-such-option"], []])
def test_wrong_usage_exits_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert (cli.main(arguments), "Usage: aws-user-exporter" in capsys.readouterr().err) == (2, True)


def test_options_reach_the_command(main: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--config.file", "a b.yaml", "--web.listen-address", ":9", "--web.enable-lifecycle", "--log.level", "error", "--log.format", "json"]
    assert main(show, *arguments) == 0
    assert json.loads(capsys.readouterr().out) == ["a b.yaml", ":9", True, "ERROR", "JsonFormatter"]


def test_options_left_out_leave_the_config_to_decide(main: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    main(show)
    assert json.loads(capsys.readouterr().out) == ["config.yaml", None, False, "INFO", "LogfmtFormatter"]


def test_exit_code_of_a_command_is_passed_on(main: Callable[..., int]) -> None:
    @click.command()
    def three() -> int:
        return 3

    assert main(three) == 3


def test_error_for_the_operator_is_one_sentence(main: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(failing(UserError("the folder data/ is not there; create it"))) == 1
    assert capsys.readouterr() == ("", "aws-user-exporter: the folder data/ is not there; create it\n")


def test_errors_of_a_config_are_all_told_and_exit_2(main: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(failing(Mistakes("config.yaml:1: engine: a\nconfig.yaml:2: store: b"))) == 2
    assert capsys.readouterr().err == "aws-user-exporter: config.yaml:1: engine: a\nconfig.yaml:2: store: b\n"


def test_error_cannot_steer_the_terminal(main: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    main(failing(UserError("file \x1b[2J\u202eevil.csv")))
    assert capsys.readouterr().err == "aws-user-exporter: file \\u001b[2J\\u202eevil.csv\n"


def test_full_disk_is_one_sentence(main: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(failing(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "state/facts"))) == 1
    assert capsys.readouterr().err == "aws-user-exporter: No space left on device: state/facts\n"


def test_unexpected_error_is_one_line_without_traceback(main: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(failing(KeyError("day"))) == 1
    expected = "aws-user-exporter: unexpected error, please report it together with what --log.level debug prints: KeyError: 'day'\n"
    assert capsys.readouterr().err == expected


def test_unexpected_error_has_its_traceback_at_level_debug(main: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    main(failing(KeyError("day")), "--log.level", "debug", "--log.format", "json")
    line = json.loads(capsys.readouterr().err.splitlines()[0])
    assert line["traceback"].startswith("Traceback (most recent call last):\n")


def test_interrupt_exits_130(main: Callable[..., int]) -> None:
    assert main(failing(KeyboardInterrupt())) == 130


def test_reader_that_goes_away_is_no_error() -> None:
    process = subprocess.Popen([*RUN_MAIN, "--help"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
    process.wait(30)
