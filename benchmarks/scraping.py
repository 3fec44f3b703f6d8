"""Scrapes over loopback: the exporter's web server beside prometheus_client's, and beside a bare socket that sends the same bytes."""

from __future__ import annotations

import json
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.measure import alternate
from benchmarks.rendering import registry, rendered, rows


@contextmanager
def served(which: str, series: int, *arguments: str) -> Iterator[int]:
    """A server process; gives its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.scraping", which, str(series), *arguments], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield int(json.loads(process.stdout.readline())["port"])
    finally:
        process.terminate()
        process.wait(10)


def scrape(port: int, gzip: bool) -> int:
    """One scrape as Prometheus sends it; returns the bytes of the answer."""
    encoding = "gzip" if gzip else "identity"
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept-Encoding: {encoding}\r\nConnection: close\r\n\r\n".encode())
        buffer, total = bytearray(1 << 20), 0
        while received := connection.recv_into(buffer):
            total += received
    return total


def compare(series: int, rival: str, gzip: bool, runs: int) -> tuple[float, float]:
    """Median seconds of a scrape: ours, the rival's."""
    with served("ours", series) as ours, served(rival, series) as theirs:
        for port in (ours, theirs):
            scrape(port, gzip)
        return alternate(runs, lambda: scrape(ours, gzip), lambda: scrape(theirs, gzip))


def during_rendering(series: int) -> tuple[float, float]:
    """99th percentile of gzip scrapes, in seconds: idle, and while everything is rendered over and over."""

    def percentile(port: int) -> float:
        times = []
        for _ in range(200):
            began = time.perf_counter()
            scrape(port, gzip=True)
            times.append(time.perf_counter() - began)
        return statistics.quantiles(times, n=100)[98]

    with served("ours", series) as idle, served("ours", series, "rendering") as busy:
        scrape(idle, True), scrape(busy, True)
        return percentile(idle), percentile(busy)


def _serve_ours(series: int, rendering: bool) -> None:
    import asyncio
    from datetime import UTC, datetime, timedelta

    from exporter.model import Snapshot
    from exporter.telemetry import Telemetry
    from exporter.web.app import make_app
    from exporter.web.server import Server, bind

    connection = rows(series)
    now = datetime.now(UTC)

    class View:
        telemetry = Telemetry()
        enable_lifecycle = False
        held = Snapshot(now, now + timedelta(days=1), tuple(rendered(connection, series)))

        def snapshot(self) -> Snapshot:
            return self.held

        def ready(self) -> tuple[bool, str]:
            return True, ""

        def status(self) -> list[object]:
            return []

        def reload(self) -> list[str]:
            return []

        def refresh(self, source: str | None) -> list[str]:
            return []

    view = View()

    def render_for_ever() -> None:
        while True:
            view.held = Snapshot(now, now + timedelta(days=1), tuple(rendered(connection, series)))

    sockets = bind("127.0.0.1:0")
    print(json.dumps({"port": sockets[0].getsockname()[1]}), flush=True)
    if rendering:
        threading.Thread(target=render_for_ever, daemon=True).start()
    asyncio.run(Server(make_app(view)).serve(sockets))  # type: ignore[arg-type]


def _serve_client(series: int) -> None:
    from prometheus_client import start_http_server

    server, thread = start_http_server(0, "127.0.0.1", registry(rows(series)))
    print(json.dumps({"port": server.server_port}), flush=True)
    thread.join()


def _serve_socket(series: int) -> None:
    body = b"".join(chunk.plain for chunk in rendered(rows(series), series))
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    listening = socket.create_server(("127.0.0.1", 0))
    print(json.dumps({"port": listening.getsockname()[1]}), flush=True)
    while True:
        connection, _ = listening.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(answer)


if __name__ == "__main__":
    which, count = sys.argv[1], int(sys.argv[2])
    if which == "ours":
        _serve_ours(count, "rendering" in sys.argv)
    elif which == "client":
        _serve_client(count)
    else:
        _serve_socket(count)
