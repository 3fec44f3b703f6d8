"""Canaries in every key that can hold a secret: whatever goes wrong, they show in no error, log line, page, answer or report."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import click.testing
import pytest
from hostile_house import Logged
from serving import Serving

from exporter import cli
from exporter.config import load
from exporter.errors import UserError
from exporter.refresh import Refresh
from exporter.service import Service
from exporter.telemetry import Telemetry
from exporter.web.app import make_app

CANARIES = {
    "CANARY_HASH": "canary-hash-4711",
    "CANARY_EXTERNAL": "canary-external-4712",
    "CANARY_PROFILE": "canary-profile-4713",
    "CANARY_ENDPOINT": "http://canary-user-4714:canary-password-4715@127.0.0.1:9/",
    "CANARY_NUMBER": "canary-number-4716",
}
SECRETS = ("canary-hash", "canary-external", "canary-profile", "canary-user", "canary-password", "canary-number")
CONFIG = """engine: duckdb
store: {path: state}
aws: {endpoint_url: "${CANARY_ENDPOINT}", external_id: "${CANARY_EXTERNAL}", role_arn: "arn:aws:iam::111122223333:role/reader"}
sources:
  kiro_credits: {location: "s3://acme/reports/", schedule: 36500d}
  cloudtrail: {location: "s3://acme/logs/", schedule: 36500d, aws: {profile: "${CANARY_PROFILE}"}}
privacy: {user_label: hash, hash_key: "${CANARY_HASH}"}
web: {enable_lifecycle: true}
"""
WRONG = {
    "unknown key": ("web:", "wbe:"),
    "wrong type": ('hash_key: "${CANARY_HASH}"', 'hash_key: ["${CANARY_HASH}"]'),
    "wrong url": ("${CANARY_ENDPOINT}", "${CANARY_ENDPOINT} ${CANARY_HASH}"),
    "wrong literal url": ("${CANARY_ENDPOINT}", "ftp://canary-user-4714:canary-password-4715@host/"),
    "wrong literal key": ('"${CANARY_HASH}"', '"canary-hash-4711\\tx"'),
    "wrong literal id": ('"${CANARY_EXTERNAL}"', '"canary-external-4712\\tx"'),
    "wrong number": ("schedule: 36500d}\n  cloud", 'schedule: "${CANARY_NUMBER}"}\n  cloud'),
    "broken": ("web:", "web: ]"),
    "key for a section": ("privacy: {", 'privacy: "${CANARY_HASH}" #'),
}


def shown(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CANARIES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-number-4716")


@pytest.fixture
def logged() -> Iterator[Logged]:
    with Logged().recording() as found:
        for name in ("botocore", "boto3", "urllib3", "s3transfer"):
            logging.getLogger(name).setLevel(logging.INFO)  # as logs.configure does it at debug
        yield found


def write(folder: Path, text: str = CONFIG) -> Path:
    (folder / "config.yaml").write_text(text)
    return folder / "config.yaml"


def wrong(kind: str) -> str:
    old, new = WRONG[kind]
    assert old in CONFIG
    return CONFIG.replace(old, new, 1)


@pytest.mark.parametrize("kind", WRONG)
def test_load_errors_show_none(kind: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        load(write(tmp_path, wrong(kind)), CANARIES)
    assert shown(str(caught.value)) == []


@pytest.mark.parametrize("kind", WRONG)
def test_check_shows_none(kind: str, tmp_path: Path) -> None:
    for text in (CONFIG, wrong(kind)):
        for form in ("text", "json"):
            said = click.testing.CliRunner().invoke(cli.group, ["check", "--offline", "--format", form, "--config.file", str(write(tmp_path, text))])
            assert shown(said.output + str(said.exception or "")) == []


def test_a_service_that_reaches_nothing_shows_none(tmp_path: Path, logged: Logged, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.refresh.ATTEMPTS", 1)
    file = write(tmp_path)
    service = Service(load(file, CANARIES), lambda: load(file, CANARIES), Telemetry())
    refreshes: list[Refresh] = list(service._refreshes.by_name.values())
    service.start()
    try:
        for refresh in refreshes:
            assert refresh.wait(30) or True
            refresh.run()
            assert refresh.up is False, refresh.last_error
        with Serving(make_app(service)) as web:
            pages = [web.get(path).text for path in ("/", "/metrics", "/-/ready", "/api/users/analytics", "/api/users/x", "/docs")]
            for kind in WRONG:
                write(tmp_path, wrong(kind))
                answer = web.request("POST", "/-/reload", Content_Length="0")
                assert answer.status == 500
                pages.append(answer.text)
    finally:
        service.stop()
    assert [shown(text) for text in [*pages, *(refresh.last_error for refresh in refreshes), logged.text] if shown(text)] == []
