"""The CloudFormation stack: its parameters from the config, and a deployment that can be begun again at any point."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from typing import Any

import yaml

from exporter.aws import explained
from exporter.config import Config
from exporter.errors import UserError
from exporter.permissions import bucket_and_prefix, partition_of

TEMPLATE = "cloudformation.yaml"
TAG = {"Key": "aws-user-exporter", "Value": "setup"}
POLL_SECONDS = 5.0
DEADLINE_SECONDS = 1800.0

_DEFAULT_WORKGROUP = "primary"
_GOOD = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"})
_IAM = ["CAPABILITY_IAM"]
_ALWAYS, _ELSEWHERE = "IsExporter", "IsReader"
"""Conditions of the template: on what is made where the exporter's queries run, and on what is made in other accounts."""


def template() -> str:
    """The template that comes with this version."""
    return files("exporter_infrastructure").joinpath(TEMPLATE).read_text(encoding="utf-8")


def parameters(config: Config, sources: Sequence[str], region: str, given: Mapping[str, str]) -> dict[str, str]:
    """The parameters of the stack in a region where the queries of `sources` run; `given` ones, by name, win.

    Raises UserError for a name that the template does not have, and for the workgroup that it cannot make.
    """
    if config.athena.workgroup == _DEFAULT_WORKGROUP:
        raise UserError("athena.workgroup is primary, which every account has; name the workgroup that the stack is to make, such as aws-user-exporter.")
    known = yaml.load(template(), Loader=_TagsAsText)["Parameters"]
    if unknown := sorted(set(given) - set(known)):
        raise UserError(f"the stack has no parameter {', '.join(unknown)}; it has {', '.join(known)}.")
    s3 = f"arn:{partition_of(region)}:s3:::"
    places = [bucket_and_prefix(config.sources.queried()[name].location) for name in sources]
    roles = {config.aws_for(name).role_arn for name in config.sources.enabled() if name not in sources}
    own = {name for name in config.sources.enabled() if config.aws_for(name).role_arn is None}
    sync = config.people.sync.location or ""
    found = {
        "WorkGroupName": config.athena.workgroup,
        "DatabaseName": config.athena.database.lower(),
        "BytesScannedCutoffPerQuery": str(max(config.athena.max_bytes_scanned, 10_000_000)),
        "SourceBucketArns": _list({f"{s3}{bucket}" for bucket, _ in places}),
        "SourceObjectArns": _list({f"{s3}{bucket}/{prefix}*" for bucket, prefix in places}),
        "SourceRoleArns": _list({role for role in roles if role is not None}),
        "ReadIdentityCenter": str("identity_center" in own).lower(),
        "ReadCostExplorer": str("cost_explorer" in own).lower(),
        "UserMappingObjectArn": f"{s3}{sync.removeprefix('s3://')}user_mapping.csv" if sync.startswith("s3://") else "",
    }
    return {**found, **given}


def resources() -> dict[str, str]:
    """What the template can make in the account of the exporter: types by logical name, with the condition that they depend on."""
    found = yaml.load(template(), Loader=_TagsAsText)["Resources"]
    conditions = {name: resource.get("Condition", _ALWAYS) for name, resource in found.items()}
    return {
        name: f"{resource['Type']}{'' if conditions[name] == _ALWAYS else f' where {conditions[name]}'}"
        for name, resource in found.items()
        if conditions[name] != _ELSEWHERE
    }


