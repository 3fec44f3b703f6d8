"""What happens to the metrics that the alerts of prometheus/rules/aws.yml look at, and who should be told then."""

from __future__ import annotations

from collections.abc import Mapping

from alert_rig import DAY, KIM, MOVED, PERSON, Scenario, bridged, moves

_ROOT = 'aws_principal_last_event_timestamp_seconds{kind="root"}'
_CATEGORY = f'aws_user_last_sensitive_event_timestamp_seconds{{{KIM},category="kms"}}'
_UNKNOWN = 'aws_principal_last_sensitive_event_timestamp_seconds{kind="unknown",category="kms"}'
_SENSITIVE = {**PERSON, "category": "kms"}


def _events(alert: str, series: str, labels: Mapping[str, str]) -> list[Scenario]:
    """Alerts on the time of the newest event: told for three hours, whatever the windows do."""
    return [
        Scenario(alert, "for three hours after it", {series: "_x12 3600x120"}, {"55m": [], "1h": [labels], "3h55m": [labels], "4h35m": []}),
        Scenario(alert, "an event of long ago is no news to a new installation", {series: "-90000x24"}, {"1h": []}),
        Scenario(alert, "the next event tells again", {series: "0x71 18000x24"}, {"2h55m": [labels], "3h35m": [], "6h": [labels]}),
        Scenario(alert, "midnight does not tell it again", {series: f"3600x{2 * DAY}"}, {"10h": [], "24h5m": [], "26h": []}),
        Scenario(alert, "a new month does not tell it again", {series: f"3600x{33 * DAY}"}, {"744h5m": []}),
        *bridged(alert, labels, series, value="0"),
    ]


SENSITIVE = [
    *_events("AwsSensitiveEvent", _CATEGORY, _SENSITIVE),
    moves("AwsSensitiveEvent", _CATEGORY, f'aws_user_last_sensitive_event_timestamp_seconds{{{MOVED},category="kms"}}', _SENSITIVE, value="30000", others={}),
    *_events("AwsSensitiveEventByUnknown", _UNKNOWN, {"kind": "unknown", "category": "kms"}),
    Scenario(
        "AwsSensitiveEventByUnknown",
        "services do this every day",
        {'aws_principal_last_sensitive_event_timestamp_seconds{kind="service",category="kms"}': "0x24"},
        {"1h": []},
    ),
    *_events("AwsRootActivity", _ROOT, {"kind": "root"}),
    Scenario("AwsRootActivity", "not for people and services", {'aws_principal_last_event_timestamp_seconds{kind="human"}': "0x24"}, {"1h": []}),
]

_DENIED = f"aws_user_denied_events_yesterday{{{KIM}}}"
_TYPICAL = f"aws_user_typical_day_denied_events{{{KIM}}}"
DENIED = [
    Scenario("AwsDeniedBurst", "more than ten times the typical day", {_DENIED: "50x11 51x24", _TYPICAL: "5x40"}, {"55m": [], "1h": [PERSON]}),
    Scenario("AwsDeniedBurst", "who was never denied before has no typical day", {_DENIED: "49x11 50x24"}, {"55m": [], "1h": [PERSON]}),
    Scenario("AwsDeniedBurst", "few are no burst", {_DENIED: "49x24", _TYPICAL: "1x24"}, {"1h": []}),
    Scenario(
        "AwsDeniedBurst",
        "between midnight and landing it goes on, and ends with the next day",
        {_DENIED: f"80x{DAY} _x23 3x{DAY}", _TYPICAL: f"5x{3 * DAY}"},
        {"23h": [PERSON], "25h": [PERSON], "30h": []},
    ),
    Scenario("AwsDeniedBurst", "a new person, a new month", {_DENIED: "_x12 1x24"}, {"2h": []}),
    *bridged("AwsDeniedBurst", PERSON, _DENIED, value="80"),
    Scenario(
        "AwsDeniedBurst",
        "a change of team",
        {_DENIED: "80x11 stale", f"aws_user_denied_events_yesterday{{{MOVED}}}": "_x12 80x120"},
        {"55m": [PERSON], "6h": [{**PERSON, "team": "data"}]},
    ),
]

