"""The steps of setup. Each looks whether it is done, so that setup can be run again at any time, and goes on where it was broken off."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

import nanoarrow

from exporter.aws import explained
from exporter.config import Athena
from exporter.engines import Engine
from exporter.errors import UserError
from exporter.setup.catalog import Catalog, Found
from exporter.setup.columns import missing, needed_columns, optional_columns
from exporter.setup.definitions import CUR_COMPLETED, Definition, completed
from exporter.setup.stack import Stack, resources

_LISTED = 8


class Change(Enum):
    """What a step did."""

    MADE = "made"
    CHANGED = "changed"
    DROPPED = "dropped"
    UNCHANGED = "unchanged"
    VERIFIED = "verified"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step did, and what there is to say of it."""

    change: Change
    detail: str = ""


class Step(Protocol):
    """One thing that setup does."""

    @property
    def title(self) -> str:
        """What it is about: `table cloudtrail`."""
        ...

    def shown(self) -> str:
        """What it would do, for --dry-run: SQL, or a comment of SQL. Asks nothing of AWS."""
        ...

    def run(self) -> Outcome:
        """Does what is not done. Raises UserError and TransientError."""
        ...


@dataclass(frozen=True, slots=True)
class StackStep:
    """Makes or updates the stack."""

    stack: Stack
    parameters: Mapping[str, str]
    makes_database: Callable[[], bool]

    @property
    def title(self) -> str:
        return f"stack {self.stack.name}"

    def shown(self) -> str:
        made = [f"--   {name}: {kind}" for name, kind in resources().items()]
        given = [f"--   {name} = {value}" for name, value in self.parameters.items()]
        return "\n".join([f"-- CloudFormation: create or update the stack {self.stack.name}, which can hold", *made, "-- with the parameters", *given])

    def run(self) -> Outcome:
        change = self.stack.deploy(self.parameters, self.makes_database)
        outputs = self.stack.outputs()
        return Outcome(Change(change), ", ".join(f"{name} {outputs[name]}" for name in ("ExporterRoleArn", "ResultsLocation") if name in outputs))


def results_of(client: Any, settings: Athena) -> str | None:
    """Where the workgroup has results written, with a last slash; None where Athena keeps them itself. Raises UserError for a workgroup that cannot be used."""
    name = settings.workgroup
    with explained("athena:GetWorkGroup", f"the Athena workgroup {name}"):
        try:
            found = client.get_work_group(WorkGroup=name)["WorkGroup"]
        except client.exceptions.InvalidRequestException as error:
            raise UserError(
                f"there is no Athena workgroup {name}; run setup with --stack to have it made, or name one that there is in athena.workgroup."
            ) from error
    if found.get("State") == "DISABLED":
        raise UserError(f"the Athena workgroup {name} is disabled; enable it, or name another one in athena.workgroup.")
    configuration = found.get("Configuration", {})
    if configuration.get("ManagedQueryResultsConfiguration", {}).get("Enabled", False):
        return None
    its_own = configuration.get("ResultConfiguration", {}).get("OutputLocation")
    enforced = configuration.get("EnforceWorkGroupConfiguration", False)
    place = (its_own or settings.output_location) if enforced else (settings.output_location or its_own)
    if not place:
        raise UserError(f"the Athena workgroup {name} has no place for results; set athena.output_location, or run setup with --stack for one that has.")
    return f"{place.removesuffix('/')}/"


@dataclass(frozen=True, slots=True)
class WorkgroupStep:
    """Looks whether queries can run: a workgroup that is enabled and knows where to put results."""

    client: Any
    settings: Athena

    @property
    def title(self) -> str:
        return f"workgroup {self.settings.workgroup}"

    def shown(self) -> str:
        return f"-- Athena: the workgroup {self.settings.workgroup} must be there and enabled, and have a place for results."

    def run(self) -> Outcome:
        place = results_of(self.client, self.settings)
        return Outcome(Change.VERIFIED, "results in Athena's own storage" if place is None else f"results in {place}")


