"""Six people with use of every kind, for the tests of what the series limits do to them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, timedelta

from facts_in_memory import Counted, Fact, Published, Used, at, config, identity, landed, publish

from exporter.facts.recent import RecentFacts
from exporter.families.catalogue import families
from exporter.people import Entry

NOW = at(2026, 7, 15)
FIRST, LAST = date(2026, 5, 6), date(2026, 7, 14)
MODELS = ("auto", "claude_haiku_4.5", "claude_opus_4.8", "glm_5", "qwen3_coder_next")

# Credits a day, on 20 days of last_30d. Two teams, and fay, whom nobody listed.
CREDITS = {"ann": 60, "bob": 50, "cat": 40, "dan": 30, "eve": 20, "fay": 10}
TEAMS = {"ann": "core", "bob": "data", "cat": "core", "dan": "data", "eve": "core"}
IDS = {user: identity(letter) for user, letter in zip(CREDITS, "abcdef", strict=True)}
ENTRIES = [Entry(user, team=team, aliases=(IDS[user],), seat_tier="pro", seat_since=date(2026, 1, 1)) for user, team in TEAMS.items()]
IDLE = [Entry("idle", team="data", seat_tier="power", seat_since=date(2026, 1, 1)), Entry("zoe", team="core")]


def facts() -> list[Fact]:
    """Use on ten days of July and ten of June, with both clients, five models, overage and counters of every unit."""
    rows: list[Fact] = []
    for user, daily in CREDITS.items():
        for back in (*range(10), *range(20, 30)):
            day = LAST - timedelta(days=back)
            share = f"{daily / 2}"
            models = {model: (place + 1) * daily // 10 for place, model in enumerate(MODELS)}
            rows.append(Used(day, IDS[user], share, daily, 2, overage=f"{daily / 8}", cap=100, overage_enabled=True, models=models))
            rows.append(Used(day, IDS[user], share, daily // 2, 1, client="cli"))
            for counter in (
                "Chat_MessagesSent",
                "Inline_AcceptanceCount",
                "Dev_AcceptedLines",
                "DocGeneration_AcceptedFileUpdates",
                "TestGeneration_AcceptedTests",
            ):
                rows.append(Counted(day, IDS[user], counter, daily))
    return rows


def folded(recent: RecentFacts, limits: Mapping[str, int]) -> Published:
    return publish(recent, NOW, landed(FIRST, LAST), entries=[*ENTRIES, *IDLE], settings=config(limits=dict(limits)))


BREAKDOWNS = [
    "kiro_user_client_credits",
    "kiro_user_client_messages",
    "kiro_user_model_messages",
    "kiro_user_feature_events",
    "kiro_user_feature_lines",
    "kiro_user_feature_files",
    "kiro_user_feature_tests",
]
ADDITIVE = [
    "kiro_user_credits",
    "kiro_user_overage_credits",
    "kiro_user_messages",
    "kiro_user_conversations",
    "kiro_user_list_cost",
    *BREAKDOWNS,
]
"""Marked + in metrics.md, and the counters of features, which are by unit."""
_WINDOWS = {name: family.windows for name, family in families().items() if name in ADDITIVE}
NAMES = [f"{family}_{window}" for family in ADDITIVE for window in _WINDOWS[family]]
"""Of every additive family in every window."""


def totals(seen: Published, name: str) -> dict[tuple[str, ...], float]:
    """Sums by team and currency, which every folding keeps."""
    found: dict[tuple[str, ...], list[float]] = {}
    for pairs, value in seen.samples.get(name, {}).items():
        labels = dict(pairs)
        found.setdefault((labels["team"], labels.get("currency", "")), []).append(value)
    return {key: math.fsum(values) for key, values in found.items() if math.fsum(values)}
