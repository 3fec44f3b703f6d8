"""Hostile names through every source and every output: nothing breaks out of its place, and nobody is lost or merged, as the benign twin shows."""

from __future__ import annotations

import csv
import io
import json
import logging
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

import click.testing
import duckdb
import pytest
import sqlglot
from exporter_process import Samples, samples_of
from hostile_house import House, living
from hostile_names import DAY, FRAGMENTS, HALVES, NAMES, NOW, SEPARATED, benign, hostile, person_id
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_server import PrometheusServer, scraping

from exporter import backfilling, cli, people_sync
from exporter.facts import directory
from exporter.families.catalogue import families
from exporter.model import DayRange
from exporter.people import Entry, normalise, people_file, printable, resolve
from exporter.people.attribution import SEPARATOR, Candidate, Rules, attribute
from exporter.quoting import well_formed
from exporter.setup.filling import text_of, with_rows
from exporter.sources.identity_center import DirectoryReader
from exporter.telemetry import Telemetry

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
OF_THE_PROCESS = ("process_", "python_", "aws_user_exporter_")
COUNT = len(NAMES)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with living(hostile(tmp_path_factory.mktemp("hostile"))) as house:
        yield house


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with living(benign(tmp_path_factory.mktemp("benign"))) as house:
        yield house


@pytest.fixture(scope="module")
def metrics(house: House) -> str:
    return house.get("/metrics")


@pytest.fixture(scope="module")
def samples(metrics: str) -> Samples:
    return samples_of(metrics)


def of_family(samples: Samples, name: str) -> dict[str, float]:
    return {dict(labels)["user"]: value for (family, labels), value in samples.items() if family == name}


def values(samples: Samples) -> Mapping[str, list[float]]:
    """The values of every family, without those about the exporter itself."""
    found: dict[str, list[float]] = {}
    for (name, _), value in samples.items():
        if not name.startswith(OF_THE_PROCESS):
            found.setdefault(name, []).append(value)
    return {name: sorted(of_name) for name, of_name in found.items()}


def published(number: int, name: str) -> str:
    """The label of a person: of those whom nobody lists, the name as the logs have it."""
    return printable(name if number % 3 < 2 else _as_in_logs(name))


def _as_in_logs(name: str) -> str:
    return name.replace("\u03a3", "\u03c3").replace("\u0130", "i").lower()


# Nobody is lost or merged


def test_every_family_has_the_values_of_the_benign_twin(samples: Samples, twin: House) -> None:
    assert values(samples) == values(samples_of(twin.get("/metrics")))


@pytest.mark.parametrize("name", ["kiro_user_credits_yesterday", "aws_user_events_yesterday", "aws_user_cost_month_to_date", "aws_user_info"])
def test_every_person_stands_once(samples: Samples, name: str) -> None:
    assert len(of_family(samples, name)) >= COUNT


@pytest.mark.parametrize(("number", "name"), list(enumerate(NAMES.values(), start=1)), ids=list(NAMES))
def test_credits_are_those_of_the_name(samples: Samples, number: int, name: str) -> None:
    by_credits = {value: user for user, value in of_family(samples, "kiro_user_credits_yesterday").items()}
    label = by_credits[number + 0.5]
    wanted = published(number, name) if number % 3 < 2 or ":" not in name else person_id(number)
    # Two whose names look the same when they are cut, or that are called as the rest is, have a part of their id added.
    assert label == wanted or (label.startswith(f"{wanted}@") and (wanted == "_other" or len(wanted) == 200))


def test_nothing_is_rejected(house: House) -> None:
    sources = {"cloudtrail", "kiro_credits", "kiro_features", "cur", "cost_explorer", "people_file"}
    told = [sample for family in house.telemetry.registry.collect() for sample in family.samples if sample.name.endswith("source_rejected_rows_total")]
    assert {sample.labels["source"] for sample in told} >= sources - {"cur"}
    assert [sample for sample in told if sample.value] == []


def test_a_name_that_ends_like_an_id_does_not_claim_it() -> None:
    thief, owner = "x-00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000001"
    assert (normalise(thief), normalise(f"1234567890-{owner}"), normalise(f"d-1234567890.{owner}")) == (thief, owner, owner)


def test_a_tag_cannot_name_two_people() -> None:
    people = resolve([Entry("alice"), Entry("bob")], (), ())
    (given,) = attribute([Candidate(1, "1", False, owner_tags="alicebob")], ["owner_tag"], people, {}, False, Rules(re.compile("x"), ()))
    assert (given.person, SEPARATOR) == (None, "\x1f")


# Metrics


def test_openmetrics_says_the_same(house: House, samples: Samples) -> None:
    found: Samples = {}
    for family in parse_openmetrics(house.get("/metrics", Accept=OPENMETRICS)):  # type: ignore[no-untyped-call]
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    mine = {key: value for key, value in samples.items() if not key[0].startswith(OF_THE_PROCESS)}
    assert {key: value for key, value in found.items() if not key[0].startswith(OF_THE_PROCESS)} == mine


