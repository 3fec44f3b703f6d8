"""Who stands by name in breakdowns, and what gives way when there are more series than the limit allows. Plain functions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

STAY = 0.9
"""A person leaves the breakdowns only when below this part of the threshold: a place that changes hands daily would double the series."""

STEPS = (
    "nothing is folded beyond limits.breakdown_users",
    "fewer people in breakdowns",
    "essentials without last_7d",
    "essentials without last_month",
    "essentials without zeros",
    "the smallest people summed into _other",
)
"""What each limit step means; a step includes those before it."""


def standing(values: Mapping[str, float], previous: Collection[str], places: int) -> frozenset[str]:
    """The people who stand by name: those with most, and those who stood before and are still within a tenth of the threshold.

    `values` is by user; only values above zero need a place. Ties go to the name that sorts first.
    """
    order = sorted((user for user, value in values.items() if value > 0), key=lambda user: (-values[user], user))
    if len(order) <= places or places <= 0:
        return frozenset(order[: max(places, 0)])
    threshold = values[order[places - 1]]
    stayed = [user for user in order if user in previous and values[user] >= STAY * threshold][:places]
    chosen = set(stayed)
    for user in order:
        if len(chosen) == places:
            break
        chosen.add(user)
    return frozenset(chosen)


@dataclass(frozen=True, slots=True)
class Load:
    """How many series there are to publish. Breakdowns are given by group: series of each person, those with most first, and series of the folded rest."""

    fixed: int
    """Series that never give way: not about people, or sparse."""
    essentials: int
    essentials_by_window: Mapping[str, int]
    essential_zeros: int
    """Zeros among the essentials outside of last_7d and last_month."""
    breakdowns: Mapping[str, Sequence[int]] = field(default_factory=dict)
    folded: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is published. `people` is False where not everybody can stand among the essentials: `fitting` says who does."""

    step: int
    breakdown_users: int
    dropped_windows: frozenset[str] = frozenset()
    zeros: bool = True
    people: bool = True


def plan(load: Load, max_series: int, breakdown_users: int) -> Plan:
    """The first step that keeps the series within the limit, or the last one."""
    current = Plan(0, breakdown_users)
    if load.fixed + load.essentials + _breakdowns(load, breakdown_users) <= max_series:
        return current
    room = max_series - load.fixed - load.essentials
    current = replace(current, step=1, breakdown_users=_most_users(load, room, breakdown_users))
    total = load.fixed + load.essentials + _breakdowns(load, current.breakdown_users)
    for step, window in ((2, "last_7d"), (3, "last_month")):
        if total <= max_series:
            return current
        total -= load.essentials_by_window.get(window, 0)
        current = replace(current, step=step, dropped_windows=current.dropped_windows | {window})
    if total <= max_series:
        return current
    total -= load.essential_zeros
    current = replace(current, step=4, zeros=False)
    return current if total <= max_series else replace(current, step=5, people=False)


def fitting(series: Iterable[int], room: int) -> int:
    """How many people stand by name in the last step, from the series of each, those who stay longest first, and the room beside everything else.

    That may be nobody, and too many series still, where the limit is smaller than what cannot be folded.
    """
    return sum(1 for together in accumulate(series) if together <= room)


def _breakdowns(load: Load, users: int) -> int:
    return sum(sum(series[:users]) + (load.folded.get(group, 0) if len(series) > users else 0) for group, series in load.breakdowns.items())


def _most_users(load: Load, room: int, most: int) -> int:
    least = 0
    while least < most:
        middle = (least + most + 1) // 2
        if _breakdowns(load, middle) <= room:
            least = middle
        else:
            most = middle - 1
    return least
