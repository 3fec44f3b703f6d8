"""Sockets are had or refused in a sentence, and the server stops in time and leaves the process alone."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import time
from collections.abc import Iterator

import pytest
from serving import Serving
from starlette.types import Receive, Scope, Send

from exporter.errors import UserError
from exporter.web import protocol, server
from exporter.web.server import GRACE, Server, addresses, bind

REQUEST = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
LARGE = 64 << 20
"""More than the kernel's buffers of a connection hold."""


async def greeting(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"hi"})


async def flood(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(LARGE).encode())]})
    for _ in range(LARGE >> 20):
        await send({"type": "http.response.body", "body": bytes(1 << 20), "more_body": True})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def taken() -> Iterator[int]:
    [bound] = bind("127.0.0.1:0")
    yield int(bound.getsockname()[1])
    bound.close()


def close(sockets: list[socket.socket]) -> None:
    for bound in sockets:
        bound.close()


def reachable(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError:
        return False
    return True


def test_port_zero_takes_a_free_port() -> None:
    sockets = bind("127.0.0.1:0")
    [address] = addresses(sockets)
    host, _, port = address.partition(":")
    assert (host, reachable("127.0.0.1", int(port))) == ("127.0.0.1", True)
    close(sockets)


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_no_host_means_every_interface_in_both_families() -> None:
    sockets = bind(":0")
    port = int(sockets[0].getsockname()[1])
    assert (reachable("127.0.0.1", port), reachable("::1", port)) == (True, True)
    close(sockets)


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_ipv6_address_in_brackets() -> None:
    sockets = bind("[::1]:0")
    assert addresses(sockets) == [f"[::1]:{sockets[0].getsockname()[1]}"]
    close(sockets)


def test_host_name_gives_a_socket_for_each_of_its_addresses_on_one_port(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in ("127.0.0.1", "127.0.0.2", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: answer)
    sockets = bind("both.test:0")
    port = sockets[0].getsockname()[1]
    assert addresses(sockets) == [f"127.0.0.1:{port}", f"127.0.0.2:{port}"]
    close(sockets)


def test_port_in_use_is_refused_in_one_sentence(taken: int) -> None:
    with pytest.raises(UserError) as refusal:
        bind(f"127.0.0.1:{taken}")
    assert str(refusal.value) == f"127.0.0.1:{taken} is already in use: stop what listens there, or choose another address with --web.listen-address"


def test_port_in_use_on_one_interface_is_in_use_for_all(taken: int) -> None:
    with pytest.raises(UserError, match="already in use"):
        bind(f":{taken}")


def test_address_of_another_machine_is_refused() -> None:
    with pytest.raises(UserError, match=r"192\.0\.2\.1:0 is not an address of this machine"):
        bind("192.0.2.1:0")


def test_unknown_host_name_is_refused() -> None:
    with pytest.raises(UserError, match="the host name is not known here"):
        bind("no-such-host.invalid:0")


@pytest.mark.parametrize(
    "address", ["", "localhost", "10821", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:65536", "127.0.0.1:-1", "::1:10821", ":" + "9" * 5000]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(UserError, match="is not an address to listen on; write host:port"):
        bind(address)


def test_connections_do_not_wait_for_more_data_before_sending() -> None:
    with Serving(greeting) as serving, socket.create_connection(("127.0.0.1", serving.port), timeout=5) as client:
        client.sendall(REQUEST)
        client.recv(100)
        [connection] = serving.server._uvicorn.server_state.connections
        assert connection.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


def test_answers_do_not_name_the_server() -> None:
    with Serving(greeting) as serving:
        assert set(serving.get("/").headers) == {"date", "content-length"}


def test_stop_ends_idle_connections_at_once() -> None:
    with Serving(greeting) as serving, socket.create_connection(("127.0.0.1", serving.port), timeout=5) as client:
        client.sendall(REQUEST)
        client.recv(100)
        began = time.monotonic()
        serving.server.stop()
        while client.recv(1000):
            pass
        assert time.monotonic() - began < 1


def test_stop_does_not_wait_for_a_client_that_does_not_read() -> None:
    with Serving(flood) as serving, socket.create_connection(("127.0.0.1", serving.port), timeout=5) as client:
        client.sendall(REQUEST)
        client.recv(1)
        began = time.monotonic()
        serving.__exit__(None, None, None)
        assert time.monotonic() - began < GRACE + 1


def test_stop_before_serve_ends_at_once() -> None:
    stopped = Server(greeting)
    stopped.stop()
    asyncio.run(asyncio.wait_for(stopped.serve(bind("127.0.0.1:0")), 5))


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux drops clients that do not read")
def test_client_that_never_reads_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "STALL", 1)
    with Serving(flood) as serving, socket.create_connection(("127.0.0.1", serving.port), timeout=5) as client:
        client.sendall(REQUEST)
        deadline = time.monotonic() + 15
        while not serving.server._uvicorn.server_state.connections:
            time.sleep(0.01)
        while serving.server._uvicorn.server_state.connections and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not serving.server._uvicorn.server_state.connections


@pytest.mark.parametrize(
    "sent", [b"", b"GET / HTTP/1.1\r\nHost: a\r\n", REQUEST + b"GET / HTTP/1.1\r\n"], ids=["nothing", "half a head", "half of a second head"]
)
def test_client_whose_head_does_not_come_is_dropped(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.5)
    with Serving(greeting) as serving, socket.create_connection(("127.0.0.1", serving.port), timeout=5) as client:
        client.sendall(sent)
        while client.recv(1000):
            pass


def test_answer_may_take_longer_than_a_head(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.2)

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.6)
        await greeting(scope, receive, send)

    with Serving(slow) as serving, socket.create_connection(("127.0.0.1", serving.port), timeout=5) as client:
        client.sendall(REQUEST)
        assert client.recv(1000).startswith(b"HTTP/1.1 200")


def test_signal_handlers_of_the_process_stay() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    during = {}

    async def scenario() -> None:
        running = Server(greeting)
        task = asyncio.create_task(running.serve(bind("127.0.0.1:0")))
        while not running.started:
            await asyncio.sleep(0.01)
        # asyncio.run installs its own SIGINT handler around the loop
        during.update({number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)})
        running.stop()
        await task

    asyncio.run(scenario())
    assert during == {number: before[number] for number in during}


def test_an_error_inside_does_not_reach_the_client(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("secret of the house")

    with caplog.at_level(logging.ERROR), Serving(broken) as serving:
        answer = serving.get("/")
    assert (answer.status, answer.body) == (500, b"Internal Server Error")


@pytest.mark.parametrize("offered", ["h2c", "websocket"])
def test_offer_of_another_protocol_is_passed_over_in_silence(offered: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), Serving(greeting) as serving, socket.create_connection(("127.0.0.1", serving.port), timeout=10) as client:
        client.sendall(f"GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: {offered}\r\n\r\n".encode())
        answer = client.recv(4096)
    assert (answer[:15], caplog.messages) == (b"HTTP/1.1 200 OK", [])
