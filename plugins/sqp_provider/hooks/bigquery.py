"""BigQuery: run a job with an id of our own, run small queries, and open a Storage Read API client."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import Any, TypeVar, cast

from airflow.providers.google.cloud.hooks.bigquery import BigQueryHook
from airflow.sdk.exceptions import AirflowException
from google.api_core import exceptions as google_errors
from google.api_core.client_options import ClientOptions
from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_JOB_RETRY, DEFAULT_RETRY
from google.cloud.bigquery_storage_v1 import BigQueryReadClient

from sqp_provider.core.errors import SourceUnreachable, SourceUnusable
from sqp_provider.core.source_settings import SourceSettings
from sqp_provider.core.table_facts import TableFacts
from sqp_provider.hooks.bigquery_errors import explained, is_missing, said_by
from sqp_provider.hooks.bigquery_storage import anonymous_storage_client, storage_client

_UNREADABLE = (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError)
"""What a key's file may raise."""

_TYPES = {date: "DATE", str: "STRING", bool: "BOOL", int: "INT64"}

MISSING_ASKS = 12
"""How often a missing table is asked for again, evenly over ``retry_seconds``: every 5 seconds of a minute."""

Value = date | str | bool | int
"""What a parameter of a statement can be."""

T = TypeVar("T")


