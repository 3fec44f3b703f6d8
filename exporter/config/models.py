"""The keys of config.yaml: their types, defaults and meaning. The reference and the errors are made from these models."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from exporter.config.addresses import FilePath, ListenAddress, S3Location
from exporter.config.base import OVERRIDE, Aws, AwsOverride, Engine, Model, WholeFile, key, sentences
from exporter.config.bills import Attribution, Bill, Budgets
from exporter.config.errors import KeyPath
from exporter.config.kiro import Kiro
from exporter.config.people import People, Privacy
from exporter.config.scalars import (
    Bytes,
    Database,
    Duration,
    Switch,
    WholeNumber,
    Workgroup,
    format_duration,
)
from exporter.config.sources import FactSource, IdentityCenterSource, Sources
from exporter.config.usage import Usage

Window = Literal["today", "yesterday", "3d_ago", "last_7d", "last_30d", "month_to_date", "last_month"]


_SHORTEST_RETENTION = timedelta(days=62)


def _beyond_windows(retention: timedelta) -> timedelta:
    if retention < _SHORTEST_RETENTION:
        sentences([((), f"expected at least {format_duration(_SHORTEST_RETENTION)}: windows reach back that far")])
    return retention


Retention = Annotated[Duration, AfterValidator(_beyond_windows)]


class Store(Model):
    """Where facts are kept."""

    path: FilePath = key("state", "Folder of the facts, made when it is not there. Keep it on a volume: with it, a restart serves its first scrape at once.")
    retention: Retention | None = key(
        None, "Facts older than this are deleted; `null` keeps everything. Set it where people's data may be kept for a limited time."
    )


class Athena(Model):
    """How queries run with the athena engine."""

    workgroup: Workgroup = key(
        "primary", "Workgroup of the queries, in each account and region where sources run some. Take one of your own to see and limit what the exporter costs."
    )
    database: Database = key("aws_user_exporter", "Database of the tables and views, in each account and region where sources run queries.")
    output_location: S3Location | None = key(
        None, "Where results are written; `null` uses the workgroup's own location, or the storage of Athena where the workgroup has managed results."
    )
    result_reuse_minutes: WholeNumber = key(
        0, "Age up to which Athena may answer with an earlier result, 0 to 10080. Above 0, a refresh may get the answer of the one before.", ge=0, le=10080
    )
    max_bytes_scanned: Bytes = key("100GiB", "A query that scans more is cancelled. Raise it when the log says that a query was.")
    timeout: Duration = key("15m", "A query that takes longer is cancelled.")
    concurrency: WholeNumber = key(
        2,
        "Queries at the same time, 1 or more, of all sources in turn. The quota of the account is shared with everybody else in the region.",
        ge=1,
    )
    aws: AwsOverride | None = key(
        None,
        f"{OVERRIDE} Queries of a source run where its own `aws` says: that one goes over this. "
        "So logs, bills and reports in different accounts and regions are each queried where they are.",
    )


class Limits(Model):
    """How many series are published at most."""

    max_series: WholeNumber = key(
        1000000, "Series on /metrics, 1 or more. Beyond it, the smallest are summed into `_other`. A million take about 4 GB in Prometheus.", ge=1
    )
    breakdown_users: WholeNumber = key(
        2000, "People who get breakdowns, those with most use first; the others are summed into `_other` for each team. 0 or more.", ge=0
    )
    breakdown_values: WholeNumber = key(
        20, "Values of one breakdown (models, clients) a person, the largest first; the rest is summed into `_other`. 0 or more.", ge=0
    )


def _each_once(windows: tuple[Window, ...]) -> tuple[Window, ...]:
    sentences([((index,), "names the same window again") for index, window in enumerate(windows) if window in windows[:index]])
    return windows


Windows = Annotated[tuple[Window, ...], AfterValidator(_each_once)]


class Web(Model):
    """How the service is reached."""

    listen_address: ListenAddress = key("127.0.0.1:10821", "Address of /metrics and everything else. `:10821` lets other machines in.")
    config_file: FilePath | None = key(
        None, "TLS, client certificates, users and headers, in the format of Prometheus' exporter-toolkit; `docs/web-config.md` explains it. `null`: none."
    )
    enable_lifecycle: Switch = key(False, "Whether POST /-/reload and /-/refresh answer. Anybody who reaches the address can then call them.")


class Config(WholeFile):
    """config.yaml, complete and valid."""

    engine: Engine = Field(description="What runs the queries: `duckdb` is embedded and reads a folder or a bucket itself; `athena` takes any volume.")
    store: Store = key({}, "Where facts are kept between restarts.")
    aws: Aws = key({}, "How AWS is reached, for every source and for Athena. Each of them can set its own `aws` over this one.")
    athena: Athena = key({}, "How queries run with the athena engine.")
    sources: Sources = key({}, "What is read. A source that is not named is off; at least one is needed.")
    bill: Bill | None = key(None, "The source that pays for people: `cur` or `cost_explorer`. `null` takes the one that is on; with both on it must be said.")
    people: People = key({}, "Who the identities in the reports are, and their teams.")
    privacy: Privacy = key({}, "What is published of people.")
    usage: Usage = key({}, "How AWS activity is weighed.")
    kiro: Kiro = key({}, "What Kiro costs, and how its reports are read.")
    attribution: Attribution = key({}, "To whom each part of the bill is given.")
    budgets: Budgets = key({}, "What may be spent in a month.")
    limits: Limits = key({}, "How many series are published.")
    windows: dict[str, Windows] = key({}, "Windows added to a family (named without its window) or to a group of families; `[]` switches it off.")
    web: Web = key({}, "How the service is reached.")

    @field_validator("privacy")
    @classmethod
    def _names_stay_here(cls, privacy: Privacy, info: ValidationInfo) -> Privacy:
        people: People | None = info.data.get("people")
        if people is not None and people.sync.location is not None and privacy.user_label == "hash":
            sentences(
                [(("user_label",), "expected another label, or no people.sync.location: hash keeps names and mails inside, and that file is made of them")]
            )
        return privacy

    @field_validator("bill")
    @classmethod
    def _one_pays(cls, bill: Bill | None, info: ValidationInfo) -> Bill | None:
        sources: Sources | None = info.data.get("sources")
        if sources is not None:
            on = [name for name in get_args(Bill) if name in sources.facts()]
            if bill is not None and bill not in on:
                sentences([((), f"expected a bill that is read; add `sources.{bill}`, or leave this out")])
            if bill is None and len(on) > 1:
                sentences([((), f"expected {' or '.join(on)}: both bills are read, and only one can pay for people")])
        return bill

    @field_validator("sources")
    @classmethod
    def _readable(cls, sources: Sources, info: ValidationInfo) -> Sources:
        faults: list[tuple[KeyPath, str]] = []
        for name, source in sources.queried().items():
            engine = source.engine or info.data.get("engine")
            if engine == "athena" and source.table is None and not source.location.startswith("s3://"):
                faults.append(((name, "location"), "expected s3://bucket/prefix/, because Athena cannot read a folder"))
            if engine == "duckdb" and source.table is not None:
                faults.append(((name, "table"), "expected no table, because the duckdb engine reads files"))
        sentences(faults)
        return sources

    def aws_for(self, section: str) -> Aws:
        """How AWS is reached for `athena` or a source that is on: its own keys over those of `aws`. KeyError for any other name."""
        sections: dict[str, FactSource | IdentityCenterSource | Athena] = {**self.sources.enabled(), "athena": self.athena}
        override = sections[section].aws
        own = {name: getattr(override, name) for name in override.model_fields_set} if override else {}
        return self.aws.model_copy(update=own)

    def query_aws_for(self, source: str) -> Aws:
        """Where Athena runs the queries of a source that is on: its own keys over those of `athena.aws` over those of `aws`. KeyError for any other name."""
        override = self.sources.enabled()[source].aws
        own = {name: getattr(override, name) for name in override.model_fields_set} if override else {}
        return self.aws_for("athena").model_copy(update=own)

    def engine_for(self, source: str) -> Engine:
        """The engine of a source that is on and queried. KeyError for any other name."""
        return self.sources.queried()[source].engine or self.engine

    @property
    def paying(self) -> Bill | None:
        """The bill that pays for people; None where no bill is read."""
        bills = [name for name in get_args(Bill) if name in self.sources.facts()]
        return self.bill or (bills[0] if bills else None)
