"""Two rows of a real report, each in a file of its own, through the real process: what comes out was worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from exporter_process import ExporterProcess, Samples

# Published by their owner with the mail taken out, and the ids shortened to what stands before the dots. Only the day is another one: yesterday.
IDENTITY = "215bb5b0-70a1-7021-4e3c-5ad0a97c2f18"
PROFILE = "arn:aws:codewhisperer:us-east-1:369434902231:profile/EHGA3GRVQMUK"
HEADER = (
    "Date,UserId,Client_Type,Chat_Conversations,Credits_Used,Overage_Cap,Overage_Credits_Used,Overage_Enabled,ProfileId,Subscription_Tier,"
    "Total_Messages,New_User,User_Email"
)
FILES = {
    "KIRO_CLI": f"""{HEADER},claude_haiku_4.5_messages,claude_opus_4.8_messages
{{day}},"{IDENTITY}",KIRO_CLI,8,114.45787414391377,2500.0,0.0,false,"{PROFILE}",PRO_MAX,131,false,"kim@example.com",8,123
""",
    "KIRO_IDE": f"""{HEADER},auto_messages
{{day}},"{IDENTITY}",KIRO_IDE,2,0.7132330391376451,2500.0,0.0,false,"{PROFILE}",PRO_MAX,4,false,"kim@example.com",4
""",
}
CREDITS = 115.1711071830514151  # 114.45787414391377 + 0.7132330391376451
KIM = {"user": "kim", "team": "core"}

EVERY_WINDOW = [
    ("kiro_user_credits", {}, CREDITS),
    ("kiro_user_messages", {}, 135),
    ("kiro_user_conversations", {}, 10),
    ("kiro_user_client_credits", {"client": "cli"}, 114.45787414391377),
    ("kiro_user_client_credits", {"client": "ide"}, 0.7132330391376451),
    ("kiro_user_client_messages", {"client": "cli"}, 131),
    ("kiro_user_client_messages", {"client": "ide"}, 4),
    ("kiro_user_model_messages", {"model": "claude_haiku_4.5"}, 8),
    ("kiro_user_model_messages", {"model": "claude_opus_4.8"}, 123),
    ("kiro_user_model_messages", {"model": "auto"}, 4),
]
NO_WINDOW = [
    ("kiro_user_active_dates_last_30d", {}, 1),
    # Pro Max includes 5,000 credits; the row's 2,500 are the cap of overage, which is off.
    ("kiro_user_included_credits", {}, 5000),
    ("kiro_user_overage_cap_credits", {}, 2500),
    ("kiro_user_overage_enabled", {}, 0),
    ("kiro_user_seat", {"tier": "pro_max", "status": "active"}, 1),
]


@pytest.fixture(scope="module")
def yesterday(today: date) -> date:
    return today - timedelta(days=1)


@pytest.fixture(scope="module")
def samples(yesterday: date, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Samples]:
    folder = tmp_path_factory.mktemp("real rows")
    reports = folder / f"data/AWSLogs/369434902231/KiroLogs/user_report/us-east-1/{yesterday:%Y/%m/%d}/00"
    reports.mkdir(parents=True)
    for client, text in FILES.items():
        (reports / f"{client}_369434902231_user_report_{yesterday:%Y%m%d}0000.csv").write_text(text.format(day=yesterday), encoding="utf-8")
    (folder / "people.csv").write_text(f"user,team,aliases\nkim,core,{IDENTITY}\n", encoding="utf-8")
    config = {"engine": "duckdb", "store": {"path": "state"}, "sources": {"kiro_credits": {"location": "data"}}, "people": {"file": "people.csv"}}
    with ExporterProcess(folder, config) as exporter:
        exporter.wait_until_ready()
        yield exporter.samples()


@pytest.mark.parametrize("window", ["yesterday", "last_30d"])
@pytest.mark.parametrize(("name", "labels", "value"), EVERY_WINDOW)
def test_the_real_rows_become_samples(samples: Samples, name: str, labels: dict[str, str], value: float, window: str) -> None:
    assert samples[f"{name}_{window}", frozenset((KIM | labels).items())] == value


@pytest.mark.parametrize(("name", "labels", "value"), NO_WINDOW)
def test_the_real_rows_tell_the_state(samples: Samples, name: str, labels: dict[str, str], value: float) -> None:
    assert samples[name, frozenset((KIM | labels).items())] == value


def test_the_real_rows_tell_the_day(samples: Samples, yesterday: date) -> None:
    start = datetime.combine(yesterday, datetime.min.time(), UTC).timestamp()
    assert samples["kiro_user_last_activity_timestamp_seconds", frozenset(KIM.items())] == start


def test_nothing_of_the_real_rows_is_rejected(samples: Samples) -> None:
    assert {value for (name, _), value in samples.items() if name == "aws_user_exporter_source_rejected_rows_total"} == {0}


def test_the_real_rows_have_no_overage(samples: Samples) -> None:
    assert not [name for name, _ in samples if name.startswith("kiro_user_overage_credits")]
