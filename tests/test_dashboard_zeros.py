"""Good news of dashboards is a value, never the absence of one. Prometheus' own `promtool test rules` asks every number of worlds where little is known."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from dashboards_rig import BOARDS, Query, queries
from grafana_libraries import ran
from tools import require_tool

from exporter.families.catalogue import GROUPS
from grafana.source import metrics

PANELS = {f"{name}: {panel['title']}": panel for name, board in BOARDS.items() for panel in metrics.panels(board)}
NUMBERS = {name: panel for name, panel in PANELS.items() if panel["type"] == "stat"}
ZEROS = {name for name, panel in NUMBERS.items() if panel["fieldConfig"]["defaults"].get("mappings")}
"""Numbers whose 0 has a text."""

QUERIES = [query for query in queries() if f"{query.board}: {query.panel}" in NUMBERS]

_FILLED = " or 0 * count"
_OF_TIERS = re.compile(r" unless on \(user, team\) kiro_user_seat\{tier!~[^}]*\}")
"""Leaves out who holds a seat of another tier than the chosen ones: who is not known to hold any stays."""
_NEWS = re.compile(r"(Nobody|Everybody|Nothing|No seat|No overage|No spike|No alert|No such|No events|None|This person)\b(?! is known)")
_OR_NOT_KNOWN = re.compile(r"\b(or|and) .*(landed|scraped|rendered|read|known|history|lacks the rules)")

HOURS = 10 * 24
"""Queries are asked on 11 January 1970, 00:00 UTC."""
NOW = HOURS * 3600

_WINDOWS = ("yesterday", "last_7d", "last_30d", "month_to_date")
_KIM = 'user="kim",team="core"'

World = Mapping[str, Mapping[str, float]]
"""Values of series, by what must be there for them: a source, the exporter itself, the rules."""


def world(*, used: bool) -> World:
    """One person of whom everything has landed and nothing is wrong. Without `used`, they have not done anything ever."""
    some = int(used)
    cloudtrail: dict[str, float] = {f'aws_user_events_{window}{{{_KIM},access="read"}}': 5 * some for window in _WINDOWS}
    kiro: dict[str, float] = {
        "kiro_user_included_credits": 1000,
        "kiro_user_credit_utilization_ratio": 0.003 * some,
        "kiro_user_forecast_credits": 9 * some,
        "kiro_user_overage_enabled": 0,
        "kiro_user_overage_cap_credits": 500,
        "kiro_user_seat_start_timestamp_seconds": 0,
        "kiro_user_active_dates_last_7d": some,
        "kiro_user_active_dates_last_30d": 3 * some,
        **{f"kiro_user_{what}_{window}": 3 * some for what in ("credits", "messages") for window in _WINDOWS},
    }
    kiro = {f"{name}{{{_KIM}}}": value for name, value in kiro.items()}
    kiro |= {f'kiro_user_seat{{{_KIM},tier="pro",status="active"}}': 1, f'kiro_user_recommended_tier{{{_KIM},tier="pro"}}': 1}
    kiro |= {'kiro_tier_price{tier="pro",currency="USD"}': 20, 'kiro_overage_price{currency="USD"}': 0.04}
    kiro |= {'aws_user_exporter_source_data_timestamp_seconds{source="kiro_credits"}': NOW}
    if used:
        cloudtrail |= {f'aws_user_service_events_{window}{{{_KIM},aws_service="ec2"}}': 5 for window in _WINDOWS}
        cloudtrail |= {f"aws_user_last_activity_timestamp_seconds{{{_KIM}}}": NOW - 86400}
        kiro |= {f'kiro_user_client_messages_{window}{{{_KIM},client="ide"}}': 3 for window in _WINDOWS}
        kiro |= {f"kiro_user_{which}_activity_timestamp_seconds{{{_KIM}}}": value for which, value in (("first", 0), ("last", NOW - 86400))}
    bill: dict[str, float] = {f'aws_user_cost_{window}{{{_KIM},charge="usage",currency="USD"}}': 10 * some for window in _WINDOWS}
    bill |= {f'aws_user_typical_day_cost{{{_KIM},currency="USD"}}': 10, f'kiro_user_billed_cost_last_month{{{_KIM},component="seat",currency="USD"}}': 20}
    return {
        "directory": {f'aws_user_info{{{_KIM},status="enabled"}}': 1, f"aws_user_created_timestamp_seconds{{{_KIM}}}": 0},
        "cloudtrail": cloudtrail,
        "bill": bill,
        "kiro_credits": kiro,
        "kiro_features": {f'aws_user_exporter_source_window_landed{{source="kiro_features",window="{window}"}}': 1 for window in _WINDOWS},
        "exporter": {'aws_user_exporter_build_info{job="a",instance="b"}': 1},
        "rules": {"threshold:kiro_near_limit:ratio": 0.8, "threshold:cost_spike:ratio": 3, "threshold:cost_spike:amount": 50},
    }


OF_USE = {
    "overview: Active people",
    "aws-usage: Active people",
    "aws-usage: Services used",
    "kiro-overview: Active people",
    "kiro-behaviour: Active yesterday",
    "kiro-behaviour: Active in 7 days",
    "kiro-behaviour: Active in 30 days",
    "kiro-behaviour: Seats in use",
    "person: Last seen in AWS",
    "person: Last seen in Kiro",
    "person: Kiro credits",
    "person: Active days in Kiro",
}
"""Numbers that are not 0 where somebody did something."""

AMONG_USE = {
    "aws-usage: Share denied",
    "person: Share denied",
    "kiro-features: Use that is covered",
    "inactive: Never seen",
    "inactive: Not seen lately",
    "inactive: Disabled and not gone",
}
"""Numbers that are 0 only where somebody did something."""

OF_ANY_SOURCE = {"overview: Active people", "inactive: Never seen", "inactive: Not seen lately", "inactive: Disabled and not gone"}
"""Numbers that one source of several is enough for."""


def asked(query: Query, user: str = "") -> str:
    """The query about everybody, or about kim where it is about one person; or about another user."""
    named = query.expression.replace("${person:raw}", user or "kim")
    return named.replace('user=~".*"', f'user=~"{user}"') if user else named


def panel(query: Query) -> str:
    return f"{query.board}: {query.panel}"


def sources(query: Query) -> set[str]:
    """Where the families come from that a number is counted of, and the rules if it compares with one of theirs."""
    names = metrics.asked(_OF_TIERS.sub("", asked(query).rpartition(_FILLED)[0]))
    of_families = {group.source for group in GROUPS for family in group.families if group.source and names & set(family.names())}
    return of_families | ({"rules"} if any(name.startswith("threshold:") for name in names) else set())


def check(folder: Path, made: World, expected: Iterable[tuple[str, list[dict[str, Any]]]]) -> None:
    """Fails where an expression has another answer than these samples."""
    series = [{"series": name, "values": f"{value}x{HOURS}"} for found in made.values() for name, value in found.items()]
    tests = [{"expr": expression, "eval_time": f"{HOURS}h", "exp_samples": samples} for expression, samples in expected]
    assert tests
    file = folder / "numbers.yml"
    file.write_text(yaml.safe_dump({"tests": [{"interval": "1h", "input_series": series, "promql_expr_test": tests}]}), encoding="utf-8")
    done = subprocess.run([require_tool("promtool"), "test", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def zero(query: Query) -> list[dict[str, Any]]:
    return [{"labels": '{currency="USD"}' if f"{_FILLED} by (currency)" in query.expression else "{}", "value": 0}]


# Worlds


def test_no_number_says_anything_where_prometheus_has_no_data(tmp_path: Path) -> None:
    check(tmp_path, {}, [(asked(query), []) for query in QUERIES])


@pytest.mark.parametrize(("used", "others"), [(True, OF_USE), (False, AMONG_USE)], ids=["used", "idle"])
def test_good_news_is_a_value_where_everything_has_landed(used: bool, others: set[str], tmp_path: Path) -> None:
    check(tmp_path, world(used=used), [(asked(query), zero(query)) for query in QUERIES if panel(query) in ZEROS - others])


@pytest.mark.parametrize("used", [True, False], ids=["used", "idle"])
@pytest.mark.parametrize("missing", ["cloudtrail", "bill", "kiro_credits", "kiro_features", "rules"])
def test_there_is_no_good_news_of_what_has_not_landed(missing: str, used: bool, tmp_path: Path) -> None:
    made = {name: series for name, series in world(used=used).items() if name != missing}
    those = [query for query in QUERIES if panel(query) in ZEROS - OF_ANY_SOURCE and missing in sources(query)]
    check(tmp_path, made, [(f"({asked(query)}) == 0", []) for query in those])


@pytest.mark.parametrize("used", [True, False], ids=["used", "idle"])
@pytest.mark.parametrize("board", ["kiro-overview", "kiro-behaviour", "kiro-cost", "kiro-features", "overview", "person", "aws-usage", "inactive", "aws-cost"])
def test_there_is_no_good_news_of_people_while_only_the_directory_is_known(board: str, used: bool, tmp_path: Path) -> None:
    made = {name: series for name, series in world(used=used).items() if name in ("directory", "exporter", "rules")}
    check(tmp_path, made, [(f"({asked(query)}) == 0", []) for query in QUERIES if panel(query) in ZEROS and query.board == board])


def test_nobody_counts_as_never_seen_before_anything_has_landed(tmp_path: Path) -> None:
    (never,) = [asked(query) for query in QUERIES if panel(query) == "inactive: Never seen"]
    seen = {'aws_user_last_activity_timestamp_seconds{user="sam",team="core"}': float(NOW - 86400)}
    directory = world(used=False)["directory"]
    check(tmp_path, {"directory": directory}, [(never, [])])
    check(tmp_path, {"directory": directory, "cloudtrail": seen}, [(never, [{"labels": "{}", "value": 1}])])


@pytest.mark.parametrize("used", [True, False], ids=["used", "idle"])
def test_there_is_no_good_news_of_a_user_who_is_not_there(used: bool, tmp_path: Path) -> None:
    those = [query for query in QUERIES if panel(query) in ZEROS and query.board != "exporter"]
    check(tmp_path, world(used=used), [(f"({asked(query, 'nobody')}) == 0", []) for query in those])


# Texts


def test_the_lists_name_numbers_that_are_there() -> None:
    assert ZEROS >= OF_USE | AMONG_USE | OF_ANY_SOURCE


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_says_what_0_means_where_it_fills_zeros_up_and_nowhere_else(name: str) -> None:
    (target,) = NUMBERS[name]["targets"]
    texts = [one["options"]["0"]["text"] for one in NUMBERS[name]["fieldConfig"]["defaults"].get("mappings") or ()]
    assert bool(texts) == (_FILLED in target["expr"])
    assert all(texts)


def test_grafana_shows_the_text_for_0_and_the_number_for_others() -> None:
    ran("build.mjs", "tables")
    names = sorted(ZEROS)
    for value, as_text in (("0", True), ("-0", True), ("0.001", False), ("2", False)):
        answer = {"refId": "A", "table": False, "legend": "", "step": 0, "series": [{"metric": {}, "value": [NOW, value]}]}
        frames = json.loads(ran("made/tables.mjs", text=json.dumps([{"panel": NUMBERS[name], "answers": [answer]} for name in names])))
        meant = {name: NUMBERS[name]["fieldConfig"]["defaults"]["mappings"][0]["options"]["0"]["text"] for name in names}
        shown = {name: frame["texts"][0][-1] for name, (frame,) in zip(names, frames, strict=True)}
        assert {name for name in names if shown[name] == meant[name]} == (ZEROS if as_text else set()), value


@pytest.mark.parametrize("name", PANELS)
def test_no_news_is_told_where_nothing_is_known(name: str) -> None:
    text = PANELS[name]["fieldConfig"]["defaults"]["noValue"]
    assert not _NEWS.match(text) or _OR_NOT_KNOWN.search(text), text
