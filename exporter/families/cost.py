"""The bill, what of it was given to people and what was not, and budgets. The tables that it comes from are those of `bill_tables.py`.

Money is DECIMAL(38,12) from the fact to the sample: attributed and unattributed cost add up to the bill to the last decimal.
"""

from __future__ import annotations

from exporter.families import Family, Group, Kind, Table, alike_days

_BILL = ("yesterday", "3d_ago", "last_7d", "last_30d", "month_to_date", "last_month")
_SHORT = ("yesterday", "last_30d", "month_to_date")
_MONTHS = ("month_to_date", "last_month")
_ZERO = "0::DECIMAL(38,12)"

_TABLES = (
    Table(
        "bill_windowed",
        f"""
        WITH {alike_days("bill")},
        summed AS (
            SELECT days, person, method, reason, region, service, charge, currency, component, sum(cost) AS cost
            FROM bill JOIN alike USING (day)
            GROUP BY ALL
        )
        SELECT "window", person, method, reason, region, service, charge, currency, component, sum(cost) AS cost
        FROM summed JOIN alike_window USING (days)
        GROUP BY ALL""",
    ),
    Table(
        # Where something can be said of a window at all, 0 is said too: PromQL makes nothing of a sum with an absent part.
        "bill_nothing",
        f"""
        SELECT "window", currency, {_ZERO} AS cost
        FROM (SELECT DISTINCT "window" FROM window_days WHERE source = 'bill') CROSS JOIN bill_currency""",
    ),
    Table(
        "bill_person",
        f"""
        SELECT "window", person, charge, currency, sum(cost) AS cost
        FROM (
            SELECT "window", person, charge, currency, cost FROM bill_windowed WHERE person IS NOT NULL
            UNION ALL SELECT "window", person, 'usage', currency, {_ZERO} FROM person CROSS JOIN bill_nothing
        )
        GROUP BY ALL""",
    ),
)


def _whole(name: str, help: str, label: str, values: str, known: str) -> Family:
    """A part of the whole bill by a label: its `values` in `bill_windowed`, and 0 for each one that is `known`."""
    return Family(
        name=name,
        help=help,
        statement=f"""
            SELECT "window", {label}, currency, sum(cost) AS value
            FROM (
                SELECT "window", {label}, currency, cost FROM bill_windowed WHERE {values}
                UNION ALL SELECT "window", {label}, currency, cost FROM bill_nothing CROSS JOIN {known}
            )
            GROUP BY ALL""",
        kind=Kind.PLAIN,
        labels=(label, "currency"),
        windows=_BILL,
    )


def _breakdown(dimension: str, help: str) -> Family:
    return Family(
        name=f"aws_user_{dimension}_cost",
        help=help,
        statement=f"""
            SELECT "window", person, currency, {dimension} AS aws_{dimension}, sum(cost) AS value
            FROM bill_windowed WHERE person IS NOT NULL GROUP BY ALL""",
        kind=Kind.BREAKDOWN,
        labels=("currency", f"aws_{dimension}"),
        windows=_SHORT,
        fold=f"aws_{dimension}",
    )


_FAMILIES = (
    _whole("aws_cost", "The whole bill by kind of charge; credits and refunds are negative.", "charge", "true", "(SELECT 'usage' AS charge)"),
    _whole(
        "aws_cost_attributed",
        "What of the bill was given to people, by the method that named them. Attributed and unattributed cost are the bill, exactly.",
        "method",
        "method IS NOT NULL",
        "bill_method",
    ),
    _whole("aws_cost_unattributed", "What of the bill was given to nobody, and why.", "reason", "reason IS NOT NULL", "bill_reason"),
    Family(
        name="aws_user_cost",
        help="What was billed for a person, by kind of charge; credits and refunds are negative. The sum over people is the attributed cost.",
        statement='SELECT "window", person, charge, currency, cost AS value FROM bill_person',
        kind=Kind.ESSENTIAL,
        labels=("charge", "currency"),
        windows=_BILL,
    ),
    _breakdown("service", "What was billed for a person by AWS service, over all kinds of charge; part of aws_user_cost."),
    _breakdown(
        "region",
        "What was billed for a person by AWS region, over all kinds of charge; part of aws_user_cost. Cost Explorer names no regions: all of it is none there.",
    ),
    Family(
        name="aws_user_resources",
        help="Different resources that were billed for a person, as far as the bill names them; Cost Explorer does not. Do not sum.",
        # Resources stand on the first day of the month on which they were billed, so windows of other days would miss some.
        statement="""
            SELECT "window", p.person, count(DISTINCT resource) AS value
            FROM person p
            CROSS JOIN (SELECT DISTINCT "window" FROM window_days WHERE source = 'bill' AND "window" IN ('month_to_date', 'last_month')) w
            LEFT JOIN (
                SELECT "window", person, resource FROM bill_resource JOIN window_days USING (day) WHERE source = 'bill'
            ) r USING ("window", person)
            WHERE EXISTS (FROM bill_resource)
            GROUP BY ALL""",
        kind=Kind.ESSENTIAL,
        windows=_MONTHS,
        additive=False,
    ),
    Family(
        name="aws_user_typical_day_cost",
        help="Median of a person's days with usage cost among the 28 UTC days before yesterday; absent where there are fewer than 7. Do not sum.",
        statement="""
            SELECT person, currency, (costs[(len(costs) + 1) // 2] + costs[len(costs) // 2 + 1]) * 0.5::DECIMAL(2,1) AS value
            FROM (
                SELECT person, currency, list(cost ORDER BY cost) AS costs
                FROM (
                    SELECT person, currency, day, sum(cost) AS cost
                    FROM bill CROSS JOIN clock JOIN landed ON source = 'bill'
                    WHERE person IS NOT NULL AND charge = 'usage' AND day BETWEEN today - 29 AND least(today - 2, last_day)
                    GROUP BY ALL
                    HAVING sum(cost) <> 0
                )
                GROUP BY ALL
            )
            WHERE len(costs) >= 7""",
        kind=Kind.ESSENTIAL,
        labels=("currency",),
        additive=False,
    ),
    Family(
        name="kiro_user_billed_cost",
        help="What was billed for a person's use of Kiro: seat or overage. Part of aws_user_cost, never to be added to it.",
        statement="""
            SELECT "window", person, component, currency, sum(cost) AS value
            FROM bill_windowed WHERE person IS NOT NULL AND component IS NOT NULL GROUP BY ALL""",
        kind=Kind.SPARSE,
        labels=("component", "currency"),
        windows=_MONTHS,
    ),
    Family(
        name="aws_cost_budget",
        help="What may be spent in a month, from the config. scope person: by each person. Do not sum.",
        statement="SELECT scope, team, currency, amount AS value FROM budget CROSS JOIN bill_currency",
        kind=Kind.PLAIN,
        labels=("scope", "team", "currency"),
    ),
)

COST = Group(
    name="cost",
    source="bill",
    tables=_TABLES,
    families=_FAMILIES,
    standing="SELECT person, sum(cost) AS value FROM bill_person WHERE \"window\" = 'last_30d' GROUP BY person",
)
