"""A synthetic organisation: its accounts, teams and people, and who holds which Kiro seat.

Everything is a function of (positions, seed). A position is always filled: when its holder leaves, a newcomer takes it, so that any span of days sees people
come and go, and nothing depends on the span that is asked for.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import accumulate
from typing import Literal

from exporter.sample.draws import draws, hex_of, shuffled, uuid_of
from exporter.sample.names import name_of
from exporter.sample.working_days import FRIDAY, FULL_TIME

MOST_PEOPLE = 100_000
MAIL_DOMAIN = "example.com"
OTHER_MAIL_DOMAIN = "corp.example.org"
"""Kiro reports now and then give a person's mail in another domain."""
MANAGEMENT_ACCOUNT = "777788889999"
"""Pays the bill, and owns IAM Identity Center and the organisation's trail."""
PRODUCTION_ACCOUNT = "222233334444"
"""Every team runs its services there; the two Kiro accounts are where people build."""

TIERS = {"pro": 1000, "pro_plus": 2000, "pro_max": 5000, "power": 10000}
"""Credits a month that each Kiro tier includes (kiro.dev/pricing)."""

_PRICES = {"pro": 20, "pro_plus": 40, "pro_max": 100, "power": 200}
_TIER_SHARES = (("pro", 0.56), ("pro_plus", 0.80), ("pro_max", 0.93), ("power", 1.0))
_OVERAGE_PRICE = 0.04
_OLD_HANDS = date(2025, 6, 2)
"""A Monday, the moment at which the first holders of all positions are at work."""
_KIRO_INTRODUCED = date(2025, 11, 17)
PERIOD = 5
"""Weeks between two uses of Kiro by whoever uses it `periodic`ally: more than a month, so that they return each time."""
_LEAST_FOR_RHYTHMS = 40
"""In organisations of so many positions one is for guests and PERIOD are for periodic use: on any day somebody is new, has returned, or has just left."""

_CLIENTS: tuple[tuple[float, tuple[str, ...]], ...] = (
    (0.44, ("KIRO_IDE",)),
    (0.59, ("KIRO_CLI",)),
    (0.66, ("PLUGIN",)),
    (0.90, ("KIRO_IDE", "KIRO_CLI")),
    (0.96, ("KIRO_IDE", "PLUGIN")),
    (1.00, ("KIRO_IDE", "KIRO_CLI", "PLUGIN")),
)
_DEPARTMENTS: dict[str, tuple[float, str]] = {
    "Engineering": (
        0.93,
        "platform payments checkout mobile web search identity billing notifications developer-experience integrations storage networking api-gateway quality",
    ),
    "Data": (0.88, "data-science data-platform machine-learning analytics forecasting"),
    "Operations": (0.85, "site-reliability security cloud-operations observability it-support"),
    "Product": (0.55, "product-management design user-research growth"),
    "Research": (0.75, "research robotics"),
    "Business": (0.12, "finance legal people-operations sales marketing customer-success procurement logistics"),
}
"""The share of people with a Kiro seat, and the names of teams."""
_FIRST_TEAMS = ("platform", "payments", "data-science")
_PARTS = ("core", "emea", "apac", "americas", "tools", "experience", "foundations", "partners", "operations", "insights")


@dataclass(frozen=True, slots=True)
class Account:
    """An AWS account with a Kiro profile. Overage is a switch of the profile, as in Kiro; `overage_cap` is in credits a person and month."""

    id: str
    region: str
    profile_arn: str
    identity_store: str
    """Ten hexadecimal digits: `d-<these>.` stands before user ids in some exports."""
    overage_enabled: bool
    overage_cap: float | None


@dataclass(frozen=True, slots=True)
class Team:
    """Part of a department; its people build in `account`. `seat_share` is the share of them with a Kiro seat."""

    name: str
    department: str
    account: Account
    seat_share: float


@dataclass(frozen=True, slots=True)
class KiroSeat:
    """A Kiro subscription and how its holder uses it."""

    tier: str
    since: date
    """Assigned on this day; whoever is not `never` activates it on the same day."""
    use: Literal["never", "rare", "periodic", "regular", "heavy"]
    """`periodic`: on one Monday in PERIOD weeks, which is another one for each of as many neighbouring positions."""
    clients: tuple[str, ...]
    presence: float
    """Chance of use on a working day."""
    appetite: float
    """Consumption of a full month as a share of the included credits."""
    credits_per_message: float

    @property
    def included_credits(self) -> int:
        return TIERS[self.tier]

    def overage_cap(self, account: Account) -> float:
        """What the report says: the administrator's cap, else the plan's preset, its price in credits."""
        return account.overage_cap if account.overage_cap is not None else _PRICES[self.tier] / _OVERAGE_PRICE


