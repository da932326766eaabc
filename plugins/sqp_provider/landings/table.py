"""The BigQuery table that exports are loaded into."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import IO

from airflow.sdk.exceptions import AirflowNotFoundException
from google.api_core.exceptions import NotFound
from google.cloud import bigquery
from pydantic import BaseModel

from sqp_provider.core.errors import ConnectionMissing, SourceUnreachable, SourceUnusable
from sqp_provider.core.period import SyncType
from sqp_provider.hooks.bigquery import SqpBigQueryHook, qualified
from sqp_provider.hooks.bigquery_errors import explained
from sqp_provider.landings.columns import TABLE
from sqp_provider.landings.errors import LandingRefused
from sqp_provider.sql_files import bigquery_statement

PARTITIONED_BY = "start_date"
CLUSTERED_BY = ["marketplace_id", "asin"]

_SAME_TYPE = {"INT64": "INTEGER", "FLOAT64": "FLOAT"}
_ACCEPTED = {"NUMERIC": ("NUMERIC", "BIGNUMERIC", "FLOAT")}
_NAME = re.compile(r"([A-Za-z0-9][\w.:-]*\.)?\w+\.[\w-]+")
_LABELS = {"product": "sqp-sync"}


@contextmanager
def _asking(what: str) -> Iterator[None]:
    """Turn Google's exceptions into a sentence for whoever sits at the command line."""
    try:
        with explained(what):
            yield
    except (SourceUnusable, SourceUnreachable) as error:
        found = str(error).partition(" The target is unchanged.")[0]
        remedy = (
            "Run it again when BigQuery answers"
            if error.heals
            else "The connection's account needs BigQuery Job User, and Data Editor on the dataset. Run it again then"
        )
        raise LandingRefused(f"{found} {remedy}: files that were loaded before are skipped.") from error


class LandedFile(BaseModel):
    """A file that is in the table, as its rows say."""

    source_sha256: str
    source_file: str
    asin: str
    marketplace_id: str
    report_period: str
    ingested_at: datetime


def open_table(connection: str, name: str) -> LandingTable:
    """Return a table, with what one of Airflow's connections says of BigQuery.

    :raises ConnectionMissing: Airflow has no such connection.
    :raises LandingRefused: the name is not ``dataset.table`` or ``project.dataset.table``.
    """
    if not _NAME.fullmatch(name):
        raise LandingRefused(f"--to {name} names no table; expected dataset.table. Nothing was loaded.")
    try:
        return LandingTable(SqpBigQueryHook(connection), name)
    except AirflowNotFoundException as error:
        raise ConnectionMissing(
            f"{error}. Nothing was loaded. Create the connection in Airflow, set AIRFLOW_CONN_{connection.upper()}, or "
            "name another with --connection."
        ) from error


class LandingTable:
    """One table, ``amazon.search_query_performance`` or with its project before."""

    def __init__(self, hook: SqpBigQueryHook, name: str) -> None:
        self.hook = hook
        self.name = qualified(name, hook.project_id)
        self.location = self._location(self.name.rpartition(".")[0])

    def prepare(self) -> list[str]:
        """Create the table, or check it if it is there; return what the reader should know.

        :raises LandingRefused: it lacks columns, or has others that may not be empty.
        """
        client = self.hook.client
        with _asking(f"BigQuery table {self.name}"):
            try:
                found = client.get_table(self.name, retry=self.hook.retry)
            except NotFound:
                client.create_table(self._new(), exists_ok=True)
                return [
                    f"Created {self.name}, partitioned by {PARTITIONED_BY}, clustered by {', '.join(CLUSTERED_BY)}."
                ]
        self._refuse_if_unfit(found)
        by = found.time_partitioning.field if found.time_partitioning else None
        if by == PARTITIONED_BY and found.clustering_fields == CLUSTERED_BY:
            return []
        return [
            f"{self.name} is partitioned by {by or 'nothing'} and clustered by "
            f"{', '.join(found.clustering_fields or ['nothing'])}. Partitioned by {PARTITIONED_BY} and clustered by "
            f"{', '.join(CLUSTERED_BY)}, each sync would read less."
        ]

    def landed(self, files: Sequence[str]) -> dict[str, LandedFile]:
        """Return those of some files that are in the table already, by the SHA-256 of their content."""
        asked = bigquery.ArrayQueryParameter("files", "STRING", list(files))
        statement = bigquery_statement("landed_files", SyncType.WEEKLY, table=self.name)
        config = bigquery.QueryJobConfig(query_parameters=[asked], labels=_LABELS)
        with _asking(f"BigQuery query of {self.name}"):
            rows = self.hook.client.query_and_wait(
                statement, job_config=config, location=self.location, retry=self.hook.retry
            )
            landed = [LandedFile(**dict(row.items())) for row in rows]
        return {each.source_sha256: each for each in landed}

    def append(self, lines: IO[bytes]) -> None:
        """Load rows in one job, all or none of them.

        :param lines: a JSON object a line.
        """
        config = bigquery.LoadJobConfig(
            source_format=bigquery.SourceFormat.NEWLINE_DELIMITED_JSON,
            write_disposition=bigquery.WriteDisposition.WRITE_APPEND,
            create_disposition=bigquery.CreateDisposition.CREATE_NEVER,
            labels=_LABELS,
        )
        with _asking(f"BigQuery load job into {self.name}"):
            job = self.hook.client.load_table_from_file(
                lines, self.name, rewind=True, location=self.location, job_config=config
            )
            job.result(retry=self.hook.retry)

    def _location(self, dataset: str) -> str:
        with _asking(f"BigQuery dataset {dataset}"):
            try:
                return str(self.hook.client.get_dataset(dataset, retry=self.hook.retry).location)
            except NotFound:
                raise LandingRefused(
                    f"There is no BigQuery dataset {dataset}. Nothing was loaded. Create it where the staging dataset "
                    "is, or correct --to."
                ) from None

    def _new(self) -> bigquery.Table:
        table = bigquery.Table(self.name, [bigquery.SchemaField(name, kind) for name, kind in TABLE.items()])
        table.time_partitioning = bigquery.TimePartitioning(field=PARTITIONED_BY)
        table.clustering_fields = CLUSTERED_BY
        return table

    def _refuse_if_unfit(self, found: bigquery.Table) -> None:
        there = {field.name.lower(): field for field in found.schema}
        problems = [
            f"column {name} is {there[name].field_type if name in there else 'missing'}, expected {kind}"
            for name, kind in TABLE.items()
            if name not in there or not _is(there[name], kind)
        ]
        problems += [
            f"column {name} is REQUIRED, but no export has it"
            for name, field in there.items()
            if name not in TABLE and field.mode == "REQUIRED"
        ]
        if problems:
            raise LandingRefused(
                f"BigQuery table {self.name} cannot take exports: {'; '.join(problems)}. Nothing was loaded. "
                "Name another table with --to, which is created if it is missing."
            )


def _is(field: bigquery.SchemaField, kind: str) -> bool:
    found = _SAME_TYPE.get(field.field_type, field.field_type)
    return field.mode != "REPEATED" and found in _ACCEPTED.get(kind, (kind,))
