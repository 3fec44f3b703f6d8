"""What `backfill` writes: every sample is what a live exporter served of that day, of landed days only, and the same after an interruption."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from backfill_rig import ENTRIES, INSTANCE, TEAMS, A, B, Points, Stored, a_day, labels, midnight
from billed import Billed
from facts_in_memory import Caused, Fact, Used

from exporter import backfilling
from exporter.backfilling import Written, writing
from exporter.errors import UserError
from exporter.model import DayRange
from exporter.people import Entry

NOW = datetime(2026, 7, 25, 12, tzinfo=UTC)
LAST = date(2026, 7, 24)
DAY = timedelta(days=1)
AT = timedelta(hours=23, minutes=59)
JOB = "aws-user-exporter"


def kiro_alone(day: date) -> list[Fact]:
    """Little to write, for tests that ask which files are written."""
    return [Used(day, A, day.day, 1)]


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    """95 days, of which memory holds 62; everything is written once."""
    stored = Stored(tmp_path_factory.mktemp("history"), LAST - 94 * DAY, LAST, NOW)
    stored.backfill(target=stored.target(breakdowns=True))
    return stored


@pytest.fixture(scope="module")
def written(history: Stored) -> Points:
    return history.written()


def of(metric: str, written: Points, **own: str) -> dict[datetime, float]:
    """The samples of a person's or plain metric."""
    return written.get((metric, labels(("instance", INSTANCE), ("job", JOB), *own.items())), {})


def by_day(samples: Mapping[datetime, float], later: int) -> dict[date, float]:
    """Values by the day that they are of."""
    assert {at - midnight(at.date()) for at in samples} <= {AT}
    return {at.date() - later * DAY: value for at, value in samples.items()}


def test_every_sample_of_a_day_is_what_was_served_on_the_days_after(history: Stored, written: Points) -> None:
    """A snapshot of each of these days, built as the service builds it, against the samples of its last minute but one: every family, window and label."""
    days = [LAST - back * DAY for back in (0, 2, 5, 40)]
    live = history.live(days, [AT])
    for day in days:
        at = midnight(day) + AT
        served = {series: values[at] for series, values in live.items() if at in values}
        held = {series: values[at] for series, values in written.items() if at in values}
        assert held.keys() == served.keys(), day
        assert held == pytest.approx(served, rel=1e-12, abs=1e-12), day


def recount(history: Stored, what: str) -> dict[tuple[str, date], float]:
    """Sums by user and day over the made facts, by plain addition."""
    found: dict[tuple[str, date], float] = {}
    for day in DayRange(history.first, history.last):
        for user in (*TEAMS, ""):
            found[user, day] = 0.0
        for fact in a_day(day):
            if isinstance(fact, Used) and what == "credits":
                found[{A: "alice", B: "bob"}.get(fact.identity, fact.identity), day] += float(str(fact.credits))
            if isinstance(fact, Caused) and fact.who is not None and what == "writes":
                found[{A: "alice", B: "bob"}.get(fact.who, fact.who), day] += fact.write
            if isinstance(fact, Billed) and what == "cost" and fact.charge == "usage":
                found[fact.owner or "", day] += float(str(fact.cost))
    return found


@pytest.mark.parametrize(
    ("what", "metric", "own", "windows"),
    [
        ("credits", "kiro_user_credits", {}, {"yesterday": 1, "3d_ago": 3}),
        ("writes", "aws_user_events", {"access": "write"}, {"yesterday": 1}),
        ("cost", "aws_user_cost", {"charge": "usage", "currency": "USD"}, {"yesterday": 1, "3d_ago": 3}),
    ],
)
def test_people_have_the_recounted_value_of_every_day(
    history: Stored, written: Points, what: str, metric: str, own: dict[str, str], windows: dict[str, int]
) -> None:
    expected = recount(history, what)
    for user in ("alice", "bob"):
        for window, later in windows.items():
            days = DayRange(history.first, LAST - later * DAY)
            found = by_day(of(f"{metric}_{window}", written, user=user, team="core", **own), later)
            assert found == pytest.approx({day: expected[user, day] for day in days}), (user, window)


