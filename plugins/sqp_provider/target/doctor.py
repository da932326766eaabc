"""What the doctor asks Postgres, in read-only transactions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, cast

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from sqp_provider.core.doctor import Answer, Verdict, failed, good, warning
from sqp_provider.core.ownership import Owner, refuse_other_owner
from sqp_provider.core.period import Period
from sqp_provider.core.revision import SchemaVersion, refuse_other_version, refuse_renamed
from sqp_provider.core.settings import Settings
from sqp_provider.hooks.postgres import Database, SqpPostgresHook
from sqp_provider.hooks.postgres_errors import explained
from sqp_provider.sql_files import files_hash, newest_revision

OLDEST_POSTGRES = 15

_LOCK_TIMEOUT = "5s"
"""The catalogue is locked for a moment only; whoever holds a table for longer is named by the error."""

_MIGRATE = "Trigger the Dag sqp_migrate, or run 'sqp migrate'."

Rows = Sequence[dict[str, Any]]


@contextmanager
def reading(hook: SqpPostgresHook) -> Iterator[Database]:
    """Open a read-only transaction on a schema that may not be there, or may be of another version.

    Unlike a transaction of the hook, it compares nothing.
    """
    with explained(f"a statement over Postgres connection {hook.get_conn_id()}"):
        opened = cast("psycopg.Connection[dict[str, Any]]", hook.get_conn())
        with closing(opened) as connection:
            connection.row_factory = cast("Any", dict_row)
            connection.prepare_threshold = None
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            with connection.transaction():
                database = Database(connection, hook.target)
                values = {"schema": hook.target.schema_name, "lock_timeout": _LOCK_TIMEOUT, "row_security": "on"}
                database.run("session", "enter", values)
                yield database


class TargetDoctor:
    """The questions about one configured schema.

    :param hook: the connection that syncs.
    :param migrating: the connection that migrates.
    :param asking: this Airflow and feed.
    :param week: the newest week that is due.
    """

    def __init__(
        self, hook: SqpPostgresHook, migrating: SqpPostgresHook, settings: Settings, asking: Owner, week: Period
    ) -> None:
        self.hook = hook
        self.migrating = migrating
        self.schema = settings.target.schema_name
        self.asking = asking
        self.week = week

    def _all(self, name: str, **values: Any) -> Rows:
        with reading(self.hook) as database:
            statement = database.statement("doctor", name)
            return database.connection.execute(statement, {"schema": self.schema} | values).fetchall()

    def _one(self, name: str) -> dict[str, Any]:
        (row,) = self._all(name)
        return row

    def reached(self) -> Answer:
        """Whether Postgres answers, and who we are there."""
        server = self._one("server")
        if server["is_replica"]:
            return failed(
                f"database {server['database']} as {server['login']}, but the server is a replica: nobody can write",
                "Name the primary server in the connection that target.conn_id names.",
            )
        return good(f"database {server['database']} as {server['login']}")

    def version(self) -> Answer:
        """Whether the server is new enough."""
        server = self._one("server")
        if server["major"] < OLDEST_POSTGRES:
            return failed(
                f"PostgreSQL {server['version']}; {OLDEST_POSTGRES} or newer is needed (MERGE)", "Use a newer server."
            )
        return good(f"PostgreSQL {server['version']}")

    def may_migrate(self) -> Answer:
        """Whether the login that migrates may do so."""
        with reading(self.migrating) as database:
            may = database.one("doctor", "may_migrate", {"schema": self.schema})
        missing = []
        if not may["makes_schemas"]:
            missing.append("create schemas (grant create on database)")
        if not may["makes_temporary"]:
            missing.append("make temporary functions (grant temporary on database)")
        if may["of_others"]:
            missing.append(f"alter {', '.join(may['of_others'])} (become a member of the owner)")
        if missing:
            return warning(
                f"{may['login']} may sync, but a migration could not {'; '.join(missing)}",
                "Grant that, or name a connection that may in target.migrate_conn_id.",
            )
        return good(f"{may['login']} may migrate schema {self.schema}")

    def is_migrated(self) -> bool:
        """Whether a migration has been here."""
        return bool(self._one("schema")["is_migrated"])

    def revision(self) -> Answer:
        """Whether the schema has the version of this code."""
        if not self.is_migrated():
            found = self._one("schema")
            what = "was never migrated" if found["is_there"] else "is not there yet"
            return warning(f"schema {self.schema} {what}", f"{_MIGRATE} Then run the doctor again.", stops=True)
        with reading(self.hook) as database:
            version = database.one("session", "version", schema=sql.Identifier(self.schema))
        refuse_renamed(self.schema, version.pop("schema_name"))
        refuse_other_version(self.schema, SchemaVersion(**version), SchemaVersion(newest_revision(), files_hash()))
        return good(f"schema {self.schema} is at version {SchemaVersion(**version)}, that of this code")

    def owner(self) -> Answer:
        """Whether the schema belongs to this Airflow."""
        with reading(self.hook) as database:
            owner = database.one("schema_state", "owner")
        if owner["airflow"] is None:
            return good(f"schema {self.schema} has no owner yet; the first sync makes it {self.asking}")
        if owner["feed"] is None and owner["airflow"] == self.asking.airflow and self.asking.feed:
            return good(f"schema {self.schema} was the only feed's; the first sync makes it {self.asking}")
        known = Owner(owner["airflow"], owner["feed"])
        refuse_other_owner(self.schema, self.asking, known, owner["airflow_since"])
        return good(f"schema {self.schema} belongs to this {'feed' if self.asking.feed else 'Airflow'}, {self.asking}")

    def rights(self) -> Answer:
        """Whether the login may do all that a sync does."""
        with reading(self.hook) as database:
            login = database.one("doctor", "server")["login"]
            database.run("session", "act_as_writer", {"schema": self.schema})
            statement = database.statement("doctor", "missing_rights")
            missing = database.connection.execute(statement, {"schema": self.schema}).fetchall()
        if missing:
            return failed(
                f"{login} lacks {'; '.join(row['missing'] for row in missing)}",
                f"Grant {self.schema}_writer to {login}, or let it own what is named.",
            )
        return good(f"{login} may do all that a sync does")

    def row_security(self) -> Answer:
        """Whether a policy hides rows from the sync."""
        with reading(self.hook) as database:
            database.run("session", "act_as_writer", {"schema": self.schema})
            hidden = database.row("session", "hidden_rows", {"schema": self.schema})
        if hidden:
            table = f"{self.schema}.{hidden['name']}"
            return failed(
                f"row security applies to role {hidden['role']} on {table}: a sync would see a part of its rows",
                f"Use the table's owner or a role with bypassrls, and alter table {table} no force row level security.",
            )
        policies = self._all("policies")
        return good(f"hides no row from the sync; policies: {_listed(policies, 'name')}")

    def writers(self) -> Answer:
        """Who else may write to the summary tables."""
        with reading(self.migrating) as database:
            migrates = database.one("doctor", "server")["login"]
        writers = self._all("writers", ours=[self._one("server")["login"], migrates])
        if writers:
            return warning(
                f"{_listed(writers, 'login')} may write to the summary tables too",
                "What they write to a published period is shown as overwritten, and the next daily check syncs it "
                "again. Revoke it if nobody needs it.",
            )
        return good("no other login may write to the summary tables, superusers aside")

    def triggers(self) -> Answer:
        """Whether triggers or rules of others follow the rows."""
        followers = self._all("followers")
        if followers:
            return warning(
                f"{_listed(followers, 'name')}",
                "It sees every row, because its periods are written row by row, which is slower. Nothing to do if it "
                "must stay.",
            )
        return good("no trigger or rule of others is on the summary tables")

    def replication(self) -> Answer:
        """Whether publications send the rows elsewhere."""
        publications = self._all("publications")
        apart = [row for row in publications if row["by_partition"]]
        if apart:
            name = apart[0]["publication"]
            return warning(
                f"publication {_listed(apart, 'publication')} sends partitions under their own names, so new periods "
                "stay in the default partition",
                f"alter publication {name} set (publish_via_partition_root = true), then refresh its subscriptions.",
            )
        if publications:
            return good(f"publication {_listed(publications, 'publication')}: periods are written row by row for it")
        return good("no publication sends the summary tables")

    def tables(self) -> Answer:
        """Whether there is a summary table that others could already write to or depend on."""
        found = self._all("summary_tables")
        if not found:
            return Answer(Verdict.GOOD, f"schema {self.schema} has none yet; a migration makes them", stops=True)
        plain = [row for row in found if row["is_plain"]]
        if plain:
            return good(f"{_listed(plain, 'name')}: adopted as plain tables, so they are written row by row")
        return good(f"{_listed(found, 'name')}")

    def dependents(self) -> Answer:
        """What others have made over the summary tables, which a migration leaves as it is."""
        others = self._all("dependents")
        if others:
            return good(f"{_listed(others, 'name')}: a migration and a sync leave them as they are")
        return good("nothing of others depends on the summary tables")

    def way(self) -> Answer:
        """How the newest week would be published."""
        literals: dict[str, sql.Composable] = {
            "target_name": sql.Literal("weekly_summary"),
            "first_day": sql.Literal(self.week.first_day),
            "last_day": sql.Literal(self.week.last_day),
        }
        with reading(self.hook) as database:
            database.run("session", "act_as_writer", {"schema": self.schema})
            way = database.one("publish", "way_as_a_whole", None, **literals)["way"]
        as_a_whole = {"attach": "attached as a new partition", "swap": "replaced as a whole if much of it changes"}
        return good(f"week {self.week.dates} would be {as_a_whole.get(way, 'written row by row')}")


def _listed(rows: Rows, column: str, most: int = 5) -> str:
    """Name the first few rows: ``audit, report and 3 more``."""
    names = [str(row[column]) for row in rows]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(names[:most]) or "none") + more
