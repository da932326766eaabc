"""What monitoring sees of a run: metrics on a StatsD wire, lineage events, and log lines with fields."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.dags.conftest import DAGS, AirflowRuns
from tests.landing import Landing, report_row

RUN = """
import sys
from datetime import UTC, datetime
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.observability import stats
from airflow.sdk.observability.metrics import stats_utils
# as the task runner's own main does; a run in one process has no such main
stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=True)
dags = DagBag(sys.argv[1]).dags
for dag_id, conf in ((sys.argv[2], {"period_start": "2026-11-08"}), ("sqp_freshness", {})):
    run = dags[dag_id].test(run_after=datetime.now(UTC), run_conf=conf)
    print("FINISHED", dag_id, run.state)
"""


@dataclass
class Seen:
    """What a run in a process of its own left for those who watch."""

    finished: dict[str, str]
    metrics: list[str]
    events: list[dict[str, Any]]
    lines: list[dict[str, Any]]

    def metric(self, name: str) -> set[str]:
        """The values sent under a name with its tags."""
        return {line.rpartition(":")[2] for line in self.metrics if line.rpartition(":")[0] == name}

    def completed(self, task_id: str) -> dict[str, Any]:
        """The lineage event of a task's end."""
        finished = [event for event in self.events if event["eventType"] in ("COMPLETE", "FAIL")]
        (event,) = [event for event in finished if event["job"]["name"] == f"sqp_weekly_sync.{task_id}"]
        return event


@pytest.fixture
def watched(airflow: AirflowRuns, tmp_path: Path) -> Callable[..., Seen]:
    """Sync a week and check the freshness, with a StatsD server, OpenLineage's file transport and JSON logs."""

    def run(dag_id: str = "sqp_weekly_sync") -> Seen:
        events = tmp_path / "lineage.jsonl"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as statsd:
            statsd.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 2**20)
            statsd.bind(("127.0.0.1", 0))
            statsd.settimeout(0)
            environment = os.environ | _watching(statsd.getsockname()[1], events)
            command = [sys.executable, "-c", RUN, str(DAGS), dag_id]
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr[-3000:]
            metrics = list(_received(statsd))
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        finished = dict(re.findall(r"^FINISHED (\w+) (\w+)$", done.stdout, re.MULTILINE))
        written = events.read_text().splitlines() if events.exists() else []
        return Seen(finished, metrics, [json.loads(line) for line in written], lines)

    return run


def _watching(port: int, events: Path) -> Mapping[str, str]:
    return {
        "AIRFLOW__METRICS__STATSD_ON": "True",
        "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
        "AIRFLOW__METRICS__STATSD_PORT": str(port),
        "AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED": "True",
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps({"type": "file", "log_file_path": str(events), "append": True}),
        "AIRFLOW__LOGGING__JSON_LOGS": "True",
    }


def _received(statsd: socket.socket) -> Any:
    while True:
        try:
            yield from statsd.recv(65536).decode().splitlines()
        except BlockingIOError:
            return


def test_a_failure_is_said_in_short_lines_without_a_traceback(
    landing: Landing, airflow: AirflowRuns, watched: Callable[..., Seen]
) -> None:
    landing.land(report_row("good"), report_row("bad", asin="?"))
    seen = watched()
    assert seen.finished["sqp_weekly_sync"] == "failed"
    week, happened = (
        "weekly 2026-11-08..2026-11-14",
        (
            "1 of 29 checks failed on sqp_staging.weekly_summary_20261108_1: reject_rate: 1 of 2 rows are malformed "
            "(50.00%); sync_rejects has the reasons; more than checks.reject_rate_fail 1.00%."
        ),
    )
    todo = (
        "The target is unchanged. The staged rows are kept, so that you can query them. "
        "Clear 'load' to stage them again, or 'extract' to take a new snapshot."
    )
    errors = [line["event"] for line in seen.lines if line["level"] == "error"]
    assert errors[:4] == [
        f"{week}: {happened}",
        todo,
        f"{week} (sync_log 1, attempt 1) failed in validate: {happened}",
        todo,
    ]
    assert [line["event"] for line in seen.lines if line.keys() & {"exception", "error_detail", "exc_info"}] == []


def test_a_run_is_seen_by_metrics_lineage_and_log(
    landing: Landing, airflow: AirflowRuns, watched: Callable[..., Seen]
) -> None:
    landing.land(*(report_row(f"q {n}") for n in range(300)), report_row("bad", asin="?"))
    seen = watched()
    (age,) = airflow.stages.query("select days_old from table_freshness() where sync_type = 'weekly'")
    (days,) = seen.metric("airflow.sqp.freshness.days,sync_type=weekly")
    assert int(days.removesuffix("|g")) in (age["days_old"], age["days_old"] - 1)  # midnight may lie between
    assert seen.finished["sqp_weekly_sync"] == "success"
    see_metrics(seen)
    see_lineage(seen, landing, airflow.stages.dsn)
    see_fields(seen, airflow)


def see_metrics(seen: Seen) -> None:
    counters = ("rows.extracted", "rows.staged", "rows.inserted", "rows.updated", "rejects", "syncs.completed")
    assert {name: seen.metric(f"airflow.sqp.{name},sync_type=weekly") for name in counters} == {
        "rows.extracted": {"300|c"},
        "rows.staged": {"300|c"},
        "rows.inserted": {"300|c"},
        "rows.updated": {"0|c"},
        "rejects": {"1|c"},
        "syncs.completed": {"1|c"},
    }
    for stage in ("log_start", "extract", "load", "validate", "publish", "log_finish"):
        (took,) = seen.metric(f"airflow.sqp.stage.duration,sync_type=weekly,stage={stage}")
        assert 0 < float(took.removesuffix("|ms")) < 200_000


def see_lineage(seen: Seen, landing: Landing, dsn: str) -> None:
    source = f"{landing.client.project}.{landing.table}"
    (read,) = seen.completed("extract")["inputs"]
    assert (read["namespace"], read["name"]) == ("bigquery", source)
    assert read["inputFacets"]["inputStatistics"]["rowCount"] == 301
    (checked,) = seen.completed("validate")["inputs"]
    assertions = checked["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert {"assertion": "sum_validation", "column": "total_clicks", "success": True}.items() <= next(
        each for each in assertions if each.get("column") == "total_clicks"
    ).items()
    assert [each["severity"] for each in assertions if each["assertion"] == "reject_rate"] == ["warn"]
    published = seen.completed("publish")
    assert [each["name"] for each in published["inputs"]] == [source]
    (written,) = published["outputs"]
    server = conninfo_to_dict(dsn)
    assert written["namespace"] == f"postgres://{server['host']}:{server['port']}"
    assert written["name"] == f"{server['dbname']}.sqp.weekly_summary"
    assert written["outputFacets"]["outputStatistics"]["rowCount"] == 300


def see_fields(seen: Seen, airflow: AirflowRuns) -> None:
    (row,) = airflow.stages.query("select id from sync_log")
    published = [line for line in seen.lines if "300 inserted" in line["event"] and "publish" in line["logger"]]
    assert published
    assert all(line["period"] == "weekly 2026-11-08..2026-11-14" for line in published)
    assert all(line["sync_log_id"] == row["id"] for line in published)
