"""History that `backfill` wrote, in a real Prometheus beside what it had scraped: the bars of the dashboards across the seam, and restated days mended."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from backfill_rig import ENTRIES, INSTANCE, JOB, USERS, Stored, a_day, openmetrics
from billed import Billed
from click.testing import CliRunner
from conftest import Clock
from facts_in_memory import Caused, Fact, Used
from prometheus_server import PrometheusServer

from exporter.commands.backfill import backfill
from exporter.model import DayRange
from grafana.source import queries

NOW = datetime(2026, 7, 25, 12, tzinfo=UTC)
DAY = timedelta(days=1)
FIRST, LAST = date(2026, 6, 24), date(2026, 7, 24)
DAYS = DayRange(FIRST, LAST)
SCRAPED = DayRange(date(2026, 7, 20), date(2026, 7, 25))
"""The days on which Prometheus scraped; on the last of them it is noon."""
RESTATED = date(2026, 7, 21)
"""Its facts changed after all of it was scraped."""
SCRAPES = [timedelta(hours=2, minutes=27) + timedelta(minutes=30) * step for step in range(44)]
NEWEST_SETTLED = date(2026, 7, 22)
BACKFILL = Path(__file__).parent.parent / "docs/backfill.md"
RULES = Path(__file__).parent.parent / "prometheus/rules/recording.yml"


def final(day: date) -> list[Fact]:
    """The facts as they are in the end: on the restated day everybody used and cost more."""
    facts: list[Fact] = []
    for fact in a_day(day):
        if day == RESTATED and isinstance(fact, Used):
            fact = Used(day, fact.identity, str(float(str(fact.credits)) + 100), fact.messages + 10, 3, client=fact.client, overage=fact.overage)
        if day == RESTATED and isinstance(fact, Billed):
            fact = Billed(day, str(Decimal(fact.cost) + 3), fact.service, fact.region, fact.charge, owner=fact.owner, shared=fact.shared)
        facts.append(fact)
    return facts


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    return Stored(tmp_path_factory.mktemp("seam"), FIRST, LAST, NOW)


@pytest.fixture(scope="module")
def prometheus(stored: Stored, prometheus_binary: str, promtool: str) -> Iterator[PrometheusServer]:
    scraped = stored.folder / "scraped.om"
    scraped.write_text(openmetrics(stored.live(SCRAPED, SCRAPES)), encoding="utf-8")
    stored.put(final(RESTATED), [RESTATED])
    files = [scraped, *(one.path for one in stored.backfill(target=stored.target(breakdowns=True)))]
    server = PrometheusServer(prometheus_binary, stored.folder / "prometheus")
    for file in files:
        subprocess.run([promtool, "tsdb", "create-blocks-from", "openmetrics", "--quiet", "--max-block-duration=486h", file, server.data], check=True)
    with server:
        yield server


def bars(prometheus: PrometheusServer, expression: str) -> dict[date, float]:
    """What a panel draws: a point a day at midnight, never two, also where history and what was scraped hold the same day."""
    start = datetime.combine(FIRST - 5 * DAY, time(), UTC)
    found = prometheus.query_range(expression, start, start + (len(DAYS) + 12) * DAY, DAY)
    points = [(at, value) for series in found for at, value in series.values.items()]
    assert len({at for at, _ in points}) == len(points), "two bars for one day"
    return {at.date(): value for at, value in points}


def people(team: str | None = None, user: str | None = None) -> set[str]:
    listed = {entry.user for entry in ENTRIES if team in (None, entry.team) and user in (None, entry.user)}
    return listed | ({user} if user else set())


def credits(users: set[str]) -> dict[date, float]:
    return added({day: [float(str(fact.credits)) for fact in final(day) if isinstance(fact, Used) and USERS[fact.identity] in users] for day in DAYS})


def events(users: set[str]) -> dict[date, float]:
    caused = {day: [fact for fact in final(day) if isinstance(fact, Caused) and fact.who is not None and USERS[fact.who] in users] for day in DAYS}
    return added({day: [fact.read + fact.write for fact in facts] for day, facts in caused.items()})


def cost(users: set[str] | None) -> dict[date, float]:
    return added({day: [float(str(fact.cost)) for fact in final(day) if isinstance(fact, Billed) and (users is None or fact.owner in users)] for day in DAYS})


def added(by_day: dict[date, list[float]] | dict[date, list[int]]) -> dict[date, float]:
    return {day: float(sum(values)) for day, values in by_day.items()}


def through(last: date, expected: dict[date, float]) -> dict[date, float]:
    return {day: value for day, value in expected.items() if day <= last}


CORE, ALICE, USD = 'team="core"', 'user="alice"', 'currency="USD"'


def test_the_first_value_of_each_day_across_the_seam(prometheus: PrometheusServer) -> None:
    assert bars(prometheus, queries.first("team:kiro_user_credits", "", CORE)) == pytest.approx(credits(people("core")))


def test_the_settled_value_of_each_day_across_the_seam(prometheus: PrometheusServer) -> None:
    found = bars(prometheus, queries.settled("team:kiro_user_credits", "", CORE))
    assert found == pytest.approx(through(NEWEST_SETTLED, credits(people("core"))))


def test_the_provisional_value_stands_only_where_no_settled_one_does(prometheus: PrometheusServer) -> None:
    found = bars(prometheus, queries.provisional("team:kiro_user_credits", "", CORE))
    assert found == pytest.approx({day: value for day, value in credits(people("core")).items() if day > NEWEST_SETTLED})


def test_the_bill_of_each_day_across_the_seam(prometheus: PrometheusServer) -> None:
    found = bars(prometheus, queries.whole("aws_cost", "currency", USD))
    assert found == pytest.approx(through(NEWEST_SETTLED, cost(None)))


def test_what_was_billed_for_a_team_each_day(prometheus: PrometheusServer) -> None:
    found = bars(prometheus, queries.first("team:aws_user_cost", "currency", f"{CORE},{USD}"))
    assert found == pytest.approx(cost(people("core")))


def test_one_person_by_day_across_the_seam(prometheus: PrometheusServer) -> None:
    assert bars(prometheus, queries.of_person("kiro_user_credits", "", ALICE)) == pytest.approx(credits(people(user="alice")))
    assert bars(prometheus, f"sum({queries.of_person('aws_user_events', 'access', ALICE)})") == pytest.approx(events(people(user="alice")))


def test_active_people_of_each_day_across_the_seam(prometheus: PrometheusServer) -> None:
    found = bars(prometheus, queries.counted("team:kiro_active_people_yesterday:count", "", CORE))
    assert found == {day: float(sum(isinstance(fact, Used) and USERS[fact.identity] in people("core") for fact in final(day))) for day in DAYS}


def test_a_restated_day_shows_what_is_known_now(prometheus: PrometheusServer) -> None:
    told = sum(float(str(fact.credits)) for fact in a_day(RESTATED) if isinstance(fact, Used) and USERS[fact.identity] in people("core"))
    for form in (queries.first, queries.settled):
        assert bars(prometheus, form("team:kiro_user_credits", "", CORE))[RESTATED] == pytest.approx(told + 200)


def test_history_and_what_is_scraped_are_the_same_series(prometheus: PrometheusServer) -> None:
    found = prometheus.query("count by (job, instance) (last_over_time(kiro_user_credits_yesterday[30d]))", NOW)
    assert [series.labels for series in found] == [{"instance": INSTANCE, "job": JOB}]
    assert found[0].value == 4  # who used Kiro, and carol, who has a seat


def rules() -> list[tuple[str, str]]:
    """The recorded one-day totals, each with its expression."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    found = [(rule["record"], rule["expr"]) for group in groups for rule in group["rules"]]
    return [(record, expression) for record, expression in found if any(f"_{window}:" in record for window in ("yesterday", "3d_ago"))]


