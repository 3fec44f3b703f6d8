"""Tries what queries need of Athena and Glue, by queries that scan nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from exporter.aws import refusal
from exporter.checking.asking import Asking, NotTried, allowing
from exporter.checking.callers import Callers
from exporter.config import Aws, Config
from exporter.errors import TransientError, UserError
from exporter.permissions import Needed
from exporter.setup.definitions import RELATIONS

QUERY = "SELECT 1"
"""Scans nothing."""

_ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")
_PATIENCE_SECONDS = 60.0


@dataclass(slots=True)
class Query:
    """One query that scans nothing, as far as it came."""

    id: str | None = None
    status: Mapping[str, Any] = field(default_factory=dict)
    execution: Mapping[str, Any] = field(default_factory=dict)


class Queries(Asking):
    """One query for each way of reaching AWS, and what was seen of it."""

    def __init__(self, config: Config, callers: Callers, poll_seconds: float) -> None:
        super().__init__(config, callers)
        self._poll_seconds = poll_seconds
        self._queries: dict[Aws, Query] = {}

    def query_failure(self, reach: Aws) -> UserError | None:
        """Why the query that scans nothing did not succeed; None where it did, or never ran."""
        status = self._queries.get(reach, Query()).status
        if status.get("State") != "FAILED":
            return None
        reason = str(status.get("StateChangeReason", "no reason was given"))
        return refusal(reason) or UserError(f"Athena could not run {QUERY}: {reason}")

    def can_query(self, reach: Aws) -> bool:
        """Whether the query that scans nothing came to its end."""
        return self._queries.get(reach, Query()).status.get("State") == "SUCCEEDED"

    def _run(self, needed: Needed) -> str:
        athena = self.config.athena
        where = {"ResultConfiguration": {"OutputLocation": athena.output_location}} if athena.output_location else {}
        context = {"Database": athena.database}
        client = self.client(needed, "athena")
        return str(client.start_query_execution(QueryString=QUERY, WorkGroup=athena.workgroup, QueryExecutionContext=context, **where)["QueryExecutionId"])

    def start(self, needed: Needed) -> None:
        query = self._queries.setdefault(needed.reach, Query())
        query.id = self._run(needed)

    def started(self, needed: Needed) -> Query:
        query = self._queries.get(needed.reach, Query())
        if query.id is None:
            raise NotTried("no query could be started")
        return query

    def poll(self, needed: Needed) -> None:
        query, end = self.started(needed), time.monotonic() + _PATIENCE_SECONDS
        client = self.client(needed, "athena")
        while query.status.get("State") not in _ENDED:
            query.execution = client.get_query_execution(QueryExecutionId=query.id)["QueryExecution"]
            query.status = query.execution["Status"]
            if query.status["State"] not in _ENDED:
                if time.monotonic() > end:
                    raise TransientError(f"Athena did not run {QUERY} within {_PATIENCE_SECONDS:.0f} seconds, it is {query.status['State']}.")
                time.sleep(self._poll_seconds)

    def read_answer(self, needed: Needed) -> None:
        query = self.started(needed)
        if query.status.get("State") not in _ENDED:
            raise NotTried("how far the query is could not be seen")
        with allowing(needed, "InvalidRequestException"):  # of a query that failed
            self.client(needed, "athena").get_query_results(QueryExecutionId=query.id, MaxResults=1)

    def stop(self, needed: Needed) -> None:
        self.started(needed)
        another = self._run(needed)
        with allowing(needed, "InvalidRequestException"):  # it had ended
            self.client(needed, "athena").stop_query_execution(QueryExecutionId=another)

    def workgroup(self, needed: Needed) -> None:
        self.client(needed, "athena").get_work_group(WorkGroup=self.config.athena.workgroup)

    def database(self, needed: Needed) -> None:
        with allowing(needed, "EntityNotFoundException"):
            self.client(needed, "glue").get_database(Name=self.config.athena.database.lower())

    def table(self, needed: Needed) -> None:
        database, table = self._one_table(needed)
        with allowing(needed, "EntityNotFoundException"):
            self.client(needed, "glue").get_table(DatabaseName=database, Name=table)

    def partitions(self, needed: Needed) -> None:
        database, table = self._one_table(needed)
        with allowing(needed, "EntityNotFoundException", "InvalidInputException"):  # a view has none
            self.client(needed, "glue").get_partitions(DatabaseName=database, TableName=table, MaxResults=1)

    def _one_table(self, needed: Needed) -> tuple[str, str]:
        table = self.config.sources.queried()[needed.section].table or RELATIONS.get(needed.section, needed.section)
        database, _, name = table.rpartition(".")
        return (database or self.config.athena.database).lower(), name.lower()
