"""The whole: a sample organisation's reports, the real process, a real Prometheus; its HTTP API must give the sums of the independent recount."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from exporter_process import ExporterProcess, samples_of
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_server import PrometheusServer, scraping
from real_process import eventually
from recount_kiro import Recount

from exporter.sample import Organisation, write

PEOPLE, DAYS, SEED = 60, 40, 2
JOB = "aws-user-exporter"
OPENMETRICS = "application/openmetrics-text; version=1.0.0"

SHORT = ("yesterday", "last_30d", "month_to_date")
FAMILIES = {
    "kiro_user_credits": ("credits", (), ("yesterday", "3d_ago", "last_7d", "last_30d", "month_to_date", "last_month")),
    "kiro_user_overage_credits": ("overage", (), ("yesterday", "3d_ago", "last_30d", "month_to_date", "last_month")),
    "kiro_user_messages": ("messages", (), SHORT),
    "kiro_user_conversations": ("conversations", (), SHORT),
    "kiro_user_client_credits": ("client_credits", ("client",), SHORT),
    "kiro_user_client_messages": ("client_messages", ("client",), SHORT),
    "kiro_user_model_messages": ("model_messages", ("model",), SHORT),
    "kiro_user_active_dates": ("active_dates", (), ("last_7d", "last_30d", "month_to_date")),
}
"""By name: the method of the recount, the labels after user and team, the windows."""

# The 44 counters by unit, spelled out once more: the same mistake is not made twice in the same way. column feature event-or-outcome change
FEATURES = {
    "events": """
        chat_messagesinteracted chat interacted; chat_messagessent chat sent
        codefix_acceptanceeventcount code_fix accepted; codefix_generationeventcount code_fix generated
        codereview_failedeventcount code_review failed; codereview_findingscount code_review finding; codereview_succeededeventcount code_review succeeded
        dev_acceptanceeventcount dev accepted; dev_generationeventcount dev generated
        docgeneration_eventcount doc_generation run
        inlinechat_acceptanceeventcount inline_chat accepted; inlinechat_dismissaleventcount inline_chat dismissed
        inlinechat_rejectioneventcount inline_chat rejected; inlinechat_totaleventcount inline_chat run
        inline_acceptancecount inline accepted; inline_suggestionscount inline suggested
        testgeneration_eventcount test_generation run; transformation_eventcount transformation run""",
    "lines": """
        chat_aicodelines chat accepted; codefix_acceptedlines code_fix accepted; codefix_generatedlines code_fix generated
        dev_acceptedlines dev accepted; dev_generatedlines dev generated
        docgeneration_acceptedlineadditions doc_generation accepted added; docgeneration_acceptedlineupdates doc_generation accepted updated
        docgeneration_rejectedlineadditions doc_generation rejected added; docgeneration_rejectedlineupdates doc_generation rejected updated
        inlinechat_acceptedlineadditions inline_chat accepted added; inlinechat_acceptedlinedeletions inline_chat accepted deleted
        inlinechat_dismissedlineadditions inline_chat dismissed added; inlinechat_dismissedlinedeletions inline_chat dismissed deleted
        inlinechat_rejectedlineadditions inline_chat rejected added; inlinechat_rejectedlinedeletions inline_chat rejected deleted
        inline_aicodelines inline accepted
        testgeneration_acceptedlines test_generation accepted; testgeneration_generatedlines test_generation generated
        transformation_linesgenerated transformation generated; transformation_linesingested transformation ingested""",
    "files": """
        docgeneration_acceptedfileupdates doc_generation accepted updated; docgeneration_acceptedfilescreations doc_generation accepted created
        docgeneration_rejectedfileupdates doc_generation rejected updated; docgeneration_rejectedfilecreations doc_generation rejected created""",
    "tests": "testgeneration_acceptedtests test_generation accepted; testgeneration_generatedtests test_generation generated",
}
MEANINGS = {
    unit: {column: (*meaning, "")[:3] for column, *meaning in (entry.split() for entry in text.replace("\n", ";").split(";") if entry.strip())}
    for unit, text in FEATURES.items()
}

# Somebody whom no people file knows, over the included credits on days of which every window holds one, so that no answer is empty whatever day it is.
NOBODY = "99999999-7070-4070-8070-999999999999"
CREDIT_HEADER = (
    "Date,UserId,Client_Type,Chat_Conversations,Credits_Used,Overage_Cap,Overage_Credits_Used,Overage_Enabled,ProfileId,Subscription_Tier,"
    "Total_Messages,New_User,User_Email,Usage_Limit,auto_messages"
)

Values = dict[tuple[str, ...], float]


@pytest.fixture(scope="module")
def folder(today: date, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("end to end")
    write(Organisation.generate(PEOPLE, SEED), folder / "data", today - timedelta(days=DAYS), today - timedelta(days=1), cloudtrail=False, bill=False)
    write_nobody(folder / "data", today)
    return folder


@pytest.fixture(scope="module")
def recount(folder: Path, today: date) -> Recount:
    return Recount(folder / "data", folder / "data/people.csv", today)


@pytest.fixture(scope="module")
def exporter(folder: Path) -> Iterator[ExporterProcess]:
    source = {"location": "data"}
    config = {
        "engine": "duckdb",
        "store": {"path": "state"},
        "sources": {"kiro_credits": source, "kiro_features": source},
        "people": {"file": "data/people.csv"},
    }
    exporter = ExporterProcess(folder, config)
    with exporter:
        for name in ("kiro_credits", "kiro_features"):
            exporter.wait_until_refreshed(name)
        assert exporter.terminate() == 0
    # Started again on what it stored, it serves everything from the first scrape on, and nothing is due for an hour.
    with exporter:
        yield exporter


@pytest.fixture(scope="module")
def prometheus(exporter: ExporterProcess, prometheus_binary: str, folder: Path) -> Iterator[PrometheusServer]:
    with PrometheusServer(prometheus_binary, folder / "prometheus", scraping(JOB, exporter.address)) as prometheus:
        prometheus.wait_until_scraped(JOB)
        yield prometheus


def write_nobody(folder: Path, today: date) -> None:
    for day in {today - timedelta(days=1), today - timedelta(days=3), today.replace(day=1) - timedelta(days=1)}:
        credits = f'{CREDIT_HEADER}\n{day},"{NOBODY}",PLUGIN,3,130.25,500.0,30.125,true,"",PRO,20,false,"",100,20\n'
        features = f'UserId,Date,Chat_MessagesSent,Inline_AICodeLines\n"{NOBODY}",{day:%m-%d-%Y},5,7\n'
        for kind, name, text in (("user_report", "PLUGIN_123456789012_user_report", credits), ("by_user_analytic", "123456789012_by_user_analytic", features)):
            path = folder / f"AWSLogs/123456789012/KiroLogs/{kind}/eu-west-1/{day:%Y/%m/%d}/00/{name}_{day:%Y%m%d}0000.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


def in_prometheus(prometheus: PrometheusServer, name: str, labels: tuple[str, ...]) -> Values:
    """What is not 0. Of a label that is empty Prometheus knows nothing."""
    series = prometheus.query(f'{name}{{job="{JOB}"}}')
    return {tuple(one.labels.get(label, "") for label in ("user", "team", *labels)): one.value for one in series if one.value}


def nearest(sums: dict[tuple[str, ...], Decimal] | dict[tuple[str, str], int]) -> Values:
    """Exact sums as the doubles that stand for them."""
    return {labels: float(value) for labels, value in sums.items()}


@pytest.mark.parametrize(("name", "window"), [(name, window) for name, (_, _, windows) in FAMILIES.items() for window in windows])
def test_prometheus_holds_the_sums_of_the_recount(prometheus: PrometheusServer, recount: Recount, name: str, window: str) -> None:
    method, labels, _ = FAMILIES[name]
    assert in_prometheus(prometheus, f"{name}_{window}", labels) == nearest(getattr(recount, method)(window))


@pytest.mark.parametrize("window", SHORT)
@pytest.mark.parametrize("unit", FEATURES)
def test_prometheus_holds_the_features_of_the_recount(prometheus: PrometheusServer, recount: Recount, unit: str, window: str) -> None:
    expected: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for (user, team, column), count in recount.features(window).items():
        if column in MEANINGS[unit]:
            expected[user, team, *MEANINGS[unit][column]] += count
    labels = ("feature", "event" if unit == "events" else "outcome", "change")
    assert in_prometheus(prometheus, f"kiro_user_feature_{unit}_{window}", labels) == nearest(expected)


def test_no_column_of_features_is_left_out() -> None:
    assert len({column for meanings in MEANINGS.values() for column in meanings}) == 44


@pytest.mark.parametrize("window", ["yesterday", "3d_ago", "last_7d", "last_30d", "last_month"])
def test_no_window_is_compared_with_nothing(recount: Recount, window: str) -> None:
    methods = [method for method, _, windows in FAMILIES.values() if window in windows]
    assert all(getattr(recount, method)(window) for method in methods)


def test_everybody_with_a_seat_has_credits_even_if_0(prometheus: PrometheusServer) -> None:
    without = prometheus.query("kiro_user_seat unless on (user, team) kiro_user_credits_last_30d")
    assert prometheus.query("kiro_user_credits_last_30d == 0")
    assert without == []


def test_who_is_in_no_people_file_is_counted(prometheus: PrometheusServer, recount: Recount) -> None:
    (series,) = prometheus.query('aws_user_exporter_unresolved_identities{source="kiro_credits"}')
    assert series.value == len({row.identity for row in recount.credit_rows} & recount.unmatched())


def test_every_scrape_works(prometheus: PrometheusServer) -> None:
    (series,) = prometheus.query(f'min_over_time(up{{job="{JOB}"}}[10m])')
    assert series.value == 1


def test_prometheus_takes_every_sample(exporter: ExporterProcess, prometheus: PrometheusServer) -> None:
    body = exporter.metrics()
    (series,) = prometheus.query(f'scrape_samples_scraped{{job="{JOB}"}}')
    assert series.value == len([line for line in body.splitlines() if line and not line.startswith("#")])


def test_promtool_finds_nothing_to_say(exporter: ExporterProcess, promtool: str) -> None:
    checked = subprocess.run([promtool, "check", "metrics"], input=exporter.metrics(), capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_both_formats_say_the_same(exporter: ExporterProcess) -> None:
    openmetrics = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parse_openmetrics(exporter.metrics(OPENMETRICS))  # type: ignore[no-untyped-call]
        for sample in family.samples
        if not sample.name.startswith("process_")
    }
    text = {key: value for key, value in samples_of(exporter.metrics()).items() if not key[0].startswith("process_")}
    assert openmetrics == text


def test_the_recount_imports_nothing_of_the_exporter() -> None:
    tree = ast.parse(Path(__file__).with_name("recount_kiro.py").read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {"." * node.level + (node.module or "") for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in imported} <= sys.stdlib_module_names


def test_a_corrected_alias_moves_history_and_leaves_no_series_behind(today: date, prometheus_binary: str, tmp_path: Path) -> None:
    write_nobody(tmp_path / "data", today)
    people = tmp_path / "people.csv"
    people.write_text(f"user,team,aliases\nlee,core,{NOBODY}\nkim,data,\n", encoding="utf-8")
    config = {"engine": "duckdb", "store": {"path": "state"}, "sources": {"kiro_credits": {"location": "data"}}, "people": {"file": "people.csv"}}
    with ExporterProcess(tmp_path, config) as exporter:
        exporter.wait_until_refreshed("kiro_credits")
        with PrometheusServer(prometheus_binary, tmp_path / "prometheus", scraping(JOB, exporter.address)) as prometheus:
            eventually("credits of lee", lambda: prometheus.query('kiro_user_credits_yesterday{user="lee"} > 0'))
            people.write_text(f"user,team,aliases\nlee,core,\nkim,data,{NOBODY}\n", encoding="utf-8")
            exporter.reload()
            eventually("credits of kim", lambda: prometheus.query('kiro_user_credits_yesterday{user="kim"} > 0'))
            by_user = {series.labels["user"]: series.value for series in prometheus.query('kiro_user_client_credits_yesterday{user=~"lee|kim"}')}
            refreshes = exporter.samples()["aws_user_exporter_source_refreshes_total", frozenset({("source", "kiro_credits")})]
    assert by_user == {"kim": 130.25}
    assert refreshes == 1
