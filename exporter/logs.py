"""Log lines: one record a line, logfmt or JSON, in which nothing from outside can break the line or steer a terminal."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import re
import sys
import traceback
from datetime import UTC, datetime, timedelta
from typing import Any, TextIO

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
FORMATS = ("logfmt", "json")

# What each library may say, at our level debug and otherwise. botocore's DEBUG prints signed requests and session tokens: it never gets that far.
LIBRARIES = {
    "apscheduler": (logging.INFO, logging.WARNING),
    "asyncio": (logging.INFO, logging.WARNING),
    "boto3": (logging.INFO, logging.WARNING),
    "botocore": (logging.INFO, logging.WARNING),
    "s3transfer": (logging.INFO, logging.WARNING),
    "urllib3": (logging.INFO, logging.WARNING),
    "pyathena": (logging.INFO, logging.WARNING),
    "uvicorn": (logging.INFO, logging.WARNING),
}

_PLAIN = re.compile(r"[!#-<>-\[\]-~]+")
_KEY = re.compile(r"[^A-Za-z0-9_.]")
_CREDENTIALS = re.compile(r"(?<=://)[^/?#\s]{1,1000}@")


def configure(level: str, format: str, stream: TextIO | None = None) -> None:
    """Sends every logger of the process to `stream` (standard error unless given). Replaces what was configured before.

    `level` is one of LEVELS, `format` one of FORMATS. Modules log with `logging.getLogger(__name__)` and pass what belongs to the line as
    `extra={"fields": {"source": "kiro_credits", "rows": 12}}`.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if format == "json" else LogfmtFormatter())
    handler.addFilter(_wanted)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(LEVELS[level])
    for name, (debugging, otherwise) in LIBRARIES.items():
        logging.getLogger(name).setLevel(max(LEVELS[level], debugging if level == "debug" else otherwise))
    logging.captureWarnings(True)


def printable(text: str, keep: str = "") -> str:
    r"""The text with every character that does not print (controls, ANSI escapes, bidirectional marks, lone surrogates) as `\n`, `\u001b`, `\u202e`.

    Characters in `keep` stay. Backslashes are not doubled: this is for people to read, not for programs to undo.
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() or character in keep else _escape(character) for character in text)


def without_credentials(text: str) -> str:
    """The text without the user and password that an address in it may carry: `https://user:password@host` is `https://host`."""
    return _CREDENTIALS.sub("", text) if "@" in text else text


class LogfmtFormatter(logging.Formatter):
    """`time=… level=info logger=exporter.refresh msg="…" key=value`; values are quoted with the escapes of JSON where needed."""

    def format(self, record: logging.LogRecord) -> str:
        return " ".join(f"{key}={_logfmt(value)}" for key, value in _line(record).items())


class JsonFormatter(logging.Formatter):
    """One JSON object a line, ASCII only, with the keys of the logfmt line."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(_line(record), ensure_ascii=True)


def _line(record: logging.LogRecord) -> dict[str, str | int | float | bool | None]:
    line: dict[str, str | int | float | bool | None] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": "warn" if record.levelno == logging.WARNING else record.levelname.lower(),
        "logger": record.name,
        "msg": without_credentials(record.getMessage().strip()),
    }
    fields: dict[str, Any] = getattr(record, "fields", {})
    for key, value in fields.items():
        name = _KEY.sub("_", key)
        line[f"field_{name}" if name in line else name] = _value(value)
    if record.exc_info and record.exc_info[1] is not None:
        error = record.exc_info[1]
        line["error"] = without_credentials(f"{type(error).__name__}: {error}")
        line["traceback"] = without_credentials("".join(traceback.format_exception(error)).strip())
    return line


def _value(value: object) -> str | int | float | bool | None:
    if isinstance(value, str):
        return without_credentials(value)
    if value is None or isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return without_credentials(str(value))


def _logfmt(value: str | int | float | bool | None) -> str:
    if isinstance(value, str):
        if _PLAIN.fullmatch(value):
            return value
        quoted = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{printable(quoted)}"'
    return json.dumps(value)


def _escape(character: str) -> str:
    return json.dumps(character)[1:-1]


def _wanted(record: logging.LogRecord) -> bool:
    if not record.exc_info:
        return True
    # uvicorn reports, with a traceback, the requests it cancels itself when the service stops and a client is too slow;
    # PyAthena every error that it then raises, and engines/athena.py tells that one in a sentence
    return not (isinstance(record.exc_info[1], asyncio.CancelledError) or record.name.startswith("pyathena."))
