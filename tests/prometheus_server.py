"""Starts and stops a real Prometheus, and asks it over its HTTP API."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml
from real_process import RealProcess, eventually, request

_ADDRESS = re.compile(r'msg="Listening on" address=(127\.0\.0\.1:\d+)')


@dataclass(frozen=True)
class Series:
    """Labels, `__name__` among them, and values by time (UTC)."""

    labels: dict[str, str]
    values: dict[datetime, float]

    @property
    def value(self) -> float:
        """The only value: that of an instant query."""
        (value,) = self.values.values()
        return value


class PrometheusServer(RealProcess):
    """Prometheus on a free port of 127.0.0.1. The folder holds its config, data and log; blocks put into `data` before the start are served."""

    def __init__(self, binary: str, folder: Path, config: Mapping[str, object] | None = None) -> None:
        """`config` is what prometheus.yml says; none: it scrapes nothing."""
        folder.mkdir(parents=True, exist_ok=True)
        self.data = folder / "data"
        config_file = folder / "prometheus.yml"
        config_file.write_text(yaml.safe_dump(dict(config or {})), encoding="utf-8")
        arguments = (
            *(f"--config.file={config_file}", f"--storage.tsdb.path={self.data}", "--web.listen-address=127.0.0.1:0"),
            # Made history is older than the retention that is the default.
            "--storage.tsdb.retention.time=100y",
        )
        super().__init__((binary, *arguments), folder / "log", folder)

    def start(self) -> None:
        """Starts it and waits until it answers queries."""
        super().start()
        self.wait_for_line("Server is ready to receive web requests")
        eventually("Prometheus", lambda: request(self.address, "GET", "/-/ready").status == 200)

    @property
    def address(self) -> str:
        place = self.wait_for_line('msg="Listening on"')
        line = self.lines()[place - 1]
        found = _ADDRESS.search(line)
        assert found, line
        return found[1]

    def query(self, expression: str, at: datetime | None = None) -> list[Series]:
        """An instant query, now unless told otherwise."""
        result = self._ask("query", {"query": expression} | ({"time": str(at.timestamp())} if at else {}))
        return [Series(series["metric"], _values([series["value"]])) for series in result]

    def query_range(self, expression: str, start: datetime, end: datetime, step: timedelta) -> list[Series]:
        """A range query, both ends included."""
        result = self._ask("query_range", {"query": expression, "start": start.timestamp(), "end": end.timestamp(), "step": step.total_seconds()})
        return [Series(series["metric"], _values(series["values"])) for series in result]

    def wait_until_scraped(self, job: str) -> None:
        """Waits for a scrape that began after this call and worked."""
        now = time.time()
        eventually(f"a scrape of {job}", lambda: self.query(f'timestamp(up{{job="{job}"}} == 1) > {now}'))

    def _ask(self, what: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
        answer = request(self.address, "POST", f"/api/v1/{what}", urlencode(parameters), Content_Type="application/x-www-form-urlencoded")
        document = json.loads(answer.body)
        assert document["status"] == "success", document
        result: list[dict[str, Any]] = document["data"]["result"]
        return result


def scraping(job: str, address: str) -> dict[str, object]:
    """A config that scrapes one address every second."""
    return {"global": {"scrape_interval": "1s"}, "scrape_configs": [{"job_name": job, "static_configs": [{"targets": [address]}]}]}


def _values(points: Sequence[tuple[float, str]]) -> dict[datetime, float]:
    return {datetime.fromtimestamp(at, UTC): float(value) for at, value in points}
