"""The kinds of panel that the dashboards are made of. Each has a title, a description, a unit, and a text that says why it may be empty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from grafana_foundation_sdk.builders import bargauge, common, dashboard, piechart, prometheus, stat, table, timeseries
from grafana_foundation_sdk.models.common import (
    BarAlignment,
    BarGaugeDisplayMode,
    BarGaugeSizing,
    BigValueColorMode,
    BigValueGraphMode,
    BigValueTextMode,
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, DynamicConfigValue, FieldColorModeId, Threshold, ThresholdsMode
from grafana_foundation_sdk.models.piechart import PieChartLegendOptions, PieChartLegendValues, PieChartType
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from grafana.source.boards import SOURCE

PROVISIONAL = " (provisional)"
"""Behind the name of a series: its days can still change."""

PERSON = {"user": "User", "team": "Team"}
"""The labels of a table of people, with their titles."""
TO_PERSON = {"User": "person"}
"""Their links."""

_COLOURS = ("blue", "orange", "green", "purple")

MOST_BAR_HEIGHT = 36
"""Pixels: two bars should not fill a panel that is made for ten."""

_Panel = TypeVar("_Panel", stat.Panel, timeseries.Panel, table.Panel, bargauge.Panel, piechart.Panel)


@dataclass(frozen=True, slots=True)
class Limits:
    """From which values a number is orange, and red; falling: below which."""

    warn: float
    alarm: float | None = None
    falling: bool = False


def number(
    title: str,
    description: str,
    expression: str,
    *,
    empty: str,
    unit: str = "locale",
    decimals: int = 0,
    width: int = 6,
    limits: Limits | None = None,
    legend: str = "",
) -> stat.Panel:
    """One number of now, or one for each series that the expression gives. A legend (`{{currency}}`) stands beside the number."""
    panel = (
        _described(stat.Panel(), title, description, unit, empty, width, 4)
        .decimals(decimals)
        .graph_mode(BigValueGraphMode.NONE)
        .color_mode(BigValueColorMode.NONE if limits is None else BigValueColorMode.VALUE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(_now(expression, "A").legend_format(legend) if legend else _now(expression, "A"))
    )
    if legend:
        panel = panel.text_mode(BigValueTextMode.VALUE_AND_NAME)
    return panel if limits is None else panel.thresholds(_thresholds(limits))


def days(
    title: str,
    description: str,
    series: Mapping[str, str],
    *,
    empty: str,
    unit: str = "locale",
    decimals: int | None = None,
    width: int = 24,
    stacked: bool = False,
    height: int = 9,
    signed: bool = False,
) -> timeseries.Panel:
    """Bars by UTC day, from expressions that have their point at the start of the day; the bar covers its day. `signed`: some are below zero.

    A name is a legend, with `{{label}}` for labels. One that ends with PROVISIONAL is drawn paler, in the colour of the name without it.
    """
    panel = _by_day(title, description, series, unit, empty, width).draw_style(GraphDrawStyle.BARS).line_width(0).fill_opacity(80)
    panel = panel.height(height).bar_alignment(BarAlignment.AFTER).bar_width_factor(0.8)
    if not signed:
        panel = panel.min(0)
    if decimals is not None:
        panel = panel.decimals(decimals)
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL).group("A"))
    names = dict.fromkeys(name.removesuffix(PROVISIONAL) for name in series)
    for name, colour in zip((name for name in names if f"{name}{PROVISIONAL}" in series and "{{" not in name), _COLOURS, strict=False):
        for drawn in (name, f"{name}{PROVISIONAL}"):
            panel = panel.override_by_name(drawn, [DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour})])
    pale = [DynamicConfigValue("custom.fillOpacity", 30)]
    return panel.override_by_regexp(rf"/{PROVISIONAL.replace('(', chr(92) + '(').replace(')', chr(92) + ')')}$/", pale)


def lines(title: str, description: str, series: Mapping[str, str], *, empty: str, unit: str = "locale", width: int = 12) -> timeseries.Panel:
    """Lines with a point a UTC day."""
    return _by_day(title, description, series, unit, empty, width).draw_style(GraphDrawStyle.LINE).line_width(2).fill_opacity(5).span_nulls(False)


def live(title: str, description: str, series: Mapping[str, str], *, empty: str, unit: str = "locale", width: int = 12) -> timeseries.Panel:
    """Lines over the time range, at whatever step fits the screen: for metrics that change by the minute."""
    panel = _series(_described(timeseries.Panel(), title, description, unit, empty, width, 8), series)
    return panel.draw_style(GraphDrawStyle.LINE).line_width(1).fill_opacity(5)


def ranking(
    title: str, description: str, expression: str, legend: str, *, empty: str, unit: str = "locale", width: int = 8, decimals: int = 0, person: bool = False
) -> bargauge.Panel:
    """Horizontal bars of now, the longest first: Prometheus answers `topk` and `sort_desc` in that order. `person`: each leads to its label `user`."""
    panel = (
        _described(bargauge.Panel(), title, description, unit, empty, width, 10)
        .decimals(decimals)
        .min(0)
        .orientation(VizOrientation.HORIZONTAL)
        .display_mode(BarGaugeDisplayMode.BASIC)
        .sizing(BarGaugeSizing.MANUAL)
        .max_viz_height(MOST_BAR_HEIGHT)
        .color_scheme(_palette())
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(_now(expression, "A").legend_format(legend))
    )
    if person:
        link = dashboard.DashboardLink("Show this person").url(_url("person", "__field.labels.user"))
        panel = panel.data_links([link])
    return panel


def steps(title: str, description: str, series: Mapping[str, str], *, empty: str, unit: str = "locale", width: int = 8) -> bargauge.Panel:
    """Horizontal bars of now in the order that is given, one an expression: the steps of a funnel, the bands of a distribution."""
    panel = (
        _described(bargauge.Panel(), title, description, unit, empty, width, 10)
        .decimals(0)
        .min(0)
        .orientation(VizOrientation.HORIZONTAL)
        .display_mode(BarGaugeDisplayMode.BASIC)
        .sizing(BarGaugeSizing.MANUAL)
        .max_viz_height(MOST_BAR_HEIGHT)
        .color_scheme(_palette())
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )
    for place, (name, expression) in enumerate(series.items()):
        panel = panel.with_target(_now(expression, chr(ord("A") + place)).legend_format(name))
    return panel


def shares(title: str, description: str, expression: str, legend: str, *, empty: str, unit: str = "locale", width: int = 8) -> piechart.Panel:
    """Parts of a whole, now, with their values and percentages in the legend."""
    legends = PieChartLegendOptions(
        values=[PieChartLegendValues.VALUE, PieChartLegendValues.PERCENT],
        display_mode=LegendDisplayMode.TABLE,
        placement=LegendPlacement.RIGHT,
        show_legend=True,
    )
    panel = (
        _described(piechart.Panel(), title, description, unit, empty, width, 10)
        .pie_type(PieChartType.DONUT)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(_now(expression, "A").legend_format(legend))
    )
    panel.build().options.legend = legends
    return panel


@dataclass(frozen=True, slots=True)
class Column:
    """A value column of a table: the expression that fills it, one row a combination of the table's labels. A unit of `dateTimeAsIso` takes seconds."""

    title: str
    expression: str
    unit: str = "locale"
    decimals: int = 0
    limits: Limits | None = None


