"""What a person does in AWS on a day, as CloudTrail events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date

from exporter.sample.attendance import days_at_work
from exporter.sample.cloudtrail_habits import Habits, directory_id, iam_user_name
from exporter.sample.cloudtrail_identities import (
    PERMISSION_SET_PATH,
    Identity,
    assumed_role,
    federated_user,
    iam_user,
    iam_user_session,
    oidc_arn,
    on_behalf_of,
    permission_set_role,
    saml_user,
    web_identity_user,
)
from exporter.sample.cloudtrail_operations import Operation, delicate, operation, operations
from exporter.sample.cloudtrail_records import LAST_SECOND, Caller, Event, denial, failure, ids, moment
from exporter.sample.cloudtrail_sign_in import BROWSER, console_login, from_own_provider, mistyped, open_account, portal, sign_in
from exporter.sample.draws import draws
from exporter.sample.organisation import MANAGEMENT_ACCOUNT, PRODUCTION_ACCOUNT, Organisation, Person
from exporter.sample.resources import OwnResource, resources_on

_AGENTS = {
    "console": BROWSER,
    "cli": "aws-cli/2.31.29 md/awscrt#0.28.2 ua/2.1 os/macos#25.1.0 md/arch#arm64 lang/python#3.13.9 cfg/retry-mode#standard",
    "terraform": "APN/1.0 HashiCorp/1.0 Terraform/1.13.5 (+https://www.terraform.io) terraform-provider-aws/6.21.0",
    "boto3": "Boto3/1.40.76 md/Botocore#1.40.76 ua/2.1 os/linux#6.8.0 md/arch#x86_64 lang/python#3.12.12 cfg/retry-mode#legacy",
}
_PAUSES = {"console": 10, "cli": 25, "terraform": 1, "boto3": 2}
"""Seconds between two calls, on average."""
_SECOND_REGIONS = {"us-east-1": "us-west-2", "eu-central-1": "eu-west-1"}
_CALLS_A_SESSION = 24
_MOST_SESSIONS = 9
_READ_ONLY = "ReadOnlyAccess"
APPLICATION_SESSION = "analytics@example.com"
"""Looks like a person and is none: many people's events carry this session name."""
FEDERATED_ROLE = "Federated-Developers"
_GET_OBJECT, _PUT_OBJECT = Operation("s3", "GetObject", read=True, subject="bucketName"), Operation("s3", "PutObject", read=False, subject="bucketName")


