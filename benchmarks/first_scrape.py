"""Seconds from the start of the real process to its first scrape, from the store of a sample; beside Python loading what no exporter could do without.

python -m benchmarks.first_scrape [people]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from benchmarks.measure import Row, seconds
from exporter.sample import Organisation, write
from exporter.web.server import addresses, bind

_CONFIG = """engine: duckdb
store: {path: state}
sources:
  kiro_credits: {location: data, schedule: 12h}
  kiro_features: {location: data, schedule: 12h}
  cloudtrail: {location: data, schedule: 12h}
  cur: {location: data/cur, schedule: 12h}
people: {file: data/people.csv}
"""
_LIBRARIES = "import apscheduler.schedulers.background, click, duckdb, msgspec, nanoarrow, prometheus_client, pydantic, starlette.applications, uvicorn, yaml"
_RUNS = 5
_PATIENCE_SECONDS = 600.0


@contextmanager
def running(folder: Path) -> Iterator[tuple[int, str]]:
    """The process and its address, which is free when it starts."""
    (socket,) = bind("127.0.0.1:0")
    (address,) = addresses([socket])
    socket.close()
    script = Path(sys.executable).with_name("aws-user-exporter")
    command = [str(script)] if script.exists() else [sys.executable, "-m", "exporter.cli"]
    process = subprocess.Popen([*command, "run", "--config.file", folder / "config.yaml", "--web.listen-address", address], stderr=subprocess.DEVNULL)
    try:
        yield process.pid, address
    finally:
        process.terminate()
        process.wait(30)


def await_metric(address: str, name: bytes) -> None:
    """Scrapes until a metric is there."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            with urlopen(f"http://{address}/metrics") as answer:
                if name in answer.read():
                    return
        except (HTTPError, URLError, ConnectionError):
            pass
        time.sleep(0.005)
    raise TimeoutError(f"no {name.decode()} was served")


def rows(people: int) -> Iterator[Row]:
    """One row: the best of several starts, as other work on the machine only ever adds to them, and what the processor did for it."""
    with tempfile.TemporaryDirectory() as name:
        folder, yesterday = Path(name), datetime.now(UTC).date() - timedelta(days=1)
        write(Organisation.generate(people, 3), folder / "data", yesterday - timedelta(days=61), yesterday)
        (folder / "config.yaml").write_text(_CONFIG, encoding="utf-8")
        with running(folder) as (_, address):
            for source in ("kiro_credits", "kiro_features", "cloudtrail", "cur"):
                await_metric(address, f'aws_user_exporter_source_up{{source="{source}"}} 1'.encode())
        starts = []
        for _ in range(_RUNS):
            began = time.monotonic()
            with running(folder) as (process, address):
                await_metric(address, b"aws_user_cost_last_30d{")
                starts.append((time.monotonic() - began, _processor_seconds(process)))
        libraries = min(seconds(lambda: subprocess.run([sys.executable, "-c", _LIBRARIES], check=True)) for _ in range(_RUNS))
        taken, processor = min(starts)
    measured = f"{libraries:.2f} s of it; {processor:.2f} s of processor"
    yield Row(f"first scrape after a restart with {people} people, s", "Python loading the libraries", measured, taken, 1.0, True)


def _processor_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    for row in rows(int(sys.argv[1]) if len(sys.argv) > 1 else 200):
        print(row)
