"""What happens to the metrics that the alerts of prometheus/rules/exporter.yml look at, and who should be told then."""

from __future__ import annotations

from alert_rig import TARGET, Scenario

_STEP = 'aws_user_exporter_series_limit_step{job="aws-user-exporter",instance="a"}'
_UNRESOLVED = 'aws_user_exporter_unresolved_identities{source="cloudtrail",job="aws-user-exporter",instance="a"}'
_WEB_LOADED = 'aws_user_exporter_web_config_last_reload_successful{job="aws-user-exporter",instance="a"}'
_LOADED = 'aws_user_exporter_config_last_reload_successful{job="aws-user-exporter",instance="a"}'
SCENARIOS = [
    Scenario("SeriesLimitReached", "after an hour, until there is room", {_STEP: "0x11 1x24 0x24"}, {"1h55m": [], "2h": [TARGET], "3h40m": []}),
    Scenario("SeriesLimitReached", "a restart", {_STEP: "1x23 stale _ 1x24"}, {"1h55m": [TARGET], "2h5m": [TARGET], "2h20m": [TARGET]}),
    Scenario("UnresolvedIdentities", "more than 25, for six hours", {_UNRESOLVED: "25x11 26x120"}, {"6h30m": [], "7h": [{"source": "cloudtrail"}]}),
    Scenario("UnresolvedIdentities", "a new person or two", {_UNRESOLVED: "2x140"}, {"9h": []}),
    Scenario(
        "UnresolvedIdentities",
        "a restart",
        {_UNRESOLVED: "30x95 stale _ 30x40"},
        {"7h55m": [{"source": "cloudtrail"}], "8h5m": [{"source": "cloudtrail"}], "8h30m": [{"source": "cloudtrail"}]},
    ),
    Scenario("ConfigReloadFailed", "the web config too", {_LOADED: "1x40", _WEB_LOADED: "1x11 0x24"}, {"1h": [], "1h10m": [TARGET]}),
    Scenario("ConfigReloadFailed", "until a config loads", {_LOADED: "1x11 0x11 1x11"}, {"1h": [], "1h10m": [TARGET], "2h5m": []}),
]
