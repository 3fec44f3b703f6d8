"""What an operator decides about CloudTrail, and its patterns as the statement takes them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import duckdb

from exporter.errors import UserError
from exporter.sensitive_events import SensitiveEvent

_NEVER = "x^"


@dataclass(frozen=True, slots=True)
class CloudTrailSettings:
    """What an operator decides. Patterns are regular expressions as RE2 knows them, compared without case; they act on days read from now on."""

    accounts: tuple[str, ...] | None
    """Ids of the accounts to read; None: all."""
    include_data_events: bool
    history: timedelta
    """How far back the first load goes."""
    max_age: timedelta
    person_session: tuple[str, ...]
    """Sessions of roles that are people."""
    service_user: tuple[str, ...]
    """IAM users, by name or ARN, and source identities that are programs."""
    human_identity_providers: tuple[str, ...]
    """Identity providers whose users are people: the whole `identityProvider` of a record, or what follows its last `/` or `:`."""
    sensitive_events: tuple[SensitiveEvent, ...] = ()
    """In addition to the list that comes with the exporter."""
    table: str | None = None
    """On Athena: the table to read, with its database where that is another; None: `cloudtrail`."""


@dataclass(frozen=True, slots=True)
class Patterns:
    """One regular expression for each question of the statement."""

    programs: str
    providers: str
    people: str

    @classmethod
    def of(cls, settings: CloudTrailSettings) -> Patterns:
        """Raises UserError for a pattern that is none."""
        with duckdb.connect() as connection:
            for key, patterns in (("person_session", settings.person_session), ("service_user", settings.service_user)):
                for pattern in patterns:
                    _check(connection, key, pattern)
        names = tuple(f"(?:^|[:/]){re.escape(name)}$" for name in settings.human_identity_providers)
        return cls(_any(settings.service_user), _any(names), _any(settings.person_session))


def _any(patterns: Iterable[str]) -> str:
    alternatives = "|".join(f"(?:{pattern})" for pattern in patterns)
    return f"(?i)(?:{alternatives})" if alternatives else _NEVER


def _check(connection: duckdb.DuckDBPyConnection, key: str, pattern: str) -> None:
    try:
        connection.execute("SELECT regexp_matches('', $1)", [f"(?:{pattern})"]).fetchall()
    except duckdb.Error as error:
        reason = str(error).splitlines()[0].removeprefix("Invalid Input Error: ")
        raise UserError(f"people.patterns.{key} holds {pattern!r}, which is no pattern that the engine knows ({reason}); correct it.") from error
