"""docs/visuals.md: every visual of the system before has a panel, and the panel asks for what the page says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from grafana.source import metrics

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "visuals.md").read_text(encoding="utf-8")
COLUMNS = ["visual", "QuickSight visual", "kind", "panel", "asks for", "what is different"]

ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("|") and not line.startswith("|---")]
VISUALS = {row[0].strip("`"): dict(zip(COLUMNS, row, strict=True)) for row in ROWS if row != COLUMNS}
"""The rows by the id that the visual had in QuickSight."""

BOARDS = {board["title"]: board for path in (ROOT / "grafana" / "dashboards").glob("*.json") for board in [json.loads(path.read_text(encoding="utf-8"))]}
PANELS = {f"{title}: {panel['title']}": panel for title, board in BOARDS.items() for panel in metrics.panels(board)}

KINDS = {"KPI": {"stat"}, "line": {"timeseries"}, "bar": {"bargauge", "table"}, "table": {"table"}}
"""What a kind of visual may have become. A ranking of people is a table: its rows lead to the person."""

every_visual = pytest.mark.parametrize("visual", VISUALS.values(), ids=VISUALS)


def test_all_visuals_are_there() -> None:
    of_dashboard = [visual for visual in VISUALS if visual.startswith("d-")]
    assert len(of_dashboard) == 16
    assert len(VISUALS) == len(ROWS) - PAGE.count("| visual |") == 16 + 28


@every_visual
def test_a_visual_has_its_panel(visual: dict[str, str]) -> None:
    assert PANELS[visual["panel"]]["type"] in KINDS[visual["kind"]]


@every_visual
def test_the_panel_asks_for_the_metric(visual: dict[str, str]) -> None:
    asked = {name for target in PANELS[visual["panel"]]["targets"] for name in metrics.asked(target["expr"].replace("${window}", "last_30d"))}
    metric = visual["asks for"].strip("`")
    assert any(name == metric or name.startswith(f"{metric}_") for name in asked), asked


def test_other_panels_that_are_named_exist() -> None:
    titles = {panel["title"] for panel in PANELS.values()}
    assert set(re.findall(r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)", PAGE)) <= titles


def test_the_dashboards_that_are_named_exist() -> None:
    assert set(re.findall(r"\*\*([A-Z][^*]+)\*\*", PAGE)) <= set(BOARDS)