class SqpBigQueryHook(BigQueryHook):
    """The Google provider's hook with a storage client, explained errors and endpoints for each connection.

    A connection's extra can name endpoints of its own: ``api_endpoint`` (``https://bigquery-acme.p.googleapis.com``)
    and ``storage_api_endpoint`` (``bigquerystorage-acme.p.googleapis.com``, or an emulator's ``127.0.0.1:9060``).

    :param project: where jobs run, and where tables are that name no project; None: the connection's.
    :param retry_seconds: how long a lost connection is tried again, and a missing source table asked for again.
    """

    def __init__(
        self,
        gcp_conn_id: str = "sqp_bigquery",
        *,
        project: str | None = None,
        retry_seconds: float = 60,
        **kwargs: Any,
    ) -> None:
        super().__init__(gcp_conn_id=gcp_conn_id, use_legacy_sql=False, **kwargs)
        self.project = project
        self.retry_seconds = retry_seconds
        self.retry = DEFAULT_RETRY.with_timeout(retry_seconds)
        self.job_retry = DEFAULT_JOB_RETRY.with_timeout(retry_seconds)
        self.cancelled: set[str] = set()
        self.storage_usable = True

    @classmethod
    def of(cls, source: SourceSettings, patience_seconds: float = math.inf) -> SqpBigQueryHook:
        """Return the hook of a source: with its connection, project and location.

        :param patience_seconds: retry no longer than this, where a person waits.
        """
        return cls(
            source.conn_id,
            project=source.project,
            retry_seconds=min(source.retry_seconds, patience_seconds),
            location=source.location,
        )

    @property
    def project_id(self) -> str:
        """The project of the settings, else that of the connection."""
        return self.project or super().project_id

    def get_credentials_and_project_id(self) -> tuple[Any, str | None]:
        """Return credentials and project of the connection.

        :raises SourceUnusable: its key is no key, or the key's file cannot be read.
        """
        try:
            return super().get_credentials_and_project_id()
        except (AirflowException, ValueError, LookupError, TypeError, *_UNREADABLE) as error:
            raise SourceUnusable(
                f"the key of connection {self.gcp_conn_id} cannot be used: {said_by(error)}. The target is unchanged. "
                "Correct Keyfile JSON or Keyfile Path of the connection; a file has to be where this runs."
            ) from error

    def get_client_options(self, api_endpoint_override: str | None = None) -> ClientOptions:
        """Return the options with the connection's own ``api_endpoint``, if it has one."""
        return super().get_client_options(api_endpoint_override or self._get_field("api_endpoint", None))

    @property
    def doubt(self) -> str:
        """What to add where an answer says that a right is there: an emulator may know no rights."""
        endpoint = self._get_field("api_endpoint", None)
        return f", by {endpoint}, which may check no rights" if endpoint and ".googleapis.com" not in endpoint else ""

    @property
    def client(self) -> bigquery.Client:
        """A client with the hook's project and location."""
        return self.get_client(project_id=self.project_id, location=self.location)

    @property
    def storage_client(self) -> BigQueryReadClient:
        """A Storage Read API client; without TLS and login only where an anonymous connection names an endpoint."""
        endpoint = self._get_field("storage_api_endpoint", None)
        if endpoint and self._get_field("is_anonymous", False):
            return anonymous_storage_client(endpoint)
        return storage_client(self.get_credentials(), endpoint)

    def start_query(
        self,
        statement: str,
        *,
        job_id: str,
        location: str,
        parameters: Mapping[str, Value],
        labels: Mapping[str, str],
        maximum_bytes_billed: int | None,
    ) -> bigquery.QueryJob:
        """Start a job and return it. If a job of this id exists already, return that one.

        :param location: where the job's tables are.
        :raises SourceUnusable: the statement, its tables or the rights on them are wrong.
        :raises SourceUnreachable: BigQuery did not answer.
        """
        config = bigquery.QueryJobConfig(
            query_parameters=[_parameter(name, value) for name, value in parameters.items()],
            labels=_labels(labels),
        )
        if maximum_bytes_billed is not None:
            config.maximum_bytes_billed = maximum_bytes_billed
        with explained(f"BigQuery job {job_id}"):
            try:
                return self.client.query(
                    statement,
                    job_config=config,
                    job_id=job_id,
                    location=location,
                    retry=self.retry,
                    job_retry=None,  # our job id names one job; a retry of the task has another id
                )
            except google_errors.Conflict:
                self.log.info("BigQuery job %s was started before; this task waits for it", job_id)
                return self.get_started(job_id, location)

    def get_started(self, job_id: str, location: str | None) -> bigquery.QueryJob:
        """Return a job that was started before, with its current state.

        Without ``location`` BigQuery finds only jobs in the multi-regions US and EU.
        """
        with explained(f"BigQuery job {job_id}"):
            return cast("bigquery.QueryJob", self.client.get_job(job_id, location=location, retry=self.retry))

    def finish(self, job: bigquery.QueryJob) -> None:
        """Wait until a job has finished.

        :raises SourceUnusable: the job failed, or somebody cancelled it.
        :raises SourceUnreachable: BigQuery did not answer, or this hook cancelled the job because the task was killed.
        """
        try:
            with explained(f"BigQuery job {job.job_id}"):
                job.result(retry=self.retry, job_retry=None)
        except SourceUnusable as error:
            if job.job_id not in self.cancelled:
                raise
            found = f"BigQuery job {job.job_id} was cancelled, because its task was killed"
            raise SourceUnreachable(f"{found}. The target is unchanged. Airflow tries the task again.") from error

    def asked_again(self, ask: Callable[[int], T]) -> T:
        """Return ``ask(1)``; while what it asks for is missing, ask again for ``retry_seconds``, with 2, 3, …

        A loader that replaces a table drops it first, and creates it again seconds later.
        """
        for number in range(1, MISSING_ASKS + 1):
            try:
                return ask(number)
            except (google_errors.NotFound, SourceUnusable) as error:
                if not is_missing(error):
                    raise
                self.log.info("A loader may be replacing the table, so it is asked for again. %s", error)
            time.sleep(self.retry_seconds / MISSING_ASKS)
        return ask(MISSING_ASKS + 1)

    def cancel(self, job_id: str, location: str | None) -> None:
        """Cancel a job; a job that has finished already is not affected."""
        self.cancelled.add(job_id)
        self.log.warning("Cancelling BigQuery job %s, because no task waits for it any more", job_id)
        with explained(f"BigQuery job {job_id}"):
            self.client.cancel_job(job_id, location=location, retry=self.retry)

    def rows(
        self,
        statement: str,
        parameters: Mapping[str, Value] | None = None,
        maximum_bytes_billed: int | None = None,
        *,
        location: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> list[dict[str, Any]]:
        """Run a query that returns a few rows, and return them.

        :param location: where its tables are; else the connection's location.
        :param labels: what it is for, ``{"purpose": "totals"}``; BigQuery's bills and job lists have them.
        """
        config = bigquery.QueryJobConfig(
            query_parameters=[_parameter(name, value) for name, value in (parameters or {}).items()],
            labels=_labels(labels or {}),
        )
        if maximum_bytes_billed is not None:
            config.maximum_bytes_billed = maximum_bytes_billed
        with explained("BigQuery query"):
            found = self.client.query_and_wait(
                statement, job_config=config, location=location, retry=self.retry, job_retry=self.job_retry
            )
            return [dict(row.items()) for row in found]

    def bytes_of(
        self, statement: str, parameters: Mapping[str, Value] | None = None, location: str | None = None
    ) -> int:
        """Return how many bytes a statement would read, by a dry run, which costs nothing and changes nothing.

        BigQuery checks the statement, its tables and the rights on them, that to create a table included. Of clustered
        tables it returns the most that could be read.
        """
        config = bigquery.QueryJobConfig(
            query_parameters=[_parameter(name, value) for name, value in (parameters or {}).items()],
            dry_run=True,
            use_query_cache=False,
        )
        with explained("BigQuery dry run"):
            client = self.client
            job = client.query(statement, job_config=config, location=location, retry=self.retry, job_retry=None)
            return int(job.total_bytes_processed or 0)

    def drop(self, table: str) -> None:
        """Delete a table of ours; one that is gone already is none to delete."""
        with explained(f"deleting BigQuery table {table}"):
            self.client.delete_table(table, not_found_ok=True, retry=self.retry)

    def facts_of(self, table: str) -> TableFacts:
        """Return what BigQuery says of a table or view.

        A missing one is asked for again.

        :raises SourceUnusable: it stays missing, or the account may not read it.
        """
        with explained(f"BigQuery table {table}"):
            client = self.client
            name = qualified(table, client.project)
            return _facts(name, self.asked_again(lambda _: client.get_table(name, retry=self.retry)))

    def tables_like(self, pattern: str) -> list[str]:
        """Return the tables whose name begins as the pattern ``amazon.sqp_*`` does, by name.

        :raises SourceUnusable: there is none.
        """
        dataset, prefix = pattern.removesuffix("*").rsplit(".", 1)
        with explained(f"BigQuery dataset {dataset}"):
            client = self.client
            found = client.list_tables(dataset if "." in dataset else f"{client.project}.{dataset}", retry=self.retry)
            names = sorted(table.table_id for table in found if table.table_id.startswith(prefix))
        if not names:
            raise SourceUnusable(
                f"BigQuery dataset {dataset} has no table whose name begins with {prefix}. The target is unchanged. "
                "Check source.table in sqp_config.yaml."
            )
        return [f"{dataset}.{name}" for name in names]

    def location_of(self, dataset: str) -> str:
        """Return the location of a dataset, ``europe-west3``. The dataset's name may include its project.

        :raises SourceUnusable: the dataset is missing, or the account may not read it.
        """
        with explained(f"BigQuery dataset {dataset}"):
            client = self.client
            name = dataset if "." in dataset else f"{client.project}.{dataset}"
            return str(client.get_dataset(name, retry=self.retry).location)


def _facts(name: str, table: bigquery.Table) -> TableFacts:
    by_time, by_number = table.time_partitioning, table.range_partitioning
    column = (by_time.field or "_PARTITIONTIME") if by_time else by_number.field if by_number else None
    return TableFacts(
        name=name,
        kind=table.table_type or "TABLE",
        columns=dict(_columns(table.schema)),
        partitioned_by=column,
        partition_unit=by_time.type_ if by_time else None,
        requires_filter=bool(table.require_partition_filter),
        clustered_by=tuple(table.clustering_fields or ()),
        location=table.location,
        row_count=table.num_rows,
        byte_count=table.num_bytes,
    )


def _columns(fields: Iterable[bigquery.SchemaField], path: str = "") -> Iterator[tuple[str, str]]:
    for field in fields:
        yield path + field.name, f"{field.field_type} {field.mode}"
        yield from _columns(field.fields, f"{path}{field.name}.")


def qualified(table: str, project: str) -> str:
    """Return ``project.dataset.table`` for a table that is named with or without its project."""
    return table if table.count(".") >= 2 else f"{project}.{table}"


def _labels(labels: Mapping[str, str]) -> dict[str, str]:
    return {"product": "sqp-sync", **labels}


def _parameter(name: str, value: Value) -> bigquery.ScalarQueryParameter:
    return bigquery.ScalarQueryParameter(name, _TYPES[type(value)], value)
