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
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue, FieldColorModeId, Threshold, ThresholdsMode, ValueMap, ValueMappingResult
from grafana_foundation_sdk.models.piechart import PieChartLegendOptions, PieChartLegendValues, PieChartType
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from grafana.source.boards import SOURCE

PROVISIONAL = " (provisional)"
"""Behind the name of a series: its days can still change."""

NOBODY_ACTIVE = "Nobody was active"

MOMENT, DAY = "dateTimeAsIso", "time:YYYY-MM-DD"
"""Units of time, to the second, and by the UTC day where there is no more to tell. Columns of tables take Unix time in seconds, all else in milliseconds."""

_COLOURS = ("blue", "orange", "green", "purple")
_GREY = "#8e8e8e"
"""Of provisional days whose settled ones have as many colours as there are labels: Grafana has no way to give a series the colour of another."""

_PROVISIONAL_ONES = "/ \\(provisional\\)$/"

MOST_BAR_HEIGHT = 36
"""Pixels: two bars should not fill a panel that is made for ten."""

_Panel = TypeVar("_Panel", stat.Panel, timeseries.Panel, table.Panel, bargauge.Panel, piechart.Panel)


@dataclass(frozen=True, slots=True)
class Limits:
    """From which values a number is orange, and red; falling: below which."""

    warn: float
    alarm: float | None = None
    falling: bool = False


@dataclass(frozen=True, slots=True)
class Zero:
    """What 0 of a number says: that there is nothing of what it counts. That is only said where the expression `known` has an answer, for each of its `by`.

    Where it has none the number is absent, and the panel's no-data text says so: what is not known is no good news.
    """

    text: str
    known: str
    by: str = ""

    def filled(self, expression: str) -> str:
        """The number, and 0 where it is absent but known."""
        return f"{expression} or 0 * count{f' by ({self.by}) ' if self.by else ''}({self.known})"


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
    zero: Zero | None = None,
) -> stat.Panel:
    """One number of now, or one for each series that the expression gives. A legend (`{{currency}}`) stands beside the number.

    `empty` says why nothing is known. Without `zero`, the expression must be absent only then.
    """
    expression = expression if zero is None else zero.filled(expression)
    panel = (
        described(stat.Panel(), title, description, unit, empty, width, 4)
        .decimals(decimals)
        .graph_mode(BigValueGraphMode.NONE)
        .color_mode(BigValueColorMode.NONE if limits is None else BigValueColorMode.VALUE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(now_query(expression, "A").legend_format(legend) if legend else now_query(expression, "A"))
    )
    if legend:
        panel = panel.text_mode(BigValueTextMode.VALUE_AND_NAME)
    if zero is not None:
        panel = panel.mappings([ValueMap({"0": ValueMappingResult(text=zero.text, index=0)})])
    return panel if limits is None else panel.thresholds(thresholds(limits))


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
    right: Sequence[str] = (),
) -> timeseries.Panel:
    """Bars by UTC day, from expressions that have their point at the start of the day; the bar covers its day. `signed`: some are below zero.
    `right`: the names of what has a scale of its own, on the right.

    A name is a legend, with `{{label}}` for labels. One that ends with PROVISIONAL is drawn paler, in the colour of the name without it, or in grey if that has
    labels. Of two series that are not stacked the second is drawn as a narrow bar before the first: neither hides the other.
    """
    panel = _by_day(title, description, series, unit, empty, width).draw_style(GraphDrawStyle.BARS).line_width(0).fill_opacity(80)
    panel = panel.height(height).bar_alignment(BarAlignment.AFTER).bar_width_factor(0.8)
    if not signed:
        panel = panel.min(0)
    if decimals is not None:
        panel = panel.decimals(decimals)
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL).group("A"))
    for name in right:
        panel = panel.override_by_name(name, [DynamicConfigValue("custom.axisPlacement", "right")])
    names = dict.fromkeys(name.removesuffix(PROVISIONAL) for name in series)
    for name, colour in zip((name for name in names if f"{name}{PROVISIONAL}" in series and "{{" not in name), _COLOURS, strict=False):
        for drawn in (name, f"{name}{PROVISIONAL}"):
            panel = panel.override_by_name(drawn, [_coloured(colour)])
    pale = [DynamicConfigValue("custom.fillOpacity", 30), *([_coloured(_GREY)] if any("{{" in name for name in names) else [])]
    if len(series) == len(names) == 2 and not stacked:
        first, second = names
        panel = panel.override_by_name(first, [DynamicConfigValue("custom.fillOpacity", 40)])
        panel = panel.override_by_name(second, [DynamicConfigValue("custom.barWidthFactor", 0.4)])
    return panel.override_by_regexp(_PROVISIONAL_ONES, pale)


