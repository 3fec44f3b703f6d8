"""Basic authentication: who comes in, how often bcrypt is asked, and that it tells nobody who exists."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import bcrypt
import pytest
import uvicorn
from protected import Protected, basic, hashed
from test_web import FakeView
from uvicorn.server import ServerState

from exporter.web import sign_in
from exporter.web.app import make_app
from exporter.web.protocol import LONGEST_HEAD, Protocol
from exporter.web.sign_in import LONGEST, REMEMBERED, WAITING, SignIn, Verdict, parse

ENDPOINTS = [
    "/",
    "/metrics",
    "/-/healthy",
    "/-/ready",
    "/docs",
    "/api/openapi.json",
    "/api/users/analytics",
    "/api/users/alice",
    "/api",
    "/nothing",
    "/favicon.ico",
]
LONG = "x" * 72


class Bcrypt:
    """Counts what bcrypt is asked, and does it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.costs: list[int] = []
        self.threads: set[int] = set()
        real = bcrypt.checkpw

        def counted(password: bytes, hashed_password: bytes) -> bool:
            self.costs.append(int(hashed_password[4:6]))
            self.threads.add(threading.get_ident())
            return real(password, hashed_password)

        monkeypatch.setattr(sign_in.bcrypt, "checkpw", counted)

    @property
    def calls(self) -> int:
        return len(self.costs)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Bcrypt:
    return Bcrypt(monkeypatch)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Protected]:
    with Protected(tmp_path, {"basic_auth_users": {"alice": hashed("wonder"), "zoë": hashed("pässword"), "long": hashed(LONG)}}) as web:
        yield web


def judged(users: SignIn, user: str, password: str) -> Verdict:
    return asyncio.run(users.verdict([basic(user, password).encode()]))


def test_right_password_comes_in_and_wrong_one_does_not(web: Protected) -> None:
    assert (web.get(user="alice", password="wonder").status, web.get(user="alice", password="wonders").status) == (200, 401)


def test_unknown_user_does_not_come_in(web: Protected) -> None:
    assert web.get(user="bob", password="wonder").status == 401


def test_names_and_passwords_are_utf8(web: Protected) -> None:
    assert web.get(user="zoë", password="pässword").status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "OPTIONS", "DELETE"])
@pytest.mark.parametrize("path", [*ENDPOINTS, "/-/reload", "/-/refresh"])
def test_nothing_is_answered_without_signing_in(web: Protected, path: str, method: str) -> None:
    answer = web.get(path, method=method)
    assert (answer.status, answer.headers["www-authenticate"]) == (401, 'Basic realm="aws-user-exporter", charset="UTF-8"')
    assert answer.text == ("" if method == "HEAD" else "Sign in with a user name and password.\n")
    assert web.view.refreshed == []


@pytest.mark.parametrize("path", ENDPOINTS)
def test_whoever_signed_in_sees_what_an_open_exporter_shows(web: Protected, path: str) -> None:
    signed = web.get(path, "alice", "wonder").status
    web.change({"http_server_config": {"http2": False}})
    assert (signed, web.get(path).status) == (signed, signed)
    assert signed != 401


def test_refusal_carries_the_security_headers(web: Protected) -> None:
    headers = web.get("/docs").headers
    assert (headers["content-security-policy"], headers["x-frame-options"], headers["cache-control"]) == (
        "default-src 'none'; frame-ancestors 'none'",
        "deny",
        "no-store",
    )


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic ",
        "Basic !!!!",
        "Basic YWxpY2U6d29uZGVy=",
        "Basic " + base64.b64encode(b"alice").decode(),
        "Bearer YWxpY2U6d29uZGVy",
        "Digest username=alice",
        "Basic " + base64.b64encode(b"alice:" + b"w" * LONGEST).decode(),
        "Basic YWxpY2U6d29uZGVy, Basic YWxpY2U6d29uZGVy",
    ],
)
def test_malformed_header_is_refused_without_bcrypt(web: Protected, asked: Bcrypt, header: str) -> None:
    assert (web.get(Authorization=header).status, asked.calls) == (401, 0)


