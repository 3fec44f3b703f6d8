"""Which exposition format and which compression a client gets, by RFC 9110 sections 12.4 and 12.5."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Format:
    """An exposition format. `versions`: the values of the parameter `version` in Accept that this format answers."""

    type: str
    versions: tuple[str, ...]
    content_type: str
    openmetrics: bool


# A client that can read text 1.0.0 can read 0.0.4, and nothing here has a name that would need the quoting of 1.0.0.
TEXT = Format("text/plain", ("0.0.4", "1.0.0"), "text/plain; version=0.0.4; charset=utf-8", openmetrics=False)
OPENMETRICS_1 = Format("application/openmetrics-text", ("1.0.0",), "application/openmetrics-text; version=1.0.0; charset=utf-8", openmetrics=True)
OPENMETRICS_0 = Format("application/openmetrics-text", ("0.0.1",), "application/openmetrics-text; version=0.0.1; charset=utf-8", openmetrics=True)
FORMATS = (TEXT, OPENMETRICS_1, OPENMETRICS_0)
"""In the order of preference where the client has none."""

_ELEMENT = re.compile(r'(?:[^,"]|"(?:\\.|[^"\\])*"?)+')
_PARAMETER = re.compile(r';\s*([^=;\s]+)\s*=\s*("(?:\\.|[^"\\])*"|[^;\s]*)')
# more lenient than the RFC in one thing: some clients leave out the 0 of q=.2
_WEIGHT = re.compile(r"0?\.\d+|0\.?|1(\.0*)?")


def choose_format(accept: str | None) -> Format:
    """The format for an Accept header. Without one, or when it accepts nothing that exists here, text 0.0.4, as Prometheus documents it.

    https://prometheus.io/docs/instrumenting/content_negotiation/
    """
    ranges = list(_elements(accept or ""))
    best, best_rank = TEXT, (0.0, 0)
    for format in FORMATS:
        # of the ranges that match, the most specific one holds, and of equally specific ones (two versions that one format answers) the heavier
        specificity, weight = max(((_specificity(name, parameters, format), weight) for name, parameters, weight in ranges), default=(0, 0.0))
        if specificity and weight and (weight, specificity) > best_rank:
            best, best_rank = format, (weight, specificity)
    return best


def gzip_accepted(accept_encoding: str | None) -> bool:
    """Whether to compress: gzip is acceptable, and the client does not prefer to have it plain."""
    weights = {name: weight for name, _, weight in _elements(accept_encoding or "")}
    anything = weights.get("*", 0.0)
    gzip = weights.get("gzip", weights.get("x-gzip", anything))
    return gzip > 0 and gzip >= weights.get("identity", 0.0)


def _elements(header: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """Name in lower case, parameters and weight of every element; one with a weight that is none (`q=high`) counts as not sent."""
    for element in _ELEMENT.findall(header):
        name, _, _ = element.partition(";")
        parameters = {key.lower(): value.strip('"') for key, value in _PARAMETER.findall(element)}
        weight = parameters.pop("q", "1")
        if name.strip() and _WEIGHT.fullmatch(weight):
            yield name.strip().lower(), parameters, float(weight)


def _specificity(name: str, parameters: dict[str, str], format: Format) -> int:
    """0: the range does not match the format; else the higher, the closer. Parameters but `version` (charset, escaping) decide nothing here."""
    if name == "*/*":
        return 1
    if name == format.type.partition("/")[0] + "/*":
        return 2
    if name != format.type:
        return 0
    version = parameters.get("version")
    if version is None:
        return 3
    return 4 if version in format.versions else 0
