"""Kiro features: which of them people use, how much of what Kiro offers is accepted, and the trend of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from grafana_foundation_sdk.builders import bargauge, dashboard, stat, table, timeseries

from grafana.source.boards import section, values_of
from grafana.source.kiro import (
    FEATURES_KNOWN,
    NO_FEATURE_REPORT,
    NO_FEATURES,
    NO_HISTORY,
    NO_USE,
    NOT_FOLDED,
    NOTHING_LANDED,
    in_window,
    kiro_board,
    most,
    only,
)
from grafana.source.panels import Limits, Zero, days, lines, number, ranking
from grafana.source.queries import MOST_ROWS, TEAMS, first, like, where
from grafana.source.tables import PERSON, TO_PERSON, Column, rows

DESCRIPTION = "Which features of Kiro people use, how much of what it offers they accept, and the trend of each. Reports of features do not cover the IDE."

IDE = " The report covers the CLI and plugins; the IDE is not covered."
NO_TREND = f"{NO_HISTORY}, and a feature that nobody used has none. The IDE is not covered"

EVENTS, LINES, FILES, TESTS = (f"kiro_user_feature_{unit}" for unit in ("events", "lines", "files", "tests"))

ACCEPTED = Limits(0.1, 0.3, falling=True)

_TRENDS = (
    ("Dev agent", (("Runs", EVENTS, "dev", "generated"), ("Accepted", EVENTS, "dev", "accepted"))),
    ("Test generation", (("Runs", EVENTS, "test_generation", "run"), ("Tests accepted", TESTS, "test_generation", "accepted"))),
    ("Code review", (("Reviews", EVENTS, "code_review", "succeeded"), ("Findings", EVENTS, "code_review", "finding"))),
    ("Code fix", (("Fixes offered", EVENTS, "code_fix", "generated"), ("Accepted", EVENTS, "code_fix", "accepted"))),
    ("Inline chat", (("Uses", EVENTS, "inline_chat", "run"), ("Accepted", EVENTS, "inline_chat", "accepted"))),
    ("Documentation", (("Runs", EVENTS, "doc_generation", "run"), ("Files accepted", FILES, "doc_generation", "accepted"))),
    ("Code transformation", (("Runs", EVENTS, "transformation", "run"), ("Lines", LINES, "transformation", "generated"))),
    ("Chat", (("Messages sent", EVENTS, "chat", "sent"), ("Messages interacted with", EVENTS, "chat", "interacted"))),
)
"""The two series of each feature's trend: name, family, feature, and event or outcome."""


def features() -> dashboard.Dashboard:
    """The dashboard `kiro-features`."""
    of_one = values_of("feature", "Feature", "kiro_user_feature_events_last_30d").description("Acts on the tables of people.")
    made = kiro_board("kiro-features", "Kiro features", DESCRIPTION).with_variable(of_one)
    made = section(made, "", *_numbers(), _acceptance(), _people())
    made = section(made, "Trends", *(_trend(title, series) for title, series in _TRENDS), _rates())
    return section(made, "People", _top_events(), _top_lines())


def events(feature: str, event: str, metric: str = EVENTS) -> str:
    """What is counted of a feature in the window, by feature. Regular expressions name several."""
    what = "event" if metric == EVENTS else "outcome"
    return f"sum by (feature) {in_window(metric, like(feature=feature, **{what: event}))}"


OFFERED = " or ".join(
    (
        events("inline", "suggested"),
        events("code_fix|dev", "generated"),
        events("inline_chat", "run"),
        events("test_generation", "generated", TESTS),
        events("doc_generation", "accepted|rejected", LINES),
    )
)
"""What each feature offered: suggestions, fixes, runs, tests; of documentation the lines that were decided on."""

TAKEN = " or ".join(
    (
        events("inline|code_fix|dev|inline_chat", "accepted"),
        events("test_generation", "accepted", TESTS),
        events("doc_generation", "accepted", LINES),
    )
)
"""What of it was accepted. Reports leave zeros out: what was offered and never accepted is 0."""


def _numbers() -> Iterable[stat.Panel]:
    used, everything = in_window("kiro_user_client_messages", 'client!="ide"'), in_window("kiro_user_client_messages")
    yield number(
        "People who use features",
        f"People with any use of a feature in the window.{IDE}",
        f"count(sum by (user) {in_window(EVENTS, NOT_FOLDED)} > 0)",
        empty=NO_FEATURE_REPORT,
        zero=Zero(NO_USE, FEATURES_KNOWN),
    )
    yield number(
        "Use that is covered",
        "Share of the window's messages that came from other clients than the IDE. The rest of Kiro's use cannot be in any number of this dashboard.",
        f"sum({used}) / sum({everything})",
        empty=NOTHING_LANDED,
        unit="percentunit",
        decimals=1,
        zero=Zero("None: only the IDE was used", everything),
    )
    yield number(
        "Inline acceptance",
        f"Inline suggestions that were accepted, of those that were shown.{IDE}",
        _rate(_sum("inline", "accepted"), _sum("inline", "suggested")),
        empty=NO_FEATURES,
        unit="percentunit",
        decimals=1,
        limits=ACCEPTED,
    )
    yield number(
        "Lines accepted",
        f"Lines of code that people accepted, of all features.{IDE}",
        f"sum({in_window(LINES, where(outcome='accepted'))})",
        empty=NO_FEATURE_REPORT,
        zero=Zero(NO_USE, FEATURES_KNOWN),
    )


