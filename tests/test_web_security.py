"""The web file in the whole exporter: from the command line to a real Prometheus, and what no answer ever tells."""

from __future__ import annotations

import http.client
import json
import re
import signal
import ssl
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from exporter_process import ExporterProcess, samples_of
from kiro_files import ALICE, Use, put_use
from prometheus_server import PrometheusServer
from protected import Protected, basic, hashed
from real_process import eventually
from serving import Serving
from test_web import FakeView
from web_certificates import Authority

from exporter.cli import main
from exporter.config import load_web_file
from exporter.web.app import make_app

ROOT = Path(__file__).parent.parent
DOCUMENT = (ROOT / "docs" / "web-config.md").read_text(encoding="utf-8")
PASSWORD = "fakepassword"
ENDPOINTS = [
    ("GET", "/"),
    ("GET", "/metrics"),
    ("GET", "/-/healthy"),
    ("GET", "/-/ready"),
    ("POST", "/-/reload"),
    ("POST", "/-/refresh"),
    ("POST", "/-/refresh?source=kiro_credits"),
    ("GET", "/docs"),
    ("GET", "/api/openapi.json"),
    ("GET", "/api/users/analytics"),
    ("GET", "/api/users/top-by-usage"),
    ("GET", "/api/users/top-by-cost"),
    ("GET", "/api/users/inactive?days=30"),
    ("GET", "/api/users/alice"),
    ("POST", "/api/users/analyze"),
]


