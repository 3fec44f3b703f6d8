"""The self-metrics: names, values, what exists from the start and what goes away."""

from __future__ import annotations

import subprocess
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from tools import require_tool

from exporter.telemetry import Telemetry

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NOON_UNIX = 1772452800.0

# as documented for users
NAMES = {
    "build_info",
    "config_last_reload_successful",
    "config_last_reload_success_timestamp_seconds",
    "web_config_last_reload_successful",
    "source_up",
    "source_last_success_timestamp_seconds",
    "source_last_attempt_timestamp_seconds",
    "source_next_refresh_timestamp_seconds",
    "source_data_timestamp_seconds",
    "source_first_data_timestamp_seconds",
    "source_window_landed",
    "source_refresh_duration_seconds",
    "source_refreshes_total",
    "source_refresh_failures_total",
    "source_rows",
    "source_partitions",
    "source_rejected_rows_total",
    "source_unknown_columns",
    "unresolved_identities",
    "user_collisions",
    "athena_queries_total",
    "athena_bytes_scanned_total",
    "athena_queue_seconds_total",
    "athena_engine_seconds_total",
    "api_requests_total",
    "aws_spend_usd_total",
    "series",
    "series_folded",
    "series_limit_step",
    "snapshot_timestamp_seconds",
    "snapshot_bytes",
}


@dataclass
class FakeSnapshot:
    """The part of a snapshot that is counted."""

    series: dict[str, int] = field(default_factory=dict)
    folded: dict[str, int] = field(default_factory=dict)
    limit_step: int = 0
    plain_bytes: int = 0
    gzip_bytes: int = 0


def everything() -> Telemetry:
    telemetry = Telemetry()
    telemetry.build("0.1.0", "abc123", "duckdb")
    telemetry.config_loaded(NOON)
    telemetry.web_config(loaded=True)
    telemetry.init_source("kiro_credits", ["bad_value"])
    telemetry.attempt("kiro_credits", NOON)
    telemetry.success("kiro_credits", NOON, 1.5, 1200)
    telemetry.scheduled("kiro_credits", NOON)
    telemetry.landed("kiro_credits", first=NOON, end=NOON, windows={"last_7d": 7}, partitions=30)
    telemetry.unknown_columns("kiro_credits", 2)
    telemetry.people({"kiro_credits": 3}, 1)
    telemetry.init_apis(["s3"])
    telemetry.publish(FakeSnapshot({"kiro_user_seat": 10}, {"kiro_user_model_messages_last_30d": 4}, 1, 5000, 500), NOON)
    return telemetry


def value(telemetry: Telemetry, name: str, **labels: str) -> float | None:
    return telemetry.registry.get_sample_value(f"aws_user_exporter_{name}", labels)


def labels_of(telemetry: Telemetry, name: str, label: str) -> set[str]:
    return {sample.labels[label] for family in telemetry.collect() for sample in family.samples if sample.name == f"aws_user_exporter_{name}"}


def test_every_documented_metric_is_there_and_no_other() -> None:
    names = {sample.name for family in everything().collect() for sample in family.samples}
    assert names == {f"aws_user_exporter_{name}" for name in NAMES}


@pytest.mark.parametrize("telemetry", [Telemetry(), everything()], ids=["at the start", "in use"])
def test_promtool_finds_nothing_to_improve(telemetry: Telemetry) -> None:
    promtool = require_tool("promtool")
    checked = subprocess.run([promtool, "check", "metrics"], check=False, input=telemetry.exposition(openmetrics=False), capture_output=True)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_formats_hold_the_same_samples() -> None:
    telemetry = everything()
    text = {(s.name, tuple(s.labels.items()), s.value) for f in parse_text(telemetry.exposition(False).decode()) for s in f.samples}
    body = telemetry.exposition(True).decode() + "# EOF\n"
    openmetrics = {(s.name, tuple(s.labels.items()), s.value) for f in parse_openmetrics(body) for s in f.samples}  # type: ignore[no-untyped-call]
    assert {sample for sample in text if not sample[0].startswith("process_")} == {s for s in openmetrics if not s[0].startswith("process_")}


@pytest.mark.parametrize("openmetrics", [False, True])
def test_end_of_the_body_is_left_to_the_caller(openmetrics: bool) -> None:
    assert b"EOF" not in everything().exposition(openmetrics)


@pytest.mark.parametrize("openmetrics", [False, True])
def test_no_series_says_when_another_was_created(openmetrics: bool) -> None:
    assert b"_created" not in everything().exposition(openmetrics)


