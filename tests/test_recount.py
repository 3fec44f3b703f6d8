"""The independent recount, checked on three people and three days whose sums are worked out by hand."""

from __future__ import annotations

import ast
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from recount_kiro import Recount

ALICE = "aaaaaaaa-1111-4111-8111-aaaaaaaaaaaa"
BOB = "bbbbbbbb-2222-4222-8222-bbbbbbbbbbbb"
CAROL = "cccccccc-3333-4333-8333-cccccccccccc"
US = "AWSLogs/111122223333/KiroLogs/{kind}/us-east-1/{day}/00"
EU = "AWSLogs/444455556666/KiroLogs/{kind}/eu-central-1/{day}/00"
HEADER = "Date,UserId,Client_Type,Chat_Conversations,Credits_Used,Overage_Credits_Used,Total_Messages,User_Email"

FILES = {
    US.format(kind="user_report", day="2026/02/12") + "/KIRO_IDE_111122223333_user_report_202602120000.csv": f"""{HEADER}
2026-02-12,"{ALICE}",KIRO_IDE,1,999.0,0.0,1,""
""",
    US.format(kind="user_report", day="2026/06/30") + "/KIRO_IDE_111122223333_user_report_202606300000.csv": f"""{HEADER},auto_messages
2026-06-30,"{ALICE}",KIRO_IDE,2,10.5,0.0,20,"alice@example.com",20
2026-06-30,"{BOB}",KIRO_IDE,1,4.25,0.0,8,"Bob@Example.com",8
""",
    US.format(kind="user_report", day="2026/07/09") + "/KIRO_CLI_111122223333_user_report_202607090000.csv": f"""{HEADER},auto_messages
2026-07-09,"{ALICE}",KIRO_CLI,1,1.0,0.0,1,"",1
""",
    # Exported again: other order, byte order mark, CR LF, prefixed id in upper case.
    US.format(kind="user_report", day="2026/07/09") + "/KIRO_CLI_111122223333_user_report_202607090600.csv": (
        "\ufeffDate,UserId,Client_Type,Total_Messages,Credits_Used,Overage_Credits_Used,Chat_Conversations,auto_messages,glm_5_messages\r\n"
        f'2026-07-09,"d-1234567890.{ALICE.upper()}",KIRO_CLI,5,2.5,0.5,1,2,3\r\n'
    ),
    US.format(kind="user_report", day="2026/07/10") + "/KIRO_IDE_111122223333_user_report_202607100000.csv": f"""{HEADER}
2026-07-10,"{ALICE}",KIRO_IDE,1,3.0,0.0,6,""
2026-07-10,"1234567890-{CAROL}",KIRO_IDE,3,7.125,1.125,14,"carol@example.com"
2026-07-10,"{BOB}",KIRO_IDE
2026-07-10,"{BOB}",KIRO_IDE,1,None,0.0,1,""
2026-13-45,"{BOB}",KIRO_IDE,1,1.0,0.0,1,""
""",
    US.format(kind="user_report", day="2026/07/10") + "/KIRO_CLI_111122223333_user_report_202607100000_part_1.csv": f"""{HEADER}
2026-07-10,"{ALICE}",KIRO_CLI,1,1.25,0.0,2,""
""",
    EU.format(kind="user_report", day="2026/07/10") + "/KIRO_IDE_444455556666_user_report_202607100000.csv": f"""{HEADER}
2026-07-10,"{BOB}",KIRO_IDE,4,100.0,0.0,50,""
""",
    US.format(kind="by_user_analytic", day="2026/07/09")
    + "/111122223333_by_user_analytic_202607090000_part_1_report.csv": f"""UserId,Date,Chat_MessagesSent,InlineChat_EventCount,Agent_TaskCount
"{ALICE}",07-09-2026,5,2,77
""",
    US.format(kind="by_user_analytic", day="2026/07/10").replace("KiroLogs", "QDeveloperLogs")
    + "/111122223333_by_user_analytic_202607100000_report.csv": f"""UserId,Date,Chat_MessagesSent,InlineChat_TotalEventCount
"{ALICE}",07-10-2026,2,1
"{CAROL}",07-10-2026,3,0
""",
    "AWSLogs/111122223333/KiroLogs/0b5f4d1e-0000-4000-8000-000000000000": "Access validation successful.",
}
PEOPLE = f"""user,email,team,aliases
alice,alice@example.com,core,d-1234567890.{ALICE}
bob,bob@example.com,data,
"""
A, B, C = ("alice", "core"), ("bob", "data"), ("carol@example.com", "unknown")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    (tmp_path / "people.csv").write_text(PEOPLE, encoding="utf-8")
    return tmp_path


