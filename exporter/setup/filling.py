"""Puts values of the config in place of the example values that the statements in sql/ hold, so that each file can also be run by hand.

Values become SQL text here, because DDL takes no parameters: each is held to a pattern that leaves no way out of its quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from exporter.engines import statement
from exporter.errors import UserError
from exporter.quoting import sql_text

EXAMPLE_LOCATION = "s3://example-bucket/example-prefix/"
EXAMPLE_ACCOUNT = "'111122223333'"
EXAMPLE_REGION = "'us-east-1'"

# Characters that need no care in S3, in quotes or in a storage.location.template: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
_LOCATION = re.compile(r"s3://[a-z0-9.-]+/(?:[A-Za-z0-9!_.*()=+@:,-][A-Za-z0-9!_.*()=+@:,/-]*)?", re.ASCII)
_COMMENT = re.compile(r"^\s*--.*\n?", re.MULTILINE)
_ROWS = re.compile(r"(?<=VALUES\n).*?(?=\n\) AS listed)", re.DOTALL)


def text_of(name: str) -> str:
    """A statement of sql/ by name (`tables/cloudtrail`), without its comments."""
    return _COMMENT.sub("", statement(name).text).strip()


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with each key of `values` in its place, in one pass: a value is never looked at again. ValueError where a key does not stand in the text."""
    absent = [example for example in values if example not in text]
    if absent:
        raise ValueError(f"the statement does not hold {absent}")
    if not values:
        return text
    # The longest first: one example can begin with another.
    either = re.compile("|".join(re.escape(example) for example in sorted(values, key=len, reverse=True)))
    return either.sub(lambda found: values[found.group()], text)


def with_rows(text: str, rows: Iterable[Sequence[str | Decimal]]) -> str:
    """The text of a view over VALUES, with other rows. Raises ValueError where it has no VALUES."""
    lines = ",\n".join(f"        ({', '.join(_literal(value) for value in row)})" for row in rows)
    filled, count = _ROWS.subn(lambda _: lines, text)
    if count != 1:
        raise ValueError("the statement has no VALUES to replace")
    return filled


def location(value: str, key: str) -> str:
    """An S3 location that can stand in DDL. `key` names it in the UserError that is raised for any other."""
    if not _LOCATION.fullmatch(value):
        raise UserError(f"{key} holds characters that cannot stand in the location of a table; use letters, digits and !_.*()=+@:,/- in its prefix.")
    return value


def text_list(values: Iterable[str]) -> str:
    """Account ids or regions as one literal of DDL, with commas between: `'111122223333,444455556666'`."""
    return sql_text(",".join(_plain(value) for value in values))


def in_list(values: Iterable[str]) -> str:
    """Account ids as the members of an IN list."""
    return ", ".join(sql_text(_plain(value)) for value in values)


def with_properties(ddl: str, properties: Mapping[str, str]) -> str:
    """The DDL of a table with further TBLPROPERTIES, before its own if it has some."""
    added = ",\n".join(f"  {sql_text(name)} = {sql_text(value)}" for name, value in properties.items())
    opening = "TBLPROPERTIES (\n"
    return fill(ddl, {opening: f"{opening}{added},\n"}) if opening in ddl else f"{ddl}\n{opening}{added}\n)"


def _plain(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]+", value, re.ASCII):
        raise ValueError(f"{value!r} is neither an account id nor a region")
    return value


def _literal(value: str | Decimal) -> str:
    return f"DECIMAL '{value:f}'" if isinstance(value, Decimal) else sql_text(value)
