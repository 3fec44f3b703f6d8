"""Kiro overview: how much is used, by whom, who is near the limit, and who holds a seat."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from grafana.source.panels import NAMED, PEOPLE, Column, board, daily, days, number, rows

NEAR_LIMIT = 0.8
TOP = 10
MOST_NEAR_LIMIT = 100

_EVERY = "sum by (user, team)"
_NOTHING_LANDED = "No Kiro report of this window has landed"


def overview() -> dashboard.Dashboard:
    """The dashboard `kiro-overview`."""
    credits, overage, messages = (of_window(f"kiro_user_{what}") for what in ("credits", "overage_credits", "messages"))
    top = f"topk({TOP}, {_EVERY} ({credits}) > 0)"
    active = " or ".join(f"{_EVERY} ({of_window(metric, NAMED)}) > 0" for metric in ("kiro_user_credits", "kiro_user_messages"))
    return (
        board("kiro-overview", "Kiro overview", "How much of Kiro is used and by whom, who is near the limit of their credits, and who holds a seat.")
        .with_panel(
            number(
                "Active people",
                "People with credits or messages in the window. People who were folded into _other by the series limits are not counted.",
                f"count({active})",
                empty="Nobody was active, or no report has landed",
            )
        )
        .with_panel(number("Credits", "Kiro credits consumed in the window, overage included.", f"sum({credits})", empty=_NOTHING_LANDED))
        .with_panel(
            number(
                "Overage credits",
                "Credits beyond the included ones, which are charged one by one. Part of the credits beside it.",
                f"sum({overage})",
                empty="Nobody had overage in this window",
            )
        )
        .with_panel(number("Messages", "Prompts, tool calls and responses, without inline completions.", f"sum({messages})", empty=_NOTHING_LANDED))
        .with_panel(
            days(
                "Credits by day",
                "Each bar is one UTC day. The last three can still change: reports come late and are written again. By team; the user filter does not apply.",
                {"Credits": daily("team:kiro_user_credits"), "of these overage": daily("team:kiro_user_overage_credits")},
                empty="Prometheus has recorded no day yet: the first bar comes with the first scrape after a day has landed",
            )
        )
        .with_panel(
            rows(
                f"Top {TOP} by credits",
                f"The {TOP} people with most credits in the window, overage included.",
                {"user": "User", "team": "Team"},
                [
                    Column("Credits", top, decimals=1),
                    Column("Messages", f"{_EVERY} ({messages}) and on (user, team) {top}"),
                    Column("Overage", f"{_EVERY} ({overage}) and on (user, team) {top}", decimals=1),
                ],
                sort="Credits",
                width=14,
                empty=_NOTHING_LANDED,
            )
        )
        .with_panel(
            rows(
                "Seats",
                "People who hold a paid seat now. New: held for less than kiro.idle_after and not used. Idle: held for longer and not used in that time.",
                {"tier": "Tier", "status": "Status"},
                [Column("Seats", f"count by (tier, status) (kiro_user_seat{{{PEOPLE}}})")],
                sort="Seats",
                width=10,
                empty="Nobody is known to hold a paid seat",
            )
        )
        .with_panel(
            rows(
                "Near the limit",
                f"People who have used {NEAR_LIMIT:.0%} or more of this month's included credits; over 100% is overage, or the end where that is not enabled.",
                {"user": "User", "team": "Team"},
                [
                    Column("Used", near("kiro_user_credit_utilization_ratio"), unit="percentunit", decimals=0, warn_from=NEAR_LIMIT, alarm_from=1),
                    Column("Credits this month", near("kiro_user_credits_month_to_date"), decimals=1),
                    Column("Included", near("kiro_user_included_credits")),
                    Column("Expected for the month", near("kiro_user_forecast_credits")),
                ],
                sort="Used",
                width=24,
                empty=f"Nobody has used {NEAR_LIMIT:.0%} of this month's credits",
            )
        )
    )


def of_window(metric: str, people: str = PEOPLE) -> str:
    """A metric of the chosen people in the chosen window."""
    return f"{metric}_${{window}}{{{people}}}"


def near(metric: str) -> str:
    """A value of the people who are near the limit, at most MOST_NEAR_LIMIT of them."""
    used = f"topk({MOST_NEAR_LIMIT}, max by (user, team) (kiro_user_credit_utilization_ratio{{{PEOPLE}}}) >= {NEAR_LIMIT})"
    return used if metric == "kiro_user_credit_utilization_ratio" else f"max by (user, team) ({metric}{{{PEOPLE}}}) and on (user, team) {used}"
