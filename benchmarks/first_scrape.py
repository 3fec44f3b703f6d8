"""Seconds from the start of the real process to its first scrape, from the store of a sample; beside Python loading what no exporter could do without.

python -m benchmarks.first_scrape [people]
python -m benchmarks.first_scrape kept <series>    only the start from a kept snapshot, with so many series and hardly any facts
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
from exporter.config import load
from exporter.facts.folder import Folder
from exporter.model import Snapshot, day_end, day_start
from exporter.sample import Organisation, write
from exporter.snapshots import keeping
from exporter.snapshots.exposition import CHUNK_ROWS, chunk
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
_PUBLISHED = b"aws_user_cost_last_30d{"
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
    """Two rows: with the snapshot that the run before has kept, and with its facts alone, as after an upgrade or on another day.

    Each the best of several starts, as other work on the machine only ever adds to them, and what the processor did for it.
    """
    with tempfile.TemporaryDirectory() as name:
        folder, yesterday = Path(name), datetime.now(UTC).date() - timedelta(days=1)
        write(Organisation.generate(people, 3), folder / "data", yesterday - timedelta(days=61), yesterday)
        (folder / "config.yaml").write_text(_CONFIG, encoding="utf-8")
        with running(folder) as (_, address):
            for source in ("kiro_credits", "kiro_features", "cloudtrail", "cur"):
                await_metric(address, f'aws_user_exporter_source_up{{source="{source}"}} 1'.encode())
            await_metric(address, _PUBLISHED)
        served = folder / "state" / "snapshot" / "served"
        kept = served.read_bytes()
        for what, packed in (("the kept snapshot", kept), ("no kept snapshot", None)):
            starts = [_start(folder, served, packed) for _ in range(_RUNS)]
            libraries = min(seconds(lambda: subprocess.run([sys.executable, "-c", _LIBRARIES], check=True)) for _ in range(_RUNS))
            taken, processor = min(starts)
            measured = f"{libraries:.2f} s of it; {processor:.2f} s of processor"
            yield Row(
                f"first scrape after a restart, {people:,} people, {what}, s", "Python loading the libraries", measured, taken, 1.0 if packed else None, True
            )


def kept(series: int) -> Row:
    """The start from a kept snapshot alone, of a size that would take long to come by: 650,000 series are those of 10,000 people."""
    with tempfile.TemporaryDirectory() as name:
        folder, now = Path(name), datetime.now(UTC)
        (folder / "config.yaml").write_text(_CONFIG.replace("people: {file: data/people.csv}\n", ""), encoding="utf-8")
        (folder / "data").mkdir()
        chunks = []
        for start in range(0, series, CHUNK_ROWS):
            numbers = range(start, min(start + CHUNK_ROWS, series))
            lines = (
                f'{_PUBLISHED.decode()}user="person{number}",team="team-{number % 100}",charge="usage"}} {number * 7919 % 100003}.25\n' for number in numbers
            )
            chunks.append(chunk("".join(lines).encode(), len(numbers)))
        key = keeping.key(load(folder / "config.yaml", {}))
        snapshot = Snapshot(day_start(now.date()), day_end(now.date()), tuple(chunks), {"aws_user_cost_last_30d": series}, {}, 0, key)
        opened = Folder.open(folder / "state")
        opened.keep_served(keeping.pack(snapshot, now))
        opened.close()
        served = folder / "state" / "snapshot" / "served"
        taken, processor = min(_start(folder, served, served.read_bytes()) for _ in range(_RUNS))
    measured = f"{snapshot.plain_bytes / 1e6:.0f} MB, packed {snapshot.gzip_bytes / 1e6:.1f}; {processor:.2f} s of processor"
    return Row(f"first scrape after a restart, {series:,} series kept, s", "", measured, taken, 1.0, True)


def _start(folder: Path, served: Path, packed: bytes | None) -> tuple[float, float]:
    """Seconds to the first scrape, and of processor until then."""
    if packed is None:
        served.unlink()
    else:
        served.write_bytes(packed)
    began = time.monotonic()
    with running(folder) as (process, address):
        await_metric(address, _PUBLISHED)
        return time.monotonic() - began, _processor_seconds(process)


def _processor_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    if sys.argv[1:2] == ["kept"]:
        print(kept(int(sys.argv[2])))
    else:
        for row in rows(int(sys.argv[1]) if len(sys.argv) > 1 else 200):
            print(row)
