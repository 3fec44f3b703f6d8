"""The web file: what of exporter-toolkit's format is taken, and that the rest is refused by name, at its place, without a value."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.config import ConfigErrors, WebFile, load_web_file

ALICE = "$2y$10$mDwo.lAisC94iLAyP81MCesa29IzH37oigHC/42V2pdJlUprsJPze"
"""From exporter-toolkit's own example."""
TLS = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n"


def load(folder: Path, text: str, **environ: str) -> WebFile:
    (folder / "web.yml").write_text(text, encoding="utf-8")
    return load_web_file(folder / "web.yml", environ)


def refused(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigErrors) as caught:
        load(folder, text)
    return [str(error).removeprefix(f"{folder}/") for error in caught.value.errors]


def test_example_of_the_toolkit_is_taken_but_for_its_rate_limit(tmp_path: Path) -> None:
    example = f"{TLS}basic_auth_users:\n  alice: {ALICE}\n"
    file = load(tmp_path, example)
    assert file.tls_server_config is not None
    assert (file.tls_server_config.cert_file, file.basic_auth_users) == (tmp_path / "server.crt", {"alice": ALICE})
    assert refused(tmp_path, f'{example}rate_limit:\n  interval: "1s"\n  burst: 20\n') == [
        "web.yml:6: rate_limit: is not supported; leave it out, and limit requests in a proxy before the exporter"
    ]


def test_paths_count_from_the_folder_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "etc").mkdir()
    monkeypatch.chdir(tmp_path)
    tls = load(tmp_path / "etc", TLS.replace("server.key", "../keys/server.key")).tls_server_config
    assert tls is not None
    assert (tls.cert_file, tls.key_file) == (tmp_path / "etc" / "server.crt", tmp_path / "keys" / "server.key")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (f"{TLS}  curve_preferences: [X25519]", "4: tls_server_config.curve_preferences: is not supported"),
        (f"{TLS}  curve_preferences:", "4: tls_server_config.curve_preferences: is not supported"),
        ("rate_limit: {interval: 0}", "1: rate_limit: is not supported"),
        ("http_server_config:\n  http2: true", "2: http_server_config.http2: HTTP/2 is not supported"),
        (f"{TLS}  client_auth_type: RequestClientCert", "4: tls_server_config.client_auth_type: RequestClientCert is not supported"),
        (f"{TLS}  client_auth_type: RequireAnyClientCert", "4: tls_server_config.client_auth_type: RequireAnyClientCert is not supported"),
        (f"{TLS}  client_auth_type: RequireClientCert", "4: tls_server_config.client_auth_type: RequireClientCert is not supported"),
        (f"{TLS}  min_version: TLS10", "4: tls_server_config.min_version: TLS10 is not supported, because it is broken"),
        (f"{TLS}  min_version: TLS11", "4: tls_server_config.min_version: TLS11 is not supported, because it is broken"),
        (f"{TLS}  max_version: TLS11", "4: tls_server_config.max_version: TLS11 is not supported, because it is broken"),
        (f"{TLS}  cipher_suites: [TLS_AES_128_GCM_SHA256]", "4: tls_server_config.cipher_suites[0]: TLS_AES_128_GCM_SHA256 is always on with TLS 1.3"),
        (f"{TLS}  cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]", "4: tls_server_config.cipher_suites[0]: expected one of TLS_ECDHE_ECDSA_WITH_AES_128_GCM"),
        ("http_server_config:\n  headers:\n    Server: x", "3: http_server_config.headers.Server: is not a header that can be set here"),
        (f"{TLS}  cert_fiel: x", "4: tls_server_config.cert_fiel: unknown key, did you mean cert_file?"),
        ("x-anchor: {}\nbasic_auth_users: {a: b}", "1: x-anchor: unknown key"),
        ("proxy: x", "1: proxy: unknown key, expected one of tls_server_config, http_server_config, basic_auth_users"),
    ],
)
def test_what_is_unknown_or_not_supported_is_refused_by_name(tmp_path: Path, text: str, error: str) -> None:
    assert refused(tmp_path, text)[0].startswith(f"web.yml:{error}")


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ("tls_server_config:\n  cert_file: a", ["1: tls_server_config: expected key_file or key"]),
        ("tls_server_config:", ["1: tls_server_config: is empty; leave it out to serve without"]),
        ("basic_auth_users: {}", ["1: basic_auth_users: is empty; leave it out to serve without"]),
        (f"{TLS}  cert: '-----BEGIN CERTIFICATE-----'", ["4: tls_server_config.cert: stands beside cert_file; leave one of them out"]),
        (
            f"{TLS}  client_ca_file: ca.crt",
            ["4: tls_server_config.client_ca_file: has no effect without client_auth_type: RequireAndVerifyClientCert"],
        ),
        (
            f"{TLS}  client_auth_type: RequireAndVerifyClientCert",
            ["4: tls_server_config.client_auth_type: expected client_ca_file or client_ca too, to verify certificates of clients"],
        ),
        (
            f"{TLS}  client_ca_file: ca\n  client_auth_type: VerifyClientCertIfGiven\n  client_allowed_sans: [a]",
            ["6: tls_server_config.client_allowed_sans: has no effect without client_auth_type: RequireAndVerifyClientCert"],
        ),
        (f"{TLS}  min_version: TLS13\n  max_version: TLS12", ["4: tls_server_config.min_version: expected a version that is not above max_version"]),
        (
            f"{TLS}  min_version: TLS13\n  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]",
            ["5: tls_server_config.cipher_suites: has no effect with min_version: TLS13, whose suites cannot be chosen; leave it out"],
        ),
        ("http_server_config: {headers: {X-Frame-Options: DENY}}", ["1: http_server_config.headers.X-Frame-Options: expected deny or sameorigin"]),
        (f"basic_auth_users:\n  'a:b': {ALICE}", ["2: basic_auth_users.a:b: expected a name without a colon or control characters, which could never sign in"]),
    ],
)
def test_what_would_protect_less_than_it_seems_is_an_error(tmp_path: Path, text: str, errors: list[str]) -> None:
    assert refused(tmp_path, text) == [f"web.yml:{error}" for error in errors]


