"""Lines of the sample's bill, as an export of CUR 2.0 has them, and the files that hold them.

Columns: docs.aws.amazon.com/cur/latest/userguide/table-dictionary-cur2.html; layout: …/dataexports-export-delivery.html.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from exporter.quoting import sql_text
from exporter.sample.organisation import MANAGEMENT_ACCOUNT

FOLDER = "cur"
EXPORT = "people-bill"

_TEXT, _MONEY, _TIME, _MAP = "VARCHAR", "DOUBLE", "TIMESTAMP", "MAP(VARCHAR, VARCHAR)"
COLUMNS: Mapping[str, str] = {
    "bill_bill_type": _TEXT,
    "bill_billing_period_start_date": _TIME,
    "bill_billing_period_end_date": _TIME,
    "bill_payer_account_id": _TEXT,
    "identity_line_item_id": _TEXT,
    "line_item_currency_code": _TEXT,
    "line_item_iam_principal": _TEXT,
    "line_item_line_item_description": _TEXT,
    "line_item_line_item_type": _TEXT,
    "line_item_net_unblended_cost": _MONEY,
    "line_item_operation": _TEXT,
    "line_item_product_code": _TEXT,
    "line_item_resource_id": _TEXT,
    "line_item_unblended_cost": _MONEY,
    "line_item_usage_account_id": _TEXT,
    "line_item_usage_amount": _MONEY,
    "line_item_usage_end_date": _TIME,
    "line_item_usage_start_date": _TIME,
    "line_item_usage_type": _TEXT,
    "line_item_user_identifier": _TEXT,
    "pricing_unit": _TEXT,
    "product": _MAP,
    "product_region_code": _TEXT,
    "reservation_effective_cost": _MONEY,
    "reservation_reservation_a_r_n": _TEXT,
    "reservation_unused_amortized_upfront_fee_for_billing_period": _MONEY,
    "reservation_unused_recurring_fee": _MONEY,
    "resource_tags": _MAP,
    "savings_plan_savings_plan_a_r_n": _TEXT,
    "savings_plan_savings_plan_effective_cost": _MONEY,
    "savings_plan_total_commitment_to_date": _MONEY,
    "savings_plan_used_commitment": _MONEY,
    "tags": _MAP,
}
"""With their types in Parquet."""

OPTIONAL = frozenset(
    {
        "line_item_iam_principal",
        "line_item_net_unblended_cost",
        "line_item_resource_id",
        "line_item_user_identifier",
        "product",
        "resource_tags",
        "tags",
    }
)
"""An export may have been set up without these."""

_UNIT = Decimal(1).scaleb(-10)
"""AWS writes ten decimals."""

Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is used: account, Region and the prefix that usage types have there."""

    account: str
    region: str

    @property
    def prefix(self) -> str:
        return {"us-east-1": "USE1", "eu-central-1": "EUC1"}.get(self.region, "USE1")


def money(amount: Decimal | float) -> Decimal:
    """An amount as AWS writes it."""
    return Decimal(amount).quantize(_UNIT)


def line(type_: str, place: Place, code: str, usage: str, operation: str, day: date, cost: Decimal, **more: Any) -> Line:
    """A line of one day. `more` are further columns, those of `line_item_` without that."""
    made: Line = {
        "line_item_line_item_type": type_,
        "line_item_usage_account_id": place.account,
        "line_item_product_code": code,
        "line_item_usage_type": f"{place.prefix}-{usage}" if usage else "",
        "line_item_operation": operation,
        "line_item_usage_start_date": f"{day} 00:00:00",
        "line_item_usage_end_date": f"{day + timedelta(days=1)} 00:00:00",
        "line_item_unblended_cost": float(money(cost)),
        "line_item_currency_code": "USD",
        "product_region_code": place.region,
    }
    made.update((name if name in COLUMNS else f"line_item_{name}", value) for name, value in more.items())
    return made


def write_month(folder: Path, month: date, lines: Iterable[Line], without: frozenset[str]) -> int:
    """Overwrites a month of the export, the manifest last, and returns its lines. The same lines leave the files as they are."""
    following = (month + timedelta(days=31)).replace(day=1)
    of_month = {
        "bill_bill_type": "Anniversary",
        "bill_billing_period_start_date": f"{month} 00:00:00",
        "bill_billing_period_end_date": f"{following} 00:00:00",
        "bill_payer_account_id": MANAGEMENT_ACCOUNT,
    }
    period = f"BILLING_PERIOD={month:%Y-%m}"
    data = folder / "data" / period / f"{EXPORT}-00001.snappy.parquet"
    with tempfile.TemporaryDirectory() as aside:
        rows, packed = Path(aside) / "lines.ndjson", Path(aside) / "lines.parquet"
        count, digest, encoder = 0, hashlib.blake2b(digest_size=16), msgspec.json.Encoder()
        with rows.open("wb") as file:
            for count, made in enumerate(lines, start=1):
                text = encoder.encode({**of_month, "identity_line_item_id": f"{month:%Y%m}{count:010d}", **made}) + b"\n"
                digest.update(text)
                file.write(text)
        _to_parquet(rows, packed, without)
        overwritten = _replace(data, packed.read_bytes())
    manifest = {
        "exportArn": f"arn:aws:bcm-data-exports:us-east-1:{MANAGEMENT_ACCOUNT}:export/{EXPORT}",
        "executionId": digest.hexdigest(),
        "billingPeriod": {"start": f"{month}T00:00:00Z", "end": f"{following}T00:00:00Z"},
        "columns": [{"name": name} for name in COLUMNS if name not in without],
        "dataFiles": [f"s3://example-bucket/{FOLDER}/{EXPORT}/data/{period}/{data.name}"],
    }
    _replace(folder / "metadata" / period / f"{EXPORT}-Manifest.json", (json.dumps(manifest, indent=1) + "\n").encode(), always=overwritten)
    return count


def _to_parquet(rows: Path, target: Path, without: frozenset[str]) -> None:
    # One thread, so that the same lines are the same bytes.
    connection = duckdb.connect(config={"threads": 1})
    columns = ", ".join(f"{name}: {sql_text(kind)}" for name, kind in COLUMNS.items())
    wanted = ", ".join(name for name in COLUMNS if name not in without)
    connection.execute(
        f"COPY (SELECT {wanted} FROM read_json({sql_text(str(rows))}, format := 'newline_delimited', columns := {{{columns}}})) "
        f"TO {sql_text(str(target))} (FORMAT parquet, COMPRESSION snappy)"
    ).fetchall()


def _replace(path: Path, content: bytes, *, always: bool = False) -> bool:
    """Whether it was another, or it was asked to be written `always`: a manifest follows its data."""
    if not always and path.exists() and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.partial")
    aside.write_bytes(content)
    os.replace(aside, path)
    return True
