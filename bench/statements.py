"""The benchmark's SQL: named blocks of ``bench/sql/<file>.sql``, like those of ``sql/queries``."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import LiteralString, cast

from psycopg import sql

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def _blocks(file: str) -> dict[str, LiteralString]:
    parts = _NAME.split((Path(__file__).parent / "sql" / f"{file}.sql").read_text())[1:]
    return {name: cast("LiteralString", body.strip()) for name, body in zip(parts[::2], parts[1::2], strict=True)}


def text(file: str, block: str, **texts: str) -> str:
    """Return a block for BigQuery, with texts such as a table's name filled in."""
    filled: str = _blocks(file)[block]
    for name, value in texts.items():
        filled = filled.replace(f"{{{name}}}", value)
    return filled


def statement(file: str, block: str, **names: sql.Composable) -> sql.Composed:
    """Return a block with quoted identifiers filled in."""
    return sql.SQL(_blocks(file)[block]).format(**names)
