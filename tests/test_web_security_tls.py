"""TLS over the real server: certificates of server and clients, versions, suites, and files that change while it runs."""

from __future__ import annotations

import http.client
import ipaddress
import os
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from protected import Protected, hashed
from test_web import FakeView
from web_certificates import Authority, private

from exporter.config import ConfigErrors
from exporter.web.protection import Protection
from exporter.web.server import GRACE

TLS = {"cert_file": "server.crt", "key_file": "server.key"}
MUTUAL = TLS | {"client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": "clients.crt"}
SUITES = ["TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"]


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def clients() -> Authority:
    return Authority("clients")


@pytest.fixture
def folder(tmp_path: Path, authority: Authority, clients: Authority) -> Path:
    authority.issue("server").write(tmp_path, "server")
    (tmp_path / "clients.crt").write_bytes(clients.certificate)
    return tmp_path


@pytest.fixture
def web(folder: Path, authority: Authority) -> Iterator[Protected]:
    with Protected(folder, {"tls_server_config": TLS}) as web:
        web.trust(authority.certificate)
        yield web


@pytest.fixture
def mutual(folder: Path, authority: Authority) -> Iterator[Protected]:
    with Protected(folder, {"tls_server_config": MUTUAL}) as web:
        yield web


def client(folder: Path, clients: Authority, *names: x509.GeneralName) -> tuple[Path, Path]:
    return clients.issue("prometheus", *names).write(folder, "prometheus")


def is_refused(web: Protected) -> bool:
    """Whether TLS ends without an answer. With TLS 1.3 a client finds out at its first read only."""
    try:
        web.get()
    except (ssl.SSLError, ConnectionError, http.client.RemoteDisconnected):
        return True
    return False


def serial(web: Protected, trust: ssl.SSLContext) -> Any:
    """Which certificate the server shows."""
    with socket.create_connection(("127.0.0.1", web.serving.port), timeout=10) as plain, trust.wrap_socket(plain, server_hostname="127.0.0.1") as secured:
        return (secured.getpeercert() or {})["serialNumber"]


def broken(folder: Path, settings: dict[str, object], view: FakeView | None = None) -> list[str]:
    with pytest.raises(ConfigErrors) as caught:
        Protected(folder, {"tls_server_config": settings}, view)
    return [f"{error.key}: {error.message}" for error in caught.value.errors]


def test_answers_over_tls_and_not_in_plain(web: Protected) -> None:
    secured = web.get("/metrics")
    web.serving.trust = None
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        web.get("/metrics")
    assert (secured.status, b"kiro_user_seat" in secured.body) == (200, True)


def test_large_answer_comes_whole(folder: Path, authority: Authority) -> None:
    from test_web import chunk, snapshot

    view = FakeView()
    lines = chunk(b"".join(b'kiro_user_seat{user="%d"} 1\n' % number for number in range(200_000)))
    view.current = snapshot(lines)
    with Protected(folder, {"tls_server_config": TLS}, view) as web:
        web.trust(authority.certificate)
        assert web.get("/metrics").body.startswith(lines.plain)


def test_certificate_and_key_may_stand_in_the_file_and_the_environment(folder: Path, authority: Authority) -> None:
    settings = {"cert": (folder / "server.crt").read_text(), "key": "${TLS_KEY}"}
    with Protected(folder, {"tls_server_config": settings}, environ={"TLS_KEY": (folder / "server.key").read_text()}) as web:
        web.trust(authority.certificate)
        assert web.get().status == 200


def test_version_below_the_minimum_is_refused(folder: Path, authority: Authority) -> None:
    with Protected(folder, {"tls_server_config": TLS | {"min_version": "TLS13"}}) as web:
        web.trust(authority.certificate)
        newest = web.get().status
        web.trust(authority.certificate, maximum_version=ssl.TLSVersion.TLSv1_2)
        assert (newest, is_refused(web)) == (200, True)


def test_tls_1_2_is_taken_unless_told_otherwise(web: Protected, authority: Authority) -> None:
    web.trust(authority.certificate, maximum_version=ssl.TLSVersion.TLSv1_2)
    assert web.get().status == 200


def test_tls_1_1_is_refused(web: Protected, authority: Authority) -> None:
    context = web.trust(authority.certificate)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    assert is_refused(web)


