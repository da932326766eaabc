"""The messages of a read stream: what we take from one is what Google's own class finds in it."""

from __future__ import annotations

import pytest
from google.cloud.bigquery_storage_v1 import types

from sqp_provider.hooks.bigquery_storage import ReceivedRows

PROGRESS = types.StreamStats.Progress(at_response_start=0.25, at_response_end=0.5)

MESSAGES = {
    "rows": types.ReadRowsResponse(
        arrow_record_batch=types.ArrowRecordBatch(serialized_record_batch=b"rows" * 100), row_count=100
    ),
    "many rows": types.ReadRowsResponse(
        arrow_record_batch=types.ArrowRecordBatch(serialized_record_batch=bytes(3 * 2**20)), row_count=2**40
    ),
    "with everything around": types.ReadRowsResponse(
        arrow_record_batch=types.ArrowRecordBatch(serialized_record_batch=b"rows", row_count=7),
        row_count=300,
        stats=types.StreamStats(progress=PROGRESS),
        throttle_state=types.ThrottleState(throttle_percent=20),
        arrow_schema=types.ArrowSchema(serialized_schema=b"schema"),
    ),
    "only a schema": types.ReadRowsResponse(arrow_schema=types.ArrowSchema(serialized_schema=b"schema")),
    "nothing": types.ReadRowsResponse(),
}
ENCODED = {name: types.ReadRowsResponse.serialize(message) for name, message in MESSAGES.items()}


@pytest.mark.parametrize("name", MESSAGES)
def test_rows_and_their_number_are_those_of_googles_own_class(name: str) -> None:
    received, google = ReceivedRows(ENCODED[name]), MESSAGES[name]
    assert received.row_count == google.row_count
    assert received.take() == google.arrow_record_batch.serialized_record_batch


def test_fields_that_google_adds_are_passed_over() -> None:
    unknown = bytes([12 << 3 | 1]) + bytes(8) + bytes([13 << 3 | 5]) + bytes(4) + bytes([14 << 3 | 2, 2, 0, 0])
    received = ReceivedRows(unknown + ENCODED["rows"] + unknown)
    assert (received.row_count, bytes(received.take())) == (100, b"rows" * 100)


def test_rows_are_not_copied_and_not_kept() -> None:
    message = ENCODED["rows"]
    received = ReceivedRows(message)
    assert received.take().obj is message
    assert not received.take()


WITHOUT_COUNT = len(ENCODED["rows"]) - 2
"""A message may end there, between two fields; Google's class would find no fault either."""


@pytest.mark.parametrize("length", {*range(1, len(ENCODED["rows"]))} - {WITHOUT_COUNT})
def test_a_message_that_is_cut_is_an_error(length: int) -> None:
    with pytest.raises(ValueError, match="a message from BigQuery ends within"):
        ReceivedRows(ENCODED["rows"][:length])


def test_a_field_of_an_unknown_kind_is_an_error() -> None:
    with pytest.raises(ValueError, match="field 4 of a message from BigQuery is of the unknown kind 3"):
        ReceivedRows(bytes([4 << 3 | 3]))
