"""Panels about the credits that a month includes: who is near the limit, who is blocked, who will run out, and what the organisation leaves unused."""

from __future__ import annotations

from grafana_foundation_sdk.builders import bargauge, stat, table

from grafana.source.kiro import DAYS_TO_COME, NO_MONTH, chosen, only, person
from grafana.source.panels import DAY, Limits, Zero, number, steps
from grafana.source.queries import MOST_ROWS, compared, threshold, threshold_value
from grafana.source.tables import PERSON, TO_PERSON, Column, rows

USED = "kiro_user_credit_utilization_ratio"
NEAR = "kiro_near_limit:ratio"

OF_ALLOWANCE = Limits(threshold_value(NEAR), 1)
"""Colours of a share of what the month includes."""

_BANDS = {"Nothing": (None, 0), "Up to 25%": (0, 0.25), "25% to 50%": (0.25, 0.5), "50% to 75%": (0.5, 0.75), "75% to 100%": (0.75, 1), "Over 100%": (1, None)}


def near() -> str:
    """People who are near the limit or over it, with the share that they have used."""
    return f"{person(USED)} >= {threshold(NEAR)}"


def blocked() -> str:
    """People who cannot go on this month, with the share that they have used."""
    return f"({person(USED)} >= 1) and on (user, team) ({person('kiro_user_overage_enabled')} == 0)"


def days_left() -> str:
    """Days that the rest of the month's credits last at the pace of the last 7 days, of people who have some left and use them."""
    left = f"({person('kiro_user_included_credits')} - {person('kiro_user_credits_month_to_date')} > 0)"
    return f"{left} / ({person('kiro_user_credits_last_7d')} > 0) * 7"


def running_out() -> str:
    """The same of those whose credits end before the month does."""
    return f"{days_left()} < {DAYS_TO_COME}"


def near_count(width: int) -> stat.Panel:
    """How many people are near the limit."""
    return number(
        "People near the limit",
        f"People who have used {threshold_value(NEAR):.0%} or more of this month's included credits. The limit is threshold:{NEAR} in the rules.",
        f"count({near()})",
        empty=f"{NO_MONTH}, or Prometheus lacks the rules",
        width=width,
        limits=Limits(1),
        zero=Zero("Nobody is near the limit", compared(person(USED), NEAR)),
    )


def blocked_count(width: int) -> stat.Panel:
    """How many people are blocked."""
    return number(
        "People blocked",
        "People who have used up this month's credits and for whom overage is not enabled: they cannot go on before the next month.",
        f"count({blocked()})",
        empty=NO_MONTH,
        width=width,
        limits=Limits(1, 1),
        zero=Zero("Nobody is blocked", f"{person(USED)} and on () kiro_user_overage_enabled"),
    )


def running_out_count(width: int) -> stat.Panel:
    """How many people will run out."""
    return number(
        "People running out",
        "People whose credits end before the month does at the pace of their last 7 days. Who has already used them up is not among them.",
        f"count({running_out()})",
        empty=NO_MONTH,
        width=width,
        limits=Limits(1),
        zero=Zero("Nobody runs out at this pace", only(person(USED), person("kiro_user_credits_last_7d"))),
    )


def pool_used(width: int) -> stat.Panel:
    """The share of all included credits that is used."""
    return number(
        "Allowance used",
        "Credits consumed this month, divided by all that the month includes. Not by the overage cap, which says nothing of the allowance.",
        f"sum({chosen('kiro_user_credits_month_to_date')}) / sum({chosen('kiro_user_included_credits')})",
        empty=NO_MONTH,
        unit="percentunit",
        decimals=1,
        width=width,
        limits=OF_ALLOWANCE,
    )


def pool_expected(width: int) -> stat.Panel:
    """The share of all included credits that is expected to be used."""
    return number(
        "Allowance expected",
        "Credits that the whole month is expected to need, divided by all that it includes.",
        f"sum({chosen('kiro_user_forecast_credits')}) / sum({chosen('kiro_user_included_credits')})",
        empty=NO_MONTH,
        unit="percentunit",
        decimals=1,
        width=width,
        limits=OF_ALLOWANCE,
    )


