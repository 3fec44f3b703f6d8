"""What Athena scans in a day of hourly refreshes of CloudTrail, and what it and S3 ask for that, beside re-reading 30 days each time.

The source, its statement and the engine are the real ones. Behind the engine stands a client that prices each query by the partitions that it names: delivery
day, account and region. It knows how much of the running day has been delivered.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from exporter.config import Athena
from exporter.engines import statement
from exporter.engines.athena import AthenaEngine
from exporter.engines.reading import reading
from exporter.facts.store import Store
from exporter.model import DayRange
from exporter.objects import FolderLocation
from exporter.sources.cloudtrail import CloudTrailLogs
from exporter.sources.cloudtrail_layout import find_folders
from exporter.sources.cloudtrail_partitions import of_folders
from exporter.sources.cloudtrail_settings import CloudTrailSettings
from exporter.telemetry import Telemetry

FILES_A_DAY = 288
"""CloudTrail delivers about every five minutes."""

GET_USD, LIST_USD = 0.0004 / 1000, 0.005 / 1000
"""https://aws.amazon.com/s3/pricing/, us-east-1."""

DAYS_REREAD = 30
_DAY = date(2026, 7, 15)
_COLUMNS = {
    "day": "date",
    "kind": "varchar",
    "identity_kind": "varchar",
    "identity": "varchar",
    "dimension": "varchar",
    "value": "varchar",
    "events": "bigint",
    "denied": "bigint",
    "sensitive": "bigint",
    "first_event": "bigint",
    "last_event": "bigint",
}
_PAIRS = re.compile(r"account IN \(([^)]*)\) AND region IN \(([^)]*)\)")


@dataclass
class Cost:
    """What one way of reading came to."""

    queries: int = 0
    scanned_bytes: int = 0
    gets: int = 0
    lists: int = 0
    athena_usd: float = 0.0

    @property
    def requests_usd(self) -> float:
        return self.gets * GET_USD + self.lists * LIST_USD


@dataclass
class PricedAthena:
    """`exporter.engines.athena_requests.Client`: every query succeeds at once, without rows, and has scanned the partitions that it names."""

    pairs: frozenset[tuple[str, str]]
    """(account, region) that have logs."""
    bytes_a_day: int
    """Of one pair."""
    now: datetime
    cost: Cost = field(default_factory=Cost)
    _scanned: list[int] = field(default_factory=list)

    def start_query_execution(self, **request: Any) -> dict[str, Any]:
        first, last = (date.fromisoformat(text.strip("'").replace("/", "-")) for text in request["ExecutionParameters"][:2])
        named = set(_pairs(request["QueryString"]))
        days = DayRange(first, last)
        delivered = sum(self._delivered(day) for day in days) * len(named & self.pairs)
        self._scanned.append(round(delivered * self.bytes_a_day))
        self.cost.queries += 1
        self.cost.scanned_bytes += self._scanned[-1]
        self.cost.gets += round(delivered * FILES_A_DAY)
        self.cost.lists += len(days) * len(named)
        return {"QueryExecutionId": str(len(self._scanned) - 1)}

    def get_query_execution(self, **request: Any) -> dict[str, Any]:
        query = request["QueryExecutionId"]
        status, scanned = {"State": "SUCCEEDED"}, {"DataScannedInBytes": self._scanned[int(query)]}
        return {"QueryExecution": {"QueryExecutionId": query, "Query": "SELECT", "StatementType": "DML", "Status": status, "Statistics": scanned}}

    def get_query_results(self, **request: Any) -> dict[str, Any]:
        columns = [{"Name": name, "Type": kind, "Precision": 0, "Scale": 0, "Nullable": "UNKNOWN"} for name, kind in _COLUMNS.items()]
        return {"ResultSet": {"Rows": [{"Data": [{"VarCharValue": name} for name in _COLUMNS]}], "ResultSetMetadata": {"ColumnInfo": columns}}}

    def stop_query_execution(self, **request: Any) -> dict[str, Any]:
        raise AssertionError("no query runs that long here")

    def _delivered(self, day: date) -> float:
        """Which part of a day has been delivered by now."""
        begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return min(1.0, max(0.0, (self.now - begin) / timedelta(days=1)))


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """The pairs that a statement names: the first condition names every account in every region, further ones the pairs of it that exist."""
    named = [[(account, region) for account in _literals(accounts) for region in _literals(regions)] for accounts, regions in _PAIRS.findall(text)]
    for pairs in named[1:] or named:
        yield from pairs


