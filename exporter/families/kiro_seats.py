"""Kiro seats: who holds which tier and since when, what they cost by list price, and which tier would have cost least.

Evidence of a seat are the people file, the reports, and the bill where it names seats (`bill_seat`, see `bill_tables.py`). Its newest month counts: fees are
dated the 1st or spread over days, and those of a month that has just begun can be missing.
"""

from __future__ import annotations

from exporter.families import Family, Kind, Table

_MONTHS = ("month_to_date", "last_month")

SEAT_TABLES = (
    Table(
        "kiro_billed_seat",
        # The tier is that of the newest month of the bill, NULL for who is in an older one only. A tier that was left is refunded: it does not count.
        """
        SELECT person, min(first_day) AS first_day, any_value(newest) AS newest,
            arg_max(tier, (coalesce(price, -1), tier)) FILTER (WHERE month = newest) AS tier
        FROM (
            SELECT person, tier, price, date_trunc('month', day)::DATE AS month, min(day) AS first_day
            FROM bill_seat LEFT JOIN kiro_tier USING (tier)
            WHERE charge IN ('subscription', 'usage', 'refund')
            GROUP BY ALL
            HAVING sum(cost) > 0 OR (sum(cost) = 0 AND sum(quantity) > 0)
        )
        CROSS JOIN (SELECT max(date_trunc('month', day))::DATE AS newest FROM bill_seat)
        GROUP BY person""",
    ),
    Table(
        "kiro_billed_since",
        # A seat that stands in the oldest month of the bill in memory may be older: since the person was first billed for anything, or used Kiro.
        """
        SELECT person, CASE
            WHEN b.first_day > last_day(oldest) THEN b.first_day
            ELSE least(b.first_day, make_timestamp(known_bill * 1000000)::DATE, s.first_day)
            END AS since
        FROM kiro_billed_seat b
        CROSS JOIN (SELECT min(day) AS oldest FROM bill)
        LEFT JOIN (SELECT person, min(first_time) AS known_bill FROM activity JOIN owner USING (identity) WHERE source = 'cur' GROUP BY person) USING (person)
        LEFT JOIN kiro_seen s USING (person)""",
    ),
    Table(
        "kiro_seat",
        # A seat is held by whom the people file says so, whom the newest month of the bill names, and whom a report of the last 30 landed days shows on a
        # paid tier. Between bill and report the newer month tells the tier. Kiro charges an assigned seat from the first sign-in on: before, it is in no bill.
        """
        SELECT person, tier, since, last_day,
            CASE WHEN last_day >= unused_since THEN 'active' WHEN assigned THEN 'pending' WHEN since <= unused_since THEN 'idle' ELSE 'new' END AS status
        FROM (
            SELECT p.person, s.last_day, l.last_day - idle_days + 1 AS unused_since,
                CASE WHEN n.day > l.last_day - 30 THEN nullif(n.tier, 'free') END AS reported_tier,
                coalesce(CASE WHEN b.tier IS NULL OR n.day >= b.newest THEN reported_tier END, b.tier, p.seat_tier) AS tier,
                coalesce(p.seat_since, a.activated, f.since, s.first_day, make_timestamp(p.known * 1000000)::DATE) AS since,
                b.person IS NULL AND s.person IS NULL AND reported_tier IS NULL AND EXISTS (FROM kiro_billed_seat) AS assigned
            FROM person p
            CROSS JOIN kiro_setting
            JOIN landed l ON l.source = 'kiro_credits'
            LEFT JOIN kiro_newest n USING (person)
            LEFT JOIN kiro_seen s USING (person)
            LEFT JOIN kiro_billed_seat b USING (person)
            LEFT JOIN kiro_billed_since f USING (person)
            LEFT JOIN (SELECT person, max(day) AS activated FROM kiro_credits JOIN owner USING (identity) WHERE new_user GROUP BY person) a USING (person)
        )
        WHERE tier IS NOT NULL""",
    ),
    Table(
        "kiro_allowance",
        # What a month includes: the report's Usage_Limit, else the table of tiers. The report's Overage_Cap is no allowance.
        """
        FROM (
            SELECT person, coalesce(CASE WHEN n.tier = s.tier OR n.tier IS NULL OR s.tier IS NULL THEN n.included_credits END, t.credits) AS credits
            FROM kiro_newest n FULL JOIN kiro_seat s USING (person) LEFT JOIN kiro_tier t ON t.tier = coalesce(s.tier, n.tier)
        )
        WHERE credits IS NOT NULL""",
    ),
)

