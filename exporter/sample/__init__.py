"""A synthetic organisation and the files that AWS would deliver for it."""

from __future__ import annotations

from exporter.sample.organisation import Account, KiroSeat, Organisation, Person, Team
from exporter.sample.writer import BrokenRow, Summary, write

__all__ = ["Account", "BrokenRow", "KiroSeat", "Organisation", "Person", "Summary", "Team", "write"]
