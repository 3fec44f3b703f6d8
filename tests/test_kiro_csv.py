"""Kiro's CSV reports: the real rows, every known quirk, and whatever else a file may hold."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.objects import StoredObject
from exporter.sources import csv_records
from exporter.sources.kiro_csv import COUNTERS, REASONS, AnalyticRow, Decoded, UserReportRow, decode_by_user_analytic, decode_user_report
from exporter.sources.kiro_layout import ReportObject

USER = "215bb5b0-c0a1-70f2-5b3e-0d9f1c2a7e44"
OTHER = "9a67c2d1-3f5b-4e02-8c11-aa0b93d4e5f6"
PROFILE = "arn:aws:codewhisperer:us-east-1:369434902231:profile/EHGA3GRVQMUK"
STATIC = (
    "Date,UserId,Client_Type,Chat_Conversations,Credits_Used,Overage_Cap,Overage_Credits_Used,Overage_Enabled,ProfileId,Subscription_Tier,"
    "Total_Messages,New_User,User_Email"
)
SMALL = "Date,UserId,Client_Type,Credits_Used,Total_Messages"


def _report(key: str = "AWSLogs/369434902231/KiroLogs/user_report/us-east-1/2026/07/10/00/KIRO_CLI_369434902231_user_report_202607100000.csv") -> ReportObject:
    stored = StoredObject(key, 1, "etag", datetime(2026, 7, 11, 2, 0, 7, tzinfo=UTC))
    return ReportObject(stored, "369434902231", "us-east-1", date(2026, 7, 10), datetime(2026, 7, 10, tzinfo=UTC))


def _users(text: str | bytes) -> Decoded[UserReportRow]:
    return decode_user_report(text if isinstance(text, bytes) else text.encode(), _report())


def _analytics(text: str | bytes) -> Decoded[AnalyticRow]:
    return decode_by_user_analytic(text if isinstance(text, bytes) else text.encode(), _report())


def _row(**cells: str) -> str:
    """One valid row under SMALL with some cells replaced."""
    usual = {"date": "2026-07-10", "userid": USER, "client": "KIRO_CLI", "credits": "1.5", "messages": "3"}
    return ",".join((usual | cells).values())


def _one(**cells: str) -> UserReportRow:
    (row,) = _users(f"{SMALL}\n{_row(**cells)}\n").rows
    return row


def _told(decoded: Decoded[UserReportRow] | Decoded[AnalyticRow]) -> list[tuple[str, int, str]]:
    return [(rejection.reason, rejection.line, rejection.column) for rejection in decoded.rejections]


# The real rows of 2026-07-10, each in the file of its client.


def test_real_row_of_the_command_line() -> None:
    (row,) = _users(
        f"{STATIC},claude_haiku_4.5_messages,claude_opus_4.8_messages\n"
        f'2026-07-10,"{USER}",KIRO_CLI,8,114.45787414391377,2500.0,0.0,false,"{PROFILE}",PRO_MAX,131,false,"dev@example.com",8,123\n'
    ).rows
    assert row == UserReportRow(
        path=_report().object.key,
        account="369434902231",
        region="us-east-1",
        exported="2026-07-10T00:00:00.000000Z",
        modified="2026-07-11T02:00:07.000000Z",
        line=2,
        day="2026-07-10",
        userid=USER,
        client_type="KIRO_CLI",
        chat_conversations=8,
        credits_used="114.45787414391377",
        overage_cap="2500.0",
        overage_credits_used="0.0",
        overage_enabled=False,
        profileid=PROFILE,
        subscription_tier="PRO_MAX",
        total_messages=131,
        new_user=False,
        user_email="dev@example.com",
        usage_limit=None,
        models={"claude_haiku_4.5": 8, "claude_opus_4.8": 123},
    )


def test_real_row_of_the_ide() -> None:
    (row,) = _users(
        f'{STATIC},auto_messages\n2026-07-10,"{USER}",KIRO_IDE,2,0.7132330391376451,2500.0,0.0,false,"{PROFILE}",PRO_MAX,4,false,"dev@example.com",4\n'
    ).rows
    assert (row.client_type, row.chat_conversations, row.credits_used, row.total_messages, row.models) == ("KIRO_IDE", 2, "0.7132330391376451", 4, {"auto": 4})


def test_times_are_told_in_utc() -> None:
    stored = StoredObject("x.csv", 1, "etag", datetime(2026, 7, 11, 4, 0, 7, 250, tzinfo=timezone(timedelta(hours=2))))
    (row,) = decode_user_report(f"{SMALL}\n{_row()}\n".encode(), replace(_report(), object=stored)).rows
    assert row.modified == "2026-07-11T02:00:07.000250Z"


# Columns that come, go and move.


def test_header_of_eleven_columns_before_march_2026() -> None:
    header = STATIC.removesuffix(",New_User,User_Email")
    (row,) = _users(f'{header}\n2026-02-20,"{USER}",PLUGIN,1,2.5,1000.0,0.0,false,"{PROFILE}",PRO,7\n').rows
    assert (row.total_messages, row.new_user, row.user_email, row.usage_limit, row.models) == (7, None, None, None, {})


def test_header_of_september_2026_with_usage_limit() -> None:
    (row,) = _users(
        f"{STATIC},Usage_Limit,auto_messages,claude_haiku_4.5_messages\n"
        f'2026-09-03,"{USER}",KIRO_IDE,1,2.5,1000.0,0.0,true,"{PROFILE}",PRO_PLUS,7,true,"a@example.com",2000,3,4\n'
    ).rows
    assert (row.usage_limit, row.overage_enabled, row.new_user, row.models) == ("2000", True, True, {"auto": 3, "claude_haiku_4.5": 4})


def test_columns_in_another_order() -> None:
    header = (
        "Date,UserId,Client_Type,Subscription_Tier,ProfileId,Total_Messages,Chat_Conversations,Credits_Used,Overage_Enabled,Overage_Cap,Overage_Credits_Used"
    )
    (row,) = _users(f"{header}\n2026-04-02,{USER},KIRO_IDE,POWER,{PROFILE},9,2,3.25,true,10000.0,0.75\n").rows
    assert (row.subscription_tier, row.total_messages, row.chat_conversations) == ("POWER", 9, 2)
    assert (row.credits_used, row.overage_enabled, row.overage_cap, row.overage_credits_used) == ("3.25", True, "10000.0", "0.75")


def test_header_names_in_any_case_and_with_spaces_and_quotes() -> None:
    (row,) = _users(f'"date", USERID ,client_TYPE,"Credits_Used"\n2026-07-10,{USER},PLUGIN,4\n').rows
    assert (row.userid, row.credits_used) == (USER, "4")


def test_model_columns_are_those_that_end_in_messages_but_the_totals() -> None:
    decoded = _users(f"{SMALL},auto_messages,gpt_5.6_luna_messages,Brand_New_Model_messages,Chat_Messages\n{_row()},1,0,2,3\n")
    assert decoded.rows[0].models == {"auto": 1, "brand_new_model": 2}
    assert list(decoded.unknown_columns) == ["chat_messages"]


def test_unknown_columns_are_named_and_escaped() -> None:
    decoded = _users(f"{SMALL},Region_Name,\x1b[31mred,_messages\n{_row()},x,y,1\n")
    assert decoded.unknown_columns == {"region_name", "[31mred", "_messages"}
    assert len(decoded.rows) == 1


def test_column_without_a_name_is_no_column() -> None:
    decoded = _users(f"{SMALL},,\n{_row()},,\n")
    assert (len(decoded.rows), decoded.rejections, decoded.unknown_columns) == (1, (), frozenset())


@pytest.mark.parametrize("missing", ["Date", "UserId", "Client_Type"])
def test_header_without_a_key_column_rejects_the_file(missing: str) -> None:
    decoded = _users(f"{SMALL.replace(missing, 'Else')}\n{_row()}\n")
    assert (decoded.rows, _told(decoded)) == ([], [("header", 0, "")])
    assert missing.lower() in decoded.rejections[0].detail


def test_header_with_a_column_twice_rejects_the_file() -> None:
    decoded = _users(f"{SMALL},credits_used\n{_row()},7\n")
    assert (decoded.rows, _told(decoded)) == ([], [("header", 0, "")])


def test_header_without_any_measure_rejects_the_file() -> None:
    decoded = _users(f"Date,UserId,Client_Type\n2026-07-10,{USER},PLUGIN\n")
    assert (decoded.rows, _told(decoded)) == ([], [("header", 0, "")])


def test_file_without_a_header_is_rejected() -> None:
    decoded = _users(f"{_row()}\n{_row()}\n")
    assert (decoded.rows, _told(decoded)) == ([], [("header", 0, "")])


def test_repeated_header_of_joined_parts_is_no_row() -> None:
    decoded = _users(f"{SMALL}\n{_row()}\n{SMALL}\n{_row(userid=OTHER)}\n")
    assert ([row.userid for row in decoded.rows], decoded.rejections) == ([USER, OTHER], ())


@pytest.mark.parametrize("text", ["", "\n", "\r\n\r\n", "\ufeff", '""', '"\n"\n', f"{SMALL}\n", SMALL])
def test_empty_file_and_header_alone_hold_nothing_and_are_no_fault(text: str) -> None:
    assert _users(text) == Decoded([], (), frozenset())


# Encoding, line ends, quotes.


def test_byte_order_mark() -> None:
    (row,) = _users(f"\ufeff{SMALL}\n{_row()}\n").rows
    assert row.day == "2026-07-10"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n"])
def test_line_ends(end: str) -> None:
    decoded = _users(end.join((SMALL, _row(messages="4"), "", _row(userid=OTHER, messages="5"), "")))
    assert [(row.userid, row.total_messages) for row in decoded.rows] == [(USER, 4), (OTHER, 5)]
    assert decoded.rejections == ()


def test_last_line_without_an_end() -> None:
    assert len(_users(f"{SMALL}\n{_row()}").rows) == 1


def test_stray_carriage_return_within_a_cell() -> None:
    assert _one(userid=f"{USER}\r").userid == USER


def test_quoted_cell_with_commas_quotes_and_newlines() -> None:
    decoded = _users(f'{SMALL},User_Email\n{_row()},"a, ""b""\n@example.com"\n{_row(userid=OTHER)},c\n')
    assert [(row.line, row.user_email) for row in decoded.rows] == [(2, 'a, "b"@example.com'), (4, "c")]


def test_file_of_utf_16_is_rejected() -> None:
    decoded = _users(f"{SMALL}\n{_row()}\n".encode("utf-16"))
    assert (decoded.rows, _told(decoded)) == ([], [("encoding", 0, "")])


def test_file_with_nul_bytes_is_rejected() -> None:
    decoded = _users(f"{SMALL}\n{_row()}\n\0\n")
    assert (decoded.rows, _told(decoded)) == ([], [("encoding", 0, "")])


def test_line_that_is_not_utf_8_costs_only_that_line() -> None:
    decoded = _users(f"{SMALL},User_Email\n{_row()},a\n{_row()},".encode() + b"M\xfcller\n" + f"{_row(userid=OTHER)},Müller\n".encode())
    assert [(row.line, row.user_email) for row in decoded.rows] == [(2, "a"), (4, "Müller")]
    assert _told(decoded) == [("encoding", 3, "")]


def test_header_that_is_not_utf_8_rejects_the_file() -> None:
    decoded = _users(SMALL.encode() + b",\xfc\n" + f"{_row()},1\n".encode())
    assert (decoded.rows, _told(decoded)) == ([], [("encoding", 0, "")])


def test_quote_that_is_never_closed_costs_only_its_line() -> None:
    rows = [_row(userid=f'"{USER}"', messages=str(number)) for number in range(50)]
    rows[20] = rows[20].replace(f'{USER}"', USER)
    decoded = _users("\n".join((SMALL, *rows)))
    assert [row.total_messages for row in decoded.rows] == [number for number in range(50) if number != 20]
    assert _told(decoded) == [("cells", 22, "")]


def test_quotes_that_never_end_are_read_in_linear_time() -> None:
    # Each of these lines opens a quote, alone and after the ones before it, that nothing closes: to start anew at every line would take hours.
    decoded = _users(f"{SMALL}\n" + 'x","\n' * 100_000)
    assert decoded.rows == []


# Rows and keys.


@pytest.mark.parametrize(("row", "cells"), [(_row() + ",9", 6), ("2026-07-10,u", 2)])
def test_row_with_another_number_of_cells_is_rejected(row: str, cells: int) -> None:
    decoded = _users(f"{SMALL}\n{_row()}\n{row}\n{_row(userid=OTHER)}\n")
    assert ([found.line for found in decoded.rows], _told(decoded)) == ([2, 4], [("cells", 3, "")])
    assert decoded.rejections[0].detail == f"{cells} cells where the header has 5"


@pytest.mark.parametrize("spelled", ["2026-07-10", "07-10-2026", " 2026-07-10 ", '"07-10-2026"', "'2026-07-10'"])
def test_both_formats_of_a_date(spelled: str) -> None:
    assert _one(date=spelled).day == "2026-07-10"


@pytest.mark.parametrize(
    "spelled", ["", "None", "2026-02-30", "13-45-2026", "2026/07/10", "20260710", "2026-W28-5", "07-10-26", "\u0662\u0660\u0662\u0666-07-10", "0000-01-01"]
)
def test_date_that_is_none_rejects_the_row(spelled: str) -> None:
    decoded = _users(f"{SMALL}\n{_row(date=spelled)}\n{_row(userid=OTHER)}\n")
    assert ([row.userid for row in decoded.rows], _told(decoded)) == ([OTHER], [("date", 2, "Date")])


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (f'"{USER}"', USER),
        (f'"""{USER}"""', USER),
        (f'""{USER}""', USER),
        (f"'{USER}'", USER),
        (f" {USER} ", USER),
        (f'"{USER}\n"', USER),
        (f"{USER[:9]}\x07{USER[9:]}\x1b", USER),
        (f"d-9067c12345.{USER}", f"d-9067c12345.{USER}"),
        (f"9067c12345-{USER}", f"9067c12345-{USER}"),
        ("o'brien", "o'brien"),
    ],
)
def test_user_id_loses_quotes_space_and_control_characters_but_no_prefix(cell: str, expected: str) -> None:
    assert _one(userid=cell).userid == expected


@pytest.mark.parametrize("cell", ["", '""', " ", "None", "x" * 257, f'"{USER}\n{OTHER}"'])
def test_user_id_that_is_none_rejects_the_row(cell: str) -> None:
    decoded = _users(f"{SMALL}\n{_row(userid=cell)}\n{_row(userid=OTHER)}\n")
    assert ([row.userid for row in decoded.rows], _told(decoded)) == ([OTHER], [("user", 2, "UserId")])


def test_rejected_user_id_is_not_told() -> None:
    decoded = _users(f"{SMALL}\n{_row(userid=f'{USER}' * 9)}\n")
    assert USER not in decoded.rejections[0].detail


@pytest.mark.parametrize(("cell", "expected"), [("KIRO_IDE", "KIRO_IDE"), (" kiro_cli ", "KIRO_CLI"), ('"PLUGIN"', "PLUGIN"), ("KIRO_WEB", "KIRO_WEB")])
def test_client_type_in_upper_case_also_a_new_one(cell: str, expected: str) -> None:
    assert _one(client=cell).client_type == expected


@pytest.mark.parametrize("cell", ["", "None", "12.5", "a b", "x" * 65])
def test_client_type_that_is_none_rejects_the_row(cell: str) -> None:
    decoded = _users(f"{SMALL}\n{_row(client=cell)}\n{_row(userid=OTHER)}\n")
    assert ([row.userid for row in decoded.rows], _told(decoded)) == ([OTHER], [("client", 2, "Client_Type")])


def test_repeated_rows_of_one_person_and_client_are_kept_for_the_statement_to_choose() -> None:
    assert [row.line for row in _users(f"{SMALL}\n{_row()}\n{_row()}\n").rows] == [2, 3]


# Values.


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("114.45787414391377", "114.45787414391377"),
        ("0", "0"),
        ("0.0", "0.0"),
        ("-0.0", "0"),
        ("2500.0", "2500.0"),
        (" 1.5 ", "1.5"),
        ("+1.5", "1.5"),
        ("+999999999999999.123456789012345678", "999999999999999.123456789012345678"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1.25E-4", "0.000125"),
        ("5e2", "500"),
        ("1e-400", "0"),
        ("0e999999999", "0"),
        ("1e15", "1000000000000000"),
        ("0." + "1" * 60, "0." + "1" * 18),
        ("0.1234567890123456785", "0.123456789012345679"),
        ("", None),
        ("None", None),
        (" none ", None),
    ],
)
def test_credits(cell: str, expected: str | None) -> None:
    assert _one(credits=cell).credits_used == expected


@pytest.mark.parametrize(
    "cell",
    [
        "inf",
        "-inf",
        "Infinity",
        "nan",
        "NaN",
        "sNaN",
        "1e400",
        "1e999999999",
        "1e99999999999",
        "-1",
        "-0.01",
        "1,5",
        "1_000",
        "\u0663",
        "abc",
        "0x10",
        "1000000000000001",
    ],
)
def test_credits_that_are_no_number_cost_only_that_value(cell: str) -> None:
    decoded = _users(f"{SMALL}\n{_row(credits=f'{chr(34)}{cell}{chr(34)}')}\n")
    assert [(row.credits_used, row.total_messages) for row in decoded.rows] == [(None, 3)]
    assert _told(decoded) == [("number", 2, "Credits_Used")]


@pytest.mark.parametrize(
    ("cell", "expected"), [("131", 131), ("5.0", 5), ("5e1", 50), ("0", 0), ("-0", 0), ("007", 7), ("1e15", 10**15), ("", None), ("None", None)]
)
def test_counts(cell: str, expected: int | None) -> None:
    assert _one(messages=cell).total_messages == expected


@pytest.mark.parametrize("cell", ["5.5", "-3", "nan", "1e400", "many", "\u0663", "9" * 5000])
def test_count_that_is_none_costs_only_that_value(cell: str) -> None:
    decoded = _users(f"{SMALL}\n{_row(messages=cell)}\n")
    assert [(row.credits_used, row.total_messages) for row in decoded.rows] == [("1.5", None)]
    assert _told(decoded) == [("number", 2, "Total_Messages")]


def test_truncated_row_of_none_is_kept_without_values() -> None:
    header = f"{SMALL},Overage_Enabled,ProfileId,User_Email,auto_messages"
    decoded = _users(f"{header}\n2026-07-10,{USER},PLUGIN,None,None,None,None,None,None\n")
    (row,) = decoded.rows
    assert (row.credits_used, row.total_messages, row.overage_enabled, row.profileid, row.user_email, row.models) == (None, None, None, None, None, {})
    assert decoded.rejections == ()


@pytest.mark.parametrize(
    ("cell", "expected"), [("true", True), ("false", False), ("True", True), (" FALSE ", False), ('"true"', True), ("", None), ("None", None)]
)
def test_flags(cell: str, expected: bool | None) -> None:
    (row,) = _users(f"{SMALL},Overage_Enabled\n{_row()},{cell}\n").rows
    assert row.overage_enabled is expected


def test_flag_that_is_none_costs_only_that_value() -> None:
    decoded = _users(f"{SMALL},New_User\n{_row()},maybe\n")
    assert [(row.new_user, row.credits_used) for row in decoded.rows] == [(None, "1.5")]
    assert _told(decoded) == [("boolean", 2, "New_User")]


def test_several_bad_values_of_a_row_are_all_told() -> None:
    decoded = _users(f"{SMALL},New_User,auto_messages\n{_row(credits='x', messages='x')},x,x\n")
    assert _told(decoded) == [("number", 2, "Credits_Used"), ("number", 2, "Total_Messages"), ("boolean", 2, "New_User"), ("number", 2, "auto_messages")]


def test_bad_value_of_a_rejected_row_is_not_told_as_well() -> None:
    assert _told(_users(f"{SMALL}\n{_row(date='x', credits='x')}\n")) == [("date", 2, "Date")]


@pytest.mark.parametrize("spelled", ["PRO_PLUS", "PROPLUS", "ProPlus", "KiroEnterprise-ProPlus", "FREE"])
def test_tier_is_kept_as_spelled(spelled: str) -> None:
    (row,) = _users(f"{SMALL},Subscription_Tier\n{_row()}, {spelled} \n").rows
    assert row.subscription_tier == spelled


# The legacy report.

REAL_HEADER = "UserId,Date," + ",".join(COUNTERS)


def _analytic(counters: Mapping[str, str], user: str = USER, day: str = "07-10-2026") -> str:
    return ",".join((f'"{user}"', day, *(counters.get(name, "0") for name in COUNTERS)))


def test_there_are_44_counters() -> None:
    assert (len(COUNTERS), len(set(COUNTERS))) == (44, 44)


def test_every_counter_is_read_from_its_own_column() -> None:
    values = {name: str(at) for at, name in enumerate(COUNTERS, start=1)}
    (row,) = _analytics(f"{REAL_HEADER}\n{_analytic(values)}\n").rows
    assert row == AnalyticRow(
        path=_report().object.key,
        account="369434902231",
        region="us-east-1",
        exported="2026-07-10T00:00:00.000000Z",
        modified="2026-07-11T02:00:07.000000Z",
        line=2,
        day="2026-07-10",
        userid=USER,
        counters={name.lower(): at for at, name in enumerate(COUNTERS, start=1)},
    )


def test_zero_counters_are_left_out() -> None:
    (row,) = _analytics(f"{REAL_HEADER}\n{_analytic({'Chat_MessagesSent': '0.0', 'Inline_AcceptanceCount': '2'})}\n").rows
    assert row.counters == {"inline_acceptancecount": 2}


def test_person_who_did_nothing_that_is_counted_stands_in_the_report() -> None:
    (row,) = _analytics(f"{REAL_HEADER}\n{_analytic({})}\n").rows
    assert (row.userid, row.counters) == (USER, {})


@pytest.mark.parametrize("day", ["07-10-2026", "2026-07-10"])
def test_legacy_report_has_either_format_of_a_date(day: str) -> None:
    (row,) = _analytics(f"{REAL_HEADER}\n{_analytic({}, day=day)}\n").rows
    assert row.day == "2026-07-10"


def test_inline_chat_total_under_its_documented_name() -> None:
    decoded = _analytics(f"UserId,Date,InlineChat_EventCount\n{USER},07-10-2026,4\n")
    assert ([row.counters for row in decoded.rows], decoded.unknown_columns) == ([{"inlinechat_totaleventcount": 4}], frozenset())


@pytest.mark.parametrize("names", ["InlineChat_EventCount,InlineChat_TotalEventCount", "InlineChat_TotalEventCount,InlineChat_EventCount"])
def test_inline_chat_total_under_both_names_is_the_real_one(names: str) -> None:
    cells = ",".join("5" if name == "InlineChat_TotalEventCount" else "4" for name in names.split(","))
    decoded = _analytics(f"UserId,Date,{names}\n{USER},07-10-2026,{cells}\n")
    assert ([row.counters for row in decoded.rows], list(decoded.unknown_columns)) == ([{"inlinechat_totaleventcount": 5}], ["inlinechat_eventcount"])


def test_bad_counter_costs_only_that_value() -> None:
    decoded = _analytics(f"{REAL_HEADER}\n{_analytic({'Dev_AcceptedLines': '1.5', 'Dev_GeneratedLines': '9'})}\n")
    assert ([row.counters for row in decoded.rows], _told(decoded)) == ([{"dev_generatedlines": 9}], [("number", 2, "Dev_AcceptedLines")])


def test_legacy_report_has_no_models() -> None:
    decoded = _analytics(f"UserId,Date,Chat_MessagesSent,auto_messages\n{USER},07-10-2026,1,2\n")
    assert ([row.counters for row in decoded.rows], list(decoded.unknown_columns)) == ([{"chat_messagessent": 1}], ["auto_messages"])


def test_user_report_in_the_place_of_the_legacy_report_is_rejected() -> None:
    decoded = _analytics(f"{SMALL}\n{_row()}\n")
    assert (decoded.rows, _told(decoded)) == ([], [("header", 0, "")])


# Bounds.


def test_line_that_is_too_long_costs_only_that_line() -> None:
    decoded = _users(f"{SMALL}\n{_row()}\n{_row(userid='x' * csv_records.MAX_LINE_LENGTH)}\n{_row(userid=OTHER)}\n")
    assert ([row.line for row in decoded.rows], _told(decoded)) == ([2, 4], [("size", 3, "")])


def test_cell_that_is_too_long_costs_only_its_line() -> None:
    decoded = _users(f"{SMALL}\n{_row()}\n{_row(userid='x' * 200_000)}\n{_row(userid=OTHER)}\n")
    assert ([row.line for row in decoded.rows], _told(decoded)) == ([2, 4], [("size", 3, "")])


def test_header_with_too_many_columns_rejects_the_file() -> None:
    decoded = _users(",".join(f"c{number}" for number in range(csv_records.MAX_COLUMNS + 1)))
    assert _told(decoded) == [("size", 0, "")]


def test_file_that_is_too_large_is_rejected() -> None:
    decoded = _users(b"\n" * (csv_records.MAX_BYTES + 1))
    assert _told(decoded) == [("size", 0, "")]


def test_rejections_beyond_the_limit_are_told_as_a_number() -> None:
    decoded = _users(f"{SMALL}\n" + "x\n" * (csv_records.MAX_REJECTIONS + 5) + f"{_row()}\n")
    assert len(decoded.rows) == 1
    assert len(decoded.rejections) == csv_records.MAX_REJECTIONS + 1
    assert decoded.rejections[-1].detail.startswith("5 more rejections")


def test_detail_of_a_rejection_is_escaped_and_cut() -> None:
    decoded = _users(f"{SMALL}\n{_row(credits=chr(27) + '[31m' + 'y' * 500)}\n")
    detail = decoded.rejections[0].detail
    assert detail.isprintable()
    assert len(detail) == 80
    assert "\\x1b[31m" in detail


def test_rows_are_json_lines_that_keep_every_name() -> None:
    (row,) = _users(f"{SMALL}\n{_row()}\n").rows
    encoded = msgspec.json.decode(msgspec.json.encode(row))
    assert list(encoded) == [
        *("path", "account", "region", "exported", "modified", "line", "day", "userid", "client_type", "chat_conversations", "credits_used", "overage_cap"),
        *("overage_credits_used", "overage_enabled", "profileid", "subscription_tier", "total_messages", "new_user", "user_email", "usage_limit", "models"),
    ]


# Whatever a file holds.

_PIECES = st.sampled_from([*"\",\n\r\t'", "\r\n", "\ufeff", "2026-07-10", "None", "KIRO_IDE", USER, "1", "1e400", "-1", "nan", "é", "\x1b", SMALL, "\n\n"])
_BODIES = st.one_of(st.binary(), st.lists(_PIECES).map(lambda pieces: "".join(pieces).encode()), st.text().map(lambda text: text.encode("utf-8", "replace")))


@settings(max_examples=400, deadline=None)
@given(body=_BODIES, header=st.sampled_from(["", f"{SMALL}\n", f"{REAL_HEADER}\n"]))
@example(body=b'"', header=f"{SMALL}\n")
@example(body=b'"\n"\n,"', header=f"{SMALL}\n")
def test_no_content_raises(body: bytes, header: str) -> None:
    for decoded in (_users(header.encode() + body), _analytics(header.encode() + body)):
        assert {rejection.reason for rejection in decoded.rejections} <= REASONS.keys()
        assert all(rejection.detail.isprintable() and len(rejection.detail) <= 80 for rejection in decoded.rejections)
        msgspec.json.encode(decoded.rows)


def _cleaned(text: str) -> str | None:
    """What is left of free text, by another way than the decoder's."""
    kept = "".join(character for character in text if not (ord(character) < 32 or 127 <= ord(character) < 160 or character in "\u200b\u2028\u2029\ufeff"))
    return None if kept.strip().lower() in ("", "none") else kept.strip()


