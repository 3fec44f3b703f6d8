"""Counts CloudTrail events again in plain Python: what the exporter's facts are checked against. Imports nothing of the exporter."""

from __future__ import annotations

import gzip
import json
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

LOG_FILE = re.compile(r"AWSLogs/(?:o-[a-z0-9]+/)?(?P<account>\d{12})/CloudTrail/[^/]+/(?P<day>\d{4}/\d\d/\d\d)/[^/]+\.json\.gz$")
UUID_AT_END = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
MADE_BY_PROGRAMS = re.compile(
    r"i-[0-9a-f]{8,17}|[0-9a-f]{32}|awscodebuild-.*|awscloudformation|botocore-session-.*|aws-sdk-.*-session-.*|aws-go-sdk-.*|githubactions|eks-.*"
)
CREATED = {
    "RunInstances": lambda answer: [item["instanceId"] for item in (answer.get("instancesSet") or {}).get("items", ())],
    "CreateVolume": lambda answer: [answer["volumeId"]],
    "CreateSnapshot": lambda answer: [answer["snapshotId"]],
    "CreateDBInstance": lambda answer: [answer["dBInstanceArn"]],
    "CreateFunction20150331": lambda answer: [answer["functionArn"]],
    "CreateTable": lambda answer: [answer["tableDescription"]["tableArn"]],
}
"""The ids in the answers of those events that are counted here."""
SENSITIVE_EVENTS = Path(__file__).parent.parent / "sql" / "sensitive_events.yaml"

Key = tuple[date, str, str | None, str | None, str, str]
"""day, kind, identity_kind, identity, dimension, value"""
Sums = tuple[int, int, int, int, int]
"""events, denied, sensitive, first_event, last_event"""


@dataclass(frozen=True)
class Rules:
    """What the operator configures. Patterns are regular expressions, compared without case."""

    person_session: tuple[str, ...] = (r"^[^@\s]+@[^@\s]+$",)
    service_user: tuple[str, ...] = ("^svc-", "-bot$", "terraform", "jenkins", "github")
    human_identity_providers: tuple[str, ...] = ()
    include_data_events: bool = False
    sensitive: tuple[tuple[str, str, str, str], ...] = ()
    """category, source, event, condition: in addition to the list."""


