"""The real process: bad input gets one sentence and an exit code, signals end or reload it, and no output holds a traceback."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from kiro_files import ALICE, Use, put_use

import exporter
from exporter.facts.folder import LAYOUT_VERSION
from exporter.facts.store import Store

ROOT = Path(exporter.__file__).parents[1]
RUN_MAIN = [sys.executable, "-c", "import sys; from exporter.cli import main; sys.exit(main())"]
CONFIG = """engine: duckdb
store: {path: state}
sources:
  kiro_credits: {location: reports}
web: {enable_lifecycle: true}
"""
YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)


class Process:
    """`aws-user-exporter run` in a folder, on a port of its own choice. Its output goes to a file."""

    def __init__(self, folder: Path, config: str = CONFIG, address: str = "127.0.0.1:0") -> None:
        self.folder = folder
        self.config_file = folder / "config.yaml"
        self.config_file.write_text(config)
        self._log = folder / f"log{len(list(folder.glob('log*')))}"
        with self._log.open("wb") as output:
            arguments = ["run", "--config.file", str(self.config_file), "--web.listen-address", address]
            self.process = subprocess.Popen([*RUN_MAIN, *arguments], cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)

    @property
    def output(self) -> str:
        return self._log.read_text()

    def says(self, text: str) -> bool:
        """Waits for a line of the log."""
        return self._waits(lambda: text in self.output or self.process.poll() is not None) and text in self.output

    def url(self, path: str) -> str:
        assert self.says("msg=starting")
        found = re.search(r"address=(127\.0\.0\.1:\d+)", self.output)
        assert found is not None
        return f"http://{found[1]}{path}"

    def get(self, path: str, method: str = "GET") -> tuple[int, str]:
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url(path), method=method), timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def sample(self, series: str) -> str | None:
        """The value of a series on /metrics, as Python writes that number: 20 and 20.0 are the same to Prometheus."""
        found = re.search(rf"^{re.escape(series)} (.*)$", self.get("/metrics")[1], re.MULTILINE)
        return str(float(found[1])) if found else None

    def comes_to(self, series: str, value: str) -> bool:
        return self._waits(lambda: self.sample(series) == value)

    def ends(self) -> int:
        """Waits for the end; the exit code."""
        return self.process.wait(20)

    def told_to_end(self, number: int = signal.SIGTERM) -> tuple[int, float]:
        """Exit code, and seconds that the end took."""
        began = time.monotonic()
        self.process.send_signal(number)
        return self.process.wait(20), time.monotonic() - began

    @staticmethod
    def _waits(condition: Callable[[], object]) -> bool:
        deadline = time.monotonic() + 30
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True


Run = Callable[..., Process]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Starts processes; none is left behind, and none has shown a traceback."""
    started: list[Process] = []

    def start(*arguments: str, folder: Path = tmp_path) -> Process:
        started.append(Process(folder, *arguments))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()
    assert [one.output for one in started if "Traceback" in one.output] == []


def reports(folder: Path, days: int = 1) -> None:
    for back in range(days):
        put_use(folder / "reports", YESTERDAY - timedelta(days=back), Use(ALICE))


# Bad input


def test_config_with_five_mistakes_tells_all_five_and_exits_2(run: Run) -> None:
    config = """engine: duckbd
store: {path: state, retension: 400d}
sources:
  kiro_credits: {schedule: often}
web: {listen_address: "localhost:http"}
"""
    process = run(config)
    file = process.config_file
    assert process.ends() == 2
    assert [line.removeprefix("aws-user-exporter: ").split(": ")[:2] for line in process.output.splitlines()] == [
        [f"{file}:1", "engine"],
        [f"{file}:2", "store.retension"],
        [f"{file}:4", "sources.kiro_credits.location"],
        [f"{file}:4", "sources.kiro_credits.schedule"],
        [f"{file}:5", "web.listen_address"],
    ]


def test_window_of_an_unknown_family_exits_2(run: Run) -> None:
    process = run(CONFIG + "windows: {kiro_user_massages: [last_7d]}\n")
    assert process.ends() == 2
    assert f"{process.config_file}:6: windows.kiro_user_massages: " in process.output


def one_sentence(process: Process) -> str:
    """The only complaint of a process that did not get going."""
    assert process.ends() == 1
    lines = [line for line in process.output.splitlines() if not line.startswith("time=")]
    assert len(lines) == 1, process.output
    return lines[0].removeprefix("aws-user-exporter: ")


