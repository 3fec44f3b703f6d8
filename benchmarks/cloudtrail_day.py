"""One day of CloudTrail from files to sums: the source on the embedded engine beside a plain Python loop that gives the same sums.

    python benchmarks/cloudtrail_day.py [--events 1000000] [--files 200] [--runs 3] [--folder FOLDER]

The files are made once, the same for the same numbers, and kept in the folder. Each run is a process of its own; both run in turn. Memory is that of all
processes of a run together, at its largest.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import json
import os
import pickle
import random
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from cloudtrail_events_made import DAY, behalf, event, foreign_account, iam_user, log_path, portal_session, role_session, root, service  # noqa: E402

ACCOUNTS = [f"{number:012d}" for number in range(100_000_000_001, 100_000_000_021)]
REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "eu-central-1")
CALLS = {
    "ec2": "DescribeInstances DescribeSecurityGroups DescribeVolumes RunInstances CreateTags AuthorizeSecurityGroupIngress",
    "s3": "GetBucketAcl ListBuckets PutBucketPolicy",
    "iam": "ListRoles GetRole CreateAccessKey AttachRolePolicy",
    "kms": "Decrypt GenerateDataKey ListKeys",
    "sts": "AssumeRole GetCallerIdentity",
    "logs": "DescribeLogGroups CreateLogStream",
    "cloudformation": "DescribeStacks UpdateStack",
    "lambda": "ListFunctions20150331 UpdateFunctionCode20150331v2",
    "dynamodb": "DescribeTable ListTables",
    "rds": "DescribeDBInstances DescribeDBSnapshots",
    "ssm": "UpdateInstanceInformation ListInstanceAssociations PutInventory",
    "secretsmanager": "GetSecretValue ListSecrets",
    "cloudtrail": "DescribeTrails",
    "autoscaling": "DescribeAutoScalingGroups",
    "ecr": "BatchGetImage",
    "ecs": "DescribeServices",
    "monitoring": "DescribeAlarms",
    "elasticloadbalancing": "DescribeTargetHealth",
    "eks": "ListClusters",
    "athena": "GetQueryExecution",
}
CALLS_EACH = 6
"""Principals do the same few things again and again."""
PEOPLE = 3000
TIME, REQUEST, EVENT, TOKEN = "<<time>>", "<<request>>", "<<event>>", "<<token>>"


def make(folder: Path, events: int, files: int, seed: int = 7) -> None:
    """Files as an organisation's trail delivers them, each of one account, region and five minutes; one event in twenty delivered twice."""
    marker = folder / "complete"
    if marker.exists():
        return
    numbers = random.Random(seed)
    for file in range(files):
        account, region = ACCOUNTS[file % len(ACCOUNTS)], numbers.choice(REGIONS)
        begin = file * 86_000 // files
        records = list(_records(numbers, events * (file + 1) // files - events * file // files, account, region, begin))
        path = log_path(folder, DAY, f"{begin // 3600:02d}{begin // 60 % 60:02d}Z_{file:04d}", account, region, "o-exampleorg1")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(f'{{"Records":[{",".join(records)}]}}'.encode(), 6, mtime=0))
    marker.touch()


def _records(numbers: random.Random, count: int, account: str, region: str, begin: int) -> Iterator[str]:
    calls = [(source, name) for source, names in CALLS.items() for name in names.split()]
    principals = [(_principal(numbers, account), numbers.sample(calls, CALLS_EACH)) for _ in range(max(1, count // 40))]
    made: dict[tuple[int, str], list[str]] = {}
    previous = ""
    for _ in range(count):
        if previous and numbers.random() < 0.05:
            yield previous
            continue
        number = numbers.randrange(len(principals))
        who, own_calls = principals[number]
        source, name = numbers.choice(own_calls)
        if (number, name) not in made:
            fields: dict[str, Any] = {"awsRegion": region, "recipientAccountId": account, "eventID": EVENT, "requestID": REQUEST}
            if numbers.random() < 0.05:
                fields["errorCode"] = "AccessDenied"
                fields["errorMessage"] = f"User: {who.get('arn')} is not authorized to perform: {source}:{name} because no identity-based policy allows it"
            if numbers.random() < 0.3:
                fields["additionalEventData"] = {"SignatureVersion": "SigV4", "CipherSuite": "TLS_AES_128_GCM_SHA256", "bytesTransferredIn": 0}
            fields["requestParameters"] = {"maxResults": 100, "nextToken": TOKEN, "filterSet": {"items": [{"name": "tag:env"}]}}
            text = json.dumps(event(who, name, source, TIME, **fields), separators=(",", ":"))
            made[number, name] = [piece for half in text.split(TIME) for piece in half.split(REQUEST)]
        second = begin + numbers.randrange(300)
        head, middle, tail = made[number, name]
        at = f"{DAY}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}Z"
        request, own = (str(uuid.UUID(int=numbers.getrandbits(128), version=4)) for _ in range(2))
        token = base64.b64encode(numbers.randbytes(75)).decode()
        previous = f"{head}{at}{middle}{request}{tail.replace(EVENT, own)}".replace(TOKEN, token)
        yield previous


def _principal(numbers: random.Random, account: str) -> dict[str, Any]:
    person, share = numbers.randrange(PEOPLE), numbers.random()
    key = f"ASIA{numbers.getrandbits(80):020X}"[:20]
    if share < 0.25:
        who = portal_session(f"person{person}@example.com", account=account)
        who = behalf(who, f"{person:08x}-0000-4000-8000-{person:012x}") if numbers.random() < 0.3 else who
    elif share < 0.33:
        who = iam_user(f"person{person}", account)
    elif share < 0.38:
        who = iam_user(f"svc-{person % 100}", account)
    elif share < 0.43:
        who = role_session("operations", f"person{person}@example.com", account)
    elif share < 0.55:
        return service(numbers.choice(("autoscaling", "config", "ssm", "ecs-tasks")) + ".amazonaws.com")
    elif share < 0.75:
        who = role_session(f"app-{numbers.randrange(300)}", f"i-{numbers.getrandbits(68):017x}", account, ec2RoleDelivery="2.0")
    elif share < 0.98:
        who = role_session(f"function-{numbers.randrange(300)}", str(uuid.UUID(int=numbers.getrandbits(128))), account)
    else:
        return numbers.choice((root(account), foreign_account()))
    return {**who, "accessKeyId": key}


def plain(folder: Path, answer: Path) -> list[dict[str, float]]:
    """gzip, json and dictionaries, in one process."""
    from recount_cloudtrail import Recount, Rules

    sums: list[object] = []
    spent = measured(lambda: sums.append(Recount(Rules()).days(folder, DAY, DAY)))
    answer.write_bytes(pickle.dumps(sums[0]))
    return [spent]


def exporter(folder: Path, answer: Path) -> list[dict[str, float]]:
    """The source as a refresh drives it: files to facts in the store; then the same day once more, with nothing new to fetch."""
    import duckdb

    from exporter.engines.duckdb import DuckDBEngine
    from exporter.facts.store import Store
    from exporter.objects import FolderLocation
    from exporter.sources.cloudtrail import CloudTrailLogs
    from exporter.sources.cloudtrail_settings import CloudTrailSettings
    from exporter.telemetry import Telemetry

    settings = CloudTrailSettings(
        accounts=None,
        include_data_events=False,
        history=timedelta(0),
        max_age=timedelta(days=3),
        person_session=(r"^[^@\s]+@[^@\s]+$",),
        service_user=("^svc-", "-bot$", "terraform", "jenkins", "github"),
        human_identity_providers=(),
    )
    with tempfile.TemporaryDirectory() as place:
        store = Store.open(Path(place))
        source = CloudTrailLogs(settings, lambda: FolderLocation(folder), DuckDBEngine(timedelta(minutes=10)), store, Telemetry())
        now = datetime(DAY.year, DAY.month, DAY.day, 23, 59, tzinfo=UTC)

        def refresh() -> None:
            for day in source.due(now, lambda: None):
                store.replace(source.read(day))
                source.keep(day)
            source.done(now)

        spent = [measured(refresh), measured(refresh)]
        (file,) = (Path(place) / "facts" / "cloudtrail").glob("*.parquet")
        rows = duckdb.execute("SELECT * FROM read_parquet($1)", [str(file)]).fetchall()
        answer.write_bytes(pickle.dumps({tuple(row[:6]): tuple(row[6:]) for row in rows}))
    return spent


def measured(work: Callable[[], object]) -> dict[str, float]:
    """Seconds of the clock and of the processors, those of processes that the work starts included; Python's own start is not."""
    began, busy = time.perf_counter(), sum(os.times()[:4])
    work()
    return {"seconds": time.perf_counter() - began, "cpu": sum(os.times()[:4]) - busy}


def run(what: str, folder: Path, answer: Path) -> dict[str, float]:
    """Runs one of the two in a process of its own; `peak` is the megabytes of all its processes together at their largest."""
    process = subprocess.Popen([sys.executable, __file__, "--run", what, "--folder", str(folder), "--answer", str(answer)], stdout=subprocess.PIPE, text=True)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, sum(map(_megabytes, _family(process.pid))))
        time.sleep(0.05)
    assert process.stdout is not None
    if process.returncode:
        raise SystemExit(f"{what} failed")
    first, *again = json.loads(process.stdout.read())
    return {**first, "peak": peak, **{f"again_{key}": value for one in again for key, value in one.items()}}


def _family(pid: int) -> list[int]:
    family, queue = [], [pid]
    while queue:
        family.append(queue.pop())
        try:
            for thread in os.listdir(f"/proc/{family[-1]}/task"):
                queue += map(int, Path(f"/proc/{family[-1]}/task/{thread}/children").read_text().split())
        except OSError:
            continue
    return family


def _megabytes(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except OSError:
        return 0.0


def compare(events: int, files: int, runs: int, folder: Path) -> dict[str, float]:
    """Medians of both, run in turn, and how often they gave the same sums."""
    make(folder, events, files)
    ours, theirs, same = [], [], 0
    with tempfile.TemporaryDirectory() as place:
        answers = Path(place) / "exporter", Path(place) / "plain"
        for _ in range(runs):
            ours.append(run("exporter", folder, answers[0]))
            theirs.append(run("plain", folder, answers[1]))
            same += pickle.loads(answers[0].read_bytes()) == pickle.loads(answers[1].read_bytes())
    median = {f"{name}_{key}": statistics.median(one[key] for one in some) for name, some in (("our", ours), ("their", theirs)) for key in some[0]}
    return {**median, "runs": runs, "same": same}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--events", type=int, default=1_000_000)
    arguments.add_argument("--files", type=int, default=200)
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--folder", type=Path, help="where the files are kept between runs; default: the folder for temporary files")
    arguments.add_argument("--run", choices=("exporter", "plain"), help=argparse.SUPPRESS)
    arguments.add_argument("--answer", type=Path, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.run:
        print(json.dumps({"exporter": exporter, "plain": plain}[given.run](given.folder, given.answer)))
        return
    folder = (given.folder or Path(tempfile.gettempdir())) / f"cloudtrail-day-{given.events}-{given.files}"
    made = compare(given.events, given.files, given.runs, folder)
    packed = sum(path.stat().st_size for path in folder.rglob("*.json.gz"))
    print(f"{given.events:,} events in {given.files} files, {packed / 1e6:.0f} MB packed; medians of {given.runs} runs in turn")
    for name, who in (("our", "exporter"), ("their", "plain Python loop")):
        print(
            f"{who:<18} {made[f'{name}_seconds']:6.1f} s   {made[f'{name}_cpu']:6.1f} s of processor   {made[f'{name}_peak']:6.0f} MB, all processes together"
        )
    print(
        f"ratio              {made['their_seconds'] / made['our_seconds']:6.1f} times faster; of processor {made['their_cpu'] / made['our_cpu']:.1f} times less"
    )
    print(f"again              {made['our_again_seconds']:6.1f} s   {made['our_again_cpu']:6.1f} s of processor, with nothing new to fetch")
    print(f"same sums          {made['same']:.0f} of {made['runs']:.0f} runs")


if __name__ == "__main__":
    main()
