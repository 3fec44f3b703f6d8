"""The tables and views that a config asks for, as the statements that make them, in the order in which they must be made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from exporter.config import CloudTrailSource, Config, CurSource, KiroSource
from exporter.engines import Statement
from exporter.quoting import sql_name
from exporter.sensitive_events import SensitiveEvent, with_added
from exporter.setup.filling import (
    EXAMPLE_ACCOUNT,
    EXAMPLE_LOCATION,
    EXAMPLE_REGION,
    fill,
    in_list,
    location,
    text_list,
    text_of,
    with_properties,
    with_rows,
)
from exporter.setup.layout import ROOT, Layout

MARKER = "aws_user_exporter.definition"
"""The parameter in the Glue catalog by which setup knows what it has made, and from which definition."""

MOST_ENUMERATED = 48
"""Accounts that the table of CloudTrail enumerates. AWS advises a few dozen at most; beyond it they are injected: each query names those it reads."""

_KIRO_VIEWS = {
    "kiro_credits": ("kiro_credits_daily", "user_credits_enhanced", "tier_summary"),
    "kiro_features": ("kiro_features_daily", "user_activity_enhanced", "daily_summary", "top_users"),
}
CUR_COMPLETED = "cur_completed"
"""The view that gives NULL for the columns which an export of somebody else's leaves out."""

RELATIONS = {"kiro_credits": "kiro_user_report", "kiro_features": "kiro_by_user_analytic"}
"""The view that binds the columns of each report."""


@dataclass(frozen=True, slots=True)
class Definition:
    """One table or view: the statement that makes it, and the one that shows that it can be read (one row, one text column `newest`)."""

    name: str
    kind: Literal["table", "view"]
    text: str
    verify: Statement | None = None

    @property
    def digest(self) -> str:
        """Tells two definitions of one name apart."""
        return hashlib.blake2b(self.text.encode(), digest_size=8).hexdigest()

    @property
    def statement(self) -> Statement:
        """What is run. That of a table carries the marker; a view is marked afterwards, as its statement has no place for one."""
        marked = with_properties(self.text, {MARKER: self.digest}) if self.kind == "table" else self.text
        return Statement(f"{self.kind}s/{self.name}", marked)


def definitions(config: Config, layouts: Mapping[str, Layout], results: str | None) -> list[Definition]:
    """Everything that the sources in `layouts` (by name) need, and the views for people. Reports with a table of their own get a view over it.

    `results` is where Athena writes: beside that the exporter keeps a table of its own for the bill. None: nowhere in S3.
    """
    found: dict[str, Definition] = {}
    for name, layout in layouts.items():
        source = config.sources.enabled()[name]
        made: Iterable[Definition] = ()
        if isinstance(source, CloudTrailSource):
            made = (*_cloudtrail(source, layout), _sensitive_events(config))
        elif isinstance(source, KiroSource):
            made = _kiro(config, name, source, layout)
        elif isinstance(source, CurSource):
            made = _cur(source, results)
        found.update((definition.name, definition) for definition in made if definition.name not in found)
    return list(found.values())


def over_existing(relation: str, table: str) -> Definition:
    """A view under the name that the statements read, over a table that is there already."""
    return Definition(relation, "view", f"CREATE OR REPLACE VIEW {relation} AS\nSELECT *\nFROM {_quoted(table)}")


def completed(table: str, columns: Iterable[tuple[str, str, bool]]) -> Definition:
    """A view over a table of CUR that lacks some columns: name, type in a query, and whether it is there, of each that is wanted."""
    listed = ",\n".join(f"    {sql_name(name)}" if there else f"    CAST(NULL AS {kind}) AS {sql_name(name)}" for name, kind, there in columns)
    return Definition(CUR_COMPLETED, "view", f"CREATE OR REPLACE VIEW {CUR_COMPLETED} AS\nSELECT\n{listed}\nFROM {_quoted(table)}")


