"""The trend expressions, in a real Prometheus over made history: the bar of a day must stand at its own midnight and hold its own value.

The history is what scrapes leave behind: `X_yesterday` of day D is there on D+1 from its landing on, `X_3d_ago` on D+3, both until midnight.
"""

from __future__ import annotations

import subprocess
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

import pytest
from prometheus_server import PrometheusServer

DAY = timedelta(days=1)
FIRST = date(2026, 7, 15)
DAYS = [FIRST + DAY * offset for offset in range(60)]

DOWN = DAYS[11]
"""The exporter was down on the whole next day: nothing of that day was scraped."""
LATE = DAYS[23]
"""The report came three days later: there is no `yesterday` of it, only `3d_ago`."""
RESTATED = DAYS[37]
"""`3d_ago` knows better than `yesterday`."""
LOST = DAYS[44]
"""No report came at all."""
MOVED = DAYS[20]
"""On the day after, kim's team changed at noon."""
BACKFILLED = DAYS[50]
"""What `backfill` leaves of a day: one sample a series, at 23:59 of the day after."""

LANDED = timedelta(hours=2, minutes=27)
INTERVAL = timedelta(minutes=30)

PLAIN = "last_over_time({}[23h] offset -47h59m)"
RESTATING = "last_over_time({0}_3d_ago:sum[23h] offset -95h59m) or last_over_time({0}_yesterday:sum[23h] offset -47h59m)"
ONE_PERSON = 'sum(max by (user, client) (last_over_time(kiro_user_client_credits_yesterday{user="kim"}[23h] offset -47h59m)))'
TEAM = "team:kiro_user_credits"


def first_value(day: date) -> float:
    """Credits of lee, and of team data, as the first report of a day has them."""
    return 100.25 + (day - FIRST).days


def settled_value(day: date) -> float:
    """The same, three days later."""
    return first_value(day) + (1000 if day == RESTATED else 0)


def kim_values(day: date) -> dict[str, float]:
    """Credits of kim by client, who moved from the IDE to the command line and for ten days used both."""
    number = (day - FIRST).days
    return ({"ide": 7.5 + number} if number < 35 else {}) | ({"cli": 40.125 + 3 * number} if number >= 25 else {})


Points = dict[tuple[str, str], dict[datetime, float]]
"""Values by (metric name, label pairs) and time."""


def history() -> Points:
    points: Points = defaultdict(dict)
    for day in DAYS:
        for at in scrapes(day + DAY):
            if day in (DOWN, LATE, LOST):
                continue
            _scrape_yesterday(points, day, at)
        for at in scrapes(day + 3 * DAY):
            if day + 3 * DAY != DOWN + DAY and day != LOST:
                points[f"{TEAM}_3d_ago:sum", 'team="data"'][at] = settled_value(day)
    return points


