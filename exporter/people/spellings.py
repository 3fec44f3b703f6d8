"""How identities are spelled, and when two spellings are one. Plain functions: no clock, no file, no socket.

A person is known by many spellings: user name, mail, aliases, Identity Center id. All spellings are compared without case, and ids by their UUID.
The key of an identity is an Identity Center id as it stands, or any other spelling behind its kind and a colon (`session:alice`, `iam_user:ci@111122223333`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

# With the prefixes that identity stores put before it. Of any other text that ends so it is a part: a name must not be able to claim somebody's id.
_UUID = re.compile(r"(?:d-[0-9a-z]{10}\.)?(?:[0-9a-f]{10}-)?([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})")
UNPRINTABLE = ((0x00, 0x1F), (0x7F, 0x9F), (0x61C, 0x61C), (0x200E, 0x200F), (0x202A, 0x202E), (0x2066, 0x2069))
"""First and last code points of C0 and C1 controls, and of the marks that reorder text: no name may be able to rewrite a terminal or a page."""

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_UNPRINTABLE = re.compile(f"[{''.join(f'{chr(first)}-{chr(last)}' for first, last in UNPRINTABLE)}\ud800-\udfff]")
_LONGEST_NAME = 200


def normalise(spelling: str) -> str:
    """The form in which spellings are compared: lower case, no surrounding space, no directory prefix; an id is its UUID."""
    spelling = lowered(spelling)
    found = _UUID.fullmatch(spelling)
    return found[1] if found else spelling


def lowered(spelling: str) -> str:
    """Lower case without surrounding space, letter by letter as engines do: Python makes two letters of one, and of a last sigma another."""
    spelling = spelling.strip()
    return (spelling if spelling.isascii() else spelling.replace("\u0130", "i").replace("\u03a3", "\u03c3")).lower()


def is_id(spelling: str) -> bool:
    """Whether a compared spelling is an Identity Center id."""
    return _UUID.fullmatch(spelling) is not None


def printable(name: str) -> str:
    """A name that may become a label: control and reordering characters are replaced, and it is cut at 200 characters."""
    return _UNPRINTABLE.sub(REPLACEMENT, name.strip())[:_LONGEST_NAME]


def compared(key: str) -> str:
    """The form in which keys of identities are compared."""
    kind, colon, spelling = key.partition(":")
    # Only an id is its UUID: a session named x-<uuid> is not the one named y-<uuid>.
    return f"{kind}:{lowered(spelling)}" if colon else normalise(key)


def spelling_of(key: str) -> str:
    """The spelling of a key, without its kind."""
    return key.partition(":")[2] if ":" in key else key


def one_to_one(links: Iterable[tuple[str, str]]) -> tuple[dict[str, str], int]:
    """Links between Identity Center ids and session names, both ways; a name seen with two ids, or an id with two names, is dropped and counted."""
    names: dict[str, set[str]] = {}
    ids: dict[str, set[str]] = {}
    for user_id, name in links:
        user_id, name = normalise(user_id), lowered(name)
        names.setdefault(user_id, set()).add(name)
        ids.setdefault(name, set()).add(user_id)
    kept: dict[str, str] = {}
    for user_id, (name, *more) in ((user_id, sorted(found)) for user_id, found in names.items()):
        if not more and len(ids[name]) == 1:
            kept[user_id] = f"session:{name}"
            kept[f"session:{name}"] = user_id
    dropped = sum(len(found) > 1 for found in ids.values()) + sum(len(found) > 1 for found in names.values())
    return kept, dropped
