"""The people file: persons, aliases, teams and seats that the operator writes, as CSV or YAML."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.config import tier_name
from exporter.config.scalars import parse_day
from exporter.errors import UserError
from exporter.model import Rejection
from exporter.people.resolving import Entry
from exporter.quoting import well_formed

if TYPE_CHECKING:
    import yaml

MAX_BYTES = 64 * 1024 * 1024
"""A larger file is refused. 100,000 people take about 20 MB."""
MAX_COLUMNS = 1_000
MAX_VALUES = 4_000_000
"""Values of a YAML file once its aliases are followed."""

COLUMNS = ("user", "display_name", "email", "team", "department", "aliases", "kiro_tier", "kiro_since")
SOURCE = "people_file"
"""The name under which rejected rows are counted."""

_NULL = "tag:yaml.org,2002:null"
_MERGE = "tag:yaml.org,2002:merge"
_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("null", "str", "int", "float", "bool", "timestamp", "seq", "map"))
_COLUMNS_TOLD = 20

REASONS = ("user", "duplicate", "date", "cells")


@dataclass(frozen=True, slots=True)
class PeopleFile:
    """What a people file says, what of it was left out, and the columns that mean nothing here: the first twenty, cut at 80 characters."""

    entries: tuple[Entry, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    unknown_columns: frozenset[str] = frozenset()


def read(path: Path) -> PeopleFile:
    """Reads a CSV file (by header, in any order) or a YAML list of mappings; the ending tells which.

    Only `user` is required. `aliases` are separated by `;`, or a list in YAML. `kiro_tier` is the tier of a paid seat, `kiro_since` the day (YYYY-MM-DD)
    since when it is held. Raises UserError when the file cannot be used at all; a row that cannot be used is left out and named.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise UserError(f"the people file {path} has more than {MAX_BYTES:,} bytes; correct people.file, or take out what is not about people")
        text = data.decode("utf-8-sig")
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
            rejections.append(Rejection("duplicate", str(path), line, "user", f"{entry.user[:80]!r} stands in the file twice; the first one counts"))
        else:
            users.add(entry.user.lower())
            entries.append(entry)
    known = set(COLUMNS)
    # What stands in a row without a user may be the name of one.
    unknown = {name[:80] for _, row in rows if row and row.get("user") for name in row if name not in known}
    return PeopleFile(tuple(entries), tuple(rejections), frozenset(sorted(unknown)[:_COLUMNS_TOLD]))


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
    aliases = row.get("aliases", "")
    tier = tier_name(text("kiro_tier").replace("+", "_plus"))
    return Entry(
        user=text("user"),
        display_name=text("display_name"),
        email=text("email"),
        team=text("team"),
        department=text("department"),
        aliases=tuple(alias.strip() for alias in (aliases.split(";") if isinstance(aliases, str) else aliases) if alias.strip()),
        seat_tier=None if tier in ("", "none") else tier,
        seat_since=since,
    )


def _csv_rows(path: Path, text: str) -> Iterator[tuple[int, dict[str, str | list[str]] | None]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        if len(header) > MAX_COLUMNS:
            raise UserError(f"the people file {path} has {len(header):,} columns; at most {MAX_COLUMNS:,} are read")
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
        rows = None if not isinstance(root, yaml.SequenceNode) else list(_rows_of(path, root))
    except yaml.MarkedYAMLError as error:
        # Without the line of the file itself, which YAML would show: it names people.
        mark = error.problem_mark or error.context_mark
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise UserError(f"the people file {path} is not proper YAML{where} ({error.problem or error.context})") from error
    except yaml.reader.ReaderError as error:
        raise UserError(f"the people file {path} is not proper YAML: the character at {error.position} is not allowed") from error
    except RecursionError as error:
        raise UserError(f"the people file {path} is not proper YAML: it is nested too deeply") from error
    if rows is None:
        raise UserError(f"the people file {path} should be a list of people, each a mapping with the key user")
    yield from rows


def _rows_of(path: Path, root: yaml.SequenceNode) -> Iterator[tuple[int, dict[str, str | list[str]] | None]]:
    # Nodes are read and not what they stand for: aliases of aliases multiply, but a row has two levels and no more.
    left = MAX_VALUES
    for node in root.value:
        row = _yaml_row(node)
        left -= 1 + sum(len(value) if isinstance(value, list) else 1 for value in (row or {}).values())
        if left < 0:
            raise UserError(f"the people file {path} holds more than {MAX_VALUES:,} values once its aliases are followed")
        yield node.start_mark.line + 1, row


def _yaml_row(node: yaml.Node, merging: bool = False) -> dict[str, str | list[str]] | None:
    """A mapping of keys to text or lists of text, over the one that it merges (`<<`); None for anything else."""
    import yaml

    if not isinstance(node, yaml.MappingNode):
        return None
    row: dict[str, str | list[str]] = {}
    merged: dict[str, str | list[str]] | None = None
    for key, value in node.value:
        if key.tag == _MERGE:
            if merging or merged is not None or (merged := _yaml_row(value, merging=True)) is None:
                return None
        elif not isinstance(key, yaml.ScalarNode) or (read := _yaml_value(value)) is None:
            return None
        else:
            row[well_formed(key.value).lower()] = read
    return {**(merged or {}), **row}


def _yaml_value(node: yaml.Node) -> str | list[str] | None:
    import yaml

    if node.tag not in _TAGS:
        raise yaml.constructor.ConstructorError(None, None, f"the tag {node.tag[:80]!r} is not supported", node.start_mark)
    if isinstance(node, yaml.ScalarNode):
        return "" if node.tag == _NULL else well_formed(node.value)
    if isinstance(node, yaml.SequenceNode) and all(isinstance(part, yaml.ScalarNode) for part in node.value):
        return [well_formed(part.value) for part in node.value if part.tag != _NULL]
    return None
