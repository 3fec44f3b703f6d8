"""The dashboards with Grafana's own libraries: their types, and what their tables become of real answers. `npm ci` in grafana/check brings the libraries."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from dashboard_emptiness import NOT_HERE, declared, may_be_empty
from dashboards_rig import Demo, queries, running
from tools import require_tool

from grafana.check.answers import Prometheus, dashboards

CHECK = Path(__file__).parent.parent / "grafana" / "check"
TABLES = {f"{board['uid']}: {panel['title']}": (board, panel) for board in dashboards() for panel in board["panels"] if panel["type"] == "table"}


_FIRST_CHOICES = {"last_30d", "30"}
"""What windows and lengths stand at when nothing has been chosen."""


@pytest.fixture(scope="module")
def node() -> str:
    program = require_tool("node")
    if not (CHECK / "node_modules").is_dir():
        reason = "Grafana's libraries are not installed: npm ci --prefix grafana/check"
        (pytest.fail if os.environ.get("AUE_REQUIRE_TOOLS") == "1" and shutil.which("npm") else pytest.skip)(reason)
    return program


def ran(node: str, *arguments: str | Path, text: str | None = None) -> str:
    done = subprocess.run([node, *arguments], capture_output=True, text=True, check=False, cwd=CHECK, input=text)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# Types


def test_the_dashboards_are_of_the_type_that_grafana_knows(node: str) -> None:
    judged = json.loads(ran(node, "types.mjs"))
    assert judged["found"] == []
    assert judged["dashboards"] == [f"{board['uid']}.json" for board in dashboards()]


def test_a_dashboard_that_grafana_does_not_know_is_found(node: str, tmp_path: Path) -> None:
    board = next(iter(dashboards()))
    board["panels"][0]["gridPos"]["x"] = "left"
    (tmp_path / "wrong.json").write_text(json.dumps({**board, "graphTooltip": 7}), encoding="utf-8")
    found = " ".join(json.loads(ran(node, "types.mjs", tmp_path))["found"])
    assert "graphTooltip" in found or "'7'" in found
    assert "'string' is not assignable to type 'number'" in found


# Tables


@pytest.fixture(scope="module")
def demo(today: date, prometheus_binary: str, promtool: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running(tmp_path_factory.mktemp("tables"), today, prometheus_binary, promtool) as demo:
        yield demo


@pytest.fixture(scope="module")
def shown(node: str, demo: Demo) -> dict[str, dict[str, Any]]:
    """What each table shows of what a real Prometheus answers: its columns and rows. One that nothing was answered for is left out."""
    ran(node, "build.mjs", "tables")
    prometheus = Prometheus(demo.prometheus.address, demo.now.timestamp())
    asked = {
        name: {"panel": panel, "answers": prometheus.answers(board, panel, {"person": demo.user} if board["uid"] == "person" else {})}
        for name, (board, panel) in TABLES.items()
    }
    frames = json.loads(ran(node, "made/tables.mjs", text=json.dumps(list(asked.values()))))
    answered = {name for name, panel in asked.items() if any(answer["series"] for answer in panel["answers"])}
    assert all(len(found) == 1 for name, found in zip(asked, frames, strict=True) if name in answered), "a table shows one frame; the others would be hidden"
    return {name: found[0] for name, found in zip(asked, frames, strict=True) if name in answered}


def skip_where_nothing_is_to_show(shown: dict[str, Any], name: str, demo: Demo) -> None:
    """Fails where a table has no row and no reason for that is declared."""
    if name not in shown:
        asked = [query for query in queries() if f"{query.board}: {query.panel}" == name and set(query.chosen.values()) <= _FIRST_CHOICES]
        assert [query.name for query in asked if not (may_be_empty(query, demo) or declared(query, NOT_HERE))] == []
        pytest.skip("nothing was answered on the demo, and need not be")


@pytest.mark.parametrize("name", TABLES)
def test_a_table_has_its_columns_by_their_titles_in_order(shown: dict[str, Any], name: str, demo: Demo) -> None:
    skip_where_nothing_is_to_show(shown, name, demo)
    (organize,) = [one["options"] for one in TABLES[name][1]["transformations"] if one["id"] == "organize"]
    order = sorted(organize["indexByName"], key=organize["indexByName"].__getitem__)
    titles = [organize["renameByName"].get(column, column) for column in order if not organize["excludeByName"].get(column)]
    columns = [column["title"] for column in shown[name]["columns"]]
    assert columns == [title for title in titles if title in columns]
    # Only a value column may be missing: that of a query which nothing was answered for.
    missing = set(titles) - set(columns)
    assert missing <= {organize["renameByName"].get(column) for column in order if column.startswith("Value")}


@pytest.mark.parametrize("name", TABLES)
def test_the_columns_of_a_table_meet_in_one_row_for_each_key(shown: dict[str, Any], name: str, demo: Demo) -> None:
    skip_where_nothing_is_to_show(shown, name, demo)
    labels = [place for place, column in enumerate(shown[name]["columns"]) if not column["number"] and column["unit"] != "dateTimeAsIso"]
    rows = [tuple(row[place] for place in labels) for row in shown[name]["values"]]
    assert [key for key, count in Counter(rows).items() if count > 1] == []
    assert all(None not in key for key in rows), "a row lacks a label that others have: it did not meet them"


@pytest.mark.parametrize("name", TABLES)
def test_the_cells_of_a_table_read_well(shown: dict[str, Any], name: str, demo: Demo) -> None:
    skip_where_nothing_is_to_show(shown, name, demo)
    texts = [text for row in shown[name]["texts"] for text in row]
    assert [text for text in texts if text in ("NaN", "undefined", "null", "Infinity", "Invalid date") or len(text) > 60] == []
