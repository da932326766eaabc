"""A snapshot over the Storage Read API, through Google's own client: cut streams, blocked endpoints, TLS."""

from __future__ import annotations

import logging
import select
import socket
import socketserver
import threading
from collections.abc import Iterator
from uuid import uuid4

import grpc
import pytest
from google.cloud import bigquery

from sqp_provider.core.errors import SourceUnreachable
from sqp_provider.hooks.bigquery import SqpBigQueryHook
from sqp_provider.source import snapshot_reader
from sqp_provider.source.snapshot_reader import SnapshotReader, as_it_is
from tests.certificates import certificate
from tests.google_server import GoogleServer
from tests.google_storage import Cut

ROWS = 1_000
INTERNAL, UNAVAILABLE, UNKNOWN = grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNKNOWN
RST_STREAM = "Received RST_STREAM with error code 2"


@pytest.fixture(scope="module")
def snapshot(bigquery_client: bigquery.Client, dataset: str) -> str:
    """A snapshot of 1,000 clean rows, numbered from 1."""
    table = f"{dataset}.snapshot_{uuid4().hex[:8]}"
    bigquery_client.query_and_wait(
        f"create table {table} as select number, cast(null as string) as reject_reason, cast(null as string) as raw"
        f" from unnest(generate_array(1, {ROWS})) as number"
    )
    return f"{bigquery_client.project}.{table}"


def read(snapshot: str, retry_seconds: float = 5) -> list[int]:
    """The rows' numbers, as they come."""
    reader = SnapshotReader(SqpBigQueryHook(retry_seconds=retry_seconds), snapshot)
    return [number for batch in reader.accepted(["number"], as_it_is) for number in batch.column(0).to_pylist()]


EVERY_ROW = list(range(1, ROWS + 1))


