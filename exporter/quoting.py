"""Text and names inside SQL. Values go in as parameters wherever DuckDB takes them; these are for the places where it does not."""

from __future__ import annotations


def sql_text(text: str) -> str:
    """A string as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def sql_name(name: str) -> str:
    """An identifier, whatever its characters."""
    return '"' + name.replace('"', '""') + '"'
