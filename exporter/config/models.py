"""The keys of config.yaml: their types, defaults and meaning. The reference and the errors are made from these models."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from exporter.config.errors import KeyPath, Origin, Places
from exporter.config.scalars import (
    Amount,
    Bytes,
    Currency,
    Database,
    Day,
    Duration,
    FilePath,
    ListenAddress,
    Location,
    Region,
    RoleArn,
    S3Location,
    Switch,
    Table,
    TeamRule,
    Text,
    Url,
    WholeNumber,
    Workgroup,
    format_duration,
    tier_name,
)
from exporter.config.schedules import ScheduleText

Engine = Literal["duckdb", "athena"]
Window = Literal["today", "yesterday", "3d_ago", "last_7d", "last_30d", "month_to_date", "last_month"]

SENTENCE = "sentence"
RELATION = "relation"
"""Types of our own pydantic errors: a finished sentence; a bound set by the key `other`, whose value the wording may have to hide."""


def _key(default: object, meaning: str, **limits: Any) -> Any:
    """A key that may be left out. Its default is written, and parsed, as an operator would write it."""
    return Field(default=default, validate_default=True, description=meaning, **limits)


def _sentences(faults: Iterable[tuple[KeyPath, str]]) -> None:
    """Raise every mistake in (key path below this value, sentence)."""
    details = [InitErrorDetails(type=PydanticCustomError(SENTENCE, "{text}", {"text": text}), loc=path, input=None) for path, text in faults]
    if details:
        raise ValidationError.from_exception_data("config", details)


def _bounded(expected: str, other: str, bound: timedelta) -> PydanticCustomError:
    return PydanticCustomError(RELATION, "{expected}", {"expected": expected, "other": other, "bound": format_duration(bound)})


class Model(BaseModel):
    """A section: frozen, and without room for unknown keys. A section without a value is one that leaves out all its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _empty_section(cls, section: Any) -> Any:
        # `people:` with every key below it commented out.
        return {} if section is None else section


_SHORTEST_RETENTION = timedelta(days=62)


def _beyond_windows(retention: timedelta) -> timedelta:
    if retention < _SHORTEST_RETENTION:
        _sentences([((), f"expected at least {format_duration(_SHORTEST_RETENTION)}: windows reach back that far")])
    return retention


Retention = Annotated[Duration, AfterValidator(_beyond_windows)]


class Store(Model):
    """Where facts are kept."""

    path: FilePath = _key("state", "Folder of the facts, made when it is not there. Keep it on a volume: with it, a restart serves its first scrape at once.")
    retention: Retention | None = _key(
        None, "Facts older than this are deleted; `null` keeps everything. Set it where people's data may be kept for a limited time."
    )


class Aws(Model):
    """How AWS is reached."""

    region: Region = _key("us-east-1", "Region of the buckets and of Athena.")
    profile: Text | None = _key(
        None, "Profile of the AWS configuration files. `null` uses the usual chain: environment variables, then the role of the machine."
    )
    role_arn: RoleArn | None = _key(None, "Role to assume, for data in another account.")
    external_id: Text | None = _key(None, "External id that the role asks for.")
    endpoint_url: Url | None = _key(None, "Another address for AWS: tests, private endpoints.")


class AwsOverride(Aws):
    """The keys of `aws` that one section sets for itself. Those it leaves out come from `aws`; `null` takes one back."""

    def __eq__(self, other: object) -> bool:
        # What is set to the default and what is left out differ: only the latter follows `aws`.
        return isinstance(other, AwsOverride) and self.model_fields_set == other.model_fields_set and super().__eq__(other)

    def __hash__(self) -> int:
        return super().__hash__()


_OVERRIDE = "Keys of `aws` for this section only; those left out come from `aws`, `null` takes one back."


class Athena(Model):
    """How queries run with the athena engine."""

    workgroup: Workgroup = _key("primary", "Workgroup of the queries. Take one of your own to see and limit what the exporter costs.")
    database: Database = _key("aws_user_exporter", "Database of the tables and views.")
    output_location: S3Location | None = _key(None, "Where results are written; `null` uses the workgroup's own location.")
    result_reuse_minutes: WholeNumber = _key(
        0, "Age up to which Athena may answer with an earlier result, 0 to 10080. Above 0, a refresh may get the answer of the one before.", ge=0, le=10080
    )
    max_bytes_scanned: Bytes = _key("100GiB", "A query that scans more is cancelled. Raise it when the log says that a query was.")
    timeout: Duration = _key("15m", "A query that takes longer is cancelled.")
    concurrency: WholeNumber = _key(2, "Queries at the same time, 1 or more. The quota of the account is shared with everybody else in the region.", ge=1)
    aws: AwsOverride | None = _key(None, _OVERRIDE)


