"""A synthetic organisation and the files that AWS would deliver for it."""

from __future__ import annotations

from exporter.sample.bill import Bill
from exporter.sample.bill_lines import OPTIONAL
from exporter.sample.bill_usage import sandbox_owners
from exporter.sample.cloudtrail import EVENTS_A_PERSON, MOST_BY_DEFAULT
from exporter.sample.cloudtrail_identities import HUMAN_PROVIDERS
from exporter.sample.directory import SampleDirectory, load_directory
from exporter.sample.organisation import Account, KiroSeat, Organisation, Person, Team
from exporter.sample.writer import BrokenRow, Summary, deliver, write

__all__ = [
    "EVENTS_A_PERSON",
    "HUMAN_PROVIDERS",
    "MOST_BY_DEFAULT",
    "OPTIONAL",
    "Account",
    "Bill",
    "BrokenRow",
    "KiroSeat",
    "Organisation",
    "Person",
    "SampleDirectory",
    "Summary",
    "Team",
    "deliver",
    "load_directory",
    "sandbox_owners",
    "write",
]
