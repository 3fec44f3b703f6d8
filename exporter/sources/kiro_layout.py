"""Where Kiro writes its two reports, and what the path of a report says.

Source: https://kiro.dev/docs/enterprise/monitor-and-track/user-activity/ and its page on the legacy report; part numbers
and the `_report` suffix are as real buckets have them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal

from exporter.errors import UserError
from exporter.model import day_start
from exporter.objects import Location, StoredObject

Report = Literal["user_report", "by_user_analytic"]

ROOT = "AWSLogs/"
WRITERS: dict[Report, tuple[str, ...]] = {
    "user_report": ("KiroLogs",),
    # Before Kiro the same report came from Amazon Q Developer; buckets of that time hold both folders.
    "by_user_analytic": ("KiroLogs", "QDeveloperLogs"),
}
"""The folders of an account in which each report stands."""
_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d", re.ASCII)
_BELOW_REGION = re.compile(r"(\d{4})/(\d{2})/(\d{2})/(?:\d{2}/)?([^/\x00-\x1f\x7f]+\.csv)", re.ASCII | re.IGNORECASE)
_NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class ReportObject:
    """One file of a report.

    `day` is the day of its path: usually, but not surely, the day of its rows. `exported` (UTC) is when it was written
    according to its name, or the start of `day`; a report that is written again keeps it, and only `object.modified` moves.
    """

    object: StoredObject
    account: str
    region: str
    day: date
    exported: datetime


def find_reports(location: Location, report: Report, since: date) -> Iterator[ReportObject]:
    """The files of a report for path days from `since` on, by account and region, then by path.

    Costs one listing for the accounts, one for the regions of each account and writer, and one for each thousand files.
    Other objects (the validation objects of the console, prompt logs, Organizations trails) are not looked at. Raises
    UserError where the location is not the folder above `AWSLogs`.
    """
    for account in _accounts(location, report):
        for writer in WRITERS[report]:
            folder = f"{ROOT}{account}/{writer}/{report}/"
            for region in location.folders(folder):
                if not _REGION.fullmatch(region):
                    continue
                below = f"{folder}{region}/"
                for found in location.list(below, start_after=f"{below}{since:%Y/%m/%d}/"):
                    times = _times(found.key[len(below) :], report)
                    if times:
                        yield ReportObject(found, account, region, *times)


def _times(path: str, report: Report) -> tuple[date, datetime] | None:
    """Path day and time of export of a file below its region; None for what is no file of a report."""
    parts = _BELOW_REGION.fullmatch(path)
    if not parts:
        return None
    year, month, day, name = parts.groups()
    try:
        of_path = date(int(year), int(month), int(day))
    except ValueError:
        return None
    return of_path, _exported(re.search(rf"{report}_(?:part_\d+_)?(\d{{12}})(?!\d)", name, re.ASCII | re.IGNORECASE), of_path)


def _exported(timestamp: re.Match[str] | None, day: date) -> datetime:
    try:
        return datetime.strptime(timestamp[1], "%Y%m%d%H%M").replace(tzinfo=UTC) if timestamp else day_start(day)
    except ValueError:
        return day_start(day)


def _accounts(location: Location, report: Report) -> tuple[str, ...]:
    found = tuple(name for name in location.folders(ROOT) if _ACCOUNT.fullmatch(name))
    if found:
        return found
    looked_for = f"{ROOT}<account>/{WRITERS[report][0]}/{report}/"
    here = location.folders("")
    if "AWSLogs" in here:
        raise UserError(f"{location.name}{ROOT} holds no folder of an account; {looked_for} was looked for, which Kiro makes with the first report.")
    if any(_ACCOUNT.fullmatch(name) or name in ("KiroLogs", "QDeveloperLogs", report) for name in here) or f"/{ROOT}" in f"/{location.name}":
        raise UserError(f"{location.name} lies inside an AWSLogs folder; set location to the folder above AWSLogs.")
    held = ", ".join(here[:_NAMES_SHOWN]) or "no folder"
    raise UserError(f"{location.name} holds no AWSLogs folder but {held}; set location to the folder above AWSLogs ({looked_for} was looked for).")
