"""Basic authentication: who signs in is checked by bcrypt once, in a worker thread, and remembered."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from enum import Enum

import bcrypt

LONGEST = 8192
"""Bytes of an Authorization header that are looked at."""
BCRYPT_BYTES = 72
"""bcrypt knows no more of a password; like exporter-toolkit, we compare that much. A NUL in it is a byte as any other."""
REMEMBERED = 1000
WAITING = 50
"""Checks that may wait for their turn: one runs at a time, so that a flood of wrong passwords takes one core at most."""

_DIGITS = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


class Verdict(Enum):
    """What became of an attempt to sign in."""

    ADMITTED = "admitted"
    REFUSED = "refused"
    BUSY = "busy"
    """Too many others wait to be checked."""


class SignIn:
    """The users of one version of the web file. Belongs to one event loop."""

    def __init__(self, users: Mapping[str, str]) -> None:
        """`users`: bcrypt hashes by name; at least one."""
        self.users = dict(users)
        self._hashes = {name.encode(): hashed.encode("ascii") for name, hashed in users.items()}
        # What is remembered must not be a password, nor something that finds one out outside of this process.
        self._key = secrets.token_bytes(32)
        self._nobody = [_hash_of_nothing(hashed) for hashed in sorted(self._hashes.values())]
        self._admitted = _Remembered()
        self._refused = _Remembered()
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def verdict(self, authorization: Sequence[bytes]) -> Verdict:
        """Judges the Authorization headers of a request. What is no well-formed Basic one is refused at once."""
        credentials = parse(authorization)
        if credentials is None:
            return Verdict.REFUSED
        user, password = credentials
        digest = self._digest(user, password)
        if (known := self._known(digest)) is not None:
            return known
        if self._waiting >= WAITING:
            return Verdict.BUSY
        self._waiting += 1
        try:
            async with self._turn:
                # another request may have asked the same meanwhile: at a start, all of them come at once
                return self._known(digest) or await self._check(user, password, digest)
        finally:
            self._waiting -= 1

    def _known(self, digest: bytes) -> Verdict | None:
        if self._admitted.has(digest):
            return Verdict.ADMITTED
        return Verdict.REFUSED if self._refused.has(digest) else None

    async def _check(self, user: bytes, password: bytes, digest: bytes) -> Verdict:
        hashed = self._hashes.get(user)
        matches = await asyncio.to_thread(bcrypt.checkpw, password[:BCRYPT_BYTES], hashed or self._stranger(user))
        admitted = matches and hashed is not None
        # apart, so that no number of wrong passwords makes a right one be forgotten
        (self._admitted if admitted else self._refused).add(digest)
        return Verdict.ADMITTED if admitted else Verdict.REFUSED

    def _stranger(self, user: bytes) -> bytes:
        """A hash that no password has, always the same for a name, and as slow as that of some user: time does not tell who exists."""
        return self._nobody[int.from_bytes(self._digest(user, b"")[:8], "big") % len(self._nobody)]

    def _digest(self, user: bytes, password: bytes) -> bytes:
        return hmac.digest(self._key, len(user).to_bytes(8, "big") + user + password, hashlib.sha256)


class _Remembered:
    """The digests that were asked for last."""

    def __init__(self) -> None:
        self._digests: OrderedDict[bytes, None] = OrderedDict()

    def has(self, digest: bytes) -> bool:
        if digest not in self._digests:
            return False
        self._digests.move_to_end(digest)
        return True

    def add(self, digest: bytes) -> None:
        self._digests[digest] = None
        if len(self._digests) > REMEMBERED:
            self._digests.popitem(last=False)


def parse(authorization: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """User and password of the one Authorization header (RFC 7617), as bytes; None where there is none, or several, or another kind."""
    if len(authorization) != 1 or len(authorization[0]) > LONGEST:
        return None
    scheme, _, encoded = authorization[0].partition(b" ")
    if scheme.lower() != b"basic":
        return None
    encoded = encoded.strip(b" ")
    try:
        decoded = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return None
    # b64decode lets too much padding pass
    if base64.b64encode(decoded) != encoded:
        return None
    user, colon, password = decoded.partition(b":")
    return (user, password) if colon else None


def _hash_of_nothing(like: bytes) -> bytes:
    """A well-formed hash of the same cost: random, so that no password is known to have it."""
    salt = "".join(secrets.choice(_DIGITS) for _ in range(21)) + secrets.choice(".Oeu")
    digest = "".join(secrets.choice(_DIGITS) for _ in range(30)) + secrets.choice(".CGKOSWaeimquy26")
    return f"$2b${like[4:6].decode('ascii')}${salt}{digest}".encode("ascii")
