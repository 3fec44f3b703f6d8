"""Writes a synthetic organisation's reports, logs, directory and people file into a folder, in the layout of the bucket."""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from exporter.errors import UserError
from exporter.sample.bill import Bill, write_bill
from exporter.sample.cloudtrail import EVENTS_A_PERSON, MOST_BY_DEFAULT, log_files
from exporter.sample.directory import directory_files
from exporter.sample.draws import uuid_of
from exporter.sample.kiro_features import feature_counters
from exporter.sample.kiro_reports import ReportFile, UserReportRow, feature_reports, user_reports
from exporter.sample.kiro_use import KiroMonth, OverageRelation, PersonDay
from exporter.sample.organisation import Account, Organisation, Person
from exporter.sample.people_file import people_file
from exporter.sample.quirks import NO_QUIRKS, Quirk, quirks_of

PEOPLE_FILE = "people.csv"
MARKER = "sample.json"
"""Says which organisation a folder holds; a folder without it is somebody else's."""

_CLIENTS = ("KIRO_IDE", "KIRO_CLI", "PLUGIN")


@dataclass(frozen=True, slots=True)
class BrokenRow:
    """A malformed row that was asked for: the file relative to the folder, the line from 1, and `short row`, `bad number` or `bad date`."""

    path: str
    line: int
    kind: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What was written. `rows` are report rows, those of superseded exports and broken ones included; `people` those in the people file.

    `files` and `rows` are of Kiro, `log_files` and `events` of CloudTrail, what was delivered twice counted twice; both 0 without CloudTrail.
    """

    folder: Path
    people_file: Path
    people: int
    files: int
    rows: int
    log_files: int
    events: int
    broken_rows: tuple[BrokenRow, ...]
    bill: Bill | None
    """None where no bill was asked for."""


def write(
    organisation: Organisation,
    folder: Path,
    first: date,
    last: date,
    *,
    progress: Callable[[int, int], None] | None = None,
    quirks: bool = True,
    overage_relation: OverageRelation = "inside",
    broken_rows: int = 0,
    cloudtrail: bool | None = None,
    events: float = EVENTS_A_PERSON,
    bill: bool | None = None,
    bill_without: frozenset[str] = frozenset(),
) -> Summary:
    """Writes `people.csv` and `directory/` as of `last`, and under `AWSLogs/` Kiro's reports and CloudTrail's logs of every day from `first` to `last` (UTC).

    A day's reports are the same whatever span they are written with, and the same arguments give the same bytes; a file that is already so is not touched.
    `progress` hears (days done, days in all), which starts at the first of a month. `overage_relation` says whether `Credits_Used` includes the overage.
    `broken_rows` are spread over the days, at the end of a day's first `user_report`, under ids of their own.
    `cloudtrail` is whether to write logs; None: for up to 1,000 people. `events` is about how many a person and day. Logs lie under the day of their delivery:
    those of the evening of `last` under the next day, and those of the evening before `first` under `first`.
    `bill` is whether to write one, below `cur/`, see `write_bill`; None: for up to 1,000 people. `bill_without` are columns that it lacks.

    Raises UserError if the folder holds other files, or another organisation.
    """
    if events <= 0:
        raise ValueError(f"a person has more than {events} events a day")
    with_logs = organisation.positions <= MOST_BY_DEFAULT if cloudtrail is None else cloudtrail
    contents = {"people": organisation.positions, "seed": organisation.seed, "quirks": quirks, "overage": overage_relation, "broken_rows": broken_rows}
    _claim(folder, {**contents, "events": events if with_logs else 0})
    content, people = people_file(organisation, last)
    _replace(folder / PEOPLE_FILE, content)
    for path, answer in directory_files(organisation, last):
        _replace(folder / path, answer)
    if quirks:
        for account in organisation.accounts:
            stray = uuid_of(f"{organisation.seed}/validation/{account.id}")
            _replace(folder / "AWSLogs" / account.id / "KiroLogs" / stray, b"Access validation successful.")
    month_start = first.replace(day=1)
    days = [month_start + timedelta(days=offset) for offset in range((last - month_start).days + 1)]
    staff = list(organisation.people(min(month_start, first - timedelta(days=1)), last))
    files = rows = logs = logged = 0

    def write_logs(day: date) -> None:
        nonlocal logs, logged
        for file in log_files(organisation, staff, day, events=events, oddities=quirks, delivered_from=first):
            _replace(folder / file.path, file.content)
            logs, logged = logs + 1, logged + file.events

    if with_logs and days:
        write_logs(first - timedelta(days=1))
    broken: list[BrokenRow] = []
    for done, (day, uses) in enumerate(_uses(organisation, staff, days, quirks, overage_relation), start=1):
        if day >= first:
            reports = list(_reports(organisation, day, uses, quirks))
            quota = -(-(broken_rows - len(broken)) // ((last - day).days + 1))
            if quota and reports and "_user_report_" in reports[0].path:
                reports[0], added = _with_broken_rows(reports[0], range(len(broken), len(broken) + quota), organisation.seed)
                broken += added
            for report in reports:
                _replace(folder / report.path, report.content())
                files, rows = files + 1, rows + len(report.lines) - 1
            if with_logs:
                write_logs(day)
        if progress is not None:
            progress(done, len(days))
    written = None
    if days and (organisation.positions <= MOST_BY_DEFAULT if bill is None else bill):
        written = write_bill(organisation, folder, first, last, quirks=quirks, overage_relation=overage_relation, without=bill_without)
    return Summary(folder, folder / PEOPLE_FILE, people, files, rows, logs, logged, tuple(broken), written)


def deliver(organisation: Organisation, folder: Path, now: datetime, *, events: float = EVENTS_A_PERSON) -> int:
    """Writes the log files of the running UTC day that the trail has delivered by `now` (UTC), into the folder of a sample; returns how many there are.

    They are those that `write` would write of the whole day, so the two can follow one another.
    """
    moment, files = now.replace(tzinfo=None), 0
    for file in log_files(
        organisation, organisation.people(moment.date(), moment.date()), moment.date(), events=events, oddities=True, delivered_from=moment.date()
    ):
        if file.delivered <= moment:
            _replace(folder / file.path, file.content)
            files += 1
    return files


def _uses(
    organisation: Organisation, staff: Sequence[Person], days: Sequence[date], quirks: bool, relation: OverageRelation
) -> Iterator[tuple[date, list[tuple[Person, PersonDay]]]]:
    """Who used Kiro on each of the days, which start with the first of a month."""
    if not days:
        return
    people = [person for person in staff if person.seat is not None]
    months: list[KiroMonth] = []
    for day in days:
        if day.day == 1:
            months = [KiroMonth(person, person.seat, day, relation) for person in people if person.seat is not None]
        down = {account for account in organisation.accounts if quirks and Quirk.MISSING_DAY in quirks_of(organisation.seed, account.id, day, "")}
        used = [(person, use) for person, month in zip(people, months, strict=True) if person.team.account not in down and (use := month.day(day)) is not None]
        yield day, used


def _reports(organisation: Organisation, day: date, uses: Sequence[tuple[Person, PersonDay]], quirks: bool) -> Iterator[ReportFile]:
    credits_rows: dict[tuple[str, str], list[UserReportRow]] = defaultdict(list)
    feature_rows: dict[str, list[tuple[Person, Mapping[str, int]]]] = defaultdict(list)
    for person, use in uses:
        account_id = person.team.account.id
        messages = 0
        for client in use.clients:
            credits_rows[account_id, client.client].append(UserReportRow(person, use.new_user, use.mail if quirks else "usual", client))
            messages += client.messages if client.client != "KIRO_IDE" else 0
        if messages:
            plugin = any(client.client == "PLUGIN" for client in use.clients)
            feature_rows[account_id].append((person, feature_counters(person.identity_center_id, day, messages, plugin)))

    def oddities(account: Account, export: str) -> frozenset[Quirk]:
        return quirks_of(organisation.seed, account.id, day, export) if quirks else NO_QUIRKS

    for account in organisation.accounts:
        for name in _CLIENTS:
            yield from user_reports(account, name, day, credits_rows[account.id, name], oddities(account, name))
        yield from feature_reports(account, day, feature_rows[account.id], oddities(account, "by_user_analytic"))


def _with_broken_rows(report: ReportFile, numbers: range, seed: int) -> tuple[ReportFile, list[BrokenRow]]:
    header = [name.lower() for name in report.lines[0].split(",")]
    lines, broken = list(report.lines), []
    for number in numbers:
        # Nothing but the fault may count, so all else is 0 and the id nobody's.
        cells = ["0" if re.search("_messages$|_used$|_conversations$", name) else cell for name, cell in zip(header, report.lines[1].split(","), strict=True)]
        cells[header.index("userid")] = f'"{uuid_of(f"{seed}/broken/{number}")}"'
        if "user_email" in header:
            cells[header.index("user_email")] = '""'
        kind = ("short row", "bad number", "bad date")[number % 3]
        if kind == "short row":
            cells = cells[:5]
        elif kind == "bad number":
            cells[header.index("credits_used")] = "None"
        else:
            cells[header.index("date")] = "2026-13-45"
        lines.append(",".join(cells))
        broken.append(BrokenRow(report.path, len(lines), kind))
    return ReportFile(report.path, tuple(lines), report.byte_order_mark, report.carriage_returns), broken


def _claim(folder: Path, contents: Mapping[str, object]) -> None:
    marker = folder / MARKER
    wanted = (json.dumps(contents) + "\n").encode()
    if marker.is_file():
        if marker.read_bytes() != wanted:
            raise UserError(f"{folder} holds another sample ({marker.read_text().strip()}); name another folder, or remove this one first")
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} holds something else than a sample; name an empty or a new folder")
    else:
        _replace(marker, wanted)


def _replace(path: Path, content: bytes) -> None:
    """A reader sees the old file or the new one; a file that is the same keeps its time of modification."""
    try:
        if path.read_bytes() == content:
            return
    except FileNotFoundError:
        pass
    aside = path.with_name(f".{path.name}.partial")
    try:
        aside.write_bytes(content)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_bytes(content)
    os.replace(aside, path)
