"""The endpoints over a real server: what is sent, to whom, in which format, and what stays inside."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import logging
import re
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from serving import Answer, Serving
from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.model import Chunk, Snapshot
from exporter.telemetry import Telemetry
from exporter.web.app import SLICE, make_app
from exporter.web.landing import SourceStatus
from exporter.web.negotiation import OPENMETRICS_1, TEXT

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
PROMETHEUS_2_42 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


def chunk(plain: bytes) -> Chunk:
    return Chunk(plain, gzip.compress(plain, 1), sum(not line.startswith(b"#") for line in plain.splitlines()))


CREDITS = chunk(
    b"# TYPE kiro_user_credits_yesterday gauge\n# HELP kiro_user_credits_yesterday Credits.\n"
    b'kiro_user_credits_yesterday{user="al\\"ice\\\\",team="a"} 1.5\nkiro_user_credits_yesterday{user="b\xc3\xb6b\\n",team="a"} 0.25\n'
)
SEATS = chunk(b'# TYPE kiro_user_seat gauge\n# HELP kiro_user_seat Seats.\nkiro_user_seat{user="b\xc3\xb6b\\n",team="a",tier="pro",status="idle"} 1\n')


def snapshot(*chunks: Chunk) -> Snapshot:
    return Snapshot(NOW, NOW + timedelta(hours=14), chunks, {"kiro_user_credits_yesterday": 2, "kiro_user_seat": 1})


class FakeView:
    """A service that serves what the test puts in, and remembers what was asked of it."""

    def __init__(self) -> None:
        self.telemetry = Telemetry()
        self.enable_lifecycle = True
        self.current: Snapshot | None = snapshot(CREDITS, SEATS)
        self.readiness = (True, "Serving the facts of 2026-03-01.")
        self.sources: list[SourceStatus] = [SourceStatus("kiro_credits", True, NOW, date(2026, 3, 1), NOW + timedelta(hours=1))]
        self.errors: list[str] = []
        self.refreshed: list[str | None] = []
        self.reloading = threading.Event()
        self.reloading.set()

    def snapshot(self) -> Snapshot | None:
        return self.current

    def ready(self) -> tuple[bool, str]:
        return self.readiness

    def status(self) -> Sequence[SourceStatus]:
        return self.sources

    def reload(self) -> list[str]:
        assert self.reloading.wait(10)
        return self.errors

    def people(self) -> None:
        """Tested in test_people_api.py."""

    def refresh(self, source: str | None) -> list[str]:
        self.refreshed.append(source)
        return self.errors


@pytest.fixture
def view() -> FakeView:
    return FakeView()


class Stage:
    """Lets one server answer for the application of whichever test runs: stopping a server takes a fifth of a second."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Stage, Serving]]:
    stage = Stage()
    with Serving(stage) as serving:
        yield stage, serving


@pytest.fixture
def web(view: FakeView, server: tuple[Stage, Serving]) -> Serving:
    stage, serving = server
    stage.app = make_app(view)
    return serving


def settled(body: bytes) -> bytes:
    """The body without what differs from one scrape to the next."""
    return b"".join(line for line in body.splitlines(keepends=True) if not re.match(rb"(# \w+ )?process_", line))


@pytest.mark.parametrize(("accept", "format"), [(PROMETHEUS_2_42, OPENMETRICS_1), (PROMETHEUS_3, OPENMETRICS_1), ("*/*", TEXT)])
def test_metrics_come_in_the_format_asked_for(web: Serving, accept: str, format: Any) -> None:
    answer = web.get("/metrics", Accept=accept)
    assert (answer.status, answer.headers["content-type"], answer.body.endswith(b"# EOF\n")) == (200, format.content_type, format.openmetrics)


def test_openmetrics_ends_once(web: Serving) -> None:
    assert web.get("/metrics", Accept=PROMETHEUS_3).body.count(b"# EOF") == 1


def test_both_formats_hold_the_same_samples(web: Serving) -> None:
    def samples(families: Any) -> set[Any]:
        return {(s.name, tuple(sorted(s.labels.items())), s.value) for family in families for s in family.samples if not s.name.startswith("process_")}

    text = samples(parse_text(web.get("/metrics").text))
    openmetrics = samples(parse_openmetrics(web.get("/metrics", Accept=PROMETHEUS_3).text))  # type: ignore[no-untyped-call]
    assert text == openmetrics
    assert ("kiro_user_credits_yesterday", (("team", "a"), ("user", "böb\n")), 0.25) in text


