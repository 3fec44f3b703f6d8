"""What one cell of a Kiro report says. Plain functions from text to value, which raise Fault for what is no such value."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TypeVar

from exporter.sources.csv_records import shown

MAX_NUMBER = 10**15
MAX_USER_LENGTH = 256

Value = TypeVar("Value")

_QUOTES_AND_SPACE = "\"' \t\n\u00a0"
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200b\u2028\u2029]+")
_ISO_DATE = re.compile(r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})", re.ASCII)
_US_DATE = re.compile(r"(?P<month>\d{2})-(?P<day>\d{2})-(?P<year>\d{4})", re.ASCII)
_CLIENT = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)
_PLAIN_AMOUNT = re.compile(r"\d{1,15}(\.\d{1,18})?", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,9})?", re.ASCII)
_FLAGS = {"true": True, "false": False}
_FINEST = Decimal("1e-18")
_EXACT = Context(prec=40, rounding=ROUND_HALF_UP)
"""Half up, as the casts of Athena and DuckDB round."""


class Fault(ValueError):
    """A header or cell that cannot be used. `detail` is safe to log."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Cells(dict[str, Value]):
    """Values by the text of their cells, each text parsed once.

    A text that is no value gives `otherwise`, is not kept, and is put on `faulty` each time it is met.
    """

    def __init__(self, parse: Callable[[str], Value], otherwise: Value, faulty: list[str]) -> None:
        super().__init__()
        self._parse = parse
        self._otherwise = otherwise
        self._faulty = faulty

    def __missing__(self, text: str) -> Value:
        try:
            value = self[text] = self._parse(text)
        except Fault:
            self._faulty.append(text)
            return self._otherwise
        return value

    def fault(self, text: str) -> Fault | None:
        """Why a text is no value; None if it is one."""
        try:
            self._parse(text)
        except Fault as fault:
            return fault
        return None


def column_name(text: str) -> str:
    """The name of a column as headers are compared: trimmed, lower case."""
    return _clean(text).strip(_QUOTES_AND_SPACE).lower()


def day(text: str) -> str:
    """YYYY-MM-DD of a date in either report's format."""
    plain = _clean(text).strip(_QUOTES_AND_SPACE)
    parts = _ISO_DATE.fullmatch(plain) or _US_DATE.fullmatch(plain)
    try:
        if parts:
            return date(int(parts["year"]), int(parts["month"]), int(parts["day"])).isoformat()
    except ValueError:
        pass
    raise Fault("date", f"neither YYYY-MM-DD nor MM-DD-YYYY: {shown(text)}")


def user(text: str) -> str:
    """A user id without quotes, space and control characters; prefixes stay. Ids are not quoted in faults."""
    identifier = text.strip(_QUOTES_AND_SPACE)
    if not identifier.isprintable():
        if "\n" in identifier:
            raise Fault("user", "on two lines; a quote before it is not closed")
        identifier = _clean(identifier).strip(_QUOTES_AND_SPACE)
    if _is_nothing(identifier):
        raise Fault("user", "empty")
    if len(identifier) > MAX_USER_LENGTH:
        raise Fault("user", f"{len(identifier)} characters, at most {MAX_USER_LENGTH} are expected")
    return identifier


def client(text: str) -> str:
    """A client type in upper case, also one that is not known yet."""
    name = _clean(text).strip(_QUOTES_AND_SPACE)
    if _is_nothing(name) or not _CLIENT.fullmatch(name):
        raise Fault("client", f"not the name of a client: {shown(text)}")
    return name.upper()


def count(text: str) -> int | None:
    """A whole number; `5.0` is one too. None for an empty cell or None."""
    if text.isdigit() and text.isascii() and len(text) <= 15:
        return int(text)
    number = _number(text)
    if number is None:
        return None
    if number != number.to_integral_value():
        raise Fault("number", f"not a whole number: {shown(text)}")
    return int(number)


def amount(text: str) -> str | None:
    """A decimal number in plain notation, exact to 18 places. None for an empty cell or None."""
    if _PLAIN_AMOUNT.fullmatch(text):
        return text
    number = _number(text)
    if number is None:
        return None
    if not number:
        return "0"
    return format(number.quantize(_FINEST, context=_EXACT).normalize(_EXACT), "f")


def flag(text: str) -> bool | None:
    """True or false. None for an empty cell or None."""
    word = _clean(text).strip(_QUOTES_AND_SPACE).lower()
    if _is_nothing(word):
        return None
    if word not in _FLAGS:
        raise Fault("boolean", f"neither true nor false: {shown(text)}")
    return _FLAGS[word]


def words(text: str) -> str | None:
    """Text without control characters and outer space. None for an empty cell or None."""
    cleaned = text.strip() if text.isprintable() else _clean(text).strip()
    return None if _is_nothing(cleaned) else cleaned


def _number(text: str) -> Decimal | None:
    plain = _clean(text).strip()
    if _is_nothing(plain):
        return None
    if not _NUMBER.fullmatch(plain):
        raise Fault("number", f"not a number: {shown(text)}")
    number = Decimal(plain)
    if number < 0:
        raise Fault("number", f"negative: {shown(text)}")
    if number > MAX_NUMBER:
        raise Fault("number", f"too large: {shown(text)}")
    return number.copy_abs()


def _is_nothing(text: str) -> bool:
    """Truncated exports write the word None."""
    return not text or (len(text) == len("none") and text.lower() == "none")


def _clean(text: str) -> str:
    return text if text.isprintable() else _CONTROL.sub("", text)
