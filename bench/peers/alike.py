"""Ours, cut down to what dlt's upsert keeps: the same reader, encoder and COPY, without checks, keys and indexes."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from psycopg import sql

from bench.ours import TakenSnapshot
from bench.rows import WEEK
from bench.statements import statement
from sqp_provider.core.settings import Settings
from sqp_provider.core.snapshot import Snapshot
from sqp_provider.hooks.bigquery import SqpBigQueryHook
from sqp_provider.hooks.postgres import SqpPostgresHook
from sqp_provider.source.memory import return_large_buffers
from sqp_provider.source.snapshot_reader import SnapshotReader
from sqp_provider.target.encoding import encoded
from sqp_provider.target.staging import Staging
from sqp_provider.target.sync_log import SyncLog
from tests.fixtures import connection_to

TABLE = "bench_alike"


def prepare(dsn: str, settings: Settings, snapshot: TakenSnapshot, sync_log_id: int) -> Callable[[], None]:
    """Return the step that copies a snapshot's rows into a new table.

    :param sync_log_id: any run of the measured type: from it the columns are known.
    """
    os.environ["AIRFLOW_CONN_SQP_POSTGRES"] = connection_to(dsn)
    taken = Snapshot.model_validate(snapshot)

    def step() -> None:
        return_large_buffers()
        reader = SnapshotReader(SqpBigQueryHook(settings.source.conn_id), taken.table, settings.source.read_streams)
        with SqpPostgresHook(settings.target).transaction() as database:
            staging = Staging(database, SyncLog(database).read(sync_log_id))
            columns = staging.copied(taken.extras)
            types = staging.columns.types(columns)
            period = {"first_day": sql.Literal(WEEK), "last_day": sql.Literal(WEEK + timedelta(days=6))}
            staging.name = database.staged(TABLE)
            for block in ("create_table", "set_constants"):
                database.connection.execute(statement("alike", block, table=staging.name, **period))
            staging.copy(reader.accepted(columns, partial(encoded, types=types)), columns)

    return step
