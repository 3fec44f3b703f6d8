"""Which values of tags fall through the cascade of Cost Explorer, because they name nobody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import msgspec

from exporter.facts.forgotten import Forgotten
from exporter.people.attribution import SEPARATOR, Candidate
from exporter.sources.cost_explorer_answers import Part

MOST_FALLEN = 100
"""Values of one tag that fall through, those with most cost: a filter cannot name any number of them. Cost of the others stays with its value."""

Nobodies = Callable[[Sequence[Candidate]], frozenset[int] | None]
"""Says which candidates, by their numbers, name nobody today; None while it is not known who there is."""


def nobody_knows(_: Sequence[Candidate]) -> None:
    """Where there are no people to ask: nothing falls through."""


class Fallen(msgspec.Struct, frozen=True, order=True):
    """What a part of the bill said of whose it is, when that was nobody."""

    account: str
    value: str
    is_owner: bool

    @classmethod
    def of(cls, part: Part) -> Fallen:
        return cls(part.account, part.owner_tag or part.created_by_tag or "", part.owner_tag is not None)

    def is_forgotten(self, day: date, forgotten: Forgotten) -> bool:
        """Whether it spells somebody who is forgotten on a day."""
        through = forgotten.through_bill("owner_tags" if self.is_owner else "created_by_tag", self.value, self.account)
        return through is not None and day <= through

    def candidate(self, number: int) -> Candidate:
        if self.is_owner:
            return Candidate(number, self.account, shared=False, owner_tags=self.value.replace(SEPARATOR, ""))
        return Candidate(number, self.account, shared=False, created_by_tag=self.value)


@dataclass(frozen=True, slots=True)
class Judged:
    """The parts of one tag that keep their value, and what of the others is remembered."""

    kept: Sequence[Part]
    fallen: Sequence[tuple[date, Fallen]]
    values: Sequence[str]
    """The values that fall through, on all days of the answer."""
    is_judged: bool

    @classmethod
    def of(cls, parts: Iterable[Part], nobodies: Nobodies) -> Judged:
        """A value falls through where it names nobody in any account."""
        every = list(parts)
        distinct = sorted({Fallen.of(part) for part in every})
        nobody = nobodies([one.candidate(number) for number, one in enumerate(distinct)])
        named = {one.value for number, one in enumerate(distinct) if nobody is None or number not in nobody}
        costs: dict[str, Decimal] = defaultdict(Decimal)
        for part in every:
            if (value := Fallen.of(part).value) not in named:
                costs[value] += abs(part.cost)
        values = sorted(sorted(costs, key=lambda value: (-costs[value], value))[:MOST_FALLEN])
        falling = frozenset(values)
        kept = [part for part in every if Fallen.of(part).value not in falling]
        fallen = [(part.day, Fallen.of(part)) for part in every if Fallen.of(part).value in falling]
        return cls(kept, fallen, values, nobody is not None)


def named_by_now(fallen: Mapping[date, Sequence[Fallen] | None], nobodies: Nobodies) -> set[date]:
    """The days on which something fell through that names somebody today, or of which nobody could say whom it names."""
    distinct = sorted({one for values in fallen.values() for one in values or ()})
    nobody = nobodies([one.candidate(number) for number, one in enumerate(distinct)]) if fallen else None
    if nobody is None:
        return set()
    named = {one for number, one in enumerate(distinct) if number not in nobody}
    return {day for day, values in fallen.items() if values is None or not named.isdisjoint(values)}


def without_forgotten(fallen: Mapping[date, tuple[Fallen, ...] | None], forgotten: Forgotten) -> dict[date, tuple[Fallen, ...] | None]:
    """What has fallen through by day, without what spells somebody who is forgotten: to name somebody again, it has to be read again."""
    if not forgotten.identities:
        return dict(fallen)
    return {day: None if values is None else tuple(one for one in values if not one.is_forgotten(day, forgotten)) for day, values in fallen.items()}
