"""What `run` says of mistakes that operators make: a sentence for each, with its place and what to do, and never a traceback."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter import cli

CONFIG = """engine: duckdb
store: {path: state}
sources:
  kiro_credits: {location: data}
"""
Run = Callable[..., tuple[int, str]]

IN_CONFIG = {
    "misspelled key": (("engine", "engin"), ":1: engin: unknown key, did you mean engine?"),
    "list for a word": (("duckdb", "[duckdb]"), ":1: engine: expected duckdb or athena, got a list"),
    "tab": (("  kiro", "\tkiro"), ":4:1: not valid YAML: a tab stands here; indent with spaces"),
    "missing variable": (("data", '"${NOBODY_SET_THIS}"'), ":4: sources.kiro_credits.location: the environment variable NOBODY_SET_THIS is not set; set it"),
    "minute 61": (("data", 'data, schedule: "61 * * * *"'), ":4: sources.kiro_credits.schedule: expected a duration such as 1h, or cron in UTC"),
    "schedule in words": (("data", "data, schedule: hourly"), ":4: sources.kiro_credits.schedule: expected"),
    "days without a unit": (("data", "data, history: 62"), ":4: sources.kiro_credits.history: expected a duration such as"),
    "time zone": (("engine", "timezone: Europe/Berlin\nengine"), ":1: timezone: unknown key, expected one of"),
    "key twice": (("store:", "engine: athena\nstore:"), ":2: engine: stands twice in this section, first in line 1"),
    "hash without a key": (("store:", "privacy: {user_label: hash}\nstore:"), ":2: privacy.hash_key: expected a key"),
    "bill that is not read": (("store:", "bill: cur\nstore:"), ":2: bill: expected a bill that is read; add `sources.cur`"),
    "open bracket in a pattern": (
        ("store:", "people: {patterns: {service_user: ['(x']}}\nstore:"),
        ":2: people.patterns.service_user[0]: expected a regular expr",
    ),
    "missing people file": (("store:", "people: {file: people.csv}\nstore:"), "people.csv cannot be read (No such file or directory); correct people.file"),
    "missing web file": (("store:", "web: {config_file: web.yml}\nstore:"), "web.yml: there is no such file; name another one"),
}


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Writes a config and calls the command; returns exit code and what it said. It must end by itself."""
    monkeypatch.chdir(tmp_path)

    def call(config: str | None = CONFIG, *arguments: str) -> tuple[int, str]:
        if config is not None:
            Path("config.yaml").write_text(config, encoding="utf-8")
        code = cli.main(["run", "--config.file", "config.yaml", "--web.listen-address", "127.0.0.1:0", *arguments])
        told = capsys.readouterr()
        return code, told.err + told.out

    return call


def told(answer: tuple[int, str]) -> str:
    """The one sentence of a run that failed."""
    code, text = answer
    assert code in (1, 2), text
    assert "Traceback" not in text
    lines = [line for line in text.strip().splitlines() if "level=info" not in line]
    assert lines[0].startswith("aws-user-exporter: ")
    return text


@pytest.mark.parametrize(("change", "sentence"), IN_CONFIG.values(), ids=list(IN_CONFIG))
def test_mistakes_in_the_config(run: Run, change: tuple[str, str], sentence: str) -> None:
    assert sentence in told(run(CONFIG.replace(*change, 1)))


def test_no_config(run: Run) -> None:
    assert "config.yaml: there is no such file; name another one, or make it from config.example.yaml" in told(run(None))


def test_people_file_without_a_head(run: Run, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("name,group\nalice,core\n")
    assert "people.csv needs a first line that names its columns, each once, with one called user" in told(run("people: {file: people.csv}\n" + CONFIG))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("basic_auth_users: {bob: password}\n", "web.yml:1: basic_auth_users.bob: expected a bcrypt hash such as `htpasswd"),
        ("tls_server_config: {cert_file: no.pem, key_file: no.key}\n", "web.yml:1: tls_server_config.cert_file: the file cannot be read"),
        ("tls_config: {}\n", "web.yml:1: tls_config: unknown key, did you mean tls_server_config?"),
    ],
)
def test_mistakes_in_the_web_file(run: Run, tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "web.yml").write_text(text)
    assert sentence in told(run(CONFIG, "--web.config.file", "web.yml"))


def test_port_that_is_taken(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert f"{address} is already in use: stop what listens there, or choose another" in told(run(CONFIG, "--web.listen-address", address))


@pytest.mark.parametrize("path", ["file", "file/below"])
def test_store_that_is_a_file(run: Run, tmp_path: Path, path: str) -> None:
    (tmp_path / "file").write_text("x")
    assert f"{path} cannot be made, because it is a file or lies below one; set store.path to a folder" in told(run(CONFIG, "--store.path", path))


def test_store_where_nothing_can_be_made(run: Run) -> None:
    assert "/proc/store cannot be written (No such file or directory); set store.path to a folder that can be made" in told(
        run(CONFIG, "--store.path", "/proc/store")
    )


def test_folder_that_is_no_store(run: Run, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "version").write_text("junk")
    assert "version should hold a number; if" in told(run())
