"""A live demo, a real Prometheus that scrapes it and holds 60 days of made history, and the queries of dashboards as Grafana would send them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from demo_recount import DAY, DemoRecount, labels
from made_history import Trends, active_people, scraped, trends
from prometheus_server import PrometheusServer, Series, scraping
from real_process import RealProcess, eventually, request

from grafana.source import metrics

PROJECT = Path(__file__).parent.parent
JOB = "aws-user-exporter"
PEOPLE, SEED = 60, 133
"""An organisation in which enough people use every feature of Kiro, and some more than their plan includes, in both kinds of account."""
DAYS = 62

_COMMAND = (sys.executable, "-c", "import sys; from exporter.cli import main; sys.exit(main())")
_SOURCES = ("kiro_credits", "kiro_features", "cloudtrail", "cur")
_LANDED = timedelta(hours=3)
"""By then of a day, yesterday has landed in every source of a demo."""

BOARDS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted((PROJECT / "grafana" / "dashboards").glob("*.json"))
}


@dataclass(frozen=True)
class Query:
    """One target of a panel with one combination of values for its variables in names."""

    board: str
    panel: str
    ref: str
    expression: str
    ranged: bool
    chosen: Mapping[str, str]

    @property
    def name(self) -> str:
        """`board: panel`, the letter of the query where a panel has several, and the values that were chosen."""
        return " ".join((f"{self.board}: {self.panel} {self.ref}", *self.chosen.values()))


@dataclass(frozen=True)
class Demo:
    """What runs. `user` is a person who has something of everything."""

    prometheus: PrometheusServer
    recount: DemoRecount
    trends: Trends
    counts: Trends
    user: str
    now: datetime

    @property
    def landed(self) -> bool:
        """Whether the sources have had the time to tell of yesterday."""
        return self.now - datetime.combine(self.recount.today, time(), UTC) >= _LANDED

    def ask(self, query: Query, at: datetime | None = None) -> list[Series]:
        """What Grafana gets for it, over the dashboard's time range or at one moment."""
        expression = query.expression.replace("${person:raw}", self.user)
        end = at or self.now
        if not query.ranged:
            return self.prometheus.query(expression, end)
        if BOARDS[query.board]["time"]["from"] == "now-2d":
            return self.prometheus.query_range(expression, end - 2 * DAY, end, timedelta(minutes=5))
        midnight = datetime.combine(end.date(), time(), UTC)
        return self.prometheus.query_range(expression, midnight - 60 * DAY, midnight, DAY)

    def label_values(self, expression: str, label: str) -> list[str]:
        """What Grafana asks for `label_values(expression, label)`."""
        asked = urlencode({"match[]": expression, "start": (self.now - 60 * DAY).timestamp(), "end": datetime.now(UTC).timestamp()})
        answer = json.loads(request(self.prometheus.address, "GET", f"/api/v1/label/{label}/values?{asked}").body)
        assert answer["status"] == "success", answer
        values: list[str] = answer["data"]
        return values


def queries() -> Iterator[Query]:
    """Every query of every panel. Query variables stand at All, a text variable of a regular expression at `.*`; custom ones take every value."""
    for board, document in BOARDS.items():
        custom = metrics.custom_values(document)
        for panel in metrics.panels(document):
            for target in panel["targets"]:
                used = {name: values for name, values in custom.items() if re.search(rf"\$\{{{name}\}}", target["expr"])}
                for chosen in _combinations(used):
                    expression = target["expr"]
                    for name, value in chosen.items():
                        expression = expression.replace(f"${{{name}}}", value)
                    for variable in document["templating"]["list"]:
                        if variable["type"] in ("query", "textbox") and variable["name"] not in chosen:
                            expression = re.sub(rf'"\${variable["name"]}"', '".*"', expression)
                    # What is left is a group of label_replace.
                    assert not re.search(r"\$(?!\{person:raw\}|\d)", expression), expression
                    yield Query(board, panel["title"], target["refId"], expression, bool(target.get("range")), chosen)


def _combinations(values: Mapping[str, list[str]]) -> Iterator[dict[str, str]]:
    if not values:
        yield {}
        return
    name, *_ = values
    for rest in _combinations({other: found for other, found in values.items() if other != name}):
        for value in values[name]:
            yield {name: value, **rest}


