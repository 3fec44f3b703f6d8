"""Whom the store was made to forget: keyed hashes of their identities, so that days which are read again do not bring them back."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from datetime import date

import duckdb
import msgspec

from exporter.facts.tables import CALLER, CALLER_KEY, CANDIDATE, TABLES
from exporter.people import compared, normalise

DOCUMENT = "people/forgotten.json"
KINDS = ("session", "session_name", "source_identity", "federated", "iam_user")
"""The kinds of spelling before the colon of an identity's key, as sql/facts/cloudtrail.sql names them."""

_NAMING = tuple(name for name, kind in CANDIDATE.items() if kind == "VARCHAR" and name != "account")
_RESOURCE = "resource"
_TAGS_BETWEEN = "\x1f"
_PARTS_BETWEEN = re.compile("[:/]")
_OF_ACCOUNT = re.compile("((?:iam_user|federated):.*)@[0-9]{12}", re.DOTALL)
_ACCOUNT = re.compile(r":([0-9]{12}):")


class Forgotten(msgspec.Struct, frozen=True):
    """Who is forgotten, and through which day.

    The hashes name nobody by themselves, but whoever has this document can try names. `unfinished`: the store may still hold rows of them.
    """

    key: str = msgspec.field(default_factory=lambda: secrets.token_hex(16))
    identities: dict[str, date] = {}
    """Hash of a compared key of an identity, to the last day on which it is forgotten. What it does later is new."""
    names: tuple[str, ...] = ()
    """Hashes of session names that link nobody: they did not, because of somebody who is forgotten."""
    unfinished: bool = False

    def with_more(self, keys: Iterable[str], names: Iterable[str], through: date) -> Forgotten:
        """The same with more identities, by their keys, and more names; not yet taken out of the store."""
        spelled = {compared(key) for key in keys}
        # A bill does not always say of which account an IAM user is, and names nobody then.
        spelled |= {f"{found[1]}@unknown" for key in spelled if (found := _OF_ACCOUNT.fullmatch(key))}
        identities = self.identities | {self.hashed(key): through for key in spelled}
        return Forgotten(self.key, identities, tuple(sorted({*self.names, *map(self.hashed, names)})), True)

    def through(self, key: str) -> date | None:
        """The last day on which an identity, or a caller that is kept of older days of a bill, is forgotten; None where it is not."""
        if key.startswith(CALLER_KEY):
            return self.through_bill(CALLER, key.removeprefix(CALLER_KEY), None)
        return self.identities.get(self.hashed(compared(key)))

    def through_spelling(self, spelling: str) -> date | None:
        """`through` for an id or a name of which the kind is not known."""
        return next((day for key in (spelling, *(f"{kind}:{spelling}" for kind in KINDS)) if (day := self.through(key)) is not None), None)

    def through_bill(self, column: str, text: str, account: str | None) -> date | None:
        """The last forgotten day of whoever a text of a bill names, as its column spells people; None where that is nobody who is forgotten."""
        return max(filter(None, map(self.through_spelling, _names(column, text, account))), default=None)

    def usable(self, links: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Pairs of an id and a session name without those whose name links nobody."""
        return [(user_id, name) for user_id, name in links if not self.names or self.hashed(name.strip().lower()) not in self.names]

    def hashed(self, text: str) -> str:
        """A text that this store alone can tell from others, and nobody can read."""
        return hmac.new(bytes.fromhex(self.key), text.encode(), hashlib.sha256).hexdigest()[:32]


def take_out(cursor: duckdb.DuckDBPyConnection, table: str, source: str, forgotten: Forgotten) -> int:
    """Deletes from a table of facts what is forgotten, and rows that link somebody else to it. Returns how many rows that were.

    Rows of a bill stay, without what names them there: the bill is the bill, and what nobody can be given is unattributed. A resource that is called as
    they are is still one, under its hash.
    """
    facts = TABLES.get(source)
    if facts is None or not forgotten.identities:
        return 0
    return _blank(cursor, table, forgotten) if facts.of_bill else _delete(cursor, table, facts.key, facts.link, "day", forgotten)


def take_out_older(cursor: duckdb.DuckDBPyConnection, table: str, forgotten: Forgotten) -> int:
    """`take_out` for rows of `RecentFacts.export_older`: who was active after the last forgotten day stays."""
    return _delete(cursor, table, '"key"', "link", "coalesce(make_timestamp(last_time * 1000000)::DATE, DATE '0001-01-01')", forgotten)


def _delete(cursor: duckdb.DuckDBPyConnection, table: str, key: str, link: str, day: str, forgotten: Forgotten) -> int:
    session = f"'session:' || {link}"
    seen = cursor.execute(f"SELECT {key} FROM {table} UNION SELECT {session} FROM {table}").fetchall()
    gone = [(spelled, through) for (spelled,) in seen if spelled is not None and (through := forgotten.through(spelled)) is not None]
    if not gone:
        return 0
    spellings, days = (list(column) for column in zip(*gone, strict=True))
    cursor.execute(
        "CREATE OR REPLACE TEMP TABLE gone AS SELECT unnest($1::VARCHAR[]) AS gone_key, unnest($2::DATE[]) AS gone_through", [spellings, days]
    ).fetchall()
    ((deleted,),) = cursor.execute(f"DELETE FROM {table} WHERE EXISTS (FROM gone WHERE gone_key IN ({key}, {session}) AND {day} <= gone_through)").fetchall()
    return int(deleted)


def _blank(cursor: duckdb.DuckDBPyConnection, table: str, forgotten: Forgotten) -> int:
    gone: list[tuple[str, str | None, str, str | None, date]] = []
    for column in (*_NAMING, _RESOURCE):
        for account, text in cursor.execute(f"SELECT DISTINCT account, {column} FROM {table} WHERE {column} IS NOT NULL").fetchall():
            pieces = text.split(_TAGS_BETWEEN)
            days = [(piece, forgotten.through_bill(column, piece, account)) for piece in pieces]
            left = _TAGS_BETWEEN.join(piece for piece, day in days if day is None) or (forgotten.hashed(text) if column == _RESOURCE else None)
            gone += [(column, account, text, left, max(day for _, day in days if day is not None))] if left != text else []
    if not gone:
        return 0
    columns = ("gone_column", "gone_account", "gone_text", "gone_left", "gone_through")
    unnested = ", ".join(f"unnest(${place}::{'DATE' if name == 'gone_through' else 'VARCHAR'}[]) AS {name}" for place, name in enumerate(columns, start=1))
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE gone AS SELECT {unnested}", [list(column) for column in zip(*gone, strict=True)]).fetchall()
    here = "gone_account IS NOT DISTINCT FROM account AND day <= gone_through"
    named = {column: f"gone_column = '{column}' AND gone_text = {column} AND {here}" for column in dict.fromkeys(column for column, *_ in gone)}
    ((rows,),) = cursor.execute(f"SELECT count(*) FROM {table} WHERE EXISTS (FROM gone WHERE ({') OR ('.join(named.values())}))").fetchall()
    for column, condition in named.items():
        cursor.execute(f"UPDATE {table} SET {column} = gone_left FROM gone WHERE {condition}").fetchall()
    return int(rows)


def _names(column: str, text: str, account: str | None) -> list[str]:
    """What a text in a bill may name: a tag as it stands; of an ARN, a principal or a key of an identity its last part, and an IAM user's with the account."""
    if column == "owner_tags":
        return [normalise(text)]
    found, last = _ACCOUNT.search(text), _PARTS_BETWEEN.split(text)[-1]
    return [normalise(text), normalise(last), f"{normalise(last)}@{found[1] if found else account}"]
