"""Airflow's own BigQueryToPostgresOperator, replacing by key."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

from airflow.providers.google.cloud.transfers.bigquery_to_postgres import BigQueryToPostgresOperator
from airflow.sdk import Context
from airflow.sdk.bases.operator import ExecutorSafeguard

from sqp_provider.core.contract import KEYS
from tests.fixtures import connection_to

ExecutorSafeguard.test_mode = True


def prepare(dsn: str, table: str, columns: list[str]) -> Callable[[], None]:
    """Return the step that copies one table of BigQuery into ``bench_peer.week``."""
    os.environ["AIRFLOW_CONN_SQP_POSTGRES"] = connection_to(dsn)
    operator: Any = BigQueryToPostgresOperator(
        task_id="transfer",
        dataset_table=table,
        target_table_name="bench_peer.week",
        selected_fields=columns,
        replace=True,
        replace_index=list(KEYS),
        gcp_conn_id="sqp_bigquery",
        postgres_conn_id="sqp_postgres",
    )
    # a stand-in for the task instance, to which the operator gives a link for the UI
    context = {
        "ti": SimpleNamespace(xcom_push=lambda **_: None),
        "task_instance": SimpleNamespace(xcom_push=lambda **_: None),
    }
    return lambda: operator.execute(cast("Context", context))
