"""Keeps values from the environment out of the report: `${NAME}` stands where one would."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_VARIABLE = re.compile(r"\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
# A count is no secret, and would be found in every line.
_NUMBER = re.compile(r"[0-9]{1,11}")
_ANYWHERE = 8
"""From this length on a value is found within words too; shorter ones only as words, or `on` would be found everywhere."""


class Concealed:
    """What must not be shown, by the name of the variable that holds it."""

    def __init__(self, values: Mapping[str, str]) -> None:
        spelled = {spelling: name for name, value in values.items() for spelling in _spellings(value)}
        self._names = spelled
        # The longest first: one value can begin with another.
        either = "|".join(_pattern(spelling) for spelling in sorted(spelled, key=len, reverse=True))
        self._either = re.compile(either) if either else None

    def out_of(self, text: str) -> str:
        """The text without these values."""
        return text if self._either is None else self._either.sub(lambda found: f"${{{self._names[found.group()]}}}", text)


def of_config(path: Path, environ: Mapping[str, str]) -> Concealed:
    """The variables that a config file names; none where it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return Concealed({})
    return Concealed({name: environ[name] for name in _VARIABLE.findall(text) if name in environ})


def _spellings(value: str) -> set[str]:
    """A value and what of it stands in messages: without the ends that a location loses, in lower case, and the bucket that stands in an ARN."""
    whole = value.strip()
    without = whole.removeprefix("s3://").rstrip("/")
    found = {whole, whole.rstrip("/"), without, without.partition("/")[0] if whole.startswith("s3://") else "", whole.lower()}
    return {spelling for spelling in found if spelling and not _NUMBER.fullmatch(spelling)}


def _pattern(spelling: str) -> str:
    escaped = re.escape(spelling)
    return escaped if len(spelling) >= _ANYWHERE else rf"(?<![A-Za-z0-9_]){escaped}(?![A-Za-z0-9_])"
