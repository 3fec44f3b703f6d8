"""Kiro overview: how much is used, by whom, with which client, and who is near the limit."""

from __future__ import annotations

from grafana_foundation_sdk.builders import bargauge, dashboard, stat, table, timeseries

from grafana.source import kiro_limits as limits
from grafana.source.boards import section
from grafana.source.exporter_shared import newest_day
from grafana.source.kiro import (
    NO_HISTORY,
    NO_OVERAGE,
    NO_SEATS,
    NOTHING_LANDED,
    active,
    clients,
    in_window,
    kiro_board,
    only,
    person_in_window,
    seats,
)
from grafana.source.kiro_behaviour import people_by_client
from grafana.source.kiro_seats import idle_count
from grafana.source.panels import NOBODY_ACTIVE, PROVISIONAL, Zero, days, number, ranking
from grafana.source.queries import TOP, provisional, settled, top
from grafana.source.tables import PERSON, TEN_ROWS, TO_PERSON, Column, rows

DESCRIPTION = "How much of Kiro is used and by whom, who is near the limit of their credits, and what is left unused."


def overview() -> dashboard.Dashboard:
    """The dashboard `kiro-overview`."""
    made = kiro_board("kiro-overview", "Kiro overview", DESCRIPTION).with_variable(clients())
    made = section(made, "", *_totals(), limits.near_count(6), limits.blocked_count(6), limits.running_out_count(6), idle_count(6), _trend())
    made = section(made, "", _top(), _tiers().height(TEN_ROWS), people_by_client(6).height(TEN_ROWS))
    made = section(made, "Allowance of this month", limits.pool_used(8), limits.pool_expected(8), limits.pool_unused(8), limits.near_table())
    return section(made, "", limits.running_out_table(9), limits.blocked_table(8), limits.bands(7))


def _totals() -> tuple[stat.Panel, ...]:
    return (
        number(
            "Active people",
            "People with credits or messages in the window, each once, whatever clients they used.",
            f"count({active()})",
            empty=NOTHING_LANDED,
            width=5,
            zero=Zero(NOBODY_ACTIVE, person_in_window("kiro_user_credits")),
        ),
        number("Credits", "Kiro credits consumed in the window, overage included.", f"sum({in_window('kiro_user_credits')})", empty=NOTHING_LANDED, width=5),
        number(
            "Overage credits",
            "Credits beyond the included ones, which are charged one by one. Part of the credits beside it.",
            f"sum({in_window('kiro_user_overage_credits')})",
            empty=NOTHING_LANDED,
            width=5,
            zero=Zero(NO_OVERAGE, in_window("kiro_user_credits")),
        ),
        number(
            "Messages",
            "Prompts, tool calls and responses, without inline completions.",
            f"sum({in_window('kiro_user_messages')})",
            empty=NOTHING_LANDED,
            width=5,
        ),
        newest_day("the Kiro reports", "kiro_credits", 4),
    )


def _trend() -> timeseries.Panel:
    return days(
        "Credits by day",
        "Each bar is one UTC day; overage is part of the credits. The last three can still change: reports come late and are written again."
        " By team; the user and tier filters do not apply.",
        {
            "Credits": settled("team:kiro_user_credits"),
            f"Credits{PROVISIONAL}": provisional("team:kiro_user_credits"),
            "Overage": settled("team:kiro_user_overage_credits"),
            f"Overage{PROVISIONAL}": provisional("team:kiro_user_overage_credits"),
        },
        empty=NO_HISTORY,
    )


def _top() -> table.Panel:
    those = top(person_in_window("kiro_user_credits"))
    return rows(
        f"Top {TOP} by credits",
        f"The {TOP} people with most credits in the window, overage included.",
        PERSON,
        [
            Column("Credits", those, decimals=1),
            Column("Messages", only(person_in_window("kiro_user_messages"), those)),
            Column("Overage", only(person_in_window("kiro_user_overage_credits"), those), decimals=1),
        ],
        sort="Credits",
        width=12,
        height=TEN_ROWS,
        empty=NOTHING_LANDED,
        links=TO_PERSON,
    )


def _tiers() -> bargauge.Panel:
    return ranking(
        "People by tier",
        "People who hold a paid seat now, used or not, by its tier.",
        f"sort_desc(count by (tier) ({seats()}))",
        "{{tier}}",
        empty=NO_SEATS,
        width=6,
    )
