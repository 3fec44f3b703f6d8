"""Waits for what a service publishes in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from exporter import publisher


class Publications:
    """Tells apart what was published before and after a request."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._asked = self._answered = 0
        request, publish = publisher.Publisher.request, publisher.Publisher.publish

        def requesting(made: publisher.Publisher) -> None:
            self._asked += 1
            request(made)

        def publishing(made: publisher.Publisher) -> None:
            answered = self._asked
            publish(made)
            self._answered = answered

        monkeypatch.setattr(publisher, "_LOOK_EVERY_SECONDS", 0.01)
        monkeypatch.setattr(publisher.Publisher, "request", requesting)
        monkeypatch.setattr(publisher.Publisher, "publish", publishing)

    def caught_up(self) -> Callable[[], bool]:
        """Whether whatever was asked for until now is served."""
        asked = self._asked
        return lambda: self._answered >= asked
