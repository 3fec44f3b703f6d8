"""Sessions that assume roles and renew themselves, and what each error of AWS tells the operator."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from botocore import exceptions as raised
from botocore.exceptions import ClientError
from botocore.loaders import JSONFileLoader

from exporter.aws import client, explain, explained, session
from exporter.errors import TransientError, UserError

ROLE = "arn:aws:iam::222222222222:role/reports"
BUCKET_ARN = "arn:aws:s3:::reports"
ALLOW = "allow this action on this resource for the exporter's role or user."


@dataclass(frozen=True)
class Settings:
    """One source's way to AWS."""

    region: str | None = "eu-central-1"
    profile: str | None = None
    role_arn: str | None = None
    external_id: str | None = None
    endpoint_url: str | None = None


@pytest.fixture(autouse=True)
def _no_credentials_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    (tmp_path / "config").write_text("[profile reader]\nregion = ap-south-1\n")
    (tmp_path / "credentials").write_text("[reader]\naws_access_key_id = AKIAREADER\naws_secret_access_key = secret\n")


class Sts:
    """A Security Token Service that hands out numbered keys and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.signed_by: list[str] = []
        self.valid_for = timedelta(hours=1)
        sts = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                sts.asked.append(dict(parse_qsl(body)))
                sts.signed_by.append(self.headers["Authorization"])
                answer = (
                    '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>'
                    f"<AccessKeyId>ASIA{len(sts.asked)}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
                    f"<Expiration>{(datetime.now(UTC) + sts.valid_for).isoformat()}</Expiration></Credentials>"
                    f"<AssumedRoleUser><AssumedRoleId>AROA:x</AssumedRoleId><Arn>arn:aws:sts::222222222222:assumed-role/reports/x</Arn></AssumedRoleUser>"
                    "</AssumeRoleResult></AssumeRoleResponse>"
                ).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:
                """Keeps the test output clean."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def sts() -> Iterator[Sts]:
    service = Sts()
    thread = threading.Thread(target=service.server.serve_forever, args=(0.02,))
    thread.start()
    yield service
    service.server.shutdown()
    thread.join()
    service.server.server_close()


def _key(settings: Settings) -> str | None:
    credentials = session(settings).get_credentials()
    assert credentials is not None
    return credentials.get_frozen_credentials().access_key


# Sessions.


def test_profile_gives_credentials_and_region() -> None:
    settings = Settings(region=None, profile="reader")
    assert (_key(settings), session(settings).region_name) == ("AKIAREADER", "ap-south-1")


def test_region_beats_the_region_of_the_profile() -> None:
    assert session(Settings(profile="reader", region="eu-west-1")).region_name == "eu-west-1"


def test_profile_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(UserError, match=r"aws\.profile names a profile that is not in the AWS configuration files; correct it"):
        session(Settings(profile="nobody")).get_credentials()


def test_environment_is_used_without_a_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert _key(Settings()) == "AKIAENV"


def test_role_is_assumed_with_the_credentials_of_the_profile(sts: Sts) -> None:
    assert _key(Settings(profile="reader", role_arn=ROLE, endpoint_url=sts.url)) == "ASIA1"
    assert "AKIAREADER" in sts.signed_by[0]
    assert sts.asked[0]["RoleArn"] == ROLE
    assert sts.asked[0]["RoleSessionName"] == "aws-user-exporter"
    assert "ExternalId" not in sts.asked[0]


def test_role_is_assumed_with_the_external_id(sts: Sts) -> None:
    _key(Settings(profile="reader", role_arn=ROLE, external_id="42", endpoint_url=sts.url))
    assert sts.asked[0]["ExternalId"] == "42"


def test_role_is_not_assumed_before_the_first_call(sts: Sts) -> None:
    client(Settings(profile="reader", role_arn=ROLE, endpoint_url=sts.url), "s3")
    assert sts.asked == []


def test_role_is_assumed_once_while_its_credentials_last(sts: Sts) -> None:
    credentials = session(Settings(profile="reader", role_arn=ROLE, endpoint_url=sts.url)).get_credentials()
    assert credentials is not None
    assert [credentials.get_frozen_credentials().access_key for _ in range(2)] == ["ASIA1", "ASIA1"]


def test_role_is_assumed_again_when_its_credentials_run_out(sts: Sts) -> None:
    sts.valid_for = timedelta(minutes=1)
    credentials = session(Settings(profile="reader", role_arn=ROLE, endpoint_url=sts.url)).get_credentials()
    assert credentials is not None
    credentials.get_frozen_credentials()
    asked = len(sts.asked)
    credentials.get_frozen_credentials()
    assert len(sts.asked) > asked


