"""Read a snapshot as Arrow batches in threads, with only a few batches in memory."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import TypeVar, cast

import pyarrow as pa
import pyarrow.compute as pc
from google.api_core import exceptions as google_errors
from google.api_core.retry import Retry, if_exception_type
from google.cloud.bigquery_storage_v1 import BigQueryReadClient, types

from sqp_provider.hooks.bigquery import SqpBigQueryHook
from sqp_provider.hooks.bigquery_errors import expired, explained, reason_of, said_by
from sqp_provider.hooks.bigquery_storage import ReceivedRows
from sqp_provider.source.threads import BATCHES_WAITING, PIECES_WAITING, interleaved

log = logging.getLogger(__name__)

REST_PAGE_ROWS = 20_000

OPENING_SECONDS = 60.0
"""How long a read session may take to open, each time that it is tried."""

RECONNECTS = 20
"""How often a stream that is cut goes on where it was cut, beside what Google's client does by itself."""

_SILENT = (google_errors.ServiceUnavailable, google_errors.DeadlineExceeded)
"""Nobody answers: a firewall, a private endpoint of another network, or an outage."""

NO_STORAGE = (google_errors.PermissionDenied, google_errors.RetryError, *_SILENT)
"""A read session cannot be opened, and REST is used instead."""

_CUT = (*_SILENT, google_errors.InternalServerError, google_errors.Unknown)
"""The connection was lost. Google's client goes on by itself after some of these, and not after a bare INTERNAL."""

_WITHOUT_STORAGE = "The Storage Read API cannot be used (%s). The rows are read over REST, about ten times slower. %s"

T = TypeVar("T")
Prepared = Callable[[pa.RecordBatch], Iterator[T]]
"""Prepares a batch. The reading threads call it, so that it runs beside the consumer."""


class SnapshotReader:
    """The rows of one snapshot table, ``project.dataset.table``.

    :param streams: how many streams are read at once. Each has a thread, which needs the memory of a few messages.
    """

    def __init__(self, hook: SqpBigQueryHook, table: str, streams: int = 1) -> None:
        self.hook = hook
        self.table = table
        self.streams = streams

    def accepted(self, columns: Sequence[str], prepared: Prepared[T]) -> Generator[T]:
        """Yield the clean rows, prepared by the threads that read them. The columns have the given order."""
        return self._prepared(columns, prepared, rejected=False)

    def rejected(self) -> Iterator[pa.RecordBatch]:
        """Yield the malformed rows: ``reject_reason`` and ``raw``."""
        return self._prepared(("reject_reason", "raw"), as_it_is, rejected=True)

    def _prepared(self, columns: Sequence[str], prepared: Prepared[T], *, rejected: bool) -> Generator[T]:
        with explained(f"reading snapshot {self.table}"):
            try:
                yield from self._over_any(columns, prepared, rejected=rejected)
            except google_errors.NotFound as error:
                raise expired(self.table) from error

    def _over_any(self, columns: Sequence[str], prepared: Prepared[T], *, rejected: bool) -> Iterator[T]:
        opened = self._open_session(columns, rejected=rejected) if self.hook.storage_usable else None
        if opened is None:
            for batch in self._over_rest(columns, rejected=rejected):
                yield from prepared(batch)
            return
        client, session = opened
        schema = pa.ipc.read_schema(pa.py_buffer(session.arrow_schema.serialized_schema))

        def read(stream: types.ReadStream) -> Iterator[T]:
            for message in self._messages(client, stream):
                batch = pa.ipc.read_record_batch(pa.py_buffer(message.take()), schema).select(list(columns))
                yield from prepared(batch)
                del batch  # it has tens of megabytes, and the next message needs as many

        streams = [read(stream) for stream in session.streams]
        waiting = BATCHES_WAITING if rejected else PIECES_WAITING
        yield from interleaved(streams, client.transport.close, waiting=waiting)

    def _messages(self, client: BigQueryReadClient, stream: types.ReadStream) -> Iterator[ReceivedRows]:
        """Yield a stream's messages. After a cut go on with the first row that has not come."""
        retry = Retry(predicate=if_exception_type(*_CUT), initial=0.1, maximum=5, timeout=self.hook.retry_seconds)
        came = 0
        for cuts in range(RECONNECTS + 1):
            try:
                for message in cast("Iterable[ReceivedRows]", client.read_rows(stream.name, came, retry=retry)):
                    came += message.row_count
                    yield message
                return
            except _CUT as error:
                if cuts == RECONNECTS:
                    raise
                log.info("The stream was cut after %s rows and goes on there: %s", f"{came:,}", error.message)

    def _open_session(
        self, columns: Sequence[str], *, rejected: bool
    ) -> tuple[BigQueryReadClient, types.ReadSession] | None:
        """Open a read session, or warn once and return None if the Storage Read API cannot be used."""
        project, dataset, table = self.table.rsplit(".", 2)
        options = types.ReadSession.TableReadOptions(
            selected_fields=list(columns),
            row_restriction=f"reject_reason is {'not ' if rejected else ''}null",
        )
        session = types.ReadSession(
            table=f"projects/{project}/datasets/{dataset}/tables/{table}",
            data_format=types.DataFormat.ARROW,
            read_options=options,
        )
        retry = Retry(predicate=if_exception_type(*_SILENT), initial=0.1, maximum=5, timeout=self.hook.retry_seconds)
        client = self.hook.storage_client
        try:
            return client, client.create_read_session(
                parent=f"projects/{self.hook.project_id}",
                read_session=session,
                max_stream_count=self.streams,
                retry=retry,
                timeout=OPENING_SECONDS,
            )
        except NO_STORAGE as error:
            client.transport.close()
            self.hook.storage_usable = False
            log.warning(_WITHOUT_STORAGE, said_by(error), storage_remedy(error))
            return None

    def _over_rest(self, columns: Sequence[str], *, rejected: bool) -> Iterator[pa.RecordBatch]:
        client = self.hook.client
        wanted = [*dict.fromkeys([*columns, "reject_reason"])]
        table = client.get_table(self.table, retry=self.hook.retry)
        fields = [field for field in table.schema if field.name in wanted]
        rows = client.list_rows(table, selected_fields=fields, page_size=REST_PAGE_ROWS, retry=self.hook.retry)
        for batch in rows.to_arrow_iterable(bqstorage_client=None):
            reason = batch.column("reject_reason")
            kept = batch.filter(pc.is_valid(reason) if rejected else pc.is_null(reason))
            yield kept.select(list(columns))


def storage_remedy(error: google_errors.GoogleAPIError) -> str:
    """Return what makes the Storage Read API usable."""
    if not isinstance(error, google_errors.PermissionDenied):
        return (
            "Open the way from the workers to bigquerystorage.googleapis.com, port 443, or name your own endpoint as "
            "storage_api_endpoint in the connection's extra."
        )
    if reason_of(error) == "accessNotConfigured":
        return "Enable the BigQuery Storage API in the connection's project."
    return "Give the connection's account the role BigQuery Read Session User."


def as_it_is(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Yield the batch without preparing it."""
    yield batch
