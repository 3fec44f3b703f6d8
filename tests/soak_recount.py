"""What a service served in the soak, beside a recount of its sources. Run as a program: whoever measures memory does not hold the recount."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

from demo_recount import DAY, Cost, DemoRecount

Values = dict[tuple[str, ...], Decimal]
"""Samples without zeros, by label values in the order of the text."""


def compared(folder: Path, first: date, today: date) -> dict[str, dict[str, object]]:
    """Of each family how many samples are `expected`, and which are `wrong`: those that only one side has."""
    served, recount, found = _served((folder / "served.txt").read_text(encoding="utf-8")), DemoRecount.of(folder, today, first), {}
    for name, expected in {**_kiro(recount), **_activity(recount), **_cost(recount.cost)}.items():
        wrong = served.get(name, {}).items() ^ expected.items()
        found[name] = {"expected": len(expected), "wrong": sorted(f"{labels} {value}" for labels, value in wrong)}
    return found


def _served(text: str) -> dict[str, Values]:
    found: dict[str, Values] = {}
    for sample in text.splitlines():
        series, _, number = sample.rpartition(" ")
        if number != "0" and not sample.startswith("#"):
            name, _, labels = series.partition("{")
            found.setdefault(name, {})[tuple(labels.split('"')[1::2])] = Decimal(number)
    return found


def spans(today: date, first: date, last: date) -> dict[str, tuple[date, date]]:
    """First and last day of windows, where every day through yesterday has landed."""
    month, yesterday = today.replace(day=1), today - DAY
    before = month - DAY
    found = {"yesterday": (yesterday, yesterday), "last_7d": (last - 6 * DAY, last), "last_30d": (last - 29 * DAY, last)}
    found |= {"month_to_date": (month, yesterday), "last_month": (before.replace(day=1), before)}
    return {window: (max(start, first), end) for window, (start, end) in found.items()}


def _kiro(recount: DemoRecount) -> dict[str, Values]:
    kiro, found = recount.kiro, {}
    for window, (first, last) in spans(recount.today, date.min, recount.today - DAY).items():
        rows = [row for row in kiro.credit_rows if first <= row.day <= last]
        for family, column in (("credits", "credits_used"), ("messages", "total_messages"), ("conversations", "chat_conversations")):
            if family == "credits" or window in ("yesterday", "last_30d", "month_to_date"):
                found[f"kiro_user_{family}_{window}"] = _summed((kiro.person(row.identity), row.numbers[column]) for row in rows)
    return found


def _activity(recount: DemoRecount) -> dict[str, Values]:
    found = {}
    for window, (first, last) in spans(recount.today, recount.first, recount.today - DAY).items():
        for family, dimension, label in (
            ("events", "access", "access"),
            ("service_events", "service", "aws_service"),
            ("region_events", "region", "aws_region"),
        ):
            if window == "last_month" or (window == "last_7d" and family != "events"):
                continue
            by_day = recount.aws.people(dimension, 0, label)
            rows = (((*person, value), events) for day, of_day in by_day.items() if first <= day <= last for (person, value), events in of_day.items())
            found[f"aws_user_{family}_{window}"] = _summed(rows)
    return found


def _cost(cost: Cost) -> dict[str, Values]:
    windows = ("yesterday", "last_7d", "last_30d", "month_to_date", "last_month")
    families: Mapping[str, tuple[str, ...]] = {
        "aws_cost": windows,
        "aws_cost_attributed": windows,
        "aws_cost_unattributed": windows,
        "aws_user_cost": windows,
        "aws_user_service_cost": ("yesterday", "last_30d", "month_to_date"),
    }
    return {f"{family}_{window}": dict(cost.sums(window, family)) for family, chosen in families.items() for window in chosen}


def _summed(rows: object) -> Values:
    found: Values = {}
    for labels, value in rows:  # type: ignore[attr-defined]
        found[labels] = found.get(labels, Decimal(0)) + value
    return {labels: value for labels, value in found.items() if value}


if __name__ == "__main__":
    where, since, day = sys.argv[1:]
    json.dump(compared(Path(where), date.fromisoformat(since), date.fromisoformat(day)), sys.stdout)
