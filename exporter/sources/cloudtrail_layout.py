"""Where CloudTrail delivers its log files, and what the path of a file says.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html; the trail of an organisation puts the id of the
organisation before the account.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from exporter.errors import UserError
from exporter.objects import Location, StoredObject

log = logging.getLogger(__name__)

ROOT = "AWSLogs/"
# Beside it stand CloudTrail-Digest, CloudTrail-Insight, CloudTrail-NetworkActivity and CloudTrail-Aggregated, which hold other things.
_WRITER = "CloudTrail"
_ORGANIZATION = re.compile(r"o-[a-z0-9]{10,32}", re.ASCII)
_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d", re.ASCII)
_FILE = re.compile(r"[^/\x00-\x1f\x7f]+\.json\.gz", re.ASCII | re.IGNORECASE)
_NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class LogFolder:
    """What one trail delivers of one account and region; `prefix` ends with `/`."""

    prefix: str
    account: str
    region: str


@dataclass(frozen=True, slots=True)
class LogFile:
    """One log file. `delivered` is the UTC day of its path, when CloudTrail wrote it. Its events are of that day, or of the end of the day before."""

    object: StoredObject
    delivered: date


def find_folders(location: Location, accounts: Sequence[str] | None) -> tuple[LogFolder, ...]:
    """Every account and region that has log files, of the accounts named or of all, sorted by prefix.

    Costs one listing for the organisations, one for each of them, and one for each account. Raises UserError where the location is not the folder above
    `AWSLogs`, or holds no logs of the accounts.
    """
    here = location.folders(ROOT)
    roots = [ROOT, *(f"{ROOT}{name}/" for name in here if _ORGANIZATION.fullmatch(name))]
    found = [(f"{root}{name}/", name) for root in roots for name in (here if root == ROOT else location.folders(root)) if _ACCOUNT.fullmatch(name)]
    wanted = [(folder, account) for folder, account in found if accounts is None or account in accounts]
    folders = [
        LogFolder(f"{folder}{_WRITER}/{region}/", account, region)
        for folder, account in wanted
        for region in location.folders(f"{folder}{_WRITER}/")
        if _REGION.fullmatch(region)
    ]
    if not folders:
        raise UserError(_why_none(location, here, [account for _, account in found], accounts))
    if accounts is not None and (missing := sorted(set(accounts) - {folder.account for folder in folders})):
        log.warning("accounts without log files", extra={"fields": {"location": location.name, "accounts": ", ".join(missing)}})
    return tuple(sorted(folders, key=lambda folder: folder.prefix))


def list_files(location: Location, folder: LogFolder, delivered: date) -> Iterator[LogFile]:
    """The log files of one delivery day, by name. One listing for each thousand."""
    below = f"{folder.prefix}{delivered:%Y/%m/%d}/"
    for found in location.list(below):
        if _FILE.fullmatch(found.key[len(below) :]):
            yield LogFile(found, delivered)


def _why_none(location: Location, here: Sequence[str], found: Sequence[str], accounts: Sequence[str] | None) -> str:
    looked_for = f"{ROOT}[<organization>/]<account>/{_WRITER}/<region>/"
    if found and accounts is not None and not set(found) & set(accounts):
        return f"{location.name}{ROOT} holds no folder of {_some(accounts)} but of {_some(found)}; correct accounts, or leave it out to read all."
    if here:
        return f"{location.name}{ROOT} holds {_some(found or here)} but no log files of CloudTrail; {looked_for} was looked for, where the trail delivers."
    above = location.folders("")
    if any(_ACCOUNT.fullmatch(name) or _ORGANIZATION.fullmatch(name) or name.startswith(_WRITER) for name in above) or f"/{ROOT}" in f"/{location.name}":
        return f"{location.name} lies inside an AWSLogs folder; set location to the folder above AWSLogs."
    return f"{location.name} holds no AWSLogs folder but {_some(above)}; set location to the folder above AWSLogs ({looked_for} was looked for)."


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMES_SHOWN])
    return f"{shown} and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else shown or "no folder"