def test_role_without_credentials_to_assume_it_is_one_sentence() -> None:
    with pytest.raises(UserError, match=r"No AWS credentials were found for sts:AssumeRole on arn:aws:iam::222222222222:role/reports; set aws\.profile"):
        session(Settings(role_arn=ROLE))


# Clients.


def test_client_is_bounded() -> None:
    config = client(Settings(profile="reader"), "s3").meta.config
    assert (config.connect_timeout, config.read_timeout, config.retries) == (5, 60, {"mode": "standard", "total_max_attempts": 3})


def test_a_service_is_described_once_for_all_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    client(Settings(profile="reader"), "s3")
    read: list[str] = []
    load = JSONFileLoader.load_file
    monkeypatch.setattr(JSONFileLoader, "load_file", lambda loader, path: read.append(path) or load(loader, path))
    client(Settings(profile="reader", region="eu-west-1"), "s3")
    assert read == []


def test_client_takes_another_address() -> None:
    assert client(Settings(profile="reader", endpoint_url="http://127.0.0.1:9"), "s3").meta.endpoint_url == "http://127.0.0.1:9"


def test_client_without_a_region_is_one_sentence() -> None:
    with pytest.raises(UserError, match=r"No AWS region is set for calls of athena on AWS; set aws\.region"):
        client(Settings(region=None), "athena")


def test_address_that_is_none_is_one_sentence() -> None:
    with pytest.raises(UserError, match=r"aws\.endpoint_url is not an address such as https://host:port"):
        client(Settings(profile="reader", endpoint_url="not an address"), "s3")


def test_nobody_listening_is_transient() -> None:
    settings = Settings(profile="reader", endpoint_url="http://127.0.0.1:9")
    with pytest.raises(TransientError, match="s3:ListBucket on arn:aws:s3:::reports did not get an answer"), explained("s3:ListBucket", BUCKET_ARN):
        client(settings, "s3").list_objects_v2(Bucket="reports")


def test_call_without_credentials_is_one_sentence() -> None:
    with pytest.raises(UserError, match="No AWS credentials were found for s3:ListBucket"), explained("s3:ListBucket", BUCKET_ARN):
        client(Settings(), "s3").list_objects_v2(Bucket="reports")


# Errors.


def _answer(code: str, message: str = "", status: int = 400, **more: Any) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message, **more}, "ResponseMetadata": {"HTTPStatusCode": status}}, "ListObjectsV2")  # type: ignore[typeddict-item]


def _named(error: Exception) -> str:
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__


