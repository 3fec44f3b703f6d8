"""Writes grafana/dashboards: `python grafana/source/build.py`; with `--check` it only says which of them differ, and exits with 1."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]  # run as a file, Python looks only beside it

from grafana_foundation_sdk.cog.encoder import JSONEncoder  # noqa: E402

from grafana.source.aws_cost import aws_cost  # noqa: E402
from grafana.source.aws_usage import aws_usage  # noqa: E402
from grafana.source.exporter_health import exporter_health  # noqa: E402
from grafana.source.inactive import inactive  # noqa: E402
from grafana.source.kiro_behaviour import behaviour  # noqa: E402
from grafana.source.kiro_cost import cost  # noqa: E402
from grafana.source.kiro_features import features  # noqa: E402
from grafana.source.kiro_overview import overview  # noqa: E402
from grafana.source.metrics import check_dashboard  # noqa: E402
from grafana.source.overview import organization_overview  # noqa: E402
from grafana.source.person import person  # noqa: E402

FOLDER = ROOT / "grafana" / "dashboards"
DASHBOARDS = (organization_overview, overview, behaviour, cost, features, aws_usage, aws_cost, person, inactive, exporter_health)


def documents() -> dict[str, str]:
    """The text of each file by its name. Raises NotPublished where a query asks for what nobody publishes."""
    texts: dict[str, str] = {}
    for make in DASHBOARDS:
        made = make().build()
        for place, panel in enumerate(made.panels or (), start=1):
            panel.id_val = place
        document: dict[str, Any] = json.loads(json.dumps(made, cls=JSONEncoder))
        for variable in document["templating"]["list"]:
            # The SDK writes what only variables of intervals have into every variable; Grafana's own types do not know it there.
            for name in ("auto", "auto_count", "auto_min"):
                variable.pop(name, None)
        check_dashboard(document)
        texts[f"{document['uid']}.json"] = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    return texts


def differing(texts: dict[str, str]) -> list[str]:
    """The files that are missing, that are not as they should be, or that nothing makes."""
    there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    return sorted(name for name in {*texts, *there} if texts.get(name) != there.get(name))


def main() -> int:
    """The command. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    checking = parser.parse_args().check
    texts = documents()
    changed = differing(texts)
    for name in changed:
        print(f"{'differs' if checking else 'written'}: {FOLDER.relative_to(ROOT) / name}")
        if checking:
            continue
        if name in texts:
            (FOLDER / name).write_text(texts[name], encoding="utf-8")
        else:
            (FOLDER / name).unlink()
    return 1 if checking and changed else 0


if __name__ == "__main__":
    sys.exit(main())
