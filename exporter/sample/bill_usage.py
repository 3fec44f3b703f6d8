"""What the sample's bill says of a day's usage in AWS: people's own resources, models, sandboxes, and what teams run in production."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from exporter.sample.attendance import days_at_work
from exporter.sample.bill_lines import Line, Place, line, money
from exporter.sample.cloudtrail_habits import habits_of, iam_user_name, user_name
from exporter.sample.cloudtrail_identities import permission_set_role, unique_id
from exporter.sample.cloudtrail_people import APPLICATION_SESSION, FEDERATED_ROLE
from exporter.sample.draws import draws, hex_of
from exporter.sample.organisation import PRODUCTION_ACCOUNT, Organisation, Person, Team
from exporter.sample.resources import Kind, OwnResource, resources_on

SANDBOXES = ("600000000011", "600000000012", "600000000013")
"""Accounts that belong to one person each."""

_PRODUCTS: dict[Kind, tuple[str, str, str]] = {
    "instance": ("AmazonEC2", "BoxUsage:m7g.large", "RunInstances"),
    "volume": ("AmazonEC2", "EBS:VolumeUsage.gp3", "CreateVolume-Gp3"),
    "bucket": ("AmazonS3", "TimedStorage-ByteHrs", "StandardStorage"),
    "database": ("AmazonRDS", "InstanceUsage:db.m7g.large", "CreateDBInstance:0014"),
    "function": ("AWSLambda", "Lambda-GB-Second-ARM", "Invoke"),
}
_MODEL_USERS = {"Data": 0.6, "Research": 0.7, "Product": 0.4, "Engineering": 0.3}
"""The share of people who call models of Bedrock."""
_COVERED_SHARE = Decimal("0.66")
"""What an hour costs under the savings plan, of what it costs on demand."""
_RESERVED_SHARE = Decimal("0.58")
_COMMITTED_CENTS = 13
"""What the savings plan buys a day, for each position."""
PLAN_ARN = "arn:aws:savingsplans::777788889999:savingsplan/5f1f7e9a-6d3e-4f5b-9b57-1a2b3c4d5e6f"
RESERVATION_ARN = "arn:aws:rds:us-east-1:777788889999:ri:ri-2026-01-15-db-m7g"


@dataclass(slots=True)
class Plan:
    """The savings plan on one day: it covers instances until what it buys is used up."""

    committed: Decimal
    used: Decimal = Decimal(0)

    def covers(self, on_demand: Decimal) -> Decimal | None:
        """What the usage costs under the plan; None where nothing is left of it."""
        effective = money(on_demand * _COVERED_SHARE)
        if self.used + effective > self.committed:
            return None
        self.used += effective
        return effective


def committed(organisation: Organisation) -> Decimal:
    """What the savings plan buys a day, in US dollars."""
    return money(Decimal(organisation.positions * _COMMITTED_CENTS) / 100)


def sandbox_owners(organisation: Organisation, day: date) -> dict[str, Person]:
    """Who owns each sandbox on a day."""
    places = range(min(len(SANDBOXES), organisation.positions))
    return {SANDBOXES[place]: organisation.holder(organisation.positions - 1 - place, day) for place in places}


def usage(organisation: Organisation, people: Iterable[Person], day: date, plan: Plan, *, settled: bool) -> Iterator[Line]:
    """All usage of a day but Kiro's. Storage is known a day later than the rest: only once the day is `settled`."""
    for person in people:
        for own in resources_on(person, day):
            if own.kind != "bucket" or settled:
                yield from _own(person, own, day, plan)
        yield from _models(person, day)
    for number, team in enumerate(organisation.teams):
        yield from _production(organisation, number, team, day, settled=settled)
    for account in sandbox_owners(organisation, day):
        yield from _sandbox(account, day)
    yield from _unnamed(organisation, day)


def _cost(key: str, day: date, cents: float) -> Decimal:
    """An amount that varies from day to day."""
    return money(Decimal(cents * (0.85 + 0.3 * next(draws(f"{key}/{day.toordinal()}")))) / 100)


def _own(person: Person, own: OwnResource, day: date, plan: Plan) -> Iterator[Line]:
    place = Place(person.team.account.id, person.team.account.region)
    code, usage_type, operation = _PRODUCTS[own.kind]
    cost = _cost(own.id, day, own.daily_cents)
    tags = {"user_name": own.name}
    if own.tagging == "owner":
        # Whoever sets a tag writes it as they like.
        tags["user_owner"] = (person.user, person.email, person.display_name, f" {person.email.upper()} ")[person.position % 4]
    elif own.tagging == "created_by":
        tags["aws_created_by"] = _created_by(person)
    fields = {"resource_id": own.id, "resource_tags": tags, "usage_amount": 24.0, "net_unblended_cost": float(money(cost * Decimal("0.97")))}
    effective = plan.covers(cost) if own.kind == "instance" else None
    if effective is not None:
        covered = {
            **fields,
            "net_unblended_cost": float(cost),
            "savings_plan_savings_plan_effective_cost": float(effective),
            "savings_plan_savings_plan_a_r_n": PLAN_ARN,
        }
        yield line("SavingsPlanCoveredUsage", place, code, usage_type, operation, day, cost, **covered)
        negation = {"savings_plan_savings_plan_a_r_n": PLAN_ARN, "net_unblended_cost": float(-cost), "resource_id": PLAN_ARN}
        yield line("SavingsPlanNegation", place, code, usage_type, operation, day, -cost, **negation)
    elif own.kind == "database" and person.position % 2:
        reserved = {
            "reservation_effective_cost": float(money(cost * _RESERVED_SHARE)),
            "reservation_reservation_a_r_n": RESERVATION_ARN,
            "net_unblended_cost": 0.0,
        }
        yield line("DiscountedUsage", place, code, usage_type, operation, day, Decimal(0), **{**fields, **reserved})
    else:
        yield line("Usage", place, code, usage_type, operation, day, cost, **fields)


