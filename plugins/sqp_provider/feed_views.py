"""The views over all feeds of a database, in the schema ``sqp_all``."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import psycopg
from psycopg import sql
from psycopg.errors import InvalidTableDefinition
from psycopg.rows import dict_row

from sqp_provider.core.feeds import Feeds
from sqp_provider.core.ownership import Owner
from sqp_provider.core.revision import SchemaVersion
from sqp_provider.core.together import VIEWS, Mark, SchemaFound, fixed_by_feed, why_left_out
from sqp_provider.revisions import MigrationError
from sqp_provider.sql_files import files_hash, named_statements, newest_revision

log = logging.getLogger(__name__)

MOMENT_SECONDS = 0.2
"""How long who reads the views, or syncs, may have to wait because we wait for a lock."""

SHARED = ("summary", "query_sums", "asin_sums", "counts", "shipping_counts", "rates")
"""The lists of columns that several views have, those first that others are in."""

_AS = re.compile(r" as (\w+),?$", re.MULTILINE)


@dataclass(frozen=True)
class FeedViews:
    """The views over the feeds of one database, inside one transaction."""

    session: psycopg.Connection[Any]
    feeds: Feeds
    airflow: str

    def renew(
        self, *, elsewhere: Collection[str] = (), without: Collection[str] = (), take_over: bool = False
    ) -> list[str]:
        """Write the views anew if something differs, and return the names of the feeds that they have.

        :param without: feeds that the views must not have any more.
        """
        members = self._members(elsewhere, without)
        statements = self._statements(members)
        self._run("wait_at_most", {"milliseconds": str(int(MOMENT_SECONDS * 1000))}, file="publish")
        found = self._in_force()
        mark = self._own_mark(found, take_over=take_over)
        if not statements and not mark:
            return []
        wanted = hashlib.sha256("".join(statements.values()).encode()).hexdigest()[:12]
        if mark != Mark(self.airflow, wanted, _short(found)):
            self._replace(found, statements)
            in_force = Mark(self.airflow, wanted, _short(self._in_force()))
            comment = sql.SQL("comment on schema {} is {}").format(self._schema, sql.Literal(str(in_force)))
            self.session.execute(comment)
            log.info("Schema %s: views over the feeds %s are in force.", self.schema, ", ".join(members) or "(none)")
        self._let_read(members)
        return list(members)

    def orphans(self) -> list[SchemaFound]:
        """Return the schemas here that belong to this Airflow and to no feed of the configuration."""
        configured = {settings.target.schema_name for settings in self.feeds.settings.values()}
        return [
            found
            for found in self.found.values()
            if found.airflow == self.airflow
            and found.feed
            and found.schema not in configured
            # of a feed with a mistake the configuration does not say which schema it has
            and found.feed not in self.feeds.mistakes
        ]

    def has(self, schema: str) -> bool:
        """Return whether the views that are there show the rows of a schema."""
        asked = {"schema": self.schema, "views": list(VIEWS), "of": schema}
        return bool(self._rows("shown", asked))

    @cached_property
    def found(self) -> dict[str, SchemaFound]:
        """The migrated schemas of this database."""
        schemas = [row["schema"] for row in self._rows("schemas")]
        state = named_statements("together")["state"]
        asked = [sql.SQL(state).format(schema=sql.Identifier(name), schema_name=sql.Literal(name)) for name in schemas]
        if not asked:
            return {}
        with self.session.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(sql.SQL("\nunion all\n").join(asked)).fetchall()
        return {row["schema"]: SchemaFound(**row) for row in rows}

    @property
    def schema(self) -> str:
        """``sqp_all``."""
        return self.feeds.together

    @property
    def _schema(self) -> sql.Identifier:
        return sql.Identifier(self.schema)

    def _members(self, elsewhere: Collection[str], without: Collection[str]) -> dict[str, str]:
        """Return the schema of each feed that the views have, and say which feeds they leave out."""
        known = SchemaVersion(newest_revision(), files_hash())
        members: dict[str, str] = {}
        for name in sorted(set(self.feeds.names) - {*elsewhere, *without}):
            if name in self.feeds.mistakes:
                reason: str | None = f"the configuration has a mistake: {self.feeds.mistakes[name]}"
            else:
                schema = self.feeds.of(name).target.schema_name
                reason = why_left_out(schema, self.found.get(schema), Owner(self.airflow, name), known)
            if reason is None:
                members[name] = schema
            else:
                log.warning("Feed %s is not in the views of schema %s: %s.", name, self.schema, reason)
        return members

    def _statements(self, members: Mapping[str, str]) -> dict[str, str]:
        """Return what creates each view; nothing without feeds."""
        if not members:
            return {}
        queries = _queries()
        taken = {"feed", *(column for view in VIEWS for column in _AS.findall(queries[view]))}
        fixed = fixed_by_feed({name: self.feeds.of(name).source for name in members}, taken)
        create = sql.SQL("create or replace view {} with (security_invoker = true) as\n{}")
        statements = {}
        for view in VIEWS:
            branches = [
                sql.SQL(queries[view]).format(
                    feed=sql.Literal(name), schema=sql.Identifier(schema), fixed=_columns(fixed[name])
                )
                for name, schema in members.items()
            ]
            query = sql.SQL("\nunion all\n").join(branches)
            statements[view] = create.format(sql.Identifier(self.schema, view), query).as_string(self.session)
        return statements

    def _in_force(self) -> dict[str, Any] | None:
        return next(iter(self._rows("in_force", {"schema": self.schema, "views": list(VIEWS)})), None)

    def _own_mark(self, found: dict[str, Any] | None, *, take_over: bool) -> Mark | None:
        """Return the mark of the schema; None if there is none of ours yet.

        :raises MigrationError: the schema is somebody else's.
        """
        mark = Mark.of(found["mark"]) if found else None
        if mark is None and found and not found["is_empty"]:
            raise MigrationError(
                f"Schema {self.schema} was not made by SQP Sync, and the views over all feeds need this name. It is "
                f"unchanged. Rename it (alter schema {self.schema} rename to …), or give the defaults another "
                "target.schema and each feed that keeps its history its own."
            )
        if mark and mark.airflow != self.airflow and not take_over:
            raise MigrationError(
                f"Schema {self.schema} has the views over the feeds of Airflow {mark.airflow}, but this is Airflow "
                f"{self.airflow}. They are unchanged. Give the defaults of one of them another target.schema. If this "
                "one takes the other's place, trigger the Dag sqp_migrate with take_over, or run 'sqp take-over "
                f"--airflow {self.airflow} --schema {self.schema}'."
            )
        return mark

    def _replace(self, found: dict[str, Any] | None, statements: Mapping[str, str]) -> None:
        if found is None:
            self.session.execute(sql.SQL("create schema {}").format(self._schema))
        try:
            with self.session.transaction():
                if not statements:
                    raise InvalidTableDefinition
                self._execute(statements.values())
        except InvalidTableDefinition:  # columns were added in the middle, or are gone
            self._refuse_dependents()
            ours = {"schema": self.schema, "views": list(VIEWS)}
            grants = [row["statement"] for row in self._rows("grants", ours)] if statements else []
            there = [sql.Identifier(self.schema, view) for view in found["views"]] if found else []
            if there:
                self.session.execute(sql.SQL("drop view {}").format(sql.SQL(", ").join(there)))
            self._execute([*statements.values(), *grants])

    def _execute(self, statements: Collection[str]) -> None:
        for statement in statements:
            self.session.execute(statement.encode())

    def _refuse_dependents(self) -> None:
        others = self._rows("dependents", {"schema": self.schema, "views": list(VIEWS)})
        if others:
            names = ", ".join(row["name"] for row in others)
            raise MigrationError(
                f"The views of schema {self.schema} get other columns or go, so they have to be dropped, and others "
                f"depend on them: {names}. Nothing was changed. Drop what is named, migrate again, and create it anew."
            )

    def _let_read(self, members: Mapping[str, str]) -> None:
        statement = sql.SQL(named_statements("together")["let_read"])
        self.session.execute(
            statement.format(
                role=sql.Literal(f"{self.schema}_reader"),
                readers=_array(f"{schema}_reader" for schema in members.values()),
                views=_array(VIEWS),
            )
        )

    def _rows(self, name: str, values: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        with self.session.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(named_statements("together")[name], values).fetchall()

    def _run(self, name: str, values: Mapping[str, Any], *, file: str) -> None:
        self.session.execute(named_statements(file)[name], values)


def _queries() -> dict[str, str]:
    """Return what each view reads of one feed, by the view's name, with the lists of columns that several share."""
    named = named_statements("together")
    queries: dict[str, str] = {view: named[view] for view in VIEWS}
    for shared in SHARED:
        queries = {view: text.replace(f"{{{shared}}}", named[shared].strip()) for view, text in queries.items()}
    return queries


def _columns(fixed: Mapping[str, str | None]) -> sql.Composed:
    """Return what a feed fixes, as columns: ``'Acme'::text as "client_name",``."""
    column = sql.SQL("{}::text as {},\n    ")
    return sql.Composed([column.format(sql.Literal(text), sql.Identifier(name)) for name, text in fixed.items()])


def _array(names: Collection[str] | Iterator[str]) -> sql.Composed:
    return sql.SQL("array[{}]::text[]").format(sql.SQL(", ").join(map(sql.Literal, names)))


def _short(found: dict[str, Any] | None) -> str:
    return str(found["definitions"] or "")[:12] if found else ""
