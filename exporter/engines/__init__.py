"""What runs `sql/`: Athena in production, DuckDB where no engine of AWS's is wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol

from exporter.model import ArrowStream


@dataclass(frozen=True, slots=True)
class Statement:
    """One file of `sql/`: Athena SQL with `?` for its parameters."""

    name: str
    text: str


def statement(name: str) -> Statement:
    """Reads `sql/<name>.sql`, for example `facts/kiro_credits`."""
    return Statement(name, files("exporter_sql").joinpath(f"{name}.sql").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Relation:
    """What a table or view of `sql/` looks like on the embedded engine: columns with DuckDB types, and where its rows are.

    They stand in files of newline-delimited JSON, gzipped; in files of Parquet, where `parquet` is set; or, where there are few, in `rows`.
    """

    name: str
    columns: Mapping[str, str]
    files: Sequence[Path] = ()
    rows: Sequence[tuple[object, ...]] = ()
    parquet: bool = False
    """Columns that the files lack are NULL then, and values of another type; those that are not named are not read."""
    partition: Mapping[str, str] = field(default_factory=dict)
    """Columns, beside the others, that have one value in all files: they are no part of Parquet files but of the folder in which these lie."""


class Engine(Protocol):
    """Runs statements. Implementations are safe to call from several threads."""

    name: str
    embedded: bool
    """True where the caller must bring the relations that a statement reads."""

    def query(self, statement: Statement, parameters: Sequence[Any], relations: Sequence[Relation] = ()) -> ArrowStream:
        """The answer's rows. Raises TransientError when the same call may work later, UserError when somebody must act first.

        Every query has a deadline, and is cancelled when that passes.
        """
        ...

    def cancel(self) -> None:
        """Cancels what runs, and whatever is asked from now on: the service stops, or its sources get other engines."""
        ...
