"""Puts the views over all feeds of a database in force, when each feed has been migrated."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import psycopg
from psycopg import sql
from psycopg.errors import DeadlockDetected, InsufficientPrivilege, LockNotAvailable
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from sqp_provider.core.feeds import Feeds
from sqp_provider.core.together import Mark
from sqp_provider.feed_views import FeedViews
from sqp_provider.migration_session import first_line, identity, migration_session, turn
from sqp_provider.revisions import MigrationError

log = logging.getLogger(__name__)

TRIES, PAUSE_SECONDS = 30, 1.0
"""How often the locks are asked for, and how long the views are left to others in between."""

T = TypeVar("T")


def put_together_everywhere(
    dsns: Mapping[str, str], feeds: Feeds, airflow: str, *, take_over: bool = False
) -> list[str]:
    """Put the views in force in each database, and return the names of the feeds that they have.

    :param dsns: of each feed whose database is known; two may lead to the same one.
    :raises MigrationError: what went wrong in any of them, when all were tried.
    """
    shown: list[str] = []
    databases, failed = by_database(dsns)
    reached = {name for _, names in databases for name in names}
    for dsn, names in databases:
        elsewhere = reached - set(names)
        try:
            shown += put_together(dsn, feeds, airflow, elsewhere=elsewhere, take_over=take_over)
        except MigrationError as error:
            failed.append(str(error))
    if failed:
        raise MigrationError("\n".join(failed))
    return sorted(shown)


def put_together(
    dsn: str, feeds: Feeds, airflow: str, *, elsewhere: Collection[str] = (), take_over: bool = False
) -> list[str]:
    """Put the views over the feeds of one database in force, and say which schemas there belong to no feed.

    :param airflow: the name of this Airflow, ``https://airflow.example.com``.
    :param elsewhere: the feeds that are known to lie in other databases.
    :param take_over: make this Airflow the owner of the views, whoever was.
    :return: the names of the feeds that the views have.
    :raises MigrationError: the schema of the views is somebody else's, something of others depends on them, or they
        were in use all the time. The message says which, and what to do.
    """
    schema = feeds.together
    with migration_session(dsn, schema) as connection, clear_errors(schema), turn(dsn, schema):
        session: Any = connection.connection.driver_connection
        with connection.begin():
            for orphan in FeedViews(session, feeds, airflow).orphans():
                log.info("%s %s", orphan.no_feed_has, orphan.ways_out)
        return retried(
            connection,
            lambda: FeedViews(session, feeds, airflow).renew(elsewhere=elsewhere, take_over=take_over),
        )


def retried(connection: Connection, work: Callable[[], T]) -> T:
    """Do something in a transaction that waits for no lock for long, again and again until it gets its locks."""
    for _ in range(TRIES - 1):
        with suppress(LockNotAvailable, DeadlockDetected), connection.begin():
            return work()
        time.sleep(PAUSE_SECONDS)
    with connection.begin():
        return work()


def by_database(dsns: Mapping[str, str]) -> tuple[list[tuple[str, list[str]]], list[str]]:
    """Group feeds by the database that a server says their connections lead to.

    :param dsns: of each feed.
    :return: the dsn of each database that answers and the feeds in it, and why the other ones do not answer.
    """
    known: dict[str, str] = {}
    silent: list[str] = []
    for dsn in dict.fromkeys(dsns.values()):
        try:
            known[dsn] = identity(dsn)
        except MigrationError as error:
            silent.append(str(error))
    databases: dict[str, tuple[str, list[str]]] = {}
    for feed, dsn in dsns.items():
        if dsn in known:
            databases.setdefault(known[dsn], (dsn, []))[1].append(feed)
    return list(databases.values()), silent


def take_over(dsn: str, schema: str, airflow: str) -> bool:
    """Make an Airflow the owner of views over all feeds; return False if the schema does not have such views."""
    with migration_session(dsn, schema) as connection, clear_errors(schema), connection.begin():
        session: Any = connection.connection.driver_connection
        asked = session.execute("select obj_description(to_regnamespace(%s), 'pg_namespace')", [schema]).fetchone()
        mark = Mark.of(asked[0])
        if mark:
            comment = sql.SQL("comment on schema {} is {}")
            taken = sql.Literal(str(Mark(airflow, mark.wanted, mark.definitions)))
            session.execute(comment.format(sql.Identifier(schema), taken))
            log.info("Schema %s belongs to Airflow %s.", schema, airflow)
    return mark is not None


@contextmanager
def clear_errors(schema: str) -> Iterator[None]:
    """Say what Postgres refused, and what to do.

    :raises MigrationError: in the place of its exception.
    """
    try:
        yield
    except (DBAPIError, psycopg.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        remedy = "Correct the cause and migrate again."
        if isinstance(cause, InsufficientPrivilege):
            remedy = (
                f"The role must own schema {schema} and its views, or be allowed to create schemas (grant create on "
                "database), and read the schemas of the feeds. Grant that and migrate again."
            )
        if isinstance(cause, (LockNotAvailable, DeadlockDetected)):
            remedy = f"Somebody was using them in each of {TRIES} tries. Migrate again at a quieter time."
        raise MigrationError(
            f"Writing the views of schema {schema} failed: {first_line(error)} It was rolled back: the views and all "
            f"rows are as they were. {remedy}"
        ) from error
