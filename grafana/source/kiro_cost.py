"""Kiro cost: overage, seats and what they cost, by list price and as billed; what is paid for nothing, and which tier would be cheaper."""

from __future__ import annotations

from collections.abc import Iterable

from grafana_foundation_sdk.builders import bargauge, dashboard, stat, table, timeseries

from grafana.source.boards import section
from grafana.source.kiro import (
    NO_BILL,
    NO_HISTORY,
    NO_MONTH,
    NO_OVERAGE,
    NO_REPORT,
    NO_SEATS,
    NOT_FOLDED,
    NOTHING_LANDED,
    by_tier,
    chosen,
    clients,
    in_window,
    kiro_board,
    most,
    only,
    person,
    person_in_window,
    priced,
    seat_price,
    seats,
)
from grafana.source.kiro_limits import OF_ALLOWANCE, USED, pool_used
from grafana.source.kiro_seats import seat_panels
from grafana.source.panels import DAY, PROVISIONAL, Limits, Zero, days, number, ranking
from grafana.source.queries import MOST_ROWS, like, provisional, settled, where
from grafana.source.tables import PERSON, TO_PERSON, Column, rows

DESCRIPTION = "What Kiro costs by list price and as billed: overage, seats, what is paid for nothing, and which tier would be cheaper."

CURRENCY = "{{currency}}"

UPGRADES = (("pro", "pro_plus"), ("pro_plus", "pro_max"), ("pro_max", "power"))
"""The steps between Kiro's tiers; a tier that only the config knows is not in them."""

_CAPPED = f"{person('kiro_user_overage_cap_credits')} and on (user, team) ({person('kiro_user_overage_enabled')} == 1)"
"""The caps of the people who may go on beyond what is included."""


def cost() -> dashboard.Dashboard:
    """The dashboard `kiro-cost`."""
    made = kiro_board("kiro-cost", "Kiro cost", DESCRIPTION).with_variable(clients())
    made = section(made, "", *_totals(), *_amounts(), _overage_trend())
    made = section(made, "By tier", _average(), _tiers(), _break_even())
    made = section(made, "By person", _people(), _with_overage(), _by_client())
    return seat_panels(made)


def _totals() -> Iterable[stat.Panel]:
    credits = person_in_window("kiro_user_credits")
    yield number(
        "People with overage",
        "People who consumed credits beyond the included ones in the window. People without any are not counted.",
        f"count({person_in_window('kiro_user_overage_credits')} > 0)",
        empty=NOTHING_LANDED,
        limits=Limits(1),
        zero=Zero(NO_OVERAGE, credits),
    )
    yield number(
        "Overage credits",
        "Credits of the window beyond the included ones, which are charged one by one.",
        f"sum({in_window('kiro_user_overage_credits')})",
        empty=NOTHING_LANDED,
        zero=Zero(NO_OVERAGE, credits),
    )
    yield number(
        "Credits a person",
        "Credits of the window divided by the people who consumed any: an average of people, not of report rows.",
        f"avg({credits} > 0)",
        empty=NOTHING_LANDED,
        decimals=1,
    )
    yield pool_used(6)


