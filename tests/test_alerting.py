"""An alert on its whole way: the exporter on a log in which root was active, Prometheus with the rules, Alertmanager with the config, a webhook."""

from __future__ import annotations

import json
import re
import shutil
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from cloudtrail_events_made import event, log_path, root
from cloudtrail_events_made import write as write_log
from exporter_process import ExporterProcess
from prometheus_server import PrometheusServer
from real_process import RealProcess, eventually, request
from tools import require_tool

PROMETHEUS = Path(__file__).parent.parent / "prometheus"
JOB = "aws-user-exporter"


class Webhook(ThreadingHTTPServer):
    """Keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[tuple[str, dict[str, Any]]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        self.server.received.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    server = Webhook()
    yield server
    server.shutdown()
    server.server_close()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def alertmanager(folder: Path, webhook: Webhook) -> tuple[RealProcess, str]:
    """The real one, with the config as it is, but for URLs in its receivers, as its first line says, and no wait for more alerts of the group."""
    text = (PROMETHEUS / "alertmanager.yml").read_text(encoding="utf-8")
    text = text.replace("# webhook_configs:", "webhook_configs:").replace("https://hooks.example.com", f"http://127.0.0.1:{webhook.server_port}")
    config = folder / "alertmanager.yml"
    config.write_text(re.sub(r"group_wait: \w+", "group_wait: 0s", text), encoding="utf-8")
    address = f"127.0.0.1:{free_port()}"
    arguments = (f"--config.file={config}", f"--storage.path={folder / 'alertmanager'}", f"--web.listen-address={address}", "--cluster.listen-address=")
    return RealProcess((require_tool("alertmanager"), *arguments), folder / "alertmanager.log", folder), address


def prometheus(folder: Path, exporter: str, manager: str) -> PrometheusServer:
    rules = folder / "rules"
    shutil.copytree(PROMETHEUS / "rules", rules)
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [f"{rules}/*.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [manager]}]}]},
        "scrape_configs": [{"job_name": JOB, "static_configs": [{"targets": [exporter]}]}],
    }
    return PrometheusServer(require_tool("prometheus"), folder / "prometheus", config)


def logs(folder: Path, today: date, now: datetime) -> None:
    """A quiet day that has landed, and root ten minutes ago, in a file of today or of the day on which ten minutes ago was."""
    write_log(log_path(folder, today - timedelta(days=3), "1005Z_a"), [event(root(), at=f"{today - timedelta(days=3)}T10:00:00Z")])
    moment = now - timedelta(minutes=10)
    write_log(log_path(folder, today, "0005Z_b"), [event(root(), at=f"{moment:%Y-%m-%dT%H:%M:%SZ}")])


def test_root_activity_reaches_the_webhook_of_security_once_and_nobody_else(tmp_path: Path, webhook: Webhook) -> None:
    now = datetime.now(UTC)
    logs(tmp_path / "data", now.date(), now)
    config = {"engine": "duckdb", "store": {"path": "state"}, "sources": {"cloudtrail": {"location": "data", "history": "4d"}}}
    manager, manager_address = alertmanager(tmp_path, webhook)
    with ExporterProcess(tmp_path, config) as exporter, manager:
        exporter.wait_until_ready()
        eventually("Alertmanager", lambda: "Listening" in manager.log.read_text() and request(manager_address, "GET", "/-/ready").status == 200)
        with prometheus(tmp_path, exporter.address, manager_address):
            told = [(path, alert) for path, alert in _told(webhook) if alert["labels"]["alertname"] == "AwsRootActivity"]
    ((path, alert),) = told
    assert path == "/security"
    assert {key: alert["labels"][key] for key in ("alertname", "kind", "severity")} == {"alertname": "AwsRootActivity", "kind": "root", "severity": "warning"}
    assert re.fullmatch(r"A principal of kind root was active 1\dm \d+s ago\.", alert["annotations"]["description"])
    assert alert["annotations"]["runbook_url"] == "docs/runbooks/AwsRootActivity.md"


def _told(webhook: Webhook) -> list[tuple[str, dict[str, Any]]]:
    """Every alert that came by the time at which the first had come, with where it went."""
    eventually("a notification", lambda: any(alert["labels"]["alertname"] == "AwsRootActivity" for _, sent in webhook.received for alert in sent["alerts"]))
    return [(path, alert) for path, sent in webhook.received for alert in sent["alerts"]]


def test_every_receiver_of_a_route_is_there_and_needs_only_a_url() -> None:
    text = (PROMETHEUS / "alertmanager.yml").read_text(encoding="utf-8")
    config = yaml.safe_load(text)
    named = {receiver["name"] for receiver in config["receivers"]}
    assert {config["route"]["receiver"], *(route["receiver"] for route in config["route"]["routes"])} == named
    with_urls = yaml.safe_load(text.replace("# webhook_configs:", "webhook_configs:"))
    assert {receiver["name"]: [*receiver["webhook_configs"][0]] for receiver in with_urls["receivers"]} == {key: ["url"] for key in named}


def test_alerts_are_grouped_by_team_and_never_by_person() -> None:
    route = yaml.safe_load((PROMETHEUS / "alertmanager.yml").read_text(encoding="utf-8"))["route"]
    assert route["group_by"] == ["alertname", "team"]
    assert all("group_by" not in child for child in route["routes"])
