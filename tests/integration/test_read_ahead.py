"""How much of a stream arrives that nobody has asked for yet, from a gRPC server that counts what it could send."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.bigquery_storage_v1 import BigQueryReadClient, types

from sqp_provider.hooks.bigquery_storage import READ_AHEAD_BYTES, StorageTransport, anonymous_storage_client
from tests.certificates import certificate

MESSAGE_BYTES = 2**20
READ_FAST = 200
"""So many messages are read without a pause, in which gRPC learns how fast the network is."""

MOST_AHEAD = READ_AHEAD_BYTES // MESSAGE_BYTES + 4
"""In messages: what may be read ahead, one that is being taken apart, one in the server's hands, and the sockets."""


class CountingServer:
    """A stream of messages without an end. It knows how many it has sent, and when one too many."""

    def __init__(self) -> None:
        self.sent = 0
        self.too_many = threading.Event()
        self.key, self.pem = certificate("localhost")
        read = grpc.unary_stream_rpc_method_handler(self._read_rows)
        service = grpc.method_handlers_generic_handler(
            "google.cloud.bigquery.storage.v1.BigQueryRead", {"ReadRows": read}
        )
        self.server = grpc.server(ThreadPoolExecutor(1), handlers=[service])
        self.plain = f"localhost:{self.server.add_insecure_port('localhost:0')}"
        tls = grpc.ssl_server_credentials([(self.key, self.pem)])
        self.with_tls = f"localhost:{self.server.add_secure_port('localhost:0', tls)}"
        self.server.start()

    def _read_rows(self, request: bytes, call: grpc.ServicerContext) -> Iterator[bytes]:
        content = types.ArrowRecordBatch(serialized_record_batch=bytes(MESSAGE_BYTES))
        message = types.ReadRowsResponse.serialize(types.ReadRowsResponse(arrow_record_batch=content, row_count=1))
        while True:
            self.sent += 1
            if self.sent > READ_FAST + MOST_AHEAD:
                self.too_many.set()
            yield message


@pytest.fixture
def server() -> Iterator[CountingServer]:
    """A server of one stream."""
    counting = CountingServer()
    yield counting
    counting.server.stop(None).wait()


def anonymous(server: CountingServer) -> BigQueryReadClient:
    """The client of an anonymous connection."""
    return anonymous_storage_client(server.plain)


def with_login(server: CountingServer) -> BigQueryReadClient:
    """The client of a connection with a login: its channel is opened by the same method."""
    trusted = grpc.ssl_channel_credentials(server.pem)
    login = AnonymousCredentials()  # type: ignore[no-untyped-call]
    channel = StorageTransport.create_channel(server.with_tls, credentials=login, ssl_credentials=trusted)
    return BigQueryReadClient(transport=StorageTransport(channel=channel))


@pytest.mark.parametrize("opened", [anonymous, with_login])
def test_a_server_can_send_only_a_little_while_nobody_reads(
    server: CountingServer, opened: Callable[[CountingServer], BigQueryReadClient]
) -> None:
    client = opened(server)
    stream = iter(client.read_rows("stream"))
    for _ in range(READ_FAST):
        next(stream)
    assert not server.too_many.wait(0.5)
    assert server.sent >= READ_FAST
    client.transport.close()