def test_whoever_did_nothing_on_a_landed_day_has_a_zero(history: Stored, written: Points) -> None:
    idle = by_day(of("aws_user_events_yesterday", written, user="dave", team="data", access="read"), 1)
    assert idle == dict.fromkeys(DayRange(history.first, LAST - DAY), 0.0)


def test_nothing_is_written_that_is_still_in_the_memory_of_prometheus(tmp_path: Path) -> None:
    """At 02:58 the sample of 23:59 is a second short of three hours old; a day later, the next one is taken."""
    stored = Stored(tmp_path, LAST - 5 * DAY, LAST, NOW.replace(hour=2, minute=58), kiro_alone)
    stored.backfill()
    newest = max(at for values in stored.written().values() for at in values)
    assert newest == midnight(LAST - DAY) + AT
    stored.now = NOW.replace(hour=2, minute=59)
    stored.backfill()
    assert max(at for values in stored.written().values() for at in values) == midnight(LAST) + AT


def test_a_day_that_never_landed_is_left_out_and_one_that_retention_took(tmp_path: Path) -> None:
    stored = Stored(tmp_path, LAST - 30 * DAY, LAST, NOW)
    stored.land(LAST - 20 * DAY, LAST - 10 * DAY)
    for source in ("kiro_credits", "kiro_features", "cloudtrail", "cur"):
        for file in (tmp_path / "state/facts" / source).glob("*.parquet"):
            if date.fromisoformat(file.stem) < LAST - 15 * DAY:
                file.unlink()
    stored.backfill()
    found = by_day(of("aws_user_events_yesterday", stored.written(), user="dave", team="data", access="read"), 1)
    assert [*found] == [*DayRange(LAST - 15 * DAY, LAST - 10 * DAY)]


def test_a_landed_day_without_use_is_zero_and_a_damaged_one_is_left_out(tmp_path: Path) -> None:
    used, idle, damaged = LAST - 6 * DAY, LAST - 5 * DAY, LAST - 4 * DAY
    stored = Stored(tmp_path, LAST - 8 * DAY, LAST, NOW, lambda day: [Used(day, A, 5, 1)] if day != idle else [])
    (tmp_path / "state/facts/kiro_credits" / f"{damaged}.parquet").write_bytes(b"PAR1 it is not")
    stored.backfill()
    found = by_day(of("kiro_user_credits_yesterday", stored.written(), user="alice", team="core"), 1)
    assert (found[used], found[idle], damaged in found) == (5, 0, False)


def test_overage_that_is_told_as_a_months_so_far_counts_what_is_new_a_day(tmp_path: Path) -> None:
    """2 on 30 June, then 1, 4 and 4 so far in July: 1, 3 and 0 a day, also where only these days are asked for."""
    so_far = {date(2026, 6, 30): 2, date(2026, 7, 1): 1, date(2026, 7, 2): 4, date(2026, 7, 3): 4}
    facts = {day: [Used(day, A, 10, 1, overage=overage)] for day, overage in so_far.items()}
    kiro = {"overage_relation": "inside", "overage_period": "month_to_date"}
    stored = Stored(tmp_path, date(2026, 6, 20), LAST, NOW, lambda day: facts.get(day, [Used(day, B, 1, 1)]), kiro=kiro)
    stored.backfill(date(2026, 7, 2), date(2026, 7, 5))
    found = by_day(of("kiro_user_overage_credits_yesterday", stored.written(), user="alice", team="core"), 1)
    assert found == {date(2026, 7, 2): 3}
    stored.backfill(date(2026, 6, 30), date(2026, 7, 1), restart=True)
    found = by_day(of("kiro_user_overage_credits_3d_ago", stored.written(), user="alice", team="core"), 3)
    assert (found[date(2026, 6, 30)], found[date(2026, 7, 1)]) == (2, 1)


def test_people_are_those_of_now(tmp_path: Path) -> None:
    """Erin's id was in no list then, and bob was in another team."""
    stored = Stored(tmp_path, LAST - 70 * DAY, LAST, NOW, lambda day: [Used(day, B, 5, 1)])
    stored.entries = (*(entry for entry in ENTRIES if entry.user != "bob"), Entry("robert", team="data", aliases=(B,)))
    stored.backfill()
    people = {dict(pairs)["user"]: dict(pairs)["team"] for (name, pairs) in stored.written() if name == "kiro_user_credits_yesterday"}
    assert people == {"robert": "data", "carol": "data"}  # carol has a seat