def test_port_in_use_is_one_sentence(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert one_sentence(run(CONFIG, address)).startswith(f"{address} is already in use: ")


def test_store_of_a_newer_version_is_one_sentence(run: Run, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "version").write_text(f"{LAYOUT_VERSION + 1}\n")
    assert one_sentence(run()).startswith(f"the store {tmp_path / 'state'} was written by a newer version of this exporter")


def test_second_exporter_on_the_store_is_one_sentence_and_the_first_goes_on(run: Run, tmp_path: Path) -> None:
    reports(tmp_path)
    first = run()
    assert first.get("/-/healthy")[0] == 200
    assert one_sentence(run()).startswith(f"the store {tmp_path / 'state'} is in use by another exporter")
    assert first.get("/-/healthy")[0] == 200


def test_people_file_that_is_not_there_is_one_sentence(run: Run, tmp_path: Path) -> None:
    assert one_sentence(run(CONFIG + "people: {file: people.csv}\n")).startswith(f"the people file {tmp_path / 'people.csv'} cannot be read")


def test_folder_of_reports_that_is_not_there_is_told_and_the_service_runs(run: Run, tmp_path: Path) -> None:
    process = run()
    assert process.comes_to('aws_user_exporter_source_up{source="kiro_credits"}', "0.0")
    assert (process.get("/-/healthy")[0], process.get("/-/ready")[0]) == (200, 503)
    complaints = [line for line in process.output.splitlines() if "level=error" in line]
    assert len(complaints) == 1
    assert f"The folder {tmp_path / 'reports'} does not exist; create it or correct the location." in complaints[0]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk of 256 kB for the store."""
    disk = tmp_path / "state"
    disk.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)], check=False, capture_output=True).returncode:
        pytest.skip("a disk of 256 kB cannot be mounted here")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_full_disk_is_told_and_what_is_there_is_served_until_it_can_go_on(run: Run, tmp_path: Path, small_disk: Path) -> None:
    reports(tmp_path)
    process = run()
    series = f'kiro_user_credits_yesterday{{user="{ALICE}",team="unknown"}}'
    assert process.comes_to(series, "1.0")
    ballast = small_disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(1024)):
                pass
        except OSError:
            pass
    put_use(tmp_path / "reports", YESTERDAY, Use(ALICE, credits="2.5"))
    process.get("/-/refresh", "POST")
    assert process.comes_to('aws_user_exporter_source_up{source="kiro_credits"}', "0.0")
    assert process.sample(series) == "1.0"
    ballast.unlink()
    process.get("/-/refresh", "POST")
    assert process.comes_to(series, "2.5")
    complaints = [line for line in process.output.splitlines() if "level=error" in line]
    assert len(complaints) == 1
    assert "is full; nothing was lost, free some space and the next refresh goes on" in complaints[0]


# Signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_an_idle_service(run: Run, tmp_path: Path, number: int) -> None:
    reports(tmp_path)
    process = run()
    assert process.says("msg=refreshed")
    process.get("/metrics")
    code, seconds = process.told_to_end(number)
    assert (code, seconds < 5) == (0, True)


def test_sigterm_ends_a_first_load_and_the_next_start_goes_on(run: Run, tmp_path: Path) -> None:
    reports(tmp_path, days=45)
    process = run()
    assert process.says("day stored")
    code, seconds = process.told_to_end()
    assert (code, seconds < 5) == (0, True)
    store = Store.open(tmp_path / "state")
    stored = store.days("kiro_credits")
    store.close()
    assert 0 < len(stored) < 45, "the load had ended before the signal came"
    again = run()
    assert again.comes_to('aws_user_exporter_source_partitions{source="kiro_credits"}', "45.0")
    assert all(date.fromisoformat(day.isoformat()) <= YESTERDAY for day in stored)


def test_restart_serves_the_first_scrape_from_the_store(run: Run, tmp_path: Path) -> None:
    reports(tmp_path)
    process = run()
    series = f'kiro_user_credits_yesterday{{user="{ALICE}",team="unknown"}}'
    assert process.comes_to(series, "1.0")
    process.told_to_end()
    os.rename(tmp_path / "reports", tmp_path / "elsewhere")
    assert run().sample(series) == "1.0"


def test_sighup_reloads(run: Run, tmp_path: Path) -> None:
    reports(tmp_path)
    process = run()
    assert process.comes_to('kiro_tier_price{tier="pro",currency="USD"}', "20.0")
    process.config_file.write_text(CONFIG + "kiro: {tiers: {pro: {credits: 1000, price: 19}}}\n")
    process.process.send_signal(signal.SIGHUP)
    assert process.comes_to('kiro_tier_price{tier="pro",currency="USD"}', "19.0")


def test_sighup_with_a_broken_config_keeps_what_runs(run: Run, tmp_path: Path) -> None:
    reports(tmp_path)
    process = run()
    assert process.comes_to('kiro_tier_price{tier="pro",currency="USD"}', "20.0")
    process.config_file.write_text(CONFIG + "kiro: {tiers: {pro: {credits: many, price: 19}}}\n")
    process.process.send_signal(signal.SIGHUP)
    assert process.comes_to("aws_user_exporter_config_last_reload_successful", "0.0")
    assert process.sample('kiro_tier_price{tier="pro",currency="USD"}') == "20.0"
    assert f"{process.config_file}:6: kiro.tiers.pro.credits: " in process.output