@contextmanager
def running(folder: Path, today: date, prometheus: str, promtool: str) -> Iterator[Demo]:
    """Starts everything and waits until the demo has read all its files and Prometheus has scraped that and evaluated its rules."""
    options = ("--people", str(PEOPLE), "--seed", str(SEED), "--folder", str(folder / "demo"), "--web.listen-address", "127.0.0.1:0", "--log.level", "info")
    with RealProcess((*_COMMAND, "demo", *options), folder / "log", PROJECT) as process:
        place = process.wait_for_line("people are at http://")
        address = process.lines()[place - 1].split("http://")[1].split("/")[0]
        recount = DemoRecount.of(folder / "demo", today, today - DAYS * DAY)
        told, counts, user = trends(recount), active_people(recount), most_complete(recount)
        for source in _SOURCES:
            _wait_until_read(process, source)
        # The bill was read before all the creators of resources were known. It is delivered anew every day, and read then.
        for manifest in (folder / "demo" / "data" / "cur").rglob("*-Manifest.json"):
            os.utime(manifest)
        # It is refused while one that was due is under way.
        eventually("a refresh", lambda: request(address, "POST", "/-/refresh?source=cur").status == 202)
        _wait_until_read(process, "cur", len(process.lines()))
        config = scraping(JOB, address)
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config["rule_files"] = [f"{shutil.copytree(PROJECT / 'prometheus' / 'rules', folder / 'rules')}/*.yml"]
        server = PrometheusServer(prometheus, folder / "prometheus", config)
        for text in _history(folder, address, recount, counts):
            command = (promtool, "tsdb", "create-blocks-from", "openmetrics", "--quiet", "--max-block-duration=1488h", str(text), str(server.data))
            subprocess.run(command, check=True)
        with server:
            eventually("counters that were scraped a few times", lambda: server.query(f'count_over_time(up{{job="{JOB}"}}[1m]) > 3'))
            _wait_until_evaluated(server)
            yield Demo(server, recount, told, counts, user, datetime.now(UTC))


def _wait_until_evaluated(server: PrometheusServer) -> None:
    """Waits until every group of rules, thresholds too, has been evaluated twice more: some use what others record."""
    for _ in range(2):
        now = datetime.now(UTC)

        def evaluated(now: datetime = now) -> bool:
            groups = json.loads(request(server.address, "GET", "/api/v1/rules").body)["data"]["groups"]
            return all(datetime.fromisoformat(group["lastEvaluation"]) > now for group in groups)

        eventually("recorded totals", evaluated)


def _wait_until_read(process: RealProcess, source: str, after: int = 0) -> None:
    """Waits for a refresh, however many days it reads: as long as it goes on."""
    while True:
        after = process.wait_for_line(f"source={source} ", after=after)
        if "msg=refreshed " in process.lines()[after - 1]:
            return


def _history(folder: Path, address: str, recount: DemoRecount, counts: Trends) -> list[Path]:
    """Files of OpenMetrics: what the operator's command makes of the store, and what only scrapes would have left."""
    options = ("--config.file", str(folder / "demo" / "config.yaml"), "--job", JOB, "--instance", address, "--output", str(folder / "backfill"))
    subprocess.run((*_COMMAND, "backfill", *options), check=True, cwd=PROJECT)
    scrapes = folder / "scrapes.om"
    scrapes.write_text(scraped(recount, counts, labels(job=JOB, instance=address)), encoding="utf-8")
    return [*sorted((folder / "backfill").glob("*.om")), scrapes]


def most_complete(recount: DemoRecount) -> str:
    """Who has most Kiro credits of the people with a listed seat, cost, and AWS events of which some were denied and some sensitive, all in 30 days."""
    month = [recount.today - number * DAY for number in range(1, 31)]
    sensitive, denied = recount.aws.people("category", 0), recount.aws.people("access", 1)
    people = {person for day in month for person, _ in sensitive.get(day, {})} & {person for day in month for person, _ in denied.get(day, {})}
    people &= {(user, team) for user, team, *_ in recount.cost.sums("last_30d", "aws_user_cost")}
    credits = recount.kiro.credits_between(month[-1], month[0])
    of_all = {person: credits[person] for person in people & set(credits) if person[0] in recount.directory.seats}
    (user, _) = max(of_all, key=lambda person: of_all[person])
    return user