def test_version_above_the_maximum_is_not_spoken(folder: Path, authority: Authority) -> None:
    with Protected(folder, {"tls_server_config": TLS | {"max_version": "TLS12"}}) as web:
        web.trust(authority.certificate, minimum_version=ssl.TLSVersion.TLSv1_3)
        assert is_refused(web)


@pytest.mark.parametrize(("prefer", "chosen"), [(True, "ECDHE-ECDSA-CHACHA20-POLY1305"), (False, "ECDHE-ECDSA-AES256-GCM-SHA384")])
def test_suite_is_chosen_by_the_order_of_the_server_or_of_the_client(folder: Path, authority: Authority, prefer: bool, chosen: str) -> None:
    settings = TLS | {"cipher_suites": SUITES, "prefer_server_cipher_suites": prefer}
    with Protected(folder, {"tls_server_config": settings}) as web:
        trust = web.trust(authority.certificate, maximum_version=ssl.TLSVersion.TLSv1_2)
        trust.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305")
        with socket.create_connection(("127.0.0.1", web.serving.port), timeout=10) as plain, trust.wrap_socket(plain, server_hostname="127.0.0.1") as secured:
            cipher = secured.cipher()
    assert cipher is not None
    assert cipher[0] == chosen


def test_suite_that_is_not_named_is_refused(folder: Path, authority: Authority) -> None:
    with Protected(folder, {"tls_server_config": TLS | {"cipher_suites": SUITES}}) as web:
        web.trust(authority.certificate, maximum_version=ssl.TLSVersion.TLSv1_2).set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
        assert is_refused(web)


def test_every_suite_that_is_taken_is_known_to_openssl(folder: Path, authority: Authority) -> None:
    from exporter.config.web_file import CIPHERS

    assert Protected(folder, {"tls_server_config": TLS | {"cipher_suites": list(CIPHERS)}}).protection.tls() is not None


def test_client_with_a_certificate_of_the_authority_comes_in(mutual: Protected, folder: Path, authority: Authority, clients: Authority) -> None:
    mutual.trust(authority.certificate, client(folder, clients))
    assert mutual.get().status == 200


def test_authority_of_clients_may_stand_in_the_file(folder: Path, authority: Authority, clients: Authority) -> None:
    settings = TLS | {"client_auth_type": "RequireAndVerifyClientCert", "client_ca": clients.certificate.decode()}
    with Protected(folder, {"tls_server_config": settings}) as web:
        web.trust(authority.certificate, client(folder, clients))
        mine = web.get().status
        web.trust(authority.certificate, client(folder, Authority("clients")))
        assert (mine, is_refused(web)) == (200, True)


def test_client_without_a_certificate_is_refused(mutual: Protected, authority: Authority) -> None:
    mutual.trust(authority.certificate)
    assert is_refused(mutual)


def test_client_with_a_certificate_of_another_authority_is_refused(mutual: Protected, folder: Path, authority: Authority) -> None:
    mutual.trust(authority.certificate, client(folder, Authority("clients")))
    assert is_refused(mutual)


def test_certificate_that_may_be_given_is_verified(folder: Path, authority: Authority) -> None:
    with Protected(folder, {"tls_server_config": MUTUAL | {"client_auth_type": "VerifyClientCertIfGiven"}}) as web:
        web.trust(authority.certificate)
        without = web.get().status
        web.trust(authority.certificate, client(folder, Authority("clients")))
        assert (without, is_refused(web)) == (200, True)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(
    ("names", "admitted"),
    [
        ([x509.DNSName("prometheus.example.com")], True),
        ([x509.DNSName("grafana.example.com"), x509.RFC822Name("ops@example.com")], True),
        ([x509.IPAddress(ipaddress.ip_address("2001:db8::1"))], True),
        ([x509.UniformResourceIdentifier("spiffe://example.com/prometheus")], True),
        ([x509.DNSName("grafana.example.com")], False),
        ([x509.DNSName("PROMETHEUS.example.com")], False),
        ([x509.DirectoryName(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "prometheus.example.com")]))], False),
    ],
)
def test_client_has_to_have_one_of_the_allowed_names(
    folder: Path, authority: Authority, clients: Authority, names: list[x509.GeneralName], admitted: bool, version: ssl.TLSVersion
) -> None:
    allowed = ["prometheus.example.com", "ops@example.com", "2001:db8::1", "spiffe://example.com/prometheus"]
    with Protected(folder, {"tls_server_config": MUTUAL | {"client_allowed_sans": allowed}}) as web:
        web.trust(authority.certificate, client(folder, clients, *names), maximum_version=version)
        assert is_refused(web) is not admitted


