"""``sqp delete-feed``."""

from __future__ import annotations

import argparse
from typing import Any

from sqp_provider.commands.arguments import DONE, add_database, configured_or_of_the_dags
from sqp_provider.commands.connections import airflow_of, dsns_of
from sqp_provider.core.errors import InvalidSettings
from sqp_provider.core.ownership import Owner
from sqp_provider.deletion import UNCHANGED, Deletion


def add_delete_feed(commands: Any) -> None:
    """Add the subcommand ``delete-feed``."""
    deleting = commands.add_parser(
        "delete-feed",
        help="delete the schemas and roles of one of several feeds",
        description="Say what deleting a feed deletes, and what it does not: its schemas with all tables and rows, its "
        "roles, its rows in the views over all feeds. With --yes, delete it. Pause its Dags first.",
        epilog="Example: sqp delete-feed acme_us --config dags/sqp_config.yaml --yes",
    )
    deleting.add_argument("feed", metavar="NAME", help="a feed, of the configuration or removed from it")
    add_database(deleting, required=False)
    deleting.add_argument("--yes", action="store_true", help="delete it")
    deleting.set_defaults(run=_delete)


def _delete(asked: argparse.Namespace) -> int:
    feeds = configured_or_of_the_dags(asked)
    settings = feeds.settings.get(asked.feed, feeds.defaults)
    if asked.feed in feeds.settings:
        schema = settings.target.schema_name
        if asked.schema not in (schema, None):
            raise InvalidSettings(
                f"{feeds.origin}: feed {asked.feed} has the schema {schema}, not {asked.schema}. {UNCHANGED} Leave "
                "--schema out."
            )
    else:
        schema = asked.schema or f"{feeds.prefix}_{asked.feed}"
    dsn = asked.dsn
    if dsn is None:
        dsns, unknown = dsns_of({asked.feed: settings})
        if unknown:
            raise InvalidSettings(unknown[asked.feed])
        dsn = dsns[asked.feed]
    deletion = Deletion(schema, Owner(airflow_of(feeds), asked.feed), feeds, settings.schedule.stale_after)
    print("\n".join(deletion.describe(dsn)), flush=True)
    if not asked.yes:
        print("Nothing was deleted; repeat with --yes.")
        return DONE
    for sentence in deletion.delete(dsn):
        print(sentence)
    print(f"Deleted {deletion.owner} from schema {schema}.")
    return DONE
