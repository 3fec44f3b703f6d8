"""A statement of `sql/` that reads another table than the one it names, or only some of its partitions. Every other character of it stays."""

from __future__ import annotations

from functools import lru_cache

from exporter.engines import Statement
from exporter.quoting import sql_name


@lru_cache(maxsize=64)
def reading(statement: Statement, relation: str, table: str | None = None, condition: str = "") -> Statement:
    """The statement with `table` ("name" or "database.name"; None: the same) wherever it reads `relation`, and only with the rows that meet `condition`.

    `condition` is SQL and comes from this package; a value in it that came from outside is a literal already. It stands right at the table, with nothing
    between it and the partitions. Raises ValueError where the statement does not read the relation.
    """
    import sqlglot  # 0.3 s that a start with a full store does not pay

    name = ".".join(sql_name(part) for part in (table or relation).split("."))
    source = f"(SELECT * FROM {name} WHERE {condition})" if condition else name
    text, at, found = statement.text, 0, []
    tokens = sqlglot.tokenize(text, read="athena")
    for before, token, after in zip(tokens[:-1], tokens[1:], [*tokens[2:], None], strict=True):
        if before.text.upper() in ("FROM", "JOIN") and token.text.lower() == relation:
            alias = "" if after is not None and after.text.upper() == "AS" else f" AS {sql_name(relation)}"
            found += [text[at : token.start], source, alias]
            at = token.end + 1
    if not found:
        raise ValueError(f"{statement.name} does not read {relation}")
    return Statement(statement.name, "".join([*found, text[at:]]))
