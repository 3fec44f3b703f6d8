"""One person across AWS and Kiro: who they are, what they do, what it costs, day by day, and beside the others of their team."""

from __future__ import annotations

from collections.abc import Mapping

from grafana_foundation_sdk.builders import dashboard, stat, table, timeseries
from grafana_foundation_sdk.models.common import BigValueTextMode

from grafana.source.aws import NO_BILL, NO_EVENTS
from grafana.source.boards import bare, section, text, window
from grafana.source.kiro import NO_HISTORY, NO_REPORT, NOTHING_LANDED
from grafana.source.panels import DAY, MOMENT, PROVISIONAL, Limits, Zero, days, number
from grafana.source.person_details import cost, kiro_cost, kiro_use, seat, sensitive, where
from grafana.source.queries import ONE, of_person, of_person_settled, of_window, threshold_value
from grafana.source.tables import Column, rows

_NOBODY = "Type the exact name of one person above, as User shows it in other dashboards"

_NO_EVENTS = "No events in the window, or no CloudTrail day of it has landed"
_NEVER = "Never seen in the stored history"


def person() -> dashboard.Dashboard:
    """The dashboard `person`."""
    made = bare("person", "Person", "One person across AWS and Kiro: activity, cost, credits and seat, day by day, and beside the others of the team.")
    # Not `user`: links between dashboards carry variables over by name, and there that is a regular expression.
    made = made.with_variable(window()).with_variable(text("person", "Person", "", "The exact name of one person, as User shows it in other dashboards."))
    made = section(made, "Who", _who())
    made = section(made, "In the window", *_aws(), *_kiro())
    made = section(made, "By day", _events_by_day(), _cost_by_day(), _credits_by_day())
    made = section(made, "Beside the team", _compared(), _alerts())
    made = section(made, "AWS", *where(), sensitive(), *cost())
    return section(made, "Kiro", *kiro_use(), seat(), kiro_cost())


def _who() -> table.Panel:
    labels = ("display_name", "email", "department", "team", "status", "user_id")
    titles = {label: label.replace("_", " ").capitalize() for label in labels}
    since = f"aws_user_info{{{ONE}}} * on (user) group_left () max by (user) (aws_user_created_timestamp_seconds{{{ONE}}})"
    return rows(
        "Who",
        "What the directory, the people file and the reports say of this person, and since when they are known.",
        titles,
        [Column("Known since", f"max by ({', '.join(labels)}) ({since})", unit=DAY)],
        sort="Known since",
        empty=_NOBODY,
        width=24,
        height=4,
    )


def _aws() -> tuple[stat.Panel, ...]:
    total = f"sum({of_window('aws_user_events', ONE)})"
    writes = of_window("aws_user_events", f'{ONE},access="write"')
    return (
        number("AWS events", "CloudTrail management events in the window.", total, empty=NO_EVENTS, width=4),
        number(
            "Share of writes",
            "Events that change something, of all in the window.",
            f"sum({writes}) / ({total} > 0)",
            empty=_NO_EVENTS,
            unit="percentunit",
            decimals=1,
            width=4,
        ),
        number(
            "Share denied",
            "Events that were denied, of all in the window.",
            f"sum({of_window('aws_user_denied_events', ONE)}) / ({total} > 0)",
            empty=_NO_EVENTS,
            unit="percentunit",
            decimals=1,
            width=4,
            zero=Zero("Nothing denied", f"{total} > 0"),
        ),
        number(
            "Level",
            "How much this person did in AWS in the last 30 days. usage.levels of the config says from how many events on a level holds.",
            f"max by (level) (aws_user_usage_level_last_30d{{{ONE}}})",
            empty=NO_EVENTS,
            width=4,
            legend="{{level}}",
        ).text_mode(BigValueTextMode.NAME),
        number(
            "Active days in AWS",
            "Days with CloudTrail events among the last 30.",
            f"max(aws_user_active_dates_last_30d{{{ONE}}})",
            empty=NO_EVENTS,
            width=4,
        ),
        number(
            "Last seen in AWS",
            "The newest CloudTrail event.",
            f"1000 * max(aws_user_last_activity_timestamp_seconds{{{ONE}}})",
            empty="No CloudTrail day of the last 30 has landed",
            unit="dateTimeFromNow",
            width=4,
            zero=Zero(_NEVER, f"aws_user_events_last_30d{{{ONE}}}"),
        ),
    )


