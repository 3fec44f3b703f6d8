"""The part of Person about one product at a time: what is done in AWS, where, at what cost; and Kiro by model and client, its seat and its cost."""

from __future__ import annotations

from grafana_foundation_sdk.builders import table

from grafana.source.aws import NO_BILL
from grafana.source.boards import AnyPanel
from grafana.source.panels import DAY, MOMENT, ranking
from grafana.source.queries import ONE, TOP, of_window, top
from grafana.source.tables import Column, rows

_NO_KIRO = "This person has not used Kiro in the window, or no Kiro report of it has landed"
_NO_SEAT = "This person is not known to hold a paid seat, or no Kiro report has landed"


def where() -> tuple[AnyPanel, ...]:
    """The events of a person by service, region and account."""
    return tuple(
        ranking(
            f"Events by {of}",
            f"CloudTrail management events in the window, the {TOP} with most.",
            top(f"sum by ({label}) ({of_window(f'aws_user_{of}_events', ONE)})"),
            f"{{{{{label}}}}}",
            empty="No events in the window, limits.breakdown_users folded them into _other, or no CloudTrail day of it has landed",
        )
        for of, label in (("service", "aws_service"), ("region", "aws_region"), ("account", "aws_account"))
    )


def sensitive() -> table.Panel:
    """What of them somebody should know of."""
    return rows(
        "Sensitive events",
        "What somebody should know of, in the window, and the newest ones that are known. Sensitive does not mean wrong.",
        {"category": "Category"},
        [
            Column("Events", f"sum by (category) ({of_window('aws_user_sensitive_events', ONE)})"),
            Column("Newest", f"max by (category) (aws_user_last_sensitive_event_timestamp_seconds{{{ONE}}})", unit=MOMENT),
        ],
        sort="Newest",
        empty="Nothing sensitive is known of this person, or no CloudTrail day has landed",
        width=8,
        height=10,
    )


def cost() -> tuple[AnyPanel, ...]:
    """What was billed for a person, by service and by kind of charge."""
    return (
        ranking(
            "Cost by service",
            f"What was billed in the window, the {TOP} services with most.",
            top(f"sum by (aws_service, currency) ({of_window('aws_user_service_cost', ONE)})"),
            "{{aws_service}}, {{currency}}",
            empty="Nothing was billed in the window, limits.breakdown_users folded it into _other, or no day of it has landed",
            decimals=2,
        ),
        rows(
            "Cost by kind of charge",
            "What was billed. Credits, refunds and discounts are below zero.",
            {"charge": "Charge", "currency": "Currency"},
            [
                Column("Window", f"sum by (charge, currency) ({of_window('aws_user_cost', ONE)})", decimals=2),
                Column("Last month", f"sum by (charge, currency) (aws_user_cost_last_month{{{ONE}}})", decimals=2),
            ],
            sort="Window",
            empty=NO_BILL,
            width=8,
            height=10,
        ),
    )


def kiro_use() -> tuple[AnyPanel, ...]:
    """Kiro use by model and by client."""
    return (
        ranking(
            "Messages by model",
            "Kiro messages in the window by the model that handled them.",
            top(f"sum by (model) ({of_window('kiro_user_model_messages', ONE)})"),
            "{{model}}",
            empty=_NO_KIRO,
            width=6,
        ),
        ranking(
            "Credits by client",
            "Kiro credits in the window by client, overage included.",
            top(f"sum by (client) ({of_window('kiro_user_client_credits', ONE)})"),
            "{{client}}",
            empty=_NO_KIRO,
            decimals=1,
            width=5,
        ),
    )


def seat() -> table.Panel:
    """The Kiro seat that a person holds."""
    since = f"max(kiro_user_seat_start_timestamp_seconds{{{ONE}}})"
    return rows(
        "Seat",
        "The paid Kiro seat. Idle: held for kiro.idle_after or longer and not used in that time. Pending: assigned, not charged.",
        {"tier": "Tier", "status": "Status"},
        [Column("Since", f"group by (tier, status) (kiro_user_seat{{{ONE}}}) * on () group_left () {since}", unit=DAY)],
        sort="Since",
        empty=_NO_SEAT,
        width=5,
        height=10,
    )


def kiro_cost() -> table.Panel:
    """What Kiro costs by list price and as billed."""
    return rows(
        "Cost of Kiro",
        "By the list price of the config, and what the bill names, which is part of the cost above. A seat counts in full for its month.",
        {"component": "Component", "currency": "Currency"},
        [
            Column("This month", f"sum by (component, currency) (kiro_user_list_cost_month_to_date{{{ONE}}})", decimals=2),
            Column("Last month", f"sum by (component, currency) (kiro_user_list_cost_last_month{{{ONE}}})", decimals=2),
            Column("Billed", f"sum by (component, currency) (kiro_user_billed_cost_month_to_date{{{ONE}}})", decimals=2),
        ],
        sort="This month",
        empty=_NO_SEAT,
        width=8,
        height=10,
    )
