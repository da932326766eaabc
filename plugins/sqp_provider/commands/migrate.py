"""``sqp migrate`` and ``sqp take-over``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import Any

from sqp_provider import together
from sqp_provider.commands.arguments import DONE, FAILED, add_database, add_feeds, configured
from sqp_provider.commands.connections import airflow_of, dsns_of, refuse_several_connections
from sqp_provider.core.errors import InvalidSettings, SyncError, to_a_person
from sqp_provider.core.feeds import Feeds
from sqp_provider.core.ownership import Owner
from sqp_provider.core.settings import Settings
from sqp_provider.migrations import migrate, take_over
from sqp_provider.revisions import MigrationError


def add_migrate(commands: Any) -> None:
    """Add the subcommand ``migrate``."""
    migrating = commands.add_parser(
        "migrate",
        help="create the schema, or bring it to the version of this code",
        description="Create the schema, or bring it to the version of this code. A second run finds nothing to do. Of "
        "several feeds each is migrated, over --dsn or over its connection in Airflow, and then the views over all "
        "feeds. A feed that cannot be migrated keeps none of the others from it.",
        epilog="Example: sqp migrate --dsn postgresql://sqp@db.example.com/warehouse --schema sqp",
    )
    add_database(migrating, required=False)
    add_feeds(migrating)
    migrating.set_defaults(run=lambda asked: _migrate(migrating, asked))


def add_take_over(commands: Any) -> None:
    """Add the subcommand ``take-over``."""
    taking_over = commands.add_parser(
        "take-over",
        help="make another Airflow the owner of the schema",
        description="A schema belongs to the first Airflow that synced into it. This makes another one the owner. "
        "Pause the sqp Dags of the old one first.",
        epilog="Example: sqp take-over --airflow https://airflow.example.com",
    )
    add_database(taking_over)
    taking_over.add_argument(
        "--airflow",
        required=True,
        type=_owner,
        help="what the new owner is called: its setting airflow, else its [api] base_url",
    )
    taking_over.add_argument("--feed", help="the feed of it; default: the only one of its configuration")
    taking_over.set_defaults(run=_take_over)


def _owner(name: str) -> str:
    """Refuse what an unset variable of a script leaves: no Airflow would be the owner."""
    if not name.strip("/ "):
        raise argparse.ArgumentTypeError("the new owner has no name")
    return name.rstrip("/")


def _migrate(parser: argparse.ArgumentParser, asked: argparse.Namespace) -> int:
    feeds = configured(asked)
    if feeds is not None and not feeds.is_single:
        return _migrate_several(feeds, asked)
    if asked.dsn is None and feeds is None:
        parser.error("the following arguments are required: --dsn, or --config for its connection")
    if asked.feed:
        if feeds is None:
            parser.error("--feed needs --config, which has the feeds")
        feeds.chosen(asked.feed)
    settings = feeds.of(None) if feeds else None
    dsn = asked.dsn or _dsn_of(settings)
    migrate(dsn, asked.schema or (settings.target.schema_name if settings else "sqp"), settings)
    return DONE


def _dsn_of(settings: Settings | None) -> str:
    """Return the database of the only feed, over its connection in Airflow."""
    dsns, unknown = dsns_of({"": settings} if settings else {})
    if unknown:
        raise InvalidSettings(unknown[""])
    return dsns[""]


def _migrate_several(feeds: Feeds, asked: argparse.Namespace) -> int:
    if asked.schema:
        raise InvalidSettings(
            f"{feeds.origin} has several feeds, each with a schema of its own. Nothing was changed. Name feeds with "
            "--feed, and leave --schema out."
        )
    chosen = feeds.chosen(asked.feed)
    failed = False

    def say(what: str, error: object) -> None:
        nonlocal failed
        failed = True
        print(f"{what}: {to_a_person(str(error))}", file=sys.stderr)

    dsns, unknown = _dsns(feeds, chosen, asked.dsn)
    for name in chosen:
        try:
            settings = feeds.of(name)
            if name in unknown:
                say(f"feed {name}", unknown[name])
                continue
            owner = Owner(airflow_of(feeds), name)
            migrate(dsns[name], settings.target.schema_name, settings, owner)
        except (MigrationError, SyncError) as error:
            say(f"feed {name}", error)
    try:
        together.put_together_everywhere(dsns, feeds, airflow_of(feeds))
    except MigrationError as error:
        say("views over all feeds", error)
    return FAILED if failed else DONE


def _dsns(feeds: Feeds, chosen: list[str], dsn: str | None) -> tuple[dict[str, str], dict[str, str]]:
    """Return the database of each feed, chosen or not: the views over all have every feed."""
    settings = {str(name): found for name, found in feeds.settings.items()}
    if dsn is None:
        return dsns_of(settings)
    own: Mapping[str, Settings] = {name: found for name, found in settings.items() if name in chosen}
    refuse_several_connections(own)
    there = {found.target.migrating_conn_id for found in own.values()}
    return {name: dsn for name, found in settings.items() if found.target.migrating_conn_id in there}, {}


def _take_over(asked: argparse.Namespace) -> None:
    feeds = configured(asked)
    schema = asked.schema or (feeds.of(asked.feed).target.schema_name if feeds else "sqp")
    if not (schema.endswith("_all") and together.take_over(asked.dsn, schema, asked.airflow)):
        take_over(asked.dsn, schema, Owner(asked.airflow, asked.feed))
