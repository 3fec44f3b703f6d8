"""Runs Grafana's own libraries. `npm ci` in grafana/check brings them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tools import is_required, require_tool

CHECK = Path(__file__).parent.parent / "grafana" / "check"


def ran(*arguments: str | Path, text: str | None = None) -> str:
    """What a program of grafana/check prints. Without node or the libraries the test is skipped, or fails where they are required."""
    node = require_tool("node")
    if not (CHECK / "node_modules").is_dir():
        reason = "Grafana's libraries are not installed: npm ci --prefix grafana/check"
        (pytest.fail if is_required("node") else pytest.skip)(reason)
    done = subprocess.run([node, *arguments], capture_output=True, text=True, check=False, cwd=CHECK, input=text)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
