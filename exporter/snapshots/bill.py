"""The tables of the bill that the families' statements read: every fact with the person who gets it, or the reason why nobody does.

    bill(day, person, method, reason, region, service, charge, currency, component, cost)    all that was billed; person is NULL where reason is not
    bill_resource(day, person, resource)      which resources were billed, on the first day of the month on which they were
    bill_seat(day, person, tier, charge, cost, quantity)    seats of Kiro by who holds them, whoever pays
    bill_currency(currency), bill_method(method), bill_reason(reason), budget(scope, team, amount)

They are there, and empty, where no bill is read.
"""

from __future__ import annotations

import duckdb

from exporter.config import Config
from exporter.facts.tables import CANDIDATE, TABLES
from exporter.people import People
from exporter.people.attribution import ACTIVITY_SHARE, REASONS, Candidate, Rules, attribute
from exporter.snapshots.laying import lay_table

_NO_REGION = "none"
_ANY_BILL = next(table.source for table in TABLES.values() if table.of_bill)
_ROWS = "day, person, method, reason, region, service, charge, currency, component"

# Of an account and day, what nobody got is spread by largest remainder in whole units of the twelfth decimal, so that the parts sum to it exactly.
_SPREAD = f"""
WITH active AS (
    SELECT day, value AS account, person, sum(events)::BIGINT AS events
    FROM cloudtrail JOIN owner USING (identity)
    WHERE dimension = 'account' AND events > 0
    GROUP BY ALL
),
weight AS (
    SELECT *, sum(events) OVER (PARTITION BY day, account) AS all_events FROM active
),
billed AS (
    SELECT account, {_ROWS}, sum(cost) AS cost FROM bill_given JOIN bill_candidate USING (candidate) GROUP BY ALL
),
rest AS MATERIALIZED (
    SELECT * EXCLUDE (person, method, reason), row_number() OVER () AS part, replace(abs(cost)::VARCHAR, '.', '')::HUGEINT AS units
    FROM billed SEMI JOIN weight USING (day, account)
    WHERE reason <> 'shared_charge'
),
shares AS MATERIALIZED (
    SELECT part, person, units, units * events // all_events AS whole, units * events - whole * all_events AS remainder
    FROM rest JOIN weight USING (day, account)
),
left_over AS (
    SELECT part, (any_value(units) - sum(whole))::BIGINT AS units_left FROM shares GROUP BY part
),
ranked AS (
    SELECT part, person, whole, row_number() OVER (PARTITION BY part ORDER BY remainder DESC, person) AS place FROM shares
),
spread AS (
    SELECT day, person, '{ACTIVITY_SHARE}' AS method, NULL AS reason, region, service, charge, currency, component,
        (sign(cost)::HUGEINT * (whole + CASE WHEN place <= units_left THEN 1 ELSE 0 END))::DECIMAL(38,0) * 0.000000000001::DECIMAL(13,12) AS cost
    FROM ranked JOIN left_over USING (part) JOIN rest USING (part)
)
SELECT {_ROWS}, cost FROM spread
UNION ALL SELECT {_ROWS}, cost FROM billed WHERE reason IS NULL OR reason = 'shared_charge'
UNION ALL SELECT {_ROWS}, cost FROM billed ANTI JOIN weight USING (day, account) WHERE reason <> 'shared_charge'"""


def lay_bill(cursor: duckdb.DuckDBPyConnection, people: People, config: Config) -> None:
    """Makes the tables above from the facts of the bill that pays; `owner` must be there."""
    order = config.attribution.order
    candidates = (Candidate(*row) for row in cursor.execute(f"SELECT candidate, {', '.join(CANDIDATE)} FROM bill_candidate").fetchall())
    given = attribute(candidates, order, people, config.attribution.account_owners, config.attribution.shared_charges, Rules.of(config.people.patterns))
    lay_table(
        cursor,
        "bill_attributed",
        {"candidate": "INTEGER", "person": "INTEGER", "method": "VARCHAR", "reason": "VARCHAR"},
        [(one.candidate, one.person, one.method, one.reason) for one in given],
    )
    # Views: a bill of millions of facts is summed once, by window, and not copied before.
    paying = f"FROM {config.paying}" if config.paying else f"FROM {_ANY_BILL} WHERE false"
    cursor.execute(f"CREATE TEMP VIEW bill_paid AS SELECT * FROM ({paying}) JOIN bill_attributed USING (candidate)").fetchall()
    cursor.execute(
        f"""CREATE TEMP VIEW bill_given AS
        SELECT candidate, day, person, method, reason, coalesce(region, '{_NO_REGION}') AS region, service, charge, currency, component, cost
        FROM bill_paid WHERE resource IS NULL"""
    ).fetchall()
    kind, bill = ("TABLE", _SPREAD) if config.attribution.activity_share else ("VIEW", f"SELECT {_ROWS}, cost FROM bill_given")
    cursor.execute(f"CREATE TEMP {kind} bill AS {bill}").fetchall()
    cursor.execute(
        "CREATE TEMP TABLE bill_resource AS SELECT DISTINCT day, person, resource FROM bill_paid WHERE resource IS NOT NULL AND person IS NOT NULL"
    ).fetchall()
    # Who holds a seat stands on its line; that does not depend on who is to pay for it.
    cursor.execute(
        """CREATE TEMP TABLE bill_seat AS
        SELECT day, o.person, tier, charge, sum(cost) AS cost, sum(quantity) AS quantity
        FROM bill_paid JOIN bill_candidate USING (candidate)
        JOIN identities i ON i.key = coalesce(identity_store_user, user_identifier) JOIN owner o USING (identity)
        WHERE component = 'seat'
        GROUP BY ALL"""
    ).fetchall()
    # A payer bills in one currency; should that change, the newest counts.
    cursor.execute(
        """CREATE TEMP TABLE bill_currency AS
        SELECT currency FROM bill_paid GROUP BY currency ORDER BY max(day) DESC, count(*) DESC, currency LIMIT 1"""
    ).fetchall()
    methods = (*order, *((ACTIVITY_SHARE,) if config.attribution.activity_share else ()))
    lay_table(cursor, "bill_method", {"method": "VARCHAR"}, [(method,) for method in methods])
    lay_table(cursor, "bill_reason", {"reason": "VARCHAR"}, [(reason,) for reason in REASONS])
    _budgets(cursor, config)


def _budgets(cursor: duckdb.DuckDBPyConnection, config: Config) -> None:
    budgets = config.budgets
    rows = [("organization", "", budgets.organization), ("person", "", budgets.person), *(("team", team, amount) for team, amount in budgets.teams.items())]
    columns = {"scope": "VARCHAR", "team": "VARCHAR", "amount": "DECIMAL(38,12)"}
    lay_table(cursor, "budget", columns, [row for row in rows if row[2] is not None])
