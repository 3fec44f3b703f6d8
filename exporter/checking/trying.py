"""Each permission that a config needs, tried and told: the action, on what, what for, and the statement to add where it is missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from exporter.aws import Denied
from exporter.checking.asking import NotTried
from exporter.checking.attempts import Attempts
from exporter.checking.callers import Caller, Callers
from exporter.checking.findings import Finding, Status, statement
from exporter.config import Aws, Config
from exporter.errors import TransientError, UserError
from exporter.permissions import For, Needed, On, needed, partition_of

ATHENA = "athena"
_RESULTS = (On.RESULTS_BUCKET, On.RESULTS_OBJECTS)


@dataclass(frozen=True, slots=True)
class Wanted:
    """An action to be tried once: `one` is how, `resources` all that it must be allowed on, with the account of the credentials."""

    one: Needed
    about: str
    resources: tuple[str, ...]
    caller: Caller


def wanted(config: Config, callers: Callers, attempts: Attempts) -> Iterator[Wanted]:
    """What the config needs, for credentials that work. Actions on tables and the like are one; each bucket and prefix is one of its own."""
    reaches = {each.reach for each in needed(config)}
    grouped: dict[tuple[str, Aws, str], list[Needed]] = {}
    for reach in reaches:
        try:
            account = callers.of(reach).account
        except (UserError, TransientError):
            continue  # told with the credentials
        for each in needed(config, account):
            if each.reach == reach:
                on = each.resource if each.permission.action.startswith("s3:") else ""
                grouped.setdefault((each.permission.action, reach, on), []).append(each)
    order = [(each.permission.action, each.reach) for each in needed(config)]
    for (_, reach, _), found in sorted(grouped.items(), key=lambda item: order.index((item[0][0], item[0][1]))):
        one = found[0]
        resources = tuple(dict.fromkeys(_resource(each, attempts) for each in found))
        yield Wanted(one, _about(one), resources, callers.of(reach))


def tried(each: Wanted, attempts: Attempts) -> Finding:
    """Tries one."""
    permission, where = each.one.permission, ", ".join(each.resources)
    values = {"action": permission.action, "resource": where, "account": each.caller.account}
    try:
        attempts.make(each.one)
    except NotTried as reason:
        return Finding(each.about, "permission", Status.UNTRIED, f"{permission.action} on {where}: {reason}", values=values)
    except Denied as error:
        return denied(each.about, error, each.caller.arn, f"needed to {permission.why}", each)
    except (UserError, TransientError) as error:
        return Finding(each.about, "permission", Status.FAILED, f"{permission.action} on {where} could not be tried: {error}", values=values)
    return Finding(each.about, "permission", Status.OK, f"{permission.action} on {where}, to {permission.why}", values=values)


def denied(about: str, error: Denied, who: str, why: str, each: Wanted | None = None) -> Finding:
    """A refusal. What AWS names counts: kms:Decrypt can stand behind s3:GetObject."""
    own = each is not None and error.action == each.one.permission.action
    resources = each.resources if each is not None and own else (error.resource if error.resource.startswith("arn:") else "*",)
    text = f"{error.action} on {', '.join(resources)} is denied to {who}; {why}"
    todo = "add this statement to its policy:"
    if error.action == "sts:AssumeRole":
        todo = "let the role trust who asks, with the external id if one is set, and add this statement to the policy of who asks:"
    if "explicit deny" in str(error):
        text, todo = f"{text}. {error}", "a policy denies it explicitly: take that out, and see that this is allowed:"
    if error.action.startswith("kms:"):
        todo = "allow it in the policy of the key, too, and add this statement:"
    values = {"action": error.action, "resource": ", ".join(resources)}
    return Finding(about, "permission", Status.FAILED, text, todo, statement(error.action, resources), values)


def _about(one: Needed) -> str:
    on_files = one.permission.on[0] in (On.SOURCE_BUCKET, On.SOURCE_OBJECTS)
    if one.permission.needed_for is For.SYNC:
        return "people"
    return one.section if on_files or one.permission.needed_for is not For.ATHENA else ATHENA


def _resource(one: Needed, attempts: Attempts) -> str:
    """Where results go is often known to the workgroup alone."""
    if one.permission.on[0] not in _RESULTS or not one.resource.removeprefix(f"arn:{partition_of(one.reach.region)}:s3:::").startswith("*"):
        return one.resource
    try:
        bucket, prefix = attempts.buckets.results(one.reach)
    except (NotTried, UserError, TransientError):
        return one.resource
    arn = f"arn:{partition_of(one.reach.region)}:s3:::{bucket}"
    return arn if one.permission.on[0] is On.RESULTS_BUCKET else f"{arn}/{prefix}*"
