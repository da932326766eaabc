"""The profile demo of docker-compose.yaml in containers, from nothing to three tables that can be trusted."""

from __future__ import annotations

import pytest

from tests.compose.conftest import NewProject
from tests.compose.project import Project

pytestmark = [pytest.mark.long, pytest.mark.timeout(7200)]  # the first test waits for the images

SYNCS = {"sqp_weekly_sync", "sqp_monthly_sync", "sqp_quarterly_sync"}


def test_the_demo_lands_sample_figures_and_syncs_a_week_a_month_and_a_quarter(new_project: NewProject) -> None:
    with new_project() as project:
        project.up(profile="demo")
        project.wait_until(lambda: not running(project, "sample-data"), "the end of sample-data")
        said = project.compose("logs", "--no-color", "sample-data")
        (sample_data,) = project.containers("sample-data")
        assert sample_data["State"]["ExitCode"] == 0, said
        assert "weeks landed" in said
        assert {dag_id for dag_id, paused in project.dags().items() if not paused} == SYNCS
        project.wait_until(lambda: len(finished(project)) == len(SYNCS), "three scheduled runs")
        assert finished(project) == dict.fromkeys(SYNCS, "success")
        latest = project.call("GET", "/sqp-sync/api/latest")
        assert {row["sync_type"]: row["last_sync_status"] for row in latest} == dict.fromkeys(
            ("weekly", "monthly", "quarterly"), "completed"
        )


def running(project: Project, service: str) -> bool:
    """Whether its container has not stopped yet."""
    (container,) = project.containers(service)
    return bool(container["State"]["Status"] != "exited")


def finished(project: Project) -> dict[str, str]:
    """The finished runs of all Dags, each with its colour; no Dag has two of them yet."""
    runs = project.call("GET", "/api/v2/dags/~/dagRuns")["dag_runs"]
    return {run["dag_id"]: run["state"] for run in runs if run["state"] in ("success", "failed")}
