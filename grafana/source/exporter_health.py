"""Exporter: whether it works, how fresh its sources are, what it left out, how large it is, and what it costs itself."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard, stat, table

from grafana.source.boards import AnyPanel, bare, section, values_of
from grafana.source.panels import Column, Limits, live, number, ranking, rows
from grafana.source.queries import MOST_ROWS, TOP, threshold_value, top

_INSTANCE = 'job=~"$job",instance=~"$instance"'
_STALE = threshold_value("source_stale:seconds")
_NO_SOURCE = "No refresh of any source has ended since the start"
_NO_SCRAPE = "Prometheus has not scraped the exporter: is it a target of the job?"
_NO_AWS = "The exporter has asked nothing of AWS: all its sources are files"


def exporter_health() -> dashboard.Dashboard:
    """The dashboard `exporter`."""
    made = bare("exporter", "Exporter", "Whether the exporter works, how fresh its sources are, what it left out, how large it is, and what it costs itself.")
    made = made.time("now-2d", "now").refresh("1m")
    made = made.with_variable(values_of("job", "Job", _own("build_info"))).with_variable(values_of("instance", "Instance", _own("build_info")))
    made = section(made, "Health", *_numbers(), _sources(), _builds())
    made = section(
        made,
        "Freshness and refreshes",
        live(
            "Age of the data",
            "Time since the end of the newest UTC day that has landed, by source. A day lands 36 hours after its end at the latest.",
            {"{{source}}": f"time() - max by (source) ({_of('source_data_timestamp_seconds')})"},
            empty="No day of any source has landed",
            unit="s",
        ),
        live(
            "Time since the last success",
            "Time since the newest refresh that worked, by source.",
            {"{{source}}": f"time() - max by (source) ({_of('source_last_success_timestamp_seconds')})"},
            empty=_NO_SOURCE,
            unit="s",
        ),
        live(
            "Refresh time",
            "How long the newest refresh of each source took, successful or not.",
            {"{{source}}": f"max by (source) ({_of('source_refresh_duration_seconds')})"},
            empty=_NO_SOURCE,
            unit="s",
        ),
        live(
            "Refreshes and failures",
            "Refreshes that were begun in the hour before, by source, and those that failed. Prometheus extrapolates between scrapes.",
            {"{{source}}": _hour("source_refreshes_total", "source"), "{{source}} failed": f"{_hour('source_refresh_failures_total', 'source')} > 0"},
            empty=_NO_SOURCE,
        ),
    )
    made = section(made, "What was left out", _rejected(), _unmatched(), _unknown_columns())
    made = section(made, "Size", *_size())
    return section(made, "What the exporter costs", *_cost())


def _own(name: str) -> str:
    return f"aws_user_exporter_{name}"


def _of(name: str, matchers: str = "") -> str:
    return f"{_own(name)}{{{_INSTANCE}{',' if matchers else ''}{matchers}}}"


def _hour(name: str, by: str = "") -> str:
    return _increase(name, "1h", by)


def _increase(name: str, span: str, by: str = "") -> str:
    return f"sum{f' by ({by}) ' if by else ''}(increase({_of(name)}[{span}]))"


def _numbers() -> tuple[stat.Panel, ...]:
    up = _of("source_up")
    return (
        number(
            "Up",
            "Whether Prometheus can scrape the exporter; of several, whether it can scrape all.",
            f"min(up{{{_INSTANCE}}})",
            empty=_NO_SCRAPE,
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
            f"max(time() - {_of('source_data_timestamp_seconds')})",
            empty="No day of any source has landed",
            unit="s",
            decimals=1,
            width=4,
            limits=Limits(_STALE / 2, _STALE),
        ),
        number(
            "Config loaded",
            "Whether the newest attempt to load the config worked. If not, the one before it goes on, and the log names every mistake.",
            f"min({_of('config_last_reload_successful')})",
            empty=_NO_SCRAPE,
            unit="bool_yes_no",
            width=4,
            limits=Limits(1, 0.5, falling=True),
        ),
        number(
            "Series",
            "Series in the snapshot that is served, without those about the exporter.",
            f"max(sum by (job, instance) ({_of('series')}))",
            empty="No snapshot was rendered yet",
            width=4,
        ),
        number(
            "Limit step",
            "How many of the documented steps the series limits had to take. From 1 on, people or windows are folded away.",
            f"max({_of('series_limit_step')})",
            empty="No snapshot was rendered yet",
            width=4,
            limits=Limits(1),
        ),
    )


def _sources() -> table.Panel:
    def newest(name: str, matchers: str = "") -> str:
        return f"max by (source) ({_of(name, matchers)})"

    return rows(
        "Sources",
        "Each source of the config as of now. Days are UTC days; unmatched are identities that match nobody and became people under their own name.",
        {"source": "Source"},
        [
            Column("Works", f"min by (source) ({_of('source_up')})", unit="bool_yes_no", limits=Limits(1, 0.5, falling=True)),
            Column("Last success", newest("source_last_success_timestamp_seconds"), unit="dateTimeAsIso"),
            Column("Next refresh", newest("source_next_refresh_timestamp_seconds"), unit="dateTimeAsIso"),
            Column("First day", newest("source_first_data_timestamp_seconds"), unit="dateTimeAsIso"),
            Column("Landed until", newest("source_data_timestamp_seconds"), unit="dateTimeAsIso"),
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
        width=18,
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
                f"group by (instance, version, engine) ({_of('build_info')})"
                f" * on (instance) group_left () max by (instance) ({_of('config_last_reload_success_timestamp_seconds')})",
                unit="dateTimeAsIso",
            )
        ],
        sort="Instance",
        descending=False,
        empty=_NO_SCRAPE,
        width=6,
        height=8,
    )


def _rejected() -> table.Panel:
    return rows(
        "Rejected rows, last 24 hours",
        f"Files, rows and values that were left out, the {MOST_ROWS} reasons with most. The log says where they stand. A restart reads what is not stored yet.",
        {"source": "Source", "reason": "Reason"},
        [Column("Rejected", f"topk({MOST_ROWS}, {_increase('source_rejected_rows_total', '1d', 'source, reason')})")],
        sort="Rejected",
        empty=_NO_SCRAPE,
        width=8,
        height=8,
    )


def _unmatched() -> AnyPanel:
    return live(
        "Unmatched identities",
        "Human identities that match nobody in the directory or the people file, by source. They became people under their own name.",
        {"{{source}}": f"max by (source) ({_of('unresolved_identities')})", "names taken": f"max({_of('user_collisions')})"},
        empty="No identities were matched yet",
        width=8,
    )


def _unknown_columns() -> AnyPanel:
    return live(
        "Unknown columns",
        "Columns of the newest reports that this version does not know and leaves out, by source: there may be a newer version that does.",
        {"{{source}}": f"max by (source) ({_of('source_unknown_columns')})"},
        empty="No report with columns was read yet",
        width=8,
    )


def _size() -> tuple[AnyPanel, ...]:
    return (
        ranking(
            "Series by family",
            f"The {TOP} families with most series in the snapshot.",
            top(f"max by (family) ({_of('series')})"),
            "{{family}}",
            empty="No snapshot was rendered yet",
            width=12,
        ),
        ranking(
            "Folded series by family",
            f"The {TOP} families of which most series were summed into _other or left out, by what the config has below limits.",
            top(f"max by (family) ({_of('series_folded')})"),
            "{{family}}",
            empty="Nothing is folded: everybody fits the limits",
            width=12,
        ),
        live(
            "Series and limit steps",
            "Series in the snapshot, and how many steps the series limits had to take.",
            {"series, {{instance}}": f"sum by (instance) ({_of('series')})", "limit step, {{instance}}": f"max by (instance) ({_of('series_limit_step')})"},
            empty="No snapshot was rendered yet",
            width=6,
        ),
        live(
            "Snapshot",
            "Size of what a scrape gets, plain and compressed, without the metrics about the exporter.",
            {"{{encoding}}": f"max by (encoding) ({_of('snapshot_bytes')})"},
            empty="No snapshot was rendered yet",
            unit="bytes",
            width=6,
        ),
        live(
            "Scrape time",
            "How long Prometheus needs for a scrape. Its time-out must be well above.",
            {"{{instance}}": f"max by (instance) (scrape_duration_seconds{{{_INSTANCE}}})"},
            empty=_NO_SCRAPE,
            unit="s",
            width=6,
        ),
        live(
            "Memory",
            "Resident memory of the exporter.",
            {"{{instance}}": f"max by (instance) (process_resident_memory_bytes{{{_INSTANCE}}})"},
            empty=_NO_SCRAPE,
            unit="bytes",
            width=6,
        ),
    )


def _cost() -> tuple[AnyPanel, ...]:
    return (
        number(
            "Spent, 30 days",
            "Estimated cost, at list price, of what the exporter asked of AWS in the last 30 days: Athena, Cost Explorer, requests to S3.",
            _increase("aws_spend_usd_total", "30d"),
            empty=_NO_AWS,
            unit="currencyUSD",
            decimals=2,
        ),
        number("Athena queries, 30 days", "Queries that were started in the last 30 days.", _increase("athena_queries_total", "30d"), empty=_NO_SCRAPE),
        number(
            "Scanned by Athena, 30 days",
            "Bytes that Athena reported as scanned in the last 30 days. It charges by them, with a minimum a query.",
            _increase("athena_bytes_scanned_total", "30d"),
            empty=_NO_SCRAPE,
            unit="bytes",
            decimals=1,
        ),
        number("Requests, 30 days", "Requests to AWS APIs in the last 30 days, retries included.", _increase("api_requests_total", "30d"), empty=_NO_AWS),
        live(
            "Spent by API",
            "Estimated cost, at list price, of the hour before.",
            {"{{api}}": _hour("aws_spend_usd_total", "api")},
            empty=_NO_AWS,
            unit="currencyUSD",
            width=8,
        ),
        live(
            "Requests by API",
            "Requests to AWS APIs in the hour before, retries included.",
            {"{{api}}": _hour("api_requests_total", "api")},
            empty=_NO_AWS,
            width=8,
        ),
        live(
            "Athena's time",
            "How long queries waited in Athena's queue and its engine worked on them, in the hour before.",
            {"queue": _hour("athena_queue_seconds_total"), "engine": _hour("athena_engine_seconds_total")},
            empty=_NO_SCRAPE,
            unit="s",
            width=8,
        ),
    )
