"""Puts a snapshot together from what the service holds, and remembers between snapshots what the next one must know."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import msgspec

from exporter.config import Config
from exporter.errors import UserError
from exporter.facts import directory
from exporter.facts.history import History
from exporter.facts.store import Store
from exporter.model import Snapshot
from exporter.people import Entry, Person, people_file
from exporter.people.attribution import Candidate, Rules, attribute
from exporter.people.people_file import PeopleFile
from exporter.people.remembered import KNOWN, STANDINGS, Known, Standings, meet
from exporter.resolved import Resolver, published
from exporter.snapshots import building
from exporter.snapshots.folding import Standing
from exporter.snapshots.kiro_overage import Overage
from exporter.snapshots.people import PeopledSnapshot, SnapshotPeople
from exporter.sources.rejections import reject
from exporter.telemetry import Telemetry
from exporter.windows import Landed, with_bill

log = logging.getLogger(__name__)


class Assembly:
    """Builds snapshots, one at a time. `take` swaps config and people in between two of them."""

    def __init__(self, store: Store, history: History, telemetry: Telemetry, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._history = history
        self._telemetry = telemetry
        self._clock = clock
        self._inputs: tuple[Config, tuple[Entry, ...], str] | None = None
        self._known = (store.recall(KNOWN, Known) or Known({})).since
        kept = store.recall(STANDINGS, Standings) or Standings({})
        self._standings = {name: Standing(*standing) for name, standing in kept.groups.items()}
        self._resolver = Resolver()
        self._met: tuple[Sequence[Person], dict[str, int]] | None = None
        self._overage: Overage | None = None
        self._people: SnapshotPeople | None = None

    def take(self, config: Config, entries: tuple[Entry, ...], key: str = "") -> None:
        """The config and the people from which the next snapshots are built, and their key, with which these are kept."""
        self._inputs = (config, entries, key)

    def build(self, moment: datetime, landed: Mapping[str, Landed]) -> Snapshot | None:
        """The snapshot of a moment; None as long as nothing has landed."""
        if self._inputs is None or all(state.days is None for state in landed.values()):
            return None
        config, entries, key = self._inputs
        self._history.advance(moment)
        facts = self._history.recent
        everybody = self._resolver.resolved(config, directory.stored(self._store), entries, self._store, facts)
        people = published(config).of(everybody)
        self._telemetry.people({source: people.unresolved.get(source, 0) for source in landed}, people.collisions)
        known_since = self._meet(everybody.persons)
        landed = with_bill(landed, config.paying)
        built = building.build(facts, people, known_since, config, landed, self._standings, moment)
        self._keep(built)
        return self._peopled(replace(built.snapshot, key=key), SnapshotPeople(facts, people, known_since, config, landed, moment))

    def nobodies(self, candidates: Sequence[Candidate]) -> frozenset[int] | None:
        """Those of the candidates whom no tag gives to a person today, by number; None while it is not known who there is."""
        if self._inputs is None:
            return None
        config, entries, _ = self._inputs
        stored = directory.stored(self._store)
        if stored is None and config.sources.identity_center is not None:
            return None
        people = self._resolver.resolved(config, stored, entries, self._store, self._history.recent)
        order = [method for method in config.attribution.order if method in ("owner_tag", "created_by_tag")]
        given = attribute(candidates, order, people, {}, False, Rules.of(config.people.patterns))
        return frozenset(one.candidate for one in given if one.person is None) if people.persons else None

    def _peopled(self, built: Snapshot, people: SnapshotPeople) -> Snapshot:
        if self._people is not None and self._people.asked:
            # Who asks of one snapshot asks of the next as well, and should not have to wait again.
            try:
                people.prepare()
            except Exception:
                log.exception("the people of a snapshot could not be made ready; the first to ask of them tries again")
        self._people = people
        return PeopledSnapshot.of(built, people)

    def _meet(self, persons: Sequence[Person]) -> dict[str, int]:
        if self._met is not None and self._met[0] is persons:
            return self._met[1]
        by_user, known = meet(self._known, persons, int(self._clock().timestamp()))
        if known != self._known:
            self._known = known
            self._remember(KNOWN, Known(known))
        self._met = (persons, by_user)
        return by_user

    def _keep(self, built: building.Built) -> None:
        if built.standings != self._standings:
            self._standings = built.standings
            self._remember(STANDINGS, Standings({name: (standing.ranked, standing.users) for name, standing in built.standings.items()}))
        if built.overage != self._overage:
            self._overage = built.overage
            log.info("overage", extra={"fields": {"reading": built.overage.sentence()}})

    def _remember(self, name: str, document: msgspec.Struct) -> None:
        try:
            self._store.remember(name, document)
        except UserError as error:
            # A full disk must not keep a snapshot from being served; the next change writes all of it again.
            log.error("what is known of people could not be remembered", extra={"fields": {"error": str(error)}})


def read_people(config: Config, telemetry: Telemetry) -> tuple[Entry, ...]:
    """The people of the people file, if there is one; what of it is left out is logged and counted. Raises UserError."""
    if config.people.file is None:
        return ()
    read: PeopleFile = people_file.read(config.people.file)
    # What is wrong with a row can be the name in it.
    hidden = config.privacy.user_label == "hash"
    reject(telemetry, people_file.SOURCE, [replace(one, detail="") if hidden else one for one in read.rejections])
    if read.unknown_columns:
        log.warning("the people file has columns that mean nothing here", extra={"fields": {"columns": ", ".join(sorted(read.unknown_columns))}})
    return read.entries
