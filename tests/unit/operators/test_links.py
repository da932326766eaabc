"""The buttons on a task: where they lead."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from sqp_provider.operators.links import BigQueryJobLink, StartedRunLink, SyncPageLink

RUN = SimpleNamespace(dag_id="sqp_weekly_sync", run_id="scheduled__2026-11-19T00:00:00+00:00")


@pytest.mark.parametrize(("base_url", "path"), [("https://host/airflow/", "/airflow"), ("http://host:8080", "")])
def test_the_page_is_below_airflows_own_address(monkeypatch: pytest.MonkeyPatch, base_url: str, path: str) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base_url)
    run = "scheduled__2026-11-19T00%3A00%3A00%2B00%3A00"
    assert SyncPageLink().get_link(None, ti_key=RUN) == f"{path}/dags/sqp_weekly_sync/runs/{run}/plugin/sqp-sync-run"


def test_a_started_run_is_found_from_the_task_that_started_it() -> None:
    started = SimpleNamespace(trigger_dag_id="sqp_weekly_sync", trigger_run_id="restatement__weekly_2026-11-08")
    address = StartedRunLink().get_link(started, ti_key=RUN)
    assert address.endswith("/dags/sqp_weekly_sync/runs/restatement__weekly_2026-11-08")


def test_the_job_is_named_by_project_location_and_id() -> None:
    job = SimpleNamespace(project="my-project", location="EU", job_id="sqp_weekly_20261108_12_1")
    assert BigQueryJobLink().get_link(SimpleNamespace(job=job), ti_key=RUN) == (
        "https://console.cloud.google.com/bigquery?project=my-project"
        "&ws=!1m5!1m4!1m3!1smy-project!2ssqp_weekly_20261108_12_1!3sEU"
    )


def test_an_extract_that_never_had_a_job_has_no_link() -> None:
    assert BigQueryJobLink().get_link(SimpleNamespace(job=None), ti_key=RUN) == ""
