"""A client that denies each action in turn: `check` names it, what it was for, on what, and the statement to add."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import time_machine
from athena_on_moto import AccountOnMoto, account_on_moto
from check_rig import NOW, ROLE, SOURCES, Denying, checked, config_of, fill, know_no_upload, set_up, those

from exporter.checking import Status, exit_code
from exporter.config import Config
from exporter.permissions import EXPORTER


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AccountOnMoto, Config]]:
    """An account in which everything is there; made once, as a check changes nothing."""
    with pytest.MonkeyPatch.context() as monkeypatch, time_machine.travel(NOW, tick=True), account_on_moto(monkeypatch) as account:
        know_no_upload(monkeypatch)
        fill(account)
        sources = {**SOURCES, "cost_explorer": {"max_requests_per_day": 20}}
        config = config_of(account, tmp_path_factory.mktemp("check"), sources, bill="cur", people={"sync": {"location": "s3://acme-mapping/m/"}})
        set_up(account, config)
        yield account, config


POLICY_ON = {
    "athena": "arn:aws:athena:us-east-1:123456789012:workgroup/people",
    "glue": "arn:aws:glue:us-east-1:123456789012:database/aws_user_exporter",
    "identitystore": "*",
    "sso": "*",
    "ce": "*",
    "kms": "arn:aws:kms:us-east-1:111122223333:key/abcd",
    "lakeformation": "arn:aws:kms:us-east-1:111122223333:key/abcd",
    "sts": ROLE,
}
CASES = [
    *((permission.action, "", POLICY_ON[permission.action.split(":")[0]]) for permission in EXPORTER if not permission.action.startswith("s3:")),
    ("s3:GetBucketLocation", "acme-results", "arn:aws:s3:::acme-results"),
    ("s3:ListBucket", "acme-results", "arn:aws:s3:::acme-results"),
    ("s3:ListBucketMultipartUploads", "acme-results", "arn:aws:s3:::acme-results"),
    ("s3:PutObject", "acme-results", "arn:aws:s3:::acme-results/results/*"),
    ("s3:AbortMultipartUpload", "acme-results", "arn:aws:s3:::acme-results/results/*"),
    ("s3:ListMultipartUploadParts", "acme-results", "arn:aws:s3:::acme-results/results/*"),
    ("s3:GetObject", "acme-results", "arn:aws:s3:::acme-results/results/*"),
    ("s3:GetBucketLocation", "acme-trail", "arn:aws:s3:::acme-trail"),
    ("s3:ListBucket", "acme-trail", "arn:aws:s3:::acme-trail"),
    ("s3:GetObject", "acme-trail", "arn:aws:s3:::acme-trail/logs/*"),
    ("s3:PutObject", "acme-mapping", "arn:aws:s3:::acme-mapping/m/user_mapping.csv"),
]


def test_the_cases_are_all_there_are() -> None:
    assert {action for action, *_ in CASES} == {permission.action for permission in EXPORTER}


@pytest.mark.parametrize(("action", "part", "resource"), CASES)
def test_an_action_that_is_denied_is_named(action: str, part: str, resource: str, ready: tuple[AccountOnMoto, Config]) -> None:
    account, config = ready
    found = checked(account, config, Denying(account, action, part).client, spend=True)
    denied = [finding for finding in those(found, Status.FAILED) if finding.topic == "permission" and finding.values["action"] == action]
    assert denied, those(found, Status.FAILED)
    told = denied[0]
    assert action in told.text
    assert resource in told.text
    policy = json.loads(told.policy)
    assert (policy["Effect"], policy["Action"]) == ("Allow", action)
    assert resource in (policy["Resource"] if isinstance(policy["Resource"], list) else [policy["Resource"]])
    assert exit_code(found) == 1
    others = {finding.values["action"] for finding in those(found, Status.FAILED) if finding.topic == "permission"} - {action}
    assert not others, "only what is denied is told as denied"


def test_an_explicit_deny_is_told_as_one(ready: tuple[AccountOnMoto, Config], monkeypatch: pytest.MonkeyPatch) -> None:
    account, config = ready
    said = "User: x is not authorized to perform: s3:ListBucket on resource: arn:aws:s3:::acme-trail with an explicit deny in a service control policy"
    monkeypatch.setattr(Denying, "refusal", lambda _self, _resource: said.replace(" with", " because with"))
    found = checked(account, config, Denying(account, "s3:ListBucket", "acme-trail").client)
    (told,) = [finding for finding in those(found, Status.FAILED) if finding.topic == "permission"]
    assert told.todo == "a policy denies it explicitly: take that out, and see that this is allowed:"
