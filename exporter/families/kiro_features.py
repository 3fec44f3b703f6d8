"""Kiro features, from the by_user_analytic report: what its 44 counters mean, and the four families that publish them by unit."""

from __future__ import annotations

from dataclasses import dataclass

from exporter.families import Family, Group, Kind, Table, alike_days

_SHORT = ("yesterday", "last_30d", "month_to_date")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a counter of the report counts. `what` is the event, or the outcome of lines, files or tests; `change` is empty where the report tells none."""

    counter: str
    unit: str
    feature: str
    what: str
    change: str = ""


MEANINGS = (
    Meaning("Chat_AICodeLines", "lines", "chat", "accepted"),
    Meaning("Chat_MessagesInteracted", "events", "chat", "interacted"),
    Meaning("Chat_MessagesSent", "events", "chat", "sent"),
    Meaning("CodeFix_AcceptanceEventCount", "events", "code_fix", "accepted"),
    Meaning("CodeFix_AcceptedLines", "lines", "code_fix", "accepted"),
    Meaning("CodeFix_GeneratedLines", "lines", "code_fix", "generated"),
    Meaning("CodeFix_GenerationEventCount", "events", "code_fix", "generated"),
    Meaning("CodeReview_FailedEventCount", "events", "code_review", "failed"),
    Meaning("CodeReview_FindingsCount", "events", "code_review", "finding"),
    Meaning("CodeReview_SucceededEventCount", "events", "code_review", "succeeded"),
    Meaning("Dev_AcceptanceEventCount", "events", "dev", "accepted"),
    Meaning("Dev_AcceptedLines", "lines", "dev", "accepted"),
    Meaning("Dev_GeneratedLines", "lines", "dev", "generated"),
    Meaning("Dev_GenerationEventCount", "events", "dev", "generated"),
    Meaning("DocGeneration_AcceptedFileUpdates", "files", "doc_generation", "accepted", "updated"),
    Meaning("DocGeneration_AcceptedFilesCreations", "files", "doc_generation", "accepted", "created"),
    Meaning("DocGeneration_AcceptedLineAdditions", "lines", "doc_generation", "accepted", "added"),
    Meaning("DocGeneration_AcceptedLineUpdates", "lines", "doc_generation", "accepted", "updated"),
    Meaning("DocGeneration_EventCount", "events", "doc_generation", "run"),
    Meaning("DocGeneration_RejectedFileCreations", "files", "doc_generation", "rejected", "created"),
    Meaning("DocGeneration_RejectedFileUpdates", "files", "doc_generation", "rejected", "updated"),
    Meaning("DocGeneration_RejectedLineAdditions", "lines", "doc_generation", "rejected", "added"),
    Meaning("DocGeneration_RejectedLineUpdates", "lines", "doc_generation", "rejected", "updated"),
    Meaning("InlineChat_AcceptanceEventCount", "events", "inline_chat", "accepted"),
    Meaning("InlineChat_AcceptedLineAdditions", "lines", "inline_chat", "accepted", "added"),
    Meaning("InlineChat_AcceptedLineDeletions", "lines", "inline_chat", "accepted", "deleted"),
    Meaning("InlineChat_DismissalEventCount", "events", "inline_chat", "dismissed"),
    Meaning("InlineChat_DismissedLineAdditions", "lines", "inline_chat", "dismissed", "added"),
    Meaning("InlineChat_DismissedLineDeletions", "lines", "inline_chat", "dismissed", "deleted"),
    Meaning("InlineChat_RejectedLineAdditions", "lines", "inline_chat", "rejected", "added"),
    Meaning("InlineChat_RejectedLineDeletions", "lines", "inline_chat", "rejected", "deleted"),
    Meaning("InlineChat_RejectionEventCount", "events", "inline_chat", "rejected"),
    Meaning("InlineChat_TotalEventCount", "events", "inline_chat", "run"),
    Meaning("Inline_AICodeLines", "lines", "inline", "accepted"),
    Meaning("Inline_AcceptanceCount", "events", "inline", "accepted"),
    Meaning("Inline_SuggestionsCount", "events", "inline", "suggested"),
    Meaning("TestGeneration_AcceptedLines", "lines", "test_generation", "accepted"),
    Meaning("TestGeneration_AcceptedTests", "tests", "test_generation", "accepted"),
    Meaning("TestGeneration_EventCount", "events", "test_generation", "run"),
    Meaning("TestGeneration_GeneratedLines", "lines", "test_generation", "generated"),
    Meaning("TestGeneration_GeneratedTests", "tests", "test_generation", "generated"),
    Meaning("Transformation_EventCount", "events", "transformation", "run"),
    Meaning("Transformation_LinesGenerated", "lines", "transformation", "generated"),
    Meaning("Transformation_LinesIngested", "lines", "transformation", "ingested"),
)
"""The one table from the report's columns to labels. Its source is Kiro's documentation of the legacy report."""


def _family(unit: str, what: str, help: str, labels: tuple[str, ...]) -> Family:
    return Family(
        name=f"kiro_user_feature_{unit}",
        help=help,
        statement=f"""SELECT "window", person, feature, what AS {what}, change, value FROM kiro_features_windowed WHERE unit = '{unit}'""",
        kind=Kind.BREAKDOWN,
        labels=labels,
        windows=_SHORT,
    )


KIRO_FEATURES = Group(
    name="kiro_features",
    source="kiro_features",
    tables=(
        Table(
            "kiro_counter",
            "SELECT * FROM (VALUES "
            + ", ".join(f"('{m.counter.lower()}', '{m.unit}', '{m.feature}', '{m.what}', '{m.change}')" for m in MEANINGS)
            + ") meaning(counter, unit, feature, what, change)",
        ),
        Table(
            "kiro_features_windowed",
            f"""
            WITH {alike_days("kiro_features")},
            summed AS (
                SELECT days, person, counter, sum(value)::BIGINT AS value FROM kiro_features JOIN owner USING (identity) JOIN alike USING (day) GROUP BY ALL
            )
            SELECT "window", person, unit, feature, what, change, sum(value)::BIGINT AS value
            FROM summed JOIN kiro_counter USING (counter) JOIN alike_window USING (days)
            GROUP BY ALL""",
        ),
    ),
    families=(
        _family(
            "events", "event", "Uses of Kiro's features in the CLI and in plugins; the report does not cover the IDE. Select one event.", ("feature", "event")
        ),
        _family("lines", "outcome", "Lines of code by feature, in the CLI and in plugins. Select one outcome.", ("feature", "outcome", "change")),
        _family("files", "outcome", "Files by feature, in the CLI and in plugins. Select one outcome.", ("feature", "outcome", "change")),
        _family("tests", "outcome", "Tests by feature, in the CLI and in plugins. Select one outcome.", ("feature", "outcome")),
    ),
    standing="SELECT person, sum(value) AS value FROM kiro_features_windowed WHERE \"window\" = 'last_30d' AND unit = 'events' GROUP BY person",
)
