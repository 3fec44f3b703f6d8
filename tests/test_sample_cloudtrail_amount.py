"""As much of CloudTrail is written as was asked for, by the library and by the command; an operation that is asked for and does not exist is an error."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sample_folders import contents
from sample_logs import Record, logs_of, role_of, user_of

from exporter.commands.sample_data import sample_data
from exporter.sample import Organisation, write
from exporter.sample import cloudtrail_people as people_of_the_sample
from exporter.sample.cloudtrail_habits import habits_of
from exporter.sample.cloudtrail_operations import operation

LAST = date(2026, 11, 21)


def test_every_event_of_a_tiny_organisation_is_delivered_once(tmp_path: Path) -> None:
    organisation = Organisation.generate(5, 4)
    days = [date(2026, 11, 16) + timedelta(days=offset) for offset in range(5)]
    folder = write(organisation, tmp_path, days[0], days[-1], events=30, quirks=False, bill=False).folder
    arrived = Counter(record["eventID"] for _, found in logs_of(folder) for record in found)
    made = [
        event.record["eventID"]
        for day in days
        for person in organisation.people(day, day)
        if (habits := habits_of(person)) is not None
        for event in people_of_the_sample.events_of(organisation, person, habits, day, 30 / 20)
    ]
    assert len(made) > 300
    assert [arrived[event_id] for event_id in made] == [1] * len(made)


def events_of_people(records: list[Record]) -> int:
    return sum(1 for record in records if user_of(record) or role_of(record).startswith("AWSReservedSSO_") or record["userIdentity"].get("type") == "SAMLUser")


@pytest.mark.parametrize("events", [4.0, 40.0])
def test_about_as_many_events_are_made_as_were_asked_for(tmp_path: Path, events: float) -> None:
    folder = write(Organisation.generate(80, 2), tmp_path, date(2026, 11, 10), date(2026, 11, 16), events=events, bill=False).folder
    made = events_of_people([record for _, found in logs_of(folder) for record in found]) / 80 / 7
    assert 0.6 < made / events < 1.6


def test_without_being_asked_only_small_organisations_have_logs(tmp_path: Path) -> None:
    small, large = (write(Organisation.generate(people, 1), tmp_path / str(people), LAST, LAST, bill=False) for people in (1_000, 1_001))
    assert small.log_files > 0
    assert large.log_files == large.events == 0


def test_large_organisations_have_several_files_at_the_same_time(tmp_path: Path) -> None:
    write(Organisation.generate(1_001, 1), tmp_path, LAST, LAST, events=0.5, cloudtrail=True, bill=False)
    assert max(Counter(name[: name.rindex("_")] for name in contents(tmp_path) if "/CloudTrail/" in name).values()) > 1


def test_writing_again_touches_nothing(tmp_path: Path) -> None:
    organisation = Organisation.generate(20, 1)
    write(organisation, tmp_path, LAST - timedelta(days=2), LAST)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    write(organisation, tmp_path, LAST - timedelta(days=2), LAST)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_an_operation_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(LookupError, match="ec2:Reboot is not in the catalogue"):
        operation("ec2", "Reboot")


def test_the_command_names_the_logs_in_the_config(tmp_path: Path) -> None:
    folder = tmp_path / "sample"
    result = CliRunner().invoke(sample_data, ["--people", "10", "--days", "2", "--last-day", "2026-11-20", "--events", "3", "--output", str(folder)])
    assert f'sources:\n  cloudtrail: {{location: "{folder}"}}\n  cur:' in result.output
    assert json.loads((folder / "sample.json").read_text())["events"] == 3


def test_the_command_leaves_the_logs_out(tmp_path: Path) -> None:
    folder = tmp_path / "sample"
    result = CliRunner().invoke(sample_data, ["--people", "10", "--days", "2", "--last-day", "2026-11-20", "--no-cloudtrail", "--output", str(folder)])
    assert "cloudtrail" not in result.output.lower()
    assert not list(folder.glob("AWSLogs/o-*"))