_NINETY = 90 * 86400


def _person(series: str, value: int, person: str = KIM) -> dict[str, str]:
    return {f"{series}{{{person}}}": f"{value}x200"}


def _info(status: str, person: str = KIM) -> dict[str, str]:
    return {f'aws_user_info{{{person},status="{status}"}}': "1x200"}


INACTIVE = [
    Scenario(
        "AwsPersonInactive",
        "90 days after the last event",
        {**_person("aws_user_last_activity_timestamp_seconds", -_NINETY), **_info("ENABLED")},
        {"6h": [], "6h10m": [PERSON]},
    ),
    Scenario(
        "AwsPersonInactive",
        "who uses Kiro is active",
        {
            **_person("aws_user_last_activity_timestamp_seconds", -2 * _NINETY),
            **_person("kiro_user_last_activity_timestamp_seconds", -86400),
            **_info("ENABLED"),
        },
        {"10h": []},
    ),
    Scenario(
        "AwsPersonInactive",
        "the never seen, from when they came",
        {**_person("aws_user_created_timestamp_seconds", -_NINETY), **_info("listed")},
        {"5h": [], "7h": [PERSON]},
    ),
    Scenario(
        "AwsPersonInactive", "a new person has not been seen yet", {**_person("aws_user_created_timestamp_seconds", -86400), **_info("ENABLED")}, {"10h": []}
    ),
    Scenario(
        "AwsPersonInactive",
        "who is disabled, or in no directory, has nothing to give back",
        {
            **_person("aws_user_last_activity_timestamp_seconds", -2 * _NINETY),
            **_info("DISABLED"),
            **_person("aws_user_last_activity_timestamp_seconds", -2 * _NINETY, MOVED),
            **_info("unlisted", MOVED),
        },
        {"10h": []},
    ),
    Scenario(
        "AwsPersonInactive",
        "it ends with the next event",
        {f"aws_user_last_activity_timestamp_seconds{{{KIM}}}": f"{-2 * _NINETY}x95 28800x40", **_info("ENABLED")},
        {"7h": [PERSON], "8h40m": []},
    ),
    Scenario(
        "AwsPersonInactive",
        "a scrape gap, a restart",
        {f"aws_user_last_activity_timestamp_seconds{{{KIM}}}": f"{-2 * _NINETY}x95 _ stale {-2 * _NINETY}x40", **_info("ENABLED")},
        {"7h55m": [PERSON], "8h5m": [PERSON], "8h30m": [PERSON]},
    ),
]

_SPENT = f'aws_user_cost_yesterday{{{KIM},charge="usage",currency="USD"}}'
_TYPICAL_COST = f'aws_user_typical_day_cost{{{KIM},currency="USD"}}'
_MONEY = {**PERSON, "currency": "USD"}
SPIKE = [
    Scenario("AwsCostSpike", "more than three times the typical day", {_SPENT: "60x11 61x24", _TYPICAL_COST: "20x40"}, {"55m": [], "1h": [_MONEY]}),
    Scenario("AwsCostSpike", "small money is no spike", {_SPENT: "49x24", _TYPICAL_COST: "1x24"}, {"1h": []}),
    Scenario("AwsCostSpike", "a new person has no typical day", {_SPENT: "900x24"}, {"1h": []}),
    Scenario(
        "AwsCostSpike",
        "a seat on the first of the month is no usage",
        {f'aws_user_cost_yesterday{{{KIM},charge="subscription",currency="USD"}}': "200x24", _TYPICAL_COST: "1x24"},
        {"1h": []},
    ),
    # The bill of a day comes a day and a half after its end: yesterday's cost is there from noon to midnight.
    Scenario(
        "AwsCostSpike",
        "it is told once, through midnight until the next day of the bill",
        {_SPENT: f"90x{DAY} _x143 5x144 _x143 5x144", _TYPICAL_COST: f"20x{4 * DAY}"},
        {"23h": [_MONEY], "30h": [_MONEY], "49h": []},
    ),
    *bridged("AwsCostSpike", _MONEY, _SPENT, others={_TYPICAL_COST: "20x60"}, value="90"),
]

