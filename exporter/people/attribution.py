"""Bill facts to persons: the first mechanism, in the configured order, that names somebody. Plain functions: no clock, no file, no socket.

A bill fact carries every candidate that its line had. Where none of them names a person, a reason says why.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from exporter.config.people import Patterns
from exporter.model import SeenIdentity
from exporter.people.resolving import People
from exporter.people.spellings import lowered

SHARED_CHARGE = "shared_charge"
NO_IDENTITY = "no_identity"
NOT_A_PERSON = "not_a_person"
UNKNOWN_PERSON = "unknown_person"
REASONS = (SHARED_CHARGE, NO_IDENTITY, NOT_A_PERSON, UNKNOWN_PERSON)
"""Why nobody gets a part of the bill: a shared charge; nothing that could name somebody; only automation; names that are nobody's."""

ACTIVITY_SHARE = "activity_share"
"""Method of what is spread over people by their share of events, where the config asks for that."""

SEPARATOR = "\x1f"
"""Stands between the values of several owner tags."""

_ARN = re.compile(r"arn:aws[a-z-]*:(?:iam|sts)::([0-9]{12}):(user|assumed-role|federated-user)/(.+)", re.DOTALL)
# Instances, tasks of ECS, and the names that SDKs and services give to sessions which nobody has named: those of sql/facts/cloudtrail.sql.
_AUTOMATION = re.compile(
    r"(i-[0-9a-f]{8,17}|[0-9a-f]{32}|awscodebuild-.*|awscloudformation|botocore-session-.*|aws-sdk-.*-session-.*|aws-go-sdk-.*|githubactions|eks-.*)"
)
_SERVICE_ROLE = "AWSServiceRoleFor"
_IDENTITY_CENTER_ROLE = "AWSReservedSSO_"


@dataclass(frozen=True, slots=True)
class Rules:
    """Which principals are people, as `people.patterns` of the config says; compared without case."""

    person_session: re.Pattern[str]
    service_user: tuple[re.Pattern[str], ...]
    """Each by itself: flags such as `(?i)` may stand at the beginning of a pattern only."""

    @classmethod
    def of(cls, patterns: Patterns) -> Rules:
        """The rules of a config."""
        return cls(re.compile(patterns.person_session, re.IGNORECASE), tuple(re.compile(pattern, re.IGNORECASE) for pattern in patterns.service_user))

    def is_program(self, text: str) -> bool:
        """Whether the name or ARN of an IAM user is that of a program."""
        return any(pattern.search(text) for pattern in self.service_user)


_EVERYBODY = Rules(re.compile(""), ())


@dataclass(frozen=True, slots=True)
class Candidate:
    """Everything that a bill fact says of whose it may be, under the number of this combination. See the fact columns of the bill sources."""

    number: int
    account: str
    shared: bool
    user_identifier: str | None = None
    iam_principal: str | None = None
    identity_store_user: str | None = None
    owner_tags: str | None = None
    created_by_tag: str | None = None
    creator: str | None = None


@dataclass(frozen=True, slots=True)
class Attributed:
    """To whom a candidate is given and by which method; or, without a person, the reason why to nobody."""

    candidate: int
    person: int | None = None
    method: str | None = None
    reason: str | None = None


def principal_key(arn: str, rules: Rules) -> str | None:
    """The identity key of a caller by the rules for CloudTrail's events: None for roles, services and root, who are nobody.

    IAM users are people unless they match `service_user`, sessions of Identity Center roles always, those of other roles where they match `person_session`.
    """
    found = _ARN.fullmatch(arn.strip())
    if found is None:
        return None
    account, kind, rest = found.groups()
    if kind == "user":
        name = lowered(rest.rpartition("/")[2])
        return None if not name or _program(name, arn, rules) else f"iam_user:{name}@{account}"
    if kind == "federated-user":
        name = lowered(rest)
        return None if _program(name, arn, rules) else f"federated:{name}@{account}"
    role, _, session = rest.partition("/")
    session = lowered(session)
    if not session:
        return None
    if role.startswith(_IDENTITY_CENTER_ROLE):
        return f"session:{session}"
    if role.startswith(_SERVICE_ROLE) or _AUTOMATION.fullmatch(session) or not rules.person_session.search(session):
        return None
    return f"session_name:{session}"


def may_be_person(arn: str) -> bool:
    """Whether a caller is a person under some patterns: neither a role, nor root, nor a session that only automation is called by."""
    return principal_key(arn, _EVERYBODY) is not None


def _program(name: str, arn: str, rules: Rules) -> bool:
    return rules.is_program(name) or rules.is_program(arn)


