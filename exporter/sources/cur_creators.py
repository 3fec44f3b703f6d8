"""Resource creators where Athena can join them: one small file of Parquet, written anew before a bill is read."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb

from exporter.aws import explained
from exporter.errors import UserError

FOLDER = "resource_creators/"
"""Below the place of query results: what the table resource_creators is made over."""
WRITE_REQUEST = "s3:PutObject"
_FILE = "creators.parquet"


class CreatorsTable:
    """The file behind the table resource_creators."""

    def __init__(self, output_location: str | None, workgroup: str, client: Callable[[str], Any], on_request: Callable[[str], None]) -> None:
        """`output_location` is where query results go, None: the place of the workgroup. `client` opens a boto3 client by its service name.

        `on_request` is called before the request that writes.
        """
        self._output_location = output_location
        self._workgroup = workgroup
        self._client = client
        self._on_request = on_request
        self._written: tuple[tuple[str, str], ...] | None = None

    def upload(self, creators: Sequence[tuple[str, str]]) -> None:
        """Replaces the table by these rows of resource and creator, unless it holds them already.

        Raises UserError where there is no place for it or it cannot be written, TransientError where it cannot be written now.
        """
        rows = tuple(creators)
        if rows == self._written:
            return
        bucket, _, prefix = self._place().removeprefix("s3://").partition("/")
        key = f"{prefix.rstrip('/')}/{FOLDER}{_FILE}".lstrip("/")
        with explained(WRITE_REQUEST, f"arn:aws:s3:::{bucket}/{key}"):
            self._on_request(WRITE_REQUEST)
            self._client("s3").put_object(Bucket=bucket, Key=key, Body=_parquet(rows))
        self._written = rows

    def _place(self) -> str:
        if self._output_location is not None:
            return self._output_location
        with explained("athena:GetWorkGroup", f"workgroup {self._workgroup}"):
            configuration = self._client("athena").get_work_group(WorkGroup=self._workgroup)["WorkGroup"].get("Configuration", {})
        place: str | None = configuration.get("ResultConfiguration", {}).get("OutputLocation")
        if not place:
            raise UserError(
                f"the Athena workgroup {self._workgroup} has no place for results; set athena.output_location, where the creators of resources are written too"
            )
        return place


def _parquet(rows: Sequence[tuple[str, str]]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / _FILE
        connection = duckdb.connect()
        connection.execute("CREATE TABLE creators (resource VARCHAR, creator VARCHAR)").fetchall()
        if rows:
            resources, creators = map(list, zip(*rows, strict=True))
            connection.execute("INSERT INTO creators SELECT unnest($1::VARCHAR[]), unnest($2::VARCHAR[])", [resources, creators]).fetchall()
        connection.execute("COPY creators TO $target (FORMAT parquet, COMPRESSION zstd)", {"target": str(file)}).fetchall()
        return file.read_bytes()