@pytest.mark.parametrize(
    "cut",
    [
        pytest.param(Cut(3, INTERNAL, RST_STREAM), id="RST_STREAM"),
        pytest.param(Cut(3, INTERNAL, "stream terminated"), id="INTERNAL"),
        pytest.param(Cut(3, UNAVAILABLE, "Socket closed"), id="UNAVAILABLE"),
        pytest.param(Cut(3, UNKNOWN, "Stream removed"), id="UNKNOWN"),
        pytest.param(Cut(3, grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded"), id="DEADLINE_EXCEEDED"),
    ],
)
def test_a_stream_that_is_cut_goes_on_with_the_row_it_was_cut_at(google: GoogleServer, snapshot: str, cut: Cut) -> None:
    google.storage.cuts = [cut, cut]
    assert sorted(read(snapshot)) == EVERY_ROW
    assert google.storage.offsets == [0, 300, 600]


class Line(socketserver.ThreadingTCPServer):
    """A line to a server that breaks once, after so many bytes of its answers."""

    def __init__(self, endpoint: str, breaks_after: int) -> None:
        super().__init__(("127.0.0.1", 0), Ends)
        host, port = endpoint.split(":")
        self.server_end = host, int(port)
        self.breaks_after = breaks_after
        self.is_broken = False
        self.endpoint = f"127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class Ends(socketserver.BaseRequestHandler):
    """One connection over the line."""

    server: Line

    def handle(self) -> None:
        with socket.create_connection(self.server.server_end) as far:
            other, came = {far: self.request, self.request: far}, 0
            while True:
                for end in select.select(list(other), [], [])[0]:
                    if not (data := end.recv(1024)):
                        return
                    other[end].sendall(data)
                    came += len(data) if end is far else 0
                    if came >= self.server.breaks_after and not self.server.is_broken:
                        self.server.is_broken = True
                        return


def test_a_connection_that_breaks_is_opened_again_and_no_row_is_lost_or_doubled(
    google: GoogleServer, snapshot: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Line(google.storage_endpoint, breaks_after=6_000) as line:
        monkeypatch.setenv("AIRFLOW_CONN_SQP_BIGQUERY", google.connection(storage_api_endpoint=line.endpoint))
        assert sorted(read(snapshot)) == EVERY_ROW
    assert line.is_broken
    assert google.storage.offsets[0] == 0
    assert 0 <= google.storage.offsets[1] < ROWS  # a reset may discard what had arrived and nobody had read


@pytest.mark.parametrize("code", [INTERNAL, UNAVAILABLE, UNKNOWN], ids=lambda code: code.name)
def test_a_stream_that_is_cut_before_its_first_row_is_opened_again(
    google: GoogleServer, snapshot: str, code: grpc.StatusCode
) -> None:
    google.storage.cuts = [Cut(0, code, "not yet")]
    assert sorted(read(snapshot)) == EVERY_ROW
    assert google.storage.offsets == [0, 0]


def test_a_stream_that_ends_with_an_error_after_its_last_row_is_complete(google: GoogleServer, snapshot: str) -> None:
    google.storage.cuts = [Cut(10, INTERNAL, "stream terminated")]
    assert sorted(read(snapshot)) == EVERY_ROW
    assert google.storage.offsets == [0, ROWS]


def test_a_stream_that_is_cut_over_and_over_is_an_outage(
    google: GoogleServer, snapshot: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_reader, "RECONNECTS", 2)
    google.storage.cuts = [Cut(1, INTERNAL, "stream terminated")] * 5
    with pytest.raises(SourceUnreachable, match="did not succeed: stream terminated"):
        read(snapshot)
    assert google.storage.offsets == [0, 100, 200]


def test_a_stream_that_never_begins_is_an_outage(google: GoogleServer, snapshot: str) -> None:
    google.storage.cuts = [Cut(0, INTERNAL, "stream terminated")] * 100
    with pytest.raises(SourceUnreachable, match="did not succeed: stream terminated"):
        read(snapshot, retry_seconds=0.01)


def test_a_right_that_is_lost_in_the_middle_is_no_cut(google: GoogleServer, snapshot: str) -> None:
    google.storage.cuts = [Cut(3, grpc.StatusCode.PERMISSION_DENIED, "no longer")]
    with pytest.raises(Exception, match=r"was refused: no longer.*Give the connection's account"):
        read(snapshot)
    assert google.storage.offsets == [0]


DISABLED = "BigQuery Storage API has not been used in project 481 before or it is disabled."


@pytest.mark.parametrize(
    ("refusal", "advice"),
    [
        (Cut(0, grpc.StatusCode.PERMISSION_DENIED, "bigquery.readsessions.create denied"), "Read Session User"),
        (Cut(0, grpc.StatusCode.PERMISSION_DENIED, DISABLED, "SERVICE_DISABLED"), "Enable the BigQuery Storage API"),
        (Cut(0, UNAVAILABLE, "failed to connect to all addresses"), "Open the way from the workers"),
        (Cut(0, grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded"), "Open the way from the workers"),
    ],
    ids=["no right", "API disabled", "unavailable", "deadline exceeded"],
)
def test_without_the_storage_api_the_same_rows_come_over_rest_with_one_warning(
    google: GoogleServer, snapshot: str, refusal: Cut, advice: str, caplog: pytest.LogCaptureFixture
) -> None:
    google.storage.session_error = refusal
    reader = SnapshotReader(SqpBigQueryHook(retry_seconds=0.01), snapshot)
    with caplog.at_level(logging.WARNING, snapshot_reader.__name__):
        assert sum(batch.num_rows for batch in reader.rejected()) == 0
        asked = len(google.storage.sessions)  # a pause before a retry is random, so perhaps more than once
        came = [number for each in reader.accepted(["number"], as_it_is) for number in each.column(0).to_pylist()]
    assert sorted(came) == EVERY_ROW
    (warning,) = (record.getMessage() for record in caplog.records if record.name == snapshot_reader.__name__)
    assert f"The Storage Read API cannot be used ({refusal.message.rstrip('.')})" in warning
    assert advice in warning
    assert len(google.storage.sessions) == asked


def test_an_endpoint_where_nobody_listens_is_read_over_rest(
    google: GoogleServer, snapshot: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = google.connection(storage_api_endpoint="127.0.0.1:1")
    monkeypatch.setenv("AIRFLOW_CONN_SQP_BIGQUERY", blocked)
    with caplog.at_level(logging.WARNING, snapshot_reader.__name__):
        assert sorted(read(snapshot, retry_seconds=0.01)) == EVERY_ROW
    assert "The Storage Read API cannot be used" in caplog.text


def test_another_error_of_the_session_is_not_hidden_by_rest(google: GoogleServer, snapshot: str) -> None:
    google.storage.session_error = Cut(0, grpc.StatusCode.INVALID_ARGUMENT, "Request contains an invalid argument")
    with pytest.raises(Exception, match="was refused: Request contains an invalid argument"):
        read(snapshot)


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GoogleServer]:
    """A Storage API of one's own with TLS, such as Private Service Connect has."""
    folder = tmp_path_factory.mktemp("tls")
    pair = certificate("localhost")
    (folder / "roots.pem").write_bytes(pair[1])
    with pytest.MonkeyPatch.context() as patch, GoogleServer(pair) as server:
        patch.setenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", str(folder / "roots.pem"))  # read at the first TLS channel
        yield server


def test_an_endpoint_of_ones_own_is_read_with_tls_and_the_accounts_login(
    private: GoogleServer, snapshot: str, key_file: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SQP_BIGQUERY", private.connection_of_account(key_file))
    assert sorted(read(snapshot)) == EVERY_ROW
    assert private.storage.sessions[-1]["authorization"].startswith("Bearer ")
    assert private.storage.offsets == [0]


def test_an_anonymous_endpoint_is_read_without_tls_and_login(google: GoogleServer, snapshot: str) -> None:
    assert sorted(read(snapshot)) == EVERY_ROW
    assert "authorization" not in google.storage.sessions[-1]
