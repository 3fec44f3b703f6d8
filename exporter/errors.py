"""Errors that are meant for the operator."""

from __future__ import annotations


class UserError(Exception):
    """Something that the operator can mend. `str()` is one sentence that says what to do; the command line prints it without a traceback."""


class TransientError(Exception):
    """A source could not be read now, but the same call may work later (throttling, 5xx, time-out). Refreshes retry it."""
