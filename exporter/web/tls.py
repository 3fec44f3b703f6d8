"""TLS: the settings of the web file as a context of OpenSSL, and a stand-in by which the server always uses the newest one."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import ssl
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

from exporter.config import ConfigError, ConfigErrors, Places, TlsServer
from exporter.config.web_file import CIPHERS

_SECTION = "tls_server_config"
_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_CLIENTS = {"NoClientCert": ssl.CERT_NONE, "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL, "RequireAndVerifyClientCert": ssl.CERT_REQUIRED}
_SANS = frozenset({"DNS", "IP Address", "email", "URI"})
"""The kinds of names that exporter-toolkit compares, as `getpeercert` calls them."""
_TOO_WEAK = frozenset({"EE_KEY_TOO_SMALL", "CA_KEY_TOO_SMALL", "CA_MD_TOO_WEAK"})


class StandIn(ssl.SSLContext):
    """Given to a server once; every connection is wrapped by the context that is current when it comes in.

    OpenSSL's own way, another context in the SNI callback, would change the certificate only and leave client CAs and versions as they were.
    """

    current: Callable[[], ssl.SSLContext]

    def wrap_bio(self, *arguments: Any, **named: Any) -> ssl.SSLObject:
        return self.current().wrap_bio(*arguments, **named)


def stand_in(current: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    """A context that asks for the one to use at every connection."""
    context = StandIn(ssl.PROTOCOL_TLS_SERVER)
    context.current = current
    return context


def server_context(settings: TlsServer, places: Places) -> ssl.SSLContext:
    """A context of its own, with its own session tickets: a client that it let in has to show its certificate again to the next one.

    ConfigErrors for files that cannot be read, are not PEM, or do not belong together.
    """
    pem = _contents(settings, places)
    context = _Context(ssl.PROTOCOL_TLS_SERVER)
    context.sslobject_class = _Checked
    context.minimum_version = _VERSIONS[settings.min_version]
    context.maximum_version = _VERSIONS[settings.max_version]
    context.options |= ssl.OP_NO_RENEGOTIATION
    if not settings.prefer_server_cipher_suites:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    _choose_ciphers(context, settings, places)
    _load_certificate(context, pem["cert"], pem["key"], places)
    if "client_ca" in pem:
        context.load_verify_locations(cadata=_checked_certificates(pem["client_ca"], "client_ca", places))
    context.verify_mode = _CLIENTS[settings.client_auth_type]
    if settings.client_allowed_sans is not None:
        context.allowed_sans = frozenset(map(_canonical, settings.client_allowed_sans))
    return context


class _Context(ssl.SSLContext):
    allowed_sans: frozenset[str] | None = None


class _Checked(ssl.SSLObject):
    """A connection whose handshake fails where the certificate of the client names nobody who is allowed."""

    def do_handshake(self) -> None:
        super().do_handshake()
        context = self.context
        if isinstance(context, _Context) and context.allowed_sans is not None:
            names: Any = (self.getpeercert() or {}).get("subjectAltName", ())
            if not any(kind in _SANS and _canonical(name) in context.allowed_sans for kind, name in names):
                raise ssl.SSLCertVerificationError("the certificate of the client names nobody of client_allowed_sans")


def _canonical(name: str) -> str:
    """IP addresses in one spelling; OpenSSL writes `2001:DB8:0:0:0:0:0:1`."""
    try:
        return str(ipaddress.ip_address(name.strip()))
    except ValueError:
        return name


class _PassphraseNeeded(Exception):
    """A key is encrypted. Without this, OpenSSL would ask on the terminal."""


def _ask_nobody() -> str:
    raise _PassphraseNeeded


def _error(places: Places, key: str, message: str) -> ConfigError:
    written = f"{_SECTION}.{key}" if f"{_SECTION}.{key}" in places.lines else f"{_SECTION}.{key}_file"
    return places.error(written, message)


def _contents(settings: TlsServer, places: Places) -> dict[str, bytes]:
    """What was written in the file or beside it, by the shorter name of the key."""
    contents: dict[str, bytes] = {}
    errors: list[ConfigError] = []
    for key, text, file in (
        ("cert", settings.cert, settings.cert_file),
        ("key", settings.key, settings.key_file),
        ("client_ca", settings.client_ca, settings.client_ca_file),
    ):
        try:
            if text is not None:
                contents[key] = text.encode("ascii")
            elif file is not None:
                contents[key] = file.read_bytes()
        except OSError as error:
            errors.append(_error(places, key, f"the file cannot be read: {error.strerror}"))
    if errors:
        raise ConfigErrors(errors)
    return contents


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or "unknown reason").lower().replace("_", " ")


def _load_certificate(context: ssl.SSLContext, certificate: bytes, key: bytes, places: Places) -> None:
    _checked_certificates(certificate, "cert", places)
    try:
        with _as_file(certificate) as certificate_path, _as_file(key) as key_path:
            context.load_cert_chain(certificate_path, key_path, password=_ask_nobody)
    except _PassphraseNeeded:
        raise ConfigErrors([_error(places, "key", "is protected by a passphrase; the exporter needs a key without")]) from None
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ConfigErrors([_error(places, "key", "does not belong to the certificate")]) from None
        if error.reason in _TOO_WEAK:
            raise ConfigErrors(
                [_error(places, "cert", "OpenSSL takes it for too weak; make one with a key of 2048 bits or more, signed with SHA-256")]
            ) from None
        raise ConfigErrors([_error(places, "key", "expected a private key as PEM")]) from None


def _checked_certificates(pem: bytes, key: str, places: Places) -> str:
    # comments in a bundle may be in any language
    text = pem.decode("ascii", "replace").replace("\ufffd", "?")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):
        raise ConfigErrors([_error(places, key, "expected certificates as PEM")]) from None
    return text


def _choose_ciphers(context: ssl.SSLContext, settings: TlsServer, places: Places) -> None:
    if not settings.cipher_suites:
        return
    names = [CIPHERS[suite] for suite in settings.cipher_suites]
    try:
        context.set_ciphers(":".join(names))
    except ssl.SSLError:
        raise ConfigErrors([_error(places, "cipher_suites", "this machine's OpenSSL has none of them")]) from None
    had = {cipher["name"] for cipher in context.get_ciphers()}
    if lacking := [suite for suite in settings.cipher_suites if CIPHERS[suite] not in had]:
        raise ConfigErrors([_error(places, "cipher_suites", f"this machine's OpenSSL does not have {', '.join(lacking)}")])


@contextlib.contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """A path for what OpenSSL reads from files only: in memory where the system can, so that a key touches no disk."""
    if sys.platform == "linux":
        descriptor = os.memfd_create("pem")
        try:
            with open(descriptor, "wb", closefd=False) as file:
                file.write(content)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
    else:
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            yield file.name
