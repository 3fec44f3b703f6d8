"""The values that a config key can hold: each type parses what an operator writes and cannot exist unvalidated."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator

# Parsers raise ValueError with what was expected and never with the value: a value from the environment may be a secret.


@dataclass(frozen=True, slots=True)
class Kind:
    """A type in words: its name in the reference, what an error says was expected, and how it is written."""

    name: str
    expected: str
    meaning: str


def plain_text(value: object, kind: Kind) -> str:
    """Text without surrounding space. Raises ValueError where it is none, is empty or holds control characters."""
    if not isinstance(value, str) or not value.strip() or re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", value.strip()):
        raise ValueError(kind.expected)
    return value.strip()


def _matching(kind: Kind, pattern: str) -> Callable[[object], str]:
    compiled = re.compile(pattern, re.ASCII)

    def parse(value: object) -> str:
        text = plain_text(value, kind)
        if not compiled.fullmatch(text):
            raise ValueError(kind.expected)
        return text

    return parse


DURATION = Kind("duration", "a duration such as 30m, 6h or 7d", "`90s`, `15m`, `8h`, `7d`, `2w`, or several from the largest unit to the smallest: `1h30m`.")
_DURATION = re.compile(r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_UNITS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}
# Far beyond any use, and near enough that today minus a duration is still a date.
_LONGEST = timedelta(days=36500)


def parse_duration(value: object) -> timedelta:
    """A positive duration of whole seconds from `1h30m`; a timedelta passes. ValueError says what was expected."""
    if isinstance(value, timedelta):
        duration = value
    else:
        found = _DURATION.fullmatch(plain_text(value, DURATION))
        if found is None or max((len(count) for count in found.groups(default="")), default=0) > len("3153600000"):
            raise ValueError(DURATION.expected)
        duration = timedelta(seconds=sum(int(count) * unit for count, unit in zip(found.groups(default="0"), _UNITS.values(), strict=True)))
    if not timedelta(0) < duration <= _LONGEST:
        raise ValueError(DURATION.expected)
    return duration


def format_duration(duration: timedelta) -> str:
    """The shortest text that `parse_duration` reads back to the same whole seconds: `1d12h`. Weeks are written as days."""
    seconds = int(duration.total_seconds())
    text = ""
    for unit, length in _UNITS.items():
        if unit != "w" and seconds >= length:
            text += f"{seconds // length}{unit}"
            seconds %= length
    return text


Duration = Annotated[timedelta, DURATION, BeforeValidator(parse_duration)]

DAYS = Kind("days", DURATION.expected, "A duration of whole days; a part of a day counts as one: `36h` is `2d`.")
_DAY = timedelta(days=1)


def parse_days(value: object) -> timedelta:
    """A duration rounded up to whole days: rounded down, half a day would keep no day open. ValueError says what was expected."""
    return -(-parse_duration(value) // _DAY) * _DAY


Days = Annotated[timedelta, DAYS, BeforeValidator(parse_days)]

BYTES = Kind(
    "size", "a size such as 10MB or 100GiB", "Bytes, or with a unit: `10MB` (1000 each step), `100GiB` (1024 each step); B, kB, MB, GB, TB, KiB, MiB, GiB, TiB."
)
_SIZES = {"": 1, "b": 1} | {f"{letter}{suffix}": base**power for power, letter in enumerate("kmgt", 1) for suffix, base in (("b", 1000), ("ib", 1024))}


def parse_bytes(value: object) -> int:
    """A positive number of bytes from `100GiB`, `1.5MB` or plain digits; an int passes. ValueError says what was expected."""
    text = str(value) if isinstance(value, int) else plain_text(value, BYTES)
    found = re.fullmatch(r"(\d{1,18}(?:\.\d{1,6})?) ?([A-Za-z]*)", text)
    size = Decimal(found[1]) * _SIZES.get(found[2].lower(), 0) if found else Decimal(0)
    if size <= 0 or size != int(size):
        raise ValueError(BYTES.expected)
    return int(size)


Bytes = Annotated[int, BYTES, BeforeValidator(parse_bytes)]

NUMBER = Kind("whole number", "a whole number", "Digits; `_` may group them: `1_000_000`.")


def parse_whole_number(value: object) -> int:
    """An int from at most 15 digits; an int passes. ValueError says what was expected."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else plain_text(value, NUMBER)
    if not re.fullmatch(r"-?\d+(_\d+)*", text) or len(text.replace("_", "").lstrip("-")) > 15:
        raise ValueError(NUMBER.expected)
    return int(text)


