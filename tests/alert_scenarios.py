"""What happens to the metrics that alerts look at, and who should be told then. Time begins on Thursday 1970-01-01 00:00 UTC; a sample comes every 5 minutes.

Values are promtool's: `1x3` is four times 1, `_x3` three scrapes that were missed, `stale` the end of a series. 12 samples are an hour, 288 a day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

KIM = 'user="kim",team="core"'
MOVED = 'user="kim",team="data"'
PERSON = {"user": "kim", "team": "core"}
HOUR, DAY = 12, 288

_USED = "kiro_user_credit_utilization_ratio"
_SEAT = "kiro_user_seat"
_NEAR = f"{_USED}{{{KIM}}}"


@dataclass(frozen=True, slots=True)
class Scenario:
    """`told` says for a time (as promtool writes it) with which labels the alert fires; empty: it is quiet."""

    alert: str
    name: str
    series: Mapping[str, str]
    told: Mapping[str, Sequence[Mapping[str, str]]]


def _gap(before: str, after: str) -> str:
    """Two scrapes are missed after an hour."""
    return f"{before}x11 _ _ {after}x24"


def _restart(before: str, after: str) -> str:
    """After an hour the exporter is gone for ten minutes: Prometheus marks its series as ended."""
    return f"{before}x11 stale _ {after}x24"


def _bridged(alert: str, labels: Mapping[str, str], *series: str, others: Mapping[str, str] | None = None, value: str = "1") -> list[Scenario]:
    """A scrape gap and a restart, in which nothing ends and nothing begins."""
    during = {"55m": [labels], "1h": [labels], "1h5m": [labels], "1h30m": [labels]}
    return [
        Scenario(alert, situation, {**{name: write(value, value) for name in series}, **(others or {})}, during)
        for situation, write in (("a ten-minute scrape gap", _gap), ("a restart", _restart))
    ]


def _moves(
    alert: str, first: str, second: str, labels: Mapping[str, str], *, value: str, others: Mapping[str, str] | None = None, waits: bool = False
) -> Scenario:
    """After an hour the person is in another team: told once more for the new team, and for the old one no longer than what bridges gaps."""
    new = {**labels, "team": "data"}
    moment = {"2h30m": [new]} if not waits else {}
    return Scenario(
        alert,
        "a change of team",
        {first: f"{value}x11 stale", second: f"_x12 {value}x120", **(others or {})},
        {"55m": [] if waits else [labels], **moment, "9h": [new]},
    )


NEAR_LIMIT = [
    Scenario(
        "KiroNearLimit",
        "from 80% on, until it is over 100%",
        {_NEAR: "0.79x11 0.8x11 0.99x11 1x24"},
        {"55m": [], "1h": [PERSON], "2h55m": [PERSON], "3h35m": []},
    ),
    Scenario("KiroNearLimit", "a new person has used little", {_NEAR: "_x12 0.02x24"}, {"2h": []}),
    Scenario("KiroNearLimit", "a new month begins at nothing", {_NEAR: "0.9x11 0x24"}, {"55m": [PERSON], "1h35m": []}),
    Scenario("KiroNearLimit", "midnight changes nothing", {_NEAR: f"0.9x{2 * DAY}"}, {"23h55m": [PERSON], "24h": [PERSON], "24h5m": [PERSON]}),
    Scenario("KiroNearLimit", "a missing report leaves the share as it is", {_NEAR: f"0.7x{DAY}"}, {"20h": []}),
    *_bridged("KiroNearLimit", PERSON, _NEAR, value="0.9"),
    _moves("KiroNearLimit", _NEAR, f"{_USED}{{{MOVED}}}", PERSON, value="0.9"),
]

_ENABLED = f"kiro_user_overage_enabled{{{KIM}}}"
BLOCKED = [
    Scenario("KiroBlocked", "at 100% where overage is off", {_NEAR: "0.99x11 1x24", _ENABLED: "0x36"}, {"55m": [], "1h": [PERSON]}),
    Scenario("KiroBlocked", "not where overage is on", {_NEAR: "1.4x24", _ENABLED: "1x24"}, {"1h": []}),
    Scenario("KiroBlocked", "not where nobody says whether it is", {_NEAR: "1.4x24"}, {"1h": []}),
    Scenario("KiroBlocked", "a new month sets the person free", {_NEAR: "1x11 0x24", _ENABLED: "0x36"}, {"55m": [PERSON], "1h35m": []}),
    Scenario("KiroBlocked", "a new person has used little", {_NEAR: "_x12 0.02x24", _ENABLED: "_x12 0x24"}, {"2h": []}),
    Scenario("KiroBlocked", "midnight changes nothing", {_NEAR: f"1x{2 * DAY}", _ENABLED: f"0x{2 * DAY}"}, {"23h55m": [PERSON], "24h5m": [PERSON]}),
    *_bridged("KiroBlocked", PERSON, _NEAR, others={_ENABLED: "0x60"}, value="1"),
    _moves(
        "KiroBlocked", _NEAR, f"{_USED}{{{MOVED}}}", PERSON, value="1", others={_ENABLED: "0x11 stale", f"kiro_user_overage_enabled{{{MOVED}}}": "_x12 0x120"}
    ),
]

_STARTED = "kiro_user_overage_start_timestamp_seconds"
OVERAGE = [
    Scenario("KiroOverageStarted", "midnight changes nothing", {f"{_STARTED}{{{KIM}}}": f"0x{2 * DAY}"}, {"23h55m": [PERSON], "24h5m": [PERSON]}),
    Scenario("KiroOverageStarted", "a missing report tells nothing again", {f"{_STARTED}{{{KIM}}}": f"0x{4 * DAY}"}, {"71h": [PERSON], "72h35m": []}),
    *_bridged("KiroOverageStarted", PERSON, f"{_STARTED}{{{KIM}}}", value="0"),
]


def _forecast(expected: str, used: str, dates: str, person: str = KIM) -> dict[str, str]:
    return {
        f"kiro_user_forecast_credits{{{person}}}": expected,
        f"kiro_user_included_credits{{{person}}}": "1000x20000",
        f"{_USED}{{{person}}}": used,
        f"kiro_user_active_dates_last_30d{{{person}}}": dates,
    }


_LATE = 10 * DAY
FORECAST = [
    Scenario(
        "KiroForecastOverAllowance",
        "after an hour, from the sixth day of the month on",
        _forecast(f"1001x{_LATE}", f"0.1x{_LATE}", f"20x{_LATE}"),
        {"119h": [], "120h30m": [], "121h": [PERSON]},
    ),
    Scenario("KiroForecastOverAllowance", "not at what the month includes", _forecast(f"1000x{_LATE}", f"0.1x{_LATE}", f"20x{_LATE}"), {"150h": []}),
    Scenario("KiroForecastOverAllowance", "not for a new person with one busy day", _forecast(f"9000x{_LATE}", f"0.1x{_LATE}", f"1x{_LATE}"), {"150h": []}),
    Scenario(
        "KiroForecastOverAllowance",
        "it ends when the person is over",
        _forecast(f"1500x{_LATE}", f"0.9x{6 * DAY} 1x{DAY}", f"20x{_LATE}"),
        {"143h": [PERSON], "146h": []},
    ),
    Scenario(
        "KiroForecastOverAllowance",
        "a new month says nothing in its first days",
        _forecast(f"1500x{36 * DAY}", f"0.5x{36 * DAY}", f"20x{36 * DAY}"),
        {"700h": [PERSON], "746h": [], "860h": []},
    ),
    Scenario(
        "KiroForecastOverAllowance",
        "midnight changes nothing",
        _forecast(f"1500x{_LATE}", f"0.5x{_LATE}", f"20x{_LATE}"),
        {"167h55m": [PERSON], "168h5m": [PERSON]},
    ),
    Scenario(
        "KiroForecastOverAllowance",
        "a ten-minute scrape gap",
        _forecast(f"1500x{6 * DAY} _ _ 1500x{DAY}", f"0.5x{6 * DAY} _ _ 0.5x{DAY}", f"20x{_LATE}"),
        {"144h": [PERSON], "144h5m": [PERSON], "144h10m": [PERSON], "144h30m": [PERSON]},
    ),
    Scenario(
        "KiroForecastOverAllowance",
        "a change of team",
        {
            **_forecast(f"1500x{6 * DAY} stale", f"0.5x{6 * DAY} stale", f"20x{6 * DAY} stale"),
            **_forecast(f"_x{6 * DAY + 1} 1500x{DAY}", f"_x{6 * DAY + 1} 0.5x{DAY}", f"_x{6 * DAY + 1} 20x{DAY}", MOVED),
        },
        {"144h": [PERSON], "146h": [{**PERSON, "team": "data"}]},
    ),
]

_IDLE = {**PERSON, "tier": "pro"}


def _seat(status: str, person: str = KIM) -> str:
    return f'{_SEAT}{{{person},tier="pro",status="{status}"}}'


IDLE = [
    Scenario(
        "KiroSeatIdle",
        "after an hour, until it is used",
        {_seat("idle"): "1x36 stale", _seat("active"): "_x37 1x24"},
        {"55m": [], "1h": [_IDLE], "3h": [_IDLE], "3h40m": []},
    ),
    Scenario(
        "KiroSeatIdle",
        "not for a new person, a seat that is used, or one that is pending",
        {_seat("new"): "1x60", _seat("active", MOVED): "1x60", _seat("pending", 'user="pat",team="core"'): "1x60"},
        {"4h": []},
    ),
    Scenario("KiroSeatIdle", "midnight changes nothing", {_seat("idle"): f"1x{2 * DAY}"}, {"23h55m": [_IDLE], "24h5m": [_IDLE]}),
    Scenario("KiroSeatIdle", "a ten-minute scrape gap", {_seat("idle"): "1x23 _ _ 1x24"}, {"1h55m": [_IDLE], "2h": [_IDLE], "2h5m": [_IDLE], "2h30m": [_IDLE]}),
    Scenario("KiroSeatIdle", "a restart", {_seat("idle"): "1x23 stale _ 1x24"}, {"1h55m": [_IDLE], "2h": [_IDLE], "2h5m": [_IDLE], "2h30m": [_IDLE]}),
    _moves("KiroSeatIdle", _seat("idle"), _seat("idle", MOVED), _IDLE, value="1", waits=True),
]

_TARGET = {"job": "aws-user-exporter", "instance": "a"}
_MONTH = f'kiro_user_messages_last_30d{{{KIM},job="aws-user-exporter",instance="a"}}'
_YESTERDAY = f'kiro_user_messages_yesterday{{{KIM},job="aws-user-exporter",instance="a"}}'
MISSING = [
    # Until noon the day before has not landed, and its family is absent. On Friday 2 January, Thursday shows nothing; on Saturday, Friday shows use.
    Scenario(
        "KiroReportMissing",
        "a working day without a message, until its report comes",
        {_MONTH: f"900x{4 * DAY}", _YESTERDAY: f"40x{DAY} _x143 0x72 50x{DAY}"},
        {"20h": [], "30h": [], "36h": [], "37h5m": [_TARGET], "42h": [_TARGET], "43h": []},
    ),
    Scenario("KiroReportMissing", "a Sunday without a message", {_MONTH: f"900x{5 * DAY}", _YESTERDAY: f"40x{4 * DAY} 0x{DAY}"}, {"100h": [], "110h": []}),
    Scenario("KiroReportMissing", "an organisation that hardly uses Kiro", {_MONTH: f"500x{2 * DAY}", _YESTERDAY: f"0x{2 * DAY}"}, {"40h": []}),
    Scenario(
        "KiroReportMissing",
        "a new person, a new month, midnight",
        {_MONTH: f"900x{2 * DAY}", _YESTERDAY: f"40x{DAY} _x143 30x{DAY}"},
        {"23h55m": [], "24h5m": [], "30h": [], "40h": []},
    ),
    Scenario(
        "KiroReportMissing",
        "a ten-minute scrape gap",
        {_MONTH: f"900x{2 * DAY}", _YESTERDAY: f"0x{DAY + 240} _ _ 0x24"},
        {"43h55m": [_TARGET], "44h5m": [_TARGET], "44h20m": [_TARGET]},
    ),
]

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
        *_bridged(alert, labels, series, value="0"),
    ]


SENSITIVE = [
    *_events("AwsSensitiveEvent", _CATEGORY, _SENSITIVE),
    _moves("AwsSensitiveEvent", _CATEGORY, f'aws_user_last_sensitive_event_timestamp_seconds{{{MOVED},category="kms"}}', _SENSITIVE, value="30000", others={}),
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
    *_bridged("AwsDeniedBurst", PERSON, _DENIED, value="80"),
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
    *_bridged("AwsCostSpike", _MONEY, _SPENT, others={_TYPICAL_COST: "20x60"}, value="90"),
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
    *_bridged("AwsCostOverBudget", {"scope": "organization", "currency": "USD"}, _BILL, others={_BUDGET: "1000x60"}, value="1001"),
    _moves(
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

_STEP = 'aws_user_exporter_series_limit_step{job="aws-user-exporter",instance="a"}'
_UNRESOLVED = 'aws_user_exporter_unresolved_identities{source="cloudtrail",job="aws-user-exporter",instance="a"}'
_WEB_LOADED = 'aws_user_exporter_web_config_last_reload_successful{job="aws-user-exporter",instance="a"}'
_LOADED = 'aws_user_exporter_config_last_reload_successful{job="aws-user-exporter",instance="a"}'
EXPORTER = [
    Scenario("SeriesLimitReached", "after an hour, until there is room", {_STEP: "0x11 1x24 0x24"}, {"1h55m": [], "2h": [_TARGET], "3h40m": []}),
    Scenario("SeriesLimitReached", "a restart", {_STEP: "1x23 stale _ 1x24"}, {"1h55m": [_TARGET], "2h5m": [_TARGET], "2h20m": [_TARGET]}),
    Scenario("UnresolvedIdentities", "more than 25, for six hours", {_UNRESOLVED: "25x11 26x120"}, {"6h30m": [], "7h": [{"source": "cloudtrail"}]}),
    Scenario("UnresolvedIdentities", "a new person or two", {_UNRESOLVED: "2x140"}, {"9h": []}),
    Scenario(
        "UnresolvedIdentities",
        "a restart",
        {_UNRESOLVED: "30x95 stale _ 30x40"},
        {"7h55m": [{"source": "cloudtrail"}], "8h5m": [{"source": "cloudtrail"}], "8h30m": [{"source": "cloudtrail"}]},
    ),
    Scenario("ConfigReloadFailed", "the web config too", {_LOADED: "1x40", _WEB_LOADED: "1x11 0x24"}, {"1h": [], "1h10m": [_TARGET]}),
    Scenario("ConfigReloadFailed", "until a config loads", {_LOADED: "1x11 0x11 1x11"}, {"1h": [], "1h10m": [_TARGET], "2h5m": []}),
]

SCENARIOS = (
    *NEAR_LIMIT,
    *BLOCKED,
    *OVERAGE,
    *FORECAST,
    *IDLE,
    *MISSING,
    *SENSITIVE,
    *DENIED,
    *INACTIVE,
    *SPIKE,
    *BUDGET,
    *UNATTRIBUTED,
    *EXPORTER,
)
