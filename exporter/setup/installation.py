"""Everything that setup does for a config, place by place: an account and region in which Athena runs the queries of one or more sources."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from exporter import aws
from exporter.config import Aws, CloudTrailSource, Config, CurSource
from exporter.engines import Engine
from exporter.errors import UserError
from exporter.objects import open_location
from exporter.setup import layout
from exporter.setup.catalog import Catalog, Found
from exporter.setup.definitions import MARKER, definitions
from exporter.setup.filling import EXAMPLE_LOCATION
from exporter.setup.layout import Layout
from exporter.setup.stack import Stack, parameters
from exporter.setup.steps import Change, DatabaseStep, DefinitionStep, ExistingStep, Outcome, StackStep, Step, VerifyStep, WorkgroupStep, results_of
from exporter.sources.kiro import KINDS
from exporter.sources.kiro_layout import WRITERS
from exporter.telemetry import Telemetry

Client = Callable[[Aws, str], Any]
"""Opens a boto3 client for a service."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What the command line says. `sources` are names; none means all in buckets. `profile` stands in for the credentials that the config names."""

    sources: tuple[str, ...] = ()
    profile: str | None = None
    stack: str | None = None
    stack_parameters: Mapping[str, str] | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """An account and region, and the sources that are queried there."""

    aws: Aws
    sources: tuple[str, ...]


class Installation:
    """The steps of setup, and of its undoing, for a config. With `dry_run` nothing is asked of AWS."""

    def __init__(self, config: Config, choices: Choices, say: Callable[[str], None], client: Client = aws.client, poll_seconds: float = 1.0) -> None:
        """`say` is told what the operator should know between two steps. Raises UserError where there is nothing to set up, or where it is not clear where."""
        self._config = config
        self._choices = choices
        self._say = say
        self._client = client
        self._poll_seconds = poll_seconds
        self._places = _places(config, choices)

    def steps(self) -> Iterator[Step]:
        """In the order in which they must run. What comes next can depend on what ran: take one, run it, take the next."""
        for place in self._places:
            catalog, engine = self._catalog(place), self._engine(place)
            if (stack := self._stack(place)) is not None:
                given = self._choices.stack_parameters or {}
                yield StackStep(stack, parameters(self._config, place.sources, place.aws.region, given), partial(_is_absent, catalog))
            yield WorkgroupStep(self._opened(place.aws, "athena"), self._config.athena)
            yield DatabaseStep(catalog)
            for name in place.sources:
                if (table := self._config.sources.queried()[name].table) is not None:
                    yield ExistingStep(name, table, catalog, engine)
            made = definitions(self._config, self._layouts(place), self._results(place))
            yield from (DefinitionStep(definition, catalog, engine) for definition in made)
            yield from (VerifyStep(definition, engine) for definition in made if definition.verify is not None)

    def teardown_steps(self) -> Iterator[Step]:
        """Undo what setup has made, and nothing else: known by its marker. Files, results and what others made stay."""
        for place in self._places:
            catalog = self._catalog(place)
            if self._choices.dry_run:
                yield from (DropStep(catalog, each.kind, each.name) for each in reversed(definitions(self._config, self._layouts(place), EXAMPLE_LOCATION)))
            elif catalog.database_marker() is not None:
                ours = [found for found in catalog.all() if found.is_ours and self._is_chosen(found.name)]
                yield from (DropStep(catalog, _kind(found), found.name) for found in sorted(ours, key=lambda found: (not found.is_view, found.name)))
            yield DropDatabaseStep(catalog)
            if (stack := self._stack(place)) is not None:
                yield DeleteStackStep(stack)

    def _is_chosen(self, name: str) -> bool:
        """Whether a table or view is of the sources that were named; what other sources need as well is not."""
        chosen = self._choices.sources
        if not chosen:
            return True
        return name in self._names(chosen) - self._names(self._config.sources.queried().keys() - set(chosen))

    def _names(self, sources: Iterable[str]) -> set[str]:
        queried = self._config.sources.queried()
        layouts = {name: layout.example(queried[name].location) for name in sources if queried[name].location.startswith("s3://")}
        return {made.name for made in definitions(self._config, layouts, EXAMPLE_LOCATION)}

    def _layouts(self, place: Place) -> dict[str, Layout]:
        found: dict[str, Layout] = {}
        for name in place.sources:
            source = self._config.sources.queried()[name]
            # Of a table that is there already nothing has to be found out, and the months of a bill are no secret.
            known = source.table is not None or isinstance(source, CurSource)
            accounts = source.accounts if isinstance(source, CloudTrailSource) else None
            found[name] = layout.example(source.location, accounts) if self._choices.dry_run or known else self._listed(name, place)
            if found[name].note and not known:
                self._say(f"{name}: {found[name].note}")
            if self._choices.dry_run and not known and isinstance(source, CloudTrailSource):
                self._say(f"{name}: the id of the organisation, if the trail is one's, stands after AWSLogs/.")
        return found

    def _results(self, place: Place) -> str | None:
        if self._choices.dry_run:
            if self._config.athena.output_location is None and "cur" in place.sources:
                self._say(f"cur: {EXAMPLE_LOCATION} stands for where the workgroup has results written.")
            return self._config.athena.output_location or EXAMPLE_LOCATION
        found = results_of(self._client(place.aws, "athena"), self._config.athena)
        if found is None and "cur" in place.sources:
            self._say("cur: without results in S3 the exporter cannot tell Athena who created which resource; resource_creator attributes nothing.")
        return found

    def _listed(self, name: str, place: Place) -> Layout:
        source = self._config.sources.queried()[name]
        reach = _over(self._config.aws_for(name), self._choices.profile)
        location = open_location(source.location, reach, lambda _request: None)
        fallback = partial(self._whose, place.aws)
        if isinstance(source, CloudTrailSource):
            return layout.of_cloudtrail(location, source.accounts, fallback)
        kind = KINDS[name]
        return layout.of_kiro(location, kind.report, WRITERS[kind.report], fallback)

    def _whose(self, reach: Aws) -> tuple[str, str]:
        with aws.explained("sts:GetCallerIdentity", "this account"):
            return str(self._client(reach, "sts").get_caller_identity()["Account"]), reach.region

    def _opened(self, reach: Aws, service: str) -> Any:
        return None if self._choices.dry_run else self._client(reach, service)

    def _catalog(self, place: Place) -> Catalog:
        return Catalog(self._opened(place.aws, "glue"), self._config.athena.database)

    def _stack(self, place: Place) -> Stack | None:
        name = self._choices.stack
        return None if name is None else Stack(self._opened(place.aws, "cloudformation"), name, self._say, time.sleep)

    def _engine(self, place: Place) -> Engine:
        from exporter.engines.athena import AthenaEngine  # brings boto3 and PyAthena, which help and mistakes do not wait for

        return AthenaEngine(self._config.athena, partial(self._client, place.aws), Telemetry(), poll_seconds=self._poll_seconds)


