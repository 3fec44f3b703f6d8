"""Rows and files of Kiro's CSV reports as text, and what the decoders make of them."""

from __future__ import annotations

from datetime import UTC, date, datetime

from exporter.objects import StoredObject
from exporter.sources.kiro_csv import COUNTERS, AnalyticRow, Decoded, UserReportRow, decode_by_user_analytic, decode_user_report
from exporter.sources.kiro_layout import ReportObject

USER = "215bb5b0-c0a1-70f2-5b3e-0d9f1c2a7e44"
OTHER = "9a67c2d1-3f5b-4e02-8c11-aa0b93d4e5f6"
PROFILE = "arn:aws:codewhisperer:us-east-1:369434902231:profile/EHGA3GRVQMUK"
STATIC = (
    "Date,UserId,Client_Type,Chat_Conversations,Credits_Used,Overage_Cap,Overage_Credits_Used,Overage_Enabled,ProfileId,Subscription_Tier,"
    "Total_Messages,New_User,User_Email"
)
SMALL = "Date,UserId,Client_Type,Credits_Used,Total_Messages"
REAL_HEADER = "UserId,Date," + ",".join(COUNTERS)


def report(key: str = "AWSLogs/369434902231/KiroLogs/user_report/us-east-1/2026/07/10/00/KIRO_CLI_369434902231_user_report_202607100000.csv") -> ReportObject:
    stored = StoredObject(key, 1, "etag", datetime(2026, 7, 11, 2, 0, 7, tzinfo=UTC))
    return ReportObject(stored, "369434902231", "us-east-1", date(2026, 7, 10), datetime(2026, 7, 10, tzinfo=UTC))


def users(text: str | bytes) -> Decoded[UserReportRow]:
    return decode_user_report(text if isinstance(text, bytes) else text.encode(), report())


def analytics(text: str | bytes) -> Decoded[AnalyticRow]:
    return decode_by_user_analytic(text if isinstance(text, bytes) else text.encode(), report())


def line_of(**cells: str) -> str:
    """One valid row under SMALL with some cells replaced."""
    usual = {"date": "2026-07-10", "userid": USER, "client": "KIRO_CLI", "credits": "1.5", "messages": "3"}
    return ",".join((usual | cells).values())


def one_row(**cells: str) -> UserReportRow:
    (row,) = users(f"{SMALL}\n{line_of(**cells)}\n").rows
    return row


def told(decoded: Decoded[UserReportRow] | Decoded[AnalyticRow]) -> list[tuple[str, int, str]]:
    return [(rejection.reason, rejection.line, rejection.column) for rejection in decoded.rejections]
