"""Who there is: one info series a person, and since when they are known."""

from __future__ import annotations

from exporter.families import Family, Group, Kind

PEOPLE = Group(
    name="people",
    source=None,
    tables=(),
    families=(
        Family(
            name="aws_user_info",
            help="Who a user is, from the directory, the people file and the reports. Always 1, one series a user; join on user.",
            statement="SELECT person, user_id, display_name, email, department, status, 1 AS value FROM person",
            kind=Kind.ESSENTIAL,
            labels=("user_id", "display_name", "email", "department", "status"),
            additive=False,
        ),
        Family(
            name="aws_user_created_timestamp_seconds",
            help="Unix time since when a person is in the directory, else first known to the exporter or first active in the stored history.",
            statement="""
                SELECT person, coalesce(created, least(known, first_active)) AS value
                FROM person
                LEFT JOIN (SELECT person, min(first_time) AS first_active FROM activity JOIN owner USING (identity) GROUP BY person) USING (person)
                WHERE value IS NOT NULL""",
            kind=Kind.ESSENTIAL,
            additive=False,
        ),
    ),
)
