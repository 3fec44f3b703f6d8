"""The dashboards: as their sources make them, with everything that a reader needs, and asking only for what is published."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.builders.dashboard import Dashboard
from tools import require_tool

from grafana.source import build, metrics
from grafana.source.boards import WINDOWS, board
from grafana.source.kiro_overview import overview
from grafana.source.panels import number
from grafana.source.queries import MOST_ROWS, threshold_value

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "grafana" / "dashboards").glob("*.json"))
BOARDS: dict[str, dict[str, Any]] = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in FILES}
PANELS = {f"{name}: {panel['title']}": panel for name, board in BOARDS.items() for panel in metrics.panels(board)}

UNITS = {"locale", "percentunit", "s", "bytes", "bool_yes_no", "currencyUSD", "dateTimeAsIso", "dateTimeFromNow", "time:YYYY-MM-DD"}
"""Those of Grafana that are in use; time: takes a format of Moment.js."""

every_board = pytest.mark.parametrize("dashboard", BOARDS.values(), ids=BOARDS)
every_panel = pytest.mark.parametrize("panel", PANELS.values(), ids=PANELS)


def published_text(dashboard: Dashboard) -> dict[str, Any]:
    """A dashboard that was never written, as its file would hold it."""
    return json.loads(json.dumps(dashboard.build(), cls=build.JSONEncoder))  # type: ignore[no-any-return]


# The files


def test_the_files_are_what_the_sources_make() -> None:
    assert build.differing(build.documents()) == [], "run: make dashboards"


def test_the_command_says_that_nothing_differs() -> None:
    done = subprocess.run([sys.executable, ROOT / "grafana/source/build.py", "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_file_that_was_changed_or_that_nothing_makes_differs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    texts = build.documents()
    monkeypatch.setattr(build, "FOLDER", tmp_path)
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert build.differing(texts) == []
    (tmp_path / "kiro-overview.json").write_text("{}", encoding="utf-8")
    (tmp_path / "by-hand.json").write_text("{}", encoding="utf-8")
    assert build.differing(texts) == ["by-hand.json", "kiro-overview.json"]


@every_board
def test_a_dashboard_is_in_utc_and_has_the_shared_variables(dashboard: dict[str, Any]) -> None:
    assert dashboard["timezone"] == "utc"
    names = [variable["name"] for variable in dashboard["templating"]["list"]]
    shared = [name for name in ("datasource", "window", "team", "user", "person") if name in names]
    assert names[: len(shared)] == shared
    assert "datasource" in shared
    assert {"user", "person"} & set(shared) or dashboard["uid"] == "exporter"


def test_what_a_link_between_dashboards_carries_over_means_the_same_in_both() -> None:
    meanings: dict[str, set[tuple[str, ...]]] = {}
    for dashboard in BOARDS.values():
        for variable in dashboard["templating"]["list"]:
            meanings.setdefault(variable["name"], set()).add((variable["type"], variable["label"], variable.get("description", "")))
    assert {name: found for name, found in meanings.items() if len(found) > 1} == {}


@every_board
def test_the_window_is_30_days_unless_it_is_chosen(dashboard: dict[str, Any]) -> None:
    for window in (variable for variable in dashboard["templating"]["list"] if variable["name"] == "window"):
        assert window["current"]["value"] == "last_30d"
        assert [option["value"] for option in window["options"]] == list(WINDOWS)


@every_board
def test_every_variable_is_used(dashboard: dict[str, Any]) -> None:
    asked = " ".join(metrics.expressions(dashboard))
    names = {variable["name"] for variable in dashboard["templating"]["list"]} - {"datasource"}
    assert {name for name in names if not re.search(rf"\${name}\b|\${{{name}[:}}]", asked)} == set()


@every_board
def test_panels_do_not_overlap_and_have_ids_of_their_own(dashboard: dict[str, Any]) -> None:
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in dashboard["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


@every_board
def test_rows_of_panels_fill_the_width_and_are_as_high_as_each_other(dashboard: dict[str, Any]) -> None:
    rows: dict[int, list[dict[str, Any]]] = {}
    for panel in metrics.panels(dashboard):
        rows.setdefault(panel["gridPos"]["y"], []).append(panel["gridPos"])
    assert {sum(place["w"] for place in row) for row in rows.values()} == {24}
    assert {len({place["h"] for place in row}) for row in rows.values()} == {1}


@every_board
def test_a_title_stands_once(dashboard: dict[str, Any]) -> None:
    titles = [panel["title"] for panel in metrics.panels(dashboard)]
    assert len(titles) == len(set(titles))


@every_panel
def test_a_panel_says_what_it_shows_in_which_unit_and_why_it_may_be_empty(panel: dict[str, Any]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert {defaults["unit"], *(one["value"] for look in panel["fieldConfig"]["overrides"] for one in look["properties"] if one["id"] == "unit")} <= UNITS
    assert defaults["noValue"]


@every_panel
def test_a_panel_reads_the_chosen_prometheus(panel: dict[str, Any]) -> None:
    assert panel["targets"]
    for source in (panel["datasource"], *(target["datasource"] for target in panel["targets"])):
        assert source == {"type": "prometheus", "uid": "${datasource}"}


def test_trends_have_a_point_a_day() -> None:
    """The exporter's own metrics are not by day: its panels show them as they come."""
    trends = [panel for name, panel in PANELS.items() if any(target.get("range") for target in panel["targets"]) and not name.startswith("exporter: ")]
    assert trends
    assert {panel["interval"] for panel in trends} == {"1d"}


