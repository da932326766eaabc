"""The Airflow plugin: the timetable, the deadline, and the page in Airflow's UI."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from sqp_provider.deadlines import RunCreated
from sqp_provider.status.addresses import RUN_TAB, URL_PREFIX, base_path
from sqp_provider.status.app import StatusPage
from sqp_provider.timetables.period import PeriodTimetable


class SqpPlugin(AirflowPlugin):
    """Register timetable and deadline, so that the scheduler can read serialized Dags, and the status page."""

    name = "sqp_provider"
    timetables = [PeriodTimetable]  # noqa: RUF012 - the base class declares it so
    deadline_references = [RunCreated]  # noqa: RUF012
    fastapi_apps = [{"name": "SQP sync", "app": StatusPage(), "url_prefix": URL_PREFIX}]  # noqa: RUF012
    external_views = [  # noqa: RUF012
        {
            "name": "SQP sync",
            "href": f"{base_path()}{URL_PREFIX}/",
            "destination": "nav",
            "url_route": "sqp-sync",
            "icon": f"{base_path()}{URL_PREFIX}/static/icon.svg",
        },
        {
            "name": "SQP sync",
            "href": f"{base_path()}{URL_PREFIX}/run/{{DAG_ID}}/{{RUN_ID}}",
            "destination": "dag_run",
            "url_route": RUN_TAB,
            "icon": f"{base_path()}{URL_PREFIX}/static/icon.svg",
        },
    ]