@pytest.mark.parametrize("accept", ["text/plain", PROMETHEUS_3])
def test_gzip_holds_the_same_bytes(web: Serving, accept: str) -> None:
    packed = web.get("/metrics", Accept=accept, Accept_Encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert settled(gzip.decompress(packed.body)) == settled(web.get("/metrics", Accept=accept).body)


def test_body_is_the_chunks_and_then_the_self_metrics(web: Serving, view: FakeView) -> None:
    assert settled(web.get("/metrics").body) == CREDITS.plain + SEATS.plain + settled(view.telemetry.exposition(openmetrics=False))


def test_caches_are_told_what_the_answer_depends_on(web: Serving) -> None:
    assert web.get("/metrics").headers["vary"] == "Accept, Accept-Encoding"


def test_head_has_the_length_and_no_body(web: Serving, view: FakeView) -> None:
    answer = web.request("HEAD", "/metrics", Accept_Encoding="gzip")
    # the self-metrics vary by a few bytes between two scrapes
    assert answer.body == b""
    assert abs(int(answer.headers["content-length"]) - len(web.get("/metrics", Accept_Encoding="gzip").body)) < 100


def test_query_string_changes_nothing(web: Serving) -> None:
    assert settled(web.get("/metrics?name[]=up&x=%00").body) == settled(web.get("/metrics").body)


def test_without_a_snapshot_there_are_self_metrics_only(web: Serving, view: FakeView) -> None:
    view.current = None
    answer = web.get("/metrics")
    assert (answer.status, settled(answer.body)) == (200, settled(view.telemetry.exposition(openmetrics=False)))


def test_self_metrics_are_live(web: Serving, view: FakeView) -> None:
    view.telemetry.attempt("kiro_credits", NOW)
    assert 'aws_user_exporter_source_refreshes_total{source="kiro_credits"} 1.0' in web.get("/metrics").text


def test_chunks_are_never_joined_or_copied(view: FakeView) -> None:
    large = Chunk(bytes(3 * SLICE), b"", 1)
    view.current = snapshot(large, CREDITS)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message.get("body"))

    async def receive() -> Any:
        raise AssertionError("nothing to receive")

    async def scrape() -> None:
        await make_app(view)(scope, receive, send)

    scope = {"type": "http", "method": "GET", "path": "/metrics", "headers": [], "query_string": b"", "root_path": ""}
    asyncio.run(scrape())
    assert [body.obj is large.plain for body in sent[1:4]] + [sent[4].obj is CREDITS.plain] == [True] * 4


def test_fifty_scrapes_at_once_get_the_same(web: Serving, view: FakeView) -> None:
    view.current = snapshot(*[chunk(b"x" * 100_000 + b"\n")] * 20)
    with ThreadPoolExecutor(50) as pool:
        answers: list[Answer] = list(pool.map(lambda _: web.get("/metrics"), range(50)))
    assert {settled(answer.body) for answer in answers} == {settled(web.get("/metrics").body)}


