"""The file of --web.config.file: who may reach the exporter, and over what. The part of exporter-toolkit's format that Python's ssl can do."""

# https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md
# What is not supported is refused by name: a protection that is asked for and not given is worse than none.

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, model_validator

from exporter.config.addresses import FilePath
from exporter.config.base import Model, WholeFile, sentences
from exporter.config.base import key as setting  # `key` is a key of this file
from exporter.config.document import Format, read
from exporter.config.errors import KeyPath, dotted
from exporter.config.loading import checked
from exporter.config.scalars import Kind, Switch, Text

_FORMAT = Format("the example in docs/web-config.md", "cert_file: server.crt", free_keys=False, hidden=True)

_UNSUPPORTED: dict[KeyPath, str] = {
    ("rate_limit",): "is not supported; leave it out, and limit requests in a proxy before the exporter",
    ("tls_server_config", "curve_preferences"): "is not supported, because Python cannot choose curves; leave it out for those of OpenSSL, X25519 first",
}

_PROTECTIONS = ("tls_server_config", "basic_auth_users")

MOST_COST = 16
"""The highest bcrypt cost that is taken, about five seconds a check: with more, a first scrape would never be answered in time."""

PEM = Kind("PEM", "PEM text that starts with -----BEGIN", "A certificate or key as PEM text.")


def _pem(value: object) -> str:
    if not isinstance(value, str) or not value.lstrip().startswith("-----BEGIN ") or not value.isascii():
        raise ValueError(PEM.expected)
    return value


Pem = Annotated[str, PEM, BeforeValidator(_pem)]

BCRYPT = Kind("bcrypt hash", f"a bcrypt hash such as `htpasswd -nBC 10 alice` prints, with a cost of 4 to {MOST_COST}", "`$2y$10$` and 53 characters.")
# 22 characters of salt and 31 of digest hold 128 and 184 bits: their last characters have spare bits, which are 0 in every hash that can match.
_BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26]")


def _bcrypt(value: object) -> str:
    found = _BCRYPT.fullmatch(value) if isinstance(value, str) else None
    if found is None or not 4 <= int(found[1]) <= MOST_COST:
        raise ValueError(BCRYPT.expected)
    return found[0]


BcryptHash = Annotated[str, BCRYPT, BeforeValidator(_bcrypt)]

HEADER_VALUE = Kind("header value", "a value of printable ASCII characters; leave the key out for what the exporter sends by itself", "Printable ASCII.")


