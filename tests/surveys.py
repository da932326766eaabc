"""A survey of a table in the emulator."""

from __future__ import annotations

from datetime import date

from sqp_provider.hooks.bigquery import SqpBigQueryHook
from sqp_provider.source.survey import Survey


def surveyed(table: str, maximum_bytes: int, today: date) -> tuple[Survey, str]:
    """Return the survey and its report.

    When several ask at once, the emulator now and then answers with the columns of another query. Then it is asked
    again; Google's own answers carry their schema.
    """
    for _ in range(4):
        survey = Survey(SqpBigQueryHook(retry_seconds=1), table, maximum_bytes, today)
        try:
            return survey, survey.report()
        except (KeyError, ValueError):
            continue
    survey = Survey(SqpBigQueryHook(retry_seconds=1), table, maximum_bytes, today)
    return survey, survey.report()
