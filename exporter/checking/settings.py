"""What can be said of a config and its people file without asking anybody."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from exporter.checking.findings import Finding, Status
from exporter.config import Config, ConfigErrors
from exporter.errors import UserError
from exporter.people import Entry, normalise, people_file
from exporter.people.people_file import PeopleFile

_SHOWN = 5
# Providers whose sessions are programs: workflows of GitHub and GitLab, pods of EKS.
_PROGRAMS = re.compile(r"token\.actions\.githubusercontent\.com|gitlab\.com|oidc\.eks\.", re.IGNORECASE)


def wrong(error: UserError) -> list[Finding]:
    """What keeps a config from being used, each mistake on a line of its own."""
    errors = [str(each) for each in error.errors] if isinstance(error, ConfigErrors) else [str(error)]
    return [Finding("config", "config", Status.FAILED, each) for each in errors]


def of_config(config: Config) -> Iterator[Finding]:
    """That it is valid, and what in it is allowed and seldom meant."""
    sources = config.sources.enabled()
    yield Finding("config", "config", Status.OK, f"valid; sources: {', '.join(sources)}", values={"engine": config.engine, "sources": ", ".join(sources)})
    if config.sources.cur is not None and config.sources.cost_explorer is not None:
        idle = "cost_explorer" if config.paying == "cur" else "cur"
        yield _warning(
            f"sources.{idle} is read and pays for nobody, because bill is {config.paying}",
            f"remove sources.{idle}{': each of its requests costs 0.01 USD' if idle == 'cost_explorer' else ''}",
        )
    if config.sources.cloudtrail is not None:
        yield from _providers(config)
    if config.athena.result_reuse_minutes and any(config.engine_for(name) == "athena" for name in config.sources.queried()):
        yield _warning("athena.result_reuse_minutes lets a refresh get the answer of the one before", "set it to 0")


def _providers(config: Config) -> Iterator[Finding]:
    providers = config.people.patterns.human_identity_providers
    for place, provider in enumerate(providers):
        if _PROGRAMS.search(provider):
            yield _warning(
                f"people.patterns.human_identity_providers[{place}] ({provider}) signs programs in, each run of which would become a person",
                "remove it from the list",
            )
    if not providers and config.sources.identity_center is None:
        yield _warning(
            "neither sources.identity_center nor people.patterns.human_identity_providers is set: who signs in through SAML or OIDC may be nobody",
            "name the providers of your people, unless they are IAM users or their role sessions match people.patterns.person_session",
        )


def of_people_file(config: Config) -> tuple[list[Finding], PeopleFile]:
    """What is wrong in the people file, and what it says. Names are only shown where `privacy` lets them be."""
    path = config.people.file
    if path is None:
        return [], PeopleFile()
    try:
        read = people_file.read(path)
    except UserError as error:
        return [Finding("people", "people_file", Status.FAILED, str(error))], PeopleFile()
    seats = sum(entry.seat_tier is not None for entry in read.entries)
    told = f"{len(read.entries):,} people, {seats:,} with a seat"
    found = [Finding("people", "people_file", Status.OK, told, values={"people": len(read.entries), "seats": seats})]
    if read.unknown_columns:
        columns = ", ".join(sorted(read.unknown_columns))
        todo = f"rename or remove them; these mean something: {', '.join(people_file.COLUMNS)}"
        found.append(Finding("people", "people_file", Status.WARNING, f"columns that mean nothing here: {columns}", todo))
    hidden = config.privacy.user_label == "hash"
    for rejection in read.rejections[:_SHOWN]:
        detail = rejection.reason if hidden else rejection.detail
        found.append(Finding("people", "people_file", Status.WARNING, f"line {rejection.line} is left out: {detail}", "correct the row"))
    if len(read.rejections) > _SHOWN:
        found.append(Finding("people", "people_file", Status.WARNING, f"{len(read.rejections) - _SHOWN:,} more rows are left out", "correct the rows"))
    if twice := _claimed_twice(read.entries):
        which = "" if hidden else f": {', '.join(twice[:_SHOWN])}{' and more' if len(twice) > _SHOWN else ''}"
        text = f"{len(twice):,} names, mails or aliases stand with more than one person{which}"
        found.append(Finding("people", "people_file", Status.WARNING, text, "let each stand with one; the first counts", values={"claimed_twice": len(twice)}))
    return found, read


def _claimed_twice(entries: Sequence[Entry]) -> list[str]:
    claims = Counter(spelling for entry in entries for spelling in {normalise(text) for text in (entry.user, entry.email, *entry.aliases) if text.strip()})
    return sorted(spelling for spelling, count in claims.items() if count > 1)


def _warning(text: str, todo: str) -> Finding:
    return Finding("config", "config", Status.WARNING, text, todo)