def test_two_headers_are_refused() -> None:
    right = basic("alice", "wonder").encode()
    assert (parse([right]), parse([right, right])) == ((b"alice", b"wonder"), None)


def test_scheme_is_known_in_any_case_and_a_password_may_hold_colons() -> None:
    assert parse([b"bAsIc " + base64.b64encode(b"a:b:c:")]) == (b"a", b"b:c:")


def test_password_counts_up_to_72_bytes_as_in_the_toolkit(web: Protected) -> None:
    assert [web.get(user="long", password=password).status for password in (LONG, LONG + "y", LONG[:-1])] == [200, 200, 401]


def test_nul_in_a_password_is_a_byte_as_any_other(tmp_path: Path) -> None:
    users = SignIn({"alice": hashed("a\0b")})
    assert [judged(users, "alice", password) for password in ("a\0b", "a", "a\0c")] == [Verdict.ADMITTED, Verdict.REFUSED, Verdict.REFUSED]


def test_hash_by_htpasswd_is_known() -> None:
    # exporter-toolkit's own: https://github.com/prometheus/exporter-toolkit/blob/master/web/handler.go
    users = SignIn({"alice": "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"})
    assert judged(users, "alice", "fakepassword") is Verdict.ADMITTED


def test_second_scrape_asks_no_bcrypt(web: Protected, asked: Bcrypt) -> None:
    statuses = [web.get("/metrics", "alice", "wonder").status for _ in range(5)]
    assert (statuses, asked.calls) == ([200] * 5, 1)


def test_refusals_are_remembered_too(web: Protected, asked: Bcrypt) -> None:
    assert ([web.get(user="alice", password="no").status for _ in range(5)], asked.calls) == ([401] * 5, 1)


def test_first_scrapes_of_many_at_once_ask_bcrypt_once(web: Protected, asked: Bcrypt) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: web.get("/metrics", "alice", "wonder"), range(20)))
    assert ({answer.status for answer in answers}, asked.calls) == ({200}, 1)


@pytest.mark.parametrize(("user", "password"), [("alice", "wrong"), ("nobody", "wonder"), ("", ""), ("ALICE", "wonder")])
def test_each_refusal_costs_one_bcrypt_of_the_same_cost(web: Protected, asked: Bcrypt, user: str, password: str) -> None:
    web.get(user=user, password=password)
    assert asked.costs == [4]


def test_costs_of_unknown_users_are_those_of_known_ones(asked: Bcrypt) -> None:
    users = SignIn({"a": hashed("a", 4), "b": hashed("b", 5), "c": hashed("c", 4)})
    for number in range(300):
        judged(users, f"stranger-{number}", "x")
    counted = Counter(asked.costs)
    # a third; a spread this far from it happens once in 10^12
    assert (set(counted), 40 < counted[5] < 165) == ({4, 5}, True)


def test_one_unknown_user_always_costs_the_same(asked: Bcrypt) -> None:
    users = SignIn({"a": hashed("a", 4), "b": hashed("b", 5)})
    for number in range(10):
        judged(users, "stranger", f"{number}")
    assert len(set(asked.costs)) == 1


def test_no_number_of_wrong_passwords_makes_a_right_one_be_forgotten(asked: Bcrypt) -> None:
    async def ask() -> int:
        users = SignIn({"alice": hashed("wonder")})
        right = [basic("alice", "wonder").encode()]
        await users.verdict(right)
        for number in range(REMEMBERED + 5):
            await users.verdict([basic("alice", f"{number}").encode()])
        before = asked.calls
        await users.verdict(right)
        return asked.calls - before

    assert asyncio.run(ask()) == 0


def test_what_is_remembered_is_bounded_and_holds_no_password() -> None:
    async def ask(users: SignIn) -> None:
        for number in range(REMEMBERED + 5):
            await users.verdict([basic("alice", f"wrong-{number}").encode()])

    users = SignIn({"alice": hashed("wonder")})
    asyncio.run(ask(users))
    remembered = list(users._refused._digests)
    assert (len(remembered), any(b"wrong" in digest for digest in remembered), {len(digest) for digest in remembered}) == (REMEMBERED, False, {32})