WholeNumber = Annotated[int, NUMBER, BeforeValidator(parse_whole_number)]

SWITCH = Kind("switch", "true or false", "`true` or `false`; `yes`, `no`, `on` and `off` do as well.")
_SWITCH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def parse_switch(value: object) -> bool:
    """A bool from `true`, `yes`, `on` and their opposites; a bool passes. ValueError says what was expected."""
    if isinstance(value, bool):
        return value
    known = _SWITCH.get(plain_text(value, SWITCH).lower())
    if known is None:
        raise ValueError(SWITCH.expected)
    return known


Switch = Annotated[bool, SWITCH, BeforeValidator(parse_switch)]

AMOUNT = Kind("amount", "an amount of 0 or more such as 20 or 0.04", "Money, 0 or more, exact: what is written is what is used, to 12 decimals.")


def parse_amount(value: object) -> Decimal:
    """A Decimal of 0 or more from its text, at most decimal(38,12); numbers pass by their text. ValueError says what was expected."""
    text = format(Decimal(str(value)), "f") if isinstance(value, int | float | Decimal) else plain_text(value, AMOUNT)
    if not re.fullmatch(r"\d{1,26}(\.\d{1,12})?", text):
        raise ValueError(AMOUNT.expected)
    return Decimal(text)


Amount = Annotated[Decimal, AMOUNT, BeforeValidator(parse_amount)]

RATE = Kind(
    "rate",
    "a number from 0 to below 1000000000 with 6 decimals at most, such as 20 or 0.04",
    "Money, credits or a weight for one thing, below 1000000000, exact: what is written is what is used, to 6 decimals.",
)


def parse_rate(value: object) -> Decimal:
    """A Decimal from 0 to below 10^9 from its text, with 6 decimals at most: what facts are multiplied by. ValueError says what was expected."""
    try:
        rate = parse_amount(value)
    except ValueError:
        raise ValueError(RATE.expected) from None
    if rate >= 10**9 or rate != rate.quantize(Decimal("1e-6")):
        raise ValueError(RATE.expected)
    return rate


Rate = Annotated[Decimal, RATE, BeforeValidator(parse_rate)]

DAY = Kind("date", "a date such as 2026-02-13", "`YYYY-MM-DD`, a day in UTC.")


def parse_day(value: object) -> date:
    """A calendar day from YYYY-MM-DD; a date passes. ValueError says what was expected."""
    if isinstance(value, date):
        return value
    text = plain_text(value, DAY)
    try:
        # fromisoformat alone would also take 20260213 and 2026-W07-5.
        return date.fromisoformat(text if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else "")
    except ValueError:
        raise ValueError(DAY.expected) from None


Day = Annotated[date, DAY, BeforeValidator(parse_day)]

TEXT = Kind("text", "text", "Any text without control characters; not empty.")
Text = Annotated[str, TEXT, BeforeValidator(_matching(TEXT, ".+"))]

REGION = Kind("region", "an AWS region such as eu-central-1", "An AWS region such as `eu-central-1`.")
Region = Annotated[str, REGION, BeforeValidator(_matching(REGION, r"[a-z]{2,5}(-[a-z]+)+-\d{1,2}"))]

