"""Deletes the schemas and roles of one feed; says before what that is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
from psycopg import sql
from psycopg.errors import DeadlockDetected, DependentObjectsStillExist, InsufficientPrivilege, LockNotAvailable
from psycopg.rows import dict_row
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from sqp_provider.core.cost import size
from sqp_provider.core.feeds import Feeds
from sqp_provider.core.ownership import Owner
from sqp_provider.core.settings import STAGING_SUFFIX
from sqp_provider.core.together import VIEWS, SchemaFound
from sqp_provider.feed_views import FeedViews
from sqp_provider.migration_session import first_line, migration_session, turn
from sqp_provider.obstacles import ADOPTABLE, own_functions, own_relations
from sqp_provider.revisions import MigrationError
from sqp_provider.sql_files import named_statements
from sqp_provider.together import retried

UNCHANGED = "Nothing was deleted."

_STAYS = (
    "the source table, and snapshots in BigQuery until they expire",
    "Airflow's Dags, runs and logs; while the configuration has the feed, a migration makes an empty schema again",
    "dumps and backups",
)


@dataclass(frozen=True)
class Deletion:
    """What is deleted, and for whom.

    :param schema: of the feed, ``sqp_acme_us``.
    :param owner: this Airflow and the feed.
    :param feeds: the configuration, for the views over all feeds that the other ones keep.
    :param stale_after: a run that began longer ago is dead.
    """

    schema: str
    owner: Owner
    feeds: Feeds
    stale_after: timedelta

    def describe(self, dsn: str) -> list[str]:
        """Return what goes and what stays, line by line. Nothing is changed.

        :raises MigrationError: the feed cannot be deleted; the message says why.
        """
        with self._session(dsn) as (connection, session), connection.begin():
            self._refuse(session)
            lines = [f"Deleting {self.owner} from schema {self.schema} deletes:"]
            lines += [f"  {line}" for line in self._what_goes(session)]
            lines += ["It does not delete:", *(f"  {line}" for line in _STAYS)]
        return lines

    def delete(self, dsn: str) -> list[str]:
        """Delete all that in one transaction, and return which roles had to stay and why.

        :raises MigrationError: the feed cannot be deleted, and nothing was.
        """
        with (
            self._session(dsn) as (connection, session),
            turn(dsn, self.feeds.together),
            turn(dsn, self.schema),
        ):
            return retried(connection, lambda: self._delete(session))

    def _delete(self, session: psycopg.Connection[Any]) -> list[str]:
        _rows(session, "publish", "wait_at_most", {"milliseconds": "200"})
        self._refuse(session)
        session.execute(_statement("lock", schema=sql.Identifier(self.schema)))
        self._refuse_running(session)  # since nobody can begin any more
        views = FeedViews(session, self.feeds, self.owner.airflow)
        if views.has(self.schema):
            views.renew(without=[str(self.owner.feed)])
        roles = self._roles(session)
        for step in _rows(session, "deletion", "drops", self._names):
            session.execute(step["statement"].encode())
        return [reason for role in roles if (reason := _drop_role(session, role["name"]))]

    def _what_goes(self, session: psycopg.Connection[Any]) -> Iterator[str]:
        schema = sql.Identifier(self.schema)
        for table in _rows(session, "deletion", "tables", self._names):
            counted = _statement("rows", table=sql.Identifier(table["schema"], table["name"]))
            (rows,) = session.execute(counted).fetchone() or (0,)
            yield f"table {table['schema']}.{table['name']}: {rows:,} rows, {size(table['bytes'])}"
        yield f"the schemas {self.schema} and {self.schema}{STAGING_SUFFIX}, with their functions and views"
        for row in _fetched(session, _statement("periods", schema=schema)):
            yield f"{row['periods']:,} {row['sync_type']} periods, from {row['first']} to {row['last']}"
        for role in self._roles(session):
            members = ", ".join(role["members"])
            yield f"role {role['name']}" + (f", whose members are {members}" if members else "")
        views = FeedViews(session, self.feeds, self.owner.airflow)
        if views.has(self.schema):
            if self.feeds.is_single:
                yield f"all views of schema {self.feeds.together}, since the configuration has no feeds any more"
            else:
                yield f"its rows in the views of schema {self.feeds.together}"

    def _refuse(self, session: psycopg.Connection[Any]) -> None:
        found = FeedViews(session, self.feeds, self.owner.airflow).found.get(self.schema)
        if found is None:
            raise MigrationError(
                f"There is no schema {self.schema} that SQP Sync has made and this login may read. {UNCHANGED} Name "
                "the feed's schema with --schema, and its database with --dsn."
            )
        if not found.belongs_to(self.owner):
            raise MigrationError(
                f"Schema {self.schema} belongs to {Owner(str(found.airflow), found.feed)}, but this is {self.owner}. "
                f"{UNCHANGED} Delete it there, or name the feed that it belongs to."
            )
        for settings in self.feeds.settings.values():
            if settings.target.schema_name == self.schema and settings.feed != self.owner.feed:
                whose = f"feed {settings.feed}" if settings.feed else "the only feed"
                raise MigrationError(
                    f"Schema {self.schema} is that of {whose} of {self.feeds.origin}. {UNCHANGED} Name that feed."
                )
        self._refuse_mistakes(found)
        self._refuse_running(session)
        others = _rows(session, "deletion", "others", self._names)
        if others:
            raise MigrationError(
                f"Schema {self.schema} has objects of others, or they depend on it: "
                f"{', '.join(row['name'] for row in others)}. {UNCHANGED} Drop or move what is named, and repeat."
            )

    def _refuse_mistakes(self, found: SchemaFound) -> None:
        """Leave a schema that says of no feed that it is its own, while the file does not say which feed has it."""
        unknown = [name for name in self.feeds.mistakes if name != self.owner.feed]
        if found.feed is None and self.owner.feed not in self.feeds.settings and unknown:
            raise MigrationError(
                f"Schema {self.schema} names no feed that it belongs to, and it may be that of feed "
                f"{', '.join(unknown)}, of which {self.feeds.origin} has a mistake. {UNCHANGED} Correct the mistake, "
                "and repeat."
            )

    def _refuse_running(self, session: psycopg.Connection[Any]) -> None:
        asked = _statement("running", schema=sql.Identifier(self.schema))
        for run in _fetched(session, asked, {"stale_after": self.stale_after}):
            raise MigrationError(
                f"Sync {run['id']} ({run['sync_type']} {run['period_start']}) of schema {self.schema} is running since "
                f"{run['started_at']:%Y-%m-%d %H:%M}. {UNCHANGED} Pause the feed's Dags, wait until the run has "
                "finished, and repeat."
            )

    def _roles(self, session: psycopg.Connection[Any]) -> list[dict[str, Any]]:
        return _rows(session, "deletion", "roles", self._names)

    @property
    def _names(self) -> dict[str, Any]:
        return {
            "schema": self.schema,
            "staging": f"{self.schema}{STAGING_SUFFIX}",
            "together": self.feeds.together,
            "relations": [*ADOPTABLE, *own_relations(), "alembic_version"],
            "functions": own_functions(),
            "views": list(VIEWS),
            "roles": [f"{self.schema}_{kind}" for kind in ("owner", "writer", "reader")],
        }

    @contextmanager
    def _session(self, dsn: str) -> Iterator[tuple[Connection, psycopg.Connection[Any]]]:
        with _clear_errors(self.schema), migration_session(dsn, self.feeds.together) as connection:
            driver: Any = connection.connection.driver_connection
            yield connection, driver


def _drop_role(session: psycopg.Connection[Any], role: str) -> str | None:
    """Drop a role, or say why it stays: another database of the server may need it."""
    try:
        with session.transaction():
            session.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))
    except (DependentObjectsStillExist, InsufficientPrivilege) as error:
        detail = f" {error.diag.message_detail}" if error.diag.message_detail else ""
        return f"Role {role} stays: {first_line(error)}{detail}"
    return None


@contextmanager
def _clear_errors(schema: str) -> Iterator[None]:
    """Say what Postgres refused, and what to do.

    :raises MigrationError: in the place of its exception.
    """
    try:
        yield
    except (DBAPIError, psycopg.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        remedy = "Correct the cause and repeat."
        if isinstance(cause, InsufficientPrivilege):
            remedy = f"The role must own schema {schema} and what is in it, or be a member of {schema}_owner."
        if isinstance(cause, (LockNotAvailable, DeadlockDetected)):
            remedy = "Somebody was using it all the time. Repeat it at a quieter time."
        detail = cause.diag.message_detail if isinstance(cause, psycopg.Error) else None
        raise MigrationError(
            f"Deleting schema {schema} failed: {first_line(error)}{f' {detail}' if detail else ''} {UNCHANGED} {remedy}"
        ) from error


def _statement(name: str, **names: sql.Composable) -> sql.Composed:
    return sql.SQL(named_statements("deletion")[name]).format(**names)


def _rows(session: psycopg.Connection[Any], file: str, name: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return _fetched(session, sql.SQL(named_statements(file)[name]), values)


def _fetched(
    session: psycopg.Connection[Any], query: sql.SQL | sql.Composed, values: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    with session.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, values).fetchall()
