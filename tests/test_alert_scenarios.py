"""Every alert in the situations in which alerts of others cry wolf: new people and months, midnight, missing reports, scrape gaps, restarts, changes of team.

prometheus/tests says what an alert says when it fires; here it is only whether and about whom.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import alert_scenarios_aws
import alert_scenarios_exporter
import alert_scenarios_kiro
import pytest
import yaml
from alert_rig import Scenario
from tools import require_tool

RULES = sorted((Path(__file__).parent.parent / "prometheus" / "rules").glob("*.yml"))
GROUPS = [group for path in RULES for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]]
ALERTS = {rule["alert"]: {**group, "rules": [rule]} for group in GROUPS for rule in group["rules"] if "alert" in rule}
"""Each in its group, without the other alerts: promtool would work for most of a minute on what nobody asks."""
(THRESHOLDS,) = (group for group in GROUPS if group["name"] == "aws-user-exporter-thresholds")
SCENARIOS = (*alert_scenarios_kiro.SCENARIOS, *alert_scenarios_aws.SCENARIOS, *alert_scenarios_exporter.SCENARIOS)
RARE = ("a ten-minute scrape gap", "a restart")


def firing(labels: Mapping[str, str]) -> dict[str, Any]:
    pairs = ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
    return {"labels": f"{{{pairs}}}", "value": 1}


def unit_test(scenario: Scenario) -> dict[str, Any]:
    """As promtool reads it. The alert's own labels are left aside: only who is meant is compared."""
    asked = f'max without (__name__, alertname, alertstate, severity) (ALERTS{{alertname="{scenario.alert}",alertstate="firing"}})'
    return {
        "name": f"{scenario.alert}: {scenario.name}",
        "interval": "5m",
        "input_series": [{"series": series, "values": values} for series, values in scenario.series.items()],
        "promql_expr_test": [{"expr": asked, "eval_time": at, "exp_samples": [firing(labels) for labels in told]} for at, told in scenario.told.items()],
    }


def over_months(scenario: Scenario) -> bool:
    """Whether its clock goes beyond ten days: promtool then works for many seconds."""
    return any(int(re.match(r"\d+", at)[0]) > 240 for at in scenario.told if "h" in at)  # type: ignore[index]


def told(folder: Path, alert: str, scenarios: Sequence[Scenario]) -> None:
    thresholds = {**THRESHOLDS, "rules": [rule for rule in THRESHOLDS["rules"] if rule["record"] in ALERTS[alert]["rules"][0]["expr"]]}
    rules = folder / "rules.yml"
    rules.write_text(yaml.safe_dump({"groups": [thresholds, ALERTS[alert]]}), encoding="utf-8")
    document = {
        "rule_files": [str(rules)],
        "evaluation_interval": "5m",
        "tests": [unit_test(scenario) for scenario in scenarios],
    }
    file = folder / "scenarios.yml"
    file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    done = subprocess.run([require_tool("promtool"), "test", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("alert", sorted({scenario.alert for scenario in SCENARIOS if not over_months(scenario)}))
def test_an_alert_is_told_when_it_should_be_and_to_nobody_else(tmp_path: Path, alert: str) -> None:
    told(tmp_path, alert, [scenario for scenario in SCENARIOS if scenario.alert == alert and not over_months(scenario)])


@pytest.mark.long
@pytest.mark.parametrize("alert", sorted({scenario.alert for scenario in SCENARIOS if over_months(scenario)}))
def test_an_alert_is_told_when_it_should_be_over_months(tmp_path: Path, alert: str) -> None:
    told(tmp_path, alert, [scenario for scenario in SCENARIOS if scenario.alert == alert and over_months(scenario)])


def test_every_alert_has_scenarios() -> None:
    elsewhere = {"ExporterDown", "SourceFailing", "SourceStale"}  # prometheus/tests has theirs, gaps and restarts included
    assert {scenario.alert for scenario in SCENARIOS} | elsewhere == set(ALERTS)


def test_every_scenario_that_is_bridged_is_told_throughout() -> None:
    """Without keep_firing_for these would resolve and fire again at every deployment."""
    for scenario in SCENARIOS:
        if scenario.name in RARE:
            assert all(scenario.told.values()), f"{scenario.alert}: {scenario.name}"
