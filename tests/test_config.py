"""config.yaml: every mistake at once with its place, values parsed exactly, nothing from the environment ever shown."""

from __future__ import annotations

import os
import traceback
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from exporter.config import Config, ConfigErrors, load

ROOT = Path(__file__).parent.parent
KEYS = "engine, store, aws, athena, sources, bill, people, privacy, usage, kiro, attribution, budgets, limits, windows, web"
SOURCES = "kiro_credits or kiro_features or cloudtrail or cost_explorer or cur"
SMALLEST = "engine: duckdb\nsources: {kiro_credits: {location: data/}}\n"


def read(folder: Path, text: str, **environ: str) -> Config:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path, environ)


def mistakes(folder: Path, text: str, **environ: str) -> list[str]:
    """What is wrong with a config, a line each, without the folder."""
    with pytest.raises(ConfigErrors) as caught:
        read(folder, text, **environ)
    return str(caught.value).replace(f"{folder}/", "").splitlines()


def test_five_mistakes_are_listed_with_their_places(tmp_path: Path) -> None:
    text = """\
engine: duck
store:
  path: state
  retension: 30d
sources:
  kiro_credits:
    location: s3://reports/kiro/
    schedule: soon
people:
  team:
    - file
    - group:team-.*
limits: {max_series: many}
"""
    assert mistakes(tmp_path, text) == [
        "config.yaml:1: engine: expected duckdb or athena, got 'duck'",
        "config.yaml:4: store.retension: unknown key, did you mean retention?",
        "config.yaml:8: sources.kiro_credits.schedule: expected a duration such as 1h, or cron in UTC such as '0 3 * * *', got 'soon'",
        "config.yaml:12: people.team[1]: expected file, attribute:name, or group:pattern with one group in brackets such as group:team-(.*), "
        "got 'group:team-.*'",
        "config.yaml:13: limits.max_series: expected a whole number, got 'many'",
    ]


def test_an_error_has_its_parts(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors) as caught:
        read(tmp_path, SMALLEST + "kiro:\n  currency: dollars\n")
    (error,) = caught.value.errors
    assert (error.place, error.line, error.key) == (f"{tmp_path}/config.yaml:4", 4, "kiro.currency")
    assert error.message == "expected a currency code such as USD, got 'dollars'"


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("sources: {kiro_credits: {location: d}}", "config.yaml:1: engine: is missing, expected duckdb or athena"),
        (
            "engine: duckdb\nsources:\n  kiro_credits:\n    history: 30d",
            "config.yaml:3: sources.kiro_credits.location: is missing, expected a folder or s3://bucket/prefix/",
        ),
        ("engine: duckdb", f"config.yaml:1: sources: expected at least one source: {SOURCES}"),
        ("engine: duckdb\nsources:\n  kiro_credits:\n", f"config.yaml:2: sources: expected at least one source: {SOURCES}"),
        (SMALLEST + "zzz: cur", f"config.yaml:3: zzz: unknown key, expected one of {KEYS}"),
        (SMALLEST + "bill: cur", "config.yaml:3: bill: expected a bill that is read; add `sources.cur`, or leave this out"),
        (
            "engine: duckdb\nsources: {cur: {location: d}, cost_explorer: {}}",
            "config.yaml:1: bill: expected cur or cost_explorer: both bills are read, and only one can pay for people",
        ),
        (SMALLEST + "attribution: {order: [owner_tag, owner_tag]}", "config.yaml:3: attribution.order[1]: is named twice"),
        (SMALLEST + "aws: eu-west-1", "config.yaml:3: aws: expected a section with keys of its own, got 'eu-west-1'"),
        (SMALLEST + "kiro:\n  idle_after: [3d]", "config.yaml:4: kiro.idle_after: expected a duration such as 30m, 6h or 7d, got a list"),
        (SMALLEST + "kiro:\n  idle_after:", "config.yaml:4: kiro.idle_after: expected a duration such as 30m, 6h or 7d, got nothing"),
        (SMALLEST + "people: {team: file}", "config.yaml:3: people.team: expected a list, got 'file'"),
        (SMALLEST + "athena: {result_reuse_minutes: 10081}", "config.yaml:3: athena.result_reuse_minutes: expected 10080 or less, got '10081'"),
        (SMALLEST + "limits: {max_series: 0}", "config.yaml:3: limits.max_series: expected 1 or more, got '0'"),
        (
            SMALLEST + "windows:\n  a: [tomorrow]",
            "config.yaml:4: windows.a[0]: expected today, yesterday, 3d_ago, last_7d, last_30d, month_to_date or last_month, got 'tomorrow'",
        ),
        (SMALLEST + "windows:\n  a: [today, today]", "config.yaml:4: windows.a[1]: names the same window again"),
        (SMALLEST + "web: {}\nweb: {}", "config.yaml:4: web: stands twice in this section, first in line 3"),
        (SMALLEST + "web: &w\n  listen_address: *w", "config.yaml:4: web.listen_address: is an alias of a section that it stands in"),
        (SMALLEST + "store: {path: !env X}", "config.yaml:3: store.path: the tag !env is not supported; leave it out"),
        (SMALLEST + "aws:\n  <<: x", "config.yaml:4: aws.<<: expected an alias of another section, or a list of them"),
        (SMALLEST + "[a]: 1", "config.yaml:3: expected a key of plain text"),
        (
            SMALLEST + '"a\\nb": 1',
            f"config.yaml:3: a\\nb: unknown key, expected one of {KEYS}",
        ),
    ],
)
def test_one_sentence_says_what_is_expected(tmp_path: Path, text: str, mistake: str) -> None:
    assert mistakes(tmp_path, text) == [mistake]


