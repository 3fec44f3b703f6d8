"""The part of Kiro behaviour about adoption: who begins, stays, comes back and leaves, how often people come, and whose use changes."""

from __future__ import annotations

from collections.abc import Iterable

from grafana_foundation_sdk.builders import bargauge, dashboard, stat, table, timeseries

from grafana.source.boards import section
from grafana.source.kiro import NO_HISTORY, NO_SEATS, NOTHING_LANDED, OF_TEAMS, only, person, seats
from grafana.source.panels import DAY, NOBODY_ACTIVE, Limits, Zero, lines, number, steps
from grafana.source.queries import MOST_ROWS, PEOPLE, TEAMS, TOP, counted, where
from grafana.source.tables import PERSON, TEN_ROWS, TO_PERSON, Column, rows

WEEK, MONTH, FIRST_SEEN = (f"kiro_user_{what}" for what in ("active_dates_last_7d", "active_dates_last_30d", "first_activity_timestamp_seconds"))
WEEK_BEGAN = 'scalar(max(aws_user_exporter_source_data_timestamp_seconds{source="kiro_credits"})) - 7 * 86400'

AT_RISK = 0.5
"""Who falls by this share of their pace or by more may be leaving."""

LEAST_CREDITS = 10
"""Of a week: changes of less are noise."""

_COUNTED = f"Each point is one UTC day, counted on the day after.{OF_TEAMS}"


def adoption_panels(made: dashboard.Dashboard) -> dashboard.Dashboard:
    """The dashboard with the panels about adoption."""
    made = section(made, "Adoption", *_active_people(), *_changes(), _active_trend(), _change_trend(), _funnel(), _leaving(), _returning())
    return section(made, "Movers", _movers("Gaining", "topk", "> 0"), _movers("Losing", "bottomk", "< 0"), _at_risk())


def _active_people() -> Iterable[stat.Panel]:
    dates = person(MONTH)
    yield number(
        "Active yesterday",
        "People who used Kiro yesterday. On the day after, until the report has landed, there is no number.",
        f"count({person('kiro_user_credits_yesterday')} + {person('kiro_user_messages_yesterday')} > 0)",
        empty="Yesterday's Kiro report has not landed",
        zero=Zero(NOBODY_ACTIVE, person("kiro_user_credits_yesterday")),
    )
    yield number(
        "Active in 7 days",
        "People who used Kiro in the 7 days that end with the newest landed day.",
        f"count({person(WEEK)} > 0)",
        empty=NOTHING_LANDED,
        zero=Zero(NOBODY_ACTIVE, person(WEEK)),
    )
    yield number(
        "Active in 30 days",
        "People who used Kiro in the 30 days that end with the newest landed day.",
        f"count({dates} > 0)",
        empty=NOTHING_LANDED,
        zero=Zero(NOBODY_ACTIVE, dates),
    )
    yield number(
        "Stickiness",
        "People active on an average day of the last 30, weekends included, divided by those active in the 30 days: 100% if all came daily.",
        f"sum({dates}) / 30 / count({dates} > 0)",
        empty=NOTHING_LANDED,
        unit="percentunit",
        decimals=1,
    )


def _changes() -> Iterable[stat.Panel]:
    yield number(
        "New",
        "People whose first known use of Kiro lies in the last 7 landed days.",
        f"count({new()})",
        empty=NOTHING_LANDED,
        zero=Zero("Nobody began in these 7 days", person(WEEK)),
    )
    yield number(
        "Returned",
        "People who used Kiro in the last 7 landed days, not in the 23 before, and at some time earlier.",
        f"count({returned()})",
        empty=NOTHING_LANDED,
        zero=Zero("Nobody came back in these 7 days", person(WEEK)),
    )
    yield number(
        "Leaving",
        "People who used Kiro in the last 30 landed days, but not in the last 7 of these.",
        f"count({leaving()})",
        empty=NOTHING_LANDED,
        limits=Limits(1),
        zero=Zero("Nobody left in these 7 days", only(person(MONTH), person(WEEK))),
    )
    yield number(
        "Seats in use",
        "Paid seats whose holder used Kiro in the last 30 landed days, of all paid seats.",
        f"count({seats()} and on (user, team) {person(MONTH)} > 0) / count({seats()})",
        empty=NO_SEATS,
        unit="percentunit",
        decimals=1,
        limits=Limits(0.5, 0.8, falling=True),
        zero=Zero("No seat is in use", seats()),
    )


def new() -> str:
    """People who began in the last 7 landed days."""
    return f"{person(FIRST_SEEN)} >= {WEEK_BEGAN}"


def returned() -> str:
    """People who came back in the last 7 landed days, with the days on which they were active in these."""
    return f"(({person(WEEK)} > 0) == {person(MONTH)}) and on (user, team) {person(FIRST_SEEN)} < {WEEK_BEGAN}"


