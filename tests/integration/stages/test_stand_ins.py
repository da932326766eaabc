"""What the emulator cannot do: long jobs, taken job ids, a forbidden Storage API. Each stand-in is named."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from airflow.sdk.exceptions import TaskDeferred
from google.api_core import exceptions as google_errors
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryReadClient

from sqp_provider.core.errors import SourceUnreachable
from sqp_provider.core.settings import Settings
from sqp_provider.hooks.bigquery import SqpBigQueryHook
from sqp_provider.source.threads import BATCHES_WAITING, interleaved
from sqp_provider.triggers.bigquery_job import BigQueryJobTrigger
from tests.fixtures import settings_for
from tests.landing import WEEK, Landing, report_row
from tests.stages import Run, Stages


def forbid_storage(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:  # stand-in: the emulator knows no rights
        raise google_errors.PermissionDenied("bigquery.readsessions.create denied")

    monkeypatch.setattr(BigQueryReadClient, "create_read_session", refuse)


def test_without_the_storage_api_the_same_rows_come_over_rest_with_one_warning(
    landing: Landing, stages: Stages, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    landing.land(*(report_row(f"q {n} 🎧") for n in range(300)), report_row("bad", asin="?"))
    stages.sync(WEEK)
    over_grpc = stages.target()
    forbid_storage(monkeypatch)
    with caplog.at_level(logging.WARNING, "sqp_provider.source.snapshot_reader"):
        run = stages.sync(WEEK, force=True)
    assert run["publish"] == {"how": "difference", "inserted": 0, "updated": 0, "deleted": 0, "unchanged": 300}
    assert stages.target() == over_grpc
    assert len(stages.query("select * from sync_rejects where sync_log_id = %s", run["log_start"])) == 1
    (warning,) = (record.getMessage() for record in caplog.records)
    assert "The Storage Read API is not permitted" in warning
    assert "Read Session User" in warning


def test_a_job_id_that_exists_is_waited_for_instead_of_started_twice(
    landing: Landing, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing.land(report_row("q"))
    real = bigquery.Client.query
    started: list[str] = []

    def query(self: bigquery.Client, statement: str, *, job_id: str, **options: Any) -> Any:
        started.append(job_id)
        real(self, statement, job_id=job_id, **options).result()
        raise google_errors.Conflict("Already Exists")  # stand-in: the emulator accepts an id twice

    monkeypatch.setattr(bigquery.Client, "query", query)
    run = stages.sync(WEEK)
    assert run.colour == "success"
    assert run["extract"]["job_id"] == started[0]
    assert len(started) == 1


def test_the_job_has_an_id_of_its_attempt_labels_and_a_price_limit(
    landing: Landing, stages: Stages, bigquery_client: bigquery.Client
) -> None:
    landing.land(report_row("q"))
    run = stages.sync(WEEK)
    job_id = run["extract"]["job_id"]
    assert re.fullmatch(r"sqp_weekly_20261108_1_1_1_[0-9a-f]{8}", job_id)
    assert run["extract"]["table"].endswith(job_id)
    operator = stages.operator(run, "extract")
    run.states["extract"] = "running"  # cleared
    sync = operator.read_sync(run.context("extract"))
    job = operator.source.start_extract(sync, "sqp", try_number=2)
    assert job.labels == {"product": "sqp-sync", "sync_type": "weekly", "period": "20261108"}
    assert job.maximum_bytes_billed == 100 * 2**30
    assert job.job_id != job_id


@pytest.fixture
def impatient(landing: Landing, dataset: str, stages: Stages) -> Stages:
    settings: Settings = settings_for(landing.table, dataset, schedule={"defer_after_seconds": 0})
    return Stages(settings, stages.dsn)


def test_a_long_job_is_deferred_and_resumed(
    landing: Landing, impatient: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing.land(report_row("q"))
    with monkeypatch.context() as patch:  # stand-in: the emulator's jobs are done when they start
        patch.setattr("sqp_provider.triggers.bigquery_job.wait_until_done", lambda job, seconds: False)
        run = Run("r", {"period_start": "2026-11-08"})
        impatient.run_task(run, "log_start")
        operator = impatient.operator(run, "extract")
        with pytest.raises(TaskDeferred) as deferred:
            operator.execute(run.context("extract"))

    trigger = deferred.value.trigger
    assert isinstance(trigger, BigQueryJobTrigger)
    path, arguments = trigger.serialize()
    assert path == "sqp_provider.triggers.bigquery_job.BigQueryJobTrigger"
    again = BigQueryJobTrigger(**arguments)

    async def first_event() -> Any:
        return await anext(again.run())

    event = asyncio.run(first_event()).payload
    assert event == {"job_id": trigger.job_id, "location": "US"}
    result = operator.resume(run.context("extract"), event)
    assert result["totals"]["row_count"] == 1
    assert result["job_id"] == trigger.job_id


def test_the_trigger_checks_again_until_the_job_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    states = iter(["PENDING", "RUNNING", "DONE"])  # stand-in: the emulator's jobs are done when they start
    monkeypatch.setattr(
        SqpBigQueryHook, "get_started", lambda self, job_id, location: SimpleNamespace(state=next(states))
    )
    trigger = BigQueryJobTrigger("sqp_bigquery", "job", "europe-west3", poll_seconds=0)

    async def events() -> list[Any]:
        return [event.payload async for event in trigger.run()]

    assert asyncio.run(events()) == [{"job_id": "job", "location": "europe-west3"}]
    assert next(states, "none left") == "none left"


def test_killing_the_task_cancels_its_job_in_the_worker_and_in_the_triggerer(
    landing: Landing, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancelled: list[str] = []  # stand-in: the emulator's jobs are done before they can be cancelled
    monkeypatch.setattr(bigquery.Client, "cancel_job", lambda self, job_id, **_: cancelled.append(job_id))
    landing.land(report_row("q"))
    run = stages.sync(WEEK)
    operator = stages.operator(run, "extract")
    operator.on_kill()
    assert cancelled == []  # no job was started yet
    run.states["extract"] = "running"  # cleared
    operator.execute(run.context("extract"))
    operator.on_kill()
    assert operator.job is not None
    assert cancelled == [operator.job.job_id]
    asyncio.run(BigQueryJobTrigger("sqp_bigquery", "deferred").on_kill())
    assert cancelled[1:] == ["deferred"]


class Line:
    """Whether the reader has hung up."""

    def __init__(self) -> None:
        self.open = True

    def hang_up(self) -> None:
        self.open = False


def batch(n: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"n": [n]})


def test_streams_are_read_at_the_same_time() -> None:
    both_started, line = threading.Barrier(2, timeout=300), Line()

    def stream(n: int) -> Any:
        both_started.wait()  # never returns if one stream is read after the other
        yield batch(n)

    batches = list(interleaved([stream(1), stream(2)], line.hang_up))
    assert {b.to_pydict()["n"][0] for b in batches} == {1, 2}
    assert not line.open


def test_a_slow_writer_stops_the_readers_and_one_that_leaves_hangs_up() -> None:
    produced, line = 0, Line()

    def stream() -> Any:
        nonlocal produced
        for n in range(1000):
            produced += 1
            yield batch(n)

    batches = interleaved([stream()], line.hang_up)
    next(batches)
    threading.Event().wait(0.3)
    assert produced <= BATCHES_WAITING + 3
    assert line.open
    batches.close()
    assert not line.open


def test_an_error_of_one_stream_reaches_the_writer() -> None:
    line = Line()

    def broken() -> Any:
        yield batch(1)
        raise google_errors.ServiceUnavailable("stream lost")

    with pytest.raises(google_errors.ServiceUnavailable, match="stream lost"):
        list(interleaved([broken()], line.hang_up))
    assert not line.open


def test_a_stream_that_goes_silent_is_an_error_that_heals() -> None:
    line, silence = Line(), threading.Event()

    def silent() -> Any:
        yield batch(1)
        silence.wait(10)

    def hang_up() -> None:
        line.hang_up()
        silence.set()

    with pytest.raises(SourceUnreachable, match="BigQuery sent nothing for 0 seconds"):
        list(interleaved([silent()], hang_up, stall_seconds=0.2))
    assert not line.open