@settings(max_examples=200, deadline=None)
@given(emails=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=1, max_size=5), end=st.sampled_from(["\n", "\r\n"]))
def test_free_text_goes_through_whatever_it_holds(emails: list[str], end: str) -> None:
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(["Date", "UserId", "Client_Type", "User_Email"])
    writer.writerows(["2026-07-10", USER, "PLUGIN", email] for email in emails)
    decoded = _users(file.getvalue())
    assert [row.user_email for row in decoded.rows] == [_cleaned(email) for email in emails]


@settings(max_examples=200, deadline=None)
@given(credits=st.lists(st.floats(min_value=0, max_value=1e15, allow_nan=False), min_size=1))
def test_credits_keep_their_value_whatever_their_notation(credits: list[float]) -> None:
    decoded = _users("\n".join((SMALL, *(_row(credits=repr(value)) for value in credits))))
    assert decoded.rejections == ()
    for row, value in zip(decoded.rows, credits, strict=True):
        assert row.credits_used is not None
        assert "e" not in row.credits_used.lower()
        assert abs(Decimal(row.credits_used) - Decimal(repr(value))) <= Decimal("5e-19")


@settings(max_examples=200, deadline=None)
@given(data=st.data(), line=st.integers(0, 19))
def test_a_stray_quote_costs_no_other_line(data: st.DataObject, line: int) -> None:
    rows = [f'2026-07-10,"{USER}",KIRO_CLI,8,"{PROFILE}",PRO_MAX,{number},"dev@example.com"' for number in range(20)]
    at = data.draw(st.integers(0, len(rows[line])))
    rows[line] = f'{rows[line][:at]}"{rows[line][at:]}'
    decoded = _users("\n".join(("Date,UserId,Client_Type,Chat_Conversations,ProfileId,Subscription_Tier,Total_Messages,User_Email", *rows)))
    whole = {row.line: row.total_messages for row in decoded.rows if row.line != line + 2}
    assert whole == {number + 2: number for number in range(20) if number != line}
