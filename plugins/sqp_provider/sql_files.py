"""The statements: named blocks for Postgres, templates for BigQuery, all of them in ``sql/``."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any, LiteralString, cast

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sqp_provider.core.contract import (
    EXTRAS,
    FIGURES,
    LARGEST_RATE,
    MAX_COUNT,
    MAX_PRICE,
    MAX_QUERY_BYTES,
    MAX_SUM,
    METRICS,
    MILLIONTHS,
    PRICE_PLACES,
    PRICES,
    RATES,
    counts_of,
    measures_of,
)
from sqp_provider.core.errors import InvalidSettings
from sqp_provider.core.period import SyncType

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def sql_folder(needed: str = "extract.sql") -> Path:
    """Return ``$SQP_SQL_DIR``, else the folder ``sql/`` inside an installed package, else that beside ``plugins/``.

    :param needed: a file that must be there.
    :raises InvalidSettings: it is not, for example on a worker with the plugins but without the SQL.
    """
    package = Path(__file__).resolve().parent
    own = package / "sql"
    folder = Path(os.environ.get("SQP_SQL_DIR") or (own if own.is_dir() else package.parents[1] / "sql"))
    if not (folder / needed).is_file():
        raise InvalidSettings(f"{folder} has no {needed}. Put the project's sql/ there or set SQP_SQL_DIR to it.")
    return folder


@cache
def newest_revision() -> str:
    """Return the newest revision of the tables: ``0006``, the last of ``sql/migrations/versions/``."""
    versions = sql_folder("migrations/env.py") / "migrations" / "versions"
    return max(path.stem.partition("_")[0] for path in versions.glob("*.py"))


def schema_files() -> list[Path]:
    """Return the files of functions, views and triggers in the order in which they are put in force.

    ``0_tables.sql`` is not among them: revisions create the tables.
    """
    return sorted(sql_folder("schema/0_tables.sql").glob("schema/[1-9]*.sql"))


@cache
def files_hash() -> str:
    """Return twelve hexadecimal digits that change when any of :func:`schema_files` does."""
    content = "".join(f"-- {file.name}\n{file.read_text(encoding='utf-8')}" for file in schema_files())
    return hashlib.sha256(content.encode()).hexdigest()[:12]


@cache
def named_statements(file: str) -> dict[str, LiteralString]:
    """Return the statements of ``sql/queries/<file>.sql`` by the name in their ``-- name:`` line."""
    text = (sql_folder() / "queries" / f"{file}.sql").read_text(encoding="utf-8")
    parts = cast("list[LiteralString]", _NAME.split(text)[1:])  # our own files, never input
    return {name: body.strip() for name, body in zip(parts[::2], parts[1::2], strict=True)}


def bigquery_statement(template: str, sync_type: SyncType, extras: Collection[str] = (), **names: Any) -> str:
    """Render ``sql/<template>.sql`` for a type of period; names of columns and tables must already be quoted.

    :param extras: the target names of the extras that the rows have.
    :raises jinja2.UndefinedError: the template asks for a name that was not given.
    """
    contract = {
        "figures": [figure for figure in FIGURES if not figure.source.is_extra or figure.column in extras],
        "metrics": [metric for metric in METRICS if not metric.source.is_extra or metric.column in extras],
        "rates": RATES,
        "all_extras": EXTRAS,
        "extras": [column for column in EXTRAS if column in extras],
        "price_columns": [price.column for price in PRICES],
        "measures": list(measures_of(sync_type)),
        "counts": counts_of(sync_type),
        "sync_type": sync_type.value,
        "period": sync_type.period_type,
        "millionths": MILLIONTHS,
        "largest_rate": LARGEST_RATE,
        "max_count": MAX_COUNT,
        "max_price": MAX_PRICE * 10**PRICE_PLACES,
        "price_places": PRICE_PLACES,
        "max_sum": MAX_SUM,
        "max_query_bytes": MAX_QUERY_BYTES,
    }
    return _templates(sql_folder()).get_template(f"{template}.sql").render(**contract, **names)


@cache
def _templates(folder: Path) -> Environment:
    """Return the environment of a folder, which compiles each template once: that takes longer than to render it."""
    return Environment(  # noqa: S701 - SQL, not HTML; names are quoted where they are made
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
