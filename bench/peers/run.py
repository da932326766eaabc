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

from bench.cases import Case
from bench.child import LOG, StepFailed, in_child
from bench.kept import Kept
from bench.memory import Measured
from bench.peers import airflow_operator, alike, on_conflict
from bench.rows import LANDED
from bench.trial import Repeat, Trial
from dev import emulator
from sqp_provider.core.contract import measures_of
from sqp_provider.core.period import SyncType

PYTHON = Path(".bench/venv/bin/python")
OPERATOR, BY_HAND = "BigQueryToPostgresOperator", "INSERT ON CONFLICT"
ALIKE = "ours without checks, keys of dlt"
DLT_SCHEMA = "bench_dlt"
WEEK_TABLE = sql.Identifier("bench_peer", "week")
ALIKE_TABLE = sql.Identifier("sqp_staging", alike.TABLE)
DLT_TABLE = sql.Identifier(DLT_SCHEMA, "week")


def peers(trial: Trial, slow_rows: int, file_format: str) -> Iterator[tuple[str, Case]]:
    """Yield each contender's name and case. Slow contenders get at most ``slow_rows`` rows."""
    slow = min(trial.rows, slow_rows)
    few, all_of_them = (trial.source.columns_for_peers(trial.snapshot["table"], rows) for rows in (slow, trial.rows))
    columns = ["period_start", "period_end", "query", "asin", *measures_of(SyncType.WEEKLY)]
    arrow = trial.folder / "week.arrow"
    yield OPERATOR, Case(partial(_into_week, OPERATOR, slow, airflow_operator.prepare, (few, columns)))
    yield BY_HAND, Case(partial(_into_week, BY_HAND, slow, on_conflict.prepare, (arrow, slow)))
    yield ALIKE, Case(_alike)
    for strategy in ("upsert", "delete-insert"):
        yield f"dlt {strategy}", Case(partial(_dlt, all_of_them, strategy, file_format, trial.rows))


def _into_week(
    name: str, rows: int, prepare: Callable[..., Callable[[], None]], more: tuple[object, ...], repeat: Repeat
) -> None:
    repeat.target.row("peers", "create_schema")
    repeat.target.row("peers", "create_table")
    _measure(repeat, name, rows, lambda: in_child(prepare, repeat.target.dsn, *more), WEEK_TABLE)
    repeat.target.row("peers", "drop_table")


def _alike(repeat: Repeat) -> None:
    """Measure what a load costs that keeps and checks no more than dlt does: no peer, but ours cut down to one."""
    trial = repeat.trial
    settings = trial.source.settings(LANDED)
    sync_log_id = repeat.target.row("database", "last_sync")["sync_log_id"]
    arguments = (repeat.target.dsn, settings, trial.snapshot, sync_log_id)
    repeat.measure(ALIKE, "first load", "total", lambda: in_child(alike.prepare, *arguments))
    _verify(repeat, ALIKE, "first load", trial.rows, ALIKE_TABLE)


def _dlt(table: str, strategy: str, file_format: str, rows: int, repeat: Repeat) -> None:
    asked: dict[str, object] = {
        "table": f"{emulator.PROJECT}.{table}",
        "storage_endpoint": os.environ["SQP_BIGQUERY_STORAGE_ENDPOINT"],
        "strategy": strategy,
        "file_format": file_format,
        "url": _url(repeat.target.dsn),
        "schema": DLT_SCHEMA,
    }
    _measure(repeat, f"dlt {strategy}", rows, lambda: _in_environment(asked), DLT_TABLE)


def _measure(repeat: Repeat, name: str, rows: int, step: Callable[[], Measured], table: sql.Identifier) -> None:
    """Measure a first load in each repeat; the same rows again are measured once, because they take as long."""
    for case in ("first load", "unchanged") if repeat.number == 1 else ("first load",):
        repeat.measure(name, case, "total", step, rows)
        _verify(repeat, name, case, rows, table)


def _verify(repeat: Repeat, name: str, case: str, rows: int, table: sql.Identifier) -> None:
    found = repeat.target.row("peers", "count_rows", table=table)["rows"]
    if found != rows:
        raise StepFailed(f"{name}, {case}: {found:,} rows in {table.as_string()}, expected {rows:,}")
    repeat.trial.kept[name] = Kept.by(repeat.target, table)


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
