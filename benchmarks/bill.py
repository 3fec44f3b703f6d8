"""A month's bill from an export to sums: the source on the embedded engine beside a plain Python loop with decimals that gives the same sums.

    python -m benchmarks.bill [lines]

The export lies in the folder for temporary files while they run. Each run is a process of its own; both run in turn.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.measure import apart, peak_megabytes

ROOT = Path(__file__).parent.parent
MONTH, NOW = date(2026, 11, 1), datetime(2026, 12, 7, tzinfo=UTC)
PEOPLE, RESOURCES = 3_000, 20_000
OWNER_KEYS = ("user_owner", "user:Owner", "resourceTags/Owner", "resourceTags/user:Owner")


def make(lines: int) -> Path:
    """Lines of a month, hour by hour: most of resources, half of them with an owner's tag, some covered by a plan, some of callers of models."""
    import duckdb

    folder = Path(tempfile.gettempdir()) / f"bill-{lines}"
    period = "BILLING_PERIOD=2026-11"
    manifest = folder / "metadata" / period / "bench-Manifest.json"
    if manifest.exists():
        return folder
    data = folder / "data" / period / "bench-00001.snappy.parquet"
    for path in (manifest, data):
        path.parent.mkdir(parents=True, exist_ok=True)
    from exporter.sources.cur_month import COLUMNS

    made = {
        "line_item_line_item_type": "CASE i % 10 WHEN 7 THEN 'SavingsPlanCoveredUsage' WHEN 8 THEN 'EdpDiscount' ELSE 'Usage' END",
        "line_item_usage_start_date": "TIMESTAMP '2026-11-01' + INTERVAL 1 HOUR * (i * 7919 % 720)",
        "line_item_usage_account_id": "(111122220000 + i % 50)::VARCHAR",
        "line_item_product_code": "['AmazonEC2', 'AmazonS3', 'AmazonRDS', 'AWSLambda', 'AmazonBedrock'][1 + i % 5]",
        "line_item_operation": "'RunInstances'",
        "line_item_usage_type": "'BoxUsage:m7g.large'",
        "line_item_resource_id": f"CASE WHEN i % 10 <> 8 AND i % 5 <> 4 THEN 'i-' || hash(i % {RESOURCES}) END",
        "line_item_usage_amount": "1.0",
        "line_item_currency_code": "'USD'",
        "line_item_unblended_cost": "(hash(i) % 1000000)::DOUBLE / 1e7",
        "line_item_iam_principal": f"CASE WHEN i % 5 = 4 THEN 'arn:aws:sts::1:assumed-role/AWSReservedSSO_Data_1/person' || i % {PEOPLE} END",
        "product_region_code": "['us-east-1', 'eu-central-1', 'us-west-2'][1 + i % 3]",
        "savings_plan_savings_plan_effective_cost": "(hash(i) % 700000)::DOUBLE / 1e7",
        "resource_tags": f"CASE WHEN hash(i % {RESOURCES}) % 2 = 0 THEN MAP {{'user_owner': 'person' || hash(i % {RESOURCES}) % {PEOPLE}}} END",
    }
    columns = ", ".join(f"({made.get(name, 'NULL')})::{kind} AS {name}" for name, kind in COLUMNS.items())
    duckdb.connect().execute(f"COPY (SELECT {columns} FROM range({lines}) r(i)) TO '{data}' (FORMAT parquet, COMPRESSION snappy)")
    manifest.write_text(json.dumps({"dataFiles": [f"s3://bench/{data.relative_to(folder).as_posix()}"]}))
    return folder


def exporter(folder: Path) -> dict[str, Any]:
    """The source as a refresh drives it: from files to facts in the store."""
    import duckdb

    from exporter.config import CurSource
    from exporter.engines.duckdb import DuckDBEngine
    from exporter.facts.store import Store
    from exporter.objects import FolderLocation
    from exporter.sources.cur import CurBill
    from exporter.telemetry import Telemetry

    with tempfile.TemporaryDirectory() as place:
        store = Store.open(Path(place))
        settings = CurSource.model_validate({"location": str(folder)})
        engine = DuckDBEngine(timedelta(minutes=10))
        source = CurBill(settings, ("Owner",), lambda: FolderLocation(folder), engine, store, Telemetry(), lambda: (), lambda _creators: None)
        began = time.perf_counter()
        for month in source.due(NOW, lambda: None):
            store.replace(source.read(month))
            source.keep(month)
        spent = time.perf_counter() - began
        files = [str(path) for path in (Path(place) / "facts" / "cur").glob("*.parquet")]
        ((rows, total, lines),) = duckdb.execute(
            "SELECT count(*), sum(cost)::VARCHAR, sum(lines)::BIGINT FROM read_parquet($1) WHERE resource IS NULL", [files]
        ).fetchall()
    return {"seconds": spent, "rows": rows, "total": total, "lines": lines, "peak": peak_megabytes()}


def plain(folder: Path) -> dict[str, Any]:
    """Rows, dictionaries and decimals, in one process."""
    sys.path.insert(0, str(ROOT / "tests"))
    from recount_cur import Recount

    began = time.perf_counter()
    facts = Recount("amortized", OWNER_KEYS).export(folder, NOW.date()).facts()
    spent = time.perf_counter() - began
    total = str(sum(cost for cost, _, _ in facts.values()))
    return {"seconds": spent, "rows": len(facts), "total": total, "lines": sum(lines for _, _, lines in facts.values()), "peak": peak_megabytes()}


def compare(lines: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both in turn. Raises ValueError where they do not give the same sums."""
    folder = make(lines)
    try:
        ours, theirs = apart("bill", "exporter", str(lines)), apart("bill", "plain", str(lines))
    finally:
        shutil.rmtree(folder)
    if any(ours[what] != theirs[what] for what in ("rows", "total", "lines")):
        raise ValueError(f"the sums differ: {ours} and {theirs}")
    return ours, theirs


if __name__ == "__main__":
    if sys.argv[1:2] in (["exporter"], ["plain"]):
        print(json.dumps({"exporter": exporter, "plain": plain}[sys.argv[1]](make(int(sys.argv[2])))))
    else:
        for name, one in zip(("exporter", "plain Python loop"), compare(int(sys.argv[1]) if sys.argv[1:] else 1_000_000), strict=True):
            print(f"{name:<18} {one['seconds']:6.1f} s   {one['peak']:6.0f} MB   {one['lines']:,.0f} lines to {one['rows']:,.0f} sums, {one['total']} in all")