@dataclass(frozen=True, slots=True)
class DatabaseStep:
    """Makes the database where there is none."""

    catalog: Catalog

    @property
    def title(self) -> str:
        return f"database {self.catalog.database}"

    def shown(self) -> str:
        return f"CREATE DATABASE IF NOT EXISTS `{self.catalog.database}`;"

    def run(self) -> Outcome:
        if self.catalog.database_marker() is not None:
            return Outcome(Change.UNCHANGED)
        self.catalog.create_database()
        return Outcome(Change.MADE)


@dataclass(frozen=True, slots=True)
class DefinitionStep:
    """Makes a table or view, or makes it anew when its definition has changed. What setup has not made is never touched."""

    definition: Definition
    catalog: Catalog
    engine: Engine

    @property
    def title(self) -> str:
        return f"{self.definition.kind} {self.definition.name}"

    def shown(self) -> str:
        return f"{self.definition.statement.text};"

    def run(self) -> Outcome:
        found = self.catalog.find(self.definition.name)
        if found is not None and not found.is_ours:
            raise UserError(
                f"{self.catalog.database}.{self.definition.name} is there already and setup has not made it; drop or rename it, set another athena.database, "
                "or, where it is what you want to have read, name it in the table of its source."
            )
        if found is not None and found.definition == self.definition.digest:
            return Outcome(Change.UNCHANGED)
        if found is not None and (found.is_external or found.is_view != (self.definition.kind == "view")):
            self.catalog.drop(self.definition.name)
        self.engine.query(self.definition.statement, ())
        if self.definition.kind == "view":
            self.catalog.mark(self.definition.name, self.definition.digest)
        return Outcome(Change.MADE) if found is None else Outcome(Change.CHANGED, "its definition is another than before")


@dataclass(frozen=True, slots=True)
class ExistingStep:
    """Looks whether a table that the config names has the columns that are read. Those that a bill may lack get a view that gives NULL for them."""

    source: str
    table: str
    catalog: Catalog
    engine: Engine

    @property
    def title(self) -> str:
        return f"existing table {self.table}"

    def shown(self) -> str:
        return f"-- Glue: {self.table} (sources.{self.source}.table) must have the columns {', '.join(needed_columns(self.source))}."

    def run(self) -> Outcome:
        database, _, name = self.table.rpartition(".")
        found = self.catalog.find(name, database or None)
        if found is None:
            raise UserError(f"there is no table {self.table}; correct sources.{self.source}.table, or leave it out to have setup make one.")
        if absent := missing(needed_columns(self.source), found.columns):
            raise UserError(
                f"the table {self.table} lacks {_some(absent)}; add them (NULL does), or leave sources.{self.source}.table out to have setup make one."
            )
        if lacking := [name for name in optional_columns(self.source) if name not in found.columns]:
            return self._complete(found, lacking)
        return Outcome(Change.VERIFIED, f"{len(found.columns)} columns")

    def _complete(self, found: Found, lacking: list[str]) -> Outcome:
        wanted = [
            *((name, "", True) for name in needed_columns(self.source)),
            *((n, kind, n not in lacking) for n, kind in optional_columns(self.source).items()),
        ]
        made = DefinitionStep(completed(self.table, wanted), self.catalog, self.engine).run()
        view = f"{self.catalog.database}.{CUR_COMPLETED}"
        return Outcome(made.change, f"it lacks {_some(lacking)}: set sources.{self.source}.table to {view}, which gives NULL for them")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"{', '.join(names[:_LISTED])}{more}"


@dataclass(frozen=True, slots=True)
class VerifyStep:
    """Runs a query that shows that a table or view can be read."""

    definition: Definition
    engine: Engine

    @property
    def title(self) -> str:
        return f"query of {self.definition.name}"

    def shown(self) -> str:
        return f"{self.definition.verify.text};" if self.definition.verify else ""

    def run(self) -> Outcome:
        assert self.definition.verify is not None
        rows = nanoarrow.ArrayStream(self.engine.query(self.definition.verify, ())).read_all().to_pylist()
        newest = rows[0]["newest"] if rows else None
        return Outcome(Change.VERIFIED, f"newest: {newest}" if newest is not None else "it can be read and has no rows yet")
