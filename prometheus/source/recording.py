"""Writes prometheus/rules/recording.yml from the families: `python prometheus/source/recording.py`; with `--check` it only says whether it differs.

Trends are drawn from totals by team: raw series are too many, and a person who changes team on a day would count twice in them. Every additive family of
people with a one-day window has one (`team:X_yesterday:sum`), with all its labels but the user, and the organisation has the sum of these.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]  # run as a file, Python looks only beside it

from exporter.families import Family  # noqa: E402
from exporter.families.catalogue import families  # noqa: E402

FILE = ROOT / "prometheus" / "rules" / "recording.yml"
Rule = dict[str, Any]

ONE_DAY = ("yesterday", "3d_ago")

ACTIVE = {
    "kiro": "kiro_user_active_dates",
    "aws": "aws_user_active_dates",
}
"""Families that count the days on which a person was active, by what they were active in."""

_HEADER = """\
# Made by `make rules`; not edited by hand.
# Totals that trends are drawn from: few series, and a person who changes team on a day counts once. People who are active, by team.
"""


def totals(family: Family) -> Iterator[Rule]:
    """The totals of a family by team and of the organisation, for each of its one-day windows."""
    for window in ONE_DAY:
        if window in family.windows:
            metric = f"{family.name}_{window}"
            team = f"team:{metric}:sum"
            yield {"record": team, "expr": f"sum by ({', '.join(('team', *family.labels))}) ({metric})"}
            labels = f" by ({', '.join(family.labels)})" if family.labels else ""
            yield {"record": f"organization:{metric}:sum", "expr": f"sum{labels} ({team})"}


def active(what: str, dates: Family, one_day: str) -> Iterator[Rule]:
    """People who were active on a day (`one_day`: their use then), and in each of the windows of the family of dates, by team. A day without any counts 0."""
    yield _people(f"team:{what}_active_people_yesterday:count", f"{one_day} > bool 0")
    for window in dates.windows:
        yield _people(f"team:{what}_active_people_{window}:count", f"{_each(f'{dates.name}_{window}')} > bool 0")


def adoption() -> Iterator[Rule]:
    """What became of people who use Kiro, by team, in the 7 days that end with the newest landed day: new, returned after 23 days or more without use, stayed,
    and left, who were active in the 23 days before and not in these."""
    weekly, monthly, first = (_each(f"kiro_user_{what}") for what in ("active_dates_last_7d", "active_dates_last_30d", "first_activity_timestamp_seconds"))
    week = 'scalar(max(aws_user_exporter_source_data_timestamp_seconds{source="kiro_credits"})) - 7 * 86400'
    changes = {
        "new": f"({first} >= bool {week}) * ({weekly} > bool 0)",
        "returned": f"({first} < bool {week}) * ({weekly} > bool 0) * ({weekly} == bool {monthly})",
        "stayed": f"({weekly} > bool 0) * ({weekly} < bool {monthly})",
        "left": f"({monthly} > bool 0) * ({weekly} == bool 0)",
    }
    for change, expression in changes.items():
        yield _people("team:kiro_adoption_people_last_7d:count", expression) | {"labels": {"change": change}}


def seats() -> Iterator[Rule]:
    """Seats by team, tier and status: their history."""
    yield {"record": "team:kiro_seats:count", "expr": "count by (team, tier, status) (max by (user, team, tier, status) (kiro_user_seat))"}


def _people(record: str, expression: str) -> Rule:
    return {"record": record, "expr": f"sum by (team) ({expression})"}


def _each(metric: str) -> str:
    return f"max by (user, team) ({metric})"


_ACTIVE_YESTERDAY = {
    "kiro": f"{_each('kiro_user_credits_yesterday')} + {_each('kiro_user_messages_yesterday')}",
    "aws": "sum by (user, team) (aws_user_events_yesterday)",
}


def document() -> str:
    """The text of the file."""
    known = families()
    rules = [rule for family in known.values() if family.of_people and family.additive for rule in totals(family)]
    people = [rule for what, name in ACTIVE.items() for rule in active(what, known[name], _ACTIVE_YESTERDAY[what])]
    groups = [
        {"name": "aws-user-exporter-totals", "rules": rules},
        {"name": "aws-user-exporter-active", "rules": people},
        {"name": "aws-user-exporter-kiro", "rules": [*adoption(), *seats()]},
    ]
    return _HEADER + yaml.safe_dump({"groups": groups}, sort_keys=False, width=1000)


def main() -> int:
    """The command. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    checking, text = parser.parse_args().check, document()
    differs = not FILE.exists() or FILE.read_text(encoding="utf-8") != text
    if differs:
        print(f"{'differs' if checking else 'written'}: {FILE.relative_to(ROOT)}")
        if not checking:
            FILE.write_text(text, encoding="utf-8")
    return 1 if checking and differs else 0


if __name__ == "__main__":
    sys.exit(main())
