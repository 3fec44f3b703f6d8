"""AWS activity of people and of every other principal, from CloudTrail management events.

A fact row is (day, principal, dimension, value): `access` rows hold every event once, `service`, `region` and `account` rows hold it again by that
dimension, `category` rows the sensitive ones. So sums go over one dimension at a time.
"""

from __future__ import annotations

from exporter.families import Family, Group, Kind, Table, alike_days

_SHORT = ("yesterday", "last_30d", "month_to_date")
_PRINCIPALS = ("today", "yesterday", "last_30d")

_TABLES = (
    Table(
        "cloudtrail_kind_daily",
        """
        SELECT day, kind, dimension, CASE WHEN dimension = 'category' THEN c.value END AS category,
            sum(events)::BIGINT AS events, sum(denied)::BIGINT AS denied, max(last_event) AS last_event
        FROM cloudtrail c
        WHERE dimension IN ('access', 'category')
        GROUP BY ALL""",
    ),
    Table(
        "cloudtrail_windowed",
        f"""
        WITH {alike_days("cloudtrail")},
        summed AS (
            SELECT days, person, dimension, c.value AS value_of, sum(events)::BIGINT AS events, sum(denied)::BIGINT AS denied
            FROM cloudtrail c JOIN owner USING (identity) JOIN alike USING (day)
            WHERE dimension NOT IN ('link', 'created')
            GROUP BY ALL
        )
        SELECT "window", person, dimension, value_of, sum(events)::BIGINT AS events, sum(denied)::BIGINT AS denied
        FROM summed JOIN alike_window USING (days)
        GROUP BY ALL""",
    ),
    Table(
        "cloudtrail_person_windowed",
        """
        SELECT w."window", person,
            coalesce(sum(events) FILTER (WHERE value_of = 'read'), 0)::BIGINT AS read_events,
            coalesce(sum(events) FILTER (WHERE value_of = 'write'), 0)::BIGINT AS write_events,
            coalesce(sum(events) FILTER (WHERE value_of = 'unknown'), 0)::BIGINT AS unknown_events,
            coalesce(sum(denied), 0)::BIGINT AS denied
        FROM person
        CROSS JOIN (SELECT DISTINCT "window" FROM window_days WHERE source = 'cloudtrail') w
        LEFT JOIN (FROM cloudtrail_windowed WHERE dimension = 'access') USING ("window", person)
        GROUP BY ALL""",
    ),
    Table(
        "cloudtrail_distinct",
        # Counted over all identities of a person: each day, service and region once.
        """
        SELECT w."window", person, coalesce(dates, 0) AS dates, coalesce(services, 0) AS services, coalesce(regions, 0) AS regions
        FROM person
        CROSS JOIN (SELECT DISTINCT "window" FROM window_days WHERE source = 'cloudtrail') w
        LEFT JOIN (
            SELECT "window", person, count(*) FILTER (WHERE dimension = 'service') AS services, count(*) FILTER (WHERE dimension = 'region') AS regions
            FROM cloudtrail_windowed WHERE events > 0 GROUP BY ALL
        ) USING ("window", person)
        LEFT JOIN (
            SELECT "window", person, count(*) AS dates
            FROM (SELECT DISTINCT person, day FROM cloudtrail JOIN owner USING (identity) WHERE dimension = 'access' AND events > 0)
            JOIN window_days USING (day)
            WHERE source = 'cloudtrail'
            GROUP BY ALL
        ) USING ("window", person)""",
    ),
    Table(
        "cloudtrail_month",
        """
        SELECT person, read_events, write_events, unknown_events, read_events + write_events + unknown_events AS events, coalesce(sensitive, 0) AS sensitive
        FROM cloudtrail_person_windowed
        LEFT JOIN (
            SELECT person, sum(events)::BIGINT AS sensitive FROM cloudtrail_windowed WHERE dimension = 'category' AND "window" = 'last_30d' GROUP BY person
        ) USING (person)
        WHERE "window" = 'last_30d'""",
    ),
    Table(
        "cloudtrail_seen",
        """
        SELECT person, min(first_time) AS first_time, max(last_time) AS last_time
        FROM activity JOIN owner USING (identity)
        WHERE source = 'cloudtrail'
        GROUP BY person""",
    ),
)


