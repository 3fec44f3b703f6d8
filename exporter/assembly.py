"""Puts a snapshot together from what the service holds, and remembers between snapshots what the next one must know."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import msgspec

from exporter import directory, people_file, snapshot
from exporter.config import Config
from exporter.directory import Directory
from exporter.errors import UserError
from exporter.folding import Standing
from exporter.history import History
from exporter.kiro_overage import Overage
from exporter.model import Snapshot
from exporter.people import Entry, joined, resolve
from exporter.people_file import PeopleFile
from exporter.privacy import Published
from exporter.store import Store
from exporter.telemetry import Telemetry
from exporter.windows import Landed

log = logging.getLogger(__name__)

_KNOWN = "people/known.json"
_STANDINGS = "people/standings.json"


class _Known(msgspec.Struct, frozen=True):
    """Since when each user is known, as Unix time."""

    since: dict[str, int]


class _Standings(msgspec.Struct, frozen=True):
    """By group: when its breakdowns were ranked, and who stands in them by name."""

    groups: dict[str, tuple[str, tuple[str, ...]]]


class Assembly:
    """Builds snapshots, one at a time. `take` swaps config and people in between two of them."""

    def __init__(self, store: Store, history: History, telemetry: Telemetry, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._history = history
        self._telemetry = telemetry
        self._clock = clock
        self._inputs: tuple[Config, tuple[Entry, ...]] | None = None
        self._known = dict((store.recall(_KNOWN, _Known) or _Known({})).since)
        kept = store.recall(_STANDINGS, _Standings) or _Standings({})
        self._standings = {name: Standing(*standing) for name, standing in kept.groups.items()}
        self._overage: Overage | None = None

    def take(self, config: Config, entries: tuple[Entry, ...]) -> None:
        """The config and the people from which the next snapshots are built."""
        self._inputs = (config, entries)

    def build(self, moment: datetime, landed: Mapping[str, Landed]) -> Snapshot | None:
        """The snapshot of a moment; None as long as nothing has landed."""
        if self._inputs is None or all(state.days is None for state in landed.values()):
            return None
        config, entries = self._inputs
        self._history.advance(moment)
        known = joined(_listed(directory.stored(self._store)), entries)
        facts = self._history.recent
        published = Published(config.privacy.user_label, config.privacy.hash_key or "", config.privacy.only_teams, config.privacy.exclude_users)
        people = published.of(resolve(known, facts.identities(), config.people.team, facts.links(), published.label))
        self._telemetry.people({source: people.unresolved.get(source, 0) for source in landed}, people.collisions)
        self._meet([person.user for person in people.persons])
        built = snapshot.build(self._history.recent, people, self._known, config, landed, self._standings, moment)
        self._keep(built)
        return built.snapshot

    def _meet(self, users: Sequence[str]) -> None:
        if new := [user for user in users if user not in self._known]:
            self._known.update(dict.fromkeys(new, int(self._clock().timestamp())))
            self._remember(_KNOWN, _Known(self._known))

    def _keep(self, built: snapshot.Built) -> None:
        if built.standings != self._standings:
            self._standings = built.standings
            self._remember(_STANDINGS, _Standings({name: (standing.ranked, standing.users) for name, standing in built.standings.items()}))
        if built.overage != self._overage:
            self._overage = built.overage
            log.info("overage", extra={"fields": {"reading": built.overage.sentence()}})

    def _remember(self, name: str, document: msgspec.Struct) -> None:
        try:
            self._store.remember(name, document)
        except UserError as error:
            # A full disk must not keep a snapshot from being served; the next change writes all of it again.
            log.error("what is known of people could not be remembered", extra={"fields": {"error": str(error)}})


def _listed(listed: Directory | None) -> list[Entry]:
    """The users of the directory as entries."""
    if listed is None:
        return []
    return [
        Entry(
            user=user.user_name,
            display_name=user.display_name,
            email=user.email,
            department=user.attributes.get("department", ""),
            aliases=(user.user_id,),
            attributes=user.attributes,
            groups=user.groups,
            status=user.status or "enabled",
            created=user.created,
        )
        for user in listed.users
    ]


def read_people(config: Config, telemetry: Telemetry) -> tuple[Entry, ...]:
    """The people of the people file, if there is one; what of it is left out is logged and counted. Raises UserError."""
    if config.people.file is None:
        return ()
    read: PeopleFile = people_file.read(config.people.file)
    for rejection in read.rejections:
        telemetry.rejected(people_file.SOURCE, rejection.reason)
        log.warning("rejected", extra={"fields": {"source": people_file.SOURCE, **rejection.fields()}})
    if read.unknown_columns:
        log.warning("the people file has columns that mean nothing here", extra={"fields": {"columns": ", ".join(sorted(read.unknown_columns))}})
    return read.entries
