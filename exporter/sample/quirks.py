"""The oddities of real Kiro reports, and how often the sample has them."""

from __future__ import annotations

from datetime import date
from enum import StrEnum, auto

from exporter.sample.draws import draws


class Quirk(StrEnum):
    """Each was seen in a real bucket or is documented."""

    MISSING_DAY = auto()
    """No report at all for an account and day: Kiro was down, nobody used it."""
    AMAZON_Q_PREFIX = auto()
    """The feature report of an account and day lies under QDeveloperLogs, Kiro's former name."""
    EXPORTED_AGAIN = auto()
    """There is an earlier export of the same day with other values; the later one counts."""
    OLD_HEADER = auto()
    """The eleven columns of early 2026: no New_User, User_Email, Usage_Limit, models."""
    OTHER_ORDER = auto()
    """The same columns in another order."""
    BYTE_ORDER_MARK = auto()
    CARRIAGE_RETURNS = auto()
    """Lines end with CR LF."""
    DIRECTORY_PREFIX = auto()
    """`d-xxxxxxxxxx.` before the user ids."""
    STORE_PREFIX = auto()
    """Ten hexadecimal digits and a dash before the user ids."""
    UNKNOWN_COLUMN = auto()
    """A column that nobody has heard of."""
    JOINED_TIER = auto()
    """PROPLUS, PROMAX."""
    CAMEL_TIER = auto()
    """ProPlus, ProMax."""
    INLINE_CHAT_EVENT_COUNT = auto()
    """The documentation's name for InlineChat_TotalEventCount."""
    PART_BEFORE_REPORT = auto()
    """Of feature reports in parts: `…_part_1_report.csv` instead of `…_report_part_1.csv`."""


RATES = {
    Quirk.MISSING_DAY: 0.025,
    Quirk.AMAZON_Q_PREFIX: 0.07,
    Quirk.EXPORTED_AGAIN: 0.05,
    Quirk.OLD_HEADER: 0.04,
    Quirk.OTHER_ORDER: 0.04,
    Quirk.BYTE_ORDER_MARK: 0.05,
    Quirk.CARRIAGE_RETURNS: 0.07,
    Quirk.DIRECTORY_PREFIX: 0.1,
    Quirk.STORE_PREFIX: 0.05,
    Quirk.UNKNOWN_COLUMN: 0.04,
    Quirk.JOINED_TIER: 0.07,
    Quirk.CAMEL_TIER: 0.07,
    Quirk.INLINE_CHAT_EVENT_COUNT: 0.1,
    Quirk.PART_BEFORE_REPORT: 0.3,
}
"""The share of exports that have the quirk."""


def quirks_of(seed: int, account: str, day: date, export: str) -> frozenset[Quirk]:
    """The quirks of one export: `KIRO_IDE`, …, `by_user_analytic`, or an empty name for what concerns an account's whole day."""
    draw = draws(f"{seed}/quirks/{account}/{day}/{export}").__next__
    return frozenset(quirk for quirk, rate in RATES.items() if draw() < rate)


NO_QUIRKS: frozenset[Quirk] = frozenset()