@dataclass(frozen=True, slots=True)
class Person:
    """One holder of one position. `left` is the last day, mostly in the future."""

    position: int
    user: str
    display_name: str
    email: str
    identity_center_id: str
    team: Team
    weekdays: int
    """Working weekdays as bits, Monday first; part timers have fewer than five."""
    joined: date
    left: date
    listed_by: Literal["id", "prefixed_id", "mail", "nothing"]
    """Which spelling of the person the people file knows."""
    offboarding: Literal["kept", "seat_removed", "removed"]
    """What became of the people-file entry when the person left."""
    seat: KiroSeat | None


@dataclass(frozen=True, slots=True)
class Organisation:
    """`positions` people work here on any day. Make it with `generate`."""

    positions: int
    seed: int
    accounts: tuple[Account, Account]
    teams: tuple[Team, ...]
    _team_bounds: tuple[float, ...]

    @classmethod
    def generate(cls, people: int, seed: int) -> Organisation:
        """An organisation of 1 to 100,000 people; the same for the same arguments on every Python version."""
        if not 1 <= people <= MOST_PEOPLE:
            raise ValueError(f"an organisation has 1 to {MOST_PEOPLE} people, not {people}")
        accounts = (_account(seed, "111122223333", "us-east-1", 2000.0), _account(seed, "444455556666", "eu-central-1", None))
        teams = tuple(_teams(people, seed, accounts))
        weight = draws(f"{seed}/team-sizes").__next__
        # A product of uniform factors is close to log-normal: few large teams, many small ones. It is a software company, so few of them in business.
        weights = [(0.2 + 1.6 * weight()) * (0.2 + 1.6 * weight()) * (0.2 + 1.6 * weight()) * (0.3 + team.seat_share) for team in teams]
        return cls(people, seed, accounts, teams, tuple(accumulate(weights)))

    @property
    def organization_id(self) -> str:
        """As AWS Organizations spells it: `o-` and ten characters."""
        return f"o-{hex_of(f'{self.seed}/organization', 10)}"

    @property
    def identity_store_id(self) -> str:
        """The one directory of all people, that of IAM Identity Center."""
        return f"d-{self.accounts[0].identity_store}"

    def people(self, first: date, last: date) -> Iterator[Person]:
        """Everybody who works here on some day from `first` to `last`, in order of positions, then of arrival."""
        for position in range(self.positions):
            yield from self._holders(position, first, last)

    def holder(self, position: int, day: date) -> Person:
        """Who holds a position on a day."""
        return next(self._holders(position, day, day))

    def _holders(self, position: int, first: date, last: date) -> Iterator[Person]:
        draw = draws(f"{self.seed}/position/{position}").__next__
        if position < len(self.teams):
            team = self.teams[position]
        else:
            team = self.teams[min(bisect_right(self._team_bounds, draw() * self._team_bounds[-1]), len(self.teams) - 1)]
        rhythm = position - len(self.teams) if self.positions >= _LEAST_FOR_RHYTHMS else -1
        if rhythm == 0:
            yield from self._guests(position, team, first, last)
            return
        weeks = 104 + int(draw() * 312)
        joined = _OLD_HANDS - timedelta(weeks=1 + int(draw() * draw() * 520))
        left = _OLD_HANDS + timedelta(weeks=1 + int(draw() * weeks), days=-1)
        holder = 0
        while joined <= last:
            if left >= first:
                person = self._person(position, holder, team, joined, left)
                since = max(joined, _KIRO_INTRODUCED)
                yield replace(person, seat=_plain_seat("periodic", since)) if 0 < rhythm <= PERIOD and since <= left else person
            joined, holder = left + timedelta(days=1), holder + 1
            left = joined + timedelta(weeks=104 + int(draw() * 312), days=-1)

    def _guests(self, position: int, team: Team, first: date, last: date) -> Iterator[Person]:
        """A trainee a week, from Monday to Sunday, who is in the directory and begins with Kiro at once. Every fourth is not disabled afterwards."""
        number = max(0, (first - _OLD_HANDS).days // 7)
        while (joined := _OLD_HANDS + timedelta(weeks=number)) <= last:
            person = self._person(position, number, team, joined, joined + timedelta(days=6))
            seat = _plain_seat("regular", joined) if joined >= _KIRO_INTRODUCED else None
            yield replace(person, weekdays=FULL_TIME, listed_by="id", offboarding="seat_removed" if number % 4 else "kept", seat=seat)
            number += 1

    def _person(self, position: int, holder: int, team: Team, joined: date, left: date) -> Person:
        number = holder * self.positions + position
        key = f"{self.seed}/person/{number}"
        draw = draws(key).__next__
        name = name_of(number, self.seed)
        listed, offboarding, part_time = draw(), draw(), draw()
        return Person(
            position=position,
            user=name.user,
            display_name=name.display,
            email=f"{name.user}@{MAIL_DOMAIN}",
            identity_center_id=uuid_of(key),
            team=team,
            weekdays=(0b0000111, 0b0011110, 0b0001111)[int(part_time * 30)] if part_time < 0.1 else FULL_TIME,
            joined=joined,
            left=left,
            listed_by="nothing" if listed < 0.013 else "mail" if listed < 0.09 else "prefixed_id" if listed < 0.12 else "id",
            offboarding="kept" if offboarding < 0.4 else "seat_removed" if offboarding < 0.8 else "removed",
            seat=_seat(draw, team, joined, left),
        )


def _account(seed: int, account: str, region: str, overage_cap: float | None) -> Account:
    arn = f"arn:aws:codewhisperer:{region}:{account}:profile/{hex_of(f'{seed}/profile/{account}', 12).upper()}"
    return Account(account, region, arn, hex_of(f"{seed}/identity-store/{account}", 10), overage_cap is not None, overage_cap)


def _teams(people: int, seed: int, accounts: tuple[Account, Account]) -> Iterator[Team]:
    known = {name: (department, share) for department, (share, names) in _DEPARTMENTS.items() for name in names.split()}
    order = [*_FIRST_TEAMS, *shuffled([name for name in known if name not in _FIRST_TEAMS], f"{seed}/teams")]
    draw = draws(f"{seed}/team-accounts").__next__
    for number in range(max(1, round(people**0.62))):
        again, index = divmod(number, len(order))
        part, copy = (again - 1) % len(_PARTS), (again - 1) // len(_PARTS)
        suffix = f"-{_PARTS[part]}{copy + 1 if copy else ''}" if again else ""
        department, share = known[order[index]]
        # The first three teams use both accounts, so that small organisations do too.
        account = accounts[number % 2] if number < len(_FIRST_TEAMS) else accounts[draw() > 0.62]
        yield Team(order[index] + suffix, department, account, share)


def _plain_seat(use: Literal["periodic", "regular"], since: date) -> KiroSeat:
    return KiroSeat("pro", since, use, clients=("KIRO_IDE", "KIRO_CLI"), presence=0.9, appetite=0.5, credits_per_message=0.5)


def _seat(draw: Callable[[], float], team: Team, joined: date, left: date) -> KiroSeat | None:
    if draw() >= team.seat_share:
        return None
    # Newcomers get theirs with their laptop; the others got it in waves since Kiro was introduced.
    newcomer = joined > _KIRO_INTRODUCED
    early, wait = draw() < (0.85 if newcomer else 0.6), draw()
    days = int(wait * (12 if newcomer else 75)) if early else 30 + int(wait * 570)
    since = max(joined, _KIRO_INTRODUCED) + timedelta(days=days)
    if since.weekday() > FRIDAY:
        since += timedelta(days=7 - since.weekday())
    if since > left:
        return None
    tier, kind, client = draw(), draw(), draw()
    heavy = kind >= 0.85
    return KiroSeat(
        tier=next(name for name, bound in _TIER_SHARES if tier < bound),
        since=since,
        use="never" if kind < 0.05 else "rare" if kind < 0.09 else "heavy" if heavy else "regular",
        clients=next(clients for bound, clients in _CLIENTS if client < bound),
        presence=0.9 + 0.1 * draw() if heavy else 0.5 + 0.45 * draw(),
        appetite=0.8 + 1.2 * draw() if heavy else 0.06 + 1.1 * draw() * draw(),
        credits_per_message=0.2 + 0.9 * draw(),
    )
