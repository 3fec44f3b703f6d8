"""Tables of now: people, teams and whatever else has several numbers each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import common, table
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, DynamicConfigValue
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from grafana.source.panels import DAY, MOMENT, Limits, described, now_query, thresholds, url_of

PERSON = {"user": "User", "team": "Team"}
"""The labels of a table of people, with their titles."""
TO_PERSON = {"User": "person"}
"""Their links."""

TEN_ROWS = 12
"""The height of a table that shows ten people at once."""

_LABEL_WIDTHS = {"user": 130, "team": 115, "display_name": 140, "email": 200, "user_id": 270, "source": 110, "alertname": 150, "category": 130, "currency": 75}
"""Pixels that a column of a label has at least."""

_NOTHING = DynamicConfigValue("noValue", "-")
"""The panel's no-data text is a sentence: in the cell of one row that has no value it would only be in the way."""


@dataclass(frozen=True, slots=True)
class Column:
    """A value column of a table: the expression that fills it, one row a combination of the table's labels."""

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
    panel = described(table.Panel(), title, description, "locale", empty, width, height).filterable(True)
    panel = panel.sort_by([common.TableSortByFieldState().display_name(sort).desc(descending)])
    values = {f"Value #{chr(ord('A') + place)}": column for place, column in enumerate(columns)} if len(columns) > 1 else {"Value": columns[0]}
    names = {**labels, **{value: column.title for value, column in values.items()}}
    for place, column in enumerate(columns):
        expression = f"1000 * ({column.expression})" if column.unit in (MOMENT, DAY) else column.expression
        panel = panel.with_target(now_query(expression, chr(ord("A") + place), PromQueryFormat.TABLE))
        panel = panel.override_by_name(column.title, _look(column))
    for label, column_title in labels.items():
        look = [_least_width(_LABEL_WIDTHS.get(label, 100), column_title), _NOTHING]
        if links and column_title in links:
            look.append(DynamicConfigValue("links", [{"title": "Show this person", "url": url_of(links[column_title], "__value.text")}]))
        panel = panel.override_by_name(column_title, look)
    if len(columns) > 1:
        panel = panel.with_transformation(DataTransformerConfig(id_val="merge", options={}))
    organized = {"excludeByName": {"Time": True}, "indexByName": {name: place for place, name in enumerate(names)}, "renameByName": names}
    return panel.with_transformation(DataTransformerConfig(id_val="organize", options=organized))


def _look(column: Column) -> list[DynamicConfigValue]:
    look = [DynamicConfigValue("unit", column.unit), DynamicConfigValue("decimals", column.decimals), _NOTHING]
    look.append(_least_width({MOMENT: 160, DAY: 95}.get(column.unit, 75), column.title))
    if column.limits is not None:
        look += [DynamicConfigValue("thresholds", thresholds(column.limits).build()), DynamicConfigValue("custom.cellOptions", {"type": "color-text"})]
    return look


def _least_width(pixels: int, title: str) -> DynamicConfigValue:
    """Of a column; the heading fits, and the sign of the filter beside it. Grafana's own least is 150, which pushes half of a wide table out of sight."""
    return DynamicConfigValue("custom.minWidth", max(pixels, 7 * len(title) + 30))