def test_two_processes_remember_the_same_password_differently() -> None:
    digests = {SignIn({"alice": hashed("wonder")})._digest(b"alice", b"wonder") for _ in range(2)}
    assert len(digests) == 2


def test_boundary_between_name_and_password_counts() -> None:
    users = SignIn({"alice": hashed("wonder")})
    assert users._digest(b"alice", b"wonder") != users._digest(b"alicewon", b"der")


def test_scrapes_do_not_wait_for_bcrypt(web: Protected, monkeypatch: pytest.MonkeyPatch) -> None:
    web.get("/metrics", "alice", "wonder")
    going_on, begun = threading.Event(), threading.Event()

    def slow(password: bytes, hashed_password: bytes) -> bool:
        begun.set()
        return not going_on.wait(20)

    monkeypatch.setattr(sign_in.bcrypt, "checkpw", slow)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(web.get, "/metrics", "alice", "guess")
        begun.wait(10)
        meanwhile = web.get("/metrics", "alice", "wonder").status
        still_waiting = not waiting.done()
        going_on.set()
    assert (meanwhile, still_waiting, waiting.result().status) == (200, True, 401)


def test_flood_of_guesses_is_checked_one_at_a_time_and_turned_away_beyond_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    running, most = 0, 0

    def slow(password: bytes, hashed_password: bytes) -> bool:
        nonlocal running, most
        running += 1
        most = max(most, running)
        time.sleep(0.001)
        running -= 1
        return False

    async def flood() -> Counter[Verdict]:
        users = SignIn({"alice": hashed("wonder")})
        return Counter(await asyncio.gather(*(users.verdict([basic("alice", f"{number}").encode()]) for number in range(WAITING + 30))))

    monkeypatch.setattr(sign_in.bcrypt, "checkpw", slow)
    assert (asyncio.run(flood()), most) == ({Verdict.REFUSED: WAITING, Verdict.BUSY: 30}, 1)


def test_who_is_turned_away_is_told_to_come_back(web: Protected, monkeypatch: pytest.MonkeyPatch) -> None:
    async def busy(self: SignIn, authorization: list[bytes]) -> Verdict:
        return Verdict.BUSY

    monkeypatch.setattr(SignIn, "verdict", busy)
    answer = web.get()
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")


def test_changed_password_holds_at_once_and_the_old_one_no_longer(web: Protected) -> None:
    before = web.get(user="alice", password="wonder").status
    web.change({"basic_auth_users": {"alice": hashed("land")}})
    assert (before, web.get(user="alice", password="wonder").status, web.get(user="alice", password="land").status) == (200, 401, 200)


def test_file_that_changes_elsewhere_forgets_nobody(web: Protected, asked: Bcrypt) -> None:
    users = dict(web.protection._version.file.basic_auth_users)
    web.get(user="alice", password="wonder")
    web.change({"basic_auth_users": users, "http_server_config": {"http2": False}})
    assert (web.get(user="alice", password="wonder").status, asked.calls) == (200, 1)


@pytest.mark.parametrize("broken", ["basic_auth_users: {alice: secret}", "basic_auth_users: {}", "basic_auth_users:", "", "{", "rate_limit: {burst: 1}"])
def test_broken_version_keeps_the_one_before_and_says_so_once(web: Protected, caplog: pytest.LogCaptureFixture, broken: str) -> None:
    web.change(broken)
    web.protection.follow()
    messages = [record.getMessage() for record in caplog.records if record.name == "exporter.web.protection"]
    assert messages == ["the web config was not loaded; the one before goes on"]
    assert (web.get().status, web.get(user="alice", password="wonder").status, web.reloaded()) == (401, 200, 0)


