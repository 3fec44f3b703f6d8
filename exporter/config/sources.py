"""The sections of the config that say what is read."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from exporter.config.addresses import Location
from exporter.config.base import OVERRIDE, AwsOverride, Engine, MaxAge, Model, bounded, key, sentences
from exporter.config.bills import CostExplorerSource, CurSource
from exporter.config.scalars import AccountId, Days, Duration, IdentityStoreId, Switch, Table, Text
from exporter.config.schedules import ScheduleText


class KiroSource(Model):
    """One kind of Kiro report."""

    location: Location = Field(description="Where the reports are: the folder or prefix above `AWSLogs/`.")
    table: Table | None = key(
        None,
        "With athena: an existing table or view to read instead of the view that setup makes; it has the columns of that one. `location` is listed all "
        "the same, to see what has changed.",
    )
    schedule: ScheduleText = key("1h", "How often the location is listed; only new and changed files are read.")
    history: Days = key("62d", "How far back the first refresh reads when the store is empty. 62 days fill every window.")
    lookback: Days = key("7d", "Days that stay open for files that come late or change; at most `history`.")
    lands_by: Duration = key("12h", "Time after the end of a day (UTC) by which its reports are there; then a day without a file is a day without use.")
    max_age: MaxAge = key("14d", "Metrics of this source are withdrawn when its newest day is older than this; more than `lands_by`.")
    aws: AwsOverride | None = key(None, OVERRIDE)
    engine: Engine | None = key(None, "Engine for this source only; `null` uses `engine`.")

    @field_validator("lookback")
    @classmethod
    def _within_history(cls, lookback: timedelta, info: ValidationInfo) -> timedelta:
        history = info.data.get("history")
        if history is not None and lookback > history:
            raise bounded("a duration of at most", "history", history)
        return lookback


def _all(value: Any) -> Any:
    return None if value == "all" else value


class CloudTrailSource(Model):
    """The logs of CloudTrail, of an organisation or of an account."""

    location: Location = Field(description="Where the logs are: the folder or prefix above `AWSLogs/`.")
    table: Table | None = key(
        None,
        "With athena: an existing table or view to read instead of the table that setup makes; it has the columns of that one, `account`, `region` and "
        "`delivered` (`yyyy/mm/dd`) included. The accounts and regions that have logs are found below `location`, where that is a bucket.",
    )
    schedule: ScheduleText = key("1h", "How often the running day is read.")
    history: Days = key("62d", "How far back the first refresh reads when the store is empty, a day at a time. 62 days fill every window.")
    include_data_events: Switch = key(False, "Whether data events (single objects, invocations) count too. They can be many times the management events.")
    accounts: Annotated[tuple[AccountId, ...] | None, BeforeValidator(_all)] = key("all", "Accounts whose logs are read, or `all`.")
    max_age: MaxAge = key("3d", "Metrics of this source are withdrawn when its newest landed day is older than this.")
    aws: AwsOverride | None = key(None, OVERRIDE)
    engine: Engine | None = key(None, "Engine for this source only; `null` uses `engine`.")


class IdentityCenterSource(Model):
    """The directory: IAM Identity Center."""

    identity_store_id: IdentityStoreId | None = key(None, "The identity store. `null` uses the only one that can be seen.")
    schedule: ScheduleText = key("6h", "How often users and groups are read.")
    group_patterns: tuple[Text, ...] = key(("team-*",), "Groups whose members are read, by name; `*` and `?` stand for any text and any character.")
    aws: AwsOverride | None = key(None, OVERRIDE)


QueriedSource = KiroSource | CloudTrailSource | CurSource
"""Sources that an engine runs a statement for."""

FactSource = QueriedSource | CostExplorerSource


class Sources(Model):
    """What is read. A source that is not named is off."""

    kiro_credits: KiroSource | None = key(None, "Credits, overage, messages and models a person and day, from the `user_report` files of Kiro.")
    kiro_features: KiroSource | None = key(
        None, "Counters of features a person and day, from the `by_user_analytic` files of Kiro (command line and plug-ins only)."
    )
    cloudtrail: CloudTrailSource | None = key(None, "Who did what in AWS, from the logs of CloudTrail.")
    cost_explorer: CostExplorerSource | None = key(None, "The bill by tag, account and service, from Cost Explorer. It knows people by tags and accounts only.")
    cur: CurSource | None = key(None, "The bill line by line, from an export of CUR 2.0: the one that knows people.")
    identity_center: IdentityCenterSource | None = key(None, "Names, mails, attributes and groups of people, from IAM Identity Center.")

    @model_validator(mode="after")
    def _some(self) -> Sources:
        if not self.facts():
            names = [name for name in type(self).model_fields if name != "identity_center"]
            sentences([((), f"expected at least one source: {' or '.join(names)}")])
        return self

    def enabled(self) -> dict[str, FactSource | IdentityCenterSource]:
        """The sources that are on, by name, always in the same order."""
        named = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: source for name, source in named.items() if source is not None}

    def facts(self) -> dict[str, FactSource]:
        """Those of them that bring facts: all but the directory."""
        return {name: source for name, source in self.enabled().items() if not isinstance(source, IdentityCenterSource)}

    def queried(self) -> dict[str, QueriedSource]:
        """Those of them whose facts come from a statement that an engine runs."""
        return {name: source for name, source in self.facts().items() if not isinstance(source, CostExplorerSource)}
