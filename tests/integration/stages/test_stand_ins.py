"""What the emulator cannot do: long jobs, taken job ids, a forbidden Storage API. A server before it does."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from typing import Any

import grpc
import pyarrow as pa
import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred
from google.api_core import exceptions as google_errors

from sqp_provider.core.errors import SourceUnreachable
from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.settings import Settings
from sqp_provider.source.threads import BATCHES_WAITING, interleaved
from sqp_provider.triggers.bigquery_job import BigQueryJobTrigger
from tests.fixtures import settings_for
from tests.google_server import JOBS, Answer, GoogleServer, job_in, refusal
from tests.google_storage import Cut
from tests.landing import WEEK, Landing, report_row
from tests.stages import Run, Stages

A_JOB = "GET /bigquery/v2/projects/sqp-demo/jobs"


def test_without_the_storage_api_the_same_rows_come_over_rest_with_one_warning(
    landing: Landing, stages: Stages, google: GoogleServer, caplog: pytest.LogCaptureFixture
) -> None:
    landing.land(*(report_row(f"q {n} 🎧") for n in range(300)), report_row("bad", asin="?"))
    stages.sync(WEEK)
    over_grpc = stages.target()
    google.storage.session_error = Cut(0, grpc.StatusCode.PERMISSION_DENIED, "bigquery.readsessions.create denied")
    with caplog.at_level(logging.WARNING, "sqp_provider.source.snapshot_reader"):
        run = stages.sync(WEEK, force=True)
    assert run["publish"] == {"how": "difference", "inserted": 0, "updated": 0, "deleted": 0, "unchanged": 300}
    assert stages.target() == over_grpc
    assert len(stages.query("select * from sync_rejects where sync_log_id = %s", run["log_start"])) == 1
    (warning,) = (record.getMessage() for record in caplog.records)
    assert "The Storage Read API cannot be used" in warning
    assert "Read Session User" in warning


def test_a_job_id_that_exists_is_waited_for_instead_of_started_twice(
    landing: Landing, stages: Stages, google: GoogleServer
) -> None:
    def start_and_lose_the_answer(job: dict[str, Any]) -> Answer:
        google.emulator("POST", "/bigquery/v2/projects/sqp-demo/jobs", job)
        return refusal(409, "duplicate", f"Already Exists: Job sqp-demo:US.{job['jobReference']['jobId']}")

    landing.land(report_row("q"))
    google.answers(JOBS, start_and_lose_the_answer)
    run = stages.sync(WEEK)
    assert run.colour == "success"
    assert [run["extract"]["job_id"]] == [seen.body["jobReference"]["jobId"] for seen in google.asked(JOBS)]


def test_every_query_has_a_location_and_labels_and_the_extract_a_price_limit(
    landing: Landing, stages: Stages, google: GoogleServer
) -> None:
    landing.land(report_row("q"), report_row("bad", asin="?"))
    run = stages.sync(WEEK)
    stages.sync("2026-11-15")  # empty: near misses are looked for
    source = stages.operator(run, "extract").source
    source.window_totals(SyncType.WEEKLY, [run_period := Period.starting(SyncType.WEEKLY, WEEK)])
    jobs, queries = google.asked(JOBS), google.asked("POST /bigquery/v2/projects/sqp-demo/queries")
    extract = jobs[0].body
    assert re.fullmatch(r"sqp_weekly_20261108_1_1_1_[0-9a-f]{8}", extract["jobReference"]["jobId"])
    assert run["extract"]["table"].endswith(extract["jobReference"]["jobId"])
    assert extract["configuration"]["query"]["maximumBytesBilled"] == str(100 * 2**30)
    assert {each.body["jobReference"]["location"] for each in jobs} | {each.body["location"] for each in queries} == {
        "US"
    }
    labels = [each.body["configuration"]["labels"] for each in jobs] + [each.body["labels"] for each in queries]
    assert {(each["product"], each["sync_type"]) for each in labels} == {("sqp-sync", "weekly")}
    assert {each["period"] for each in labels} == {run_period.compact, "20261115"}
    assert {each["purpose"] for each in labels} == {"extract", "totals", "near-misses", "restatements"}


def test_the_job_of_another_try_has_another_id(landing: Landing, stages: Stages) -> None:
    landing.land(report_row("q"))
    run = stages.sync(WEEK)
    operator = stages.operator(run, "extract")
    run.states["extract"] = "running"  # cleared
    sync = operator.read_sync(run.context("extract"))
    assert operator.source.start_extract(sync, "sqp", try_number=2).job_id != run["extract"]["job_id"]


@pytest.fixture
def impatient(landing: Landing, dataset: str, stages: Stages) -> Stages:
    settings: Settings = settings_for(landing.table, dataset, schedule={"defer_after_seconds": 0})
    return Stages(settings, stages.dsn)


def deferred_by(stages: Stages, run: Run, google: GoogleServer) -> BigQueryJobTrigger:
    """Start the extract; its job is still running when the stage looks, unlike the emulator's."""

    def start(job: dict[str, Any]) -> Answer:
        google.emulator("POST", "/bigquery/v2/projects/sqp-demo/jobs", job)
        google.answers(f"{A_JOB}/{job['jobReference']['jobId']}", job_in("RUNNING")(job), times=2)
        return job_in("PENDING")(job)

    google.answers(JOBS, start, times=1)
    stages.run_task(run, "log_start")
    with pytest.raises(TaskDeferred) as deferred:
        stages.operator(run, "extract").execute(run.context("extract"))
    trigger = deferred.value.trigger
    assert isinstance(trigger, BigQueryJobTrigger)
    path, arguments = trigger.serialize()
    assert path == "sqp_provider.triggers.bigquery_job.BigQueryJobTrigger"
    return BigQueryJobTrigger(**arguments | {"poll_seconds": 0})


