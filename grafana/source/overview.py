"""Overview: people, what they use and what it costs, who is at the top, and who needs attention."""

from __future__ import annotations

from grafana_foundation_sdk.builders import bargauge, common, dashboard, stat, table
from grafana_foundation_sdk.models.common import VizOrientation

from grafana.source.aws import NO_BILL, NO_EVENTS, cost, events
from grafana.source.boards import board, currency, section
from grafana.source.exporter_shared import own
from grafana.source.kiro import NO_HISTORY, NO_OVERAGE, NOTHING_LANDED
from grafana.source.panels import DAY, MOMENT, NOBODY_ACTIVE, PROVISIONAL, Zero, days, lines, number, ranking
from grafana.source.queries import (
    CURRENCY,
    EACH,
    MONEY,
    MOST_ROWS,
    NAMED,
    PEOPLE,
    TEAMS,
    TOP,
    counted,
    first,
    of_window,
    provisional,
    settled,
    top,
)
from grafana.source.tables import TO_PERSON, Column, rows

_CREDITS = f"{EACH} ({of_window('kiro_user_credits', NAMED)})"
_OVERAGE = f"{EACH} ({of_window('kiro_user_overage_credits', NAMED)})"
_MESSAGES = f"{EACH} ({of_window('kiro_user_messages', NAMED)})"


def organization_overview() -> dashboard.Dashboard:
    """The dashboard `overview`."""
    made = board("overview", "Overview", "How many people there are, what they use of AWS and Kiro, what it costs, who is at the top, and who needs attention.")
    made = made.with_variable(currency())
    made = section(made, "In the window", *_numbers())
    made = section(
        made,
        "By day",
        days(
            "AWS events by day",
            "CloudTrail management events of people. Each bar is one UTC day. The user filter does not apply.",
            {"{{access}}": first("team:aws_user_events", "access")},
            empty=NO_HISTORY,
            width=12,
            stacked=True,
        ),
        days(
            "Kiro credits by day",
            "Credits consumed, overage included. Each bar is one UTC day; the last three can still change. The user filter does not apply.",
            {"Credits": settled("team:kiro_user_credits"), f"Credits{PROVISIONAL}": provisional("team:kiro_user_credits")},
            empty=NO_HISTORY,
            width=12,
        ),
        days(
            "Cost by day",
            "What was billed for people. Each bar is one UTC day; the last three can still change. The user filter does not apply.",
            {
                "{{currency}}": settled("team:aws_user_cost", "currency", f"{TEAMS},{CURRENCY}"),
                f"{{{{currency}}}}{PROVISIONAL}": provisional("team:aws_user_cost", "currency", f"{TEAMS},{CURRENCY}"),
            },
            empty=NO_HISTORY,
            decimals=2,
            width=12,
            signed=True,
        ),
        lines(
            "Active people by day",
            "People with CloudTrail events, and people with Kiro credits or messages, on each UTC day; some are both. The user filter does not apply.",
            {"AWS": counted("team:aws_active_people_yesterday:count"), "Kiro": counted("team:kiro_active_people_yesterday:count")},
            empty=NO_HISTORY,
            decimals=0,
        ),
    )
    made = section(made, "Who has most", *_tops())
    return section(made, "Who needs attention", _attention(), _teams())


