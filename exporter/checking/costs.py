"""What a day of refreshes will cost, as lines of the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

from exporter.aws import explained
from exporter.checking import expenses
from exporter.checking.callers import Callers
from exporter.checking.expenses import Expense, Files
from exporter.checking.findings import Finding, Status, Value
from exporter.checking.holdings import Held
from exporter.checking.stored import Stored
from exporter.config import Aws, CloudTrailSource, Config, CostExplorerSource, FactSource, KiroSource
from exporter.errors import TransientError, UserError
from exporter.sources import cost_explorer_plan as plan
from exporter.sources.cost_explorer_requests import PRICE_USD as COST_EXPLORER_USD

REASONABLE_TAG_VALUES = 500
"""Of a tag; with more, Cost Explorer takes page after page for each question."""

ALL = "all sources"
_MONTH_DAYS = 30


def tag_values(config: Config, known: Stored, callers: Callers, spend: bool, today: date) -> Iterator[Finding]:
    """Whether tags have more values than Cost Explorer should be asked about: by the store, and with `spend` by one request."""
    if config.sources.cost_explorer is None:
        return
    count, more = known.tag_values(), False
    reach = config.aws_for("cost_explorer")
    if spend and config.attribution.owner_tags:
        try:
            asked, more = _ask_tag_values(callers, reach, config.attribution.owner_tags[0], today)
        except (UserError, TransientError) as error:
            yield Finding("cost_explorer", "cost", Status.UNTRIED, f"the values of tags could not be counted: {error}")
        else:
            count = max(count, asked)
    if count > REASONABLE_TAG_VALUES or more:
        text = f"{'more than ' if more else ''}{count:,} values of owner tags are too many for Cost Explorer to be asked about every day"
        yield Finding("cost_explorer", "cost", Status.WARNING, text, "use the source cur, an export of CUR 2.0, instead", values={"tag_values": count})


def _ask_tag_values(callers: Callers, reach: Aws, tag: str, today: date) -> tuple[int, bool]:
    """How many values a tag had in 30 days, by one request; and whether there are more pages."""
    request = {
        "TimePeriod": {"Start": (today - timedelta(days=_MONTH_DAYS)).isoformat(), "End": today.isoformat()},
        "Granularity": "MONTHLY",
        "Metrics": ["UnblendedCost"],
        "GroupBy": [{"Type": "TAG", "Key": tag}],
    }
    with explained("ce:GetCostAndUsage", "Cost Explorer"):
        answer = callers.client(reach, "ce").get_cost_and_usage(**request)
    values = {key for period in answer["ResultsByTime"] for group in period.get("Groups", ()) for key in group["Keys"] if key != f"{tag}$"}
    return len(values), bool(answer.get("NextPageToken"))


def costs(config: Config, held: Mapping[str, Held], known: Stored, today: date) -> Iterator[Finding]:
    """A day of refreshes of each source, from what its location holds, and of all together."""
    found = {name: _expense(config, name, source, held.get(name), known, today) for name, source in config.sources.facts().items()}
    counted = {name: expense for name, expense in found.items() if expense is not None}
    for name, expense in counted.items():
        yield told(name, expense)
        limit = config.athena.max_bytes_scanned
        if expense.largest_query_bytes > limit:
            size, most = amount_of(expense.largest_query_bytes), amount_of(limit)
            text = f"a query scans about {size}, more than athena.max_bytes_scanned ({most}), and is cancelled"
            yield Finding(name, "cost", Status.WARNING, text, "raise athena.max_bytes_scanned, and the limit of the workgroup")
    if unknown := [name for name in found if name not in counted]:
        yield Finding(ALL, "cost", Status.UNTRIED, f"not known, as the files could not be listed: {', '.join(unknown)}")
        if not counted:
            return
    a_day = expenses.together(list(counted.values()))
    text = f"{a_day:.4f} USD a day, {a_day * _MONTH_DAYS:.2f} USD in {_MONTH_DAYS} days, at list prices of us-east-1, without requests to KMS and Glue"
    if unknown:
        text += f", and without {', '.join(unknown)}"
    yield Finding(ALL, "cost", Status.OK, text, values={"usd_a_day": round(a_day, 6)})


def _expense(config: Config, name: str, source: FactSource, held: Held | None, known: Stored, today: date) -> Expense | None:
    if isinstance(source, CostExplorerSource):
        tags, pages = config.attribution.owner_tags, known.pages()
        open_days = len(plan.open_days(today, ())) or plan.NEWEST_DAYS
        return expenses.of_cost_explorer(
            source.schedule,
            plan.expected_requests(plan.NEWEST_DAYS, tags, pages),
            plan.expected_requests(open_days, tags, pages),
            source.max_requests_per_day,
        )
    if held is None:
        return None
    embedded = config.engine_for(name) == "duckdb"
    if not source.location.startswith("s3://") and embedded:
        return Expense(expenses.runs_a_day(source.schedule))
    files: Files = held.files
    if isinstance(source, CloudTrailSource):
        return expenses.of_cloudtrail(source.schedule, files, embedded)
    if isinstance(source, KiroSource):
        return expenses.of_kiro(source.schedule, files, embedded)
    return expenses.of_cur(source.schedule, files, embedded)


def told(name: str, expense: Expense) -> Finding:
    """An expense as a line."""
    parts = [f"a day of {number_of(expense.refreshes)} refreshes"]
    if expense.queries:
        parts.append(f"{number_of(expense.queries)} queries scan {amount_of(expense.scanned_bytes)} ({expense.athena_usd:.4f} USD)")
    if expense.gets or expense.listings:
        s3_usd = expense.gets * expenses.GET_USD + expense.listings * expenses.LIST_USD
        parts.append(f"{expense.gets:,.0f} GET and {expense.listings:,.0f} LIST requests to S3 ({s3_usd:.4f} USD)")
    if expense.paid_requests:
        parts.append(f"{number_of(expense.paid_requests)} requests to Cost Explorer ({expense.paid_requests * COST_EXPLORER_USD:.2f} USD)")
    if len(parts) == 1:
        parts.append("files of this machine, nothing to pay")
    values: dict[str, Value] = {
        "refreshes": round(expense.refreshes, 3),
        "queries": round(expense.queries, 3),
        "scanned_bytes": round(expense.scanned_bytes),
        "get_requests": round(expense.gets),
        "list_requests": round(expense.listings),
        "paid_requests": round(expense.paid_requests, 3),
        "usd_a_day": round(expense.usd, 6),
    }
    return Finding(name, "cost", Status.OK, "; ".join(parts), values=values)


def number_of(count: float) -> str:
    """`24`, `27.5`, `0.14`."""
    return f"{count:,.2f}".rstrip("0").rstrip(".")


def amount_of(size: float) -> str:
    """Bytes as people read them, in steps of a thousand."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{number_of(size)} {unit}"
        size /= 1000
    return f"{number_of(size)} TB"
