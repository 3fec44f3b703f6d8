"""Athena, S3 and STS on moto's server, and what it is told to answer."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from fake_athena import row
from moto.server import ThreadedMotoServer

from exporter import aws
from exporter.config import Aws

MOTO_ACCOUNT = "123456789012"
"""Whose credentials are given where no role was assumed."""


def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """For a fixture: the address of a server without memories, with credentials for it in the environment."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    tell(address, "reset", {})  # what it holds outlives a server, within a process
    tell(address, "state-manager/unset-transition", {"model_name": "athena::execution"})
    yield address
    tell(address, "state-manager/unset-transition", {"model_name": "athena::execution"})
    server.stop()


def tell(address: str, path: str, body: dict[str, Any]) -> None:
    """Tells moto what Athena is to do next."""
    request = urllib.request.Request(f"{address}/moto-api/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        assert answer.status in (200, 201)


def queue_answer(address: str, columns: list[dict[str, Any]], rows: list[dict[str, Any]], region: str = "us-east-1", account: str = MOTO_ACCOUNT) -> None:
    labels = row(*(one["Name"] for one in columns))
    tell(address, "static/athena/query-results", {"account_id": account, "region": region, "results": [{"rows": [labels, *rows], "column_info": columns}]})


def executions(reach: Aws) -> list[dict[str, Any]]:
    asked = aws.client(reach, "athena")
    return [asked.get_query_execution(QueryExecutionId=query)["QueryExecution"] for query in asked.list_query_executions()["QueryExecutionIds"]]
