"""The command line: ``sqp``, or ``python -m sqp_provider`` in a checkout."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from sqp_provider import __version__
from sqp_provider.core.doctor import as_json, as_table, has_failed
from sqp_provider.core.errors import SyncError
from sqp_provider.core.feeds import Feeds
from sqp_provider.core.ownership import Owner
from sqp_provider.core.settings import Settings
from sqp_provider.landings.command import add_landings
from sqp_provider.migrations import migrate, take_over
from sqp_provider.revisions import MigrationError

DONE, FAILED, MISUSED = 0, 1, 2
"""Exit codes: it is done; it could not be done, and standard error says why; the command line is wrong."""


_PROCESS_CONTEXT = "_AIRFLOW_PROCESS_CONTEXT"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit code."""
    asked = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        return asked.run(asked) or DONE
    except (MigrationError, SyncError) as error:
        print(error, file=sys.stderr)
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sqp",
        description="SQP Sync on the command line: prepare the target's schema, check all that a sync needs, load "
        "exports into BigQuery.",
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

    _add_take_over(commands)
    landings = commands.add_parser("landings", help="load Amazon's CSV exports into BigQuery")
    add_landings(landings.add_subparsers(required=True, metavar="command"))
    _add_doctor(commands)
    return parser


def _add_take_over(commands: Any) -> None:
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
    taking_over.add_argument("--feed", help="the feed of it; default: the only one of its configuration")
    taking_over.set_defaults(run=lambda asked: take_over(asked.dsn, _schema(asked), Owner(asked.airflow, asked.feed)))


def _add_doctor(commands: Any) -> None:
    doctor = commands.add_parser(
        "doctor",
        help="check all that a sync needs, and change nothing",
        description="Check connections, rights, source table, cost and target, and say what to do. Run it where "
        "Airflow's connections are visible. Nothing is changed anywhere.",
        epilog="Example: sqp doctor --config dags/sqp_config.yaml --price-per-tib 6.25. "
        "Exit codes: 0 nothing failed, though there may be warnings; 1 a check failed.",
    )
    _add_config(doctor)
    doctor.add_argument("--price-per-tib", type=float, help="what BigQuery asks for a TiB, to say what syncs cost")
    doctor.add_argument("--json", action="store_true", help="print the findings as JSON")
    doctor.add_argument(
        "--table", help="propose a sqp_config.yaml for project.dataset.table instead, without reading one"
    )
    doctor.add_argument("--conn-id", default="sqp_bigquery", help="with --table: the connection; default: sqp_bigquery")
    doctor.add_argument(
        "--maximum-bytes",
        type=int,
        default=2**30,
        help="with --table: a statement that would read more is not run; default: 1 GiB",
    )
    doctor.set_defaults(run=_doctor)


def _owner(name: str) -> str:
    """Refuse what an unset variable of a script leaves: no Airflow would be the owner."""
    if not name.strip("/ "):
        raise argparse.ArgumentTypeError("the new owner has no name")
    return name.rstrip("/")


def _add_database(parser: argparse.ArgumentParser) -> None:
    dsn = os.environ.get("SQP_POSTGRES_DSN")
    parser.add_argument("--dsn", default=dsn, required=dsn is None, help="the database; default: $SQP_POSTGRES_DSN")
    _add_config(parser)
    parser.add_argument("--schema", help="default: target.schema of the configuration, else sqp")


def _add_config(parser: argparse.ArgumentParser) -> None:
    config = os.environ.get("SQP_CONFIG")
    parser.add_argument(
        "--config", type=Path, default=config and Path(config), help="sqp_config.yaml; default: $SQP_CONFIG, if set"
    )


def _migrate(asked: argparse.Namespace) -> None:
    migrate(asked.dsn, _schema(asked), _settings(asked))


def _doctor(asked: argparse.Namespace) -> int:
    with _beside_airflow():
        return _propose(asked) if asked.table else _examine(asked)


@contextmanager
def _beside_airflow() -> Iterator[None]:
    """See the connections of Airflow's own database, and keep what Airflow and the hooks log out of the result."""
    import structlog

    def drop(logger: Any, method: str, event: Any) -> Any:
        raise structlog.DropEvent

    # Airflow gives its own connections only to a process that says it is none of a task.
    before = os.environ.get(_PROCESS_CONTEXT)
    os.environ.setdefault(_PROCESS_CONTEXT, "server")
    logging.disable(logging.CRITICAL)
    import_module("sqp_provider.doctor")  # with Airflow, which sets its own processors
    processors: Any = structlog.get_config()["processors"]  # each logger that there is already shares this list
    processors.insert(0, drop)
    try:
        yield
    finally:
        processors.remove(drop)
        logging.disable(logging.NOTSET)
        if before is None:
            del os.environ[_PROCESS_CONTEXT]


def _propose(asked: argparse.Namespace) -> int:
    from sqp_provider.doctor import PATIENCE_SECONDS
    from sqp_provider.hooks.bigquery import SqpBigQueryHook
    from sqp_provider.source.survey import Survey

    survey = Survey(
        SqpBigQueryHook(asked.conn_id, retry_seconds=PATIENCE_SECONDS),
        asked.table,
        asked.maximum_bytes,
        datetime.now(UTC).date(),
    )
    print(survey.report(), end="")
    return FAILED if survey.problems else DONE


def _examine(asked: argparse.Namespace) -> int:
    from sqp_provider.doctor import Doctor
    from sqp_provider.operators.owner import owner_of
    from sqp_provider.status.config import config_path

    settings = Feeds.load(asked.config or config_path(), os.environ).of(None)
    findings = Doctor(settings, owner_of(settings), datetime.now(UTC), asked.price_per_tib).findings()
    print(as_json(findings) if asked.json else as_table(findings))
    return FAILED if has_failed(findings) else DONE


def _settings(asked: argparse.Namespace) -> Settings | None:
    return Feeds.load(asked.config, os.environ).of(None) if asked.config else None


def _schema(asked: argparse.Namespace) -> str:
    settings = _settings(asked)
    return str(asked.schema or (settings.target.schema_name if settings else "sqp"))


# Airflow imports each file of a plugins folder without an .airflowignore by its bare name: not this one as a program.
if __name__ == "__main__" and __package__:
    sys.exit(main())
