"""config.example.yaml and docs/config.md tell all there is to set, and what holds unless it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from exporter.config import Config, Model, load, reference
from exporter.config.schema import annotation_of, is_mapping, model_of

ROOT = Path(__file__).parent.parent


def model_keys(model: type[Model], path: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        annotation = annotation_of(field)
        inner = model_of(annotation)
        yield path + name
        # The keys of aws are shown once; the places that take some of them again only name it.
        if inner is not None and (name != "aws" or not path):
            yield from model_keys(inner, f"{path}{name}.<name>." if is_mapping(annotation) else f"{path}{name}.")


def written_keys(section: dict[str, Any], path: str = "") -> Iterator[str]:
    for name, value in section.items():
        yield path + name
        if isinstance(value, dict) and path + name == "kiro.tiers":
            yield from (key for tier in value.values() for key in written_keys(tier, "kiro.tiers.<name>."))
        elif isinstance(value, dict):
            yield from written_keys(value, f"{path}{name}.")


def test_the_example_has_every_key_and_no_other() -> None:
    assert set(written_keys(yaml.safe_load((ROOT / "config.example.yaml").read_text()))) == set(model_keys(Config))


def test_the_example_holds_the_defaults() -> None:
    data = {name: {"location": str(ROOT / "data")} for name in ("kiro_credits", "kiro_features", "cloudtrail")}
    data |= {"cur": {"location": str(ROOT / "data" / "cur")}, "cost_explorer": {}, "identity_center": {}}
    defaults = Config.model_validate({"engine": "duckdb", "sources": data, "bill": "cur", "store": {"path": str(ROOT / "state")}})
    assert load(ROOT / "config.example.yaml", {}) == defaults


def test_the_reference_is_fresh() -> None:
    assert (ROOT / "docs" / "config.md").read_text(encoding="utf-8") == reference.render(), "run: python -m exporter.config.reference > docs/config.md"
