"""docs/metrics.md is fresh and tells of everything that is published."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter import limits, telemetry, windows
from exporter.families import PERSON_LABELS, Family, reference
from exporter.families.catalogue import families
from exporter.families.kiro_features import MEANINGS
from exporter.sources.kiro_csv import COUNTERS

PAGE = Path(__file__).parent.parent / "docs" / "metrics.md"


def rows() -> dict[str, list[str]]:
    """The rows of all tables by their first cell."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {first.strip("`"): rest for first, *rest in cells}


def test_the_page_is_fresh() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference.render(), "run: python -m exporter.families.reference > docs/metrics.md"


@pytest.mark.parametrize("family", families().values(), ids=families())
def test_a_family_is_there_with_its_labels_and_windows(family: Family) -> None:
    name = f"{family.name}_W" if family.windows else family.name
    labels = [*(PERSON_LABELS if family.of_people else ()), *family.labels]
    kind, shown_labels, shown_windows, _, help = rows()[name]
    assert (kind, help) == (family.kind.value, family.help.replace("|", "&#124;"))
    assert shown_labels == ", ".join(f"`{label}`" for label in labels)
    assert shown_windows == ", ".join(f"`{window}`" for window in family.windows)


def test_every_metric_about_the_exporter_is_there() -> None:
    names = {f"{telemetry.PREFIX}{one.name}{'_total' if one.kind == 'counter' else ''}" for one in telemetry.DEFINITIONS}
    assert names == {name for name in rows() if name.startswith(telemetry.PREFIX)}


def test_every_window_is_explained() -> None:
    assert tuple(reference.WINDOWS) == windows.SUFFIXES


def test_every_label_of_a_family_is_explained_and_no_other() -> None:
    assert set(reference.LABELS) == {*PERSON_LABELS, *(label for family in families().values() for label in family.labels)}


@pytest.mark.parametrize("label", ["feature", "event", "outcome", "change"])
def test_the_values_of_feature_labels_are_those_of_the_mapping(label: str) -> None:
    used = {
        "feature": {one.feature for one in MEANINGS},
        "event": {one.what for one in MEANINGS if one.unit == "events"},
        "outcome": {one.what for one in MEANINGS if one.unit != "events"},
        "change": {one.change for one in MEANINGS} - {""},
    }[label]
    assert set(reference.LABELS[label].split("`")[1::2]) == used


def test_every_counter_of_the_report_is_mapped_once() -> None:
    assert sorted(one.counter for one in MEANINGS) == sorted(COUNTERS)
    assert set(COUNTERS) <= set(rows())


def test_every_limit_step_is_there() -> None:
    assert [rows()[str(step)] for step in range(len(limits.STEPS))] == [[text] for text in limits.STEPS]
