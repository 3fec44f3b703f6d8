"""Random numbers that are a pure function of a key, the same on every machine and Python version."""

from __future__ import annotations

import hashlib
import math
import struct
import uuid
from collections.abc import Iterator, Sequence

_BLOCK = struct.Struct(">32H")


def draws(key: str) -> Iterator[float]:
    """Endless uniform numbers in [0, 1), multiples of 1/65536.

    Callers combine them with + - * / only: IEEE 754 fixes these to the last bit, while exp and log differ between C libraries.
    """
    block = 0
    while True:
        for value in _BLOCK.unpack(hashlib.blake2b(f"{key}/{block}".encode()).digest()):
            yield value / 65536
        block += 1


def uuid_of(key: str) -> str:
    """A random-looking version 4 UUID, lower case."""
    return str(uuid.UUID(bytes=hashlib.blake2b(key.encode(), digest_size=16).digest(), version=4))


def hex_of(key: str, digits: int) -> str:
    """An even number of lower-case hexadecimal digits."""
    return hashlib.blake2b(key.encode(), digest_size=digits // 2).hexdigest()


def shuffled(items: Sequence[str], key: str) -> list[str]:
    """A permutation of `items`."""
    return sorted(items, key=lambda item: hashlib.blake2b(f"{key}/{item}".encode(), digest_size=16).digest())


def permute(number: int, size: int, key: str) -> int:
    """Where a permutation of range(`size`) sends `number`."""
    digest = hashlib.blake2b(key.encode(), digest_size=16).digest()
    factor, shift = int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:], "big")
    while math.gcd(factor, size) != 1:
        factor += 1
    return (factor * number + shift) % size
