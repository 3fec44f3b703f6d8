"""Adds up a bill again in plain Python: what the exporter's facts are checked against. Imports nothing of the exporter."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from pathlib import Path
from typing import Any

import duckdb

EXACT = Context(prec=60)
UNIT = Decimal(1).scaleb(-12)
UUID_AT_END = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
CHARGES = {
    "Usage": "usage",
    "DiscountedUsage": "usage",
    "SavingsPlanCoveredUsage": "usage",
    "RIFee": "commitment",
    "SavingsPlanRecurringFee": "commitment",
    "SavingsPlanUpfrontFee": "commitment",
    "SavingsPlanNegation": "commitment",
    "FlatRateSubscription": "subscription",
    "Tax": "tax",
    "Credit": "credit",
    "Refund": "refund",
}
SERVICES = {"AmazonCloudWatch": "monitoring", "AWSELB": "elasticloadbalancing", "AWSSupportBusiness": "support", "AWSQueueService": "sqs"}

Key = tuple[Any, ...]
"""day, account, region, service, charge, currency, shared, user_identifier, iam_principal, identity_store_user, owner_tags, created_by_tag, creator,
component, tier"""


class Recount:
    """The bill of an export by the metric that is asked for; `owner_keys` are the keys of tags as the export spells them, `creators` by resource."""

    def __init__(self, metric: str, owner_keys: Sequence[str], creators: dict[str, str] | None = None) -> None:
        self.amortized, self.net = metric.endswith("amortized"), metric.startswith("net")
        self.owner_keys, self.creators = owner_keys, creators or {}
        self.sums: dict[Key, list[Any]] = defaultdict(lambda: [Decimal(0), None, 0])
        self.resources: dict[Key, date] = {}

    def export(self, folder: Path, through: date) -> Recount:
        """Adds every month of an export, and of each the days through one."""
        for manifest in sorted(folder.glob("metadata/*/*-Manifest.json")):
            first = date.fromisoformat(f"{manifest.parent.name[-7:]}-01")
            keys = [file[file.index("data/BILLING_PERIOD=") :] for file in json.loads(manifest.read_text())["dataFiles"]]
            for key in keys:
                rows = duckdb.connect().execute("SELECT * FROM read_parquet($1, hive_partitioning := false)", [str(folder / key)])
                names = [column[0] for column in rows.description or ()]
                while some := rows.fetchmany(10_000):
                    self.add((dict(zip(names, row, strict=True)) for row in some), first, through)
        return self

    def add(self, lines: Iterable[dict[str, Any]], first: date, through: date) -> None:
        last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        for line in lines:
            cost = self.cost(line)
            day = min(max(start.date() if (start := line["line_item_usage_start_date"]) else first, first), last)
            if cost is None or day > through:
                continue
            key = self.key(line, day)
            found = self.sums[key]
            found[0] = EXACT.add(found[0], cost)
            if key[13] is not None:
                amount = line.get("line_item_usage_amount") if key[4] in ("usage", "subscription") else 0
                found[1] = EXACT.add(found[1] or Decimal(0), decimal(amount or 0) or Decimal(0))
            found[2] += 1
            if key[4] == "usage" and key[9] is None and (resource := text(line.get("line_item_resource_id"))):
                owned = (first, key[1], *key[6:13], resource)
                self.resources[owned] = min(day, self.resources.get(owned, day))

    def cost(self, line: dict[str, Any]) -> Decimal | None:
        def of(name: str) -> float | None:
            found: float | None = line.get(name)
            return found

        def either(net: str, gross: str) -> float | None:
            return of(net) if self.net and of(net) is not None else of(gross)

        unblended = either("line_item_net_unblended_cost", "line_item_unblended_cost")
        if not self.amortized:
            return decimal(unblended)
        match line["line_item_line_item_type"]:
            case "SavingsPlanNegation" | "SavingsPlanUpfrontFee":
                return Decimal(0)
            case "Fee" if line.get("reservation_reservation_a_r_n"):
                return Decimal(0)
            case "SavingsPlanCoveredUsage":
                return decimal(either("savings_plan_net_savings_plan_effective_cost", "savings_plan_savings_plan_effective_cost"))
            case "DiscountedUsage":
                return decimal(either("reservation_net_effective_cost", "reservation_effective_cost"))
            case "RIFee":
                fees = ("amortized_upfront_fee_for_billing_period", "recurring_fee")
                upfront, recurring = (decimal(either(f"reservation_net_unused_{fee}", f"reservation_unused_{fee}") or 0) for fee in fees)
                return None if upfront is None or recurring is None else EXACT.add(upfront, recurring)
            case "SavingsPlanRecurringFee":
                assert not self.net, "not counted here"
                bought, used = decimal(of("savings_plan_total_commitment_to_date")), decimal(of("savings_plan_used_commitment") or 0)
                return None if bought is None or used is None else EXACT.subtract(bought, used)
        return decimal(unblended)

    def key(self, line: dict[str, Any], day: date) -> Key:
        type_ = line["line_item_line_item_type"] or ""
        charge = CHARGES.get(type_) or ("discount" if type_.endswith("Discount") else "other")
        if type_ == "Fee":
            charge = "commitment" if line.get("reservation_reservation_a_r_n") else "subscription"
        code = line["line_item_product_code"]
        service = SERVICES.get(code) or re.sub("^(amazon|aws)", "", code.lower())
        resource = text(line.get("line_item_resource_id"))
        user = UUID_AT_END.search((line.get("line_item_user_identifier") or "").strip().lower())
        of_store = UUID_AT_END.search(resource.lower()) if resource and ":identitystore:::user/" in resource else None
        principal = text(line.get("line_item_iam_principal"))
        tags = {**(line.get("tags") or {}), **(line.get("resource_tags") or {})}
        owners = [value for key in self.owner_keys if (value := (tags.get(key) or "").replace("\x1f", "").strip(" "))]
        created_by = text(tags.get("aws_created_by") or tags.get("resourceTags/aws:createdBy"))
        component = {"monthly-subscription": "seat", "credits": "overage"}.get((line.get("line_item_operation") or "").lower()) if service == "kiro" else None
        plan = re.sub("^.*KiroEnterprise-", "", line.get("line_item_usage_type") or "").lower() if component == "seat" else None
        owner_tags = "\x1f".join(owners) or None
        return (
            day,
            text(line["line_item_usage_account_id"]) or "unknown",
            text(line.get("product_region_code")),
            service,
            charge,
            line["line_item_currency_code"],
            charge in ("tax", "commitment") or not (resource or user or principal or owner_tags or created_by),
            user and user.group(),
            principal,
            of_store and of_store.group(),
            owner_tags,
            created_by,
            self.creators.get(_as_created(resource)) if resource else None,
            component,
            {"proplus": "pro_plus", "promax": "pro_max"}.get(plan, plan) if plan else None,
        )

    def facts(self) -> dict[Key, tuple[Decimal, Decimal | None, int]]:
        """Cost, quantity and lines by key."""
        return {key: (found[0], found[1], found[2]) for key, found in self.sums.items()}


def decimal(number: float | Decimal | None) -> Decimal | None:
    """The number that a double means, to 12 decimals; None for what is none."""
    if number is None:
        return None
    exact = Decimal(repr(number)) if isinstance(number, float) else Decimal(number)
    return exact.quantize(UNIT, ROUND_HALF_UP, EXACT) if exact.is_finite() else None


def text(value: Any) -> str | None:
    return (str(value).strip(" ") or None) if value is not None and not isinstance(value, datetime) else None


def _as_created(resource: str) -> str:
    """A billed resource as CloudTrail's answer spells it."""
    match resource.split(":", 5):
        case ["arn", _, "ec2", _, _, rest]:
            return rest.partition("/")[2]
        case ["arn", _, "s3", "", "", bucket]:
            return bucket
        case ["arn", _, "lambda", _, _, rest] if rest.startswith("function:"):
            return ":".join(resource.split(":")[:7])
    return resource
