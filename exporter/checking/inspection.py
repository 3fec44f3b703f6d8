"""The whole check, source by source, in the order in which one thing rests on another: config, credentials, files, permissions, tables, people, cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

from exporter import aws
from exporter.aws import Denied
from exporter.checking import holdings, settings, stored, tables, trying
from exporter.checking.attempts import Attempts
from exporter.checking.callers import Callers, Client
from exporter.checking.costs import costs, tag_values
from exporter.checking.findings import Finding, Status, Value
from exporter.checking.holdings import Held
from exporter.config import Aws, CloudTrailSource, Config, CostExplorerSource, FactSource, IdentityCenterSource, KiroSource, QueriedSource, format_duration
from exporter.errors import TransientError, UserError
from exporter.facts.store import Store
from exporter.objects import BucketLocation, FileLocation, FolderLocation
from exporter.people import Entry
from exporter.permissions import bucket_and_prefix
from exporter.service import check_windows

_NOWHERE = Path(__file__).parent / "no store"
"""Where no store is: what a config can be told without one."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What the command line says. `offline`: the config and people file alone. `spend`: Cost Explorer may be asked, at 0.01 USD a request."""

    offline: bool = False
    spend: bool = False


def utc_now() -> datetime:
    """The clock of a check."""
    return datetime.now(UTC)


def inspect(
    config: Config,
    choices: Choices,
    client: Client = aws.client,
    clock: Callable[[], datetime] = utc_now,
    show: Callable[[str], object] = lambda _: None,
    poll_seconds: float = 0.5,
) -> Iterator[Finding]:
    """Everything there is to say of a config that is valid. `show` is told what is looked at now. Raises nothing that an operator could mend."""
    try:
        check_windows(config)
        stored.sources_made(config, Store.look(_NOWHERE), clock())
    except UserError as error:
        yield from settings.wrong(error)
        return
    yield from settings.of_config(config)
    of_file, people = settings.of_people_file(config)
    if not choices.offline:
        yield from _Inspection(config, choices, Callers(client), clock(), show, poll_seconds).findings(of_file, people.entries)
    else:
        yield from of_file


