"""Rendering samples: ours from rows in DuckDB, prometheus_client's from labelled Gauges. Peak memory of each is measured in a process of its own."""

from __future__ import annotations

import json
import sys

import duckdb
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from benchmarks.measure import alternate, apart, peak_megabytes, seconds
from exporter.model import Chunk
from exporter.quoting import sql_text
from exporter.snapshots.exposition import Part, label_pairs, line, render

NAME, LABELS = "kiro_user_client_credits_last_30d", ("user", "team", "client")
_ROWS = """CREATE TABLE samples AS SELECT 'person.number.' || (range // 3) || '@example.com' AS "user", 'team-' || (range // 3 % 40) AS team,
    ['ide', 'cli', 'plugin'][range % 3 + 1] AS client, (range * 37 % 100003)::DECIMAL(38, 18) / 7 AS value FROM range({series})"""


def rows(series: int) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(_ROWS.format(series=series)).fetchall()
    return connection


def rendered(connection: duckdb.DuckDBPyConnection, series: int) -> list[Chunk]:
    query = f"SELECT {line(sql_text(NAME), label_pairs(LABELS))} FROM (FROM samples ORDER BY rowid)"
    return list(render([Part(NAME, "Credits.", series)], connection, query))


def registry(connection: duckdb.DuckDBPyConnection) -> CollectorRegistry:
    made = CollectorRegistry()
    gauge = Gauge(NAME, "Credits.", LABELS, registry=made)
    for user, team, client, value in connection.execute("FROM samples").fetchall():
        gauge.labels(user, team, client).set(float(value))
    return made


def compare(series: int) -> tuple[float, float]:
    """Seconds of ours and of theirs."""
    connection = rows(series)
    theirs = registry(connection)
    return alternate(3, lambda: rendered(connection, series), lambda: generate_latest(theirs))


def main(which: str, series: int) -> None:
    connection = rows(series)
    if which == "ours":
        held = rendered(connection, series)
        took = seconds(lambda: held.extend(rendered(connection, series)))  # the old snapshot is still served while the new one is made
    else:
        made = registry(connection)
        connection.close()
        held = [generate_latest(made)]  # type: ignore[list-item]
        took = seconds(lambda: held.append(generate_latest(made)))  # type: ignore[arg-type]
    print(json.dumps({"seconds": took, "peak": peak_megabytes()}))


def peaks(series: int) -> tuple[float, float]:
    """Megabytes at the peak while everything is rendered anew: ours, theirs."""
    return apart("rendering", "ours", str(series))["peak"], apart("rendering", "theirs", str(series))["peak"]


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
