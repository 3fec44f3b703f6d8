"""Eight people and their Kiro use, small enough to work out every value by hand.

It is Wednesday 2026-07-15, 12:00 UTC; 70 days have landed, 2026-05-06 to 2026-07-14. So yesterday is Tuesday the 14th, 3d_ago Sunday the 12th,
last_7d 07-08 to 07-14, last_30d 06-15 to 07-14, month_to_date 07-01 to 07-14 and last_month June.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from facts_in_memory import Counted, Used, at, identity, unix

from exporter.people import Entry

NOW = at(2026, 7, 15)
FIRST, LAST = date(2026, 5, 6), date(2026, 7, 14)
A, B, E, G, H = map(identity, "abcde")


def june(day: int) -> date:
    return date(2026, 6, day)


def july(day: int) -> date:
    return date(2026, 7, day)


CAPPED: dict[str, Any] = {"cap": 10_000, "overage_enabled": False}
ALICE = [
    # The first four: before every window but the history; June only; the first day of last_30d; the first of the 28 days of the pace.
    Used(FIRST, A, 4, 1, 1, tier="pro", usage_limit=1000, models={"glm_5": 1}, **CAPPED),
    Used(june(1), A, 100, 10, 2, tier="pro", usage_limit=1000, **CAPPED),
    Used(june(15), A, 40, 8, 1, client="cli", tier="pro_plus", usage_limit=2000, models={"auto": 8}, **CAPPED),
    Used(june(17), A, 30, 6, 1, tier="pro_plus", usage_limit=2000, **CAPPED),
    Used(june(30), A, 60, 12, 2, overage=5, tier="pro_plus", usage_limit=2000, **CAPPED),
    Used(july(1), A, 10, 5, 1, tier="pro_plus", usage_limit=2000, models={"auto": 5}, **CAPPED),
    Used(july(8), A, "7.5", 3, 1, overage="1.25", tier="pro_plus", usage_limit=2000, **CAPPED),
    Used(july(12), A, "3.5", 2, 1, overage="0.5", client="cli", tier="pro_plus", usage_limit=2000, **CAPPED),
    # The newest day: a limit, a cap and a switch that are not those of before.
    Used(LAST, A, "20.25", 9, 2, overage="0.75", tier="pro_plus", usage_limit=2500, cap=500, overage_enabled=True, models={"auto": 5, "glm_5": 4}),
    Used(LAST, A, "0.75", 4, 1, client="cli", tier="pro_plus", usage_limit=2500, cap=500, overage_enabled=True, models={"auto": 4}),
]
BOB = [
    # No Usage_Limit and no cap in the reports. The 4th of July is a Saturday.
    Used(june(25), B, 12, 3, 1, overage_enabled=False),
    Used(july(4), B, "1.5", 2, 1, overage_enabled=False),
]
# In no people file and with features only; on the free tier, with a mail; with activity that left memory long ago.
ERIN = [Counted(july(10), E, "Chat_MessagesSent", 7)]
GINA = [Used(july(2), G, 5, 4, 1, client="plugin", tier="free", usage_limit=50, mail="gina@example.com")]
HANK = [Used(date(2026, 2, 20), H, 9, 1, 1), Used(date(2026, 3, 3), H, 9, 1, 1), Used(date(2026, 3, 9), H, 0, 0, 0)]
ENTRIES = [
    Entry("alice", display_name="Alice Smith", email="alice@example.com", team="core", department="Engineering", aliases=(A,)),
    Entry("bob", team="core", aliases=(B,), seat_tier="pro", seat_since=june(21)),
    Entry("carol", team="data", seat_tier="power", seat_since=date(2026, 3, 1)),
    Entry("dave", team="data"),
    Entry("frank", team="data", seat_tier="pro", seat_since=july(5)),
    Entry("hank", team="data", aliases=(H,)),
]
KNOWN_SINCE = {user: int(unix(july(3))) for user in ("alice", "bob", "carol", "dave", "frank", "hank", E)}
