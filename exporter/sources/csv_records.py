"""CSV from outside, record by record: encoding, line ends, quotes and limits are dealt with here, and a bad line costs only that line."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator

from exporter.model import Rejection

MAX_BYTES = 16 * 1024 * 1024
"""A larger file is rejected. Kiro splits its reports after 1,000 users, which is about 300 kB."""
MAX_LINE_LENGTH = 1024 * 1024
MAX_COLUMNS = 2_000
MAX_REJECTIONS = 10_000
"""Rejections of one file that are told one by one; one more says how many were not."""

_DETAIL_LENGTH = 80
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_UNDECODED = re.compile("[\udc80-\udcff]")
_REREADING = 4
"""How many times the length of a file may be read again after records that came to nothing."""


class Notes:
    """Collects what of one file is left out, so that it can be told with its place."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._told: list[Rejection] = []
        self._more = 0

    def reject(self, reason: str, line: int, column: str, detail: str) -> None:
        """Notes one rejection; text of the file gets into `column` and `detail` through `shown` only."""
        if len(self._told) < MAX_REJECTIONS:
            self._told.append(Rejection(reason, self._path, line, column, detail[:_DETAIL_LENGTH]))
        else:
            self._more += 1

    def rejections(self) -> tuple[Rejection, ...]:
        if not self._more:
            return tuple(self._told)
        return (*self._told, Rejection("size", self._path, 0, "", f"{self._more} more rejections of this file are not told one by one"))


def shown(text: str) -> str:
    """Text of a file as it may stand in a log: quoted, escaped and cut."""
    return repr(text[:_DETAIL_LENGTH])[:_DETAIL_LENGTH]


def records(data: bytes, notes: Notes) -> Iterator[tuple[int, list[str]]]:
    """The records of a CSV file, each with the physical line, from 1, on which it begins; the first one is the header.

    Every record has as many cells as the header, at most MAX_COLUMNS. UTF-8 with and without BOM; line ends LF, CRLF, CR;
    stray CRs; quoted newlines. Blank lines are passed over. Lines that are not UTF-8, are too long or have another number
    of cells are rejected one by one, and so is the whole file if its header is such a line.
    """
    if len(data) > MAX_BYTES:
        notes.reject("size", 0, "", f"{len(data):,} bytes, at most {MAX_BYTES:,} are read")
        return iter(())
    if data.startswith(_UTF_16) or b"\0" in data:
        notes.reject("encoding", 0, "", "UTF-16 or not text; reports are UTF-8")
        return iter(())
    try:
        return _parsed(_with_one_line_end(data.decode()), notes)
    except UnicodeDecodeError:
        return _all_utf8(_parsed(_with_one_line_end(data.decode(errors="surrogateescape")), notes), notes)


class _LineTooLong(csv.Error):
    """A line is longer than any line of a report."""


def _with_one_line_end(text: str) -> str:
    """The text without BOM and with LF as its only line end."""
    text = text.replace("\ufeff", "")
    if "\r" in text:
        text = text.replace("\r\n", "\n")
        # Where LF ends the lines, a CR is a stray one within a cell, as display names have them.
        text = text.replace("\r", "" if "\n" in text else "\n")
    return text


def _parsed(text: str, notes: Notes) -> Iterator[tuple[int, list[str]]]:
    if not text or text.isspace():
        return
    lines = io.StringIO(text)
    header = _header(lines, notes)
    if not header:
        return
    width = len(header)
    done = text.count("\n", 0, lines.tell())  # Lines before the record at hand.
    yield done, header
    budget = _REREADING * len(text)
    while True:
        start, skipped = lines.tell(), done
        reader = csv.reader(lines if len(text) <= MAX_LINE_LENGTH else _bounded(lines), strict=True)
        try:
            for cells in reader:
                if len(cells) == width:
                    yield done + 1, cells
                elif not _is_blank(cells):
                    if skipped + reader.line_num > done + 1:
                        break
                    notes.reject("cells", done + 1, "", f"{len(cells)} cells where the header has {width}")
                done = skipped + reader.line_num
            else:
                return
        except csv.Error:
            pass
        # A quote that is never closed swallows the lines after it: only the line on which the broken record begins is given up.
        end = lines.tell()
        lines.seek(start)
        for _ in range(done - skipped):
            lines.readline()
        budget -= end - lines.tell()
        if budget < 0:
            last = skipped + text.count("\n", start, end)
            notes.reject("cells", done + 1, "", f"quotes are not closed; the lines from here to {last} are left out")
            done = last
            lines.seek(end)
            continue
        done += 1
        alone = _alone(lines.readline())
        if alone is None:
            notes.reject("size", done, "", "the line or one of its cells is too long")
        elif len(alone) == width:
            yield done, alone
        else:
            notes.reject("cells", done, "", f"{len(alone)} cells where the header has {width}; quotes are not closed")


def _header(lines: io.StringIO, notes: Notes) -> list[str] | None:
    cells: list[str] | None = []
    while cells is not None and _is_blank(cells):
        line = lines.readline()
        if not line:
            return None
        cells = _alone(line)
    if cells is None or len(cells) > MAX_COLUMNS:
        notes.reject("size", 0, "", f"the header is too long; at most {MAX_COLUMNS:,} columns are read")
        return None
    if any(map(_UNDECODED.search, cells)):
        notes.reject("encoding", 0, "", "the header is not UTF-8")
        return None
    return cells


def _alone(line: str) -> list[str] | None:
    """A line read as a record of its own, with quotes taken as they come; None if it is too long."""
    try:
        return next(csv.reader(_bounded([line])))
    except csv.Error:
        return None


def _bounded(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        if len(line) > MAX_LINE_LENGTH:
            raise _LineTooLong
        yield line


def _all_utf8(parsed: Iterable[tuple[int, list[str]]], notes: Notes) -> Iterator[tuple[int, list[str]]]:
    for line, cells in parsed:
        if any(map(_UNDECODED.search, cells)):
            notes.reject("encoding", line, "", "not UTF-8")
        else:
            yield line, cells


def _is_blank(cells: list[str]) -> bool:
    return not cells or (len(cells) == 1 and not cells[0].strip())
