"""What a query may ask for: metrics and windows that the exporter publishes, and totals that the rules record."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from exporter.families.catalogue import families
from exporter.telemetry import DEFINITIONS, PREFIX

RULES = Path(__file__).parents[2] / "prometheus" / "rules"

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|`[^`]*`')
_SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)?\s*\{")
_MATCHERS = re.compile(r"\{[^{}]*\}")
_RANGE = re.compile(r"\[[^\]]*\]")
_LABELS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", re.IGNORECASE)
_WORD = re.compile(r"(?<![\w:.$])[a-zA-Z_:][\w:]*(?!\s*\()(?![\w:])")
_KEYWORDS = frozenset({"and", "or", "unless", "bool", "offset", "by", "without", "on", "ignoring", "group_left", "group_right", "inf", "nan"})
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_LABEL_VALUES = re.compile(r"label_values\((?P<expression>.+),\s*\w+\)")

OF_PROMETHEUS = frozenset({"up", "scrape_duration_seconds", "ALERTS", "ALERTS_FOR_STATE"})
"""Metrics that Prometheus makes of its targets and rules."""
OF_PROCESS = frozenset({"process_resident_memory_bytes", "process_cpu_seconds_total"})
"""Those of prometheus_client that dashboards show."""


class NotPublished(ValueError):
    """A query asks for what nobody publishes: its panel would be empty for ever."""


def published() -> frozenset[str]:
    """Every metric name, windows included, in the default config."""
    of_people = (name for family in families().values() for name in family.names())
    of_exporter = (f"{PREFIX}{one.name}{'_total' if one.kind == 'counter' else ''}" for one in DEFINITIONS)
    return frozenset((*of_people, *of_exporter, *_recorded(), *OF_PROMETHEUS, *OF_PROCESS))


def _recorded() -> Iterator[str]:
    for file in sorted(RULES.glob("*.yml")):
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]:
            yield from (rule["record"] for rule in group["rules"] if "record" in rule)


def asked(expression: str) -> frozenset[str]:
    """The metric names in a PromQL expression without variables outside of its strings."""
    bare = _STRING.sub('""', expression)
    if any(name.lower() in {"", *_KEYWORDS} for name in _SELECTOR.findall(bare)):
        raise NotPublished(f"a selector without a metric name cannot be checked: {expression}")
    for part in (_MATCHERS, _RANGE, _LABELS):
        bare = part.sub(" ", bare)
    return frozenset(word for word in _WORD.findall(bare) if word.lower() not in _KEYWORDS)


def check(expression: str, variables: Mapping[str, Sequence[str]], known: Iterable[str]) -> None:
    """Raises NotPublished unless every name is known, whichever value each `${variable}` in it takes."""
    known = frozenset(known)
    for written in expanded(expression, variables):
        unknown = sorted(asked(written) - known)
        if unknown:
            raise NotPublished(f"{', '.join(unknown)} is not published: {expression}")


def expanded(expression: str, variables: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """The expression with each combination of values for its `${variables}`."""
    bare = _STRING.sub('""', expression)
    used = sorted(set(_VARIABLE.findall(bare)))
    missing = [name for name in used if name not in variables]
    if missing or re.search(r"\$(?!\{)", bare):
        raise NotPublished(f"the values of a variable in a name must be known beforehand: {expression}")
    for values in itertools.product(*(variables[name] for name in used)):
        written = expression
        for name, value in zip(used, values, strict=True):
            written = written.replace(f"${{{name}}}", value)
        yield written


def check_dashboard(dashboard: Mapping[str, Any]) -> None:
    """Raises NotPublished for a dashboard (its JSON) that asks for anything else, in a panel or a variable."""
    known, variables = published(), custom_values(dashboard)
    for expression in expressions(dashboard):
        check(expression, variables, known)


def expressions(dashboard: Mapping[str, Any]) -> Iterator[str]:
    """Every PromQL expression of a dashboard: of its panels, those in rows too, and of its variables."""
    for panel in panels(dashboard):
        yield from (target["expr"] for target in panel.get("targets", ()))
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            found = _LABEL_VALUES.fullmatch(variable["query"])
            if found is None:
                raise NotPublished(f"the variable {variable['name']} is no label_values(metric, label): {variable['query']}")
            yield found["expression"]


def panels(dashboard: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every panel that draws something."""
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield from panel.get("panels", ())
        else:
            yield panel


def custom_values(dashboard: Mapping[str, Any]) -> dict[str, list[str]]:
    """The values that custom variables can take."""
    return {one["name"]: [option["value"] for option in one["options"]] for one in dashboard["templating"]["list"] if one["type"] == "custom"}