@pytest.mark.parametrize(
    "error",
    [
        _answer("SlowDown", status=503),
        _answer("ThrottlingException"),
        _answer("TooManyRequestsException"),
        _answer("LimitExceededException"),
        _answer("Anything", status=429),
        _answer("InternalError", status=500),
        _answer("InternalServerException"),
        _answer("ServiceUnavailable", status=503),
        _answer("502", "Bad Gateway", 502),
        _answer("RequestTimeout"),
        raised.ConnectTimeoutError(endpoint_url="https://s3"),
        raised.ReadTimeoutError(endpoint_url="https://s3"),
        raised.EndpointConnectionError(endpoint_url="https://s3"),
        raised.ConnectionClosedError(endpoint_url="https://s3"),
        raised.ProxyConnectionError(proxy_url="http://proxy"),
        raised.ResponseStreamingError(error="reset"),
        raised.IncompleteReadError(actual_bytes=1, expected_bytes=2),
        raised.FlexibleChecksumError(error_msg="differs"),
        raised.SSLError(endpoint_url="https://s3", error=OSError("EOF occurred in violation of protocol")),
    ],
    ids=_named,
)
def test_what_may_work_later_is_transient(error: Any) -> None:
    assert isinstance(explain(error, "s3:ListBucket", BUCKET_ARN), TransientError)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            _answer("AccessDenied", "Access Denied", 403),
            f"AWS denied s3:ListBucket on {BUCKET_ARN}; {ALLOW}",
        ),
        (
            _answer("AccessDenied", "User: arn:aws:iam::1:user/x is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:eu-central-1:1:key/k", 403),
            f"AWS denied kms:Decrypt on arn:aws:kms:eu-central-1:1:key/k to arn:aws:iam::1:user/x; {ALLOW}",
        ),
        (
            _answer(
                "AccessDenied", 'User: arn:x is not authorized to perform: s3:GetObject on resource: "arn:y" because no identity-based policy allows it', 403
            ),
            f"AWS denied s3:GetObject on arn:y to arn:x because no identity-based policy allows it; {ALLOW}",
        ),
        (
            _answer("AccessDeniedException", "User: arn:x is not authorized to perform: athena:StartQueryExecution", 400),
            f"AWS denied athena:StartQueryExecution on {BUCKET_ARN} to arn:x; {ALLOW}",
        ),
        (
            _answer("ExpiredToken", "The provided token has expired.", 400),
            f"The AWS credentials used for s3:ListBucket on {BUCKET_ARN} have expired (ExpiredToken); renew them, for example with `aws sso login`.",
        ),
        (
            _answer("InvalidAccessKeyId", "…", 403),
            f"AWS does not accept the credentials used for s3:ListBucket on {BUCKET_ARN} (InvalidAccessKeyId); "
            "correct the access key, secret or session token.",
        ),
        (
            _answer("SignatureDoesNotMatch", "…", 403),
            f"AWS does not accept the credentials used for s3:ListBucket on {BUCKET_ARN} (SignatureDoesNotMatch); "
            "correct the access key, secret or session token.",
        ),
        (
            _answer("RequestTimeTooSkewed", "…", 403),
            f"AWS refused s3:ListBucket on {BUCKET_ARN} because this machine's clock is wrong; synchronise it with NTP.",
        ),
        (_answer("NoSuchBucket", "…", 404), f"{BUCKET_ARN} does not exist; correct the bucket in the location."),
        (_answer("PermanentRedirect", "…", 301), f"{BUCKET_ARN} is in another region; set aws.region to the region of the bucket."),
        (_answer("301", "Moved Permanently", 301), f"{BUCKET_ARN} is in another region; set aws.region to the region of the bucket."),
        (
            _answer("AuthorizationHeaderMalformed", "the region 'us-east-1' is wrong", 400, Region="eu-north-1"),
            f"{BUCKET_ARN} is in another region; set aws.region to eu-north-1.",
        ),
        (_answer("InvalidRequest", "line\none", 400), f"AWS answered s3:ListBucket on {BUCKET_ARN} with InvalidRequest: line one"),
        (
            raised.NoCredentialsError(),
            f"No AWS credentials were found for s3:ListBucket on {BUCKET_ARN}; set aws.profile, the AWS_ environment variables or an instance role.",
        ),
        (
            raised.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
            f"The AWS credentials for s3:ListBucket on {BUCKET_ARN} could not be read; correct them: "
            "Partial credentials found in env, missing: AWS_SECRET_ACCESS_KEY",
        ),
        (
            raised.UnauthorizedSSOTokenError(),
            f"The AWS sign-in used for s3:ListBucket on {BUCKET_ARN} is over; sign in again with `aws sso login`: The SSO session associated with this profile "
            "has expired or is otherwise invalid. To refresh this SSO session run aws sso login with the corresponding profile.",
        ),
    ],
    ids=lambda value: "sentence" if isinstance(value, str) else _named(value),
)
def test_what_must_be_mended_is_one_sentence(error: Any, sentence: str) -> None:
    explanation = explain(error, "s3:ListBucket", BUCKET_ARN)
    assert (isinstance(explanation, UserError), str(explanation)) == (True, sentence)


def test_certificate_that_is_not_trusted_must_be_mended() -> None:
    explanation = explain(
        raised.SSLError(endpoint_url="https://s3", error=OSError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed")), "s3:ListBucket", BUCKET_ARN
    )
    assert isinstance(explanation, UserError)
    assert "AWS_CA_BUNDLE" in str(explanation)


def test_resource_is_shown_without_control_characters() -> None:
    assert "\x1b" not in str(explain(_answer("AccessDenied", "", 403), "s3:GetObject", "arn:aws:s3:::b/\x1b[31m"))


def test_what_is_no_error_of_aws_goes_through() -> None:
    with pytest.raises(ZeroDivisionError), explained("s3:ListBucket", BUCKET_ARN):
        raise ZeroDivisionError


def test_import_does_not_import_boto3() -> None:
    code = "import sys, exporter.aws; print({'boto3', 'botocore'} & sys.modules.keys())"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parent.parent)
    assert ran.stdout == "set()\n"