@pytest.mark.parametrize(
    ("content", "mistake"),
    [
        (b"", "config.yaml: holds no keys; start from config.example.yaml, which has them all"),
        (b"# nothing\n---\n", "config.yaml: holds no keys; start from config.example.yaml, which has them all"),
        (b"- a\n", "config.yaml: expected keys with values such as 'engine: duckdb', got a list"),
        (b"engine: duckdb\nkiro: \xff\n", "config.yaml:2: is not UTF-8; save it in that encoding"),
        (b"a: 1\nb: 2: 3\n", "config.yaml:2:5: not valid YAML: mapping values are not allowed here"),
        (b"a: 1\n\tb: 2\n", "config.yaml:2:1: not valid YAML: a tab stands here; indent with spaces"),
        (b"a: \x07\n", "config.yaml:1:4: not valid YAML: the character #x0007 is not allowed"),
        (b"a: *b\n", "config.yaml:1:4: not valid YAML: found undefined alias 'b'"),
        (b"a: " + b"[" * 5000, "config.yaml: is nested too deeply"),
        (
            b"a: &a [" + b"x," * 99 + b"]\nb: &b [" + b"*a," * 99 + b"]\nc: [" + b"*b," * 99 + b"]\n",
            "config.yaml: holds more than 100000 values once its aliases are followed",
        ),
    ],
)
def test_a_file_that_is_no_config_gets_one_sentence(tmp_path: Path, content: bytes, mistake: str) -> None:
    (tmp_path / "config.yaml").write_bytes(content)
    with pytest.raises(ConfigErrors) as caught:
        load(tmp_path / "config.yaml", {})
    assert str(caught.value) == f"{tmp_path}/{mistake}"


def test_a_missing_file_and_a_folder_get_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match=r"none\.yaml: there is no such file; name another one, or make it from config\.example\.yaml$"):
        load(tmp_path / "none.yaml", {})
    with pytest.raises(ConfigErrors, match=r"is a folder; name the file in it$"):
        load(tmp_path, {})


def test_a_reference_in_braces_without_quotes_gets_a_hint(tmp_path: Path) -> None:
    (line,) = mistakes(tmp_path, "aws: {region: ${REGION}}\n", REGION="eu-west-1")
    assert line.endswith("; ${NAME} inside { } or [ ] needs quotes")


@pytest.mark.parametrize(
    ("keys", "mistake"),
    [
        ("lookback: 30d\n    history: 7d", "5: sources.kiro_credits.lookback: expected a duration of at most history (7d), got '30d'"),
        ("table: null\n    history: 3d", "6: sources.kiro_credits.lookback: expected a duration of at most history (3d); it is 7d unless set"),
        ("lands_by: 2d\n    max_age: 48h", "6: sources.kiro_credits.max_age: expected a duration of more than lands_by (2d), got '48h'"),
        ("engine: athena", "4: sources.kiro_credits.location: expected s3://bucket/prefix/, because Athena cannot read a folder"),
        ("table: reports", "5: sources.kiro_credits.table: expected no table, because the duckdb engine reads files"),
    ],
)
def test_keys_that_do_not_go_together_are_mistakes(tmp_path: Path, keys: str, mistake: str) -> None:
    text = f"engine: duckdb\nsources:\n  kiro_credits:\n    location: data/\n    {keys}\n"
    assert mistakes(tmp_path, text) == [f"config.yaml:{mistake}"]