def _rate(accepted: str, offered: str) -> str:
    """Reports leave zeros out: where something was offered and nothing accepted, the rate is 0."""
    return f"({accepted} or 0 * {offered}) / ({offered} > 0)"


def _sum(feature: str, event: str) -> str:
    return f"sum({in_window(EVENTS, where(feature=feature, event=event))})"


def _acceptance() -> table.Panel:
    taken = f"({TAKEN} or on (feature) 0 * ({OFFERED}))"
    return rows(
        "Acceptance by feature",
        "What each feature offered and what of it was accepted: inline suggestions, code fixes, runs of the dev agent and of inline chat, generated tests,"
        f" and lines of documentation that were accepted or rejected.{IDE}",
        {"feature": "Feature"},
        [
            Column("Offered", OFFERED),
            Column("Accepted", f"{taken} and on (feature) ({OFFERED})"),
            Column("Rate", f"{taken} / on (feature) (({OFFERED}) > 0)", unit="percentunit", decimals=1, limits=ACCEPTED),
        ],
        sort="Offered",
        height=10,
        empty=NO_FEATURES,
    )


def _people() -> bargauge.Panel:
    return ranking(
        "People by feature",
        f"People who used each feature in the window. Who used two counts in both.{IDE}",
        f"sort_desc(count by (feature) (sum by (user, feature) {in_window(EVENTS, NOT_FOLDED)} > 0))",
        "{{feature}}",
        empty=NO_FEATURES,
        width=12,
    )


def _trend(title: str, series: Sequence[tuple[str, str, str, str]]) -> timeseries.Panel:
    return days(
        title,
        f"By UTC day and team; the user and tier filters do not apply.{IDE}",
        {name: _by_day(metric, feature, what) for name, metric, feature, what in series},
        empty=NO_TREND,
        decimals=0,
        width=12,
        right=[name for name, metric, _, _ in series if metric == LINES],
    )


def _by_day(metric: str, feature: str, what: str) -> str:
    label = "event" if metric == EVENTS else "outcome"
    created = ',change="created"' if metric == FILES else ""
    return first(f"team:{metric}", matchers=f'{TEAMS},feature="{feature}",{label}="{what}"{created}')


def _rates() -> timeseries.Panel:
    pairs = {
        "Inline suggestions": ("inline", "suggested"),
        "Inline chat": ("inline_chat", "run"),
        "Code fix": ("code_fix", "generated"),
        "Dev agent": ("dev", "generated"),
    }
    return lines(
        "Acceptance by day",
        f"What was accepted, of what was offered on the UTC day. By team; the user and tier filters do not apply.{IDE}",
        {name: _rate(_by_day(EVENTS, feature, "accepted"), _by_day(EVENTS, feature, offered)) for name, (feature, offered) in pairs.items()},
        empty=NO_TREND,
        unit="percentunit",
        width=24,
    )


def _top_events() -> table.Panel:
    chosen = 'feature=~"$feature",event=~"{}"'
    those = most(f"sum by (user, team, feature) {in_window(EVENTS, chosen.format('sent|suggested|generated|succeeded|run'))}")
    accepted = f"sum by (user, team, feature) {in_window(EVENTS, chosen.format('accepted'))}"
    return rows(
        "Uses by person and feature",
        f"The {MOST_ROWS} largest uses of a feature by one person in the window: messages sent, suggestions shown, fixes offered, reviews and runs.{IDE}",
        {**PERSON, "feature": "Feature"},
        [Column("Uses", those), Column("Accepted", f"{accepted} and on (user, team, feature) ({those})")],
        sort="Uses",
        empty=NO_FEATURES,
        links=TO_PERSON,
    )


def _top_lines() -> table.Panel:
    def of(outcome: str) -> str:
        matchers = f'feature=~"$feature",outcome="{outcome}"'
        return f"sum by (user, team) {in_window(LINES, matchers)}"

    those = most(of("accepted"))
    return rows(
        "Lines by person",
        f"The {MOST_ROWS} people who accepted most lines of code in the window. Chat and inline suggestions tell no generated lines.{IDE}",
        PERSON,
        [Column("Accepted", those), Column("Generated", only(of("generated"), those))],
        sort="Accepted",
        empty=NO_FEATURES,
        links=TO_PERSON,
    )