class _Inspection:
    """One check. What it has found out of each source, later steps use."""

    def __init__(self, config: Config, choices: Choices, callers: Callers, now: datetime, show: Callable[[str], object], poll_seconds: float) -> None:
        self._config = config
        self._choices = choices
        self._callers = callers
        self._now = now
        self._show = show
        self._poll_seconds = poll_seconds
        self._held: dict[str, Held] = {}
        self._told: dict[Aws, set[str]] = {}
        """Actions that are denied."""
        today = now.date()
        self._attempts = Attempts(config, callers, choices.spend, (today - timedelta(days=1)).isoformat(), today.isoformat(), poll_seconds)

    def findings(self, of_file: list[Finding], file: tuple[Entry, ...]) -> Iterator[Finding]:
        """All of them; those of one source may stand apart. `of_file` is what the people file gave rise to, `file` what it says."""
        for name, source in self._config.sources.enabled().items():
            self._show(name)
            yield from self._credentials(name)
            if not isinstance(source, (IdentityCenterSource, CostExplorerSource)):
                yield from self._location(name, source)
        yield from self._permissions()
        yield from self._tables()
        self._show("the store")
        try:
            known = stored.read(self._config, self._now)
        except (UserError, OSError) as error:
            yield Finding("store", "store", Status.FAILED, str(error), "let who runs this read it, or correct store.path")
            yield from of_file
        else:
            yield from stored.of_store(self._config, known, self._now)
            yield from of_file
            yield from stored.of_people(self._config, known, file)
            self._show("the cost")
            yield from tag_values(self._config, known, self._callers, self._choices.spend, self._now.date())
            yield from costs(self._config, self._held, known, self._now.date())

    # Credentials

    def _credentials(self, name: str) -> Iterator[Finding]:
        config = self._config
        own = config.aws_for(name)
        reaches: dict[Aws, str] = {}
        source = config.sources.enabled()[name]
        if isinstance(source, (IdentityCenterSource, CostExplorerSource)) or source.location.startswith("s3://"):
            reaches[own] = ""
        if name in config.sources.queried() and config.engine_for(name) == "athena":
            reaches.setdefault(config.query_aws_for(name), "queries run as " if reaches else "")
        for reach, what in reaches.items():
            yield self._whose(name, reach, what)

    def _whose(self, name: str, reach: Aws, what: str) -> Finding:
        try:
            caller = self._callers.of(reach)
        except Denied as error:
            return trying.denied(name, error, "the credentials that are there", "no other question could be asked with this role")
        except (UserError, TransientError) as error:
            return Finding(name, "credentials", Status.FAILED, str(error), "nothing else was asked with these credentials")
        values: dict[str, Value] = {"account": caller.account, "arn": caller.arn, "region": reach.region}
        return Finding(name, "credentials", Status.OK, f"{what}{caller.arn} in account {caller.account}, {reach.region}", values=values)

    def _works(self, reach: Aws) -> bool:
        try:
            self._callers.of(reach)
        except (UserError, TransientError):
            return False
        return True

    # Locations

    def _location(self, name: str, source: QueriedSource) -> Iterator[Finding]:
        reach = self._config.aws_for(name)
        if source.location.startswith("s3://") and not self._works(reach):
            return
        try:
            held = self._held[name] = self._look(name, source, partial(self._open, source.location, reach))
        except Denied as error:
            # Told with the permissions, which name the statement to add.
            yield Finding(name, "location", Status.FAILED, str(error))
            return
        except (UserError, TransientError) as error:
            yield Finding(name, "location", Status.FAILED, str(error))
            return
        values: dict[str, Value] = {"files": round(held.files.files), "bytes": round(held.files.size), "folders": round(held.files.folders)}
        yield Finding(name, "location", Status.OK, held.sentence, values={**values, "day": None if held.day is None else held.day.isoformat()})
        yield self._newest(name, source, held.newest)

    def _look(self, name: str, source: QueriedSource, open_location: holdings.Open) -> Held:
        if isinstance(source, CloudTrailSource):
            return holdings.of_cloudtrail(open_location, source, self._now)
        if isinstance(source, KiroSource):
            return holdings.of_kiro(open_location, name, source, self._config.kiro.ignore_before, self._now)
        return holdings.of_cur(open_location, source, self._now)

    def _open(self, location: str, reach: Aws, on_request: Callable[[str], None]) -> FileLocation:
        if not location.startswith("s3://"):
            return FolderLocation(Path(location))
        bucket, prefix = bucket_and_prefix(location)
        return BucketLocation(bucket, prefix, self._callers.client(reach, "s3"), on_request)

    def _newest(self, name: str, source: FactSource, newest: date | None) -> Finding:
        if newest is None:
            return Finding(name, "newest_day", Status.WARNING, "there is no file yet", "see whether AWS delivers; the first can take a day")
        values = {"newest_delivered": newest.isoformat()}
        if datetime(newest.year, newest.month, newest.day, tzinfo=UTC) + timedelta(days=1) + source.max_age > self._now:
            return Finding(name, "newest_day", Status.OK, f"{newest} delivered", values=values)
        todo = f"see whether AWS still delivers: sources.{name}.max_age is {format_duration(source.max_age)}, and its metrics are withdrawn"
        return Finding(name, "newest_day", Status.WARNING, f"nothing was delivered after {newest}", todo, values=values)

    # Permissions and tables

    def _permissions(self) -> Iterator[Finding]:
        self._show("permissions")
        for each in trying.wanted(self._config, self._callers, self._attempts):
            self._show(each.one.permission.action)
            found = trying.tried(each, self._attempts)
            if found.status is Status.FAILED:
                self._told.setdefault(each.one.reach, set()).add(str(found.values["action"]))
            yield self._at(each.one.reach, found)
        for reach in self._query_reaches():
            if (error := self._attempts.queries.query_failure(reach)) is not None:
                if isinstance(error, Denied):
                    yield self._at(reach, trying.denied(trying.ATHENA, error, self._callers.of(reach).arn, "needed to run queries"))
                else:
                    yield self._at(reach, Finding(trying.ATHENA, "query", Status.FAILED, str(error)))

    def _query_reaches(self) -> dict[Aws, list[str]]:
        found: dict[Aws, list[str]] = {}
        for name in self._config.sources.queried():
            if self._config.engine_for(name) == "athena" and self._works(self._config.query_aws_for(name)):
                found.setdefault(self._config.query_aws_for(name), []).append(name)
        return found

    def _tables(self) -> Iterator[Finding]:
        for reach, names in self._query_reaches().items():
            self._show("tables")
            found = tables.look(self._config, names, self._callers, self._attempts.queries.can_query(reach), self._poll_seconds)
            told = self._told.get(reach, set())
            # What is denied has been told with the statement to add; that it is met again says nothing new.
            yield from (self._at(reach, finding) for finding in found if finding.topic != "permission" or finding.values["action"] not in told)

    def _at(self, reach: Aws, finding: Finding) -> Finding:
        """A finding about Athena says of which sources, where their queries run in several accounts, regions or roles."""
        reaches = self._query_reaches()
        if finding.about != trying.ATHENA or len(reaches) < 2 or reach not in reaches:
            return finding
        return replace(finding, about=f"{trying.ATHENA} ({', '.join(reaches[reach])})")
