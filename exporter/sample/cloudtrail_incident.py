"""Two bad days in every three weeks: stolen credentials of a person, and somebody who signs in as root."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from exporter.sample.cloudtrail_habits import Habits, directory_id, habits_of
from exporter.sample.cloudtrail_identities import PERMISSION_SET_PATH, assumed_role, on_behalf_of, permission_set_role, root
from exporter.sample.cloudtrail_operations import ATTACK, Operation, operation, operations
from exporter.sample.cloudtrail_records import Caller, Event, denial, moment
from exporter.sample.cloudtrail_sign_in import BROWSER, console_login
from exporter.sample.draws import draws
from exporter.sample.organisation import MANAGEMENT_ACCOUNT, PRODUCTION_ACCOUNT, Organisation, Person

_WEEKS = 3
_ATTACKED_IN, _ROOT_IN = 1, 2
"""Always the same weeks of the three, so that every month has both."""
_CANDIDATES = 200
_ATTACKER = "192.0.2.66"
_UNUSUAL_REGION = "ap-southeast-2"
_TOOL = "aws-cli/2.15.30 Python/3.11.8 Linux/6.6.9-kali1-amd64 botocore/2.4.5"
_LOOKS_AROUND = ("sts", "iam", "s3", "ec2", "secretsmanager", "organizations")
_ASSUME_ROOT = Operation("sts", "AssumeRoot", read=True)


def victim(organisation: Organisation, day: date) -> tuple[Person, Habits] | None:
    """Whose credentials are stolen on this day, if anybody's: one person every three weeks."""
    draw = draws(f"{organisation.seed}/incident/{_period(day)}").__next__
    if day != _day(day, _ATTACKED_IN, draw()):
        return None
    start = int(draw() * organisation.positions)
    for offset in range(min(_CANDIDATES, organisation.positions)):
        person = organisation.holder((start + offset) % organisation.positions, day)
        habits = habits_of(person)
        if habits is not None and habits.way_in == "identity_center" and habits.presence > 0.3:
            return person, habits
    return None


def attack(organisation: Organisation, person: Person, habits: Habits, day: date) -> Iterator[Event]:
    """Before dawn, from an address and in a Region where the person never is: much is denied, some of it works."""
    draw = draws(f"{person.identity_center_id}/{day.toordinal()}/stolen").__next__
    account, second = person.team.account.id, 7_200 + int(draw() * 3_600)
    name = permission_set_role(account, habits.build_role)
    identity = assumed_role(account, name, habits.user_name, moment(day, second), path=PERMISSION_SET_PATH, key="stolen")
    behalf = on_behalf_of(directory_id(organisation, person), MANAGEMENT_ACCOUNT, organisation.identity_store_id) if habits.enhanced else None
    thief = Caller(identity, account, _UNUSUAL_REGION, day, f"{person.identity_center_id}/stolen", address=_ATTACKER, agent=_TOOL, behalf=behalf)
    for _ in range(90 + int(draw() * 60)):
        reads, _writes = operations(_LOOKS_AROUND[int(draw() * len(_LOOKS_AROUND))])
        what, second = reads[int(draw() * len(reads))], second + 1 + int(draw() * 4)
        yield thief.call(what, second, "prod", error=denial(what, thief.arn) if draw() < 0.7 else None)
    for what in ATTACK:
        second += 5 + int(draw() * 20)
        refused = what.service == "organizations"
        yield thief.call(what, second, "prod", region=person.team.account.region, error=denial(what, thief.arn) if refused else None)


def root_sign_in(organisation: Organisation, day: date) -> Iterator[Event]:
    """On one day of every three weeks somebody signs in as root of production, without a second factor; security then opens a root session of its own."""
    draw = draws(f"{organisation.seed}/root/{_period(day)}").__next__
    if day != _day(day, _ROOT_IN, draw()):
        return
    second = 36_000 + int(draw() * 14_400)
    somebody = root(PRODUCTION_ACCOUNT, moment(day, second))
    caller = Caller(somebody, PRODUCTION_ACCOUNT, "us-east-1", day, f"{organisation.seed}/root", address="198.51.100.250", agent=BROWSER, via="console")
    yield console_login(caller, second - 40, mfa=False, success=False)
    yield console_login(caller, second, mfa=False)
    for number, (service, name) in enumerate(
        (("iam", "GetAccountSummary"), ("iam", "ListUsers"), ("budgets", "DescribeBudgets"), ("support", "DescribeCases"))
    ):
        yield caller.call(operation(service, name), second + 20 + 30 * number, "root")
    yield caller.call(operation("health", "DescribeEvents"), second + 21, "", invoked_by="AWS Internal")
    administrator = assumed_role(MANAGEMENT_ACCOUNT, "security-break-glass", "incident-response", moment(day, second + 3_600))
    response = Caller(administrator, MANAGEMENT_ACCOUNT, "us-east-1", day, f"{organisation.seed}/response", address="203.0.113.5", agent=BROWSER)
    yield response.call(_ASSUME_ROOT, second + 3_605, requestParameters={"targetPrincipal": PRODUCTION_ACCOUNT, "durationSeconds": 900})
    opened = root(PRODUCTION_ACCOUNT, moment(day, second + 3_606), assumed=True)
    session = Caller(opened, PRODUCTION_ACCOUNT, "us-east-1", day, f"{organisation.seed}/assumed-root", address="203.0.113.5", agent=BROWSER)
    yield session.call(Operation("iam", "DeleteLoginProfile", read=False), second + 3_640)


def _period(day: date) -> int:
    return (day.toordinal() - 1) // (7 * _WEEKS)


def _day(day: date, week: int, weekday: float) -> date:
    """The Tuesday, Wednesday or Thursday of a week of the day's period, which starts on a Monday."""
    return date.fromordinal(1 + 7 * (_WEEKS * _period(day) + week) + 1 + int(weekday * 3))
