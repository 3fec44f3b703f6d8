"""Kiro credits: what people consumed, by window, client and model, and what they are expected to need; from the per-client user report.

`kiro_user_credits_W` always includes overage. Whether the report's Overage_Credits_Used lies inside Credits_Used or on top is not documented:
`kiro_setting` holds what the config says or what `kiro_overage.py` found in the data.
"""

from __future__ import annotations

from exporter.families import Family, Group, Kind, Table, alike_days
from exporter.families.kiro_seats import PRICE_TABLES, SEAT_FAMILIES, SEAT_TABLES

_SHORT = ("yesterday", "last_30d", "month_to_date")

_TABLES = (
    Table(
        "kiro_daily",
        # One of the two branches is empty: to look back over every row costs more than all of the rest, so only figures that need it pay for it.
        """
        SELECT day, person, client,
            sum(credits + CASE WHEN on_top THEN daily_overage ELSE 0 END) AS credits, sum(daily_overage) AS overage,
            sum(messages)::BIGINT AS messages, sum(conversations)::BIGINT AS conversations
        FROM (
            SELECT *, overage_credits AS daily_overage FROM kiro_credits, kiro_setting WHERE model IS NULL AND NOT cumulative
            UNION ALL
            SELECT *, greatest(0, overage_credits - coalesce(lag(overage_credits) OVER month_so_far, 0)) AS daily_overage
            FROM kiro_credits, kiro_setting
            WHERE model IS NULL AND cumulative
            WINDOW month_so_far AS (PARTITION BY identity, account, region, client, date_trunc('month', day) ORDER BY day)
        )
        JOIN owner USING (identity)
        GROUP BY ALL""",
    ),
    Table(
        "kiro_windowed",
        """
        SELECT "window", person, client,
            sum(credits) AS credits, sum(overage) AS overage, sum(messages)::BIGINT AS messages, sum(conversations)::BIGINT AS conversations
        FROM kiro_daily JOIN window_days USING (day)
        WHERE source = 'kiro_credits'
        GROUP BY ALL""",
    ),
    Table(
        "kiro_active_dates",
        """
        SELECT "window", person, count(DISTINCT day) AS dates
        FROM kiro_daily JOIN window_days USING (day)
        WHERE source = 'kiro_credits' AND (credits > 0 OR overage > 0 OR messages > 0 OR conversations > 0)
        GROUP BY ALL""",
    ),
    Table(
        "kiro_newest",
        # The state of a person is that of the newest row; where two clients or profiles differ on that day, the dearer tier.
        """
        WITH newest AS (
            SELECT person, max(day) AS day FROM kiro_credits JOIN owner USING (identity) WHERE model IS NULL GROUP BY person
        )
        SELECT person, day, tier, overage_cap, overage_enabled, coalesce(included_credits, tier_credits) AS included_credits
        FROM (
            SELECT c.*, person, t.credits AS tier_credits,
                row_number() OVER (PARTITION BY person ORDER BY t.price DESC NULLS LAST, tier NULLS LAST, client, identity) AS place
            FROM kiro_credits c JOIN owner USING (identity) JOIN newest USING (person, day) LEFT JOIN kiro_tier t USING (tier)
            WHERE model IS NULL
        )
        WHERE place = 1""",
    ),
    Table(
        "kiro_seen",
        """
        SELECT person, make_timestamp(min(first_time) * 1000000)::DATE AS first_day, make_timestamp(max(last_time) * 1000000)::DATE AS last_day
        FROM activity JOIN owner USING (identity)
        WHERE source IN ('kiro_credits', 'kiro_features')
        GROUP BY person""",
    ),
    *SEAT_TABLES,
    Table(
        "kiro_person",
        """
        SELECT person FROM kiro_seat
        UNION SELECT person FROM kiro_seen
        UNION SELECT person FROM kiro_newest""",
    ),
    Table(
        "kiro_person_windowed",
        """
        SELECT w."window", person,
            coalesce(sum(credits), 0) AS credits, coalesce(sum(overage), 0) AS overage,
            coalesce(sum(messages), 0)::BIGINT AS messages, coalesce(sum(conversations), 0)::BIGINT AS conversations, coalesce(any_value(dates), 0) AS dates
        FROM kiro_person
        CROSS JOIN (SELECT DISTINCT "window" FROM window_days WHERE source = 'kiro_credits') w
        LEFT JOIN kiro_windowed USING ("window", person)
        LEFT JOIN kiro_active_dates USING ("window", person)
        GROUP BY ALL""",
    ),
    Table(
        "kiro_pace",
        # Consumption on a working day and on a day of the weekend, over the 28 days that end with the newest landed day, or since the first activity.
        """
        SELECT person,
            coalesce(sum(credits) FILTER (WHERE isodow(day) < 6), 0) / greatest(any_value(working_days), 1) AS working_day,
            coalesce(sum(credits) FILTER (WHERE isodow(day) > 5), 0) / greatest(any_value(weekend_days), 1) AS weekend_day
        FROM (
            SELECT person, last_day, greatest(s.first_day, l.first_day, l.last_day - 27) AS since,
                len(list_filter(range(since, l.last_day + 1, INTERVAL 1 DAY), lambda d: isodow(d) < 6)) AS working_days,
                len(list_filter(range(since, l.last_day + 1, INTERVAL 1 DAY), lambda d: isodow(d) > 5)) AS weekend_days
            FROM (SELECT person, first_day FROM kiro_seen) s JOIN landed l ON l.source = 'kiro_credits'
        )
        LEFT JOIN kiro_daily USING (person)
        WHERE day IS NULL OR day BETWEEN since AND last_day
        GROUP BY person""",
    ),
    Table(
        "kiro_days_to_come",
        """
        SELECT count(*) FILTER (WHERE isodow(day) < 6) AS working_days, count(*) FILTER (WHERE isodow(day) > 5) AS weekend_days
        FROM clock JOIN landed ON source = 'kiro_credits', unnest(range(greatest(last_day + 1, month_first), month_last + 1, INTERVAL 1 DAY)) AS days(day)""",
    ),
    *PRICE_TABLES,
)

