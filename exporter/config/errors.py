"""What is wrong with a config file, and where each of its keys stands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from exporter.errors import UserError

KeyPath = tuple[str | int, ...]
"""The way to a value: mapping keys as text, list positions from 0."""


def dotted(path: KeyPath) -> str:
    """A key path as operators read it: `people.team[1]`. Control characters are escaped, so that an error stays on its line."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            shown = step if step.isprintable() else step.encode("unicode_escape").decode("ascii")
            text += f".{shown}" if text else shown
    return text


@dataclass(frozen=True, slots=True)
class ConfigError:
    """One mistake: `place` is `file`, `file:line` or `file:line:column`, `line` is 0 for the whole file, `key` is dotted and may be empty."""

    place: str
    line: int
    key: str
    message: str
    told: str = ""
    """The end of the message that tells a value; empty where none is told."""

    def __str__(self) -> str:
        return f"{self.place}: {self.key}: {self.message}" if self.key else f"{self.place}: {self.message}"

    def without_values(self) -> str:
        """The text for whoever may not see the config."""
        return str(self).removesuffix(self.told)


class ConfigErrors(UserError):
    """Every mistake in a config file, in the order of its lines. `str()` has one line for each."""

    exit_code = 2

    def __init__(self, errors: Iterable[ConfigError]) -> None:
        self.errors = tuple(sorted(errors, key=lambda error: error.line))
        super().__init__("\n".join(map(str, self.errors)))


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """The line of every key of one config file, by dotted key path.

    All places are equal: moving a key to another line does not make another config.
    """

    file: str = "config"
    lines: Mapping[str, int] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Places)

    def __hash__(self) -> int:
        return hash(Places)

    def line(self, key: str) -> int:
        """The line of a key, or of the nearest key around it that the file has; 1 when it has none."""
        while key and key not in self.lines:
            key = re.sub(r"(^|\.)[^.\[]*$|\[\d+\]$", "", key)
        return self.lines.get(key, 1)

    def error(self, key: str, message: str) -> ConfigError:
        """A mistake found after loading, such as a name that only the service knows, at the place of its key."""
        line = self.line(key)
        return ConfigError(f"{self.file}:{line}", line, key, message)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a config comes from: the validation context. Relative paths count from `folder`."""

    folder: Path
    places: Places