def test_changed_certificate_is_shown_to_the_next_connection_and_the_open_one_goes_on(web: Protected, folder: Path, authority: Authority) -> None:
    trust = web.trust(authority.certificate)
    kept = http.client.HTTPSConnection("127.0.0.1", web.serving.port, timeout=10, context=trust)
    kept.request("GET", "/-/healthy")
    first = kept.getresponse()
    first.read()
    before = serial(web, trust)
    authority.issue("server").write(folder, "server")
    web.protection.follow()
    after = serial(web, trust)
    kept.request("GET", "/-/healthy")
    assert (kept.getresponse().status, before == after, web.reloaded()) == (200, False, 1)
    kept.close()


def test_certificate_behind_a_changed_link_is_taken_up(folder: Path, authority: Authority) -> None:
    """As Kubernetes changes the files of a secret."""
    for name in ("one", "two"):
        (folder / name).mkdir()
        for file in authority.issue("server").write(folder / name, "server"):
            # the same time and size: only where it lies differs
            file.write_bytes(file.read_bytes().ljust(2000, b"\n"))
            os.utime(file, (1e9, 1e9))
    (folder / "now").symlink_to("one")
    with Protected(folder, {"tls_server_config": {"cert_file": "now/server.crt", "key_file": "now/server.key"}}) as web:
        trust = web.trust(authority.certificate)
        before = serial(web, trust)
        (folder / "next").symlink_to("two")
        (folder / "next").replace(folder / "now")
        web.protection.follow()
        assert serial(web, trust) != before


def test_certificate_without_its_key_yet_keeps_the_pair_before(web: Protected, folder: Path, authority: Authority) -> None:
    trust = web.trust(authority.certificate)
    before = serial(web, trust)
    new = authority.issue("server")
    (folder / "server.crt").write_bytes(new.certificate)
    web.protection.follow()
    half = (serial(web, trust) == before, web.reloaded())
    (folder / "server.key").write_bytes(new.key)
    web.protection.follow()
    assert (half, serial(web, trust) == before, web.reloaded()) == ((True, 0), False, 1)


def test_key_that_no_longer_belongs_is_told_though_its_certificate_stands(web: Protected, folder: Path, authority: Authority) -> None:
    (folder / "server.key").write_bytes(authority.issue("server").key)
    web.protection.follow()
    assert (web.get().status, web.reloaded()) == (200, 0)


def test_key_that_becomes_readable_without_another_change_is_taken_up(web: Protected, folder: Path, authority: Authority) -> None:
    trust = web.trust(authority.certificate)
    before = serial(web, trust)
    authority.issue("server").write(folder, "server")
    (folder / "server.key").rename(folder / "hidden")
    web.protection.follow()
    hidden = web.reloaded()
    (folder / "hidden").rename(folder / "server.key")
    web.protection.follow()
    assert (hidden, serial(web, trust) == before, web.reloaded()) == (0, False, 1)


def test_broken_file_that_is_put_back_as_it_was_is_no_longer_complained_about(web: Protected, folder: Path) -> None:
    (folder / "web.yml").rename(folder / "kept")
    web.protection.follow()
    gone = web.reloaded()
    (folder / "kept").rename(folder / "web.yml")
    web.protection.follow()
    assert (gone, web.reloaded()) == (0, 1)


