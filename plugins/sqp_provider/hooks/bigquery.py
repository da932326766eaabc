"""BigQuery: run a job with an id of our own, run small queries, and open a Storage Read API client."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any, cast

import grpc
import requests.exceptions
from airflow.providers.google.cloud.hooks.bigquery import BigQueryHook
from google.api_core import exceptions as google_errors
from google.api_core.client_options import ClientOptions
from google.auth import exceptions as auth_errors
from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_RETRY
from google.cloud.bigquery_storage_v1 import BigQueryReadClient
from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport

from sqp_provider.core.errors import SourceUnreachable, SourceUnusable, SyncError
from sqp_provider.core.table_facts import TableFacts

# BigQuery's reasons (its "Error messages" page) say more than the HTTP status.
_HEALING = {
    "backendError",
    "internalError",
    "jobBackendError",
    "jobInternalError",
    "jobRateLimitExceeded",
    "quotaExceeded",
    "rateLimitExceeded",
    "resourceInUse",
    "tableUnavailable",
    "timeout",
}
_REMEDIES = {
    "accessDenied": "Give the connection's account BigQuery Data Viewer, Job User and Read Session User, "
    "and Data Editor on the staging dataset.",
    "bytesBilledLimitExceeded": "Raise source.maximum_bytes_billed, or partition the table by its date.",
    "notFound": "Check source.table and source.staging_dataset in sqp_config.yaml, and that both exist.",
}
_TYPES = {date: "DATE", str: "STRING", bool: "BOOL", int: "INT64"}

Value = date | str | bool | int
"""What a parameter of a statement can be."""

_ELSE = "Check source in sqp_config.yaml."
_AGAIN = "Airflow tries the task again. If it fails again, clear the task when BigQuery is back."


class SqpBigQueryHook(BigQueryHook):
    """The Google provider's hook with a storage client, explained errors and endpoints for each connection.

    A connection's extra can name the ``api_endpoint`` and ``storage_api_endpoint`` (``127.0.0.1:9060``) of an
    emulator. Without them the hook calls Google.
    """

    def __init__(self, gcp_conn_id: str = "sqp_bigquery", *, retry_seconds: float = 60, **kwargs: Any) -> None:
        super().__init__(gcp_conn_id=gcp_conn_id, use_legacy_sql=False, **kwargs)
        self.retry = DEFAULT_RETRY.with_timeout(retry_seconds)

    def get_client_options(self, api_endpoint_override: str | None = None) -> ClientOptions:
        """Return the options with the connection's own ``api_endpoint``, if it has one."""
        return super().get_client_options(api_endpoint_override or self._get_field("api_endpoint", None))

    @property
    def client(self) -> bigquery.Client:
        """A client with the connection's project and location."""
        return self.get_client(project_id=self.project_id, location=self.location)

    @property
    def storage_client(self) -> BigQueryReadClient:
        """A Storage Read API client; without TLS only if the connection names an emulator's endpoint."""
        endpoint = self._get_field("storage_api_endpoint", None)
        if not endpoint:
            return BigQueryReadClient(credentials=self.get_credentials())
        channel = grpc.insecure_channel(endpoint, options=[("grpc.max_receive_message_length", -1)])
        return BigQueryReadClient(transport=BigQueryReadGrpcTransport(channel=channel))

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
            labels=dict(labels),
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

    def cancel(self, job_id: str, location: str | None) -> None:
        """Cancel a job; a job that has finished already is not affected."""
        self.log.warning("Cancelling BigQuery job %s, because no task waits for it any more", job_id)
        with explained(f"BigQuery job {job_id}"):
            self.client.cancel_job(job_id, location=location, retry=self.retry)

    def rows(
        self,
        statement: str,
        parameters: Mapping[str, Value] | None = None,
        maximum_bytes_billed: int | None = None,
    ) -> list[dict[str, Any]]:
        """Run a query that returns a few rows, and return them."""
        config = bigquery.QueryJobConfig(
            query_parameters=[_parameter(name, value) for name, value in (parameters or {}).items()]
        )
        if maximum_bytes_billed is not None:
            config.maximum_bytes_billed = maximum_bytes_billed
        with explained("BigQuery query"):
            found = self.client.query_and_wait(statement, job_config=config, retry=self.retry)
            return [dict(row.items()) for row in found]

    def facts_of(self, table: str) -> TableFacts:
        """Return what BigQuery says of a table or view.

        :raises SourceUnusable: it is missing, or the account may not read it.
        """
        with explained(f"BigQuery table {table}"):
            client = self.client
            name = qualified(table, client.project)
            return _facts(name, client.get_table(name, retry=self.retry))

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


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn Google's exceptions into ours: SourceUnusable, or SourceUnreachable if a retry may help."""
    try:
        yield
    except SyncError:
        raise
    except google_errors.GoogleAPIError as error:
        reason = _reason(error)
        if _heals(error, reason):
            raise SourceUnreachable(_message(what, "did not succeed", error, _AGAIN)) from error
        raise SourceUnusable(_message(what, "was refused", error, _REMEDIES.get(reason, _ELSE))) from error
    except (requests.exceptions.RequestException, grpc.RpcError, auth_errors.TransportError, OSError) as error:
        raise SourceUnreachable(_message(what, "did not succeed", error, _AGAIN)) from error
    except auth_errors.GoogleAuthError as error:
        remedy = "Check the credentials of the connection source.conn_id names."
        raise SourceUnusable(_message(what, "was refused", error, remedy)) from error


def _reason(error: google_errors.GoogleAPIError) -> str:
    """Return BigQuery's reason, or the reason that the HTTP status stands for if BigQuery gives none."""
    for detail in getattr(error, "errors", None) or ():
        if isinstance(detail, Mapping) and detail.get("reason"):
            return str(detail["reason"])
    if isinstance(error, google_errors.NotFound):
        return "notFound"
    return "accessDenied" if isinstance(error, google_errors.Forbidden) else ""


def _heals(error: google_errors.GoogleAPIError, reason: str) -> bool:
    if reason in _HEALING:
        return True
    if reason in _REMEDIES:
        return False
    return not isinstance(error, (google_errors.BadRequest, google_errors.Unauthorized))


def _message(what: str, outcome: str, error: Exception, remedy: str) -> str:
    found = " ".join(str(getattr(error, "message", error)).split())[:600]
    return f"{what} {outcome}: {found}. The target is unchanged. {remedy}"


def _parameter(name: str, value: Value) -> bigquery.ScalarQueryParameter:
    return bigquery.ScalarQueryParameter(name, _TYPES[type(value)], value)
