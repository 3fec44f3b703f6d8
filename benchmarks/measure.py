"""What every benchmark needs: rivals in alternation, medians, peak memory of a process of its own, and one row of the table."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One row of the table: what was measured, beside what, the ratio that was reached and the one that is wanted."""

    what: str
    rival: str
    measured: str
    reached: float | None
    wanted: float | None
    smaller_is_better: bool = False

    def verdict(self) -> str:
        if self.wanted is None or self.reached is None:
            return ""
        good = self.reached <= self.wanted if self.smaller_is_better else self.reached >= self.wanted
        return "ok" if good else "falls short"

    def __str__(self) -> str:
        wanted = "" if self.wanted is None else f"{'at most' if self.smaller_is_better else 'at least'} {self.wanted:g}"
        reached = "" if self.reached is None else f"{self.reached:.4g}"
        return f"{self.what:<62} {self.rival:<36} {self.measured:<34} {reached:>8}  {wanted:<14} {self.verdict()}"

    def markdown(self) -> str:
        """The same as a row of a table in the documentation."""
        wanted = "" if self.wanted is None else f"{'at most' if self.smaller_is_better else 'at least'} {self.wanted:.3g}"
        reached = "" if self.reached is None else f"{self.reached:.3g}"
        return f"| {self.what} | {self.rival} | {self.measured} | {reached} | {wanted} | {self.verdict()} |"


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def alternate(runs: int, ours: Callable[[], object], theirs: Callable[[], object]) -> tuple[float, float]:
    """Median seconds of both, run in turn: the machine's speed drifts, and so both drift alike."""
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(runs)]
    return statistics.median(pair[0] for pair in pairs), statistics.median(pair[1] for pair in pairs)


def apart(module: str, *arguments: str) -> dict[str, float]:
    """Runs `python -m benchmarks.<module> <arguments>` and returns the JSON object that it prints last; `peak` is added by the process itself."""
    done = subprocess.run([sys.executable, "-m", f"benchmarks.{module}", *arguments], capture_output=True, text=True, check=False, env=os.environ)
    if done.returncode:
        raise RuntimeError(f"{module} {' '.join(arguments)} failed:\n{done.stderr[-3000:]}")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def peak_megabytes() -> float:
    """The largest resident size of this process so far."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