def _amounts() -> Iterable[stat.Panel]:
    over = f"{person('kiro_user_forecast_credits')} - {person('kiro_user_included_credits')} > 0"
    enabled = f"({person('kiro_user_overage_enabled')} == 1)"
    enablement = "kiro_user_overage_enabled"
    expected = f"kiro_overage_price and on () ({only(person('kiro_user_forecast_credits'), person('kiro_user_included_credits'))}) and on () {enablement}"
    for title, text, expression, empty, zero in (
        (
            "List cost this month",
            "Seats of this month in full and overage so far, by the list price of the config.",
            f"sum by (currency) ({chosen('kiro_user_list_cost_month_to_date')})",
            NO_MONTH,
            None,
        ),
        (
            "Billed last month",
            "What the bill of last month charges for seats and overage of people. It is part of the cost on the AWS dashboards, not to be added to it.",
            f"sum by (currency) ({chosen('kiro_user_billed_cost_last_month')})",
            NO_BILL,
            None,
        ),
        (
            "Expected overage cost",
            "Overage of the whole month that people are expected to have for whom it is enabled, by the list price of a credit.",
            priced(f"sum({over} and on (user, team) {enabled})"),
            NO_REPORT,
            Zero("Nobody is expected to have any", expected, by="currency"),
        ),
        (
            "Overage exposure",
            "What a month can cost at most on top of the seats: the overage caps of all for whom it is enabled, by the list price of a credit.",
            priced(f"sum({_CAPPED})"),
            NO_REPORT,
            Zero("Nobody can have any", f"kiro_overage_price and on () {person(enablement)} unless on () {enabled}", by="currency"),
        ),
    ):
        yield number(title, text, expression, empty=empty, legend=CURRENCY, zero=zero)


def _overage_trend() -> timeseries.Panel:
    return days(
        "Overage by day",
        "Overage credits; each bar is one UTC day. The last three can still change. By team; the user and tier filters do not apply.",
        {"Overage": settled("team:kiro_user_overage_credits"), f"Overage{PROVISIONAL}": provisional("team:kiro_user_overage_credits")},
        empty=f"{NO_HISTORY}; a day without overage has none",
    )


def _average() -> bargauge.Panel:
    return ranking(
        "Credits a person by tier",
        "Credits of the window divided by the people of the tier who consumed any.",
        f"sort_desc(avg by (tier) ({by_tier(person_in_window('kiro_user_credits') + ' > 0')}))",
        "{{tier}}",
        empty=NOTHING_LANDED,
        width=6,
        decimals=1,
    )


def _tiers() -> table.Panel:
    used = f"sum by (tier) ({by_tier(person('kiro_user_credits_month_to_date'))})"
    return rows(
        "Tiers",
        "Seats of each tier, what its people used this month on average, used or not, and what the month includes. The cap limits overage and is no allowance.",
        {"tier": "Tier", "currency": "Currency"},
        [
            Column("Seats", f"count by (tier) ({seats()})"),
            Column("Credits a seat", f"avg by (tier) ({by_tier(person('kiro_user_credits_month_to_date'))})", decimals=1),
            Column("Included", 'max by (tier) (kiro_tier_included_credits{tier=~"$tier"})'),
            Column("Used", f"{used} / sum by (tier) ({by_tier(person('kiro_user_included_credits'))})", unit="percentunit", decimals=1, limits=OF_ALLOWANCE),
            Column("Average cap", f"avg by (tier) ({by_tier(person('kiro_user_overage_cap_credits'))})"),
            Column("Seat price", 'max by (tier, currency) (kiro_tier_price{tier=~"$tier"})', decimals=2),
            Column("Seats cost a month", f"sum by (tier, currency) ({seat_price(like(status='active|new|idle'))})", decimals=2),
        ],
        sort="Seat price",
        width=18,
        height=10,
        empty=NO_SEATS,
    )


def _break_even() -> table.Panel:
    return rows(
        "When an upgrade pays",
        "From how many overage credits a month on the next tier is cheaper: the difference of the seats' list prices divided by the price of a credit."
        " People: who has had more than that this month. Tiers that only the config knows are not compared.",
        {"tier": "Tier", "next": "Next tier", "currency": "Currency"},
        [
            Column("Overage credits", " or ".join(f"{_even(tier)} / on (currency) group_left () max by (currency) (kiro_overage_price)" for tier in UPGRADES)),
            Column("Price difference", " or ".join(_even(tier) for tier in UPGRADES), decimals=2),
            Column("People", " or ".join(_beyond(tier) for tier in UPGRADES), limits=Limits(1)),
        ],
        sort="Overage credits",
        descending=False,
        width=24,
        height=6,
        empty="The prices come with the first report that has landed",
    )


