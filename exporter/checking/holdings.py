"""What the location of a source holds: whether it is there, how many folders and files, the newest day, and how much one day is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from exporter.checking.expenses import Files
from exporter.checking.findings import counted
from exporter.config import CloudTrailSource, CurSource, KiroSource
from exporter.errors import UserError
from exporter.objects import LIST_REQUEST, FileLocation, StoredObject
from exporter.sources.cloudtrail_layout import LogFolder, find_folders, list_files
from exporter.sources.cur_layout import find_delivery, find_months
from exporter.sources.kiro import KINDS
from exporter.sources.kiro_layout import find_reports

MOST_LISTED = 200
"""Folders of CloudTrail of which a day is listed; of more, so many are taken evenly and speak for the others."""
_LOOKED_BACK = 5
"""Folders of CloudTrail in which an older day is looked for."""
_LISTINGS = 8

Open = Callable[[Callable[[str], None]], FileLocation]
"""Opens a location; its requests are told to what is given."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a location holds. `day` is the whole day that `files` is about; None where there is none."""

    sentence: str
    newest: date | None
    day: date | None
    files: Files


class _Counted:
    def __init__(self) -> None:
        self.listings = 0

    def request(self, api: str) -> None:
        self.listings += api == LIST_REQUEST


def of_cloudtrail(open_location: Open, source: CloudTrailSource, now: datetime) -> Held:
    """Lists yesterday, and today, in every account and region. Raises UserError for a location without logs."""
    requests = _Counted()
    location = open_location(requests.request)
    folders = find_folders(location, source.accounts)
    finding = requests.listings
    listed = folders[:: -(-len(folders) // MOST_LISTED)]
    today, yesterday = now.date(), now.date() - timedelta(days=1)
    of_today, of_yesterday = _day(location, listed, today), _day(location, listed, yesterday)
    newest = today if of_today else yesterday if of_yesterday else _newest(location, listed)
    whole = yesterday if of_yesterday else newest
    found = of_yesterday if whole == yesterday else of_today if whole == today else _day(location, listed, whole) if whole else []
    scale = len(folders) / len(listed)
    accounts = len({folder.account for folder in folders})
    sentence = f"{location.name}: {counted(accounts, 'account')}, {counted(len(folders), 'folder')} of an account and region"
    if whole is not None:
        sentence += f"; {counted(len(found) * scale, 'log file')} delivered on {whole}"
    if len(listed) < len(folders):
        sentence += f" (by {len(listed):,} of the folders)"
    files = Files(len(found) * scale, sum(file.size for file in found) * scale, len(folders), finding)
    return Held(sentence, newest, whole, files)


def _day(location: FileLocation, folders: Sequence[LogFolder], delivered: date) -> list[StoredObject]:
    with ThreadPoolExecutor(_LISTINGS, "check-list") as listings:
        return [file.object for files in listings.map(lambda folder: list(list_files(location, folder, delivered)), folders) for file in files]


def _newest(location: FileLocation, folders: Sequence[LogFolder]) -> date | None:
    """The newest delivery day that has a folder, of some accounts and regions."""
    found: list[date] = []
    for folder in folders[:: -(-len(folders) // _LOOKED_BACK)]:
        below = folder.prefix
        parts: list[str] = []
        for width in (4, 2, 2):
            names = [name for name in location.folders(below) if len(name) == width and name.isascii() and name.isdigit()]
            if not names:
                break
            parts.append(max(names))
            below += f"{parts[-1]}/"
        try:
            found.append(date.fromisoformat("-".join(parts)))
        except ValueError:
            continue
    return max(found, default=None)


def of_kiro(open_location: Open, name: str, source: KiroSource, ignore_before: date, now: datetime) -> Held:
    """Lists as far back as a first load reads. Raises UserError where the location is not the one above AWSLogs."""
    requests = _Counted()
    location = open_location(requests.request)
    since = max(now.date() - source.history, ignore_before)
    found = list(find_reports(location, KINDS[name].report, since))
    days = {report.day for report in found}
    # A day's reports are there at its end and for some time after it; the running one speaks for no other.
    whole = max((day for day in days if day < now.date()), default=max(days, default=None))
    on_it = [report.object for report in found if report.day == whole]
    folders = len({(report.account, report.region) for report in found})
    sentence = f"{location.name}: {counted(len(found), 'file')} of {KINDS[name].report} since {since}, in {counted(folders, 'folder')} of an account and region"
    files = Files(len(on_it), sum(file.size for file in on_it), max(folders, 1), requests.listings)
    return Held(sentence, max(days, default=None), whole, files)


def of_cur(open_location: Open, source: CurSource, now: datetime) -> Held:
    """Reads the newest manifest. Raises UserError where there is none, TransientError while the export is being overwritten."""
    requests = _Counted()
    location = open_location(requests.request)
    months = find_months(location, now.date() - source.history)
    finding = requests.listings
    if not months:
        raise UserError(
            f"there is no manifest below {location.name}metadata/; let sources.cur.location be the folder of the export, above its data/ and "
            "metadata/, and wait a day if it is new"
        )
    newest = months[max(months)]
    delivery = find_delivery(location, newest, now)
    size = sum(file.size for file in delivery.files)
    delivered = f"{newest.manifest.modified:%Y-%m-%d %H:%M} UTC"
    sentence = f"{location.name}: {counted(len(months), 'month')}; {newest.name} has {counted(len(delivery.files), 'file')} and was delivered {delivered}"
    return Held(sentence, newest.manifest.modified.date(), newest.first, Files(len(delivery.files), size, 1, finding))
