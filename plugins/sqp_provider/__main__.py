"""The command line: ``sqp``, or ``python -m sqp_provider`` in a checkout."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from sqp_provider import __version__
from sqp_provider.core.errors import SyncError
from sqp_provider.core.settings import Settings
from sqp_provider.landings.command import add_landings
from sqp_provider.migrations import migrate, take_over
from sqp_provider.revisions import MigrationError

DONE, FAILED, MISUSED = 0, 1, 2
"""Exit codes: it is done; it could not be done, and standard error says why; the command line is wrong."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit code."""
    asked = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        asked.run(asked)
    except (MigrationError, SyncError) as error:
        print(error, file=sys.stderr)
        return FAILED
    return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sqp",
        description="SQP Sync without Airflow: prepare the target's schema, load exports into BigQuery.",
        epilog="Exit codes: 0 done, 1 failed (standard error says why), 2 wrong arguments.",
    )
    parser.add_argument("--version", action="version", version=f"airflow-provider-sqp {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")

    migrating = commands.add_parser(
        "migrate",
        help="create the schema, or bring it to the version of this code",
        description="Create the schema, or bring it to the version of this code. A second run finds nothing to do.",
        epilog="Example: sqp migrate --dsn postgresql://sqp@db.example.com/warehouse --schema sqp",
    )
    _add_database(migrating)
    migrating.set_defaults(run=_migrate)

    taking_over = commands.add_parser(
        "take-over",
        help="make another Airflow the owner of the schema",
        description="A schema belongs to the first Airflow that synced into it. This makes another one the owner. "
        "Pause the sqp Dags of the old one first.",
        epilog="Example: sqp take-over --airflow https://airflow.example.com",
    )
    _add_database(taking_over)
    taking_over.add_argument(
        "--airflow",
        required=True,
        type=_owner,
        help="what the new owner is called: its setting airflow, else its [api] base_url",
    )
    taking_over.set_defaults(run=lambda asked: take_over(asked.dsn, _schema(asked), asked.airflow))

    landings = commands.add_parser("landings", help="load Amazon's CSV exports into BigQuery")
    add_landings(landings.add_subparsers(required=True, metavar="command"))
    return parser


def _owner(name: str) -> str:
    """Refuse what an unset variable of a script leaves: no Airflow would be the owner."""
    if not name.strip("/ "):
        raise argparse.ArgumentTypeError("the new owner has no name")
    return name.rstrip("/")


def _add_database(parser: argparse.ArgumentParser) -> None:
    dsn = os.environ.get("SQP_POSTGRES_DSN")
    parser.add_argument("--dsn", default=dsn, required=dsn is None, help="the database; default: $SQP_POSTGRES_DSN")
    config = os.environ.get("SQP_CONFIG")
    parser.add_argument(
        "--config", type=Path, default=config and Path(config), help="sqp_config.yaml; default: $SQP_CONFIG, if set"
    )
    parser.add_argument("--schema", help="default: target.schema of the configuration, else sqp")


def _migrate(asked: argparse.Namespace) -> None:
    migrate(asked.dsn, _schema(asked), _settings(asked))


def _settings(asked: argparse.Namespace) -> Settings | None:
    return Settings.load(asked.config) if asked.config else None


def _schema(asked: argparse.Namespace) -> str:
    settings = _settings(asked)
    return str(asked.schema or (settings.target.schema_name if settings else "sqp"))


# Airflow imports each file of a plugins folder without an .airflowignore by its bare name: not this one as a program.
if __name__ == "__main__" and __package__:
    sys.exit(main())