def _breakdown(dimension: str, label: str, of: str) -> Family:
    return Family(
        name=f"aws_user_{dimension}_events",
        help=f"CloudTrail management events of a person by {of}.",
        statement=f"""SELECT "window", person, value_of AS {label}, events AS value FROM cloudtrail_windowed WHERE dimension = '{dimension}'""",
        kind=Kind.BREAKDOWN,
        labels=(label,),
        windows=_SHORT,
        fold=label,
    )


_PEOPLE_FAMILIES = (
    Family(
        name="aws_user_events",
        help="CloudTrail management events of a person; access says whether they read or write.",
        statement="""
            SELECT "window", person, 'read' AS access, read_events AS value FROM cloudtrail_person_windowed
            UNION ALL SELECT "window", person, 'write', write_events FROM cloudtrail_person_windowed
            UNION ALL SELECT "window", person, 'unknown', unknown_events FROM cloudtrail_person_windowed WHERE unknown_events > 0""",
        kind=Kind.ESSENTIAL,
        labels=("access",),
        windows=("yesterday", "last_7d", "last_30d", "month_to_date"),
    ),
    Family(
        name="aws_user_denied_events",
        help="CloudTrail management events of a person that were denied; part of aws_user_events.",
        statement='SELECT "window", person, denied AS value FROM cloudtrail_person_windowed',
        kind=Kind.SPARSE,
        windows=_SHORT,
    ),
    Family(
        name="aws_user_sensitive_events",
        help="Sensitive CloudTrail events of a person by category; part of aws_user_events. Sensitive is what to know of, not what is wrong.",
        statement="""SELECT "window", person, value_of AS category, events AS value FROM cloudtrail_windowed WHERE dimension = 'category'""",
        kind=Kind.SPARSE,
        labels=("category",),
        windows=_SHORT,
    ),
    _breakdown("service", "aws_service", "AWS service"),
    _breakdown("region", "aws_region", "AWS region"),
    _breakdown("account", "aws_account", "the account in which they happened"),
    Family(
        name="aws_user_services_used",
        help="Different AWS services that a person used. Do not sum.",
        statement='SELECT "window", person, services AS value FROM cloudtrail_distinct',
        kind=Kind.ESSENTIAL,
        windows=("last_30d",),
        additive=False,
    ),
    Family(
        name="aws_user_regions_used",
        help="Different AWS regions that a person used. Do not sum.",
        statement='SELECT "window", person, regions AS value FROM cloudtrail_distinct',
        kind=Kind.ESSENTIAL,
        windows=("last_30d",),
        additive=False,
    ),
    Family(
        name="aws_user_active_dates",
        help="Days on which a person caused CloudTrail events. Not additive over windows.",
        statement='SELECT "window", person, dates AS value FROM cloudtrail_distinct',
        kind=Kind.ESSENTIAL,
        windows=("last_30d", "month_to_date"),
        additive=False,
    ),
    Family(
        name="aws_user_activity_score_last_30d",
        help="Weighted events of the 30 UTC days that end with the newest landed day: by usage.score of the config, read 1, write 1.25, sensitive 1.1 on top."
        " Events that say neither count as read.",
        statement="""
            SELECT person, ((read_events + unknown_events) * read_weight + write_events * write_weight + sensitive * sensitive_weight)::DOUBLE AS value
            FROM cloudtrail_month CROSS JOIN usage_score""",
        kind=Kind.ESSENTIAL,
        additive=False,
    ),
    Family(
        name="aws_user_usage_level_last_30d",
        help="1 on the level that a person's events of the last 30 landed days reach, by usage.levels of the config.",
        statement="""
            SELECT person, level, 1 AS value
            FROM (SELECT person, arg_max(level, from_events) AS level FROM cloudtrail_month JOIN usage_level ON events >= from_events GROUP BY person)""",
        kind=Kind.ESSENTIAL,
        labels=("level",),
        additive=False,
    ),
    Family(
        name="aws_user_first_activity_timestamp_seconds",
        help="Unix time of the first CloudTrail event of a person in the stored history. Absent for the never seen.",
        statement="SELECT person, first_time AS value FROM cloudtrail_seen",
        kind=Kind.ESSENTIAL,
        additive=False,
    ),
    Family(
        name="aws_user_last_activity_timestamp_seconds",
        help="Unix time of the newest CloudTrail event of a person. Absent for the never seen.",
        statement="SELECT person, last_time AS value FROM cloudtrail_seen",
        kind=Kind.ESSENTIAL,
        additive=False,
    ),
    Family(
        name="aws_user_last_sensitive_event_timestamp_seconds",
        help="Unix time of the newest sensitive event of a person by category, within the days that windows reach.",
        statement="""
            SELECT person, c.value AS category, max(last_event) AS value
            FROM cloudtrail c JOIN owner USING (identity)
            WHERE dimension = 'category'
            GROUP BY ALL""",
        kind=Kind.SPARSE,
        labels=("category",),
        additive=False,
    ),
    Family(
        name="aws_user_typical_day_denied_events",
        help="Median of the days with denied events among the 28 UTC days before yesterday.",
        statement="""
            SELECT person, median(denied)::DOUBLE AS value
            FROM (
                SELECT person, day, sum(denied) AS denied
                FROM cloudtrail JOIN owner USING (identity) CROSS JOIN clock
                WHERE dimension = 'access' AND day BETWEEN today - 29 AND today - 2
                GROUP BY ALL
                HAVING sum(denied) > 0
            )
            GROUP BY person""",
        kind=Kind.SPARSE,
        additive=False,
    ),
)

