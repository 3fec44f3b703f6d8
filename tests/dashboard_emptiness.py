"""Which queries of dashboards have no answer on the demo, and why."""

from __future__ import annotations

from collections.abc import Mapping

from dashboards_rig import Demo, Query

NOT_HERE = {
    "exporter: Refreshes and failures B": "no refresh of the demo fails",
    "exporter: Folded series by family A": "60 people stay below the limits of series",
    "exporter: Spent by API A": "the demo asks nothing of AWS",
    "exporter: Requests by API A": "the demo asks nothing of AWS",
    "inactive: Who was not seen lately A 90": "the demo knows 62 days",
    "inactive: Who was not seen lately B 90": "the demo knows 62 days",
    "inactive: Who was not seen lately C 90": "the demo knows 62 days",
    "inactive: Teams C 90": "the demo knows 62 days",
}
"""Queries that are empty on the demo, whatever day it is, and why."""

_TWO_MONTHS = "the demo knows 62 days, and nobody need have been last seen on the first two of them"
_NO_MONDAY = "Kiro now and then writes no report, also on the Monday on which people of the sample begin and come back"
SELDOM = {
    "aws-usage: Who was denied most C": "nobody need have been denied yesterday",
    "aws-usage: Who was denied most D": "who is denied now and then has no typical day",
    "exporter: Rejected rows, last 24 hours": "counted before the first scrape, most of them do not increase",
    "inactive: Who was not seen lately A 60": _TWO_MONTHS,
    "inactive: Who was not seen lately B 60": _TWO_MONTHS,
    "inactive: Who was not seen lately C 60": _TWO_MONTHS,
    "inactive: Teams C 60": _TWO_MONTHS,
    "inactive: Who was not seen lately B": "who was not seen lately may have used Kiro only",
    "kiro-behaviour: New and returned people": _NO_MONDAY,
    "kiro-behaviour: Leaving people": "everybody may have used it in the week",
    "kiro-behaviour: At risk": "nobody's use need have halved",
    "kiro-cost: When an upgrade pays C": "nobody's overage need be that high by this day of the month",
    "kiro-cost: Overage of this month": "nobody is over early in a month",
    "kiro-overview: Near the limit": "nobody is near it early in a month",
    "kiro-overview: Running out": "nobody runs out early in a month",
    "kiro-overview: Blocked": "nobody is over early in a month",
    "kiro-cost: Seats of the wrong size C": "who has too large a seat has no overage",
    "person: Alerts": "no alert need be about one person",
    "person: Seat": "a person may use Kiro on a seat that was given up",
}
"""Panels, or one query of them, whose subject need not have happened, and why: these may be empty."""

_OVERAGE = "on a day off, or in a month that has just begun, nobody need be over"
_EVENTS = "on a day off, or in a month that has just begun, nobody need have done that"
_PERSON = "one person need not have worked on the day"
NOT_EVERY_DAY = {
    "aws-cost: Top people C": "seats are billed on the first of a month",
    "aws-usage: Most active D": _EVENTS,
    "aws-usage: Most active E": _EVENTS,
    "aws-usage: Sensitive events by category": _EVENTS,
    "aws-usage: Who did what is sensitive": _EVENTS,
    "aws-usage: Who was denied most": _EVENTS,
    "kiro-cost: Credits by person B": _OVERAGE,
    "kiro-overview: Top 10 by credits C": _OVERAGE,
    "overview: Top 10 by overage credits": _OVERAGE,
    "kiro-features: Inline acceptance": _EVENTS,
    "kiro-features: Acceptance by feature": _EVENTS,
    "kiro-features: Uses by person and feature B": _EVENTS,
    "kiro-features: Lines by person": _EVENTS,
    "kiro-behaviour: Top 10 by lines of AI code C": _EVENTS,
    "kiro-behaviour: Behaviour by person": _EVENTS,
    "person: Share of writes": _PERSON,
    "person: Share denied": _PERSON,
    "person: Events by service": _PERSON,
    "person: Events by region": _PERSON,
    "person: Events by account": _PERSON,
    "person: Sensitive events A": _PERSON,
    "person: Cost by service": _PERSON,
    "person: Messages by model": _PERSON,
    "person: Credits by client": _PERSON,
    "person: This person and the team B": _PERSON,
    "person: This person and the team C": _PERSON,
}
"""Panels, or one query of them, that may be empty in the windows of a day and of a month so far, and why."""

OF_THE_MONTH = ("month_to_date", "utilization", "forecast", "overage_start")
"""Names of what is absent until something of the month has landed."""


def declared(query: Query, reasons: Mapping[str, str]) -> bool:
    panel = f"{query.board}: {query.panel}"
    return not {panel, f"{panel} {query.ref}", query.name}.isdisjoint(reasons)


def may_be_empty(query: Query, demo: Demo) -> bool:
    """Whether the calendar, or chance, decides."""
    if not demo.landed and any(window in query.expression for window in ("_yesterday", "_today", "_3d_ago")):
        return True
    if demo.recount.today.day == 1 and any(name in query.expression for name in OF_THE_MONTH):
        return True
    short = query.chosen.get("window") in ("yesterday", "month_to_date")
    return declared(query, SELDOM) or (short and declared(query, NOT_EVERY_DAY))
