"""Starts and stops a real Trino, the engine inside Athena, as one node on 127.0.0.1, and asks it over its HTTP protocol."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from real_process import RealProcess, eventually, request

CATALOG = "hive"


class TrinoError(AssertionError):
    """Trino failed a statement; `name` is its own, such as COLUMN_NOT_FOUND."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name


@dataclass(frozen=True)
class TrinoAnswer:
    """`columns` are names with Trino's types; numbers among the rows are text, digit for digit as Trino sent them. `read` is bytes read from files."""

    columns: tuple[tuple[str, str], ...] = ()
    rows: list[list[Any]] = field(default_factory=list)
    read: int = 0

    def values(self) -> list[Any]:
        """The only column."""
        return [value for (value,) in self.rows]


class TrinoServer(RealProcess):
    """Reads tables from files anywhere on this machine (`local:///…`) and keeps its metastore, config and log in `folder`."""

    def __init__(self, home: Path, folder: Path) -> None:
        """`home` is what `.ci/trino` makes: lib/, plugin/hive/ and java."""
        self._port = _free_port()
        (folder / "catalog").mkdir(parents=True)
        _write(
            folder / "config.properties",
            {
                "coordinator": "true",
                "node-scheduler.include-coordinator": "true",
                "node.environment": "test",
                "node.bind-ip": "127.0.0.1",
                "node.internal-address": "127.0.0.1",
                "http-server.http.port": str(self._port),
                "discovery.uri": f"http://{self.address}",
                "query.max-memory-per-node": "1GB",
                "plugin.dir": str(home / "plugin"),
                "catalog.config-dir": str(folder / "catalog"),
            },
        )
        _write(
            folder / "catalog" / f"{CATALOG}.properties",
            {
                "connector.name": "hive",
                "hive.metastore": "file",
                "hive.metastore.catalog.dir": f"local://{folder / 'metastore'}",
                "fs.native-local.enabled": "true",
                "local.location": "/",
                # As Athena reads: what lies below a partition at any depth belongs to it, and partitions are worked out.
                "hive.recursive-directories": "true",
                "hive.partition-projection-enabled": "true",
                # A prefix without objects is nothing that S3 could miss.
                "hive.ignore-absent-partitions": "true",
            },
        )
        jvm = ("-Xmx2g", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError", "-Djdk.attach.allowAttachSelf=true", "-XX:+EnableDynamicAgentLoading")
        modules = ("--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow")
        program = ("-cp", f"{home / 'lib'}/*", f"-Dconfig={folder / 'config.properties'}", "io.trino.server.TrinoServer")
        super().__init__((str(home / "java"), *jvm, *modules, *program), folder / "log", folder)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Starts it and waits until it answers statements over files: its own node takes seconds to become known to it."""
        super().start()
        self.wait_for_line("SERVER STARTED", pause=0.2)
        self.run("CREATE SCHEMA first")
        self.run("CREATE TABLE first.nothing (n bigint)")
        eventually("Trino to schedule", self._schedules)

    def _schedules(self) -> bool:
        try:
            self.run("SELECT count(*) FROM first.nothing")
        except TrinoError as error:
            if error.name != "NO_NODES_AVAILABLE":
                raise
            return False
        return True

    def run(self, sql: str, schema: str = "") -> TrinoAnswer:
        """Runs one statement to its end. Raises TrinoError. https://trino.io/docs/current/develop/client-protocol.html"""
        headers = {"X_Trino_User": "test", "X_Trino_Catalog": CATALOG, **({"X_Trino_Schema": schema} if schema else {})}
        page = self._page("POST", "/v1/statement", sql, headers)
        columns: tuple[tuple[str, str], ...] = ()
        rows: list[list[Any]] = []
        while True:
            if "error" in page:
                raise TrinoError(page["error"]["errorName"], page["error"]["message"])
            columns = columns or tuple((column["name"], column["type"]) for column in page.get("columns", ()))
            rows += page.get("data") or []
            if "nextUri" not in page:
                return TrinoAnswer(columns, rows, int(page["stats"]["physicalInputBytes"]))
            page = self._page("GET", page["nextUri"].removeprefix(f"http://{self.address}"), None, headers)

    def _page(self, method: str, path: str, body: str | None, headers: Mapping[str, str]) -> dict[str, Any]:
        answer = request(self.address, method, path, body and body.encode(), **headers)
        assert answer.status == 200, answer.text
        page: dict[str, Any] = json.loads(answer.body, parse_float=str, parse_int=str)
        return page


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _write(file: Path, properties: Mapping[str, str]) -> None:
    file.write_text("".join(f"{name}={value}\n" for name, value in properties.items()), encoding="utf-8")
