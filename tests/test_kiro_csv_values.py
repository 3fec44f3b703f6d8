"""The rows, keys and values of Kiro's user report, and what a bad one costs."""

from __future__ import annotations

import pytest
from kiro_csv_rig import OTHER, SMALL, USER, line_of, one_row, told, users

# Rows and keys.


@pytest.mark.parametrize(("row", "cells"), [(line_of() + ",9", 6), ("2026-07-10,u", 2)])
def test_row_with_another_number_of_cells_is_rejected(row: str, cells: int) -> None:
    decoded = users(f"{SMALL}\n{line_of()}\n{row}\n{line_of(userid=OTHER)}\n")
    assert ([found.line for found in decoded.rows], told(decoded)) == ([2, 4], [("cells", 3, "")])
    assert decoded.rejections[0].detail == f"{cells} cells where the header has 5"


@pytest.mark.parametrize("spelled", ["2026-07-10", "07-10-2026", " 2026-07-10 ", '"07-10-2026"', "'2026-07-10'"])
def test_both_formats_of_a_date(spelled: str) -> None:
    assert one_row(date=spelled).day == "2026-07-10"


@pytest.mark.parametrize(
    "spelled", ["", "None", "2026-02-30", "13-45-2026", "2026/07/10", "20260710", "2026-W28-5", "07-10-26", "\u0662\u0660\u0662\u0666-07-10", "0000-01-01"]
)
def test_date_that_is_none_rejects_the_row(spelled: str) -> None:
    decoded = users(f"{SMALL}\n{line_of(date=spelled)}\n{line_of(userid=OTHER)}\n")
    assert ([row.userid for row in decoded.rows], told(decoded)) == ([OTHER], [("date", 2, "Date")])


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
    assert one_row(userid=cell).userid == expected


@pytest.mark.parametrize("cell", ["", '""', " ", "None", "x" * 257, f'"{USER}\n{OTHER}"'])
def test_user_id_that_is_none_rejects_the_row(cell: str) -> None:
    decoded = users(f"{SMALL}\n{line_of(userid=cell)}\n{line_of(userid=OTHER)}\n")
    assert ([row.userid for row in decoded.rows], told(decoded)) == ([OTHER], [("user", 2, "UserId")])


def test_rejected_user_id_is_not_told() -> None:
    decoded = users(f"{SMALL}\n{line_of(userid=f'{USER}' * 9)}\n")
    assert USER not in decoded.rejections[0].detail


@pytest.mark.parametrize(("cell", "expected"), [("KIRO_IDE", "KIRO_IDE"), (" kiro_cli ", "KIRO_CLI"), ('"PLUGIN"', "PLUGIN"), ("KIRO_WEB", "KIRO_WEB")])
def test_client_type_in_upper_case_also_a_new_one(cell: str, expected: str) -> None:
    assert one_row(client=cell).client_type == expected


@pytest.mark.parametrize("cell", ["", "None", "12.5", "a b", "x" * 65])
def test_client_type_that_is_none_rejects_the_row(cell: str) -> None:
    decoded = users(f"{SMALL}\n{line_of(client=cell)}\n{line_of(userid=OTHER)}\n")
    assert ([row.userid for row in decoded.rows], told(decoded)) == ([OTHER], [("client", 2, "Client_Type")])


def test_repeated_rows_of_one_person_and_client_are_kept_for_the_statement_to_choose() -> None:
    assert [row.line for row in users(f"{SMALL}\n{line_of()}\n{line_of()}\n").rows] == [2, 3]


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
    assert one_row(credits=cell).credits_used == expected


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
    decoded = users(f"{SMALL}\n{line_of(credits=f'{chr(34)}{cell}{chr(34)}')}\n")
    assert [(row.credits_used, row.total_messages) for row in decoded.rows] == [(None, 3)]
    assert told(decoded) == [("number", 2, "Credits_Used")]


@pytest.mark.parametrize(
    ("cell", "expected"), [("131", 131), ("5.0", 5), ("5e1", 50), ("0", 0), ("-0", 0), ("007", 7), ("1e15", 10**15), ("", None), ("None", None)]
)
def test_counts(cell: str, expected: int | None) -> None:
    assert one_row(messages=cell).total_messages == expected


@pytest.mark.parametrize("cell", ["5.5", "-3", "nan", "1e400", "many", "\u0663", "9" * 5000])
def test_count_that_is_none_costs_only_that_value(cell: str) -> None:
    decoded = users(f"{SMALL}\n{line_of(messages=cell)}\n")
    assert [(row.credits_used, row.total_messages) for row in decoded.rows] == [("1.5", None)]
    assert told(decoded) == [("number", 2, "Total_Messages")]


def test_truncated_row_of_none_is_kept_without_values() -> None:
    header = f"{SMALL},Overage_Enabled,ProfileId,User_Email,auto_messages"
    decoded = users(f"{header}\n2026-07-10,{USER},PLUGIN,None,None,None,None,None,None\n")
    (row,) = decoded.rows
    assert (row.credits_used, row.total_messages, row.overage_enabled, row.profileid, row.user_email, row.models) == (None, None, None, None, None, {})
    assert decoded.rejections == ()


@pytest.mark.parametrize(
    ("cell", "expected"), [("true", True), ("false", False), ("True", True), (" FALSE ", False), ('"true"', True), ("", None), ("None", None)]
)
def test_flags(cell: str, expected: bool | None) -> None:
    (row,) = users(f"{SMALL},Overage_Enabled\n{line_of()},{cell}\n").rows
    assert row.overage_enabled is expected


def test_flag_that_is_none_costs_only_that_value() -> None:
    decoded = users(f"{SMALL},New_User\n{line_of()},maybe\n")
    assert [(row.new_user, row.credits_used) for row in decoded.rows] == [(None, "1.5")]
    assert told(decoded) == [("boolean", 2, "New_User")]


def test_several_bad_values_of_a_row_are_all_told() -> None:
    decoded = users(f"{SMALL},New_User,auto_messages\n{line_of(credits='x', messages='x')},x,x\n")
    assert told(decoded) == [("number", 2, "Credits_Used"), ("number", 2, "Total_Messages"), ("boolean", 2, "New_User"), ("number", 2, "auto_messages")]


def test_bad_value_of_a_rejected_row_is_not_told_as_well() -> None:
    assert told(users(f"{SMALL}\n{line_of(date='x', credits='x')}\n")) == [("date", 2, "Date")]


@pytest.mark.parametrize("spelled", ["PRO_PLUS", "PROPLUS", "ProPlus", "KiroEnterprise-ProPlus", "FREE"])
def test_tier_is_kept_as_spelled(spelled: str) -> None:
    (row,) = users(f"{SMALL},Subscription_Tier\n{line_of()}, {spelled} \n").rows
    assert row.subscription_tier == spelled
