"""The exporter's metrics about itself: what it did, when, with what result and at what price."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

PREFIX = "aws_user_exporter_"

Samples = dict[tuple[str, ...], float]

# not annotated in prometheus_client 0.26
_generate_openmetrics: Callable[[Collector], bytes] = openmetrics.generate_latest


class Published(Protocol):
    """What `Telemetry.publish` reads of a snapshot."""

    @property
    def plain_bytes(self) -> int: ...
    @property
    def gzip_bytes(self) -> int: ...
    @property
    def series(self) -> Mapping[str, int]: ...
    @property
    def folded(self) -> Mapping[str, int]: ...
    @property
    def limit_step(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Definition:
    """One self-metric. `name` has no prefix, and for a counter no `_total`, which the formats add."""

    name: str
    kind: Literal["gauge", "counter"]
    help: str
    labels: tuple[str, ...] = ()


def _gauge(name: str, help: str, *labels: str) -> Definition:
    return Definition(name, "gauge", help, labels)


def _counter(name: str, help: str, *labels: str) -> Definition:
    return Definition(name, "counter", help, labels)


DEFINITIONS: tuple[Definition, ...] = (
    _gauge("build_info", "1, labelled with what runs: version, source revision and engine.", "version", "revision", "engine"),
    _gauge("config_last_reload_successful", "1 if the newest attempt to load the config worked, 0 if the config before it was kept."),
    _gauge("config_last_reload_success_timestamp_seconds", "When a config was last loaded without errors, Unix time."),
    _gauge("web_config_last_reload_successful", "1 if the newest version of the web config file holds, 0 if the one before was kept; absent without one."),
    _gauge("source_up", "1 if the newest refresh of the source worked, 0 if it failed; absent until one has ended since the start.", "source"),
    _gauge("source_last_success_timestamp_seconds", "When the newest successful refresh of the source ended, Unix time.", "source"),
    _gauge("source_last_attempt_timestamp_seconds", "When the newest refresh of the source began, Unix time.", "source"),
    _gauge("source_next_refresh_timestamp_seconds", "When the schedule refreshes the source next, Unix time.", "source"),
    _gauge("source_data_timestamp_seconds", "End of the newest UTC day of the source that has landed, Unix time.", "source"),
    _gauge("source_first_data_timestamp_seconds", "Start of the oldest UTC day of the source in the store, Unix time.", "source"),
    _gauge("source_window_landed", "UTC days of the window that have landed for the source.", "source", "window"),
    _gauge("source_refresh_duration_seconds", "How long the newest refresh of the source took, successful or not, in seconds.", "source"),
    _counter("source_refreshes", "Refreshes of the source that were begun since the start.", "source"),
    _counter("source_refresh_failures", "Refreshes of the source that failed since the start, retries included in one.", "source"),
    _gauge("source_rows", "Rows that the newest successful refresh read from the source.", "source"),
    _gauge("source_partitions", "UTC days of the source in the store.", "source"),
    _counter("source_rejected_rows", "Files, rows and values that were left out since the start; the log says where they stand.", "source", "reason"),
    _gauge("source_unknown_columns", "Columns of the source's newest reports that this version does not know and leaves out.", "source"),
    _gauge("unresolved_identities", "Human identities of the source that match nobody and became people under their own name.", "source"),
    _gauge("user_collisions", "People whose name was already taken and who carry their short id in the label user."),
    _counter("athena_queries", "Athena queries that were started since the start."),
    _counter("athena_bytes_scanned", "Bytes that Athena reported as scanned since the start."),
    _counter("athena_queue_seconds", "Seconds that queries waited in Athena's queue since the start."),
    _counter("athena_engine_seconds", "Seconds that Athena's engine worked on queries since the start."),
    _counter("api_requests", "Requests to AWS APIs since the start, retries included.", "api"),
    _counter("aws_spend_usd", "Estimated cost in US dollars, at list price, of what the exporter asked of AWS since the start.", "api"),
    _gauge("series", "Series in the snapshot that is served.", "family"),
    _gauge("series_folded", "Series that limits.max_series and its companions summed into _other or left out of the snapshot.", "family"),
    _gauge("series_limit_step", "How many of the documented steps the series limits had to take; 0 = none."),
    _gauge("snapshot_timestamp_seconds", "When the snapshot that is served was rendered, Unix time."),
    _gauge("snapshot_bytes", "Size of the snapshot that is served, in bytes, without these metrics about the exporter.", "encoding"),
)


class Telemetry(Collector):
    """Holds and renders the self-metrics. Every method may be called from any thread; a scrape sees all or nothing of one call.

    Times are aware datetimes; a naive one raises ValueError. The text is rendered when something changed, not at every scrape: a scrape
    of 100,000 ready series takes less time than prometheus_client needs for the few hundred of these. Only `process_*` is read live.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, Samples] = {definition.name: {} for definition in DEFINITIONS}
        self._rendered: dict[bool, bytes] = {}
        for definition in DEFINITIONS:
            if definition.kind == "counter" and not definition.labels:
                self._values[definition.name][()] = 0.0
        self._process = ProcessCollector(registry=None)
        self.registry = CollectorRegistry()
        """All of it for whoever wants to read single values: `registry.get_sample_value(name, labels)`."""
        self.registry.register(self)
        self.registry.register(self._process)

    # What happened, told by the other modules

    def build(self, version: str, revision: str, engine: str) -> None:
        """What runs. Replaces what was told before, as a reload may change the engine."""
        self._replace("build_info", {(version, revision, engine): 1.0})

    def config_loaded(self, at: datetime) -> None:
        """A config was accepted, at the start or by a reload."""
        with self._change() as values:
            values["config_last_reload_successful"] = {(): 1.0}
            values["config_last_reload_success_timestamp_seconds"] = {(): _unix(at)}

    def config_rejected(self) -> None:
        """A reload failed; the config before it goes on."""
        self._replace("config_last_reload_successful", {(): 0.0})

    def web_config(self, *, loaded: bool) -> None:
        """The file of --web.config.file has a new version, and it was taken or refused."""
        self._replace("web_config_last_reload_successful", {(): float(loaded)})

    def init_source(self, source: str, reasons: Iterable[str] = (), last_success: datetime | None = None) -> None:
        """Counters of a source at 0, for every reason of rejection that can be known; those that count already stay.

        `last_success`: of an earlier run, where the store knows it.
        """
        with self._change() as values:
            for counter in ("source_refreshes", "source_refresh_failures"):
                values[counter].setdefault((source,), 0.0)
            for reason in reasons:
                values["source_rejected_rows"].setdefault((source, reason), 0.0)
            if last_success is not None:
                values["source_last_success_timestamp_seconds"].setdefault((source,), _unix(last_success))

    def drop_source(self, source: str) -> None:
        """Every series of a source that a reload switched off."""
        with self._change() as values:
            for definition in DEFINITIONS:
                if definition.labels[:1] == ("source",):
                    values[definition.name] = {labels: value for labels, value in values[definition.name].items() if labels[0] != source}

    def scheduled(self, source: str, at: datetime | None) -> None:
        """When the source refreshes next; None: never by itself."""
        with self._change() as values:
            _put(values["source_next_refresh_timestamp_seconds"], (source,), at)

    def attempt(self, source: str, at: datetime) -> None:
        """A refresh begins."""
        with self._change() as values:
            _add(values["source_refreshes"], (source,), 1)
            _put(values["source_last_attempt_timestamp_seconds"], (source,), at)

    def success(self, source: str, at: datetime, duration: float, rows: int) -> None:
        """A refresh ended well, `duration` seconds after it began, and had read `rows` rows."""
        with self._change() as values:
            values["source_up"][(source,)] = 1.0
            _put(values["source_last_success_timestamp_seconds"], (source,), at)
            values["source_refresh_duration_seconds"][(source,)] = duration
            values["source_rows"][(source,)] = rows

    def failure(self, source: str, duration: float) -> None:
        """A refresh was given up, `duration` seconds after it began."""
        with self._change() as values:
            values["source_up"][(source,)] = 0.0
            values["source_refresh_duration_seconds"][(source,)] = duration
            _add(values["source_refresh_failures"], (source,), 1)

    def rejected(self, source: str, reason: str, count: int = 1) -> None:
        """Files, rows or values were left out."""
        with self._change() as values:
            _add(values["source_rejected_rows"], (source, reason), count)

    def landed(self, source: str, *, first: datetime | None, end: datetime | None, windows: Mapping[str, int], partitions: int) -> None:
        """Start of the oldest stored day, end of the newest landed day (None: nothing yet), landed days by window, stored days."""
        with self._change() as values:
            _put(values["source_first_data_timestamp_seconds"], (source,), first)
            _put(values["source_data_timestamp_seconds"], (source,), end)
            others = {labels: value for labels, value in values["source_window_landed"].items() if labels[0] != source}
            values["source_window_landed"] = others | {(source, window): float(days) for window, days in windows.items()}
            values["source_partitions"][(source,)] = partitions

    def unknown_columns(self, source: str, count: int) -> None:
        """Columns of the newest reports that nothing reads."""
        with self._change() as values:
            values["source_unknown_columns"][(source,)] = count

    def people(self, unresolved: Mapping[str, int], collisions: int) -> None:
        """How the identities were resolved: unmatched ones by source, and people whose name was taken."""
        with self._change() as values:
            values["unresolved_identities"] = {(source,): float(count) for source, count in unresolved.items()}
            values["user_collisions"] = {(): float(collisions)}

    def init_apis(self, apis: Iterable[str]) -> None:
        """Counters of the AWS APIs in use at 0; those that count already stay."""
        with self._change() as values:
            for api in apis:
                values["api_requests"].setdefault((api,), 0.0)
                values["aws_spend_usd"].setdefault((api,), 0.0)

    def api_request(self, api: str, spend_usd: float = 0.0, count: int = 1) -> None:
        """Requests were sent to AWS and cost about `spend_usd` together."""
        with self._change() as values:
            _add(values["api_requests"], (api,), count)
            _add(values["aws_spend_usd"], (api,), spend_usd)

    def athena_query(self) -> None:
        """A query was started."""
        with self._change() as values:
            _add(values["athena_queries"], (), 1)

    def athena_ended(self, scanned_bytes: int, spend_usd: float, *, queue_seconds: float = 0.0, engine_seconds: float = 0.0) -> None:
        """A query ended, cancelled ones too, and Athena says what it scanned and how long it waited and worked."""
        with self._change() as values:
            _add(values["athena_bytes_scanned"], (), scanned_bytes)
            _add(values["athena_queue_seconds"], (), queue_seconds)
            _add(values["athena_engine_seconds"], (), engine_seconds)
            _add(values["aws_spend_usd"], ("athena",), spend_usd)

    def publish(self, snapshot: Published, at: datetime) -> None:
        """A snapshot that was rendered at `at` is served from now on."""
        with self._change() as values:
            values["series"] = {(family,): float(count) for family, count in snapshot.series.items()}
            values["series_folded"] = {(family,): float(count) for family, count in snapshot.folded.items()}
            values["series_limit_step"] = {(): float(snapshot.limit_step)}
            values["snapshot_timestamp_seconds"] = {(): _unix(at)}
            values["snapshot_bytes"] = {("identity",): float(snapshot.plain_bytes), ("gzip",): float(snapshot.gzip_bytes)}

    # What a scrape reads

    def exposition(self, openmetrics: bool) -> bytes:
        """The self-metrics as text 0.0.4 or OpenMetrics 1.0, both UTF-8; without `# EOF`, which belongs to the end of the whole body."""
        with self._lock:
            body = self._rendered.get(openmetrics)
            if body is None:
                body = self._rendered[openmetrics] = _render(_Ready(self._families()), openmetrics)
        return body + _render(self._process, openmetrics)

    def collect(self) -> Iterator[Metric]:
        """The `aws_user_exporter_` families at one moment, for prometheus_client."""
        with self._lock:
            families = self._families()
        yield from families

    # How it is kept

    @contextmanager
    def _change(self) -> Iterator[dict[str, Samples]]:
        with self._lock:
            self._rendered.clear()
            yield self._values

    def _replace(self, name: str, samples: Samples) -> None:
        with self._change() as values:
            values[name] = samples

    def _families(self) -> list[Metric]:
        return [_family(definition, self._values[definition.name]) for definition in DEFINITIONS if self._values[definition.name]]