def _created_by(person: Person) -> str:
    """As AWS writes the tag: https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/aws-tags.html."""
    habits, account = habits_of(person), person.team.account.id
    if habits is not None and habits.way_in == "iam_user":
        return f"IAMUser:{unique_id('AIDA', f'{account}/{iam_user_name(person)}')}:{iam_user_name(person)}"
    role = permission_set_role(account, habits.build_role) if habits is not None else FEDERATED_ROLE
    return f"AssumedRole:{unique_id('AROA', f'{account}/{role}')}:{user_name(person)}"


def _models(person: Person, day: date) -> Iterator[Line]:
    """Calls of Bedrock carry the ARN of the caller."""
    draw = draws(f"{person.identity_center_id}/{day.toordinal()}/models").__next__
    habits = habits_of(person)
    if habits is None or next(draws(f"{person.identity_center_id}/models")) >= _MODEL_USERS.get(person.team.department, 0.0):
        return
    if not days_at_work(person, day) >> day.day & 1 or draw() > 0.7:
        return
    account = person.team.account
    if habits.way_in == "identity_center":
        principal = f"arn:aws:sts::{account.id}:assumed-role/{permission_set_role(account.id, habits.build_role)}/{habits.user_name}"
    elif habits.way_in == "iam_user":
        principal = f"arn:aws:iam::{account.id}:user/{iam_user_name(person)}"
    else:
        principal = f"arn:aws:sts::{account.id}:assumed-role/{FEDERATED_ROLE}/{person.email}"
    for direction, cents in (("input", 30.0), ("output", 90.0)):
        cost = money(Decimal(cents * draw() * draw() * 4) / 100)
        usage_type = f"Claude5Sonnet-{direction}-tokens"
        yield line(
            "Usage",
            Place(account.id, account.region),
            "AmazonBedrock",
            usage_type,
            "InvokeModel",
            day,
            cost,
            iam_principal=principal,
            usage_amount=1000 * draw(),
        )


def _production(organisation: Organisation, number: int, team: Team, day: date, *, settled: bool) -> Iterator[Line]:
    place, key = Place(PRODUCTION_ACCOUNT, team.account.region), f"{organisation.seed}/{team.name}"
    lead = organisation.holder(number, day)
    # Of three teams, one tags what it runs with its lead, one with what deploys it, and one not at all.
    tags = ({"user_owner": lead.user}, {"user_created_by": "terraform", "user_team": team.name}, {"user_team": team.name})[number % 3]
    instance = f"i-{hex_of(f'{key}/{day.toordinal() // 9}', 18)[:17]}"
    more = {"resource_tags": {"user_name": f"{team.name}-worker", **tags}}
    yield line(
        "Usage",
        place,
        "AmazonEC2",
        "BoxUsage:c7g.xlarge",
        "RunInstances",
        day,
        _cost(f"{key}/ec2", day, 690.0),
        resource_id=instance,
        usage_amount=48.0,
        **more,
    )
    function = f"arn:aws:lambda:{place.region}:{PRODUCTION_ACCOUNT}:function:{team.name}-api"
    yield line(
        "Usage", place, "AWSLambda", "Lambda-GB-Second-ARM", "Invoke", day, _cost(f"{key}/lambda", day, 37.0), resource_id=function, usage_amount=9e5, **more
    )
    if settled:
        lake = f"{team.name}-lake"
        yield line(
            "Usage", place, "AmazonS3", "TimedStorage-ByteHrs", "StandardStorage", day, _cost(lake, day, 88.0), resource_id=lake, usage_amount=3e3, **more
        )


def _sandbox(account: str, day: date) -> Iterator[Line]:
    place = Place(account, "us-east-1")
    for code, usage_type, resource, cents in (
        ("AmazonEC2", "BoxUsage:t4g.medium", f"i-{hex_of(account, 18)[:17]}", 81.0),
        ("AmazonSageMaker", "Studio:ml.t3.medium", f"arn:aws:sagemaker:us-east-1:{account}:app/d-1/default/jupyterlab", 124.0),
    ):
        yield line("Usage", place, code, usage_type, "RunInstances", day, _cost(f"{account}/{code}", day, cents), resource_id=resource, usage_amount=24.0)


def _unnamed(organisation: Organisation, day: date) -> Iterator[Line]:
    """What has no resource, and what an application calls for everybody."""
    for account in organisation.accounts:
        place = Place(account.id, account.region)
        yield line("Usage", place, "AmazonCloudWatch", "CW:Requests", "GetMetricData", day, _cost(f"{account.id}/cw", day, 140.0), usage_amount=1e4)
    application = f"arn:aws:sts::{PRODUCTION_ACCOUNT}:assumed-role/checkout-task/{hex_of(f'{organisation.seed}/{day}/task', 32)}"
    place = Place(PRODUCTION_ACCOUNT, "us-east-1")
    for principal, cents in ((application, 260.0), (f"arn:aws:sts::{PRODUCTION_ACCOUNT}:assumed-role/analytics-application/{APPLICATION_SESSION}", 95.0)):
        cost = _cost(f"{organisation.seed}/{cents}", day, cents)
        yield line("Usage", place, "AmazonBedrock", "Claude5Haiku-input-tokens", "InvokeModel", day, cost, iam_principal=principal, usage_amount=1e6)
