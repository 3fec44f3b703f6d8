"""Cost Explorer as a source: what becomes of a made bill."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from cost_explorer_rig import CAROL, COLUMNS, DAY, TODAY, A, B, C, FakeClient, Line, MakeRig, at, rigs, value

from exporter.errors import UserError
from exporter.sources.cost_explorer import CostExplorerState


@pytest.fixture
def rig_of(tmp_path: Path) -> Iterator[MakeRig]:
    with rigs(tmp_path) as make:
        yield make


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
