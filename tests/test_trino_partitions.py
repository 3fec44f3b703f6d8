"""On a real Trino: a query of CloudTrail reads the files of the accounts and regions that it names, and no other; where accounts are injected, it must."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from athena_rig import rows_of, value
from cloudtrail_events_made import DAY, event, log_path, role_session, write
from trino_athena import TrinoAsAthena
from trino_lake import Lake, names_in
from trino_server import TrinoServer

from exporter.config import Athena
from exporter.engines import statement
from exporter.engines.athena import AthenaEngine
from exporter.engines.reading import reading
from exporter.errors import UserError
from exporter.sources.cloudtrail_layout import LogFolder
from exporter.sources.cloudtrail_partitions import of_folders
from exporter.telemetry import Telemetry

ACCOUNTS, REGIONS = ("111122223333", "444455556666"), ("eu-west-1", "us-east-1")
PAIRS = [(account, region) for account in ACCOUNTS for region in REGIONS]


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log file for each pair, of another size each; who acted is named after the pair."""
    folder = tmp_path_factory.mktemp("pairs") / "logs"
    for place, (account, region) in enumerate(PAIRS):
        person = role_session("AWSReservedSSO_Developer_0123456789abcdef", f"{account}-{region}@example.com", account)
        at = f"{DAY.isoformat()}T10:00:00Z"
        write(
            log_path(folder, DAY, "1000Z_x", account, region),
            [event(person, at=at, awsRegion=region, recipientAccountId=account) for _ in range(20 * 2**place)],
        )
    return folder


def sizes(logs: Path) -> dict[tuple[str, str], int]:
    split = logs.parent / "logs-split"
    return {pair: sum(path.stat().st_size for path in split.glob(f"AWSLogs/{pair[0]}/CloudTrail/{pair[1]}/**/*.json")) for pair in PAIRS}


def query(trino: TrinoServer, schema: str, condition: str) -> tuple[set[str], int]:
    """Who acted, and how many bytes were read."""
    telemetry = Telemetry()
    engine = AthenaEngine(Athena(database=schema), lambda _service: TrinoAsAthena(trino), telemetry, poll_seconds=0.01)
    day, slashes = DAY, f"{DAY:%Y/%m/%d}"
    parameters: list[Any] = [slashes, slashes, "Management", day, day, "x^", "x^", "x^", "x^"]
    rows = rows_of(engine.query(reading(statement("facts/cloudtrail"), "cloudtrail", None, condition), parameters))
    return {row[3] for row in rows}, int(value(telemetry, "athena_bytes_scanned_total") or 0)


def condition(*pairs: tuple[str, str]) -> str:
    return of_folders([LogFolder(f"AWSLogs/{account}/CloudTrail/{region}/", account, region) for account, region in pairs])


@pytest.fixture(scope="module")
def enumerated(trino: TrinoServer, logs: Path) -> str:
    Lake(trino, logs, "pairs_enumerated")
    return "pairs_enumerated"


@pytest.fixture(scope="module")
def injected(trino: TrinoServer, logs: Path) -> str:
    tables = {name: statement(f"tables/{name}").text for name in names_in("tables")}
    lines = [line for line in tables["cloudtrail"].splitlines() if "projection.account.values" not in line]
    injecting = "\n".join(lines).replace("'projection.account.type' = 'enum'", "'projection.account.type' = 'injected'")
    Lake(trino, logs, "pairs_injected", {**tables, "cloudtrail": injecting})
    return "pairs_injected"


@pytest.mark.parametrize("named", [PAIRS, PAIRS[:1], PAIRS[1:], [PAIRS[0], PAIRS[3]], [PAIRS[1], PAIRS[3]]], ids=lambda named: f"{len(named)} pairs")
def test_only_the_files_of_the_pairs_that_are_named_are_read(trino: TrinoServer, enumerated: str, logs: Path, named: list[tuple[str, str]]) -> None:
    size = sizes(logs)
    assert query(trino, enumerated, condition(*named)) == ({f"{account}-{region}@example.com" for account, region in named}, sum(size[pair] for pair in named))


def test_without_a_condition_everything_is_read(trino: TrinoServer, enumerated: str, logs: Path) -> None:
    assert query(trino, enumerated, "") == ({f"{account}-{region}@example.com" for account, region in PAIRS}, sum(sizes(logs).values()))


def test_an_account_is_injected_by_the_condition(trino: TrinoServer, injected: str, logs: Path) -> None:
    # Trino takes one account, Athena a list of them: https://docs.aws.amazon.com/athena/latest/ug/partition-projection-dynamic-id-partitioning.html
    size = sizes(logs)
    assert query(trino, injected, condition(*PAIRS[:2])) == ({f"{ACCOUNTS[0]}-{region}@example.com" for region in REGIONS}, size[PAIRS[0]] + size[PAIRS[1]])


def test_where_accounts_are_injected_none_can_be_left_out(trino: TrinoServer, injected: str) -> None:
    with pytest.raises(UserError, match=r"(?i)projection"):
        query(trino, injected, "")
