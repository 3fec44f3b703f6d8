"""Kiro behaviour: who takes Kiro up and who leaves it, with which clients and models it is used, and how much code comes of it."""

from __future__ import annotations

from collections.abc import Iterable

from grafana_foundation_sdk.builders import bargauge, dashboard, piechart, stat, table, timeseries

from grafana.source.boards import section
from grafana.source.kiro import (
    FEATURES_KNOWN,
    NO_FEATURE_REPORT,
    NO_FEATURES,
    NO_HISTORY,
    NO_USE,
    NOT_FOLDED,
    NOTHING_LANDED,
    OF_TEAMS,
    clients,
    in_window,
    kiro_board,
    most,
    only,
)
from grafana.source.kiro_adoption import adoption_panels
from grafana.source.panels import Zero, days, lines, number, ranking, shares
from grafana.source.queries import MOST_ROWS, TEAMS, TOP, first, like, top, where
from grafana.source.tables import PERSON, TEN_ROWS, TO_PERSON, Column, rows

DESCRIPTION = "Who takes Kiro up and who leaves it, how often people use it, with which clients and models, and how much code comes of it."

CLIENT = like(client="$client")

_IDE = " The report covers the CLI and plugins; what people do in the IDE is not in it."


def behaviour() -> dashboard.Dashboard:
    """The dashboard `kiro-behaviour`."""
    made = kiro_board("kiro-behaviour", "Kiro behaviour", DESCRIPTION).with_variable(clients())
    made = adoption_panels(made)
    made = section(
        made,
        "Clients and models",
        people_by_client(6),
        _messages_by_client(),
        _models(),
        _client_trend(),
        _model_trend(),
        _conversations(),
        _cost_of_a_message(),
    )
    made = section(made, "Code", *_lines(), _line_trend(), _inline_trend())
    return section(made, "", _top_lines(), _details())


def people_by_client(width: int) -> bargauge.Panel:
    """How many people use each client."""
    used = in_window("kiro_user_client_messages", f"{NOT_FOLDED},{CLIENT}")
    return ranking(
        "People by client",
        "People with messages in the window by client. Who used two clients counts in both, so the bars add up to more than the active people.",
        f"sort_desc(count by (client) (max by (user, client) ({used}) > 0))",
        "{{client}}",
        empty=NOTHING_LANDED,
        width=width,
    )


def _messages_by_client() -> piechart.Panel:
    return shares(
        "Messages by client",
        "Messages of the window by client.",
        f"sum by (client) ({in_window('kiro_user_client_messages', CLIENT)})",
        "{{client}}",
        empty=NOTHING_LANDED,
    )


def _models() -> piechart.Panel:
    return shares(
        "Messages by model",
        "Messages of the window by the model that handled them; auto leaves the choice to Kiro. Reports hold no credits a model.",
        f"sort_desc(sum by (model) ({in_window('kiro_user_model_messages')}))",
        "{{model}}",
        empty=NOTHING_LANDED,
        width=10,
    )


def _client_trend() -> timeseries.Panel:
    return days(
        "Credits by day and client",
        f"Each bar is one UTC day, as its first report had it.{OF_TEAMS}",
        {"{{client}}": first("team:kiro_user_client_credits", "client", f"{TEAMS},{CLIENT}")},
        empty=NO_HISTORY,
        width=12,
        stacked=True,
    )


def _model_trend() -> timeseries.Panel:
    return days(
        "Messages by day and model",
        f"Each bar is one UTC day, as its first report had it.{OF_TEAMS}",
        {"{{model}}": first("team:kiro_user_model_messages", "model")},
        empty=NO_HISTORY,
        width=12,
        stacked=True,
    )


def _conversations() -> timeseries.Panel:
    conversations, messages = first("team:kiro_user_conversations"), first("team:kiro_user_messages")
    return lines(
        "Messages a conversation",
        f"How long conversations are: messages of the UTC day divided by its conversations.{OF_TEAMS}",
        {"Messages a conversation": f"{messages} / ({conversations} > 0)"},
        empty=NO_HISTORY,
    )


