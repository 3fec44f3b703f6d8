"""The refreshes that a config asks for, with the engines and the stop signal that they share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from exporter import aws
from exporter.config import CloudTrailSource, Config, CostExplorerSource, CurSource, FactSource, IdentityCenterSource, KiroSource
from exporter.engines import Engine
from exporter.engines.duckdb import DuckDBEngine
from exporter.engines.places import Places
from exporter.facts.history import History
from exporter.facts.store import Store
from exporter.objects import LIST_REQUEST, REQUESTS, open_location
from exporter.people import people_file
from exporter.refresh import DirectoryRefresh, FactsRefresh, Refresh
from exporter.sensitive_events import SensitiveEvent
from exporter.sources import Source, cloudtrail, cost_explorer, cost_explorer_answers, cur, kiro
from exporter.sources.cloudtrail_settings import CloudTrailSettings
from exporter.sources.cost_explorer_names import Nobodies, nobody_knows
from exporter.sources.cost_explorer_requests import API, Requests
from exporter.sources.cur_creators import WRITE_REQUEST, CreatorsTable
from exporter.sources.identity_center import IdentityCenter
from exporter.telemetry import Telemetry
from exporter.windows import Landed

REASONS: Mapping[str, Mapping[str, str]] = {
    "kiro_credits": kiro.REASONS,
    "kiro_features": kiro.REASONS,
    cloudtrail.NAME: cloudtrail.REASONS,
    cost_explorer.NAME: cost_explorer_answers.REASONS,
    cur.NAME: cur.REASONS,
    people_file.SOURCE: dict.fromkeys(people_file.REASONS, ""),
}
"""Why each source, and the people file, leave something out."""


class Refreshes:
    """One for each source of a config, in its order. A new config gets new ones, after the old ones were stopped."""

    def __init__(
        self,
        config: Config,
        store: Store,
        history: History,
        telemetry: Telemetry,
        clock: Callable[[], datetime],
        changed: Callable[[], None],
        nobodies: Nobodies = nobody_knows,
    ) -> None:
        """`changed` is called when a snapshot would be another; `nobodies` is asked whom tags of the bill name.

        Raises UserError for patterns and lists that only the sources can judge.
        """
        self._config = config
        self._store = store
        self._history = history
        self._telemetry = telemetry
        self._clock = clock
        self._changed = changed
        self._nobodies = nobodies
        self._stopping = threading.Event()
        self._engines: dict[aws.Aws | None, Engine] = {}
        self._places = Places(config.athena.concurrency)
        self.by_name: dict[str, Refresh] = {name: self._refresh(name, settings) for name, settings in config.sources.enabled().items()}

    def landed(self) -> dict[str, Landed]:
        """What every source of facts has landed."""
        found = {name: refresh.landed() for name, refresh in self.by_name.items()}
        return {name: landed for name, landed in found.items() if landed is not None}

    def tell(self) -> None:
        """Publishes what is known of every source before it was refreshed."""
        for name, refresh in self.by_name.items():
            self._telemetry.init_source(name, REASONS.get(name, {}), refresh.refreshed())
            refresh.tell_landed()

    def stop(self) -> None:
        """Has running refreshes end at their next step, and running queries cancelled. Does not wait."""
        self._stopping.set()
        for engine in self._engines.values():
            engine.cancel()

    def _refresh(self, name: str, settings: FactSource | IdentityCenterSource) -> Refresh:
        reach = self._config.aws_for(name)
        if isinstance(settings, IdentityCenterSource):
            directory = IdentityCenter(settings.identity_store_id, settings.group_patterns, partial(aws.client, reach), self._store, self._telemetry)
            return DirectoryRefresh(directory, self._telemetry, self._clock, self._changed, self._stopping)
        return FactsRefresh(self._source(name, settings, reach), self._store, self._history, self._telemetry, self._clock, self._changed, self._stopping)

    def _source(self, name: str, settings: FactSource, reach: aws.Aws) -> Source:
        if isinstance(settings, CostExplorerSource):
            return self._cost_explorer(settings, reach)
        engine = self._engine(name)
        locate = partial(open_location, settings.location, reach, self._telemetry.api_request)
        if settings.location.startswith("s3://"):
            # Athena reads the files itself; which reports have changed, and which accounts have logs, is listed all the same.
            self._telemetry.init_apis(REQUESTS if engine.embedded else (LIST_REQUEST,))
        if isinstance(settings, KiroSource):
            return kiro.KiroReports(name, settings, self._config.kiro.ignore_before, locate, engine, self._store, self._telemetry)
        if isinstance(settings, CurSource):
            # Manifests are read, whichever engine reads the lines.
            apis = [*(REQUESTS if settings.location.startswith("s3://") else ()), *(() if engine.embedded else (WRITE_REQUEST,))]
            self._telemetry.init_apis(apis)
            athena = self._config.athena
            table = CreatorsTable(athena.output_location, athena.workgroup, partial(aws.client, self._config.query_aws_for(name)), self._telemetry.api_request)
            tags, creators = self._config.attribution.owner_tags, self._history.recent.creators
            return cur.CurBill(settings, tags, locate, engine, self._store, self._telemetry, creators, table.upload)
        return cloudtrail.CloudTrailLogs(_cloudtrail(self._config, settings), locate, engine, self._store, self._telemetry)

    def _cost_explorer(self, settings: CostExplorerSource, reach: aws.Aws) -> Source:
        self._telemetry.init_apis([API])
        requests = Requests(partial(aws.client, reach), settings.max_requests_per_day, self._store, self._telemetry, self._clock)
        tags, engine = self._config.attribution.owner_tags, self._engine(cost_explorer.NAME)
        return cost_explorer.CostExplorer(settings, tags, self._nobodies, requests, engine, self._store, self._telemetry)

    def _engine(self, source: str) -> Engine:
        """DuckDB counts its memory: there is one. Athena: one for each account, region and role in which sources run their queries."""
        on_athena = source in self._config.sources.queried() and self._config.engine_for(source) == "athena"
        reach = self._config.query_aws_for(source) if on_athena else None
        if reach not in self._engines:
            self._engines[reach] = DuckDBEngine(self._config.athena.timeout) if reach is None else self._athena(reach)
        return self._engines[reach]

    def _athena(self, reach: aws.Aws) -> Engine:
        from exporter.engines.athena import AthenaEngine  # brings boto3, which takes half a second that a start without AWS does not pay

        return AthenaEngine(self._config.athena, partial(aws.client, reach), self._telemetry, self._places)


def _cloudtrail(config: Config, settings: CloudTrailSource) -> CloudTrailSettings:
    patterns = config.people.patterns
    return CloudTrailSettings(
        accounts=settings.accounts,
        include_data_events=settings.include_data_events,
        history=settings.history,
        max_age=settings.max_age,
        table=settings.table,
        person_session=(patterns.person_session,),
        service_user=patterns.service_user,
        human_identity_providers=patterns.human_identity_providers,
        sensitive_events=tuple(SensitiveEvent(event.category, event.source, event.event, event.when) for event in config.usage.sensitive_events),
    )


def reads(config: Config) -> tuple[object, ...]:
    """What the refreshes depend on: where it is the same in two configs, those of one do for the other."""
    return (
        config.sources,
        config.aws,
        config.athena,
        config.engine,
        config.kiro.ignore_before,
        config.people.patterns,
        config.usage.sensitive_events,
        config.attribution.owner_tags,
    )
