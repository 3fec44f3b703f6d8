"""The people file: persons, aliases, teams and seats that the operator writes, as CSV or YAML."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporter.config import tier_name
from exporter.config.scalars import parse_day
from exporter.errors import UserError
from exporter.model import Rejection
from exporter.people import Entry

COLUMNS = ("user", "display_name", "email", "team", "department", "aliases", "kiro_tier", "kiro_since")
SOURCE = "people_file"
"""The name under which rejected rows are counted."""

REASONS = ("user", "duplicate", "date", "cells")


@dataclass(frozen=True, slots=True)
class PeopleFile:
    """What a people file says, what of it was left out, and the columns that mean nothing here."""

    entries: tuple[Entry, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    unknown_columns: frozenset[str] = frozenset()


def read(path: Path) -> PeopleFile:
    """Reads a CSV file (by header, in any order) or a YAML list of mappings; the ending tells which.

    Only `user` is required. `aliases` are separated by `;`, or a list in YAML. `kiro_tier` is the tier of a paid seat, `kiro_since` the day (YYYY-MM-DD)
    since when it is held. Raises UserError when the file cannot be used at all; a row that cannot be used is left out and named.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"the people file {path} is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    except OSError as error:
        raise UserError(f"the people file {path} cannot be read ({error.strerror}); correct people.file, or make the file readable") from error
    rows = list(_yaml_rows(path, text) if path.suffix.lower() in (".yaml", ".yml") else _csv_rows(path, text))
    entries: list[Entry] = []
    rejections: list[Rejection] = []
    users: set[str] = set()
    for line, row in rows:
        if row is None:
            rejections.append(Rejection("cells", str(path), line, "", "the row has more or fewer cells than the header"))
            continue
        entry = _entry(path, line, row)
        if isinstance(entry, Rejection):
            rejections.append(entry)
        elif entry.user.lower() in users:
            rejections.append(Rejection("duplicate", str(path), line, "user", f"{entry.user!r} stands in the file twice; the first one counts"))
        else:
            users.add(entry.user.lower())
            entries.append(entry)
    known = set(COLUMNS)
    unknown = frozenset(name for _, row in rows if row for name in row if name not in known)
    return PeopleFile(tuple(entries), tuple(rejections), unknown)


def _entry(path: Path, line: int, row: Mapping[str, str | list[str]]) -> Entry | Rejection:
    def text(name: str) -> str:
        value = row.get(name, "")
        return value.strip() if isinstance(value, str) else ";".join(value)

    if not text("user"):
        return Rejection("user", str(path), line, "user", "the row names no user")
    since = None
    if text("kiro_since"):
        try:
            since = parse_day(text("kiro_since"))
        except ValueError:
            return Rejection("date", str(path), line, "kiro_since", f"{text('kiro_since')[:80]!r} is not a day such as 2026-02-13")
    tier = tier_name(text("kiro_tier").replace("+", "_plus"))
    return Entry(
        user=text("user"),
        display_name=text("display_name"),
        email=text("email"),
        team=text("team"),
        department=text("department"),
        aliases=tuple(alias.strip() for alias in text("aliases").split(";") if alias.strip()),
        seat_tier=None if tier in ("", "none") else tier,
        seat_since=since,
    )


def _csv_rows(path: Path, text: str) -> Iterator[tuple[int, dict[str, str | list[str]] | None]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        if "user" not in header or len(set(header)) != len(header):
            raise UserError(f"the people file {path} needs a first line that names its columns, each once, with one called user (of {', '.join(COLUMNS)})")
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            yield reader.line_num, dict(zip(header, cells, strict=True)) if len(cells) == len(header) else None
    except csv.Error as error:
        raise UserError(f"the people file {path} is not proper CSV at line {reader.line_num} ({error})") from error


def _yaml_rows(path: Path, text: str) -> Iterator[tuple[int, dict[str, str | list[str]] | None]]:
    import yaml

    from exporter.config.document import TextLoader

    try:
        root = yaml.compose(text, Loader=TextLoader)
        items: Any = yaml.load(text, Loader=TextLoader)
    except yaml.YAMLError as error:
        raise UserError(f"the people file {path} is not proper YAML: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise UserError(f"the people file {path} is not proper YAML: it is nested too deeply") from error
    if not isinstance(root, yaml.SequenceNode):
        raise UserError(f"the people file {path} should be a list of people, each a mapping with the key user")
    for node, item in zip(root.value, items, strict=True):
        line = node.start_mark.line + 1
        if not isinstance(item, dict):
            yield line, None
            continue
        yield line, {str(key).lower(): _yaml_value(value) for key, value in item.items()}


def _yaml_value(value: object) -> str | list[str]:
    if isinstance(value, list):
        return [str(part) for part in value if part is not None]
    return "" if value is None else str(value)
