"""What every dashboard has: UTC, links to the others, and the variables that they share."""

from __future__ import annotations

from collections.abc import Mapping

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    Panel,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

WINDOWS = {"yesterday": "Yesterday", "last_30d": "Last 30 days", "month_to_date": "This month"}
"""The windows that every additive family of people has: the values of `${window}`."""

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")

AnyPanel = Builder[Panel]
"""A panel of whichever kind."""

_TAG = "aws-user-exporter"


def board(uid: str, title: str, description: str) -> dashboard.Dashboard:
    """A dashboard with the shared variables: datasource, window, team and user. The user is a regular expression, never a list of everybody."""
    return bare(uid, title, description).with_variable(window()).with_variable(team()).with_variable(user())


def window() -> dashboard.CustomVariable:
    """The shared variable `window`."""
    return chosen("window", "Window", "The days that numbers and tables cover. Trends have the time range of the dashboard.", WINDOWS, "last_30d")


def team() -> dashboard.QueryVariable:
    """The shared variable `team`."""
    return values_of("team", "Team", "aws_user_info")


def user() -> dashboard.TextBoxVariable:
    """The shared variable `user`: a regular expression."""
    return text("user", "User (regex)", ".*", "A regular expression that the whole user name must match; .* is everybody.")


def currency() -> dashboard.QueryVariable:
    """For dashboards with money: amounts of different currencies are never added."""
    return values_of("currency", "Currency", "aws_cost_last_30d")


def bare(uid: str, title: str, description: str) -> dashboard.Dashboard:
    """A dashboard with the choice of a Prometheus and nothing else."""
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
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    )


def section(made: dashboard.Dashboard, title: str, *panels: AnyPanel) -> dashboard.Dashboard:
    """The dashboard with panels below a heading; without one where the title is empty. Panels of a row must be 24 columns wide together."""
    made = made.with_row(dashboard.Row(title)) if title else made
    for panel in panels:
        made = made.with_panel(panel)
    return made


def values_of(label: str, title: str, metric: str) -> dashboard.QueryVariable:
    """A variable over the values of a label that has few: any number may be chosen, or all."""
    return (
        dashboard.QueryVariable(label)
        .label(title)
        .datasource(SOURCE)
        .query(f"label_values({metric}, {label})")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(VariableOption(selected=True, text=["All"], value=["$__all"]))
    )


def chosen(name: str, title: str, description: str, values: Mapping[str, str], default: str) -> dashboard.CustomVariable:
    """A variable with one of a few values, which have texts to show."""
    options = {value: VariableOption(selected=value == default, text=text, value=value) for value, text in values.items()}
    return (
        dashboard.CustomVariable(name)
        .label(title)
        .description(description)
        .values(", ".join(f"{text} : {value}" for value, text in values.items()))
        .allow_custom_value(False)
        .options(list(options.values()))
        .current(options[default])
    )


def text(name: str, title: str, default: str, description: str) -> dashboard.TextBoxVariable:
    """A variable that is typed in."""
    return (
        dashboard.TextBoxVariable(name)
        .label(title)
        .description(description)
        .default_value(default)
        .current(VariableOption(selected=True, text=default, value=default))
    )
