"""Log lines: one a record, whatever is in it."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter import logs
from exporter.logs import LIBRARIES, JsonFormatter, LogfmtFormatter, configure, printable

Configure = Callable[[str, str], io.StringIO]

HOSTILE = [
    "two\nlines",
    "carriage\rreturn",
    "\x1b[31mred\x1b[0m",
    "\x9b31mred",
    "\u202eright to left",
    "\u2066isolate\u2069",
    "line\u2028separator",
    "nul\x00",
    "bell\x07",
    "soft\u00adhyphen",
    "tag\U000e0041",
    "lone \udc80 surrogate",
    'quote " and \\ backslash',
    "a=b level=error",
    "",
]


@pytest.fixture
def configured() -> Iterator[Configure]:
    """`configure`, undone after the test; gives the stream that is written to."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in LIBRARIES}

    def start(level: str, format: str) -> io.StringIO:
        stream = io.StringIO()
        configure(level, format, stream)
        return stream

    yield start
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    logging.captureWarnings(False)


def record(message: str, fields: dict[str, Any] | None = None, error: BaseException | None = None) -> logging.LogRecord:
    made = logging.LogRecord("exporter.refresh", logging.WARNING, "x.py", 1, message, (), (type(error), error, error.__traceback__) if error else None)
    made.created = 1772452800.25
    if fields is not None:
        made.fields = fields
    return made


def parse_logfmt(line: str) -> dict[str, Any]:
    """Reads a line back by the rules of Go's logfmt: bare words, or quoted strings with the escapes of JSON."""
    pairs = re.findall(r'(?:^| )([A-Za-z0-9_.]+)=("(?:[^"\\]|\\.)*"|[^ "=]+)', line)
    assert " ".join(f"{key}={value}" for key, value in pairs) == line, "something on the line is not key=value"
    return {key: json.loads(value) if value.startswith('"') else value for key, value in pairs}


def test_logfmt_line() -> None:
    fields = {"source": "kiro_credits", "rows": 12, "ratio": 0.5, "ok": True, "cause": None}
    assert LogfmtFormatter().format(record("refresh failed", fields)) == (
        'time=2026-03-02T12:00:00.250Z level=warn logger=exporter.refresh msg="refresh failed" source=kiro_credits rows=12 ratio=0.5 ok=true cause=null'
    )


def test_json_line() -> None:
    assert json.loads(JsonFormatter().format(record("refresh failed", {"rows": 12, "ok": True}))) == {
        "time": "2026-03-02T12:00:00.250Z",
        "level": "warn",
        "logger": "exporter.refresh",
        "msg": "refresh failed",
        "rows": 12,
        "ok": True,
    }


@pytest.mark.parametrize("formatter", [LogfmtFormatter(), JsonFormatter()])
@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_from_outside_reaches_the_line_raw(formatter: logging.Formatter, text: str) -> None:
    assert formatter.format(record(text, {"user": text, "path": Path(text), text: 1}, ValueError(text))).isprintable()


@pytest.mark.parametrize("text", HOSTILE)
def test_json_keeps_the_value(text: str) -> None:
    assert json.loads(JsonFormatter().format(record("m", {"user": text})))["user"] == text


@pytest.mark.parametrize("text", HOSTILE)
def test_logfmt_keeps_the_value(text: str) -> None:
    assert parse_logfmt(LogfmtFormatter().format(record("m", {"user": text})))["user"] == text


@given(st.text(), st.text())
def test_any_text_makes_one_readable_line(message: str, value: str) -> None:
    line = LogfmtFormatter().format(record("%s", {"user": value}))
    assert line.isprintable()
    assert parse_logfmt(line)["user"] == value


def test_letters_of_the_world_stay_readable() -> None:
    assert 'user="José Ångström 山田"' in LogfmtFormatter().format(record("m", {"user": "José Ångström 山田"}))


def test_field_cannot_pass_for_the_level() -> None:
    assert parse_logfmt(LogfmtFormatter().format(record("m", {"level": "info"})))["level"] == "warn"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (datetime(2026, 3, 2, tzinfo=UTC), "2026-03-02T00:00:00+00:00"),
        (timedelta(minutes=1), 60.0),
        (Path("state/facts"), "state/facts"),
        (float("nan"), "nan"),
        (("a", 1), "('a', 1)"),
    ],
)
def test_values_of_other_types(value: object, expected: object) -> None:
    assert json.loads(JsonFormatter().format(record("m", {"field": value})))["field"] == expected


def test_exception_is_kept_on_the_line() -> None:
    try:
        raise ValueError("line one\nline two")
    except ValueError as error:
        line = json.loads(JsonFormatter().format(record("refresh failed", error=error)))
    assert line["error"] == "ValueError: line one\nline two"
    assert line["traceback"].startswith("Traceback (most recent call last):\n")
    assert "test_exception_is_kept_on_the_line" in line["traceback"]


def test_printable_keeps_what_it_is_told_to_keep() -> None:
    assert printable("a\nb\x1b[0m\u202e", keep="\n") == "a\nb\\u001b[0m\\u202e"


@pytest.mark.parametrize("level", list(logs.LEVELS))
def test_level_holds_back_what_is_below(configured: Configure, level: str) -> None:
    stream = configured(level, "json")
    for number in logs.LEVELS.values():
        logging.getLogger("exporter.test").log(number, "m")
    written = [json.loads(line)["level"] for line in stream.getvalue().splitlines()]
    assert written == list(logs.LEVELS)[list(logs.LEVELS).index(level) :]


def test_requests_and_tokens_of_aws_are_never_logged(configured: Configure) -> None:
    stream = configured("debug", "logfmt")
    logging.getLogger("botocore.auth").debug("x-amz-security-token:secret")
    logging.getLogger("urllib3.connectionpool").debug("GET /?X-Amz-Signature=secret")
    assert stream.getvalue() == ""


def test_libraries_speak_of_trouble_only(configured: Configure) -> None:
    stream = configured("info", "json")
    for name in LIBRARIES:
        logging.getLogger(name).info("chatter")
        logging.getLogger(name).warning("trouble")
    assert [json.loads(line)["msg"] for line in stream.getvalue().splitlines()] == ["trouble"] * len(LIBRARIES)


def test_libraries_are_held_to_the_level_too(configured: Configure) -> None:
    stream = configured("error", "logfmt")
    logging.getLogger("apscheduler.scheduler").warning("trouble")
    assert stream.getvalue() == ""


def test_configuring_twice_does_not_double_the_lines(configured: Configure) -> None:
    configured("info", "logfmt")
    stream = configured("info", "logfmt")
    logging.getLogger("exporter").info("m")
    assert stream.getvalue().count("\n") == 1


def test_warnings_of_python_become_lines(configured: Configure) -> None:
    stream = configured("info", "json")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old\nway", DeprecationWarning, stacklevel=1)
    assert json.loads(stream.getvalue())["logger"] == "py.warnings"


def test_requests_cancelled_by_the_stop_are_not_errors(configured: Configure) -> None:
    stream = configured("info", "logfmt")
    logging.getLogger("uvicorn.error").error("Exception in ASGI application", exc_info=asyncio.CancelledError())
    assert stream.getvalue() == ""
