"""Programs from outside that tests run: where they are, and what a test does without them."""

from __future__ import annotations

import os
import shutil

import pytest

_OTHER_NAMES = {"alertmanager": ("prometheus-alertmanager",)}
"""What Debian calls them."""


_UNOBTAINABLE = {"dashboard-linter"}
"""What no registry carries: CI cannot install it either, so it is used where somebody has built it."""


def require_tool(name: str) -> str:
    """The path of a program on the PATH. Without it the test is skipped, or fails where AUE_REQUIRE_TOOLS is set to 1."""
    for candidate in (name, *_OTHER_NAMES.get(name, ())):
        if path := shutil.which(candidate):
            return path
    if os.environ.get("AUE_REQUIRE_TOOLS") == "1" and name not in _UNOBTAINABLE:
        pytest.fail(f"{name} is not on the PATH, and AUE_REQUIRE_TOOLS=1 wants it", pytrace=False)
    pytest.skip(f"{name} is not on the PATH")