def block(name: str) -> dict[str, Any]:
    """The example of a file in docs/web-config.md."""
    found = re.search(rf"```yaml\n# {re.escape(name)}\n(.*?)```", DOCUMENT, re.DOTALL)
    assert found is not None
    loaded: dict[str, Any] = yaml.safe_load(found[1])
    return loaded


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With every file that the examples name."""
    servers, clients = Authority("servers"), Authority("clients")
    servers.issue("server").write(tmp_path, "server")
    clients.issue("prometheus", x509.DNSName("prometheus.example.com")).write(tmp_path, "prometheus")
    (tmp_path / "server-ca.crt").write_bytes(servers.certificate)
    (tmp_path / "clients-ca.crt").write_bytes(clients.certificate)
    (tmp_path / "prometheus.password").write_text(PASSWORD)
    (tmp_path / "web.yml").write_text(yaml.safe_dump(block("web.yml")))
    return tmp_path


class Secured(ExporterProcess):
    """The exporter as docs/web-config.md sets it up."""

    def __init__(self, folder: Path, today: date) -> None:
        put_use(folder / "reports", date.fromordinal(today.toordinal() - 1), Use(ALICE))
        config: Mapping[str, object] = {
            "engine": "duckdb",
            "store": {"path": "state"},
            "sources": {"kiro_credits": {"location": "reports"}},
            "web": {"config_file": "web.yml"},
        }
        super().__init__(folder, config)

    def ask(self, path: str, password: str = PASSWORD) -> tuple[int, str]:
        context = ssl.create_default_context(cafile=str(self.folder / "server-ca.crt"))
        context.load_cert_chain(self.folder / "prometheus.crt", self.folder / "prometheus.key")
        connection = http.client.HTTPSConnection(self.address, timeout=30, context=context)
        try:
            connection.request("GET", path, headers={"Authorization": basic("prometheus", password)})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


@pytest.fixture
def secured(folder: Path, today: date) -> Iterator[Secured]:
    with Secured(folder, today) as exporter:
        exporter.ask("/-/healthy")
        yield exporter


def test_the_example_is_a_valid_file(folder: Path) -> None:
    file = load_web_file(folder / "web.yml", {})
    assert file.tls_server_config is not None
    assert (file.tls_server_config.min_version, list(file.basic_auth_users)) == ("TLS13", ["prometheus"])


def test_every_key_of_the_toolkit_is_in_the_documentation() -> None:
    keys = (
        "cert key client_ca cert_file key_file client_auth_type client_ca_file client_allowed_sans min_version max_version cipher_suites "
        "prefer_server_cipher_suites curve_preferences http2 headers Content-Security-Policy X-Frame-Options X-Content-Type-Options X-XSS-Protection "
        "Strict-Transport-Security basic_auth_users rate_limit"
    )
    assert [key for key in keys.split() if not re.search(rf"(`|\.){key}(`|:)", DOCUMENT)] == []


def test_real_prometheus_scrapes_as_the_documentation_says(secured: Secured, folder: Path, prometheus_binary: str) -> None:
    config = block("prometheus.yml")
    [job] = config["scrape_configs"]
    job["static_configs"] = [{"targets": [secured.address]}]
    for section, key in (("tls_config", "ca_file"), ("tls_config", "cert_file"), ("tls_config", "key_file"), ("basic_auth", "password_file")):
        job[section][key] = str(folder / job[section][key])
    job["scrape_interval"] = "1s"
    with PrometheusServer(prometheus_binary, folder / "prometheus", config) as prometheus:
        prometheus.wait_until_scraped("aws-user-exporter")
        [series] = prometheus.query("aws_user_exporter_web_config_last_reload_successful")
    assert series.value == 1


def test_running_exporter_follows_the_file(secured: Secured, folder: Path) -> None:
    settings = block("web.yml")
    before = secured.ask("/-/healthy")[0]
    (folder / "web.yml").write_text("hush: hush")
    secured.wait_for_line('msg="the web config was not loaded; the one before goes on"', "hush: unknown key")
    broken = samples_of(secured.ask("/metrics")[1])[("aws_user_exporter_web_config_last_reload_successful", frozenset())]
    (folder / "web.yml").write_text(yaml.safe_dump(settings | {"basic_auth_users": {"prometheus": hashed("another")}}))
    eventually("the new password", lambda: secured.ask("/-/healthy", "another")[0] == 200)
    assert (before, broken, secured.ask("/-/healthy")[0], secured.terminate()) == (200, 0, 401, 0)


def test_log_of_a_run_holds_neither_password_nor_hash(secured: Secured) -> None:
    secured.ask("/-/healthy", "hush-hush")
    secured.terminate()
    log = "\n".join(secured.lines())
    assert [text for text in (PASSWORD, "hush-hush", "$2y$", basic("prometheus", PASSWORD)[6:], "PRIVATE KEY", "Traceback") if text in log] == []


@pytest.mark.parametrize("command", ["run", "demo"])
def test_broken_file_at_the_start_is_told_and_exits_2(folder: Path, command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "config.yaml").write_text("engine: duckdb\nsources: {kiro_credits: {location: reports}}\n")
    (folder / "web.yml").write_text("tls_server_config: {cert_file: server.crt, min_version: hush}\nrate_limit: {burst: 20}\n")
    arguments = ["--config.file", str(folder / "config.yaml")] if command == "run" else ["--folder", str(folder / "demo"), "--people", "1"]
    monkeypatch.chdir(folder)
    code = main([command, *arguments, "--web.listen-address", "127.0.0.1:0", "--web.config.file", "web.yml"])
    assert (code, capsys.readouterr().err) == (
        2,
        f"aws-user-exporter: {folder}/web.yml:1: tls_server_config.min_version: expected TLS12 or TLS13\n"
        f"{folder}/web.yml:2: rate_limit: is not supported; leave it out, and limit requests in a proxy before the exporter\n",
    )


def test_check_tries_the_file_and_what_it_names(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "reports").mkdir()
    (folder / "config.yaml").write_text("engine: duckdb\nsources: {kiro_credits: {location: reports}}\nweb: {config_file: web.yml}\n")
    arguments = ["check", "--config.file", str(folder / "config.yaml"), "--offline"]
    whole = main(arguments)
    (folder / "server.key").unlink()
    capsys.readouterr()
    assert (whole, main(arguments)) == (0, 2)
    assert "web.yml:12: tls_server_config.key_file: the file cannot be read: No such file or directory" in capsys.readouterr().out.replace("\n", " ")


def test_other_file_needs_a_restart(secured: Secured, folder: Path) -> None:
    secured.configure({"engine": "duckdb", "store": {"path": "state"}, "sources": {"kiro_credits": {"location": "reports"}}})
    before = len(secured.lines())
    secured.send(signal.SIGHUP)
    secured.wait_for_line("web.config_file: cannot change while the exporter runs; restart it", after=before)
    assert secured.ask("/-/healthy", "nothing")[0] == 401


class Failing(FakeView):
    """Everything that it is asked fails, with what nobody may see."""

    def _fail(self, *_: object) -> Any:
        raise RuntimeError("hush: s3://secret-bucket/ arn:aws:iam::111122223333:role/secret")

    snapshot = ready = status = reload = people = refresh = _fail  # type: ignore[assignment]


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_no_answer_tells_what_went_wrong_inside(method: str, path: str) -> None:
    with Serving(make_app(Failing())) as web:
        answer = web.request(method, path)
    told = f"{answer.headers} {answer.text}"
    assert [text for text in ("hush", "secret", "Traceback", "RuntimeError", ".py", str(ROOT)) if text in told] == []
    if answer.status != 200:  # what does not ask the service: health, and the description of the API
        expected = "Unexpected error; the log of the exporter has the details."
        assert (answer.status, json.loads(answer.text)["detail"] if path.startswith("/api") else answer.text.strip()) == (500, expected)


@pytest.mark.parametrize("path", ["/-/reload", "/-/refresh", "/-/refresh?source=kiro_credits", "/api/users/analyze"])
def test_lifecycle_is_off_unless_asked_for(path: str) -> None:
    view = FakeView()
    view.enable_lifecycle = False
    with Serving(make_app(view)) as web:
        assert (web.request("POST", path).status, view.refreshed) == (403, [])


def test_answer_to_a_failed_reload_names_the_key_and_not_its_value(secured: Secured, folder: Path) -> None:
    text = (folder / "config.yaml").read_text().replace("engine: duckdb", "engine: hush-1") + "limits: {max_series: hush-2}\n"
    (folder / "config.yaml").write_text(text)
    context = ssl.create_default_context(cafile=str(folder / "server-ca.crt"))
    context.load_cert_chain(folder / "prometheus.crt", folder / "prometheus.key")
    connection = http.client.HTTPSConnection(secured.address, timeout=30, context=context)
    connection.request("POST", "/-/reload", headers={"Authorization": basic("prometheus", PASSWORD)})
    answer = connection.getresponse()
    told = answer.read().decode()
    connection.close()
    assert (answer.status, "engine: expected duckdb or athena\n" in told, "limits.max_series: expected a whole number\n" in told) == (500, True, True)
    assert "hush" not in told
    secured.wait_for_line("got 'hush-1'")


def test_pages_of_html_may_not_be_framed_sniffed_or_kept(tmp_path: Path) -> None:
    with Protected(tmp_path, {"basic_auth_users": {"alice": hashed("wonder")}}) as web:
        for path in ("/", "/docs"):
            headers = web.get(path, "alice", "wonder").headers
            policy = headers["content-security-policy"]
            assert ("default-src 'none'" in policy, "frame-ancestors 'none'" in policy, "base-uri 'none'" in policy, "unsafe" in policy) == (
                True,
                True,
                True,
                False,
            )
            assert {name: headers.get(name) for name in ("x-frame-options", "x-content-type-options", "referrer-policy", "cache-control")} == {
                "x-frame-options": "deny",
                "x-content-type-options": "nosniff",
                "referrer-policy": "no-referrer",
                "cache-control": "no-store",
            }
            assert (headers["cross-origin-opener-policy"], headers["cross-origin-resource-policy"]) == ("same-origin", "same-origin")
