"""Requests to Cost Explorer: each is counted in the store before it is sent, and no more are sent than a UTC day may cost."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

import msgspec

from exporter import aws
from exporter.facts.store import Store
from exporter.telemetry import Telemetry

API = "cost_explorer"
PRICE_USD = 0.01
"""Of one request; every page is one. https://aws.amazon.com/aws-cost-management/aws-cost-explorer/pricing/"""

_COUNT = "cost_explorer_requests"
_ACTION = "ce:GetCostAndUsage"
Page = Mapping[str, Any]


class Spent(Exception):
    """The requests of this UTC day are used up; nothing was sent."""


class _Sent(msgspec.Struct, frozen=True):
    day: date
    requests: int


class Requests:
    """Sends requests within a daily budget. What was answered completely is kept until `forget`, so that a retry pays only for what failed."""

    def __init__(self, client: Callable[[str], Any], a_day: int, store: Store, telemetry: Telemetry, clock: Callable[[], datetime]) -> None:
        """`client` gives a boto3 client by service name."""
        self._open_client = client
        self._client: Any = None
        self._a_day = a_day
        self._store = store
        self._telemetry = telemetry
        self._clock = clock
        self._answers: dict[str, list[Page]] = {}

    def left(self) -> int:
        """Requests that may still be sent today."""
        return max(0, self._a_day - self._sent())

    def forget(self) -> None:
        """Lets go of the answers."""
        self._answers.clear()

    def pages(self, request: Mapping[str, Any], step: Callable[[], None]) -> list[Page]:
        """All pages of an answer. Raises Spent before a request too many, and what `aws.explain` says."""
        asked = json.dumps(request, sort_keys=True)
        if asked not in self._answers:
            self._answers[asked] = self._ask(request, step)
        return self._answers[asked]

    def _ask(self, request: Mapping[str, Any], step: Callable[[], None]) -> list[Page]:
        found: list[Page] = []
        token: Mapping[str, str] = {}
        while True:
            step()
            with aws.explained(_ACTION, "Cost Explorer"):
                page = self._connected().get_cost_and_usage(**request, **token)
            found.append(page)
            if not page.get("NextPageToken"):
                return found
            token = {"NextPageToken": page["NextPageToken"]}

    def _connected(self) -> Any:
        if self._client is None:
            self._client = self._open_client("ce")
            # Where every attempt passes, also those that botocore repeats by itself: each may be billed.
            self._client.meta.events.register("before-send.cost-explorer.GetCostAndUsage", self._count)
        return self._client

    def _count(self, **_: Any) -> None:
        sent = self._sent()
        if sent >= self._a_day:
            raise Spent
        self._store.save_state(_COUNT, _Sent(self._clock().date(), sent + 1))
        self._telemetry.api_request(API, PRICE_USD)

    def _sent(self) -> int:
        known = self._store.state(_COUNT, _Sent)
        return known.requests if known is not None and known.day == self._clock().date() else 0