def test_changed_client_authority_holds_for_the_next_connection(mutual: Protected, folder: Path, authority: Authority, clients: Authority) -> None:
    mutual.trust(authority.certificate, client(folder, clients))
    before = mutual.get().status
    (folder / "clients.crt").write_bytes(Authority("clients").certificate)
    mutual.protection.follow()
    assert (before, is_refused(mutual)) == (200, True)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_session_of_before_does_not_spare_a_client_its_certificate(
    mutual: Protected, folder: Path, authority: Authority, clients: Authority, version: ssl.TLSVersion
) -> None:
    trust = mutual.trust(authority.certificate, client(folder, clients), maximum_version=version)

    def ask(session: ssl.SSLSession | None) -> tuple[ssl.SSLSession | None, bool]:
        with socket.create_connection(("127.0.0.1", mutual.serving.port), timeout=10) as plain:
            secured = trust.wrap_socket(plain, server_hostname="127.0.0.1", session=session)
            secured.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: test\r\n\r\n")
            if secured.recv(12) != b"HTTP/1.1 200":
                raise ConnectionResetError
            return secured.session, bool(secured.session_reused)

    session, _ = ask(None)
    assert ask(session)[1]
    (folder / "clients.crt").write_bytes(Authority("clients").certificate)
    mutual.protection.follow()
    with pytest.raises((ssl.SSLError, ConnectionError)):
        ask(session)


def test_raised_minimum_holds_for_the_next_connection(web: Protected, authority: Authority) -> None:
    web.trust(authority.certificate, maximum_version=ssl.TLSVersion.TLSv1_2)
    before = web.get().status
    web.change({"tls_server_config": TLS | {"min_version": "TLS13"}})
    assert (before, is_refused(web)) == (200, True)


def test_tls_is_not_switched_off_by_a_change(web: Protected) -> None:
    web.change({"basic_auth_users": {"alice": hashed("wonder")}})
    assert (web.get().status, web.reloaded()) == (200, 0)


def test_tls_is_not_switched_on_by_a_change(folder: Path) -> None:
    with Protected(folder, {"http_server_config": {"http2": False}}) as web:
        web.change({"tls_server_config": TLS})
        assert (web.get().status, web.reloaded()) == (200, 0)


def test_every_file_that_cannot_be_read_is_named_at_the_start(folder: Path) -> None:
    (folder / "server.key").unlink()
    assert broken(folder, MUTUAL | {"client_ca_file": "nowhere.crt"}) == [
        "tls_server_config.client_ca_file: the file cannot be read: No such file or directory",
        "tls_server_config.key_file: the file cannot be read: No such file or directory",
    ]


def test_files_that_are_not_what_they_should_be_are_named(folder: Path, authority: Authority) -> None:
    (folder / "text").write_text("hush")
    other = authority.issue("other").key
    (folder / "other.key").write_bytes(other)
    (folder / "locked.key").write_bytes(private(ec.generate_private_key(ec.SECP256R1()), b"hush"))
    assert [
        broken(folder, TLS | {"cert_file": "text"}),
        broken(folder, TLS | {"cert_file": "server.key"}),
        broken(folder, TLS | {"key_file": "text"}),
        broken(folder, TLS | {"key_file": "server.crt"}),
        broken(folder, TLS | {"key_file": "other.key"}),
        broken(folder, TLS | {"key_file": "locked.key"}),
        broken(folder, MUTUAL | {"client_ca_file": "text"}),
        broken(folder, {"cert_file": "server.crt", "key": "-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----\n"}),
    ] == [
        ["tls_server_config.cert_file: expected certificates as PEM"],
        ["tls_server_config.cert_file: expected certificates as PEM"],
        ["tls_server_config.key_file: expected a private key as PEM"],
        ["tls_server_config.key_file: expected a private key as PEM"],
        ["tls_server_config.key_file: does not belong to the certificate"],
        ["tls_server_config.key_file: is protected by a passphrase; the exporter needs a key without"],
        ["tls_server_config.client_ca_file: expected certificates as PEM"],
        ["tls_server_config.key: expected a private key as PEM"],
    ]


def test_client_that_never_shakes_hands_does_not_hold_up_others_nor_the_stop(web: Protected) -> None:
    with socket.create_connection(("127.0.0.1", web.serving.port), timeout=10):
        status = web.get().status
        began = time.monotonic()
        web.serving.__exit__(None, None, None)
        took = time.monotonic() - began
    assert (status, took < GRACE + 3) == (200, True)


def test_without_a_file_nothing_is_protected() -> None:
    protection = Protection(None, {}, FakeView().telemetry)
    protection.follow()
    assert (protection.tls(), protection.headers) == (None, ())
