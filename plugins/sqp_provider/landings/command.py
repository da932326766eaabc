"""The command line of ``sqp landings load``."""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqp_provider.core.marketplaces import MARKETPLACES
from sqp_provider.core.period import SyncType
from sqp_provider.landings.columns import NAMES, folded
from sqp_provider.landings.origin import ExportOptions

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add_landings(commands: _SubParsersAction[Any]) -> None:
    """Add the subcommand ``load``."""
    loading = commands.add_parser(
        "load",
        help="load files, or folders of them",
        description="Load Search Query Performance exports (Brand Analytics, ASIN view, CSV) into a BigQuery table, "
        "which is created if it is missing. A file is loaded as a whole or not at all. One that is in the table "
        "already is skipped. Prints the lines of sqp_config.yaml that read the table.",
        epilog="Example: sqp landings load ~/Downloads/exports --to amazon.search_query_performance",
    )
    loading.add_argument("files", nargs="+", type=Path, metavar="FILE", help="an export, or a folder of exports")
    loading.add_argument("--to", required=True, metavar="TABLE", help="dataset.table, or project.dataset.table")
    loading.add_argument("--asin", help="for files without a first line that says it")
    loading.add_argument(
        "--marketplace",
        type=_marketplace,
        help="a country such as US or UK, or an id; default: the country at the start of the file's name",
    )
    loading.add_argument("--period", type=SyncType, choices=list(SyncType), help="for files that do not say it")
    loading.add_argument(
        "--header",
        action="append",
        default=[],
        type=_header,
        metavar="HEADER=COLUMN",
        help="what an unknown header is, for example 'Klicks=asin_click_count'; 'Klicks=' leaves it out",
    )
    loading.add_argument("--connection", default="sqp_bigquery", help="Airflow's connection; default: sqp_bigquery")
    loading.add_argument("--dry-run", action="store_true", help="say what would be loaded, without BigQuery")
    loading.set_defaults(run=_load)


def _marketplace(text: str) -> str:
    """Return the id of a country's marketplace; an id stays as it is."""
    code = text.strip().upper()
    code = "UK" if code == "GB" else code
    if code not in MARKETPLACES and not re.fullmatch(r"[A-Z0-9]{10,20}", code):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no marketplace; expected an id or one of {', '.join(MARKETPLACES)}"
        )
    return MARKETPLACES.get(code, code)


def _header(text: str) -> tuple[str, str | None]:
    header, separator, column = text.rpartition("=")
    if not separator or not header.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not HEADER=COLUMN")
    if column.strip() and column.strip() not in NAMES:
        raise argparse.ArgumentTypeError(f"{column.strip()!r} is no column; expected one of {', '.join(NAMES)}")
    return folded(header), NAMES.get(column.strip())


def _load(asked: argparse.Namespace) -> None:
    from sqp_provider.landings.load import (
        exports_of,
        load_exports,
    )  # BigQuery's client, which other commands do without
    from sqp_provider.landings.table import open_table

    options = ExportOptions(asked.asin, asked.marketplace, asked.period, dict(asked.header))
    files = exports_of(asked.files)
    table = None if asked.dry_run else open_table(asked.connection, asked.to)
    for sentence in table.prepare() if table else ():
        print(sentence)
    load_exports(files, asked.to, options, table, datetime.now(UTC), print)