ROLE = Kind("role ARN", "the ARN of a role such as arn:aws:iam::111122223333:role/name", "The ARN of an IAM role.")
RoleArn = Annotated[str, ROLE, BeforeValidator(_matching(ROLE, r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+"))]

WORKGROUP = Kind("workgroup", "the name of a workgroup: letters, digits, dots, underscores and hyphens", "The name of an Athena workgroup.")
Workgroup = Annotated[str, WORKGROUP, BeforeValidator(_matching(WORKGROUP, r"[A-Za-z0-9._-]{1,128}"))]

DATABASE = Kind("database", "the name of a database: letters, digits, underscores and hyphens", "The name of a database in the Glue catalog.")
Database = Annotated[str, DATABASE, BeforeValidator(_matching(DATABASE, r"[A-Za-z0-9_-]{1,255}"))]

TABLE = Kind(
    "table", "a table as name or database.name: letters, digits, underscores and hyphens", "`name`, or `database.name` for a table in another database."
)
Table = Annotated[str, TABLE, BeforeValidator(_matching(TABLE, r"([A-Za-z0-9_-]{1,255}\.)?[A-Za-z0-9_-]{1,255}"))]

CURRENCY = Kind("currency", "a currency code such as USD", "Three capital letters (ISO 4217).")
Currency = Annotated[str, CURRENCY, BeforeValidator(_matching(CURRENCY, r"[A-Z]{3}"))]

TEAM_RULE = Kind(
    "team rule",
    "file, attribute:name, or group:pattern with one group in brackets such as group:team-(.*)",
    "`file` is the team column of the people file, `attribute:department` an attribute of the directory (or that column of the people file), "
    "`group:team-(.*)` what the brackets match in the name of a group.",
)


def _compiled(pattern: str) -> re.Pattern[str] | None:
    """None for what is no pattern: also one that repeats more often, or nests deeper, than can be compiled."""
    try:
        return re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return None


def parse_team_rule(value: object) -> str:
    """A rule that `people.team_of` understands."""
    text = plain_text(value, TEAM_RULE)
    kind, _, argument = text.partition(":")
    if kind == "group":
        compiled = _compiled(argument)
        if compiled is not None and compiled.groups == 1:
            return text
    elif text == "file" or (kind == "attribute" and re.fullmatch(r"[A-Za-z0-9_.-]+", argument)):
        return text
    raise ValueError(TEAM_RULE.expected)


TeamRule = Annotated[str, TEAM_RULE, BeforeValidator(parse_team_rule)]

ACCOUNT = Kind("account id", "an account id of 12 digits", "Twelve digits.")
AccountId = Annotated[str, ACCOUNT, BeforeValidator(_matching(ACCOUNT, r"\d{12}"))]

IDENTITY_STORE = Kind("identity store id", "the id of an identity store such as d-1234567890", "`d-` and ten characters, or a UUID.")
IdentityStoreId = Annotated[str, IDENTITY_STORE, BeforeValidator(_matching(IDENTITY_STORE, r"d-[0-9a-f]{10}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"))]

PATTERN = Kind("pattern", "a regular expression", "A regular expression that both Python and RE2, which Trino uses, know.")


def parse_pattern(value: object) -> str:
    """A regular expression; the engines say in the end whether they know it too."""
    text = plain_text(value, PATTERN)
    if _compiled(text) is None:
        raise ValueError(PATTERN.expected)
    return text


Pattern = Annotated[str, PATTERN, BeforeValidator(parse_pattern)]


_SEPARATED_TIERS = {"proplus": "pro_plus", "promax": "pro_max"}


def tier_name(text: str) -> str:
    """A tier as labels spell it: `PRO_PLUS`, `ProPlus` and `Pro Plus` are `pro_plus`, `TEAM_MAX` is `teammax`. The same as in `sql/facts/kiro_credits.sql`."""
    letters = re.sub(r"[\s_-]+", "", text.strip().lower())
    return _SEPARATED_TIERS.get(letters, letters)
