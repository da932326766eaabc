"""The command line: ``sqp``, or ``python -m sqp_provider`` in a checkout."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from contextlib import suppress

from sqp_provider import __version__
from sqp_provider.commands.arguments import DONE, FAILED
from sqp_provider.commands.delete_feed import add_delete_feed
from sqp_provider.commands.doctor import add_doctor
from sqp_provider.commands.migrate import add_migrate, add_take_over
from sqp_provider.commands.output import lasting_output
from sqp_provider.commands.prove import add_prove
from sqp_provider.core.errors import REPORT_IT, SyncError, to_a_person, unforeseen
from sqp_provider.landings.command import add_landings
from sqp_provider.revisions import MigrationError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit code."""
    failed = FAILED
    try:
        with lasting_output():
            asked = _parser().parse_args(arguments)
            failed = asked.failed
            logging.basicConfig(level=logging.INFO, format="%(message)s")
            logging.getLogger("alembic").setLevel(logging.WARNING)
            return asked.run(asked) or DONE
    except (MigrationError, SyncError) as error:
        _complain(to_a_person(str(error)))
    except Exception as error:
        _complain(f"{unforeseen('the command', error)}. {REPORT_IT}")
    return failed


def _complain(text: str) -> None:
    with suppress(OSError):  # the exit code says the same
        print(text, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sqp",
        description="SQP Sync on the command line: prepare the target's schema, check all that a sync needs, prove "
        "figures, load exports into BigQuery, delete a feed.",
        epilog="Exit codes: 0 done, 1 failed (standard error says why), 2 wrong arguments. "
        "'sqp prove' has its own: see its --help.",
    )
    parser.add_argument("--version", action="version", version=f"airflow-provider-sqp {__version__}")
    parser.set_defaults(failed=FAILED)
    commands = parser.add_subparsers(required=True, metavar="command")
    add_migrate(commands)
    add_take_over(commands)
    landings = commands.add_parser("landings", help="load Amazon's CSV exports into BigQuery")
    add_landings(landings.add_subparsers(required=True, metavar="command"))
    add_doctor(commands)
    add_prove(commands)
    add_delete_feed(commands)
    return parser


# Airflow imports each file of a plugins folder without an .airflowignore by its bare name: not this one as a program.
if __name__ == "__main__" and __package__:
    sys.exit(main())
