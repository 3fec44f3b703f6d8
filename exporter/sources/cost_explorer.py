"""The bill from the Cost Explorer API: who pays by tags and accounts, within a daily budget of requests.

Two groups a request is the most that the API takes, so mechanisms cascade: what has the first owner tag, of the rest what has the next one, then
aws:createdBy, then the accounts of the rest; each by service. A value that names nobody falls through: the next steps ask for its cost as well. When it
names somebody later, its days are read again. The whole bill by record type and service is asked for too: what the cascade leaves over stays in it
without an identity. Regions would take the whole cascade a second time, and could not be joined with services: only the other bill has them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

import msgspec

from exporter.config import CostExplorerSource as Settings
from exporter.engines import Engine, Relation, statement
from exporter.errors import UserError
from exporter.facts.store import Store
from exporter.model import ArrowStream, DayRange, FactBatch, day_start
from exporter.sources import cost_explorer_plan as plan
from exporter.sources.cost_explorer_answers import COLUMNS, Answer, Part, Row, currency_of, facts, has_values, of_accounts, of_tag, read
from exporter.sources.cost_explorer_names import Fallen, Judged, Nobodies, named_by_now, without_forgotten
from exporter.sources.cost_explorer_plan import Pages, Question
from exporter.sources.cost_explorer_requests import Requests, Spent
from exporter.sources.rejections import reject
from exporter.telemetry import Telemetry
from exporter.windows import Landed, recent

log = logging.getLogger(__name__)

NAME = "cost_explorer"

_FACT = statement("facts/cost_explorer")
_DAY = timedelta(days=1)
_UNEXPECTED = Decimal("0.01")
"""How far the parts of a day may be off the whole without a word: each amount is rounded by the API."""


class CostExplorerState(msgspec.Struct, frozen=True):
    """What the source remembers. Every day from `first` to `through` has been read.

    `asked` is what the facts depend on, `read` when the newest day was read, `newest` the newest day with usage. `unsettled` days may be restated;
    `reviewed` is the UTC day on which all of them were last read. `longest` is how many days one reading may cover, `pages` what questions took.
    """

    asked: tuple[str, ...] = ()
    first: date | None = None
    through: date | None = None
    newest: date | None = None
    read: datetime | None = None
    refreshed: datetime | None = None
    reviewed: date | None = None
    unsettled: tuple[date, ...] = ()
    reopened: tuple[date, ...] = ()
    longest: int = plan.LONGEST_SPAN
    pages: dict[str, Pages] = {}
    fallen: dict[date, tuple[Fallen, ...] | None] = {}
    """By day, values that named nobody when it was read; None: nobody was known then."""


class CostExplorer:
    """Cost Explorer as a source of facts. Holds what it remembers; one refresh at a time."""

    name = NAME

    def __init__(
        self, settings: Settings, owner_tags: Sequence[str], nobodies: Nobodies, requests: Requests, engine: Engine, store: Store, telemetry: Telemetry
    ) -> None:
        """`engine` is the embedded one. With another metric or other tags than those of the stored facts, the first load begins again."""
        self._settings = settings
        self._owner_tags = tuple(owner_tags)
        self._nobodies = nobodies
        self._requests = requests
        self._engine = engine
        self._store = store
        self._telemetry = telemetry
        asked = (settings.metric, *self._owner_tags)
        state = store.state(NAME, CostExplorerState)
        self._state = state if state is not None and state.asked == asked else CostExplorerState(asked)
        self._refresh: _Refresh | None = None

    def due(self, now: datetime, step: Callable[[], None]) -> Sequence[date]:
        """See `Source.due`. The clock and the budget decide; nothing is asked yet. Each day returned begins a span that is read at once."""
        step()
        self._requests.forget()
        today, left = now.date(), self._requests.left()
        oldest, yesterday = today - self._settings.history, today - _DAY
        if self._state.through is not None and self._state.through < oldest - _DAY:
            self._save(msgspec.structs.replace(self._state, first=None, through=None, newest=None))
        if self._state.through is not None and self._state.through > yesterday:
            # A clock that was ahead has been set back; days until then are still to come.
            self._save(msgspec.structs.replace(self._state, through=yesterday))
        state = self._state
        unread = DayRange(oldest if state.through is None else state.through + _DAY, yesterday)
        loading = state.through is None or len(unread) > plan.NEWEST_DAYS
        needed = {*unread, *state.reopened, *self._known(DayRange(yesterday - _DAY * (plan.NEWEST_DAYS - 1), yesterday))}
        wanted = set(needed)
        if not loading:
            wanted |= self._known(named_by_now(state.fallen, self._nobodies))
            wanted |= set() if state.reviewed == today else self._open(today)
        spans = plan.spans(wanted, state.longest)
        planned = self._fitting(spans, left, cut=loading)
        if planned != spans and wanted != needed:
            log.warning("too few requests are left for all open days; only the newest are read", extra={"fields": {"source": NAME, "left": left}})
            spans = plan.spans(needed, state.longest)
            planned = self._fitting(spans, left, cut=False)
        if planned != spans:
            if not loading or (not planned and left == self._settings.max_requests_per_day):
                raise UserError(self._too_few(left))
            self._tell_later(left)
        self._refresh = _Refresh(now, step, loading, {span.first: span for span in planned}, is_told=planned != spans)
        return [span.first for span in planned]

    def read(self, day: date) -> FactBatch:
        """See `Source.read`. The batch holds every day of the span that the answer speaks of; none when the budget of a first load is used up."""
        refresh = self._running()
        span, left = refresh.spans[day], self._requests.left()
        if refresh.is_over or (refresh.loading and plan.expected_requests(len(span), self._owner_tags, self._state.pages) > left):
            # What was read before has told more than was known when this was planned. Days go in order.
            return self._later(refresh, left)
        try:
            reading = self._ask(span, refresh)
        except Spent as spent:
            if not refresh.loading or (len(span) == 1 and left == self._settings.max_requests_per_day):
                raise UserError(self._too_few(left)) from spent
            # What was begun is asked again, for fewer days.
            self._save(msgspec.structs.replace(self._state, longest=max(1, len(span) // 2)))
            return self._later(refresh, 0)
        refresh.readings[day] = reading
        return FactBatch(NAME, tuple(sorted(reading.days)), self._summed(reading.rows), whole=True)

    def keep(self, day: date) -> None:
        """See `Source.keep`."""
        refresh, state = self._running(), self._state
        reading = refresh.readings.pop(day, None)
        if reading is None or not reading.days:
            return
        refresh.kept |= reading.days
        run = plan.spans(reading.days, len(reading.days))[0]
        first, through = state.first, state.through
        if first is None or through is None:
            first, through = run.first, run.last
        elif run.first <= through + _DAY and run.last >= first - _DAY:
            first, through = min(first, run.first), max(through, run.last)
        pages = {name: count for name, count in reading.pages.items() if name not in state.pages or count.days >= state.pages[name].days}
        self._save(
            msgspec.structs.replace(
                state,
                first=first,
                through=through,
                newest=max([*reading.used, *([state.newest] if state.newest else [])], default=None),
                read=refresh.now,
                fallen=self._fallen(reading, refresh.now.date()),
                unsettled=plan.still_unsettled(refresh.now.date(), reading.days, reading.estimated, state.unsettled),
                reopened=tuple(other for other in state.reopened if other not in reading.days),
                longest=plan.LONGEST_SPAN,
                pages={**state.pages, **pages},
            )
        )

    def done(self, now: datetime) -> None:
        """See `Source.done`."""
        reviewed = now.date() if self._open(now.date()) <= self._running().kept else self._state.reviewed
        self._save(msgspec.structs.replace(self._state, refreshed=now, reviewed=reviewed))
        self._requests.forget()
        self._refresh = None

    def reopen(self, days: Sequence[date]) -> None:
        """See `Source.reopen`."""
        self._save(msgspec.structs.replace(self._state, reopened=tuple(sorted({*self._state.reopened, *days}))))

    def refreshed(self) -> datetime | None:
        """See `Source.refreshed`."""
        return self._state.refreshed

    def holds(self) -> Iterable[date]:
        """See `Source.holds`: a day that an answer left out, which is not known, has no file, and is asked for once more after a restart."""
        return self.landed().days or ()

    def landed(self) -> Landed:
        """A day has landed when usage of that day or of a later one was returned, or the answer came `lands_by` after its end."""
        state, max_age = self._state, self._settings.max_age
        if state.first is None or state.through is None or state.read is None:
            return Landed(None, max_age)
        by_time = (state.read - self._settings.lands_by).date() - _DAY
        last = min(state.through, max(by_time, state.newest or date.min))
        return Landed(DayRange(state.first, last) if last >= state.first else None, max_age)

    def _fallen(self, reading: _Reading, today: date) -> dict[date, tuple[Fallen, ...] | None]:
        """What has fallen through by day, of the days that windows reach."""
        found = {day: fallen for day, fallen in self._state.fallen.items() if day not in reading.days and day >= recent(day_start(today)).first}
        if not reading.is_judged:
            return {**found, **dict.fromkeys(reading.days)}
        by_day: dict[date, set[Fallen]] = {}
        for day, fallen in reading.fallen:
            by_day.setdefault(day, set()).add(fallen)
        return without_forgotten({**found, **{day: tuple(sorted(values)) for day, values in by_day.items()}}, self._store.forgotten)

    def _known(self, days: Iterable[date]) -> set[date]:
        """Those of the days that have been read before."""
        state = self._state
        return {day for day in days if state.first is not None and state.through is not None and state.first <= day <= state.through}

    def _open(self, today: date) -> set[date]:
        """The days that have been read and may be restated."""
        return self._known(plan.open_days(today, self._state.unsettled))

    def _fitting(self, spans: Sequence[DayRange], left: int, cut: bool) -> list[DayRange]:
        return list(plan.fitting(spans, left, self._owner_tags, self._state.pages, cut))

    def _ask(self, span: DayRange, refresh: _Refresh) -> _Reading:
        """Everything about a span: the whole, the cascade over usage, and the accounts of every other charge."""
        reading = _Reading()
        whole = self._answer(plan.WHOLE, span, refresh, reading)
        if whole.rejections:
            raise UserError(f"Cost Explorer answered with amounts that this version cannot read ({whole.rejections[0].detail}); upgrade the exporter.")
        record_types: dict[str, set[str]] = {}
        for group in whole.groups:
            record_types.setdefault(plan.charge_of(group.values[0]), set()).add(group.values[0])
        parts: list[Part] = []
        for charge in sorted(record_types):
            filters = [plan.of_record_types(record_types[charge])]
            for tag in (*self._owner_tags, plan.CREATED_BY) if charge == plan.USAGE else ():
                by_service, by_account = self._answer(plan.by_tag(tag, filters), span, refresh, reading), Answer()
                if tag == plan.CREATED_BY and has_values(by_service):
                    # Of which account an IAM user is, the tag does not say.
                    by_account = self._answer(plan.accounts_of_tag(tag, filters), span, refresh, reading)
                judged = Judged.of(of_tag(charge, by_service, by_account, created_by=tag == plan.CREATED_BY), self._nobodies)
                parts.extend(judged.kept)
                reading.fallen.extend(judged.fallen)
                reading.is_judged &= judged.is_judged
                filters.append(plan.passed_on(tag, judged.values))
            parts.extend(of_accounts(charge, self._answer(plan.by_account(charge, filters), span, refresh, reading)))
        reading.rows, off = facts(whole, parts, currency_of(reading.answers))
        reading.days = {day for day in whole.days if day in span}
        reading.estimated = whole.estimated
        reading.used = {group.day for group in whole.groups if plan.charge_of(group.values[0]) == plan.USAGE}
        if missing := len(span) - len(reading.days):
            log.warning("Cost Explorer left out days", extra={"fields": {"source": NAME, "first": span.first.isoformat(), "days": missing}})
        for day, amount in sorted(off.items()):
            if amount > _UNEXPECTED:
                fields = {"source": NAME, "day": day.isoformat(), "amount": f"{amount:f}"}
                log.warning("the parts of a day do not add up to its bill; the difference has no identity", extra={"fields": fields})
        for answer in reading.answers:
            reject(self._telemetry, NAME, answer.rejections)
        return reading

    def _answer(self, question: Question, span: DayRange, refresh: _Refresh, reading: _Reading) -> Answer:
        pages = self._requests.pages(question.request(span, self._settings.metric), refresh.step)
        reading.pages[question.name] = Pages(len(pages), len(span))
        answer = read(question, self._settings.metric, pages)
        reading.answers.append(answer)
        return answer

    def _summed(self, rows: Sequence[Row]) -> ArrowStream:
        return self._engine.query(_FACT, (), (Relation("cost_explorer", COLUMNS, rows=rows),))

    def _too_few(self, left: int) -> str:
        return (
            f"sources.cost_explorer.max_requests_per_day ({self._settings.max_requests_per_day}, {left} were left) is too few for this bill; "
            "raise it, refresh less often, or use the source cur. It goes on at 00:00 UTC."
        )

    def _later(self, refresh: _Refresh, left: int) -> FactBatch:
        """A batch of no day."""
        refresh.is_over = True
        if not refresh.is_told:
            refresh.is_told = True
            self._tell_later(left)
        return FactBatch(NAME, (), self._summed([]), whole=True)

    def _tell_later(self, left: int) -> None:
        log.warning("days that are still unread wait for the requests of the next UTC day", extra={"fields": {"source": NAME, "left": left}})

    def _running(self) -> _Refresh:
        if self._refresh is None:
            raise RuntimeError("read and keep follow due")
        return self._refresh

    def _save(self, state: CostExplorerState) -> None:
        self._store.save_state(NAME, state)
        self._state = state


@dataclass(slots=True)
class _Refresh:
    """A running refresh: what it set out to read, and what it has read and not kept yet."""

    now: datetime
    step: Callable[[], None]
    loading: bool
    """Whether days are missing that no refresh has read yet: then it may go on tomorrow."""
    spans: dict[date, DayRange]
    readings: dict[date, _Reading] = field(default_factory=dict)
    kept: set[date] = field(default_factory=set)
    is_over: bool = False
    """Whether a span waits for the next day, and with it all that follow."""
    is_told: bool = False


@dataclass(slots=True)
class _Reading:
    """What was read of a span."""

    rows: list[Row] = field(default_factory=list)
    days: set[date] = field(default_factory=set)
    estimated: set[date] = field(default_factory=set)
    used: set[date] = field(default_factory=set)
    answers: list[Answer] = field(default_factory=list)
    pages: dict[str, Pages] = field(default_factory=dict)
    fallen: list[tuple[date, Fallen]] = field(default_factory=list)
    is_judged: bool = True
