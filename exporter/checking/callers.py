"""Whose the credentials are with which each part of the config reaches AWS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from exporter.aws import explained
from exporter.config import Aws
from exporter.errors import TransientError, UserError

Client = Callable[[Aws, str], Any]
"""Opens a boto3 client for a service."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom AWS takes us for."""

    account: str
    arn: str


class Callers:
    """Asks STS once for each way of reaching AWS, and opens clients."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[Aws, Caller | UserError | TransientError] = {}
        self._opened: dict[tuple[Aws, str], Any] = {}

    def client(self, reach: Aws, service: str) -> Any:
        """A client, opened once. Raises UserError as `aws.client` does."""
        if (reach, service) not in self._opened:
            self._opened[reach, service] = self._client(reach, service)
        return self._opened[reach, service]

    def of(self, reach: Aws) -> Caller:
        """Whose the credentials are. Raises UserError and TransientError; assuming the role, where there is one, is part of it."""
        if reach not in self._known:
            self._known[reach] = self._ask(reach)
        known = self._known[reach]
        if isinstance(known, Caller):
            return known
        raise known

    def _ask(self, reach: Aws) -> Caller | UserError | TransientError:
        action, resource = ("sts:AssumeRole", reach.role_arn) if reach.role_arn else ("sts:GetCallerIdentity", "this account")
        try:
            with explained(action, resource):
                found = self.client(reach, "sts").get_caller_identity()
        except (UserError, TransientError) as error:
            return error
        return Caller(str(found["Account"]), str(found["Arn"]))
