"""What the panels about the exporter share, and what the other dashboards show of it: how far the data reach."""

from __future__ import annotations

from grafana_foundation_sdk.builders import stat

from grafana.source.panels import DAY, number

INSTANCE = 'job=~"$job",instance=~"$instance"'
NO_SCRAPE = "Prometheus has not scraped the exporter: is it a target of the job?"
NO_AWS = "Nothing was asked of AWS: all sources are files; or Prometheus has not scraped the exporter"


def own(name: str) -> str:
    """The name of a metric of the exporter about itself."""
    return f"aws_user_exporter_{name}"


def of(name: str, matchers: str = "") -> str:
    """It, of the chosen instances."""
    return f"{own(name)}{{{INSTANCE}{',' if matchers else ''}{matchers}}}"


def hour(name: str, by: str = "") -> str:
    """What a counter gained in the hour before."""
    return increase(name, "1h", by)


def increase(name: str, span: str, by: str = "") -> str:
    """What a counter gained in a span (`30d`) before."""
    return f"sum{f' by ({by}) ' if by else ''}(increase({of(name)}[{span}]))"


def newest_day(of_what: str, source: str, width: int) -> stat.Panel:
    """Up to which day data are there. `source` is a regular expression over the names of sources."""
    return number(
        "Newest day",
        f"The newest UTC day of {of_what} that has landed, and so the last one of the windows. What came later is not in any number.",
        f'1000 * (max({own("source_data_timestamp_seconds")}{{source=~"{source}"}}) - 86400)',
        empty="No day has landed",
        unit=DAY,
        width=width,
    )