def _literals(listed: str) -> list[str]:
    return re.findall(r"'([^']*)'", listed)


class Trail(FolderLocation):
    """The folders of a trail's bucket. Counts the listings that finding them takes."""

    def __init__(self, path: Path, cost: Cost) -> None:
        super().__init__(path)
        self.cost = cost

    @property
    def name(self) -> str:
        return "s3://example-trail/"

    def folders(self, prefix: str) -> tuple[str, ...]:
        self.cost.lists += 1
        return super().folders(prefix)


def compare(accounts: int, regions: int, bytes_a_day: int) -> tuple[Cost, Cost]:
    """One day, `accounts` accounts of which every one is active in one region and every third in all `regions`: our refreshes, and the rival's."""
    pairs = frozenset((f"{account:012}", f"us-east-{region}") for account in range(accounts) for region in range(1, 1 + (regions if account % 3 == 0 else 1)))
    with tempfile.TemporaryDirectory() as folder:
        for account, region in pairs:
            Path(folder, "AWSLogs", "o-exampleorg1", account, "CloudTrail", region).mkdir(parents=True)
        return _hourly(pairs, bytes_a_day, Path(folder)), _rereading(pairs, bytes_a_day, Path(folder))


def _hourly(pairs: frozenset[tuple[str, str]], bytes_a_day: int, folder: Path) -> Cost:
    athena, telemetry = PricedAthena(pairs, bytes_a_day, datetime(_DAY.year, _DAY.month, _DAY.day, tzinfo=UTC) - timedelta(days=1)), Telemetry()
    trail = Trail(folder, athena.cost)
    settings = CloudTrailSettings(
        accounts=None,
        include_data_events=False,
        history=timedelta(days=1),
        max_age=timedelta(days=3),
        person_session=(r"^[^@\s]+@[^@\s]+$",),
        service_user=("^svc-",),
        human_identity_providers=(),
    )
    store, spent = Store.open(folder / "store"), 0.0
    source = CloudTrailLogs(settings, lambda: trail, _engine(athena, telemetry), store, telemetry)
    for hour in range(48):  # the day before is only there to be closed on the day that counts
        if hour == 24:
            athena.cost = trail.cost = Cost()
            spent = _spent(telemetry)
        for day in source.due(athena.now, lambda: None):
            store.replace(source.read(day))
            source.keep(day)
        source.done(athena.now)
        athena.now += timedelta(hours=1)
    athena.cost.athena_usd = _spent(telemetry) - spent
    store.close()
    return athena.cost


def _rereading(pairs: frozenset[tuple[str, str]], bytes_a_day: int, folder: Path) -> Cost:
    """The same statement, accounts and regions, over 30 days every hour."""
    athena, telemetry = PricedAthena(pairs, bytes_a_day, datetime(_DAY.year, _DAY.month, _DAY.day, tzinfo=UTC)), Telemetry()
    engine, first = _engine(athena, telemetry), _DAY - timedelta(days=DAYS_REREAD - 1)
    narrowed = reading(statement("facts/cloudtrail"), "cloudtrail", None, of_folders(find_folders(FolderLocation(folder), None)))
    for _ in range(24):
        engine.query(narrowed, [f"{first:%Y/%m/%d}", f"{_DAY:%Y/%m/%d}", "Management", first, _DAY, "x", "x", "x", "x"])
        athena.now += timedelta(hours=1)
    athena.cost.athena_usd = _spent(telemetry)
    return athena.cost


def _engine(athena: PricedAthena, telemetry: Telemetry) -> AthenaEngine:
    return AthenaEngine(Athena(max_bytes_scanned=2**50), lambda _service: athena, telemetry, poll_seconds=0.001)


def _spent(telemetry: Telemetry) -> float:
    return telemetry.registry.get_sample_value("aws_user_exporter_aws_spend_usd_total", {"api": "athena"}) or 0.0
