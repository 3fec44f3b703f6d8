"""The stack: the linter has nothing to say, its roles allow exactly what exporter/permissions.py lists, and setup deploys it and begins again where it must."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from athena_on_moto import AccountOnMoto, account_on_moto
from cfnlint.api import lint_all

from exporter.config import Config
from exporter.errors import UserError
from exporter.permissions import EXPORTER, SETUP, Permission, needed
from exporter.setup.stack import Stack, parameters, template

pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS")  # moto does not know all that the stack makes
TEMPLATE = Path(__file__).parent.parent / "infrastructure" / "cloudformation.yaml"


class Intrinsics(yaml.SafeLoader):
    """Reads `!Ref x` as {"Ref": "x"}, and so on."""


def _intrinsic(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    match node:
        case yaml.SequenceNode():
            return {suffix: loader.construct_sequence(node, deep=True)}
        case yaml.MappingNode():
            return {suffix: loader.construct_mapping(node, deep=True)}
    return {suffix: loader.construct_scalar(node)}  # type: ignore[arg-type]


Intrinsics.add_multi_constructor("!", _intrinsic)
PARSED = yaml.load(TEMPLATE.read_text(encoding="utf-8"), Intrinsics)
RESOURCES = PARSED["Resources"]


def test_the_linter_finds_nothing() -> None:
    found = lint_all(TEMPLATE.read_text(encoding="utf-8"))
    assert [str(match) for match in found if match.rule.id[0] in "EW"] == []


def test_the_template_is_short_enough_to_be_sent() -> None:
    assert len(template().encode()) <= 51_200


# Least privilege


def statements_in(value: Any) -> Iterator[dict[str, Any]]:
    """Every statement of every policy below a value, also within Fn::If."""
    if isinstance(value, dict):
        if value.get("Effect") == "Allow" and "Principal" not in value:
            yield value
        for inner in value.values():
            yield from statements_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from statements_in(inner)


def names_in(value: Any) -> Iterator[str]:
    """Every name that a value refers to."""
    if isinstance(value, dict):
        if isinstance(value.get("Ref"), str):
            yield value["Ref"]
        for inner in value.values():
            yield from names_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from names_in(inner)


def allowed(role: str) -> set[str]:
    """The actions that a role is allowed, its managed policies included."""
    properties = RESOURCES[role]["Properties"]
    managed = [RESOURCES[name] for name in names_in(properties["ManagedPolicyArns"]) if name in RESOURCES]
    found = [*statements_in(properties.get("Policies", [])), *statements_in(managed)]
    return {action for one in found for action in ([one["Action"]] if isinstance(one["Action"], str) else one["Action"])}


@pytest.mark.parametrize(("role", "listed"), [("ExporterRole", EXPORTER), ("SetupRole", SETUP)])
def test_a_role_allows_exactly_what_is_needed(role: str, listed: tuple[Permission, ...]) -> None:
    assert allowed(role) == {permission.action for permission in listed}


def test_the_role_for_other_accounts_reads_and_does_nothing_else() -> None:
    assert allowed("ReaderRole") <= {permission.action for permission in EXPORTER}
    assert not {action for action in allowed("ReaderRole") if action.startswith(("athena:", "glue:", "sts:")) or "Put" in action}


def test_the_role_for_other_accounts_asks_for_the_external_id() -> None:
    (trust,) = RESOURCES["ReaderRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"] == {"StringEquals": {"sts:ExternalId": {"Ref": "ExternalId"}}}


def test_the_exporter_writes_only_results_and_the_mapping() -> None:
    writes = [one for policy in ("QueriesPolicy", "FilesPolicy", "ExporterRole") for one in statements_in(RESOURCES[policy]) if "s3:PutObject" in one["Action"]]
    assert [one["Resource"] for one in writes] == [{"Sub": "${ResultsBucket.Arn}/results/*"}, {"Ref": "UserMappingObjectArn"}]


def test_only_actions_without_resources_are_allowed_on_everything() -> None:
    everywhere = [one["Action"] for one in statements_in(RESOURCES) if one["Resource"] == "*"]
    assert everywhere == [
        "lakeformation:GetDataAccess",
        ["identitystore:ListUsers", "identitystore:ListGroups", "identitystore:ListGroupMemberships", "sso:ListInstances"],
        "ce:GetCostAndUsage",
    ]


def test_results_are_private_encrypted_and_expire() -> None:
    bucket = RESOURCES["ResultsBucket"]["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"] == {"Ref": "ResultsExpireAfterDays"}
    (denied,) = RESOURCES["ResultsBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (denied["Effect"], denied["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_the_workgroup_holds_queries_to_its_limits() -> None:
    settings = RESOURCES["WorkGroup"]["Properties"]["WorkGroupConfiguration"]
    assert settings["EnforceWorkGroupConfiguration"] is True
    assert settings["BytesScannedCutoffPerQuery"] == {"Ref": "BytesScannedCutoffPerQuery"}


@pytest.mark.parametrize("name", ["ResultsBucket", "Database"])
def test_what_holds_data_outlives_the_stack(name: str) -> None:
    assert RESOURCES[name]["DeletionPolicy"] == "Retain"


def test_lake_formation_is_granted_only_when_it_is_asked_for() -> None:
    grants = [resource for resource in RESOURCES.values() if resource["Type"] == "AWS::LakeFormation::PrincipalPermissions"]
    assert len(grants) == 4
    assert {resource["Condition"] for resource in grants} == {"GrantsLakeFormation"}


# What a config needs


def config_of(**sections: Any) -> Config:
    given: dict[str, Any] = {
        "engine": "athena",
        "athena": {"workgroup": "people"},
        "sources": {
            "cloudtrail": {"location": "s3://acme-trail/logs/"},
            "kiro_credits": {"location": "s3://acme-kiro/", "engine": "duckdb", "aws": {"role_arn": "arn:aws:iam::444455556666:role/reader"}},
            "identity_center": {},
        },
    }
    return Config.model_validate({**given, **sections})


def test_a_config_needs_what_its_sources_use() -> None:
    found = {(one.permission.action, one.resource) for one in needed(config_of(), account="111122223333")}
    assert ("athena:StartQueryExecution", "arn:aws:athena:us-east-1:111122223333:workgroup/people") in found
    assert ("glue:GetTable", "arn:aws:glue:us-east-1:111122223333:table/aws_user_exporter/*") in found
    assert ("s3:GetObject", "arn:aws:s3:::acme-trail/logs/*") in found
    assert ("s3:GetObject", "arn:aws:s3:::acme-kiro/*") in found
    assert ("identitystore:ListUsers", "*") in found
    assert ("sts:AssumeRole", "arn:aws:iam::444455556666:role/reader") in found
    assert not {action for action, _ in found} & {"ce:GetCostAndUsage", "kms:Decrypt", "lakeformation:GetDataAccess"}


def test_files_in_another_account_are_read_with_the_role_of_their_source() -> None:
    roles = {one.reach.role_arn for one in needed(config_of()) if one.resource == "arn:aws:s3:::acme-kiro/*"}
    assert roles == {"arn:aws:iam::444455556666:role/reader"}


def test_a_config_without_athena_needs_none() -> None:
    embedded = {"kiro_credits": {"location": "s3://acme-kiro/"}}
    actions = {one.permission.action for one in needed(config_of(engine="duckdb", sources=embedded))}
    assert actions == {"s3:ListBucket", "s3:GetObject"}


def test_the_stack_gets_its_parameters_from_the_config() -> None:
    config = config_of(people={"sync": {"location": "s3://acme-people/mapping/"}})
    found = parameters(config, ("cloudtrail",), "eu-central-1", {"LakeFormation": "true"})
    assert found == {
        "WorkGroupName": "people",
        "DatabaseName": "aws_user_exporter",
        "BytesScannedCutoffPerQuery": str(100 * 1024**3),
        "SourceBucketArns": "arn:aws:s3:::acme-trail",
        "SourceObjectArns": "arn:aws:s3:::acme-trail/logs/*",
        "SourceRoleArns": "arn:aws:iam::444455556666:role/reader",
        "ReadIdentityCenter": "true",
        "ReadCostExplorer": "false",
        "UserMappingObjectArn": "arn:aws:s3:::acme-people/mapping/user_mapping.csv",
        "LakeFormation": "true",
    }
    assert set(found) <= set(PARSED["Parameters"])


@pytest.mark.parametrize(
    ("athena", "given", "sentence"),
    [({}, {}, "athena.workgroup is primary"), ({"workgroup": "people"}, {"Nonsense": "1"}, "the stack has no parameter Nonsense; it has Mode, ")],
)
def test_what_the_stack_cannot_do_is_said(athena: dict[str, str], given: dict[str, str], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        parameters(config_of(athena=athena), ("cloudtrail",), "us-east-1", given)


# Deploying


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[AccountOnMoto]:
    with account_on_moto(monkeypatch) as found:
        yield found


def stack_on(account: AccountOnMoto, said: list[str] | None = None, name: str = "people") -> Stack:
    return Stack(account.open("cloudformation"), name, (said if said is not None else []).append, sleep=lambda _seconds: None)


WANTED = parameters(config_of(), ("cloudtrail",), "us-east-1", {"TrustedService": "ecs-tasks.amazonaws.com"})


def test_the_stack_makes_roles_and_the_bucket(account: AccountOnMoto) -> None:
    stack = stack_on(account)
    assert stack.deploy(WANTED, lambda: True) == "made"
    roles = [role["RoleName"] for role in account.open("iam").list_roles()["Roles"]]
    assert len(roles) == 2
    assert stack.outputs()["ExporterRoleArn"].split("/")[-1] in roles
    (bucket,) = [found["Name"] for found in account.open("s3").list_buckets()["Buckets"]]
    assert stack.outputs()["ResultsLocation"] == f"s3://{bucket}/results/"


def test_another_account_gets_only_the_role_for_it(account: AccountOnMoto) -> None:
    given = {"Mode": "reader", "ExternalId": "secret-1", "TrustedPrincipals": "arn:aws:iam::111122223333:role/exporter"}
    stack_on(account).deploy({**WANTED, **given}, lambda: True)
    (role,) = account.open("iam").list_roles()["Roles"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"] == {"StringEquals": {"sts:ExternalId": "secret-1"}}
    assert account.open("s3").list_buckets()["Buckets"] == []


def test_a_stack_is_deleted_and_the_results_stay(account: AccountOnMoto) -> None:
    stack = stack_on(account)
    assert not stack.delete()
    stack.deploy(WANTED, lambda: True)
    assert stack.delete()
    assert stack.status() is None


def test_a_stack_of_somebody_else_is_not_touched(account: AccountOnMoto) -> None:
    account.open("cloudformation").create_stack(StackName="people", TemplateBody='{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}')
    for act in (lambda: stack_on(account).deploy(WANTED, lambda: True), stack_on(account).delete):
        with pytest.raises(UserError, match="the stack people was not made by setup"):
            act()


class Cloud:
    """A client of CloudFormation whose stack is in one state after another."""

    class exceptions:
        from botocore.exceptions import ClientError

    def __init__(self, *states: str | None, refuses: str = "", reasons: tuple[tuple[str, str, str], ...] = ()) -> None:
        self.states = list(states)
        self.refuses = refuses
        self.reasons = reasons
        self.sent: list[dict[str, Any]] = []

    def describe_stacks(self, **_request: Any) -> dict[str, Any]:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if state is None:
            raise self.exceptions.ClientError({"Error": {"Code": "ValidationError", "Message": "Stack with id people does not exist"}}, "DescribeStacks")
        return {"Stacks": [{"StackStatus": state, "Tags": [{"Key": "aws-user-exporter", "Value": "setup"}]}]}

    def create_stack(self, **request: Any) -> None:
        self.sent.append(request)

    def update_stack(self, **request: Any) -> None:
        if self.refuses:
            raise self.exceptions.ClientError({"Error": {"Code": "ValidationError", "Message": self.refuses}}, "UpdateStack")
        self.sent.append(request)

    def describe_stack_events(self, **_request: Any) -> dict[str, Any]:
        return {"StackEvents": [{"LogicalResourceId": name, "ResourceStatus": state, "ResourceStatusReason": why} for name, state, why in self.reasons]}


def deployed(cloud: Cloud, said: list[str] | None = None) -> str:
    return Stack(cloud, "people", (said if said is not None else []).append, sleep=lambda _seconds: None).deploy(WANTED, lambda: False)


def test_an_interrupted_deployment_is_waited_for_and_gone_on_with() -> None:
    said: list[str] = []
    cloud = Cloud("CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS", "CREATE_COMPLETE", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE")
    assert deployed(cloud, said) == "changed"
    assert said == ["stack people: CREATE_IN_PROGRESS"] * 2 + ["stack people: UPDATE_IN_PROGRESS"]
    assert {"ParameterKey": "CreateDatabase", "UsePreviousValue": True} in cloud.sent[0]["Parameters"]


def test_a_stack_without_changes_is_left_alone() -> None:
    assert deployed(Cloud("UPDATE_COMPLETE", refuses="No updates are to be performed.")) == "unchanged"


def test_a_database_that_is_there_is_not_made_again() -> None:
    cloud = Cloud(None, "CREATE_IN_PROGRESS", "CREATE_COMPLETE")
    assert deployed(cloud) == "made"
    assert {"ParameterKey": "CreateDatabase", "ParameterValue": "false"} in cloud.sent[0]["Parameters"]


def test_why_a_deployment_failed_is_said() -> None:
    cancelled = ("SetupRole", "CREATE_FAILED", "Resource creation cancelled")
    cloud = Cloud(None, "ROLLBACK_COMPLETE", reasons=(cancelled, ("WorkGroup", "CREATE_FAILED", "WorkGroup people is already created.")))
    with pytest.raises(UserError, match=r"the stack people could not be made \(ROLLBACK_COMPLETE\): WorkGroup, WorkGroup people is already created\.$"):
        deployed(cloud)


def test_a_stack_that_was_rolled_back_must_go_first() -> None:
    with pytest.raises(UserError, match=r"the stack people is ROLLBACK_COMPLETE; mend that, delete the stack, and run setup again"):
        deployed(Cloud("ROLLBACK_COMPLETE"))
