"""The Storage Read API for Google's own client: the emulator's rows in small messages, and what a test breaks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import pyarrow as pa
from google.cloud.bigquery_storage_v1 import BigQueryReadClient, types
from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status


@dataclass
class Cut:
    """An end of a stream that Google did not mean."""

    after_messages: int
    code: grpc.StatusCode
    message: str
    error_info: str | None = None


@dataclass
class Storage:
    """The service BigQueryRead, and what it was asked for."""

    rows_per_message: int = 100
    sessions: list[dict[str, str]] = field(default_factory=list)
    """The metadata of each read session that was asked for."""
    offsets: list[int] = field(default_factory=list)
    """Where each reading of a stream began."""
    session_error: Cut | None = None
    """What happens to every read session."""
    cuts: list[Cut | None] = field(default_factory=list)
    """What happens to the next readings of streams."""

    def __post_init__(self) -> None:
        endpoint = os.environ["SQP_BIGQUERY_STORAGE_ENDPOINT"]
        channel = grpc.insecure_channel(endpoint, options=[("grpc.max_receive_message_length", -1)])
        self._emulator = BigQueryReadClient(transport=BigQueryReadGrpcTransport(channel=channel))
        self._schemas: dict[str, Any] = {}

    def service(self) -> grpc.GenericRpcHandler:
        """What a gRPC server serves."""
        create: Any = grpc.unary_unary_rpc_method_handler(
            self._create_read_session, types.CreateReadSessionRequest.deserialize, types.ReadSession.serialize
        )
        read: Any = grpc.unary_stream_rpc_method_handler(
            self._read_rows, types.ReadRowsRequest.deserialize, types.ReadRowsResponse.serialize
        )
        methods = {"CreateReadSession": create, "ReadRows": read}
        return grpc.method_handlers_generic_handler("google.cloud.bigquery.storage.v1.BigQueryRead", methods)

    def _create_read_session(
        self, request: types.CreateReadSessionRequest, call: grpc.ServicerContext
    ) -> types.ReadSession:
        self.sessions.append({str(key): str(value) for key, value in call.invocation_metadata()})
        if self.session_error:
            _abort(call, self.session_error)
        session = self._emulator.create_read_session(request)
        schema = pa.ipc.read_schema(pa.BufferReader(session.arrow_schema.serialized_schema))
        self._schemas.update((stream.name, schema) for stream in session.streams)
        return session

    def _read_rows(
        self, request: types.ReadRowsRequest, call: grpc.ServicerContext
    ) -> Iterator[types.ReadRowsResponse]:
        self.offsets.append(request.offset)
        cut = self.cuts.pop(0) if self.cuts else None
        number = 0
        for number, message in enumerate(self._messages(request), start=1):
            if cut and number > cut.after_messages:
                break
            yield message
        if cut:
            _abort(call, cut)

    def _messages(self, request: types.ReadRowsRequest) -> Iterator[types.ReadRowsResponse]:
        schema = self._schemas[request.read_stream]
        batches = [
            pa.ipc.read_record_batch(pa.BufferReader(sent.arrow_record_batch.serialized_record_batch), schema)
            for sent in self._emulator.read_rows(request.read_stream)
        ]
        rows = pa.Table.from_batches(batches, schema).combine_chunks().slice(request.offset)
        for batch in rows.to_batches(max_chunksize=self.rows_per_message):
            content = types.ArrowRecordBatch(serialized_record_batch=batch.serialize().to_pybytes())
            yield types.ReadRowsResponse(arrow_record_batch=content, row_count=batch.num_rows)


def _abort(call: grpc.ServicerContext, cut: Cut) -> None:
    status = status_pb2.Status(code=cut.code.value[0], message=cut.message)
    if cut.error_info:
        status.details.add().Pack(error_details_pb2.ErrorInfo(reason=cut.error_info, domain="googleapis.com"))
    call.abort_with_status(rpc_status.to_status(status))