def _kiro() -> tuple[stat.Panel, ...]:
    used, included = (f"max(kiro_user_{what}{{{ONE}}})" for what in ("forecast_credits", "included_credits"))
    known = f"aws_user_info{{{ONE}}}"
    return (
        number(
            "Cost",
            "What was billed for this person in the window, all kinds of charge.",
            f"sum by (currency) ({of_window('aws_user_cost', ONE)})",
            empty=NO_BILL,
            decimals=2,
            width=4,
            legend="{{currency}}",
        ),
        number(
            "Kiro credits",
            "Credits consumed in the window, overage included.",
            f"sum({of_window('kiro_user_credits', ONE)})",
            empty=NOTHING_LANDED,
            width=4,
            zero=Zero("None", f"{known} and on () kiro_user_credits_${{window}}"),
        ),
        number(
            "Of this month's credits",
            "Credits consumed this month, of the included ones. Over 100% is overage, or the end where that is not enabled.",
            f"max(kiro_user_credit_utilization_ratio{{{ONE}}})",
            empty="No seat, or no Kiro report of this month has landed",
            unit="percentunit",
            width=4,
            limits=Limits(threshold_value("kiro_near_limit:ratio"), 1),
        ),
        number(
            "Expected for the month",
            "Credits that the whole month is expected to need, of the included ones.",
            f"{used} / ({included} > 0)",
            empty="No seat, or no Kiro report of this month has landed",
            unit="percentunit",
            width=4,
            limits=Limits(threshold_value("kiro_forecast:ratio")),
        ),
        number(
            "Active days in Kiro",
            "Days with Kiro use among the last 30.",
            f"max(kiro_user_active_dates_last_30d{{{ONE}}})",
            empty=NO_REPORT,
            width=4,
            zero=Zero("None", f"{known} and on () kiro_user_active_dates_last_30d"),
        ),
        number(
            "Last seen in Kiro",
            "The newest day with Kiro use: its start.",
            f"1000 * max(kiro_user_last_activity_timestamp_seconds{{{ONE}}})",
            empty=NO_REPORT,
            unit="dateTimeFromNow",
            width=4,
            zero=Zero(_NEVER, f"{known} and on () kiro_user_credits_last_30d"),
        ),
    )


def _events_by_day() -> timeseries.Panel:
    return days(
        "AWS events by day",
        "CloudTrail management events. Each bar is one UTC day.",
        {"{{access}}": of_person("aws_user_events", "access")},
        empty=NO_HISTORY,
        width=8,
        stacked=True,
    )


def _cost_by_day() -> timeseries.Panel:
    after, before = (f"sum by (currency) ({form('aws_user_cost', 'charge, currency')})" for form in (of_person_settled, of_person))
    return days(
        "Cost by day",
        "What was billed, all kinds of charge. Each bar is one UTC day; the last three can still change.",
        {"{{currency}}": after, f"{{{{currency}}}}{PROVISIONAL}": f"{before} unless {after}"},
        empty=NO_HISTORY,
        decimals=2,
        width=8,
        signed=True,
    )


def _credits_by_day() -> timeseries.Panel:
    after = of_person_settled("kiro_user_credits")
    return days(
        "Kiro credits by day",
        "Credits consumed, overage included. Each bar is one UTC day; the last three can still change.",
        {"Credits": after, f"Credits{PROVISIONAL}": f"{of_person('kiro_user_credits')} unless {after}"},
        empty=NO_HISTORY,
        width=8,
    )


def _compared() -> table.Panel:
    metrics = {
        "AWS events": "aws_user_events",
        "Sensitive events": "aws_user_sensitive_events",
        "Denied events": "aws_user_denied_events",
        "Kiro credits": "kiro_user_credits",
        "Kiro messages": "kiro_user_messages",
        "Kiro conversations": "kiro_user_conversations",
    }
    own = {name: f"sum({of_window(metric, ONE)})" for name, metric in metrics.items()}
    team = {name: f"avg({_of_team(metric, 'user, team')})" for name, metric in metrics.items()}
    own_cost = f"sum by (currency) ({of_window('aws_user_cost', ONE)})"
    team_cost = f"avg by (currency) ({_of_team('aws_user_cost', 'user, team, currency')})"
    mine, others = f"{_measures(own)} or {_costs(own_cost)}", f"{_measures(team)} or {_costs(team_cost)}"
    return rows(
        "This person and the team",
        "The window of this person, and the average of those of the team who have any of it, this person among them.",
        {"measure": "Measure"},
        [
            Column("Person", mine, decimals=1),
            Column("Team's average", others, decimals=1),
            Column("Of the average", f"({mine}) / ({others})", unit="percentunit"),
        ],
        sort="Of the average",
        empty=_NOBODY,
        height=9,
    )


def _of_team(metric: str, labels: str) -> str:
    everybody = of_window(metric, 'user!="_other"')
    return f"(sum by ({labels}) ({everybody}) > 0) and on (team) aws_user_info{{{ONE}}}"


def _measures(expressions: Mapping[str, str]) -> str:
    return " or ".join(f'label_replace({expression}, "measure", "{name}", "", "")' for name, expression in expressions.items())


def _costs(expression: str) -> str:
    return f'sum by (measure) (label_replace({expression}, "measure", "Cost, $1", "currency", "(.*)"))'


def _alerts() -> table.Panel:
    firing = f'ALERTS_FOR_STATE{{{ONE},user!=""}} and ignoring (alertstate) ALERTS{{{ONE},user!="",alertstate="firing"}}'
    return rows(
        "Alerts",
        "Alerts that fire now and name this person. The runbook of an alert says what it means and what to do.",
        {"alertname": "Alert", "severity": "Severity"},
        [Column("Since", f"max by (alertname, severity) ({firing})", unit=MOMENT)],
        sort="Since",
        empty="No alert about this person fires, or Prometheus lacks the rules",
        height=9,
    )
