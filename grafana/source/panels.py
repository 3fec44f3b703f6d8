"""The kinds of panel that the dashboards are made of, and the variables that they share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.models.common import (
    BarAlignment,
    BigValueColorMode,
    BigValueGraphMode,
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    Threshold,
    ThresholdsMode,
    VariableOption,
    VariableRefresh,
    VariableSort,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

WINDOWS = {"yesterday": "Yesterday", "last_30d": "Last 30 days", "month_to_date": "This month"}
"""The windows that every additive family of people has: the values of `${window}`."""

PEOPLE = 'team=~"$team",user=~"$user"'
"""Selects the people whom the reader has chosen."""

NAMED = f'{PEOPLE},user!="_other"'
"""The same without the people whom the series limits have folded into one."""

_TAG = "aws-user-exporter"
_SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")


def board(uid: str, title: str, description: str) -> dashboard.Dashboard:
    """A dashboard in UTC with the shared variables and links to the others."""
    windows = [VariableOption(selected=value == "last_30d", text=text, value=value) for value, text in WINDOWS.items()]
    return (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([_TAG])
        .readonly()
        .timezone("utc")
        .time("now-60d/d", "now")
        .refresh("30m")
        .tooltip(DashboardCursorSync.OFF)
        .link(dashboard.DashboardLink("Dashboards").type(DashboardLinkType.DASHBOARDS).tags([_TAG]).as_dropdown(True).include_vars(True))
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .with_variable(
            dashboard.CustomVariable("window")
            .label("Window")
            .description("The days that numbers and tables cover. Trends have the time range of the dashboard.")
            .values(", ".join(f"{text} : {value}" for value, text in WINDOWS.items()))
            .allow_custom_value(False)
            .options(windows)
            .current(windows[1])
        )
        .with_variable(
            dashboard.QueryVariable("team")
            .label("Team")
            .datasource(_SOURCE)
            .query("label_values(aws_user_info, team)")
            .refresh(VariableRefresh.ON_DASHBOARD_LOAD)
            .sort(VariableSort.ALPHABETICAL_ASC)
            .multi(True)
            .include_all(True)
            .all_value(".*")
            .current(VariableOption(selected=True, text=["All"], value=["$__all"]))
        )
        .with_variable(
            dashboard.TextBoxVariable("user")
            .label("User (regex)")
            .description("A regular expression that the whole user name must match; .* is everybody.")
            .default_value(".*")
            .current(VariableOption(selected=True, text=".*", value=".*"))
        )
    )


def number(title: str, description: str, expression: str, *, unit: str = "short", empty: str) -> stat.Panel:
    """One number of now, a quarter of the width."""
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(_SOURCE)
        .unit(unit)
        .no_value(empty)
        .height(4)
        .span(6)
        .graph_mode(BigValueGraphMode.NONE)
        .color_mode(BigValueColorMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(_now(expression, "A"))
    )


def days(title: str, description: str, series: Mapping[str, str], *, unit: str = "short", empty: str) -> timeseries.Panel:
    """Bars by UTC day, from expressions by name that have their point at the start of the day. The bar covers its day."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(_SOURCE)
        .unit(unit)
        .min(0)
        .no_value(empty)
        .height(9)
        .span(24)
        .interval("1d")
        .draw_style(GraphDrawStyle.BARS)
        .bar_alignment(BarAlignment.AFTER)
        .bar_width_factor(0.8)
        .line_width(0)
        .fill_opacity(80)
        .show_points(VisibilityMode.NEVER)
        .legend(common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM).show_legend(True))
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    )
    for place, (name, expression) in enumerate(series.items()):
        query = prometheus.Dataquery().expr(expression).range().legend_format(name).ref_id(chr(ord("A") + place)).datasource(_SOURCE)
        panel = panel.with_target(query)
    return panel


@dataclass(frozen=True, slots=True)
class Column:
    """A value column of a table: the expression that fills it, one row a combination of the table's labels."""

    title: str
    expression: str
    unit: str = "locale"
    decimals: int = 0
    warn_from: float | None = None
    alarm_from: float | None = None


def rows(
    title: str, description: str, labels: Mapping[str, str], columns: Sequence[Column], *, sort: str, width: int = 12, empty: str, descending: bool = True
) -> table.Panel:
    """A table of now. `labels` gives titles to the labels that the rows are keyed by; rows of all columns are joined on them."""
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(_SOURCE)
        .unit("locale")
        .no_value(empty)
        .height(11)
        .span(width)
        .sort_by([common.TableSortByFieldState().display_name(sort).desc(descending)])
    )
    values = {f"Value #{chr(ord('A') + place)}": column for place, column in enumerate(columns)} if len(columns) > 1 else {"Value": columns[0]}
    names = {**labels, **{value: column.title for value, column in values.items()}}
    for place, column in enumerate(columns):
        panel = panel.with_target(_now(column.expression, chr(ord("A") + place), PromQueryFormat.TABLE))
        panel = panel.override_by_name(column.title, _look(column))
    if len(columns) > 1:
        panel = panel.with_transformation(DataTransformerConfig(id_val="merge", options={}))
    organized = {"excludeByName": {"Time": True}, "indexByName": {name: place for place, name in enumerate(names)}, "renameByName": names}
    return panel.with_transformation(DataTransformerConfig(id_val="organize", options=organized))


def _look(column: Column) -> list[DynamicConfigValue]:
    look = [DynamicConfigValue("unit", column.unit), DynamicConfigValue("decimals", column.decimals)]
    if column.warn_from is not None:
        steps = [Threshold(None, "green"), Threshold(column.warn_from, "orange"), Threshold(column.alarm_from, "red")]
        thresholds = dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps).build()
        look += [DynamicConfigValue("thresholds", thresholds), DynamicConfigValue("custom.cellOptions", {"type": "color-text"})]
    return look


def _now(expression: str, ref_id: str, shape: PromQueryFormat = PromQueryFormat.TIME_SERIES) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(expression).instant().format(shape).ref_id(ref_id).datasource(_SOURCE)


def daily(total: str) -> str:
    """The value of each UTC day, at its start, from a recorded total by team: the settled value, and for the last days the first one.

    A day's value is there on the next day (`yesterday`) and on the third (`3d_ago`). tests/test_trends.py shows what simpler forms get wrong.
    """
    settled = f'last_over_time({total}_3d_ago:sum{{team=~"$team"}}[23h] offset -95h59m)'
    first = f'last_over_time({total}_yesterday:sum{{team=~"$team"}}[23h] offset -47h59m)'
    return f"sum({settled} or {first})"