def rows(
    title: str,
    description: str,
    labels: Mapping[str, str],
    columns: Sequence[Column],
    *,
    sort: str,
    empty: str,
    width: int = 12,
    height: int = 11,
    descending: bool = True,
    links: Mapping[str, str] | None = None,
) -> table.Panel:
    """A table of now. `labels` gives titles to the labels that the rows are keyed by; rows of all columns are joined on them. Other labels are left out.

    `links` names the dashboard that a column of labels leads to, by the title of the column.
    """
    panel = _described(table.Panel(), title, description, "locale", empty, width, height).filterable(True)
    panel = panel.sort_by([common.TableSortByFieldState().display_name(sort).desc(descending)])
    values = {f"Value #{chr(ord('A') + place)}": column for place, column in enumerate(columns)} if len(columns) > 1 else {"Value": columns[0]}
    names = {**labels, **{value: column.title for value, column in values.items()}}
    for place, column in enumerate(columns):
        expression = f"1000 * ({column.expression})" if column.unit == "dateTimeAsIso" else column.expression
        panel = panel.with_target(_now(expression, chr(ord("A") + place), PromQueryFormat.TABLE))
        panel = panel.override_by_name(column.title, _look(column))
    for column_title, uid in (links or {}).items():
        link = {"title": "Show this person", "url": _url(uid, "__value.text")}
        panel = panel.override_by_name(column_title, [DynamicConfigValue("links", [link])])
    if len(columns) > 1:
        panel = panel.with_transformation(DataTransformerConfig(id_val="merge", options={}))
    organized = {"excludeByName": {"Time": True}, "indexByName": {name: place for place, name in enumerate(names)}, "renameByName": names}
    return panel.with_transformation(DataTransformerConfig(id_val="organize", options=organized))