@dataclass(frozen=True, slots=True)
class DropStep:
    """Takes a table or view that setup has made out of the catalog."""

    catalog: Catalog
    kind: str
    name: str

    @property
    def title(self) -> str:
        return f"{self.kind} {self.name}"

    def shown(self) -> str:
        return f"-- Where its {MARKER} says that setup has made it:\nDROP {self.kind.upper()} IF EXISTS {self.name};"

    def run(self) -> Outcome:
        self.catalog.drop(self.name)
        return Outcome(Change.DROPPED)


@dataclass(frozen=True, slots=True)
class DropDatabaseStep:
    """Drops the database when setup has made it and nothing is left in it."""

    catalog: Catalog

    @property
    def title(self) -> str:
        return f"database {self.catalog.database}"

    def shown(self) -> str:
        return f"-- Where setup has made it, and nothing is left in it:\nDROP DATABASE IF EXISTS `{self.catalog.database}`;"

    def run(self) -> Outcome:
        marker = self.catalog.database_marker()
        if not marker:
            return Outcome(Change.UNCHANGED, "there is none" if marker is None else "setup has not made it")
        if left := self.catalog.all():
            return Outcome(Change.UNCHANGED, f"it still holds {len(left)} tables or views that setup has not made, such as {left[0].name}")
        self.catalog.delete_database()
        return Outcome(Change.DROPPED)


@dataclass(frozen=True, slots=True)
class DeleteStackStep:
    """Deletes the stack."""

    stack: Stack

    @property
    def title(self) -> str:
        return f"stack {self.stack.name}"

    def shown(self) -> str:
        return f"-- CloudFormation: delete the stack {self.stack.name}; its bucket of results stays, and what it holds expires."

    def run(self) -> Outcome:
        if self.stack.delete():
            return Outcome(Change.DROPPED, "its bucket of results stays, and what it holds expires")
        return Outcome(Change.UNCHANGED, "there is none")


def _places(config: Config, choices: Choices) -> list[Place]:
    buckets = [name for name, source in config.sources.queried().items() if source.location.startswith("s3://")]
    if unknown := [name for name in choices.sources if name not in buckets]:
        raise UserError(f"setup makes nothing for {unknown[0]}; --source takes {' or '.join(buckets) or 'sources in buckets'}.")
    if not buckets:
        raise UserError(
            "no source of the config lies in a bucket, so there is nothing that Athena could query; set the location of one to s3://bucket/prefix/."
        )
    chosen = [name for name in buckets if not choices.sources or name in choices.sources]
    own = _grouped((config.query_aws_for(name), name) for name in chosen)
    with_profile = _grouped((_over(config.query_aws_for(name), choices.profile), name) for name in chosen)
    if len(with_profile) < len(own):
        raise UserError(
            f"the queries of {', '.join(chosen)} run in {len(own)} accounts or regions, which one profile cannot all be; run setup for each, with --source."
        )
    return with_profile


def _grouped(named: Iterator[tuple[Aws, str]]) -> list[Place]:
    found: list[Place] = []
    for reach, name in named:
        same = next((at for at, place in enumerate(found) if place.aws == reach), None)
        if same is None:
            found.append(Place(reach, (name,)))
        else:
            found[same] = Place(reach, (*found[same].sources, name))
    return found


def _over(reach: Aws, profile: str | None) -> Aws:
    """The credentials of a profile, whatever the config says of credentials."""
    return reach if profile is None else reach.model_copy(update={"profile": profile, "role_arn": None, "external_id": None})


def _is_absent(catalog: Catalog) -> bool:
    return catalog.database_marker() is None


def _kind(found: Found) -> str:
    return "view" if found.is_view else "table"


def unfinished(step: Step, error: Exception) -> UserError:
    """What to tell when a step failed: the next run goes on from there."""
    return UserError(f"{step.title}: {error}\nWhat was done before is kept; run setup again when this is mended, and it goes on from here.")


def summary(outcomes: Sequence[tuple[Step, Outcome]]) -> str:
    """What was changed, in one line."""
    counted = {change: sum(outcome.change is change for _, outcome in outcomes) for change in Change}
    done = [f"{count} {change.value}" for change, count in counted.items() if count]
    nothing = not any(counted[change] for change in (Change.MADE, Change.CHANGED, Change.DROPPED))
    return f"{'Nothing had to be changed' if nothing else 'Done'}: {', '.join(done)}."
