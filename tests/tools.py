"""Programs from outside that tests run: where they are, and what a test does without them."""

from __future__ import annotations

import os
import shutil

import pytest

_OTHER_NAMES = {"alertmanager": ("prometheus-alertmanager",)}
"""What Debian calls them."""


def is_required(name: str) -> bool:
    """Whether AUE_REQUIRE_TOOLS, names with spaces between them, wants a test to fail where this program is missing."""
    return name in os.environ.get("AUE_REQUIRE_TOOLS", "").split()


def require_tool(name: str) -> str:
    """The path of a program on the PATH. Without it the test is skipped, or fails where it is required."""
    for candidate in (name, *_OTHER_NAMES.get(name, ())):
        if path := shutil.which(candidate):
            return path
    if is_required(name):
        pytest.fail(f"{name} is not on the PATH, and AUE_REQUIRE_TOOLS wants it", pytrace=False)
    pytest.skip(f"{name} is not on the PATH")