_BUDGET = 'aws_cost_budget{scope="organization",team="",currency="USD"}'
_TEAM_BUDGET = 'aws_cost_budget{scope="team",team="core",currency="USD"}'
_EACH_BUDGET = 'aws_cost_budget{scope="person",team="",currency="USD"}'
_MTD = f'aws_user_cost_month_to_date{{{KIM},charge="usage",currency="USD"}}'
_BILL = 'aws_cost_month_to_date{charge="usage",currency="USD"}'
_TAX = 'aws_cost_month_to_date{charge="tax",currency="USD"}'
BUDGET = [
    Scenario(
        "AwsCostOverBudget",
        "the whole bill, of every charge",
        {_BILL: "900x60", _TAX: "100x11 101x24", _BUDGET: "1000x60"},
        {"55m": [], "1h": [{"scope": "organization", "currency": "USD"}]},
    ),
    Scenario(
        "AwsCostOverBudget",
        "a team",
        {_MTD: "100x11 100.5x24", _TEAM_BUDGET: "100x60"},
        {"55m": [], "1h": [{"scope": "team", "team": "core", "currency": "USD"}]},
    ),
    Scenario(
        "AwsCostOverBudget",
        "a person",
        {_MTD: "100x11 100.5x24", _EACH_BUDGET: "100x60"},
        {"55m": [], "1h": [{"scope": "person", "currency": "USD", **PERSON}]},
    ),
    Scenario(
        "AwsCostOverBudget",
        "not the folded people of a team together",
        {'aws_user_cost_month_to_date{user="_other",team="core",charge="usage",currency="USD"}': "9000x60", _EACH_BUDGET: "100x60"},
        {"1h": []},
    ),
    Scenario(
        "AwsCostOverBudget",
        "a new month begins at nothing",
        {_BILL: "1001x11 0x24", _BUDGET: "1000x60"},
        {"55m": [{"scope": "organization", "currency": "USD"}], "1h35m": []},
    ),
    Scenario("AwsCostOverBudget", "without a budget", {_BILL: "9999x60", _MTD: "9999x60"}, {"1h": []}),
    *bridged("AwsCostOverBudget", {"scope": "organization", "currency": "USD"}, _BILL, others={_BUDGET: "1000x60"}, value="1001"),
    moves(
        "AwsCostOverBudget",
        _MTD,
        f'aws_user_cost_month_to_date{{{MOVED},charge="usage",currency="USD"}}',
        {"scope": "person", "currency": "USD", **PERSON},
        value="101",
        others={_EACH_BUDGET: "100x200"},
    ),
]

_REST = 'aws_cost_unattributed_last_30d{reason="no_identity",currency="USD"}'
_WHOLE = 'aws_cost_last_30d{charge="usage",currency="USD"}'
UNATTRIBUTED = [
    Scenario("AwsCostUnattributed", "more than half, for six hours", {_REST: "500x11 501x120", _WHOLE: "1000x140"}, {"6h": [], "7h": [{"currency": "USD"}]}),
    Scenario("AwsCostUnattributed", "half is as it was", {_REST: "500x140", _WHOLE: "1000x140"}, {"9h": []}),
    Scenario(
        "AwsCostUnattributed",
        "a scrape gap, a restart",
        {_REST: "600x95 _ stale 600x40", _WHOLE: "1000x140"},
        {"7h55m": [{"currency": "USD"}], "8h5m": [{"currency": "USD"}], "8h30m": [{"currency": "USD"}]},
    ),
]

SCENARIOS = [*SENSITIVE, *DENIED, *INACTIVE, *SPIKE, *BUDGET, *UNATTRIBUTED]