def pool_unused(width: int) -> stat.Panel:
    """Credits that nobody will use."""
    return number(
        "Credits left unused",
        "Included credits that their holders are expected not to need this month. They are lost with the month, while others pay for overage or are blocked.",
        f"sum(clamp_min({person('kiro_user_included_credits')} - {person('kiro_user_forecast_credits')}, 0))",
        empty=NO_MONTH,
        width=width,
    )


def near_table() -> table.Panel:
    """People near the limit, and what they will need."""
    those = f"topk({MOST_ROWS}, {near()})"
    return rows(
        "Near the limit",
        f"People who have used {threshold_value(NEAR):.0%} or more of this month's included credits; over 100% is overage, or the end where that is off."
        " Days left: at the pace of the last 7 days.",
        PERSON,
        [
            Column("Used", those, unit="percentunit", decimals=1, limits=OF_ALLOWANCE),
            Column("Credits this month", only(person("kiro_user_credits_month_to_date"), those), decimals=1),
            Column("Included", only(person("kiro_user_included_credits"), those)),
            Column("Days left", only(days_left(), those), decimals=1, limits=Limits(3, 7, falling=True)),
            Column("Expected for the month", only(person("kiro_user_forecast_credits"), those)),
            Column("Overage enabled", only(person("kiro_user_overage_enabled"), those), unit="bool_yes_no"),
        ],
        sort="Used",
        width=24,
        height=10,
        empty="Nobody is near the limit, no Kiro report of this month has landed, or Prometheus lacks the rules",
        links=TO_PERSON,
    )


def running_out_table(width: int) -> table.Panel:
    """People whose credits end before the month does."""
    those = f"bottomk({MOST_ROWS}, {running_out()})"
    pace = f"{person('kiro_user_credits_last_7d')} / 7"
    return rows(
        "Running out",
        "People whose credits end before the month does at the pace of their last 7 days, the soonest first.",
        PERSON,
        [
            Column("Days left", those, decimals=1, limits=Limits(3, 7, falling=True)),
            Column("Credits a day", only(pace, those), decimals=1),
            Column("Used", only(person(USED), those), unit="percentunit", decimals=1, limits=OF_ALLOWANCE),
        ],
        sort="Days left",
        descending=False,
        width=width,
        height=10,
        empty="Nobody runs out at this pace, or no Kiro report of this month has landed",
        links=TO_PERSON,
    )


def blocked_table(width: int) -> table.Panel:
    """People who cannot go on this month."""
    those = f"topk({MOST_ROWS}, {blocked()})"
    return rows(
        "Blocked",
        "People who have used up this month's credits while overage is not enabled for them. Last used tells since when they have not gone on.",
        PERSON,
        [
            Column("Used", those, unit="percentunit", decimals=1, limits=OF_ALLOWANCE),
            Column("Included", only(person("kiro_user_included_credits"), those)),
            Column("Last used", only(person("kiro_user_last_activity_timestamp_seconds"), those), unit=DAY),
        ],
        sort="Used",
        width=width,
        height=10,
        empty="Nobody is blocked, or no Kiro report of this month has landed",
        links=TO_PERSON,
    )


def bands(width: int) -> bargauge.Panel:
    """How many people have used which part of their allowance."""
    used = person(USED)
    bounds = {name: [f"{used} > bool {above}"] * (above is not None) + [f"{used} <= bool {to}"] * (to is not None) for name, (above, to) in _BANDS.items()}
    series = {name: f"sum({' * '.join(f'({bound})' for bound in both)})" for name, both in bounds.items()}
    return steps(
        "People by allowance used",
        "People by the share of this month's included credits that they have used.",
        series,
        empty=NO_MONTH,
        width=width,
    )
