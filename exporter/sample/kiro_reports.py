"""The two user activity reports of Kiro as CSV files, in the layout of the bucket.

Names, headers and quoting follow real objects: kiro.dev/docs/enterprise/monitor-and-track/user-activity (per-client CSV and its legacy report).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from exporter.sample.kiro_features import COUNTERS
from exporter.sample.kiro_use import ClientDay
from exporter.sample.organisation import OTHER_MAIL_DOMAIN, Account, Person
from exporter.sample.quirks import Quirk

FIRST_USER_REPORT = date(2026, 2, 10)
FIRST_FEATURE_REPORT = date(2025, 12, 1)
ROWS_A_FILE = 1000
"""Longer reports are split into parts."""

_GOOD_FROM = date(2026, 2, 13)
"""The reports of the days before gave PRO credits that are far too large."""
_MODELS_FROM, _MAIL_FROM, _LIMIT_FROM = date(2026, 3, 12), date(2026, 4, 1), date(2026, 9, 1)
_OLD_COLUMNS = (
    *("Date", "UserId", "Client_Type", "Chat_Conversations", "Credits_Used", "Overage_Cap", "Overage_Credits_Used", "Overage_Enabled"),
    *("ProfileId", "Subscription_Tier", "Total_Messages"),
)
_COLUMNS = (*_OLD_COLUMNS, "New_User", "User_Email", "Usage_Limit")
_OTHER_ORDER = (
    *("Date", "UserId", "Client_Type", "Subscription_Tier", "ProfileId", "Total_Messages", "Chat_Conversations", "Credits_Used", "Overage_Enabled"),
    *("Overage_Cap", "Overage_Credits_Used", "New_User", "User_Email", "Usage_Limit"),
)
_TIERS = {"pro": "PRO", "pro_plus": "PRO_PLUS", "pro_max": "PRO_MAX", "power": "POWER"}
_CAMEL_TIERS = {"pro": "Pro", "pro_plus": "ProPlus", "pro_max": "ProMax", "power": "Power"}


@dataclass(frozen=True, slots=True)
class ReportFile:
    """`path` is relative to the location; `lines` are without line ends, the header first."""

    path: str
    lines: tuple[str, ...]
    byte_order_mark: bool
    carriage_returns: bool

    def content(self) -> bytes:
        end = "\r\n" if self.carriage_returns else "\n"
        return (("\ufeff" if self.byte_order_mark else "") + end.join(self.lines) + end).encode()


@dataclass(frozen=True, slots=True)
class UserReportRow:
    """What a person did in one client on one day, on the way into a report."""

    person: Person
    new_user: bool
    mail: str
    """How this row spells the person's mail: usual, other_domain or empty."""
    use: ClientDay


def user_reports(account: Account, client: str, day: date, rows: Sequence[UserReportRow], quirks: frozenset[Quirk]) -> Iterator[ReportFile]:
    """The `user_report` of one account, client and day: no file for no rows, parts from 1,001 rows on, and an earlier export where it was exported again."""
    if not rows or day < FIRST_USER_REPORT:
        return
    folder = f"AWSLogs/{account.id}/KiroLogs/user_report/{account.region}/{day:%Y/%m/%d}/00/{client}_{account.id}_user_report_{day:%Y%m%d}"
    if Quirk.EXPORTED_AGAIN in quirks:
        yield from _user_report(f"{folder}0000", account, day, [earlier for row in rows if (earlier := _earlier(row)) is not None], quirks)
        yield from _user_report(f"{folder}0600", account, day, rows, quirks)
    else:
        yield from _user_report(f"{folder}0000", account, day, rows, quirks)


