"""What each failure of Athena says: every row of docs/athena-errors.md, provoked, word for word; and what else can go wrong while a query runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from athena_rig import engine_on, rows_of
from botocore.exceptions import EndpointConnectionError, NoCredentialsError
from botocore.parsers import ResponseParserError
from fake_athena import QUEUED, RUNNING, FakeAthena, FakeBucket, as_csv, cancelled, failed, refused, row

from exporter.engines import Statement
from exporter.errors import TransientError, UserError

PAGE = Path(__file__).parents[1] / "docs" / "athena-errors.md"
QUERY = Statement("facts/cloudtrail", "SELECT n FROM cloudtrail WHERE delivered BETWEEN ? AND ?")
ROLE = "arn:aws:sts::111122223333:assumed-role/exporter/aws-user-exporter"
USER, READER = "arn:aws:iam::111122223333:user/exporter", "arn:aws:iam::222233334444:role/usage-reader"
EXPIRED = "The security token included in the request is expired"


def on(fake: FakeAthena, **settings: Any) -> Callable[[], object]:
    return lambda: engine_on(fake, **settings).query(QUERY, ())


def starting(code: str, message: str = "", times: int = 1) -> FakeAthena:
    """Athena refuses to start the query."""
    return FakeAthena(errors={"StartQueryExecution": [refused("StartQueryExecution", code, message)] * times})


def invalid(message: str) -> FakeAthena:
    return starting("InvalidRequestException", message)


def ending(status: dict[str, Any]) -> FakeAthena:
    """Athena takes the query, and it does not succeed."""
    return FakeAthena(statuses=[QUEUED, RUNNING, status])


def large(*breaks: int | Exception) -> FakeAthena:
    lines = [[str(n)] for n in range(1500)]
    return FakeAthena(rows=[row(*line) for line in lines], bucket=FakeBucket(as_csv(["n"], lines), [*breaks]))


def denied(action: str, resource: str) -> str:
    return f"User: {ROLE} is not authorized to perform: {action} on resource: {resource} because no identity-based policy allows the {action} action"


WORKGROUP = "arn:aws:athena:us-east-1:111122223333:workgroup/primary"
TABLE = "arn:aws:glue:us-east-1:111122223333:table/aws_user_exporter/cloudtrail"
PROVOKED: dict[str, Callable[[], object]] = {
    "Credentials have expired": on(starting("ExpiredTokenException", EXPIRED)),
    "Credentials expire while the query runs": on(
        FakeAthena(statuses=[RUNNING], errors={"GetQueryExecution": [None, refused("GetQueryExecution", "ExpiredTokenException", EXPIRED)]})
    ),
    "No credentials": on(FakeAthena(errors={"StartQueryExecution": [NoCredentialsError()]})),
    "Credentials for a role have expired": on(FakeAthena(errors={"StartQueryExecution": [refused("AssumeRole", "ExpiredToken", EXPIRED)]})),
    "Role denied": on(
        FakeAthena(
            errors={
                "StartQueryExecution": [
                    refused("AssumeRole", "AccessDenied", f"User: {USER} is not authorized to perform: sts:AssumeRole on resource: {READER}")
                ]
            }
        )
    ),
    "Action denied": on(starting("AccessDeniedException", denied("athena:StartQueryExecution", WORKGROUP))),
    "Action denied to the query": on(ending(failed(f"Insufficient permissions to execute the query. {denied('glue:GetTable', TABLE)}"))),
    "Files denied to the query": on(ending(failed("PERMISSION_DENIED: Permission denied on S3 path: s3://example-logs/AWSLogs/111122223333"))),
    "Table missing": on(ending(failed("TABLE_NOT_FOUND: line 71:10: Table 'awsdatacatalog.aws_user_exporter.cloudtrail' does not exist"))),
    "Database missing": on(ending(failed("SCHEMA_NOT_FOUND: line 71:10: Schema 'aws_user_exporter' does not exist"))),
    "Column missing": on(
        ending(failed("COLUMN_NOT_FOUND: line 4:10: Column 'sharedeventid' cannot be resolved or requester is not authorized to access requested resources"))
    ),
    "SQL error": on(ending(failed("DIVISION_BY_ZERO: / by zero"))),
    "Throttled": on(starting("TooManyRequestsException", "You have exceeded the limit for the number of queries you can run concurrently.", 2)),
    "Athena is short of resources": on(ending(failed("Query exhausted resources at this scale factor", retryable=True, category=1))),
    "Byte limit of the exporter": on(FakeAthena(statuses=[RUNNING], scanned=107_374_182_401)),
    "Byte limit of the workgroup": on(ending(cancelled("Bytes scanned limit was exceeded"))),
    "Time-out": on(FakeAthena(statuses=[RUNNING]), timeout=timedelta(seconds=1)),
    "Time-out in the queue": on(FakeAthena(statuses=[QUEUED]), timeout=timedelta(seconds=1)),
    "Time-out of the account": on(ending(failed("Query timeout"))),
    "Cancelled by somebody": on(ending(cancelled("Query cancelled by user"))),
    "No place for results": on(
        invalid(
            "No output location provided. You did not provide an output location for  your query results. Either specify an S3 bucket location or enable "
            "Athena managed query results in your workgroup settings."
        )
    ),
    "A place for managed results": on(
        invalid("ManagedQueryResultsConfiguration and ResultConfiguration cannot be set together."), output_location="s3://example-results/"
    ),
    "Wrong region or account": on(invalid("WorkGroup primary is not found.")),
    "Results in the wrong region": on(
        ending(failed("The S3 location provided to save your query results is invalid. Please check your S3 location is correct and is in the same region.")),
        output_location="s3://example-results/",
    ),
    "Accounts not named": on(
        ending(
            failed(
                "CONSTRAINT_VIOLATION: For the injected projected partition column account, the WHERE clause must contain only static equality conditions, and "
                "at least one such condition must be present."
            )
        )
    ),
    "Page of an answer broken off": on(
        FakeAthena(rows=[row("1")] * 1500, errors={"GetQueryResults": [None, ResponseParserError("Unable to parse response (unclosed token), invalid JSON")]})
    ),
    "Answer broken off": on(large(1000, 1, 1, 1)),
    "Answer deleted": on(large(refused("GetObject", "NoSuchKey", status=404))),
    "No connection": on(FakeAthena(errors={"StartQueryExecution": [EndpointConnectionError(endpoint_url="https://athena.us-east-1.amazonaws.com")]})),
}


def table() -> dict[str, tuple[str, bool]]:
    """The page's rows: what happened, the sentence, and whether the refresh tries again by itself."""
    rows = re.findall(r"^\| ([^|]+) \| ((?:[^|`]|`[^`]*`)+) \| (yes|no) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {happened.strip(): (sentence.strip(), again == "yes") for happened, sentence, again in rows}


def test_the_page_has_a_row_for_everything_that_is_provoked_here() -> None:
    assert list(table()) == list(PROVOKED)


@pytest.mark.parametrize("happened", PROVOKED)
def test_a_failure_says_what_the_page_says(happened: str) -> None:
    sentence, again = table()[happened]
    with pytest.raises((UserError, TransientError)) as caught:
        PROVOKED[happened]()
    assert (str(caught.value), isinstance(caught.value, TransientError)) == (sentence, again)


# Beside the sentence


def test_throttling_that_ends_is_not_noticed() -> None:
    errors: dict[str, list[Exception | None]] = {
        operation: [refused(operation, "ThrottlingException")] for operation in ("StartQueryExecution", "GetQueryExecution", "GetQueryResults")
    }
    fake = FakeAthena(rows=[row("5")], errors=errors)
    assert rows_of(engine_on(fake).query(QUERY, ())) == [(5,)]


def test_a_query_is_cancelled_when_its_state_cannot_be_asked_for() -> None:
    fake = FakeAthena(statuses=[RUNNING], errors={"GetQueryExecution": [EndpointConnectionError(endpoint_url="https://athena")]})
    with pytest.raises(TransientError, match="did not get an answer"):
        engine_on(fake).query(QUERY, ())
    assert fake.stopped == ["q1"]


def test_credentials_that_were_renewed_are_found_by_the_next_query() -> None:
    fake, opened = starting("ExpiredTokenException", EXPIRED), []
    engine = engine_on(fake)
    client = engine._open_client
    engine._open_client = lambda service: opened.append(service) or client(service)
    with pytest.raises(UserError):
        engine.query(QUERY, ())
    engine.query(QUERY, ())
    assert opened == ["athena", "athena"]


def test_a_query_that_failed_is_not_started_again() -> None:
    fake = ending(failed("DIVISION_BY_ZERO: / by zero"))
    with pytest.raises(UserError):
        engine_on(fake).query(QUERY, ())
    assert (len(fake.started), fake.stopped) == (1, [])


def test_a_page_that_is_lost_half_way_gives_no_part_of_the_rows() -> None:
    errors: dict[str, list[Exception | None]] = {"GetQueryResults": [None, EndpointConnectionError(endpoint_url="https://athena")]}
    with pytest.raises(TransientError, match="did not get an answer"):
        engine_on(FakeAthena(rows=[row("1")] * 1500, errors=errors)).query(QUERY, ())


def test_what_athena_says_cannot_forge_a_line_of_the_log() -> None:
    with pytest.raises(UserError) as caught:
        engine_on(ending(failed("GENERIC_USER_ERROR: x\nlevel=info \x1b[31m"))).query(QUERY, ())
    assert str(caught.value).isprintable()