def test_memory_and_cpu_of_the_process_are_there() -> None:
    body = Telemetry().exposition(openmetrics=False)
    assert b"\nprocess_resident_memory_bytes " in body
    assert b"\nprocess_cpu_seconds_total " in body


def test_counters_exist_at_zero_for_what_can_be_known() -> None:
    telemetry = Telemetry()
    telemetry.init_source("kiro_credits", ["bad_value", "bad_header"])
    telemetry.init_apis(["s3"])
    counters = {
        (sample.name.removeprefix("aws_user_exporter_"), *sample.labels.values()): sample.value
        for family in telemetry.collect()
        if family.type == "counter"
        for sample in family.samples
    }
    assert counters == {
        ("source_refreshes_total", "kiro_credits"): 0,
        ("source_refresh_failures_total", "kiro_credits"): 0,
        ("source_rejected_rows_total", "kiro_credits", "bad_value"): 0,
        ("source_rejected_rows_total", "kiro_credits", "bad_header"): 0,
        ("athena_queries_total",): 0,
        ("athena_bytes_scanned_total",): 0,
        ("athena_queue_seconds_total",): 0,
        ("athena_engine_seconds_total",): 0,
        ("api_requests_total", "s3"): 0,
        ("aws_spend_usd_total", "s3"): 0,
    }


def test_a_reload_does_not_set_counters_back() -> None:
    telemetry = Telemetry()
    telemetry.init_source("kiro_credits", ["bad_value"])
    telemetry.rejected("kiro_credits", "bad_value", 5)
    telemetry.api_request("s3", 0.25, 2)
    telemetry.init_source("kiro_credits", ["bad_value"])
    telemetry.init_apis(["s3"])
    assert value(telemetry, "source_rejected_rows_total", source="kiro_credits", reason="bad_value") == 5
    assert (value(telemetry, "api_requests_total", api="s3"), value(telemetry, "aws_spend_usd_total", api="s3")) == (2, 0.25)


class TestRefresh:
    def test_result_is_unknown_until_one_has_ended(self) -> None:
        telemetry = Telemetry()
        telemetry.init_source("kiro_credits")
        telemetry.attempt("kiro_credits", NOON)
        assert value(telemetry, "source_up", source="kiro_credits") is None
        assert value(telemetry, "source_last_attempt_timestamp_seconds", source="kiro_credits") == NOON_UNIX

    def test_success(self) -> None:
        telemetry = Telemetry()
        telemetry.attempt("kiro_credits", NOON)
        telemetry.success("kiro_credits", NOON, 2.5, 700)
        names = ("source_up", "source_last_success_timestamp_seconds", "source_refresh_duration_seconds", "source_rows", "source_refreshes_total")
        assert [value(telemetry, name, source="kiro_credits") for name in names] == [1, NOON_UNIX, 2.5, 700, 1]

    def test_failure_keeps_what_the_last_success_said(self) -> None:
        telemetry = Telemetry()
        telemetry.success("kiro_credits", NOON, 2.5, 700)
        telemetry.attempt("kiro_credits", NOON)
        telemetry.failure("kiro_credits", 9.0)
        names = ("source_up", "source_last_success_timestamp_seconds", "source_refresh_duration_seconds", "source_rows", "source_refresh_failures_total")
        assert [value(telemetry, name, source="kiro_credits") for name in names] == [0, NOON_UNIX, 9.0, 700, 1]

    def test_success_of_an_earlier_run_is_remembered_unless_there_is_a_newer(self) -> None:
        telemetry = Telemetry()
        telemetry.init_source("a", last_success=NOON)
        telemetry.success("b", NOON, 1, 1)
        telemetry.init_source("b", last_success=datetime(2026, 3, 1, tzinfo=UTC))
        assert [value(telemetry, "source_last_success_timestamp_seconds", source=source) for source in "ab"] == [NOON_UNIX, NOON_UNIX]


def test_a_source_that_is_switched_off_leaves_nothing_behind() -> None:
    telemetry = everything()
    telemetry.drop_source("kiro_credits")
    assert [sample for family in telemetry.collect() for sample in family.samples if "kiro_credits" in sample.labels.values()] == []


def test_a_source_that_is_not_scheduled_any_more_has_no_next_refresh() -> None:
    telemetry = everything()
    telemetry.scheduled("kiro_credits", None)
    assert value(telemetry, "source_next_refresh_timestamp_seconds", source="kiro_credits") is None