@pytest.mark.parametrize(
    "hashed",
    [
        "secret",
        ALICE[:-1],
        ALICE.replace("$10$", "$03$"),
        ALICE.replace("$10$", "$17$"),
        ALICE.replace("2y", "2x"),
        # spare bits of the salt and of the digest: no password has such a hash
        ALICE[:28] + "f" + ALICE[29:],
        ALICE[:-1] + "f",
        f"{ALICE}\\n",
    ],
)
def test_what_no_password_can_match_is_no_hash(tmp_path: Path, hashed: str) -> None:
    [error] = refused(tmp_path, f'basic_auth_users:\n  alice: "{hashed}"\n')
    assert error == "web.yml:2: basic_auth_users.alice: expected a bcrypt hash such as `htpasswd -nBC 10 alice` prints, with a cost of 4 to 16"


def test_every_mistake_is_told_at_once_and_none_with_a_value(tmp_path: Path) -> None:
    text = """
tls_server_config:
  cert_file: [hush-1]
  key: hush-2
  min_version: hush-3
  cipher_suites: [hush-4]
  prefer_server_cipher_suites: hush-5
  curve_preferences: [hush-6]
http_server_config:
  headers: {X-XSS-Protection: "hush-7\\nSet-Cookie: a"}
  http2: hush-8
basic_auth_users: {alice: hush-9}
rate_limit: {interval: hush-10}
"""
    errors = refused(tmp_path, text)
    lines = [int(error.split(":")[1]) for error in errors]
    assert (lines, [error for error in errors if "hush" in error]) == ([3, 4, 5, 6, 7, 8, 10, 11, 12, 13], [])


def test_key_and_hashes_come_from_the_environment_too(tmp_path: Path) -> None:
    file = load(tmp_path, 'basic_auth_users: {alice: "${HASH}"}', HASH=ALICE)
    assert file.basic_auth_users == {"alice": ALICE}


def test_secrets_do_not_show_where_the_settings_are_printed(tmp_path: Path) -> None:
    file = load(tmp_path, f"tls_server_config: {{cert: '-----BEGIN C-----', key: '-----BEGIN K-----'}}\nbasic_auth_users: {{alice: {ALICE}}}")
    assert ("BEGIN K" in repr(file), ALICE in repr(file)) == (False, False)
