"""AWS cost: the bill, for whom and for what it was billed, how it came to people, what belongs to nobody, budgets and spikes."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard, stat, table, timeseries

from grafana.source.aws import EACH_MONEY, MONEY_PERSON, NO_BILL, cost
from grafana.source.aws_budgets import MONTH, OF_BUDGET, budgets, budgets_of_people
from grafana.source.boards import AnyPanel, board, currency, section
from grafana.source.exporter_shared import newest_day
from grafana.source.kiro import NO_HISTORY
from grafana.source.panels import PROVISIONAL, Limits, Zero, days, lines, number, ranking
from grafana.source.queries import (
    CURRENCY,
    MONEY,
    MOST_ROWS,
    NAMED,
    NAMED_MONEY,
    TEAMS,
    compared,
    first,
    of_window,
    settled,
    threshold,
    threshold_value,
    top,
    whole,
    whole_first,
)
from grafana.source.tables import TO_PERSON, Column, rows

_WHOLE = "Team and user do not apply."
_USAGE = f'{EACH_MONEY} (aws_user_cost_yesterday{{{NAMED_MONEY},charge="usage"}})'
_TYPICAL = f"max by (user, team, currency) (aws_user_typical_day_cost{{{NAMED_MONEY}}} > 0)"
_NO_YESTERDAY = "Nobody was above a typical day, or yesterday's bill has not landed: it comes up to a day and a half after the day"


def aws_cost() -> dashboard.Dashboard:
    """The dashboard `aws-cost`."""
    made = board(
        "aws-cost",
        "AWS cost",
        "The bill, for whom and for what it was billed, how it came to people, what belongs to nobody, budgets and spikes. Currencies are never added.",
    )
    made = made.with_variable(currency())
    made = section(made, "In the window", *_numbers())
    made = section(made, "By day", _bill_by_day(), _people_by_day())
    made = section(
        made,
        "For whom and for what",
        _people(),
        _ranking("By team", "What was billed for the people of each team, the ten with most.", "team", "aws_user_cost"),
        _ranking(
            "By service",
            "What was billed for people by service. _other stands for what is small in a person's own cost.",
            "aws_service",
            "aws_user_service_cost",
        ),
        _ranking(
            "By region",
            "What was billed for people by region; none where the bill names none, as Cost Explorer never does.",
            "aws_region",
            "aws_user_region_cost",
        ),
        _charges(),
        _resources(),
        _spikes(),
    )
    made = section(made, "From the bill to people", _methods(), _reasons(), _unattributed_by_day())
    return section(made, "Budgets of this month", budgets(), budgets_of_people())


def _numbers() -> tuple[stat.Panel, ...]:
    bill, nobody = (f"sum by (currency) ({of_window(metric, CURRENCY)})" for metric in ("aws_cost", "aws_cost_unattributed"))
    people = f"sum by (currency) ({of_window('aws_user_cost', MONEY)})"
    spent = f"sum by (currency) (aws_cost_month_to_date{{{CURRENCY}}})"
    budget = f'max by (currency) (aws_cost_budget{{{CURRENCY},scope="organization"}} > 0)'
    spikes = f"({_USAGE} > {threshold('cost_spike:ratio')} * {_TYPICAL}) >= {threshold('cost_spike:amount')}"
    legend = "{{currency}}"
    return (
        number("Bill", f"The whole bill of the window, all kinds of charge. {_WHOLE}", bill, empty=NO_BILL, width=4, legend=legend),
        number("Cost of people", "What of the bill was given to the chosen people.", people, empty=NO_BILL, width=4, legend=legend),
        number(
            "For each active person",
            "Cost of the chosen people in the window, divided by those for whom anything was billed.",
            f"{people} / count by (currency) ({cost()} > 0)",
            empty="Nothing was billed for anybody in this window, or no day of it has landed",
            decimals=2,
            width=4,
            legend=legend,
        ),
        number(
            "Belongs to nobody",
            f"The part of the bill that was given to no person. An alert tells when it is too much of 30 days. {_WHOLE}",
            f"{nobody} / ({bill} > 0)",
            empty=NO_BILL,
            unit="percentunit",
            decimals=1,
            width=3,
            limits=Limits(threshold_value("unattributed_cost:ratio")),
            legend=legend,
        ),
        number(
            "Of this month's budget",
            f"What the bill of this month has used of the organisation's budget. {_WHOLE}",
            f"{spent} / {budget}",
            empty="The config has no budgets.organization, or no day of this month has landed",
            unit="percentunit",
            decimals=1,
            width=3,
            limits=OF_BUDGET,
            legend=legend,
        ),
        number(
            "Spikes",
            "People whose usage cost yesterday was so far above their typical day that an alert fires.",
            f"count({spikes})",
            empty="Yesterday's bill has not landed, nobody has a typical day, or Prometheus lacks the rules",
            width=3,
            limits=Limits(1),
            zero=Zero("No spike", compared(f"{_TYPICAL} and on (user, team, currency) {_USAGE}", "cost_spike:ratio", "cost_spike:amount")),
        ),
        newest_day("the bill", "cur|cost_explorer", 3),
    )


def _bill_by_day() -> timeseries.Panel:
    after = whole("aws_cost", "currency")
    return days(
        "Bill by day",
        f"The whole bill, all kinds of charge. Each bar is one UTC day; the last three can still change, and the month until its invoice. {_WHOLE}",
        {"{{currency}}": after, f"{{{{currency}}}}{PROVISIONAL}": f"{whole_first('aws_cost', 'currency', CURRENCY)} unless {after}"},
        empty=NO_HISTORY,
        decimals=2,
        width=12,
        signed=True,
    )


def _people_by_day() -> timeseries.Panel:
    by, chosen = "charge, currency", f"{TEAMS},{CURRENCY}"
    # A kind of charge that was taken back is gone on the settled day: it must not stand there for ever because it was told first.
    provisional = f"{first('team:aws_user_cost', by, chosen)} unless on (currency) {settled('team:aws_user_cost', 'currency', chosen)}"
    return days(
        "Cost of people by kind of charge and day",
        "Each bar is one UTC day; the last three can still change. Credits, refunds and discounts are below zero. The user filter does not apply.",
        {"{{charge}}, {{currency}}": settled("team:aws_user_cost", by, chosen), f"{{{{charge}}}}, {{{{currency}}}}{PROVISIONAL}": provisional},
        empty=NO_HISTORY,
        decimals=2,
        width=12,
        stacked=True,
        signed=True,
    )


def _people() -> table.Panel:
    most = top(cost(), MOST_ROWS)

    def of_them(expression: str) -> str:
        return f"{expression} and on (user, team, currency) {most}"

    return rows(
        "Top people",
        f"The {MOST_ROWS} people for whom most was billed in the window. A typical day is the median of a person's days with usage cost in four weeks.",
        MONEY_PERSON,
        [
            Column("Cost", most, decimals=2),
            Column("Usage", of_them(cost('charge="usage"')), decimals=2),
            Column("Subscriptions", of_them(cost('charge="subscription"')), decimals=2),
            Column("Typical day", of_them(_TYPICAL), decimals=2),
            Column("This month", of_them(MONTH), decimals=2),
            Column("Last month", of_them(f"{EACH_MONEY} (aws_user_cost_last_month{{{NAMED_MONEY}}})"), decimals=2),
        ],
        sort="Cost",
        empty=NO_BILL,
        width=16,
        height=10,
        links=TO_PERSON,
    )


def _ranking(title: str, description: str, label: str, metric: str) -> AnyPanel:
    expression = top(f"sum by ({label}, currency) ({of_window(metric, MONEY)})")
    return ranking(title, description, expression, f"{{{{{label}}}}}, {{{{currency}}}}", empty=NO_BILL, decimals=2)


def _charges() -> table.Panel:
    return rows(
        "By kind of charge",
        "The window by kind of charge: of the whole bill, and of what was given to the chosen people. Credits, refunds and discounts are below zero.",
        {"charge": "Charge", "currency": "Currency"},
        [
            Column("Bill", f"sum by (charge, currency) ({of_window('aws_cost', CURRENCY)})", decimals=2),
            Column("People", f"sum by (charge, currency) ({of_window('aws_user_cost', MONEY)})", decimals=2),
        ],
        sort="Bill",
        empty=NO_BILL,
        width=8,
        height=10,
    )


def _resources() -> table.Panel:
    resources = f"max by (user, team) (aws_user_resources_month_to_date{{{NAMED}}} > 0)"
    each = top(f"{MONTH} / on (user, team) group_left () {resources}", MOST_ROWS)
    return rows(
        "Cost a resource, this month",
        f"Resources that were billed for a person this month, and what one cost on average; the {MOST_ROWS} people with the dearest. Cost Explorer names none.",
        MONEY_PERSON,
        [
            Column("A resource", each, decimals=2),
            Column("Resources", f"group by (user, team, currency) ({each}) * on (user, team) group_left () {resources}"),
            Column("Cost", f"{MONTH} and on (user, team, currency) {each}", decimals=2),
        ],
        sort="A resource",
        empty="No day of this month has landed, or the bill names no resources",
        links=TO_PERSON,
    )


def _spikes() -> table.Panel:
    above = top(f"{_USAGE} - {_TYPICAL}", MOST_ROWS)
    return rows(
        "Yesterday against a typical day",
        f"The {MOST_ROWS} people whose usage cost yesterday was most above the median of their days with usage cost in four weeks. Red is so much that, from "
        f"{threshold_value('cost_spike:amount'):.0f} a day on, an alert fires.",
        MONEY_PERSON,
        [
            Column("Above", above, decimals=2),
            Column("Yesterday", f"{_USAGE} and on (user, team, currency) {above}", decimals=2),
            Column("Typical day", f"{_TYPICAL} and on (user, team, currency) {above}", decimals=2),
            Column("Times", f"{_USAGE} / {_TYPICAL} and on (user, team, currency) {above}", decimals=1, limits=Limits(2, threshold_value("cost_spike:ratio"))),
        ],
        sort="Above",
        empty=_NO_YESTERDAY,
        links=TO_PERSON,
    )


def _methods() -> table.Panel:
    return _parts("How it came to people", "What named the people for whom it was billed, from the surest on: see the documentation.", "method", "attributed")


def _reasons() -> table.Panel:
    return _parts("Why it came to nobody", "What of the bill was given to no person, and why not.", "reason", "unattributed")


def _parts(title: str, description: str, label: str, part: str) -> table.Panel:
    amount = f"sum by ({label}, currency) ({of_window(f'aws_cost_{part}', CURRENCY)})"
    bill = f"sum by (currency) ({of_window('aws_cost', CURRENCY)})"
    return rows(
        title,
        f"{description} {_WHOLE}",
        {label: label.capitalize(), "currency": "Currency"},
        [
            Column("Cost", amount, decimals=2),
            Column("Of the bill", f"{amount} / on (currency) group_left () ({bill} > 0)", unit="percentunit", decimals=1),
        ],
        sort="Cost",
        empty=NO_BILL,
        width=8,
        height=9,
    )


def _unattributed_by_day() -> timeseries.Panel:
    settled_part = f"{whole('aws_cost_unattributed', 'currency')} / ({whole('aws_cost', 'currency')} > 0)"
    first_part = f"{whole_first('aws_cost_unattributed', 'currency', CURRENCY)} / ({whole_first('aws_cost', 'currency', CURRENCY)} > 0)"
    return lines(
        "Belongs to nobody, by day",
        f"The part of each UTC day's bill that was given to no person. The last three days can still change. {_WHOLE}",
        {"{{currency}}": settled_part, f"{{{{currency}}}}{PROVISIONAL}": f"{first_part} unless {whole('aws_cost', 'currency')}"},
        empty=NO_HISTORY,
        unit="percentunit",
        width=8,
    )
