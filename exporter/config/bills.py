"""The sections of the config that say what people cost: the two bills, who a bill fact is given to, and budgets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field, field_validator

from exporter.config.addresses import Location
from exporter.config.base import OVERRIDE, AwsOverride, Engine, MaxAge, Model, key, sentences
from exporter.config.scalars import AccountId, Amount, Days, Duration, Switch, Table, Text, WholeNumber
from exporter.config.schedules import ScheduleText

Bill = Literal["cur", "cost_explorer"]
Method = Literal["user_identifier", "iam_principal", "identity_store_user", "owner_tag", "created_by_tag", "resource_creator", "account_owner"]
_T = TypeVar("_T")


class CurSource(Model):
    """The bill, line by line: an export of CUR 2.0 (Data Exports)."""

    location: Location = Field(description="Where the export is: the folder or prefix above `data/` and `metadata/`.")
    table: Table | None = key(None, "With athena: an existing table or view to read instead of the one that setup makes.")
    schedule: ScheduleText = key("8h", "How often the manifests are looked at; a month is read when its manifest has changed.")
    history: Days = key("62d", "How far back the first refresh reads when the store is empty, in whole months. 62 days fill every window.")
    metric: Literal["amortized", "unblended", "net_amortized", "net_unblended"] = key(
        "amortized", "Which cost counts. Unblended takes usage that a commitment covers from the people who used it; net is after discounts."
    )
    lands_by: Duration = key("36h", "Time after the end of a day (UTC) by which the bill has its lines.")
    max_age: MaxAge = key("7d", "Cost is withdrawn when its newest day is older than this; more than `lands_by`.")
    aws: AwsOverride | None = key(None, OVERRIDE)
    engine: Engine | None = key(None, "Engine for this source only; `null` uses `engine`.")


class CostExplorerSource(Model):
    """The bill by tag, account and service: the Cost Explorer API, at 0.01 USD a request."""

    schedule: ScheduleText = key("8h", "How often the newest days are asked for.")
    history: Days = key("62d", "How far back the first load reads when the store is empty. It goes on the next day where `max_requests_per_day` ends it.")
    metric: Literal["AmortizedCost", "UnblendedCost", "NetAmortizedCost", "NetUnblendedCost"] = key("AmortizedCost", "Which cost counts, as the API names it.")
    max_requests_per_day: WholeNumber = key(100, "Requests a UTC day at most; each page is one, at 0.01 USD.", ge=1)
    lands_by: Duration = key("36h", "Time after the end of a day (UTC) by which Cost Explorer knows it.")
    max_age: MaxAge = key("7d", "Cost is withdrawn when its newest day is older than this; more than `lands_by`.")
    aws: AwsOverride | None = key(None, OVERRIDE)


BillSource = CurSource | CostExplorerSource


def _each_once(values: Sequence[_T]) -> Sequence[_T]:
    sentences([((index,), "is named twice") for index, value in enumerate(values) if value in values[:index]])
    return values


class Attribution(Model):
    """To whom each part of the bill is given."""

    order: Annotated[tuple[Method, ...], AfterValidator(_each_once)] = key(
        ("user_identifier", "iam_principal", "identity_store_user", "owner_tag", "created_by_tag", "resource_creator", "account_owner"),
        "Mechanisms in the order in which they are asked; the first that names a person gets the cost. One left out is not asked.",
    )
    owner_tags: Annotated[tuple[Text, ...], AfterValidator(_each_once)] = key(
        ("Owner", "CreatedBy"), "Cost allocation tags that name a person, by their keys; the first whose value does counts."
    )
    account_owners: dict[AccountId, Text] = key({}, "Accounts that belong to one person, by account id: a user name, mail or alias.")
    shared_charges: Switch = key(
        False, "Whether tax, commitment fees and lines without a resource may be given to people too, by `account_owners` and the like."
    )
    activity_share: Switch = key(False, "Whether the rest is spread over people, by their share of the events in the account on that day. An estimate.")


class Budgets(Model):
    """What may be spent in a month, in the currency of the bill."""

    organization: Amount | None = key(None, "Budget of the whole bill, a month.")
    teams: dict[Text, Amount] = key({}, "Budgets by team, a month.")
    person: Amount | None = key(None, "Budget of each person, a month.")

    @field_validator("teams", mode="before")
    @classmethod
    def _none(cls, teams: object) -> object:
        return {} if teams is None else teams
