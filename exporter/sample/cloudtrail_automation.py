"""What nobody does by hand: pipelines, workloads, AWS services, bots and other accounts, as CloudTrail events of a day."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from exporter.sample.cloudtrail_identities import (
    GITHUB,
    Identity,
    assumed_role,
    aws_account,
    aws_service,
    directory,
    iam_user,
    in_session_context,
    oidc_arn,
    role,
    service_event,
    unique_id,
    web_identity_user,
)
from exporter.sample.cloudtrail_operations import Operation, delicate, operation
from exporter.sample.cloudtrail_records import Caller, Event, denial, ids, moment
from exporter.sample.draws import draws, hex_of, uuid_of
from exporter.sample.organisation import MANAGEMENT_ACCOUNT, PRODUCTION_ACCOUNT, Organisation, Team
from exporter.sample.working_days import FRIDAY

PARTNER_ACCOUNT = "999988887777"
"""A monitoring company that looks in from outside."""
BOTS = ("svc-backup", "deploy-bot", "terraform", "jenkins", "github-actions", "svc-reporting")
"""IAM users that are no people, by the names that people give them."""

_SDK = "aws-sdk-java/2.38.6 md/io#sync md/http#Apache ua/2.1 os/Linux#6.1 lang/java#21.0.9"
_ASSUME = Operation("sts", "AssumeRole", read=True)
_WITH_WEB_IDENTITY = Operation("sts", "AssumeRoleWithWebIdentity", read=True)


@dataclass(frozen=True, slots=True)
class _Job:
    """Something that runs `times` a day, and calls these operations each time."""

    name: str
    identity: Identity
    account: str
    region: str
    operations: tuple[Operation, ...]
    times: float
    address: str = "192.0.2.10"
    agent: str = _SDK


def events_of(organisation: Organisation, positions: range, day: date, volume: float) -> Iterator[Event]:
    """What runs for some of an organisation's positions: a pure function of them and the day, in no order.

    `volume` multiplies the runs; everything runs at least once a working day. The first positions have what an organisation has once.
    """
    draw = draws(f"{organisation.seed}/automation/{positions.start}/{day.toordinal()}").__next__
    working = 1.0 if day.weekday() <= FRIDAY else 0.35
    for job in _jobs(organisation, positions, day):
        for run in range(max(1 if working == 1.0 else 0, round(job.times * volume * working * (0.6 + 0.8 * draw())))):
            caller = Caller(
                job.identity, job.account, job.region, day, f"{organisation.seed}/{positions.start}/{job.name}/{run}", address=job.address, agent=job.agent
            )
            second = _on_schedule(draw)
            for number, what in enumerate(job.operations):
                error = denial(what, caller.arn) if draw() < 0.004 else None
                yield caller.call(what, second + 3 * number, job.name, error=error)
    for team in organisation.teams[positions.start : positions.stop]:
        yield from _pipeline(organisation, team, day, volume * working)
    if positions.start == 0:
        yield from _inside(organisation, day)
        yield from _from_outside(organisation, day)


def _on_schedule(draw: Callable[[], float]) -> int:
    """Schedules start every four hours, the last one just before midnight: its log comes on the next day."""
    return 13_900 + int(draw() * 6) * 14_400 + int(draw() * 500)


def _operations(text: str) -> tuple[Operation, ...]:
    return tuple(operation(*word.split(":", 1)) for word in text.split())


_STARTS_UP = _operations("secretsmanager:GetSecretValue ssm:GetParametersByPath sts:GetCallerIdentity")
_NODE = _operations("ecr:GetAuthorizationToken ecr:BatchGetImage ssm:GetParameter")
_FUNCTION = _operations("dynamodb:DescribeTable sqs:GetQueueAttributes logs:CreateLogGroup")
_BACKUP = _operations("ec2:DescribeVolumes ec2:DescribeSnapshots ec2:CreateSnapshot ec2:CreateTags rds:CreateDBSnapshot")
_DRIFT = _operations("ec2:DescribeInstances ec2:DescribeVpcs ec2:DescribeSubnets iam:GetRole iam:ListAttachedRolePolicies s3:GetBucketPolicy s3:GetBucketAcl")
_SCALING = _operations("ec2:DescribeInstances ec2:RunInstances ec2:CreateTags elasticloadbalancing:RegisterTargets")
_RECORDER = _operations("ec2:DescribeSecurityGroups s3:GetBucketEncryption iam:GetRole kms:DescribeKey lambda:GetPolicy20150331v2")
_BUILD = _operations("logs:CreateLogGroup ecr:GetAuthorizationToken s3:GetBucketLocation ecr:BatchGetImage")
_SYNC = _operations("s3:GetBucketLocation s3:GetBucketTagging s3:ListBuckets")
_SCAN = _operations(
    "ec2:DescribeInstances ec2:DescribeSecurityGroups s3:ListBuckets s3:GetBucketAcl iam:ListUsers iam:GetAccountSummary cloudtrail:DescribeTrails"
)
_DEPLOYMENT = _operations(
    "sts:GetCallerIdentity cloudformation:DescribeStacks cloudformation:CreateChangeSet cloudformation:ExecuteChangeSet cloudformation:DescribeStackEvents"
)
_REPORT = _operations("ce:GetCostAndUsage organizations:ListAccounts")


def _jobs(organisation: Organisation, positions: range, day: date) -> Iterator[_Job]:
    """Workloads of both Kiro accounts and of production. Session names are those that AWS and its SDKs make up, new ones every day where they are random."""
    us, eu = (account.id for account in organisation.accounts)
    scale = len(positions) / 200
    made = moment(day, 0)
    epoch = int((datetime(day.year, day.month, day.day) - datetime(1970, 1, 1)).total_seconds())

    def key(name: str) -> str:
        return f"{organisation.seed}/{positions.start}/{day}/{name}"

    def session(account: str, name: str, session: str, path: str = "") -> Identity:
        return assumed_role(account, name, session, made, path=path, key=key(session))

    for account, region in ((us, "us-east-1"), (eu, "eu-central-1"), (PRODUCTION_ACCOUNT, "us-east-1"), (PRODUCTION_ACCOUNT, "eu-central-1")):
        here = f"{account}/{region}"
        node = f"i-{hex_of(key(f'{here}/node'), 18)[:17]}"
        instance = in_session_context(session(account, "eks-node", node), ec2RoleDelivery="2.0")
        instance["inScopeOf"] = {"issuerType": "AWS::EC2::Instance", "credentialsIssuedTo": f"arn:aws:ec2:{region}:{account}:instance/{node}"}
        yield _Job(f"{here}/node", instance, account, region, _NODE, 30 * scale)
        task = hex_of(key(f"{here}/task"), 32)
        yield _Job(f"{here}/task", session(account, "checkout-task", task), account, region, _STARTS_UP, 20 * scale)
        function = session(account, "orders-function-role", "orders-function", "service-role/")
        function["inScopeOf"] = {"issuerType": "AWS::Lambda::Function", "credentialsIssuedTo": f"arn:aws:lambda:{region}:{account}:function:orders-function"}
        yield _Job(f"{here}/function", function, account, region, _FUNCTION, 25 * scale)
        scaling = session(account, "AWSServiceRoleForAutoScaling", "AutoScaling", "aws-service-role/autoscaling.amazonaws.com/")
        scaling["invokedBy"] = "autoscaling.amazonaws.com"
        yield _Job(f"{here}/scaling", scaling, account, region, _SCALING, 8 * scale, "autoscaling.amazonaws.com", "autoscaling.amazonaws.com")
        recorder = session(account, "AWSServiceRoleForConfig", "AWSConfig-Describe", "aws-service-role/config.amazonaws.com/")
        yield _Job(f"{here}/recorder", recorder, account, region, _RECORDER, 10 * scale, "config.amazonaws.com", "config.amazonaws.com")
    for account, region in ((us, "us-east-1"), (eu, "eu-central-1")):
        here = f"{account}/{region}"
        yield _Job(f"{here}/backup", session(account, "nightly-backup", f"botocore-session-{epoch + 7200}"), account, region, _BACKUP, 2 * scale)
        yield _Job(f"{here}/drift", session(account, "crossplane", f"aws-go-sdk-{epoch}090082523310002"[:30]), account, region, _DRIFT, 6 * scale)
        build = f"AWSCodeBuild-{uuid_of(key(f'{here}/build'))}"
        yield _Job(f"{here}/build", session(account, "codebuild-service-role", build, "service-role/"), account, region, _BUILD, 5 * scale)
        yield _Job(
            f"{here}/stack", session(account, "cfn-execution", "AWSCloudFormation"), account, region, _DRIFT[:4], 3 * scale, "cloudformation.amazonaws.com"
        )
        # Names that say nothing about who it is.
        for number in range(3):
            yield _Job(f"{here}/sync{number}", session(account, "data-sync", f"session-{hex_of(key(f'{here}/{number}'), 12)}"), account, region, _SYNC, 1)
        yield _Job(f"{here}/mando", session(account, "lab", f"MandoService{epoch}{account}"[:40]), account, region, _SYNC, 1)
        for bot in BOTS[:3]:
            yield _Job(f"{here}/{bot}", iam_user(account, bot, path="automation/"), account, region, _BACKUP if bot == "svc-backup" else _DRIFT, 2 * scale)
    for bot in BOTS[3:]:
        yield _Job(f"production/{bot}", iam_user(PRODUCTION_ACCOUNT, bot), PRODUCTION_ACCOUNT, "us-east-1", _BUILD, 3 * scale)
    yield _Job("reports", iam_user(MANAGEMENT_ACCOUNT, "svc-reporting"), MANAGEMENT_ACCOUNT, "us-east-1", _REPORT, 4)
    chained = assumed_role(PRODUCTION_ACCOUNT, "Deploy", "spinnaker", made, key=key("spinnaker"), source_identity="svc-deploy")
    yield _Job("spinnaker", chained, PRODUCTION_ACCOUNT, "us-east-1", _operations("ecs:UpdateService ecs:DescribeServices"), 5 * scale)
    delegated = {**session(PRODUCTION_ACCOUNT, "ProductProvider", "provider-onboarding"), "invokedByDelegate": {"accountId": PARTNER_ACCOUNT}}
    yield _Job("provider", delegated, PRODUCTION_ACCOUNT, "us-east-1", _SYNC[:1], 1)
    yield _Job("scan", session(PRODUCTION_ACCOUNT, "PartnerAudit", "partner-scan"), PRODUCTION_ACCOUNT, "us-east-1", _SCAN, 2)


def _pipeline(organisation: Organisation, team: Team, day: date, volume: float) -> Iterator[Event]:
    """GitHub deploys for the team, and its pods ask for credentials: a web identity first, then the role."""
    draw = draws(f"{organisation.seed}/pipeline/{team.name}/{day.toordinal()}").__next__
    account, region = team.account.id, team.account.region
    for run in range(round(3 * draw() * volume + 0.2)):
        start, key = 21_600 + int(draw() * 32) * 1_800 + int(draw() * 400), f"{organisation.seed}/pipeline/{team.name}/{run}"
        where = PRODUCTION_ACCOUNT if draw() < 0.4 else account
        subject = f"repo:acme/{team.name}:ref:refs/heads/main"
        runner = Caller(web_identity_user(subject, oidc_arn(where, GITHUB)), where, region, day, f"{key}/web", address="192.0.2.77", agent=_SDK)
        parameters = {"roleArn": f"arn:aws:iam::{where}:role/github-deploy", "roleSessionName": "GitHubActions", "durationSeconds": 3600}
        yield runner.call(_WITH_WEB_IDENTITY, start, requestParameters=parameters)
        identity = assumed_role(where, "github-deploy", "GitHubActions", moment(day, start), key=key)
        identity = in_session_context(identity, webIdFederationData={"federatedProvider": oidc_arn(where, GITHUB), "attributes": {}})
        deploy = Caller(identity, where, region, day, key, address="192.0.2.77", agent="aws-cli/2.31.29 exec-env/GitHubActions")
        for number, what in enumerate(_DEPLOYMENT):
            yield deploy.call(what, start + 4 + 7 * number, f"{team.name}-stack")
        if draw() < 0.12:
            risky = delicate("Engineering")
            yield deploy.call(risky[int(draw() * len(risky))], start + 40, f"{team.name}-stack")
    if draw() < 0.5 * volume:
        cluster = oidc_arn(account, f"oidc.eks.{region}.amazonaws.com/id/{hex_of(account, 32).upper()}")
        pod = Caller(
            web_identity_user(f"system:serviceaccount:{team.name}:worker", cluster), account, region, day, f"{team.name}/pod", address="192.0.2.20", agent=_SDK
        )
        yield pod.call(
            _WITH_WEB_IDENTITY,
            _on_schedule(draw),
            requestParameters={"roleArn": f"arn:aws:iam::{account}:role/worker", "roleSessionName": f"eks-{team.name}-worker"},
        )


def _inside(organisation: Organisation, day: date) -> Iterator[Event]:
    """AWS services that act for themselves, and events that no caller caused."""
    draw = draws(f"{organisation.seed}/inside/{day.toordinal()}").__next__
    us, eu = (account.id for account in organisation.accounts)
    homes = ((us, "us-east-1"), (eu, "eu-central-1"), (PRODUCTION_ACCOUNT, "us-east-1"))
    for account, region in homes:
        for host, what in _SERVICES_THAT_CALL:
            for run in range(1 + int(4 * draw())):
                caller = _host(host, account, region, day, f"{organisation.seed}/{account}/{host}/{run}")
                shared = ids(f"{organisation.seed}/{account}/{host}/{run}/{day}/shared")[0]
                yield caller.call(what, _on_schedule(draw), "shared-key", sharedEventID=shared)
        if draw() < 0.3:
            yield _no_caller(account, region, day, "kms", "RotateKey", "AWS Internal", _on_schedule(draw))
        if draw() < 0.3:
            yield _no_caller(account, region, day, "ec2", "BidEvictedEvent", "ec2.amazonaws.com", _on_schedule(draw))
        acting = Caller(
            role(account, "service-catalog-launch"),
            account,
            region,
            day,
            f"{account}/role",
            address="servicecatalog.amazonaws.com",
            agent="servicecatalog.amazonaws.com",
        )
        yield acting.call(operation("cloudformation", "DescribeStacks"), _on_schedule(draw), "launch")
    joined = Caller(directory(us, f"d-{hex_of(us, 10)}"), us, "us-east-1", day, "directory", address="ds.amazonaws.com", agent="ds.amazonaws.com")
    yield joined.call(operation("ec2", "DescribeSubnets"), _on_schedule(draw), "subnet-1")
    # One key for two accounts: the event is in both logs, under two event ids and one shared id.
    second, shared = _on_schedule(draw), ids(f"{organisation.seed}/shared-key/{day}")[0]
    for account in (us, PRODUCTION_ACCOUNT):
        caller = _host("cloudtrail.amazonaws.com", account, "us-east-1", day, f"{organisation.seed}/{account}/shared-key")
        yield caller.call(_GENERATE, second, "shared-key", sharedEventID=shared)


_GENERATE = Operation("kms", "GenerateDataKey", read=True, subject="keyId")
_SERVICES_THAT_CALL: Sequence[tuple[str, Operation]] = (
    ("ec2.amazonaws.com", _ASSUME),
    ("lambda.amazonaws.com", _ASSUME),
    ("ecs-tasks.amazonaws.com", _ASSUME),
    ("delivery.logs.amazonaws.com", _GENERATE),
    ("cloudtrail.amazonaws.com", operation("s3", "GetBucketAcl")),
)


def _host(host: str, account: str, region: str, day: date, key: str) -> Caller:
    return Caller(aws_service(host), account, region, day, key, address=host, agent=host, via="inside")


def _no_caller(account: str, region: str, day: date, service: str, name: str, host: str, second: int) -> Event:
    caller = Caller(service_event(account, host), account, region, day, f"{account}/{name}", address=host, agent=host, via="inside")
    return caller.call(Operation(service, name, read=False), second, eventType="AwsServiceEvent", serviceEventDetails={"keyId": uuid_of(account)})


def _from_outside(organisation: Organisation, day: date) -> Iterator[Event]:
    """A partner's account takes its role, and somebody reads a public bucket without any account."""
    partner = Caller(
        aws_account(PARTNER_ACCOUNT, unique_id("AIDA", "partner/scanner")),
        PRODUCTION_ACCOUNT,
        "us-east-1",
        day,
        f"{organisation.seed}/partner",
        address="192.0.2.200",
        agent=_SDK,
    )
    parameters = {"roleArn": f"arn:aws:iam::{PRODUCTION_ACCOUNT}:role/PartnerAudit", "roleSessionName": "partner-scan", "externalId": "acme"}
    draw = draws(f"{organisation.seed}/outside/{day.toordinal()}").__next__
    for _ in range(1 + int(3 * draw())):
        yield partner.call(_ASSUME, _on_schedule(draw), requestParameters=parameters)
    nobody = Caller(
        aws_account("ANONYMOUS_PRINCIPAL", ""),
        PRODUCTION_ACCOUNT,
        "us-east-1",
        day,
        f"{organisation.seed}/anonymous",
        address="192.0.2.201",
        agent="curl/8.16.0",
    )
    yield nobody.call(
        Operation("s3", "GetObject", read=True, subject="bucketName"), _on_schedule(draw), "public-downloads", managementEvent=False, eventCategory="Data"
    )
