"""An account in which everything is there that `check` looks for, and a client that denies."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from athena_on_moto import AccountOnMoto
from botocore.exceptions import ClientError
from moto.s3.exceptions import NoSuchUpload
from moto.s3.models import S3Backend

from exporter.checking import Choices, Finding, Status, inspect
from exporter.config import Aws, Config
from exporter.setup import Installation
from exporter.setup.installation import Choices as SetupChoices

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
YESTERDAY = NOW.date() - timedelta(days=1)
ACCOUNT = "123456789012"
"""moto's."""
CALLER = f"arn:aws:sts::{ACCOUNT}:user/moto"
ROLE = "arn:aws:iam::123456789012:role/reader"
SOURCES: dict[str, Any] = {
    "kiro_credits": {"location": "s3://acme-kiro/reports/"},
    "cloudtrail": {"location": "s3://acme-trail/logs/"},
    "cur": {"location": "s3://acme-bill/people/"},
    "identity_center": {"aws": {"role_arn": ROLE}},
}


def config_of(account: AccountOnMoto, folder: Path, sources: Mapping[str, Any] = SOURCES, **sections: Any) -> Config:
    athena = {"workgroup": "people", **sections.pop("athena", {})}
    given = {"engine": "athena", "aws": {"endpoint_url": account.address}, "athena": athena, "sources": sources, "store": {"path": str(folder / "state")}}
    return Config.model_validate({**given, **sections})


def know_no_upload(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has moto answer what S3 answers of an upload that was never begun: it breaks off instead."""
    there = S3Backend.upload_part

    def upload_part(backend: S3Backend, bucket_name: str, multipart_id: str, *rest: Any, **more: Any) -> Any:
        if multipart_id not in backend.get_bucket(bucket_name).multiparts:
            raise NoSuchUpload(upload_id=multipart_id)
        return there(backend, bucket_name, multipart_id, *rest, **more)

    monkeypatch.setattr(S3Backend, "upload_part", upload_part)


def fill(account: AccountOnMoto, today: datetime = NOW) -> None:
    """A workgroup, and files of every source as AWS delivers them."""
    yesterday = today.date() - timedelta(days=1)
    account.make_workgroup("people")
    account.put("acme-results")
    account.put("acme-mapping")
    account.put("acme-kiro", f"reports/AWSLogs/111122223333/KiroLogs/user_report/us-east-1/{yesterday:%Y/%m/%d}/00/user_report_1.csv")
    logs = "logs/AWSLogs/o-abcdefghij/{}/CloudTrail/{}/{:%Y/%m/%d}/{}.json.gz"
    for number in range(3):
        account.put("acme-trail", logs.format("111122223333", "us-east-1", yesterday, number), logs.format("444455556666", "eu-central-1", yesterday, number))
    month = f"BILLING_PERIOD={today:%Y-%m}"
    data = f"people/data/{month}/people-00001.snappy.parquet"
    account.put("acme-bill", data)
    manifest = json.dumps({"dataFiles": [f"s3://acme-bill/{data}"]}).encode()
    account.open("s3").put_object(Bucket="acme-bill", Key=f"people/metadata/{month}/people-Manifest.json", Body=manifest)
    store = account.open("sso-admin").list_instances()["Instances"][0]["IdentityStoreId"]
    client = account.open("identitystore")
    user = client.create_user(IdentityStoreId=store, UserName="alice", DisplayName="Alice", Name={"GivenName": "Alice", "FamilyName": "A"})["UserId"]
    group = client.create_group(IdentityStoreId=store, DisplayName="team-payments")["GroupId"]
    client.create_group_membership(IdentityStoreId=store, GroupId=group, MemberId={"UserId": user})


def set_up(account: AccountOnMoto, config: Config) -> None:
    """What `setup` does."""
    for step in Installation(config, SetupChoices(), lambda _: None, account.client, poll_seconds=0.01).steps():
        step.run()


def checked(account: AccountOnMoto, config: Config, client: Callable[[Aws, str], Any] | None = None, **choices: Any) -> list[Finding]:
    return list(inspect(config, Choices(**choices), client or account.client, lambda: NOW, poll_seconds=0.01))


def those(findings: list[Finding], *statuses: Status) -> list[Finding]:
    return [finding for finding in findings if finding.status in statuses]


# IAM actions by (service, method of the client), where they differ from the method's name.
_ACTIONS = {
    ("s3", "list_objects_v2"): "s3:ListBucket",
    ("s3", "list_multipart_uploads"): "s3:ListBucketMultipartUploads",
    ("s3", "list_parts"): "s3:ListMultipartUploadParts",
    ("s3", "upload_part"): "s3:PutObject",
}
_PREFIXES = {"sso-admin": "sso"}


@dataclass
class Denying:
    """Opens clients that refuse one action of IAM as AWS does, on resources that hold `part`: in the answer, or in what Athena says that it may not do."""

    account: AccountOnMoto
    action: str
    part: str = ""
    asked: int = 0

    def client(self, reach: Aws, service: str) -> Any:
        return _Refusing(self.account.client(reach, service), service, reach, self)

    def refuses(self, action: str, request: Mapping[str, Any]) -> bool:
        return action == self.action and self.part in str(request.get("Bucket", "")) + str(request.get("Key", ""))

    def refusal(self, resource: str) -> str:
        why = f"because no identity-based policy allows the {self.action} action"
        return f"User: {CALLER} is not authorized to perform: {self.action} on resource: {resource} {why}"


class _Refusing:
    def __init__(self, client: Any, service: str, reach: Aws, iam: Denying) -> None:
        self._client = client
        self._service = service
        self._reach = reach
        self._iam = iam

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if not callable(found) or name.startswith("_") or name == "exceptions":
            return found

        def call(**request: Any) -> Any:
            self._iam.asked += 1
            action = _ACTIONS.get((self._service, name)) or f"{_PREFIXES.get(self._service, self._service)}:{_camel(name)}"
            if self._reach.role_arn is not None and self._iam.action == "sts:AssumeRole":
                self._refuse(name, self._reach.role_arn)
            if self._iam.refuses(action, request):
                self._refuse(name, "arn:aws:of:what")
            if name == "get_object" and self._iam.action == "kms:Decrypt":
                self._refuse(name, "arn:aws:kms:us-east-1:111122223333:key/abcd")
            if name == "get_query_execution" and self._iam.action in ("kms:GenerateDataKey", "lakeformation:GetDataAccess"):
                return {"QueryExecution": _failed(request["QueryExecutionId"], self._iam.refusal("arn:aws:kms:us-east-1:111122223333:key/abcd"))}
            return found(**request)

        return call

    def _refuse(self, operation: str, resource: str) -> None:
        error = {"Code": "AccessDeniedException", "Message": self._iam.refusal(resource)}
        raise ClientError({"Error": error, "ResponseMetadata": {"HTTPStatusCode": 403}}, _camel(operation))  # type: ignore[typeddict-item, unused-ignore]


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _failed(query: str, reason: str) -> dict[str, Any]:
    status = {"State": "FAILED", "StateChangeReason": reason, "AthenaError": {"ErrorCategory": 2, "ErrorType": 1, "Retryable": False}}
    return {"QueryExecutionId": query, "Query": "SELECT 1", "StatementType": "DML", "Status": status, "Statistics": {}, "ResultConfiguration": {}}
