"""Exporter: whether it works, how fresh its sources are, what it left out, how large it is, and what it costs itself."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard, stat, table

from grafana.source.boards import AnyPanel, bare, section, values_of
from grafana.source.exporter_shared import INSTANCE, NO_SCRAPE, hour, increase, of, own
from grafana.source.exporter_size import costs, size
from grafana.source.panels import DAY, MOMENT, Limits, live, number
from grafana.source.queries import MOST_ROWS, threshold_value
from grafana.source.tables import Column, rows

_STALE = threshold_value("source_stale:seconds")
_NO_SOURCE = "No refresh of any source has ended since the start"


def exporter_health() -> dashboard.Dashboard:
    """The dashboard `exporter`."""
    made = bare("exporter", "Exporter", "Whether the exporter works, how fresh its sources are, what it left out, how large it is, and what it costs itself.")
    made = made.time("now-2d", "now").refresh("1m")
    made = made.with_variable(values_of("job", "Job", own("build_info"))).with_variable(values_of("instance", "Instance", own("build_info")))
    made = section(made, "Health", *_numbers(), _sources(), _builds())
    made = section(
        made,
        "Freshness and refreshes",
        live(
            "Age of the data",
            "Time since the end of the newest UTC day that has landed, by source. A day lands 36 hours after its end at the latest.",
            {"{{source}}": f"time() - max by (source) ({of('source_data_timestamp_seconds')})"},
            empty="No day of any source has landed",
            unit="s",
        ),
        live(
            "Time since the last success",
            "Time since the newest refresh that worked, by source.",
            {"{{source}}": f"time() - max by (source) ({of('source_last_success_timestamp_seconds')})"},
            empty=_NO_SOURCE,
            unit="s",
        ),
        live(
            "Refresh time",
            "How long the newest refresh of each source took, successful or not.",
            {"{{source}}": f"max by (source) ({of('source_refresh_duration_seconds')})"},
            empty=_NO_SOURCE,
            unit="s",
        ),
        live(
            "Refreshes and failures",
            "Refreshes that were begun in the hour before, by source, and those that failed. Prometheus extrapolates between scrapes.",
            {"{{source}}": hour("source_refreshes_total", "source"), "{{source}} failed": f"{hour('source_refresh_failures_total', 'source')} > 0"},
            empty=_NO_SOURCE,
        ),
    )
    made = section(made, "What was left out", _rejected(), _unmatched(), _unknown_columns())
    made = section(made, "Size", *size())
    return section(made, "What the exporter costs", *costs())


def _numbers() -> tuple[stat.Panel, ...]:
    up = of("source_up")
    return (
        number(
            "Up",
            "Whether Prometheus can scrape the exporter; of several, whether it can scrape all.",
            f"min(up{{{INSTANCE}}})",
            empty=NO_SCRAPE,
            unit="bool_yes_no",
            width=4,
            limits=Limits(1, 0.5, falling=True),
        ),
        number(
            "Failing sources",
            "Sources whose newest refresh failed. What was read before is served until its max_age.",
            f"count({up}) - sum({up})",
            empty=_NO_SOURCE,
            width=4,
            limits=Limits(1, 2),
        ),
        number(
            "Oldest data",
            "Time since the end of the newest landed day, of the source where that is longest. Red: an alert fires.",
            f"max(time() - {of('source_data_timestamp_seconds')})",
            empty="No day of any source has landed",
            unit="s",
            decimals=1,
            width=4,
            limits=Limits(_STALE / 2, _STALE),
        ),
        number(
            "Config loaded",
            "Whether the newest attempt to load the config worked. If not, the one before it goes on, and the log names every mistake.",
            f"min({of('config_last_reload_successful')})",
            empty=NO_SCRAPE,
            unit="bool_yes_no",
            width=4,
            limits=Limits(1, 0.5, falling=True),
        ),
        number(
            "Series",
            "Series in the snapshot that is served, without those about the exporter.",
            f"max(sum by (job, instance) ({of('series')}))",
            empty="No snapshot was rendered yet",
            width=4,
        ),
        number(
            "Limit step",
            "How many of the documented steps the series limits had to take. From 1 on, people or windows are folded away.",
            f"max({of('series_limit_step')})",
            empty="No snapshot was rendered yet",
            width=4,
            limits=Limits(1),
        ),
    )


def _sources() -> table.Panel:
    def newest(name: str, matchers: str = "") -> str:
        return f"max by (source) ({of(name, matchers)})"

    return rows(
        "Sources",
        "Each source of the config as of now. Days are UTC days; unmatched are identities that match nobody and became people under their own name.",
        {"source": "Source"},
        [
            Column("Works", f"min by (source) ({of('source_up')})", unit="bool_yes_no", limits=Limits(1, 0.5, falling=True)),
            Column("Last success", newest("source_last_success_timestamp_seconds"), unit=MOMENT),
            Column("Next refresh", newest("source_next_refresh_timestamp_seconds"), unit=MOMENT),
            Column("First day", newest("source_first_data_timestamp_seconds"), unit=DAY),
            Column("Landed until", newest("source_data_timestamp_seconds"), unit=MOMENT),
            Column("Age", f"time() - {newest('source_data_timestamp_seconds')}", unit="s", decimals=1, limits=Limits(_STALE / 2, _STALE)),
            Column("Days stored", newest("source_partitions")),
            Column("Of last 30", newest("source_window_landed", 'window="last_30d"')),
            Column("Rows read", newest("source_rows")),
            Column("Refresh time", newest("source_refresh_duration_seconds"), unit="s", decimals=1),
            Column("Unmatched", newest("unresolved_identities")),
        ],
        sort="Source",
        descending=False,
        empty=_NO_SOURCE,
        width=24,
        height=8,
    )


def _builds() -> table.Panel:
    return rows(
        "Builds",
        "What runs, and since when with the config that it has.",
        {"instance": "Instance", "version": "Version", "engine": "Engine"},
        [
            Column(
                "Config of",
                f"group by (instance, version, engine) ({of('build_info')})"
                f" * on (instance) group_left () max by (instance) ({of('config_last_reload_success_timestamp_seconds')})",
                unit=MOMENT,
            )
        ],
        sort="Instance",
        descending=False,
        empty=NO_SCRAPE,
        width=24,
        height=4,
    )


def _rejected() -> table.Panel:
    return rows(
        "Rejected rows, last 24 hours",
        f"Files, rows and values that were left out, the {MOST_ROWS} reasons with most. The log says where they stand. A restart reads what is not stored yet.",
        {"source": "Source", "reason": "Reason"},
        [Column("Rejected", f"topk({MOST_ROWS}, {increase('source_rejected_rows_total', '1d', 'source, reason')})")],
        sort="Rejected",
        empty=NO_SCRAPE,
        width=8,
        height=8,
    )


def _unmatched() -> AnyPanel:
    return live(
        "Unmatched identities",
        "Human identities that match nobody in the directory or the people file, by source. They became people under their own name.",
        {"{{source}}": f"max by (source) ({of('unresolved_identities')})", "names taken": f"max({of('user_collisions')})"},
        empty="No identities were matched yet",
        width=8,
    )


def _unknown_columns() -> AnyPanel:
    return live(
        "Unknown columns",
        "Columns of the newest reports that this version does not know and leaves out, by source: there may be a newer version that does.",
        {"{{source}}": f"max by (source) ({of('source_unknown_columns')})"},
        empty="No report with columns was read yet",
        width=8,
    )