def test_who_is_hidden_stands_nowhere_and_totals_stay_whole(tmp_path: Path) -> None:
    stored = Stored(tmp_path, LAST - 20 * DAY, LAST, NOW, privacy={"exclude_users": ["alice"], "user_label": "hash", "hash_key": "secret"})
    stored.backfill(target=stored.target(breakdowns=True))
    text = "".join(file.read_text(encoding="utf-8") for file in stored.output.iterdir())
    assert not [name for name in ("alice", A, "bob", B, "carol", "secret") if name in text]
    expected = recount(stored, "credits")
    found = by_day(stored.written()["team:kiro_user_credits_yesterday:sum", (("team", "core"),)], 1)
    assert found == pytest.approx({day: expected["alice", day] + expected["bob", day] for day in DayRange(stored.first, LAST - DAY)})


@pytest.mark.parametrize("limits", [{"breakdown_users": 1}, {"max_series": 150}, {"max_series": 40}])
def test_limits_fold_history_as_they_fold_what_is_served(tmp_path: Path, limits: dict[str, int]) -> None:
    """Who is summed into _other now is so in history: their series would be new ones."""
    stored = Stored(tmp_path, LAST - 20 * DAY, LAST, NOW, limits=limits)
    stored.backfill(target=stored.target(breakdowns=True))
    served, held = stored.live([LAST], [AT]), stored.written()

    def people(points: Points, named: str) -> set[str]:
        return {dict(pairs)["user"] for name, pairs in points if name == named}

    for name in ("kiro_user_client_credits_yesterday", "aws_user_service_cost_yesterday", "kiro_user_credits_yesterday"):
        assert people(held, name) <= people(served, name) | {"_other"} or not people(served, name), name
    each, expected = recount(stored, "credits"), defaultdict(float)
    for (_, day), value in each.items():
        if value and day < LAST:
            expected[day] += value
    total = by_day(held["organization:kiro_user_credits_yesterday:sum", ()], 1)
    assert {day: value for day, value in total.items() if value} == pytest.approx(expected)


def test_without_breakdowns_their_totals_are_there(tmp_path: Path) -> None:
    stored = Stored(tmp_path, LAST - 9 * DAY, LAST, NOW)
    stored.backfill()
    names = {name for name, _ in stored.written()}
    assert "team:kiro_user_client_credits_yesterday:sum" in names
    assert "kiro_user_client_credits_yesterday" not in names


def test_only_the_families_asked_for(tmp_path: Path) -> None:
    stored = Stored(tmp_path, LAST - 9 * DAY, LAST, NOW)
    stored.backfill(target=stored.target(names=["kiro_user_messages"]))
    assert {name for name, _ in stored.written()} == {
        *("kiro_user_messages_yesterday", "team:kiro_user_messages_yesterday:sum", "organization:kiro_user_messages_yesterday:sum")
    }


# Going on


def contents(stored: Stored) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in stored.output.iterdir()}


def kept(files: list[Written]) -> list[bool]:
    return [one.kept for one in files]


KILLED = """
import os, signal, sys
sys.path[:0] = [{tests!r}, {project!r}]
import test_backfill
from exporter.backfilling import writing
stored = test_backfill.stored_again({folder!r})
rendered, months = writing.render, []
def render(*arguments):
    months.append(1)
    for chunk in rendered(*arguments):
        yield chunk
        if len(months) == 2:
            os.kill(os.getpid(), signal.SIGKILL)
writing.render = render
stored.backfill()
"""


def stored_again(folder: str) -> Stored:
    """The store that a test has made, in another process."""
    stored = object.__new__(Stored)
    made = Path(folder)
    stored.folder, stored.output, stored.first, stored.last, stored.now, stored.entries = made, made / "backfill", LAST - 70 * DAY, LAST, NOW, ENTRIES
    stored.config = Stored.settings(made)
    return stored


