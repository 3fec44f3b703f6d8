"""The part of Exporter about what it weighs and costs: series, bytes, memory, and what it asks of AWS."""

from __future__ import annotations

from grafana.source.boards import AnyPanel
from grafana.source.exporter_shared import INSTANCE, NO_AWS, NO_SCRAPE, hour, increase, of
from grafana.source.panels import Zero, live, number, ranking
from grafana.source.queries import TOP, top

_NOT_COUNTED = f"{of('build_info')} unless on (job, instance) {of('api_requests_total')}"
"""Exporters that count no requests to AWS, because all their sources are files."""


def size() -> tuple[AnyPanel, ...]:
    """How much is served, and what it takes."""
    return (
        ranking(
            "Series by family",
            f"The {TOP} families with most series in the snapshot.",
            top(f"max by (family) ({of('series')})"),
            "{{family}}",
            empty="No snapshot was rendered yet",
            width=12,
        ),
        ranking(
            "Folded series by family",
            f"The {TOP} families of which most series were summed into _other or left out, by what the config has below limits.",
            top(f"max by (family) ({of('series_folded')})"),
            "{{family}}",
            empty="Nothing is folded: everybody fits the limits; or no snapshot was rendered yet",
            width=12,
        ),
        live(
            "Series and limit steps",
            "Series in the snapshot, and how many steps the series limits had to take.",
            {"series, {{instance}}": f"sum by (instance) ({of('series')})", "limit step, {{instance}}": f"max by (instance) ({of('series_limit_step')})"},
            empty="No snapshot was rendered yet",
            width=6,
        ),
        live(
            "Snapshot",
            "Size of what a scrape gets, plain and compressed, without the metrics about the exporter.",
            {"{{encoding}}": f"max by (encoding) ({of('snapshot_bytes')})"},
            empty="No snapshot was rendered yet",
            unit="bytes",
            width=6,
        ),
        live(
            "Scrape time",
            "How long Prometheus needs for a scrape. Its time-out must be well above.",
            {"{{instance}}": f"max by (instance) (scrape_duration_seconds{{{INSTANCE}}})"},
            empty=NO_SCRAPE,
            unit="s",
            width=6,
        ),
        live(
            "Memory",
            "Resident memory of the exporter.",
            {"{{instance}}": f"max by (instance) (process_resident_memory_bytes{{{INSTANCE}}})"},
            empty=NO_SCRAPE,
            unit="bytes",
            width=6,
        ),
    )


def costs() -> tuple[AnyPanel, ...]:
    """What was asked of AWS, and what that costs."""
    return (
        number(
            "Spent, 30 days",
            "Estimated cost, at list price, of what the exporter asked of AWS in the last 30 days: Athena, Cost Explorer, requests to S3.",
            increase("aws_spend_usd_total", "30d"),
            empty=NO_SCRAPE,
            unit="currencyUSD",
            decimals=2,
            zero=Zero("Nothing was spent", _NOT_COUNTED),
        ),
        number("Athena queries, 30 days", "Queries that were started in the last 30 days.", increase("athena_queries_total", "30d"), empty=NO_SCRAPE),
        number(
            "Scanned by Athena, 30 days",
            "Bytes that Athena reported as scanned in the last 30 days. It charges by them, with a minimum a query.",
            increase("athena_bytes_scanned_total", "30d"),
            empty=NO_SCRAPE,
            unit="bytes",
            decimals=1,
        ),
        number(
            "Requests, 30 days",
            "Requests to AWS APIs in the last 30 days, retries included.",
            increase("api_requests_total", "30d"),
            empty=NO_SCRAPE,
            zero=Zero("Nothing was asked of AWS", _NOT_COUNTED),
        ),
        live(
            "Spent by API",
            "Estimated cost, at list price, of the hour before.",
            {"{{api}}": hour("aws_spend_usd_total", "api")},
            empty=NO_AWS,
            unit="currencyUSD",
            width=8,
        ),
        live(
            "Requests by API",
            "Requests to AWS APIs in the hour before, retries included.",
            {"{{api}}": hour("api_requests_total", "api")},
            empty=NO_AWS,
            width=8,
        ),
        live(
            "Athena's time",
            "How long queries waited in Athena's queue and its engine worked on them, in the hour before.",
            {"queue": hour("athena_queue_seconds_total"), "engine": hour("athena_engine_seconds_total")},
            empty=NO_SCRAPE,
            unit="s",
            width=8,
        ),
    )
