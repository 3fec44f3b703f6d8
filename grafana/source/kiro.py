"""What the dashboards about Kiro share: their variables, and people by the seat that they hold."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from grafana.source.boards import board, values_of
from grafana.source.exporter_shared import own
from grafana.source.queries import MOST_ROWS, PEOPLE, now

NOTHING_LANDED = "No Kiro report of this window has landed"
NO_MONTH = "No Kiro report of this month has landed"
NO_HISTORY = "Prometheus has recorded no day yet: the first bar comes with the first scrape after a day has landed"
NO_SEATS = "Nobody is known to hold a paid seat"
NO_BILL = "No bill that names Kiro seats is read: sources.cur, with resource ids"
NO_REPORT = "No Kiro report has landed"
NO_OVERAGE = "No overage"
NO_USE = "No such use"
NO_FEATURES = "No such use in the window (the report covers the CLI and plugins, not the IDE), or no feature report of it has landed"
NO_FEATURE_REPORT = "No Kiro feature report of this window has landed"

FEATURES_KNOWN = f'{now("aws_user_info")} and on () {own("source_window_landed")}{{source="kiro_features",window="${{window}}"}}'
"""The chosen people, where feature reports of the window have landed: these leave zeros out, so that no series of theirs tells."""

OF_TEAMS = " By team; the user and tier filters do not apply."
"""Of panels that are drawn from recorded totals."""

NOT_FOLDED = 'user!="_other"'
"""Leaves out the people whom the series limits have folded into one: they cannot be counted."""

DAYS_TO_COME = "scalar(days_in_month() - day_of_month() + 1)"
"""Days of the UTC month that are not over, today among them."""


def kiro_board(uid: str, title: str, description: str) -> dashboard.Dashboard:
    """A dashboard with the shared variables, and the tiers."""
    tiers = values_of("tier", "Tier", "kiro_user_seat").description("Hides the people who hold a seat of another tier. It does not act on trends of use.")
    return board(uid, title, description).with_variable(tiers)


def clients() -> dashboard.QueryVariable:
    """The variable over the clients."""
    return values_of("client", "Client", "kiro_user_client_messages_last_30d").description("Acts on the panels by client: the other numbers have no client.")


def chosen(metric: str, matchers: str = "") -> str:
    """A family about people, of those whom the reader has chosen by team, name and tier. Who holds no seat belongs to every tier."""
    return f'({metric}{{{PEOPLE}{"," if matchers else ""}{matchers}}} unless on (user, team) kiro_user_seat{{tier!~"$tier"}})'


def in_window(metric: str, matchers: str = "") -> str:
    """The same for a family in the chosen window."""
    return chosen(f"{metric}_${{window}}", matchers)


def person(metric: str, matchers: str = "") -> str:
    """One value a person, without labels of the target: what joins with other families."""
    return f"max by (user, team) {chosen(metric, matchers)}"


def person_in_window(metric: str) -> str:
    """The same for a family without labels of its own, in the chosen window."""
    return person(f"{metric}_${{window}}")


def seats(matchers: str = "") -> str:
    """The seats of the people whom the reader has chosen, with tier and status."""
    return f'max by (user, team, tier, status) (kiro_user_seat{{{PEOPLE},tier=~"$tier"{"," if matchers else ""}{matchers}}})'


def by_tier(per_person: str) -> str:
    """One value a person who holds a seat, with the tier of the seat."""
    return f"({per_person}) * on (user, team) group_left (tier) max by (user, team, tier) ({seats()})"


def seat_price(matchers: str = "") -> str:
    """The list price a month of each seat, with tier, status and currency."""
    return f"{seats(matchers)} * on (tier) group_left (currency) max by (tier, currency) (kiro_tier_price)"


def priced(credits: str) -> str:
    """What a number of credits costs as overage, with the currency."""
    return f"max by (currency) (kiro_overage_price) * on () group_left () ({credits})"


def most(per_person: str) -> str:
    """Those with most, zeros left out: as many as a table holds."""
    return f"topk({MOST_ROWS}, {per_person} > 0)"


def only(per_person: str, those: str) -> str:
    """The values of the people who are also among those."""
    return f"{per_person} and on (user, team) ({those})"


def active() -> str:
    """People who used Kiro in the chosen window."""
    return " or ".join(person(f"{metric}_${{window}}", NOT_FOLDED) + " > 0" for metric in ("kiro_user_credits", "kiro_user_messages"))
