"""The synthetic organisation is deterministic and believable, and minds what is in its folder."""

from __future__ import annotations

import hashlib
import json
import os
import re
import statistics
import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
import yaml
from click.testing import CliRunner
from recount_kiro import Recount
from sample_folders import FIRST, LAST, PEOPLE, SEED, contents, listed_people

from exporter.commands.sample_data import sample_data
from exporter.errors import UserError
from exporter.sample import Organisation, Person, sandbox_owners, write
from exporter.sample.names import name_of


@pytest.fixture(scope="module")
def organisation() -> Organisation:
    return Organisation.generate(PEOPLE, SEED)


@pytest.fixture(scope="module")
def quirky(organisation: Organisation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(organisation, tmp_path_factory.mktemp("quirky"), FIRST, LAST, cloudtrail=False, bill=False).folder


@pytest.fixture(scope="module")
def people(organisation: Organisation) -> dict[str, Person]:
    return {person.identity_center_id: person for person in organisation.people(FIRST, LAST)}


# Deterministic


def digest_in_a_process_of_its_own(folder: Path, hash_seed: str) -> str:
    code = f"""
from datetime import date
from pathlib import Path
from exporter.sample import Organisation, write
write(Organisation.generate(40, 3), Path({str(folder)!r}), date(2026, 11, 1), date(2026, 11, 9))
"""
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONHASHSEED": hash_seed}, cwd=Path(__file__).parents[1])
    return hashlib.sha256(repr(sorted(contents(folder).items())).encode()).hexdigest()


def test_the_same_seed_gives_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    assert digest_in_a_process_of_its_own(tmp_path / "one", "1") == digest_in_a_process_of_its_own(tmp_path / "two", "2")


def test_another_seed_gives_other_people() -> None:
    users = [{person.user for person in Organisation.generate(50, seed).people(FIRST, LAST)} for seed in (1, 2)]
    assert len(users[0] & users[1]) < 10


def test_a_day_is_the_same_whatever_span_it_is_written_with(organisation: Organisation, quirky: Path, tmp_path: Path) -> None:
    write(organisation, tmp_path, date(2026, 10, 20), date(2026, 10, 24), cloudtrail=False, bill=False)
    reports = {name: content for name, content in contents(tmp_path).items() if re.search("/2026/10/2[0-4]/", name)}
    assert reports == {name: content for name, content in contents(quirky).items() if re.search("/2026/10/2[0-4]/", name)}


def test_writing_again_touches_nothing(tmp_path: Path) -> None:
    organisation = Organisation.generate(20, 1)
    write(organisation, tmp_path, date(2026, 11, 1), LAST, cloudtrail=False)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    write(organisation, tmp_path, date(2026, 11, 1), LAST, cloudtrail=False)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_progress_reaches_the_last_day(tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    write(Organisation.generate(3, 1), tmp_path, date(2026, 11, 4), date(2026, 11, 6), progress=lambda done, total: heard.append((done, total)))
    assert heard == [(done, 6) for done in range(1, 7)]


# The folder


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match=r"something else than a sample; name an empty or a new folder"):
        write(Organisation.generate(3, 1), tmp_path, LAST, LAST)


def test_a_folder_of_another_sample_is_refused(tmp_path: Path) -> None:
    write(Organisation.generate(3, 1), tmp_path, LAST, LAST)
    with pytest.raises(UserError, match=r"another sample .*\"seed\": 1"):
        write(Organisation.generate(3, 2), tmp_path, LAST, LAST)


def test_nothing_is_left_half_written(quirky: Path) -> None:
    assert not list(quirky.rglob("*.partial"))


@pytest.mark.parametrize("people", [0, 100_001])
def test_impossible_sizes_are_refused(people: int) -> None:
    with pytest.raises(ValueError, match="1 to 100000 people"):
        Organisation.generate(people, 1)


def test_one_person_is_an_organisation(tmp_path: Path) -> None:
    assert write(Organisation.generate(1, 1), tmp_path, FIRST, LAST, cloudtrail=False).people in (1, 2)


# The people


def test_user_names_are_unique_and_plain() -> None:
    users = {name_of(number, SEED).user for number in range(120_000)}
    assert len(users) == 120_000
    assert all(re.fullmatch(r"[a-z]+\.[a-z]+\d*", user) for user in users)


@pytest.mark.parametrize("script", ["é", "Ł", "'", "-", "[一-鿿]", "[가-힣]"])
def test_names_are_written_in_many_scripts(organisation: Organisation, script: str) -> None:
    assert any(re.search(script, person.display_name) for person in organisation.people(FIRST, LAST))


def test_teams_are_of_uneven_size() -> None:
    sizes = Counter(person.team.name for person in Organisation.generate(2000, SEED).people(LAST, LAST))
    assert max(sizes.values()) > 3 * statistics.median(sizes.values())
    assert len(sizes) > 50


def test_every_position_is_filled_on_every_day(organisation: Organisation) -> None:
    assert {sum(1 for _ in organisation.people(day, day)) for day in (date(2025, 6, 2), FIRST, LAST, date(2031, 1, 1))} == {PEOPLE}


def test_some_people_come_and_as_many_leave(people: dict[str, Person]) -> None:
    joined = sum(FIRST < person.joined <= LAST for person in people.values())
    left = sum(FIRST <= person.left < LAST for person in people.values())
    assert joined == left
    assert 0.01 < joined / PEOPLE < 0.08


def test_one_or_two_in_a_hundred_are_not_in_the_people_file(tmp_path: Path) -> None:
    write(Organisation.generate(2000, SEED), tmp_path, LAST - timedelta(days=9), LAST, bill=False)
    recount = Recount(tmp_path, tmp_path / "people.csv", LAST + timedelta(days=1))
    assert 0.01 <= len(recount.unmatched()) / len({row.identity for row in recount.credit_rows}) <= 0.02


def test_some_people_are_known_by_mail_only(quirky: Path, people: dict[str, Person]) -> None:
    by_mail = [person for person in listed_people(quirky) if person["aliases"].endswith("@corp.example.org") and ";" not in person["aliases"]]
    assert 0.04 < len(by_mail) / PEOPLE < 0.12


# The command


def test_the_command_says_where_the_data_is_and_what_the_config_needs(tmp_path: Path) -> None:
    folder = tmp_path / "a sample"
    result = CliRunner().invoke(sample_data, ["--people", "30", "--days", "5", "--last-day", "2026-11-20", "--output", str(folder)])
    assert result.exit_code == 0, result.output
    lines = yaml.safe_load(result.output[result.output.index("\nsources:") :])
    assert lines == {
        "sources": {source: {"location": str(folder)} for source in ("cloudtrail", "kiro_credits", "kiro_features")} | {"cur": {"location": f"{folder}/cur"}},
        "people": {"file": f"{folder}/people.csv", "patterns": {"human_identity_providers": ["kZ3mQ9bT0vYhUe7LwXc5dR1sN2A=", "login.example.com"]}},
        "attribution": {"account_owners": {account: owner.user for account, owner in sandbox_owners(Organisation.generate(30, 1), date(2026, 11, 20)).items()}},
    }
    assert json.loads((folder / "sample.json").read_text())["people"] == 30


def test_the_command_ends_yesterday(tmp_path: Path) -> None:
    with time_machine.travel(datetime(2026, 3, 1, 0, 30, tzinfo=UTC), tick=False):
        result = CliRunner().invoke(sample_data, ["--people", "30", "--days", "2", "--output", str(tmp_path / "new")])
    assert "up to 2026-02-28. Lines for config.yaml:" in result.output


def test_the_command_names_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(sample_data, ["--people", "3", "--output", str(tmp_path / "file" / "below")])
    assert isinstance(result.exception, UserError)
    assert "cannot be written" in str(result.exception)


@pytest.mark.parametrize("day", ["2026-02-09", "2100-01-01", "0001-01-01", "9999-12-31"])
def test_the_command_refuses_days_without_reports(tmp_path: Path, day: str) -> None:
    result = CliRunner().invoke(sample_data, ["--last-day", day, "--output", str(tmp_path / "new")])
    assert (result.exit_code, "Kiro's reports begin on 2026-02-10" in result.output) == (2, True)


def test_the_first_and_the_last_day_work(tmp_path: Path) -> None:
    for name, day in (("first", "2026-02-10"), ("last", "2099-12-31")):
        result = CliRunner().invoke(sample_data, ["--people", "20", "--last-day", day, "--no-cloudtrail", "--output", str(tmp_path / name)])
        assert result.exit_code == 0, result.output