class _Ready(Collector):
    """Families that were collected already."""

    def __init__(self, families: list[Metric]) -> None:
        self._collected = families

    def collect(self) -> list[Metric]:
        return self._collected


def _render(collector: Collector, openmetrics: bool) -> bytes:
    return _generate_openmetrics(collector).removesuffix(b"# EOF\n") if openmetrics else generate_latest(collector)


def _family(definition: Definition, samples: Samples) -> Metric:
    family = (CounterMetricFamily if definition.kind == "counter" else GaugeMetricFamily)(PREFIX + definition.name, definition.help, labels=definition.labels)
    for labels in sorted(samples):
        family.add_metric([_encodable(label) for label in labels], samples[labels])
    return family


def _encodable(label: str) -> str:
    # a lone surrogate, as in an environment variable of undecodable bytes, would fail every scrape from then on
    return label.encode("utf-8", "replace").decode("utf-8")


def _add(samples: Samples, labels: tuple[str, ...], amount: float) -> None:
    samples[labels] = samples.get(labels, 0.0) + amount


def _put(samples: Samples, labels: tuple[str, ...], at: datetime | None) -> None:
    if at is None:
        samples.pop(labels, None)
    else:
        samples[labels] = _unix(at)


def _unix(at: datetime) -> float:
    if at.tzinfo is None:
        raise ValueError(f"a self-metric was given the naive time {at}: pass an aware one")
    return at.timestamp()
