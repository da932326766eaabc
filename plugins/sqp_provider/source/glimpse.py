"""A few rows of a table over the Storage Read API, to prove that it may be read."""

from __future__ import annotations

from google.api_core import exceptions as google_errors
from google.api_core.retry import Retry, if_exception_type
from google.cloud.bigquery_storage_v1 import BigQueryReadClient, types

from sqp_provider.core.cost import size
from sqp_provider.core.table_facts import TableFacts
from sqp_provider.hooks.bigquery import SqpBigQueryHook
from sqp_provider.hooks.bigquery_errors import explained

MOST_BYTES = 64 * 2**20
"""A read session that would scan more is opened and not read: opening it proves the right."""

SECONDS = 30.0
"""How long a session may take to open, and a stream to be read."""


def glimpse(hook: SqpBigQueryHook, facts: TableFacts, of_day: tuple[str, str]) -> str:
    """Read one column of the rows of one day, if that is little, and say what was read.

    :param of_day: a column and its day, ``("start_date", "2026-11-08")``; the day counts if the column is a DATE.
    :raises SyncError: it cannot be read; the error's cause is what Google said.
    """
    flat = {path: kind for path, kind in facts.columns.items() if "." not in path and not kind.endswith("REPEATED")}
    column, day = of_day
    by_day = flat.get(column, "").startswith("DATE ")
    options = types.ReadSession.TableReadOptions(selected_fields=[column if by_day else next(iter(flat))])
    if by_day:
        options.row_restriction = f"`{column}` = '{day}'"
    client = hook.storage_client
    with explained(f"reading {facts.name} over the Storage Read API"):
        session = _opened(hook, client, facts.name, options)
        if session.estimated_total_bytes_scanned > MOST_BYTES:
            scanned = size(session.estimated_total_bytes_scanned)
            return f"a read session is opened; its rows are not read, because that would scan {scanned}"
        messages = (message for stream in session.streams for message in client.read_rows(stream.name, timeout=SECONDS))
        rows = sum(message.row_count for message in messages)
    return f"{rows:,} rows{f' with {column} {day}' if by_day else f' of {facts.name}'} read, one column of each"


def _opened(
    hook: SqpBigQueryHook, client: BigQueryReadClient, name: str, options: types.ReadSession.TableReadOptions
) -> types.ReadSession:
    project, dataset, table = name.rsplit(".", 2)
    return client.create_read_session(
        parent=f"projects/{hook.project_id}",
        read_session=types.ReadSession(
            table=f"projects/{project}/datasets/{dataset}/tables/{table}",
            data_format=types.DataFormat.ARROW,
            read_options=options,
        ),
        max_stream_count=1,
        retry=Retry(predicate=if_exception_type(google_errors.ServiceUnavailable), timeout=hook.retry_seconds),
        timeout=SECONDS,
    )
