"""Every group of families, in the order in which they are published."""

from __future__ import annotations

from exporter.families import Family
from exporter.families.activity import ACTIVITY
from exporter.families.cost import COST
from exporter.families.kiro import KIRO_CREDITS
from exporter.families.kiro_features import KIRO_FEATURES
from exporter.families.people import PEOPLE

GROUPS = (PEOPLE, ACTIVITY, COST, KIRO_CREDITS, KIRO_FEATURES)


def families() -> dict[str, Family]:
    """Every family by its name."""
    return {family.name: family for group in GROUPS for family in group.families}