def test_windows_of_one_source_are_replaced_as_a_whole() -> None:
    telemetry = Telemetry()
    telemetry.landed("a", first=NOON, end=NOON, windows={"today": 1, "last_7d": 7}, partitions=9)
    telemetry.landed("b", first=NOON, end=NOON, windows={"yesterday": 1}, partitions=9)
    telemetry.landed("a", first=None, end=None, windows={"last_7d": 3}, partitions=0)
    landed = {tuple(s.labels.values()): s.value for f in telemetry.collect() if f.name.endswith("window_landed") for s in f.samples}
    assert landed == {("a", "last_7d"): 3, ("b", "yesterday"): 1}
    assert (value(telemetry, "source_data_timestamp_seconds", source="a"), value(telemetry, "source_data_timestamp_seconds", source="b")) == (None, NOON_UNIX)


def test_families_that_left_the_snapshot_are_gone() -> None:
    telemetry = Telemetry()
    telemetry.publish(FakeSnapshot({"kiro_user_seat": 10, "aws_user_info": 5}, {"x": 1}, 2), NOON)
    telemetry.publish(FakeSnapshot({"aws_user_info": 6}), NOON)
    assert labels_of(telemetry, "series", "family") == {"aws_user_info"}
    assert labels_of(telemetry, "series_folded", "family") == set()
    assert value(telemetry, "series_limit_step") == 0


def test_engine_of_before_a_reload_is_gone() -> None:
    telemetry = Telemetry()
    telemetry.build("0.1.0", "abc123", "duckdb")
    telemetry.build("0.1.0", "abc123", "athena")
    assert labels_of(telemetry, "build_info", "engine") == {"athena"}


def test_a_rejected_reload_keeps_the_time_of_the_accepted_one() -> None:
    telemetry = Telemetry()
    telemetry.config_loaded(NOON)
    telemetry.config_rejected()
    assert (value(telemetry, "config_last_reload_successful"), value(telemetry, "config_last_reload_success_timestamp_seconds")) == (0, NOON_UNIX)


def test_athena_is_counted_in_queries_bytes_seconds_and_dollars() -> None:
    telemetry = Telemetry()
    telemetry.athena_query()
    telemetry.athena_query()
    telemetry.athena_ended(2_000_000, 0.00001, queue_seconds=0.5, engine_seconds=4.25)
    telemetry.athena_ended(500_000, 0.0000025, queue_seconds=1.5, engine_seconds=0.75)
    assert (value(telemetry, "athena_queries_total"), value(telemetry, "athena_bytes_scanned_total")) == (2, 2_500_000)
    assert (value(telemetry, "athena_queue_seconds_total"), value(telemetry, "athena_engine_seconds_total")) == (2.0, 5.0)
    assert value(telemetry, "aws_spend_usd_total", api="athena") == pytest.approx(0.0000125)


def test_a_change_shows_at_the_next_scrape() -> None:
    telemetry = everything()
    before = telemetry.exposition(openmetrics=False)
    telemetry.rejected("kiro_credits", "bad_value", 41)
    line = b'aws_user_exporter_source_rejected_rows_total{reason="bad_value",source="kiro_credits"} %d.0\n'
    assert (line % 0 in before, line % 41 in telemetry.exposition(openmetrics=False)) == (True, True)


def test_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        Telemetry().config_loaded(datetime(2026, 3, 2))


def test_undecodable_revision_does_not_break_scrapes() -> None:
    telemetry = Telemetry()
    telemetry.build("0.1.0", b"\xff\xfe".decode("utf-8", "surrogateescape"), "duckdb")
    assert b'revision="??"' in telemetry.exposition(openmetrics=True)


def test_a_scrape_sees_all_or_nothing_of_a_change() -> None:
    telemetry = Telemetry()
    snapshots = [FakeSnapshot({f"{name}{number}": 1 for number in range(20)}) for name in "ab"]
    stop = threading.Event()

    def publish() -> None:
        while not stop.is_set():
            for snapshot in snapshots:
                telemetry.publish(snapshot, NOON)

    publisher = threading.Thread(target=publish)
    publisher.start()
    seen = set()
    try:
        for _ in range(300):
            body = telemetry.exposition(openmetrics=False).decode()
            seen.add((body.count('series{family="a'), body.count('series{family="b')))
    finally:
        stop.set()
        publisher.join()
    assert seen - {(0, 0)} <= {(20, 0), (0, 20)}


def test_counts_from_many_threads_add_up() -> None:
    telemetry = Telemetry()

    def count() -> None:
        for _ in range(1000):
            telemetry.api_request("s3")

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert value(telemetry, "api_requests_total", api="s3") == 8000
