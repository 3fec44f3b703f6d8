"""CloudTrail of the sample: the log files that an organisation's trail delivers, in the layout of the bucket.

Layout and names follow docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html. Files lie under the day on which they were
delivered, so what happens just before midnight is in the folder of the next day.
"""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import chain, groupby

import msgspec
from isal import igzip

from exporter.sample import cloudtrail_automation, cloudtrail_people
from exporter.sample.cloudtrail_habits import habits_of
from exporter.sample.cloudtrail_incident import attack, root_sign_in, victim
from exporter.sample.cloudtrail_records import Event, Record, ids, moment
from exporter.sample.draws import draws
from exporter.sample.organisation import Organisation, Person

EVENTS_A_PERSON = 12.0
"""About so many events a person and day are made by default, weekends and people without access included; automation comes on top."""
_HABITUAL = 20.0
"""How many it would be by the habits alone."""
MOST_BY_DEFAULT = 1_000
"""Larger organisations have CloudTrail logs only if they are asked for."""

_SLOT_SECONDS = 600
_DELAY_SECONDS = 300
"""Files hold ten minutes and come five minutes after, so an event waits for 5 to 15 minutes; a few files wait for hours."""
_LATE, _AGAIN, _CORRECTED = 0.004, 0.01, 0.005
"""The shares of files that come late, that are delivered twice, and of whose events one comes again with more in it."""
_EVENTS_AT_ONCE, _POSITIONS_AT_ONCE = 20_000, 1_000
"""Every so many positions of a large organisation have files of their own, so that memory grows neither with the people nor with the events."""
_COMPRESSION = 1


@dataclass(frozen=True, slots=True)
class LogFile:
    """An object of the trail; `path` is relative to the location."""

    path: str
    content: bytes
    events: int
    """Records inside. 0 for what lies beside the logs."""
    delivered: datetime
    """When the trail wrote it, UTC without a zone."""


