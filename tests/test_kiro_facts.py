"""What becomes of Kiro's reports: files with every known oddity in, fact rows worked out by hand out, read from the store as any tool would."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from kiro_files import (
    ACCOUNT,
    ALICE,
    ANALYTIC_COLUMNS,
    BOB,
    CAROL,
    COLUMNS,
    COLUMNS_BEFORE_2026_03,
    REGION,
    Use,
    analytic,
    analytic_key,
    put,
    put_use,
    user_report,
    user_report_key,
)
from kiro_rig import DAY, Fact, Rig

OTHER_ACCOUNT = "444455556666"


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


@pytest.fixture
def features(tmp_path: Path) -> Rig:
    return Rig(tmp_path, "kiro_features")


def row(identity: str, **others: Any) -> Fact:
    """The fact of a `Use` with its defaults, on DAY with the IDE."""
    fact = {
        "day": DAY,
        "identity": identity,
        "mail": None,
        "account": ACCOUNT,
        "region": REGION,
        "client": "ide",
        "model": None,
        "tier": "pro",
        "credits": Decimal("1.0"),
        "overage_credits": Decimal(0),
        "overage_cap": Decimal(2500),
        "overage_enabled": False,
        "included_credits": Decimal(1000),
        "messages": 1,
        "conversations": 1,
        "new_user": False,
    }
    assert set(others) <= set(fact)
    return fact | others


def model_row(identity: str, model: str, messages: int, **others: Any) -> Fact:
    """The fact of the messages that a model handled: everything but its keys is NULL."""
    keys = {"day": DAY, "identity": identity, "account": ACCOUNT, "region": REGION, "client": "ide", "model": model, "messages": messages}
    return dict.fromkeys(row(identity)) | keys | others


def feature_row(identity: str, counter: str | None, value: int, **others: Any) -> Fact:
    return {"day": DAY, "identity": identity, "account": ACCOUNT, "region": REGION, "counter": counter, "value": value} | others


def same(found: list[Fact], *expected: Fact) -> None:
    def order(fact: Fact) -> str:
        return repr([(name, str(fact[name])) for name in sorted(fact)])

    assert sorted(found, key=order) == sorted(expected, key=order)


def credits_facts(rig: Rig, *uses: Use, client: str = "KIRO_IDE") -> list[Fact]:
    """The facts of DAY after a refresh that finds one file of it."""
    put_use(rig.reports, DAY, *uses, client=client)
    assert rig.refresh()
    return rig.facts(DAY)


# 1.2, the real rows and the columns


def test_two_real_rows(rig: Rig) -> None:
    header = ",".join(COLUMNS[:13])
    profile = '"arn:aws:codewhisperer:us-east-1:369434902231:profile/EHGA3GRVQMUK"'
    files = {
        "KIRO_CLI": f"{header},claude_haiku_4.5_messages,claude_opus_4.8_messages\n"
        f'2026-07-10,"{ALICE}",KIRO_CLI,8,114.45787414391377,2500.0,0.0,false,{profile},PRO_MAX,131,false,"",8,123\n',
        "KIRO_IDE": f'{header},auto_messages\n2026-07-10,"{ALICE}",KIRO_IDE,2,0.7132330391376451,2500.0,0.0,false,{profile},PRO_MAX,4,false,"",4\n',
    }
    for client, text in files.items():
        put(rig.reports, user_report_key(DAY, client, account="369434902231"), text.encode())
    assert rig.refresh()
    place = {"account": "369434902231"}
    same(
        rig.facts(DAY),
        row(ALICE, client="cli", tier="pro_max", credits=Decimal("114.45787414391377"), messages=131, conversations=8, included_credits=None, **place),
        row(ALICE, client="ide", tier="pro_max", credits=Decimal("0.7132330391376451"), messages=4, conversations=2, included_credits=None, **place),
        model_row(ALICE, "claude_haiku_4.5", 8, client="cli", **place),
        model_row(ALICE, "claude_opus_4.8", 123, client="cli", **place),
        model_row(ALICE, "auto", 4, client="ide", **place),
    )


def test_credits_are_exact_to_18_places(rig: Rig) -> None:
    (fact,) = credits_facts(rig, Use(ALICE, credits="0.123456789012345678"))
    assert fact["credits"] == Decimal("0.123456789012345678")


@pytest.mark.parametrize(("client", "label"), [("KIRO_IDE", "ide"), ("KIRO_CLI", "cli"), ("PLUGIN", "plugin"), ("KIRO_WEB", "kiro_web")])
def test_client(rig: Rig, client: str, label: str) -> None:
    same(credits_facts(rig, Use(ALICE), client=client), row(ALICE, client=label))


def test_clients_of_one_person_are_rows_of_their_own(rig: Rig) -> None:
    put_use(rig.reports, DAY, Use(ALICE, credits="2.0"), client="KIRO_CLI")
    same(credits_facts(rig, Use(ALICE, credits="3.5")), row(ALICE, credits=Decimal("3.5")), row(ALICE, client="cli", credits=Decimal(2)))


def test_header_of_11_columns_before_2026_03(rig: Rig) -> None:
    put(rig.reports, user_report_key(DAY), user_report(DAY, Use(ALICE), columns=COLUMNS_BEFORE_2026_03))
    rig.refresh()
    same(rig.facts(DAY), row(ALICE, included_credits=None))


def test_order_of_columns_means_nothing(rig: Rig) -> None:
    put(rig.reports, user_report_key(DAY), user_report(DAY, Use(ALICE, credits="7.25", messages=9, limit="2000"), columns=tuple(reversed(COLUMNS))))
    rig.refresh()
    same(rig.facts(DAY), row(ALICE, credits=Decimal("7.25"), messages=9, included_credits=Decimal(2000)))


def test_usage_limit_and_not_the_overage_cap_is_what_is_included(rig: Rig) -> None:
    same(credits_facts(rig, Use(ALICE, cap="10000.0", limit="2000")), row(ALICE, overage_cap=Decimal(10000), included_credits=Decimal(2000)))


def test_overage_is_kept_as_reported(rig: Rig) -> None:
    """Whether it lies inside Credits_Used, and is daily, is decided when a snapshot is built."""
    same(
        credits_facts(rig, Use(ALICE, credits="40.0", overage="12.5", enabled="true")),
        row(ALICE, credits=Decimal(40), overage_credits=Decimal("12.5"), overage_enabled=True),
    )


def test_models_that_a_person_did_not_use_have_no_fact(rig: Rig) -> None:
    found = credits_facts(rig, Use(ALICE, models={"auto": 3}), Use(BOB, models={"claude_sonnet_4.6": 5}))
    same(found, row(ALICE), row(BOB), model_row(ALICE, "auto", 3), model_row(BOB, "claude_sonnet_4.6", 5))


def test_model_that_nobody_has_heard_of_is_a_model(rig: Rig) -> None:
    same(credits_facts(rig, Use(ALICE, models={"gpt_5.6_luna": 2})), row(ALICE), model_row(ALICE, "gpt_5.6_luna", 2))


def test_new_user(rig: Rig) -> None:
    same(credits_facts(rig, Use(ALICE, new="true")), row(ALICE, new_user=True))


def test_mail_is_compared_without_case_and_may_be_empty(rig: Rig) -> None:
    same(credits_facts(rig, Use(ALICE, mail="Alice@Example.com"), Use(BOB)), row(ALICE, mail="alice@example.com"), row(BOB))


TIERS = {
    **dict.fromkeys(("PRO", "Pro"), "pro"),
    **dict.fromkeys(("PRO_PLUS", "PROPLUS", "ProPlus", "Pro Plus"), "pro_plus"),
    **dict.fromkeys(("PRO_MAX", "ProMax", "PRO-MAX"), "pro_max"),
    "POWER": "power",
    "FREE": "free",
    "ULTRA_X": "ultrax",
}


def test_spellings_of_tiers(rig: Rig) -> None:
    found = credits_facts(rig, *(Use(f"user of {spelling}", tier=spelling) for spelling in TIERS))
    assert {fact["identity"]: fact["tier"] for fact in found} == {f"user of {spelling}".lower(): tier for spelling, tier in TIERS.items()}


# 1.2, files


def test_parts_of_a_file_add_up(rig: Rig) -> None:
    put(rig.reports, user_report_key(DAY, part="_part_1"), user_report(DAY, Use(ALICE)))
    put(rig.reports, user_report_key(DAY, part="_part_2"), user_report(DAY, Use(BOB)))
    rig.refresh()
    same(rig.facts(DAY), row(ALICE), row(BOB))


def test_accounts_and_regions_of_one_person_add_up(rig: Rig) -> None:
    put_use(rig.reports, DAY, Use(ALICE, credits="1.0"))
    put(rig.reports, user_report_key(DAY, account=OTHER_ACCOUNT), user_report(DAY, Use(ALICE, credits="2.0", tier="POWER")))
    put(rig.reports, user_report_key(DAY, region="eu-central-1"), user_report(DAY, Use(ALICE, credits="4.0")))
    rig.refresh()
    same(
        rig.facts(DAY),
        row(ALICE),
        row(ALICE, account=OTHER_ACCOUNT, credits=Decimal(2), tier="power"),
        row(ALICE, region="eu-central-1", credits=Decimal(4)),
    )


def test_later_export_under_another_name_wins(rig: Rig) -> None:
    put(rig.reports, user_report_key(DAY, exported="202607101200"), user_report(DAY, Use(ALICE, credits="5.0", messages=2)))
    put(rig.reports, user_report_key(DAY), user_report(DAY, Use(ALICE, credits="9.0", messages=99), Use(BOB)))
    rig.refresh()
    same(rig.facts(DAY), row(ALICE, credits=Decimal(5), messages=2), row(BOB))


def test_models_of_an_earlier_export_are_gone(rig: Rig) -> None:
    put(rig.reports, user_report_key(DAY), user_report(DAY, Use(ALICE, models={"auto": 5})))
    put(rig.reports, user_report_key(DAY, exported="202607110600"), user_report(DAY, Use(ALICE, models={"glm_5": 2})))
    rig.refresh()
    same(rig.facts(DAY), row(ALICE), model_row(ALICE, "glm_5", 2))


def test_exports_of_one_time_are_told_apart_by_when_they_were_written(rig: Rig) -> None:
    earlier, later = datetime(2026, 7, 11, 2, 0, tzinfo=UTC), datetime(2026, 7, 11, 2, 5, tzinfo=UTC)
    put(rig.reports, user_report_key(DAY, part="_part_1"), user_report(DAY, Use(ALICE, credits="5.0")), modified=later)
    put(rig.reports, user_report_key(DAY, part="_part_2"), user_report(DAY, Use(ALICE, credits="9.0")), modified=earlier)
    rig.refresh()
    same(rig.facts(DAY), row(ALICE, credits=Decimal(5)))


def test_row_that_stands_twice_in_a_file_counts_once(rig: Rig) -> None:
    same(credits_facts(rig, Use(ALICE, messages=3), Use(ALICE, messages=3)), row(ALICE, messages=3))


def test_same_person_under_two_spellings_in_two_exports_counts_once(rig: Rig) -> None:
    put(rig.reports, user_report_key(DAY), user_report(DAY, Use(ALICE, credits="9.0")))
    put(rig.reports, user_report_key(DAY, exported="202607110600"), user_report(DAY, Use(f"d-90671d0a2f.{ALICE}", credits="2.0")))
    rig.refresh()
    same(rig.facts(DAY), row(ALICE, credits=Decimal(2)))


def test_stray_objects_are_not_read(rig: Rig) -> None:
    strays = [
        f"AWSLogs/{ACCOUNT}/KiroLogs/6f2a9b54-5a5e-4d0c-9f43-2c1b0a9d8e7f",
        f"AWSLogs/{ACCOUNT}/KiroLogs/GenerateAssistantResponse/us-east-1/2026/07/10/02/{ACCOUNT}_GenerateAssistantResponse_202607100200.json.gz",
        user_report_key(DAY).removesuffix(".csv") + ".csv.gz",
        user_report_key(DAY).replace("/2026/07/10/", "/2026/02/30/"),
    ]
    for key in strays:
        put(rig.reports, key, b"Access validation successful.")
    same(credits_facts(rig, Use(ALICE)), row(ALICE))
    assert rig.location.reads == [user_report_key(DAY)]


def test_row_counts_on_its_date_and_not_on_that_of_the_path(rig: Rig) -> None:
    put(rig.reports, user_report_key(DAY), user_report(DAY, Use(ALICE, day=date(2026, 7, 8)), Use(BOB)))
    rig.refresh()
    same(rig.facts(DAY), row(BOB))
    same(rig.facts(date(2026, 7, 8)), row(ALICE, day=date(2026, 7, 8)))


def test_both_formats_of_dates(rig: Rig) -> None:
    same(credits_facts(rig, Use(ALICE, day="2026-07-10"), Use(BOB, day="07-10-2026")), row(ALICE), row(BOB))


def test_days_before_ignore_before_are_left_out(tmp_path: Path) -> None:
    rig = Rig(tmp_path).at(2026, 2, 14, 3)
    for day in (date(2026, 2, 12), date(2026, 2, 13)):
        put_use(rig.reports, day, Use(ALICE, credits="99999.0"))
    rig.refresh()
    assert (rig.store.days("kiro_credits"), rig.location.reads) == ([date(2026, 2, 13)], [user_report_key(date(2026, 2, 13))])


# 1.3, by_user_analytic


def test_all_44_counters_become_facts(features: Rig) -> None:
    counters = {name: place for place, name in enumerate(ANALYTIC_COLUMNS[2:], start=1)}
    assert len(counters) == 44
    put(features.reports, analytic_key(DAY), analytic(DAY, (ALICE, counters)))
    assert features.refresh()
    same(features.facts(DAY), feature_row(ALICE, None, 0), *(feature_row(ALICE, name.lower(), place) for name, place in counters.items()))


def test_counters_at_0_have_no_fact_but_the_person_has_one(features: Rig) -> None:
    put(features.reports, analytic_key(DAY), analytic(DAY, (ALICE, {}), (BOB, {"Chat_MessagesSent": 2})))
    features.refresh()
    same(features.facts(DAY), feature_row(ALICE, None, 0), feature_row(BOB, None, 0), feature_row(BOB, "chat_messagessent", 2))


def test_documented_name_of_the_inline_chat_events_is_the_real_one(features: Rig) -> None:
    documented = ("UserId", "Date", "InlineChat_EventCount")
    put(features.reports, analytic_key(DAY), analytic(DAY, (ALICE, {"InlineChat_EventCount": 7}), columns=documented))
    features.refresh()
    same(features.facts(DAY), feature_row(ALICE, None, 0), feature_row(ALICE, "inlinechat_totaleventcount", 7))


@pytest.mark.parametrize(("suffix", "parts"), [("", ("_part_1", "_part_2")), ("_report", ("_part_1", "_part_2")), ("", ("_part_1_report", "_part_2_report"))])
def test_parts_of_the_legacy_report(features: Rig, suffix: str, parts: tuple[str, str]) -> None:
    for part, user in zip(parts, (ALICE, BOB), strict=True):
        put(features.reports, analytic_key(DAY, suffix=suffix, part=part), analytic(DAY, (user, {"Dev_AcceptedLines": 4})))
    features.refresh()
    expected = [fact for user in (ALICE, BOB) for fact in (feature_row(user, None, 0), feature_row(user, "dev_acceptedlines", 4))]
    same(features.facts(DAY), *expected)


def test_copy_under_the_older_product_name_counts_once(features: Rig) -> None:
    for writer in ("KiroLogs", "QDeveloperLogs"):
        put(features.reports, analytic_key(DAY, writer=writer), analytic(DAY, (ALICE, {"Chat_MessagesSent": 3})))
    features.refresh()
    same(features.facts(DAY), feature_row(ALICE, None, 0), feature_row(ALICE, "chat_messagessent", 3))


def test_days_that_only_the_older_product_name_has(features: Rig) -> None:
    put(features.reports, analytic_key(DAY, writer="QDeveloperLogs"), analytic(DAY, (ALICE, {"Chat_MessagesSent": 3})))
    features.refresh()
    same(features.facts(DAY), feature_row(ALICE, None, 0), feature_row(ALICE, "chat_messagessent", 3))


def test_later_export_under_the_older_product_name_wins(features: Rig) -> None:
    put(features.reports, analytic_key(DAY), analytic(DAY, (ALICE, {"Chat_MessagesSent": 3, "Dev_AcceptedLines": 1})))
    put(features.reports, analytic_key(DAY, writer="QDeveloperLogs", exported="202607110600"), analytic(DAY, (ALICE, {"Chat_MessagesSent": 5})))
    features.refresh()
    same(features.facts(DAY), feature_row(ALICE, None, 0), feature_row(ALICE, "chat_messagessent", 5))


def test_accounts_and_regions_of_the_legacy_report_add_up(features: Rig) -> None:
    places: tuple[dict[str, str], ...] = ({}, {"account": OTHER_ACCOUNT}, {"region": "eu-central-1"})
    for place in places:
        put(features.reports, analytic_key(DAY, **place), analytic(DAY, (ALICE, {"Chat_MessagesSent": 3})))
    features.refresh()
    same(
        features.facts(DAY), *(fact for place in places for fact in (feature_row(ALICE, None, 0, **place), feature_row(ALICE, "chat_messagessent", 3, **place)))
    )


# 1.5, ids, and rows that were cut off


SPELLINGS = ("{}", "d-90671d0a2f.{}", "90671d0a2f-{}", "'{}'", '""{}""', "  {}\t", "{}\r")


def test_spellings_of_ids(rig: Rig) -> None:
    plain = [str(UUID(int=number)) for number in range(1, len(SPELLINGS) + 1)]
    found = credits_facts(rig, *(Use(spelling.format(identity)) for spelling, identity in zip(SPELLINGS, plain, strict=True)))
    assert [fact["identity"] for fact in found] == plain


def test_id_in_upper_case_is_the_same_id(rig: Rig) -> None:
    same(credits_facts(rig, Use(ALICE.upper())), row(ALICE))


@pytest.mark.parametrize("spelling", [f"d-90671d0a2f.{ALICE}", f"90671d0a2f-{ALICE}"])
def test_id_spelling_in_the_legacy_report(features: Rig, spelling: str) -> None:
    put(features.reports, analytic_key(DAY), analytic(DAY, (spelling, {})))
    features.refresh()
    same(features.facts(DAY), feature_row(ALICE, None, 0))


@pytest.mark.parametrize(
    ("spelling", "identity"), [("github|1234", "github|1234"), ("Okta.User@Example.com", "okta.user@example.com"), ("d-short.abc", "d-short.abc")]
)
def test_id_that_is_no_uuid_stays_as_it_is(rig: Rig, spelling: str, identity: str) -> None:
    same(credits_facts(rig, Use(spelling)), row(identity))


def test_byte_order_mark_and_carriage_returns_are_no_data(rig: Rig) -> None:
    put(rig.reports, user_report_key(DAY), b"\xef\xbb\xbf" + user_report(DAY, Use(ALICE, mail="a@example.com"), Use(BOB)).replace(b"\n", b"\r\n"))
    rig.refresh()
    same(rig.facts(DAY), row(ALICE, mail="a@example.com"), row(BOB))


def test_none_of_a_truncated_export_is_0(rig: Rig) -> None:
    content = user_report(DAY, Use(ALICE, credits="None", overage="None", cap="None", enabled="None", tier="None", limit="None", new="None"))
    put(rig.reports, user_report_key(DAY), content)
    rig.refresh()
    same(rig.facts(DAY), row(ALICE, credits=Decimal(0), tier=None, overage_cap=None, overage_enabled=None, included_credits=None))


def test_numbers_that_are_none_cost_only_themselves(rig: Rig) -> None:
    numbers = ("1e400", "inf", "-inf", "NaN", "-3.5", "12x")
    found = credits_facts(rig, *(Use(f"user of {number}", credits=number, messages=4) for number in numbers), Use(BOB))
    same(found, *(row(f"user of {number}".lower(), credits=Decimal(0), messages=4) for number in numbers), row(BOB))
    assert rig.rejected("number") == len(numbers)


def test_row_that_was_cut_off_costs_only_itself(rig: Rig) -> None:
    lines = user_report(DAY, Use(ALICE), Use(BOB), Use(CAROL)).splitlines(keepends=True)
    put(rig.reports, user_report_key(DAY), lines[0] + lines[1] + lines[2][:40] + b"\n" + lines[3])
    rig.refresh()
    same(rig.facts(DAY), row(ALICE), row(CAROL))
    assert rig.rejected("cells") == 1


def test_line_that_is_not_utf8_costs_only_itself(rig: Rig) -> None:
    put(rig.reports, user_report_key(DAY), user_report(DAY, Use(ALICE, mail="jos\u00e9@example.com"), Use(BOB)).replace(b"\xc3\xa9", b"\xe9"))
    rig.refresh()
    same(rig.facts(DAY), row(BOB))
    assert rig.rejected("encoding") == 1


@pytest.mark.parametrize(("content", "reason"), [(b"\xff\xfe\x00\x01garbage", "encoding"), (b"one,two\n1,2\n", "header")])
def test_file_that_is_no_report_costs_only_itself(rig: Rig, content: bytes, reason: str) -> None:
    put(rig.reports, user_report_key(DAY, part="_part_2"), content)
    same(credits_facts(rig, Use(ALICE)), row(ALICE))
    assert rig.rejected(reason) == 1


def test_row_without_a_date_costs_only_itself(rig: Rig) -> None:
    same(credits_facts(rig, Use(ALICE, day="2026-13-45"), Use(BOB)), row(BOB))
    assert rig.rejected("date") == 1
