"""How each person of the sample uses AWS: by which way in, how much, and what for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from exporter.sample.cloudtrail_operations import favourites
from exporter.sample.draws import draws, shuffled
from exporter.sample.organisation import Organisation, Person

WayIn = Literal["identity_center", "iam_user", "saml", "oidc"]

_ACCESS = {"Engineering": 0.95, "Data": 0.92, "Operations": 0.98, "Research": 0.8, "Product": 0.4, "Business": 0.15}
"""The share of people who may use AWS at all."""
_VOLUME = {"Engineering": 1.0, "Data": 1.0, "Operations": 1.6, "Research": 0.8, "Product": 0.35, "Business": 0.3}
_PERMISSION_SETS = {
    "Engineering": ("PowerUserAccess", "ReadOnlyAccess"),
    "Data": ("DataScientist", "ReadOnlyAccess"),
    "Operations": ("AdministratorAccess", "AdministratorAccess"),
    "Research": ("DataScientist", "ReadOnlyAccess"),
    "Product": ("ReadOnlyAccess", "ReadOnlyAccess"),
    "Business": ("Billing", "Billing"),
}
"""Where people build, and in production."""


@dataclass(frozen=True, slots=True)
class Habits:
    """What does not change from day to day."""

    way_in: WayIn
    user_name: str
    """In the directory, and so the name of role sessions; most are the plain user name, some the mail, of those a few in capitals."""
    presence: float
    """Chance of use on a working day."""
    daily: float
    """Calls on a day of use, on average, before the organisation's volume is applied."""
    services: tuple[str, ...]
    """Each as often as it is liked."""
    writes: float
    denied: float
    delicate: float
    """Shares of the calls."""
    tool: Literal["console", "cli", "terraform", "boto3"]
    enhanced: bool
    """Whether sessions carry the person's Identity Center id."""
    build_role: str
    production_role: str


def directory_id(organisation: Organisation, person: Person) -> str:
    """The `UserId` in the directory; ids of directories that were set up long ago start with the directory's own."""
    if _share(person, "id") < 0.3:
        return f"{organisation.accounts[0].identity_store}-{person.identity_center_id}"
    return person.identity_center_id


def user_name(person: Person) -> str:
    """The `UserName` in the directory."""
    spelling = _share(person, "name")
    return person.user if spelling < 0.75 else person.email if spelling < 0.95 else person.email.replace(person.user, person.user.title())


def iam_user_name(person: Person) -> str:
    """The IAM user of those who still have one, as names were made in those days."""
    given, _, family = person.user.partition(".")
    return f"{given[0]}{family}"


def habits_of(person: Person) -> Habits | None:
    """None for people without access, and for those who have it and never use it."""
    department = person.team.department
    draw = draws(f"{person.identity_center_id}/aws").__next__
    access, kind, way_in, tool = draw(), draw(), draw(), draw()
    if access >= _ACCESS[department] or kind < 0.06:
        return None
    presence, daily = _amount(kind, draw(), draw())
    known = favourites(department)
    some = set(shuffled([service for service, _ in known], person.identity_center_id)[: 3 + int(draw() * 8)])
    build_role, production_role = _PERMISSION_SETS[department]
    return Habits(
        way_in="identity_center" if way_in < 0.925 else "iam_user" if way_in < 0.965 else "saml" if way_in < 0.985 else "oidc",
        user_name=user_name(person),
        presence=presence,
        daily=daily * _VOLUME[department],
        services=tuple(service for service, weight in known if service in some for _ in range(weight)),
        writes=0.05 + 0.3 * draw() * draw() + 0.1 * draw(),
        denied=0.05 * draw() * draw() * draw(),
        delicate=(0.03 if department == "Operations" else 0.01) * draw(),
        tool="console" if tool < 0.55 else "cli" if tool < 0.8 else "terraform" if tool < 0.9 else "boto3",
        enhanced=draw() < 0.6,
        build_role=build_role,
        production_role=production_role,
    )


def _amount(kind: float, often: float, much: float) -> tuple[float, float]:
    if kind < 0.13:
        return 0.04, 4.0
    if kind < 0.35:
        return 0.1 + 0.3 * often, 5 + 8 * much
    if kind < 0.78:
        return 0.5 + 0.4 * often, 12 + 30 * much
    if kind < 0.96:
        return 0.8 + 0.2 * often, 40 + 60 * much
    return 0.9 + 0.1 * often, 130 + 250 * much


def _share(person: Person, of: str) -> float:
    return next(draws(f"{person.identity_center_id}/directory/{of}"))
