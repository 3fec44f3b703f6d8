"""Kiro features: what each of the report's 44 counters becomes, and the four families of three people whose values are worked out by hand."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest
from facts_in_memory import Counted, Fact, Published, Used, at, config, identity, landed, publish

from exporter.families.kiro_features import MEANINGS, Meaning
from exporter.people import Entry

# The header of the report after UserId and Date, as Kiro's documentation of the legacy report lists it.
HEADER = """
Chat_AICodeLines Chat_MessagesInteracted Chat_MessagesSent
CodeFix_AcceptanceEventCount CodeFix_AcceptedLines CodeFix_GeneratedLines CodeFix_GenerationEventCount
CodeReview_FailedEventCount CodeReview_FindingsCount CodeReview_SucceededEventCount
Dev_AcceptanceEventCount Dev_AcceptedLines Dev_GeneratedLines Dev_GenerationEventCount
DocGeneration_AcceptedFileUpdates DocGeneration_AcceptedFilesCreations DocGeneration_AcceptedLineAdditions DocGeneration_AcceptedLineUpdates
DocGeneration_EventCount DocGeneration_RejectedFileCreations DocGeneration_RejectedFileUpdates DocGeneration_RejectedLineAdditions
DocGeneration_RejectedLineUpdates
InlineChat_AcceptanceEventCount InlineChat_AcceptedLineAdditions InlineChat_AcceptedLineDeletions InlineChat_DismissalEventCount
InlineChat_DismissedLineAdditions InlineChat_DismissedLineDeletions InlineChat_RejectedLineAdditions InlineChat_RejectedLineDeletions
InlineChat_RejectionEventCount InlineChat_TotalEventCount
Inline_AICodeLines Inline_AcceptanceCount Inline_SuggestionsCount
TestGeneration_AcceptedLines TestGeneration_AcceptedTests TestGeneration_EventCount TestGeneration_GeneratedLines TestGeneration_GeneratedTests
Transformation_EventCount Transformation_LinesGenerated Transformation_LinesIngested
"""
COUNTERS = HEADER.split()

# The vocabulary of metrics.md.
FEATURES = {"chat", "inline", "inline_chat", "code_fix", "code_review", "dev", "doc_generation", "test_generation", "transformation"}
EVENTS = {"sent", "interacted", "suggested", "accepted", "rejected", "dismissed", "generated", "succeeded", "failed", "finding", "run"}
OUTCOMES = {"generated", "accepted", "rejected", "dismissed", "ingested"}
CHANGES = {"", "added", "updated", "deleted", "created"}
UNITS = ("events", "lines", "files", "tests")

NOW = at(2026, 7, 15)
FIRST, LAST = date(2026, 5, 6), date(2026, 7, 14)
A, B = map(identity, "ab")
ENTRIES = [Entry("alice", team="core", aliases=(A,)), Entry("bob", team="data", aliases=(B,)), Entry("carol", team="data")]


def july(day: int) -> date:
    return date(2026, 7, day)


def test_there_are_44_counters() -> None:
    assert len(COUNTERS) == len(set(COUNTERS)) == 44


def test_every_counter_of_the_report_has_a_meaning() -> None:
    assert Counter(meaning.counter for meaning in MEANINGS) == Counter(COUNTERS)


def test_units_are_those_of_the_families() -> None:
    assert {meaning.unit for meaning in MEANINGS} == set(UNITS)


@pytest.mark.parametrize("meaning", MEANINGS, ids=lambda meaning: meaning.counter)
def test_meaning_is_in_the_documented_words(meaning: Meaning) -> None:
    words = EVENTS if meaning.unit == "events" else OUTCOMES
    assert (meaning.feature in FEATURES, meaning.what in words, meaning.change in CHANGES) == (True, True, True)


def test_no_two_counters_are_one_series() -> None:
    assert Counter((m.unit, m.feature, m.what, m.change) for m in MEANINGS).most_common(1)[0][1] == 1


@pytest.mark.parametrize("meaning", [meaning for meaning in MEANINGS if meaning.unit in ("events", "tests")], ids=lambda meaning: meaning.counter)
def test_unit_without_the_label_change_has_none(meaning: Meaning) -> None:
    assert meaning.change == ""


PREFIXES = {
    "Chat": "chat",
    "CodeFix": "code_fix",
    "CodeReview": "code_review",
    "Dev": "dev",
    "DocGeneration": "doc_generation",
    "InlineChat": "inline_chat",
    "Inline": "inline",
    "TestGeneration": "test_generation",
    "Transformation": "transformation",
}


@pytest.mark.parametrize("meaning", MEANINGS, ids=lambda meaning: meaning.counter)
def test_feature_is_what_the_name_of_the_counter_begins_with(meaning: Meaning) -> None:
    assert meaning.feature == PREFIXES[meaning.counter.split("_")[0]]


@pytest.mark.parametrize(
    ("counter", "expected"),
    [
        # Lines of code that chat or inline completions put into the editor are accepted ones.
        ("Chat_AICodeLines", ("lines", "accepted", "")),
        ("Inline_AICodeLines", ("lines", "accepted", "")),
        ("Chat_MessagesSent", ("events", "sent", "")),
        ("Chat_MessagesInteracted", ("events", "interacted", "")),
        ("Inline_SuggestionsCount", ("events", "suggested", "")),
        ("Inline_AcceptanceCount", ("events", "accepted", "")),
        ("CodeReview_FindingsCount", ("events", "finding", "")),
        ("CodeReview_SucceededEventCount", ("events", "succeeded", "")),
        ("CodeReview_FailedEventCount", ("events", "failed", "")),
        ("CodeFix_GenerationEventCount", ("events", "generated", "")),
        ("DocGeneration_EventCount", ("events", "run", "")),
        ("InlineChat_TotalEventCount", ("events", "run", "")),
        ("InlineChat_DismissedLineDeletions", ("lines", "dismissed", "deleted")),
        ("DocGeneration_AcceptedLineUpdates", ("lines", "accepted", "updated")),
        ("DocGeneration_RejectedFileCreations", ("files", "rejected", "created")),
        ("DocGeneration_AcceptedFilesCreations", ("files", "accepted", "created")),
        ("TestGeneration_GeneratedTests", ("tests", "generated", "")),
        ("TestGeneration_AcceptedLines", ("lines", "accepted", "")),
        ("Transformation_LinesIngested", ("lines", "ingested", "")),
    ],
)
def test_meaning_of_a_counter(counter: str, expected: tuple[str, str, str]) -> None:
    (meaning,) = (meaning for meaning in MEANINGS if meaning.counter == counter)
    assert (meaning.unit, meaning.what, meaning.change) == expected


# Every counter at once: the n-th holds n


@pytest.fixture(scope="module")
def all_counters() -> Published:
    facts: list[Fact] = [Counted(LAST, A, counter, value) for value, counter in enumerate(COUNTERS, start=1)]
    return publish(facts, NOW, landed(FIRST, LAST), entries=ENTRIES)


def series_of(seen: Published, window: str) -> dict[tuple[str, ...], float]:
    return {(unit, *labels): value for unit in UNITS for labels, value in seen[f"kiro_user_feature_{unit}_{window}"].items()}


@pytest.mark.parametrize("window", ["yesterday", "last_30d", "month_to_date"])
def test_each_counter_reaches_exactly_one_series(all_counters: Published, window: str) -> None:
    assert sorted(series_of(all_counters, window).values()) == list(range(1, 45))


@pytest.mark.parametrize("place", range(44), ids=COUNTERS.__getitem__)
def test_counter_reaches_the_series_of_its_meaning(all_counters: Published, place: int) -> None:
    (meaning,) = (meaning for meaning in MEANINGS if meaning.counter == COUNTERS[place])
    labels = (meaning.feature, meaning.what) if meaning.unit in ("events", "tests") else (meaning.feature, meaning.what, meaning.change)
    assert series_of(all_counters, "yesterday")[(meaning.unit, "alice", "core", *labels)] == place + 1


@pytest.mark.parametrize(
    ("unit", "labels"),
    [
        ("events", ("user", "team", "feature", "event")),
        ("lines", ("user", "team", "feature", "outcome", "change")),
        ("files", ("user", "team", "feature", "outcome", "change")),
        ("tests", ("user", "team", "feature", "outcome")),
    ],
)
def test_labels_of_a_unit(all_counters: Published, unit: str, labels: tuple[str, ...]) -> None:
    assert {tuple(label for label, _ in pairs) for pairs in all_counters.samples[f"kiro_user_feature_{unit}_last_30d"]} == {labels}


# Windows of two people; carol has no use


@pytest.fixture(scope="module")
def seen() -> Published:
    sent, lines, tests = "Chat_MessagesSent", "DocGeneration_AcceptedLineAdditions", "TestGeneration_AcceptedTests"
    facts: list[Fact] = [
        Counted(date(2026, 6, 14), A, sent, 1000),  # one day before last_30d
        Counted(date(2026, 6, 15), A, sent, 1),
        Counted(july(1), A, sent, 10),
        Counted(LAST, A, sent, 100),
        Counted(LAST, A, "Inline_AcceptanceCount", 0),
        Counted(july(2), A, lines, 5),
        # The same day from two accounts.
        Counted(LAST, B, sent, 3),
        Counted(LAST, B, sent, 4, account="444455556666"),
        Counted(LAST, B, tests, 2),
        # What the report gains in future means nothing yet.
        Counted(LAST, B, "Agent_TaskCount", 77),
        Used(LAST, A, 1),
    ]
    return publish(facts, NOW, landed(FIRST, LAST), entries=ENTRIES, settings=config(windows={"kiro_user_feature_events": ["last_7d"]}))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("events_yesterday", {("alice", "core", "chat", "sent"): 100, ("bob", "data", "chat", "sent"): 7}),
        ("events_last_7d", {("alice", "core", "chat", "sent"): 100, ("bob", "data", "chat", "sent"): 7}),
        ("events_last_30d", {("alice", "core", "chat", "sent"): 111, ("bob", "data", "chat", "sent"): 7}),
        ("events_month_to_date", {("alice", "core", "chat", "sent"): 110, ("bob", "data", "chat", "sent"): 7}),
        ("lines_yesterday", {}),
        ("lines_last_30d", {("alice", "core", "doc_generation", "accepted", "added"): 5}),
        ("lines_month_to_date", {("alice", "core", "doc_generation", "accepted", "added"): 5}),
        ("lines_last_7d", {}),
        ("tests_yesterday", {("bob", "data", "test_generation", "accepted"): 2}),
        ("files_last_30d", {}),
    ],
)
def test_windows(seen: Published, name: str, expected: dict[tuple[str, ...], float]) -> None:
    assert seen[f"kiro_user_feature_{name}"] == expected


def test_features_are_withdrawn_at_max_age_alone() -> None:
    days = {**landed(FIRST, LAST), "kiro_features": landed(FIRST, date(2026, 6, 30))["kiro_features"]}
    seen = publish([Counted(date(2026, 6, 30), A, "Chat_MessagesSent", 1), Used(LAST, A, 1)], NOW, days, entries=ENTRIES)
    assert ([name for name in seen.samples if "feature" in name], seen.of("kiro_user_credits_yesterday")["alice"]) == ([], 1)


def test_features_have_windows_of_their_own() -> None:
    # Credits have landed through yesterday, features through 07-12: yesterday is absent, and last_30d ends two days earlier.
    days = {**landed(FIRST, LAST), "kiro_features": landed(FIRST, july(12))["kiro_features"]}
    facts: list[Fact] = [Counted(date(2026, 6, 13), A, "Chat_MessagesSent", 8), Used(LAST, A, 1)]
    seen = publish(facts, NOW, days, entries=ENTRIES)
    assert (seen["kiro_user_feature_events_yesterday"], seen.total("kiro_user_feature_events_last_30d")) == ({}, 8)