_LONGEST_MAX_AGE = timedelta(days=31)


class KiroSource(Model):
    """One kind of Kiro report."""

    location: Location = Field(description="Where the reports are: the folder or prefix above `AWSLogs/`.")
    table: Table | None = _key(None, "With athena: an existing table to read instead of the one that setup makes.")
    schedule: ScheduleText = _key("1h", "How often the location is listed; only new and changed files are read.")
    history: Duration = _key("62d", "How far back the first refresh reads when the store is empty. 62 days fill every window.")
    lookback: Duration = _key("7d", "Days that stay open for files that come late or change; at most `history`.")
    lands_by: Duration = _key("12h", "Time after the end of a day (UTC) by which its reports are there; then a day without a file is a day without use.")
    max_age: Duration = _key("14d", "Metrics of this source are withdrawn when its newest day is older than this; more than `lands_by`.")
    aws: AwsOverride | None = _key(None, _OVERRIDE)
    engine: Engine | None = _key(None, "Engine for this source only; `null` uses `engine`.")

    @field_validator("lookback")
    @classmethod
    def _within_history(cls, lookback: timedelta, info: ValidationInfo) -> timedelta:
        history = info.data.get("history")
        if history is not None and lookback > history:
            raise _bounded("a duration of at most", "history", history)
        return lookback

    @field_validator("max_age")
    @classmethod
    def _after_landing(cls, max_age: timedelta, info: ValidationInfo) -> timedelta:
        lands_by = info.data.get("lands_by")
        if lands_by is not None and max_age <= lands_by:
            raise _bounded("a duration of more than", "lands_by", lands_by)
        if max_age > _LONGEST_MAX_AGE:
            raise PydanticCustomError(
                SENTENCE, "{text}", {"text": f"expected at most {format_duration(_LONGEST_MAX_AGE)}: last_30d of an older day is not kept"}
            )
        return max_age


class Sources(Model):
    """What is read. A source that is not named is off."""

    kiro_credits: KiroSource | None = _key(None, "Credits, overage, messages and models a person and day, from the `user_report` files of Kiro.")
    kiro_features: KiroSource | None = _key(
        None, "Counters of features a person and day, from the `by_user_analytic` files of Kiro (command line and plug-ins only)."
    )

    @model_validator(mode="after")
    def _some(self) -> Sources:
        if not self.enabled():
            _sentences([((), f"expected at least one source: {' or '.join(type(self).model_fields)}")])
        return self

    def enabled(self) -> dict[str, KiroSource]:
        """The sources that are on, by name, always in the same order."""
        named = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: source for name, source in named.items() if source is not None}


class People(Model):
    """Who the identities are."""

    file: FilePath | None = _key(
        None,
        "People as CSV with a header, or as a YAML list: `user`, `display_name`, `email`, `team`, `department`, `aliases` (separated by `;`), `kiro_tier` "
        "(a licensed seat), `kiro_since` (held since, YYYY-MM-DD). Only `user` is required.",
    )
    team: tuple[TeamRule, ...] = _key(("file", "attribute:department"), "Where a person's team comes from: the first rule that answers, else `unknown`.")


class Tier(Model):
    """What one seat of a tier holds and costs."""

    credits: Amount = Field(description="Credits that a seat includes each month. A limit written in the reports goes before it.")
    price: Amount = Field(description="List price of a seat, a month.")


_LIST_PRICES = {
    "pro": {"credits": 1000, "price": 20},
    "pro_plus": {"credits": 2000, "price": 40},
    "pro_max": {"credits": 5000, "price": 100},
    "power": {"credits": 10000, "price": 200},
}


def _over_list_prices(given: dict[str, Tier]) -> dict[str, Tier]:
    """The known tiers, with those that are given in their place. `ProPlus` and `pro-plus` are `pro_plus`: reports spell it in as many ways."""
    tiers = {name: Tier.model_validate(tier) for name, tier in _LIST_PRICES.items()}
    first: dict[str, str] = {}
    faults: list[tuple[KeyPath, str]] = []
    for spelling, tier in given.items():
        name = tier_name(spelling)
        if not re.fullmatch(r"[a-z0-9_]+", name):
            faults.append(((spelling,), "expected the name of a tier: letters, digits and underscores"))
        elif name in first:
            faults.append(((spelling,), f"names the same tier as {first[name]}"))
        else:
            first[name] = spelling
            tiers[name] = tier
    _sentences(faults)
    return tiers


