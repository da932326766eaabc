"""The other contenders: a first load into their own table, then the same rows again."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from bench.child import LOG, StepFailed, in_child
from bench.memory import Measured
from bench.peers import airflow_operator, on_conflict
from bench.trial import Repeat, Trial
from dev import emulator
from sqp_provider.core.contract import measures_of
from sqp_provider.core.period import SyncType

PYTHON = Path(".bench/venv/bin/python")
DLT_SCHEMA = "bench_dlt"
WEEK_TABLE = sql.Identifier("bench_peer", "week")
DLT_TABLE = sql.Identifier(DLT_SCHEMA, "week")


def peers(trial: Trial, slow_rows: int, file_format: str) -> Iterator[tuple[str, Callable[[Repeat], None]]]:
    """Yield each contender's name and case. Slow contenders get at most ``slow_rows`` rows."""
    slow = min(trial.rows, slow_rows)
    few, all_of_them = (trial.source.columns_for_peers(trial.snapshot["table"], rows) for rows in (slow, trial.rows))
    columns = ["period_start", "period_end", "query", "asin", *measures_of(SyncType.WEEKLY)]
    arrow = trial.folder / "week.arrow"
    yield "BigQueryToPostgresOperator", partial(_into_week, airflow_operator.prepare, (few, columns), slow)
    yield "INSERT ON CONFLICT", partial(_into_week, on_conflict.prepare, (arrow, slow), slow)
    for strategy in ("upsert", "delete-insert"):
        yield f"dlt {strategy}", partial(_dlt, all_of_them, strategy, file_format, trial.rows)


def _into_week(prepare: Callable[..., Callable[[], None]], more: tuple[object, ...], rows: int, repeat: Repeat) -> None:
    repeat.target.row("peers", "create_schema")
    repeat.target.row("peers", "create_table")
    name = {airflow_operator.prepare: "BigQueryToPostgresOperator", on_conflict.prepare: "INSERT ON CONFLICT"}[prepare]
    _twice(repeat, name, rows, lambda: in_child(prepare, repeat.target.dsn, *more), WEEK_TABLE)
    repeat.target.row("peers", "drop_table")


def _dlt(table: str, strategy: str, file_format: str, rows: int, repeat: Repeat) -> None:
    asked: dict[str, object] = {
        "table": f"{emulator.PROJECT}.{table}",
        "storage_endpoint": os.environ["SQP_BIGQUERY_STORAGE_ENDPOINT"],
        "strategy": strategy,
        "file_format": file_format,
        "url": _url(repeat.target.dsn),
        "schema": DLT_SCHEMA,
    }
    _twice(repeat, f"dlt {strategy}", rows, lambda: _in_environment(asked), DLT_TABLE)
    for schema in (DLT_SCHEMA, f"{DLT_SCHEMA}_staging"):
        repeat.target.row("peers", "drop_dlt", schema=sql.Identifier(schema))


def _twice(repeat: Repeat, name: str, rows: int, step: Callable[[], Measured], table: sql.Identifier) -> None:
    for case in ("first load", "unchanged"):
        repeat.measure(name, case, "total", step, rows)
        found = repeat.target.row("peers", "count_rows", table=table)["rows"]
        if found != rows:
            raise StepFailed(f"{name}, {case}: {found:,} rows in {table.as_string()}, expected {rows:,}")


def _in_environment(asked: dict[str, object]) -> Measured:
    command = [str(PYTHON), "-m", "bench.peers.dlt_merge"]
    with LOG.open("a") as log:
        done = subprocess.run(command, input=json.dumps(asked) + "\n", stdout=subprocess.PIPE, stderr=log, text=True)
    if done.returncode:
        raise StepFailed(f"{asked['strategy']} exited with {done.returncode}; see {LOG}")
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def _url(dsn: str) -> str:
    parts = conninfo_to_dict(dsn)
    return f"postgresql://{parts['user']}:{parts['password']}@{parts['host']}:{parts['port']}/{parts['dbname']}"