async def first_event(trigger: BigQueryJobTrigger) -> Any:
    return (await anext(trigger.run())).payload


def test_a_long_job_is_deferred_and_resumed(landing: Landing, impatient: Stages, google: GoogleServer) -> None:
    landing.land(report_row("q"))
    run = Run("r", {"period_start": "2026-11-08"})
    trigger = deferred_by(impatient, run, google)

    event = asyncio.run(first_event(trigger))
    assert event == {"job_id": trigger.job_id, "location": "US"}
    checks = google.asked(f"{A_JOB}/{trigger.job_id}")
    assert len(checks) == 3  # the stage saw it running, the trigger saw it running and then done
    result = impatient.operator(run, "extract").resume(run.context("extract"), event)
    assert result["totals"]["row_count"] == 1
    assert result["job_id"] == trigger.job_id


def test_a_deferred_job_that_cannot_be_checked_fails_with_the_reason(
    landing: Landing, impatient: Stages, google: GoogleServer
) -> None:
    landing.land(report_row("q"))
    run = Run("r", {"period_start": "2026-11-08"})
    trigger = deferred_by(impatient, run, google)
    refused = refusal(403, "accessDenied", "Access Denied: bigquery.jobs.get")
    google.answers(f"{A_JOB}/{trigger.job_id}", refused)

    event = asyncio.run(first_event(trigger))
    with pytest.raises(AirflowFailException, match="Access Denied"):
        impatient.operator(run, "extract").resume(run.context("extract"), event)


def test_killing_the_task_cancels_its_job_in_the_worker_and_in_the_triggerer(
    landing: Landing, stages: Stages, google: GoogleServer
) -> None:
    google.answers(f"{JOBS}/[^/]+/cancel", (200, {"job": job_in("DONE")({})[1]}))
    landing.land(report_row("q"))
    run = stages.sync(WEEK)
    operator = stages.operator(run, "extract")
    operator.on_kill()
    assert google.asked(f"{JOBS}/[^/]+/cancel") == []  # no job was started yet
    run.states["extract"] = "running"  # cleared
    operator.execute(run.context("extract"))
    operator.on_kill()
    asyncio.run(BigQueryJobTrigger("sqp_bigquery", "deferred").on_kill())
    assert operator.job is not None
    cancelled = [seen.path.split("/")[-2] for seen in google.asked(f"{JOBS}/[^/]+/cancel")]
    assert cancelled == [operator.job.job_id, "deferred"]


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
