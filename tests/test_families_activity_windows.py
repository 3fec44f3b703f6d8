"""What the clock, the landed days and the config's `windows` do to the families of activity_people.py, and that each is there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from activity_people import ENTRIES, FACTS, FIRST, LANDED, LAST, NOW, OLDER, TODAY, july, of_alice
from facts_in_memory import Published, at, config, in_memory, publish

from exporter.facts.recent import RecentFacts
from exporter.model import DayRange
from exporter.windows import Landed


@pytest.fixture(scope="module")
def recent() -> RecentFacts:
    return in_memory(FACTS, OLDER)


@pytest.fixture(scope="module")
def seen(recent: RecentFacts) -> Published:
    return publish(recent, NOW, LANDED, entries=ENTRIES)


def test_today_is_absent_until_it_was_read(recent: RecentFacts) -> None:
    yesterday = {"cloudtrail": Landed(DayRange(FIRST, LAST), timedelta(days=3), LAST)}
    found = publish(recent, NOW, yesterday, entries=ENTRIES)
    assert ("aws_principal_events_today" in found.samples, "aws_principal_events_yesterday" in found.samples) == (False, True)


def test_people_have_a_today_where_the_config_asks_for_it(recent: RecentFacts) -> None:
    found = publish(recent, NOW, LANDED, entries=ENTRIES, settings=config(windows={"aws_user_events": ["today"]}))
    assert of_alice(found, "aws_user_events_today") == {("read",): 4, ("write",): 0}


def test_yesterday_is_absent_until_it_has_landed(recent: RecentFacts) -> None:
    before = {"cloudtrail": Landed(DayRange(FIRST, july(13)), timedelta(days=3), TODAY)}
    found = publish(recent, NOW, before, entries=ENTRIES)
    assert [name for name in found.samples if name.endswith("_yesterday")] == []


def activity(seen: Published) -> list[str]:
    return [name for name in seen.samples if name.startswith(("aws_user_", "aws_principal_")) and name not in ("aws_user_info", CREATED)]


CREATED = "aws_user_created_timestamp_seconds"


@pytest.mark.parametrize(("moment", "stand"), [(at(2026, 7, 17, 23, 59, 59), True), (at(2026, 7, 18, 0), False)])
def test_families_are_withdrawn_when_the_newest_day_is_too_old(recent: RecentFacts, moment: Any, stand: bool) -> None:
    found = publish(recent, moment, LANDED, entries=ENTRIES)
    assert (bool(activity(found)), "aws_user_info" in found.samples) == (stand, True)


def test_every_family_of_the_contract_is_published(seen: Published) -> None:
    short = ("yesterday", "last_30d", "month_to_date")
    windows: dict[str, tuple[str, ...]] = {
        "aws_user_events": ("yesterday", "last_7d", "last_30d", "month_to_date"),
        **dict.fromkeys((f"aws_user_{kind}_events" for kind in ("denied", "sensitive", "service", "region", "account")), short),
        **dict.fromkeys(("aws_user_services_used", "aws_user_regions_used"), ("last_30d",)),
        "aws_user_active_dates": ("last_30d", "month_to_date"),
        **dict.fromkeys(("aws_principal_events", "aws_principal_denied_events", "aws_principal_sensitive_events"), ("today", "yesterday", "last_30d")),
    }
    alone = {
        "aws_user_activity_score_last_30d",
        "aws_user_usage_level_last_30d",
        "aws_user_first_activity_timestamp_seconds",
        "aws_user_last_activity_timestamp_seconds",
        "aws_user_last_sensitive_event_timestamp_seconds",
        "aws_user_typical_day_denied_events",
        "aws_principal_last_event_timestamp_seconds",
        "aws_principal_last_sensitive_event_timestamp_seconds",
    }
    published = {f"{name}_{window}" for name, found in windows.items() for window in found} | alone
    # No sensitive event has happened today.
    assert set(activity(seen)) == published - {"aws_principal_sensitive_events_today"}
