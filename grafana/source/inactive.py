"""Inactive: who was never seen, who not for long, idle seats and their price, and who should not be active at all."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard, stat, table

from grafana.source.aws import seen
from grafana.source.boards import bare, chosen, section, team, user
from grafana.source.kiro import NO_SEATS
from grafana.source.panels import DAY, Limits, Zero, number
from grafana.source.queries import MOST_ROWS, NAMED, PEOPLE
from grafana.source.tables import PERSON, TO_PERSON, Column, rows

_AGO = "(time() - ${days} * 86400)"
_MEMBERS = f'max by (user, team) (aws_user_info{{{NAMED},status=~"(?i:enabled|listed)"}})'
_DISABLED = f'max by (user, team) (aws_user_info{{{NAMED},status=~"(?i:disabled)"}})'
_CREATED = f"max by (user, team) (aws_user_created_timestamp_seconds{{{NAMED}}})"
_SEEN_AT_ALL = "(aws_user_last_activity_timestamp_seconds or kiro_user_last_activity_timestamp_seconds)"
_NEVER = f"({_CREATED} and on (user, team) {_MEMBERS} unless on (user, team) {seen()} and on () {_SEEN_AT_ALL})"
"""Before anything has landed nobody was seen, and that says nothing."""
_NOT_LATELY = f"{seen()} < {_AGO} and on (user, team) {_MEMBERS}"
_LISTED = f'max by (user, team) (aws_user_info{{{NAMED},status!="unlisted"}})'
_SEATS = f"kiro_user_seat{{{PEOPLE}}}"
_IDLE = f'kiro_user_seat{{{PEOPLE},status="idle"}}'
_SEATS_SINCE = f"max by (user, team) (kiro_user_seat_start_timestamp_seconds{{{PEOPLE}}})"
_PRICE = "max by (tier, currency) (kiro_tier_price)"
_NOBODY_KNOWN = "Nobody is known to have access: neither a directory nor a people file is read"
_NOTHING_LANDED = "no day of CloudTrail or Kiro has landed"
_NO_IDLE = "No seat of a tier with a price is idle, or no Kiro report has landed"
_NO_LEAVERS = f"Nobody whom the directory has disabled holds a seat or was active in that time, or {_NOTHING_LANDED}"


def inactive() -> dashboard.Dashboard:
    """The dashboard `inactive`."""
    made = bare(
        "inactive",
        "Inactive",
        "As of now: who has access and was never seen, who not for long, which seats are not used, and who is active although the directory has disabled them.",
    )
    lengths = {f"{length} days": str(length) for length in (14, 30, 60, 90)}
    made = made.with_variable(team()).with_variable(user())
    made = made.with_variable(
        chosen(
            "days",
            "Not seen for",
            "Who was last seen so many days ago or earlier is not seen any more.",
            {value: text for text, value in lengths.items()},
            "30",
        )
    )
    made = section(made, "Now", *_numbers())
    made = section(made, "People", _never(), _not_lately())
    made = section(made, "Seats", _idle(), _idle_by_tier())
    return section(made, "Leavers and teams", _leavers(), _teams())


def _numbers() -> tuple[stat.Panel, ...]:
    price, of_all = (f"max by (user, team, tier) ({seats}) * on (tier) group_left (currency) {_PRICE}" for seats in (_IDLE, _SEATS))
    return (
        number(
            "People with access",
            "People whom the directory or the people file lists and has not disabled.",
            f"count({_MEMBERS})",
            empty=_NOBODY_KNOWN,
            width=4,
        ),
        number(
            "Never seen",
            "Of these, who has used neither AWS nor Kiro in the stored history.",
            f"count({_NEVER})",
            empty="Nobody is known to have access, or nothing has landed",
            width=4,
            zero=Zero("Everybody was seen", f"{_MEMBERS} and on () {_SEEN_AT_ALL}"),
        ),
        number(
            "Not seen lately",
            "Of these, who was seen in AWS or Kiro once, and not for the number of days that is chosen above.",
            f"count({_NOT_LATELY})",
            empty="Nobody is known to have access, or nothing has landed",
            width=4,
            zero=Zero("Everybody seen was seen lately", f"{_MEMBERS} and on (user, team) {seen()}"),
        ),
        number(
            "Idle seats",
            "Paid Kiro seats that were held for kiro.idle_after or longer and not used in that time.",
            f"count(group by (user, team) ({_IDLE}))",
            empty=NO_SEATS,
            width=4,
            limits=Limits(1),
            zero=Zero("No seat is idle", _SEATS),
        ),
        number(
            "Price of idle seats",
            "What the idle seats cost a month by the list price of the config. Seats of a tier without a price are not in it.",
            f"sum by (currency) ({price})",
            empty="Nobody is known to hold a seat with a price",
            decimals=2,
            width=4,
            legend="{{currency}}",
            zero=Zero("No such seat is idle", of_all, by="currency"),
        ),
        number(
            "Disabled and not gone",
            "People whom the directory has disabled, and who hold a seat or were seen in the number of days that is chosen above.",
            f"count({_left()})",
            empty="Nobody is known to have access, or nothing has landed",
            width=4,
            limits=Limits(1),
            zero=Zero("Nobody in what has landed", f"{_LISTED} and on () {_SEEN_AT_ALL}"),
        ),
    )


def _never() -> table.Panel:
    return rows(
        "Who was never seen",
        f"People with access who have used neither AWS nor Kiro in the stored history, the {MOST_ROWS} who are known for longest. A seat is a paid Kiro seat.",
        PERSON,
        [
            Column("Known since", f"bottomk({MOST_ROWS}, {_NEVER})", unit=DAY),
            Column("Seat since", f"{_SEATS_SINCE} and on (user, team) bottomk({MOST_ROWS}, {_NEVER})", unit=DAY),
        ],
        sort="Known since",
        descending=False,
        empty="Everybody with access was seen, or nobody is known to have access, or nothing has landed",
        links=TO_PERSON,
    )


def _not_lately() -> table.Panel:
    longest = f"bottomk({MOST_ROWS}, {_NOT_LATELY})"

    def of_them(metric: str) -> str:
        return f"max by (user, team) ({metric}{{{NAMED}}}) and on (user, team) {longest}"

    return rows(
        "Who was not seen lately",
        f"People with access who were seen once, and not for the number of days that is chosen above; the {MOST_ROWS} whom that is true of for longest.",
        PERSON,
        [
            Column("Last seen", longest, unit=DAY),
            Column("In AWS", of_them("aws_user_last_activity_timestamp_seconds"), unit=DAY),
            Column("In Kiro", of_them("kiro_user_last_activity_timestamp_seconds"), unit=DAY),
        ],
        sort="Last seen",
        descending=False,
        empty=f"Everybody who was seen was seen in that time, or {_NOTHING_LANDED}",
        links=TO_PERSON,
    )


def _idle() -> table.Panel:
    each = f"max by (user, team, tier) ({_IDLE}) * on (tier) group_left (currency) {_PRICE}"
    dearest = f"topk({MOST_ROWS}, {each})"

    def of_them(metric: str) -> str:
        return f"group by (user, team, tier, currency) ({dearest}) * on (user, team) group_left () max by (user, team) ({metric}{{{PEOPLE}}})"

    return rows(
        "Who holds an idle seat",
        f"Paid Kiro seats that were held for kiro.idle_after or longer and not used in that time, the {MOST_ROWS} dearest by list price.",
        {**PERSON, "tier": "Tier", "currency": "Currency"},
        [
            Column("Price a month", dearest, decimals=2),
            Column("Held since", of_them("kiro_user_seat_start_timestamp_seconds"), unit=DAY),
            Column("Last used", of_them("kiro_user_last_activity_timestamp_seconds"), unit=DAY),
        ],
        sort="Price a month",
        empty=_NO_IDLE,
        width=16,
        links=TO_PERSON,
    )


def _idle_by_tier() -> table.Panel:
    seats = f"count by (tier) (group by (user, team, tier) ({_IDLE}))"
    return rows(
        "Idle seats by tier",
        "How many there are, and what they cost a month by the list price of the config.",
        {"tier": "Tier", "currency": "Currency"},
        [
            Column("Seats", f"{seats} * on (tier) group_left (currency) group by (tier, currency) (kiro_tier_price)"),
            Column("Price a month", f"{seats} * on (tier) group_left (currency) {_PRICE}", decimals=2),
        ],
        sort="Price a month",
        empty=_NO_IDLE,
        width=8,
    )


def _left() -> str:
    """Who is disabled and not gone: when they were last seen, else since when they hold their seat."""
    return f"({seen()} > {_AGO} or on (user, team) {_SEATS_SINCE}) and on (user, team) {_DISABLED}"


def _leavers() -> table.Panel:
    those = f"topk({MOST_ROWS}, {_left()})"
    return rows(
        "Who is disabled and not gone",
        f"People whom the directory has disabled, and who hold a paid Kiro seat or were seen in the number of days that is chosen above, at most {MOST_ROWS}.",
        PERSON,
        [
            Column("Last seen", f"{seen()} and on (user, team) {those}", unit=DAY),
            Column("Seat since", f"{_SEATS_SINCE} and on (user, team) {those}", unit=DAY),
        ],
        sort="Last seen",
        empty=_NO_LEAVERS,
        links=TO_PERSON,
    )


def _teams() -> table.Panel:
    return rows(
        "Teams",
        "People with access by team, and who of them was never seen, or not for the number of days that is chosen above.",
        {"team": "Team"},
        [
            Column("With access", f"count by (team) ({_MEMBERS})"),
            Column("Never seen", f"count by (team) ({_NEVER})"),
            Column("Not lately", f"count by (team) ({_NOT_LATELY})"),
            Column("Idle seats", f"count by (team) (group by (user, team) ({_IDLE}))"),
        ],
        sort="Never seen",
        empty=_NOBODY_KNOWN,
    )
