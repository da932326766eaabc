"""BigQuery: run a job under an id of our own, read one row, read a table as Arrow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any, cast

import grpc
import requests.exceptions
from airflow.providers.google.cloud.hooks.bigquery import BigQueryHook
from google.api_core import exceptions as google_errors
from google.api_core.client_options import ClientOptions
from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_RETRY
from google.cloud.bigquery_storage_v1 import BigQueryReadClient
from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport

from sqp_provider.core.errors import SourceUnreachable, SourceUnusable, SyncError

_BUSY_REASONS = ("rateLimitExceeded", "quotaExceeded", "backendError", "jobRateLimitExceeded")


class SqpBigQueryHook(BigQueryHook):
    """The Google provider's hook with a storage client, explained errors and per-connection endpoints.

    A connection's extra may name ``api_endpoint`` and ``storage_api_endpoint`` (``127.0.0.1:9060``) for an
    emulator; without them it talks to Google.
    """

    def __init__(self, gcp_conn_id: str = "sqp_bigquery", *, retry_seconds: float = 60, **kwargs: Any) -> None:
        super().__init__(gcp_conn_id=gcp_conn_id, use_legacy_sql=False, **kwargs)
        self.retry = DEFAULT_RETRY.with_timeout(retry_seconds)

    def get_client_options(self, api_endpoint_override: str | None = None) -> ClientOptions:
        """Return the options with the connection's own ``api_endpoint``, where it has one."""
        return super().get_client_options(api_endpoint_override or self._get_field("api_endpoint", None))

    @property
    def client(self) -> bigquery.Client:
        """A client of the connection's project and location."""
        return self.get_client(project_id=self.project_id, location=self.location)

    @property
    def storage_client(self) -> BigQueryReadClient:
        """A Storage Read API client; without TLS only where the connection names an emulator's endpoint."""
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
        parameters: Mapping[str, date | str],
        labels: Mapping[str, str],
        maximum_bytes_billed: int | None,
    ) -> bigquery.QueryJob:
        """Start a job where its tables are and return it; one of that id that exists already is returned instead.

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
                    job_retry=None,  # a job id of ours is good for one job; the task's retries make a new one
                )
            except google_errors.Conflict:
                self.log.info("BigQuery job %s exists already; waiting for it instead of starting it twice", job_id)
                return self.get_started(job_id, location)

    def get_started(self, job_id: str, location: str | None) -> bigquery.QueryJob:
        """Return a job that was started before, in the state it has now.

        BigQuery finds a job without its ``location`` only in the multi-regions US and EU.
        """
        with explained(f"BigQuery job {job_id}"):
            return cast("bigquery.QueryJob", self.client.get_job(job_id, location=location, retry=self.retry))

    def cancel(self, job_id: str, location: str | None) -> None:
        """Ask BigQuery to end a job; one that has ended already is left alone."""
        self.log.warning("Cancelling BigQuery job %s: nobody waits for it any more", job_id)
        with explained(f"BigQuery job {job_id}"):
            self.client.cancel_job(job_id, location=location, retry=self.retry)

    def first_row(self, statement: str, parameters: Mapping[str, date | str] | None = None) -> dict[str, Any]:
        """Run a short query and return its first row."""
        config = bigquery.QueryJobConfig(
            query_parameters=[_parameter(name, value) for name, value in (parameters or {}).items()]
        )
        with explained("BigQuery query"):
            rows = self.client.query_and_wait(statement, job_config=config, retry=self.retry)
            return dict(next(iter(rows)).items())

    def columns_of(self, table: str) -> dict[str, str]:
        """Return the types of a table's columns by name, ``{"start_date": "DATE"}``."""
        client = self.client
        with explained(f"BigQuery table {table}"):
            found = client.get_table(qualified(table, client.project), retry=self.retry)
            return {field.name: f"{field.field_type} {field.mode}" for field in found.schema}

    def location_of(self, dataset: str) -> str:
        """Return where a dataset is, ``europe-west3``; it may be named with or without its project.

        :raises SourceUnusable: it is not there, or not for us.
        """
        client = self.client
        with explained(f"BigQuery dataset {dataset}"):
            name = dataset if "." in dataset else f"{client.project}.{dataset}"
            return str(client.get_dataset(name, retry=self.retry).location)


def qualified(table: str, project: str) -> str:
    """Return ``project.dataset.table`` for a table named with or without its project."""
    return table if table.count(".") >= 2 else f"{project}.{table}"


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn Google's exceptions into ours: what cannot heal fails at once, the rest is tried again."""
    try:
        yield
    except SyncError:
        raise
    except google_errors.NotFound as error:
        raise SourceUnusable(
            _message(
                what,
                "was not found",
                error,
                "Check source.table and source.staging_dataset in sqp_config.yaml, and that both exist.",
            )
        ) from error
    except google_errors.Forbidden as error:
        if any(reason in str(error) for reason in _BUSY_REASONS):
            raise SourceUnreachable(_message(what, "was refused for now", error, "It is tried again.")) from error
        remedy = (
            "Give the connection's account BigQuery Data Viewer, Job User and Read Session User, "
            "and Data Editor on the staging dataset."
        )
        raise SourceUnusable(_message(what, "is not permitted", error, remedy)) from error
    except (google_errors.BadRequest, google_errors.Unauthorized) as error:
        raise SourceUnusable(_message(what, "was refused", error, "Check source in sqp_config.yaml.")) from error
    except (
        google_errors.GoogleAPIError,
        requests.exceptions.RequestException,
        grpc.RpcError,
        OSError,
    ) as error:
        raise SourceUnreachable(_message(what, "did not succeed", error, "It is tried again.")) from error


def _message(what: str, outcome: str, error: Exception, remedy: str) -> str:
    found = " ".join(str(getattr(error, "message", error)).split())[:600]
    return f"{what} {outcome}: {found}. The target is untouched. {remedy}"


def _parameter(name: str, value: date | str) -> bigquery.ScalarQueryParameter:
    return bigquery.ScalarQueryParameter(name, "DATE" if isinstance(value, date) else "STRING", value)
