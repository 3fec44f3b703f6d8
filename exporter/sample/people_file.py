"""The people file of the sample: whom the organisation knows at the end of a day, under which spellings."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from exporter.sample.cloudtrail_habits import habits_of, iam_user_name
from exporter.sample.organisation import MAIL_DOMAIN, OTHER_MAIL_DOMAIN, Organisation, Person

REMEMBERED = timedelta(days=90)
"""How long leavers stay listed, unless they were removed at once."""

_COLUMNS = ("user", "display_name", "email", "team", "department", "aliases", "kiro_tier", "kiro_since")


def people_file(organisation: Organisation, last: date) -> tuple[bytes, int]:
    """A CSV with a header, and its number of people, as of the end of `last`."""
    listed = list(_listed(organisation.people(last - REMEMBERED, last), last))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows(_row(person, last) for person in listed)
    return out.getvalue().encode(), len(listed)


def _listed(people: Iterable[Person], last: date) -> Iterator[Person]:
    for person in people:
        if person.listed_by != "nothing" and (person.left > last or person.offboarding != "removed"):
            yield person


def _row(person: Person, last: date) -> tuple[str, ...]:
    has_seat = person.seat is not None and person.seat.since <= last and (person.left > last or person.offboarding == "kept")
    other_mail = f"{person.user}@{OTHER_MAIL_DOMAIN}"
    if person.listed_by == "mail":
        aliases = [other_mail]
    elif person.listed_by == "prefixed_id":
        aliases = [f"d-{person.team.account.identity_store}.{person.identity_center_id}", other_mail]
    else:
        aliases = [person.identity_center_id]
    habits = habits_of(person)
    if habits is not None and habits.way_in == "iam_user" and person.position % 3:
        # Of the others nobody remembers whose they are.
        aliases.append(f"{iam_user_name(person)}@{person.team.account.id}")
    # A few directories write mails as people write their names; reports are in lower case.
    email = f"{person.user.title()}@{MAIL_DOMAIN}" if person.position % 31 == 7 else person.email
    return (
        *(person.user, person.display_name, email, person.team.name, person.team.department, ";".join(aliases)),
        *((person.seat.tier, person.seat.since.isoformat()) if has_seat and person.seat else ("", "")),
    )