_PRINCIPAL_FAMILIES = (
    Family(
        name="aws_principal_events",
        help="All CloudTrail management events by who caused them. Those of kind human are the sum of aws_user_events.",
        statement="""SELECT "window", kind, sum(events)::BIGINT AS value FROM cloudtrail_kind_daily JOIN window_days w USING (day)
            WHERE w.source = 'cloudtrail' AND dimension = 'access' GROUP BY ALL""",
        kind=Kind.PLAIN,
        labels=("kind",),
        windows=_PRINCIPALS,
    ),
    Family(
        name="aws_principal_denied_events",
        help="Denied CloudTrail management events by who caused them; part of aws_principal_events.",
        statement="""SELECT "window", kind, sum(denied)::BIGINT AS value FROM cloudtrail_kind_daily JOIN window_days w USING (day)
            WHERE w.source = 'cloudtrail' AND dimension = 'access' GROUP BY ALL""",
        kind=Kind.PLAIN,
        labels=("kind",),
        windows=_PRINCIPALS,
    ),
    Family(
        name="aws_principal_sensitive_events",
        help="Sensitive CloudTrail events by who caused them and by category; part of aws_principal_events.",
        statement="""SELECT "window", kind, category, sum(events)::BIGINT AS value FROM cloudtrail_kind_daily JOIN window_days w USING (day)
            WHERE w.source = 'cloudtrail' AND dimension = 'category' GROUP BY ALL""",
        kind=Kind.PLAIN,
        labels=("kind", "category"),
        windows=_PRINCIPALS,
    ),
    Family(
        name="aws_principal_last_event_timestamp_seconds",
        help="Unix time of the newest CloudTrail event by who caused it, within the days that windows reach.",
        statement="SELECT kind, max(last_event) AS value FROM cloudtrail_kind_daily WHERE dimension = 'access' GROUP BY kind",
        kind=Kind.PLAIN,
        labels=("kind",),
    ),
    Family(
        name="aws_principal_last_sensitive_event_timestamp_seconds",
        help="Unix time of the newest sensitive event by who caused it and by category, within the days that windows reach.",
        statement="SELECT kind, category, max(last_event) AS value FROM cloudtrail_kind_daily WHERE dimension = 'category' GROUP BY kind, category",
        kind=Kind.PLAIN,
        labels=("kind", "category"),
    ),
)

ACTIVITY = Group(
    name="cloudtrail",
    source="cloudtrail",
    tables=_TABLES,
    families=(*_PRINCIPAL_FAMILIES, *_PEOPLE_FAMILIES),
    standing="SELECT person, read_events + write_events + unknown_events AS value FROM cloudtrail_month",
)
