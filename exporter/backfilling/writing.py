"""Writes the files of a backfill, a calendar month each, and goes on where an earlier run was interrupted."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import msgspec

import exporter
from exporter.backfilling.calendar import Month
from exporter.backfilling.rendering import END, Target, render
from exporter.backfilling.standpoint import Standpoint
from exporter.backfilling.values import LoadedDays, one_day_windows, stated, versions
from exporter.families.catalogue import GROUPS

MANIFEST = "backfill.json"
_ASIDE = ".tmp"


class Made(msgspec.Struct, frozen=True):
    """What a file was made of, as a hash, and what it holds. A month without a sample has no file."""

    of: str
    samples: int
    bytes: int


class Manifest(msgspec.Struct, frozen=True):
    """The finished files by name."""

    files: dict[str, Made]


@dataclass(frozen=True, slots=True)
class Written:
    """A file of a backfill; `kept`: an earlier run had finished it, and it would be the same now."""

    path: Path
    month: Month
    samples: int
    bytes: int
    kept: bool


def write(
    standpoint: Standpoint, months: Sequence[Month], target: Target, folder: Path, *, restart: bool = False, told: Callable[[Written], None] = lambda _: None
) -> list[Written]:
    """Writes the months, oldest first, into a folder. `restart` writes all anew. Files are written aside, synced and renamed. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {} if restart else dict(_manifest(folder).files)
    loaded, base, found = LoadedDays(standpoint), _base(standpoint, target), []
    for month in months:
        path, made_of = folder / month.name, _made_of(base, standpoint, month)
        made = files.get(month.name)
        kept = made is not None and made.of == made_of and (path.stat().st_size if path.exists() else 0) == made.bytes
        if made is None or not kept:
            samples = _write(loaded, month, target, path)
            made = Made(made_of, samples, path.stat().st_size if samples else 0)
            files[month.name] = made
            _replace(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(Manifest(files))))
        found.append(Written(path, month, made.samples, made.bytes, kept))
        told(found[-1])
    return found


def _write(loaded: LoadedDays, month: Month, target: Target, path: Path) -> int:
    loaded.load(month.needed)
    config = loaded.standpoint.config
    windows = {family.name: one_day_windows(family, group, config) for group in GROUPS for family in group.families}
    aside, samples = path.with_name(path.name + _ASIDE), 0
    try:
        with aside.open("wb") as file:
            with stated(loaded, month.days, target.families) as (cursor, found):
                for chunk in render(cursor, found, windows, month, target):
                    file.write(chunk.plain)
                    samples += chunk.series
            file.write(END)
            file.flush()
            os.fsync(file.fileno())
        if samples:
            os.replace(aside, path)
        else:
            path.unlink(missing_ok=True)
    finally:
        aside.unlink(missing_ok=True)
    return samples


def _manifest(folder: Path) -> Manifest:
    try:
        return msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (FileNotFoundError, msgspec.DecodeError):
        return Manifest({})


def _replace(path: Path, data: bytes) -> None:
    aside = path.with_name(path.name + _ASIDE)
    aside.write_bytes(data)
    os.replace(aside, path)


def _base(standpoint: Standpoint, target: Target) -> str:
    """What every file depends on: version, options, people and the settings that make values."""
    config, people = standpoint.config, standpoint.people
    parts = (
        *(exporter.__version__, exporter.revision(), target.labels, sorted(target.families), sorted(target.breakdowns)),
        # Spellings apart: of people under a hash their persons do not tell them.
        *(people.persons, sorted(people.keys.items()), sorted(people.spellings.items()), sorted(people.hidden), standpoint.zeros),
        sorted(standpoint.rankings.items()) if target.breakdowns else (),  # totals are the same whoever stands by name
        *(config.attribution, config.people.patterns, config.kiro, config.limits, config.windows, config.paying),
    )
    return "\n".join(map(repr, parts))


def _made_of(base: str, standpoint: Standpoint, month: Month) -> str:
    days: dict[str, list[date]] = {source: sorted(day for day in month.days if day in landed) for source, landed in standpoint.landed.items()}
    facts = sorted(versions(standpoint, month.needed).items())
    text = "\n".join((base, repr(sorted(month.spans.items())), repr(sorted(days.items())), repr(facts)))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
