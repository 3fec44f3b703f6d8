"""A bill in a bucket: fetched into the store for as long as it is read, and overwritten under the reader's eyes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cur_made import Bill, line, write_month
from moto.server import ThreadedMotoServer

from exporter.aws import client
from exporter.errors import TransientError, UserError
from exporter.objects import BucketLocation, StoredObject

BUCKET, PREFIX = "bills", "exports/people-bill"
NOW = datetime.now(UTC)
"""The server dates objects by the real clock."""


@dataclass(frozen=True)
class Settings:
    """How the test reaches the S3 on this machine."""

    endpoint_url: str
    region: str = "us-east-1"
    profile: str | None = None
    role_arn: str | None = None
    external_id: str | None = None


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as environment:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            environment.delenv(name)
        environment.setenv("AWS_ACCESS_KEY_ID", "testing")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        environment.setenv("AWS_CONFIG_FILE", os.devnull)
        made = client(Settings(f"http://{host}:{port}"), "s3")
        made.create_bucket(Bucket=BUCKET)
        yield made
    server.stop()


class Exported:
    """An export in the bucket, and the source over it."""

    def __init__(self, folder: Path, s3: Any) -> None:
        self.s3 = s3
        self.requests: list[str] = []
        self.bill = Bill(folder, metric="unblended")
        self.bill.locate = lambda: BucketLocation(BUCKET, PREFIX, s3, self.requests.append)

    def deliver(self, cost: float, *, manifest: bool = True) -> None:
        """Overwrites this month's data, and its manifest if that follows."""
        month = NOW.date().replace(day=1)
        write_month(self.bill.export, [line(cost=cost, day=f"{month:%Y-%m}-01")], month)
        for path in sorted(self.bill.export.rglob("*"), key=lambda path: path.name.endswith(".json")):
            if path.is_file() and (manifest or path.suffix == ".parquet"):
                self.s3.put_object(Bucket=BUCKET, Key=f"{PREFIX}/{path.relative_to(self.bill.export).as_posix()}", Body=path.read_bytes())

    def cost(self) -> Decimal:
        return sum((fact.cost for fact in self.bill.costs()), Decimal(0))


@pytest.fixture
def exported(tmp_path: Path, s3: Any) -> Exported:
    made = Exported(tmp_path, s3)
    made.deliver(1.5)
    return made


def test_a_bill_is_fetched_and_leaves_nothing_behind(exported: Exported) -> None:
    exported.bill.refresh(NOW)
    assert exported.cost() == Decimal("1.5")
    assert list((exported.bill.store.path / "objects").rglob("*.*")) == []
    # The manifest and one file; the month is looked at before, between and after.
    assert exported.requests.count("s3:GetObject") == 2
    exported.requests.clear()
    assert exported.bill.refresh(NOW) == []
    assert "s3:GetObject" not in exported.requests


def test_a_bill_that_is_overwritten_while_it_is_fetched_is_read_again(exported: Exported) -> None:
    class Meddled(BucketLocation):
        def file(self, wanted: StoredObject, folder: Path) -> Path:
            found = super().file(wanted, folder)
            exported.deliver(7.0)
            return found

    whole, exported.bill.locate = exported.bill.locate, lambda: Meddled(BUCKET, PREFIX, exported.s3, lambda api: None)
    month = exported.bill.source.due(NOW, lambda: None)[0]
    with pytest.raises(TransientError, match="was overwritten while it was read; it is read again"):
        exported.bill.source.read(month)
    assert exported.bill.facts() == []
    exported.bill.locate = whole
    exported.bill.refresh(NOW)
    assert exported.cost() == 7


def test_a_file_that_is_overwritten_before_it_is_fetched_is_read_again(exported: Exported) -> None:
    class Meddled(BucketLocation):
        def file(self, wanted: StoredObject, folder: Path) -> Path:
            exported.deliver(7.0, manifest=False)
            return super().file(wanted, folder)

    exported.bill.locate = lambda: Meddled(BUCKET, PREFIX, exported.s3, lambda api: None)
    month = exported.bill.source.due(NOW, lambda: None)[0]
    with pytest.raises(TransientError, match="was overwritten while it was read"):
        exported.bill.source.read(month)


def test_a_bucket_that_is_not_there_is_one_sentence(tmp_path: Path, s3: Any) -> None:
    bill = Bill(tmp_path)
    bill.locate = lambda: BucketLocation("no-such-bucket", PREFIX, s3, lambda api: None)
    with pytest.raises(UserError, match="no-such-bucket"):
        bill.refresh(NOW)