def test_file_that_is_gone_keeps_the_one_before_and_is_taken_up_when_it_is_back(web: Protected) -> None:
    (web.folder / "web.yml").unlink()
    web.protection.follow()
    gone = (web.get().status, web.reloaded())
    web.change({"basic_auth_users": {"bob": hashed("builder")}})
    assert (gone, web.get(user="bob", password="builder").status, web.reloaded()) == ((401, 0), 200, 1)


def test_headers_of_the_file_go_before_those_of_a_page_and_stand_once(web: Protected) -> None:
    web.change({"http_server_config": {"headers": {"Content-Security-Policy": "default-src 'self'", "Strict-Transport-Security": "max-age=60"}}})
    for path in ("/", "/docs", "/metrics", "/nothing"):
        with socket.create_connection(("127.0.0.1", web.serving.port), timeout=10) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".encode())
            head = b"".join(iter(lambda: client.recv(65536), b"")).partition(b"\r\n\r\n")[0].lower().split(b"\r\n")
        assert [line for line in head if line.startswith(b"content-security-policy")] == [b"content-security-policy: default-src 'self'"]
        assert b"strict-transport-security: max-age=60" in head


@pytest.mark.parametrize("field", [b"x" * (LONGEST_HEAD // 8), b"Name: " + b"x" * (LONGEST_HEAD // 8) + b"\r\n"], ids=["one field", "many fields"])
def test_trailer_without_an_end_is_cut_off(web: Protected, field: bytes) -> None:
    with socket.create_connection(("127.0.0.1", web.serving.port), timeout=10) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nFirst: ")
        sent = 0
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            while sent < 500 * len(field):
                client.sendall(field)
                sent += len(field)
                time.sleep(0.002)
    assert sent < 400 * len(field)
    assert web.get(user="alice", password="wonder").status == 200


class Wire(asyncio.Transport):
    """Takes what a protocol writes, and gives it what arrives in the pieces in which a test says."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = False

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def write(self, data: object) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


def test_what_arrives_with_the_head_of_a_chunk_is_no_trailer() -> None:
    async def closed() -> list[bool]:
        config = uvicorn.Config(make_app(FakeView()), lifespan="off", log_config=None)
        config.load()
        wire, protocol, chunk = Wire(), Protocol(config, ServerState(), {}), b"%x\r\n" % LONGEST_HEAD
        protocol.connection_made(wire)
        protocol.data_received(b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk)
        found = []
        for _ in range(3):
            protocol.data_received(b"x" * LONGEST_HEAD + b"\r\n" + chunk)
            found.append(wire.closed)
        protocol.data_received(b"x" * LONGEST_HEAD + b"\r\n0\r\nName: ")
        found.append(wire.closed)
        protocol.data_received(b"x" * LONGEST_HEAD)
        found.append(wire.closed)
        protocol.data_received(b"x")
        return [*found, wire.closed]

    assert asyncio.run(closed()) == [False, False, False, False, False, True]


def test_head_without_an_end_is_cut_off(web: Protected) -> None:
    with socket.create_connection(("127.0.0.1", web.serving.port), timeout=10) as client:
        client.sendall(b"GET / HTTP/1.1\r\nAuthorization: Basic ")
        received = b""
        try:
            for _ in range(64):
                client.sendall(b"x" * (LONGEST_HEAD // 8))
                time.sleep(0.002)
            received = client.recv(4096)
        except OSError:
            pass
    # the answer may be lost where we were still sending
    assert received == b"" or received.startswith(b"HTTP/1.1 431 ")
    assert web.get(user="alice", password="wonder").status == 200


def test_log_never_holds_a_password_or_an_authorization(web: Protected, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    caplog.set_level(logging.DEBUG)

    def broken(view: FakeView) -> None:
        raise RuntimeError("the page fell over")

    header = basic("alice", "wonder")
    monkeypatch.setattr(type(web.view), "ready", broken)
    statuses = [web.get("/-/ready", "alice", "wonder").status, web.get(user="alice", password="hush").status, web.get(Authorization="Basic hush").status]
    logged = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert statuses == [500, 401, 401]
    assert [text for text in ("wonder", "hush", header, header[6:], "Authorization") if text in logged] == []
