"""Text and names inside SQL, for the places where DuckDB takes no parameters: elsewhere values go in as such. And text that can be encoded."""

from __future__ import annotations


def sql_text(text: str) -> str:
    """A string as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def sql_name(name: str) -> str:
    """An identifier, whatever its characters."""
    return '"' + name.replace('"', '""') + '"'


def well_formed(text: str) -> str:
    r"""The text with halves of surrogate pairs, which JSON and YAML can hold and nothing can encode, written out as `\ud800`: two names remain two."""
    if text.isascii():
        return text
    # YAML does not join the two halves of a pair, as JSON does.
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return joined.encode("utf-8", "backslashreplace").decode()
