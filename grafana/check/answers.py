"""Asks a Prometheus what the panels of a dashboard ask, with every variable at its first choice: the answers that the checks and the pictures are made of."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

FOLDER = Path(__file__).resolve().parents[1] / "dashboards"

DAY = 86400
SCREEN_POINTS = 400
"""Points across a panel whose step Grafana chooses by the width of the screen."""

_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::\w+)?\}|(\w+))")


def dashboards() -> Iterator[dict[str, Any]]:
    """The documents, as they are committed."""
    for path in sorted(FOLDER.glob("*.json")):
        yield json.loads(path.read_text(encoding="utf-8"))


class Prometheus:
    """One that listens at an address (`host:port`), asked as of a moment (Unix time), for a number of days before it."""

    def __init__(self, address: str, moment: float, days: int = 60) -> None:
        self.address = address
        self.moment = moment
        self.days = days

    def answers(self, dashboard: Mapping[str, Any], panel: Mapping[str, Any], values: Mapping[str, str]) -> list[dict[str, Any]]:
        """What frames.ts takes. `values` are those of variables that have no first choice of their own."""
        return [self._answer(target, panel, {**first_choices(dashboard), **values}) for target in panel.get("targets", ())]

    def people(self, expression: str) -> list[str]:
        """The label `user` of each series of an instant query."""
        return [series["metric"]["user"] for series in self._ask("query", query=expression, time=self.moment)]

    def _answer(self, target: Mapping[str, Any], panel: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
        expression = _VARIABLE.sub(lambda found: values.get(found[1] or found[2], found[0]), target["expr"])
        step = 0
        if target.get("range"):
            step = DAY if panel.get("interval") == "1d" else max(15, self.days * DAY // SCREEN_POINTS)
            # Grafana moves both ends to multiples of the step.
            end = int(self.moment // step * step)
            start = int((self.moment // DAY - self.days) * DAY // step * step)
            series = self._ask("query_range", query=expression, start=start, end=end, step=step)
        else:
            series = self._ask("query", query=expression, time=self.moment)
        return {
            "refId": target["refId"],
            "table": target.get("format") == "table",
            "legend": target.get("legendFormat", ""),
            "step": step,
            "series": series,
        }

    def _ask(self, what: str, **parameters: object) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"http://{self.address}/api/v1/{what}", urlencode(parameters).encode()) as answer:
            result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
            return result


def first_choices(dashboard: Mapping[str, Any]) -> dict[str, str]:
    """What each variable stands for in a query when nothing has been chosen."""
    choices = {"__rate_interval": "5m", "__interval": "5m"}
    for variable in dashboard["templating"]["list"]:
        current = variable.get("current", {}).get("value", "")
        choices[variable["name"]] = variable["allValue"] if current == ["$__all"] else str(current)
    return choices