def _header_value(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or not (value.isascii() and value.isprintable()):
        raise ValueError(HEADER_VALUE.expected)
    return value.strip()


HeaderValue = Annotated[str, HEADER_VALUE, BeforeValidator(_header_value)]


def _refusing(sentences_by_value: Mapping[str, str]) -> BeforeValidator:
    """Refuses values that the format knows and the exporter cannot do, each with its reason."""

    def check(value: Any) -> Any:
        if isinstance(value, str) and value in sentences_by_value:
            sentences([((), sentences_by_value[value])])
        return value

    return BeforeValidator(check)


_UNVERIFIED = "is not supported: OpenSSL would verify the certificate all the same; write VerifyClientCertIfGiven or RequireAndVerifyClientCert"
_OLD_TLS = "is not supported, because it is broken (RFC 8996); write TLS12 or TLS13"

ClientAuth = Annotated[
    Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"],
    _refusing({name: f"{name} {_UNVERIFIED}" for name in ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert")}),
]
Version = Annotated[Literal["TLS12", "TLS13"], _refusing({name: f"{name} {_OLD_TLS}" for name in ("TLS10", "TLS11")})]

CIPHERS = {
    f"TLS_ECDHE_{signature}_WITH_{cipher}": f"ECDHE-{signature}-{openssl}"
    for signature in ("ECDSA", "RSA")
    for cipher, openssl in {
        "AES_128_GCM_SHA256": "AES128-GCM-SHA256",
        "AES_256_GCM_SHA384": "AES256-GCM-SHA384",
        "CHACHA20_POLY1305_SHA256": "CHACHA20-POLY1305",
        "AES_128_CBC_SHA": "AES128-SHA",
        "AES_256_CBC_SHA": "AES256-SHA",
    }.items()
}
"""The suites of TLS 1.2 that https://pkg.go.dev/crypto/tls#CipherSuites lists, and how OpenSSL calls them."""
_TLS13_CIPHERS = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")

CIPHER = Kind("cipher suite", f"one of {', '.join(CIPHERS)}", "A cipher suite of TLS 1.2, as Go names it.")


def _cipher(value: object) -> str:
    if not isinstance(value, str) or value not in CIPHERS:
        raise ValueError(CIPHER.expected)
    return value


Cipher = Annotated[
    str, CIPHER, BeforeValidator(_cipher), _refusing({name: f"{name} is always on with TLS 1.3 and cannot be chosen; leave it out" for name in _TLS13_CIPHERS})
]


class TlsServer(Model):
    """How the exporter shows who it is, and which clients it lets in. Exactly one of each pair `cert`/`cert_file` and `key`/`key_file` is set."""

    cert_file: FilePath | None = setting(None, "Certificate, and those between it and the root, as PEM.")
    key_file: FilePath | None = setting(None, "Its private key as PEM, without a passphrase.")
    cert: Pem | None = setting(None, "The certificate itself, in place of `cert_file`.")
    key: Pem | None = setting(None, "The key itself, in place of `key_file`; keep it in the environment: `${TLS_KEY}`.", repr=False)
    client_auth_type: ClientAuth = setting("NoClientCert", "Whether clients show a certificate.")
    client_ca_file: FilePath | None = setting(None, "Who signs the certificates of clients, as PEM.")
    client_ca: Pem | None = setting(None, "The same, in place of `client_ca_file`.")
    client_allowed_sans: tuple[Text, ...] | None = setting(None, "The certificate of a client names at least one of these: DNS name, IP address, mail or URI.")
    min_version: Version = setting("TLS12", "Lowest version of TLS.")
    max_version: Version = setting("TLS13", "Highest version of TLS.")
    cipher_suites: tuple[Cipher, ...] = setting((), "Suites of TLS 1.2, best first; none: those of OpenSSL.")
    prefer_server_cipher_suites: Switch = setting(True, "Whether the server's order of suites goes before the client's.")

    @model_validator(mode="after")
    def _whole(self) -> TlsServer:
        faults: list[tuple[KeyPath, str]] = []
        for name in ("cert", "key"):
            text, file = getattr(self, name), getattr(self, f"{name}_file")
            if text is not None and file is not None:
                faults.append(((name,), f"stands beside {name}_file; leave one of them out"))
            if text is None and file is None:
                faults.append(((), f"expected {name}_file or {name}"))
        if self.client_ca is not None and self.client_ca_file is not None:
            faults.append((("client_ca",), "stands beside client_ca_file; leave one of them out"))
        has_ca = self.client_ca is not None or self.client_ca_file is not None
        if has_ca and self.client_auth_type == "NoClientCert":
            faults.append(
                (("client_ca_file" if self.client_ca is None else "client_ca",), "has no effect without client_auth_type: RequireAndVerifyClientCert")
            )
        if not has_ca and self.client_auth_type != "NoClientCert":
            faults.append((("client_auth_type",), "expected client_ca_file or client_ca too, to verify certificates of clients"))
        if self.client_allowed_sans is not None and self.client_auth_type != "RequireAndVerifyClientCert":
            faults.append((("client_allowed_sans",), "has no effect without client_auth_type: RequireAndVerifyClientCert"))
        if self.client_allowed_sans == ():
            faults.append((("client_allowed_sans",), "expected at least one name; leave it out to accept every certificate of client_ca_file"))
        if self.min_version > self.max_version:
            faults.append((("min_version",), "expected a version that is not above max_version"))
        if self.cipher_suites and self.min_version == "TLS13":
            faults.append((("cipher_suites",), "has no effect with min_version: TLS13, whose suites cannot be chosen; leave it out"))
        sentences(faults)
        return self


def _one_protocol(wanted: bool) -> bool:
    if wanted:
        sentences([((), "HTTP/2 is not supported; leave it out or write false")])
    return wanted


_HEADERS: dict[str, tuple[str, ...]] = {
    "Content-Security-Policy": (),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-Content-Type-Options": ("nosniff",),
    "X-XSS-Protection": (),
    "Strict-Transport-Security": (),
}


def _known_headers(headers: dict[str, str]) -> dict[str, str]:
    faults: list[tuple[KeyPath, str]] = []
    for name, value in headers.items():
        if name not in _HEADERS:
            faults.append(((name,), f"is not a header that can be set here; those are {', '.join(_HEADERS)}"))
        elif _HEADERS[name] and value not in _HEADERS[name]:
            faults.append(((name,), f"expected {' or '.join(_HEADERS[name])}"))
    sentences(faults)
    return headers


class HttpServer(Model):
    """What every answer carries."""

    http2: Annotated[Switch, AfterValidator(_one_protocol)] = setting(False, "Only `false`: HTTP/2 is not supported.")
    headers: Annotated[dict[str, HeaderValue], AfterValidator(_known_headers)] = setting({}, "Headers that go before those which the exporter sends by itself.")


def _tellable(users: dict[str, str]) -> dict[str, str]:
    sentences(
        ((name,), "expected a name without a colon or control characters, which could never sign in")
        for name in users
        if not name or ":" in name or any(ord(character) < 32 or ord(character) == 127 for character in name)
    )
    return users


Users = Annotated[dict[str, BcryptHash], AfterValidator(_tellable)]


class WebFile(WholeFile):
    """The file, complete and valid. What it names is not read yet."""

    tls_server_config: TlsServer | None = setting(None, "TLS; without it the exporter speaks plain HTTP.")
    http_server_config: HttpServer = setting({}, "Headers.")
    basic_auth_users: Users = setting({}, "Who may ask, by name, with a bcrypt hash of the password; without it everybody.", repr=False)


def load_web_file(path: Path, environ: Mapping[str, str]) -> WebFile:
    """The file, `${NAME}` taken from `environ`. Relative paths count from its folder. ConfigErrors with every mistake; none tells a value."""
    document = read(path, environ, _FORMAT)
    refused = {steps: sentence for steps, sentence in _UNSUPPORTED.items() if _has(document.data, steps)}
    # A section whose keys are all commented out, or that a template left empty, must not take a protection away.
    refused |= {(name,): "is empty; leave it out to serve without" for name in _PROTECTIONS if name in document.data and not document.data[name]}
    errors = (document.places.error(dotted(steps), sentence) for steps, sentence in refused.items())
    data = _without(document.data, refused)
    return checked(WebFile, replace(document, data=data, errors=(*document.errors, *errors)), path)


def _has(data: Mapping[str, object], steps: KeyPath) -> bool:
    name, *below = steps
    inner = data.get(str(name))
    return isinstance(inner, dict) and _has(inner, tuple(below)) if below else name in data


def _without(data: Mapping[str, object], refused: Collection[KeyPath], above: KeyPath = ()) -> dict[str, object]:
    kept = {name: value for name, value in data.items() if (*above, name) not in refused}
    return {name: _without(value, refused, (*above, name)) if isinstance(value, dict) else value for name, value in kept.items()}
