"""Kiro's legacy report, by_user_analytic: 44 counters, each in a column of its own."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from kiro_csv_rig import REAL_HEADER, SMALL, USER, analytics, line_of, report, told

from exporter.sources.kiro_csv import COUNTERS, AnalyticRow


def _analytic(counters: Mapping[str, str], user: str = USER, day: str = "07-10-2026") -> str:
    return ",".join((f'"{user}"', day, *(counters.get(name, "0") for name in COUNTERS)))


def test_there_are_44_counters() -> None:
    assert (len(COUNTERS), len(set(COUNTERS))) == (44, 44)


def test_every_counter_is_read_from_its_own_column() -> None:
    values = {name: str(at) for at, name in enumerate(COUNTERS, start=1)}
    (row,) = analytics(f"{REAL_HEADER}\n{_analytic(values)}\n").rows
    assert row == AnalyticRow(
        path=report().object.key,
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
    (row,) = analytics(f"{REAL_HEADER}\n{_analytic({'Chat_MessagesSent': '0.0', 'Inline_AcceptanceCount': '2'})}\n").rows
    assert row.counters == {"inline_acceptancecount": 2}


def test_person_who_did_nothing_that_is_counted_stands_in_the_report() -> None:
    (row,) = analytics(f"{REAL_HEADER}\n{_analytic({})}\n").rows
    assert (row.userid, row.counters) == (USER, {})


@pytest.mark.parametrize("day", ["07-10-2026", "2026-07-10"])
def test_legacy_report_has_either_format_of_a_date(day: str) -> None:
    (row,) = analytics(f"{REAL_HEADER}\n{_analytic({}, day=day)}\n").rows
    assert row.day == "2026-07-10"


def test_inline_chat_total_under_its_documented_name() -> None:
    decoded = analytics(f"UserId,Date,InlineChat_EventCount\n{USER},07-10-2026,4\n")
    assert ([row.counters for row in decoded.rows], decoded.unknown_columns) == ([{"inlinechat_totaleventcount": 4}], frozenset())


@pytest.mark.parametrize("names", ["InlineChat_EventCount,InlineChat_TotalEventCount", "InlineChat_TotalEventCount,InlineChat_EventCount"])
def test_inline_chat_total_under_both_names_is_the_real_one(names: str) -> None:
    cells = ",".join("5" if name == "InlineChat_TotalEventCount" else "4" for name in names.split(","))
    decoded = analytics(f"UserId,Date,{names}\n{USER},07-10-2026,{cells}\n")
    assert ([row.counters for row in decoded.rows], list(decoded.unknown_columns)) == ([{"inlinechat_totaleventcount": 5}], ["inlinechat_eventcount"])


def test_bad_counter_costs_only_that_value() -> None:
    decoded = analytics(f"{REAL_HEADER}\n{_analytic({'Dev_AcceptedLines': '1.5', 'Dev_GeneratedLines': '9'})}\n")
    assert ([row.counters for row in decoded.rows], told(decoded)) == ([{"dev_generatedlines": 9}], [("number", 2, "Dev_AcceptedLines")])


def test_legacy_report_has_no_models() -> None:
    decoded = analytics(f"UserId,Date,Chat_MessagesSent,auto_messages\n{USER},07-10-2026,1,2\n")
    assert ([row.counters for row in decoded.rows], list(decoded.unknown_columns)) == ([{"chat_messagessent": 1}], ["auto_messages"])


def test_user_report_in_the_place_of_the_legacy_report_is_rejected() -> None:
    decoded = analytics(f"{SMALL}\n{line_of()}\n")
    assert (decoded.rows, told(decoded)) == ([], [("header", 0, "")])
