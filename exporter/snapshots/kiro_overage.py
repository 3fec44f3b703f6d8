"""Where Kiro's overage lies. The reports do not say whether Overage_Credits_Used is a part of Credits_Used or comes on top, nor in so many words that
it is daily; published readers disagree. So the data are asked, and the answer is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import duckdb

Relation = Literal["auto", "inside", "on_top"]
Period = Literal["auto", "daily", "month_to_date"]

_ENOUGH_DAYS = 5
_MOST = 0.9

_EVIDENCE = """
WITH daily AS (
    SELECT identity, date_trunc('month', day) AS month, day, sum(credits) AS credits, sum(overage_credits) AS overage,
        max(coalesce(included_credits, t.credits_included)) AS included
    FROM kiro_credits LEFT JOIN (SELECT tier, credits AS credits_included FROM kiro_tier) t USING (tier)
    -- Of few people there is anything to say.
    WHERE model IS NULL AND identity IN (SELECT identity FROM kiro_credits WHERE overage_credits > 0)
    GROUP BY ALL
),
steps AS (
    SELECT *, overage - lag(overage) OVER (PARTITION BY identity, month ORDER BY day) AS step FROM daily
),
months AS (
    SELECT identity, month, sum(credits) AS credits, sum(overage) AS overage, max(included) AS included,
        count(*) FILTER (WHERE overage > 0) AS overage_days, count(*) FILTER (WHERE step < 0) AS falls,
        bool_or(overage > credits) AS overage_exceeds, bool_or(coalesce(step, overage) > credits) AS step_exceeds
    FROM steps
    -- A month that is not whole may stop below its allowance for no other reason.
    WHERE month >= (SELECT min(first_day) FROM landed WHERE source = 'kiro_credits')
    GROUP BY ALL
    HAVING sum(overage) > 0
)
SELECT
    count(*) FILTER (WHERE overage_days >= $enough) AS long_months,
    count(*) FILTER (WHERE overage_days >= $enough AND falls = 0 AND overage_exceeds) AS rising,
    count(*) FILTER (WHERE overage_exceeds OR credits <= included * 1.001) AS on_top,
    count(*) FILTER (WHERE NOT overage_exceeds AND credits > included * 1.001) AS inside,
    -- The same where overage is the month's so far: what is new a day counts then.
    count(*) FILTER (WHERE step_exceeds OR credits <= included * 1.001) AS cumulative_on_top,
    count(*) FILTER (WHERE NOT step_exceeds AND credits > included * 1.001) AS cumulative_inside
FROM months"""


@dataclass(frozen=True, slots=True)
class Overage:
    """How overage is read, and the months of a person that speak for each reading; zeros where the config decides or nobody had overage."""

    on_top: bool
    cumulative: bool
    said_on_top: int = 0
    said_inside: int = 0
    said_cumulative: int = 0
    said_daily: int = 0

    def sentence(self) -> str:
        """What was decided and why, for the log."""
        relation = "on top of Credits_Used" if self.on_top else "inside Credits_Used"
        period = "month to date" if self.cumulative else "daily"
        return (
            f"Overage_Credits_Used is read as {period} and {relation}: of the person-months with overage {self.said_inside} say inside,"
            f" {self.said_on_top} on top, {self.said_cumulative} month to date, {self.said_daily} daily"
        )


def decide(connection: duckdb.DuckDBPyConnection, relation: Relation, period: Period) -> Overage:
    """Follows the config, and where that says `auto` the majority of the person-months with overage; without any, daily and inside.

    A month speaks for month-to-date figures when over five days or more they never fell and passed the day's credits; for on top when overage exceeds
    the credits it should be part of, or the credits stop at the included ones; for inside when the credits go on beyond them.
    """
    ((long_months, rising, *votes),) = connection.execute(_EVIDENCE, {"enough": _ENOUGH_DAYS}).fetchall()
    cumulative = period == "month_to_date" or (period == "auto" and rising > _MOST * long_months)
    on_top, inside = votes[2:] if cumulative else votes[:2]
    return Overage(
        on_top=relation == "on_top" or (relation == "auto" and on_top > inside),
        cumulative=cumulative,
        said_on_top=on_top,
        said_inside=inside,
        said_cumulative=rising,
        said_daily=long_months - rising,
    )
