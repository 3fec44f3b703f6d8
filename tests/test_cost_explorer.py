"""Cost Explorer as a source: what becomes of a made bill, when which days are asked for, and that the budget holds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from cost_explorer_rig import COLUMNS, NOW, FakeClient, Line, Rig

from exporter.errors import TransientError, UserError
from exporter.model import DayRange
from exporter.sources.cost_explorer import CostExplorerState

A, B, C = "111122223333", "222233334444", "333344445555"
CAROL = "IAMUser:AIDACKCEVSQ6C2EXAMPLE:carol"
TODAY = NOW.date()
DAY = timedelta(days=1)

BILL = (
    Line("10", "Amazon Elastic Compute Cloud - Compute", A, owner="alice@example.com"),
    Line("4", "EC2 - Other", A, owner="alice@example.com"),
    Line("3", account=B, owner="team-web", made_by="bob"),
    Line("2", account=B, made_by="bob"),
    Line("1", account=B, creator=CAROL),
    Line("5", "AWS Lambda", C),
    Line("-1.5", account=B, record_type="Credit"),
    Line("0.7", "Tax", A, record_type="Tax"),
)
PER_READING = 8
"""Requests for BILL: the whole, two owner tags, two for aws:createdBy, and the accounts of usage, credit and tax."""

MakeRig = Callable[..., Rig]


@pytest.fixture
def rig_of(tmp_path: Path) -> Iterator[MakeRig]:
    made: list[Rig] = []

    def make(lines: tuple[Line, ...] = BILL, page_size: int = 1000, **settings: object) -> Rig:
        made.append(Rig(tmp_path / "store", FakeClient(lines, page_size), **settings))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for rig in made:
        rig.close()


def at(day: date, hour: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def value(cost: str) -> Decimal:
    return Decimal(cost).normalize()


# What becomes of a bill


def test_each_part_of_a_bill_keeps_the_first_identity_that_the_cascade_finds(rig_of: MakeRig) -> None:
    rig = rig_of(history="1d")
    rig.refresh()
    assert rig.facts("account", "service", "charge", "shared", "owner_tags", "created_by_tag", "lines") == [
        (A, "tax", "tax", True, None, None, 1, value("0.7")),
        (B, "s3", "credit", True, None, None, 1, value("-1.5")),
        (B, "s3", "usage", False, None, CAROL, 1, value("1")),
        (C, "lambda", "usage", False, None, None, 1, value("5")),
        ("unknown", "ec2", "usage", False, "alice@example.com", None, 2, value("14")),
        ("unknown", "s3", "usage", False, "bob", None, 1, value("2")),
        ("unknown", "s3", "usage", False, "team-web", None, 1, value("3")),
    ]


def test_the_columns_are_those_of_the_other_bill(rig_of: MakeRig) -> None:
    rig = rig_of(history="1d")
    rig.refresh()
    rows = rig.facts(*COLUMNS)
    assert [row[0] for row in rows] == [TODAY - DAY] * 7
    empty = [COLUMNS.index(name) for name in ("region", "user_identifier", "iam_principal", "identity_store_user", "creator", "component", "resource")]
    assert {row[place] for row in rows for place in empty} == {None}
    assert {row[COLUMNS.index("currency")] for row in rows} == {"USD"}


def test_a_value_that_names_nobody_falls_through_to_the_next_tag(rig_of: MakeRig) -> None:
    rig = rig_of(history="1d", nobodies={"team-web"})
    rig.refresh()
    assert rig.facts("owner_tags", where="owner_tags IS NOT NULL") == [("alice@example.com", value("14")), ("bob", value("5"))]
    assert rig.facts() == [(value("24.2"),)]


def test_what_names_nobody_at_all_falls_to_its_accounts(rig_of: MakeRig) -> None:
    rig = rig_of(history="1d", nobodies={"alice@example.com", "team-web", "bob", f"{CAROL} {B}"})
    rig.refresh()
    assert rig.facts("account", "service", "owner_tags", "created_by_tag", where="charge = 'usage'") == [
        (A, "ec2", None, None, value("14")),
        (B, "s3", None, None, value("6")),
        (C, "lambda", None, None, value("5")),
    ]


def test_a_creator_who_is_somebody_in_one_account_keeps_all_of_the_value(rig_of: MakeRig) -> None:
    rig = rig_of((Line("1", account=A, creator=CAROL), Line("2", account=B, creator=CAROL)), history="1d", nobodies={f"{CAROL} {B}"})
    rig.refresh()
    assert rig.facts("account", "created_by_tag") == [(A, CAROL, value("1")), (B, CAROL, value("2"))]


def test_days_are_read_again_when_a_value_names_somebody(rig_of: MakeRig) -> None:
    rig = rig_of(history="30d", nobodies={"team-web"})
    rig.client.settled_through = TODAY
    rig.refresh()
    assert rig.refresh() == [(TODAY - 3 * DAY, 3)]
    rig.nobodies = set()
    assert rig.refresh() == [(date(2026, 10, 23), 30)]
    assert rig.facts("owner_tags", where="owner_tags = 'team-web'") == [("team-web", value("90"))]
    assert rig.refresh() == [(TODAY - 3 * DAY, 3)]


def test_days_that_are_only_better_read_again_wait_for_the_requests_of_another_day(rig_of: MakeRig) -> None:
    rig = rig_of(history="60d", a_day=22, nobodies={"team-web"})
    rig.client.settled_through = TODAY
    rig.refresh()  # 2 x 8 requests, and 6 are left
    rig.nobodies = set()
    with pytest.raises(UserError, match="is too few"):
        rig.refresh()
    # Both months again and the newest day, which is open besides, are 16 of 22.
    assert rig.refresh(at(TODAY + DAY, 1)) == [(date(2026, 9, 23), 31), (date(2026, 10, 24), 30)]


def test_days_read_before_anybody_was_known_are_read_again(rig_of: MakeRig) -> None:
    rig = rig_of(history="30d", nobodies=None)
    rig.client.settled_through = TODAY
    rig.refresh()
    assert rig.refresh() == [(TODAY - 3 * DAY, 3)]
    assert rig.facts("owner_tags", where="owner_tags = 'team-web'") == [("team-web", value("90"))]
    rig.nobodies = {"team-web"}
    assert rig.refresh() == [(date(2026, 10, 23), 30)]
    assert rig.facts("owner_tags", where="owner_tags = 'team-web'") == []


def test_who_is_forgotten_is_not_remembered_as_a_value_that_fell_through(rig_of: MakeRig) -> None:
    rig = rig_of(history="2d", nobodies={"alice@example.com", "team-web", f"{CAROL} {B}"})
    rig.store.forget(rig.store.forgotten.with_more(["session:alice@example.com", f"iam_user:carol@{B}"], (), TODAY - 2 * DAY))
    rig.refresh()
    state = rig.store.state("cost_explorer", CostExplorerState)
    assert state is not None
    found = {day: [one.value for one in values or ()] for day, values in state.fallen.items()}
    # What they do after the day through which they are forgotten is new.
    assert found == {TODAY - 2 * DAY: ["team-web"], TODAY - DAY: [CAROL, "alice@example.com", "team-web"]}


def test_a_creator_in_several_accounts_keeps_services_and_no_account(rig_of: MakeRig) -> None:
    rig = rig_of((Line("2", "AWS Lambda", A, creator=CAROL), Line("3", account=B, creator=CAROL)), history="1d")
    rig.refresh()
    assert rig.facts("account", "service", "created_by_tag") == [("unknown", "lambda", CAROL, value("2")), ("unknown", "s3", CAROL, value("3"))]


def test_a_creator_at_one_service_keeps_accounts(rig_of: MakeRig) -> None:
    rig = rig_of((Line("2", account=A, creator=CAROL), Line("3", account=B, creator=CAROL)), history="1d")
    rig.refresh()
    assert rig.facts("account", "service", "created_by_tag") == [(A, "s3", CAROL, value("2")), (B, "s3", CAROL, value("3"))]


def test_values_with_a_dollar_are_whole_and_the_key_may_hold_one_too(rig_of: MakeRig) -> None:
    rig = rig_of((Line("2", owner="cost$center$7"), Line("3", owner="$"), Line("4")), history="1d")
    rig.refresh()
    assert rig.facts("owner_tags") == [("$", value("3")), ("cost$center$7", value("2")), (None, value("4"))]


def test_what_the_cascade_leaves_over_stays_in_the_bill_without_an_identity(rig_of: MakeRig, caplog: pytest.LogCaptureFixture) -> None:
    rig = rig_of((Line("2", owner="x"), Line("3")), history="1d")

    class Forgetful(FakeClient):
        """Does not tell what accounts cost that have no tag."""

        def _groups(self, day, request):  # type: ignore[no-untyped-def]
            groups = super()._groups(day, request)
            return {keys: cost for keys, cost in groups.items() if keys[0] != A}

    rig.client.__class__ = Forgetful
    with caplog.at_level(logging.WARNING):
        rig.refresh()
    assert rig.facts("account", "service", "owner_tags", "lines") == [("unknown", "s3", "x", 1, value("2")), ("unknown", "s3", None, 0, value("3"))]
    (told,) = [record.fields for record in caplog.records if "do not add up" in record.message]
    assert told["amount"] == "3.000000000000"


def test_parts_beyond_the_whole_are_taken_back(rig_of: MakeRig) -> None:
    rig = rig_of((Line("2", owner="x"), Line("3", owner="y")), history="1d")

    class Doubling(FakeClient):
        """Tells the value x a second time of the next tag."""

        def _groups(self, day, request):  # type: ignore[no-untyped-def]
            groups = super()._groups(day, request)
            asked = [group["Key"] for group in request["GroupBy"]]
            if asked == ["CreatedBy", "SERVICE"]:
                groups["CreatedBy$x", "Amazon Simple Storage Service"] = Decimal(2)
            return groups

    rig.client.__class__ = Doubling
    rig.refresh()
    assert rig.facts("owner_tags") == [("x", value("4")), ("y", value("3")), (None, value("-2"))]


def test_a_group_that_cannot_be_read_is_rejected_and_its_cost_stays_in_the_bill(rig_of: MakeRig) -> None:
    rig = rig_of((Line("2", owner="x"), Line("3", owner="y")), history="1d", owner_tags=("Owner",))

    class Odd(FakeClient):
        """Spells one amount in a way of its own."""

        def _period(self, day, page):  # type: ignore[no-untyped-def]
            period = super()._period(day, page)
            for group in period["Groups"]:
                if group["Keys"][0] == "Owner$x":
                    group["Metrics"][self.metric]["Amount"] = "two"
            return period

    rig.client.__class__ = Odd
    rig.refresh()
    assert rig.facts("owner_tags") == [("y", value("3")), (None, value("2"))]
    rejected = rig.telemetry.registry.get_sample_value("aws_user_exporter_source_rejected_rows_total", {"source": "cost_explorer", "reason": "group"})
    assert rejected == 1


def test_a_bill_in_two_currencies_is_refused(rig_of: MakeRig) -> None:
    rig = rig_of(history="1d")
    units = iter(["USD", "EUR"] * 100)

    class Mixed(FakeClient):
        """Changes the currency from day to day."""

        def _period(self, day, page):  # type: ignore[no-untyped-def]
            self.unit = next(units)
            return super()._period(day, page)

    rig.client.__class__ = Mixed
    with pytest.raises(UserError, match=r"^Cost Explorer answers in several currencies \(EUR, USD\), which cannot be added up; set "):
        rig.refresh()


def test_pages_are_followed_across_days(rig_of: MakeRig) -> None:
    rig = rig_of(page_size=3, history="4d")
    assert rig.refresh() == [(TODAY - 4 * DAY, 4)]
    # 6 groups of the whole a day, in pages of 3: days end in the middle of pages.
    assert rig.facts("day") == [(TODAY - n * DAY, value("24.2")) for n in (4, 3, 2, 1)]


# Which days are asked for


def test_requests_of_a_first_load(rig_of: MakeRig) -> None:
    rig = rig_of()
    assert rig.refresh() == [(date(2026, 9, 21), 31), (date(2026, 10, 22), 31)]
    assert rig.asked() == len(rig.client.requests) == 2 * PER_READING
    spent = rig.telemetry.registry.get_sample_value("aws_user_exporter_aws_spend_usd_total", {"api": "cost_explorer"})
    assert spent == pytest.approx(0.16)


def test_requests_of_a_normal_day(rig_of: MakeRig) -> None:
    rig = rig_of()
    rig.client.settled_through = date(2026, 10, 31)
    rig.refresh()
    rig.client.requests.clear()
    # Once a day all open days, those of November and no more; else the newest three.
    assert rig.refresh(at(TODAY + DAY, 1)) == [(date(2026, 11, 1), 22)]
    assert rig.refresh(at(TODAY + DAY, 9)) == [(date(2026, 11, 20), 3)]
    assert rig.refresh(at(TODAY + DAY, 17)) == [(date(2026, 11, 20), 3)]
    assert len(rig.client.requests) == 3 * PER_READING


def test_the_month_before_is_read_once_a_day_until_it_is_no_estimate(rig_of: MakeRig) -> None:
    rig = rig_of()
    rig.refresh()
    assert rig.refresh(at(TODAY + DAY, 1)) == [(date(2026, 10, 1), 31), (date(2026, 11, 1), 22)]
    rig.client.settled_through = date(2026, 10, 31)
    assert rig.refresh(at(TODAY + 2 * DAY, 1)) == [(date(2026, 10, 1), 31), (date(2026, 11, 1), 23)]
    assert rig.refresh(at(TODAY + 3 * DAY, 1)) == [(date(2026, 11, 1), 24)]


def test_a_month_that_has_just_ended_is_read_though_none_of_it_was_an_estimate(rig_of: MakeRig) -> None:
    rig = rig_of(now=at(date(2026, 11, 30), 12))
    rig.client.settled_through = date(2026, 11, 30)
    rig.refresh()
    assert rig.refresh(at(date(2026, 12, 1), 1)) == [(date(2026, 11, 1), 30)]
    assert rig.refresh(at(date(2026, 12, 2), 1)) == [(date(2026, 11, 29), 3)]


def test_a_restated_month_changes_its_days_and_no_others(rig_of: MakeRig) -> None:
    rig = rig_of((Line("2"),))
    rig.refresh()
    rig.client.lines = [Line("2.5")]
    rig.refresh(at(TODAY + DAY, 1))
    costs = dict(rig.facts("day"))
    assert {day for day, cost in costs.items() if cost == value("2")} == set(DayRange(date(2026, 9, 21), date(2026, 9, 30)))
    assert {day for day, cost in costs.items() if cost == value("2.5")} == set(DayRange(date(2026, 10, 1), TODAY))


def test_a_day_that_is_restated_to_nothing_has_no_rows_left(rig_of: MakeRig) -> None:
    rig = rig_of((Line("2", day=TODAY - DAY), Line("3", day=TODAY - 2 * DAY)), history="3d")
    rig.refresh()
    rig.client.lines = [Line("3", day=TODAY - 2 * DAY)]
    rig.refresh()
    assert rig.facts("day") == [(TODAY - 2 * DAY, value("3"))]


def test_days_that_the_answer_leaves_out_keep_what_they_had(rig_of: MakeRig) -> None:
    rig = rig_of((Line("2"),), history="3d")
    rig.refresh()
    rig.client.left_out = {TODAY - DAY}
    rig.refresh()
    assert rig.facts("day") == [(TODAY - n * DAY, value("2")) for n in (3, 2, 1)]


def test_days_that_were_missed_are_read_before_the_newest(rig_of: MakeRig) -> None:
    rig = rig_of()
    rig.client.settled_through = date(2026, 12, 31)
    rig.refresh()
    assert rig.refresh(at(date(2026, 11, 29), 12)) == [(TODAY, 7)]


def test_days_that_the_store_has_lost_are_read_again(rig_of: MakeRig) -> None:
    rig = rig_of()
    rig.refresh()
    rig.source.reopen([date(2026, 10, 5)])
    assert rig.refresh() == [(date(2026, 10, 5), 1), (TODAY - 3 * DAY, 3)]
    assert rig.refresh() == [(TODAY - 3 * DAY, 3)]


def test_another_metric_begins_the_first_load_again(rig_of: MakeRig) -> None:
    rig = rig_of(history="20d")
    rig.refresh()
    rig.client.metric = "NetUnblendedCost"
    rig.start(metric="NetUnblendedCost")
    assert rig.source.landed().days is None
    assert rig.refresh() == [(TODAY - 20 * DAY, 20)]


def test_landed_is_the_newest_day_with_usage(rig_of: MakeRig) -> None:
    rig = rig_of(tuple(Line("2", day=TODAY - n * DAY) for n in (2, 3, 4)), history="10d")
    rig.refresh()
    assert rig.source.landed().days == DayRange(TODAY - 10 * DAY, TODAY - 2 * DAY)


def test_a_day_without_usage_lands_when_its_time_has_passed(rig_of: MakeRig) -> None:
    rig = rig_of((Line("2", day=TODAY - 9 * DAY), Line("1", "Tax", record_type="Tax", day=TODAY - DAY)), history="10d")
    rig.refresh(at(TODAY, 11))  # the day before yesterday ended 35 hours ago
    assert rig.source.landed().days == DayRange(TODAY - 10 * DAY, TODAY - 3 * DAY)
    rig.refresh(at(TODAY, 13))
    assert rig.source.landed().days == DayRange(TODAY - 10 * DAY, TODAY - 2 * DAY)


# The budget


def test_a_first_load_that_meets_its_budget_goes_on_the_next_day(rig_of: MakeRig) -> None:
    rig = rig_of(a_day=13)
    assert rig.refresh() == [(date(2026, 9, 21), 31)]
    assert rig.asked() == 8
    assert rig.refresh(at(TODAY, 20)) == []
    assert rig.refresh(at(TODAY + DAY, 1)) == [(date(2026, 10, 22), 31)]
    assert rig.refresh(at(TODAY + 2 * DAY, 1)) == [(date(2026, 11, 21), 3)]
    assert rig.source.landed().days == DayRange(date(2026, 9, 21), date(2026, 11, 23))


def test_the_count_survives_a_restart_and_ends_with_the_day(rig_of: MakeRig) -> None:
    rig = rig_of(a_day=13, history="20d")
    rig.refresh()
    rig.start()
    with pytest.raises(UserError, match=r"^sources\.cost_explorer\.max_requests_per_day \(13, 5 were left\) is too few for this bill; raise it"):
        rig.refresh(at(TODAY, 20))
    assert len(rig.client.requests) == 8
    assert rig.refresh(at(TODAY + DAY, 0)) != []


def test_no_request_too_many_is_sent_when_answers_have_more_pages_than_was_known(rig_of: MakeRig) -> None:
    rig = rig_of(a_day=40, page_size=15)
    # The whole of 31 days is 31 x 6 groups or 13 pages, the owners 31 x 5 or 11, and so on: 50 in all. Then half of the days are tried.
    assert rig.refresh() == []
    assert len(rig.client.requests) == 40
    (first, days), *_ = rig.refresh(at(TODAY + DAY, 1))
    assert (first, days) == (date(2026, 9, 22), 15)
    # 6 + 5 + 3 + 2 + 2 + 1 + 1 + 1 pages; the next 15 days would take as many, and 19 requests are left.
    assert len(rig.client.requests) == 40 + 21


def test_a_long_first_load_ends(rig_of: MakeRig) -> None:
    rig = rig_of(a_day=40, page_size=15)
    now = NOW
    for _ in range(20):
        before = len(rig.client.requests)
        rig.refresh(now)
        assert len(rig.client.requests) - before <= 40
        landed = rig.source.landed().days
        if landed is not None and landed.last == now.date() - DAY:
            break
        now += DAY
    assert landed is not None
    assert {day for day, _ in rig.facts("day")} >= set(landed)


def test_a_budget_that_is_too_small_for_one_day_is_told(rig_of: MakeRig) -> None:
    rig = rig_of(a_day=5)
    with pytest.raises(UserError, match=r"max_requests_per_day \(5, 5 were left\) is too few for this bill; raise it, refresh less often, or use"):
        rig.refresh()
    assert rig.client.requests == []


def test_where_not_all_open_days_fit_the_newest_do(rig_of: MakeRig) -> None:
    rig = rig_of()
    rig.refresh()
    rig.a_day = 12
    rig.start()
    assert rig.refresh(at(TODAY + DAY, 1)) == [(TODAY - 2 * DAY, 3)]


# What goes wrong


def failure(code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 400}}, "GetCostAndUsage")  # type: ignore[typeddict-item]


def test_a_retry_pays_only_for_what_failed(rig_of: MakeRig) -> None:
    rig = rig_of(history="1d")
    (day,) = rig.source.due(NOW, lambda: None)

    class Throttled(FakeClient):
        """Refuses the fifth request."""

        def get_cost_and_usage(self, **request):  # type: ignore[no-untyped-def]
            if len(self.requests) == 4 and not self.failures:
                self.requests.append({})
                raise failure("LimitExceededException")
            return super().get_cost_and_usage(**request)

    rig.client.__class__ = Throttled
    with pytest.raises(TransientError, match=r"^AWS throttled ce:GetCostAndUsage on Cost Explorer \(LimitExceededException\)\.$"):
        rig.source.read(day)
    rig.source.read(day)
    assert len(rig.client.requests) == PER_READING + 1


@pytest.mark.parametrize(
    ("code", "kind", "sentence"),
    [
        ("InvalidNextTokenException", TransientError, "AWS could not answer ce:GetCostAndUsage on Cost Explorer now"),
        ("RequestChangedException", TransientError, "AWS could not answer ce:GetCostAndUsage on Cost Explorer now"),
        ("DataUnavailableException", UserError, "Cost Explorer has no data yet; enable it in the Billing console of the payer account"),
        ("BillExpirationException", UserError, "Cost Explorer no longer has the oldest days that were asked for; shorten"),
        ("BillingViewHealthStatusException", UserError, "The billing view of this account is not healthy; look at it in the Billing console"),
        ("AccessDeniedException", UserError, "AWS denied ce:GetCostAndUsage on Cost Explorer; allow this action"),
    ],
)
def test_an_error_of_the_api_says_what_to_do(rig_of: MakeRig, code: str, kind: type[Exception], sentence: str) -> None:
    rig = rig_of(history="1d")
    rig.client.failures = [failure(code)]
    with pytest.raises(kind, match=f"^{sentence}"):
        rig.refresh()
    assert rig.asked() == 1


def test_a_damaged_state_is_read_anew_and_the_requests_of_the_day_still_count(rig_of: MakeRig) -> None:
    rig = rig_of(a_day=20)
    rig.refresh()
    (rig.path / "sources/cost_explorer.json").write_text("{broken")
    rig.start()
    assert rig.source.landed().days is None
    assert rig.refresh(at(TODAY, 20)) == []
    assert len(rig.client.requests) == 16
    assert rig.refresh(at(TODAY + DAY, 1)) == [(date(2026, 9, 22), 31), (date(2026, 10, 23), 31)]