def scrapes(day: date) -> list[datetime]:
    """The scrapes of a day from the landing of the day before on, the last one 3 minutes before midnight."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    if day == BACKFILLED + DAY:
        return [midnight + timedelta(hours=23, minutes=59)]
    return [midnight + LANDED + INTERVAL * step for step in range(44) if LANDED + INTERVAL * step < DAY]


def _scrape_yesterday(points: Points, day: date, at: datetime) -> None:
    points["kiro_user_credits_yesterday", 'user="lee",team="data"'][at] = first_value(day)
    points[f"{TEAM}_yesterday:sum", 'team="data"'][at] = first_value(day)
    team = "data" if day > MOVED or (day == MOVED and at.hour >= 12) else "core"
    for client, credits in kim_values(day).items():
        points["kiro_user_client_credits_yesterday", f'user="kim",team="{team}",client="{client}"'][at] = credits
    if at.hour == 23 and at.minute != 59:
        # A rule that is evaluated just after midnight still sees the scrape before it.
        points[f"{TEAM}_yesterday:sum", 'team="data"'][at + timedelta(minutes=3, seconds=20)] = first_value(day)


def openmetrics(points: Points) -> str:
    lines = []
    for name in sorted({name for name, _ in points}):
        lines.append(f"# TYPE {name} gauge")
        for (of, labels), values in points.items():
            lines += [f"{name}{{{labels}}} {value} {at.timestamp():.0f}" for at, value in sorted(values.items()) if of == name]
    return "\n".join((*lines, "# EOF", ""))


@pytest.fixture(scope="module")
def prometheus(prometheus_binary: str, promtool: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    folder = tmp_path_factory.mktemp("trends")
    server = PrometheusServer(prometheus_binary, folder)
    text = folder / "history.om"
    text.write_text(openmetrics(history()), encoding="utf-8")
    # Blocks of two hours, which are the default, take promtool half a minute to write.
    long_blocks = "--max-block-duration=1488h"
    subprocess.run([promtool, "tsdb", "create-blocks-from", "openmetrics", "--quiet", long_blocks, text, server.data], check=True)
    with server:
        yield server


def bars(prometheus: PrometheusServer, expression: str) -> dict[date, float]:
    """What a panel draws: one point a day, at midnight UTC, from a week before the history to a week after it.

    last_over_time keeps metric names, so the two sides of `or` are two series, of which never more than one may have a point.
    """
    start = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC)
    found = prometheus.query_range(expression, start - 7 * DAY, start + (len(DAYS) + 7) * DAY, DAY)
    points = [(at, value) for series in found for at, value in series.values.items()]
    assert len({at for at, _ in points}) == len(points), "two bars for one day"
    assert {at.time() for at, _ in points} == {time()}
    return {at.date(): value for at, value in points}


def test_the_bar_of_a_day_is_the_value_of_that_day(prometheus: PrometheusServer) -> None:
    expected = {day: first_value(day) for day in DAYS if day not in (DOWN, LATE, LOST)}
    assert bars(prometheus, PLAIN.format('kiro_user_credits_yesterday{user="lee"}')) == expected


def test_recorded_totals_give_the_same_bars(prometheus: PrometheusServer) -> None:
    expected = {day: first_value(day) for day in DAYS if day not in (DOWN, LATE, LOST)}
    assert bars(prometheus, PLAIN.format(f'{TEAM}_yesterday:sum{{team="data"}}')) == expected


def test_the_restating_expression_repairs_what_came_late_or_changed(prometheus: PrometheusServer) -> None:
    expected = {day: settled_value(day) for day in DAYS if day != LOST}
    assert bars(prometheus, RESTATING.format(TEAM)) == expected


def test_one_person_is_counted_once_whatever_label_changes(prometheus: PrometheusServer) -> None:
    expected = {day: sum(kim_values(day).values()) for day in DAYS if day not in (DOWN, LATE, LOST)}
    assert bars(prometheus, ONE_PERSON) == expected


def test_a_sum_over_raw_series_counts_a_person_twice_on_the_day_of_a_change(prometheus: PrometheusServer) -> None:
    """Why the expression for one person takes the maximum first, and many people need recorded totals."""
    naive = bars(prometheus, 'sum(last_over_time(kiro_user_client_credits_yesterday{user="kim"}[23h] offset -47h59m))')
    assert naive[MOVED] == 2 * sum(kim_values(MOVED).values())


def test_the_obvious_offset_of_a_day_shows_the_day_before(prometheus: PrometheusServer) -> None:
    """Why the offset is so odd: at midnight after day D the newest sample of `yesterday` is still that of D-1."""
    naive = bars(prometheus, 'kiro_user_credits_yesterday{user="lee"} offset -1d')
    assert naive[DAYS[5]] == first_value(DAYS[4])


def test_a_whole_day_of_recorded_totals_invents_a_bar(prometheus: PrometheusServer) -> None:
    """Why the range is 23 hours: the first totals of a day are those of the day before, and where nothing follows they would stand for it."""
    naive = bars(prometheus, f'last_over_time({TEAM}_yesterday:sum{{team="data"}}[1d] offset -2d)')
    assert naive[LATE] == first_value(LATE - DAY)