@pytest.fixture
def recount(folder: Path) -> Recount:
    return Recount(folder, folder / "people.csv", date(2026, 7, 11))


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ("yesterday", {A: "4.25", B: "100", C: "7.125"}),
        ("3d_ago", {}),
        ("last_7d", {A: "6.75", B: "100", C: "7.125"}),
        ("last_30d", {A: "17.25", B: "104.25", C: "7.125"}),
        ("month_to_date", {A: "6.75", B: "100", C: "7.125"}),
        ("last_month", {A: "10.5", B: "4.25"}),
    ],
)
def test_credits_of_each_window(recount: Recount, window: str, expected: dict[tuple[str, ...], str]) -> None:
    assert recount.credits(window) == {person: Decimal(value) for person, value in expected.items()}


def test_the_last_days_end_at_the_newest_day_that_landed(folder: Path) -> None:
    recount = Recount(folder, folder / "people.csv", date(2026, 7, 20))
    assert recount.credits("last_7d") == {A: Decimal("6.75"), B: Decimal(100), C: Decimal("7.125")}


def test_overage_on_top_adds_to_credits(folder: Path) -> None:
    recount = Recount(folder, folder / "people.csv", date(2026, 7, 11), overage="on_top")
    assert recount.credits("month_to_date") == {A: Decimal("7.25"), B: Decimal(100), C: Decimal("8.25")}


def test_overage(recount: Recount) -> None:
    assert recount.overage("month_to_date") == {A: Decimal("0.5"), C: Decimal("1.125")}


def test_messages(recount: Recount) -> None:
    assert recount.messages("last_30d") == {A: 33, B: 58, C: 14}


def test_conversations(recount: Recount) -> None:
    assert recount.conversations("last_30d") == {A: 5, B: 5, C: 3}


def test_credits_by_client(recount: Recount) -> None:
    assert recount.client_credits("last_7d") == {(*A, "cli"): Decimal("3.75"), (*A, "ide"): 3, (*B, "ide"): 100, (*C, "ide"): Decimal("7.125")}


def test_messages_by_model(recount: Recount) -> None:
    assert recount.model_messages("last_30d") == {(*A, "auto"): 22, (*A, "glm_5"): 3, (*B, "auto"): 8}


def test_active_dates(recount: Recount) -> None:
    assert recount.active_dates("last_30d") == {A: 3, B: 2, C: 1}


def test_features(recount: Recount) -> None:
    expected = {(*A, "chat_messagessent"): 7, (*A, "inlinechat_totaleventcount"): 3, (*C, "chat_messagessent"): 3}
    assert recount.features("month_to_date") == expected


def test_malformed_rows_are_counted(recount: Recount) -> None:
    assert recount.malformed_credit_rows == 3


def test_whoever_is_not_in_the_people_file_is_unmatched(recount: Recount) -> None:
    assert recount.unmatched() == {CAROL}


def test_the_recount_is_independent_of_the_exporter() -> None:
    tree = ast.parse(Path(__file__).with_name("recount_kiro.py").read_text(encoding="utf-8"))
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module or "." * node.level for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert modules == {"__future__", "collections", "collections.abc", "csv", "dataclasses", "datetime", "decimal", "io", "pathlib", "re"}
