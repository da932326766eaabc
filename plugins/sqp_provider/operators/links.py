"""Buttons on a task in the Airflow UI: the sync's page, a started run, and the job in Google's console."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink

from sqp_provider.status.addresses import base_path, run_address, sync_address

CONSOLE = "https://console.cloud.google.com/bigquery"


class SyncPageLink(BaseOperatorLink):
    """The page of the task's sync, a tab of the Dag run."""

    name = "SQP sync"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the address: ``/dags/sqp_weekly_sync/runs/manual__1/plugin/sqp-sync-run``."""
        return sync_address(ti_key.dag_id, ti_key.run_id)


class StartedRunLink(BaseOperatorLink):
    """The run that a check for restatements started."""

    name = "Started run"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the address: ``/dags/sqp_weekly_sync/runs/restatement__weekly_2026-11-08__2026-11-23T06%3A00``."""
        return run_address(base_path(), operator.trigger_dag_id, operator.trigger_run_id)


class BigQueryJobLink(BaseOperatorLink):
    """The job of this try in the Google Cloud console; no link if the task stopped before it started a job."""

    name = "BigQuery job"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the address of the job's details, built from project, job and location."""
        job = getattr(operator, "job", None)
        if job is None:
            return ""
        project, location, job_id = (quote(str(part), safe="") for part in (job.project, job.location, job.job_id))
        return f"{CONSOLE}?project={project}&ws=!1m5!1m4!1m3!1s{project}!2s{job_id}!3s{location}"
