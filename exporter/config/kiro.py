"""The keys of config.yaml about Kiro: tiers, prices, and how reports are read."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from exporter.config.base import Model, key, sentences
from exporter.config.errors import KeyPath
from exporter.config.scalars import Currency, Day, Days, Rate, tier_name


class Tier(Model):
    """What one seat of a tier holds and costs."""

    credits: Rate = Field(description="Credits that a seat includes each month. A limit written in the reports goes before it.")
    price: Rate = Field(description="List price of a seat, a month.")


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
    sentences(faults)
    return tiers


class Kiro(Model):
    """What Kiro costs and how its reports are read."""

    tiers: Annotated[dict[str, Tier], AfterValidator(_over_list_prices)] = key(
        _LIST_PRICES,
        "Tiers by name. One named here takes the place of the default of that name; the other defaults stay. Set them for negotiated prices and new tiers.",
    )
    overage_price: Rate = key("0.04", "Price of a credit beyond those of the seat.")
    currency: Currency = key("USD", "Currency of the prices above.")
    overage_relation: Literal["auto", "inside", "on_top"] = key(
        "auto", "Whether overage credits are part of the used credits of a report (`inside`) or come on top; `auto` decides from the data and logs what it saw."
    )
    overage_period: Literal["auto", "daily", "month_to_date"] = key(
        "auto", "Whether the overage credits of a report are the day's or the month's so far; `auto` decides from the data and logs what it saw."
    )
    idle_after: Days = key("14d", "A seat is idle when it was held and not used for this long.")
    ignore_before: Day = key("2026-02-13", "Reports of earlier days are left out: they are known to be wrong.")
