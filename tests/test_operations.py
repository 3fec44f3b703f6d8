"""docs/operations.md: what it has Prometheus keep of several exporters is one organisation, told once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from facts_in_memory import Published, config, in_memory, landed, publish
from folded_people import ENTRIES, FIRST, IDLE, LAST, NAMES, NOW, facts, totals

DOCUMENT = (Path(__file__).parent.parent / "docs" / "operations.md").read_text(encoding="utf-8")
PARTS = {"exporter-a:10821": ["core"], "exporter-b:10821": ["data", "unknown"]}


def block(begins: str) -> Any:
    """The example in YAML that begins with a key."""
    found = re.search(rf"```yaml\n({begins}:\n.*?)```", DOCUMENT, re.DOTALL)
    assert found is not None
    return yaml.safe_load(found[1])


def told(teams: list[str]) -> Published:
    return publish(in_memory(facts()), NOW, landed(FIRST, LAST), entries=[*ENTRIES, *IDLE], settings=config(privacy={"only_teams": teams}))


@pytest.fixture(scope="module")
def whole() -> Published:
    return told([])


@pytest.fixture(scope="module")
def kept() -> Published:
    """What the rule leaves of both exporters. https://prometheus.io/docs/prometheus/latest/configuration/configuration/#relabel_config"""
    [job] = block("scrape_configs")["scrape_configs"]
    [rule] = job["metric_relabel_configs"]
    assert (rule["action"], job["static_configs"]) == ("keep", [{"targets": list(PARTS)}])
    merged: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for instance, teams in PARTS.items():
        assert f"`[{', '.join(teams)}]`" in DOCUMENT
        for name, series in (seen := told(teams)).samples.items():
            for pairs, value in series.items():
                labels = dict(pairs) | {"instance": instance, "__name__": name}
                if re.fullmatch(rule["regex"], ";".join(labels.get(label, "") for label in rule["source_labels"])):
                    assert pairs not in merged.setdefault(name, {}), (name, pairs)
                    merged[name][pairs] = value
    return Published(seen.built, seen.people, merged)


@pytest.mark.parametrize("name", NAMES)
def test_sums_of_several_exporters_are_those_of_one(name: str, whole: Published, kept: Published) -> None:
    assert totals(kept, name) == pytest.approx(totals(whole, name))


def test_everybody_stands_by_name_once(whole: Published, kept: Published) -> None:
    assert kept.of("aws_user_info").keys() == whole.of("aws_user_info").keys()


def test_what_is_about_no_team_is_told_once(whole: Published, kept: Published) -> None:
    prices = ("kiro_tier_price", "kiro_tier_included_credits", "kiro_overage_price")
    assert [kept.samples[name] == whole.samples[name] and len(whole.samples[name]) > 0 for name in prices] == [True] * 3


@pytest.mark.parametrize("instance", PARTS)
def test_each_exporter_still_tells_of_itself(instance: str) -> None:
    [job] = block("scrape_configs")["scrape_configs"]
    [rule] = job["metric_relabel_configs"]
    names = ("aws_user_exporter_source_up", "process_resident_memory_bytes", "python_info")
    assert [bool(re.fullmatch(rule["regex"], f"{instance};;{name}")) for name in names] == [True] * 3
