"""What the Athena engine asks of AWS: its requests, each counted, and a token that makes starting a query safe to repeat."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any, Protocol

START, POLL, READ, STOP = "athena:StartQueryExecution", "athena:GetQueryExecution", "athena:GetQueryResults", "athena:StopQueryExecution"
READ_OBJECT = "s3:GetObject"
REQUESTS = (START, POLL, READ, STOP, READ_OBJECT)
"""As IAM and `api_requests_total` name them."""

TOKEN_SECONDS = 300.0
"""How long a start that got no answer keeps its token. Later, the same statement means the data as they are then."""


class Client(Protocol):
    """What the engine uses of boto3's Athena client. Errors are those of botocore."""

    def start_query_execution(self, **request: Any) -> dict[str, Any]: ...
    def get_query_execution(self, **request: Any) -> dict[str, Any]: ...
    def get_query_results(self, **request: Any) -> dict[str, Any]: ...
    def stop_query_execution(self, **request: Any) -> dict[str, Any]: ...


class StartTokens:
    """`ClientRequestToken` for starts. One that got no answer may have started a query all the same: sent again with its token, it is that query.

    A start that was answered never lends its token: Athena would hand out the old query, failed or not.
    https://docs.aws.amazon.com/athena/latest/APIReference/API_StartQueryExecution.html
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._unanswered: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def take(self, request: dict[str, Any]) -> str:
        """The token for a request; nobody else gets it until it is kept again."""
        now = self._clock()
        with self._lock:
            self._unanswered = {asked: kept for asked, kept in self._unanswered.items() if now - kept[1] < TOKEN_SECONDS}
            token, _ = self._unanswered.pop(_asked(request), (str(uuid.uuid4()), now))
        return token

    def keep(self, request: dict[str, Any], token: str) -> None:
        """For the next attempt, because this one got no answer."""
        with self._lock:
            self._unanswered[_asked(request)] = (token, self._clock())


class CountedClient:
    """A client of which every request is counted."""

    def __init__(self, client: Client, on_request: Callable[[str], None], tokens: StartTokens) -> None:
        self._client = client
        self._on_request = on_request
        self._tokens = tokens

    def start_query_execution(self, **request: Any) -> dict[str, Any]:
        self._on_request(START)
        token = self._tokens.take(request)
        try:
            return self._client.start_query_execution(**request, ClientRequestToken=token)
        except Exception:
            self._tokens.keep(request, token)
            raise

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


def _asked(request: dict[str, Any]) -> str:
    return json.dumps(request, sort_keys=True)