class Recount:
    """The sums of days, from the files below a folder."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.person_session = re.compile("|".join(f"(?:{pattern})" for pattern in rules.person_session) or r"(?!)", re.IGNORECASE)
        self.service_user = re.compile("|".join(f"(?:{pattern})" for pattern in rules.service_user) or r"(?!)", re.IGNORECASE)
        self.providers = tuple(provider.lower() for provider in rules.human_identity_providers)
        listed = [
            (entry["category"], entry["source"], entry["event"], entry.get("when", "always"))
            for entry in yaml.safe_load(SENSITIVE_EVENTS.read_text())["events"]
        ]
        self.sensitive: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
        for category, source, event, when in {(entry[1], entry[2], entry[3]): entry for entry in (*listed, *rules.sensitive)}.values():
            self.sensitive[source, event].append((category, when))
        (self.root_category,) = {category for category, when in self.sensitive["*", "*"] if when == "by_root"}

    def days(self, folder: Path, first: date, last: date) -> dict[Key, Sums]:
        """The sums of the days from `first` to `last`."""
        delivered = {(first + timedelta(days=offset)).strftime("%Y/%m/%d") for offset in range((last - first).days + 2)}
        paths = [path for path in sorted(folder.rglob("*.json.gz")) if (place := LOG_FILE.search(path.as_posix())) and place["day"] in delivered]
        return self.files(paths, first, last)

    def files(self, paths: Iterable[Path], first: date, last: date) -> dict[Key, Sums]:
        """The sums of the days from `first` to `last` that stand in these files."""
        days = (first.isoformat(), last.isoformat())
        categories = (None, "Management", "Data") if self.rules.include_data_events else (None, "Management")
        best: dict[str, tuple[Any, ...]] = {}
        for path in paths:
            with gzip.open(path) as file:
                records = json.load(file)["Records"]
            for record in records:
                if record.get("eventCategory") not in categories or not days[0] <= record["eventTime"][:10] <= days[1]:
                    continue
                occurrence = record.get("sharedEventID") or (record.get("addendum") or {}).get("originalEventID") or record["eventID"]
                account = record.get("recipientAccountId") or record.get("userIdentity", {}).get("accountId") or "unknown"
                rule, kind, identity_kind, identity, link = self.principal(record, account)
                error = record.get("errorCode") or ""
                category = self.category(record, kind)
                denied = error.startswith("AccessDenied") or error.endswith("UnauthorizedOperation")
                rank = (rule, account, category or "~", record["eventTime"], denied)
                known = best.get(occurrence)
                if known is None or rank < known[0]:
                    best[occurrence] = (
                        rank,
                        record["eventTime"],
                        kind,
                        identity_kind,
                        identity,
                        link,
                        created(record) if kind == "human" else [],
                        {True: "read", False: "write"}.get(record.get("readOnly"), "unknown"),
                        record["eventSource"].split(".")[0].lower(),
                        record.get("awsRegion") or "unknown",
                        account,
                        category,
                        denied,
                    )
        return self.sums(best.values())

    def sums(self, events: Iterable[tuple[Any, ...]]) -> dict[Key, Sums]:
        sums: dict[tuple[str, ...], list[Any]] = {}
        for _, time, kind, identity_kind, identity, link, created_here, access, service, region, account, category, denied in events:
            day = time[:10]
            for dimension, value in (
                ("access", access),
                ("service", service),
                ("region", region),
                ("account", account),
                ("category", category),
                ("link", link),
                *(("created", resource) for resource in created_here),
            ):
                if value is None:
                    continue
                key = (day, kind, identity_kind, identity, dimension, value)
                if key in sums:
                    counted = sums[key]
                    counted[0] += 1
                    counted[1] += denied
                    counted[2] += category is not None
                    counted[3] = min(counted[3], time)
                    counted[4] = max(counted[4], time)
                else:
                    sums[key] = [1, int(denied), int(category is not None), time, time]
        return {
            (date.fromisoformat(key[0]), *key[1:]): (*counted[:3], seconds(counted[3]), seconds(counted[4]))  # type: ignore[misc]
            for key, counted in sums.items()
        }

    def principal(self, record: dict[str, Any], account: str) -> tuple[int, str, str | None, str | None, str | None]:
        """(number of the rule, kind, identity_kind, identity, name that goes with the id)"""
        who = record.get("userIdentity") or {}
        type_, context = who.get("type"), who.get("sessionContext") or {}
        issuer = context.get("sessionIssuer") or {}
        session = role = None
        if type_ == "AssumedRole":
            session = who.get("principalId", "").partition(":")[2]
            role = issuer.get("userName") or who.get("arn", "").rpartition("assumed-role/")[2].partition("/")[0]
        elif type_ in ("IdentityCenterUser", "Unknown"):
            session = (record.get("additionalEventData") or {}).get("UserName")
            session = None if session and "HIDDEN_DUE_TO_SECURITY_REASONS" in session else session
        elif type_ == "Role":
            role = who.get("userName")
        elif (
            type_ == "SAMLUser" and (record["eventSource"], record["eventName"]) == ("sts.amazonaws.com", "AssumeRoleWithSAML") and not record.get("errorCode")
        ):
            asked = record.get("requestParameters") or {}
            if "/AWSReservedSSO_" in asked.get("roleArn", "") or re.search(":saml-provider/AWSSSO_.*_DO_NOT_DELETE$", asked.get("principalArn", "")):
                session = asked.get("roleSessionName") or who.get("userName")
        session = clean(session)
        of_portal = session is not None and role is not None and role.startswith("AWSReservedSSO_")
        of_person = session is not None and self.person_session.search(session) is not None

        if user_id := clean((who.get("onBehalfOf") or {}).get("userId")):
            found = UUID_AT_END.search(user_id)
            return 1, "human", "user_id", found.group() if found else user_id, session if of_portal or of_person else None
        if type_ in ("IdentityCenterUser", "Unknown") and session:
            return 2, "human", "session", session, None
        at_portal = type_ == "IdentityCenterUser" or (type_ == "Unknown" and record["eventSource"] == "signin.amazonaws.com")
        if type_ in (None, "AWSService") or (record.get("eventType") == "AwsServiceEvent" and not at_portal):
            return 3, "service", None, None, None
        if type_ == "Root":
            return 4, "service" if who.get("invokedBy") else "root", None, None, None
        if of_portal:
            return 5, "human", "session", session, None
        source_identity = clean(context.get("sourceIdentity"))
        if source_identity and not self.service_user.search(source_identity):
            return 6, "human", "source_identity", source_identity, None
        name = clean(issuer.get("userName") if type_ == "FederatedUser" else who.get("userName"))
        name = None if name and name.startswith("hidden_due_to_security_reasons") else name
        provider = who.get("identityProvider") or (context.get("webIdFederationData") or {}).get("federatedProvider") or ""
        if type_ == "SAMLUser" and session:
            return 7, "human", "session", session, None
        if type_ in ("SAMLUser", "WebIdentityUser") and name and self.listed(provider):
            return 7, "human", "federated", name if "@" in name else f"{name}@{who.get('accountId') or account}", None
        if type_ == "FederatedUser":
            if issuer.get("type") == "Root":
                return 8, "root", None, None, None
            if not name:
                return 8, "unknown", None, None, None
            if self.service_user.search(name) or self.service_user.search(issuer.get("arn") or ""):
                return 8, "service", None, None, None
            return 8, "human", "iam_user", f"{name}@{who['accountId']}", None
        if (
            context.get("ec2RoleDelivery")
            or (who.get("inScopeOf") or {}).get("issuerType")
            or source_identity
            or "/aws-service-role/" in (issuer.get("arn") or "")
            or (role or "").startswith("AWSServiceRoleFor")
            or "oidc.eks." in provider
            or provider.endswith("token.actions.githubusercontent.com")
            or (session and MADE_BY_PROGRAMS.fullmatch(session))
        ):
            return 9, "service", None, None, None
        if type_ == "AssumedRole" and of_person:
            return 10, "human", "session_name", session, None
        if type_ == "IAMUser" and name:
            if self.service_user.search(name) or self.service_user.search(who.get("arn") or ""):
                return 11, "service", None, None, None
            return 11, "human", "iam_user", f"{name}@{who.get('accountId') or account}", None
        if type_ == "AWSAccount" or (who.get("accountId") and who["accountId"] != account):
            return 12, "external", None, None, None
        return 13, "unknown", None, None, None

    def listed(self, provider: str) -> bool:
        return any(provider.lower() == name or provider.lower().endswith((f"/{name}", f":{name}")) for name in self.providers)

    def category(self, record: dict[str, Any], kind: str) -> str | None:
        found = sorted(category for category, when in self.sensitive.get((record["eventSource"], record["eventName"]), ()) if holds(when, record, kind))
        return found[0] if found else self.root_category if kind == "root" else None


def holds(condition: str, record: dict[str, Any], kind: str) -> bool:
    asked, answer, more = (record.get(name) or {} for name in ("requestParameters", "responseElements", "additionalEventData"))
    issuer = (record["userIdentity"].get("sessionContext") or {}).get("sessionIssuer") or {}
    through_portal = "assumed-role/AWSReservedSSO_" in record["userIdentity"].get("arn", "") or issuer.get("userName", "").startswith("AWSReservedSSO_")
    return {
        "always": lambda: True,
        "by_root": lambda: kind == "root",
        "console_failed": lambda: bool(record.get("errorCode")) or answer.get("ConsoleLogin") != "Success",
        "console_without_mfa": lambda: more.get("MFAUsed") != "Yes" and not more.get("SamlProviderArn") and not through_portal,
        "detector_disabled": lambda: asked.get("enable") is False,
        "logging_disabled": lambda: not asked.get("BucketLoggingStatus", {}).get("LoggingEnabled"),
        "made_public": lambda: (
            "all" in asked.get("valuesToAdd", ())
            or any(
                item.get("group") == "all"
                for permission in ("createVolumePermission", "launchPermission")
                for item in asked.get(permission, {}).get("add", {}).get("items", ())
            )
        ),
        "publicly_accessible": lambda: asked.get("publiclyAccessible", answer.get("publiclyAccessible")) is True,
        "user_data_changed": lambda: "userData" in asked,
        "versioning_suspended": lambda: asked.get("VersioningConfiguration", {}).get("Status") == "Suspended",
        "visibility_public": lambda: asked.get("projectVisibility") == "PUBLIC_READ",
    }[condition]()


def created(record: dict[str, Any]) -> list[str]:
    """The ids of what the event created."""
    if record.get("errorCode"):
        return []
    if record["eventName"] == "CreateBucket":
        return [record["requestParameters"]["bucketName"]]
    answer, read = record.get("responseElements"), CREATED.get(record["eventName"])
    return read(answer) if answer and read else []


def clean(text: str | None) -> str | None:
    return (text or "").strip().lower() or None


def seconds(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp())
