"""The rows of Kiro's two CSV reports, bound by header name; whatever is wrong with a file, row or value is told and left out.

Sources: https://kiro.dev/docs/enterprise/monitor-and-track/user-activity/ (user_report) and …/csv/legacy-report/
(by_user_analytic). Columns come, go and change places from one month to the next, so a position means nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any, Generic, TypeVar

import msgspec

from exporter.model import Rejection
from exporter.sources import kiro_cells
from exporter.sources.csv_records import Notes, records, shown
from exporter.sources.kiro_cells import Cells, Fault
from exporter.sources.kiro_layout import ReportObject

REASONS: Mapping[str, str] = {
    "size": "the file, a line, a cell or the number of columns is larger than any report's, or there are too many rejections to tell",
    "encoding": "the file or line is not UTF-8",
    "header": "the header lacks a column that is needed, or has one twice",
    "cells": "the row has fewer or more cells than the header",
    "date": "Date is neither YYYY-MM-DD nor MM-DD-YYYY",
    "user": "UserId is empty, too long or on two lines",
    "client": "Client_Type is empty or not a name",
    "number": "the value is not a number from 0 to 10^15, or has a fraction where things are counted",
    "boolean": "the value is neither true nor false",
}
"""Why something is rejected. Line 0 means the whole file; `number` and `boolean` cost only the value, the others the row."""

COUNTERS: tuple[str, ...] = (
    *("Chat_AICodeLines", "Chat_MessagesInteracted", "Chat_MessagesSent"),
    *("CodeFix_AcceptanceEventCount", "CodeFix_AcceptedLines", "CodeFix_GeneratedLines", "CodeFix_GenerationEventCount"),
    *("CodeReview_FailedEventCount", "CodeReview_FindingsCount", "CodeReview_SucceededEventCount"),
    *("Dev_AcceptanceEventCount", "Dev_AcceptedLines", "Dev_GeneratedLines", "Dev_GenerationEventCount"),
    *("DocGeneration_AcceptedFileUpdates", "DocGeneration_AcceptedFilesCreations", "DocGeneration_AcceptedLineAdditions"),
    *("DocGeneration_AcceptedLineUpdates", "DocGeneration_EventCount", "DocGeneration_RejectedFileCreations", "DocGeneration_RejectedFileUpdates"),
    *("DocGeneration_RejectedLineAdditions", "DocGeneration_RejectedLineUpdates"),
    *("InlineChat_AcceptanceEventCount", "InlineChat_AcceptedLineAdditions", "InlineChat_AcceptedLineDeletions", "InlineChat_DismissalEventCount"),
    *("InlineChat_DismissedLineAdditions", "InlineChat_DismissedLineDeletions", "InlineChat_RejectedLineAdditions"),
    *("InlineChat_RejectedLineDeletions", "InlineChat_RejectionEventCount", "InlineChat_TotalEventCount"),
    *("Inline_AICodeLines", "Inline_AcceptanceCount", "Inline_SuggestionsCount"),
    *("TestGeneration_AcceptedLines", "TestGeneration_AcceptedTests", "TestGeneration_EventCount", "TestGeneration_GeneratedLines"),
    *("TestGeneration_GeneratedTests",),
    *("Transformation_EventCount", "Transformation_LinesGenerated", "Transformation_LinesIngested"),
)
"""The 44 counters of by_user_analytic, as real headers spell them."""

MAX_MODEL_LENGTH = 100

_COUNTER_COLUMNS = frozenset(name.lower() for name in COUNTERS)
_DOCUMENTED, _REAL = "inlinechat_eventcount", "inlinechat_totaleventcount"
_MODEL_SUFFIX = "_messages"
_NOT_MODELS = frozenset({"total_messages", "chat_messages"})


class UserReportRow(msgspec.Struct, frozen=True, gc=False):
    """One person, client and UTC day of user_report. None: not said. Credits are decimal text in plain notation; models without a message are left out."""

    path: str
    account: str
    region: str
    exported: str
    modified: str
    line: int
    day: str
    userid: str
    client_type: str
    chat_conversations: int | None
    credits_used: str | None
    overage_cap: str | None
    overage_credits_used: str | None
    overage_enabled: bool | None
    profileid: str | None
    subscription_tier: str | None
    total_messages: int | None
    new_user: bool | None
    user_email: str | None
    usage_limit: str | None
    models: dict[str, int]


class AnalyticRow(msgspec.Struct, frozen=True, gc=False):
    """One person and UTC day of by_user_analytic. Counters go by lower-case column name; zeros are left out."""

    path: str
    account: str
    region: str
    exported: str
    modified: str
    line: int
    day: str
    userid: str
    counters: dict[str, int]


Row = TypeVar("Row", UserReportRow, AnalyticRow)
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Decoded(Generic[Row]):
    """What one file holds, what of it was left out, and the columns that nobody knows (escaped for logs)."""

    rows: list[Row]
    rejections: tuple[Rejection, ...]
    unknown_columns: frozenset[str]


def decode_user_report(data: bytes, report: ReportObject) -> Decoded[UserReportRow]:
    """The rows of one file of user_report. Nothing in `data` makes it raise. User ids keep their prefixes, repeated rows are kept."""
    return _decode(data, report, _bind_user_report)


def decode_by_user_analytic(data: bytes, report: ReportObject) -> Decoded[AnalyticRow]:
    """The rows of one file of by_user_analytic, in the same manner."""
    return _decode(data, report, _bind_analytic)


class _Header:
    """The columns of one file: which of them are used and how their cells are read."""

    def __init__(self, cells: list[str]) -> None:
        self.faulty: list[str] = []
        """The cells of the row at hand that are no values."""
        self._spelled = cells
        self._names = [kiro_cells.column_name(cell) for cell in cells]
        twice = [name for name, times in Counter(filter(None, self._names)).items() if times > 1]
        if twice:
            raise Fault("header", f"the column {shown(twice[0])} stands there twice")
        self._at = {name: at for at, name in enumerate(self._names)}
        self._keys: dict[int, Cells[str]] = {}
        self._values: dict[int, Cells[Any]] = {}

    def kind(self, parse: Callable[[str], Value], otherwise: Value) -> Cells[Value]:
        return Cells(parse, otherwise, self.faulty)

    def keys(self, **columns: Cells[str]) -> list[int]:
        """Positions of columns without which a row means nothing."""
        missing = [name for name in columns if name not in self._at]
        if missing:
            raise Fault("header", f"no column {', '.join(missing)}")
        self._keys = {self._at[name]: cells for name, cells in columns.items()}
        return list(self._keys)

    def values(self, **columns: Cells[Any]) -> list[int]:
        """Positions of columns that may be missing: those get the position after the last cell."""
        self._values |= {self._at[name]: cells for name, cells in columns.items() if name in self._at}
        return [self._at.get(name, len(self._names)) for name in columns]

    def counters(self, label_of: Callable[[str], str | None], counts: Cells[int | None]) -> Callable[[list[str]], dict[str, int]]:
        """How to get the counts that are not zero, by label, from the cells of all the columns to which `label_of` gives one."""
        found: dict[str, int] = {}
        for name, at in self._at.items():
            named = label_of(name)
            if named and at not in self._keys and (named == name or named not in found):
                found[named] = at
        self._values |= dict.fromkeys(found.values(), counts)
        columns = tuple(found.items())

        def counted(cells: list[str]) -> dict[str, int]:
            values: dict[str, int] = {}
            for label, at in columns:
                text = cells[at]
                if text != "0" and (count := counts[text]):  # Most cells are 0, and to compare is cheaper than to look up.
                    values[label] = count
            return values

        return counted

    def is_empty(self) -> bool:
        """Whether no column but the keys is known."""
        return not self._values

    def unknown(self) -> frozenset[str]:
        return frozenset(shown(name)[1:-1] for name, at in self._at.items() if name and at not in self._keys and at not in self._values)

    def tell(self, line: int, cells: list[str], notes: Notes) -> bool:
        """Notes what is wrong with a row; False if the row is lost by it."""
        self.faulty.clear()
        if [kiro_cells.column_name(cell) for cell in cells[: len(self._names)]] == self._names:
            return False  # Parts that were joined repeat the header; it is no data, so nothing is lost.
        in_keys = self._faults(self._keys, cells)
        for at, fault in in_keys or self._faults(self._values, cells):
            notes.reject(fault.reason, line, shown(self._spelled[at].strip())[1:-1], fault.detail)
        return not in_keys

    def _faults(self, columns: Mapping[int, Cells[Any]], cells: list[str]) -> list[tuple[int, Fault]]:
        return [(at, fault) for at, kind in columns.items() if (fault := kind.fault(cells[at]))]


Binding = Callable[[_Header, ReportObject], Callable[[int, list[str]], Row]]


def _decode(data: bytes, report: ReportObject, bind: Binding[Row]) -> Decoded[Row]:
    notes = Notes(report.object.key)
    found = records(data, notes)
    rows: list[Row] = []
    try:
        _, names = next(found)
        header = _Header(names)
        read = bind(header, report)
        if header.is_empty():
            raise Fault("header", "no column of a measure is known")
    except StopIteration:
        return Decoded(rows, notes.rejections(), frozenset())
    except Fault as fault:
        notes.reject(fault.reason, 0, "", fault.detail)
        return Decoded(rows, notes.rejections(), frozenset())
    for line, cells in found:
        cells.append("")  # Stands for every column that the header lacks.
        row = read(line, cells)
        if not header.faulty or header.tell(line, cells, notes):
            rows.append(row)
    return Decoded(rows, notes.rejections(), header.unknown())


def _bind_user_report(header: _Header, report: ReportObject) -> Callable[[int, list[str]], UserReportRow]:
    days, users, clients = header.kind(kiro_cells.day, ""), header.kind(kiro_cells.user, ""), header.kind(kiro_cells.client, "")
    counts, amounts = header.kind(kiro_cells.count, None), header.kind(kiro_cells.amount, None)
    flags, words = header.kind(kiro_cells.flag, None), header.kind(kiro_cells.words, None)
    pick = itemgetter(
        *header.keys(date=days, userid=users, client_type=clients),
        *header.values(chat_conversations=counts, credits_used=amounts, overage_cap=amounts, overage_credits_used=amounts, overage_enabled=flags),
        *header.values(profileid=words, subscription_tier=words, total_messages=counts, new_user=flags, user_email=words, usage_limit=amounts),
    )
    models = header.counters(_model, counts)
    path, account, region, exported, modified = _source(report)

    def read(line: int, cells: list[str]) -> UserReportRow:
        day, user, client, chats, used, cap, overage, enabled, profile, tier, messages, new, email, limit = pick(cells)
        return UserReportRow(
            path,
            account,
            region,
            exported,
            modified,
            line,
            days[day],
            users[user],
            clients[client],
            counts[chats],
            amounts[used],
            amounts[cap],
            amounts[overage],
            flags[enabled],
            words[profile],
            words[tier],
            counts[messages],
            flags[new],
            words[email],
            amounts[limit],
            models(cells),
        )

    return read


def _bind_analytic(header: _Header, report: ReportObject) -> Callable[[int, list[str]], AnalyticRow]:
    days, users, counts = header.kind(kiro_cells.day, ""), header.kind(kiro_cells.user, ""), header.kind(kiro_cells.count, None)
    pick = itemgetter(*header.keys(date=days, userid=users))
    counters = header.counters(_counter, counts)
    path, account, region, exported, modified = _source(report)

    def read(line: int, cells: list[str]) -> AnalyticRow:
        day, user = pick(cells)
        return AnalyticRow(path, account, region, exported, modified, line, days[day], users[user], counters(cells))

    return read


def _model(column: str) -> str | None:
    model = column.removesuffix(_MODEL_SUFFIX)
    return model if 0 < len(model) < min(len(column), MAX_MODEL_LENGTH) and column not in _NOT_MODELS else None


def _counter(column: str) -> str | None:
    """The documentation calls one counter by another name than real headers; both mean the same."""
    return _REAL if column == _DOCUMENTED else column if column in _COUNTER_COLUMNS else None


def _source(report: ReportObject) -> tuple[str, str, str, str, str]:
    return report.object.key, report.account, report.region, _stamp(report.exported), _stamp(report.object.modified)


def _stamp(moment: datetime) -> str:
    """ISO 8601 in UTC, always of the same length, so that text sorts like time."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
