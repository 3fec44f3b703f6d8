"""Sessions and clients for AWS, and what an error from AWS means to the operator.

boto3 is imported by the functions that need it: who reads folders never pays for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

from exporter.errors import TransientError, UserError
from exporter.logs import without_credentials

if TYPE_CHECKING:
    import boto3
    import botocore.session
    from botocore.config import Config
    from botocore.credentials import Credentials
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.loaders import Loader

ROLE_SESSION_NAME = "aws-user-exporter"
CONNECT_TIMEOUT_SECONDS = 5
READ_TIMEOUT_SECONDS = 60
ATTEMPTS = 3

_THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottledException",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
_BRIEF = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "InternalServerException",
        "InvalidNextTokenException",
        "RequestChangedException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
    }
)
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "AllAccessDisabled", "Forbidden", "NotAuthorized", "UnauthorizedOperation", "403"})
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"})
_INVALID = frozenset(
    {
        "AuthFailure",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidToken",
        "MissingAuthenticationToken",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_WRONG_REGION = frozenset({"AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect", "TemporaryRedirect", "301", "307"})

# Errors of Cost Explorer that say something about the bill, and what to do about it.
_BILL = {
    "BillExpirationException": "Cost Explorer no longer has the oldest days that were asked for; shorten sources.cost_explorer.history.",
    "BillingViewHealthStatusException": "The billing view of this account is not healthy; look at it in the Billing console of AWS.",
    "DataUnavailableException": "Cost Explorer has no data yet; enable it in the Billing console of the payer account, and give it 24 hours.",
}

# AWS words a refusal the same way in all services, and names there what is really missing: kms:Decrypt behind s3:GetObject, sts:AssumeRole behind all.
_REFUSAL = re.compile(
    r"(?:User: (?P<who>\S+) is )?not authorized to perform: (?P<action>[\w-]+:\w+)(?: on resource: \"?(?P<resource>[^\s\"]+)\"?)?(?:.*?(?P<why>because .+))?"
)
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_MESSAGE_LENGTH = 300


class Denied(UserError):
    """AWS refused an action. `action` and `resource` are what has to be allowed, as AWS names them, or as they were tried where it does not."""

    def __init__(self, sentence: str, action: str, resource: str) -> None:
        super().__init__(sentence)
        self.action = action
        self.resource = resource


class Answered(UserError):
    """AWS answered with an error that says something about the request. It was allowed, then: who may not ask is told that first."""

    def __init__(self, sentence: str, code: str) -> None:
        super().__init__(sentence)
        self.code = code


class Aws(Protocol):
    """How one source reaches AWS; None leaves a choice to the usual chain of environment, profile and instance role."""

    @property
    def region(self) -> str | None: ...
    @property
    def profile(self) -> str | None: ...
    @property
    def role_arn(self) -> str | None: ...
    @property
    def external_id(self) -> str | None: ...
    @property
    def endpoint_url(self) -> str | None: ...


class _AssumedRole:
    """Stands where botocore looks for credentials (`credential_provider`), so that it uses these and looks no further."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def load_credentials(self) -> Credentials:
        return self._credentials


def session(aws: Aws) -> boto3.Session:
    """A session that renews its credentials by itself, also those of an assumed role.

    No request is sent: a role is assumed at the first call. Raises UserError where the profile or the credentials that
    should assume the role are missing.
    """
    import boto3

    with explained("sts:AssumeRole", aws.role_arn or "the credentials"):
        core = _core(aws)
        if aws.role_arn:
            core = _assume(core, aws, aws.role_arn)
        return boto3.Session(botocore_session=core)


def client(aws: Aws, service: str) -> Any:
    """A client for a service by its boto3 name, with bounded time-outs and few retries: refreshes retry on top.

    `endpoint_url` replaces the address of every service, STS included; addresses that differ by service belong in the
    `AWS_ENDPOINT_URL_<SERVICE>` variables of the AWS SDKs.
    """
    try:
        with explained(f"calls of {service}", aws.endpoint_url or aws.region or "AWS"):
            return session(aws).client(service, endpoint_url=aws.endpoint_url, config=_client_config(aws))
    except ValueError as error:
        raise UserError(f"aws.endpoint_url is not an address such as https://host:port: {_clean(error)}") from error


