"""Kiro reports as real buckets hold them: keys, headers and rows, for tests that write them into a folder or a bucket."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

ALICE = "215bb5b0-c0a1-70f2-5b3e-0d9f1c2a7e44"
BOB = "9a67c2d1-3f5b-4e02-8c11-aa0b93d4e5f6"
CAROL = "c0ffee00-1234-4abc-9def-001122334455"
ACCOUNT = "111122223333"
REGION = "us-east-1"

COLUMNS = (
    *("Date", "UserId", "Client_Type", "Chat_Conversations", "Credits_Used", "Overage_Cap", "Overage_Credits_Used", "Overage_Enabled", "ProfileId"),
    *("Subscription_Tier", "Total_Messages", "New_User", "User_Email", "Usage_Limit"),
)
"""The header of 2026-09, without its columns of models."""
COLUMNS_BEFORE_2026_03 = COLUMNS[:11]

ANALYTIC_COLUMNS = tuple(
    """UserId,Date,Chat_AICodeLines,Chat_MessagesInteracted,Chat_MessagesSent,CodeFix_AcceptanceEventCount,CodeFix_AcceptedLines,CodeFix_GeneratedLines,
    CodeFix_GenerationEventCount,CodeReview_FailedEventCount,CodeReview_FindingsCount,CodeReview_SucceededEventCount,Dev_AcceptanceEventCount,
    Dev_AcceptedLines,Dev_GeneratedLines,Dev_GenerationEventCount,DocGeneration_AcceptedFileUpdates,DocGeneration_AcceptedFilesCreations,
    DocGeneration_AcceptedLineAdditions,DocGeneration_AcceptedLineUpdates,DocGeneration_EventCount,DocGeneration_RejectedFileCreations,
    DocGeneration_RejectedFileUpdates,DocGeneration_RejectedLineAdditions,DocGeneration_RejectedLineUpdates,InlineChat_AcceptanceEventCount,
    InlineChat_AcceptedLineAdditions,InlineChat_AcceptedLineDeletions,InlineChat_DismissalEventCount,InlineChat_DismissedLineAdditions,
    InlineChat_DismissedLineDeletions,InlineChat_RejectedLineAdditions,InlineChat_RejectedLineDeletions,InlineChat_RejectionEventCount,
    InlineChat_TotalEventCount,Inline_AICodeLines,Inline_AcceptanceCount,Inline_SuggestionsCount,TestGeneration_AcceptedLines,
    TestGeneration_AcceptedTests,TestGeneration_EventCount,TestGeneration_GeneratedLines,TestGeneration_GeneratedTests,Transformation_EventCount,
    Transformation_LinesGenerated,Transformation_LinesIngested""".replace("\n", "")
    .replace(" ", "")
    .split(",")
)
"""The header of by_user_analytic: 2 keys and 44 counters."""


@dataclass(frozen=True)
class Use:
    """A row of user_report, as text where the report's spelling matters. `day` only where it differs from that of the file."""

    user: str
    credits: str = "1.0"
    messages: int = 1
    conversations: int = 1
    overage: str = "0.0"
    cap: str = "2500.0"
    enabled: str = "false"
    tier: str = "PRO"
    mail: str = ""
    limit: str = "1000"
    new: str = "false"
    models: Mapping[str, int] = field(default_factory=dict)
    day: date | str | None = None

    def cells(self, day: date, client: str) -> dict[str, str]:
        """By column name, spelled and quoted as in real files."""
        return {
            "Date": str(self.day or day),
            "UserId": f'"{self.user}"',
            "Client_Type": client,
            "Chat_Conversations": str(self.conversations),
            "Credits_Used": self.credits,
            "Overage_Cap": self.cap,
            "Overage_Credits_Used": self.overage,
            "Overage_Enabled": self.enabled,
            "ProfileId": f'"arn:aws:codewhisperer:us-east-1:{ACCOUNT}:profile/EHGA3GRVQMUK"',
            "Subscription_Tier": self.tier,
            "Total_Messages": str(self.messages),
            "New_User": self.new,
            "User_Email": f'"{self.mail}"',
            "Usage_Limit": self.limit,
            **{f"{model}_messages": str(messages) for model, messages in self.models.items()},
        }


def user_report(day: date, *uses: Use, client: str = "KIRO_IDE", columns: Sequence[str] = COLUMNS) -> bytes:
    """A file of user_report. Models are columns after the others, in order, with 0 for whoever did not use one."""
    models = sorted({f"{model}_messages" for use in uses for model in use.models})
    header = [*columns, *models]
    lines = [",".join(cells.get(name, "0") for name in header) for cells in (use.cells(day, client) for use in uses)]
    return "".join(f"{line}\n" for line in (",".join(header), *lines)).encode()


def user_report_key(day: date, client: str = "KIRO_IDE", *, account: str = ACCOUNT, region: str = REGION, exported: str = "", part: str = "") -> str:
    """Where Kiro writes it. `exported` (YYYYMMDDHHMM) is in the name, the start of the day unless given; `part` is for example `_part_1`."""
    return f"AWSLogs/{account}/KiroLogs/user_report/{region}/{day:%Y/%m/%d}/00/{client}_{account}_user_report_{exported or f'{day:%Y%m%d}0000'}{part}.csv"


def analytic(day: date, *rows: tuple[str, Mapping[str, int]], columns: Sequence[str] = ANALYTIC_COLUMNS) -> bytes:
    """A file of by_user_analytic: a user and the counters that are not 0 for each row. Dates are MM-DD-YYYY there."""
    lines = []
    for user, counters in rows:
        cells = {"UserId": f'"{user}"', "Date": f"{day:%m-%d-%Y}", **{name: str(count) for name, count in counters.items()}}
        lines.append(",".join(cells.get(name, "0") for name in columns))
    return "".join(f"{line}\n" for line in (",".join(columns), *lines)).encode()


def analytic_key(
    day: date, *, writer: str = "KiroLogs", account: str = ACCOUNT, region: str = REGION, exported: str = "", part: str = "", suffix: str = "_report"
) -> str:
    """Where Kiro, or Amazon Q Developer before it (`QDeveloperLogs`), writes it."""
    name = f"{account}_by_user_analytic_{exported or f'{day:%Y%m%d}0000'}{suffix}{part}.csv"
    return f"AWSLogs/{account}/{writer}/by_user_analytic/{region}/{day:%Y/%m/%d}/00/{name}"


def put(folder: Path, key: str, content: bytes, modified: datetime | None = None) -> Path:
    """Writes a file of a folder in the layout of a bucket."""
    path = folder / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    if modified is not None:
        os.utime(path, (modified.timestamp(), modified.timestamp()))
    return path


def put_use(folder: Path, day: date, *uses: Use, client: str = "KIRO_IDE") -> Path:
    """Writes the file of one client and day."""
    return put(folder, user_report_key(day, client), user_report(day, *uses, client=client))
