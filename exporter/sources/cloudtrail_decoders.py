"""Fetches log files a batch at a time, and decodes the batches, in processes of their own where there is enough to do."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from exporter.errors import TransientError
from exporter.model import Rejection
from exporter.objects import Location, ObjectGone, ObjectTooLarge, ObjectUnreadable
from exporter.sources.cloudtrail_events import MAX_FILE_BYTES, DecodedFiles, FetchedFile, Wanted, decode_files
from exporter.sources.cloudtrail_layout import LogFile

BATCH_BYTES = 8 * 1024 * 1024
BATCH_FILES = 1000
"""A batch is fetched, decoded and remembered as one: what an interrupted refresh has to do again."""

FETCHES = 8
"""Files fetched at a time: a bucket takes longer to answer than to send."""

PROCESSES = 2
SPAWN_BYTES = 24 * 1024 * 1024
"""Below this, processes take longer to start than they save."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A batch, without the files that were gone when they were fetched."""

    files: tuple[LogFile, ...]
    content: DecodedFiles
    unread: tuple[Rejection, ...]
    """Files that could not be fetched."""


@dataclass(frozen=True, slots=True)
class _Batch:
    files: tuple[LogFile, ...]
    fetched: tuple[FetchedFile, ...]
    unread: tuple[Rejection, ...]


def decode_all(location: Location, files: Sequence[LogFile], wanted: Wanted, step: Callable[[], None], processes: int = PROCESSES) -> Iterator[Decoded]:
    """Fetches and decodes files, in their order. `step` is called before each batch and may raise.

    Raises what `Location.read` raises about the place itself, and TransientError when a decoding process is killed.
    """
    size = sum(file.object.size for file in files)
    with ThreadPoolExecutor(FETCHES, "cloudtrail-fetch") as fetches:

        def fetched() -> Iterator[_Batch]:
            for batch in _batches(files):
                step()
                yield _fetch(location, batch, fetches)

        if size < SPAWN_BYTES or min(processes, os.cpu_count() or 1) < 2:
            for batch in fetched():
                yield Decoded(batch.files, decode_files(batch.fetched, wanted), batch.unread)
        else:
            yield from _in_processes(fetched(), wanted, processes)


def _in_processes(batches: Iterable[_Batch], wanted: Wanted, processes: int) -> Iterator[Decoded]:
    # Spawned, because a fork of a process with threads can hang.
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), initializer=_begin_process)
    waiting: deque[tuple[_Batch, Future[DecodedFiles]]] = deque()
    try:
        for batch in batches:
            waiting.append((batch, pool.submit(decode_files, batch.fetched, wanted)))
            if len(waiting) > processes:
                yield _finished(waiting)
        while waiting:
            yield _finished(waiting)
    except BrokenProcessPool as error:
        raise TransientError("a process that decodes log files was killed, perhaps because memory is short") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _finished(waiting: deque[tuple[_Batch, Future[DecodedFiles]]]) -> Decoded:
    batch, future = waiting.popleft()
    return Decoded(batch.files, future.result(), batch.unread)


def _begin_process() -> None:
    """A process ends with the one that started it: that one handles Ctrl-C, and may be killed."""
    gc.disable()  # decoding makes no cycles, and looking for them takes a seventh of its time
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)


def _batches(files: Sequence[LogFile]) -> Iterator[list[LogFile]]:
    batch: list[LogFile] = []
    size = 0
    for file in files:
        if batch and (size + file.object.size > BATCH_BYTES or len(batch) == BATCH_FILES):
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += file.object.size
    if batch:
        yield batch


def _fetch(location: Location, batch: Sequence[LogFile], fetches: ThreadPoolExecutor) -> _Batch:
    def fetch(file: LogFile) -> FetchedFile | Rejection | None:
        place = location.address(file.object.key)
        try:
            return FetchedFile(place, file.delivered, location.read(file.object, MAX_FILE_BYTES))
        except ObjectGone:
            return None
        except (ObjectTooLarge, ObjectUnreadable) as error:
            return Rejection("size" if isinstance(error, ObjectTooLarge) else "file", place, 0, "", str(error))

    answers = [(file, answer) for file, answer in zip(batch, fetches.map(fetch, batch), strict=True) if answer is not None]
    return _Batch(
        tuple(file for file, _ in answers),
        tuple(answer for _, answer in answers if isinstance(answer, FetchedFile)),
        tuple(answer for _, answer in answers if isinstance(answer, Rejection)),
    )