def with_principals(seen: Sequence[SeenIdentity], principals: Iterable[tuple[str, str]], rules: Rules) -> list[SeenIdentity]:
    """The identities that were seen and the people among the callers in bills, given as (ARN, source). Callers known from nowhere else get numbers below 0."""
    sources: dict[str, set[str]] = {}
    for arn, source in principals:
        if (key := principal_key(arn, rules)) is not None:
            sources.setdefault(key, set()).add(source)
    known = [
        replace(identity, sources=tuple(sorted({*identity.sources, *sources.pop(identity.key)}))) if identity.key in sources else identity for identity in seen
    ]
    return [*known, *(SeenIdentity(-place, key, None, tuple(sorted(sources[key]))) for place, key in enumerate(sorted(sources), start=1))]


_Answer = int | str | None
"""The number of a person, a reason why nobody is meant, or None where the candidate says nothing of this kind."""


def attribute(
    candidates: Iterable[Candidate],
    order: Sequence[str],
    people: People,
    account_owners: Mapping[str, str],
    shared_charges: bool,
    rules: Rules,
) -> list[Attributed]:
    """Gives each candidate to the person whom the first method of `order` names, or says why to nobody.

    A method that names nobody, or an owner tag whose value does, leaves it to the next. Shared charges stay with nobody unless `shared_charges`.
    `account_owners` is a spelling of a person by account id.
    """

    def of_id(user_id: str | None) -> _Answer:
        return None if user_id is None else _found(people.of_key(user_id))

    def of_principal(arn: str | None) -> _Answer:
        if arn is None:
            return None
        key = principal_key(arn, rules)
        return NOT_A_PERSON if key is None else _found(people.of_key(key))

    def of_tags(values: str | None) -> _Answer:
        if values is None:
            return None
        named = (people.of_spelling(value) for value in values.split(SEPARATOR) if value.strip())
        return _found(next((person for person in named if person is not None), None))

    def of_owner(account: str) -> _Answer:
        spelling = account_owners.get(account)
        return None if spelling is None else _found(people.of_spelling(spelling))

    methods: Mapping[str, Callable[[Candidate], _Answer]] = {
        "user_identifier": lambda candidate: of_id(candidate.user_identifier),
        "iam_principal": lambda candidate: of_principal(candidate.iam_principal),
        "identity_store_user": lambda candidate: of_id(candidate.identity_store_user),
        "owner_tag": lambda candidate: of_tags(candidate.owner_tags),
        "created_by_tag": lambda candidate: _of_created_by(candidate.created_by_tag, candidate.account, people, rules),
        "resource_creator": lambda candidate: of_id(candidate.creator),
        "account_owner": lambda candidate: of_owner(candidate.account),
    }
    asked = [(method, methods[method]) for method in order]
    return [
        Attributed(candidate.number, reason=SHARED_CHARGE) if candidate.shared and not shared_charges else _first(candidate, asked) for candidate in candidates
    ]


def _first(candidate: Candidate, asked: Sequence[tuple[str, Callable[[Candidate], _Answer]]]) -> Attributed:
    answers: set[str] = set()
    for method, answer_of in asked:
        answer = answer_of(candidate)
        if isinstance(answer, int):
            return Attributed(candidate.number, answer, method)
        if answer is not None:
            answers.add(answer)
    # A name that is nobody's can be put right in the people file; that comes before what can not.
    reason = next((reason for reason in (UNKNOWN_PERSON, NOT_A_PERSON) if reason in answers), NO_IDENTITY)
    return Attributed(candidate.number, reason=reason)


def _found(person: int | None) -> _Answer:
    return UNKNOWN_PERSON if person is None else person


def _of_created_by(value: str | None, account: str, people: People, rules: Rules) -> _Answer:
    """Whom `aws:createdBy` names: `account type:account id or access key:user name or session`, the types being Root, IAMUser, AssumedRole, FederatedUser.

    https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/aws-tags.html. It does not say of which account an IAM user is: that of the resource.
    """
    if value is None:
        return None
    kind, _, rest = value.strip().partition(":")
    name = lowered(rest.partition(":")[2].rpartition("/")[2])
    if kind == "Root" or not name:
        return NOT_A_PERSON if kind in ("Root", "IAMUser", "AssumedRole", "FederatedUser") else _found(people.of_spelling(value))
    # Session names match patterns of IAM users by accident: a mail at github.com is no program.
    if _AUTOMATION.fullmatch(name) if kind == "AssumedRole" else rules.is_program(name):
        return NOT_A_PERSON
    keys = {
        "IAMUser": [f"iam_user:{name}@{account}"],
        "AssumedRole": [f"session:{name}", *([f"session_name:{name}"] if rules.person_session.search(name) else [])],
        "FederatedUser": [f"federated:{name}@{account}"],
    }.get(kind, [])
    return _found(next((person for key in keys if (person := people.of_key(key)) is not None), None))
