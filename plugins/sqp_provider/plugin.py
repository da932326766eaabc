"""What Airflow learns from us besides operators: the timetable."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from sqp_provider.timetables.period import PeriodTimetable


class SqpPlugin(AirflowPlugin):
    """Registers the timetable, so that the scheduler can read serialized Dags."""

    name = "sqp_provider"
    timetables = [PeriodTimetable]  # noqa: RUF012 - the base class declares it so
