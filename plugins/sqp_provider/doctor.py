"""The doctor: whether a sync will work here, what it will read, and who else is there. It changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial, wraps

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from sqp_provider.core.doctor import Answer, Check, Finding, examine, failed, good, warning
from sqp_provider.core.errors import TargetUnusable
from sqp_provider.core.feed_share import beside
from sqp_provider.core.feeds import Feeds
from sqp_provider.core.ownership import Owner
from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.settings import Settings
from sqp_provider.hooks.alert_channel import AlertChannel
from sqp_provider.hooks.bigquery import SqpBigQueryHook
from sqp_provider.hooks.postgres import SqpPostgresHook
from sqp_provider.migration_session import is_pooled
from sqp_provider.obstacles import find_obstacles
from sqp_provider.revisions import MigrationError
from sqp_provider.source.doctor import SourceDoctor
from sqp_provider.target.doctor import TargetDoctor, reading

PATIENCE_SECONDS = 10.0
"""How long what does not answer is asked again; who waits for the table sees which check it is."""

_GOOGLE_TYPES = ("google_cloud_platform", "gcpbigquery")


@dataclass
class Doctor:
    """All questions about one configuration.

    :param asking: this Airflow and feed, which a schema may belong to.
    :param now: decides which periods are due.
    :param price_per_tib: what BigQuery asks for a TiB, if money is wanted.
    :param feeds: the whole configuration, if it has several feeds.
    """

    settings: Settings
    asking: Owner
    now: datetime
    price_per_tib: float | None = None
    feeds: Feeds | None = None

    def findings(self) -> list[Finding]:
        """Ask everything, and return a finding for each check."""
        checks = [*self._connections(), *self._of_source(), *self._of_target(), *self._of_alerts()]
        return list(examine(checks, self.settings.feed))

    @cached_property
    def source(self) -> SourceDoctor:
        """The questions to BigQuery; made late, because the hook reads its connection at once."""
        hook = SqpBigQueryHook.of(self.settings.source, PATIENCE_SECONDS)
        others = beside(self.settings, self.feeds.settings.values()) if self.feeds else ()
        return SourceDoctor(hook, self.settings, self.now, self.price_per_tib, others)

    @cached_property
    def target(self) -> TargetDoctor:
        """The questions to Postgres."""
        target = self.settings.target
        week = Period.latest_due(SyncType.WEEKLY, self.now, self.settings.schedule.delay(SyncType.WEEKLY))
        migrating = SqpPostgresHook(target, target.migrating_conn_id)
        return TargetDoctor(SqpPostgresHook(target), migrating, self.settings, self.asking, week)

    def _connections(self) -> Sequence[Check]:
        source, target = self.settings.source, self.settings.target
        of_postgres = [conn_id for conn_id in (target.conn_id, target.migrate_conn_id) if conn_id]
        return [
            Check("Airflow", _name(source.conn_id), partial(_connection, source.conn_id, _GOOGLE_TYPES)),
            *(
                Check("Airflow", _name(conn_id), partial(_connection, conn_id, ("postgres",)))
                for conn_id in of_postgres
            ),
        ]

    def _of_source(self) -> Sequence[Check]:
        def asks(name: str, ask: str, *needs: str) -> Check:
            return Check("BigQuery", name, lambda: getattr(self.source, ask)(), needs)

        dry = ("write right",)
        of_a_part = [asks("rows of this feed", "share", *dry)] if self.settings.source.conditions() else []
        return [
            asks("BigQuery reached", "reached", _name(self.settings.source.conn_id)),
            asks("job right", "job_right", "BigQuery reached"),
            asks("source table", "table", "BigQuery reached"),
            asks("columns", "columns", "source table"),
            asks("partitioning", "partitioning", "source table"),
            asks("clustering", "clustering", "source table"),
            asks("location", "location", "source table"),
            asks("write right", "write_right", "job right", "columns", "location"),
            asks("Storage read", "storage", "source table"),
            Check("BigQuery", "bytes of a week", lambda: self.source.dry_runs.week(), dry),
            Check("BigQuery", "bytes of a year", lambda: self.source.dry_runs.year(), dry),
            Check("BigQuery", "bytes of a daily check", lambda: self.source.dry_runs.daily(), dry),
            *of_a_part,
        ]

    def _of_target(self) -> Sequence[Check]:
        def asks(name: str, ask: str, *needs: str) -> Check:
            return Check("Postgres", name, lambda: getattr(self.target, ask)(), needs)

        target = self.settings.target
        version, revision = "Postgres version", "schema revision"
        connections = [_name(conn_id) for conn_id in (target.conn_id, target.migrate_conn_id) if conn_id]
        return [
            asks("Postgres reached", "reached", *connections),
            asks(version, "version", "Postgres reached"),
            asks("right to migrate", "may_migrate", version),
            Check("Postgres", "pooler", self._pooler, (version,)),
            asks(revision, "revision", version),
            asks("owner of the schema", "owner", revision),
            asks("rights of a sync", "rights", revision),
            asks("summary tables", "tables", version),
            asks("other writers", "writers", "summary tables"),
            asks("triggers", "triggers", "summary tables"),
            asks("replication", "replication", "summary tables"),
            asks("row security", "row_security", "summary tables"),
            Check("Postgres", "adoption", self._adoption, (version,)),
            asks("dependent objects", "dependents", "summary tables"),
            asks("way of a publish", "way", revision, "rights of a sync"),
            *(self._of_removed_feeds(self.feeds, version) if self.feeds else []),
        ]

    def _pooler(self) -> Answer:
        """Whether a pooler is in between. Syncs work through one, migrations do not."""
        target = self.settings.target
        syncing = _migration_errors(is_pooled)(self.target.hook.dsn())
        migrates_pooled = syncing
        if target.migrate_conn_id:
            migrates_pooled = _migration_errors(is_pooled)(self.target.migrating.dsn())
        if migrates_pooled:
            return warning(
                f"connection {target.migrating_conn_id} gives each transaction another session: syncs "
                "work through it, a migration does not",
                "Name the direct connection in target.migrate_conn_id (on Supabase port 5432, not 6543).",
            )
        if syncing:
            return good(f"syncs go through a transaction pooler, and sqp_migrate past it by {target.migrate_conn_id}")
        return good("none that gives each transaction another session")

    def _of_removed_feeds(self, feeds: Feeds, *needs: str) -> Sequence[Check]:
        """Whether schemas of this Airflow belong to a feed that was renamed or removed."""
        from sqp_provider.feed_views import FeedViews  # which loads what migrates

        def ask() -> Answer:
            with reading(self.target.migrating) as database:
                found = FeedViews(database.connection, feeds, self.asking.airflow).orphans()
            if found:
                return warning(" ".join(each.no_feed_has for each in found), " ".join(each.ways_out for each in found))
            return good("each schema of this Airflow in this database is that of a feed")

        return [Check("Postgres", "schemas without a feed", ask, needs)]

    def _adoption(self) -> Answer:
        """Whether something in the schema would keep a migration, and so the sync, from working."""
        schema = self.settings.target.schema_name
        with reading(self.target.migrating) as database:

            def ask(statement: str, values: dict[str, object]) -> Sequence[dict[str, object]]:
                return database.connection.execute(statement, values).fetchall()

            obstacles = find_obstacles(ask, schema)
        if obstacles:
            found = "; ".join(f"{schema}.{obstacle.name} {obstacle.found}" for obstacle in obstacles)
            remedy = " ".join(dict.fromkeys(obstacle.remedy for obstacle in obstacles))
            if self.target.is_migrated():  # syncs work, until the next version of the schema
                return warning(f"the next migration would be refused: {found}", remedy)
            return failed(found, remedy)
        return good(f"nothing in schema {schema} is in the way of a migration")

    def _of_alerts(self) -> Sequence[Check]:
        return [Check("Alerts", "alert channel", self._alerts)]

    def _alerts(self) -> Answer:
        conn_id = self.settings.alerts.conn_id
        if conn_id is None:
            return warning(
                "alerts.conn_id is null: nobody is notified of anything",
                "Create a connection of type Apprise, and name it in alerts.conn_id.",
            )
        found = _connection(conn_id, ("apprise",))
        if found.stops:
            return found
        services = AlertChannel(conn_id).service_names()
        unknown = [name for name, is_known in services if not is_known]
        if unknown or not services:
            return failed(
                f"connection {conn_id}: {', '.join(unknown) or 'names no service'}",
                "Correct its extra: config needs a path with an address of Apprise, such as json://hooks.example.com.",
            )
        return good(f"{conn_id}: {', '.join(name for name, _ in services)}; no message was sent")


def _name(conn_id: str) -> str:
    return f"connection {conn_id}"


def _connection(conn_id: str, types: tuple[str, ...]) -> Answer:
    """Whether Airflow has the connection. Its password and its extra are never shown."""
    try:
        connection: Connection = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        return failed(
            f"Airflow has no connection {conn_id}",
            f"Create it in Airflow, or as AIRFLOW_CONN_{conn_id.upper()} in the environment of every worker, or "
            "correct conn_id in sqp_config.yaml.",
        )
    where = f" of {connection.host}:{connection.port or 5432}/{connection.schema}" if types == ("postgres",) else ""
    if connection.conn_type not in types:
        return warning(
            f"found, of type {connection.conn_type or 'none'}{where}",
            f"Give it the type {types[0]}, which the hook of it expects.",
        )
    return good(f"found, of type {connection.conn_type}{where}")


def _migration_errors(ask: Callable[[str], bool]) -> Callable[[str], bool]:
    @wraps(ask)
    def explained(dsn: str) -> bool:
        try:
            return ask(dsn)
        except MigrationError as error:
            raise TargetUnusable(str(error)) from error

    return explained