def _numbers() -> tuple[stat.Panel, ...]:
    landed = (events(), _CREDITS, _MESSAGES)
    active = " or ".join(f"{each} > 0" for each in landed)
    return (
        number(
            "People",
            "People who are known now: from the directory, the people file, or because they were active.",
            f"count(group by (user) (aws_user_info{{{NAMED}}}))",
            empty="Nobody is known: neither a directory, nor a people file, nor any activity",
            width=3,
        ),
        number(
            "Active people",
            "People with CloudTrail events, Kiro credits or messages in the window. Those whom the series limits folded into _other are not counted.",
            f"count({active})",
            empty="No day of this window has landed",
            width=3,
            zero=Zero(f"{NOBODY_ACTIVE} in what has landed", " or ".join(landed)),
        ),
        number("AWS events", "CloudTrail management events of people in the window.", f"sum({of_window('aws_user_events')})", empty=NO_EVENTS, width=4),
        number(
            "Cost",
            "What was billed for people in the window, all kinds of charge, Kiro included. The dashboard AWS cost shows the whole bill.",
            f"sum by (currency) ({of_window('aws_user_cost', MONEY)})",
            empty=NO_BILL,
            width=4,
            legend="{{currency}}",
        ),
        number("Kiro credits", "Credits consumed in the window, overage included.", f"sum({of_window('kiro_user_credits')})", empty=NOTHING_LANDED, width=3),
        number(
            "Overage credits",
            "Credits beyond the included ones, which are charged one by one. Part of the credits beside it.",
            f"sum({of_window('kiro_user_overage_credits')})",
            empty=NOTHING_LANDED,
            width=3,
            zero=Zero(NO_OVERAGE, of_window("kiro_user_credits")),
        ),
        number(
            "Newest day",
            "The newest UTC day of each source that has landed, and so the last one of its windows. What came later is not in any number.",
            f"1000 * (max by (source) ({own('source_data_timestamp_seconds')}) - 86400)",
            empty="No day of any source has landed",
            unit=DAY,
            width=4,
            legend="{{source}}",
        )
        .orientation(VizOrientation.HORIZONTAL)
        .text(common.VizTextDisplayOptions().title_size(14).value_size(14)),
    )


def _tops() -> tuple[bargauge.Panel, ...]:
    return (
        ranking(
            f"Top {TOP} by AWS events",
            "People with most CloudTrail management events in the window.",
            top(events()),
            "{{user}}",
            empty=NO_EVENTS,
            width=6,
            person=True,
        ),
        ranking(
            f"Top {TOP} by cost",
            "People for whom most was billed in the window.",
            top(cost()),
            "{{user}}, {{currency}}",
            empty=NO_BILL,
            decimals=2,
            width=6,
            person=True,
        ),
        ranking(
            f"Top {TOP} by Kiro credits",
            "People with most credits in the window, overage included.",
            top(_CREDITS),
            "{{user}}",
            empty=NOTHING_LANDED,
            decimals=1,
            width=6,
            person=True,
        ),
        ranking(
            f"Top {TOP} by overage credits",
            "People with most credits beyond the included ones in the window.",
            top(_OVERAGE),
            "{{user}}",
            empty="Nobody had overage in this window, or no Kiro report of it has landed",
            decimals=1,
            width=6,
            person=True,
        ),
    )


def _attention() -> table.Panel:
    about = f'{PEOPLE},user!=""'
    firing = f'ALERTS_FOR_STATE{{{about}}} and ignoring (alertstate) ALERTS{{{about},alertstate="firing"}}'
    return rows(
        "Alerts about people",
        f"Alerts that fire now and name a person, the newest {MOST_ROWS}. The runbook of an alert says what it means and what to do.",
        {"user": "User", "team": "Team", "alertname": "Alert", "severity": "Severity"},
        [Column("Since", f"topk({MOST_ROWS}, max by (user, team, alertname, severity) ({firing}))", unit=MOMENT)],
        sort="Since",
        empty="No alert about these people fires, or Prometheus lacks the rules",
        width=11,
        links=TO_PERSON,
    )


def _teams() -> table.Panel:
    return rows(
        "Teams",
        "Each team in the window. Active are those with CloudTrail events, and those with Kiro use; who used both is in both.",
        {"team": "Team", "currency": "Currency"},
        [
            Column("People", f"count by (team) (group by (user, team) (aws_user_info{{{NAMED}}}))"),
            Column("Active in AWS", f"max by (team) (team:aws_active_people_${{window}}:count{{{TEAMS}}})"),
            Column("Active in Kiro", f"max by (team) (team:kiro_active_people_${{window}}:count{{{TEAMS}}})"),
            Column("AWS events", f"sum by (team) ({of_window('aws_user_events')})"),
            Column("Cost", f"sum by (team, currency) ({of_window('aws_user_cost', MONEY)})", decimals=2),
            Column("Kiro credits", f"sum by (team) ({of_window('kiro_user_credits')})"),
        ],
        sort="People",
        width=13,
        empty="Nobody is known: neither a directory, nor a people file, nor any activity",
    )
