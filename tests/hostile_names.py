"""Names that try to be more than names, and the same organisation twice: once with them, once with names that mean no harm."""

from __future__ import annotations

import csv
import io
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from cloudtrail_events_made import ACCOUNT, Record, behalf, event, log_path, portal_session, role_session, write
from cost_explorer_rig import FakeClient
from cost_explorer_rig import Line as AnsweredLine
from cur_made import Line, line, write_month
from kiro_files import analytic, analytic_key, put, user_report_key

DAY = date(2026, 11, 21)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PROVIDER = "arn:aws:iam::111122223333:saml-provider/people"
SOURCES = ("identity_center", "cloudtrail", "kiro_credits", "kiro_features", "cur", "cost_explorer")
STORE_ID = "d-1234567890"

NAMES: Mapping[str, str] = {
    "double quote": 'quote"double',
    "single quote": "quote'single",
    "backquote": "quote`back",
    "sql": "'; DROP TABLE person; --",
    "sql comment": "x/*',(SELECT 1)--*/",
    "line feed": "line\nfeed",
    "forged sample": 'forged"} 1\naws_user_info{user="root',
    "forged log": "forged\nlevel=error msg=hacked",
    "carriage return": "carriage\rreturn",
    "tab": "tab\tbed",
    "ansi": "\x1b[31mansi\x1b[2J\x1b]0;title\x07",
    "c1": "c1\x9b31m",
    "nul": "nu\0l",
    "unit separator": "unit\x1fseparator",
    "delete": "delete\x7f",
    "html": "<script>alert(1)</script>",
    "attribute": '"><img src=x onerror=alert(1)>',
    "entity": "&lt;b&gt;",
    "right to left": "\u202egpj.exe",
    "isolates": "\u2066isolated\u2069",
    "marked": "marked\u200f",
    "zero width": "zero\u200bwidth",
    "without zero width": "zerowidth",
    "joined": "joined\u200d",
    "byte order mark": "byte\ufefforder",
    "line separator": "line\u2028separator",
    "paragraph separator": "paragraph\u2029separator",
    "backslash": "back\\slash",
    "backslash at the end": "trailing\\",
    "escaped feed": "escaped\\nfeed",
    "braces": "{braces}",
    "promql": '{user=~".+"} or vector(1)',
    "template": "${HOME} {{ .Labels.user }} $labels",
    "formula": '=cmd|" /C calc"!A0',
    "at formula": "@SUM(1+1)",
    "plus formula": "+1+1",
    "minus formula": "-2+3",
    "traversal": "../../etc/passwd",
    "percent": "percent%2e%2e%2f%00",
    "format": "%s%n%d {0}",
    "semicolons": "semi;colon;s",
    "comma": "comma,separated",
    "other": "_other",
    "unknown": "unknown",
    "null": "NULL",
    "none": "None",
    "number": "1e309",
    "true": "true",
    "somebody's id": "x-00000000-0000-4000-8000-000000000001",
    "kind": "session:person",
    "dotted i": "\u0130stanbul",
    "final sigma": "\u039f\u0394\u039f\u03a3",
    "sharp s": "stra\u00dfe",
    "decomposed": "jo\u0308rg",
    "composed": "j\u00f6rg",
    "astral": "duck\U0001f986",
    "ideographs": "\u540d\u524d",
    "long": "long" + "x" * 10_000,
    "as long": "long" + "x" * 9_999 + "y",
    "spaces inside": "spaces   inside",
    "no-break space": "no\u00a0break",
    "url": "https://example.org/?a=b&c=d#e",
    "label": "__name__",
    "jinja": "{% raw %}",
    "xml": "<?xml version='1.0'?><!DOCTYPE x [<!ENTITY y 'z'>]>",
}
"""By what is hostile about them."""

SEPARATED = NAMES["unit separator"]

HALVES: Mapping[str, str] = {"high half": "half\ud800", "another high half": "half\ud801", "low half": "half\udfff", "two halves": "half\udc00\ud800"}
"""Halves of surrogate pairs, which only JSON and YAML can hold."""

FRAGMENTS = ("<script", "<img", "<?xml", "\x1b", "\x9b", "\x07", "\x00", "\u202e", "\u2066", "\u2028", "\r")
"""What must not stand anywhere in what a terminal or a browser shows."""


def person_id(number: int) -> str:
    """The Identity Center id of a person."""
    return str(uuid.UUID(int=number, version=4))


