"""What the dashboards about AWS share: why a panel may be empty, and events and cost of people."""

from __future__ import annotations

from grafana.source.queries import EACH, NAMED, NAMED_MONEY, of_window

NO_EVENTS = "No CloudTrail day of this window has landed"
NO_BILL = "No bill is read, or no day of it in this window has landed"
NO_MONTH = "No bill is read, or no day of it in this month has landed"

EACH_MONEY = "sum by (user, team, currency)"
"""One value a person and currency."""

MONEY_PERSON = {"user": "User", "team": "Team", "currency": "Currency"}
"""The labels of a table of people with amounts of money, with their titles."""


def events(*matchers: str) -> str:
    """CloudTrail events of each person in the chosen window."""
    return f"{EACH} ({of_window('aws_user_events', ','.join((NAMED, *matchers)))})"


def cost(*matchers: str) -> str:
    """Cost of each person in the chosen window, by currency."""
    return f"{EACH_MONEY} ({of_window('aws_user_cost', ','.join((NAMED_MONEY, *matchers)))})"


def seen() -> str:
    """When each person was last seen in AWS or in Kiro, Unix time."""
    sources = {"aws": "aws_user_last_activity_timestamp_seconds", "kiro": "kiro_user_last_activity_timestamp_seconds"}
    either = " or ".join(f'label_replace({metric}{{{NAMED}}}, "seen_in", "{name}", "", "")' for name, metric in sources.items())
    return f"max by (user, team) ({either})"
