"""AWS usage: who does what in which service, region and account, what of it is sensitive or denied, and who or what else is behind the events."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard, stat, table

from grafana.source.aws import NO_EVENTS, events
from grafana.source.boards import AnyPanel, board, section
from grafana.source.exporter_shared import newest_day
from grafana.source.kiro import NO_HISTORY
from grafana.source.panels import MOMENT, NOBODY_ACTIVE, Zero, days, lines, number, ranking, shares
from grafana.source.queries import EACH, MOST_ROWS, NAMED, PEOPLE, counted, first, of_window, top, whole_first
from grafana.source.tables import PERSON, TO_PERSON, Column, rows

_DENIED = f"{EACH} ({of_window('aws_user_denied_events', NAMED)})"
_BY_CATEGORY = f"sum by (user, team, category) ({of_window('aws_user_sensitive_events', NAMED)})"
_NOTHING_SENSITIVE = "Nobody did anything sensitive in this window, or no CloudTrail day of it has landed"
_NOTHING_DENIED = "Nobody was denied anything in this window, or no CloudTrail day of it has landed"
_WRITES = ',access="write"'
_NO_PRINCIPALS = "No CloudTrail day of the last 30 has landed"


def aws_usage() -> dashboard.Dashboard:
    """The dashboard `aws-usage`."""
    made = board(
        "aws-usage",
        "AWS usage",
        "Who does what in AWS, by service, region and account; what of it is sensitive or was denied; and what besides people is behind the events.",
    )
    made = section(made, "In the window", *_numbers())
    made = section(
        made,
        "By day",
        days(
            "Events by day",
            "CloudTrail management events of people by what they do. Each bar is one UTC day. The user filter does not apply.",
            {"{{access}}": first("team:aws_user_events", "access")},
            empty=NO_HISTORY,
            width=12,
            stacked=True,
        ),
        lines(
            "Active people by day",
            "People with CloudTrail events on each UTC day. The user filter does not apply.",
            {"People": counted("team:aws_active_people_yesterday:count")},
            empty=NO_HISTORY,
            decimals=0,
        ),
    )
    made = section(made, "People", _most_active(), _levels())
    made = section(
        made,
        "What and where",
        *(
            ranking(
                f"By {of}",
                f"CloudTrail management events of people in the window, the ten with most. _other stands for what is small in a person's own events.{more}",
                top(f"sum by ({label}) ({of_window(f'aws_user_{of}_events')})"),
                f"{{{{{label}}}}}",
                empty=NO_EVENTS,
            )
            for of, label, more in (
                ("service", "aws_service", ""),
                ("region", "aws_region", " Global services count where AWS records them."),
                ("account", "aws_account", ""),
            )
        ),
        days(
            "Services by day",
            "The ten services with most events of people on each UTC day. The user filter does not apply.",
            {"{{aws_service}}": top(first("team:aws_user_service_events", "aws_service"))},
            empty=NO_HISTORY,
            stacked=True,
        ),
    )
    made = section(
        made,
        "Sensitive and denied",
        ranking(
            "Sensitive events by category",
            "Events of people which somebody should know of. Sensitive does not mean wrong.",
            top(f"sum by (category) ({of_window('aws_user_sensitive_events')})"),
            "{{category}}",
            empty=_NOTHING_SENSITIVE,
        ),
        _sensitive(),
        days(
            "Sensitive and denied events by day",
            "Of people. Each bar is one UTC day. An event can be both. The user filter does not apply.",
            {"Sensitive": first("team:aws_user_sensitive_events"), "Denied": first("team:aws_user_denied_events")},
            empty=NO_HISTORY,
            width=12,
        ),
        _denied(),
    )
    return section(
        made,
        "Who or what is behind the events, last 30 days",
        shares(
            "By kind",
            "All CloudTrail management events by who caused them: people, root, services, other accounts, and the unknown. Team and user do not apply.",
            "sum by (kind) (aws_principal_events_last_30d)",
            "{{kind}}",
            empty=_NO_PRINCIPALS,
        ),
        _kinds(),
        days(
            "Events by kind and day",
            "All CloudTrail management events by who caused them. Each bar is one UTC day. Team and user do not apply.",
            {"{{kind}}": whole_first("aws_principal_events", "kind")},
            empty=NO_HISTORY,
            width=12,
            stacked=True,
        ),
        _sensitive_kinds(),
    )


def _numbers() -> tuple[stat.Panel, ...]:
    total = f"sum({of_window('aws_user_events')})"

    def share(part: str) -> str:
        return f"{part} / ({total} > 0)"

    return (
        number(
            "Active people",
            "People with CloudTrail events in the window.",
            f"count({events()} > 0)",
            empty=NO_EVENTS,
            width=3,
            zero=Zero(NOBODY_ACTIVE, events()),
        ),
        number("Events", "CloudTrail management events of people in the window.", total, empty=NO_EVENTS, width=4),
        number(
            "Share of writes",
            "Events that change something, of all events of people in the window.",
            share(f"sum({of_window('aws_user_events', PEOPLE + _WRITES)})"),
            empty=f"{NOBODY_ACTIVE}, or no day has landed",
            unit="percentunit",
            decimals=1,
            width=3,
        ),
        number(
            "Services used",
            "Different services that people used in the window; what is small in a person's own events counts as one.",
            f"count(sum by (aws_service) ({of_window('aws_user_service_events')}) > 0)",
            empty=NO_EVENTS,
            width=3,
            zero=Zero(NOBODY_ACTIVE, of_window("aws_user_events")),
        ),
        number(
            "Sensitive events",
            "Events of people in the window which somebody should know of. Sensitive does not mean wrong.",
            f"sum({of_window('aws_user_sensitive_events')})",
            empty=NO_EVENTS,
            width=4,
            zero=Zero("Nothing sensitive", of_window("aws_user_events")),
        ),
        number(
            "Share denied",
            "Events that were denied, of all events of people in the window.",
            share(f"sum({of_window('aws_user_denied_events')})"),
            empty=f"{NOBODY_ACTIVE}, or no day has landed",
            unit="percentunit",
            decimals=1,
            width=3,
            zero=Zero("Nothing denied", f"{total} > 0"),
        ),
        newest_day("CloudTrail", "cloudtrail", 4),
    )


def _most_active() -> table.Panel:
    most = top(events(), MOST_ROWS)

    def of_them(expression: str) -> str:
        return f"{expression} and on (user, team) {most}"

    return rows(
        "Most active",
        f"The {MOST_ROWS} people with most events in the window. Score, services, regions and active days are of the last 30 days.",
        PERSON,
        [
            Column("Events", most),
            Column("Reads", of_them(events('access="read"'))),
            Column("Writes", of_them(events('access="write"'))),
            Column("Sensitive", of_them(f"{EACH} ({of_window('aws_user_sensitive_events', NAMED)})")),
            Column("Denied", of_them(_DENIED)),
            Column("Score", of_them(f"max by (user, team) (aws_user_activity_score_last_30d{{{NAMED}}})")),
            Column("Services", of_them(f"max by (user, team) (aws_user_services_used_last_30d{{{NAMED}}})")),
            Column("Regions", of_them(f"max by (user, team) (aws_user_regions_used_last_30d{{{NAMED}}})")),
            Column("Active days", of_them(f"max by (user, team) (aws_user_active_dates_last_30d{{{NAMED}}})")),
        ],
        sort="Events",
        empty=NO_EVENTS,
        width=16,
        height=10,
        links=TO_PERSON,
    )


def _levels() -> AnyPanel:
    return shares(
        "Levels",
        "People by how much they did in the last 30 days. usage.levels of the config says from how many events on a level holds.",
        f"count by (level) (max by (user, team, level) (aws_user_usage_level_last_30d{{{NAMED}}}))",
        "{{level}}",
        empty=_NO_PRINCIPALS,
    )


def _sensitive() -> table.Panel:
    most = top(_BY_CATEGORY, MOST_ROWS)
    newest = f"max by (user, team, category) (aws_user_last_sensitive_event_timestamp_seconds{{{NAMED}}})"
    return rows(
        "Who did what is sensitive",
        f"People and categories with most sensitive events in the window, at most {MOST_ROWS}.",
        PERSON | {"category": "Category"},
        [Column("Events", most), Column("Newest", f"{newest} and on (user, team, category) {most}", unit=MOMENT)],
        sort="Newest",
        empty=_NOTHING_SENSITIVE,
        width=16,
        height=10,
        links=TO_PERSON,
    )


def _denied() -> table.Panel:
    most = top(_DENIED, MOST_ROWS)
    yesterday = f"{EACH} (aws_user_denied_events_yesterday{{{NAMED}}})"
    typical = f"max by (user, team) (aws_user_typical_day_denied_events{{{NAMED}}})"
    return rows(
        "Who was denied most",
        f"The {MOST_ROWS} people with most denied events in the window. A typical day is the median of a person's days with denied events in four weeks.",
        PERSON,
        [
            Column("Denied", most),
            Column("Of their events", f"({most}) / ({events()} > 0)", unit="percentunit", decimals=1),
            Column("Yesterday", f"{yesterday} and on (user, team) {most}"),
            Column("Typical day", f"{typical} and on (user, team) {most}"),
        ],
        sort="Denied",
        empty=_NOTHING_DENIED,
        height=9,
        links=TO_PERSON,
    )


def _kinds() -> table.Panel:
    return rows(
        "Kinds",
        "Events of the last 30 days by who caused them, today's apart. The root user should hardly ever be among them. Team and user do not apply.",
        {"kind": "Kind"},
        [
            Column("Events", "sum by (kind) (aws_principal_events_last_30d)"),
            Column("Denied", "sum by (kind) (aws_principal_denied_events_last_30d)"),
            Column("Sensitive", "sum by (kind) (aws_principal_sensitive_events_last_30d)"),
            Column("Today", "sum by (kind) (aws_principal_events_today)"),
            Column("Newest event", "max by (kind) (aws_principal_last_event_timestamp_seconds)", unit=MOMENT),
        ],
        sort="Events",
        empty=_NO_PRINCIPALS,
        width=16,
        height=10,
    )


def _sensitive_kinds() -> table.Panel:
    return rows(
        "Sensitive events by kind",
        "Sensitive events of the last 30 days by who caused them, people among them. Team and user do not apply.",
        {"kind": "Kind", "category": "Category"},
        [
            Column("Events", "sum by (kind, category) (aws_principal_sensitive_events_last_30d)"),
            Column("Newest", "max by (kind, category) (aws_principal_last_sensitive_event_timestamp_seconds)", unit=MOMENT),
        ],
        sort="Newest",
        empty="Nothing sensitive happened in the last 30 days, or no CloudTrail day of them has landed",
        height=9,
    )
