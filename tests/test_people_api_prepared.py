"""When the people API makes its tables, and that an answer stays the same while facts change."""

from __future__ import annotations

import subprocess
import sys

from people_api_rig import DAYS, ENTRIES, FACTS, LAST, NOW
from people_asked import known

from exporter.snapshots.people_told import Chosen


def test_nothing_is_stated_before_somebody_asks() -> None:
    people = known(FACTS, NOW, DAYS, entries=ENTRIES).people
    before = people.asked
    people.listed("last_30d", Chosen("user_name", False, 1))
    assert (before, people.asked) == (False, True)


def test_facts_are_not_held_by_an_open_transaction() -> None:
    """One that stayed open would keep every row that refreshes replace."""
    facts = known(FACTS, NOW, DAYS, entries=ENTRIES)
    facts.people.prepare()
    recent = facts.people._facts
    recent.cursor().execute("ALTER TABLE cloudtrail ADD COLUMN later INTEGER").fetchall()
    assert facts.people.one("alice", "last_30d") is not None


def test_prepared_is_not_asked() -> None:
    people = known(FACTS, NOW, DAYS, entries=ENTRIES).people
    people.prepare()
    assert not people.asked


def test_answer_stays_the_same_while_facts_change() -> None:
    facts = known(FACTS, NOW, DAYS, entries=ENTRIES)
    before = facts.people.one("alice", "last_30d")
    facts.people._facts.drop_before("cloudtrail", LAST)
    assert facts.people.one("alice", "last_30d") == before
    assert sum(day.events or 0 for day in facts.people.timeline(before.person, "last_30d")) == 450  # type: ignore[union-attr]


def test_fastapi_is_not_imported_before_the_first_request() -> None:
    code = "import sys, exporter.service, exporter.web.app; print('fastapi' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