def leaving() -> str:
    """People of the last 30 landed days who were not there in the last 7, with the days on which they were active."""
    return f"({person(MONTH)} > 0) unless on (user, team) ({person(WEEK)} > 0)"


def _active_trend() -> timeseries.Panel:
    series = {f"Active in {name}": counted(f"team:kiro_active_people_{window}:count") for name, window in (("7 days", "last_7d"), ("30 days", "last_30d"))}
    return lines(
        "Active people by day",
        f"People who used Kiro on the day, and in the 7 and 30 days that end with it. {_COUNTED}",
        {"Active on the day": counted("team:kiro_active_people_yesterday:count"), **series},
        empty=NO_HISTORY,
        decimals=0,
    )


def _change_trend() -> timeseries.Panel:
    changes = {"New": "new", "Returned": "returned", "Leaving": "left"}
    return lines(
        "New, returned and leaving people by day",
        "Of the 7 days that end with the day: new ones, those who came back after 23 days or more, and those who were active in the 23 days before, but not in"
        f" these. It begins with the first scrape: `backfill` does not write it. {_COUNTED}",
        {name: counted("team:kiro_adoption_people_last_7d:count", matchers=f"{TEAMS},{where(change=change)}") for name, change in changes.items()},
        empty=NO_HISTORY,
        decimals=0,
    )


def _funnel() -> bargauge.Panel:
    dates = person(MONTH)
    return steps(
        "From seat to habit",
        "People by the days on which they used Kiro, of the last 30 landed days. Each step is part of the one above it, but for use without a paid seat.",
        {"Seats": f"count({seats()})", **{f"{least} or more days": f"sum({dates} >= bool {least})" for least in (1, 8, 20)}},
        empty=NOTHING_LANDED,
    )


def _leaving() -> table.Panel:
    those = f"topk({MOST_ROWS}, {leaving()})"
    return rows(
        "Leaving people",
        "People who used Kiro in the last 30 landed days, but not in the last 7, the most active first.",
        PERSON,
        [Column("Active days", those), Column("Last used", only(person("kiro_user_last_activity_timestamp_seconds"), those), unit=DAY)],
        sort="Active days",
        width=8,
        height=10,
        empty="Everybody of the last 30 days was active in the last 7, or no Kiro report of them has landed",
        links=TO_PERSON,
    )


def _returning() -> table.Panel:
    those = f"topk({MOST_ROWS}, {new()} or {person(FIRST_SEEN)} and on (user, team) ({returned()}))"
    return rows(
        "New and returned people",
        "People who used Kiro in the last 7 landed days and not in the 23 before. First used tells the new from those who came back.",
        PERSON,
        [Column("First used", those, unit=DAY), Column("Active days", only(person(WEEK), those))],
        sort="First used",
        width=8,
        height=10,
        empty="Nobody began or came back in these 7 days, or no Kiro report of them has landed",
        links=TO_PERSON,
    )


def _movers(title: str, choose: str, sign: str) -> table.Panel:
    now, before = person("kiro_user_credits_last_7d"), f"max by (user, team) (last_over_time(kiro_user_credits_last_7d{{{PEOPLE}}}[1h] offset 1w))"
    those = f"{choose}({TOP}, {now} - {before} {sign})"
    return rows(
        title,
        "People whose credits of the last 7 landed days differ most from those of the 7 days before, as Prometheus was told a week ago.",
        PERSON,
        [
            Column("Change", those, decimals=1),
            Column("Last 7 days", only(now, those), decimals=1),
            Column("Before", only(before, those), decimals=1),
        ],
        sort="Change",
        descending=choose == "topk",
        width=8,
        height=TEN_ROWS,
        empty="Nobody's use changed so, or Prometheus has no history of a week ago",
        links=TO_PERSON,
    )


def _at_risk() -> table.Panel:
    week, before = person("kiro_user_credits_last_7d"), f"({person('kiro_user_credits_last_30d')} - {person('kiro_user_credits_last_7d')}) * 7 / 23"
    change = f"{week} / ({before} >= {LEAST_CREDITS}) - 1"
    those = f"bottomk({MOST_ROWS}, {change} <= -{AT_RISK})"
    return rows(
        "At risk",
        f"People whose last 7 landed days are {AT_RISK:.0%} or more below their usual pace, an average week of the 23 days before, if that had"
        f" {LEAST_CREDITS} credits or more."
        " It needs no history in Prometheus.",
        PERSON,
        [
            Column("Change", those, unit="percentunit"),
            Column("Last 7 days", only(week, those), decimals=1),
            Column("Usually", only(before, those), decimals=1),
        ],
        sort="Usually",
        width=8,
        height=TEN_ROWS,
        empty="Nobody fell so far below their pace, or no Kiro report of these days has landed",
        links=TO_PERSON,
    )
