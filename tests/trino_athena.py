"""Athena's client with a real Trino behind it: the exporter's Athena engine runs on it as it runs on Athena, PyAthena and all."""

from __future__ import annotations

import re
from typing import Any

from fake_athena import SUCCEEDED, column, failed, row
from trino_server import TrinoAnswer, TrinoError, TrinoServer

from exporter.config import Athena
from exporter.engines.athena import AthenaEngine
from exporter.telemetry import Telemetry

_PAGE = 1000
_TYPE = re.compile(r"(\w+)(?:\((\d+)(?:, ?(\d+))?\))?")


class TrinoAsAthena:
    """Its interface is `exporter.engines.athena_requests.Client`. A query has ended when its start is answered."""

    def __init__(self, trino: TrinoServer) -> None:
        self._trino = trino
        self._answers: list[TrinoAnswer] = []
        self._statuses: list[dict[str, Any]] = []

    def start_query_execution(self, **request: Any) -> dict[str, Any]:
        sql, parameters = request["QueryString"], request.get("ExecutionParameters")
        if parameters:
            # What Athena makes of them: https://docs.aws.amazon.com/athena/latest/ug/querying-with-prepared-statements.html
            sql = f"EXECUTE IMMEDIATE '{sql.replace(chr(39), chr(39) * 2)}' USING {', '.join(parameters)}"
        try:
            answer, status = self._trino.run(sql, request["QueryExecutionContext"]["Database"]), SUCCEEDED
        except TrinoError as error:
            answer, status = TrinoAnswer(), failed(str(error))
        self._answers.append(answer)
        self._statuses.append(status)
        return {"QueryExecutionId": str(len(self._answers) - 1)}

    def get_query_execution(self, **request: Any) -> dict[str, Any]:
        query = request["QueryExecutionId"]
        scanned = {"DataScannedInBytes": self._answers[int(query)].read}
        return {
            "QueryExecution": {
                "QueryExecutionId": query,
                "Query": "SELECT",
                "StatementType": "DML",
                "Status": self._statuses[int(query)],
                "Statistics": scanned,
            }
        }

    def get_query_results(self, **request: Any) -> dict[str, Any]:
        answer = self._answers[int(request["QueryExecutionId"])]
        at = int(request.get("NextToken", 0))
        labels = [row(*(name for name, _ in answer.columns))] if at == 0 else []
        rows = [*labels, *(row(*map(_text, values)) for values in answer.rows[at : at + _PAGE - len(labels)])]
        after = at + len(rows) - len(labels)
        page = {"ResultSet": {"Rows": rows, "ResultSetMetadata": {"ColumnInfo": [_column(name, kind) for name, kind in answer.columns]}}}
        return {**page, "NextToken": str(after)} if after < len(answer.rows) else page

    def stop_query_execution(self, **request: Any) -> dict[str, Any]:
        return {}


def athena_on(trino: TrinoServer, schema: str) -> AthenaEngine:
    """The engine of production over the tables and views of a schema of Trino's."""
    return AthenaEngine(Athena(database=schema), lambda _service: TrinoAsAthena(trino), Telemetry(), poll_seconds=0.01)


def _column(name: str, kind: str) -> dict[str, Any]:
    found = _TYPE.fullmatch(kind)
    assert found, f"column {name} is {kind}"
    return column(name, found[1], int(found[2] or 0), int(found[3] or 0))


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)