def test_all_of_the_history_may_stay_open(tmp_path: Path) -> None:
    config = read(tmp_path, "engine: duckdb\nsources: {kiro_credits: {location: d, history: 7d, lookback: 7d}}")
    assert config.sources.enabled()["kiro_credits"].lookback == timedelta(days=7)


def test_checks_between_keys_do_not_wait_for_other_mistakes(tmp_path: Path) -> None:
    text = "engine: duckdb\nsources:\n  kiro_credits:\n    schedule: soon\n    history: 2d\n    max_age: 1h\n"
    keys = [line.split(": ")[1].rpartition(".")[2] for line in mistakes(tmp_path, text)]
    assert keys == ["location", "schedule", "lookback", "max_age"]


def test_values_from_the_environment(tmp_path: Path) -> None:
    text = (
        SMALLEST
        + """\
aws: {external_id: "$$${ID}$", region: "eu-${WHERE}-1"}
limits:
  max_series: ${SERIES}
web: {enable_lifecycle: "${SWITCH}"}
"""
    )
    config = read(tmp_path, text, ID="${SERIES}", WHERE="west", SERIES="5", SWITCH="yes")
    assert (config.aws.external_id, config.aws.region, config.limits.max_series, config.web.enable_lifecycle) == ("$${SERIES}$", "eu-west-1", 5, True)


def test_variables_that_are_not_there_are_mistakes(tmp_path: Path) -> None:
    text = SMALLEST + "aws:\n  profile: a-${ABSENT}\n  region: ${ABSENT}\n  external_id: ${A-B}\n  role_arn: ${OPEN\n"
    assert mistakes(tmp_path, text) == [
        "config.yaml:4: aws.profile: the environment variable ABSENT is not set; set it for the exporter, or write $$ for a $ that begins none",
        "config.yaml:5: aws.region: the environment variable ABSENT is not set; set it for the exporter, or write $$ for a $ that begins none",
        "config.yaml:6: aws.external_id: expected ${NAME} with letters, digits and underscores, or $$ for a $",
        "config.yaml:7: aws.role_arn: expected ${NAME} with letters, digits and underscores, or $$ for a $",
    ]


def test_what_a_variable_holds_is_never_shown(tmp_path: Path) -> None:
    text = """\
engine: ${S}
aws: {region: "${S}", role_arn: "x${S}", endpoint_url: "${S}"}
athena: {output_location: "s3://${S}", max_bytes_scanned: "${S}", result_reuse_minutes: "${N}"}
sources: {kiro_credits: {location: "s3://${S}", schedule: "${S}", history: "${D}", lookback: 19d}}
people: {team: ["${S}"]}
kiro: {tiers: {pro: {credits: "${S}", price: "${S}"}}, ignore_before: "${S}", overage_period: "${S}", currency: "${S}"}
windows: {a: ["${S}", "${S}"]}
web: {listen_address: "${S}", enable_lifecycle: "${S}"}
"""
    secrets = {"S": "hunter2 _", "N": "77777", "D": "13d"}
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigErrors) as caught:
        load(path, secrets)
    told = "".join(traceback.format_exception(caught.value))
    assert len(caught.value.errors) == 20
    assert not [value for value in ("hunter2", "77777", "13d") if value in told]
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("section", "key", "text"),
    [
        ("aws", "region", "us-gov-west-1"),
        ("aws", "role_arn", "arn:aws-cn:iam::111122223333:role/path/Reader"),
        ("aws", "external_id", "0123"),
        ("aws", "profile", "no"),
        ("aws", "endpoint_url", "http://127.0.0.1:5000"),
        ("athena", "workgroup", "team.reports-1"),
        ("athena", "database", "usage_2"),
        ("kiro", "currency", "EUR"),
    ],
)
def test_text_is_kept_as_written(tmp_path: Path, section: str, key: str, text: str) -> None:
    assert getattr(getattr(read(tmp_path, f"{SMALLEST}{section}:\n  {key}: {text}\n"), section), key) == text


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("aws: {region: Frankfurt}", "an AWS region"),
        ("aws: {role_arn: 'arn:aws:iam::1:role/x'}", "the ARN of a role"),
        ("aws: {external_id: ''}", "text"),
        ('aws: {external_id: "a\\u0001b"}', "text"),
        ("aws: {endpoint_url: 'localhost:5000'}", "a URL"),
        ("aws: {endpoint_url: 'http://a:99999'}", "a URL"),
        ("aws: {endpoint_url: 'http://[::1'}", "a URL"),
        ("athena: {workgroup: a b}", "the name of a workgroup"),
        ("athena: {database: 'x; drop'}", "the name of a database"),
        ("athena: {output_location: results/}", "s3://bucket/prefix/"),
        ("kiro: {currency: euro}", "a currency code"),
        ("store: {path: ''}", "a path"),
        ("store: {path: ~nobody-of-that-name/x}", "a path whose ~ is the home of a user on this machine"),
    ],
)
def test_bad_text(tmp_path: Path, key: str, expected: str) -> None:
    (line,) = mistakes(tmp_path, f"{SMALLEST}{key}\n")
    assert f"expected {expected}" in line