PRICE_TABLES = (
    Table(
        "kiro_month",
        """
        SELECT DISTINCT "window", date_trunc('month', day)::DATE AS first_day, last_day(day) AS last_day
        FROM window_days
        WHERE source = 'kiro_credits' AND "window" IN ('month_to_date', 'last_month')""",
    ),
    Table(
        "kiro_rightsizing",
        # What last month would have cost on each tier, for seats in use that were held all that month, once all of it has landed: less of it would speak for
        # too small a tier. Where overage is off, a tier that includes less than was consumed is no choice. Idle seats are to be given back, not to be resized.
        # Nobody consumes a thousand million credits: where a report says so, nothing is said, and the products stay within their decimals.
        """
        SELECT person, arg_min(option, (cost, option <> tier, price, option)) AS option, any_value(own_cost) - min(cost) AS saving
        FROM (
            SELECT s.person, s.tier, t.tier AS option, t.price, used,
                t.price + greatest(0, used - CASE WHEN t.tier = s.tier THEN coalesce(a.credits, t.credits) ELSE t.credits END) * overage_price AS cost,
                max(cost) FILTER (WHERE t.tier = s.tier) OVER (PARTITION BY s.person) AS own_cost
            FROM kiro_seat s
            JOIN (FROM kiro_month WHERE "window" = 'last_month') m ON s.since <= m.first_day
            JOIN landed l ON l.source = 'kiro_credits' AND l.first_day <= m.first_day AND l.last_day >= m.last_day
            JOIN (SELECT person, try_cast(credits AS DECIMAL(21,12)) AS used FROM kiro_person_windowed WHERE "window" = 'last_month') USING (person)
            LEFT JOIN kiro_allowance a USING (person)
            LEFT JOIN kiro_newest n USING (person)
            CROSS JOIN kiro_setting
            JOIN kiro_tier t ON t.tier = s.tier OR (t.price > 0 AND (n.overage_enabled OR t.credits >= used))
            WHERE s.status = 'active'
        )
        WHERE own_cost IS NOT NULL AND used IS NOT NULL
        GROUP BY person""",
    ),
)

SEAT_FAMILIES = (
    Family(
        name="kiro_user_included_credits",
        help="Kiro credits that a month includes: the report's Usage_Limit, else by tier.",
        statement="SELECT person, credits AS value FROM kiro_allowance",
        kind=Kind.ESSENTIAL,
    ),
    Family(
        name="kiro_user_seat",
        help="1 for each person with a paid Kiro seat. status: active, new (held for less than kiro.idle_after and unused), idle (longer and unused),"
        " pending (assigned by the people file, but in no bill and never used, so not charged; known where the bill names seats).",
        statement="SELECT person, tier, status, 1 AS value FROM kiro_seat",
        kind=Kind.ESSENTIAL,
        labels=("tier", "status"),
    ),
    Family(
        name="kiro_user_seat_start_timestamp_seconds",
        help="Unix time of the day since when the seat is held: as the people file says, else activated, else first billed, else first used, else first known.",
        statement="SELECT person, epoch(since)::BIGINT AS value FROM kiro_seat WHERE since IS NOT NULL",
        kind=Kind.ESSENTIAL,
        additive=False,
    ),
    Family(
        name="kiro_user_list_cost",
        help="What a person's Kiro use costs by the list price of the config. The seat counts in full for its month, from its start; a pending one is free;"
        " overage as consumed.",
        statement="""
            SELECT "window", person, 'seat' AS component, currency,
                (CASE WHEN status = 'pending' THEN 0 ELSE price END
                    * greatest(0, m.last_day - greatest(coalesce(since, m.first_day), m.first_day) + 1) / (m.last_day - m.first_day + 1))::DOUBLE AS value
            FROM kiro_seat JOIN kiro_tier USING (tier) CROSS JOIN kiro_month m CROSS JOIN kiro_setting
            UNION ALL
            SELECT "window", person, 'overage', currency, coalesce(try(overage * overage_price)::DOUBLE, overage::DOUBLE * overage_price::DOUBLE)
            FROM kiro_person_windowed CROSS JOIN kiro_setting
            WHERE "window" IN ('month_to_date', 'last_month')""",
        kind=Kind.ESSENTIAL,
        labels=("component", "currency"),
        windows=_MONTHS,
    ),
    Family(
        name="kiro_user_recommended_tier",
        help="1 on the tier that would have cost least last month, overage included, by list price; for seats in use that were held all that month."
        " It is the person's own tier where no other is cheaper.",
        statement="SELECT person, option AS tier, 1 AS value FROM kiro_rightsizing",
        kind=Kind.ESSENTIAL,
        labels=("tier",),
    ),
    Family(
        name="kiro_user_rightsizing_saving",
        help="What kiro_user_recommended_tier would have saved last month, by list price.",
        statement="SELECT person, currency, saving AS value FROM kiro_rightsizing CROSS JOIN kiro_setting",
        kind=Kind.SPARSE,
        labels=("currency",),
    ),
    Family(
        name="kiro_tier_included_credits",
        help="Credits that a month of a tier includes, from the config. Do not sum.",
        statement="SELECT tier, credits AS value FROM kiro_tier",
        kind=Kind.PLAIN,
        labels=("tier",),
    ),
    Family(
        name="kiro_tier_price",
        help="List price of a seat a month, from the config. Do not sum.",
        statement="SELECT tier, currency, price AS value FROM kiro_tier CROSS JOIN kiro_setting",
        kind=Kind.PLAIN,
        labels=("tier", "currency"),
    ),
    Family(
        name="kiro_overage_price",
        help="List price of one credit of overage, from the config.",
        statement="SELECT currency, overage_price AS value FROM kiro_setting",
        kind=Kind.PLAIN,
        labels=("currency",),
    ),
)