def is_own_name(config: Config, relation: str, table: str) -> bool:
    """Whether a table that is named in the config already stands where the statements look for it."""
    return table.lower() in (relation, f"{config.athena.database.lower()}.{relation}")


def _cloudtrail(source: CloudTrailSource, layout: Layout) -> Iterator[Definition]:
    if source.table is not None:
        return
    values = _values(source.location, "sources.cloudtrail.location", layout)
    if len(layout.accounts) > MOST_ENUMERATED:
        del values[EXAMPLE_ACCOUNT]
        values[f"'projection.account.type' = 'enum',\n  'projection.account.values' = {EXAMPLE_ACCOUNT}"] = "'projection.account.type' = 'injected'"
    verify = _verifying("cloudtrail", {EXAMPLE_ACCOUNT: in_list(layout.accounts[:1]), EXAMPLE_REGION: in_list(layout.regions[:1])})
    yield Definition("cloudtrail", "table", fill(text_of("tables/cloudtrail"), values), verify)


def _cur(source: CurSource, results: str | None) -> Iterator[Definition]:
    if source.table is None:
        data = {f"{EXAMPLE_LOCATION}example-export/": location(source.location, "sources.cur.location")}
        yield Definition("cur", "table", fill(text_of("tables/cur"), data), _verifying("cur"))
    if results is not None:
        place = {EXAMPLE_LOCATION: location(results, "the location of Athena's results")}
        yield Definition("resource_creators", "table", fill(text_of("tables/resource_creators"), place), _verifying("resource_creators"))


def _sensitive_events(config: Config) -> Definition:
    listed = with_added(SensitiveEvent(event.category, event.source, event.event, event.when) for event in config.usage.sensitive_events)
    rows = [(event.category, event.source, event.event, event.when) for event in listed]
    return Definition("sensitive_events", "view", with_rows(text_of("views/sensitive_events"), rows), _verifying("sensitive_events"))


def _kiro(config: Config, name: str, source: KiroSource, layout: Layout) -> Iterator[Definition]:
    relation = RELATIONS[name]
    if source.table is not None:
        if not is_own_name(config, relation, source.table):
            yield over_existing(relation, source.table)
    else:
        lines = f"{relation}_lines"
        yield Definition(lines, "table", fill(text_of(f"tables/{lines}"), _values(source.location, f"sources.{name}.location", layout)), _verifying(lines))
        yield _view(relation)
    yield _user_mapping(config)
    if name == "kiro_credits":
        yield _tiers(config)
    for view in _KIRO_VIEWS[name]:
        yield _view(view)


def _user_mapping(config: Config) -> Definition:
    place = config.people.sync.location
    if place is None or not place.startswith("s3://"):
        return _view("user_mapping")
    text = fill(text_of("tables/user_mapping"), {f"{EXAMPLE_LOCATION}user-mapping/": location(place, "people.sync.location")})
    return Definition("user_mapping", "table", text, _verifying("user_mapping"))


def _tiers(config: Config) -> Definition:
    kiro = config.kiro
    rows = [(name, tier.credits, tier.price, kiro.overage_price, kiro.currency) for name, tier in kiro.tiers.items()]
    return Definition("kiro_tiers", "view", with_rows(text_of("views/kiro_tiers"), rows), _verifying("kiro_tiers"))


def _view(name: str) -> Definition:
    return Definition(name, "view", text_of(f"views/{name}"), _verifying(name))


def _verifying(name: str, values: Mapping[str, str] | None = None) -> Statement:
    return Statement(f"verify/{name}", fill(text_of(f"verify/{name}"), values or {}))


def _quoted(table: str) -> str:
    return ".".join(sql_name(part) for part in table.split("."))


def _values(place: str, key: str, layout: Layout) -> dict[str, str]:
    return {
        f"{EXAMPLE_LOCATION}{ROOT}": f"{location(place, key)}{layout.root}",
        EXAMPLE_ACCOUNT: text_list(layout.accounts),
        EXAMPLE_REGION: text_list(layout.regions),
    }
