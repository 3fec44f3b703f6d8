"""Kiro's CSV reports as files: the real rows, columns that come and go, encodings, and bounds."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import msgspec
import pytest
from kiro_csv_rig import OTHER, PROFILE, SMALL, STATIC, USER, line_of, one_row, report, told, users

from exporter.objects import StoredObject
from exporter.sources import csv_records
from exporter.sources.kiro_csv import Decoded, UserReportRow, decode_user_report

# The real rows of 2026-07-10, each in the file of its client.


def test_real_row_of_the_command_line() -> None:
    (row,) = users(
        f"{STATIC},claude_haiku_4.5_messages,claude_opus_4.8_messages\n"
        f'2026-07-10,"{USER}",KIRO_CLI,8,114.45787414391377,2500.0,0.0,false,"{PROFILE}",PRO_MAX,131,false,"dev@example.com",8,123\n'
    ).rows
    assert row == UserReportRow(
        path=report().object.key,
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
    (row,) = users(
        f'{STATIC},auto_messages\n2026-07-10,"{USER}",KIRO_IDE,2,0.7132330391376451,2500.0,0.0,false,"{PROFILE}",PRO_MAX,4,false,"dev@example.com",4\n'
    ).rows
    assert (row.client_type, row.chat_conversations, row.credits_used, row.total_messages, row.models) == ("KIRO_IDE", 2, "0.7132330391376451", 4, {"auto": 4})


def test_times_are_told_in_utc() -> None:
    stored = StoredObject("x.csv", 1, "etag", datetime(2026, 7, 11, 4, 0, 7, 250, tzinfo=timezone(timedelta(hours=2))))
    (row,) = decode_user_report(f"{SMALL}\n{line_of()}\n".encode(), replace(report(), object=stored)).rows
    assert row.modified == "2026-07-11T02:00:07.000250Z"


# Columns that come, go and move.


def test_header_of_eleven_columns_before_march_2026() -> None:
    header = STATIC.removesuffix(",New_User,User_Email")
    (row,) = users(f'{header}\n2026-02-20,"{USER}",PLUGIN,1,2.5,1000.0,0.0,false,"{PROFILE}",PRO,7\n').rows
    assert (row.total_messages, row.new_user, row.user_email, row.usage_limit, row.models) == (7, None, None, None, {})


def test_header_of_september_2026_with_usage_limit() -> None:
    (row,) = users(
        f"{STATIC},Usage_Limit,auto_messages,claude_haiku_4.5_messages\n"
        f'2026-09-03,"{USER}",KIRO_IDE,1,2.5,1000.0,0.0,true,"{PROFILE}",PRO_PLUS,7,true,"a@example.com",2000,3,4\n'
    ).rows
    assert (row.usage_limit, row.overage_enabled, row.new_user, row.models) == ("2000", True, True, {"auto": 3, "claude_haiku_4.5": 4})


def test_columns_in_another_order() -> None:
    header = (
        "Date,UserId,Client_Type,Subscription_Tier,ProfileId,Total_Messages,Chat_Conversations,Credits_Used,Overage_Enabled,Overage_Cap,Overage_Credits_Used"
    )
    (row,) = users(f"{header}\n2026-04-02,{USER},KIRO_IDE,POWER,{PROFILE},9,2,3.25,true,10000.0,0.75\n").rows
    assert (row.subscription_tier, row.total_messages, row.chat_conversations) == ("POWER", 9, 2)
    assert (row.credits_used, row.overage_enabled, row.overage_cap, row.overage_credits_used) == ("3.25", True, "10000.0", "0.75")


def test_header_names_in_any_case_and_with_spaces_and_quotes() -> None:
    (row,) = users(f'"date", USERID ,client_TYPE,"Credits_Used"\n2026-07-10,{USER},PLUGIN,4\n').rows
    assert (row.userid, row.credits_used) == (USER, "4")


def test_model_columns_are_those_that_end_in_messages_but_the_totals() -> None:
    decoded = users(f"{SMALL},auto_messages,gpt_5.6_luna_messages,Brand_New_Model_messages,Chat_Messages\n{line_of()},1,0,2,3\n")
    assert decoded.rows[0].models == {"auto": 1, "brand_new_model": 2}
    assert list(decoded.unknown_columns) == ["chat_messages"]


def test_unknown_columns_are_named_and_escaped() -> None:
    decoded = users(f"{SMALL},Region_Name,\x1b[31mred,_messages\n{line_of()},x,y,1\n")
    assert decoded.unknown_columns == {"region_name", "[31mred", "_messages"}
    assert len(decoded.rows) == 1


def test_column_without_a_name_is_no_column() -> None:
    decoded = users(f"{SMALL},,\n{line_of()},,\n")
    assert (len(decoded.rows), decoded.rejections, decoded.unknown_columns) == (1, (), frozenset())


@pytest.mark.parametrize("missing", ["Date", "UserId", "Client_Type"])
def test_header_without_a_key_column_rejects_the_file(missing: str) -> None:
    decoded = users(f"{SMALL.replace(missing, 'Else')}\n{line_of()}\n")
    assert (decoded.rows, told(decoded)) == ([], [("header", 0, "")])
    assert missing.lower() in decoded.rejections[0].detail


def test_header_with_a_column_twice_rejects_the_file() -> None:
    decoded = users(f"{SMALL},credits_used\n{line_of()},7\n")
    assert (decoded.rows, told(decoded)) == ([], [("header", 0, "")])


def test_header_without_any_measure_rejects_the_file() -> None:
    decoded = users(f"Date,UserId,Client_Type\n2026-07-10,{USER},PLUGIN\n")
    assert (decoded.rows, told(decoded)) == ([], [("header", 0, "")])


def test_file_without_a_header_is_rejected() -> None:
    decoded = users(f"{line_of()}\n{line_of()}\n")
    assert (decoded.rows, told(decoded)) == ([], [("header", 0, "")])


def test_repeated_header_of_joined_parts_is_no_row() -> None:
    decoded = users(f"{SMALL}\n{line_of()}\n{SMALL}\n{line_of(userid=OTHER)}\n")
    assert ([row.userid for row in decoded.rows], decoded.rejections) == ([USER, OTHER], ())


@pytest.mark.parametrize("text", ["", "\n", "\r\n\r\n", "\ufeff", '""', '"\n"\n', f"{SMALL}\n", SMALL])
def test_empty_file_and_header_alone_hold_nothing_and_are_no_fault(text: str) -> None:
    assert users(text) == Decoded([], (), frozenset())


# Encoding, line ends, quotes.


def test_byte_order_mark() -> None:
    (row,) = users(f"\ufeff{SMALL}\n{line_of()}\n").rows
    assert row.day == "2026-07-10"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n"])
def test_line_ends(end: str) -> None:
    decoded = users(end.join((SMALL, line_of(messages="4"), "", line_of(userid=OTHER, messages="5"), "")))
    assert [(row.userid, row.total_messages) for row in decoded.rows] == [(USER, 4), (OTHER, 5)]
    assert decoded.rejections == ()


def test_last_line_without_an_end() -> None:
    assert len(users(f"{SMALL}\n{line_of()}").rows) == 1


def test_stray_carriage_return_within_a_cell() -> None:
    assert one_row(userid=f"{USER}\r").userid == USER


def test_quoted_cell_with_commas_quotes_and_newlines() -> None:
    decoded = users(f'{SMALL},User_Email\n{line_of()},"a, ""b""\n@example.com"\n{line_of(userid=OTHER)},c\n')
    assert [(row.line, row.user_email) for row in decoded.rows] == [(2, 'a, "b"@example.com'), (4, "c")]


def test_file_of_utf_16_is_rejected() -> None:
    decoded = users(f"{SMALL}\n{line_of()}\n".encode("utf-16"))
    assert (decoded.rows, told(decoded)) == ([], [("encoding", 0, "")])


def test_file_with_nul_bytes_is_rejected() -> None:
    decoded = users(f"{SMALL}\n{line_of()}\n\0\n")
    assert (decoded.rows, told(decoded)) == ([], [("encoding", 0, "")])


def test_line_that_is_not_utf_8_costs_only_that_line() -> None:
    decoded = users(f"{SMALL},User_Email\n{line_of()},a\n{line_of()},".encode() + b"M\xfcller\n" + f"{line_of(userid=OTHER)},Müller\n".encode())
    assert [(row.line, row.user_email) for row in decoded.rows] == [(2, "a"), (4, "Müller")]
    assert told(decoded) == [("encoding", 3, "")]


def test_header_that_is_not_utf_8_rejects_the_file() -> None:
    decoded = users(SMALL.encode() + b",\xfc\n" + f"{line_of()},1\n".encode())
    assert (decoded.rows, told(decoded)) == ([], [("encoding", 0, "")])


def test_quote_that_is_never_closed_costs_only_its_line() -> None:
    rows = [line_of(userid=f'"{USER}"', messages=str(number)) for number in range(50)]
    rows[20] = rows[20].replace(f'{USER}"', USER)
    decoded = users("\n".join((SMALL, *rows)))
    assert [row.total_messages for row in decoded.rows] == [number for number in range(50) if number != 20]
    assert told(decoded) == [("cells", 22, "")]


def test_quotes_that_never_end_are_read_in_linear_time() -> None:
    # Each of these lines opens a quote, alone and after the ones before it, that nothing closes: to start anew at every line would take hours.
    decoded = users(f"{SMALL}\n" + 'x","\n' * 100_000)
    assert decoded.rows == []


# Bounds.


def test_line_that_is_too_long_costs_only_that_line() -> None:
    decoded = users(f"{SMALL}\n{line_of()}\n{line_of(userid='x' * csv_records.MAX_LINE_LENGTH)}\n{line_of(userid=OTHER)}\n")
    assert ([row.line for row in decoded.rows], told(decoded)) == ([2, 4], [("size", 3, "")])


def test_cell_that_is_too_long_costs_only_its_line() -> None:
    decoded = users(f"{SMALL}\n{line_of()}\n{line_of(userid='x' * 200_000)}\n{line_of(userid=OTHER)}\n")
    assert ([row.line for row in decoded.rows], told(decoded)) == ([2, 4], [("size", 3, "")])


def test_header_with_too_many_columns_rejects_the_file() -> None:
    decoded = users(",".join(f"c{number}" for number in range(csv_records.MAX_COLUMNS + 1)))
    assert told(decoded) == [("size", 0, "")]


def test_file_that_is_too_large_is_rejected() -> None:
    decoded = users(b"\n" * (csv_records.MAX_BYTES + 1))
    assert told(decoded) == [("size", 0, "")]


def test_rejections_beyond_the_limit_are_told_as_a_number() -> None:
    decoded = users(f"{SMALL}\n" + "x\n" * (csv_records.MAX_REJECTIONS + 5) + f"{line_of()}\n")
    assert len(decoded.rows) == 1
    assert len(decoded.rejections) == csv_records.MAX_REJECTIONS + 1
    assert decoded.rejections[-1].detail.startswith("5 more rejections")


def test_detail_of_a_rejection_is_escaped_and_cut() -> None:
    decoded = users(f"{SMALL}\n{line_of(credits=chr(27) + '[31m' + 'y' * 500)}\n")
    detail = decoded.rejections[0].detail
    assert detail.isprintable()
    assert len(detail) == 80
    assert "\\x1b[31m" in detail


def test_rows_are_json_lines_that_keep_every_name() -> None:
    (row,) = users(f"{SMALL}\n{line_of()}\n").rows
    encoded = msgspec.json.decode(msgspec.json.encode(row))
    assert list(encoded) == [
        *("path", "account", "region", "exported", "modified", "line", "day", "userid", "client_type", "chat_conversations", "credits_used", "overage_cap"),
        *("overage_credits_used", "overage_enabled", "profileid", "subscription_tier", "total_messages", "new_user", "user_email", "usage_limit", "models"),
    ]
