"""What a person does with Kiro on each day of a month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from exporter.sample.attendance import days_at_work
from exporter.sample.draws import draws
from exporter.sample.organisation import PERIOD, KiroSeat, Person

OverageRelation = Literal["inside", "on_top"]

_UNIT = 10**12
"""Credits are counted in whole millionths of millionths, so that decimal sums of what is written are exact:
whoever is blocked stands at the limit, not near it."""
_LEAST = _UNIT // 20
"""The smallest day, and the smallest rest that is left for another day."""
_MODELS = (
    ("auto", date.min, 30),
    ("claude_sonnet_4", date.min, 4),
    ("claude_sonnet_4.5", date.min, 12),
    ("claude_haiku_4.5", date.min, 8),
    ("claude_opus_4.5", date.min, 6),
    ("claude_sonnet_4.6", date(2026, 3, 1), 12),
    ("claude_opus_4.6", date(2026, 3, 1), 6),
    ("qwen3_coder_next", date(2026, 4, 1), 3),
    ("glm_5", date(2026, 5, 1), 2),
    ("claude_opus_4.7", date(2026, 5, 1), 5),
    ("claude_opus_4.8", date(2026, 7, 1), 8),
    ("claude_opus_5", date(2026, 9, 1), 8),
    ("gpt_5.6_luna", date(2026, 10, 1), 2),
    ("gpt_5.6_sol", date(2026, 10, 1), 4),
    ("gpt_5.6_terra", date(2026, 10, 1), 3),
)
"""Names seen in real reports, the month from which they are used here, and how popular they are."""


@dataclass(frozen=True, slots=True)
class ClientDay:
    """A person's day in one client. `models` adds up to `messages`."""

    client: str
    conversations: int
    credits: float
    """As `Credits_Used` says it: with or without the overage, by the relation."""
    overage: float
    messages: int
    models: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class PersonDay:
    """What a person did with Kiro on one day."""

    new_user: bool
    mail: Literal["usual", "other_domain", "empty"]
    """How reports spell the mail on this day, where quirks are asked for."""
    clients: tuple[ClientDay, ...]


class KiroMonth:
    """One person's calendar month. Ask for its days in order, from the first on: what is left of the included credits depends on the days before.

    Days that are not asked for (a day on which Kiro was down) consume nothing.
    """

    __slots__ = ("_average", "_id", "_included", "_limit", "_models", "_person", "_relation", "_seat", "_used", "_working")

    def __init__(self, person: Person, seat: KiroSeat, month: date, relation: OverageRelation) -> None:
        draw = draws(f"{person.identity_center_id}/{month:%Y-%m}").__next__
        account = person.team.account
        self._person, self._seat, self._relation = person, seat, relation
        self._id = person.identity_center_id
        self._used = 0
        self._included = seat.included_credits * _UNIT
        self._limit = self._included + (int(seat.overage_cap(account)) * _UNIT if account.overage_enabled else 0)
        self._models = _favourites(month, draw(), draw(), draw())
        mood, elsewhere = draw(), draw()
        self._average = seat.included_credits * seat.appetite / 20 * (0.6 + 0.8 * mood)
        # A month in another project, without Kiro, now and then.
        self._working = 0 if elsewhere < 0.04 and seat.use == "regular" else days_at_work(person, month)

    def day(self, day: date) -> PersonDay | None:
        """What the person did on a day of this month, or None for nothing."""
        seat, person = self._seat, self._person
        if not seat.since <= day <= person.left or seat.use == "never":
            return None
        draw = draws(f"{self._id}/{day.toordinal()}").__next__
        working = bool(self._working >> day.day & 1)
        periodic = seat.use == "periodic"
        due = day == seat.since or (periodic and day.weekday() == 0 and (day.toordinal() // 7 + person.position) % PERIOD == 0)
        chance = 0.0 if periodic else 0.025 if seat.use == "rare" else seat.presence
        if not working:
            chance *= 0.2 if seat.use == "heavy" else 0.05
        remaining = self._limit - self._used
        if not remaining or (draw() >= chance and not due):
            return None
        # Three uniform factors with mean 1: mostly less than the average, sometimes four times as much.
        wanted = int(self._average * (0.4 + 1.2 * draw()) * (0.4 + 1.2 * draw()) * (0.4 + 1.2 * draw()) * (1.0 if working else 0.5) * _UNIT)
        amount = max(wanted, _LEAST)
        if remaining - amount < _LEAST:
            amount = remaining
        spelling, absent = draw(), int(draw() * 4)
        clients = [client for index, client in enumerate(seat.clients) if index != absent or len(seat.clients) == 1]
        weights = [0.25 + draw() for _ in clients]
        shares = [int(amount * (weight / sum(weights))) for weight in weights[1:]]
        shares.append(amount - sum(shares))
        return PersonDay(
            new_user=day == seat.since,
            mail="empty" if spelling < 0.02 else "other_domain" if spelling < 0.05 else "usual",
            clients=tuple(self._client_day(client, share, draw(), draw(), draw()) for client, share in zip(clients, shares, strict=True)),
        )

    def _client_day(self, client: str, units: int, thrift: float, length: float, mix: float) -> ClientDay:
        before, self._used = self._used, self._used + units
        overage = max(0, self._used - self._included) - max(0, before - self._included)
        messages = max(1, round(units / _UNIT / (self._seat.credits_per_message * (0.6 + 0.8 * thrift))))
        favourite, second, third = self._models
        most = messages - int(messages * mix * 0.6)
        more = (messages - most) * 3 // 4
        models: dict[str, int] = {}
        for model, count in ((favourite, most), (second, more), (third, messages - most - more)):
            if count:
                models[model] = models.get(model, 0) + count
        return ClientDay(
            client=client,
            conversations=max(1, int(messages / (6 + 14 * length))),
            credits=(units if self._relation == "inside" else units - overage) / _UNIT,
            overage=overage / _UNIT,
            messages=messages,
            models=tuple(models.items()),
        )


def _favourites(month: date, *choices: float) -> tuple[str, str, str]:
    known = [(name, weight) for name, since, weight in _MODELS if since <= month]
    total = sum(weight for _, weight in known)
    chosen: list[str] = []
    for choice in choices:
        rest = choice * total
        for name, weight in known:
            rest -= weight
            if rest < 0:
                chosen.append(name)
                break
    return chosen[0], chosen[1], chosen[2]