def test_the_trend_is_the_one_that_was_checked() -> None:
    """The two halves of the form of metrics.md, whose bars tests/test_trends.py checks in a real Prometheus; here with a filter and summed over teams."""
    settled, provisional = PANELS["kiro-overview: Credits by day"]["targets"][:2]
    third = "sum(last_over_time(team:kiro_user_credits_3d_ago:sum[23h] offset -95h59m))"
    assert settled["expr"].replace('{team=~"$team"}', "") == third
    first = "sum(last_over_time(team:kiro_user_credits_yesterday:sum[23h] offset -47h59m))"
    assert provisional["expr"].replace('{team=~"$team"}', "") == f"{first} unless {third}"


TABLES = {name: panel for name, panel in PANELS.items() if panel["type"] == "table"}
"""Whose rows are keyed by the labels that stand before the values."""

every_table = pytest.mark.parametrize("panel", TABLES.values(), ids=TABLES)


def properties(panel: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The overrides of one column or series by its name."""
    (found,) = (one["properties"] for one in panel["fieldConfig"]["overrides"] if one["matcher"]["options"] == name)
    return found  # type: ignore[no-any-return]


def columns(panel: dict[str, Any]) -> list[str]:
    """The titles of the columns of a table."""
    organized = panel["transformations"][-1]["options"]
    return [organized["renameByName"][column] for column in organized["indexByName"]]


@every_table
def test_all_columns_of_a_table_are_in_sight_on_a_screen_of_1600_pixels(panel: dict[str, Any]) -> None:
    """Grafana gives every column 150 pixels unless it is told its least width, and hides the others behind a scroll bar."""
    widths = {title: [one["value"] for one in properties(panel, title) if one["id"] == "custom.minWidth"] for title in columns(panel)}
    assert {len(width) for width in widths.values()} == {1}
    assert sum(width for (width,) in widths.values()) <= panel["gridPos"]["w"] * 1600 / 24 - 26, widths


@every_table
def test_a_cell_without_a_value_does_not_show_why_the_whole_table_may_be_empty(panel: dict[str, Any]) -> None:
    assert {title for title in columns(panel) if {"id": "noValue", "value": "-"} not in properties(panel, title)} == set()


every_table_of_people = pytest.mark.parametrize(
    "panel", [pytest.param(panel, id=name) for name, panel in TABLES.items() if "user" in panel["transformations"][-1]["options"]["renameByName"]]
)


@every_table_of_people
def test_a_table_of_people_has_a_limit(panel: dict[str, Any]) -> None:
    limits = [int(many) for target in panel["targets"] for many in re.findall(r"(?:topk|bottomk)\((\d+),", target["expr"])]
    assert limits
    assert max(limits) <= MOST_ROWS


@every_table_of_people
def test_a_table_of_people_leads_to_the_person(panel: dict[str, Any]) -> None:
    look = properties(panel, "User")
    ((link,),) = (one["value"] for one in look if one["id"] == "links")
    assert link["url"].startswith("/d/person?var-person=${__value.text:percentencode}&")


def test_the_days_that_can_still_change_have_the_colour_of_the_others() -> None:
    looks = PANELS["kiro-overview: Credits by day"]["fieldConfig"]["overrides"]
    colours = {one["matcher"]["options"]: one["properties"][0]["value"]["fixedColor"] for one in looks if one["properties"][0]["id"] == "color"}
    assert colours == {"Credits": "blue", "Credits (provisional)": "blue", "Overage": "orange", "Overage (provisional)": "orange"}


TRENDS = {name: panel for name, panel in PANELS.items() if panel["type"] == "timeseries"}


@pytest.mark.parametrize("panel", TRENDS.values(), ids=TRENDS)
def test_a_trend_begins_at_zero_unless_some_of_it_may_be_below(panel: dict[str, Any]) -> None:
    money = any(name in target["expr"] for target in panel["targets"] for name in ("aws_cost_3d_ago", "aws_user_cost_3d_ago"))
    shares = panel["fieldConfig"]["defaults"]["unit"] == "percentunit"
    assert panel["fieldConfig"]["defaults"].get("min") == (None if money and not shares else 0)


@pytest.mark.parametrize("panel", TRENDS.values(), ids=TRENDS)
def test_a_day_without_days_beside_it_is_seen(panel: dict[str, Any]) -> None:
    assert panel["fieldConfig"]["defaults"]["custom"]["showPoints"] == "auto"


def test_days_that_can_still_change_are_grey_where_the_others_have_the_colours_of_their_labels() -> None:
    for name in ("overview: Cost by day", "aws-cost: Belongs to nobody, by day"):
        assert {"id": "color", "value": {"mode": "fixed", "fixedColor": "#8e8e8e"}} in properties(PANELS[name], r"/ \(provisional\)$/")


# What they ask for


def test_every_expression_parses(tmp_path: Path) -> None:
    written = [
        text
        for dashboard in BOARDS.values()
        for expression in metrics.expressions(dashboard)
        for text in metrics.expanded(expression, metrics.custom_values(dashboard))
    ]
    rules = [{"record": f"checked:expression:{place}", "expr": text} for place, text in enumerate(written)]
    file = tmp_path / "expressions.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "expressions", "rules": rules}]}), encoding="utf-8")
    done = subprocess.run([require_tool("promtool"), "check", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules)} rules found" in done.stdout


@every_board
def test_a_dashboard_asks_only_for_what_is_published(dashboard: dict[str, Any]) -> None:
    metrics.check_dashboard(dashboard)


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ('sum by (user, team) (kiro_user_credits_last_30d{team=~"a|b",user="{x}"}) > 0', {"kiro_user_credits_last_30d"}),
        ("topk(10, a_b) and on (user) c:d:sum unless ignoring (x) group_left (y) e", {"a_b", "c:d:sum", "e"}),
        ("last_over_time(t:x:sum[23h] offset -95h59m) or vector(1e3)", {"t:x:sum"}),
        ("avg_over_time(rate(c_total[5m])[1h:1m]) > bool 0x1F", {"c_total"}),
        ("SUM BY (user) (m) + Inf", {"m"}),
    ],
)
def test_the_metrics_of_an_expression_are_found(expression: str, names: set[str]) -> None:
    assert metrics.asked(expression) == names


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("sum(kiro_user_karma_last_30d)", "kiro_user_karma_last_30d is not published"),
        ("sum(kiro_user_credits_last_90d)", "kiro_user_credits_last_90d is not published"),
        ("sum(kiro_user_credits)", "kiro_user_credits is not published"),
        ("sum(kiro_user_active_dates_${window})", "kiro_user_active_dates_yesterday is not published"),
        ("sum(kiro_user_credits_${span})", "the values of a variable in a name must be known"),
        ("sum(kiro_user_credits_$window)", "the values of a variable in a name must be known"),
        ("team:kiro_user_credits_last_7d:sum", "team:kiro_user_credits_last_7d:sum is not published"),
        ("aws_user_exporter_source_refreshes", "aws_user_exporter_source_refreshes is not published"),
        ('sum({__name__=~"kiro_.*"})', "without a metric name"),
        ('kiro_user_seat or {team="x"}', "without a metric name"),
    ],
)
def test_a_query_for_what_nobody_publishes_is_refused(expression: str, told: str) -> None:
    dashboard = published_text(board("x", "X", "x").with_panel(number("N", "N.", expression, empty="-")))
    with pytest.raises(metrics.NotPublished, match=told):
        metrics.check_dashboard(dashboard)


def test_a_variable_over_what_nobody_publishes_is_refused() -> None:
    dashboard = published_text(overview())
    dashboard["templating"]["list"][2]["query"] = "label_values(kiro_user_karma, team)"
    with pytest.raises(metrics.NotPublished, match="kiro_user_karma is not published"):
        metrics.check_dashboard(dashboard)


def test_a_colour_has_the_bound_that_alerts_have() -> None:
    assert threshold_value("kiro_near_limit:ratio") == 0.8
    assert threshold_value("source_stale:seconds") == 3 * 24 * 60 * 60
    with pytest.raises(KeyError):
        threshold_value("kiro_karma:ratio")


# What Grafana is given


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_linter_finds_nothing_but_the_declared_exceptions(path: Path) -> None:
    command = [require_tool("dashboard-linter"), "lint", "--strict", "--config", ROOT / "grafana/.lint", path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_declared_exception_has_a_reason() -> None:
    exceptions = yaml.safe_load((ROOT / "grafana/.lint").read_text(encoding="utf-8"))["exclusions"]
    assert all(rule["reason"].endswith(".") for rule in exceptions.values())


def test_the_datasource_has_a_fixed_uid_and_no_secret() -> None:
    (source,) = yaml.safe_load((ROOT / "grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    assert source["uid"] == "prometheus"
    assert not {"basicAuth", "password", "secureJsonData"} & set(source)
    scraping = yaml.safe_load((ROOT / "prometheus/prometheus.yml").read_text())["global"]
    assert source["jsonData"]["timeInterval"] == scraping["scrape_interval"]


def test_dashboards_lie_where_the_provider_looks_in_the_compose_file() -> None:
    (provider,) = yaml.safe_load((ROOT / "grafana/provisioning/dashboards/aws-user-exporter.yaml").read_text())["providers"]
    mounted = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["grafana"]["volumes"]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in mounted