_FAMILIES = (
    Family(
        name="kiro_user_credits",
        help="Kiro credits consumed, overage included, from the user report.",
        statement='SELECT "window", person, credits AS value FROM kiro_person_windowed',
        kind=Kind.ESSENTIAL,
        windows=("yesterday", "3d_ago", "last_7d", "last_30d", "month_to_date", "last_month"),
    ),
    Family(
        name="kiro_user_overage_credits",
        help="Kiro credits consumed beyond the included ones and charged; part of kiro_user_credits.",
        statement='SELECT "window", person, overage AS value FROM kiro_person_windowed',
        kind=Kind.SPARSE,
        windows=("yesterday", "3d_ago", "last_30d", "month_to_date", "last_month"),
    ),
    Family(
        name="kiro_user_messages",
        help="Kiro messages: prompts, tool calls and responses, without inline completions.",
        statement='SELECT "window", person, messages AS value FROM kiro_person_windowed',
        kind=Kind.ESSENTIAL,
        windows=_SHORT,
    ),
    Family(
        name="kiro_user_conversations",
        help="Kiro chat conversations.",
        statement='SELECT "window", person, conversations AS value FROM kiro_person_windowed',
        kind=Kind.ESSENTIAL,
        windows=_SHORT,
    ),
    Family(
        name="kiro_user_client_credits",
        help="Kiro credits consumed by client, overage included.",
        statement='SELECT "window", person, client, credits AS value FROM kiro_windowed',
        kind=Kind.BREAKDOWN,
        labels=("client",),
        windows=_SHORT,
        fold="client",
    ),
    Family(
        name="kiro_user_client_messages",
        help="Kiro messages by client.",
        statement='SELECT "window", person, client, messages AS value FROM kiro_windowed',
        kind=Kind.BREAKDOWN,
        labels=("client",),
        windows=_SHORT,
        fold="client",
    ),
    Family(
        name="kiro_user_model_messages",
        help="Kiro messages by the model that handled them. The reports hold no credits a model.",
        statement=f"""
            WITH {alike_days("kiro_credits")},
            summed AS (
                SELECT days, person, model, sum(messages)::BIGINT AS messages
                FROM kiro_credits JOIN owner USING (identity) JOIN alike USING (day)
                WHERE model IS NOT NULL
                GROUP BY ALL
            )
            SELECT "window", person, model, sum(messages)::BIGINT AS value FROM summed JOIN alike_window USING (days) GROUP BY ALL""",
        kind=Kind.BREAKDOWN,
        labels=("model",),
        windows=_SHORT,
        fold="model",
    ),
    Family(
        name="kiro_user_active_dates",
        help="Days on which a person used Kiro. Not additive over windows.",
        statement='SELECT "window", person, dates AS value FROM kiro_person_windowed',
        kind=Kind.ESSENTIAL,
        windows=("last_7d", "last_30d", "month_to_date"),
        additive=False,
    ),
    Family(
        name="kiro_user_overage_cap_credits",
        help="The newest report's Overage_Cap, in credits. It limits overage where that is enabled and says nothing of the included credits.",
        statement="SELECT person, overage_cap AS value FROM kiro_newest WHERE overage_cap IS NOT NULL",
        kind=Kind.ESSENTIAL,
    ),
    Family(
        name="kiro_user_overage_enabled",
        help="1 where a person may go on beyond the included credits, 0 where they are blocked there; of the newest report.",
        statement="SELECT person, overage_enabled::INTEGER AS value FROM kiro_newest WHERE overage_enabled IS NOT NULL",
        kind=Kind.ESSENTIAL,
        additive=False,
    ),
    Family(
        name="kiro_user_credit_utilization_ratio",
        help="Credits consumed this month divided by the included ones; over 1 is overage. Absent while nothing of the month has landed. Do not sum.",
        statement="""
            SELECT person, m.credits::DOUBLE / a.credits::DOUBLE AS value
            FROM kiro_person_windowed m JOIN kiro_allowance a USING (person)
            WHERE "window" = 'month_to_date' AND a.credits > 0""",
        kind=Kind.ESSENTIAL,
        additive=False,
    ),
    Family(
        name="kiro_user_forecast_credits",
        help="Credits that a person is expected to need in the whole month: consumed so far, and for the days to come the pace of working days"
        " and of weekends of the last 28 days. It does not stop at the included credits.",
        statement="""
            SELECT person, (coalesce(m.credits, 0) + coalesce(working_day, 0) * working_days + coalesce(weekend_day, 0) * weekend_days)::DOUBLE AS value
            FROM kiro_person
            CROSS JOIN kiro_days_to_come
            LEFT JOIN (SELECT person, credits FROM kiro_person_windowed WHERE "window" = 'month_to_date') m USING (person)
            LEFT JOIN kiro_pace USING (person)""",
        kind=Kind.ESSENTIAL,
    ),
    Family(
        name="kiro_user_overage_start_timestamp_seconds",
        help="Unix time of the start of the first day of this month with overage.",
        statement="""
            SELECT person, epoch(min(day))::BIGINT AS value
            FROM kiro_daily JOIN window_days USING (day)
            WHERE source = 'kiro_credits' AND "window" = 'month_to_date' AND overage > 0
            GROUP BY person""",
        kind=Kind.SPARSE,
        additive=False,
    ),
    Family(
        name="kiro_user_first_activity_timestamp_seconds",
        help="Unix time of the start of the first day with Kiro activity in the stored history. Absent for the never seen.",
        statement="SELECT person, epoch(first_day)::BIGINT AS value FROM kiro_seen",
        kind=Kind.ESSENTIAL,
        additive=False,
    ),
    Family(
        name="kiro_user_last_activity_timestamp_seconds",
        help="Unix time of the start of the newest day with Kiro activity. Absent for the never seen.",
        statement="SELECT person, epoch(last_day)::BIGINT AS value FROM kiro_seen",
        kind=Kind.ESSENTIAL,
        additive=False,
    ),
    *SEAT_FAMILIES,
)

KIRO_CREDITS = Group(
    name="kiro_credits",
    source="kiro_credits",
    tables=_TABLES,
    families=_FAMILIES,
    standing="SELECT person, credits AS value FROM kiro_person_windowed WHERE \"window\" = 'last_30d'",
)
