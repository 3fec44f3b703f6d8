"""History of a sample organisation, from its report files to the text for promtool, beside a recount that knows nothing of the exporter."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from backfill_rig import Points, read
from recount_kiro import Recount

from exporter import backfilling
from exporter.backfilling import Target
from exporter.config import Config
from exporter.facts.history import History
from exporter.facts.recent import RecentFacts
from exporter.facts.store import Store
from exporter.families.catalogue import families
from exporter.model import DayRange
from exporter.people import people_file
from exporter.refreshes import Refreshes
from exporter.sample import Organisation, write
from exporter.telemetry import Telemetry

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
FIRST, LAST = date(2026, 9, 10), date(2026, 11, 21)
OF_TODAY = ("credits", "overage", "messages", "conversations", "client_credits", "client_messages", "model_messages")
"""What of the recount is a family `kiro_user_…`."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recount")
    write(Organisation.generate(12, 3), folder / "data", FIRST, LAST, cloudtrail=False, bill=False)
    return folder


@pytest.fixture(scope="module")
def recount(folder: Path) -> Recount:
    return Recount(folder / "data", folder / "data/people.csv", NOW.date())


@pytest.fixture(scope="module")
def written(folder: Path) -> Points:
    source = {"location": str(folder / "data"), "history": "90d"}
    config = Config.model_validate(
        {"engine": "duckdb", "store": {"path": str(folder / "state")}, "sources": {"kiro_credits": source}, "kiro": {"overage_relation": "inside"}}
    )
    store = Store.open(config.store.path)
    refreshes = Refreshes(config, store, History(store, RecentFacts()), Telemetry(), lambda: NOW, lambda: None)
    assert refreshes.by_name["kiro_credits"].run()
    store.close()
    entries = people_file.read(folder / "data/people.csv").entries
    names = frozenset(name for name in families() if name.startswith("kiro_user_"))
    months = list(backfilling.months(DayRange(FIRST, LAST), NOW))
    files = backfilling.write(backfilling.take(config, entries, NOW), months, Target((), names, names), folder / "backfill")
    return read(one.path for one in files)


@pytest.mark.parametrize("what", OF_TODAY)
def test_every_day_has_the_sums_of_the_recount(recount: Recount, written: Points, what: str) -> None:
    name = {"overage": "overage_credits"}.get(what, what)
    for day in DayRange(FIRST, LAST - DAY):
        recount.today = day + DAY
        at = datetime(day.year, day.month, day.day, 23, 59, tzinfo=UTC) + DAY
        found: dict[tuple[str, ...], float] = {}
        for (metric, pairs), values in written.items():
            if metric == f"kiro_user_{name}_yesterday" and values.get(at):
                labels = dict(pairs)
                found[tuple(labels.pop(label) for label in ("user", "team")) + tuple(labels.values())] = values[at]
        expected: dict[tuple[str, ...], Decimal] = getattr(recount, what)("yesterday")
        assert found == {labels: float(value) for labels, value in expected.items()}, day
