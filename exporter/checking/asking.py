"""What the modules that try permissions share: a client for one, and errors that show that it was there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from exporter.aws import Answered, explained
from exporter.checking.callers import Callers
from exporter.config import Config
from exporter.permissions import Needed


class NotTried(Exception):
    """Why a permission could not be tried, as a clause."""


@contextmanager
def allowing(needed: Needed, *codes: str) -> Iterator[None]:
    """Errors that only who may ask gets to see."""
    try:
        with explained(needed.permission.action, needed.resource):
            yield
    except Answered as error:
        if error.code not in codes:
            raise


class Asking:
    """Asks AWS with the credentials of a permission."""

    def __init__(self, config: Config, callers: Callers) -> None:
        self.config = config
        self.callers = callers

    def client(self, needed: Needed, service: str) -> Any:
        """A boto3 client for a service."""
        return self.callers.client(needed.reach, service)
