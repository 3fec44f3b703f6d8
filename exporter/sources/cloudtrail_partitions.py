"""The condition by which a query on Athena reads the accounts and regions that have log files, and no others.

A table with injected partitions can be read in no other way. One with enumerated partitions costs a listing for each account, region and day that it names,
whether anything is there or not: of 500 accounts and 30 regions most are empty.
https://docs.aws.amazon.com/athena/latest/ug/partition-projection-dynamic-id-partitioning.html
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from exporter.quoting import sql_text
from exporter.sources.cloudtrail_layout import LogFolder

MAX_CHARACTERS = 200_000
"""Of a condition; Athena takes statements of 262,144 bytes."""


def of_accounts(accounts: Iterable[str]) -> str:
    """Reads these accounts in every region that the table knows; no condition where none is named."""
    named = _listed(set(accounts))
    return f"account IN ({named})" if named else ""


def of_folders(folders: Collection[LogFolder]) -> str:
    """Reads the (account, region) pairs of these folders, at least one. Account and region each stand as a plain list first, as injected ones must."""
    regions: dict[str, set[str]] = {}
    for folder in folders:
        regions.setdefault(folder.account, set()).add(folder.region)
    alike: dict[frozenset[str], set[str]] = {}
    for account, its_regions in regions.items():
        alike.setdefault(frozenset(its_regions), set()).add(account)
    every = f"{of_accounts(regions)} AND region IN ({_listed(set().union(*regions.values()))})"
    if len(alike) == 1:
        return every
    pairs = sorted(f"({of_accounts(accounts)} AND region IN ({_listed(its_regions)}))" for its_regions, accounts in alike.items())
    exact = f"{every} AND ({' OR '.join(pairs)})"
    return exact if len(exact) <= MAX_CHARACTERS else every


def _listed(values: Collection[str]) -> str:
    return ", ".join(sql_text(value) for value in sorted(values))
