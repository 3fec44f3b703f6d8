"""The small frozen types that travel between modules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

FOLDED = "_other"
"""Label value that stands for everybody and everything folded by the series limits."""


class ArrowStream(Protocol):
    """Rows in transit: anything that speaks the Arrow C stream interface, readable once."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


@dataclass(frozen=True, slots=True, order=True)
class DayRange:
    """UTC calendar days from `first` to `last`, both included."""

    first: date
    last: date

    def __iter__(self) -> Iterator[date]:
        for offset in range(len(self)):
            yield self.first + timedelta(days=offset)

    def __len__(self) -> int:
        return max(0, (self.last - self.first).days + 1)

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and self.first <= day <= self.last


def utc_now() -> datetime:
    """The clock of this machine, aware."""
    return datetime.now(UTC)


def day_start(day: date) -> datetime:
    """00:00:00 UTC of a calendar day."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def day_end(day: date) -> datetime:
    """The first moment after a UTC calendar day."""
    return day_start(day) + timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Rejection:
    """A file, row or value from outside that was left out, and where it stands.

    `line` and `column` count from 1; `line` 0 means the whole file. `detail` is safe to log: it never holds a raw control character.
    """

    reason: str
    path: str
    line: int
    column: str
    detail: str

    def fields(self) -> dict[str, object]:
        """For a log line."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class FactBatch:
    """The facts of whole days, as the source spells its identities.

    `days` names every day that is replaced, also those without a row. `rows` holds the columns of the source's fact table, `day` first.
    """

    source: str
    days: tuple[date, ...]
    rows: ArrowStream
    whole: bool = False
    """Whether the source vouches for days without a row. Else such a day keeps the rows that it had: logs that expired must not erase what they said."""


@dataclass(frozen=True, slots=True)
class SeenIdentity:
    """An identity of the stored history, under the number that stands for it in memory.

    `key` is as its source spells it, cleaned; `mail` is the newest address seen with it; `sources` are those whose facts it stands in.
    """

    number: int
    key: str
    mail: str | None
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rendered samples: the same bytes plain and as one gzip member, and how many series they hold."""

    plain: bytes
    gzip: bytes
    series: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All families at one moment, ready to send. Served from `valid_from` until just before `valid_until`."""

    valid_from: datetime
    valid_until: datetime
    chunks: tuple[Chunk, ...]
    series: dict[str, int] = field(default_factory=dict)
    """Series by family name, windows included in the name."""
    folded: dict[str, int] = field(default_factory=dict)
    """Series that the limits folded away, by family name."""
    limit_step: int = 0
    key: str = ""
    """Of all but the facts that it was made from, as snapshots/keeping.py makes it; empty: it is not to be kept."""

    @property
    def plain_bytes(self) -> int:
        return sum(len(chunk.plain) for chunk in self.chunks)

    @property
    def gzip_bytes(self) -> int:
        return sum(len(chunk.gzip) for chunk in self.chunks)
