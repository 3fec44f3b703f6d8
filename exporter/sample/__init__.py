"""A synthetic organisation and the files that AWS would deliver for it."""

from __future__ import annotations

from exporter.sample.cloudtrail import EVENTS_A_PERSON, MOST_BY_DEFAULT
from exporter.sample.directory import load_directory
from exporter.sample.organisation import Account, KiroSeat, Organisation, Person, Team
from exporter.sample.writer import BrokenRow, Summary, write

__all__ = [
    "EVENTS_A_PERSON",
    "MOST_BY_DEFAULT",
    "Account",
    "BrokenRow",
    "KiroSeat",
    "Organisation",
    "Person",
    "Summary",
    "Team",
    "load_directory",
    "write",
]
