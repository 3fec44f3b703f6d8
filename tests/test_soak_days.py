"""The soak in small: three simulated days of the whole service over a month end, and no metric drifts from an independent recount."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from soak_rig import DAY, SoakedService

PEOPLE = 6
FIRST, BEGIN, END = date(2026, 8, 21), date(2026, 8, 31), date(2026, 9, 2)
THERE = {"kiro_user_credits_month_to_date", "aws_user_events_last_30d", "aws_user_cost_last_month"}


def test_three_days_over_a_month_end_do_not_drift(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = SoakedService(tmp_path, PEOPLE, FIRST, BEGIN, monkeypatch)
    try:
        day = BEGIN
        while day <= END:
            service.live(day, check=day == END)
            day += DAY
    finally:
        service.stop()
    seen = service.seen
    assert (seen.failures, seen.unserved) == (0, [])
    families = seen.checked[END]
    assert {name: family["wrong"] for name, family in families.items() if family["wrong"]} == {}
    assert {name for name, family in families.items() if family["expected"]} >= THERE
