"""Draws the dashboards into .cache/pictures, one PNG each, from a live demo and made history: `make pictures`, or with names of dashboards for these alone."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT)]

from grafana.check.answers import DAY, Prometheus, dashboards  # noqa: E402

OUT = ROOT / ".cache" / "pictures"
CELL, TOP = 38, 60
_DAYS = re.compile(r"now-(\d+)d")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--prometheus", metavar="HOST:PORT")
    options = parser.parse_args()
    subprocess.run(["node", HERE / "build.mjs", "page"], check=True)
    draw(Prometheus(options.prometheus, time.time()), options.names)
    return 0


def draw(prometheus: Prometheus, names: list[str]) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    (most,) = prometheus.people('topk(1, sum by (user) (kiro_user_credits_last_30d{user!="_other"}) * sum by (user) (aws_user_events_last_30d))')
    for dashboard in dashboards():
        if names and dashboard["uid"] not in names:
            continue
        values = {"person": most} if dashboard["uid"] == "person" else {}
        prometheus.days = int(_DAYS.match(dashboard["time"]["from"])[1])
        panels = [{"panel": panel, "answers": prometheus.answers(dashboard, panel, values)} for panel in dashboard["panels"]]
        end = prometheus.moment * 1000
        document = {"title": dashboard["title"], "from": (prometheus.moment // DAY - prometheus.days) * DAY * 1000, "to": end, "panels": panels}
        height = TOP + CELL * max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
        picture = OUT / f"{dashboard['uid']}.png"
        shoot(json.dumps(document), 1616, height, picture)
        print(picture.relative_to(ROOT))


def shoot(document: str, width: int, height: int, picture: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        data = document.replace("<", "\\u003c")
        script = (HERE / "made/page.js").as_uri()
        page.write_text(
            f'<!doctype html><meta charset=utf-8><link rel=stylesheet href="{(HERE / "node_modules/uplot/dist/uPlot.min.css").as_uri()}">'
            "<style>*{box-sizing:border-box}body{margin:0;background:#f4f5f5;font:14px Inter,Helvetica,Arial,sans-serif;color:#24292e}</style>"
            f'<div id=root></div><script>window.dashboard={data}</script><script src="{script}"></script>',
            encoding="utf-8",
        )
        command = [
            "chromium",
            *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars", "--disable-background-networking"),
            *("--disable-component-update", "--disable-sync", "--allow-file-access-from-files", f"--user-data-dir={folder}/profile"),
            *(f"--window-size={width},{height}", "--virtual-time-budget=8000", f"--screenshot={picture}", page.as_uri()),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0 or not picture.exists():
            raise SystemExit(f"Chromium drew nothing:\n{done.stderr[-2000:]}")


if __name__ == "__main__":
    sys.exit(main())