def test_recorded_totals_are_what_their_rules_make_of_the_series_of_people(prometheus: PrometheusServer) -> None:
    """Prometheus evaluates its own rules on a day that was only backfilled."""
    at = datetime(2026, 7, 9, 23, 59, tzinfo=UTC)

    def values(query: str) -> dict[frozenset[tuple[str, str]], float]:
        return {frozenset((name, value) for name, value in one.labels.items() if name != "__name__"): one.value for one in prometheus.query(query, at)}

    for record, expression in rules():
        found = values(record)
        assert found, f"the made facts have nothing of {record}"
        assert found == pytest.approx(values(expression)), record


def test_weeks_that_nobody_scraped_are_reckoned_by_the_rule_of_the_docs(prometheus: PrometheusServer, promtool: str, tmp_path: Path) -> None:
    """The rule as the page has it: what is asked of it is what `kiro_user_credits_last_7d` was, had it been scraped when the day before had landed."""
    (text,) = re.findall(r"```yaml\n(groups:.*?)```", BACKFILL.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "weeks.yml").write_text(text, encoding="utf-8")
    options = ["--eval-interval=30m", f"--output-dir={tmp_path / 'blocks'}", "--start=2026-07-12T00:00:00Z", "--end=2026-07-20T00:00:00Z"]
    asked = [promtool, "tsdb", "create-blocks-from", "rules", f"--url=http://{prometheus.address}", *options, tmp_path / "weeks.yml"]
    subprocess.run(asked, check=True, capture_output=True)
    with PrometheusServer(prometheus.command[0], tmp_path / "server") as other:
        assert other
    shutil.copytree(tmp_path / "blocks", tmp_path / "server" / "data", dirs_exist_ok=True)
    with PrometheusServer(prometheus.command[0], tmp_path / "server") as other:
        for day in (date(2026, 7, 12), date(2026, 7, 19)):
            week = DayRange(day - 7 * DAY, day - DAY)
            expected = {user: sum(value for on, value in credits({user}).items() if on in week) for user in ("alice", "bob")}
            for hour in (1, 12, 23):
                query = 'max by (user, team) (last_over_time(kiro_user_credits_last_7d{user=~"alice|bob"}[1h] offset 1w))'
                found = other.query(query, datetime.combine(day, time(hour), UTC) + 7 * DAY)
                assert {one.labels["user"]: one.value for one in found} == pytest.approx(expected)