def feature_reports(account: Account, day: date, rows: Sequence[tuple[Person, Mapping[str, int]]], quirks: frozenset[Quirk]) -> Iterator[ReportFile]:
    """The `by_user_analytic` of one account and day; counters that a row does not name are 0."""
    if not rows or day < FIRST_FEATURE_REPORT:
        return
    prefix = "QDeveloperLogs" if Quirk.AMAZON_Q_PREFIX in quirks else "KiroLogs"
    stem = f"AWSLogs/{account.id}/{prefix}/by_user_analytic/{account.region}/{day:%Y/%m/%d}/00/{account.id}_by_user_analytic_{day:%Y%m%d}"
    if Quirk.EXPORTED_AGAIN in quirks:
        earlier = [(person, {name: count // 2 for name, count in counters.items()}) for person, counters in rows]
        yield from _feature_report(f"{stem}0000", account, day, earlier, quirks)
        yield from _feature_report(f"{stem}0600", account, day, rows, quirks)
    else:
        yield from _feature_report(f"{stem}0000", account, day, rows, quirks)


def _earlier(row: UserReportRow) -> UserReportRow | None:
    """What an export knew halfway through the day, if anything."""
    models = tuple((model, count // 2) for model, count in row.use.models if count > 1)
    if not models:
        return None
    messages = sum(count for _, count in models)
    conversations = min(row.use.conversations, messages)
    use = ClientDay(row.use.client, conversations, row.use.credits / 2, row.use.overage / 2, messages, models)
    return replace(row, use=use)


def _user_report(stem: str, account: Account, day: date, rows: Sequence[UserReportRow], quirks: frozenset[Quirk]) -> Iterator[ReportFile]:
    # In early 2026 the header grew; Kiro still writes an old one now and then.
    length = 11 if Quirk.OLD_HEADER in quirks or day < _MODELS_FROM else 12 if day < _MAIL_FROM else 13 if day < _LIMIT_FROM else 14
    columns = _COLUMNS[:length]
    models: tuple[str, ...] = ()
    if len(columns) > len(_OLD_COLUMNS):
        models = tuple(sorted({model for row in rows for model, _ in row.use.models}, key=lambda model: (model != "auto", model)))
    order = [_COLUMNS.index(column) for column in (_OTHER_ORDER if Quirk.OTHER_ORDER in quirks else _COLUMNS) if column in columns]
    unknown = Quirk.UNKNOWN_COLUMN in quirks
    header = ",".join([*(_COLUMNS[index] for index in order), *(("Agent_Hooks_Triggered",) if unknown else ()), *(f"{model}_messages" for model in models)])
    lines = []
    for row in rows:
        cells = _cells(row, account, day, quirks)
        counts = dict(row.use.models)
        extra = (str(counts.get(model, 0)) for model in models)
        lines.append(",".join([*(cells[index] for index in order), *(("0",) if unknown else ()), *extra]))
    yield from _parts(f"{stem}{{part}}.csv", header, lines, quirks)


def _cells(row: UserReportRow, account: Account, day: date, quirks: frozenset[Quirk]) -> tuple[str, ...]:
    person, use, seat = row.person, row.use, row.person.seat
    if seat is None:
        raise ValueError(f"{person.user} has no Kiro seat")
    tier = _CAMEL_TIERS[seat.tier] if Quirk.CAMEL_TIER in quirks else _TIERS[seat.tier]
    if Quirk.JOINED_TIER in quirks:
        tier = tier.replace("_", "")
    mail = "" if row.mail == "empty" else f"{person.user}@{OTHER_MAIL_DOMAIN}" if row.mail == "other_domain" else person.email
    credits_used = use.credits * 37 if day < _GOOD_FROM and seat.tier == "pro" else use.credits
    return (
        day.isoformat(),
        f'"{_user_id(person, account, quirks)}"',
        use.client,
        str(use.conversations),
        repr(credits_used),
        repr(seat.overage_cap(account)),
        repr(use.overage),
        "true" if account.overage_enabled else "false",
        f'"{account.profile_arn}"',
        tier,
        str(use.messages),
        "true" if row.new_user else "false",
        f'"{mail}"',
        str(seat.included_credits),
    )


def _feature_report(stem: str, account: Account, day: date, rows: Sequence[tuple[Person, Mapping[str, int]]], quirks: frozenset[Quirk]) -> Iterator[ReportFile]:
    counters = sorted(COUNTERS) if Quirk.OTHER_ORDER in quirks else COUNTERS
    header = ",".join(["UserId", "Date", *counters])
    if Quirk.INLINE_CHAT_EVENT_COUNT in quirks:
        header = header.replace("InlineChat_TotalEventCount", "InlineChat_EventCount")
    unknown = Quirk.UNKNOWN_COLUMN in quirks
    if unknown:
        header += ",Agent_TaskCount"
    lines = [
        ",".join([f'"{_user_id(person, account, quirks)}"', f"{day:%m-%d-%Y}", *(str(found.get(name, 0)) for name in counters), *(("0",) if unknown else ())])
        for person, found in rows
    ]
    yield from _parts(f"{stem}{{part}}_report.csv" if Quirk.PART_BEFORE_REPORT in quirks else f"{stem}_report{{part}}.csv", header, lines, quirks)


def _user_id(person: Person, account: Account, quirks: frozenset[Quirk]) -> str:
    if Quirk.DIRECTORY_PREFIX in quirks:
        return f"d-{account.identity_store}.{person.identity_center_id}"
    if Quirk.STORE_PREFIX in quirks:
        return f"{account.identity_store}-{person.identity_center_id}"
    return person.identity_center_id


def _parts(path: str, header: str, lines: Sequence[str], quirks: frozenset[Quirk]) -> Iterator[ReportFile]:
    """`path` has a `{part}` that stays empty for a report in one piece."""
    for start in range(0, len(lines), ROWS_A_FILE):
        part = f"_part_{start // ROWS_A_FILE + 1}" if len(lines) > ROWS_A_FILE else ""
        yield ReportFile(
            path=path.format(part=part),
            lines=(header, *lines[start : start + ROWS_A_FILE]),
            byte_order_mark=Quirk.BYTE_ORDER_MARK in quirks,
            carriage_returns=Quirk.CARRIAGE_RETURNS in quirks,
        )
