"""A bill of random lines, and that of the sample, come out of the exporter as plain Python gives them to people: every family of cost, to the last decimal."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from cost_people import config
from cur_made import NOVEMBER, NOW, Bill, Line, line, write_month
from facts_in_memory import Published, identity, publish
from recount_cost import SHORT, CostRecount, Sums
from recount_cur import Recount

from exporter.facts.history import History
from exporter.facts.recent import RecentFacts
from exporter.people import Entry, people_file
from exporter.sample import Organisation, sandbox_owners, write
from exporter.sources.cur import tag_keys

ALL = ("yesterday", "3d_ago", "last_7d", "last_30d", "month_to_date", "last_month")
FAMILIES = {
    "aws_cost": ALL,
    "aws_cost_attributed": ALL,
    "aws_cost_unattributed": ALL,
    "aws_user_cost": ALL,
    "aws_user_service_cost": SHORT,
    "aws_user_region_cost": SHORT,
    "kiro_user_billed_cost": ("month_to_date", "last_month"),
}
OCTOBER = date(2026, 10, 1)
ACCOUNT, SANDBOX, LAB = "111122223333", "444455556666", "777788889999"
A, B, C = map(identity, "abc")
ENTRIES = (
    Entry("alice", email="alice@example.com", team="core", aliases=(A, "asmith")),
    Entry("bob", team="data", aliases=("bob@corp.example", f"bsmith@{ACCOUNT}")),
    Entry("carol", team="data"),
)
CREATORS = {"i-1": A, "i-2": "session:carol", "snap-1": f"iam_user:bsmith@{ACCOUNT}", "bucket-1": "session:nobody"}
TAGS = ["alice", "ASmith", "carol", "zoe", "bob@corp.example", "platform team", C, ""]
CALLERS = [f"arn:aws:sts::{ACCOUNT}:assumed-role/AWSReservedSSO_Dev_0123456789abcdef/{name}" for name in ("asmith", "Zoe", "carol")] + [
    f"arn:aws:sts::{ACCOUNT}:assumed-role/Gateway/gateway",
    f"arn:aws:sts::{ACCOUNT}:assumed-role/Gateway/yan@example.com",
    f"arn:aws:iam::{ACCOUNT}:user/team/bsmith",
    f"arn:aws:iam::{ACCOUNT}:user/erin",
    f"arn:aws:iam::{ACCOUNT}:user/svc-deploy",
    f"arn:aws:iam::{ACCOUNT}:role/Gateway",
]
CREATED_BY = [
    "Root:111122223333",
    "IAMUser:AIDAXXXXXXXXXXXXXXXXX:bsmith",
    "IAMUser:AIDAXXXXXXXXXXXXXXXXX:terraform",
    "AssumedRole:AKIAXXXXXXXXXXXXXXXX:zoe",
    "AssumedRole:AKIAXXXXXXXXXXXXXXXX:yan@example.com",
    "AssumedRole:AKIAXXXXXXXXXXXXXXXX:nobody",
]


def lines(month: date, count: int) -> Iterator[Line]:
    numbers = random.Random(month.month)

    def maybe(values: list[str]) -> str | None:
        return numbers.choice(values) if numbers.random() < 0.2 else None

    for _ in range(count):
        kiro = numbers.random() < 0.1
        resource = f"arn:aws:identitystore:::user/{numbers.choice((A, B, C))}" if kiro else maybe([*CREATORS, "i-3", "arn:aws:ec2:us-east-1:1:snapshot/snap-1"])
        user = numbers.choice(((resource or "")[-36:], None)) if kiro else maybe([A, B])
        tags = {"user_owner": maybe(TAGS) or "", "user_created_by": maybe(TAGS) or "", "aws_created_by": maybe(CREATED_BY) or ""}
        yield line(
            numbers.choice(("FlatRateSubscription", "Usage", "Credit"))
            if kiro
            else numbers.choice(("Usage",) * 12 + ("Tax", "Credit", "Refund", "EdpDiscount")),
            numbers.choice((-1, 1, 1, 1)) * round(numbers.random() * 10 ** numbers.randint(-9, 4), 12),
            f"{month + timedelta(days=numbers.randrange(30))}",
            product_code="Kiro" if kiro else numbers.choice(("AmazonEC2", "AmazonS3", "AmazonBedrock", "AWSLambda")),
            operation=numbers.choice(("monthly-subscription", "Credits")) if kiro else "RunInstances",
            usage_type="USE1-KiroEnterprise-ProPlus",
            usage_account_id=numbers.choice((ACCOUNT, ACCOUNT, SANDBOX, LAB)),
            resource_id=resource,
            user_identifier=user,
            iam_principal=maybe(CALLERS),
            resource_tags=tags,
            product_region_code=numbers.choice(("us-east-1", "eu-west-1", None)),
        )


Both = tuple[Published, CostRecount]


def read(bill: Bill, metric: str, entries: Sequence[Entry], owners: Mapping[str, str]) -> Both:
    """What is published of a bill, and what plain Python makes of the same Parquet."""
    bill.refresh(NOW)
    recent, landed = RecentFacts(), bill.source.landed()
    History(bill.store, recent).open(NOW)
    seen = publish(recent, NOW, {"cur": landed}, entries=entries, settings=config(attribution={"account_owners": dict(owners)}))
    bill.store.close()
    recount = Recount(metric, [key for tag in bill.owner_tags for key in tag_keys(tag)], dict(bill.creators)).export(bill.export, NOW.date())
    known = {text.lower(): (entry.user, entry.team or "unknown") for entry in entries for text in (entry.user, entry.email, *entry.aliases) if text}
    assert landed.days is not None
    return seen, CostRecount(recount, known, owners, NOW.date(), landed.days.first, landed.days.last)


@pytest.fixture(scope="module")
def random_bill(tmp_path_factory: pytest.TempPathFactory) -> Both:
    bill = Bill(tmp_path_factory.mktemp("random"), metric="unblended")
    bill.creators = list(CREATORS.items())
    for month in (OCTOBER, NOVEMBER):
        write_month(bill.export, list(lines(month, 1_200)), month)
    return read(bill, "unblended", ENTRIES, {SANDBOX: "alice", LAB: "gremlin"})


@pytest.fixture(scope="module")
def sample_bill(tmp_path_factory: pytest.TempPathFactory) -> Both:
    """A bill of the sample, without the logs that tell who created what."""
    folder: Path = tmp_path_factory.mktemp("sample")
    organisation, last = Organisation.generate(30, 5), NOW.date() - timedelta(days=1)
    written = write(organisation, folder / "sample", OCTOBER, last, cloudtrail=False, bill=True)
    assert written.bill is not None
    bill = Bill(folder, location=str(written.bill.folder))
    bill.export = written.bill.folder
    owners = {account: owner.user for account, owner in sandbox_owners(organisation, last).items()}
    return read(bill, "amortized", people_file.read(written.people_file).entries, owners)


@pytest.fixture(scope="module", params=["random", "sample"])
def both(request: pytest.FixtureRequest) -> Both:
    found: Both = request.getfixturevalue(f"{request.param}_bill")
    return found


def texts(seen: Published, name: str) -> Sums:
    """Exact values as they stand in the exposition, zeros left out."""
    found = {}
    for chunk in seen.built.snapshot.chunks:
        for sample in chunk.plain.decode().splitlines():
            series, _, number = sample.rpartition(" ")
            if series.startswith(name + "{") and number != "0":
                found[tuple(series.split('"')[1::2])] = Decimal(number)
    return found


@pytest.mark.parametrize(("family", "window"), [(family, window) for family, windows in FAMILIES.items() for window in windows])
def test_family_is_what_the_recount_says(both: Both, family: str, window: str) -> None:
    seen, recount = both
    assert texts(seen, f"{family}_{window}") == recount.sums(window, family)


@pytest.mark.parametrize("window", ["month_to_date", "last_month"])
def test_resources_are_what_the_recount_says(both: Both, window: str) -> None:
    seen, recount = both
    assert texts(seen, f"aws_user_resources_{window}") == recount.resources(window)


def test_typical_days_are_what_the_recount_says(both: Both) -> None:
    seen, recount = both
    assert texts(seen, "aws_user_typical_day_cost") == recount.typical_days()


@pytest.mark.parametrize("of", ["aws_cost_attributed", "aws_cost_unattributed"])
def test_every_method_and_reason_is_compared(random_bill: Both, of: str) -> None:
    assert len(random_bill[1].sums("last_month", of)) == {"aws_cost_attributed": 7, "aws_cost_unattributed": 4}[of]