def test_a_slow_reader_keeps_its_snapshot_and_nobody_waiting(web: Serving, view: FakeView) -> None:
    old, new = chunk(b"o" * (32 << 20)), chunk(b"n" * 1000 + b"\n")
    view.current = snapshot(old)
    with socket.create_connection(("127.0.0.1", web.port), timeout=10) as slow:
        slow.sendall(b"GET /metrics HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        head = slow.recv(4096)
        view.current = snapshot(new)
        began = time.monotonic()
        assert web.get("/metrics").body.startswith(new.plain)
        assert time.monotonic() - began < 2
        body = bytearray(head.partition(b"\r\n\r\n")[2])
        while piece := slow.recv(1 << 20):
            body += piece
    assert body.startswith(old.plain)


def test_a_client_that_hangs_up_leaves_no_trace(web: Serving, view: FakeView, caplog: pytest.LogCaptureFixture) -> None:
    view.current = snapshot(chunk(b"o" * (32 << 20)))
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", web.port), timeout=10) as client:
                client.sendall(b"GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n")
                client.recv(10)
        assert web.get("/-/healthy").status == 200
    assert caplog.text == ""


def test_healthy_even_when_there_is_nothing_to_serve(web: Serving, view: FakeView) -> None:
    view.current, view.readiness = None, (False, "No source has landed yet.")
    assert (web.get("/-/healthy").status, web.request("HEAD", "/-/healthy").status) == (200, 200)


@pytest.mark.parametrize(("readiness", "status"), [((True, "Serving."), 200), ((False, "No source has landed yet."), 503)])
def test_ready_says_why(web: Serving, view: FakeView, readiness: tuple[bool, str], status: int) -> None:
    view.readiness = readiness
    answer = web.get("/-/ready")
    assert (answer.status, answer.text) == (status, readiness[1] + "\n")


@pytest.mark.parametrize("path", ["/-/reload", "/-/refresh"])
class TestLifecycle:
    def test_is_off_unless_enabled(self, web: Serving, view: FakeView, path: str) -> None:
        view.enable_lifecycle = False
        answer = web.request("POST", path)
        assert (answer.status, "--web.enable-lifecycle" in answer.text, view.refreshed) == (403, True, [])

    @pytest.mark.parametrize("method", ["POST", "PUT"])
    def test_works_when_enabled(self, web: Serving, path: str, method: str) -> None:
        assert web.request(method, path).status == {"/-/reload": 200, "/-/refresh": 202}[path]

    def test_cannot_be_followed_as_a_link(self, web: Serving, path: str) -> None:
        answer = web.get(path)
        assert (answer.status, answer.headers["allow"]) == (405, "POST, PUT")

    def test_answers_with_every_error(self, web: Serving, view: FakeView, path: str) -> None:
        view.errors = ["config.yaml:3: engine: unknown", "config.yaml:9: web: unknown key"]
        answer = web.request("POST", path)
        assert (answer.status, answer.text.splitlines()) == ({"/-/reload": 500, "/-/refresh": 409}[path], view.errors)

    def test_refuses_other_sites(self, web: Serving, view: FakeView, path: str) -> None:
        assert (web.request("POST", path, Sec_Fetch_Site="cross-site").status, view.refreshed) == (403, [])


def test_others_are_served_while_a_reload_runs(web: Serving, view: FakeView) -> None:
    view.reloading.clear()
    with ThreadPoolExecutor(1) as pool:
        reload = pool.submit(web.request, "POST", "/-/reload")
        assert web.get("/metrics").status == 200
        assert not reload.done()
        view.reloading.set()
        assert reload.result(10).status == 200


@pytest.mark.parametrize(("path", "asked"), [("/-/refresh", [None]), ("/-/refresh?source=kiro_credits", ["kiro_credits"])])
def test_refresh_takes_one_source_or_all(web: Serving, view: FakeView, path: str, asked: list[str | None]) -> None:
    web.request("POST", path)
    assert view.refreshed == asked


def test_refresh_of_an_unknown_source_names_the_known(web: Serving, view: FakeView) -> None:
    answer = web.request("POST", "/-/refresh?source=billing")
    assert (answer.status, answer.text, view.refreshed) == (404, "There is no such source; configured are: kiro_credits.\n", [])


def test_landing_page_is_made_of_what_the_service_says(web: Serving, view: FakeView) -> None:
    view.readiness = (False, "No source has landed yet.")
    answer = web.get("/")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert ("No source has landed yet." in answer.text, "<td>kiro_credits</td>" in answer.text) == (True, True)


def test_landing_page_may_apply_its_own_style_and_nothing_else(web: Serving) -> None:
    answer = web.get("/")
    [style] = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert answer.headers["content-security-policy"].startswith("default-src 'none';")
    assert answer.headers["content-security-policy"].endswith(f"style-src 'sha256-{digest}'")


@pytest.mark.parametrize("path", ["/nothing", "/metrics/", "/docs/", "/openapi.json", "/-/", "/%00", "/..%2f..%2fetc/passwd"])
def test_unknown_pages_are_told_in_a_sentence(web: Serving, path: str) -> None:
    answer = web.get(path)
    assert (answer.status, answer.text) == (404, "There is nothing at this address; the page at / lists what there is.\n")


def test_metrics_cannot_be_posted(web: Serving) -> None:
    answer = web.request("POST", "/metrics")
    assert (answer.status, answer.headers["allow"], answer.text) == (405, "GET, HEAD", "Only GET, HEAD can be used at this address.\n")


class TestUnexpectedError:
    @pytest.fixture(autouse=True)
    def broken(self, view: FakeView, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail() -> Snapshot | None:
            raise RuntimeError("secret of the house")

        monkeypatch.setattr(view, "snapshot", fail)

    def test_tells_the_client_a_sentence(self, web: Serving) -> None:
        answer = web.get("/metrics")
        assert (answer.status, answer.text) == (500, "Unexpected error; the log of the exporter has the details.\n")

    def test_is_logged_once_with_its_place(self, web: Serving, caplog: pytest.LogCaptureFixture) -> None:
        web.get("/metrics")
        web.get("/-/healthy")
        [record] = caplog.records
        assert (record.exc_info is not None, vars(record)["fields"]) == (True, {"method": "GET", "path": "/metrics"})


@pytest.mark.parametrize("path", ["/", "/metrics", "/-/ready", "/nothing"])
def test_every_answer_carries_the_security_headers(web: Serving, path: str) -> None:
    headers = web.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers


def test_scrape_during_a_start_waits_for_the_first_snapshot_and_nothing_else_waits() -> None:
    async def scraped() -> None:
        view, opened = FakeView(), asyncio.get_running_loop().create_future()
        first, view.current = view.current, None
        async with httpx.AsyncClient(transport=httpx.ASGITransport(make_app(view, None, opened)), base_url="http://exporter") as client:
            scrape = asyncio.ensure_future(client.get("/metrics"))
            assert (await client.get("/-/healthy")).status_code == 200
            assert not scrape.done()
            view.current = first
            opened.set_result(None)
            assert CREDITS.plain in (await asyncio.wait_for(scrape, 10)).content
            view.current = None
            assert CREDITS.plain not in (await asyncio.wait_for(client.get("/metrics"), 10)).content

    asyncio.run(scraped())
