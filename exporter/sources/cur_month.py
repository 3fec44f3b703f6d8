"""One billing month as the statement answered it: checked as a whole before any of it becomes facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import duckdb
import nanoarrow

from exporter.errors import UserError
from exporter.model import ArrowStream

_DOUBLE, _TEXT, _TAGS = "DOUBLE", "VARCHAR", "MAP(VARCHAR, VARCHAR)"

COLUMNS: Mapping[str, str] = {
    "line_item_line_item_type": _TEXT,
    "line_item_usage_start_date": "TIMESTAMP",
    "line_item_usage_account_id": _TEXT,
    "line_item_product_code": _TEXT,
    "line_item_operation": _TEXT,
    "line_item_usage_type": _TEXT,
    "line_item_resource_id": _TEXT,
    "line_item_usage_amount": _DOUBLE,
    "line_item_currency_code": _TEXT,
    "line_item_unblended_cost": _DOUBLE,
    "line_item_net_unblended_cost": _DOUBLE,
    "line_item_user_identifier": _TEXT,
    "line_item_iam_principal": _TEXT,
    "product": _TAGS,
    "product_region_code": _TEXT,
    "reservation_reservation_a_r_n": _TEXT,
    "reservation_effective_cost": _DOUBLE,
    "reservation_net_effective_cost": _DOUBLE,
    "reservation_unused_amortized_upfront_fee_for_billing_period": _DOUBLE,
    "reservation_net_unused_amortized_upfront_fee_for_billing_period": _DOUBLE,
    "reservation_unused_recurring_fee": _DOUBLE,
    "reservation_net_unused_recurring_fee": _DOUBLE,
    "savings_plan_savings_plan_effective_cost": _DOUBLE,
    "savings_plan_net_savings_plan_effective_cost": _DOUBLE,
    "savings_plan_total_commitment_to_date": _DOUBLE,
    "savings_plan_used_commitment": _DOUBLE,
    "savings_plan_recurring_commitment_for_billing_period": _DOUBLE,
    "savings_plan_net_recurring_commitment_for_billing_period": _DOUBLE,
    "savings_plan_amortized_upfront_commitment_for_billing_period": _DOUBLE,
    "savings_plan_net_amortized_upfront_commitment_for_billing_period": _DOUBLE,
    "resource_tags": _TAGS,
    "tags": _TAGS,
}
"""The columns of CUR 2.0 that the statement reads: https://docs.aws.amazon.com/cur/latest/userguide/table-dictionary-cur2.html."""

NEEDED = (
    "line_item_line_item_type",
    "line_item_usage_start_date",
    "line_item_usage_account_id",
    "line_item_product_code",
    "line_item_currency_code",
    "line_item_unblended_cost",
)
NEEDED_TO_AMORTIZE = (
    "reservation_effective_cost",
    "reservation_unused_amortized_upfront_fee_for_billing_period",
    "reservation_unused_recurring_fee",
    "savings_plan_savings_plan_effective_cost",
    "savings_plan_total_commitment_to_date",
    "savings_plan_used_commitment",
)
"""Without these a line has no cost. All others may be left out of an export."""


def check_columns(files: Sequence[Path], metric: str, name: str) -> None:
    """Raises UserError where an export lacks a column without which its cost is not known, and duckdb.Error where a file is no Parquet."""
    rows = duckdb.connect().execute("SELECT DISTINCT lower(name) FROM parquet_schema($1)", [[str(file) for file in files]]).fetchall()
    found = {column for (column,) in rows}
    needed = (*NEEDED, *(NEEDED_TO_AMORTIZE if metric.endswith("amortized") else ()))
    if missing := [column for column in needed if column not in found]:
        way_out = "" if missing[0] in NEEDED else ", or set sources.cur.metric to unblended"
        raise UserError(f"the export of {name} lacks the column {missing[0]}; let it have all columns of CUR 2.0{way_out}")


class BilledMonth:
    """The answer of the statement for one month."""

    def __init__(self, name: str, through: date, rows: ArrowStream) -> None:
        """`through` is the last day of the month that has begun. Raises UserError for a bill in several currencies."""
        self._connection = duckdb.connect(config={"threads": 1})
        self._connection.execute("CREATE TABLE billed AS SELECT * FROM rows").fetchall()
        self._through = through
        told = self._connection.execute("SELECT DISTINCT currency FROM billed WHERE currency IS NOT NULL ORDER BY currency").fetchall()
        currencies = [currency for (currency,) in told]
        if len(currencies) > 1:
            raise UserError(
                f"the bill of {name} is in several currencies ({', '.join(currencies[:5])}), which cannot be added up; "
                "let sources.cur.location be the export of one payer"
            )
        self._currency = currencies[0] if currencies else "USD"
        ((self.lines, self.newest, self.ahead),) = self._connection.execute(
            """SELECT coalesce(sum(lines), 0)::BIGINT, max(day) FILTER (WHERE charge = 'usage' AND day <= $through), min(day) FILTER (WHERE day > $through)
            FROM billed WHERE rejected IS NULL""",
            {"through": through},
        ).fetchall()

    lines: int
    """Lines with a cost."""
    newest: date | None
    """The newest day with usage."""
    ahead: date | None
    """The first day that has lines but has not begun: fees are billed in advance."""

    def rejected(self) -> dict[str, int]:
        """How many lines are left out, by reason."""
        query = "SELECT rejected, sum(lines)::BIGINT FROM billed WHERE rejected IS NOT NULL GROUP BY rejected ORDER BY rejected"
        return dict(self._connection.execute(query).fetchall())

    def rows(self) -> ArrowStream:
        """The facts of the days that have begun."""
        return _Facts(self._connection, self._through, self._currency)


class _Facts:
    def __init__(self, connection: duckdb.DuckDBPyConnection, through: date, currency: str) -> None:
        self._connection, self._through, self._currency = connection, through, currency

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        facts = self._connection.sql(
            "SELECT * EXCLUDE (rejected) REPLACE (coalesce(currency, $currency) AS currency) FROM billed WHERE rejected IS NULL AND day <= $through",
            params={"currency": self._currency, "through": self._through},
        )
        return nanoarrow.ArrayStream(facts).__arrow_c_stream__(requested_schema)
