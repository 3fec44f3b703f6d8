"""What the Athena engine asks of AWS: the four requests that it sends, each counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

START, POLL, READ, STOP = "athena:StartQueryExecution", "athena:GetQueryExecution", "athena:GetQueryResults", "athena:StopQueryExecution"
REQUESTS = (START, POLL, READ, STOP)
"""As IAM and `api_requests_total` name them."""


class Client(Protocol):
    """What the engine uses of boto3's Athena client. Errors are those of botocore."""

    def start_query_execution(self, **request: Any) -> dict[str, Any]: ...
    def get_query_execution(self, **request: Any) -> dict[str, Any]: ...
    def get_query_results(self, **request: Any) -> dict[str, Any]: ...
    def stop_query_execution(self, **request: Any) -> dict[str, Any]: ...


class CountedClient:
    """A client of which every request is counted."""

    def __init__(self, client: Client, on_request: Callable[[str], None]) -> None:
        self._client = client
        self._on_request = on_request

    def start_query_execution(self, **request: Any) -> dict[str, Any]:
        self._on_request(START)
        return self._client.start_query_execution(**request)

    def get_query_execution(self, **request: Any) -> dict[str, Any]:
        self._on_request(POLL)
        return self._client.get_query_execution(**request)

    def get_query_results(self, **request: Any) -> dict[str, Any]:
        self._on_request(READ)
        return self._client.get_query_results(**request)

    def stop_query_execution(self, **request: Any) -> dict[str, Any]:
        self._on_request(STOP)
        return self._client.stop_query_execution(**request)


class Session:
    """Stands where PyAthena looks for a boto3 session, so that it uses a client with our time-outs and credentials."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def client(self, _service: str, **_settings: Any) -> Client:
        return self._client