def test_the_command_writes_what_prometheus_is_to_take_and_says_how(tmp_path: Path, clock: Clock) -> None:
    clock.move_to(NOW)
    stored = Stored(tmp_path, LAST - 3 * DAY, LAST, NOW)
    config = {"engine": "duckdb", "store": {"path": "state"}, "sources": {source: {"location": "data"} for source in ("kiro_credits", "cloudtrail")}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    given = ["--config.file", str(tmp_path / "config.yaml"), "--output", str(stored.output), "--instance", INSTANCE, "--label", "cluster=eu"]
    result = CliRunner().invoke(backfill, given, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "for month in 2026-07; do\n  promtool tsdb create-blocks-from openmetrics --max-block-duration=486h" in result.stdout
    series = {dict(pairs).get("instance"): dict(pairs).get("cluster") for name, pairs in stored.written() if name == "aws_user_events_yesterday"}
    assert series == {INSTANCE: "eu"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--families", "kiro_user_credit"], "there is no family kiro_user_credit"),
        (["--families", "kiro_user_seat"], "kiro_user_seat is not published with the window yesterday or 3d_ago"),
        (["--label", "=eu"], "write NAME=VALUE"),
        (["--from", "2026-07-20", "--to", "2026-07-19"], "this day lies before that of --from"),
        (["--label", "job=other"], "the label job is there already"),
        (["--label", "__name__=up"], "the label __name__ is there already"),
        (["--label", "team=sre"], "the label team is there already"),
        (["--label", "tier=prod"], "the label tier is there already"),
        (["--label", "cluster=eu", "--label", "cluster=us"], "the label cluster is there already"),
    ],
)
def test_wrong_arguments_are_one_sentence(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    (tmp_path / "config.yaml").write_text("engine: duckdb\nstore: {path: state}\nsources: {kiro_credits: {location: data}}\n", encoding="utf-8")
    result = CliRunner().invoke(backfill, ["--config.file", str(tmp_path / "config.yaml"), *arguments])
    assert result.exit_code == 2
    assert sentence in result.output


def test_an_address_that_names_no_host_wants_the_instance(tmp_path: Path) -> None:
    web = 'web: {listen_address: ":10821"}\n'
    (tmp_path / "config.yaml").write_text(f"engine: duckdb\nstore: {{path: state}}\nsources: {{kiro_credits: {{location: data}}}}\n{web}", encoding="utf-8")
    result = CliRunner().invoke(backfill, ["--config.file", str(tmp_path / "config.yaml")])
    assert "name it with --instance" in str(result.exception)
