"""What is published: for each family its name, help, labels, windows, class, and the statement that gives its rows.

A statement is a DuckDB SELECT over the facts in memory and over the tables that `snapshot.py` lays beside them:

    person(person, user, team, ...)         one row a person; owner(identity, person) says whose an identity is
    window_days(source, window, day)        the landed days of every window that is present
    clock(today, ...), landed(source, first_day, last_day), and settings from the config

It gives one row a series: `window` first where the family has windows, then `person` where it is about people, its further labels by their names, and `value`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

PERSON_LABELS = ("user", "team")


class Kind(Enum):
    """How a family behaves when there is little to say, or too much."""

    ESSENTIAL = "essential"
    """Published for every person of its group, zeros included."""
    SPARSE = "sparse"
    """Zeros are left out."""
    BREAKDOWN = "breakdown"
    """Zeros are left out; people beyond `limits.breakdown_users` are summed into `_other`."""
    PLAIN = "plain"
    """Not about people."""


@dataclass(frozen=True, slots=True)
class Family:
    """One metric name with its samples; with windows, one name a window. `labels` are those beside user and team."""

    name: str
    help: str
    statement: str
    kind: Kind
    labels: tuple[str, ...] = ()
    windows: tuple[str, ...] = ()
    additive: bool = True
    """Whether people may be summed into `_other`: distinct counts, ratios and times may not."""
    fold: str | None = None
    """The label of which only the `limits.breakdown_values` largest values of a person stand; the rest is `_other`."""

    @property
    def of_people(self) -> bool:
        return self.kind is not Kind.PLAIN

    def names(self) -> tuple[str, ...]:
        """The metric names that this family can publish."""
        return tuple(f"{self.name}_{window}" for window in self.windows) or (self.name,)


@dataclass(frozen=True, slots=True)
class Table:
    """A table that several statements of a group read, made once a snapshot."""

    name: str
    select: str


@dataclass(frozen=True, slots=True)
class Group:
    """Families that share a source and their tables."""

    name: str
    source: str | None
    """The source that must have landed; its windows are the group's. None: published with any snapshot."""
    tables: tuple[Table, ...]
    families: tuple[Family, ...]
    standing: str | None = None
    """SELECT person, value: by how much a person counts when breakdown people are ranked."""