def log_files(organisation: Organisation, people: Iterable[Person], day: date, *, events: float, oddities: bool, delivered_from: date) -> Iterator[LogFile]:
    """The files that hold the events of a UTC day, without those delivered before `delivered_from`.

    A pure function of the organisation, the day, `events` (about how many a person and day) and `oddities` (late and repeated files, and what lies beside).
    `people` are those of the organisation in order of positions; more than work there on the day do no harm.
    """
    volume = events / _HABITUAL
    size = max(1, min(_POSITIONS_AT_ONCE, int(_EVENTS_AT_ONCE / events)))
    present = (person for person in people if person.joined <= day <= person.left)
    for part, some in groupby(present, key=lambda person: person.position // size):
        positions = range(part * size, min((part + 1) * size, organisation.positions))
        made = chain(
            _people_events(organisation, some, day, volume),
            cloudtrail_automation.events_of(organisation, positions, day, volume),
            _incidents(organisation, day) if part == 0 else (),
        )
        yield from _files(organisation, f"{organisation.seed}/{part}", day, made, oddities, delivered_from)
    if oddities and day >= delivered_from:
        yield from _beside(organisation, day)


def _people_events(organisation: Organisation, people: Iterable[Person], day: date, volume: float) -> Iterator[Event]:
    for person in people:
        habits = habits_of(person)
        if habits is not None:
            yield from cloudtrail_people.events_of(organisation, person, habits, day, volume)


def _incidents(organisation: Organisation, day: date) -> Iterator[Event]:
    unlucky = victim(organisation, day)
    if unlucky is not None:
        yield from attack(organisation, *unlucky, day)
    yield from root_sign_in(organisation, day)


def _files(organisation: Organisation, key: str, day: date, events: Iterable[Event], oddities: bool, delivered_from: date) -> Iterator[LogFile]:
    # Encoded at once: text takes less memory than what it says.
    encode = msgspec.json.Encoder().encode
    slots: dict[tuple[str, str, int], list[bytes]] = defaultdict(list)
    for event in events:
        slots[event.account, event.region, event.second // _SLOT_SECONDS].append(encode(event.record))
    for (account, region, slot), records in sorted(slots.items()):
        name = f"{key}/{account}/{region}/{day}/{slot}"
        draw = draws(name).__next__
        ready = datetime.combine(day, time()) + timedelta(seconds=(slot + 1) * _SLOT_SECONDS + _DELAY_SECONDS)
        late, again, corrected, hours = draw(), draw(), draw(), draw()
        if oddities and late < _LATE:
            ready += timedelta(minutes=30 + int(hours * 300))
        deliveries = [ready, ready + timedelta(minutes=5 + int(hours * 90))] if oddities and again < _AGAIN else [ready]
        wanted = [delivered for delivered in deliveries if delivered.date() >= delivered_from]
        if wanted:
            content = _packed(b'{"Records":[' + b",".join(records) + b"]}")
            for delivered in wanted:
                yield LogFile(_path(organisation, account, "CloudTrail", region, delivered, f"{name}/{delivered}"), content, len(records), delivered)
        later = ready + timedelta(minutes=20 + int(hours * 60))
        if oddities and corrected < _CORRECTED and later.date() >= delivered_from:
            content = _packed(b'{"Records":[' + encode(_corrected(msgspec.json.decode(records[0]), name)) + b"]}")
            yield LogFile(_path(organisation, account, "CloudTrail", region, later, f"{name}/{later}/corrected"), content, 1, later)


def _corrected(record: Record, key: str) -> Record:
    """The same event once more, under an id of its own."""
    event_id, _ = ids(f"{key}/corrected")
    original = {"originalRequestID": record["requestID"], "originalEventID": record["eventID"]}
    return {**record, "eventID": event_id, "addendum": {"reason": "UPDATED_DATA", "updatedFields": "responseElements", **original}}


def _packed(content: bytes) -> bytes:
    # Without a time in the header, so that the same records are the same bytes.
    return bytes(igzip.compress(content, _COMPRESSION, mtime=0))


def _path(organisation: Organisation, account: str, kind: str, region: str, delivered: datetime, key: str) -> str:
    letters = base64.b64encode(hashlib.blake2b(key.encode(), digest_size=12).digest(), altchars=b"aZ").decode()
    folder = f"AWSLogs/{organisation.organization_id}/{account}/{kind}/{region}/{delivered:%Y/%m/%d}"
    return f"{folder}/{account}_{kind}_{region}_{delivered:%Y%m%dT%H%MZ}_{letters}.json.gz"


def _beside(organisation: Organisation, day: date) -> Iterator[LogFile]:
    """The neighbours of the logs: a digest that proves an hour without files, and on the day of an attack an insight. Neither holds events to count."""
    for account in organisation.accounts:
        end = datetime.combine(day, time(5))
        path = _path(organisation, account.id, "CloudTrail-Digest", account.region, end, f"{organisation.seed}/digest")
        digest: dict[str, object] = {
            "awsAccountId": account.id,
            "digestStartTime": moment(day, 14_400),
            "digestEndTime": moment(day, 18_000),
            "digestS3Bucket": "organization-trail",
            "digestS3Object": path,
            "digestSignatureAlgorithm": "SHA256withRSA",
            "newestEventTime": None,
            "oldestEventTime": None,
            "previousDigestSignature": None,
            "logFiles": [],
        }
        yield LogFile(path, _packed(msgspec.json.encode(digest)), 0, end)
    unlucky = victim(organisation, day)
    if unlucky is not None:
        account = unlucky[0].team.account
        insight = {
            "eventVersion": "1.09",
            "eventTime": moment(day, 9_000),
            "awsRegion": account.region,
            "eventID": "00000000-0000-4000-8000-000000000000",
            "eventType": "AwsCloudTrailInsight",
            "recipientAccountId": account.id,
            "insightDetails": {"state": "Start", "eventSource": "iam.amazonaws.com", "eventName": "ListUsers", "insightType": "ApiErrorRateInsight"},
            "eventCategory": "Insight",
        }
        noticed = datetime.combine(day, time(3))
        path = _path(organisation, account.id, "CloudTrail-Insight", account.region, noticed, f"{organisation.seed}/insight")
        yield LogFile(path, _packed(msgspec.json.encode({"Records": [insight]})), 0, noticed)
