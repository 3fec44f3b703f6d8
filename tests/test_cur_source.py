"""When the months of an export are read, and when what was read is kept."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import nanoarrow
import pytest
from cur_made import EXPORT, NOVEMBER, NOW, Bill, Line, line, write_manifest, write_month, write_parquet

from exporter.engines import Relation, Statement
from exporter.errors import TransientError, UserError
from exporter.model import ArrowStream
from exporter.objects import FolderLocation, StoredObject
from exporter.sources.cur_creators import CreatorsTable
from exporter.sources.cur_month import COLUMNS, NEEDED, NEEDED_TO_AMORTIZE

OCTOBER, SEPTEMBER = date(2026, 10, 1), date(2026, 9, 1)
DAY = timedelta(days=1)
OPTIONAL = sorted(set(COLUMNS) - set(NEEDED) - set(NEEDED_TO_AMORTIZE))


def cost_by_day(bill: Bill) -> dict[date, Decimal]:
    sums: dict[date, Decimal] = {}
    for fact in bill.costs():
        sums[fact.day] = sums.get(fact.day, Decimal(0)) + fact.cost
    return sums


class Meddled(FolderLocation):
    """A folder in which something happens whenever a data file is asked for."""

    def __init__(self, path: Path, meddle: Callable[[], None]) -> None:
        super().__init__(path)
        self._meddle = meddle

    def file(self, wanted: StoredObject, folder: Path) -> Path:
        found = super().file(wanted, folder)
        self._meddle()
        return found


class Asked:
    """An engine that is not embedded: it tells what it was asked, and answers with rows of its own."""

    name, embedded = "athena", False

    def __init__(self, answer: str) -> None:
        self.answer = answer
        self.asked: list[tuple[Statement, Sequence[Any]]] = []

    def query(self, statement: Statement, parameters: Sequence[Any], relations: Sequence[Relation] = ()) -> ArrowStream:
        self.asked.append((statement, parameters))
        answer: ArrowStream = nanoarrow.ArrayStream(duckdb.connect().sql(self.answer))
        return answer

    def cancel(self) -> None:
        """Nothing runs."""


ONE_FACT = """SELECT DATE '2026-11-10' AS day, '111122223333' AS account, NULL::VARCHAR AS region, 'ec2' AS service, 'usage' AS charge, 'USD' AS currency,
    false AS shared, NULL::VARCHAR AS user_identifier, NULL::VARCHAR AS iam_principal, NULL::VARCHAR AS identity_store_user, NULL::VARCHAR AS owner_tags,
    NULL::VARCHAR AS created_by_tag, NULL::VARCHAR AS creator, NULL::VARCHAR AS component, NULL::VARCHAR AS tier, NULL::VARCHAR AS resource,
    1::DECIMAL(38,12) AS cost, NULL::DECIMAL(38,12) AS quantity, 1::BIGINT AS lines, NULL::VARCHAR AS rejected"""


def test_months_within_history_are_read_oldest_first(tmp_path: Path) -> None:
    bill = Bill(tmp_path, history="40d")
    for month in (NOVEMBER, SEPTEMBER, OCTOBER):
        write_month(bill.export, [line(day=f"{month:%Y-%m}-05")], month)
    assert bill.refresh() == [OCTOBER, NOVEMBER]
    assert cost_by_day(bill) == {date(2026, 10, 5): 1, date(2026, 11, 5): 1}


def test_a_month_is_read_again_only_when_its_manifest_has_changed(tmp_path: Path) -> None:
    bill = Bill(tmp_path)
    write_month(bill.export, [line()], OCTOBER)
    write_month(bill.export, [line()])
    assert bill.refresh() == [OCTOBER, NOVEMBER]
    assert bill.refresh(NOW + DAY) == []
    write_month(bill.export, [line(cost=2.0)])
    assert bill.refresh(NOW + DAY) == [NOVEMBER]
    assert bill.opened().due(NOW + DAY, lambda: None) == []


def test_a_restated_month_is_replaced_as_a_whole(tmp_path: Path) -> None:
    bill = Bill(tmp_path)
    write_month(bill.export, [line(day="2026-11-03"), line(day="2026-11-04"), line(day="2026-11-05")])
    bill.refresh()
    write_month(bill.export, [line(day="2026-11-03", cost=0.25), line(day="2026-11-20", cost=4.0)])
    bill.refresh()
    assert cost_by_day(bill) == {date(2026, 11, 3): Decimal("0.25"), date(2026, 11, 20): 4}


def test_days_that_have_not_begun_wait(tmp_path: Path) -> None:
    bill = Bill(tmp_path)
    write_month(bill.export, [line(day="2026-11-22"), line("Fee", 9.0, day="2026-11-24")])
    bill.refresh(NOW)
    assert cost_by_day(bill) == {date(2026, 11, 22): 1}
    assert bill.refresh(NOW + DAY) == []
    assert bill.refresh(NOW + 2 * DAY) == [NOVEMBER]
    assert cost_by_day(bill) == {date(2026, 11, 22): 1, date(2026, 11, 24): 9}


def test_every_day_of_the_month_that_has_begun_is_replaced(tmp_path: Path) -> None:
    bill = Bill(tmp_path)
    write_month(bill.export, [line()])
    bill.refresh()
    assert bill.store.days("cur") == [NOVEMBER + offset * DAY for offset in range(22)]


def test_a_month_that_is_overwritten_while_it_is_read_is_not_kept(tmp_path: Path) -> None:
    bill = Bill(tmp_path)
    write_month(bill.export, [line(cost=1.0)])
    once = [True]

    def meddle() -> None:
        if once:
            once.clear()
            write_month(bill.export, [line(cost=5.0)])

    bill.locate = lambda: Meddled(bill.export, meddle)
    bill.source.due(NOW, lambda: None)
    with pytest.raises(TransientError, match=r"^the export of 2026-11 was overwritten while it was read; it is read again$"):
        bill.source.read(NOVEMBER)
    assert bill.facts() == []
    assert bill.refresh() == [NOVEMBER]
    assert cost_by_day(bill) == {date(2026, 11, 10): 5}


def test_data_without_its_manifest_is_not_read(tmp_path: Path) -> None:
    bill = Bill(tmp_path)
    data = write_month(bill.export, [line()])
    manifest = bill.export / "metadata" / "BILLING_PERIOD=2026-11" / f"{EXPORT}-Manifest.json"
    for path, hour in ((data, 3), (manifest, 2)):
        os.utime(path, times=(datetime(2026, 11, 22, hour, tzinfo=UTC).timestamp(),) * 2)
    bill.source.due(NOW, lambda: None)
    with pytest.raises(TransientError, match=r"the export of 2026-11 is being overwritten: 1 of its files are newer than its manifest"):
        bill.source.read(NOVEMBER)
    # Nobody takes half a day to overwrite it: the files were copied without their times.
    bill.source.due(NOW + timedelta(hours=12), lambda: None)
    assert len(bill.source.read(NOVEMBER).days) == 22


def test_data_that_changes_under_an_unchanged_manifest_is_not_kept(tmp_path: Path) -> None:
    bill = Bill(tmp_path)
    data = write_month(bill.export, [line()])
    bill.locate = lambda: Meddled(bill.export, lambda: write_parquet(data, [line(cost=5.0)]))
    bill.source.due(NOW, lambda: None)
    with pytest.raises(TransientError, match=r"overwritten while it was read"):
        bill.source.read(NOVEMBER)


def test_a_file_that_the_manifest_names_and_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    bill = Bill(tmp_path)
    write_month(bill.export, [line()]).unlink()
    bill.source.due(NOW, lambda: None)
    with pytest.raises(TransientError, match=r"1 of the 1 files that .*Manifest.json names are missing"):
        bill.source.read(NOVEMBER)


def test_of_several_versions_the_newest_counts(tmp_path: Path) -> None:
    bill = Bill(tmp_path)
    write_month(bill.export, [line(cost=1.0)], place="20261120T010203Z-aaaa")
    bill.refresh()
    write_month(bill.export, [line(cost=7.0)], place="20261121T010203Z-bbbb")
    assert bill.refresh() == [NOVEMBER]
    assert cost_by_day(bill) == {date(2026, 11, 10): 7}


def test_a_month_in_several_files_is_added_up(tmp_path: Path) -> None:
    bill = Bill(tmp_path)
    files = [bill.export / "data" / "BILLING_PERIOD=2026-11" / f"{EXPORT}-0000{number}.snappy.parquet" for number in (1, 2, 3)]
    for file in files:
        write_parquet(file, [line(cost=1.5)], without=["tags"] if file == files[0] else [])
    write_manifest(bill.export, NOVEMBER, files[:2])
    bill.refresh()
    assert cost_by_day(bill) == {date(2026, 11, 10): 3}


@pytest.mark.parametrize("column", OPTIONAL)
def test_an_export_may_leave_out_any_optional_column(tmp_path: Path, column: str) -> None:
    bill = Bill(tmp_path)
    write_month(bill.export, [line(cost=1.5)], without=[column])
    bill.refresh()
    assert cost_by_day(bill) == {date(2026, 11, 10): Decimal("1.5")}


def test_an_export_may_leave_out_all_optional_columns(tmp_path: Path) -> None:
    bill = Bill(tmp_path, metric="unblended")
    write_month(bill.export, [line(cost=1.5, resource_id="i-1")], without=[*OPTIONAL, *NEEDED_TO_AMORTIZE])
    bill.refresh()
    (fact,) = bill.facts()
    assert (fact.cost, fact.shared, fact.region) == (Decimal("1.5"), True, None)


@pytest.mark.parametrize("column", [*NEEDED, *NEEDED_TO_AMORTIZE])
def test_a_column_without_which_cost_is_not_known_is_asked_for(tmp_path: Path, column: str) -> None:
    bill = Bill(tmp_path)
    write_month(bill.export, [line()], without=[column])
    with pytest.raises(UserError, match=f"the export of 2026-11 lacks the column {column}; let it have all columns of CUR 2.0"):
        bill.refresh()


def test_a_bill_in_several_currencies_is_refused(tmp_path: Path) -> None:
    bill = Bill(tmp_path)
    write_month(bill.export, [line(currency_code="USD"), line(currency_code="EUR")])
    with pytest.raises(UserError, match=r"^the bill of 2026-11 is in several currencies \(EUR, USD\), which cannot be added up; let sources.cur.location be "):
        bill.refresh()
    assert bill.facts() == []


@pytest.mark.parametrize("content", [b"", b"PAR1 and no more", b"line_item_unblended_cost\n1.0\n"])
def test_a_file_that_is_no_parquet_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    bill = Bill(tmp_path)
    data = write_month(bill.export, [line()])
    data.write_bytes(content)
    write_manifest(bill.export, NOVEMBER, [data])
    with pytest.raises(UserError, match=r"^the export of 2026-11 cannot be read .*; have it written anew, as Parquet$"):
        bill.refresh()


def test_a_value_of_another_type_is_left_out(tmp_path: Path) -> None:
    bill = Bill(tmp_path)
    data = bill.export / "data" / "BILLING_PERIOD=2026-11" / "x.parquet"
    columns = {**COLUMNS, "line_item_unblended_cost": "VARCHAR", "line_item_usage_start_date": "VARCHAR"}
    write_parquet(data, [line(cost=None, unblended_cost="a dollar"), line(cost=None, unblended_cost="0.5")], columns=columns)
    write_manifest(bill.export, NOVEMBER, [data])
    bill.refresh()
    assert (cost_by_day(bill), bill.rejected("cost")) == ({date(2026, 11, 10): Decimal("0.5")}, 1)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "is no manifest of an export"),
        ('{"reportKeys": []}', "is no manifest of an export"),
        ('{"dataFiles": ["s3://bills/cur/20261101-20261201/1/cur-00001.csv.gz"]}', "is not below data/BILLING_PERIOD"),
        ('{"dataFiles": ["s3://bills/cur/data/BILLING_PERIOD=2026-11/cur-00001.csv.gz"]}', "is no Parquet; set the format of the export to Parquet"),
    ],
)
def test_a_manifest_of_something_else_is_one_sentence(tmp_path: Path, content: str, told: str) -> None:
    bill = Bill(tmp_path)
    manifest = write_manifest(bill.export, NOVEMBER, [])
    manifest.write_text(content)
    with pytest.raises(UserError, match=told):
        bill.refresh()


def test_a_folder_without_manifests_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^there is no manifest of 2026-09 or later below .*/export/metadata/; let sources.cur.location be "):
        Bill(tmp_path).refresh()


def test_an_empty_export_keeps_what_was_there(tmp_path: Path) -> None:
    bill = Bill(tmp_path)
    write_month(bill.export, [line()])
    bill.refresh()
    write_month(bill.export, [])
    bill.refresh()
    assert cost_by_day(bill) == {date(2026, 11, 10): 1}


def test_a_month_without_files_has_no_rows(tmp_path: Path) -> None:
    bill = Bill(tmp_path)
    write_manifest(bill.export, NOVEMBER, [])
    assert bill.refresh() == [NOVEMBER]
    assert bill.facts() == []


def test_names_beside_the_months_do_no_harm(tmp_path: Path) -> None:
    bill = Bill(tmp_path)
    write_month(bill.export, [line()])
    for name in ("BILLING_PERIOD=2026-13", "BILLING_PERIOD=2026-10", "latest"):
        (bill.export / "metadata" / name).mkdir(parents=True)
    assert bill.refresh() == [NOVEMBER]


@pytest.mark.parametrize("changed", [{"metric": "unblended"}, {"owner_tags": ("Team",)}])
def test_other_settings_have_every_month_read_again(tmp_path: Path, changed: dict[str, Any]) -> None:
    bill = Bill(tmp_path)
    write_month(bill.export, [line("SavingsPlanNegation", -2.0)])
    bill.refresh()
    bill.owner_tags = changed.pop("owner_tags", bill.owner_tags)
    bill.opened(**changed)
    assert bill.refresh() == [NOVEMBER]


def test_days_that_the_store_has_lost_are_read_again(tmp_path: Path) -> None:
    bill = Bill(tmp_path)
    write_month(bill.export, [line()], OCTOBER)
    write_month(bill.export, [line()])
    bill.refresh()
    bill.source.reopen([date(2026, 10, 7)])
    assert bill.refresh() == [OCTOBER]


def test_many_creators_that_become_known_have_months_read_again(tmp_path: Path) -> None:
    bill = Bill(tmp_path)
    write_month(bill.export, [line(resource_id="i-1")])
    bill.refresh()
    bill.creators = [("i-1", "session:alice")]
    assert bill.refresh() == [NOVEMBER]
    assert [fact.creator for fact in bill.costs()] == ["session:alice"]
    bill.creators += [(f"i-{number}", "session:bob") for number in range(2, 21)]
    assert bill.refresh() == [NOVEMBER]
    bill.creators += [("i-21", "session:bob"), ("i-22", "session:bob")]
    assert bill.refresh() == [], "a tenth more is few"
    bill.creators.append(("i-23", "session:bob"))
    assert bill.refresh() == [NOVEMBER]


def seen_on(tmp_path: Path, written: datetime, lines: Sequence[Line], now: datetime) -> tuple[date, date] | None:
    bill = Bill(tmp_path)
    data = write_month(bill.export, lines)
    for path in (data, next(bill.export.rglob("*-Manifest.json"))):
        os.utime(path, times=(written.timestamp(),) * 2)
    bill.refresh(now)
    landed = bill.source.landed().days
    return (landed.first, landed.last) if landed else None


@pytest.mark.parametrize(
    ("written", "newest", "now", "last"),
    [
        # What is used on the day of the refresh is not all there yet.
        (NOW, "2026-11-22", NOW, 21),
        (NOW, "2026-11-20", NOW, 20),
        # Written on the 22nd at 06:00: the day that had ended 36 hours before is the 19th.
        (NOW, "2026-11-02", NOW, 19),
        (datetime(2026, 11, 22, 12, tzinfo=UTC), "2026-11-02", NOW + DAY, 20),
        # After its end, a month has landed and does not reach into the next.
        (datetime(2026, 12, 9, tzinfo=UTC), "2026-11-02", datetime(2026, 12, 10, tzinfo=UTC), 30),
    ],
)
def test_a_day_has_landed_with_its_usage_or_some_time_after_its_end(tmp_path: Path, written: datetime, newest: str, now: datetime, last: int) -> None:
    assert seen_on(tmp_path, written, [line(day=newest)], now) == (NOVEMBER, date(2026, 11, last))


def test_fees_land_no_day(tmp_path: Path) -> None:
    assert seen_on(tmp_path, NOW - 10 * DAY, [line("FlatRateSubscription", day="2026-11-15")], NOW) == (NOVEMBER, date(2026, 11, 9))


def test_landed_days_are_those_of_months_without_a_gap(tmp_path: Path) -> None:
    bill = Bill(tmp_path, history="100d")
    for month in (date(2026, 8, 1), OCTOBER, NOVEMBER):
        write_month(bill.export, [line(day=f"{month:%Y-%m}-21")], month)
    bill.refresh()
    landed = bill.source.landed().days
    assert landed is not None
    assert (landed.first, landed.last) == (OCTOBER, date(2026, 11, 21))


def test_nothing_lies_in_the_store_but_facts(tmp_path: Path) -> None:
    bill = Bill(tmp_path)
    write_month(bill.export, [line()])
    bill.refresh()
    assert [path for path in (bill.store.path / "objects").rglob("*") if path.is_file() or path.name == "scratch"] == []


# Athena


def test_athena_is_asked_for_the_partition_of_the_month_after_creators_went_up(tmp_path: Path) -> None:
    engine = Asked(ONE_FACT)
    bill = Bill(tmp_path, engine)
    bill.creators = [("i-1", "session:alice")]
    write_month(bill.export, [line()])
    bill.refresh()
    keys = "user_owner\x1fuser:Owner\x1fresourceTags/Owner\x1fresourceTags/user:Owner\x1fuser_created_by\x1fuser:CreatedBy\x1fresourceTags/CreatedBy"
    ((asked, parameters),) = engine.asked
    assert asked.name == "facts/cur"
    assert parameters == ["amortized", NOVEMBER, date(2026, 11, 30), f"{keys}\x1fresourceTags/user:CreatedBy", "2026-11"]
    assert bill.uploads == [[("i-1", "session:alice")]]
    assert cost_by_day(bill) == {date(2026, 11, 10): 1}


def test_athena_reads_the_table_of_the_config(tmp_path: Path) -> None:
    engine = Asked(ONE_FACT)
    bill = Bill(tmp_path, engine, table="finance.cur_view")
    write_month(bill.export, [line()])
    bill.refresh()
    assert 'FROM "finance"."cur_view" AS "cur"' in engine.asked[0][0].text


def test_versions_that_athena_would_add_up_are_refused(tmp_path: Path) -> None:
    bill = Bill(tmp_path, Asked(ONE_FACT))
    write_month(bill.export, [line()], place="20261120T010203Z-aaaa")
    write_month(bill.export, [line()], place="20261121T010203Z-bbbb")
    with pytest.raises(UserError, match=r"the export keeps its versions .* let the export overwrite its files"):
        bill.refresh()


def test_an_answer_without_rows_erases_nothing(tmp_path: Path) -> None:
    engine = Asked(ONE_FACT)
    bill = Bill(tmp_path, engine)
    write_month(bill.export, [line()])
    bill.refresh()
    engine.answer = f"{ONE_FACT} WHERE false"
    write_month(bill.export, [line()])
    bill.refresh()
    assert cost_by_day(bill) == {date(2026, 11, 10): 1}


class Bucket:
    """As much of boto3's clients as creators need."""

    def __init__(self, place: str | None = None) -> None:
        self.place = place
        self.put: list[dict[str, Any]] = []
        self.requests: list[str] = []

    def client(self, service: str) -> Bucket:
        return self

    def put_object(self, **request: Any) -> None:
        self.put.append(request)

    def get_work_group(self, WorkGroup: str) -> dict[str, Any]:
        result = {"OutputLocation": self.place} if self.place else {}
        return {"WorkGroup": {"Name": WorkGroup, "Configuration": {"ResultConfiguration": result}}}


