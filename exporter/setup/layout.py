"""Which accounts and regions stand below a location: the partitions that a table has to name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from exporter.errors import UserError
from exporter.objects import Location
from exporter.sources.cloudtrail_layout import find_folders

ROOT = "AWSLogs/"
_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d", re.ASCII)


@dataclass(frozen=True, slots=True)
class Layout:
    """`root` is the folder above the accounts, with its last slash: `AWSLogs/`, or `AWSLogs/o-abcdefghij/` for the trail of an organisation."""

    root: str
    accounts: tuple[str, ...]
    regions: tuple[str, ...]
    note: str = ""
    """What the operator should know of how this was found, in one sentence; empty where nothing is odd."""


Fallback = Callable[[], tuple[str, str]]
"""Account and region to take where no file says any: those of the credentials. Asks AWS."""


def example(location: str, accounts: Sequence[str] | None = None) -> Layout:
    """Stands for a layout when nothing may be asked of AWS; `accounts` are those that the config names."""
    stands = "us-east-1 stands for the" if accounts else "111122223333 and us-east-1 stand for the accounts and"
    note = f"{stands} regions that a listing of {location} finds."
    return Layout(ROOT, tuple(sorted(accounts)) if accounts else ("111122223333",), ("us-east-1",), note)


def of_cloudtrail(location: Location, accounts: Sequence[str] | None, fallback: Fallback) -> Layout:
    """Of a trail: the accounts named in the config, or all that have log files. One organisation at most; UserError for more."""
    if not any(_is_root(name) for name in location.folders(ROOT)):
        return _nothing_yet(location, accounts, fallback)
    folders = find_folders(location, accounts)
    by_root: dict[str, list[tuple[str, str]]] = {}
    for folder in folders:
        by_root.setdefault(folder.prefix.partition(folder.account)[0], []).append((folder.account, folder.region))
    organisations = sorted(root for root in by_root if root != ROOT)
    if len(organisations) > 1:
        raise UserError(
            f"{location.name} holds logs of {len(organisations)} organisations; make a table for the one that counts and name it in sources.cloudtrail.table."
        )
    root = organisations[0] if organisations else ROOT
    others = sorted({account for account, _ in by_root.get(ROOT, ())} - {account for account, _ in by_root[root]}) if organisations else []
    note = f"{len(others)} accounts that log outside the organisation's folder are not in the table: {', '.join(others[:5])}." if others else ""
    found = by_root[root]
    return Layout(root, _each(account for account, _ in found), _each(region for _, region in found), note)


def of_kiro(location: Location, report: str, writers: Sequence[str], fallback: Fallback) -> Layout:
    """Of a Kiro report: the accounts and regions that have a folder of it."""
    accounts = [name for name in location.folders(ROOT) if _ACCOUNT.fullmatch(name)]
    found = [
        (account, region)
        for account in accounts
        for writer in writers
        for region in location.folders(f"{ROOT}{account}/{writer}/{report}/")
        if _REGION.fullmatch(region)
    ]
    if not found:
        return _nothing_yet(location, None, fallback)
    return Layout(ROOT, _each(account for account, _ in found), _each(region for _, region in found))


def _nothing_yet(location: Location, accounts: Sequence[str] | None, fallback: Fallback) -> Layout:
    account, region = fallback()
    known = tuple(sorted(accounts)) if accounts else (account,)
    note = f"{location.name} holds no files yet: the table is made for {', '.join(known)} and {region}; run setup again when the first files are there."
    return Layout(ROOT, known, (region,), note)


def _is_root(name: str) -> bool:
    return bool(_ACCOUNT.fullmatch(name)) or name.startswith("o-")


def _each(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))