@contextmanager
def explained(action: str, resource: str) -> Iterator[None]:
    """Turns what botocore raises inside into UserError or TransientError; see `explain`."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise explain(error, action, resource) from error


def explain(error: ClientError | BotoCoreError, action: str, resource: str) -> UserError | TransientError:
    """What an error of botocore means: one sentence, transient if the same call may work later.

    `action` is the IAM action that was tried (`s3:ListBucket`), `resource` what it was tried on, best as an ARN: they
    are named where AWS does not say itself what it refused.
    """
    from botocore.exceptions import ClientError

    resource = _clean(resource)
    if isinstance(error, ClientError):
        return _explain_answer(error.response, action, resource)
    return _explain_no_answer(error, action, resource)


def _explain_answer(response: Any, action: str, resource: str) -> UserError | TransientError:
    fault: Mapping[str, Any] = response.get("Error", {})
    code = str(fault.get("Code", "unknown"))
    message = _clean(fault.get("Message", ""))
    metadata: Mapping[str, Any] = response.get("ResponseMetadata", {})
    status = int(metadata.get("HTTPStatusCode", 0))
    if code in _THROTTLED or status == HTTPStatus.TOO_MANY_REQUESTS:
        return TransientError(f"AWS throttled {action} on {resource} ({code}).")
    if code in _BRIEF or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return TransientError(f"AWS could not answer {action} on {resource} now ({code}, HTTP {status}).")
    if code in _EXPIRED:
        return UserError(f"The AWS credentials used for {action} on {resource} have expired ({code}); renew them, for example with `aws sso login`.")
    if code in _INVALID:
        return UserError(f"AWS does not accept the credentials used for {action} on {resource} ({code}); correct the access key, secret or session token.")
    if code == "RequestTimeTooSkewed":
        return UserError(f"AWS refused {action} on {resource} because this machine's clock is wrong; synchronise it with NTP.")
    if code in _WRONG_REGION or status in (HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.TEMPORARY_REDIRECT):
        where = _clean(fault.get("Region") or metadata.get("HTTPHeaders", {}).get("x-amz-bucket-region", ""))
        return UserError(f"{resource} is in another region; set aws.region to {where or 'the region of the bucket'}.")
    if code in _BILL:
        return UserError(f"{_BILL[code]} ({action}: {code})")
    if code == "NoSuchBucket":
        return UserError(f"{resource} does not exist; correct the bucket in the location.")
    if code in _DENIED or status == HTTPStatus.FORBIDDEN:
        return _denied(message, action, resource)
    return Answered(f"AWS answered {action} on {resource} with {code}: {message or 'no message'}", code)


def refusal(message: str) -> Denied | None:
    """The sentence for a refusal that a service tells in words of its own (Athena, of what it may not do on our behalf); None where it tells none."""
    clean = _UNPRINTABLE.sub(" ", message)
    return _denied(clean, "", "what the query reads") if _REFUSAL.search(clean) else None


def _denied(message: str, action: str, resource: str) -> Denied:
    said = _REFUSAL.search(message)
    who = why = ""
    if said:
        action, resource = said["action"], said["resource"] or resource
        who = f" to {said['who']}" if said["who"] else ""
        why = f" {said['why'].rstrip('.')}" if said["why"] else ""
    sentence = f"AWS denied {action} on {resource}{who}{why}; allow this action on this resource for the exporter's role or user."
    return Denied(sentence, action, resource)


def _explain_no_answer(error: BotoCoreError, action: str, resource: str) -> UserError | TransientError:
    from botocore import exceptions as raised

    message = _clean(error)
    if isinstance(error, raised.SSLError) and "CERTIFICATE_VERIFY_FAILED" in message:
        return UserError(f"The certificate of the endpoint for {action} is not trusted; set AWS_CA_BUNDLE to your authority's certificates: {message}")
    broken_off = (raised.ConnectionError, raised.HTTPClientError, raised.IncompleteReadError, raised.FlexibleChecksumError, raised.MetadataRetrievalError)
    if isinstance(error, broken_off):
        return TransientError(f"{action} on {resource} did not get an answer: {message}")
    if isinstance(error, (raised.NoCredentialsError, raised.NoAuthTokenError)):
        return UserError(f"No AWS credentials were found for {action} on {resource}; set aws.profile, the AWS_ environment variables or an instance role.")
    if isinstance(error, (raised.SSOError, raised.LoginError, raised.TokenRetrievalError)):
        return UserError(f"The AWS sign-in used for {action} on {resource} is over; sign in again with `aws sso login`: {message}")
    if isinstance(error, (raised.CredentialRetrievalError, raised.PartialCredentialsError)):
        return UserError(f"The AWS credentials for {action} on {resource} could not be read; correct them: {message}")
    if isinstance(error, raised.ProfileNotFound):
        return UserError("aws.profile names a profile that is not in the AWS configuration files; correct it, or add the profile to them.")
    if isinstance(error, raised.NoRegionError):
        return UserError(f"No AWS region is set for {action} on {resource}; set aws.region.")
    return UserError(f"{action} on {resource} could not be called; correct the aws settings: {message}")


def _core(aws: Aws) -> botocore.session.Session:
    import botocore.session

    core = botocore.session.get_session()
    if aws.profile:
        core.set_config_variable("profile", aws.profile)
    if aws.region:
        core.set_config_variable("region", aws.region)
    core.register_component("data_loader", _models(core.get_config_variable("data_path")))
    return core


@cache
def _models(data_path: str | None) -> Loader:
    """What botocore reads its descriptions of services with. One for all sessions: each would parse them anew, and that is most of what a client takes."""
    from botocore.loaders import create_loader

    return create_loader(data_path)


def _assume(source: botocore.session.Session, aws: Aws, role_arn: str) -> botocore.session.Session:
    from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
    from botocore.exceptions import NoCredentialsError

    own = source.get_credentials()
    if own is None:
        raise NoCredentialsError
    extra = {"RoleSessionName": ROLE_SESSION_NAME}
    if aws.external_id:
        extra["ExternalId"] = aws.external_id
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=partial(source.create_client, endpoint_url=aws.endpoint_url, config=_client_config(aws)),
        source_credentials=own,
        role_arn=role_arn,
        extra_args=extra,
    )
    role = _core(aws)
    credentials = DeferredRefreshableCredentials(refresh_using=fetcher.fetch_credentials, method="assume-role")
    role.register_component("credential_provider", _AssumedRole(credentials))
    return role


def _client_config(aws: Aws) -> Config:
    from botocore.config import Config

    return Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=READ_TIMEOUT_SECONDS,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        user_agent_extra=ROLE_SESSION_NAME,
        # Private endpoints and stand-ins for S3 seldom have a name for each bucket.
        s3={"addressing_style": "path"} if aws.endpoint_url else None,
    )


def _clean(text: object) -> str:
    return _UNPRINTABLE.sub(" ", without_credentials(str(text))).strip()[:_MESSAGE_LENGTH]
