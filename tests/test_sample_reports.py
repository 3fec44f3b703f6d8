"""The sample's reports have the format of real ones, and their oddities."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from recount_kiro import Recount
from sample_folders import DAYS, FIRST, LAST, PEOPLE, SEED, Row, contents, rows_of

from exporter.sample import Organisation, Person, Summary, write
from exporter.sample.kiro_reports import UserReportRow, feature_reports, user_reports
from exporter.sample.kiro_use import ClientDay
from exporter.sample.quirks import NO_QUIRKS, Quirk, quirks_of


@pytest.fixture(scope="module")
def organisation() -> Organisation:
    return Organisation.generate(PEOPLE, SEED)


@pytest.fixture(scope="module")
def clean(organisation: Organisation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(organisation, tmp_path_factory.mktemp("clean"), FIRST, LAST, quirks=False, cloudtrail=False, bill=False).folder


@pytest.fixture(scope="module")
def quirky(organisation: Organisation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(organisation, tmp_path_factory.mktemp("quirky"), FIRST, LAST, cloudtrail=False, bill=False).folder


@pytest.fixture(scope="module")
def rows(clean: Path) -> list[Row]:
    return rows_of(clean)


@pytest.fixture(scope="module")
def people(organisation: Organisation) -> dict[str, Person]:
    return {person.identity_center_id: person for person in organisation.people(FIRST, LAST)}


# The files


USER_REPORT = re.compile(
    r"""2026-\d\d-\d\d,"[0-9a-f-]{36}",(KIRO_IDE|KIRO_CLI|PLUGIN),\d+,\d+\.\d+,\d+\.\d+,\d+\.\d+(e-\d\d)?,(true|false),"""
    r""""arn:aws:codewhisperer:(us-east-1|eu-central-1):\d{12}:profile/[0-9A-F]{12}",(PRO|PRO_PLUS|PRO_MAX|POWER),\d+,(true|false),"[a-z0-9.]+@example\.com","""
    r"""(1000|2000|5000|10000)(,\d+)+"""
)


def test_lines_of_the_user_report_look_like_real_ones(clean: Path) -> None:
    lines = [line for path in clean.glob("AWSLogs/*/KiroLogs/user_report/**/*.csv") for line in path.read_text("utf-8").splitlines()[1:]]
    assert [line for line in lines if not USER_REPORT.fullmatch(line)] == []


def test_the_header_of_the_user_report(clean: Path) -> None:
    path = clean / "AWSLogs/111122223333/KiroLogs/user_report/us-east-1/2026/11/19/00/KIRO_IDE_111122223333_user_report_202611190000.csv"
    columns = path.read_text("utf-8").splitlines()[0].split(",")
    models = [column.removesuffix("_messages") for column in columns[14:]]
    assert ",".join(columns[:14]) == (
        "Date,UserId,Client_Type,Chat_Conversations,Credits_Used,Overage_Cap,Overage_Credits_Used,Overage_Enabled,ProfileId,Subscription_Tier,"
        "Total_Messages,New_User,User_Email,Usage_Limit"
    )
    assert models[0] == "auto"
    assert models[1:] == sorted(models[1:])


def test_only_models_of_the_day_have_a_column(clean: Path) -> None:
    for path in clean.glob("AWSLogs/*/KiroLogs/user_report/**/*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            found = list(csv.DictReader(file))
        assert all(any(row[name] != "0" for row in found) for name in list(found[0])[14:]), path


def test_models_add_up_to_the_messages(rows: list[Row]) -> None:
    assert all(sum(int(value) for name, value in list(row.items())[14:] if value) == int(row["Total_Messages"]) for row in rows)


def test_the_header_of_the_feature_report(clean: Path) -> None:
    path = clean / "AWSLogs/111122223333/KiroLogs/by_user_analytic/us-east-1/2026/11/19/00/111122223333_by_user_analytic_202611190000_report.csv"
    assert path.read_text("utf-8").splitlines()[0] == (
        "UserId,Date,Chat_AICodeLines,Chat_MessagesInteracted,Chat_MessagesSent,CodeFix_AcceptanceEventCount,CodeFix_AcceptedLines,"
        "CodeFix_GeneratedLines,CodeFix_GenerationEventCount,CodeReview_FailedEventCount,CodeReview_FindingsCount,CodeReview_SucceededEventCount,"
        "Dev_AcceptanceEventCount,Dev_AcceptedLines,Dev_GeneratedLines,Dev_GenerationEventCount,DocGeneration_AcceptedFileUpdates,"
        "DocGeneration_AcceptedFilesCreations,DocGeneration_AcceptedLineAdditions,DocGeneration_AcceptedLineUpdates,DocGeneration_EventCount,"
        "DocGeneration_RejectedFileCreations,DocGeneration_RejectedFileUpdates,DocGeneration_RejectedLineAdditions,DocGeneration_RejectedLineUpdates,"
        "InlineChat_AcceptanceEventCount,InlineChat_AcceptedLineAdditions,InlineChat_AcceptedLineDeletions,InlineChat_DismissalEventCount,"
        "InlineChat_DismissedLineAdditions,InlineChat_DismissedLineDeletions,InlineChat_RejectedLineAdditions,InlineChat_RejectedLineDeletions,"
        "InlineChat_RejectionEventCount,InlineChat_TotalEventCount,Inline_AICodeLines,Inline_AcceptanceCount,Inline_SuggestionsCount,"
        "TestGeneration_AcceptedLines,TestGeneration_AcceptedTests,TestGeneration_EventCount,TestGeneration_GeneratedLines,TestGeneration_GeneratedTests,"
        "Transformation_EventCount,Transformation_LinesGenerated,Transformation_LinesIngested"
    )


def test_all_44_counters_are_used(clean: Path) -> None:
    found = rows_of(clean, "by_user_analytic")
    used = {name for row in found for name, value in row.items() if name not in ("UserId", "Date") and int(value)}
    assert len(used) == 44


def test_nothing_is_accepted_that_was_not_offered(clean: Path) -> None:
    pairs = {
        "Inline_AcceptanceCount": "Inline_SuggestionsCount",
        "InlineChat_AcceptanceEventCount": "InlineChat_TotalEventCount",
        "CodeFix_AcceptedLines": "CodeFix_GeneratedLines",
        "Dev_AcceptanceEventCount": "Dev_GenerationEventCount",
        "Dev_AcceptedLines": "Dev_GeneratedLines",
        "TestGeneration_AcceptedTests": "TestGeneration_GeneratedTests",
        "TestGeneration_AcceptedLines": "TestGeneration_GeneratedLines",
    }
    assert all(int(row[accepted]) <= int(row[offered]) for row in rows_of(clean, "by_user_analytic") for accepted, offered in pairs.items())


def test_the_feature_report_holds_whoever_used_the_cli_or_the_plugin(clean: Path, rows: list[Row]) -> None:
    expected = {(row["UserId"], f"{row['Date'][5:]}-{row['Date'][:4]}") for row in rows if row["Client_Type"] != "KIRO_IDE"}
    assert {(row["UserId"], row["Date"]) for row in rows_of(clean, "by_user_analytic")} == expected


@pytest.fixture(scope="module")
def seat_holder(people: dict[str, Person]) -> Person:
    return next(person for person in people.values() if person.seat is not None)


def test_long_user_reports_come_in_parts(seat_holder: Person) -> None:
    use = ClientDay("KIRO_IDE", 1, 1.0, 0.0, 1, (("auto", 1),))
    reports = list(user_reports(seat_holder.team.account, "KIRO_IDE", LAST, [UserReportRow(seat_holder, False, "usual", use)] * 2001, NO_QUIRKS))
    assert [(report.path[-34:], len(report.lines)) for report in reports] == [
        (f"_user_report_202611210000_part_{part}.csv"[-34:], count + 1) for part, count in ((1, 1000), (2, 1000), (3, 1))
    ]


@pytest.mark.parametrize(
    ("quirks", "end"),
    [
        (NO_QUIRKS, "_by_user_analytic_202611210000_report_part_2.csv"),
        (frozenset({Quirk.PART_BEFORE_REPORT}), "_by_user_analytic_202611210000_part_2_report.csv"),
    ],
)
def test_long_feature_reports_come_in_parts(seat_holder: Person, quirks: frozenset[Quirk], end: str) -> None:
    reports = list(feature_reports(seat_holder.team.account, LAST, [(seat_holder, {"Chat_MessagesSent": 1})] * 1001, quirks))
    assert [report.path.endswith(end) for report in reports] == [False, True]


def test_the_headers_of_early_2026_are_shorter(seat_holder: Person) -> None:
    use = ClientDay("KIRO_IDE", 1, 1.0, 0.0, 1, (("auto", 1),))
    days = (date(2026, 2, 9), date(2026, 2, 20), date(2026, 3, 20), date(2026, 4, 20), date(2026, 9, 20))
    reports = [list(user_reports(seat_holder.team.account, "KIRO_IDE", day, [UserReportRow(seat_holder, False, "usual", use)], NO_QUIRKS)) for day in days]
    assert [[report.lines[0].count(",") + 1 for report in of_day] for of_day in reports] == [[], [11], [13], [14], [15]]


def test_the_first_days_of_reports_give_far_too_much_to_pro(seat_holder: Person) -> None:
    assert seat_holder.seat is not None
    person = replace(seat_holder, seat=replace(seat_holder.seat, tier="pro"))
    use = ClientDay("KIRO_IDE", 1, 2.0, 0.0, 1, (("auto", 1),))
    report = next(user_reports(person.team.account, "KIRO_IDE", date(2026, 2, 12), [UserReportRow(person, False, "usual", use)], NO_QUIRKS))
    assert report.lines[1].split(",")[4] == "74.0"


# Quirks


QUIRKS: dict[str, tuple[str, bytes]] = {
    "a feature report under the former prefix": (r"/QDeveloperLogs/by_user_analytic/.*\.csv", rb".*"),
    "an export again": (r"_user_report_\d{8}0600.csv", rb".*"),
    "an old header": (r"_user_report_", rb"[^\n]*,Subscription_Tier,Total_Messages\r?\n.*"),
    "another order of columns": (r"_user_report_", rb".*Client_Type,Subscription_Tier,ProfileId,.*"),
    "a byte order mark": (r"_user_report_", b"\xef\xbb\xbfDate.*"),
    "carriage returns": (r"_user_report_", rb"[^\n]*\r\n.*"),
    "a directory before the ids": (r"_user_report_", rb'.*"d-[0-9a-f]{10}\.[0-9a-f]{8}-.*'),
    "a store before the ids": (r"_user_report_", rb'.*"[0-9a-f]{10}-[0-9a-f]{8}-.*'),
    "an unknown column of credits": (r"_user_report_", rb".*,Agent_Hooks_Triggered,.*"),
    "an unknown column of features": (r"_by_user_analytic_", rb".*,Agent_TaskCount.*"),
    "a joined tier": (r"_user_report_", rb".*,PROPLUS,.*"),
    "a camel tier": (r"_user_report_", rb".*,ProPlus,.*"),
    "the documented name of inline chats": (r"_by_user_analytic_", rb".*,InlineChat_EventCount,.*"),
    "an empty mail": (r"_user_report_", rb'.*,"",.*'),
    "a mail of another domain": (r"_user_report_", rb'.*@corp\.example\.org",.*'),
    "a stray object": (r"/KiroLogs/[0-9a-f-]{36}$", rb"Access validation successful\."),
}


@pytest.fixture(scope="module")
def quirky_contents(quirky: Path) -> dict[str, bytes]:
    return contents(quirky)


@pytest.mark.parametrize("quirk", QUIRKS)
def test_the_quirks_of_real_reports_are_there(quirky_contents: dict[str, bytes], quirk: str) -> None:
    name, content = QUIRKS[quirk]
    assert any(re.search(name, path) and re.fullmatch(content, found, re.DOTALL) for path, found in quirky_contents.items())


def test_some_working_days_have_no_report(quirky_contents: dict[str, bytes]) -> None:
    seen = {(match[1], match[2]) for path in quirky_contents if (match := re.search(r"/user_report/([^/]+)/(\d{4}/\d\d/\d\d)/", path))}
    workdays = {f"{day:%Y/%m/%d}" for offset in range(DAYS) if (day := FIRST + timedelta(days=offset)).weekday() < 5}
    missing = {(region, day) for region in ("us-east-1", "eu-central-1") for day in workdays} - seen
    assert 0 < len(missing) < 6


def test_a_sample_without_quirks_has_none(clean: Path) -> None:
    everything = contents(clean)
    seen = {
        quirk
        for quirk, (name, content) in QUIRKS.items()
        if any(re.search(name, path) and re.fullmatch(content, found, re.DOTALL) for path, found in everything.items())
    }
    assert seen == set()


def test_quirks_change_no_sum(tmp_path: Path) -> None:
    organisation = Organisation.generate(300, 15)
    first, last = date(2026, 11, 1), date(2026, 11, 10)
    days = [first + timedelta(days=offset) for offset in range(10)]
    # A day without reports is the one quirk that takes something away.
    assert not any(Quirk.MISSING_DAY in quirks_of(15, account.id, day, "") for account in organisation.accounts for day in days)
    recounts = []
    for name, quirks in (("clean", False), ("quirky", True)):
        folder = write(organisation, tmp_path / name, first, last, quirks=quirks, cloudtrail=False, bill=False).folder
        recounts.append(Recount(folder, folder / "people.csv", last + timedelta(days=1)))
    plain, odd = ((recount.credits("last_30d"), recount.messages("last_30d"), recount.features("last_30d")) for recount in recounts)
    assert plain == odd


def test_there_are_no_malformed_rows_by_default(quirky: Path) -> None:
    recount = Recount(quirky, quirky / "people.csv", LAST + timedelta(days=1))
    assert (recount.malformed_credit_rows, recount.malformed_feature_rows) == (0, 0)


# Broken rows


@pytest.fixture(scope="module")
def broken(organisation: Organisation, tmp_path_factory: pytest.TempPathFactory) -> Summary:
    return write(organisation, tmp_path_factory.mktemp("broken"), FIRST, LAST, broken_rows=100, cloudtrail=False, bill=False)


def test_broken_rows_are_where_the_summary_says(broken: Summary) -> None:
    seen = set()
    for place in broken.broken_rows:
        lines = (broken.folder / place.path).read_text("utf-8-sig").splitlines()
        cells, line = lines[0].count(","), lines[place.line - 1]
        seen.add((place.kind, line.count(",") < cells, ",None," in line, "2026-13-45" in line))
    assert seen == {("short row", True, False, False), ("bad number", False, True, False), ("bad date", False, False, True)}


def test_as_many_rows_are_broken_as_were_asked_for(broken: Summary) -> None:
    recount = Recount(broken.folder, broken.people_file, LAST + timedelta(days=1))
    assert recount.malformed_credit_rows == len(broken.broken_rows) == 100


def test_broken_rows_change_no_sum(broken: Summary, quirky: Path) -> None:
    today = LAST + timedelta(days=1)
    assert Recount(broken.folder, broken.people_file, today).credits("last_30d") == Recount(quirky, quirky / "people.csv", today).credits("last_30d")