def _cost_of_a_message() -> timeseries.Panel:
    return lines(
        "Credits a message",
        f"What a message costs: credits of the UTC day divided by its messages. It rises when people choose dearer models.{OF_TEAMS}",
        {"Credits a message": f"{first('team:kiro_user_credits')} / ({first('team:kiro_user_messages')} > 0)"},
        empty=NO_HISTORY,
    )


def code(feature: str) -> str:
    """Lines of code that people took over from a feature in the window; a regular expression names several."""
    return in_window("kiro_user_feature_lines", like(feature=feature, outcome="accepted"))


def events(feature: str, event: str) -> str:
    """Events of a feature in the window."""
    return in_window("kiro_user_feature_events", where(feature=feature, event=event))


def _lines() -> Iterable[stat.Panel]:
    for title, text, expression in (
        ("Lines of AI code", "Lines of code that people took over from chat and from inline suggestions.", code("chat|inline")),
        ("Lines from chat", "Lines of code that people took over from chat.", code("chat")),
        ("Lines from inline suggestions", "Lines of code of inline suggestions that people accepted.", code("inline")),
        ("Chat messages sent", "Messages that people sent in chat.", events("chat", "sent")),
    ):
        yield number(title, text + _IDE, f"sum({expression})", empty=NO_FEATURE_REPORT, zero=Zero(NO_USE, FEATURES_KNOWN))


def line_trend(feature: str) -> str:
    """Lines of code that people took over from a feature on each UTC day."""
    return first("team:kiro_user_feature_lines", matchers=f"{TEAMS},{where(feature=feature, outcome='accepted')}")


def event_trend(feature: str, event: str) -> str:
    """Events of a feature on each UTC day."""
    return first("team:kiro_user_feature_events", matchers=f"{TEAMS},{where(feature=feature, event=event)}")


def _line_trend() -> timeseries.Panel:
    return days(
        "Lines of AI code by day",
        f"Lines that people took over from chat and from inline suggestions, by UTC day.{_IDE}{OF_TEAMS}",
        {"Chat": line_trend("chat"), "Inline suggestions": line_trend("inline")},
        empty=f"{NO_HISTORY}. The report covers the CLI and plugins, not the IDE",
        width=12,
        stacked=True,
    )


def _inline_trend() -> timeseries.Panel:
    return lines(
        "Inline suggestions by day",
        f"Inline suggestions that were shown, and those that were accepted, by UTC day.{_IDE}{OF_TEAMS}",
        {"Suggested": event_trend("inline", "suggested"), "Accepted": event_trend("inline", "accepted")},
        empty=f"{NO_HISTORY}. The report covers the CLI and plugins, not the IDE",
    )


def _top_lines() -> table.Panel:
    chat, inline, both = (f"sum by (user, team) {code(feature)}" for feature in ("chat", "inline", "chat|inline"))
    those = top(both)
    return rows(
        f"Top {TOP} by lines of AI code",
        f"The {TOP} people who took over most lines from chat and from inline suggestions in the window.{_IDE}",
        PERSON,
        [Column("Lines", those), Column("Chat", only(chat, those)), Column("Inline", only(inline, those))],
        sort="Lines",
        width=10,
        height=TEN_ROWS,
        empty=NO_FEATURES,
        links=TO_PERSON,
    )


def _details() -> table.Panel:
    columns = {
        "Chat messages": events("chat", "sent"),
        "Chat lines": code("chat"),
        "Inline lines": code("inline"),
        "Inline accepted": events("inline", "accepted"),
        "Inline suggested": events("inline", "suggested"),
    }
    those = most(f"sum by (user, team) {in_window('kiro_user_feature_events', like(event='sent|suggested'))}")
    return rows(
        "Behaviour by person",
        f"What people did in the window, for the {MOST_ROWS} with most chat messages and inline suggestions.{_IDE}",
        PERSON,
        [Column(title, only(f"sum by (user, team) {expression}", those)) for title, expression in columns.items()],
        sort="Chat messages",
        width=14,
        height=TEN_ROWS,
        empty=NO_FEATURES,
        links=TO_PERSON,
    )
