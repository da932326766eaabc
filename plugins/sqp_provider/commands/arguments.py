"""What several subcommands are told: the configuration, the feeds, the database."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from sqp_provider.core.feeds import Feeds

DONE, FAILED = 0, 1
"""Exit codes: it is done; it could not be done, and standard error says why."""


def add_database(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Add ``--dsn``, ``--config`` and ``--schema``."""
    dsn = os.environ.get("SQP_POSTGRES_DSN")
    parser.add_argument(
        "--dsn",
        default=dsn,
        required=required and dsn is None,
        help="the database; default: $SQP_POSTGRES_DSN" + ("" if required else ", else that of the feed's connection"),
    )
    add_config(parser)
    parser.add_argument("--schema", help="default: target.schema of the configuration, else sqp")


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add ``--config``."""
    config = os.environ.get("SQP_CONFIG")
    parser.add_argument(
        "--config", type=Path, default=config and Path(config), help="sqp_config.yaml; default: $SQP_CONFIG, if set"
    )


def add_feeds(parser: argparse.ArgumentParser) -> None:
    """Add ``--feed``, which may be given several times."""
    parser.add_argument(
        "--feed", action="append", metavar="NAME", help="one of several feeds; may be repeated; default: all"
    )


def configured(asked: argparse.Namespace) -> Feeds | None:
    """Return the feeds of ``--config``, or None if there is none."""
    return Feeds.load(asked.config, os.environ) if asked.config else None


def configured_or_of_the_dags(asked: argparse.Namespace) -> Feeds:
    """Return the feeds of ``--config``, else those of the Dags folder."""
    from sqp_provider.status.config import config_path

    return Feeds.load(asked.config or config_path(), os.environ)