class Kiro(Model):
    """What Kiro costs and how its reports are read."""

    tiers: Annotated[dict[str, Tier], AfterValidator(_over_list_prices)] = _key(
        _LIST_PRICES,
        "Tiers by name. One named here takes the place of the default of that name; the other defaults stay. Set them for negotiated prices and new tiers.",
    )
    overage_price: Amount = _key("0.04", "Price of a credit beyond those of the seat.")
    currency: Currency = _key("USD", "Currency of the prices above.")
    overage_relation: Literal["auto", "inside", "on_top"] = _key(
        "auto", "Whether overage credits are part of the used credits of a report (`inside`) or come on top; `auto` decides from the data and logs what it saw."
    )
    overage_period: Literal["auto", "daily", "month_to_date"] = _key(
        "auto", "Whether the overage credits of a report are the day's or the month's so far; `auto` decides from the data and logs what it saw."
    )
    idle_after: Duration = _key("14d", "A seat is idle when it was held and not used for this long.")
    ignore_before: Day = _key("2026-02-13", "Reports of earlier days are left out: they are known to be wrong.")


class Limits(Model):
    """How many series are published at most."""

    max_series: WholeNumber = _key(
        1000000, "Series on /metrics, 1 or more. Beyond it, the smallest are summed into `_other`. A million take about 4 GB in Prometheus.", ge=1
    )
    breakdown_users: WholeNumber = _key(
        2000, "People who get breakdowns, those with most use first; the others are summed into `_other` for each team. 0 or more.", ge=0
    )
    breakdown_values: WholeNumber = _key(
        20, "Values of one breakdown (models, clients) a person, the largest first; the rest is summed into `_other`. 0 or more.", ge=0
    )


def _each_once(windows: tuple[Window, ...]) -> tuple[Window, ...]:
    _sentences([((index,), "names the same window again") for index, window in enumerate(windows) if window in windows[:index]])
    return windows


Windows = Annotated[tuple[Window, ...], AfterValidator(_each_once)]


class Web(Model):
    """How the service is reached."""

    listen_address: ListenAddress = _key("127.0.0.1:10821", "Address of /metrics and everything else. `:10821` lets other machines in.")
    enable_lifecycle: Switch = _key(False, "Whether POST /-/reload and /-/refresh answer. Anybody who reaches the address can then call them.")


class Config(Model):
    """config.yaml, complete and valid. Two are equal when every value is, wherever it stands in the file."""

    engine: Engine = Field(description="What runs the queries: `duckdb` is embedded and reads a folder or a bucket itself; `athena` takes any volume.")
    store: Store = _key({}, "Where facts are kept between restarts.")
    aws: Aws = _key({}, "How AWS is reached, for every source and for Athena. Each of them can set its own `aws` over this one.")
    athena: Athena = _key({}, "How queries run with the athena engine.")
    sources: Sources = _key({}, "What is read. A source that is not named is off; at least one is needed.")
    people: People = _key({}, "Who the identities in the reports are, and their teams.")
    kiro: Kiro = _key({}, "What Kiro costs, and how its reports are read.")
    limits: Limits = _key({}, "How many series are published.")
    windows: dict[str, Windows] = _key({}, "Windows added to a family (named without its window) or to a group of families; `[]` switches it off.")
    web: Web = _key({}, "How the service is reached.")

    _places: Places = PrivateAttr(default_factory=Places)

    def model_post_init(self, context: Any, /) -> None:
        """Keep where the keys stand, when the loader says so."""
        if isinstance(context, Origin):
            self._places = context.places

    @property
    def places(self) -> Places:
        """Where the keys stand in the file, for errors that only show later. No part of equality."""
        return self._places

    @field_validator("sources")
    @classmethod
    def _readable(cls, sources: Sources, info: ValidationInfo) -> Sources:
        faults: list[tuple[KeyPath, str]] = []
        for name, source in sources.enabled().items():
            engine = source.engine or info.data.get("engine")
            if engine == "athena" and source.table is None and not source.location.startswith("s3://"):
                faults.append(((name, "location"), "expected s3://bucket/prefix/, because Athena cannot read a folder"))
            if engine == "duckdb" and source.table is not None:
                faults.append(((name, "table"), "expected no table, because the duckdb engine reads files"))
        _sentences(faults)
        return sources

    def aws_for(self, section: str) -> Aws:
        """How AWS is reached for `athena` or a source that is on: its own keys over those of `aws`. KeyError for any other name."""
        sections: dict[str, KiroSource | Athena] = {**self.sources.enabled(), "athena": self.athena}
        override = sections[section].aws
        own = {name: getattr(override, name) for name in override.model_fields_set} if override else {}
        return self.aws.model_copy(update=own)

    def engine_for(self, source: str) -> Engine:
        """The engine of a source that is on. KeyError for any other name."""
        return self.sources.enabled()[source].engine or self.engine