@pytest.mark.parametrize("table", ["reports", "lake.kiro-credits"])
def test_a_table_may_name_its_database(tmp_path: Path, table: str) -> None:
    config = read(tmp_path, f"engine: athena\nsources: {{kiro_credits: {{location: data/, table: {table}}}}}")
    assert config.sources.enabled()["kiro_credits"].table == table


@pytest.mark.parametrize(
    ("location", "resolved"),
    [("reports/", "{}/reports"), ("../x", "{}/../x"), ("/srv/kiro", "/srv/kiro"), ("~/kiro", "{}/home/kiro"), ("s3://abc/kiro", "s3://abc/kiro/")],
)
def test_locations_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, location: str, resolved: str) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    config = read(tmp_path, f"engine: duckdb\nsources: {{kiro_credits: {{location: {location}}}}}")
    expected = resolved.format(tmp_path) if "s3:" in resolved else os.path.normpath(resolved.format(tmp_path))
    assert config.sources.enabled()["kiro_credits"].location == expected


@pytest.mark.parametrize("location", ["s3://abc/kiro/AWSLogs/", "data/AWSLogs", "https://abc.s3.amazonaws.com/", "arn:aws:s3:::abc"])
def test_bad_locations(tmp_path: Path, location: str) -> None:
    (line,) = mistakes(tmp_path, f"engine: duckdb\nsources: {{kiro_credits: {{location: '{location}'}}}}")
    assert "sources.kiro_credits.location: expected " in line


def test_relative_paths_count_from_the_folder_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    read(folder, SMALLEST + "people: {file: people.csv}")
    config = load(Path("etc/config.yaml"), {})
    assert (config.store.path, config.people.file) == (folder / "state", folder / "people.csv")


def test_prices_are_exact(tmp_path: Path) -> None:
    config = read(tmp_path, SMALLEST + "kiro: {overage_price: 0.1, tiers: {pro: {credits: 1000.10, price: 19.99}}}")
    assert (config.kiro.overage_price, config.kiro.tiers["pro"].price, str(config.kiro.tiers["pro"].credits)) == (Decimal("0.1"), Decimal("19.99"), "1000.10")


@pytest.mark.parametrize("rate", ["1000000000", "1000000000000", "0.0000004"])
@pytest.mark.parametrize("section", ["kiro: {overage_price: RATE}", "kiro: {tiers: {pro: {credits: 1, price: RATE}}}", "usage: {score: {read: RATE}}"])
def test_rates_that_would_be_rounded_or_fail_every_snapshot_are_refused(tmp_path: Path, section: str, rate: str) -> None:
    with pytest.raises(ConfigErrors, match="expected a number from 0 to below 1000000000 with 6 decimals at most"):
        read(tmp_path, SMALLEST + section.replace("RATE", rate))


