"""Every scalar of config.yaml, with good and bad values."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from apscheduler.triggers.cron import CronTrigger  # type: ignore[import-untyped, unused-ignore]
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.addresses import host_port, parse_s3
from exporter.config.scalars import (
    format_duration,
    parse_amount,
    parse_bytes,
    parse_day,
    parse_days,
    parse_duration,
    parse_pattern,
    parse_rate,
    parse_switch,
    parse_team_rule,
    parse_whole_number,
    tier_name,
)
from exporter.config.schedules import parse_schedule


def units() -> Iterator[tuple[str, int]]:
    yield from (("w", 604800), ("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


@given(st.tuples(*[st.integers(0, 99) for _ in units()]).filter(any))
def test_durations_mean_the_sum_of_their_units(counts: tuple[int, ...]) -> None:
    text = "".join(f"{count}{unit}" for count, (unit, _) in zip(counts, units(), strict=True) if count)
    assert parse_duration(text).total_seconds() == sum(count * seconds for count, (_, seconds) in zip(counts, units(), strict=True))


@given(st.integers(1, 36500 * 86400))
def test_durations_survive_writing_and_reading(seconds: int) -> None:
    assert parse_duration(format_duration(timedelta(seconds=seconds))) == timedelta(seconds=seconds)


def good_and_bad(parse: Any, good: dict[str, Any], bad: list[str]) -> Iterator[Any]:
    yield from (pytest.param(parse, text, value, id=f"{parse.__name__} {text!r}") for text, value in good.items())
    yield from (pytest.param(parse, text, None, id=f"{parse.__name__} {text!r}") for text in bad)


SCALARS = [
    *good_and_bad(
        parse_duration,
        {"90s": timedelta(seconds=90), "1h30m": timedelta(minutes=90), "2w": timedelta(days=14), " 7d\n": timedelta(days=7)},
        ["", "0s", "-1h", "1", "1.5h", "30m1h", "1h1h", "7 d", "1y", "36501d", "9" * 5000 + "d"],
    ),
    *good_and_bad(
        parse_days,
        {"1s": timedelta(days=1), "12h": timedelta(days=1), "24h": timedelta(days=1), "36h": timedelta(days=2), "1w": timedelta(days=7)},
        ["", "0d", "soon"],
    ),
    *good_and_bad(
        parse_bytes,
        {"100GiB": 107374182400, "10MB": 10_000_000, "10 mb": 10_000_000, "512": 512, "1.5KiB": 1536, "2TB": 2 * 10**12, "1B": 1},
        ["", "0", "-1", "GiB", "1XB", "1.5", "0.3B", "1e3", "1 0"],
    ),
    *good_and_bad(parse_whole_number, {"0": 0, "1_000_000": 1000000, "-3": -3}, ["", "1.0", "1e3", "0x10", "many", "9" * 5000, "_1", "1_", "1__0", "-_1"]),
    *good_and_bad(parse_switch, {"true": True, "Off": False, "yes": True}, ["", "1", "maybe"]),
    *good_and_bad(
        parse_amount,
        {"0.04": Decimal("0.04"), "20": Decimal(20), "0": Decimal(0), "0.000000000001": Decimal("1e-12")},
        ["", "-1", "1,000", "$5", ".5", "NaN", "inf", "1e3", "0.0000000000001", "1" * 27],
    ),
    *good_and_bad(
        parse_rate,
        {"0.04": Decimal("0.04"), "999999999.999999": Decimal("999999999.999999"), "0": Decimal(0), "0.1234560": Decimal("0.123456")},
        ["", "-1", "1e3", "1000000000", "0.0000001", "9" * 26],
    ),
    *good_and_bad(parse_day, {"2026-02-13": date(2026, 2, 13), "2024-02-29": date(2024, 2, 29)}, ["", "2026-02-30", "20260213", "2026-W07-5", "13.02.2026"]),
    *good_and_bad(parse_pattern, {"^svc-": "^svc-", "(?i)^svc-": "(?i)^svc-"}, ["", "(x", "a{99999999999}", "(" * 2000 + ")" * 2000]),
    *good_and_bad(
        parse_team_rule,
        {"file": "file", "attribute:department": "attribute:department", "group:team-(.*)": "group:team-(.*)"},
        ["", "files", "attribute:", "group:team-.*", "group:(a){99999999999}", "group:" + "(" * 2000 + ")" * 2000],
    ),
    *good_and_bad(
        parse_s3,
        {"s3://abc": "s3://abc/", "s3://my.bucket-1/a/b": "s3://my.bucket-1/a/b/", "s3://abc/a/": "s3://abc/a/"},
        ["s3://", "s3://ab/x", "s3://Upper/x", "s3://a_b_c/", "s3://a..b/", "s3://-ab/", "s3://10.0.0.1/", "S3://abc/", "abc", "s3://" + "a" * 64],
    ),
    *good_and_bad(
        host_port,
        {"127.0.0.1:10821": ("127.0.0.1", 10821), ":80": ("", 80), "[::1]:9": ("::1", 9), "my-host.example:65535": ("my-host.example", 65535), "a:0": ("a", 0)},
        ["", "10821", "host", "host:", "host:http", "host:65536", "::1:80", "[::g]:80", "[127.0.0.1]:80", "1.2.3.400:80", "-a:1", "a b:1", "http://a:1"],
    ),
]


@pytest.mark.parametrize(("parse", "text", "value"), SCALARS)
def test_scalars(parse: Any, text: str, value: Any) -> None:
    if value is not None:
        assert parse(text) == value
    else:
        with pytest.raises(ValueError, match=r"^(a|an|true|s3|file)\b"):
            parse(text)


def test_an_interval_is_a_schedule() -> None:
    assert (parse_schedule("90m").interval, parse_schedule("90m").cron) == (timedelta(minutes=90), None)


# 2026-11-22 is a Sunday.
@pytest.mark.parametrize(
    ("cron", "days"),
    [
        ("0 3 * * *", [22, 23, 24, 25, 26, 27, 28]),
        ("0 3 * * 0", [22]),
        ("0 3 * * 7", [22]),
        ("0 3 * * 1-5", [23, 24, 25, 26, 27]),
        ("0 3 * * MON-fri", [23, 24, 25, 26, 27]),
        ("0 3 * * sun-tue,6", [22, 23, 24, 28]),
        ("0 3 * * 5-7", [22, 27, 28]),
        ("0 3 * * */2", [22, 24, 26, 28]),
        ("0 3 23-25 11 *", [23, 24, 25]),
    ],
)
def test_cron_fires_on_the_days_that_crontab_means(cron: str, days: list[int]) -> None:
    trigger = CronTrigger.from_crontab(parse_schedule(cron).cron, timezone=UTC)
    fired = trigger.get_next_fire_time(None, datetime(2026, 11, 22, tzinfo=UTC))
    found = []
    while fired is not None and fired < datetime(2026, 11, 29, tzinfo=UTC):
        assert (fired.hour, fired.minute) == (3, 0)
        found.append(fired.day)
        fired = trigger.get_next_fire_time(fired, fired)
    assert found == days


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("soon", "a duration such as 1h, or cron"),
        ("61 * * * *", "a duration such as 1h, or cron"),
        ("0 3 * * 8", "a duration such as 1h, or cron"),
        ("0 3 * * fri-mon", "a duration such as 1h, or cron"),
        ("* * * *", "cron with 5 fields"),
        ("0 0 3 * * *", "cron with 5 fields"),
        ("0 3 1 * 1", "cron with [*] as its day or as its weekday"),
        ("0 3 30 2 *", "cron that comes to pass"),
    ],
)
def test_bad_schedules(text: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        parse_schedule(text)


def test_tier_names() -> None:
    assert [tier_name(text) for text in ("PRO_PLUS", "Pro Plus", "PROPLUS", " Power ", "TEAM_MAX")] == ["pro_plus", "pro_plus", "pro_plus", "power", "teammax"]