@dataclass(frozen=True)
class Organisation:
    """The same people, use, events and costs under any names. What person n, from 1, has used is a number that nobody else has.

    A third of the people stands in the people file, a third in Identity Center, and of a third only the logs know the name.
    """

    folder: Path
    names: Sequence[str]
    values: Sequence[str]
    """What stands for regions, models and the like; as many as people."""
    plain: bool = False
    """Whether teams and departments have names of their own, and nobody's name keeps two identities apart."""

    @property
    def people(self) -> list[tuple[int, str]]:
        return list(enumerate(self.names, start=1))

    def write(self) -> Organisation:
        self._people_file()
        self._kiro()
        self._cloudtrail()
        self._bill()
        return self

    def config(self, **sections: object) -> dict[str, object]:
        data, often = {"location": "data", "history": "7d"}, {"schedule": "36500d"}
        sources: dict[str, object] = {name: {**data, **often} for name in ("kiro_credits", "kiro_features")}
        sources["cloudtrail"] = {"location": "data", "history": "2d", **often}
        sources["cur"] = {"location": "export", "history": "3d", **often}
        sources["cost_explorer"] = {"history": "3d", **often}
        sources["identity_center"] = {"identity_store_id": STORE_ID, **often}
        patterns = {"service_user": [], "human_identity_providers": [PROVIDER]}
        people = {"file": "people.csv", "team": ["file", "attribute:department"], "patterns": patterns, "sync": {"location": "mapping", **often}}
        given = {"engine": "duckdb", "store": {"path": "state"}, "sources": sources, "bill": "cur", "people": people, "web": {"enable_lifecycle": True}}
        return {**given, **sections}

    def client(self, reach: object, service: str) -> Any:
        """What stands in for `aws.client`."""
        if service == "ce":
            lines = [AnsweredLine(f"{number}.25", owner=name, day=DAY) for number, name in self.people]
            return FakeClient([*lines, *(AnsweredLine("0.5", service=f"Made {value}", day=DAY) for value in self.values)])
        assert service == "identitystore", service
        return _IdentityStore([self._user(number, name) for number, name in self.people if number % 3 == 1])

    def _user(self, number: int, name: str) -> dict[str, object]:
        extension = {"aws:identitystore:enterprise": {"department": self._team(number, name)}}
        emails = [{"Value": f"{number}@example.com", "Primary": True}]
        return {"UserId": person_id(number), "UserName": name, "DisplayName": name, "Emails": emails, "UserStatus": "ENABLED", "Extensions": extension}

    def _team(self, number: int, name: str) -> str:
        return f"crew {number:03}" if self.plain else f"team {name}"

    def _people_file(self) -> None:
        text = io.StringIO()
        rows = csv.writer(text)
        rows.writerow(["user", "display_name", "team", "department", "aliases"])
        rows.writerows([name, name, self._team(number, name), self._team(number, name), person_id(number)] for number, name in self.people if number % 3 == 0)
        put(self.folder, "people.csv", text.getvalue().encode())

    def _kiro(self) -> None:
        models = [value for value, wanted in zip(self.values, NAMES.values(), strict=True) if wanted.isprintable() and len(wanted) < 80]
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        head = ["Date", "UserId", "Client_Type", "Credits_Used", "Total_Messages", "Chat_Conversations", "Subscription_Tier"]
        rows.writerow([*head, *(f"{model}_messages" for model in models)])
        for number, _ in self.people:
            used = [str(place + 1) if number == 1 else "0" for place, _ in enumerate(models)]
            rows.writerow([str(DAY), person_id(number), "KIRO_IDE", f"{number}.5", str(number), str(number), "PRO", *used])
        put(self.folder / "data", user_report_key(DAY), text.getvalue().encode())
        counters = [(person_id(number), {"Chat_MessagesSent": number}) for number, _ in self.people]
        put(self.folder / "data", analytic_key(DAY), analytic(DAY, *counters))

    def _cloudtrail(self) -> None:
        records: list[Record] = []
        at = f"{DAY}T10:00:00Z"
        for number, name in self.people:
            for who in self._principals(number, name):
                records += [event(who, at=at, awsRegion="us-east-1", readOnly=False) for _ in range(number)]
        # Regions and services are not checked by anybody on their way either.
        root = {"type": "Root", "principalId": ACCOUNT, "arn": f"arn:aws:iam::{ACCOUNT}:root", "accountId": ACCOUNT}
        mine = role_session("break-glass", "session-1", sourceIdentity=self.names[0])
        records += [event(mine, at=at, awsRegion=value) for value in self.values]
        records += [event(root, at=at, awsRegion=value, eventName=value, userAgent=value, errorMessage=value) for value in self.values]
        write(log_path(self.folder / "data", DAY, "1005Z_a"), records)

    def _principals(self, number: int, name: str) -> Sequence[Record]:
        """The ways in which the logs tell of a person; of those whom nobody lists, one record joins the name and the id."""
        wanted = list(NAMES.values())[number - 1]
        if number % 3 < 2 or (":" in wanted and not self.plain):
            return (role_session("break-glass", "session-1", sourceIdentity=name),)
        return (portal_session(name), behalf(portal_session(name), person_id(number)))

    def _bill(self) -> None:
        lines: list[Line] = [
            # U+001F stands between the values of several tags: one that holds it names nobody.
            line(
                cost=float(number),
                day=str(DAY),
                resource_id=f"arn:{value}:{number}",
                **({"user_identifier": person_id(number)} if wanted == SEPARATED else {"resource_tags": {"user_owner": name}}),
            )
            for (number, name), value, wanted in zip(self.people, self.values, NAMES.values(), strict=True)
        ]
        lines += [
            line(cost=0.25, day=str(DAY), product_code=value, product_region_code=value, user_identifier=person_id(1)) for value in self.values if value.strip()
        ]
        lines += [
            line(cost=0.125, day=str(DAY), resource_id=f"made-{number}", iam_principal=f"arn:aws:sts::{ACCOUNT}:assumed-role/AWSReservedSSO_Dev_0/{name}")
            for number, name in self.people
            if number % 3 == 0
        ]
        write_month(self.folder / "export", lines)


class _IdentityStore:
    """Answers ListUsers as boto3 does: what JSON can hold arrives."""

    def __init__(self, users: Sequence[Mapping[str, object]]) -> None:
        self._users = users

    def list_users(self, **request: object) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(json.dumps({"Users": self._users}))
        return answer

    def list_groups(self, **request: object) -> dict[str, Any]:
        return {"Groups": []}


def hostile(folder: Path) -> Organisation:
    """The organisation of the names above."""
    names = list(NAMES.values())
    return Organisation(folder, names, names).write()


def benign(folder: Path) -> Organisation:
    """Its twin: the same numbers, under names that mean no harm."""
    return Organisation(folder, [f"person-{number:03}" for number in range(1, len(NAMES) + 1)], [_stand_in(name) for name in NAMES.values()]).write()


def _stand_in(value: str) -> str:
    """A value that is left out of the same reports as another."""
    return value if value in ("_other", "unknown") else f"value-{list(NAMES.values()).index(value):03}"
