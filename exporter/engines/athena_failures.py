"""What a failure of Athena means to the operator: one sentence each. docs/athena-errors.md shows them, and tests hold the two together."""

from __future__ import annotations

import re

import pyathena
from botocore.exceptions import BotoCoreError, ClientError
from pyathena.model import AthenaQueryExecution

from exporter.aws import explain, refusal
from exporter.config import Athena
from exporter.engines.athena_requests import POLL, REQUESTS, START
from exporter.engines.athena_watch import Watch
from exporter.errors import TransientError, UserError

_CUTOFF = re.compile(r"bytes scanned limit", re.IGNORECASE)
_NO_WORKGROUP = re.compile(r"WorkGroup\b.*(not found|does not exist)", re.IGNORECASE)
_NO_OUTPUT = re.compile(r"no output location provided", re.IGNORECASE)
_MANAGED = re.compile(r"ManagedQueryResultsConfiguration and ResultConfiguration", re.IGNORECASE)
_BAD_OUTPUT = re.compile(
    r"S3 location provided to save your query results is invalid|unable to verify/create output bucket|access denied when writing output", re.IGNORECASE
)
_DENIED = re.compile(r"access denied|permission denied|insufficient (Lake Formation )?permission", re.IGNORECASE)
_INJECTED = re.compile(r"injected projected partition column", re.IGNORECASE)
_NO_COLUMN = re.compile(r"COLUMN_NOT_FOUND|Column '[^']*' cannot be resolved", re.IGNORECASE)
_NO_TABLE = re.compile(r"(TABLE|SCHEMA|CATALOG)_NOT_FOUND|(Table|Schema|Database|View) '?[^ ]+ (does not exist|not found)|INVALID_VIEW|is stale", re.IGNORECASE)
_QUOTA_TIMEOUT = re.compile(r"query timeout|EXCEEDED_TIME_LIMIT", re.IGNORECASE)
_MESSAGE_LENGTH = 500


def explained(error: pyathena.Error, watch: Watch, settings: Athena) -> UserError | TransientError:
    """What PyAthena raised while it ran a query. Transient only where AWS or Athena itself says that the same call may work later."""
    cause = error.__cause__
    workgroup = f"the Athena workgroup {settings.workgroup}"
    if isinstance(cause, ClientError):
        said = _sentence_part(cause.response.get("Error", {}).get("Message", ""))
        action = f"athena:{cause.operation_name}"
        if action not in REQUESTS:  # what has to come before the first of them
            return explain(cause, f"sts:{cause.operation_name}", f"the role of the queries in {workgroup}")
        return _refused_to_start(said, settings) or explain(cause, action, workgroup)
    if isinstance(cause, BotoCoreError):
        return explain(cause, START if watch.execution is None else POLL, workgroup)
    execution = watch.execution
    if execution is None or execution.state == AthenaQueryExecution.STATE_SUCCEEDED:
        return TransientError(f"the answer of the query {watch.name} could not be read: {_sentence_part(str(error))}.")
    return _ended(execution, watch.name, settings)


def _refused_to_start(said: str, settings: Athena) -> UserError | None:
    """What Athena means by an InvalidRequestException, where it is a setting of ours."""
    if _NO_WORKGROUP.search(said):
        return UserError(
            f"Athena has no workgroup {settings.workgroup} in this account and region; correct athena.workgroup, or set athena.aws.region to where it is."
        )
    if _NO_OUTPUT.search(said):
        return UserError(
            f"Athena was told no place for results: set athena.output_location, or give the workgroup {settings.workgroup} a location or managed results."
        )
    if _MANAGED.search(said):
        return UserError(f"the workgroup {settings.workgroup} has managed results, which take no location; remove athena.output_location.")
    return _bad_output(said, settings)


def _bad_output(said: str, settings: Athena) -> UserError | None:
    if not _BAD_OUTPUT.search(said):
        return None
    where = settings.output_location or f"the location of the workgroup {settings.workgroup}"
    return UserError(f"Athena cannot write results to {where} ({said}); name a bucket of the queries' own region that the exporter's role may write to.")


def _ended(execution: AthenaQueryExecution, name: str, settings: Athena) -> UserError | TransientError:
    said = _sentence_part(execution.state_change_reason or execution.error_message or "no reason was given")
    if _CUTOFF.search(said):
        return UserError(
            f"the query {name} was cancelled in Athena, because it scanned more than the workgroup {settings.workgroup} allows a query; "
            "raise the workgroup's data limit, or read less."
        )
    if execution.state == AthenaQueryExecution.STATE_CANCELLED:
        return UserError(f"the query {name} was cancelled in Athena by somebody else ({said}); the next refresh runs it again.")
    if execution.retryable:
        return TransientError(f"Athena could not run the query {name} now: {said}.")
    if (output := _bad_output(said, settings)) is not None:
        return output
    if (refused := refusal(said)) is not None:
        return refused
    if _DENIED.search(said):
        return UserError(f"the query {name} may not read its data ({said}); allow the exporter's role to read the bucket, the table and the key behind them.")
    if _INJECTED.search(said):
        return UserError(f"Athena failed the query {name}: {said}; set the location of the source, where the accounts that are named to Athena are found.")
    if _NO_COLUMN.search(said):
        return UserError(f"Athena failed the query {name}: {said}; a table of the database {settings.database} is out of date: run setup again.")
    if _NO_TABLE.search(said):
        return UserError(f"Athena failed the query {name}: {said}; run setup for the database {settings.database}, or correct athena.database or table.")
    if _QUOTA_TIMEOUT.search(said):
        return UserError(f"Athena ended the query {name}, because it took longer than the account's quota for queries; read less, or have the quota raised.")
    return UserError(f"Athena failed the query {name}: {said}; its page in the Athena console says more ({execution.query_id}).")


def _sentence_part(text: str) -> str:
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())[:_MESSAGE_LENGTH].rstrip(".;: ")