def test_a_tier_takes_the_place_of_its_default(tmp_path: Path) -> None:
    config = read(tmp_path, SMALLEST + "kiro: {tiers: {ProPlus: {credits: 2500, price: 45}, Team Max: {credits: 7, price: 0}}}")
    assert {name: (int(tier.credits), int(tier.price)) for name, tier in config.kiro.tiers.items()} == {
        "pro": (1000, 20),
        "pro_plus": (2500, 45),
        "pro_max": (5000, 100),
        "power": (10000, 200),
        "teammax": (7, 0),
    }


def test_two_spellings_of_a_tier_are_a_mistake(tmp_path: Path) -> None:
    assert mistakes(tmp_path, SMALLEST + "kiro:\n  tiers:\n    Pro Plus: {credits: 1, price: 1}\n    PROPLUS: {credits: 1, price: 1}\n") == [
        "config.yaml:6: kiro.tiers.PROPLUS: names the same tier as Pro Plus"
    ]


def test_a_source_sets_its_own_aws_over_the_global_one(tmp_path: Path) -> None:
    text = """\
engine: duckdb
aws: {region: eu-west-1, profile: main, external_id: x}
athena: {aws: {region: us-west-2}}
sources:
  kiro_credits: {location: data/, aws: {region: us-east-1, profile: null}}
  kiro_features: {location: data/}
"""
    config = read(tmp_path, text)
    credits, features, athena = (config.aws_for(name) for name in ("kiro_credits", "kiro_features", "athena"))
    assert (credits.region, credits.profile, credits.external_id) == ("us-east-1", None, "x")
    assert features == config.aws
    assert (athena.region, athena.profile) == ("us-west-2", "main")


def test_a_source_sets_its_own_engine(tmp_path: Path) -> None:
    config = read(tmp_path, "engine: duckdb\nsources: {kiro_features: {location: s3://abc/, engine: athena}, kiro_credits: {location: d}}")
    assert {name: config.engine_for(name) for name in config.sources.enabled()} == {"kiro_credits": "duckdb", "kiro_features": "athena"}


def test_anchors_and_merges(tmp_path: Path) -> None:
    text = """\
x-common: &common {lookback: 3d, history: 9d}
x-more: &more {history: 30d, max_age: 20d}
engine: duckdb
sources:
  kiro_credits: &credits
    <<: [*common, *more]
    location: data/
    lookback: 5d
  kiro_features: *credits
"""
    config = read(tmp_path, text)
    source = config.sources.enabled()["kiro_features"]
    assert (source.lookback.days, source.history.days, source.max_age.days) == (5, 9, 20)


def test_a_mistake_in_an_anchor_is_placed_where_it_is_written(tmp_path: Path) -> None:
    text = "x-a: &a\n  history: soon\nengine: duckdb\nsources:\n  kiro_credits:\n    <<: *a\n    location: data/\n"
    (line,) = mistakes(tmp_path, text)
    assert line.startswith("config.yaml:2: sources.kiro_credits.history: ")


def test_x_belongs_to_the_top(tmp_path: Path) -> None:
    (line,) = mistakes(tmp_path, SMALLEST + "web: {x-a: 1}")
    assert "web.x-a: unknown key" in line


def test_equality_is_about_values_not_places(tmp_path: Path) -> None:
    first = read(tmp_path, SMALLEST)
    moved = read(tmp_path, "# moved\n\n" + SMALLEST + "limits: {max_series: 1_000_000}\n")
    changed = read(tmp_path, SMALLEST + "kiro: {idle_after: 10d}\n")
    assert moved == first
    assert {name for name in Config.model_fields if getattr(changed, name) != getattr(first, name)} == {"kiro"}


def test_an_own_region_is_a_change_even_where_it_is_the_default(tmp_path: Path) -> None:
    text = "engine: duckdb\nsources: {kiro_credits: {location: d, aws: %s}}"
    assert read(tmp_path, text % "{}") != read(tmp_path, text % "{region: us-east-1}")


def test_later_errors_find_their_place(tmp_path: Path) -> None:
    places = read(tmp_path, SMALLEST + "windows:\n  kiro_user_mesages: [today]\n").places
    assert str(places.error("windows.kiro_user_mesages[0]", "unknown family")) == f"{tmp_path}/config.yaml:4: windows.kiro_user_mesages[0]: unknown family"
    assert [places.line(key) for key in ("windows.kiro_user_mesages[7]", "sources.kiro_credits.history", "people.team[0]")] == [4, 2, 1]