def _url(uid: str, variable: str) -> str:
    return f"/d/{uid}?var-person=${{{variable}:percentencode}}&${{datasource:queryparam}}"


def _described(panel: _Panel, title: str, description: str, unit: str, empty: str, width: int, height: int) -> _Panel:
    return panel.title(title).description(description).datasource(SOURCE).unit(unit).no_value(empty).height(height).span(width)


def _by_day(title: str, description: str, series: Mapping[str, str], unit: str, empty: str, width: int) -> timeseries.Panel:
    return _series(_described(timeseries.Panel(), title, description, unit, empty, width, 9).interval("1d"), series)


def _series(panel: timeseries.Panel, series: Mapping[str, str]) -> timeseries.Panel:
    panel = (
        panel.color_scheme(dashboard.FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC))
        .show_points(VisibilityMode.NEVER)
        .legend(common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM).show_legend(True))
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    )
    for place, (name, expression) in enumerate(series.items()):
        query = prometheus.Dataquery().expr(expression).range().legend_format(name).ref_id(chr(ord("A") + place)).datasource(SOURCE)
        panel = panel.with_target(query)
    return panel


def _look(column: Column) -> list[DynamicConfigValue]:
    # The panel's no-data text is a sentence: in the cell of one row that has no value it would only be in the way.
    look = [DynamicConfigValue("unit", column.unit), DynamicConfigValue("decimals", column.decimals), DynamicConfigValue("noValue", "-")]
    if column.limits is not None:
        look += [DynamicConfigValue("thresholds", _thresholds(column.limits).build()), DynamicConfigValue("custom.cellOptions", {"type": "color-text"})]
    return look


def _thresholds(limits: Limits) -> dashboard.ThresholdsConfig:
    colours = ["green", "orange"] if limits.alarm is None else ["green", "orange", "red"]
    bounds = sorted([limits.warn] if limits.alarm is None else [limits.warn, limits.alarm])
    ordered = colours[::-1] if limits.falling else colours
    steps = [Threshold(None, ordered[0]), *(Threshold(bound, colour) for bound, colour in zip(bounds, ordered[1:], strict=True))]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def _palette() -> dashboard.FieldColor:
    return dashboard.FieldColor().mode(FieldColorModeId.FIXED).fixed_color("blue")


def _now(expression: str, ref_id: str, shape: PromQueryFormat = PromQueryFormat.TIME_SERIES) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(expression).instant().format(shape).ref_id(ref_id).datasource(SOURCE)