def _even(step: tuple[str, str]) -> str:
    """What the next tier costs more, with both tiers and the currency."""
    tier, following = (f'max by (currency) (kiro_tier_price{{tier="{name}"}})' for name in step)
    return _named(f"{following} - {tier}", step)


def _beyond(step: tuple[str, str]) -> str:
    """How many people of a tier have had more overage this month than the difference of the prices is worth."""
    worth = f"scalar(max({_even(step)}) / max(kiro_overage_price))"
    overage = only(person("kiro_user_overage_credits_month_to_date"), seats(where(tier=step[0])))
    return _named(f"count(({overage}) > {worth})", step)


def _named(expression: str, step: tuple[str, str]) -> str:
    tier, following = step
    return f'label_replace(label_replace({expression}, "tier", "{tier}", "", ""), "next", "{following}", "", "")'


def _people() -> table.Panel:
    those = most(person_in_window("kiro_user_credits"))
    return rows(
        "Credits by person",
        f"The {MOST_ROWS} people with most credits in the window, with the tier of their seat. Used is the share of what this month includes.",
        {**PERSON, "tier": "Tier", "currency": "Currency"},
        [
            Column("Credits", those, decimals=1),
            Column("Overage", only(person_in_window("kiro_user_overage_credits"), those), decimals=1),
            Column("Messages", only(person_in_window("kiro_user_messages"), those)),
            Column("Used", only(person(USED), those), unit="percentunit", decimals=1, limits=OF_ALLOWANCE),
            Column("Overage cap", only(person("kiro_user_overage_cap_credits"), those)),
            Column("Overage enabled", only(person("kiro_user_overage_enabled"), those), unit="bool_yes_no"),
            Column("Seat price", f"max by (user, team, tier, currency) ({seat_price()}) and on (user, team) ({those})", decimals=2),
            Column("List cost this month", only(f"sum by (user, team, currency) {chosen('kiro_user_list_cost_month_to_date')}", those), decimals=2),
        ],
        sort="Credits",
        width=24,
        height=12,
        empty=NOTHING_LANDED,
        links=TO_PERSON,
    )


def _with_overage() -> table.Panel:
    those = most(person("kiro_user_overage_credits_month_to_date"))
    return rows(
        "Overage of this month",
        "Who has gone beyond the included credits this month, what that costs by list price, and how much of their cap it is.",
        {**PERSON, "currency": "Currency"},
        [
            Column("Overage", those, decimals=1),
            Column(
                "Cost",
                f"sum by (user, team, currency) {chosen('kiro_user_list_cost_month_to_date', where(component='overage'))} and on (user, team) ({those})",
                decimals=2,
            ),
            Column(
                "Of the cap", f"{those} / on (user, team) ({person('kiro_user_overage_cap_credits')} > 0)", unit="percentunit", decimals=1, limits=OF_ALLOWANCE
            ),
            Column("Since", only(person("kiro_user_overage_start_timestamp_seconds"), those), unit=DAY),
        ],
        sort="Overage",
        width=14,
        empty="Nobody has had overage this month, or no Kiro report of it has landed",
        links=TO_PERSON,
    )


def _by_client() -> table.Panel:
    matchers = f"{NOT_FOLDED},{like(client='$client')}"
    those = f"topk({MOST_ROWS}, max by (user, team, client) {in_window('kiro_user_client_credits', matchers)} > 0)"
    messages = f"max by (user, team, client) {in_window('kiro_user_client_messages', matchers)} and on (user, team, client) ({those})"
    return rows(
        "Credits by person and client",
        f"The {MOST_ROWS} largest uses of a client by one person in the window. Overage and caps belong to the person, not to a client.",
        {**PERSON, "client": "Client"},
        [Column("Credits", those, decimals=1), Column("Messages", messages)],
        sort="Credits",
        width=10,
        empty=NOTHING_LANDED,
        links=TO_PERSON,
    )
