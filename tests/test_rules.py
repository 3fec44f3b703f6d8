"""Recording rules, alerts, their unit tests and runbooks, checked by Prometheus' own tools."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tools import require_tool

from grafana.source import metrics

ROOT = Path(__file__).parent.parent
PROMETHEUS = ROOT / "prometheus"
RUNBOOKS = ROOT / "docs" / "runbooks"
RULE_FILES = sorted((PROMETHEUS / "rules").glob("*.yml"))
UNIT_TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))


def document(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


RULES = [rule for path in RULE_FILES for group in document(path)["groups"] for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
every_alert = pytest.mark.parametrize("name", ALERTS)


def run(tool: str, *arguments: str | Path) -> None:
    done = subprocess.run([require_tool(tool), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_are_clean() -> None:
    run("promtool", "check", "rules", "--lint=all", "--lint-fatal", *RULE_FILES)


def test_the_recording_rules_are_what_the_families_ask_for() -> None:
    done = subprocess.run([sys.executable, PROMETHEUS / "source" / "recording.py", "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), "run: make rules"


def test_every_family_of_people_that_adds_up_has_a_total_a_day() -> None:
    recorded = {rule["record"] for rule in RULES if "record" in rule}
    lines = re.findall(
        r"^\| `((?:aws|kiro)_user_\w+)_W` \|[^|]*\|[^|]*\|([^|]*)\| yes \|", (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    wanted = {f"{name}_{window}" for name, windows in lines for window in re.findall(r"`(yesterday|3d_ago)`", windows)}
    assert {"aws_user_events_yesterday", "kiro_user_credits_3d_ago"} <= wanted
    assert {f"{level}:{name}:sum" for name in wanted for level in ("team", "organization")} - recorded == set()


def test_every_threshold_is_compared_with_and_every_comparison_has_one() -> None:
    recorded = {rule["record"] for rule in RULES if rule.get("record", "").startswith("threshold:")}
    assert recorded == {name for rule in ALERTS.values() for name in re.findall(r"threshold:\w+:\w+", rule["expr"])}


@pytest.mark.parametrize("path", UNIT_TESTS, ids=lambda path: path.stem)
def test_the_unit_tests_of_the_rules_pass(path: Path) -> None:
    run("promtool", "test", "rules", path)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_asks_only_for_what_is_published(rule: dict[str, Any]) -> None:
    metrics.check(rule["expr"], {}, metrics.published() | {"up"})


@every_alert
def test_an_alert_has_a_unit_test_in_which_it_fires_and_one_in_which_it_does_not(name: str) -> None:
    cases = [case for path in UNIT_TESTS for test in document(path)["tests"] for case in test.get("alert_rule_test", ()) if case["alertname"] == name]
    assert {bool(case["exp_alerts"]) for case in cases} == {True, False}


@every_alert
def test_an_alert_has_a_severity_and_says_what_is_wrong(name: str) -> None:
    alert = ALERTS[name]
    assert alert["labels"]["severity"] in {"critical", "warning", "info"}
    assert alert["annotations"]["summary"].endswith(".")
    assert "{{" not in alert["annotations"]["summary"]
    assert "{{" in alert["annotations"]["description"]


@every_alert
def test_an_alert_has_a_runbook_with_four_parts(name: str) -> None:
    page = ROOT / ALERTS[name]["annotations"]["runbook_url"]
    assert page == RUNBOOKS / f"{name}.md"
    assert [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("#")] == [
        f"# {name}",
        *(f"## {part}" for part in ("Meaning", "Impact", "Diagnosis", "Mitigation")),
    ]


def test_every_runbook_belongs_to_an_alert() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == set(ALERTS)


def queries() -> dict[str, str]:
    """The PromQL of the runbooks: what is indented under Diagnosis."""
    found = {}
    for path in sorted(RUNBOOKS.glob("*.md")):
        diagnosis = path.read_text(encoding="utf-8").split("## Diagnosis")[1].split("## Mitigation")[0]
        found |= {f"{path.stem} {place}": line.strip() for place, line in enumerate(diagnosis.splitlines()) if line.startswith("    ")}
    return found


@pytest.mark.parametrize("query", queries().values(), ids=queries())
def test_the_queries_of_a_runbook_ask_for_what_is_published(query: str) -> None:
    metrics.check(query, {}, metrics.published() | {"up", "scrape_duration_seconds"})


def test_the_queries_of_the_runbooks_parse(tmp_path: Path) -> None:
    rules = [{"record": f"checked:query:{place}", "expr": query} for place, query in enumerate(queries().values())]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}), encoding="utf-8")
    run("promtool", "check", "rules", file)


def test_the_job_whose_absence_is_told_is_the_one_that_is_scraped() -> None:
    jobs = {scrape["job_name"] for scrape in document(PROMETHEUS / "prometheus.yml")["scrape_configs"]}
    assert jobs == {"aws-user-exporter"}
    assert 'job="aws-user-exporter"' in ALERTS["ExporterDown"]["expr"]
