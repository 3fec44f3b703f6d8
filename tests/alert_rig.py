"""A scenario of an alert, and the person, the times and the gaps that scenarios share.

Time begins on Thursday 1970-01-01 00:00 UTC; a sample comes every 5 minutes, 12 an hour, 288 a day.

Values are promtool's: `1x3` is four times 1, `_x3` three scrapes that were missed, `stale` the end of a series.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

KIM = 'user="kim",team="core"'
MOVED = 'user="kim",team="data"'
PERSON = {"user": "kim", "team": "core"}
DAY = 288
TARGET = {"job": "aws-user-exporter", "instance": "a"}


@dataclass(frozen=True, slots=True)
class Scenario:
    """`told` says for a time (as promtool writes it) with which labels the alert fires; empty: it is quiet."""

    alert: str
    name: str
    series: Mapping[str, str]
    told: Mapping[str, Sequence[Mapping[str, str]]]


def _gap(before: str, after: str) -> str:
    """Two scrapes are missed after an hour."""
    return f"{before}x11 _ _ {after}x24"


def _restart(before: str, after: str) -> str:
    """After an hour the exporter is gone for ten minutes: Prometheus marks its series as ended."""
    return f"{before}x11 stale _ {after}x24"


def bridged(alert: str, labels: Mapping[str, str], *series: str, others: Mapping[str, str] | None = None, value: str = "1") -> list[Scenario]:
    """A scrape gap and a restart, in which nothing ends and nothing begins."""
    during = {"55m": [labels], "1h": [labels], "1h5m": [labels], "1h30m": [labels]}
    return [
        Scenario(alert, situation, {**{name: write(value, value) for name in series}, **(others or {})}, during)
        for situation, write in (("a ten-minute scrape gap", _gap), ("a restart", _restart))
    ]


def moves(
    alert: str, first: str, second: str, labels: Mapping[str, str], *, value: str, others: Mapping[str, str] | None = None, waits: bool = False
) -> Scenario:
    """After an hour the person is in another team: told once more for the new team, and for the old one no longer than what bridges gaps."""
    new = {**labels, "team": "data"}
    moment = {"2h30m": [new]} if not waits else {}
    return Scenario(
        alert,
        "a change of team",
        {first: f"{value}x11 stale", second: f"_x12 {value}x120", **(others or {})},
        {"55m": [] if waits else [labels], **moment, "9h": [new]},
    )
