"""moto's server with an Athena whose DDL reaches the Glue catalog, as Athena's does: moto itself only remembers that it was asked."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlglot
from moto import mock_aws
from moto.athena.models import QueryResults, athena_backends
from moto.cloudformation import parsing
from moto.core import DEFAULT_ACCOUNT_ID
from moto.server import ThreadedMotoServer
from sqlglot import exp

from exporter import aws
from exporter.config import Aws

RESULTS = "s3://acme-results/results/"
_OPENED: dict[tuple[Aws, str], Any] = {}
"""Clients of every account within this process: they hold nothing of it, unless they assume a role, and take longer to make than what a test asks of them."""


class AccountOnMoto:
    """One AWS account. Use `client` where a boto3 client is opened."""

    def __init__(self, address: str | None) -> None:
        """`address` is that of moto's server; None: moto stands in for AWS within this process."""
        self.address = address
        self.aws = Aws(endpoint_url=address)
        self.statements: list[str] = []
        self.answers: dict[str, str] = {}
        """What a query of a table or view answers, by its name; others find no rows."""
        self._opened: dict[tuple[Aws, str], Any] = {}
        self.breaks_at: str | None = None
        """A piece of a statement that Athena refuses."""

    def client(self, reach: Aws, service: str) -> Any:
        held = self._opened if reach.endpoint_url or reach.role_arn else _OPENED
        if (reach, service) not in held:
            held[reach, service] = aws.client(reach, service)
        opened = held[reach, service]
        return _Athena(opened, self, reach) if service == "athena" else opened

    def open(self, service: str) -> Any:
        """A client without our stand-in for Athena."""
        found = self.client(self.aws, service)
        return found.moto if isinstance(found, _Athena) else found

    def make_workgroup(self, name: str, output_location: str | None = RESULTS, region: str = "us-east-1") -> None:
        place = {"ResultConfiguration": {"OutputLocation": output_location}} if output_location else {}
        aws.client(self.aws.model_copy(update={"region": region}), "athena").create_work_group(Name=name, Configuration=place)

    def put(self, bucket: str, *keys: str) -> None:
        s3 = self.open("s3")
        if bucket not in {found["Name"] for found in s3.list_buckets()["Buckets"]}:
            s3.create_bucket(Bucket=bucket)
        for key in keys:
            s3.put_object(Bucket=bucket, Key=key, Body=b"x")

    def tables(self, database: str = "aws_user_exporter", region: str = "us-east-1") -> dict[str, dict[str, Any]]:
        glue = self.client(self.aws.model_copy(update={"region": region}), "glue")
        return {table["Name"]: table for table in glue.get_tables(DatabaseName=database)["TableList"]}

    def queue(self, name: str, value: str) -> None:
        """Has the next query answer one row."""
        column = {"Name": name, "Label": name, "Type": "varchar", "Precision": 100, "Scale": 0, "Nullable": "UNKNOWN", "CaseSensitive": False}
        rows = [{"Data": [{"VarCharValue": name}]}, {"Data": [{"VarCharValue": value}]}]
        if self.address is None:
            athena_backends[DEFAULT_ACCOUNT_ID][self.aws.region].query_results_queue.append(QueryResults(rows=rows, column_info=[column]))
            return
        body = json.dumps({"results": [{"rows": rows, "column_info": [column]}]}).encode()
        request = urllib.request.Request(f"{self.address}/moto-api/static/athena/query-results", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 201


class _Athena:
    """A client of Athena. Every other operation goes to moto as it is."""

    def __init__(self, client: Any, account: AccountOnMoto, reach: Aws) -> None:
        self.moto = client
        self._account = account
        self._reach = reach

    def __getattr__(self, name: str) -> Any:
        return getattr(self.moto, name)

    def get_work_group(self, **request: Any) -> Any:
        answer = self.moto.get_work_group(**request)
        if "WorkGroup" not in answer:  # moto answers nothing where Athena refuses
            said = f"WorkGroup {request['WorkGroup']} is not found."
            raise self.moto.exceptions.InvalidRequestException({"Error": {"Code": "InvalidRequestException", "Message": said}}, "GetWorkGroup")
        return answer

    def start_query_execution(self, **request: Any) -> Any:
        sql: str = request["QueryString"]
        account = self._account
        if account.breaks_at is not None and account.breaks_at in sql:
            raise self.moto.exceptions.InvalidRequestException({"Error": {"Code": "InvalidRequestException", "Message": "broken off"}}, "StartQueryExecution")
        account.statements.append(sql)
        (parsed,) = sqlglot.parse(sql, read="athena")
        assert parsed is not None
        database = request["QueryExecutionContext"]["Database"]
        if isinstance(parsed, exp.Create):
            self._make(parsed, database)
        else:
            for read in [table.name for table in parsed.find_all(exp.Table)][:1]:
                assert read in account.tables(database, self._reach.region), f"{read} does not exist"
                if read in account.answers:
                    account.queue("newest", account.answers[read])
        return self.moto.start_query_execution(**request)

    def _make(self, parsed: exp.Create, database: str) -> None:
        glue = self._account.client(self._reach, "glue")
        there = self._account.tables(database, self._reach.region)
        name = parsed.this.find(exp.Table).name
        if parsed.kind == "VIEW":
            ctes = {cte.alias for cte in parsed.find_all(exp.CTE)}
            own = {table.name for table in parsed.expression.find_all(exp.Table) if not table.db} - ctes
            assert own <= set(there), f"{name} reads {own - set(there)}, which do not exist"
            made: dict[str, Any] = {"Name": name, "TableType": "VIRTUAL_VIEW", "Parameters": {"presto_view": "true"}, "ViewOriginalText": "/* Presto View */"}
        else:
            if name in there:
                assert parsed.args.get("exists")
                return
            properties = parsed.args["properties"].expressions
            partitions = {column.name: column for part in properties if isinstance(part, exp.PartitionedByProperty) for column in part.this.expressions}
            columns = [column for column in parsed.this.expressions if column.name not in partitions]
            (place,) = [part.name for part in properties if isinstance(part, exp.LocationProperty)]
            made = {
                "Name": name,
                "TableType": "EXTERNAL_TABLE",
                "Parameters": {"EXTERNAL": "TRUE", **{part.name: part.args["value"].name for part in properties if type(part) is exp.Property}},
                "PartitionKeys": [_column(column) for column in partitions.values()],
                "StorageDescriptor": {"Location": place, "Columns": [_column(column) for column in columns]},
            }
        if name in there:
            glue.update_table(DatabaseName=database, TableInput=made)
        else:
            glue.create_table(DatabaseName=database, TableInput=made)


def _column(column: exp.Expression) -> dict[str, str]:
    return {"Name": column.name, "Type": column.args["kind"].sql("hive").lower().replace(" ", "")}


def _prepare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    clean = parsing.clean_json

    def without_no_value(resource_json: Any, resources_map: Any) -> Any:
        """CloudFormation takes AWS::NoValue out of lists, moto leaves a None there."""
        cleaned = clean(resource_json, resources_map)
        return [value for value in cleaned if value is not None] if isinstance(cleaned, list) else cleaned

    monkeypatch.setattr(parsing, "clean_json", without_no_value)


@contextmanager
def account_on_moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[AccountOnMoto]:
    """A new, empty account within this process, for as long as the block lasts."""
    _prepare(monkeypatch)
    with mock_aws():
        yield AccountOnMoto(None)


@contextmanager
def account_on_motos_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[AccountOnMoto]:
    """A new, empty account behind moto's server, for as long as the block lasts."""
    _prepare(monkeypatch)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        with urllib.request.urlopen(urllib.request.Request(f"http://{host}:{port}/moto-api/reset", b"")) as answer:
            assert answer.status == 200
        yield AccountOnMoto(f"http://{host}:{port}")
    finally:
        server.stop()
