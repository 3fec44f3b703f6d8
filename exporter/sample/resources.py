"""What people of the sample create in AWS: CloudTrail shows it being created, and the bill shows what it costs until it is replaced."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from exporter.sample.cloudtrail_operations import Operation
from exporter.sample.draws import draws, hex_of
from exporter.sample.organisation import Person

_CREATING_DEPARTMENTS = frozenset({"Engineering", "Data", "Operations", "Research"})
_BEGIN = date(2025, 6, 2)
_LIFE_DAYS = 47
"""After so many days everything is made anew, so that every month sees things come and go."""
_MOST = 5

Kind = Literal["instance", "volume", "bucket", "database", "function"]
Tagging = Literal["owner", "created_by", "nothing"]
_KINDS: tuple[tuple[float, Kind], ...] = ((0.4, "instance"), (0.6, "volume"), (0.75, "bucket"), (0.85, "database"), (1.0, "function"))
_DAILY_CENTS = {"instance": 231.0, "volume": 26.0, "bucket": 41.0, "database": 480.0, "function": 9.0}
_OPERATIONS = {
    "instance": Operation(
        "ec2", "RunInstances", read=False, parameters={"instanceType": "m7g.large", "instancesSet": {"items": [{"minCount": 1, "maxCount": 1}]}}
    ),
    "volume": Operation("ec2", "CreateVolume", read=False, parameters={"size": "200", "volumeType": "gp3"}),
    "bucket": Operation("s3", "CreateBucket", read=False, subject="bucketName"),
    "database": Operation("rds", "CreateDBInstance", read=False, subject="dBInstanceIdentifier", parameters={"dBInstanceClass": "db.m7g.large"}),
    "function": Operation("lambda", "CreateFunction20150331", read=False, subject="functionName", parameters={"runtime": "python3.13"}),
}


@dataclass(frozen=True, slots=True)
class OwnResource:
    """Something that a person made. `id` is as the bill names it, `name` as the request does."""

    kind: Kind
    id: str
    name: str
    created: date
    tagging: Tagging
    """What tells whose it is, beside CloudTrail."""
    daily_cents: float

    @property
    def operation(self) -> Operation:
        return _OPERATIONS[self.kind]

    def answer(self, account: str) -> Mapping[str, object] | None:
        """`responseElements` of the event that created it."""
        match self.kind:
            case "instance":
                return {"ownerId": account, "instancesSet": {"items": [{"instanceId": self.id, "instanceState": {"code": 0, "name": "pending"}}]}}
            case "volume":
                return {"volumeId": self.id, "size": "200", "status": "creating"}
            case "database":
                return {"dBInstanceIdentifier": self.name, "dBInstanceStatus": "creating", "dBInstanceArn": self.id}
            case "function":
                return {"functionName": self.name, "functionArn": self.id, "role": f"arn:aws:iam::{account}:role/service-role/{self.name}"}
            case "bucket":
                return None


def resources_on(person: Person, day: date) -> Iterator[OwnResource]:
    """What the person has at the end of a day; made since they came. Everything is a pure function of person and day."""
    if person.team.department not in _CREATING_DEPARTMENTS or not person.joined <= day <= person.left:
        return
    draw = draws(f"{person.identity_center_id}/resources").__next__
    for place in range(int(draw() * draw() * (_MOST + 3))):
        phase, kind, tagging, size = int(draw() * _LIFE_DAYS), draw(), draw(), draw()
        age = (day - _BEGIN).days - phase
        created = day - timedelta(days=age % _LIFE_DAYS)
        if created >= person.joined:
            found = next(name for bound, name in _KINDS if kind < bound)
            yield OwnResource(
                found,
                *_names(person, found, f"{place}/{age // _LIFE_DAYS}"),
                created,
                "owner" if tagging < 0.35 else "created_by" if tagging < 0.5 else "nothing",
                _DAILY_CENTS[found] * (0.4 + 1.2 * size),
            )


def _names(person: Person, kind: Kind, key: str) -> tuple[str, str]:
    digits = hex_of(f"{person.identity_center_id}/{kind}/{key}", 18)[:17]
    account, name = person.team.account, f"{person.team.name}-{digits[:6]}"
    ids = {
        "instance": f"i-{digits}",
        "volume": f"vol-{digits}",
        "bucket": f"{name}-data",
        "database": f"arn:aws:rds:{account.region}:{account.id}:db:{name}",
        "function": f"arn:aws:lambda:{account.region}:{account.id}:function:{name}",
    }
    return ids[kind], ids[kind] if kind == "bucket" else name
