"""A Storage Read API client that keeps little in memory: it reads a bounded number of bytes ahead and copies less."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import grpc
from google.api_core.client_options import ClientOptions
from google.cloud.bigquery_storage_v1 import BigQueryReadClient, types
from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport

READ_AHEAD_BYTES = 4 * 2**20
"""How much of a stream may arrive before it is asked for: a round trip of 40 ms still lets 100 MB a second through."""

READ_AHEAD = (("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", READ_AHEAD_BYTES))
"""Else gRPC enlarges what it reads ahead for as long as the network is faster than the consumer."""

_ANY_SIZE = (("grpc.max_receive_message_length", -1),)

_ROW_COUNT, _RECORD_BATCH, _SERIALIZED = 6, 4, 1
"""Numbers of fields: ``ReadRowsResponse.row_count`` and ``.arrow_record_batch``, and the latter's bytes."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
"""How protobuf encodes a field's value."""


def storage_client(credentials: Any, endpoint: str | None) -> BigQueryReadClient:
    """Return a client with a login, for Google's endpoint unless another is named."""
    options = ClientOptions(api_endpoint=endpoint)
    return BigQueryReadClient(credentials=credentials, client_options=options, transport=StorageTransport)


def anonymous_storage_client(endpoint: str) -> BigQueryReadClient:
    """Return a client without TLS and login, for an emulator."""
    channel = grpc.insecure_channel(endpoint, options=[*_ANY_SIZE, *READ_AHEAD])
    return BigQueryReadClient(transport=StorageTransport(channel=channel))


class StorageTransport(BigQueryReadGrpcTransport):
    """Google's transport, with :data:`READ_AHEAD`. The messages of a stream arrive as :class:`ReceivedRows`."""

    @classmethod
    def create_channel(cls, *args: Any, options: Any = (), **kwargs: Any) -> grpc.Channel:
        """Open the channel as Google's transport does, with the options above."""
        return super().create_channel(*args, options=[*options, *READ_AHEAD], **kwargs)

    @property
    def read_rows(self) -> Callable[..., Any]:
        """The method ``ReadRows``."""
        if "read_rows" not in self._stubs:
            self._stubs["read_rows"] = self.grpc_channel.unary_stream(
                "/google.cloud.bigquery.storage.v1.BigQueryRead/ReadRows",
                request_serializer=types.ReadRowsRequest.serialize,
                response_deserializer=ReceivedRows,
            )
        return self._stubs["read_rows"]


class ReceivedRows:
    """What we need of a ``ReadRowsResponse``, without copying its rows.

    A message has megabytes. Google's class copies them when it parses the message, and again for whoever asks for them.

    >>> ReceivedRows(bytes([0x22, 0x03, 0x0A, 0x01, 0x7F, 0x30, 0x05])).row_count
    5

    :raises ValueError: the message ends within a field, or has a field of an unknown kind.
    """

    def __init__(self, message: bytes) -> None:
        self.row_count = 0
        self._batch = memoryview(b"")
        for number, value in _fields(memoryview(message)):
            if number == _ROW_COUNT and isinstance(value, int):
                self.row_count = value
            elif number == _RECORD_BATCH and isinstance(value, memoryview):
                self._batch = next((found for inner, found in _fields(value) if inner == _SERIALIZED), self._batch)

    def take(self) -> memoryview:
        """Return the rows as Arrow serialized them, and let go of them. Google's iterator keeps the message itself."""
        batch, self._batch = self._batch, memoryview(b"")
        return batch


def _fields(message: memoryview) -> Iterator[tuple[int, Any]]:
    """Yield the number and the value of each field; bytes are views of the message, and fixed numbers are left out."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if kind == _BYTES:
            size, at = _varint(message, at)
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"field {number} of a message from BigQuery is of the unknown kind {kind}")
        if at + size > len(message):
            raise ValueError(f"a message from BigQuery ends within its field {number}")
        if kind == _BYTES:
            yield number, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Return the number that begins at a byte, of which each byte has seven bits, and where the next begins."""
    value = shift = 0
    while at < len(message):
        byte, at = message[at], at + 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError("a message from BigQuery ends within a number")
