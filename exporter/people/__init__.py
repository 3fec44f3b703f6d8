"""Who is who: spellings, persons, teams; the people file; what may be published of a person; who gets a line of the bill."""

from exporter.people.resolving import UNLISTED, Entry, Label, People, Person, joined, resolve, team_of
from exporter.people.spellings import compared, is_id, lowered, normalise, one_to_one, printable

__all__ = [
    "UNLISTED",
    "Entry",
    "Label",
    "People",
    "Person",
    "compared",
    "is_id",
    "joined",
    "lowered",
    "normalise",
    "one_to_one",
    "printable",
    "resolve",
    "team_of",
]
