"""The part of Kiro cost about seats: who holds them, what idle ones cost, and which tier would have been cheaper."""

from __future__ import annotations

from collections.abc import Iterable

from grafana_foundation_sdk.builders import bargauge, dashboard, stat, table, timeseries

from grafana.source import kiro_limits
from grafana.source.boards import section
from grafana.source.kiro import NO_BILL, NO_HISTORY, NO_REPORT, NO_SEATS, chosen, only, person, seat_price, seats
from grafana.source.panels import DAY, Limits, Zero, days, number, ranking
from grafana.source.queries import MOST_ROWS, TEAMS, daily_now, where
from grafana.source.tables import PERSON, TO_PERSON, Column, rows

CURRENCY = "{{currency}}"
NO_IDLE = "No seat is idle"
NO_RECOMMENDATION = "Last month has not landed in full, or no seat was held and used all that month"

IDLE = where(status="idle")
MONTH_SECONDS = 365 / 12 * 86400
"""An average month."""


def seat_panels(made: dashboard.Dashboard) -> dashboard.Dashboard:
    """The dashboard with the panels about seats."""
    made = section(made, "Seats", *_numbers(), _states(), kiro_limits.bands(8), _recommended(), _idle(), _trend())
    return section(made, "Right-sizing", _right_sizing())


def _numbers() -> Iterable[stat.Panel]:
    yield number("Seats", "People who hold a paid seat now, or one that is pending and not charged.", f"count({seats()})", empty=NO_SEATS, width=4)
    yield idle_count(4)
    yield number(
        "Idle seats, list price",
        "What the seats that are idle now cost a month by list price.",
        f"sum by (currency) ({seat_price(IDLE)})",
        empty="Nobody is known to hold a seat with a price",
        decimals=2,
        width=6,
        limits=Limits(1),
        legend=CURRENCY,
        zero=Zero("No such seat is idle", seat_price(), by="currency"),
    )
    billed = chosen("kiro_user_billed_cost_last_month", where(component="seat"))
    yield number(
        "Idle seats, billed",
        "What the bill of last month charges for the seats that are idle now.",
        f"sum by (currency) ({billed} and on (user, team) {seats(IDLE)})",
        empty=f"{NO_BILL}. {NO_REPORT}",
        decimals=2,
        width=5,
        limits=Limits(1),
        legend=CURRENCY,
        zero=Zero("No idle seat was billed", f"{billed} and on () kiro_user_seat", by="currency"),
    )
    yield number(
        "Saved by right-sizing",
        "What last month would have cost less had everybody been on the tier that was cheapest for them, by list price. Idle seats are not in it.",
        f"sum by (currency) ({chosen('kiro_user_rightsizing_saving')})",
        empty=NO_RECOMMENDATION,
        decimals=2,
        width=5,
        legend=CURRENCY,
        zero=Zero("No tier was cheaper", f"kiro_tier_price and on () {chosen('kiro_user_recommended_tier')}", by="currency"),
    )


def idle_count(width: int) -> stat.Panel:
    """How many seats are idle."""
    return number(
        "Idle seats",
        "Seats that were held for kiro.idle_after (14 days) or more and not used in those days.",
        f"count({seats(IDLE)})",
        empty=NO_SEATS,
        width=width,
        limits=Limits(1),
        zero=Zero(NO_IDLE, seats()),
    )


def _states() -> table.Panel:
    return rows(
        "Seats by tier and status",
        "New: held for less than kiro.idle_after and not used. Idle: held for longer and not used in that time. Pending: never signed in and not charged.",
        {"tier": "Tier", "status": "Status"},
        [Column("Seats", f"count by (tier, status) ({seats()})")],
        sort="Seats",
        width=8,
        height=10,
        empty=NO_SEATS,
    )


def _recommended() -> bargauge.Panel:
    return ranking(
        "People by recommended tier",
        "Which tier would have cost least last month, overage included, for seats in use that were held all that month.",
        f"sort_desc(count by (tier) (max by (user, team, tier) {chosen('kiro_user_recommended_tier')}))",
        "{{tier}}",
        empty=NO_RECOMMENDATION,
    )


def idle_seconds() -> str:
    """How long each seat that is idle has not been used: since the last use, else since it is held."""
    last = f"({person('kiro_user_last_activity_timestamp_seconds')} or on (user, team) {person('kiro_user_seat_start_timestamp_seconds')})"
    since = f"({last} > {person('kiro_user_seat_start_timestamp_seconds')} or on (user, team) {person('kiro_user_seat_start_timestamp_seconds')})"
    return f"time() - {since}"


def _idle() -> table.Panel:
    price = f"max by (user, team, tier, currency) ({seat_price(IDLE)})"
    those = f"topk({MOST_ROWS}, {price})"
    billed = f"sum by (user, team, currency) {chosen('kiro_user_billed_cost_last_month', where(component='seat'))}"
    return rows(
        "Idle seats and what they cost",
        "Seats that are paid and not used, the dearest first. Lost so far: the list price for the time since the last use, or since the seat is held.",
        {**PERSON, "tier": "Tier", "currency": "Currency"},
        [
            Column("Price a month", those, decimals=2),
            Column("Lost so far", f"{those} * on (user, team) group_left () ({idle_seconds()}) / {MONTH_SECONDS:.0f}", decimals=2),
            Column("Billed last month", only(billed, those), decimals=2),
            Column("Last used", only(person("kiro_user_last_activity_timestamp_seconds"), those), unit=DAY),
            Column("Held since", only(person("kiro_user_seat_start_timestamp_seconds"), those), unit=DAY),
        ],
        sort="Price a month",
        width=16,
        height=10,
        empty=f"{NO_IDLE}, or no Kiro report has landed",
        links=TO_PERSON,
    )


def _trend() -> timeseries.Panel:
    return days(
        "Seats by day and status",
        "Seats at the end of each UTC day, from the first scrape on: `backfill` does not write them. By team and tier; the user filter does not apply.",
        {"{{status}}": daily_now("team:kiro_seats:count", "status", f'{TEAMS},tier=~"$tier"')},
        empty=NO_HISTORY,
        width=8,
        height=10,
        stacked=True,
    )


def _right_sizing() -> table.Panel:
    saving = f"topk({MOST_ROWS}, max by (user, team, currency) {chosen('kiro_user_rightsizing_saving')} > 0)"
    own = f"max by (user, team, tier) ({seats()})"
    recommended = f'label_replace(max by (user, team, tier) {chosen("kiro_user_recommended_tier")}, "recommended", "$1", "tier", "(.+)")'
    return rows(
        "Seats of the wrong size",
        "People whom another tier would have served for less last month, overage included, by list price; the tier must include what they consumed where"
        " overage is not enabled for them. An upgrade pays where overage was dearer than the larger seat.",
        {**PERSON, "tier": "Tier", "recommended": "Recommended", "currency": "Currency"},
        [
            Column(
                "Saving a month", f"{saving} * on (user, team) group_left (tier) {own} * on (user, team) group_left (recommended) {recommended}", decimals=2
            ),
            Column("Credits last month", only(person("kiro_user_credits_last_month"), saving), decimals=1),
            Column("Overage last month", only(person("kiro_user_overage_credits_last_month"), saving), decimals=1),
            Column("Included", only(person("kiro_user_included_credits"), saving)),
        ],
        sort="Saving a month",
        width=24,
        height=12,
        empty="Nobody would have been cheaper on another tier, or last month has not landed in full",
        links=TO_PERSON,
    )
