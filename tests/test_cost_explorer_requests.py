"""When Cost Explorer is asked for which days, that the budget of requests holds, and what a request that fails says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from cost_explorer_rig import DAY, NOW, PER_READING, TODAY, FakeClient, Line, MakeRig, at, rigs, value

from exporter.errors import TransientError, UserError
from exporter.model import DayRange


@pytest.fixture
def rig_of(tmp_path: Path) -> Iterator[MakeRig]:
    with rigs(tmp_path) as make:
        yield make


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