class Stack:
    """`client` is a boto3 client of CloudFormation. Methods raise UserError with the reason that CloudFormation gives, TransientError as `aws.explain` says."""

    def __init__(self, client: Any, name: str, say: Callable[[str], None], sleep: Callable[[float], object] = time.sleep) -> None:
        self._client = client
        self.name = name
        self._say = say
        self._sleep = sleep

    def status(self) -> str | None:
        """The state of the stack; None where there is none. UserError for a stack of that name that setup has not made."""
        with explained("cloudformation:DescribeStacks", f"the stack {self.name}"):
            try:
                stack = self._client.describe_stacks(StackName=self.name)["Stacks"][0]
            except self._client.exceptions.ClientError as error:
                if "does not exist" in str(error):
                    return None
                raise
        if stack["StackStatus"] == "DELETE_COMPLETE":
            return None
        if TAG not in stack.get("Tags", []):
            raise UserError(f"the stack {self.name} was not made by setup; give --stack another name.")
        return str(stack["StackStatus"])

    def deploy(self, wanted: Mapping[str, str], makes_database: Callable[[], bool]) -> str:
        """Makes or updates the stack and waits: "made", "changed" or "unchanged". `makes_database` is asked when the stack is new."""
        status = self._settled()
        if status is None:
            self._create({**wanted, "CreateDatabase": str(makes_database()).lower()})
            self._wait("made")
            return "made"
        if status not in _GOOD:
            raise UserError(f"the stack {self.name} is {status}{self._reason()}; mend that, delete the stack, and run setup again.")
        if not self._update(wanted):
            return "unchanged"
        self._wait("updated")
        return "changed"

    def delete(self) -> bool:
        """Deletes the stack; the bucket of results and the database stay, as the template says. False where there is none."""
        if self._settled() is None:
            return False
        with explained("cloudformation:DeleteStack", f"the stack {self.name}"):
            self._client.delete_stack(StackName=self.name)
        if (status := self._settled()) is not None:
            raise UserError(f"the stack {self.name} could not be deleted ({status}){self._reason()}.")
        return True

    def outputs(self) -> dict[str, str]:
        """The outputs of the stack by name."""
        with explained("cloudformation:DescribeStacks", f"the stack {self.name}"):
            stack = self._client.describe_stacks(StackName=self.name)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def _create(self, wanted: Mapping[str, str]) -> None:
        values = [{"ParameterKey": name, "ParameterValue": value} for name, value in wanted.items()]
        with explained("cloudformation:CreateStack", f"the stack {self.name}"):
            self._client.create_stack(StackName=self.name, TemplateBody=template(), Parameters=values, Capabilities=_IAM, Tags=[TAG])

    def _update(self, wanted: Mapping[str, str]) -> bool:
        values: list[dict[str, Any]] = [{"ParameterKey": name, "ParameterValue": value} for name, value in wanted.items()]
        if "CreateDatabase" not in wanted:
            values.append({"ParameterKey": "CreateDatabase", "UsePreviousValue": True})
        with explained("cloudformation:UpdateStack", f"the stack {self.name}"):
            try:
                self._client.update_stack(StackName=self.name, TemplateBody=template(), Parameters=values, Capabilities=_IAM, Tags=[TAG])
            except self._client.exceptions.ClientError as error:
                if "No updates are to be performed" in str(error):
                    return False
                raise
        return True

    def _wait(self, done: str) -> None:
        status = self._settled()
        if status not in _GOOD or status == "UPDATE_ROLLBACK_COMPLETE":
            raise UserError(f"the stack {self.name} could not be {done} ({status}){self._reason()}.")

    def _settled(self) -> str | None:
        """The state that the stack comes to rest in."""
        end = time.monotonic() + DEADLINE_SECONDS
        while (status := self.status()) is not None and status.endswith("_IN_PROGRESS"):
            if time.monotonic() > end:
                raise UserError(f"the stack {self.name} is still {status}; look at it in the console and run setup again.")
            self._say(f"stack {self.name}: {status}")
            self._sleep(POLL_SECONDS)
        return status

    def _reason(self) -> str:
        """Why the newest attempt failed, as a clause; empty where CloudFormation does not say."""
        with explained("cloudformation:DescribeStackEvents", f"the stack {self.name}"):
            events = self._client.describe_stack_events(StackName=self.name)["StackEvents"]
        failed = [event for event in events if event.get("ResourceStatus", "").endswith("_FAILED") and event.get("ResourceStatusReason")]
        causes = [event for event in failed if "cancelled" not in event["ResourceStatusReason"].lower()]
        return f": {causes[-1]['LogicalResourceId']}, {causes[-1]['ResourceStatusReason'].rstrip('.')}" if causes else ""


class _TagsAsText(yaml.SafeLoader):
    """Reads a template without meaning anything by !Ref and its like."""


_TagsAsText.add_multi_constructor("!", lambda loader, suffix, node: suffix)


def _list(values: set[str]) -> str:
    return ",".join(sorted(values))