def events_of(organisation: Organisation, person: Person, habits: Habits, day: date, volume: float) -> Iterator[Event]:
    """A pure function of the person and the day, in no order. `volume` multiplies the calls of a day, not the days."""
    draw = draws(f"{person.identity_center_id}/{day.toordinal()}/aws").__next__
    working = days_at_work(person, day) >> day.day & 1
    chance = habits.presence if working else habits.presence * (0.15 if habits.daily > 100 else 0.03)
    if draw() >= chance:
        return
    # As in Kiro: three uniform factors with mean 1.
    wanted = habits.daily * volume * (0.4 + 1.2 * draw()) * (0.4 + 1.2 * draw()) * (0.4 + 1.2 * draw()) * (1.0 if working else 0.4)
    calls = max(1, round(wanted))
    sessions = min(_MOST_SESSIONS, 1 + calls // _CALLS_A_SESSION)
    # A working day in UTC: Europe until the afternoon, America until midnight.
    opens = 21_600 if person.team.account.region.startswith("eu-") else 46_800
    # People turn to AWS when a meeting is over.
    starts = sorted(opens + int(draw() * draw() * 20) * 1_800 + int(draw() * 400) for _ in range(sessions))
    yield from _Day(organisation, person, habits, day, draw).events(starts, calls)


class _Day:
    """One person's day: the ways in, then one session after the other."""

    __slots__ = ("_address", "_day", "_draw", "_habits", "_key", "_organisation", "_person", "_resources")

    def __init__(self, organisation: Organisation, person: Person, habits: Habits, day: date, draw: Callable[[], float]) -> None:
        self._organisation, self._person, self._habits, self._day, self._draw = organisation, person, habits, day, draw
        self._key = person.identity_center_id
        self._address = f"203.0.113.{10 + person.position % 40}" if draw() < 0.6 else f"198.51.100.{person.position % 250 + 1}"
        name = person.team.name
        self._resources = (f"{name}-api", f"{name}-worker", f"{name}-data", f"{name}-events", f"{name}-dev")

    def events(self, starts: list[int], calls: int) -> Iterator[Event]:
        habits, behalf = self._habits, on_behalf_of(directory_id(self._organisation, self._person), MANAGEMENT_ACCOUNT, self._organisation.identity_store_id)
        at_portal = portal(MANAGEMENT_ACCOUNT, behalf, self._day, self._key, self._address)
        if habits.way_in == "identity_center":
            if self._draw() < 0.03:
                yield mistyped(MANAGEMENT_ACCOUNT, self._day, self._key, self._address, starts[0] - 80)
            yield from sign_in(at_portal, habits.user_name, starts[0] - 40)
        to_create = [own for own in resources_on(self._person, self._day) if own.created == self._day]
        for number, start in enumerate(starts):
            key = f"{self._key}/{number}"
            count = calls // len(starts) + (number < calls % len(starts))
            account, region, role = self._place()
            created = moment(self._day, start)
            console = habits.tool == "console"
            if habits.way_in == "identity_center":
                yield from open_account(at_portal, account, role, habits.user_name, self._day, key, start, console=console)
                identity = assumed_role(account, permission_set_role(account, role), habits.user_name, created, path=PERMISSION_SET_PATH, key=key)
                caller = self._caller(identity, account, region, key, behalf if habits.enhanced else None)
                if console:
                    yield console_login(caller, start + 2, mfa=False)
            elif habits.way_in == "iam_user":
                account = self._person.team.account.id
                caller = self._caller(self._iam_user(account, created), account, region, key)
                if console:
                    mfa = self._draw() < 0.7
                    yield from (console_login(caller, start - wait, mfa=mfa, success=not wait) for wait in ((20, 0) if self._draw() < 0.08 else (0,)))
            else:
                role_arn = f"arn:aws:iam::{account}:role/{FEDERATED_ROLE}"
                yield from_own_provider(self._federated(account), account, self._person.email, role_arn, self._day, key, start)
                caller = self._caller(assumed_role(account, FEDERATED_ROLE, self._person.email, created, key=key), account, region, key)
            yield from self._work(caller, start + 5, count, only_reads=habits.way_in == "identity_center" and role == _READ_ONLY)
            if caller.account == self._person.team.account.id and not (habits.way_in == "identity_center" and role == _READ_ONLY):
                yield from self._creations(caller, start + 10, to_create)
                to_create = []
            if self._person.team.department in ("Engineering", "Operations") and not console and self._draw() < 0.15:
                yield from self._chained(caller, start + 30, key)
        if habits.way_in == "identity_center" and self._person.team.department in ("Data", "Product", "Research") and self._draw() < 0.3:
            yield from self._at_analytics(behalf, starts[-1] + 900)

    def _place(self) -> tuple[str, str, str]:
        """Account, Region and role of a session."""
        own, where = self._person.team.account, self._draw()
        region = own.region if self._draw() < 0.88 else _SECOND_REGIONS[own.region]
        if self._person.team.department == "Business" or where >= 0.97:
            return MANAGEMENT_ACCOUNT, "us-east-1", self._habits.production_role
        if where >= 0.78:
            return PRODUCTION_ACCOUNT, own.region, self._habits.production_role
        return own.id, region, self._habits.build_role

    def _iam_user(self, account: str, created: str) -> Identity:
        name, kind = iam_user_name(self._person), self._draw()
        if self._habits.tool == "console":
            return iam_user_session(account, name, created, mfa=kind < 0.7)
        return federated_user(account, name, "ci-sandbox", created) if kind < 0.25 else iam_user(account, name)

    def _federated(self, account: str) -> Identity:
        mail = self._person.email
        return saml_user(mail) if self._habits.way_in == "saml" else web_identity_user(mail, oidc_arn(account))

    def _caller(self, identity: Identity, account: str, region: str, key: str, behalf: dict[str, object] | None = None) -> Caller:
        tool = self._habits.tool
        return Caller(
            identity,
            account,
            region,
            self._day,
            key,
            address=self._address,
            agent=_AGENTS[tool],
            behalf=behalf,
            via="console" if tool == "console" else "network",
        )

    def _work(self, caller: Caller, second: int, count: int, *, only_reads: bool) -> Iterator[Event]:
        draw, habits = self._draw, self._habits
        pause, services = _PAUSES[habits.tool] * 2, habits.services
        risky = delicate(self._person.team.department)
        made = 0
        while made < count:
            # People look at one service for a while before they turn to another.
            service = services[int(draw() * len(services))]
            reads, writes = operations(service)
            for _ in range(min(count - made, 1 + int(draw() * 6))):
                made, second = made + 1, min(second + 1 + int(draw() * pause), LAST_SECOND)
                resource = self._resources[int(draw() * len(self._resources))]
                kind, luck = draw(), draw()
                if only_reads or kind >= habits.delicate + habits.writes:
                    what = reads[int(draw() * len(reads))]
                elif kind < habits.delicate and risky:
                    what = risky[int(draw() * len(risky))]
                else:
                    what = writes[int(draw() * len(writes))]
                error = denial(what, caller.arn) if luck < habits.denied else failure(draw()) if luck < habits.denied + 0.006 else None
                yield caller.call(what, second, resource, error=error)
                if error is None:
                    yield from self._consequences(caller, what, second, resource)

    def _creations(self, caller: Caller, second: int, resources: Iterable[OwnResource]) -> Iterator[Event]:
        """What the bill will name: the answers say under which ids."""
        region = self._person.team.account.region
        for offset, own in enumerate(resources):
            yield caller.call(own.operation, second + 5 * offset, own.name, region=region, responseElements=own.answer(caller.account))

    def _consequences(self, caller: Caller, what: Operation, second: int, resource: str) -> Iterator[Event]:
        """Calls that services make in the person's name (forward access sessions), and data events of a bucket."""
        if what.name == "StartQueryExecution" and what.service == "athena":
            yield caller.call(operation("glue", "GetTable"), second + 1, resource, invoked_by="athena.amazonaws.com")
            yield self._object(caller, _GET_OBJECT, second + 2, invoked_by="athena.amazonaws.com")
        elif what.name in ("CreateStack", "ExecuteChangeSet"):
            for offset, made in enumerate(("CreateTags", "RunInstances"), start=2):
                yield caller.call(operation("ec2", made), second + offset, resource, invoked_by="cloudformation.amazonaws.com")
        elif what.name == "PutParameter":
            yield caller.call(Operation("kms", "GenerateDataKey", read=True, subject="keyId"), second, resource, invoked_by="AWS Internal")
        elif what.service == "s3" and what.name in ("ListBuckets", "CreateBucket"):
            yield self._object(caller, _GET_OBJECT if what.read else _PUT_OBJECT, second + 3)

    def _object(self, caller: Caller, what: Operation, second: int, invoked_by: str | None = None) -> Event:
        bucket = f"{self._person.team.name}-lake"
        resources = [
            {"type": "AWS::S3::Object", "ARNPrefix": f"arn:aws:s3:::{bucket}/"},
            {"accountId": caller.account, "type": "AWS::S3::Bucket", "ARN": f"arn:aws:s3:::{bucket}"},
        ]
        return caller.call(what, second, bucket, invoked_by=invoked_by, managementEvent=False, eventCategory="Data", resources=resources)

    def _at_analytics(self, behalf: dict[str, object], second: int) -> Iterator[Event]:
        """A web application queries for whoever uses it: one session under one name, in which each event says for whom."""
        identity = assumed_role(PRODUCTION_ACCOUNT, "analytics-application", APPLICATION_SESSION, moment(self._day, 0))
        address = "192.0.2.30"
        application = Caller(
            identity, PRODUCTION_ACCOUNT, "us-east-1", self._day, f"{self._key}/analytics", address=address, agent=_AGENTS["boto3"], behalf=behalf
        )
        for offset in range(2 + int(self._draw() * 4)):
            yield application.call(operation("athena", "StartQueryExecution" if offset % 2 == 0 else "GetQueryResults"), second + 4 * offset, "analytics")

    def _chained(self, caller: Caller, second: int, key: str) -> Iterator[Event]:
        """Into a role of production from a role elsewhere: both accounts log it, with one shared event."""
        way, mail = self._draw(), self._person.email
        source = self._habits.user_name if way < 0.6 else None
        session = mail if way < 0.8 else f"session-{ids(f'{key}/{self._day}')[0][:8]}"
        role_arn = f"arn:aws:iam::{PRODUCTION_ACCOUNT}:role/Deploy"
        parameters = {"roleArn": role_arn, "roleSessionName": session, **({"sourceIdentity": source} if source else {})}
        shared, _ = ids(f"{key}/{self._day}/shared")
        assume = Operation("sts", "AssumeRole", read=True)
        if caller.account != PRODUCTION_ACCOUNT:
            yield caller.call(assume, second, requestParameters=parameters, sharedEventID=shared)
            yield self._seen_from_production(caller, assume, second, parameters, shared, key)
        else:
            yield caller.call(assume, second, requestParameters=parameters)
        identity = assumed_role(PRODUCTION_ACCOUNT, "Deploy", session, moment(self._day, second), key=key, source_identity=source)
        deploy = self._caller(identity, PRODUCTION_ACCOUNT, caller.region, f"{key}/chained")
        for offset, (service, name) in enumerate((("ecs", "RegisterTaskDefinition"), ("ecs", "UpdateService"), ("ecs", "DescribeServices"))):
            yield deploy.call(operation(service, name), second + 3 + 5 * offset, self._resources[0])

    def _seen_from_production(self, caller: Caller, assume: Operation, second: int, parameters: dict[str, str], shared: str, key: str) -> Event:
        other = {"type": "AWSAccount", "principalId": caller.principal, "accountId": caller.account}
        target = Caller(other, PRODUCTION_ACCOUNT, caller.region, self._day, f"{key}/target", address=self._address, agent=_AGENTS[self._habits.tool])
        return target.call(assume, second, requestParameters=parameters, sharedEventID=shared)
