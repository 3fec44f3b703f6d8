"""Panels of the Kiro dashboards, on made series: the numbers that they show, worked out by hand. Prometheus' own `promtool test rules` evaluates them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tools import require_tool

from grafana.source import metrics

ROOT = Path(__file__).parent.parent
BOARDS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (ROOT / "grafana" / "dashboards").glob("kiro-*.json")}
PANELS = {f"{name}: {panel['title']}": panel for name, board in BOARDS.items() for panel in metrics.panels(board)}

HOURS = 10 * 24
"""Queries are asked on 11 January 1970, 00:00 UTC: 21 days of the month are to come."""

DAY = 86400
LANDED = (HOURS // 24) * DAY

TEAMS = {"kim": "core", "lee": "core", "sam": "data", "ada": "data", "bob": "data", "_other": "data"}

OF_PEOPLE: dict[str, dict[str, float]] = {
    "kiro_user_credits_month_to_date": {"kim": 1200, "lee": 1000, "sam": 0, "ada": 1400, "bob": 100},
    "kiro_user_credits_last_30d": {"kim": 2300, "lee": 1000, "sam": 0, "ada": 1400, "bob": 265},
    "kiro_user_messages_last_30d": {"kim": 90, "lee": 10, "sam": 0, "ada": 40, "bob": 60},
    "kiro_user_overage_credits_month_to_date": {"kim": 200},
    "kiro_user_overage_credits_last_30d": {"kim": 300},
    "kiro_user_included_credits": {"kim": 1000, "lee": 1000, "sam": 10000, "ada": 2000, "bob": 1000},
    "kiro_user_credit_utilization_ratio": {"kim": 1.2, "lee": 1, "sam": 0, "ada": 0.7, "bob": 0.1},
    "kiro_user_forecast_credits": {"kim": 2500, "lee": 1000, "sam": 0, "ada": 3500, "bob": 205},
    "kiro_user_overage_enabled": {"kim": 1, "lee": 0, "ada": 0, "bob": 1},
    "kiro_user_overage_cap_credits": {"kim": 500, "lee": 10000, "ada": 2000, "bob": 250},
    "kiro_user_active_dates_last_7d": {"kim": 5, "lee": 3, "sam": 0, "ada": 0, "bob": 1},
    "kiro_user_active_dates_last_30d": {"kim": 20, "lee": 3, "sam": 0, "ada": 8, "bob": 2},
    "kiro_user_first_activity_timestamp_seconds": {"kim": 0, "lee": 0, "ada": 0, "bob": 0},
    "kiro_user_last_activity_timestamp_seconds": {"kim": 9 * DAY, "lee": 9 * DAY, "ada": 2 * DAY, "bob": 9 * DAY},
    "kiro_user_seat_start_timestamp_seconds": {"kim": 0, "lee": 0, "sam": 4 * DAY, "ada": 0, "bob": 0},
}
LAST_7D = {"kim": "350x240", "lee": "700x240", "sam": "0x240", "ada": "900x100 700x139", "bob": "10x100 35x139"}
"""Credits of 7 days; those of a week ago stand in the first 100 hours."""

SEATS = {"kim": ("pro", "active"), "lee": ("pro", "active"), "sam": ("power", "idle"), "ada": ("pro_plus", "active"), "bob": ("pro", "active")}
PRICES = {"pro": 20, "pro_plus": 40, "pro_max": 100, "power": 200}

FEATURES = {
    ("events", "kim", 'feature="inline",event="suggested"'): 100,
    ("events", "kim", 'feature="inline",event="accepted"'): 30,
    ("events", "lee", 'feature="inline",event="suggested"'): 60,
    ("events", "_other", 'feature="inline",event="suggested"'): 40,
    ("events", "lee", 'feature="code_fix",event="generated"'): 5,
    ("tests", "kim", 'feature="test_generation",outcome="generated"'): 8,
    ("tests", "kim", 'feature="test_generation",outcome="accepted"'): 2,
    ("lines", "kim", 'feature="doc_generation",outcome="accepted",change="added"'): 30,
    ("lines", "kim", 'feature="doc_generation",outcome="rejected",change="updated"'): 10,
}


def series() -> dict[str, str]:
    """All made series."""
    made: dict[str, str] = {}
    for metric, values in OF_PEOPLE.items():
        made |= {person_series(metric, user): f"{value}x{HOURS}" for user, value in values.items()}
    made |= {person_series("kiro_user_credits_last_7d", user): values for user, values in LAST_7D.items()}
    for user, (tier, status) in SEATS.items():
        made[person_series("kiro_user_seat", user, f'tier="{tier}",status="{status}"')] = f"1x{HOURS}"
    for tier, price in PRICES.items():
        made[f'kiro_tier_price{{tier="{tier}",currency="USD"}}'] = f"{price}x{HOURS}"
    made['kiro_overage_price{currency="USD"}'] = f"0.04x{HOURS}"
    made['aws_user_exporter_source_data_timestamp_seconds{source="kiro_credits"}'] = f"{LANDED}x{HOURS}"
    made["threshold:kiro_near_limit:ratio"] = f"0.8x{HOURS}"
    made[person_series("kiro_user_recommended_tier", "kim", 'tier="pro_plus"')] = f"1x{HOURS}"
    made[person_series("kiro_user_rightsizing_saving", "kim", 'currency="USD"')] = f"36x{HOURS}"
    for (unit, user, labels), value in FEATURES.items():
        made[person_series(f"kiro_user_feature_{unit}_last_30d", user, labels)] = f"{value}x{HOURS}"
    return made


def person_series(metric: str, user: str, labels: str = "") -> str:
    return f'{metric}{{user="{user}",team="{TEAMS[user]}"{"," if labels else ""}{labels}}}'


def person(user: str, labels: str = "") -> str:
    return person_series("", user, labels)


MONTH_SECONDS = 2628000

EXPECTED: dict[tuple[str, int, str], dict[str, float]] = {
    # kim, lee, ada and bob have credits; sam has none.
    ("kiro-overview: Active people", 0, ".*"): {"{}": 4},
    ("kiro-overview: People near the limit", 0, ".*"): {"{}": 2},
    ("kiro-overview: People blocked", 0, ".*"): {"{}": 1},
    ("kiro-overview: Blocked", 0, ".*"): {person("lee"): 1},
    # ada has 600 left and uses 100 a day, bob has 900 and uses 5 a day.
    ("kiro-overview: Running out", 0, ".*"): {person("ada"): 6},
    # 3,700 of 15,000.
    ("kiro-overview: Allowance used", 0, ".*"): {"{}": 3700 / 15000},
    ("kiro-overview: Allowance used", 0, "pro"): {"{}": 2300 / 3000},
    # sam 10,000 and bob 795; kim and ada need more than they have, and take nothing from others.
    ("kiro-overview: Credits left unused", 0, ".*"): {"{}": 10795},
    ("kiro-overview: People by allowance used", 0, ".*"): {"{}": 1},
    ("kiro-overview: People by allowance used", 4, ".*"): {"{}": 1},
    ("kiro-overview: People by allowance used", 5, ".*"): {"{}": 1},
    ("kiro-overview: People by tier", 0, ".*"): {'{tier="pro"}': 3, '{tier="pro_plus"}': 1, '{tier="power"}': 1},
    ("kiro-behaviour: Stickiness", 0, ".*"): {"{}": 33 / 30 / 4},
    # lee was not there in the 23 days before.
    ("kiro-behaviour: Returned", 0, ".*"): {"{}": 1},
    ("kiro-behaviour: Leaving people", 0, ".*"): {person("ada"): 8},
    ("kiro-behaviour: From seat to habit", 0, ".*"): {"{}": 5},
    ("kiro-behaviour: From seat to habit", 1, ".*"): {"{}": 4},
    ("kiro-behaviour: From seat to habit", 2, ".*"): {"{}": 2},
    ("kiro-behaviour: From seat to habit", 3, ".*"): {"{}": 1},
    ("kiro-behaviour: Gaining", 0, ".*"): {person("bob"): 25},
    ("kiro-behaviour: Losing", 0, ".*"): {person("ada"): -200},
    # kim: 350 against (2,300 - 350) * 7 / 23 = 593.5 is -41%; bob: 35 against (265 - 35) * 7 / 23 = 70 is -50%.
    ("kiro-behaviour: At risk", 0, ".*"): {person("bob"): -0.5},
    ("kiro-cost: People with overage", 0, ".*"): {"{}": 1},
    ("kiro-cost: Credits a person", 0, ".*"): {"{}": 4965 / 4},
    ("kiro-cost: Credits a person by tier", 0, ".*"): {'{tier="pro_plus"}': 1400, '{tier="pro"}': 3565 / 3},
    # Only kim may go on: 1,500 credits over; ada is stopped.
    ("kiro-cost: Expected overage cost", 0, ".*"): {'{currency="USD"}': 60},
    ("kiro-cost: Overage exposure", 0, ".*"): {'{currency="USD"}': 30},
    ("kiro-cost: When an upgrade pays", 0, ".*"): {
        '{tier="pro",next="pro_plus",currency="USD"}': 500,
        '{tier="pro_plus",next="pro_max",currency="USD"}': 1500,
        '{tier="pro_max",next="power",currency="USD"}': 2500,
    },
    ("kiro-cost: Overage of this month", 2, ".*"): {person("kim"): 0.4},
    ("kiro-cost: Idle seats, list price", 0, ".*"): {'{currency="USD"}': 200},
    # Never used, held for 6 days.
    ("kiro-cost: Idle seats and what they cost", 1, ".*"): {person("sam", 'tier="power",currency="USD"'): 200 * 6 * DAY / MONTH_SECONDS},
    ("kiro-cost: Seats of the wrong size", 0, ".*"): {person("kim", 'tier="pro",recommended="pro_plus",currency="USD"'): 36},
    # _other is one or more people: it is in what was offered, not in a count of people.
    ("kiro-features: People who use features", 0, ".*"): {"{}": 2},
    ("kiro-features: Acceptance by feature", 0, ".*"): {
        '{feature="inline"}': 200,
        '{feature="code_fix"}': 5,
        '{feature="test_generation"}': 8,
        '{feature="doc_generation"}': 40,
    },
    ("kiro-features: Acceptance by feature", 2, ".*"): {
        '{feature="inline"}': 0.15,
        '{feature="code_fix"}': 0,
        '{feature="test_generation"}': 0.25,
        '{feature="doc_generation"}': 0.75,
    },
    ("kiro-features: Inline acceptance", 0, ".*"): {"{}": 0.15},
}
"""By panel, number of the query, and the chosen tier."""


def query(panel: dict[str, Any], place: int, tier: str) -> str:
    expression: str = panel["targets"][place]["expr"]
    for variable, value in {"${window}": "last_30d", "$team": ".*", "$user": ".*", "$client": ".*", "$feature": ".*", "$tier": tier}.items():
        expression = expression.replace(variable, value)
    return expression


@pytest.mark.parametrize("case", EXPECTED, ids=lambda case: "-".join(map(str, case)))
def test_a_panel_shows_the_number_that_was_worked_out(case: tuple[str, int, str], tmp_path: Path) -> None:
    panel, place, tier = case
    samples = [{"labels": labels, "value": value} for labels, value in EXPECTED[case].items()]
    asked = {"expr": query(PANELS[panel], place, tier), "eval_time": f"{HOURS}h", "exp_samples": samples}
    made = [{"series": name, "values": values} for name, values in series().items()]
    file = tmp_path / "panel.yml"
    file.write_text(yaml.safe_dump({"tests": [{"interval": "1h", "input_series": made, "promql_expr_test": [asked]}]}), encoding="utf-8")
    done = subprocess.run([require_tool("promtool"), "test", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