def test_promtool_finds_nothing_to_say(metrics: str, promtool: str) -> None:
    checked = subprocess.run([promtool, "check", "metrics"], input=metrics.encode(), capture_output=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_prometheus_takes_every_sample(house: House, metrics: str, prometheus_binary: str, tmp_path: Path) -> None:
    with PrometheusServer(prometheus_binary, tmp_path, scraping("hostile", f"127.0.0.1:{house.web.port}")) as prometheus:
        prometheus.wait_until_scraped("hostile")
        (taken,) = prometheus.query('scrape_samples_scraped{job="hostile"}')
        (users,) = prometheus.query("count(count by (user) (kiro_user_credits_yesterday))")
    assert (taken.value, users.value) == (len([line for line in metrics.split("\n") if line and not line.startswith("#")]), COUNT)


STEERING = re.compile("[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def test_no_label_steers_a_terminal(samples: Samples) -> None:
    labels = {(name, value) for _, pairs in samples for name, value in pairs}
    assert {name for name, value in labels if "\N{REPLACEMENT CHARACTER}" in value} >= {"user", "team", "aws_region", "aws_service"}
    assert [label for label in labels if STEERING.search(label[1])] == []


def test_nothing_that_is_served_steers_a_terminal(house: House) -> None:
    for path in ("/metrics", "/", "/api/users/analytics?limit=1000"):
        found = STEERING.search(house.get(path).replace("\n", ""))
        assert found is None, (path, found)


# Pages


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]


@pytest.mark.parametrize("name", NAMES, ids=list(NAMES))
def test_an_error_that_holds_a_name_stays_text_on_the_landing_page(house: House, name: str) -> None:
    refresh = house.service._refreshes.by_name["cur"]
    before, refresh.last_error = refresh.last_error, NAMES[name]
    try:
        page = house.get("/")
    finally:
        refresh.last_error = before
    tags = _Tags()
    tags.feed(page)
    assert tags.tags <= {"html", "head", "meta", "title", "style", "body", "h1", "p", "a", "div", "table", "thead", "tbody", "tr", "th", "td", "span"}
    assert [fragment for fragment in FRAGMENTS if fragment in page] == []


def test_the_docs_name_nobody(house: House) -> None:
    page = house.get("/docs")
    assert [name for name in NAMES.values() if len(name) > 12 and name in page] == []


# People API


def test_the_api_tells_the_sums_of_the_twin(house: House, twin: House) -> None:
    def told(one: House) -> tuple[object, ...]:
        found = json.loads(one.get("/api/users/analytics?limit=1000"))
        users = sorted((user["total_events"], user["total_cost"]) for user in found["users"])
        return found["totals"]["total_events"], found["totals"]["total_cost"], len(users), users

    assert told(house) == told(twin)


def test_everybody_is_found_under_their_label(house: House, samples: Samples) -> None:
    labels = of_family(samples, "kiro_user_credits_yesterday")
    # The client of a URL takes these for steps, and an empty last one for none.
    askable = [label for label in labels if label not in ("..", ".")]
    found = {json.loads(house.get(f"/api/users/{quote(label, safe='')}"))["user_name"] for label in askable}
    assert found == set(askable)


def test_json_is_json_without_raw_control_characters(house: House) -> None:
    for path in ("analytics?limit=1000", "top-by-usage?limit=100", "top-by-cost?limit=100", "inactive?days=1"):
        text = house.get(f"/api/users/{path}")
        json.loads(text)
        assert not re.search("[\0-\x1f\x7f-\x9f]", text)


# Logs


def test_every_record_is_one_printable_line(house: House) -> None:
    for number, name in house.organisation.people:
        logging.getLogger("exporter.test").warning("seen %s", name, extra={"fields": {"user": name, name: number}})
    count = len(house.logged.records)
    for text in (house.logged.logfmt.getvalue(), house.logged.json.getvalue()):
        lines = text.split("\n")[:-1]
        assert (len(lines), [line for line in lines if not line.isprintable()]) == (count, [])


def test_json_lines_parse(house: House) -> None:
    assert all(json.loads(line)["msg"] for line in house.logged.json.getvalue().splitlines())


# Commands


def run(*arguments: str) -> tuple[int, str]:
    result = click.testing.CliRunner().invoke(cli.group, list(arguments), standalone_mode=False)
    said = result.output + (str(result.exception) if result.exception else "")
    return (result.return_value or 0) if result.exception is None else 1, said


def test_the_user_mapping_holds_everybody(house: House) -> None:
    people = people_sync.people(house.config, directory.stored(house.service._store), people_file.read(house.organisation.folder / "people.csv").entries)
    data = people_sync.rendered(people)
    rows = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
    listed = [name for number, name in house.organisation.people if number % 3 < 2]
    assert sorted(row["username"] for row in rows) == sorted(re.sub("[\0-\x1f\x7f-\x9f]", "", name) for name in listed)
    assert data.count(b"\n") == len(rows) + 1


@pytest.mark.parametrize("how", [["--offline"], [], ["--format", "json"]], ids=["offline", "text", "json"])
def test_check_breaks_no_line(house: House, how: list[str]) -> None:
    code, said = run("check", *how, "--config.file", str(house.organisation.folder / "config.yaml"))
    assert [line for line in said.split("\n") if not line.isprintable()] == []
    assert code in (0, 1)


def backfilled(house: House, folder: Path) -> Samples:
    """What `backfill` writes two days later, breakdowns included; nothing stands twice."""
    now, standpoint = NOW + timedelta(days=2), backfilling.take(house.config, people_file.read(house.organisation.folder / "people.csv").entries, NOW)
    target = backfilling.Target((("job", 'a"b\\c'), ("instance", "d\ne")), frozenset(families()), frozenset(families()))
    months = list(backfilling.months(DayRange(DAY, DAY), now))
    found: Samples = {}
    for written in backfilling.write(standpoint, months, target, folder):
        for family in parse_openmetrics(written.path.read_text(encoding="utf-8")):  # type: ignore[no-untyped-call]
            for sample in family.samples:
                key = (sample.name, frozenset(sample.labels.items()))
                assert key not in found
                found[key] = sample.value
    return found


def test_history_has_the_labels_of_the_metrics_and_the_values_of_the_twin(house: House, twin: House, samples: Samples, tmp_path: Path, promtool: str) -> None:
    history = backfilled(house, tmp_path / "made")
    mine, theirs = values(history), values(backfilled(twin, tmp_path / "twin"))
    # Of regions with as many events, the first by name are among the twenty that stand by name.
    tied = "organization:aws_user_region_events_yesterday:sum"
    assert (sum(mine.pop(tied)), mine) == (sum(theirs.pop(tied)), theirs)
    credits = {key: value for key, value in history.items() if key[0] == "kiro_user_credits_yesterday"}
    given = {("job", 'a"b\\c'), ("instance", "d\ne")}
    live = {key: value for key, value in samples.items() if key[0] == "kiro_user_credits_yesterday"}
    assert {(name, labels - given): value for (name, labels), value in credits.items()} == live
    (file,) = (tmp_path / "made").glob("*.om")
    subprocess.run([promtool, "tsdb", "create-blocks-from", "openmetrics", "--quiet", str(file), str(tmp_path / "data")], check=True, capture_output=True)


def test_facts_of_the_bill_keep_every_tag_as_it_was_written(house: House) -> None:
    stored = duckdb.sql(f"SELECT DISTINCT owner_tags FROM read_parquet('{house.organisation.folder}/state/facts/cur/*.parquet') WHERE owner_tags IS NOT NULL")
    tags = {tag for (tag,) in stored.fetchall()}
    assert [name for name in house.organisation.names if name != SEPARATED and name not in tags] == []


@pytest.mark.parametrize("name", ["ansi", "sql", "line separator", "promql", "forged log", "long", "formula"])
def test_forget_finds_them_and_breaks_no_line(house: House, name: str, tmp_path: Path) -> None:
    # The store is in use: what is printed of a name does not depend on that.
    shutil.copytree(house.organisation.folder, tmp_path / "copy")
    code, said = run("forget", "--config.file", str(tmp_path / "copy" / "config.yaml"), "--dry-run", "--", NAMES[name])
    assert (code, [line for line in said.split("\n") if not line.isprintable()]) == (0, []), said


# What setup --dry-run shows is what it runs


@pytest.mark.parametrize("name", [name for name in NAMES.values() if "\0" not in name], ids=[kind for kind in NAMES if kind != "nul"])
def test_a_name_in_the_sql_of_setup_stays_a_text(name: str) -> None:
    text = with_rows(text_of("views/sensitive_events"), [(name, "s3.amazonaws.com", name, "always")])
    (statement,) = sqlglot.parse(text, dialect="athena")
    assert statement is not None
    literals = [literal.this for literal in statement.find_all(sqlglot.exp.Literal)]
    assert literals == [name, "s3.amazonaws.com", name, "always"]


# Halves of surrogate pairs, which the JSON of AWS and YAML can hold


@pytest.mark.parametrize("name", HALVES.values(), ids=list(HALVES))
def test_half_a_pair_is_written_out(name: str) -> None:
    well_formed(name).encode()
    assert len({well_formed(half) for half in HALVES.values()}) == len(HALVES)


def test_a_directory_with_half_pairs_is_read_whole() -> None:
    class Client:
        def list_users(self, **request: object) -> object:
            users = [{"UserId": person_id(place), "UserName": name, "DisplayName": name} for place, name in enumerate(HALVES.values())]
            return json.loads(json.dumps({"Users": users}))

    read = DirectoryReader("d-1", (), lambda _: Client(), Telemetry()).read(datetime.now(UTC), lambda: None)
    assert sorted(user.user_name for user in read.users) == sorted(map(well_formed, HALVES.values()))


@pytest.mark.parametrize("name", [*NAMES.values(), *HALVES.values()], ids=[*NAMES, *HALVES])
def test_a_people_file_in_yaml_brings_the_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / "people.yaml"
    path.write_text(f"- user: {json.dumps(name)}\n  aliases: [{json.dumps(name)}, b]\n", encoding="utf-8")
    (entry,) = people_file.read(path).entries
    assert (entry.user, entry.aliases) == (well_formed(name), (well_formed(name), "b"))