def test_after_a_kill_in_the_middle_of_a_file_the_next_run_gives_the_same_files(tmp_path: Path) -> None:
    stored = Stored(tmp_path, LAST - 70 * DAY, LAST, NOW, kiro_alone)
    stored.backfill()
    whole = contents(stored)
    for file in stored.output.iterdir():
        file.unlink()
    tests = Path(__file__).parent
    code = KILLED.format(tests=str(tests), project=str(tests.parent), folder=str(tmp_path))
    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert sorted(path.suffix for path in stored.output.iterdir()) == [".json", ".om", ".tmp"]
    assert kept(stored.backfill()) == [True, False, False]
    assert contents(stored) == whole


def test_what_is_finished_is_kept_until_its_facts_change(tmp_path: Path) -> None:
    stored = Stored(tmp_path, LAST - 70 * DAY, LAST, NOW, kiro_alone)
    stored.backfill()
    assert kept(stored.backfill()) == [True, True, True]
    changed = date(2026, 6, 10)
    stored.put([Used(changed, A, 777, 1)], [changed])
    # July's file needs June from its first day on, because overage may be a month's so far.
    assert kept(stored.backfill()) == [True, False, False]
    assert by_day(of("kiro_user_credits_3d_ago", stored.written(), user="alice", team="core"), 3)[changed] == 777


@pytest.mark.parametrize("how", ["people", "labels", "broken", "restart"])
def test_a_file_is_written_anew_when(tmp_path: Path, how: str) -> None:
    stored = Stored(tmp_path, LAST - 9 * DAY, LAST, NOW, kiro_alone)
    stored.backfill()
    options: dict[str, Any] = {}
    if how == "people":
        stored.entries = ENTRIES[1:]
    elif how == "labels":
        options["target"] = writing.Target((("job", "other"), ("instance", INSTANCE)), stored.target().families, frozenset())
    elif how == "broken":
        (stored.output / "2026-07.om").write_bytes(b"cut off")
    else:
        options["restart"] = True
    assert kept(stored.backfill(**options)) == [False]


HASHED = {"user_label": "hash", "hash_key": "secret"}


@pytest.mark.parametrize(
    ("billed", "how", "privacy"),
    [
        ({"created_by": "IAMUser:AIDAXXXXXXXXXXXXXXXX:svc-alice"}, "patterns", {}),
        ({"owner": "the platform"}, "alias", HASHED),
    ],
    ids=["patterns", "an alias under a hash"],
)
def test_a_file_is_written_anew_when_somebody_else_pays(tmp_path: Path, billed: dict[str, Any], how: str, privacy: dict[str, str]) -> None:
    stored = Stored(tmp_path, LAST - 9 * DAY, LAST, NOW, lambda day: [Billed(day, 1, **billed)], privacy=privacy)
    aliases = (*ENTRIES[0].aliases, "svc-alice@111122223333")
    stored.entries = (replace(ENTRIES[0], aliases=aliases), *ENTRIES[1:])
    stored.backfill()
    before = stored.written()
    if how == "patterns":
        stored.config = Stored.settings(tmp_path, privacy=privacy, people={"patterns": {"service_user": []}})
    else:
        stored.entries = (replace(ENTRIES[0], aliases=(*aliases, "the platform")), *ENTRIES[1:])
    assert kept(stored.backfill()) == [False]
    total = ("organization:aws_user_cost_yesterday:sum", labels(("charge", "usage"), ("currency", "USD")))
    # 15 to 23 July; the sample of the 24th is too new for a block.
    assert [sum(points[total].values()) for points in (before, stored.written())] == [0, 9]


def test_the_store_may_be_in_use(tmp_path: Path) -> None:
    stored = Stored(tmp_path, LAST - 9 * DAY, LAST, NOW, kiro_alone)
    before = sorted(tmp_path.rglob("*"))
    with stored.assembly():
        stored.backfill()
    assert sorted(path for path in tmp_path.rglob("*") if stored.output not in (path, *path.parents)) == before


def test_an_empty_store_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no day yet"):
        backfilling.take(Stored.settings(tmp_path), (), NOW)
