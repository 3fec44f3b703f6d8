"""The dashboards are of the types of Grafana's own libraries."""

from __future__ import annotations

import json
from pathlib import Path

from grafana_libraries import ran

from grafana.check.answers import dashboards


def test_the_dashboards_are_of_the_type_that_grafana_knows() -> None:
    judged = json.loads(ran("types.mjs"))
    assert judged["found"] == []
    assert judged["dashboards"] == [f"{board['uid']}.json" for board in dashboards()]


def test_a_dashboard_that_grafana_does_not_know_is_found(tmp_path: Path) -> None:
    board = next(iter(dashboards()))
    board["panels"][0]["gridPos"]["x"] = "left"
    (tmp_path / "wrong.json").write_text(json.dumps({**board, "graphTooltip": 7}), encoding="utf-8")
    found = " ".join(json.loads(ran("types.mjs", tmp_path))["found"])
    assert "graphTooltip" in found or "'7'" in found
    assert "'string' is not assignable to type 'number'" in found
