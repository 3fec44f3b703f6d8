"""What a person does with Kiro's features in the CLI and the plugin: the 44 counters of `by_user_analytic`."""

from __future__ import annotations

from datetime import date

from exporter.sample.draws import draws

COUNTERS = (
    *("Chat_AICodeLines", "Chat_MessagesInteracted", "Chat_MessagesSent"),
    *("CodeFix_AcceptanceEventCount", "CodeFix_AcceptedLines", "CodeFix_GeneratedLines", "CodeFix_GenerationEventCount"),
    *("CodeReview_FailedEventCount", "CodeReview_FindingsCount", "CodeReview_SucceededEventCount"),
    *("Dev_AcceptanceEventCount", "Dev_AcceptedLines", "Dev_GeneratedLines", "Dev_GenerationEventCount"),
    *("DocGeneration_AcceptedFileUpdates", "DocGeneration_AcceptedFilesCreations", "DocGeneration_AcceptedLineAdditions", "DocGeneration_AcceptedLineUpdates"),
    *("DocGeneration_EventCount", "DocGeneration_RejectedFileCreations", "DocGeneration_RejectedFileUpdates", "DocGeneration_RejectedLineAdditions"),
    "DocGeneration_RejectedLineUpdates",
    *("InlineChat_AcceptanceEventCount", "InlineChat_AcceptedLineAdditions", "InlineChat_AcceptedLineDeletions", "InlineChat_DismissalEventCount"),
    *("InlineChat_DismissedLineAdditions", "InlineChat_DismissedLineDeletions", "InlineChat_RejectedLineAdditions", "InlineChat_RejectedLineDeletions"),
    *("InlineChat_RejectionEventCount", "InlineChat_TotalEventCount"),
    *("Inline_AICodeLines", "Inline_AcceptanceCount", "Inline_SuggestionsCount"),
    *(
        "TestGeneration_AcceptedLines",
        "TestGeneration_AcceptedTests",
        "TestGeneration_EventCount",
        "TestGeneration_GeneratedLines",
        "TestGeneration_GeneratedTests",
    ),
    *("Transformation_EventCount", "Transformation_LinesGenerated", "Transformation_LinesIngested"),
)
"""In the order of the real header (kiro.dev, legacy report; after UserId and Date)."""


def feature_counters(identity_center_id: str, day: date, messages: int, plugin: bool) -> dict[str, int]:
    """The counters of one person-day that are not 0.

    `messages` are those of CLI and plugin; only the plugin (`plugin`) has completions, reviews and the slash commands.
    """
    draw = draws(f"{identity_center_id}/{day.toordinal()}/features").__next__

    def some(count: int, least: float, most: float) -> int:
        return int(count * (least + (most - least) * draw()))

    interacted = some(messages, 0.1, 0.5)
    found = {"Chat_MessagesSent": messages, "Chat_MessagesInteracted": interacted, "Chat_AICodeLines": some(interacted, 2, 14)}
    if not plugin:
        return found
    suggested = 5 + some(150, 0, 1)
    accepted = some(suggested, 0.15, 0.45)
    found |= {"Inline_SuggestionsCount": suggested, "Inline_AcceptanceCount": accepted, "Inline_AICodeLines": some(accepted, 1, 3)}
    if draw() < 0.3:
        total = 1 + some(8, 0, 1)
        accepted, rejected = some(total, 0.3, 0.8), some(total, 0, 0.2)
        found |= {"InlineChat_TotalEventCount": total, "InlineChat_AcceptanceEventCount": accepted, "InlineChat_RejectionEventCount": rejected}
        found["InlineChat_DismissalEventCount"] = dismissed = total - accepted - rejected
        for outcome, events in (("Accepted", accepted), ("Rejected", rejected), ("Dismissed", dismissed)):
            found |= {f"InlineChat_{outcome}LineAdditions": some(events, 2, 12), f"InlineChat_{outcome}LineDeletions": some(events, 0, 6)}
    if draw() < 0.15:
        succeeded, failed = some(9, 0, 1), some(4, 0, 1)
        fixes = some(succeeded, 0, 1)
        accepted, lines = some(fixes, 0.3, 1), some(fixes, 3, 20)
        found |= {"CodeReview_SucceededEventCount": succeeded, "CodeReview_FailedEventCount": failed, "CodeReview_FindingsCount": succeeded + failed}
        found |= {"CodeFix_GenerationEventCount": fixes, "CodeFix_AcceptanceEventCount": accepted, "CodeFix_GeneratedLines": lines}
        found["CodeFix_AcceptedLines"] = some(lines, 0.3, 1) if accepted else 0
    if draw() < 0.08:
        events = 1 + some(3, 0, 1)
        accepted, lines = some(events, 0.3, 1.1), some(events, 30, 250)
        found |= {"Dev_GenerationEventCount": events, "Dev_AcceptanceEventCount": min(events, accepted), "Dev_GeneratedLines": lines}
        found["Dev_AcceptedLines"] = some(lines, 0.3, 1) if accepted else 0
    if draw() < 0.05:
        found["DocGeneration_EventCount"] = 1 + some(3, 0, 1)
        for outcome, share in (("Accepted", 1.0), ("Rejected", 0.5)):
            created, updated = some(4, 0, share), some(3, 0, share)
            creations = "AcceptedFilesCreations" if outcome == "Accepted" else "RejectedFileCreations"
            found |= {f"DocGeneration_{creations}": created, f"DocGeneration_{outcome}FileUpdates": updated}
            found |= {f"DocGeneration_{outcome}LineAdditions": some(created, 20, 90), f"DocGeneration_{outcome}LineUpdates": some(updated, 5, 40)}
    if draw() < 0.08:
        tests = 1 + some(12, 0, 1)
        kept, lines = some(tests, 0.2, 1), some(tests, 8, 25)
        found |= {"TestGeneration_EventCount": 1 + some(3, 0, 1), "TestGeneration_GeneratedTests": tests, "TestGeneration_AcceptedTests": kept}
        found |= {"TestGeneration_GeneratedLines": lines, "TestGeneration_AcceptedLines": lines * kept // tests}
    if draw() < 0.015:
        ingested = 400 + some(20_000, 0, 1)
        found |= {"Transformation_EventCount": 1, "Transformation_LinesIngested": ingested, "Transformation_LinesGenerated": some(ingested, 0.1, 0.4)}
    return found
