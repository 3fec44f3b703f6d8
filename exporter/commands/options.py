"""Options that several commands share, spelled as Prometheus and its exporters spell theirs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from exporter import logs

Command = TypeVar("Command", bound=Callable[..., Any])


def config_file(command: Command) -> Command:
    """Adds `--config.file`, passed as `config_file: Path`. Whether the file is there and makes sense is for exporter.config to say."""
    return click.option(
        "--config.file",
        "config_file",
        type=click.Path(path_type=Path),
        default=Path("config.yaml"),
        show_default=True,
        metavar="PATH",
        help="The config.",
    )(command)


def listen_address(command: Command) -> Command:
    """Adds `--web.listen-address`, passed as `listen_address: str | None`; None: what the config says."""
    return click.option(
        "--web.listen-address",
        "listen_address",
        metavar="HOST:PORT",
        help="Where to serve /metrics; :PORT for every interface. Wins over web.listen_address of the config (127.0.0.1:10821).",
    )(command)


def store_path(command: Command) -> Command:
    """Adds `--store.path`, passed as `store_path: Path | None`; None: what the config says."""
    return click.option(
        "--store.path",
        "store_path",
        type=click.Path(path_type=Path),
        metavar="FOLDER",
        help="Where facts are kept. Wins over store.path of the config (state).",
    )(command)


def web_config_file(command: Command) -> Command:
    """Adds `--web.config.file`, passed as `web_config_file: Path | None`; None: what the config says."""
    return click.option(
        "--web.config.file",
        "web_config_file",
        type=click.Path(path_type=Path),
        metavar="PATH",
        help="TLS, client certificates, users and headers, as for other exporters. Read again when it changes. Wins over web.config_file of the config.",
    )(command)


def enable_lifecycle(command: Command) -> Command:
    """Adds `--web.enable-lifecycle`, passed as `enable_lifecycle: bool`; False: what the config says."""
    return click.option(
        "--web.enable-lifecycle",
        "enable_lifecycle",
        is_flag=True,
        help="Allow POST /-/reload and /-/refresh, like web.enable_lifecycle in the config.",
    )(command)


def logging_options(command: Command) -> Command:
    """Adds `--log.level` and `--log.format`, and sets logging up by them before the command runs; they are not passed on."""

    @functools.wraps(command)
    def configured(*args: Any, log_level: str, log_format: str, **kwargs: Any) -> Any:
        logs.configure(log_level, log_format)
        return command(*args, **kwargs)

    with_level = click.option(
        "--log.level", "log_level", type=click.Choice(list(logs.LEVELS)), default="info", show_default=True, help="Only lines of this level or above."
    )
    with_format = click.option(
        "--log.format", "log_format", type=click.Choice(list(logs.FORMATS)), default="logfmt", show_default=True, help="How log lines are written."
    )
    return with_level(with_format(configured))  # type: ignore[return-value]  # functools.wraps keeps what click reads of the command
