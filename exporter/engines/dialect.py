"""Athena SQL to DuckDB SQL, through sqlglot."""

from __future__ import annotations

import threading
from functools import lru_cache

from exporter.engines import Statement

# sqlglot registers a dialect before it is whole: who asks for one that another thread is just importing writes SQL that is nobody's.
_TRANSLATING = threading.Lock()


@lru_cache(maxsize=64)
def to_duckdb(statement: Statement) -> str:
    """The statement in DuckDB's words. Only functions that mean the same on both engines are used in `sql/facts`; tests on both prove it."""
    with _TRANSLATING:
        import sqlglot  # 0.3 s that a start with a full store does not pay
        from sqlglot import exp

        parsed = sqlglot.parse_one(statement.text, read="athena")
        for scalar in parsed.find_all(exp.JSONExtractScalar):
            scalar.set("scalar_only", True)  # an object or list is NULL for Athena, and its text for DuckDB unless told so
        return parsed.sql("duckdb", comments=False)
