"""Files that want all memory, read in a process of its own under a limit: `hostile_bombs.py <bomb> <folder>` prints what came of it as JSON."""

from __future__ import annotations

import gzip
import io
import json
import logging
import resource
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path

import duckdb
from cloudtrail_events_made import event, iam_user, packed
from cur_made import EXPORT, NOVEMBER, Bill, line, write_manifest, write_month
from isal import isal_zlib
from kiro_files import ALICE, BOB, Use, put, user_report, user_report_key
from kiro_rig import DAY, Rig

from exporter.config import load
from exporter.errors import TransientError, UserError
from exporter.logs import LogfmtFormatter
from exporter.people import people_file
from exporter.sources.cloudtrail_events import FetchedFile, Wanted, decode_files

LIMIT_BYTES = 3 * 1024**3
MB = 1024 * 1024
DELIVERED = date(2026, 11, 20)
MINIMAL = b'{"eventID":"","eventTime":"2026-11-20T10:00:00Z","eventSource":"","eventName":""'


def unpacking_to(begin: bytes, repeated: bytes, size: int, end: bytes = b"") -> bytes:
    """gzip of a text of about `size` bytes, made without holding it."""
    packer = isal_zlib.compressobj(1, wbits=31)
    block = repeated * (MB // len(repeated))
    parts = [packer.compress(begin), *(packer.compress(block) for _ in range(size // len(block))), packer.compress(end), packer.flush()]
    return b"".join(parts)


LOG_FILES: dict[str, Callable[[], bytes]] = {
    "unpacks without end": lambda: unpacking_to(b"", b"\0", 400 * MB),
    "empty gzip parts": lambda: gzip.compress(b"") * 200_000,
    "deep list": lambda: unpacking_to(b'{"Records":', b"[", 40 * MB),
    "deep request": lambda: unpacking_to(b'{"Records":[' + MINIMAL + b',"requestParameters":', b'{"a":', 40 * MB),
    "deep principal": lambda: unpacking_to(b'{"Records":[' + MINIMAL + b',"userIdentity":', b'{"sessionContext":', 40 * MB),
    "numbers for records": lambda: unpacking_to(b'{"Records":[', b"1,", 40 * MB, b"1]}"),
    "empty records": lambda: unpacking_to(b'{"Records":[', b"{},", 1 * MB, b"{}]}"),
    "one long text": lambda: unpacking_to(b'{"Records":[' + MINIMAL[:-1], b"x", 40 * MB, b'"}]}'),
    "escaped backslashes": lambda: unpacking_to(b'{"Records":[' + MINIMAL[:-1], b"\\\\", 40 * MB, b'"'),
    "halves of pairs": lambda: unpacking_to(b'{"Records":[' + MINIMAL[:-1], b"\\ud800 ", 40 * MB, b'"}]}'),
    "no JSON": lambda: unpacking_to(b"", b"lorem ipsum ", 40 * MB),
}


def log_file(kind: str) -> dict[str, object]:
    """A bomb between two good log files."""
    good = [event(iam_user("heidi"), at="2026-11-20T10:00:00Z")]
    files = [packed(good), LOG_FILES[kind](), packed(good)]
    decoded = decode_files((FetchedFile(f"{place}.json.gz", DELIVERED, data) for place, data in enumerate(files)), Wanted(("Management",), frozenset()))
    told = sorted({(rejection.path, rejection.reason) for rejection in decoded.rejections})
    return {"good": decoded.events[DELIVERED], "told": told, "count": len(decoded.rejections) + sum(decoded.untold.values())}


def sparse(path: Path, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(size)


REPORTS: dict[str, Callable[[Path], None]] = {
    "gigabyte of nothing": lambda path: sparse(path, 1000 * MB),
    "million columns": lambda path: _write(path, [",".join(f"c{place}" for place in range(1_000_000)), "\n", "0," * 1_000_000, "\n"]),
    "one long line": lambda path: _write(path, ["Date,UserId,Client_Type,Credits_Used\n", "x" * 15 * MB, "\n"]),
    "quote without end": lambda path: _write(path, ["Date,UserId,Client_Type,Credits_Used\n", *(['2026-07-10,"x,KIRO_IDE,1\n'] * 400_000)]),
    "bad rows": lambda path: _write(path, ["Date,UserId,Client_Type,Credits_Used\n", *(["x,y,z,1\n"] * 300_000)]),
    "short rows": lambda path: _write(path, ["Date,UserId,Client_Type,Credits_Used\n", *([",\n"] * 1_000_000)]),
}


def _write(path: Path, parts: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(parts)


def report(kind: str, folder: Path) -> dict[str, object]:
    """A bomb beside a good report of the same day."""
    rig = Rig(folder)
    put(rig.reports, user_report_key(DAY), user_report(DAY, Use(ALICE, credits="1.5"), Use(BOB, credits="2.5")))
    REPORTS[kind](rig.reports / user_report_key(DAY, "PLUGIN"))
    worked = rig.refresh()
    counted = sum(rig.rejected(reason) for reason in ("size", "encoding", "header", "cells", "date", "user", "client"))
    return {"worked": worked, "credits": {user: str(credits.normalize()) for user, credits in rig.credits(DAY).items()}, "count": counted}


def bill(folder: Path) -> dict[str, object]:
    """A month in which one tag is a gigantic text, after a good one."""
    made = Bill(folder)
    write_month(made.export, [line(day="2026-10-10", cost=3.0)], NOVEMBER.replace(month=10))
    path = made.export / "data" / f"BILLING_PERIOD={NOVEMBER:%Y-%m}" / f"{EXPORT}-00001.snappy.parquet"
    write_month(made.export, [line(cost=2.0)])
    duckdb.execute(
        f"""COPY (SELECT * REPLACE (MAP(['user_owner'], [repeat('x', 200000000)]) AS resource_tags) FROM read_parquet('{path}'))
        TO '{path}.made' (FORMAT parquet, COMPRESSION zstd)"""
    ).fetchall()
    Path(f"{path}.made").replace(path)
    write_manifest(made.export, NOVEMBER, [path])
    error = ""
    try:
        made.refresh()
    except (UserError, TransientError) as caught:
        error = str(caught)
    return {"error": error, "costs": [str(fact.cost.normalize()) for fact in made.costs()]}


def laughs(levels: int, merged: bool) -> Iterator[str]:
    """Aliases of aliases: ten lines that stand for a thousand million values."""
    yield "- &x0 {user: lol}\n" if merged else "- &x0 [lol]\n"
    for level in range(1, levels):
        below = ", ".join([f"*x{level - 1}"] * 9)
        yield f"- &x{level} {{<<: [{below}]}}\n" if merged else f"- &x{level} [{below}]\n"


def _section(levels: int) -> Iterator[str]:
    for place, text in enumerate(laughs(levels, True)):
        yield f"x-{place}: {text[2:]}"


PEOPLE: dict[str, Callable[[], str]] = {
    "laughs": lambda: "".join(laughs(10, False)) + "- {user: alice, team: *x9, aliases: *x9}\n- user: bob\n",
    "merged laughs": lambda: "".join(laughs(10, True)) + "- user: bob\n",
    "deep": lambda: "[" * 200_000,
    "one long alias list": lambda: "- user: bob\n  aliases: &a [" + "x, " * 20_000 + "]\n" + "- {user: alice, aliases: *a}\n" * 300,
}
CONFIGS: dict[str, Callable[[], str]] = {
    "laughs": lambda: "engine: duckdb\n" + "".join(_section(10)) + "sources:\n  <<: *x9\n",
    "deep": lambda: "engine: " + "[" * 200_000,
    "large": lambda: "# no end\n" * 10_000_000,
}


def people(kind: str, folder: Path) -> dict[str, object]:
    path = folder / "people.yaml"
    path.write_text(PEOPLE[kind](), encoding="utf-8")
    try:
        read = people_file.read(path)
    except UserError as error:
        return {"error": str(error)}
    return {"users": [entry.user for entry in read.entries], "count": len(read.rejections)}


def config(kind: str, folder: Path) -> dict[str, object]:
    path = folder / "config.yaml"
    path.write_text(CONFIGS[kind](), encoding="utf-8")
    try:
        load(path, {})
    except UserError as error:
        return {"error": str(error)}
    return {}


def main(what: str, kind: str, folder: Path) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    handler.setFormatter(LogfmtFormatter())
    logging.getLogger().addHandler(handler)
    done: dict[str, object] = {
        "log_file": lambda: log_file(kind),
        "report": lambda: report(kind, folder),
        "bill": lambda: bill(folder),
        "people": lambda: people(kind, folder),
        "config": lambda: config(kind, folder),
    }[what]()
    # Not ru_maxrss: after a fork it begins with what the parent held.
    (peak,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    rss = int(peak.split()[1]) * 1024
    print(json.dumps({**done, "rss": rss, "log": log.getvalue()}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
