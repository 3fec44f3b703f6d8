"""Pieces of PromQL that several panels ask with: whom, in which window, and the value of each day."""

from __future__ import annotations

import math
import re

import yaml

from grafana.source.metrics import RULES

PEOPLE = 'team=~"$team",user=~"$user"'
"""Selects the people whom the reader has chosen."""

NAMED = f'{PEOPLE},user!="_other"'
"""The same without the people whom the series limits have folded into one."""

CURRENCY = 'currency=~"$currency"'
"""Selects the currencies that the reader has chosen."""

MONEY = f"{PEOPLE},{CURRENCY}"
"""Selects money of the people whom the reader has chosen."""

NAMED_MONEY = f"{NAMED},{CURRENCY}"
"""The same without the people whom the series limits have folded into one."""

ONE = "user=`${person:raw}`"
"""Selects the one person whose exact name the reader has typed, whatever quotes or backslashes are in it."""

TEAMS = 'team=~"$team"'
"""Selects the teams whom the reader has chosen."""

EACH = "sum by (user, team)"
"""One value a person. A person has one team at a time, so it changes nothing but the labels."""

TOP = 10
MOST_ROWS = 100
"""A table holds at most so many people: a browser draws no hundred thousand rows."""

_SETTLED, _FIRST = "[23h] offset -95h59m", "[23h] offset -47h59m"


def of_window(metric: str, matchers: str = PEOPLE) -> str:
    """A family of people in the chosen window."""
    return f"{metric}_${{window}}{{{matchers}}}"


def now(metric: str, matchers: str = PEOPLE) -> str:
    """A family without a window, or one whose window the panel fixes."""
    return f"{metric}{{{matchers}}}"


def top(expression: str, people: int = TOP) -> str:
    """Those with most, without zeros; one sample a person, as many instances as may scrape the same."""
    return f"topk({people}, {expression} > 0)"


def settled(total: str, by: str = "", matchers: str = TEAMS) -> str:
    """The value of each UTC day at its start, three days after it: what is restated by then is in it. `total` is a recorded total without its window."""
    return f"{_sum(by)}(last_over_time({total}_3d_ago:sum{{{matchers}}}{_SETTLED}))"


def first(total: str, by: str = "", matchers: str = TEAMS) -> str:
    """The value of each UTC day at its start, as it was told on the next day. tests/test_trends.py shows what simpler forms get wrong."""
    return f"{_sum(by)}(last_over_time({total}_yesterday:sum{{{matchers}}}{_FIRST}))"


def provisional(total: str, by: str = "", matchers: str = TEAMS) -> str:
    """The days that are not settled yet, as they were told on the next day."""
    return f"{first(total, by, matchers)} unless {settled(total, by, matchers)}"


def whole(metric: str, by: str, matchers: str = CURRENCY) -> str:
    """The value of each UTC day at its start, three days after it, of a family that is not about people: its series are few, so none is recorded."""
    return f"{_sum(by)}(last_over_time({metric}_3d_ago{{{matchers}}}{_SETTLED}))"


def whole_first(metric: str, by: str, matchers: str = "") -> str:
    """The same as it was told on the next day."""
    return f"{_sum(by)}(last_over_time({metric}_yesterday{{{matchers}}}{_FIRST}))"


def of_person(metric: str, by: str = "", matchers: str = ONE) -> str:
    """The value of each UTC day of one person, from the family itself. A person who changes team on a day counts once.

    `by` holds every label that the family has besides user and team: a sum over one of them stands outside.
    """
    return _of_person(f"{metric}_yesterday{{{matchers}}}{_FIRST}", by)


def of_person_settled(metric: str, by: str = "", matchers: str = ONE) -> str:
    """The same, three days after the day: for families that are restated."""
    return _of_person(f"{metric}_3d_ago{{{matchers}}}{_SETTLED}", by)


def daily_now(recorded: str, by: str = "", matchers: str = TEAMS) -> str:
    """The last value that a gauge of now had on each UTC day, at the start of the day."""
    return f"{_sum(by)}(last_over_time({recorded}{{{matchers}}}[23h59m] offset -23h59m))"


def counted(recorded: str, by: str = "", matchers: str = TEAMS) -> str:
    """A recorded count of a window that ends with a UTC day, at the start of that day: as it was told on the next day."""
    return f"{_sum(by)}(last_over_time({recorded}{{{matchers}}}{_FIRST}))"


def where(**labels: str) -> str:
    """Matchers: each label has the value."""
    return ",".join(f'{label}="{value}"' for label, value in labels.items())


def like(**labels: str) -> str:
    """Matchers: each label matches the regular expression."""
    return ",".join(f'{label}=~"{value}"' for label, value in labels.items())


def threshold(name: str) -> str:
    """The number that alerts compare with, as a scalar. `name` is the recorded one without `threshold:`."""
    return f"scalar(threshold:{name})"


def compared(expression: str, *names: str) -> str:
    """The expression where these numbers are recorded. A comparison with one that is not has no answer either, which says nothing."""
    return " and on () ".join((expression, *(f"threshold:{name}" for name in names)))


def threshold_value(name: str) -> float:
    """The same as it stands in the rules: for colours, which cannot ask Prometheus. Raises KeyError for one that is not there as a number or product."""
    for group in yaml.safe_load((RULES / "thresholds.yml").read_text(encoding="utf-8"))["groups"]:
        for rule in group["rules"]:
            written = re.fullmatch(r"vector\(([\d. *]+)\)", rule["expr"])
            if rule["record"] == f"threshold:{name}" and written:
                return math.prod(float(factor) for factor in written[1].split("*"))
    raise KeyError(name)


def _of_person(series: str, by: str) -> str:
    labels = f"user, {by}" if by else "user"
    return f"{_sum(by)}(max by ({labels}) (last_over_time({series})))"


def _sum(by: str) -> str:
    return f"sum by ({by}) " if by else "sum"
