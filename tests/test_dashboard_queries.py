"""Every query of every dashboard, asked of a real Prometheus with 60 days of history that scrapes a live demo; some against a recount, and every table."""

from __future__ import annotations

import ast
import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from dashboard_emptiness import NOT_EVERY_DAY, NOT_HERE, SELDOM, declared, may_be_empty
from dashboard_numbers import NUMBERS, total
from dashboards_rig import BOARDS, Demo, Query, queries, running
from demo_recount import DAY, Day
from grafana_libraries import ran
from made_history import of_person

from grafana.check.answers import Prometheus, dashboards
from grafana.source import metrics

QUERIES = {query.name: query for query in queries()}
TABLES = {f"{board['uid']}: {panel['title']}": (board, panel) for board in dashboards() for panel in board["panels"] if panel["type"] == "table"}
PANELS = sorted({f"{query.board}: {query.panel}" for query in QUERIES.values()})
_FIRST_CHOICES = {"last_30d", "30"}
"""What windows and lengths stand at when nothing has been chosen."""


@pytest.fixture(scope="module")
def demo(today: date, prometheus_binary: str, promtool: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running(tmp_path_factory.mktemp("dashboards"), today, prometheus_binary, promtool) as demo:
        yield demo


@pytest.fixture
def landed(demo: Demo) -> Demo:
    """The demo, once it has told of yesterday: CloudTrail does two hours after midnight UTC."""
    if not demo.landed:
        pytest.skip("yesterday has not landed yet")
    return demo


def of_panel(panel: str) -> list[Query]:
    return [query for query in QUERIES.values() if f"{query.board}: {query.panel}" == panel]


# Every query


@pytest.mark.parametrize("panel", PANELS)
def test_no_query_fails_at_any_time(demo: Demo, panel: str) -> None:
    midnight = datetime.combine(demo.recount.today, time(), UTC)
    moments = [demo.now, midnight, midnight - timedelta(hours=12), midnight - 10 * DAY, midnight - 39 * DAY - timedelta(minutes=1)]
    for query in of_panel(panel):
        for moment in moments:
            demo.ask(query, moment)


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_shows_numbers_now(demo: Demo, panel: str) -> None:
    shown = {query.name: [value for series in demo.ask(query) for value in series.values.values()] for query in of_panel(panel)}
    assert {name for name, values in shown.items() if not all(map(math.isfinite, values))} == set()
    not_here = {query.name for query in of_panel(panel) if declared(query, NOT_HERE)}
    empty = {name for name, values in shown.items() if not values}
    assert {name for name in empty if name in not_here or not may_be_empty(QUERIES[name], demo)} == not_here


@pytest.mark.parametrize("reasons", [NOT_HERE, SELDOM, NOT_EVERY_DAY], ids=["not here", "seldom", "not every day"])
def test_what_is_declared_is_there(reasons: Mapping[str, str]) -> None:
    names = {name for query in QUERIES.values() for name in (query.name, f"{query.board}: {query.panel} {query.ref}", f"{query.board}: {query.panel}")}
    assert set(reasons) - names == set()


@pytest.mark.parametrize("board", BOARDS)
def test_variables_have_values(demo: Demo, board: str) -> None:
    for variable in BOARDS[board]["templating"]["list"]:
        if variable["type"] == "query":
            expression, label = variable["query"].removeprefix("label_values(").removesuffix(")").rsplit(", ", 1)
            assert demo.label_values(expression, label), variable["name"]


@pytest.mark.parametrize("board", BOARDS)
def test_nothing_is_filled_up_with_zeros(board: str) -> None:
    assert [expression for expression in metrics.expressions(BOARDS[board]) if "vector(0)" in expression.replace(" ", "")] == []


# Numbers that were worked out independently


def shown(demo: Demo, name: str, *names: str) -> dict[tuple[str, ...], float]:
    """What a query gives now, without zeros, by the values of some labels."""
    found = {tuple(series.labels.get(label, "") for label in names): series.value for series in demo.ask(QUERIES[name])}
    return {of: value for of, value in found.items() if value}


def exactly(sums: Mapping[tuple[str, ...], Decimal | float]) -> object:
    """Prometheus adds doubles one by one: it may be off by what doubles are, and that is far below any digit of the data."""
    return pytest.approx({of: float(value) for of, value in sums.items()}, rel=1e-13, abs=1e-11)


@pytest.mark.parametrize("name", NUMBERS)
def test_a_panel_shows_what_the_files_say(landed: Demo, name: str) -> None:
    names, expected = NUMBERS[name]
    assert shown(landed, name, *names) == exactly(expected(landed))


def test_services_are_ranked_by_their_events(landed: Demo) -> None:
    events = total(landed, "team:aws_user_service_events", 30, "aws_service")
    ranked = shown(landed, "aws-usage: By service A last_30d", "aws_service")
    assert ranked == {service: float(events[service]) for service in ranked}
    assert sorted(ranked.values(), reverse=True) == sorted(map(float, events.values()), reverse=True)[:10]


# Trends: the day on which it happened

Bars = dict[date, dict[tuple[str, ...], float]]


def bars(demo: Demo, name: str, *names: str) -> Bars:
    """What a panel draws, without zeros, by the day at whose start a bar stands."""
    found: Bars = defaultdict(dict)
    for series in demo.ask(QUERIES[name]):
        for at, value in series.values.items():
            assert at.time() == time()
            if value:
                found[at.date()][tuple(series.labels.get(label, "") for label in names)] = value
    return dict(found)


def days_of(trend: Mapping[date, Day], first: date, newest: date, *names: str) -> dict[date, object]:
    """The same from the recount, for the days from `first` to `newest`."""
    found: dict[date, object] = {}
    for day, told in trend.items():
        sums: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
        for of, value in told.items():
            sums[tuple(dict(of).get(name, "") for name in names)] += value
        if first <= day <= newest and (some := {of: value for of, value in sums.items() if value}):
            found[day] = exactly(some)
    return found


def newest_told(demo: Demo, after: int) -> date:
    """The newest day that has been told so many days after it."""
    return demo.recount.today - after * DAY


def oldest(demo: Demo) -> date:
    return demo.recount.today - 60 * DAY


TOLD_ONCE = {
    "overview: AWS events by day A": ("team:aws_user_events", "access"),
    "aws-usage: Sensitive and denied events by day A": ("team:aws_user_sensitive_events",),
    "aws-usage: Sensitive and denied events by day B": ("team:aws_user_denied_events",),
    "aws-usage: Events by kind and day A": ("aws_principal_events", "kind"),
    "aws-usage: Active people by day A": ("team:aws_active_people_yesterday:count",),
    "kiro-behaviour: Active people by day A": ("team:kiro_active_people_yesterday:count",),
    "kiro-behaviour: Credits by day and client A": ("team:kiro_user_client_credits", "client"),
    "kiro-behaviour: Messages by day and model A": ("team:kiro_user_model_messages", "model"),
}
"""Trends of one query: what is told of a day, and the labels of the bars."""

TOLD_TWICE = {
    "overview: Kiro credits by day": ("A", "B", "team:kiro_user_credits"),
    "overview: Cost by day": ("A", "B", "team:aws_user_cost", "currency"),
    "kiro-overview: Credits by day": ("A", "B", "team:kiro_user_credits"),
    "kiro-cost: Overage by day": ("A", "B", "team:kiro_user_overage_credits"),
    "aws-cost: Bill by day": ("A", "B", "aws_cost", "currency"),
    "aws-cost: Cost of people by kind of charge and day": ("A", "B", "team:aws_user_cost", "charge", "currency"),
    "person: Kiro credits by day": ("A", "B", "kiro_user_credits"),
    "person: Cost by day": ("A", "B", "aws_user_cost", "currency"),
}
"""Trends whose last three days are provisional, today among them, which has no bar yet: the query of the settled days, that of the others, and as above."""


def of_store(demo: Demo, name: str) -> Mapping[date, Day]:
    return {**demo.trends, **demo.counts, **of_person(demo.recount, demo.user)}[name]


@pytest.mark.parametrize("name", TOLD_ONCE)
def test_the_bar_of_a_day_is_what_happened_on_it(landed: Demo, name: str) -> None:
    trend, *names = TOLD_ONCE[name]
    assert bars(landed, name, *names) == days_of(of_store(landed, trend), oldest(landed), newest_told(landed, 1), *names)


@pytest.mark.parametrize("panel", TOLD_TWICE)
def test_the_bar_of_a_settled_day_is_what_the_store_says(landed: Demo, panel: str) -> None:
    settled, _, trend, *names = TOLD_TWICE[panel]
    assert bars(landed, f"{panel} {settled}", *names) == days_of(of_store(landed, trend), oldest(landed), newest_told(landed, 3), *names)


@pytest.mark.parametrize("panel", TOLD_TWICE)
def test_the_days_since_are_provisional_and_no_others(landed: Demo, panel: str) -> None:
    _, provisional, trend, *names = TOLD_TWICE[panel]
    first = newest_told(landed, 3) + DAY
    assert bars(landed, f"{panel} {provisional}", *names) == days_of(of_store(landed, trend), first, newest_told(landed, 1), *names)


def test_the_share_of_nobody_is_that_of_the_day(landed: Demo) -> None:
    name = "aws-cost: Belongs to nobody, by day A"
    whole, nobody = (of_store(landed, trend) for trend in ("aws_cost", "aws_cost_unattributed"))
    expected = {day: float(sum(nobody[day].values()) / sum(whole[day].values())) for day in nobody if oldest(landed) <= day <= newest_told(landed, 3)}
    assert {day: value for day, found in bars(landed, name).items() for value in found.values()} == pytest.approx(expected, rel=1e-13)


def test_the_recount_imports_nothing_of_the_exporter() -> None:
    for module in ("demo_recount", "made_history", "recount_kiro", "recount_cloudtrail", "recount_cur", "recount_cost"):
        tree = ast.parse(Path(__file__).with_name(f"{module}.py").read_text(encoding="utf-8"))
        imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not any(name.split(".")[0] == "exporter" for name in imported), module


# Tables, as Grafana's own libraries make them of real answers


@pytest.fixture(scope="module")
def tables(demo: Demo) -> dict[str, dict[str, Any]]:
    """What each table shows of what a real Prometheus answers: its columns and rows. One that nothing was answered for is left out."""
    ran("build.mjs", "tables")
    prometheus = Prometheus(demo.prometheus.address, demo.now.timestamp())
    asked = {
        name: {"panel": panel, "answers": prometheus.answers(board, panel, {"person": demo.user} if board["uid"] == "person" else {})}
        for name, (board, panel) in TABLES.items()
    }
    frames = json.loads(ran("made/tables.mjs", text=json.dumps(list(asked.values()))))
    answered = {name for name, panel in asked.items() if any(answer["series"] for answer in panel["answers"])}
    assert all(len(found) == 1 for name, found in zip(asked, frames, strict=True) if name in answered), "a table shows one frame; the others would be hidden"
    return {name: found[0] for name, found in zip(asked, frames, strict=True) if name in answered}


def skip_where_nothing_is_to_show(tables: dict[str, Any], name: str, demo: Demo) -> None:
    """Fails where a table has no row and no reason for that is declared."""
    if name not in tables:
        asked = [query for query in of_panel(name) if set(query.chosen.values()) <= _FIRST_CHOICES]
        assert [query.name for query in asked if not (may_be_empty(query, demo) or declared(query, NOT_HERE))] == []
        pytest.skip("nothing was answered on the demo, and need not be")


@pytest.mark.parametrize("name", TABLES)
def test_a_table_has_its_columns_by_their_titles_in_order(tables: dict[str, Any], name: str, demo: Demo) -> None:
    skip_where_nothing_is_to_show(tables, name, demo)
    (organize,) = [one["options"] for one in TABLES[name][1]["transformations"] if one["id"] == "organize"]
    order = sorted(organize["indexByName"], key=organize["indexByName"].__getitem__)
    titles = [organize["renameByName"].get(column, column) for column in order if not organize["excludeByName"].get(column)]
    columns = [column["title"] for column in tables[name]["columns"]]
    assert columns == [title for title in titles if title in columns]
    # Only a value column may be missing: that of a query which nothing was answered for.
    missing = set(titles) - set(columns)
    assert missing <= {organize["renameByName"].get(column) for column in order if column.startswith("Value")}


@pytest.mark.parametrize("name", TABLES)
def test_the_columns_of_a_table_meet_in_one_row_for_each_key(tables: dict[str, Any], name: str, demo: Demo) -> None:
    skip_where_nothing_is_to_show(tables, name, demo)
    labels = [place for place, column in enumerate(tables[name]["columns"]) if not column["number"] and column["unit"] != "dateTimeAsIso"]
    rows = [tuple(row[place] for place in labels) for row in tables[name]["values"]]
    assert [key for key, count in Counter(rows).items() if count > 1] == []
    assert all(None not in key for key in rows), "a row lacks a label that others have: it did not meet them"


@pytest.mark.parametrize("name", TABLES)
def test_the_cells_of_a_table_read_well(tables: dict[str, Any], name: str, demo: Demo) -> None:
    skip_where_nothing_is_to_show(tables, name, demo)
    texts = [text for row in tables[name]["texts"] for text in row]
    assert [text for text in texts if text in ("NaN", "undefined", "null", "Infinity", "Invalid date") or len(text) > 60] == []
