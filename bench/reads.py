"""How often a sync and the daily check read the source table and the snapshot in BigQuery: counted, not timed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryReadClient

from bench.rows import LANDED, SNAPSHOTS, WEEK
from sqp_provider.core.settings import Settings
from tests.fixtures import connection_to
from tests.restatements import check
from tests.stages import Stages

ROWS = 2_000
"""How many rows the counted syncs have: the counts do not depend on it."""

READ_SESSION = "read session"

_READ = re.compile(r"\b(?:from|join)\s+`([^`]+)`", re.IGNORECASE)


@dataclass(frozen=True)
class Read:
    """A job or read session.

    :param purpose: the job's label, ``extract`` or ``totals``; a read session has none.
    :param source: how often it reads the source table.
    :param snapshot: how often it reads the snapshot.
    :param processed_bytes: what BigQuery says; the emulator says 0.
    :param slot_millis: what BigQuery says; the emulator says nothing.
    """

    step: str
    purpose: str
    source: int
    snapshot: int
    processed_bytes: int | None = None
    slot_millis: int | None = None


@contextmanager
def watched(step: str, source: str) -> Iterator[list[Read]]:
    """Collect what this process asks BigQuery for; the list is complete when the block has ended.

    :param source: the source table, ``sqp_bench_1f0c.landed``.
    """
    found: list[Read] = []
    asked: list[tuple[bigquery.QueryJobConfig, str, Any]] = []
    query, query_and_wait = bigquery.Client.query, bigquery.Client.query_and_wait
    create_read_session = BigQueryReadClient.create_read_session

    def noted(ask: Callable[..., Any]) -> Callable[..., Any]:
        def noting(client: bigquery.Client, statement: str, **options: Any) -> Any:
            answer = ask(client, statement, **options)
            asked.append((options["job_config"], statement, answer))
            return answer

        return noting

    def noting_session(client: BigQueryReadClient, **request: Any) -> Any:
        names = [request["read_session"].table.replace("/tables/", ".").replace("/datasets/", ".")]
        found.append(Read(step, READ_SESSION, *_counted(names, source)))
        return create_read_session(client, **request)

    with (
        mock.patch.object(bigquery.Client, "query", noted(query)),
        mock.patch.object(bigquery.Client, "query_and_wait", noted(query_and_wait)),
        mock.patch.object(BigQueryReadClient, "create_read_session", noting_session),
    ):
        yield found
    jobs = [_job(step, source, *each) for each in asked]
    found[:] = [*jobs, *found]


def prepare(dsn: str, settings: Mapping[str, Settings]) -> Callable[[], list[Read]]:
    """Return the step that syncs a week three times, checks it once, and returns what was read.

    :param settings: by state of the source: landed, and 1 % restated.
    """
    os.environ["AIRFLOW_CONN_SQP_POSTGRES"] = connection_to(dsn)
    due = datetime.combine(WEEK + timedelta(days=12), datetime.min.time(), UTC)

    def sync(state: str) -> None:
        run = Stages(settings[state], dsn).new_run(WEEK)
        run.run_id = f"reads {state} {datetime.now(UTC)}"
        Stages(settings[state], dsn).clear(run, "log_start")
        if run.colour != "success":
            raise RuntimeError(f"the sync of {state} failed: {run.errors}")

    def step() -> list[Read]:
        found: list[Read] = []
        for name, state in (("first load", LANDED), ("unchanged", LANDED), ("1 % restated", "one_percent")):
            with watched(name, settings[state].source.label) as reads:
                sync(state)
            found += reads
        with watched("daily check of all weeks", settings[LANDED].source.label) as reads:
            check(Stages(settings[LANDED], dsn), due=due, periods=None)
        return found + reads

    return step


def lines(found: Iterable[Read]) -> Iterator[str]:
    """Return a line for each job and read session."""
    form = "{:<26}{:<14}{:>12}{:>15}{:>14}{:>10}"
    yield form.format("BigQuery", "", "source read", "snapshot read", "bytes", "slot ms")
    before = None
    for read in found:
        amounts = ("-" if amount is None else f"{amount:,}" for amount in (read.processed_bytes, read.slot_millis))
        yield form.format(read.step if read.step != before else "", read.purpose, read.source, read.snapshot, *amounts)
        before = read.step


def _job(step: str, source: str, config: bigquery.QueryJobConfig, statement: str, answer: Any) -> Read:
    """Return what a job has read: which tables its statistics name, else its statement."""
    named = [str(table) for table in getattr(answer, "referenced_tables", None) or []]
    return Read(
        step,
        config.labels.get("purpose", ""),
        *_counted(named or _READ.findall(statement), source),
        processed_bytes=getattr(answer, "total_bytes_processed", None),
        slot_millis=getattr(answer, "slot_millis", None),
    )


def _counted(names: Iterable[str], source: str) -> tuple[int, int]:
    tables = [name.split(".")[-2:] for name in names]
    is_source = sum(table == source.split(".")[-2:] for table in tables)
    return is_source, sum(table[-1].startswith(SNAPSHOTS) for table in tables)