def lines(
    title: str, description: str, series: Mapping[str, str], *, empty: str, unit: str = "locale", width: int = 12, decimals: int | None = None
) -> timeseries.Panel:
    """Lines with a point a UTC day. Names as for `days`; provisional ones are grey."""
    panel = _by_day(title, description, series, unit, empty, width).draw_style(GraphDrawStyle.LINE).line_width(2).fill_opacity(5).span_nulls(False).min(0)
    if decimals is not None:
        panel = panel.decimals(decimals)
    return panel.override_by_regexp(_PROVISIONAL_ONES, [_coloured(_GREY)]) if any(name.endswith(PROVISIONAL) for name in series) else panel


def live(title: str, description: str, series: Mapping[str, str], *, empty: str, unit: str = "locale", width: int = 12) -> timeseries.Panel:
    """Lines over the time range, at whatever step fits the screen: for metrics that change by the minute."""
    panel = _series(described(timeseries.Panel(), title, description, unit, empty, width, 8), series)
    return panel.draw_style(GraphDrawStyle.LINE).line_width(1).fill_opacity(5).min(0)


def ranking(
    title: str, description: str, expression: str, legend: str, *, empty: str, unit: str = "locale", width: int = 8, decimals: int = 0, person: bool = False
) -> bargauge.Panel:
    """Horizontal bars of now, the longest first: Prometheus answers `topk` and `sort_desc` in that order. `person`: each leads to its label `user`."""
    panel = (
        described(bargauge.Panel(), title, description, unit, empty, width, 10)
        .decimals(decimals)
        .min(0)
        .orientation(VizOrientation.HORIZONTAL)
        .display_mode(BarGaugeDisplayMode.BASIC)
        .sizing(BarGaugeSizing.MANUAL)
        .max_viz_height(MOST_BAR_HEIGHT)
        .color_scheme(_palette())
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(now_query(expression, "A").legend_format(legend))
    )
    if person:
        link = dashboard.DashboardLink("Show this person").url(url_of("person", "__field.labels.user"))
        panel = panel.data_links([link])
    return panel


def steps(title: str, description: str, series: Mapping[str, str], *, empty: str, unit: str = "locale", width: int = 8) -> bargauge.Panel:
    """Horizontal bars of now in the order that is given, one an expression: the steps of a funnel, the bands of a distribution."""
    panel = (
        described(bargauge.Panel(), title, description, unit, empty, width, 10)
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
        panel = panel.with_target(now_query(expression, chr(ord("A") + place)).legend_format(name))
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
        described(piechart.Panel(), title, description, unit, empty, width, 10)
        .pie_type(PieChartType.DONUT)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(now_query(expression, "A").legend_format(legend))
    )
    panel.build().options.legend = legends
    return panel


def url_of(uid: str, variable: str) -> str:
    """The address of a dashboard for the person whom a variable of Grafana names, with the same data source."""
    return f"/d/{uid}?var-person=${{{variable}:percentencode}}&${{datasource:queryparam}}"


def described(panel: _Panel, title: str, description: str, unit: str, empty: str, width: int, height: int) -> _Panel:
    """A panel with what every panel has; `width` of 24 columns, `height` in rows of 38 pixels."""
    return panel.title(title).description(description).datasource(SOURCE).unit(unit).no_value(empty).height(height).span(width)


def _by_day(title: str, description: str, series: Mapping[str, str], unit: str, empty: str, width: int) -> timeseries.Panel:
    return _series(described(timeseries.Panel(), title, description, unit, empty, width, 9).interval("1d"), series)


def _series(panel: timeseries.Panel, series: Mapping[str, str]) -> timeseries.Panel:
    panel = (
        panel.color_scheme(dashboard.FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC))
        # A value without others beside it is no line: Grafana draws it as a point.
        .show_points(VisibilityMode.AUTO)
        .legend(common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM).show_legend(True))
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    )
    for place, (name, expression) in enumerate(series.items()):
        query = prometheus.Dataquery().expr(expression).range().legend_format(name).ref_id(chr(ord("A") + place)).datasource(SOURCE)
        panel = panel.with_target(query)
    return panel


def _coloured(colour: str) -> DynamicConfigValue:
    return DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour})


def thresholds(limits: Limits) -> dashboard.ThresholdsConfig:
    """Colours from the limits on."""
    colours = ["green", "orange"] if limits.alarm is None else ["green", "orange", "red"]
    bounds = sorted([limits.warn] if limits.alarm is None else [limits.warn, limits.alarm])
    ordered = colours[::-1] if limits.falling else colours
    steps = [Threshold(None, ordered[0]), *(Threshold(bound, colour) for bound, colour in zip(bounds, ordered[1:], strict=True))]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def _palette() -> dashboard.FieldColor:
    return dashboard.FieldColor().mode(FieldColorModeId.FIXED).fixed_color("blue")


def now_query(expression: str, ref_id: str, shape: PromQueryFormat = PromQueryFormat.TIME_SERIES) -> prometheus.Dataquery:
    """An instant query."""
    return prometheus.Dataquery().expr(expression).instant().format(shape).ref_id(ref_id).datasource(SOURCE)
