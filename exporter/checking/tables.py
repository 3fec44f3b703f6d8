"""What Athena has: the workgroup, the database, tables and views with their columns, and whether each that the exporter reads can be queried."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from exporter.aws import Denied, explained
from exporter.checking.callers import Callers
from exporter.checking.findings import Finding, Status, Value
from exporter.checking.trying import ATHENA, denied
from exporter.config import Aws, Config
from exporter.engines import Statement
from exporter.engines.reading import reading
from exporter.errors import TransientError, UserError
from exporter.setup import Installation, Step
from exporter.setup.catalog import Catalog, Found
from exporter.setup.columns import missing, needed_columns, optional_columns
from exporter.setup.definitions import CUR_COMPLETED, RELATIONS, Definition
from exporter.setup.filling import text_of
from exporter.setup.installation import Choices
from exporter.setup.steps import DatabaseStep, DefinitionStep, ExistingStep, VerifyStep, WorkgroupStep
from exporter.telemetry import Telemetry

AGAIN = "run setup, which makes it anew"
_QUERIED = ("cloudtrail", "sensitive_events", "cur", "resource_creators", *RELATIONS.values())
"""What statements of the exporter read."""

_READ = (*_QUERIED, *(f"{relation}_lines" for relation in RELATIONS.values()))
"""What they read, and what that is made over; all else is for people who use SQL."""

_DATABASE = ""
"""Stands for the database among names of tables."""

_COLUMNED = ("cloudtrail", "cur")
"""Those of them that are tables whose columns statements name."""

_SHOWN = 8
_NULLED = re.compile(r"CAST\(NULL AS [^\n]+?\) AS \"?(\w+)\"?", re.IGNORECASE)
_FROM = re.compile(r"FROM\s+((?:\"?[\w-]+\"?\.)?\"?[\w-]+\"?)\s*$", re.IGNORECASE)


def look(config: Config, sources: Sequence[str], callers: Callers, queries: bool, poll_seconds: float = 0.5) -> Iterator[Finding]:
    """Everything that setup makes, and the tables that the config names, for some of the sources on Athena; in buckets, that is.

    Nothing is made or changed. With `queries`, what the exporter reads is queried with the verifying queries of setup, which read a few days at most.
    """
    said: list[str] = []
    in_buckets = tuple(name for name in sources if config.sources.queried()[name].location.startswith("s3://"))
    try:
        if in_buckets:
            absent: set[str] = set()
            for step in Installation(config, Choices(in_buckets), said.append, callers.client, poll_seconds).steps():
                if isinstance(step, WorkgroupStep):  # another account or region begins
                    absent = set()
                yield from _looked_at(config, step, callers, queries, absent)
        for name in (name for name in sources if name not in in_buckets):
            yield from _looked_at(config, _of_folder(config, name, callers, poll_seconds), callers, queries, set())
    except Denied as error:
        yield Finding(ATHENA, "table", Status.FAILED, f"not looked at: {error}")
    except (UserError, TransientError) as error:
        yield Finding(ATHENA, "table", Status.FAILED, str(error), "mend that, and check again")
    yield from (Finding(ATHENA, "table", Status.WARNING, note) for note in said)


def _of_folder(config: Config, name: str, callers: Callers, poll_seconds: float) -> ExistingStep:
    """A table of the config whose files are listed in a folder: setup has nothing to do with it."""
    from exporter.engines.athena import AthenaEngine  # brings boto3 and PyAthena, which an offline check does not wait for

    reach, table = config.query_aws_for(name), config.sources.queried()[name].table
    assert table is not None, "Athena reads a bucket or a table"
    engine = AthenaEngine(config.athena, partial(callers.client, reach), Telemetry(), poll_seconds=poll_seconds)
    return ExistingStep(name, table, Catalog(callers.client(reach, "glue"), config.athena.database), engine)


def _looked_at(config: Config, step: Step, callers: Callers, queries: bool, absent: set[str]) -> Iterator[Finding]:
    """What a step is about, as it is. `absent` are names of what is not there, so that what rests on it is not told as well."""
    try:
        match step:
            case WorkgroupStep():
                yield Finding(ATHENA, "query", Status.OK, f"{step.title}: {step.run().detail}")
            case DatabaseStep() if step.catalog.database_marker() is None:
                absent.add(_DATABASE)
                yield Finding(ATHENA, "table", Status.FAILED, f"there is no database {step.catalog.database}", "run setup, or correct athena.database")
            case ExistingStep():
                yield from _existing(config, step, callers, queries)
            case DefinitionStep() if _DATABASE not in absent:
                yield from _definition(step, absent)
            case VerifyStep() if queries and step.definition.name in _QUERIED and absent.isdisjoint((_DATABASE, step.definition.name)):
                yield _verified(step)
    except (UserError, TransientError) as error:
        yield _failed(step.title, error)


def _definition(step: DefinitionStep, absent: set[str]) -> Iterator[Finding]:
    """What setup makes, as it is."""
    name, catalog = step.definition.name, step.catalog
    is_read = name in _READ
    found = catalog.find(name)
    if found is None:
        absent.add(name)
        status = Status.FAILED if is_read else Status.WARNING
        yield Finding(ATHENA, "table", status, f"there is no {step.title}{'' if is_read else ', which is for people who use SQL'}", "run setup")
    elif found.definition is None:
        yield Finding(
            ATHENA,
            "table",
            Status.WARNING,
            f"{catalog.database}.{name} was not made by setup",
            "drop or rename it and run setup, or name it in the table of its source",
        )
    elif found.definition != step.definition.digest:
        text = f"{step.title} was made from another definition than files and config now ask for: accounts and regions may be missing"
        yield Finding(ATHENA, "table", Status.WARNING, text, AGAIN)
    elif name in _COLUMNED and (lacking := missing({**needed_columns(name), **{column: {} for column in optional_columns(name)}}, found.columns)):
        yield Finding(ATHENA, "table", Status.FAILED, f"{step.title} lacks {some(lacking)}", f"drop it, and {AGAIN}", values={"missing": ", ".join(lacking)})
    else:
        yield Finding(ATHENA, "table", Status.OK, f"{step.title}: {len(found.columns)} columns", values={"name": name, "columns": len(found.columns)})


def _existing(config: Config, step: ExistingStep, callers: Callers, queries: bool) -> Iterator[Finding]:
    """A table that the config names."""
    database, _, name = step.table.rpartition(".")
    found = step.catalog.find(name, database or None)
    if found is None:
        todo = f"correct sources.{step.source}.table, or leave it out and run setup to have one made"
        yield Finding(step.source, "table", Status.FAILED, f"there is no table {step.table}", todo)
        return
    yield from _columns(step.source, step.table, found)
    if step.source == "cur":
        yield from _outdated(config.query_aws_for("cur"), step.table, step.catalog, callers)
    if queries and step.source in RELATIONS | {"cur": "cur"}:
        relation = RELATIONS.get(step.source, "cur")
        statement = reading(Statement(f"verify/{relation}", text_of(f"verify/{relation}")), relation, step.table)
        yield replace(_verified(VerifyStep(Definition(step.table, "table", "", statement), step.engine)), about=step.source)


def _columns(source: str, table: str, found: Found) -> Iterator[Finding]:
    values: dict[str, Value] = {"name": table, "columns": len(found.columns)}
    lacking = missing(needed_columns(source), found.columns)
    optional = [name for name in optional_columns(source) if name not in found.columns]
    if lacking:
        yield Finding(
            source,
            "table",
            Status.FAILED,
            f"the table {table} lacks {some(lacking)}",
            f"add the columns (NULL does), or leave sources.{source}.table out",
            values={**values, "missing": ", ".join(lacking)},
        )
    if optional:
        text = f"the table {table} lacks {some(optional)}, which an export can leave out"
        todo = f"run setup, which makes the view {CUR_COMPLETED} with NULL for them, and name that in sources.{source}.table"
        yield Finding(source, "table", Status.FAILED, text, todo, values={**values, "missing": ", ".join(optional)})
    if not lacking and not optional:
        yield Finding(source, "table", Status.OK, f"the table {table} has all that is read of its {len(found.columns)} columns", values=values)


def _outdated(reach: Aws, table: str, catalog: Catalog, callers: Callers) -> Iterator[Finding]:
    """Columns that a view gives NULL for though the table below has them by now."""
    database, _, name = table.rpartition(".")
    place = (database or catalog.database).lower()
    with explained("glue:GetTable", f"{place}.{name}"):
        view = callers.client(reach, "glue").get_table(DatabaseName=place, Name=name.lower())["Table"]
    text = view_text(str(view.get("ViewOriginalText", "")))
    below = _FROM.search(text)
    nulled = {found.lower() for found in _NULLED.findall(text)}
    if below is None or not nulled:
        return
    base, _, of_base = below[1].replace('"', "").rpartition(".")
    found = catalog.find(of_base, base or place)
    if found is not None and (appeared := sorted(nulled & set(found.columns))):
        under = f"{base or place}.{of_base}"
        text = f"the view {table} is out of date: {under} has {some(appeared)} by now, and the view gives NULL"
        todo = f"set sources.cur.table to {under} and run setup; it says whether a view is still needed"
        yield Finding("cur", "table", Status.WARNING, text, todo, values={"name": table, "appeared": ", ".join(appeared)})


def view_text(original: str) -> str:
    """The SQL of a view as Glue keeps it: as it is, or within the comment that Presto writes, as JSON in Base64."""
    found = re.fullmatch(r"/\* Presto View: (?P<packed>[A-Za-z0-9+/=]+) \*/", original.strip())
    if found is None:
        return original
    try:
        return str(json.loads(base64.b64decode(found["packed"]))["originalSql"])
    except (ValueError, KeyError, TypeError):
        return ""


def _verified(step: VerifyStep) -> Finding:
    try:
        detail = step.run().detail
    except (UserError, TransientError) as error:
        return _failed(step.title, error)
    return Finding(ATHENA, "query", Status.OK, f"{step.definition.name}: {detail}", values={"name": step.definition.name})


def _failed(title: str, error: UserError | TransientError) -> Finding:
    if isinstance(error, Denied):
        return denied(ATHENA, error, "the exporter", f"needed for the {title}")
    return Finding(ATHENA, "query", Status.FAILED, f"{title}: {error}")


def some(names: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"
