"""What is published: for each family its name, help, labels, windows, class, and the statement that gives its rows.

A statement is a DuckDB SELECT over the facts in memory and over the tables that `snapshots/tables.py` lays beside them:

    person(person, user, team, ...)         one row a person; owner(identity, person) says whose an identity is
    window_days(source, window, day)        the landed days of every window that is present; the bill that pays is the source bill too
    bill(day, person, method, reason, ...)  what was billed, and who got it; see snapshots/bill.py
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


def alike_days(source: str) -> str:
    """SQL for the CTEs alike(day, days) and alike_window(days, window): the landed days of a source, by a number that those in the same windows share.

    Facts that are summed by that number before they are multiplied by the windows are fewer than a third of those that are not.
    """
    return f"""
        day_windows AS (
            SELECT day, list("window" ORDER BY "window") AS windows FROM window_days WHERE source = '{source}' GROUP BY day
        ),
        alike AS (SELECT day, dense_rank() OVER (ORDER BY windows) AS days, windows FROM day_windows),
        alike_window AS (SELECT DISTINCT days, unnest(windows) AS "window" FROM alike)"""
