"""The part of AWS cost about the budgets of this month."""

from __future__ import annotations

from grafana_foundation_sdk.builders import table

from grafana.source.aws import EACH_MONEY, MONEY_PERSON, NO_MONTH
from grafana.source.panels import Limits
from grafana.source.queries import CURRENCY, MOST_ROWS, NAMED_MONEY, TEAMS, top
from grafana.source.tables import TO_PERSON, Column, rows

OF_BUDGET = Limits(0.8, 1)
"""Colours of a share of a budget."""
MONTH = f"{EACH_MONEY} (aws_user_cost_month_to_date{{{NAMED_MONEY}}})"
"""What was billed for each person this month."""


def budgets() -> table.Panel:
    """The budgets of the organisation and of teams."""
    organization = f'aws_cost_budget{{scope="organization",{CURRENCY}}}'
    teams = f'aws_cost_budget{{scope="team",{TEAMS},{CURRENCY}}}'
    spent = (
        f"sum by (currency) (aws_cost_month_to_date{{{CURRENCY}}}) * on (currency) group_right () group by (scope, team, currency) ({organization})"
        f" or sum by (team, currency) (aws_user_cost_month_to_date{{{TEAMS},{CURRENCY}}})"
        f" * on (team, currency) group_right () group by (scope, team, currency) ({teams})"
    )
    budget = f"max by (scope, team, currency) ({organization} or {teams})"
    return rows(
        "Organisation and teams",
        "What this month has cost so far, and the budgets of the config. A team spends what was billed for its people; the organisation the whole bill.",
        {"scope": "Scope", "team": "Team", "currency": "Currency"},
        [
            Column("Spent", spent, decimals=2),
            Column("Budget", budget, decimals=2),
            Column("Share", f"({spent}) / ({budget} > 0)", unit="percentunit", decimals=1, limits=OF_BUDGET),
        ],
        sort="Share",
        empty="The config has no budgets.organization and no budgets.teams, or no bill is read",
    )


def budgets_of_people() -> table.Panel:
    """The budget that each person has."""
    budget = f'max by (currency) (aws_cost_budget{{scope="person",{CURRENCY}}} > 0)'
    share = top(f"{MONTH} / on (currency) group_left () {budget}", MOST_ROWS)
    return rows(
        "People and their budget",
        f"The {MOST_ROWS} people who have used most of the budget that each person has this month.",
        MONEY_PERSON,
        [
            Column("Spent", f"{MONTH} and on (user, team, currency) {share}", decimals=2),
            Column("Share", share, unit="percentunit", decimals=1, limits=OF_BUDGET),
        ],
        sort="Share",
        empty=f"The config has no budgets.person. {NO_MONTH}",
        links=TO_PERSON,
    )
