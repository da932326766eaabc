"""The Dag files: they parse, say what they do, and survive serialization."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import TimeRestriction
from airflow.utils.dag_edges import dag_edges
from pendulum import DateTime
from pendulum import datetime as utc_datetime

from sqp_provider.core.period import SyncType
from sqp_provider.timetables.period import PeriodTimetable
from tests.dags.conftest import DAGS, AirflowRuns

DAG_FILES = sorted(DAGS.glob("*.py"))
OF_A_DAG = [path for path in DAG_FILES if path.stem != "sqp_feeds"]


def test_every_file_parses_to_the_dag_of_its_name(airflow: AirflowRuns) -> None:
    bag = airflow.parse()
    assert bag.import_errors == {}
    assert sorted([*bag.dags, "sqp_feeds"]) == [path.stem for path in DAG_FILES]  # which is for import errors
    assert sorted(bag.dags) == [
        "sqp_doctor",
        "sqp_freshness",
        "sqp_migrate",
        "sqp_monthly_sync",
        "sqp_prove",
        "sqp_quarterly_sync",
        "sqp_restatements",
        "sqp_weekly_sync",
    ]


@pytest.mark.parametrize("path", OF_A_DAG, ids=lambda path: path.stem)
def test_a_dag_file_is_short_and_explains_itself(path: Path, airflow: AirflowRuns) -> None:
    assert len(path.read_text().splitlines()) <= 45
    dag = airflow.parse().dags[path.stem]
    assert dag.doc_md
    assert dag.doc_md.startswith("### ")
    assert "sqp" in dag.tags
    assert dag.description
    assert dag.catchup is False


@pytest.mark.parametrize("sync_type", SyncType)
def test_a_sync_dag_is_the_straight_line(sync_type: SyncType, airflow: AirflowRuns) -> None:
    dag = airflow.parse().dags[sync_type.dag_id]
    assert isinstance(dag.timetable, PeriodTimetable)
    assert dag.timetable.sync_type is sync_type
    line = ["log_start", "extract", "load", "validate", "publish", "log_finish"]
    assert [task.task_id for task in dag.topological_sort()] == line
    drawn = dag_edges(DagSerialization.from_dict(DagSerialization.to_dict(dag)))
    arrows = {(edge["source_id"], edge["target_id"]) for edge in drawn if not edge.get("is_setup_teardown")}
    assert arrows == set(pairwise(line))
    dashed = {(edge["source_id"], edge["target_id"]) for edge in drawn if edge.get("is_setup_teardown")}
    assert dashed == {("log_start", "log_finish")}  # what makes a clear of one stage run both again
    assert dag.task_dict["log_start"].is_setup
    assert dag.task_dict["log_finish"].is_teardown
    assert dag.task_dict["log_finish"].on_failure_fail_dagrun
    assert {task.retries for task in dag.tasks} == {1}
    assert all(task.execution_timeout == timedelta(minutes=60) for task in dag.tasks)
    assert set(dag.params) == {"period_start", "force", "allow_empty", "dry_run", "max_delete_fraction"}


def test_the_form_refuses_what_is_no_date(airflow: AirflowRuns) -> None:
    params = airflow.parse().dags["sqp_weekly_sync"].params
    params["period_start"] = "2026-11-08"
    with pytest.raises(ValueError, match="'yes' is not of type 'boolean'"):
        params["force"] = "yes"


def test_a_mistake_in_the_configuration_is_an_import_error_that_names_the_key(
    airflow: AirflowRuns, configure: Callable[[Mapping[str, Any]], Path]
) -> None:
    configure({"source": {"table": "amazon.report", "columns": {"klicks": "asin_click_count"}}})
    (error, *_) = airflow.parse().import_errors.values()
    assert "source.columns: unknown column 'klicks'; expected one of period_start, period_end, asin" in error


def test_a_configuration_file_that_is_not_there_is_an_import_error_that_says_what_to_set(
    airflow: AirflowRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQP_CONFIG", "/etc/sqp/sqp_config.yaml")
    errors = airflow.parse().import_errors
    assert len(errors) == len(DAG_FILES)
    says = "/etc/sqp/sqp_config.yaml: cannot be read (No such file or directory). Set SQP_CONFIG to the path of"
    assert all(says in error for error in errors.values())


def test_without_the_provider_each_import_error_says_what_to_install(tmp_path: Path) -> None:
    """Airflow shows the line that failed, with its comment."""
    parse = "import json, sys; from airflow.dag_processing.dagbag import DagBag; "
    parse += "print(json.dumps(DagBag(sys.argv[1]).import_errors))"
    hidden = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    hidden["AIRFLOW__CORE__PLUGINS_FOLDER"] = str(tmp_path)
    command = [sys.executable, "-c", parse, str(DAGS)]
    done = subprocess.run(command, env=hidden, cwd=tmp_path, capture_output=True, text=True, check=True)
    errors = json.loads(done.stdout.splitlines()[-1])
    assert sorted(errors) == [str(path) for path in DAG_FILES]
    for error in errors.values():
        assert "ModuleNotFoundError: No module named 'sqp_provider'" in error
        assert "# absent: install airflow-provider-sqp" in error


def test_a_serialized_dag_keeps_its_timetable(airflow: AirflowRuns) -> None:
    dag = airflow.parse().dags["sqp_weekly_sync"]
    again = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    assert isinstance(again.timetable, PeriodTimetable)
    assert again.timetable.serialize() == {"sync_type": "weekly", "delay_seconds": 4 * 86400, "spread_seconds": 0}
    assert again.timetable.summary == "weekly + 4 d"


def test_a_dag_that_a_version_without_feeds_has_serialized_keeps_its_due_times() -> None:
    before = PeriodTimetable.deserialize({"sync_type": "weekly", "delay_seconds": 4 * 86400})
    assert before.serialize() == PeriodTimetable(SyncType.WEEKLY, timedelta(days=4)).serialize()


@pytest.mark.parametrize(
    ("sync_type", "run_after", "first_day", "next_first_day"),
    [
        (SyncType.WEEKLY, (2026, 11, 19), (2026, 11, 8), (2026, 11, 15)),
        (SyncType.WEEKLY, (2026, 11, 18, 23), (2026, 11, 1), (2026, 11, 8)),
        (SyncType.MONTHLY, (2026, 12, 8), (2026, 11, 1), (2026, 12, 1)),
        (SyncType.MONTHLY, (2026, 12, 7), (2026, 11, 1), (2026, 12, 1)),
        (SyncType.QUARTERLY, (2027, 1, 9), (2026, 10, 1), (2027, 1, 1)),
    ],
)
def test_a_manual_run_takes_the_newest_period_whose_delay_has_passed(
    sync_type: SyncType, run_after: tuple[int, ...], first_day: tuple[int, ...], next_first_day: tuple[int, ...]
) -> None:
    timetable = PeriodTimetable(sync_type, timedelta(days=4 if sync_type is SyncType.WEEKLY else 6))
    interval = timetable.infer_manual_data_interval(run_after=utc_datetime(*run_after))
    assert interval.start == datetime(*first_day, tzinfo=UTC)
    assert interval.end == datetime(*next_first_day, tzinfo=UTC)


def test_scheduled_runs_follow_week_by_week_each_after_its_delay() -> None:
    timetable = PeriodTimetable(SyncType.WEEKLY, timedelta(days=4))
    restriction = TimeRestriction(utc_datetime(2026, 11, 1), None, True)
    first = timetable.next_dagrun_info(last_automated_data_interval=None, restriction=restriction)
    assert first is not None
    second = timetable.next_dagrun_info(last_automated_data_interval=first.data_interval, restriction=restriction)
    assert second is not None
    assert (first.data_interval.start, first.run_after) == (
        datetime(2026, 11, 1, tzinfo=UTC),
        datetime(2026, 11, 12, tzinfo=UTC),
    )
    assert (second.data_interval.start, second.run_after) == (
        datetime(2026, 11, 8, tzinfo=UTC),
        datetime(2026, 11, 19, tzinfo=UTC),
    )


def test_without_catchup_the_first_run_is_the_newest_week_already_due(monkeypatch: pytest.MonkeyPatch) -> None:
    timetable = PeriodTimetable(SyncType.WEEKLY, timedelta(days=4))
    monkeypatch.setattr(DateTime, "now", lambda tz: utc_datetime(2026, 11, 17))
    restriction = TimeRestriction(utc_datetime(2025, 1, 5), None, False)
    info = timetable.next_dagrun_info(last_automated_data_interval=None, restriction=restriction)
    assert info is not None
    assert info.data_interval.start == datetime(2026, 11, 1, tzinfo=UTC)
    assert info.run_after == datetime(2026, 11, 12, tzinfo=UTC)
    over = TimeRestriction(None, utc_datetime(2025, 1, 5), False)
    assert timetable.next_dagrun_info(last_automated_data_interval=None, restriction=over) is None
