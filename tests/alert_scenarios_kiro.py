"""What happens to the metrics that the alerts of prometheus/rules/kiro.yml look at, and who should be told then."""

from __future__ import annotations

from alert_rig import DAY, KIM, MOVED, PERSON, TARGET, Scenario, bridged, moves

_USED = "kiro_user_credit_utilization_ratio"
_SEAT = "kiro_user_seat"
_NEAR = f"{_USED}{{{KIM}}}"
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
    *bridged("KiroNearLimit", PERSON, _NEAR, value="0.9"),
    moves("KiroNearLimit", _NEAR, f"{_USED}{{{MOVED}}}", PERSON, value="0.9"),
]

_ENABLED = f"kiro_user_overage_enabled{{{KIM}}}"
BLOCKED = [
    Scenario("KiroBlocked", "at 100% where overage is off", {_NEAR: "0.99x11 1x24", _ENABLED: "0x36"}, {"55m": [], "1h": [PERSON]}),
    Scenario("KiroBlocked", "not where overage is on", {_NEAR: "1.4x24", _ENABLED: "1x24"}, {"1h": []}),
    Scenario("KiroBlocked", "not where nobody says whether it is", {_NEAR: "1.4x24"}, {"1h": []}),
    Scenario("KiroBlocked", "a new month sets the person free", {_NEAR: "1x11 0x24", _ENABLED: "0x36"}, {"55m": [PERSON], "1h35m": []}),
    Scenario("KiroBlocked", "a new person has used little", {_NEAR: "_x12 0.02x24", _ENABLED: "_x12 0x24"}, {"2h": []}),
    Scenario("KiroBlocked", "midnight changes nothing", {_NEAR: f"1x{2 * DAY}", _ENABLED: f"0x{2 * DAY}"}, {"23h55m": [PERSON], "24h5m": [PERSON]}),
    *bridged("KiroBlocked", PERSON, _NEAR, others={_ENABLED: "0x60"}, value="1"),
    moves(
        "KiroBlocked", _NEAR, f"{_USED}{{{MOVED}}}", PERSON, value="1", others={_ENABLED: "0x11 stale", f"kiro_user_overage_enabled{{{MOVED}}}": "_x12 0x120"}
    ),
]

_STARTED = "kiro_user_overage_start_timestamp_seconds"
OVERAGE = [
    Scenario("KiroOverageStarted", "midnight changes nothing", {f"{_STARTED}{{{KIM}}}": f"0x{2 * DAY}"}, {"23h55m": [PERSON], "24h5m": [PERSON]}),
    Scenario("KiroOverageStarted", "a missing report tells nothing again", {f"{_STARTED}{{{KIM}}}": f"0x{4 * DAY}"}, {"71h": [PERSON], "72h35m": []}),
    *bridged("KiroOverageStarted", PERSON, f"{_STARTED}{{{KIM}}}", value="0"),
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
    moves("KiroSeatIdle", _seat("idle"), _seat("idle", MOVED), _IDLE, value="1", waits=True),
]

_MONTH = f'kiro_user_messages_last_30d{{{KIM},job="aws-user-exporter",instance="a"}}'
_YESTERDAY = f'kiro_user_messages_yesterday{{{KIM},job="aws-user-exporter",instance="a"}}'
MISSING = [
    # Until noon the day before has not landed, and its family is absent. On Friday 2 January, Thursday shows nothing; on Saturday, Friday shows use.
    Scenario(
        "KiroReportMissing",
        "a working day without a message, until its report comes",
        {_MONTH: f"900x{4 * DAY}", _YESTERDAY: f"40x{DAY} _x143 0x72 50x{DAY}"},
        {"20h": [], "30h": [], "36h": [], "37h5m": [TARGET], "42h": [TARGET], "43h": []},
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
        {"43h55m": [TARGET], "44h5m": [TARGET], "44h20m": [TARGET]},
    ),
]

SCENARIOS = [*NEAR_LIMIT, *BLOCKED, *OVERAGE, *FORECAST, *IDLE, *MISSING]
