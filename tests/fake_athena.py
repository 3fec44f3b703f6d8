"""Athena as its client shows it, failing in every way that is asked of it. Its interface is `exporter.engines.athena_requests.Client`."""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError
from botocore.response import StreamingBody

QUEUED: dict[str, Any] = {"State": "QUEUED"}
RUNNING: dict[str, Any] = {"State": "RUNNING"}
SUCCEEDED: dict[str, Any] = {"State": "SUCCEEDED"}


def failed(reason: str, *, retryable: bool = False, category: int = 2) -> dict[str, Any]:
    return {"State": "FAILED", "StateChangeReason": reason, "AthenaError": {"ErrorCategory": category, "ErrorType": 1, "Retryable": retryable}}


def cancelled(reason: str) -> dict[str, Any]:
    return {"State": "CANCELLED", "StateChangeReason": reason}


def refused(operation: str, code: str, message: str = "", status: int = 400) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}, operation)  # type: ignore[typeddict-item, unused-ignore]


def column(name: str, kind: str, precision: int = 0, scale: int = 0) -> dict[str, Any]:
    return {"Name": name, "Label": name, "Type": kind, "Precision": precision, "Scale": scale, "Nullable": "UNKNOWN", "CaseSensitive": False}


def row(*values: str | None) -> dict[str, Any]:
    return {"Data": [{} if value is None else {"VarCharValue": value} for value in values]}


RESULTS = "results-bucket"


def as_csv(columns: Sequence[str], rows: Sequence[Sequence[str | None]]) -> bytes:
    """A result object as Athena writes it: every value in quotes, NULL as nothing."""
    lines = [columns, *rows]
    return "".join(",".join("" if value is None else '"' + value.replace('"', '""') + '"' for value in line) + "\n" for line in lines).encode()


@dataclass
class FakeBucket:
    """S3 as its client shows it, with the same object under every key. `breaks` says for each request in order after how many bytes the connection ends, or
    what is raised instead; None: it works."""

    content: bytes = b""
    breaks: list[int | Exception | None] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    meta: Any = field(default_factory=lambda: SimpleNamespace(partition="aws"))

    def get_object(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        fault = self.breaks.pop(0) if self.breaks else None
        if isinstance(fault, Exception):
            raise fault
        start = int(request["Range"].removeprefix("bytes=").removesuffix("-")) if "Range" in request else 0
        content = self.content[start:]
        return {"ETag": '"1"', "ContentLength": len(content), "Body": StreamingBody(io.BytesIO(content[:fault]), len(content))}


@dataclass
class FakeAthena:
    """`statuses` are answered poll by poll, the last one for ever. `errors` by operation are raised once each, in order, before that operation works; None
    stands for one that works in between."""

    statuses: Sequence[dict[str, Any]] = (SUCCEEDED,)
    columns: Sequence[dict[str, Any]] = (column("n", "bigint"),)
    rows: Sequence[dict[str, Any]] = ()
    kind: str = "DML"
    scanned: int = 0
    queued_ms: int = 0
    engine_ms: int = 0
    errors: dict[str, list[Exception | None]] = field(default_factory=dict)
    page: int = 1000
    bucket: FakeBucket | None = None
    """Where the result object is; None: Athena keeps results itself (managed results)."""
    started: list[dict[str, Any]] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """Every request, in order."""
    most_at_once: int = 0
    polled: threading.Event = field(default_factory=threading.Event)
    _polls: dict[str, int] = field(default_factory=dict)
    _going: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start_query_execution(self, **request: Any) -> dict[str, Any]:
        self._fail("StartQueryExecution")
        with self._lock:
            self.started.append(request)
            query = f"q{len(self.started)}"
            self._polls[query] = 0
            self._going.add(query)
            self.most_at_once = max(self.most_at_once, len(self._going))
        return {"QueryExecutionId": query}

    def get_query_execution(self, **request: Any) -> dict[str, Any]:
        self._fail("GetQueryExecution")
        query = request["QueryExecutionId"]
        with self._lock:
            poll = self._polls[query]
            self._polls[query] += 1
            status = cancelled("Query cancelled by user") if query in self.stopped else self.statuses[min(poll, len(self.statuses) - 1)]
            if status["State"] not in ("QUEUED", "RUNNING"):
                self._going.discard(query)
        self.polled.set()
        return {
            "QueryExecution": {
                "QueryExecutionId": query,
                "Query": "SELECT",
                "StatementType": self.kind,
                "Status": status,
                "Statistics": {
                    "DataScannedInBytes": self.scanned,
                    "QueryQueueTimeInMillis": self.queued_ms,
                    "EngineExecutionTimeInMillis": self.engine_ms,
                },
                "ResultConfiguration": {"OutputLocation": f"s3://{RESULTS}/{query}.csv"} if self.bucket else {},
                "ManagedQueryResultsConfiguration": {"Enabled": self.bucket is None},
            }
        }

    def get_query_results(self, **request: Any) -> dict[str, Any]:
        self._fail("GetQueryResults")
        labels = row(*(one["Name"] for one in self.columns))
        rows = [labels, *self.rows]
        at = int(request.get("NextToken", 0))
        answer: dict[str, Any] = {"ResultSet": {"Rows": rows[at : at + self.page], "ResultSetMetadata": {"ColumnInfo": list(self.columns)}}}
        return answer if at + self.page >= len(rows) else {**answer, "NextToken": str(at + self.page)}

    def stop_query_execution(self, **request: Any) -> dict[str, Any]:
        self._fail("StopQueryExecution")
        with self._lock:
            self.stopped.append(request["QueryExecutionId"])
            self._going.discard(request["QueryExecutionId"])
        return {}

    def _fail(self, operation: str) -> None:
        with self._lock:
            self.asked.append(operation)
            due = self.errors.get(operation)
            error = due.pop(0) if due else None
        if error is not None:
            raise error
