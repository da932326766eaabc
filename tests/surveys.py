"""A survey of a table in the emulator."""

from __future__ import annotations

from datetime import date

from sqp_provider.hooks.bigquery import SqpBigQueryHook
from sqp_provider.source.survey import Survey


def surveyed(table: str, maximum_bytes: int, today: date) -> tuple[Survey, str]:
    """Return the survey and its report."""
    survey = Survey(SqpBigQueryHook(retry_seconds=1), table, maximum_bytes, today)
    return survey, survey.report()