CREATED = [("arn:aws:rds:us-east-1:111122223333:db:o'rders", "session:alice"), ("i-1", "iam_user:bob@111122223333")]


@pytest.mark.parametrize(
    ("configured", "of_workgroup", "bucket", "key"),
    [
        ("s3://results/athena/", None, "results", "athena/resource_creators/creators.parquet"),
        (None, "s3://results", "results", "resource_creators/creators.parquet"),
    ],
)
def test_creators_go_up_as_one_file_beside_the_results(tmp_path: Path, configured: str | None, of_workgroup: str | None, bucket: str, key: str) -> None:
    there = Bucket(of_workgroup)
    table = CreatorsTable(configured, "primary", there.client, there.requests.append)
    table.upload(CREATED)
    table.upload(list(CREATED))
    table.upload([])
    assert [(put["Bucket"], put["Key"]) for put in there.put] == [(bucket, key)] * 2
    assert there.requests == ["s3:PutObject"] * 2
    for put, rows in zip(there.put, (CREATED, []), strict=True):
        file = tmp_path / "creators.parquet"
        file.write_bytes(put["Body"])
        assert duckdb.execute("SELECT resource, creator FROM read_parquet($1) ORDER BY resource", [str(file)]).fetchall() == rows


def test_a_workgroup_without_a_place_for_results_is_one_sentence() -> None:
    there = Bucket()
    with pytest.raises(UserError, match=r"the Athena workgroup primary has no place for results; set athena.output_location"):
        CreatorsTable(None, "primary", there.client, there.requests.append).upload(CREATED)


def test_manifests_name_files_whatever_bucket_they_came_from(tmp_path: Path) -> None:
    bill = Bill(tmp_path)
    write_month(bill.export, [line()])
    manifest = next(bill.export.rglob("*-Manifest.json"))
    named = json.loads(manifest.read_text())["dataFiles"]
    assert named == [f"s3://bills-of-acme/exports/{EXPORT}/data/BILLING_PERIOD=2026-11/{EXPORT}-00001.snappy.parquet"]
    assert bill.refresh() == [NOVEMBER]


def test_a_file_that_a_manifest_names_twice_is_read_once(tmp_path: Path) -> None:
    bill = Bill(tmp_path)
    data = write_month(bill.export, [line(cost=1.5)])
    write_manifest(bill.export, NOVEMBER, [data, data])
    bill.refresh()
    assert sum(cost_by_day(bill).values()) == Decimal("1.5")
